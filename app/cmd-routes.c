/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-files.h"
#include "app/cli-routes.h"
#include "app/cli-source.h"
#include "data/moe-error.h"
#include "ui/moe-routes-exhibit.h"

static gboolean
parse_choices (const char      *command,
               const char      *metric,
               const char      *phase,
               const char      *value,
               const char      *pairs,
               const char      *scale,
               MoeRoutesChoice *choice)
{
  MoeRoutesOptions *options = &choice->options;
  g_autoptr(GError) error = NULL;

  if (metric != NULL && !moe_cli_routes_knows (metric)
      && !moe_routes_metric_parse (metric, &options->metric))
    {
      g_autoptr(GString) names = g_string_new (NULL);

      for (guint i = 0; i < MOE_N_ROUTES_METRICS; i++)
        g_string_append_printf (names, "%s%s", i > 0 ? ", " : "",
                                moe_routes_metric_get_name ((MoeRoutesMetric) i));
      moe_cli_message ("'%s' is no metric of routes (%s, domains, keep, overlap)", metric, names->str);
    }
  else if (phase != NULL && !moe_phases_parse (phase, &options->phases, &error))
    moe_cli_usage (command, "--phase: %s", error->message);
  else if (value != NULL && !moe_routes_value_parse (value, &choice->value))
    moe_cli_usage (command, "--value %s is none of share, lift and tokens", value);
  else if (pairs != NULL && !g_str_equal (pairs, "all") && !g_str_equal (pairs, "top1"))
    moe_cli_usage (command, "--pairs %s is none of all and top1", pairs);
  else if (scale != NULL && !moe_scale_parse (scale, &choice->scale))
    moe_cli_usage (command, "--color-scale %s is none of linear, sqrt, log and rank", scale);
  else
    {
      options->top1 = g_strcmp0 (pairs, "top1") == 0;
      if (scale == NULL)
        choice->scale = moe_routes_metric_get_scale (options->metric);
      return TRUE;
    }
  return FALSE;
}

/* The router's rows need no run, so the model is opened without settings for one. */
static MoeExhibit *
make_similarity (const char             *path,
                 const MoeRoutesChoice  *choice,
                 GError                **error)
{
  g_autoptr(MoeModel) model = moe_model_open (path, NULL, NULL, NULL, error);
  const MoeModelInfo *info = model != NULL ? moe_model_get_info (model) : NULL;
  int layer = choice->options.layer;

  if (info == NULL)
    return NULL;
  if (layer != -1 && (layer < 0 || moe_model_info_find_moe_layer (info, (guint) layer) < 0))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: layer %d is not an MoE layer", path, layer);
      return NULL;
    }
  return moe_routes_exhibit_take (info, moe_routes_similarity (model, layer), choice);
}

static MoeExhibit *
make_recorded (MoeCliSource           *source,
               const char             *path,
               const MoeRoutesChoice  *choice,
               GError                **error)
{
  MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, NULL };
  MoeCliProgress line;
  MoeTable *table;

  if (!moe_cli_source_open (source, path, error))
    return NULL;
  moe_cli_progress_init (&line, source->run.progress);
  progress.user_data = &line;
  table = moe_routes_report (source->recording, &choice->options, &progress, error);
  moe_cli_progress_end (&line);
  return table != NULL
             ? moe_routes_exhibit_take (moe_recording_get_info (source->recording), table, choice) : NULL;
}

