/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-tail-fit"

#include "analysis/moe-tail-fit.h"

#include <math.h>
#include <stdlib.h>

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Largest distance between the distribution of @logs (m, ascending, the first of which is that of xmin) and
 * that of the fit, on both sides of each step. */
static double
get_distance (const double *logs,
              gsize         m,
              double        alpha)
{
  double distance = 0;

  for (gsize i = 0; i < m; i++)
    {
      double fit = 1 - exp ((1 - alpha) * (logs[i] - logs[0]));

      distance = MAX (distance, MAX (fabs (fit - (double) i / (double) m),
                                     fabs (fit - (double) (i + 1) / (double) m)));
    }
  return distance;
}

gboolean
moe_tail_fit (const double *values,
              gsize         n,
              MoeTailFit   *fit)
{
  g_autofree double *logs = NULL;
  double sum = 0; /* of the logs from i on */
  gsize m = 0;

  g_return_val_if_fail (fit != NULL && (values != NULL || n == 0), FALSE);

  logs = g_new (double, n);
  for (gsize i = 0; i < n; i++)
    {
      if (values[i] > 0 && isfinite (values[i]))
        logs[m++] = log (values[i]);
    }
  *fit = (MoeTailFit) { .distance = INFINITY };
  if (m < MOE_TAIL_MIN)
    return FALSE;
  qsort (logs, m, sizeof *logs, compare_doubles);

  for (gsize i = m; i-- > 0; )
    {
      gsize tail = m - i;
      double excess, alpha, distance;

      sum += logs[i];
      excess = sum - (double) tail * logs[i];
      /* Equal values are all in the tail or none. */
      if (tail < MOE_TAIL_MIN || (i > 0 && logs[i - 1] == logs[i]) || logs[m - 1] == logs[i])
        continue;
      alpha = 1 + (double) tail / excess;
      distance = get_distance (logs + i, tail, alpha);
      if (distance < fit->distance)
        {
          double half = 1.96 * (alpha - 1) / sqrt ((double) tail);

          *fit = (MoeTailFit) { exp (logs[i]), alpha, alpha - half, alpha + half, distance, tail };
        }
    }
  return fit->n_tail > 0;
}

double
moe_tail_fit_get (const MoeTailFit *fit,
                  double            x)
{
  g_return_val_if_fail (fit != NULL, NAN);

  /* xmin went through a logarithm and back. */
  if (!(x >= fit->xmin * (1 - 1e-12)))
    return NAN;
  return MIN (1, pow (x / fit->xmin, 1 - fit->alpha));
}
