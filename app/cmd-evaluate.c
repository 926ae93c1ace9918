/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "analysis/moe-calibrate.h"
#include "analysis/moe-evaluate.h"
#include "analysis/moe-held-out.h"
#include "app/cli-files.h"
#include "app/cli-interventions.h"
#include "app/cli-options.h"
#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-number.h"
#include "ui/moe-evaluation-exhibit.h"

#define MAX_TEXT_BYTES (1u << 30)

/* What is given on the command line. */
typedef struct
{
  MoeCliRun            run;
  MoeCliOutput         output;
  MoeCliFiles          files;
  MoeCliInterventions  interventions;
  char               **prompts, **harmless;
  char                *column, *system, *text, *tasks, *refusals, *controls, *ranking, *top, *mode;
  char                *strengths, *answers, *calibrate, *picture;
  gint                 limit, skip, max_tokens, window;
  gdouble              temperature;
  gboolean             raw;
  /* From check(): */
  MoeControls          wanted;
  GArray              *counts; /* of double: numbers of experts */
  GArray              *grades; /* of double: strengths */
  MoeMode              top_mode;
} Options;

static void
options_clear (Options *self)
{
  char **texts[] = { &self->column, &self->system, &self->text, &self->tasks, &self->refusals,
                     &self->controls, &self->ranking, &self->top, &self->mode, &self->strengths,
                     &self->answers, &self->calibrate, &self->picture };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
  g_clear_pointer (&self->prompts, g_strfreev);
  g_clear_pointer (&self->harmless, g_strfreev);
  g_clear_pointer (&self->counts, g_array_unref);
  g_clear_pointer (&self->grades, g_array_unref);
  moe_cli_run_clear (&self->run);
  moe_cli_output_clear (&self->output);
  moe_cli_files_clear (&self->files);
  moe_cli_interventions_clear (&self->interventions);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
add_options (Options        *self,
             GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "prompts", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->prompts,
      "Prompts of which refusals are counted (can be repeated)", "FILE" },
    { "harmless", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->harmless,
      "Harmless prompts, of which refusals are over-refusals (can be repeated)", "FILE" },
    { "column", 0, 0, G_OPTION_ARG_STRING, &self->column,
      "Column of CSV files (default: the first known one)", "C" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit, "Only the first N prompts, or tasks, of each file",
      "N" },
    { "skip", 0, 0, G_OPTION_ARG_INT, &self->skip, "Leave out the first N prompts of each file", "N" },
    { "text", 0, 0, G_OPTION_ARG_FILENAME, &self->text, "Text whose perplexity is measured", "FILE" },
    { "window", 0, 0, G_OPTION_ARG_INT, &self->window, "Tokens of text read at a time (default 512)", "N" },
    { "tasks", 0, 0, G_OPTION_ARG_FILENAME, &self->tasks,
      "JSON lines {\"prompt\", \"choices\", \"answer\": number} or {\"prompt\", \"answer\": text}", "FILE" },
    { "refusals", 0, 0, G_OPTION_ARG_FILENAME, &self->refusals,
      "Openers of refusals, one a line (default: twelve usual ones)", "FILE" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &self->max_tokens,
      "Tokens of an answer at most (default 64; 0: only the refusal score)", "N" },
    { "temperature", 't', 0, G_OPTION_ARG_DOUBLE, &self->temperature,
      "0, the default, takes the likeliest token", "T" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &self->raw, "Prompts as they are, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &self->system, "System message", "TEXT" },
    { "controls", 0, 0, G_OPTION_ARG_STRING, &self->controls,
      "random:N (draws matched on layer and load), reversed, bottom (of --ranking), with commas", "LIST" },
    { "ranking", 0, 0, G_OPTION_ARG_FILENAME, &self->ranking,
      "CSV with the columns layer and expert, as contrast writes it", "FILE" },
    { "top", 0, 0, G_OPTION_ARG_STRING, &self->top,
      "Disable so many of the ranking's first experts, e.g. 1,2,5,10", "NUMBERS" },
    { "mode", 0, 0, G_OPTION_ARG_STRING, &self->mode, "Of --top: refill (default), drop, zero, mean or copy",
      "MODE" },
    { "strengths", 0, 0, G_OPTION_ARG_STRING, &self->strengths,
      "The mask and its controls at other strengths too, e.g. 0.5,2: biases times it; disabled experts "
      "scaled by 1 - it",
      "NUMBERS" },
    { "calibrate", 0, 0, G_OPTION_ARG_FILENAME, &self->calibrate,
      "Prompts over which mean outputs are taken, for mode mean", "FILE" },
    { "picture", 0, 0, G_OPTION_ARG_STRING, &self->picture,
      "What --svg, --pdf and --png draw: shares (default), a metric such as refusal or kl, or a metric over "
      "--top or --strengths: refusal:top, kl:strength", "PICTURE" },
    { "answers", 0, 0, G_OPTION_ARG_FILENAME, &self->answers,
      "Write every answer to this file, or go on with it", "FILE" },
    { NULL }
  };

  self->max_tokens = 64;
  self->window = 512;
  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_run_add (&self->run, context);
  moe_cli_output_add (&self->output, context);
  moe_cli_files_add (&self->files, context, FALSE);
  moe_cli_interventions_add (&self->interventions, context);
}

