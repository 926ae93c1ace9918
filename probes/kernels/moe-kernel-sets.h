/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-kernels.h"
#include "probes/moe-vector-ops.h"

G_BEGIN_DECLS

/* The kernels of one instruction set. Only the dispatcher, tests and benches ask for a set by name; running
 * one on a processor without its instructions is a crash. */
typedef struct
{
  const char         *isa;
  gboolean          (*is_usable) (void);
  const MoeKernel    *kernels;   /* (n_kernels), at most one of each type; missing types run plain */
  guint               n_kernels;
  const MoeVectorOps *vector_ops;
} MoeKernelSet;

extern const MoeKernelSet moe_kernel_set_plain;
extern const MoeKernelSet moe_kernel_set_avx2;
extern const MoeKernelSet moe_kernel_set_avxvnni;
extern const MoeKernelSet moe_kernel_set_avx512vnni;

/* All sets compiled in, the fastest first, the plain one last. */
const MoeKernelSet *const *moe_kernel_sets_get (guint *n_sets);

G_END_DECLS
