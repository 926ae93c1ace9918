/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-layout"

#include "data/moe-recording-layout.h"

/* Slot 0 is the strongest expert, and shared experts are in none of them. */
static const struct
{
  const char *name, *query;
} layouts[MOE_N_RECORDING_LAYOUTS] = {
  { "routes", "SELECT prompt AS turn, phase, position AS step, layer, slot, expert, weight FROM routing "
              "WHERE expert >= 0 ORDER BY token, layer, slot" },
  { "trace", "SELECT layer, expert FROM routing WHERE expert >= 0 ORDER BY token, layer, slot" },
  { "counts", "SELECT layer AS layer_id, expert AS expert_id, count(*) AS count FROM routing "
              "WHERE expert >= 0 GROUP BY layer, expert ORDER BY layer, expert" },
  { "tokens", "SELECT prompt, position, phase, token_id, CAST(text AS TEXT) AS text, logprob, entropy "
              "FROM token ORDER BY id" },
};

const char *
moe_recording_layout_get_name (guint layout)
{
  g_return_val_if_fail (layout < MOE_N_RECORDING_LAYOUTS, NULL);
  return layouts[layout].name;
}

gboolean
moe_recording_layout_parse (const char *name,
                            guint      *layout)
{
  g_return_val_if_fail (name != NULL && layout != NULL, FALSE);

  for (guint i = 0; i < MOE_N_RECORDING_LAYOUTS; i++)
    if (g_str_equal (name, layouts[i].name))
      {
        *layout = i;
        return TRUE;
      }
  return FALSE;
}

static MoeTable *
query (MoeRecording  *recording,
       const char    *sql,
       gboolean       tell,
       GCancellable  *cancellable,
       GError       **error)
{
  MoeTable *table = moe_recording_query_cancellable (recording, sql, cancellable, error);
  g_autofree char *name = NULL;

  if (table == NULL)
    return NULL;
  name = g_path_get_basename (moe_recording_get_path (recording));
  moe_table_set_provenance (table, "recording", name);
  moe_table_set_provenance (table, "recording-hash", moe_recording_get_hash (recording));
  if (tell)
    moe_table_set_provenance (table, "query", sql);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return table;
}

MoeTable *
moe_recording_layout_export (MoeRecording  *recording,
                             guint          layout,
                             GCancellable  *cancellable,
                             GError       **error)
{
  g_return_val_if_fail (recording != NULL && layout < MOE_N_RECORDING_LAYOUTS, NULL);

  return query (recording, layouts[layout].query, FALSE, cancellable, error);
}

MoeTable *
moe_recording_query_report (MoeRecording  *recording,
                            const char    *sql,
                            GCancellable  *cancellable,
                            GError       **error)
{
  g_return_val_if_fail (recording != NULL && sql != NULL, NULL);

  return query (recording, sql, TRUE, cancellable, error);
}
