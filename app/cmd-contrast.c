/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "analysis/moe-report.h"
#include "analysis/moe-contrast-control.h"
#include "app/cli-files.h"
#include "app/cli-interventions.h"
#include "app/cli-mask-out.h"
#include "app/cli-sets.h"
#include "app/cli-source.h"
#include "data/moe-error.h"
#include "ui/moe-contrast-exhibit.h"

/* Tokens generated for a span that has no number: enough to see how an answer begins. */
#define USUAL_ANSWER 16
/* Tokens after which it is clear whether an answer is a refusal. */
#define JUDGED_ANSWER 32
/* The false discovery rate at which an expert is said to be found. */
#define FOUND_Q 0.05
/* Tokens for the text around a thinking block's first ones. */
#define AROUND_THINKING 8

typedef struct
{
  MoeCliOutput         output;
  MoeCliFiles          files;
  MoeCliRun            run;
  MoeCliInterventions  interventions;
  MoeCliSets           sets;
  MoeCliMaskOut        mask_out;
  char                *score, *order, *span, *span_a, *span_b, *marker, *refusals;
  char                *picture;
  gint                 permutations, bootstrap, resamples, stability_top, controls, top;
  MoeContrastPicture   picture_value;
  MoeContrastOptions   options;
  MoeSpan              span_value, span_b_value;
} Command;

static void
command_clear (Command *self)
{
  moe_cli_output_clear (&self->output);
  moe_cli_files_clear (&self->files);
  moe_cli_run_clear (&self->run);
  moe_cli_interventions_clear (&self->interventions);
  moe_cli_sets_clear (&self->sets);
  moe_cli_mask_out_clear (&self->mask_out);
  g_free (self->score);
  g_free (self->order);
  g_free (self->span);
  g_free (self->span_a);
  g_free (self->span_b);
  g_free (self->marker);
  g_free (self->refusals);
  g_free (self->picture);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Command, command_clear)

static gboolean
check_count (const char *command,
             const char *option,
             gint        value,
             gint        most)
{
  if (value >= 0 && value <= most)
    return TRUE;
  moe_cli_usage (command, "--%s %d is not 0 to %d", option, value, most);
  return FALSE;
}

static gboolean
parse_choices (Command    *self,
               const char *command)
{
  g_autoptr(GError) error = NULL;

  moe_contrast_options_init (&self->options);
  if (self->score == NULL && (self->sets.pairs || self->sets.by_span))
    self->options.score = MOE_SCORE_PAIRED_RD;
  if (!check_count (command, "permutations", self->permutations, 1000000)
      || !check_count (command, "bootstrap", self->bootstrap, 10000)
      || !check_count (command, "resamples", self->resamples, 10000)
      || !check_count (command, "stability-top", self->stability_top, G_MAXINT)
      || !check_count (command, "controls", self->controls, 100000)
      || !check_count (command, "top", self->top, G_MAXINT))
    return FALSE;
  if (self->score != NULL && !moe_score_parse (self->score, &self->options.score))
    {
      g_autoptr(GString) names = g_string_new (NULL);

      for (guint i = 0; i < MOE_N_SCORES; i++)
        g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", moe_score_get_name ((MoeScore) i));
      moe_cli_usage (command, "--score %s is none of %s", self->score, names->str);
      return FALSE;
    }
  if (self->order != NULL && !moe_contrast_order_parse (self->order, &self->options.order))
    {
      moe_cli_usage (command, "--order %s is none of a, b and both", self->order);
      return FALSE;
    }
  if (self->picture != NULL && !moe_contrast_picture_parse (self->picture, &self->picture_value))
    {
      moe_cli_usage (command, "--picture %s is none of map, scatter and ranks", self->picture);
      return FALSE;
    }
  if (self->sets.by_span && (self->span != NULL || self->span_a == NULL || self->span_b == NULL))
    {
      moe_cli_usage (command, "--span-a and --span-b belong together, in the place of --span");
      return FALSE;
    }
  if (!moe_span_parse (self->sets.by_span ? self->span_a : self->span != NULL ? self->span : "prompt",
                       &self->span_value, &error))
    {
      moe_cli_usage (command, "--span%s: %s", self->sets.by_span ? "-a" : "", error->message);
      return FALSE;
    }
  if (self->sets.by_span && !moe_span_parse (self->span_b, &self->span_b_value, &error))
    {
      moe_cli_usage (command, "--span-b: %s", error->message);
      return FALSE;
    }
  self->options.n_permutations = (guint) self->permutations;
  self->options.n_bootstrap = (guint) self->bootstrap;
  self->options.n_resamples = (guint) self->resamples;
  self->options.n_top = (guint) self->stability_top;
  self->options.seed = (guint64) self->run.seed;
  return TRUE;
}

