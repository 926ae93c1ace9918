/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-logits-distance"

#include "tests/support/moe-logits-distance.h"

#include <math.h>

guint
moe_logits_argmax (const float *logits,
                   guint        n)
{
  guint best = 0;

  for (guint i = 1; i < n; i++)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

/* log of the sum of exp over one row. */
static double
log_sum_exp (const float *logits,
             guint        n)
{
  double top = logits[moe_logits_argmax (logits, n)], sum = 0;

  for (guint i = 0; i < n; i++)
    sum += exp ((double) logits[i] - top);
  return top + log (sum);
}

void
moe_logits_add_distances (const float *p,
                          const float *q,
                          guint        n,
                          double      *difference,
                          double      *divergence)
{
  double p_norm = log_sum_exp (p, n), q_norm = log_sum_exp (q, n);

  for (guint i = 0; i < n; i++)
    {
      *difference += fabs ((double) q[i] - (double) p[i]) / n;
      *divergence += exp (p[i] - p_norm) * ((p[i] - p_norm) - (q[i] - q_norm));
    }
}
