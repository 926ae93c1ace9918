/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Runs @func for every item in [0, @n_items) on @threads threads (OpenMP), handing out items one by one, and
 * returns when all are done. @thread is in [0, threads). What an item computes must not depend on who runs it. */
typedef void (*MoeParallelFunc) (guint item, guint thread, gpointer data);

void  moe_parallel_for         (guint            threads,
                                guint            n_items,
                                MoeParallelFunc  func,
                                gpointer         data);

/* Processors this process may use. */
guint moe_parallel_get_n_cores (void);

G_END_DECLS