static gboolean
has_answers (const MoeCliSets *sets)
{
  MoePromptSet * const both[] = { sets->set_a, sets->set_b };

  for (guint side = 0; side < G_N_ELEMENTS (both); side++)
    for (guint i = 0; i < moe_prompt_set_get_n (both[side]); i++)
      if (moe_prompt_set_get (both[side], i)->answer != NULL)
        return TRUE;
  return FALSE;
}

static guint
get_n_generate (const Command *self)
{
  guint n = self->span_value.n > 0 ? self->span_value.n : USUAL_ANSWER;

  if (self->sets.generate >= 0)
    return (guint) self->sets.generate;
  if (self->sets.by_answer)
    return MAX (JUDGED_ANSWER, self->span_value.n);
  if (self->span_value.kind == MOE_SPAN_THINKING)
    return n + AROUND_THINKING;
  return self->span_value.kind == MOE_SPAN_ANSWER && !has_answers (&self->sets) ? n : 0;
}

/* The token that --marker spells. */
static gboolean
find_marker (const Command  *self,
             const MoeModel *model,
             gint32         *marker,
             GError        **error)
{
  g_autofree gint32 *tokens = NULL;
  gsize n;

  *marker = -1;
  if (self->marker == NULL)
    return TRUE;
  tokens = moe_tokenizer_encode (moe_model_get_tokenizer (model), self->marker, strlen (self->marker),
                                 MOE_TOKENIZE_PARSE_SPECIAL, &n);
  if (n != 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "--marker: '%s' is %" G_GSIZE_FORMAT " tokens, not one", self->marker, n);
      return FALSE;
    }
  *marker = tokens[0];
  return TRUE;
}

static MoeContrastCounts *
count_session (Command                    *self,
               MoeSession                 *session,
               gint32                      marker,
               const MoePromptRunOptions  *options,
               const MoeProgress          *progress,
               GError                    **error)
{
  g_autoptr(MoeRefusalList) refusals = NULL;
  g_autoptr(MoePromptSet) all = NULL;

  if (!self->sets.by_answer)
    return moe_contrast_counts_run (session, self->sets.set_a, self->sets.set_b, &self->span_value, marker,
                                    options, progress, error);
  refusals = self->refusals != NULL ? moe_refusal_list_load (self->refusals, error)
                                    : moe_refusal_list_new_default ();
  if (refusals == NULL)
    return NULL;
  all = g_steal_pointer (&self->sets.set_a);
  return moe_contrast_counts_run_by_answer (session, all, refusals, &self->span_value, marker, options,
                                            &self->sets.set_a, &self->sets.set_b, progress, error);
}

static MoeContrastCounts *
count_model (Command            *self,
             const char         *path,
             MoeMask           **mask,
             const MoeProgress  *progress,
             GError            **error)
{
  g_autoptr(MoeModel) model = moe_cli_run_open (&self->run, path, error);
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeContrastCounts) counts = NULL;
  MoePromptRunOptions options;
  gint32 marker;

  if (model == NULL)
    return NULL;
  if (self->sets.set_a == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, self->sets.by_span
                   ? "%s: is a model, and --span-a and --span-b are spans of a recording"
                   : "%s: is a model, so that --a must name its prompts", path);
      return NULL;
    }
  if (!find_marker (self, model, &marker, error)
      || !moe_cli_interventions_load (&self->interventions, moe_model_get_info (model), mask, error))
    return NULL;
  session = moe_cli_run_session (&self->run, model, error);
  if (session == NULL || !moe_session_set_mask (session, *mask, error))
    return NULL;
  options = (MoePromptRunOptions) {
    .raw = self->sets.raw, .system = self->sets.system, .n_generate = get_n_generate (self),
    .seed = (guint64) self->run.seed,
  };
  counts = count_session (self, session, marker, &options, progress, error);
  if (counts == NULL
      || (self->options.score == MOE_SCORE_PROJECTION
          && !moe_contrast_counts_project (counts, session, self->sets.set_a, self->sets.set_b, &options,
                                           progress, error)))
    return NULL;
  moe_cli_interventions_report (session);
  return g_steal_pointer (&counts);
}

