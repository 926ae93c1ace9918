/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-experts-exhibit"

#include "ui/moe-experts-exhibit.h"

#include "analysis/moe-experts-report.h"
#include "ui/moe-chart-table.h"
#include "ui/moe-routing-plot.h"

MoeChart *
moe_experts_chart_new (const MoeTable *table)
{
  MoeChartAxis x = { .title = "share of tokens", .zero = TRUE };
  MoeChartAxis y = { .title = "largest |down_proj|", .scale = MOE_SCALE_LOG };
  MoeChart *chart = moe_chart_new ("Experts: share of tokens and largest output", &x, &y);

  moe_chart_add_table (chart, table, &(MoeChartColumns) {
    .kind = MOE_CHART_POINTS, .name = "", .x = "share", .y = "max_down", .point_name = "layer,expert",
    .filter = "hits>0",
  });
  return chart;
}

MoeExhibit *
moe_experts_exhibit_new (MoeRecording  *recording,
                         guint          phases,
                         GError       **error)
{
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (moe_recording_get_info (recording));
  g_autoptr(MoeTable) table = NULL;
  MoeExhibit *exhibit;
  MoeChart *chart;

  if (!moe_routing_stats_add_recording (stats, recording, error))
    return NULL;
  table = moe_experts_report_new (stats, recording, phases, error);
  if (table == NULL)
    return NULL;
  chart = moe_experts_chart_new (table);
  exhibit = moe_exhibit_new (g_steal_pointer (&table), NULL);
  moe_exhibit_set_plot (exhibit, moe_chart_get_title (chart), moe_chart_draw_for_export, chart,
                        (GDestroyNotify) moe_chart_unref);
  return exhibit;
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  return recording != NULL ? moe_experts_exhibit_new (recording, GPOINTER_TO_UINT (data), error) : NULL;
}

MoeExport *
moe_experts_export_new (guint phases)
{
  g_autofree char *names = moe_phases_format (phases);
  MoeExport *self = g_new0 (MoeExport, 1);

  self->name = g_strdup ("experts");
  self->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  self->command = g_strdup ("experts");
  self->options = g_strdup_printf ("--phase %s", names);
  self->make = make;
  self->data = GUINT_TO_POINTER (phases);
  return self;
}
