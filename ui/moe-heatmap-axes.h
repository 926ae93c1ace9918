/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-heatmap-layout.h"
#include "ui/moe-value-scale.h"

G_BEGIN_DECLS

/* What stands around a map: used by the plot only. */
void moe_heatmap_axes_draw_title     (const MoeHeatmapPlot   *plot,
                                      const MoeHeatmapLayout *layout,
                                      cairo_t                *cr);
/* Titles, labels and tick marks of rows and columns. */
void moe_heatmap_axes_draw           (const MoeHeatmapPlot   *plot,
                                      const MoeHeatmapLayout *layout,
                                      cairo_t                *cr);
/* Bars of the mean of the values that are there, of each row (right) and column (below). */
void moe_heatmap_axes_draw_marginals (const MoeHeatmapPlot   *plot,
                                      const MoeHeatmapLayout *layout,
                                      cairo_t                *cr);
/* The colour bar with its labels and title, and what missing looks like. */
void moe_heatmap_axes_draw_color_bar (const MoeHeatmapPlot   *plot,
                                      const MoeHeatmapLayout *layout,
                                      const MoeValueScale    *scale,
                                      cairo_t                *cr);

G_END_DECLS