static MoeContrastCounts *
count_recording (Command            *self,
                 const char         *path,
                 MoeRecording      **recording,
                 const MoeProgress  *progress,
                 GError            **error)
{
  g_autoptr(MoeRefusalList) refusals = NULL;

  if (self->marker != NULL || self->interventions.masks != NULL || self->interventions.given->len > 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: is not a model, so --marker and interventions cannot be used with it", path);
      return NULL;
    }
  *recording = moe_recording_open (path, error);
  if (*recording == NULL)
    return NULL;
  if (self->sets.by_span)
    return moe_contrast_counts_from_spans (*recording, &self->span_value, &self->span_b_value, progress,
                                           error);
  if (self->sets.by_answer)
    {
      refusals = self->refusals != NULL ? moe_refusal_list_load (self->refusals, error)
                                        : moe_refusal_list_new_default ();
      return refusals == NULL ? NULL
                              : moe_contrast_counts_from_answers_to (*recording, self->sets.set_a, refusals,
                                                                     &self->span_value, progress, error);
    }
  return moe_contrast_counts_from_recording (*recording, self->sets.set_a, self->sets.set_b,
                                             &self->span_value, -1, progress, error);
}

/* What a reader of the ranking must know. */
static void
warn (const Command     *self,
      const MoeContrast *contrast)
{
  guint n = self->top > 0 ? (guint) self->top : self->options.n_top;
  guint n_topic = moe_contrast_count_topic (contrast, n);

  if (moe_contrast_is_too_coarse (contrast, FOUND_Q))
    moe_cli_message ("with %u permutations p cannot be below 1/%u, which among %u experts is no finding; "
                     "more --permutations may make it one", self->options.n_permutations,
                     self->options.n_permutations + 1, moe_contrast_get_n (contrast));
  if (moe_contrast_get_n_pairs (contrast) == 0 && !self->sets.by_answer)
    moe_cli_message ("the prompts are not paired, so experts of A may be those of its topic (--pairs)");
  else if (n_topic > 0)
    moe_cli_message ("of the top %u experts, %u have less than half of their difference left between paired "
                     "prompts: they may follow the topic (column topic)", n, n_topic);
}

static gboolean
write_all (Command            *self,
           const MoeContrast  *contrast,
           const MoeTable     *control,
           const MoeMask      *mask,
           MoeRecording       *recording,
           GError            **error)
{
  const MoeModelInfo *info = moe_contrast_get_info (contrast);
  g_autoptr(MoeExhibit) exhibit = moe_contrast_exhibit_new (contrast, control, self->picture_value,
                                                              (guint) self->top);

  moe_cli_sets_add_provenance (&self->sets, exhibit->table);
  if (recording != NULL && !moe_report_add_source (exhibit->table, recording, error))
    return FALSE;
  if (recording == NULL)
    moe_cli_add_provenance (exhibit->table, info, mask);
  if (self->mask_out.path != NULL)
    {
      g_autoptr(MoeMask) made = moe_contrast_make_mask (contrast, (guint) self->mask_out.n,
                                                        self->mask_out.mode_value, MOE_SCOPE_BOTH);

      if (!moe_cli_mask_out_write (&self->mask_out, made, info, error))
        return FALSE;
    }
  return moe_cli_files_write (&self->files, &self->output, exhibit, error);
}

static gboolean
run (Command     *self,
     const char  *path,
     GError     **error)
{
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeContrastCounts) counts = NULL;
  g_autoptr(MoeContrast) contrast = NULL;
  g_autoptr(MoeTable) control = NULL;
  gboolean is_model;

  if (!moe_cli_source_is_model (path, &is_model, error) || !moe_cli_sets_load (&self->sets, error))
    return FALSE;
  moe_cli_progress_init (&shown, self->run.progress);
  counts = is_model ? count_model (self, path, &mask, &progress, error)
                    : count_recording (self, path, &recording, &progress, error);
  if (counts != NULL)
    contrast = moe_contrast_new (counts, &self->options, &progress, error);
  if (contrast != NULL && self->controls > 0)
    control = moe_contrast_control (counts, &self->options, (guint) self->controls, MOE_CONTRAST_N_RANKS,
                                    &progress, error);
  moe_cli_progress_end (&shown);
  if (contrast == NULL || (control == NULL && self->controls > 0)
      || !write_all (self, contrast, control, mask, recording, error))
    return FALSE;
  if (counts->n_skipped > 0)
    moe_cli_message ("%u prompts have no token in the span and were left out", counts->n_skipped);
  warn (self, contrast);
  return TRUE;
}

