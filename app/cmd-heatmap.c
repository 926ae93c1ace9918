/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-files.h"
#include "app/cli-source.h"
#include "ui/moe-routing-exhibit.h"

static gboolean
parse_choices (const char            *command,
               const char            *metric,
               const char            *phase,
               const char            *scale,
               const char            *color_map,
               MoeRoutingPlotOptions *options)
{
  g_autoptr(GError) error = NULL;

  if (metric != NULL && !moe_metric_parse (metric, &options->metric))
    {
      g_autoptr(GString) names = g_string_new (NULL);

      for (guint i = 0; i < MOE_N_METRICS; i++)
        g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", moe_metric_get_name ((MoeMetric) i));
      moe_cli_usage (command, "--metric %s is none of %s", metric, names->str);
    }
  else if (phase != NULL && !moe_phases_parse (phase, &options->phases, &error))
    moe_cli_usage (command, "--phase: %s", error->message);
  else if (scale != NULL && !moe_scale_parse (scale, &options->scale))
    moe_cli_usage (command, "--color-scale %s is none of linear, sqrt, log and rank", scale);
  else if (color_map != NULL && !moe_color_map_parse (color_map, &options->color_map))
    moe_cli_usage (command, "--color-map %s is not known", color_map);
  else
    return TRUE;
  return FALSE;
}

int
moe_cli_heatmap (int    argc,
                 char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
  g_auto(MoeCliFiles) files = { NULL };
  g_autofree char *metric = NULL, *phase = NULL, *scale = NULL, *color_map = NULL;
  const GOptionEntry entries[] = {
    { "metric", 'm', 0, G_OPTION_ARG_STRING, &metric,
      "share (default), hits, mean_weight, max_down, mean_down_norm, importance or reap", "METRIC" },
    { "phase", 0, 0, G_OPTION_ARG_STRING, &phase,
      "prompt-template, prompt, thinking, answer, teacher-forced, several with commas, or all (default)",
      "PHASE" },
    { "color-scale", 0, 0, G_OPTION_ARG_STRING, &scale,
      "Of the colours: linear, sqrt (default), log or rank", "SCALE" },
    { "color-map", 0, 0, G_OPTION_ARG_STRING, &color_map, "viridis (default), cividis or puor", "NAME" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  MoeRoutingPlotOptions options;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "A layer x expert map. SOURCE is a recording, or a model with --prompts, which is profiled first.",
    "moescope-cli heatmap run.moescope --metric share --phase answer --csv map.csv --svg map.svg");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_files_add (&files, context, TRUE);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  moe_routing_plot_options_init (&options);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0])
      || !parse_choices (argv[0], metric, phase, scale, color_map, &options))
    return MOE_CLI_USAGE;

  if (!moe_cli_source_open (&source, words[0], &error))
    return moe_cli_fail (error);
  exhibit = moe_routing_exhibit_new (source.recording, &options, &error);
  if (exhibit == NULL || !moe_cli_files_write (&files, &output, exhibit, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