static gboolean
parse_mode (const char *name,
            MoeMode    *mode)
{
  g_autoptr(GArray) parsed = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
  g_autofree char *text = g_strconcat ("L0E0:", name != NULL ? name : "refill", NULL);

  if (!moe_intervention_parse (text, MOE_ACTION_DISABLE, MOE_SCOPE_BOTH, parsed, NULL))
    return FALSE;
  *mode = g_array_index (parsed, MoeIntervention, 0).mode;
  return TRUE;
}

static gboolean
check (Options    *self,
       const char *command)
{
  g_autoptr(GError) error = NULL;

  if (!moe_cli_run_check (&self->run, command) || !moe_cli_output_check (&self->output, command)
      || !moe_cli_interventions_check (&self->interventions, command))
    return FALSE;
  if (self->prompts == NULL && self->harmless == NULL && self->text == NULL && self->tasks == NULL)
    moe_cli_usage (command, "there is nothing to evaluate: no --prompts, --harmless, --text or --tasks");
  else if (self->limit < 0)
    moe_cli_usage (command, "--limit %d is negative", self->limit);
  else if (self->skip < 0)
    moe_cli_usage (command, "--skip %d is negative", self->skip);
  else if (self->max_tokens < 0)
    moe_cli_usage (command, "--max-tokens %d is negative", self->max_tokens);
  else if (self->window < 2)
    moe_cli_usage (command, "--window %d is below 2", self->window);
  else if (!(self->temperature >= 0 && self->temperature <= 1000))
    moe_cli_usage (command, "--temperature must be between 0 and 1000");
  else if (self->raw && self->system != NULL)
    moe_cli_usage (command, "--system needs the chat template, which --raw leaves out");
  else if (self->system != NULL && !g_utf8_validate (self->system, -1, NULL))
    moe_cli_usage (command, "--system is not UTF-8 text");
  else if (self->controls != NULL && !moe_controls_parse (self->controls, &self->wanted, &error))
    moe_cli_usage (command, "--controls: %s", error->message);
  else if (!moe_number_parse_list (self->top, 1, 1e6, TRUE, &self->counts))
    moe_cli_usage (command, "--top %s is no list of whole numbers above 0", self->top);
  else if (!moe_number_parse_list (self->strengths, -1000, 1000, FALSE, &self->grades))
    moe_cli_usage (command, "--strengths %s is no list of numbers from -1000 to 1000", self->strengths);
  else if (!parse_mode (self->mode, &self->top_mode))
    moe_cli_usage (command, "--mode %s is none of refill, drop, zero, mean and copy", self->mode);
  else if ((self->top != NULL || self->wanted.bottom) && self->ranking == NULL)
    moe_cli_usage (command, "%s needs --ranking", self->top != NULL ? "--top" : "--controls bottom");
  else if (self->strengths != NULL && !moe_cli_interventions_given (&self->interventions))
    moe_cli_usage (command, "--strengths needs a mask, or other interventions, whose strength it is");
  else
    return TRUE;
  return FALSE;
}

