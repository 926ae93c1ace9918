/* SPDX-License-Identifier: MIT */
#pragma once

#include <cairo.h>
#include <glib.h>

#include "ui/moe-color-map.h"

G_BEGIN_DECLS

/* A layer x expert (or any row x column) heatmap with axes, colour bar and marginal bars, drawn on a bare
 * cairo context: the window, SVG, PDF and PNG all come from here. No GTK. */
typedef enum
{
  MOE_SCALE_LINEAR,
  MOE_SCALE_SQRT,
  MOE_SCALE_LOG,
  MOE_SCALE_RANK,
} MoeScale;

const char *moe_scale_get_name (MoeScale    scale);
gboolean    moe_scale_parse    (const char *name,
                                MoeScale   *scale);
/* For menus, in their order; NULL-terminated. */
extern const char *const moe_scale_titles[];

typedef struct
{
  guint            n_rows, n_columns;
  const double    *values;        /* (n_rows, n_columns), NaN = not routed / missing */
  const gint      *row_numbers;   /* (n_rows) labels of the rows (model layers), or NULL for 0, 1, ... */
  const char      *title, *row_title, *column_title, *value_title;
  const char      *unit;          /* of the values, "" for none */
  MoeColorMap      color_map;
  MoeScale         scale;
  gboolean         diverging;     /* symmetric limits around 0 */
  gboolean         marginals;     /* bars of row and column means (of the values that are there) */
  gboolean         dark;          /* light text on a dark background */
  const char      *empty_text;    /* shown when there are no values: what to do */

  /* The part that is shown, in cells; the whole when view_columns is 0. */
  double           view_x, view_y, view_columns, view_rows;

  /* Overlays; -1 = none. Masks are (n_rows, n_columns) bytes or NULL. */
  gint             cursor_row, cursor_column;   /* keyboard cursor */
  gint             hover_row, hover_column;
  gint             selected_row, selected_column;
  const guint8 *marked; /* 1 = disabled (crossed), 2 = forced (ringed), 3 = biased, scaled (dotted) */
  const guint8    *flash;         /* 255 = lit up now ... 0 = not */
  gint             area_row, area_column, area_rows, area_columns; /* chosen area; none when area_rows is 0 */

  const char      *missing_text;  /* what NaN means, for the legend; NULL = "not routed" */

  /* Part of the picture, unlike the overlays. (n_rows, n_columns) bytes or NULL: 1 = a ring around the cell,
   * 2 = a dashed one. */
  const guint8    *ringed;
  /* (n_rows) and (n_columns) names in place of the numbers, or NULL. */
  const char *const *row_names, *const *column_names;
} MoeHeatmapPlot;

/* Sensible defaults: no overlays, viridis, linear, marginals. */
void moe_heatmap_plot_init     (MoeHeatmapPlot       *plot);

/* Draws into (0, 0, width, height), background included. */
void moe_heatmap_plot_draw     (const MoeHeatmapPlot *plot,
                                cairo_t              *cr,
                                double                width,
                                double                height);
/* The two halves of that, so that a window can keep the first while the second changes: everything but the
 * overlays (slow, background included), and the overlays (fast). */
void moe_heatmap_plot_draw_base (const MoeHeatmapPlot *plot,
                                 cairo_t              *cr,
                                 double                width,
                                 double                height);
void moe_heatmap_plot_draw_overlay (const MoeHeatmapPlot *plot,
                                    cairo_t              *cr,
                                    double                width,
                                    double                height);

/* Where things are at that size. FALSE when (@x, @y) is not over a cell. */
gboolean moe_heatmap_plot_pick (const MoeHeatmapPlot *plot,
                                double                width,
                                double                height,
                                double                x,
                                double                y,
                                guint                *row,
                                guint                *column);
/* The rectangle of a cell, also when it is outside the view. */
void moe_heatmap_plot_get_cell (const MoeHeatmapPlot *plot,
                                double                width,
                                double                height,
                                guint                 row,
                                guint                 column,
                                cairo_rectangle_t    *rectangle);
/* The rectangle of the map itself, without axes. */
void moe_heatmap_plot_get_area (const MoeHeatmapPlot *plot,
                                double                width,
                                double                height,
                                cairo_rectangle_t    *rectangle);

G_END_DECLS
