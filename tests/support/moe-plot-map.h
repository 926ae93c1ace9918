/* SPDX-License-Identifier: MIT */
#pragma once

#include <math.h>
#include <string.h>

#include "ui/moe-heatmap-plot.h"

G_BEGIN_DECLS

/* What the tests of plots share. */
typedef struct
{
  MoeHeatmapPlot plot;
  double        *values; /* (n_rows, n_columns) */
} PlotMap;

/* Values 0 ... 1 that differ between neighbours, and every 17th missing. */
static inline PlotMap
plot_map_make (guint n_rows,
               guint n_columns)
{
  PlotMap map;

  map.values = g_new (double, (gsize) n_rows * n_columns);
  for (guint i = 0; i < n_rows * n_columns; i++)
    map.values[i] = i % 17 == 3 ? NAN : ((i * 7919u) % 101u) / 100.0;
  moe_heatmap_plot_init (&map.plot);
  map.plot.n_rows = n_rows;
  map.plot.n_columns = n_columns;
  map.plot.values = map.values;
  map.plot.title = "demo: share of <tokens>";
  map.plot.value_title = "Share";
  return map;
}

static inline guint32
get_pixel (cairo_surface_t *surface,
           int              x,
           int              y)
{
  const guchar *data = cairo_image_surface_get_data (surface);
  guint32 pixel;

  g_assert_true (x >= 0 && x < cairo_image_surface_get_width (surface));
  g_assert_true (y >= 0 && y < cairo_image_surface_get_height (surface));
  memcpy (&pixel, data + (gsize) y * (gsize) cairo_image_surface_get_stride (surface) + (gsize) x * 4, 4);
  return pixel | 0xff000000u;
}

G_END_DECLS