static gboolean
load_sets (char     **paths,
           gboolean   harmless,
           Options   *self,
           GArray    *sets, /* of MoeEvaluationSet */
           GError   **error)
{
  const MoePromptSetOptions columns = {
    .column = self->column, .limit = (guint) self->limit, .skip = (guint) self->skip,
  };

  for (guint i = 0; paths != NULL && paths[i] != NULL; i++)
    {
      g_autofree char *base = g_path_get_basename (paths[i]);
      char *dot = strrchr (base, '.');
      MoeEvaluationSet set = { .harmless = harmless };

      if (dot != NULL && dot != base)
        *dot = '\0';
      for (guint s = 0; s < sets->len; s++)
        if (g_str_equal (g_array_index (sets, MoeEvaluationSet, s).name, base))
          {
            g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: another prompt set is called %s too",
                         paths[i], base);
            return FALSE;
          }
      set.set = moe_prompt_set_load_full (paths[i], &columns, error);
      if (set.set == NULL)
        return FALSE;
      set.name = g_steal_pointer (&base);
      g_array_append_val (sets, set);
    }
  return TRUE;
}

static void
clear_set (gpointer data)
{
  MoeEvaluationSet *set = data;

  moe_prompt_set_unref (set->set);
  g_free ((char *) set->name);
}

static void
report (double      fraction,
        const char *what,
        gpointer    user_data)
{
  moe_cli_progress_show (user_data, FALSE, "%.0f %%: %s", 100 * fraction, what);
}

/* The files that are read before the model is. */
typedef struct
{
  GArray         *sets;     /* of MoeEvaluationSet */
  MoeTaskSet     *tasks;
  MoeRefusalList *refusals;
  MoePromptSet   *calibration;
  char           *text;
  gsize           text_length;
} Inputs;

