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

G_END_DECLS
