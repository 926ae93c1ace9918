/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How a long analysis says how far it is and learns that nobody wants its result any more. Whoever runs the
 * analysis fills it in; @report is called on the thread that runs it. */
typedef struct
{
  GCancellable *cancellable; /* or NULL */
  /* @fraction: of the work that is done, 0 to 1; @what: a phrase for a person. NULL = nobody looks. */
  void        (*report) (double fraction, const char *what, gpointer user_data);
  gpointer      user_data;
} MoeProgress;

/* Reports and returns FALSE with G_IO_ERROR_CANCELLED when cancelled; @self may be NULL. */
static inline gboolean
moe_progress_step (const MoeProgress *self, double fraction, const char *what, GError **error)
{
  if (self == NULL)
    return TRUE;
  if (self->report != NULL)
    self->report (CLAMP (fraction, 0, 1), what, self->user_data);
  return !g_cancellable_set_error_if_cancelled (self->cancellable, error);
}

/* For a step of a longer analysis: what the step reports as 0 to 1 becomes @from to @to of the whole. */
typedef struct
{
  MoeProgress        progress; /* for the step */
  const MoeProgress *whole;
  double             from, to;
} MoeProgressPart;

static inline void
moe_progress_part_report (double fraction, const char *what, gpointer user_data)
{
  const MoeProgressPart *self = user_data;

  self->whole->report (self->from + fraction * (self->to - self->from), what, self->whole->user_data);
}

/* @whole may be NULL. Returns what to give to the step; @self must outlive it. */
static inline const MoeProgress *
moe_progress_part_init (MoeProgressPart *self, const MoeProgress *whole, double from, double to)
{
  if (whole == NULL)
    return NULL;
  *self = (MoeProgressPart) {
    { whole->cancellable, whole->report != NULL ? moe_progress_part_report : NULL, self }, whole, from, to
  };
  return &self->progress;
}

G_END_DECLS
