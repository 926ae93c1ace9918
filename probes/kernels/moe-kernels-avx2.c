/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels-avx2"

#include "probes/kernels/moe-lanes-maddubs.h"
#include "probes/kernels/moe-float-body.h"
#include "probes/kernels/moe-int8-body.h"
#include "probes/kernels/moe-vector-ops-avx2.h"

static const MoeKernel kernels[] = {
  FLOAT_KERNELS ("avx2"),
  INT8_KERNELS ("avx2"),
};

static gboolean
is_usable (void)
{
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") && __builtin_cpu_supports ("f16c");
}

const MoeKernelSet moe_kernel_set_avx2 = {
  .isa = "avx2",
  .is_usable = is_usable,
  .kernels = kernels,
  .n_kernels = G_N_ELEMENTS (kernels),
  .vector_ops = &moe_vector_ops_avx2,
};
