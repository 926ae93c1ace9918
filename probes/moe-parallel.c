/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-parallel"

#include "probes/moe-parallel.h"

#include <omp.h>

void
moe_parallel_for (guint            threads,
                  guint            n_items,
                  MoeParallelFunc  func,
                  gpointer         data)
{
  if (threads <= 1 || n_items <= 1)
    {
      for (guint i = 0; i < n_items; i++)
        func (i, 0, data);
      return;
    }

#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (guint i = 0; i < n_items; i++)
    func (i, (guint) omp_get_thread_num (), data);
}

guint
moe_parallel_get_n_cores (void)
{
  return MAX (1, omp_get_num_procs ());
}
