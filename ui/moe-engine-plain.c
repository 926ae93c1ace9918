/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-engine-plain"

#include "ui/moe-engine-private.h"

#include <math.h>

void
moe_engine_rewind_plain (MoeEngine *self,
                         guint      length)
{
  if (self->plain != NULL && moe_session_get_length (self->plain) > length)
    moe_session_rewind (self->plain, length);
}

/* Natural log of the sum of exp (x), x (n). */
static double
log_sum_exp (const float *x,
             guint        n)
{
  double max = x[0], sum = 0;

  for (guint i = 1; i < n; i++)
    max = MAX (max, x[i]);
  for (guint i = 0; i < n; i++)
    sum += exp (x[i] - max);
  return max + log (sum);
}

/* KL (p || q) = sum of p (log p - log q) over the vocabulary; @p and @q are logits, (n). */
static double
kl_divergence (const float *p,
               const float *q,
               guint        n)
{
  double p_norm = log_sum_exp (p, n), q_norm = log_sum_exp (q, n), kl = 0;

  for (guint i = 0; i < n; i++)
    {
      double log_p = p[i] - p_norm;

      kl += exp (log_p) * (log_p - (q[i] - q_norm));
    }
  /* Rounding can take it below, where it never is. */
  return MAX (kl, 0);
}

/* The plain run has gone as far as it was last asked about: it catches up first. */
static gboolean
catch_up (MoeEngine  *self,
          GError    **error)
{
  MoeSessionOptions options = { .cache = MOE_CACHE_F16, .kernels = MOE_KERNELS_AUTO };
  guint length;

  if (self->plain == NULL)
    {
      options.context = moe_session_get_context (self->session);
      options.threads = moe_engine_choose_threads ();
      self->plain = moe_session_new (self->model, &options, error);
      if (self->plain == NULL)
        return FALSE;
    }

  length = moe_session_get_length (self->plain);
  /* The logits of a rewound session are gone; its last token brings them back. */
  if (length == self->fed->len)
    moe_session_rewind (self->plain, --length);
  return moe_session_feed (self->plain, &g_array_index (self->fed, gint32, length), NULL,
                           self->fed->len - length, self->job, error);
}

float
moe_engine_compare_plain (MoeEngine   *self,
                          const float *logits)
{
  GError *error = NULL;

  if (!self->compare || moe_mask_get_n (self->mask) == 0 || self->fed->len == 0)
    return NAN;

  if (!catch_up (self, &error))
    {
      /* Said once; the steered run goes on without. */
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_error_free (error);
      else
        {
          self->compare = FALSE;
          moe_engine_emit_error (self, MOE_ENGINE_JOB_NONE, error);
        }
      return NAN;
    }
  return (float) kl_divergence (logits, moe_session_get_logits (self->plain),
                                moe_model_get_info (self->model)->vocabulary);
}
