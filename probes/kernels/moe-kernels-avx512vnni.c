/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels-avx512vnni"

#include "probes/kernels/moe-lanes-512.h"

#define LANES_DOT _mm512_dpbusd_epi32

#include "probes/kernels/moe-lanes-dpbusd.h"
#include "probes/kernels/moe-f8-body.h"
#include "probes/kernels/moe-float-body.h"
#include "probes/kernels/moe-int8-codebook-body.h"
#include "probes/kernels/moe-int8-rare-body.h"
#include "probes/kernels/moe-vector-ops-avx2.h"

static const MoeKernel kernels[] = {
  FLOAT_KERNELS ("avx512vnni"),
  F8_KERNEL ("avx512vnni"),
  INT8_KERNELS ("avx512vnni"),
  INT8_RARE_KERNELS ("avx512vnni"),
  INT8_CODEBOOK_KERNELS ("avx512vnni"),
};

static gboolean
is_usable (void)
{
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma")
         && __builtin_cpu_supports ("f16c") && __builtin_cpu_supports ("avx512f")
         && __builtin_cpu_supports ("avx512bw") && __builtin_cpu_supports ("avx512dq")
         && __builtin_cpu_supports ("avx512vl") && __builtin_cpu_supports ("avx512vnni");
}

const MoeKernelSet moe_kernel_set_avx512vnni = {
  .isa = "avx512vnni",
  .is_usable = is_usable,
  .kernels = kernels,
  .n_kernels = G_N_ELEMENTS (kernels),
  .vector_ops = &moe_vector_ops_avx2,
};
