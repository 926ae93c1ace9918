/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where an axis gets its labels: "An Extension of Wilkinson's Algorithm for Positioning Tick Labels on Axes",
 * Talbot, Lin and Hanrahan, IEEE TVCG 16 (2010), section 4, with legibility constant. */
typedef struct
{
  double first, step;
  guint  count;
} MoeTicks;

/* About @wanted ticks for @low..@high; they may begin or end a little outside. FALSE (and no ticks) when the
 * range is empty, not finite, or too small for doubles of that size, or @wanted < 2. */
gboolean moe_ticks_extended (double    low,
                             double    high,
                             guint     wanted,
                             MoeTicks *ticks);
/* Likewise for numbered things: first and step are integers, every tick lies in @low..@high, and a range of
 * one number has one tick. */
gboolean moe_ticks_integer  (gint64    low,
                             gint64    high,
                             guint     wanted,
                             MoeTicks *ticks);

/* Decimals that every label of an axis with this @step needs. */
guint    moe_ticks_get_decimals (double step);

/* @value with @decimals, thousands separated by commas, the minus a real one (U+2212); very large and very
 * small numbers as 6.8e-4, powers of ten as 10 with a superscript. The same in every locale.
 * Transfer full. */
char    *moe_ticks_format   (double value,
                             guint  decimals);
/* @value with up to @digits significant digits and no trailing zeros, otherwise as above. */
char    *moe_ticks_format_significant (double value,
                                       guint  digits);

G_END_DECLS
