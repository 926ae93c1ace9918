/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attribution-study"

#include "ui/moe-attribution-study.h"

#include "analysis/moe-prompt-tokens.h"
#include "ui/moe-chart-table.h"
#include "ui/moe-study-command.h"
#include "ui/moe-study-model.h"

void
moe_attribution_settings_clear (MoeAttributionSettings *self)
{
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->prompt, g_free);
  g_clear_pointer (&self->history, g_strfreev);
  g_clear_pointer (&self->system, g_free);
  g_clear_pointer (&self->answer, g_free);
  g_clear_pointer (&self->token, g_free);
  g_clear_pointer (&self->against, g_free);
  g_clear_pointer (&self->mask, moe_mask_unref);
}

void
moe_attribution_settings_copy (MoeAttributionSettings       *self,
                               const MoeAttributionSettings *from)
{
  *self = *from;
  self->model = g_strdup (from->model);
  self->prompt = g_strdup (from->prompt);
  self->history = g_strdupv (from->history);
  self->system = g_strdup (from->system);
  self->answer = g_strdup (from->answer);
  self->token = g_strdup (from->token);
  self->against = g_strdup (from->against);
  self->mask = from->mask != NULL ? moe_mask_ref (from->mask) : NULL;
}

static MoeTable *
make_experts (const MoeAttribution *attribution)
{
  MoeTable *table = moe_table_new ("Attribution");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "attribution", MOE_COLUMN_DOUBLE, "logits", MOE_ROLE_VALUE);
  moe_table_add_column (table, "causal", MOE_COLUMN_DOUBLE, "logits", MOE_ROLE_VALUE);
  for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (attribution, i);
      guint row;

      if (part->part != MOE_PART_EXPERT)
        continue;
      row = moe_table_append_row (table);
      moe_table_set_int (table, row, 0, part->layer);
      moe_table_set_int (table, row, 1, part->expert);
      moe_table_set_double (table, row, 2, part->value);
      moe_table_set_double (table, row, 3, part->causal);
    }
  return table;
}

static MoeAttribution *
attribute (const MoeAttributionSettings  *settings,
           MoeModel                      *model,
           const MoeProgress             *progress,
           GError                       **error)
{
  const MoePrompt prompt = { .text = settings->prompt, .answer = settings->answer };
  const MoeSessionOptions options = { 0 };
  g_autoptr(MoePromptTokens) tokens = NULL;
  g_autoptr(MoeSession) session = NULL;
  gint32 token, against = -1;

  if (!moe_attribution_find_token (model, settings->token, &token, error)
      || (settings->against != NULL
          && !moe_attribution_find_token (model, settings->against, &against, error)))
    return NULL;
  tokens = moe_prompt_tokens_new_after (model, &prompt, (const char *const *) settings->history,
                                        settings->system, settings->raw, error);
  if (tokens == NULL)
    return NULL;
  session = moe_session_new (model, &options, error);
  if (session == NULL || !moe_session_set_mask (session, settings->mask, error))
    return NULL;
  return moe_attribution_new (session, tokens->tokens->tokens, tokens->tokens->phases,
                              tokens->tokens->n_tokens, token, against, settings->n_causal, progress, error);
}

MoeAttributionStudy *
moe_attribution_study_new (const MoeAttributionSettings  *settings,
                           const MoeProgress             *progress,
                           GError                       **error)
{
  g_autoptr(MoeModel) model = NULL;
  g_autofree char *prompts_as = NULL;
  MoeAttribution *attribution;
  MoeAttributionStudy *self;

  model = moe_study_open_model (settings->model, progress, error);
  if (model == NULL)
    return NULL;
  attribution = attribute (settings, model, progress, error);
  if (attribution == NULL)
    return NULL;

  self = g_new0 (MoeAttributionStudy, 1);
  g_atomic_ref_count_init (&self->ref_count);
  moe_attribution_settings_copy (&self->settings, settings);
  self->attribution = attribution;
  self->table = moe_attribution_to_table (attribution);
  moe_command_add_provenance (self->table, moe_model_get_info (model), settings->mask);
  prompts_as = moe_prompt_tokens_describe (model, settings->system, settings->raw);
  moe_table_set_provenance (self->table, MOE_PROMPT_TOKENS_KEY, prompts_as);
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_model_get_info (model));
  self->experts = make_experts (attribution);
  return self;
}

MoeAttributionStudy *
moe_attribution_study_ref (MoeAttributionStudy *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_attribution_study_unref (MoeAttributionStudy *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  moe_attribution_settings_clear (&self->settings);
  g_clear_pointer (&self->attribution, moe_attribution_free);
  g_clear_pointer (&self->table, moe_table_unref);
  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->experts, moe_table_unref);
  g_free (self);
}

/* --- export ------------------------------------------------------------------------------------------- */

MoeExhibit *
moe_attribution_exhibit_new (MoeTable             *table,
                             const MoeAttribution *attribution)
{
  const MoeChartAxis x = { .title = "layer", .integer = TRUE };
  const MoeChartAxis y = { .title = "direct attribution", .unit = "logits", .zero = TRUE };
  g_autoptr(MoeTable) experts = make_experts (attribution);
  MoeExhibit *exhibit = moe_exhibit_new (moe_table_ref (table), NULL);
  MoeChart *chart = moe_chart_new ("What experts write into the logit", &x, &y);

  moe_chart_add_table (chart, experts, &(MoeChartColumns) {
    .kind = MOE_CHART_POINTS, .name = "", .x = "layer", .y = "attribution", .point_name = "layer,expert",
  });
  moe_exhibit_set_chart (exhibit, chart);
  return exhibit;
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  const MoeAttributionStudy *study = data;

  return moe_attribution_exhibit_new (study->table, study->attribution);
}

MoeExport *
moe_attribution_get_export (MoeAttributionStudy *self)
{
  MoeExport *export = g_new0 (MoeExport, 1);
  GString *line = g_string_new (NULL);

  for (guint i = 0; self->settings.history != NULL && self->settings.history[i] != NULL; i++)
    moe_command_add_option (line, "history", self->settings.history[i]);
  moe_command_add_option (line, "prompt", self->settings.prompt);
  moe_command_add_option (line, "system", self->settings.system);
  moe_command_add_option (line, "answer", self->settings.answer);
  if (self->settings.raw)
    g_string_append (line, " --raw");
  moe_command_add_option (line, "token", self->settings.token);
  moe_command_add_option (line, "against", self->settings.against);
  if (self->settings.n_causal > 0)
    g_string_append_printf (line, " --causal %u", self->settings.n_causal);
  moe_command_add_mask (line, self->settings.mask, self->info);

  export->name = g_strdup ("attribution");
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  export->command = g_strdup ("attribution");
  export->source = g_strdup (self->settings.model);
  export->options = g_string_free (g_string_erase (line, 0, 1), FALSE);
  export->make = make;
  export->data = moe_attribution_study_ref (self);
  export->free_data = (GDestroyNotify) moe_attribution_study_unref;
  return export;
}
