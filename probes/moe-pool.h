/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Threads that share the work items of one session. The caller works too and takes every item that no other
 * thread has begun, so on a busy machine, where the others are not scheduled, it never waits for a thread
 * that does nothing: at worst it does all the work itself. Idle threads spin for a moment, then sleep. */
typedef struct _MoePool MoePool;

/* @threads >= 1, the caller's included. */
MoePool *moe_pool_new           (guint        threads);
void     moe_pool_free          (MoePool     *self);
guint    moe_pool_get_threads   (const MoePool *self);

/* Runs @func for every item in [0, @n_items) and returns when all are done. @thread is in [0, threads). What
 * an item computes must not depend on who runs it, nor when. Not reentrant; one caller at a time. */
typedef void (*MoePoolFunc) (guint item, guint thread, gpointer data);

void     moe_pool_run           (MoePool     *self,
                                 guint        n_items,
                                 MoePoolFunc  func,
                                 gpointer     data);

/* Processors this process may use. */
guint    moe_pool_get_n_cores   (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoePool, moe_pool_free)

G_END_DECLS
