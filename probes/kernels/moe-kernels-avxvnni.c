/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels-avxvnni"

#include "probes/kernels/moe-lanes-256.h"

#define LANES_DOT _mm256_dpbusd_avx_epi32

#include "probes/kernels/moe-lanes-dpbusd.h"
#include "probes/kernels/moe-f8-body.h"
#include "probes/kernels/moe-float-body.h"
#include "probes/kernels/moe-int8-codebook-body.h"
#include "probes/kernels/moe-int8-rare-body.h"
#include "probes/kernels/moe-vector-ops-avx2.h"

static const MoeKernel kernels[] = {
  FLOAT_KERNELS ("avxvnni"),
  F8_KERNEL ("avxvnni"),
  INT8_KERNELS ("avxvnni"),
  INT8_RARE_KERNELS ("avxvnni"),
  INT8_CODEBOOK_KERNELS ("avxvnni"),
};

static gboolean
is_usable (void)
{
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma")
         && __builtin_cpu_supports ("f16c") && __builtin_cpu_supports ("avxvnni");
}

const MoeKernelSet moe_kernel_set_avxvnni = {
  .isa = "avxvnni",
  .is_usable = is_usable,
  .kernels = kernels,
  .n_kernels = G_N_ELEMENTS (kernels),
  .vector_ops = &moe_vector_ops_avx2,
};
