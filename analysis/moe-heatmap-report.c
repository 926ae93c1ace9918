/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-report"

#include "analysis/moe-heatmap-report.h"

#include "analysis/moe-report.h"

MoeTable *
moe_heatmap_report_new (const MoeRoutingStats  *stats,
                        MoeRecording           *recording,
                        MoeMetric               metric,
                        guint                   phases,
                        gboolean                wide,
                        GError                **error)
{
  g_autoptr(MoeTable) table = NULL;

  g_return_val_if_fail (stats != NULL, NULL);
  g_return_val_if_fail (recording != NULL, NULL);
  g_return_val_if_fail (metric < MOE_N_METRICS, NULL);

  table = wide ? moe_routing_stats_to_wide_table (stats, metric, phases)
               : moe_routing_stats_to_table (stats, metric, phases);

  if (!moe_report_add_source (table, recording, error))
    return NULL;
  return g_steal_pointer (&table);
}
