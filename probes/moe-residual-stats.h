/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The three largest |x| of a residual vector, descending, with their channels (the first channel first
 * among equals; NaN counts as largest), and the exact median of |x|: for an even @width the mean of the two
 * middle values. Runs for every token and layer, so it only compares and counts, and does not sort.
 * @x: (@width), @width in [3, 65536]; @scratch: (@width), @top and @channel: (3). */
void moe_residual_get_stats (const float *x,
                             guint        width,
                             gint32      *scratch,
                             float       *top,
                             guint16     *channel,
                             float       *median);

G_END_DECLS
