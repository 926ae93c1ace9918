/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluation-study"

#include "ui/moe-evaluation-study.h"

#include <string.h>

#include "analysis/moe-calibrate.h"
#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-number.h"
#include "data/moe-table-export.h"
#include "ui/moe-evaluation-exhibit.h"
#include "ui/moe-study-command.h"
#include "ui/moe-study-model.h"

#define MAX_TEXT_BYTES (1u << 30)

static char **
get_string (MoeEvaluationSettings *self,
            guint                  index)
{
  char **const strings[] = {
    &self->model, &self->prompts, &self->harmless, &self->text, &self->tasks, &self->refusals, &self->ranking,
    &self->system, &self->top, &self->strengths, &self->calibrate, &self->column,
  };

  return index < G_N_ELEMENTS (strings) ? strings[index] : NULL;
}

void
moe_evaluation_settings_init (MoeEvaluationSettings *self)
{
  *self = (MoeEvaluationSettings) { .max_tokens = 64, .top_mode = MOE_MODE_REFILL, .window = 512 };
}

void
moe_evaluation_settings_clear (MoeEvaluationSettings *self)
{
  char **string;

  for (guint i = 0; (string = get_string (self, i)) != NULL; i++)
    g_clear_pointer (string, g_free);
  g_clear_pointer (&self->mask, moe_mask_unref);
  g_clear_pointer (&self->info, moe_model_info_unref);
}

void
moe_evaluation_settings_copy (MoeEvaluationSettings       *self,
                              const MoeEvaluationSettings *from)
{
  char **string;

  *self = *from;
  for (guint i = 0; (string = get_string (self, i)) != NULL; i++)
    *string = g_strdup (*string);
  self->mask = from->mask != NULL ? moe_mask_ref (from->mask) : NULL;
  self->info = from->info != NULL ? moe_model_info_ref (from->info) : NULL;
}

gboolean
moe_evaluation_settings_steers (const MoeEvaluationSettings *self)
{
  return moe_mask_get_n (self->mask) > 0 || self->top != NULL;
}

gboolean
moe_evaluation_settings_check (const MoeEvaluationSettings  *self,
                               GError                      **error)
{
  g_autoptr(GArray) counts = NULL;
  g_autoptr(GArray) grades = NULL;

  if (self->prompts == NULL && self->harmless == NULL && self->text == NULL && self->tasks == NULL)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "no prompts, no text and no tasks are chosen");
  else if (self->top != NULL && self->ranking == NULL)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                         "there is no ranking whose first experts could be disabled: run a contrast first");
  else if (self->top != NULL && !moe_number_parse_list (self->top, 1, 1e6, TRUE, &counts))
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "“%s” is no list of numbers of experts, such as 1,2,5",
                 self->top);
  else if (self->top != NULL && self->top_mode == MOE_MODE_MEAN && self->calibrate == NULL)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                         "no prompts are chosen over which the mean outputs are taken");
  else if (self->strengths != NULL && moe_mask_get_n (self->mask) == 0)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                         "there are no interventions whose strength could be changed");
  else if (self->strengths != NULL && !moe_number_parse_list (self->strengths, -1000, 1000, FALSE, &grades))
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "“%s” is no list of strengths, such as 0.5,2",
                 self->strengths);
  else
    return TRUE;
  return FALSE;
}

static char *
make_controls (const MoeEvaluationSettings *self)
{
  GString *controls = g_string_new (NULL);

  if (self->n_random > 0)
    g_string_append_printf (controls, ",random:%u", self->n_random);
  if (self->reversed)
    g_string_append (controls, ",reversed");
  if (self->bottom)
    g_string_append (controls, ",bottom");
  if (controls->len == 0)
    g_string_append (controls, ",none");
  return g_string_free (g_string_erase (controls, 0, 1), FALSE);
}

static void
add_steering (const MoeEvaluationSettings *self,
              GString                     *line)
{
  g_autofree char *controls = make_controls (self);

  moe_command_add_mask (line, self->mask, self->info);
  g_string_append_printf (line, " --controls %s", controls);
  moe_command_add_option (line, "ranking", self->ranking);
  if (self->top != NULL)
    {
      moe_command_add_option (line, "top", self->top);
      g_string_append_printf (line, " --mode %s", moe_mode_get_name (self->top_mode));
      if (self->top_mode == MOE_MODE_MEAN)
        moe_command_add_option (line, "calibrate", self->calibrate);
    }
  moe_command_add_option (line, "strengths", self->strengths);
}

