/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Figures of single answers, and intervals of figures of many. */

/* KL (p || q) in nats of the softmax of two rows of logits: (vocabulary) each. Never below 0. */
double   moe_logits_get_kl         (const float   *p,
                                    const float   *q,
                                    guint          vocabulary);
/* Share of the 4-grams of @tokens (n) that occurred before in them; NaN for fewer than 4 tokens. */
double   moe_tokens_get_repetition (const gint32  *tokens,
                                    gsize          n);
/* Tokens of the longest stretch that is something said at least twice in a row, the first time and a
 * beginning
 * of another included: "a b a b a" has 5. 0 without any. */
gsize    moe_tokens_get_loop       (const gint32  *tokens,
                                    gsize          n);
/* The first index at which they differ; the shorter one's end counts. -1 for equal ones. */
gssize   moe_tokens_get_divergence (const gint32  *a,
                                    gsize          n_a,
                                    const gint32  *b,
                                    gsize          n_b);
/* Whether @answer is @expected, letter case, spaces around it and one full stop at the end aside. */
gboolean moe_answer_is             (const char    *answer,
                                    const char    *expected);
/* Whether @expected is in @answer, letter case aside, with no letter or digit right before or after it. */
gboolean moe_answer_contains       (const char    *answer,
                                    const char    *expected);

/* Wilson's interval of a share (Wilson 1927) of @hits in @n: NaN for n = 0. */
void     moe_interval_wilson       (double         hits,
                                    double         n,
                                    double         confidence,
                                    double        *low,
                                    double        *high);
/* Percentile bootstrap over samples of the ratio sum (values) / sum (weights); @values, @weights: (n).
 * Without
 * weights (NULL) of the mean. @n_bootstrap resamples, drawn from @seed. NaN for no sample.
 */
void     moe_interval_bootstrap    (const double  *values,
                                    const double  *weights,
                                    guint          n,
                                    guint          n_bootstrap,
                                    double         confidence,
                                    guint64        seed,
                                    double        *low,
                                    double        *high);

G_END_DECLS
