/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-experts-report"

#include "analysis/moe-experts-report.h"

#include <math.h>

#include "analysis/moe-report.h"

MoeTable *
moe_experts_report_table (const MoeRoutingStats *stats,
                          const MoeModelInfo    *info,
                          guint                  phases)
{
  MoeTable *table;

  g_return_val_if_fail (stats != NULL && info != NULL, NULL);

  table = moe_table_new ("Experts");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint metric = 0; metric < MOE_N_METRICS; metric++)
    moe_table_add_column (table, moe_metric_get_name ((MoeMetric) metric),
                          moe_metric_get_column_type ((MoeMetric) metric),
                          moe_metric_get_unit ((MoeMetric) metric), MOE_ROLE_VALUE);
  for (guint layer = 0; layer < info->n_moe_layers; layer++)
    for (guint expert = 0; expert < info->n_experts; expert++)
      {
        guint row = moe_table_append_row (table);

        moe_table_set_int (table, row, 0, info->moe_layers[layer]);
        moe_table_set_int (table, row, 1, expert);
      }
  for (guint metric = 0; metric < MOE_N_METRICS; metric++)
    {
      g_autofree double *map = moe_routing_stats_get_map (stats, (MoeMetric) metric, phases);

      for (guint row = 0; row < moe_table_get_n_rows (table); row++)
        if (metric != MOE_METRIC_HITS)
          moe_table_set_double (table, row, metric + 2, map[row]);
        else if (!isnan (map[row]))
          moe_table_set_int (table, row, metric + 2, (gint64) map[row]);
    }
  moe_report_add_model (table, info, phases);
  return table;
}

MoeTable *
moe_experts_report_new (const MoeRoutingStats  *stats,
                        MoeRecording           *recording,
                        guint                   phases,
                        GError                **error)
{
  g_autoptr(MoeTable) table = NULL;

  g_return_val_if_fail (stats != NULL && recording != NULL, NULL);

  table = moe_experts_report_table (stats, moe_recording_get_info (recording), phases);
  if (!moe_report_add_source (table, recording, error))
    return NULL;
  return g_steal_pointer (&table);
}
