/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-routing-plot.h"

G_BEGIN_DECLS

typedef enum
{
  MOE_HEATMAP_CSV,      /* a row per expert */
  MOE_HEATMAP_CSV_WIDE, /* a row per layer */
  MOE_HEATMAP_SVG,
  MOE_HEATMAP_PDF,
  MOE_HEATMAP_PNG,
} MoeHeatmapFormat;

/* "csv", "svg", ...: the file name extension, which is the command line's option too. */
const char *moe_heatmap_format_get_extension (MoeHeatmapFormat format);

/* Writes the heatmap of the recording at @recording_path to @path, whole or not at all. Any thread.
 * Errors: those of reading the recording, and MOE_ERROR_IO naming @path. */
gboolean    moe_heatmap_export  (const char                   *recording_path,
                                 const MoeRoutingPlotOptions  *options,
                                 MoeHeatmapFormat              format,
                                 const char                   *path,
                                 GError                      **error);

/* The command line that writes the same file. Transfer full. */
char       *moe_heatmap_command (const char                   *recording_path,
                                 const MoeRoutingPlotOptions  *options,
                                 MoeHeatmapFormat              format,
                                 const char                   *path);

G_END_DECLS