int
moe_cli_contrast (int    argc,
                  char **argv)
{
  g_auto(Command) self = { .permutations = 1000, .bootstrap = 1000, .resamples = 100, .stability_top = 20,
                           .controls = MOE_CONTRAST_N_CONTROLS };
  const GOptionEntry entries[] = {
    { "score", 0, 0, G_OPTION_ARG_STRING, &self.score,
      "prompt-rd (default), rd, paired-rd, ftri, stability, utility, npmi, projection or weight", "SCORE" },
    { "order", 0, 0, G_OPTION_ARG_STRING, &self.order,
      "What comes first: experts of a (default), of b, or both by size", "a|b|both" },
    { "span", 0, 0, G_OPTION_ARG_STRING, &self.span,
      "Tokens looked at: prompt (default), last[:N], answer[:N], thinking[:N], target or all", "SPAN" },
    { "span-a", 0, 0, G_OPTION_ARG_STRING, &self.span_a,
      "Of a recording, in place of two sets: this part of every prompt", "SPAN" },
    { "span-b", 0, 0, G_OPTION_ARG_STRING, &self.span_b, "against this one, e.g. prompt against answer:8",
      "SPAN" },
    { "marker", 0, 0, G_OPTION_ARG_STRING, &self.marker, "The marker token of npmi (default: being of A)",
      "TEXT" },
    { "refusals", 0, 0, G_OPTION_ARG_FILENAME, &self.refusals,
      "What refusals begin with, one a line, for --by-answer (default: the usual ones)", "FILE" },
    { "permutations", 0, 0, G_OPTION_ARG_INT, &self.permutations, "For p and q (default 1000)", "N" },
    { "bootstrap", 0, 0, G_OPTION_ARG_INT, &self.bootstrap, "Samples for low and high (default 1000)", "N" },
    { "resamples", 0, 0, G_OPTION_ARG_INT, &self.resamples, "For the stability (default 100)", "N" },
    { "stability-top", 0, 0, G_OPTION_ARG_INT, &self.stability_top,
      "An expert is stable that is among the top N (default 20) of a resample", "N" },
    { "controls", 0, 0, G_OPTION_ARG_INT, &self.controls,
      "Rankings with shuffled labels, for the band in the first 50 ranks (default 40)", "N" },
    { "picture", 0, 0, G_OPTION_ARG_STRING, &self.picture,
      "What --svg, --pdf and --png draw: map (default), scatter or ranks", "PICTURE" },
    { "top", 0, 0, G_OPTION_ARG_INT, &self.top, "Only the first N ranks (default: all)", "N" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "The experts that tell prompt set A from prompt set B, with permutation p, false discovery rate q, "
    "bootstrap interval and stability. SOURCE is a model, or a recording of these prompts.",
    "moescope-cli contrast demo-q8_0.gguf --a harmful.csv --b harmless.csv --span last --top 20 "
    "--mask-out quiet.json --disable-top 5");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_sets_add (&self.sets, context);
  moe_cli_mask_out_add (&self.mask_out, context);
  moe_cli_output_add (&self.output, context);
  moe_cli_files_add (&self.files, context, FALSE);
  moe_cli_run_add (&self.run, context);
  moe_cli_interventions_add (&self.interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words))
    return MOE_CLI_USAGE;
  self.sets.by_span = self.span_a != NULL || self.span_b != NULL;
  if (!moe_cli_sets_check (&self.sets, argv[0])
      || !moe_cli_mask_out_check (&self.mask_out, argv[0]) || !moe_cli_output_check (&self.output, argv[0])
      || !moe_cli_run_check (&self.run, argv[0])
      || !moe_cli_interventions_check (&self.interventions, argv[0]) || !parse_choices (&self, argv[0]))
    return MOE_CLI_USAGE;
  return run (&self, words[0], &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
