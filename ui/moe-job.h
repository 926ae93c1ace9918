/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "analysis/moe-progress.h"

G_BEGIN_DECLS

/* Work that takes a while (running the model, reading a recording) on a thread of its own. Its result comes
 * on the main thread. No GTK.
 *
 * Signals:
 *   changed   there is other progress to show; at most one is waiting at any time */
#define MOE_TYPE_JOB (moe_job_get_type ())
G_DECLARE_FINAL_TYPE (MoeJob, moe_job, MOE, JOB, GObject)

/* On the thread. Returns NULL with @error set when it failed; @progress says when it is cancelled. */
typedef gpointer (*MoeJobFunc)     (gpointer            data,
                                    const MoeProgress  *progress,
                                    GError            **error);
/* On the main thread, once. @result (transfer full) is NULL with @error. */
typedef void     (*MoeJobDoneFunc) (MoeJob             *self,
                                    gpointer            result,
                                    const GError       *error,
                                    gpointer            user_data);

/* Starts @func on a thread, which frees @data at its end. @title: what a person reads meanwhile ("Reading the
 * recording"). Transfer full. */
MoeJob     *moe_job_start        (const char     *title,
                                  MoeJobFunc      func,
                                  gpointer        data,
                                  GDestroyNotify  free_data,
                                  GDestroyNotify  free_result,
                                  MoeJobDoneFunc  done,
                                  gpointer        user_data);
/* Ends early; @done is still called, with G_IO_ERROR_CANCELLED. */
void        moe_job_cancel       (MoeJob         *self);
/* Ends early, and @done is not called any more. Gives the reference up. */
void        moe_job_abandon      (MoeJob         *self);

/* 0 to 1, or -1 when not known yet. */
double      moe_job_get_fraction (MoeJob         *self);
/* What it does now: its title and what it reported. Transfer full. */
char       *moe_job_get_text     (MoeJob         *self);

G_END_DECLS
