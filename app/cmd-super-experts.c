/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-router-scores.h"
#include "analysis/moe-super-published.h"
#include "analysis/moe-super-views.h"
#include "analysis/moe-super-weights.h"
#include "app/cli-causal.h"
#include "app/cli-options.h"
#include "app/cli-rerun.h"
#include "app/cli-source.h"
#include "data/moe-error.h"

typedef enum
{
  VIEW_RANKING,
  VIEW_EXPERTS,
  VIEW_LAYERS,
  VIEW_TAIL,
  VIEW_ROUTER,
  VIEW_PUBLISHED,
  N_VIEWS
} View;

static const char *const views[] = { "ranking", "experts", "layers", "tail", "router", "published" };

static gboolean
parse_view (const char *command,
            const char *text,
            View       *view)
{
  for (*view = VIEW_RANKING; text != NULL && *view < N_VIEWS; (*view)++)
    {
      if (g_str_equal (text, views[*view]))
        return TRUE;
    }
  if (text != NULL)
    moe_cli_usage (command, "--view %s is none of ranking, experts, layers, tail, router and published",
                   text);
  return text == NULL;
}

static gboolean
parse_choices (const char      *command,
               const char      *layers,
               const char      *reduction,
               const char      *phase,
               double           ratio,
               MoeSuperOptions *options)
{
  g_autoptr(GError) error = NULL;

  if (layers != NULL && !moe_super_options_parse_layers (options, layers, &error))
    moe_cli_usage (command, "--layers: %s", error->message);
  else if (phase != NULL && !moe_phases_parse (phase, &options->phases, &error))
    moe_cli_usage (command, "--phase: %s", error->message);
  else if (reduction != NULL && !g_str_equal (reduction, "all") && !g_str_equal (reduction, "first-row"))
    moe_cli_usage (command, "--reduction %s is none of all and first-row", reduction);
  else if (!(ratio >= 1 && ratio <= 1e9))
    moe_cli_usage (command, "--ratio must be 1 to 1e9");
  else
    {
      options->first_row = g_strcmp0 (reduction, "first-row") == 0;
      options->ratio = ratio;
      return TRUE;
    }
  return FALSE;
}

/* @model: NULL leaves the super weights unknown. */
static MoeTable *
make_ranking (MoeCliSource     *source,
              MoeSuperExperts  *experts,
              MoeModel         *model,
              GError          **error)
{
  if (model != NULL)
    {
      g_autoptr(MoeSession) session = moe_cli_run_session (&source->run, model, error);

      if (session == NULL
          || !moe_super_experts_find_weights (experts, source->recording, session, moe_cli_get_cancellable (),
                                              error))
        return NULL;
    }
  return moe_super_experts_to_table (experts, source->recording, error);
}

static MoeTable *
make_published (MoeCliSource     *source,
                MoeSuperExperts  *experts,
                GError          **error)
{
  g_autoptr(MoePublishedExperts) published = moe_published_experts_load (NULL, error);
  g_autoptr(GError) local = NULL;
  MoeTable *table;

  if (published == NULL)
    return NULL;
  table = moe_super_published_to_table (experts, published, source->recording, &local);
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  else if (table == NULL)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: nothing is published about super experts of %s",
                 moe_recording_get_path (source->recording), moe_super_experts_get_info (experts)->name);
  return table;
}

/* Only a model that somebody wrote about has more to say than its verdict. */
static void
tell_published (MoeSuperExperts *experts)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(MoePublishedExperts) published = moe_published_experts_load (NULL, &error);
  g_autofree char *text = NULL;

  if (published != NULL)
    text = moe_super_published_describe (experts, published);
  if (error != NULL)
    moe_cli_message ("%s", error->message);
  else if (text != NULL)
    moe_cli_message ("%s", text);
}

