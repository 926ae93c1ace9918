/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-heatmap-plot.h"

G_BEGIN_DECLS

/* Where the parts of a heatmap are at a given size. It depends on the shape of the map but not on its values,
 * so that nothing jumps while numbers come in. A part that there is no room for has width 0. */
typedef struct
{
  cairo_rectangle_t title;
  cairo_rectangle_t column_title;  /* above the column labels */
  cairo_rectangle_t column_labels; /* above the map */
  cairo_rectangle_t row_title;     /* left of the row labels, turned */
  cairo_rectangle_t row_labels;    /* left of the map */
  cairo_rectangle_t area;          /* the map */
  cairo_rectangle_t row_bars;      /* right of the map, from its edge outwards */
  cairo_rectangle_t column_bars;   /* below the map, from its edge outwards */
  cairo_rectangle_t color_bar;     /* without its labels */
  cairo_rectangle_t color_labels;
  cairo_rectangle_t value_title;   /* right of them, turned */
  cairo_rectangle_t legend;        /* "not routed" */
  double            view_x, view_y, view_columns, view_rows; /* in cells, inside the map */
} MoeHeatmapLayout;

void     moe_heatmap_layout_init     (MoeHeatmapLayout       *self,
                                      const MoeHeatmapPlot   *plot,
                                      double                  width,
                                      double                  height);
void     moe_heatmap_layout_get_cell (const MoeHeatmapLayout *self,
                                      guint                   row,
                                      guint                   column,
                                      cairo_rectangle_t      *rectangle);
gboolean moe_heatmap_layout_pick     (const MoeHeatmapLayout *self,
                                      const MoeHeatmapPlot   *plot,
                                      double                  x,
                                      double                  y,
                                      guint                  *row,
                                      guint                  *column);

/* The number that row @row is called by. */
gint     moe_heatmap_layout_get_row_number (const MoeHeatmapPlot *plot,
                                            guint                 row);

G_END_DECLS
