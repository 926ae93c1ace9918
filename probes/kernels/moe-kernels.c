/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels"

#include "probes/moe-kernels.h"

#include "probes/kernels/moe-kernel-sets.h"

static const MoeKernelSet *const sets[] = {
#ifdef __x86_64__
  &moe_kernel_set_avx512vnni,
  &moe_kernel_set_avxvnni,
  &moe_kernel_set_avx2,
#endif
  &moe_kernel_set_plain,
};

const MoeKernelSet *const *
moe_kernel_sets_get (guint *n_sets)
{
  *n_sets = G_N_ELEMENTS (sets);
  return sets;
}

static const MoeKernelSet *
get_set (MoeKernelChoice choice)
{
  static gsize found = 0;

  if (choice == MOE_KERNELS_PLAIN)
    return &moe_kernel_set_plain;
  if (g_once_init_enter (&found))
    {
      guint i = 0;

      while (!sets[i]->is_usable ())
        i++;
      g_once_init_leave (&found, (gsize) sets[i]);
    }
  return (const MoeKernelSet *) found;
}

static const MoeKernel *
find_kernel (const MoeKernelSet *set,
             guint32             type)
{
  for (guint i = 0; i < set->n_kernels; i++)
    if ((guint32) set->kernels[i].type == type)
      return &set->kernels[i];
  return NULL;
}

const MoeKernel *
moe_kernel_get (guint32         type,
                MoeKernelChoice choice)
{
  const MoeKernel *kernel = find_kernel (get_set (choice), type);

  return kernel != NULL ? kernel : find_kernel (&moe_kernel_set_plain, type);
}

const MoeVectorOps *
moe_vector_ops_get (MoeKernelChoice choice)
{
  return get_set (choice)->vector_ops;
}

const char *
moe_kernels_get_isa (void)
{
  return get_set (MOE_KERNELS_AUTO)->isa;
}