/* @model: NULL when only the recording is there. */
static MoeTable *
make_view (MoeCliSource     *source,
           View              view,
           MoeSuperExperts  *experts,
           MoeModel         *model,
           GError          **error)
{
  switch (view)
    {
    case VIEW_EXPERTS:
      return moe_super_view_experts (experts, source->recording, error);
    case VIEW_LAYERS:
      return moe_super_view_layers (experts, source->recording, error);
    case VIEW_TAIL:
      return moe_super_view_tail (experts, source->recording, error);
    case VIEW_ROUTER:
      {
        g_auto(MoeCliRerun) rerun = { NULL };
        g_autoptr(MoeTable) table = NULL;

        if (!moe_cli_rerun_begin (&rerun, source, model, error))
          return NULL;
        table = moe_router_scores_report (rerun.session, rerun.prompts, rerun.mask, &rerun.progress, error);
        return moe_cli_rerun_end (&rerun, source, g_steal_pointer (&table), error);
      }
    case VIEW_PUBLISHED:
      return make_published (source, experts, error);
    default:
      return make_ranking (source, experts, model, error);
    }
}

int
moe_cli_super_experts (int    argc,
                       char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
  g_auto(MoeCliCausal) causal = { FALSE };
  g_auto(MoeSuperOptions) options;
  g_autofree char *layers = NULL, *reduction = NULL, *phase = NULL, *path = NULL, *view_name = NULL;
  View view;
  double ratio = MOE_MASSIVE_RATIO;
  const GOptionEntry entries[] = {
    { "layers", 0, 0, G_OPTION_ARG_STRING, &layers,
      "That form massive activations: paper (the first three quarters, default), growth, all, or as in 0-5,7",
      "LAYERS" },
    { "reduction", 0, 0, G_OPTION_ARG_STRING, &reduction,
      "Largest output over all tokens (default), or over first-row, each prompt's first that an expert gets",
      "all|first-row" },
    { "phase", 0, 0, G_OPTION_ARG_STRING, &phase,
      "prompt-template, prompt, thinking, answer, teacher-forced, several with commas, or all (default)",
      "PHASE" },
    { "ratio", 0, 0, G_OPTION_ARG_DOUBLE, &ratio,
      "What |h| must be of the median to be massive (default 1000)", "N" },
    { "view", 0, 0, G_OPTION_ARG_STRING, &view_name,
      "ranking (default), experts, layers, tail (CCDF with a power law), router (scores at the first token), "
      "published (what others found in this model)",
      "VIEW" },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path,
      "Of a recording, for the super weights, --causal and --view router", "FILE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeSuperExperts) experts = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeTable) table = NULL;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "The experts by their largest down_proj output, which of them are super experts, and the verdict; or, "
    "with --causal, what the model loses without them. SOURCE is a recording, or a model with --prompts, "
    "which is profiled first.",
    "moescope-cli super-experts demo-q8_0.gguf --prompts harmless.csv");

  moe_super_options_init (&options);
  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_causal_add (&causal, context);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0]) || !moe_cli_causal_check (&causal, argv[0])
      || !parse_view (argv[0], view_name, &view)
      || !parse_choices (argv[0], layers, reduction, phase, ratio, &options))
    return MOE_CLI_USAGE;

  if (causal.wanted && view != VIEW_RANKING)
    return moe_cli_usage (argv[0], "--view and --causal exclude each other");
  if (!moe_cli_source_open (&source, words[0], &error)
      || !moe_cli_source_open_model (&source, path, &model, &error))
    return moe_cli_fail (error);
  if (causal.wanted && model == NULL)
    return moe_cli_usage (argv[0], "--causal runs the model of the recording: --model is missing");
  if (view == VIEW_ROUTER && model == NULL)
    return moe_cli_usage (argv[0], "--view router runs the model of the recording: --model is missing");
  experts = moe_super_experts_new (source.recording, &options, &error);
  if (experts == NULL)
    return moe_cli_fail (error);
  if (causal.wanted)
    table = moe_cli_causal_run (&causal, &source, model, experts, &error);
  else
    table = make_view (&source, view, experts, model, &error);
  if (table == NULL || !moe_cli_output_table (&output, table, &error))
    return moe_cli_fail (error);
  moe_cli_message ("%s", moe_super_experts_get_verdict (experts));
  tell_published (experts);
  return MOE_CLI_DONE;
}