/* Of domains, keep and overlap. */
static int
run_group (const MoeCliRoutes    *groups,
           MoeCliSource          *source,
           const MoeCliFiles     *files,
           const MoeCliOutput    *output,
           const char            *path,
           const char            *metric,
           const MoeRoutesChoice *choice,
           int                    layer)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;

  if (!moe_cli_source_open (source, path, &error))
    return moe_cli_fail (error);
  exhibit = moe_cli_routes_run (groups, source, metric, choice->options.phases, layer, &error);
  if (exhibit == NULL || !moe_cli_files_write (files, output, exhibit, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}

int
moe_cli_routes (int    argc,
                char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
  g_auto(MoeCliFiles) files = { NULL };
  g_auto(MoeCliRoutes) groups = { NULL };
  g_autofree char *metric = NULL, *phase = NULL, *value = NULL, *pairs = NULL, *scale = NULL;
  int layer = -1, window = MOE_ROUTES_WINDOW;
  const GOptionEntry entries[] = {
    { "metric", 'm', 0, G_OPTION_ARG_STRING, &metric,
      "similarity (default): cosine of two experts' router rows, of a MODEL without a run. Of a SOURCE: "
      "coactivation, affinity, recall, srp, srp-experts, cache, balance, parallel, tiles, drops, domains, "
      "keep or overlap",
      "METRIC" },
    { "layer", 0, 0, G_OPTION_ARG_INT, &layer,
      "Of similarity and cache (default: all), coactivation, affinity and recall (default: the first)", "N" },
    { "phase", 0, 0, G_OPTION_ARG_STRING, &phase,
      "prompt-template, prompt, thinking, answer, teacher-forced, several with commas, or all (default)",
      "PHASE" },
    { "segment", 0, 0, G_OPTION_ARG_INT, &window,
      "Tokens in a window of srp-experts, and how far policy sch of cache looks ahead (default 16)", "N" },
    { "pairs", 0, 0, G_OPTION_ARG_STRING, &pairs,
      "Of affinity: all pairs of chosen experts (default), or top1: the strongest only", "all|top1" },
    { "value", 0, 0, G_OPTION_ARG_STRING, &value,
      "What pictures and --wide show of coactivation and affinity: share (default), lift or tokens", "NAME" },
    { "color-scale", 0, 0, G_OPTION_ARG_STRING, &scale,
      "Of the colours: linear, sqrt (default of coactivation and affinity), log or rank", "SCALE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  MoeRoutesChoice choice;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "Which experts are chosen together, one after the other and over time. SOURCE is a recording, or a model "
    "with --prompts, which is profiled first; of similarity a model.",
    "moescope-cli routes run.moescope --metric coactivation --layer 3 --svg together.svg");

  moe_routes_choice_init (&choice);
  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_routes_add (&groups, context);
  moe_cli_files_add (&files, context, TRUE);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0])
      || !parse_choices (argv[0], metric, phase, value, pairs, scale, &choice))
    return MOE_CLI_USAGE;
  if (!moe_cli_routes_check (&groups, argv[0], metric, files.wide))
    return MOE_CLI_USAGE;
  if (moe_cli_routes_knows (metric) && (value != NULL || pairs != NULL || scale != NULL))
    return moe_cli_usage (argv[0], "--value, --pairs and --color-scale do not go with --metric %s", metric);
  if (moe_cli_routes_knows (metric))
    return run_group (&groups, &source, &files, &output, words[0], metric, &choice, layer);
  if (window < 1 || window > MOE_ROUTES_MAX_WINDOW)
    return moe_cli_usage (argv[0], "--segment %d is not 1 to %d", window, MOE_ROUTES_MAX_WINDOW);
  if (layer != -1 && !moe_routes_metric_takes_layer (choice.options.metric))
    return moe_cli_usage (argv[0], "--layer does not go with --metric %s",
                          moe_routes_metric_get_name (choice.options.metric));
  if (files.wide && !moe_routes_metric_has_map (choice.options.metric))
    return moe_cli_usage (argv[0], "--wide does not go with --metric %s",
                          moe_routes_metric_get_name (choice.options.metric));
  choice.options.layer = layer;
  choice.options.window = (guint) window;

  if (choice.options.metric == MOE_ROUTES_SIMILARITY)
    exhibit = make_similarity (words[0], &choice, &error);
  else
    exhibit = make_recorded (&source, words[0], &choice, &error);
  if (exhibit == NULL || !moe_cli_files_write (&files, &output, exhibit, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
