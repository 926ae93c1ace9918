/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-weighted-sum-avx2"

#include "probes/kernels/moe-weighted-sum-avx2.h"

#include "probes/kernels/moe-loads-avx2.h"

#define VALUE float
#define LOAD(v) _mm256_loadu_ps (v)
#define LOAD_REST(v, n) load_rest (v, n)
#define NAME(suffix) moe_weighted_sum_##suffix
#include "probes/kernels/moe-weighted-sum-body.h"

#define VALUE guint16
#define LOAD(v) load_f16 (v)
#define LOAD_REST(v, n) load_rest_f16 (v, n)
#define NAME(suffix) moe_weighted_sum_f16_##suffix
#include "probes/kernels/moe-weighted-sum-body.h"
