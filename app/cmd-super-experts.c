/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-router-scores.h"
#include "analysis/moe-super-published.h"
#include "analysis/moe-super-weights.h"
#include "app/cli-causal.h"
#include "app/cli-files.h"
#include "app/cli-rerun.h"
#include "app/cli-source.h"
#include "data/moe-error.h"
#include "ui/moe-causal-plot.h"
#include "ui/moe-super-plot.h"

/* Those with pictures are MoeSuperPlot. */
#define VIEW_ROUTER    MOE_N_SUPER_PLOTS
#define VIEW_PUBLISHED (VIEW_ROUTER + 1)

static gboolean
parse_view (const char *command,
            const char *text,
            guint      *view)
{
  for (*view = 0; text != NULL && *view <= VIEW_PUBLISHED; (*view)++)
    {
      if (g_str_equal (text, *view == VIEW_PUBLISHED ? "published" : *view == VIEW_ROUTER ? "router"
                             : moe_super_plot_get_name (*view)))
        return TRUE;
    }
  if (text != NULL)
    moe_cli_usage (command, "--view %s is none of ranking, experts, layers, tail, router and published",
                   text);
  return text == NULL;
}

/* @name: NULL for the first picture of what is asked for. */
static gboolean
parse_plot (const char         *command,
            const char         *name,
            const MoeCliCausal *causal,
            MoeCausalPlot      *plot)
{
  static const MoeCausalPlot first[] = { MOE_CAUSAL_PERPLEXITY, MOE_CAUSAL_RESIDUAL, MOE_CAUSAL_HEADS };
  static const char *const choices[] = { "perplexity, sink_share and max_h", "residual and sinks", "heads" };
  MoeCausalDetail detail = moe_cli_causal_get_detail (causal);

  *plot = first[detail];
  if (name == NULL
      || (causal->wanted && moe_causal_plot_parse (name, plot)
          && moe_causal_plot_get_detail (*plot) == detail))
    return TRUE;
  if (!causal->wanted)
    moe_cli_usage (command, "--plot goes with --causal; --view has a picture of its own");
  else
    moe_cli_usage (command, "--plot %s is none of %s", name, choices[detail]);
  return FALSE;
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
static MoeExhibit *
make_view (MoeCliSource     *source,
           MoeSuperPlot      plot,
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
  return moe_super_exhibit_new (experts, source->recording, plot, error);
}

static MoeExhibit *
make_router (MoeCliSource  *source,
             MoeModel      *model,
             GError       **error)
{
  g_auto(MoeCliRerun) rerun = { NULL };
  g_autoptr(MoeTable) table = NULL;

  if (!moe_cli_rerun_begin (&rerun, source, model, error))
    return NULL;
  table = moe_router_scores_report (rerun.session, rerun.prompts, rerun.mask, &rerun.progress, error);
  table = moe_cli_rerun_end (&rerun, source, g_steal_pointer (&table), error);
  return table != NULL ? moe_exhibit_new (g_steal_pointer (&table), NULL) : NULL;
}

static MoeExhibit *
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
  return table != NULL ? moe_exhibit_new (table, NULL) : NULL;
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

int
moe_cli_super_experts (int    argc,
                       char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
  g_auto(MoeCliFiles) files = { NULL };
  g_auto(MoeCliCausal) causal = { FALSE };
  g_auto(MoeSuperOptions) options;
  g_autofree char *layers = NULL, *reduction = NULL, *phase = NULL, *path = NULL, *view_name = NULL,
                  *plot_name = NULL;
  MoeCausalPlot plot;
  guint view;
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
    { "plot", 0, 0, G_OPTION_ARG_STRING, &plot_name,
      "Picture of --causal: perplexity (default), sink_share or max_h; with --by-layer residual or sinks, "
      "with --by-head heads",
      "PLOT" },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path,
      "Of a recording, for the super weights, --causal and --view router", "FILE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeSuperExperts) experts = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "The experts by their largest down_proj output, which of them are super experts, and the verdict; or, "
    "with --causal, what the model loses without them. SOURCE is a recording, or a model with --prompts, "
    "which is profiled first.",
    "moescope-cli super-experts demo-q8_0.gguf --prompts harmless.csv");

  moe_super_options_init (&options);
  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_causal_add (&causal, context);
  moe_cli_files_add (&files, context, FALSE);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0]) || !moe_cli_causal_check (&causal, argv[0])
      || !parse_view (argv[0], view_name, &view) || !parse_plot (argv[0], plot_name, &causal, &plot)
      || !parse_choices (argv[0], layers, reduction, phase, ratio, &options))
    return MOE_CLI_USAGE;

  if (causal.wanted && view_name != NULL)
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
    {
      MoeTable *table = moe_cli_causal_run (&causal, &source, model, experts, &error);

      if (table != NULL)
        exhibit = moe_causal_exhibit_take (table, moe_model_get_info (model)->name, plot);
    }
  else
    exhibit = view == VIEW_ROUTER ? make_router (&source, model, &error)
              : view == VIEW_PUBLISHED ? make_published (&source, experts, &error)
              : make_view (&source, (MoeSuperPlot) view, experts, model, &error);
  if (exhibit == NULL || !moe_cli_files_write (&files, &output, exhibit, &error))
    return moe_cli_fail (error);
  moe_cli_message ("%s", moe_super_experts_get_verdict (experts));
  tell_published (experts);
  return MOE_CLI_DONE;
}
