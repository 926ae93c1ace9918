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

/* Writes @path whole or not at all, light, without overlays and zoom, MOE_EXPORT_WIDTH x MOE_EXPORT_HEIGHT.
 * The same plot gives the same bytes in SVG. Errors: MOE_ERROR_IO naming the file. */
gboolean moe_heatmap_plot_export (const MoeHeatmapPlot  *plot,
                                  MoeImageFormat         format,
                                  const char            *path,
                                  GError               **error);

/* "svg", "pdf", "png": the file name extension, which is the command line's option too. */
const char *moe_image_format_get_extension (MoeImageFormat format);

/* Draws a plot into (0, 0, width, height). */
typedef void (*MoePlotDrawFunc) (gconstpointer plot, cairo_t *cr, double width, double height);

/* The same for any plot: what @draw does with @plot becomes the file at @path, called @title. */
gboolean moe_plot_export         (MoePlotDrawFunc  draw,
                                  gconstpointer    plot,
                                  const char      *title,
                                  MoeImageFormat   format,
                                  const char      *path,
                                  GError         **error);

G_END_DECLS