static char *
make_options (const MoeEvaluationSettings *self)
{
  GString *line = g_string_new (NULL);
  char buffer[MOE_NUMBER_BUFFER];
  MoeEvaluationSettings defaults;

  moe_evaluation_settings_init (&defaults);
  moe_command_add_option (line, "prompts", self->prompts);
  moe_command_add_option (line, "harmless", self->harmless);
  moe_command_add_option (line, "text", self->text);
  moe_command_add_option (line, "tasks", self->tasks);
  moe_command_add_option (line, "refusals", self->refusals);
  moe_command_add_option (line, "column", self->column);
  if (self->text != NULL && self->window != defaults.window)
    g_string_append_printf (line, " --window %u", self->window);
  if (self->limit > 0)
    g_string_append_printf (line, " --limit %u", self->limit);
  if (self->skip > 0)
    g_string_append_printf (line, " --skip %u", self->skip);
  g_string_append_printf (line, " --max-tokens %u", self->max_tokens);
  if (self->temperature > 0)
    moe_command_add_option (line, "temperature", moe_number_format_double (buffer, self->temperature));
  if (self->seed > 0)
    g_string_append_printf (line, " --seed %" G_GUINT64_FORMAT, self->seed);
  if (self->raw)
    g_string_append (line, " --raw");
  moe_command_add_option (line, "system", self->system);
  if (moe_evaluation_settings_steers (self))
    add_steering (self, line);
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
  const MoePromptSetOptions options = { .column = self->column, .limit = self->limit, .skip = self->skip };
  MoeEvaluationSet set = { .harmless = harmless };

  if (path == NULL)
    return TRUE;
  set.set = moe_prompt_set_load_full (path, &options, error);
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

/* The mask, the sweeps, and the controls of each. */
static gboolean
make_conditions (const MoeEvaluationSettings  *self,
                 const MoeModelInfo           *info,
                 MoeExpertMeans               *means,
                 const guint64                *loads,
                 GPtrArray                    *conditions,
                 GError                      **error)
{
  g_autoptr(MoeRanking) ranking = NULL;
  g_autoptr(GArray) counts = NULL;
  g_autoptr(GArray) strengths = NULL;
  MoeSweep sweep = {
    .mask = self->mask, .top_mode = self->top_mode, .means = means, .loads = loads, .seed = self->seed,
    .controls = { .n_random = self->n_random, .reversed = self->reversed, .bottom = self->bottom },
  };

  if (self->ranking != NULL && (ranking = moe_ranking_load (self->ranking, info, error)) == NULL)
    return FALSE;
  moe_number_parse_list (self->top, 1, 1e6, TRUE, &counts);
  moe_number_parse_list (self->strengths, -1000, 1000, FALSE, &strengths);
  sweep.ranking = ranking;
  sweep.counts = counts;
  sweep.strengths = strengths;
  return moe_conditions_add_sweep (conditions, &sweep, info, error);
}

/* TRUE with *@means NULL when no mode needs them. */
static gboolean
calibrate (const MoeEvaluationSettings  *self,
           MoeModel                     *model,
           const MoeSessionOptions      *session,
           MoeExpertMeans              **means,
           const MoeProgress            *progress,
           GError                      **error)
{
  g_autoptr(MoePromptSet) set = NULL;

  if (self->top == NULL || self->top_mode != MOE_MODE_MEAN)
    return TRUE;
  set = moe_prompt_set_load (self->calibrate, self->column, 0, error);
  if (set == NULL)
    return FALSE;
  *means = moe_calibrate_means (model, session, set, self->raw, self->system, progress, error);
  return *means != NULL;
}

MoeTable *
moe_evaluation_run (const MoeEvaluationSettings  *self,
                    const char                   *answers,
                    const MoeProgress            *progress,
                    GError                      **error)
{
  g_autoptr(GArray) sets = g_array_new (FALSE, TRUE, sizeof (MoeEvaluationSet));
  g_autoptr(GPtrArray) conditions = moe_conditions_new ();
  g_autoptr(MoeRefusalList) refusals = NULL;
  g_autoptr(MoeTaskSet) tasks = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeExpertMeans) means = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_name = self->text != NULL ? g_path_get_basename (self->text) : NULL;
  gsize text_length = 0;
  g_autofree guint64 *loads = NULL;
  const MoeSessionOptions session = { 0 };
  MoeEvaluationOptions options;
  MoeProgressPart part;
  MoeTable *table;

  g_array_set_clear_func (sets, clear_set);
  if (!moe_evaluation_settings_check (self, error)
      || !add_set (self, self->prompts, FALSE, sets, error)
      || !add_set (self, self->harmless, TRUE, sets, error)
      || (self->text != NULL && !moe_file_read (self->text, MAX_TEXT_BYTES, &text, &text_length, error))
      || (self->tasks != NULL && (tasks = moe_task_set_load (self->tasks, self->limit, error)) == NULL)
      || (refusals = self->refusals != NULL ? moe_refusal_list_load (self->refusals, error)
                                            : moe_refusal_list_new_default ()) == NULL
      || (model = moe_study_open_model (self->model, progress, error)) == NULL)
    return NULL;

  moe_evaluation_options_init (&options);
  options.sets = (const MoeEvaluationSet *) (gpointer) sets->data;
  options.n_sets = sets->len;
  options.refusals = refusals;
  options.text = text;
  options.text_length = text_length;
  options.text_name = text_name;
  options.tasks = tasks;
  options.max_tokens = self->max_tokens;
  options.temperature = (float) self->temperature;
  options.seed = self->seed;
  options.raw = self->raw;
  options.system = self->system;
  options.window = self->window;
  if (!calibrate (self, model, &session, &means, moe_progress_part_init (&part, progress, 0, 0.05), error))
    return NULL;
  loads = moe_evaluate_count_loads (model, &session, &options,
                                    moe_progress_part_init (&part, progress, 0.05, 0.1), error);
  if (loads == NULL || !make_conditions (self, moe_model_get_info (model), means, loads, conditions, error))
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
