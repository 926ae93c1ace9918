/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A power law p(x) ~ x^-alpha for x >= xmin (Clauset, Shalizi and Newman, arXiv 0706.1062, sections 3.1 and
 * 3.3, continuous case): for each value as xmin
 *
 *   alpha = 1 + m / sum over the m values >= xmin of ln (x / xmin)
 *
 * and of all xmin with at least MOE_TAIL_MIN values that one for which the Kolmogorov-Smirnov distance
 * between these values and the fit is smallest. */
#define MOE_TAIL_MIN 10

typedef struct
{
  double xmin, alpha;
  double low, high;  /* alpha +- 1.96 (alpha - 1) / sqrt (m), for the xmin that was found */
  double distance;   /* Kolmogorov-Smirnov */
  gsize  n_tail;     /* m */
} MoeTailFit;

/* @values: (n), of which those over 0 count. FALSE when there is nothing to fit: fewer than MOE_TAIL_MIN
 * values, or all equal. */
gboolean moe_tail_fit     (const double     *values,
                           gsize             n,
                           MoeTailFit       *fit);
/* Share of the tail that is at least @x under the fit, 1 at xmin; NaN below. */
double   moe_tail_fit_get (const MoeTailFit *fit,
                           double            x);

G_END_DECLS
