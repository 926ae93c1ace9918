/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-comparison-study"

#include "ui/moe-comparison-study.h"

#include "analysis/moe-prompt-tokens.h"
#include "ui/moe-chart-table.h"
#include "ui/moe-study-command.h"
#include "ui/moe-study-model.h"

void
moe_comparison_settings_clear (MoeComparisonSettings *self)
{
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->prompt, g_free);
  g_clear_pointer (&self->mask, moe_mask_unref);
}

void
moe_comparison_settings_copy (MoeComparisonSettings       *self,
                              const MoeComparisonSettings *from)
{
  *self = *from;
  self->model = g_strdup (from->model);
  self->prompt = g_strdup (from->prompt);
  self->mask = from->mask != NULL ? moe_mask_ref (from->mask) : NULL;
}

MoeComparisonStudy *
moe_comparison_study_new (const MoeComparisonSettings  *settings,
                          const MoeProgress            *progress,
                          GError                      **error)
{
  const MoePrompt prompt = { .text = settings->prompt };
  const MoeSamplerOptions sampling = { .temperature = 0, .top_p = 1 };
  const MoeSessionOptions session = { 0 };
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoePromptTokens) tokens = NULL;
  g_autofree char *prompts_as = NULL;
  MoeComparison *comparison;
  MoeComparisonStudy *self;

  model = moe_study_open_model (settings->model, progress, error);
  if (model == NULL)
    return NULL;
  tokens = moe_prompt_tokens_new (model, &prompt, NULL, settings->raw, error);
  if (tokens == NULL)
    return NULL;
  comparison = moe_compare (model, &session, tokens->tokens, settings->mask, &sampling, settings->max_tokens,
                            progress, error);
  if (comparison == NULL)
    return NULL;

  prompts_as = moe_prompt_tokens_describe (model, NULL, settings->raw);
  self = g_new0 (MoeComparisonStudy, 1);
  g_atomic_ref_count_init (&self->ref_count);
  moe_comparison_settings_copy (&self->settings, settings);
  self->comparison = comparison;
  self->table = moe_comparison_to_table (comparison, moe_model_get_info (model), settings->mask);
  moe_table_set_provenance (self->table, MOE_PROMPT_TOKENS_KEY, prompts_as);
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_model_get_info (model));
  return self;
}

MoeComparisonStudy *
moe_comparison_study_ref (MoeComparisonStudy *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_comparison_study_unref (MoeComparisonStudy *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  moe_comparison_settings_clear (&self->settings);
  g_clear_pointer (&self->comparison, moe_comparison_free);
  g_clear_pointer (&self->table, moe_table_unref);
  g_clear_pointer (&self->info, moe_model_info_unref);
  g_free (self);
}

gboolean
moe_comparison_has_picture (const char *picture)
{
  return g_str_equal (picture, "kl") || g_str_equal (picture, "experts");
}

MoeChart *
moe_comparison_chart_new (const MoeTable *table,
                          const char     *picture)
{
  gboolean is_kl = g_str_equal (picture, "kl");
  MoeChartAxis x = { .title = "position", .integer = TRUE };
  MoeChartAxis y = { .title = is_kl ? "KL to the plain run" : "experts that differ",
                     .unit = is_kl ? "nats" : "", .zero = TRUE };
  const char *title = is_kl ? "KL (steered || plain) by token" : "Routing that differs by token";
  MoeChart *chart = moe_chart_new (title, &x, &y);
  int position = moe_table_find_column (table, "position");
  int divergence = moe_table_find_column (table, "first_divergence");

  moe_chart_add_table (chart, table, &(MoeChartColumns) {
    .kind = MOE_CHART_LINES, .name = "", .x = "position", .y = is_kl ? "kl" : "experts_changed",
    .point_name = "steered",
  });
  for (guint row = 0; position >= 0 && divergence >= 0 && row < moe_table_get_n_rows (table); row++)
    if (moe_table_get_double (table, row, (guint) divergence) == 1)
      moe_chart_add_threshold (chart, TRUE, moe_table_get_double (table, row, (guint) position),
                               "first divergence");
  return chart;
}

MoeExhibit *
moe_comparison_exhibit_new (MoeTable   *table,
                            const char *picture)
{
  MoeExhibit *exhibit = moe_exhibit_new (moe_table_ref (table), NULL);
  MoeChart *chart = moe_comparison_chart_new (table, picture);

  moe_exhibit_set_plot (exhibit, moe_chart_get_title (chart), moe_chart_draw_for_export, chart,
                        (GDestroyNotify) moe_chart_unref);
  return exhibit;
}

typedef struct
{
  MoeComparisonStudy *study;
  char               *picture;
} ExportData;

static void
export_data_free (gpointer data)
{
  ExportData *export = data;

  moe_comparison_study_unref (export->study);
  g_free (export->picture);
  g_free (export);
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  const ExportData *export = data;

  return moe_comparison_exhibit_new (export->study->table, export->picture);
}

MoeExport *
moe_comparison_get_export (MoeComparisonStudy *self,
                           const char         *picture)
{
  ExportData *data = g_new (ExportData, 1);
  MoeExport *export = g_new0 (MoeExport, 1);
  GString *line = g_string_new (NULL);

  moe_command_add_option (line, "prompt", self->settings.prompt);
  if (self->settings.raw)
    g_string_append (line, " --raw");
  g_string_append_printf (line, " --max-tokens %u", self->settings.max_tokens);
  moe_command_add_mask (line, self->settings.mask, self->info);

  *data = (ExportData) { moe_comparison_study_ref (self), g_strdup (picture) };
  export->name = g_strdup ("comparison");
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  export->command = g_strdup ("compare");
  export->source = g_strdup (self->settings.model);
  export->options = g_string_free (g_string_erase (line, 0, 1), FALSE);
  export->picture_options = g_strdup_printf ("--picture %s", picture);
  export->make = make;
  export->data = data;
  export->free_data = export_data_free;
  return export;
}
