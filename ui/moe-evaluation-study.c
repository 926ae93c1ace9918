/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluation-study"

#include "ui/moe-evaluation-study.h"

#include <string.h>

#include "data/moe-file.h"
#include "data/moe-table-export.h"
#include "ui/moe-evaluation-exhibit.h"
#include "ui/moe-study-command.h"

#define MAX_TEXT_BYTES (1u << 30)

void
moe_evaluation_settings_clear (MoeEvaluationSettings *self)
{
  g_clear_pointer (&self->model, g_free);
  g_clear_pointer (&self->prompts, g_free);
  g_clear_pointer (&self->harmless, g_free);
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->ranking, g_free);
  g_clear_pointer (&self->mask, moe_mask_unref);
}

void
moe_evaluation_settings_copy (MoeEvaluationSettings       *self,
                              const MoeEvaluationSettings *from)
{
  *self = *from;
  self->model = g_strdup (from->model);
  self->prompts = g_strdup (from->prompts);
  self->harmless = g_strdup (from->harmless);
  self->text = g_strdup (from->text);
  self->ranking = g_strdup (from->ranking);
  self->mask = from->mask != NULL ? moe_mask_ref (from->mask) : NULL;
}

static char *
make_controls (const MoeEvaluationSettings *self)
{
  GString *controls = g_string_new (NULL);

  if (self->n_random > 0)
    g_string_append_printf (controls, ",random:%u", self->n_random);
  if (self->reversed)
    g_string_append (controls, ",reversed");
  if (self->ranking != NULL)
    g_string_append (controls, ",bottom");
  if (controls->len == 0)
    g_string_append (controls, ",none");
  return g_string_free (g_string_erase (controls, 0, 1), FALSE);
}

static char *
make_options (const MoeEvaluationSettings *self)
{
  g_autofree char *controls = make_controls (self);
  GString *line = g_string_new (NULL);

  moe_command_add_option (line, "prompts", self->prompts);
  moe_command_add_option (line, "harmless", self->harmless);
  moe_command_add_option (line, "text", self->text);
  if (self->limit > 0)
    g_string_append_printf (line, " --limit %u", self->limit);
  g_string_append_printf (line, " --max-tokens %u", self->max_tokens);
  if (moe_mask_get_n (self->mask) > 0)
    {
      moe_command_add_mask (line, self->mask);
      g_string_append_printf (line, " --controls %s", controls);
      moe_command_add_option (line, "ranking", self->ranking);
    }
  return g_string_free (g_string_erase (line, 0, 1), FALSE);
}

char *
moe_evaluation_settings_get_answers_path (const MoeEvaluationSettings *self)
{
  g_autofree char *options = make_options (self);
  g_autofree char *all = g_strconcat (self->model, "\n", options, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, all, -1);
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "moescope", "evaluations", NULL);
  g_autofree char *name = g_strconcat (hash, ".jsonl", NULL);

  g_mkdir_with_parents (folder, 0700);
  return g_build_filename (folder, name, NULL);
}

char *
moe_evaluation_save_ranking (MoeTable  *table,
                             GError   **error)
{
  g_autofree char *text = moe_table_to_string (table, MOE_TABLE_CSV, TRUE);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "moescope", "evaluations", NULL);
  g_autofree char *name = g_strconcat (hash, ".csv", NULL);
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_mkdir_with_parents (folder, 0700);
  if (!g_file_test (path, G_FILE_TEST_EXISTS) && !moe_table_write (table, MOE_TABLE_CSV, TRUE, path, error))
    return NULL;
  return g_steal_pointer (&path);
}

/* A set is called by its file's name without extension. Transfer full. */
static char *
name_set (const char *path)
{
  char *base = g_path_get_basename (path), *dot = strrchr (base, '.');

  if (dot != NULL && dot != base)
    *dot = '\0';
  return base;
}

static gboolean
add_set (const MoeEvaluationSettings  *self,
         const char                   *path,
         gboolean                      harmless,
         GArray                       *sets,
         GError                      **error)
{
  MoeEvaluationSet set = { .harmless = harmless };

  if (path == NULL)
    return TRUE;
  set.set = moe_prompt_set_load (path, NULL, self->limit, error);
  if (set.set == NULL)
    return FALSE;
  set.name = name_set (path);
  g_array_append_val (sets, set);
  return TRUE;
}

