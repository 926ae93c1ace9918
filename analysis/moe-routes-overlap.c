/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-overlap"

#include "analysis/moe-routes-overlap.h"

#include "analysis/moe-report.h"
#include "analysis/moe-route-reader.h"
#include "analysis/moe-routes-private.h"
#include "data/moe-error.h"

static gboolean
check_models (MoeRecording  *recording,
              MoeRecording  *other,
              GError       **error)
{
  const MoeModelInfo *a = moe_recording_get_info (recording), *b = moe_recording_get_info (other);
  gboolean same = a->n_moe_layers == b->n_moe_layers && a->n_experts == b->n_experts;

  for (guint i = 0; same && i < a->n_moe_layers; i++)
    same = a->moe_layers[i] == b->moe_layers[i];
  if (!same)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: its MoE layers or experts are not those of %s",
                 moe_recording_get_path (recording), moe_recording_get_path (other));
  return same;
}

static gboolean
check_tokens (const MoeRoutes *a,
              const MoeRoutes *b,
              const char      *path,
              const char      *other,
              GError         **error)
{
  gsize n = MIN (a->n_tokens, b->n_tokens), i = 0;

  while (i < n && moe_routes_get_token (a, i)->token_id == moe_routes_get_token (b, i)->token_id
         && moe_routes_get_token (a, i)->starts == moe_routes_get_token (b, i)->starts)
    i++;
  if (i < n)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                 "%s: token %" G_GINT64_FORMAT " is another one than token %" G_GINT64_FORMAT
                 " of %s: only the same tokens can be compared; choose a phase without answers",
                 path, moe_routes_get_token (a, i)->number, moe_routes_get_token (b, i)->number, other);
  else if (a->n_tokens != b->n_tokens)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                 "%s: has %" G_GSIZE_FORMAT " tokens of these phases and %s has %" G_GSIZE_FORMAT
                 ": only the same tokens can be compared",
                 path, a->n_tokens, other, b->n_tokens);
  else
    return TRUE;
  return FALSE;
}

static guint
count_chosen (const guint16 *experts,
              guint          n_slots)
{
  guint n = 0;

  for (guint slot = 0; slot < n_slots; slot++)
    n += experts[slot] != MOE_NO_EXPERT;
  return n;
}

/* Adds the row of MoE layer number @layer. */
static void
add_layer (const MoeRoutes *a,
           const MoeRoutes *b,
           guint            layer,
           MoeTable        *table)
{
  guint row = moe_table_append_row (table);
  double overlap = 0, chance = 0;
  gsize n = 0, n_same_strongest = 0, n_same_set = 0;

  for (gsize token = 0; token < a->n_tokens; token++)
    {
      const guint16 *one = moe_routes_get (a, token, layer), *two = moe_routes_get (b, token, layer);
      guint n_one = count_chosen (one, a->n_slots), n_two = count_chosen (two, b->n_slots);
      guint larger = MAX (n_one, n_two), n_both = 0;

      if (larger == 0)
        continue;
      for (guint i = 0; i < a->n_slots; i++)
        for (guint j = 0; j < b->n_slots; j++)
          n_both += one[i] != MOE_NO_EXPERT && one[i] == two[j];
      n++;
      overlap += (double) n_both / larger;
      chance += (double) MIN (n_one, n_two) / a->n_experts;
      n_same_set += n_both == larger;
      n_same_strongest += moe_routes_get_strongest (a, token, layer)
                          == moe_routes_get_strongest (b, token, layer);
    }
  moe_table_set_int (table, row, 0, a->info->moe_layers[layer]);
  moe_table_set_int (table, row, 1, (gint64) n);
  if (n == 0)
    return;
  moe_table_set_double (table, row, 2, overlap / (double) n);
  moe_table_set_double (table, row, 3, (double) n_same_strongest / (double) n);
  moe_table_set_double (table, row, 4, (double) n_same_set / (double) n);
  moe_table_set_double (table, row, 5, chance / (double) n);
}

MoeTable *
moe_routes_overlap (MoeRecording       *recording,
                    MoeRecording       *other,
                    guint               phases,
                    int                 layer,
                    const MoeProgress  *progress,
                    GError            **error)
{
  g_auto(MoeRoutes) a = { NULL };
  g_auto(MoeRoutes) b = { NULL };
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *name = NULL;
  MoeRouteLayers layers;
  MoeProgressPart part;

  g_return_val_if_fail (recording != NULL && other != NULL, NULL);

  if (!moe_route_layers_init (&layers, recording, layer, error) || !check_models (recording, other, error)
      || !moe_routes_read (&a, recording, phases, 0, moe_progress_part_init (&part, progress, 0, 0.4), error)
      || !moe_routes_read (&b, other, phases, 0, moe_progress_part_init (&part, progress, 0.4, 0.8), error)
      || !check_tokens (&a, &b, moe_recording_get_path (recording), moe_recording_get_path (other), error))
    return NULL;

  table = moe_table_new ("Same Experts");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "tokens", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "overlap", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "same_strongest", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "same_set", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "by_chance", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  progress = moe_progress_part_init (&part, progress, 0.8, 1);
  for (guint i = 0; i < layers.n; i++)
    {
      if (!moe_progress_step (progress, (double) i / layers.n, "comparing", error))
        return NULL;
      add_layer (&a, &b, layers.first + i, table);
    }
  moe_report_add_model (table, a.info, phases);
  if (!moe_report_add_source (table, recording, error))
    return NULL;
  name = g_path_get_basename (moe_recording_get_path (other));
  moe_table_set_provenance (table, "with", name);
  moe_table_set_provenance (table, "with-hash", moe_recording_get_hash (other));
  return g_steal_pointer (&table);
}