static void
inputs_clear (Inputs *self)
{
  g_clear_pointer (&self->sets, g_array_unref);
  g_clear_pointer (&self->tasks, moe_task_set_unref);
  g_clear_pointer (&self->refusals, moe_refusal_list_unref);
  g_clear_pointer (&self->calibration, moe_prompt_set_unref);
  g_clear_pointer (&self->text, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Inputs, inputs_clear)

static gboolean
load_inputs (Options  *options,
             Inputs   *self,
             GError  **error)
{
  self->sets = g_array_new (FALSE, TRUE, sizeof (MoeEvaluationSet));
  g_array_set_clear_func (self->sets, clear_set);
  self->refusals = options->refusals != NULL ? moe_refusal_list_load (options->refusals, error)
                                             : moe_refusal_list_new_default ();
  if (self->refusals == NULL || !load_sets (options->prompts, FALSE, options, self->sets, error)
      || !load_sets (options->harmless, TRUE, options, self->sets, error))
    return FALSE;
  if (options->tasks != NULL
      && (self->tasks = moe_task_set_load (options->tasks, (guint) options->limit, error)) == NULL)
    return FALSE;
  if (options->calibrate != NULL
      && (self->calibration = moe_prompt_set_load (options->calibrate, options->column, 0, error)) == NULL)
    return FALSE;
  return options->text == NULL
         || moe_file_read (options->text, MAX_TEXT_BYTES, &self->text, &self->text_length, error);
}

static gboolean
warn_of_overlap (const Options  *options,
                 const Inputs   *inputs,
                 GError        **error)
{
  g_autoptr(GError) local = NULL;
  g_autofree char *warning = NULL;

  if (options->ranking == NULL)
    return TRUE;
  warning = moe_held_out_warn (options->ranking, (const MoeEvaluationSet *) (gpointer) inputs->sets->data,
                               inputs->sets->len, &local);
  if (warning != NULL)
    moe_cli_message ("%s; rank on some (--skip, --limit) and evaluate on others", warning);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* The mask, the sweeps, and the controls of each. */
static gboolean
make_conditions (Options              *options,
                 MoeModel             *model,
                 MoeMask              *mask,
                 MoeExpertMeans       *means,
                 const guint64        *loads,
                 GPtrArray            *conditions,
                 GError              **error)
{
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autoptr(MoeRanking) ranking = NULL;
  MoeSweep sweep = {
    .mask = mask, .counts = options->counts, .top_mode = options->top_mode, .means = means,
    .strengths = options->grades, .controls = options->wanted, .loads = loads,
    .seed = (guint64) options->run.seed,
  };

  if (options->ranking != NULL && (ranking = moe_ranking_load (options->ranking, info, error)) == NULL)
    return FALSE;
  if (options->run.control->vector != NULL && moe_mask_get_n (mask) == 0)
    moe_conditions_add_one (conditions, "control", NULL);
  sweep.ranking = ranking;
  return moe_conditions_add_sweep (conditions, &sweep, info, error);
}

static MoeTable *
run_evaluation (Options            *options,
                Inputs             *inputs,
                MoeModel           *model,
                MoeMask            *mask,
                const MoeProgress  *progress,
                GError            **error)
{
  g_autoptr(GPtrArray) conditions = moe_conditions_new ();
  g_autoptr(MoeExpertMeans) means = NULL;
  g_autofree guint64 *loads = NULL;
  g_autofree char *text_name = options->text != NULL ? g_path_get_basename (options->text) : NULL;
  MoeSessionOptions session;
  MoeEvaluationOptions evaluation;

  moe_cli_run_get_session_options (&options->run, &session);
  moe_evaluation_options_init (&evaluation);
  evaluation.sets = (const MoeEvaluationSet *) (gpointer) inputs->sets->data;
  evaluation.n_sets = inputs->sets->len;
  evaluation.text = inputs->text;
  evaluation.text_length = inputs->text_length;
  evaluation.text_name = text_name;
  evaluation.tasks = inputs->tasks;
  evaluation.refusals = inputs->refusals;
  evaluation.max_tokens = (guint) options->max_tokens;
  evaluation.temperature = (float) options->temperature;
  evaluation.seed = (guint64) options->run.seed;
  evaluation.raw = options->raw;
  evaluation.system = options->system;
  evaluation.window = (guint) options->window;

  if (inputs->calibration != NULL
      && (means = moe_calibrate_means (model, &session, inputs->calibration, options->raw, options->system,
                                       progress, error)) == NULL)
    return NULL;
  loads = moe_evaluate_count_loads (model, &session, &evaluation, progress, error);
  if (loads == NULL || !make_conditions (options, model, mask, means, loads, conditions, error))
    return NULL;
  return moe_evaluate (model, &session, conditions, &evaluation, options->answers, progress, error);
}

int
moe_cli_evaluate (int    argc,
                  char **argv)
{
  g_auto(Options) options = { { 0 } };
  g_auto(Inputs) inputs = { NULL };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), report, &shown };
  GOptionContext *context = moe_cli_context_new (
    "MODEL",
    "What a mask does, beside its controls: refusals, fluency, KL to the plain model, perplexity, tasks.",
    "moescope-cli evaluate demo-q8_0.gguf --prompts harmful.csv --harmless harmless.csv --mask quiet.json "
    "--controls random:5,reversed --answers answers.jsonl");

  add_options (&options, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !check (&options, argv[0]))
    return MOE_CLI_USAGE;
  if (!load_inputs (&options, &inputs, &error) || !warn_of_overlap (&options, &inputs, &error))
    return moe_cli_fail (error);
  model = moe_cli_run_open (&options.run, words[0], &error);
  if (model == NULL
      || !moe_cli_interventions_load (&options.interventions, moe_model_get_info (model), &mask, &error))
    return moe_cli_fail (error);

  moe_cli_progress_init (&shown, options.run.progress);
  table = run_evaluation (&options, &inputs, model, mask, &progress, &error);
  moe_cli_progress_end (&shown);
  if (table == NULL)
    return moe_cli_fail (error);
  if (mask != NULL)
    moe_cli_add_provenance (table, moe_model_get_info (model), mask);
  exhibit = moe_evaluation_exhibit_new (table, options.picture, &error);
  return exhibit != NULL && moe_cli_files_write (&options.files, &options.output, exhibit, &error)
             ? MOE_CLI_DONE : moe_cli_fail (error);
}
