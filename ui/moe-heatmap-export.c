/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-export"

#include "ui/moe-heatmap-export.h"

#include "analysis/moe-heatmap-report.h"
#include "data/moe-table-export.h"
#include "ui/moe-plot-export.h"

const char *
moe_heatmap_format_get_extension (MoeHeatmapFormat format)
{
  static const char *const extensions[] = {
    [MOE_HEATMAP_CSV] = "csv", [MOE_HEATMAP_CSV_WIDE] = "csv", [MOE_HEATMAP_SVG] = "svg",
    [MOE_HEATMAP_PDF] = "pdf", [MOE_HEATMAP_PNG] = "png",
  };

  g_return_val_if_fail (format < G_N_ELEMENTS (extensions), NULL);

  return extensions[format];
}

gboolean
moe_heatmap_export (const char                   *recording_path,
                    const MoeRoutingPlotOptions  *options,
                    MoeHeatmapFormat              format,
                    const char                   *path,
                    GError                      **error)
{
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeRoutingStats) stats = NULL;
  g_autoptr(MoeRoutingPlot) plot = NULL;
  g_autoptr(MoeTable) table = NULL;
  const MoeModelInfo *info;

  recording = moe_recording_open (recording_path, error);
  if (recording == NULL)
    return FALSE;
  info = moe_recording_get_info (recording);
  stats = moe_routing_stats_new (info);
  if (!moe_routing_stats_add_recording (stats, recording, error))
    return FALSE;

  if (format == MOE_HEATMAP_CSV || format == MOE_HEATMAP_CSV_WIDE)
    {
      table = moe_heatmap_report_new (stats, recording, options->metric, options->phases,
                                      format == MOE_HEATMAP_CSV_WIDE, error);
      return table != NULL && moe_table_write (table, MOE_TABLE_CSV, TRUE, path, error);
    }

  plot = moe_routing_plot_new (stats, info, options);
  return moe_heatmap_plot_export (&plot->plot,
                                  format == MOE_HEATMAP_SVG ? MOE_IMAGE_SVG
                                  : format == MOE_HEATMAP_PDF ? MOE_IMAGE_PDF : MOE_IMAGE_PNG,
                                  path, error);
}

char *
moe_heatmap_command (const char                  *recording_path,
                     const MoeRoutingPlotOptions *options,
                     MoeHeatmapFormat             format,
                     const char                  *path)
{
  g_autofree char *recording = g_shell_quote (recording_path);
  g_autofree char *file = g_shell_quote (path);
  g_autofree char *phases = moe_phases_format (options->phases);
  gboolean is_table = format == MOE_HEATMAP_CSV || format == MOE_HEATMAP_CSV_WIDE;
  GString *line = g_string_new ("moescope-cli heatmap");

  g_string_append_printf (line, " %s --metric %s --phase %s", recording,
                          moe_metric_get_name (options->metric), phases);
  if (!is_table)
    g_string_append_printf (line, " --color-scale %s --color-map %s", moe_scale_get_name (options->scale),
                            options->color_map == MOE_COLOR_MAP_CIVIDIS ? "cividis" : "viridis");
  if (format == MOE_HEATMAP_CSV_WIDE)
    g_string_append (line, " --wide");
  g_string_append_printf (line, " --%s %s", moe_heatmap_format_get_extension (format), file);
  return g_string_free (line, FALSE);
}
