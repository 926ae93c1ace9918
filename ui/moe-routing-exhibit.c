/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routing-exhibit"

#include "ui/moe-routing-exhibit.h"

#include "analysis/moe-heatmap-report.h"

static void
draw (gconstpointer  plot,
      cairo_t       *cr,
      double         width,
      double         height)
{
  moe_heatmap_plot_draw_clean (&((const MoeRoutingPlot *) plot)->plot, cr, width, height);
}

MoeExhibit *
moe_routing_exhibit_new (MoeRecording                 *recording,
                         const MoeRoutingPlotOptions  *options,
                         GError                      **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (info);
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(MoeTable) wide = NULL;
  MoeRoutingPlot *plot;
  MoeExhibit *exhibit;

  if (!moe_routing_stats_add_recording (stats, recording, error))
    return NULL;
  table = moe_heatmap_report_new (stats, recording, options->metric, options->phases, FALSE, error);
  if (table == NULL)
    return NULL;
  wide = moe_heatmap_report_new (stats, recording, options->metric, options->phases, TRUE, error);
  if (wide == NULL)
    return NULL;

  exhibit = moe_exhibit_new (g_steal_pointer (&table), g_steal_pointer (&wide));
  plot = moe_routing_plot_new (stats, info, options);
  moe_exhibit_set_plot (exhibit, plot->title, draw, plot, (GDestroyNotify) moe_routing_plot_free);
  return exhibit;
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  return recording != NULL ? moe_routing_exhibit_new (recording, data, error) : NULL;
}

MoeExport *
moe_routing_export_new (const MoeRoutingPlotOptions *options)
{
  g_autofree char *phases = moe_phases_format (options->phases);
  MoeExport *self = g_new0 (MoeExport, 1);

  self->name = g_strdup (moe_metric_get_name (options->metric));
  self->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_WIDE | MOE_EXHIBIT_PICTURES;
  self->command = g_strdup ("heatmap");
  self->options = g_strdup_printf ("--metric %s --phase %s", moe_metric_get_name (options->metric), phases);
  self->picture_options = g_strdup_printf ("--color-scale %s --color-map %s",
                                           moe_scale_get_name (options->scale),
                                           options->color_map == MOE_COLOR_MAP_CIVIDIS ? "cividis"
                                                                                       : "viridis");
  self->make = make;
  self->data = g_memdup2 (options, sizeof *options);
  self->free_data = g_free;
  return self;
}
