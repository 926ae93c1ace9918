/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-report"

#include "analysis/moe-heatmap-report.h"

static void
describe_mask (gint64         token_id,
               const MoeMask *mask,
               gpointer       user_data)
{
  GString *text = user_data;
  guint n = moe_mask_get_n (mask);

  /* A run that starts without a mask is told by saying nothing. */
  if (n == 0 && text->len == 0)
    return;

  if (text->len > 0)
    g_string_append (text, "; ");
  g_string_append_printf (text, "from token %" G_GINT64_FORMAT ": ", token_id);
  if (n == 0)
    g_string_append (text, "none");

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " + " : "", one);
    }
}

MoeTable *
moe_heatmap_report_new (const MoeRoutingStats  *stats,
                        MoeRecording           *recording,
                        MoeMetric               metric,
                        guint                   phases,
                        gboolean                wide,
                        GError                **error)
{
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GString) masks = g_string_new (NULL);
  g_autofree char *name = NULL;
  char seed[24];

  g_return_val_if_fail (stats != NULL, NULL);
  g_return_val_if_fail (recording != NULL, NULL);
  g_return_val_if_fail (metric < MOE_N_METRICS, NULL);

  if (!moe_recording_foreach_mask (recording, describe_mask, masks, error))
    return NULL;

  table = wide ? moe_routing_stats_to_wide_table (stats, metric, phases)
               : moe_routing_stats_to_table (stats, metric, phases);

  name = g_path_get_basename (moe_recording_get_path (recording));
  g_snprintf (seed, sizeof seed, "%" G_GUINT64_FORMAT, moe_recording_get_seed (recording));

  moe_table_set_provenance (table, "recording", name);
  moe_table_set_provenance (table, "recording-hash", moe_recording_get_hash (recording));
  moe_table_set_provenance (table, "seed", seed);
  moe_table_set_provenance (table, "mask", masks->len > 0 ? masks->str : "none");
  moe_table_set_provenance (table, "version", MOE_VERSION);

  return g_steal_pointer (&table);
}
