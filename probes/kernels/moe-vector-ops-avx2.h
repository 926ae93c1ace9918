/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-vector-ops.h"

G_BEGIN_DECLS

/* Needs AVX2, FMA and F16C. */
extern const MoeVectorOps moe_vector_ops_avx2;

G_END_DECLS
