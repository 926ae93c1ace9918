/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Drawing samples again, and what is made of the draws. The same seed gives the same draws on every
 * machine. */

/* @stream: draws for different ends are independent. Transfer full (g_rand_free). */
GRand  *moe_resample_random    (guint64       seed,
                                guint32       stream);
/* Puts @labels (n) into a random order: a draw under the hypothesis that they mean nothing. */
void    moe_resample_shuffle   (GRand        *random,
                                guint        *labels,
                                guint         n);
/* A random sign for each of @n pairs: which side is which means nothing. */
void    moe_resample_flip      (GRand        *random,
                                gint8        *signs,
                                guint         n);
/* As many items as there are of each label, with replacement, within each label; @times (n): how often
 * each. */
void    moe_resample_bootstrap (GRand        *random,
                                const guint  *labels,
                                guint         n,
                                guint        *times);
/* @share of the items of each label (at least one), without replacement; @times (n): 1 or 0. */
void    moe_resample_subset    (GRand        *random,
                                const guint  *labels,
                                guint         n,
                                double        share,
                                guint        *times);

/* Quantile of @values (n > 0), which are sorted by this: linear between order statistics at (n - 1) * @at. */
double  moe_resample_quantile  (double       *values,
                                guint         n,
                                double        at);
/* Benjamini-Hochberg: for each of @p (n) the smallest false discovery rate at which it counts as found;
 * NaN stays NaN and does not count. Into @q (n). */
void    moe_resample_adjust    (const double *p,
                                guint         n,
                                double       *q);
/* The shortest interval between two order statistics of @sorted (n), equally far from the ends, that covers
 * the median of what they were drawn from with a chance of at least 95 %, whatever its distribution: the
 * values that a sign test does not reject. FALSE when there is none, that is with n < 6. */
gboolean moe_resample_median_interval (const double *sorted,
                                       guint         n,
                                       double       *low,
                                       double       *high);

G_END_DECLS
