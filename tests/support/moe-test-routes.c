/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-test-routes"

#include "tests/support/moe-test-routes.h"

#include <string.h>

void
moe_test_routes_init (MoeTestRoutes *self,
                      guint          n_moe_layers,
                      guint          n_experts,
                      guint          n_used)
{
  MoeModelInfo *info = moe_test_info_new (FALSE);

  g_free (info->moe_layers);
  info->n_layers = 2 * n_moe_layers;
  info->n_moe_layers = n_moe_layers;
  info->moe_layers = g_new (guint, n_moe_layers);
  for (guint i = 0; i < n_moe_layers; i++)
    info->moe_layers[i] = 2 * i + 1;
  info->n_experts = n_experts;
  info->n_used = n_used;
  *self = (MoeTestRoutes) {
    .folder = moe_test_folder_new (), .info = info,
    .records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref),
  };
}

void
moe_test_routes_clear (MoeTestRoutes *self)
{
  moe_test_folder_remove (self->folder);
  moe_model_info_unref (self->info);
  g_ptr_array_unref (self->records);
}

MoeTokenRecord *
moe_test_routes_add (MoeTestRoutes *self,
                     guint          prompt,
                     MoePhase       phase,
                     const guint16 *experts)
{
  const MoeTokenRecord *before = self->records->len > 0
                                   ? g_ptr_array_index (self->records, self->records->len - 1) : NULL;
  MoeTokenRecord *record = moe_token_record_new (self->info->n_moe_layers, self->info->n_used,
                                                 self->info->n_layers, self->info->n_heads, FALSE);

  record->id = self->records->len;
  record->prompt = prompt;
  record->position = before != NULL && before->prompt == prompt ? before->position + 1 : 0;
  record->phase = phase;
  memcpy (record->experts, experts, self->info->n_moe_layers * self->info->n_used * sizeof *experts);
  g_ptr_array_add (self->records, record);
  return record;
}

MoeTokenRecord *
moe_test_routes_add_random (MoeTestRoutes *self,
                            GRand         *random,
                            guint          prompt,
                            MoePhase       phase)
{
  guint n_experts = self->info->n_experts, n_used = self->info->n_used;
  g_autofree guint16 *experts = g_new (guint16, self->info->n_moe_layers * n_used);

  for (guint layer = 0; layer < self->info->n_moe_layers; layer++)
    {
      guint16 *to = experts + layer * n_used;
      g_autofree gboolean *taken = g_new0 (gboolean, n_experts);

      for (guint slot = 0; slot < n_used; slot++)
        {
          guint expert;

          do
            expert = (guint) g_rand_int_range (random, 0, (gint32) n_experts)
                     / (g_rand_boolean (random) && slot < n_experts / 2 ? 2 : 1);
          while (taken[expert]);
          taken[expert] = TRUE;
          to[slot] = g_rand_int_range (random, 0, 16) == 0 ? MOE_NO_EXPERT : (guint16) expert;
        }
    }
  return moe_test_routes_add (self, prompt, phase, experts);
}

MoeRecording *
moe_test_routes_open (MoeTestRoutes *self)
{
  g_autofree char *name = g_strdup_printf ("%u.moescope", self->n_files++);
  g_autofree char *path = g_build_filename (self->folder, name, NULL);
  GError *error = NULL;
  MoeRecording *recording;

  moe_test_write_records (path, self->info, self->records);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  return recording;
}

gboolean
moe_test_routes_has (MoeTestRoutes *self,
                     guint          token,
                     guint          layer,
                     guint          expert)
{
  const MoeTokenRecord *record = g_ptr_array_index (self->records, token);

  for (guint slot = 0; slot < record->n_slots; slot++)
    if (record->experts[layer * record->n_slots + slot] == expert)
      return TRUE;
  return FALSE;
}

MoeTable *
moe_test_routes_report (MoeRecording    *recording,
                        MoeRoutesMetric  metric,
                        guint            phases,
                        int              layer,
                        guint            window)
{
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;
  MoeTable *table;

  moe_routes_options_init (&options);
  options.metric = metric;
  options.phases = phases;
  options.layer = layer;
  options.window = window;
  table = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  return table;
}

double
moe_test_routes_get (const MoeTable *table,
                     guint           row,
                     const char     *column)
{
  int index = moe_table_find_column (table, column);

  g_assert_cmpint (index, >=, 0);
  return moe_table_get_double (table, row, (guint) index);
}