static void
clear_set (gpointer data)
{
  MoeEvaluationSet *set = data;

  moe_prompt_set_unref (set->set);
  g_free ((char *) set->name);
}

MoeTable *
moe_evaluation_run (const MoeEvaluationSettings  *self,
                    const char                   *answers,
                    const MoeProgress            *progress,
                    GError                      **error)
{
  const MoeControls controls = {
    .n_random = self->n_random, .reversed = self->reversed, .bottom = self->ranking != NULL,
  };
  g_autoptr(GArray) sets = g_array_new (FALSE, TRUE, sizeof (MoeEvaluationSet));
  g_autoptr(GPtrArray) conditions = moe_conditions_new ();
  g_autoptr(MoeRefusalList) refusals = moe_refusal_list_new_default ();
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeRanking) ranking = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_name = self->text != NULL ? g_path_get_basename (self->text) : NULL;
  gsize text_length = 0;
  g_autofree guint64 *loads = NULL;
  const MoeSessionOptions session = { 0 };
  MoeEvaluationOptions options;
  MoeProgressPart part;
  MoeTable *table;

  g_array_set_clear_func (sets, clear_set);
  if (!add_set (self, self->prompts, FALSE, sets, error) ||
      !add_set (self, self->harmless, TRUE, sets, error) ||
      (self->text != NULL && !moe_file_read (self->text, MAX_TEXT_BYTES, &text, &text_length, error)) ||
      !moe_progress_step (progress, 0, "Opening the model", error))
    return NULL;
  model = moe_model_open (self->model, NULL, NULL, progress != NULL ? progress->cancellable : NULL, error);
  if (model == NULL)
    return NULL;

  moe_evaluation_options_init (&options);
  options.sets = (const MoeEvaluationSet *) (gpointer) sets->data;
  options.n_sets = sets->len;
  options.refusals = refusals;
  options.text = text;
  options.text_length = text_length;
  options.text_name = text_name;
  options.max_tokens = self->max_tokens;
  loads = moe_evaluate_count_loads (model, &session, &options,
                                    moe_progress_part_init (&part, progress, 0, 0.1), error);
  if (loads == NULL)
    return NULL;
  if (self->ranking != NULL &&
      (ranking = moe_ranking_load (self->ranking, moe_model_get_info (model), error)) == NULL)
    return NULL;
  if (moe_mask_get_n (self->mask) > 0 &&
      !moe_conditions_add (conditions, "mask", self->mask, &controls, ranking, moe_model_get_info (model),
                           loads, options.seed, error))
    return NULL;
  table = moe_evaluate (model, &session, conditions, &options, answers,
                        moe_progress_part_init (&part, progress, 0.1, 1), error);
  if (table != NULL && moe_mask_get_n (self->mask) > 0)
    moe_command_add_provenance (table, moe_model_get_info (model), self->mask);
  return table;
}

/* --- export ------------------------------------------------------------------------------------------- */

typedef struct
{
  MoeTable *table;
  char     *picture;
} ExportData;

static void
export_data_free (gpointer data)
{
  ExportData *export = data;

  moe_table_unref (export->table);
  g_free (export->picture);
  g_free (export);
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  const ExportData *export = data;

  return moe_evaluation_exhibit_new (export->table, export->picture, error);
}

MoeExport *
moe_evaluation_get_export (const MoeEvaluationSettings *self,
                           MoeTable                    *table,
                           const char                  *picture)
{
  ExportData *data = g_new (ExportData, 1);
  MoeExport *export = g_new0 (MoeExport, 1);

  *data = (ExportData) { moe_table_ref (table), g_strdup (picture) };
  export->name = g_strdup ("evaluation");
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  export->command = g_strdup ("evaluate");
  export->source = g_strdup (self->model);
  export->options = make_options (self);
  export->picture_options = g_strdup_printf ("--picture %s", picture);
  export->make = make;
  export->data = data;
  export->free_data = export_data_free;
  return export;
}
