/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-heatmap-plot.h"

G_BEGIN_DECLS

typedef enum
{
  MOE_IMAGE_SVG,
  MOE_IMAGE_PDF,
  MOE_IMAGE_PNG, /* at 2 pixels per unit */
} MoeImageFormat;

#define MOE_EXPORT_WIDTH 960
#define MOE_EXPORT_HEIGHT 600

/* Draws @plot, light, into (0, 0, width, height), background included. */
typedef void (*MoePlotDrawFunc) (gconstpointer plot, cairo_t *cr, double width, double height);

/* Writes what @draw draws, MOE_EXPORT_WIDTH x MOE_EXPORT_HEIGHT, to @path, whole or not at all. The same
 * drawing gives the same bytes in SVG. @title goes into the files that have a place for one; may be NULL.
 * Errors: MOE_ERROR_IO naming the file. */
gboolean moe_plot_export         (MoePlotDrawFunc        draw,
                                  gconstpointer          plot,
                                  const char            *title,
                                  MoeImageFormat         format,
                                  const char            *path,
                                  GError               **error);

/* A MoeHeatmapPlot as it is exported: light, without overlays and zoom. */
void     moe_heatmap_plot_draw_clean (gconstpointer      plot,
                                      cairo_t           *cr,
                                      double             width,
                                      double             height);
gboolean moe_heatmap_plot_export (const MoeHeatmapPlot  *plot,
                                  MoeImageFormat         format,
                                  const char            *path,
                                  GError               **error);

G_END_DECLS
