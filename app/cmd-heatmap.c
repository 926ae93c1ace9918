/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-heatmap-report.h"
#include "app/cli-options.h"
#include "app/cli-source.h"
#include "ui/moe-plot-export.h"
#include "ui/moe-routing-plot.h"

typedef struct
{
  char *csv, *svg, *pdf, *png;
} Files;

static void
files_clear (Files *self)
{
  g_free (self->csv);
  g_free (self->svg);
  g_free (self->pdf);
  g_free (self->png);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Files, files_clear)

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

static gboolean
write_images (const Files                  *files,
              const MoeRoutingStats        *stats,
              const MoeModelInfo           *info,
              const MoeRoutingPlotOptions  *options,
              GError                      **error)
{
  const struct { const char *path; MoeImageFormat format; } images[] = {
    { files->svg, MOE_IMAGE_SVG },
    { files->pdf, MOE_IMAGE_PDF },
    { files->png, MOE_IMAGE_PNG },
  };
  g_autoptr(MoeRoutingPlot) plot = moe_routing_plot_new (stats, info, options);

  for (guint i = 0; i < G_N_ELEMENTS (images); i++)
    {
      if (images[i].path != NULL
          && !moe_heatmap_plot_export (&plot->plot, images[i].format, images[i].path, error))
        return FALSE;
    }
  return TRUE;
}

int
moe_cli_heatmap (int    argc,
                 char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
  g_auto(Files) files = { NULL };
  g_autofree char *metric = NULL, *phase = NULL, *scale = NULL, *color_map = NULL;
  gboolean wide = FALSE, to_files;
  const GOptionEntry entries[] = {
    { "metric", 'm', 0, G_OPTION_ARG_STRING, &metric,
      "share (default), hits, mean_weight, max_down, mean_down_norm, importance or reap", "METRIC" },
    { "phase", 0, 0, G_OPTION_ARG_STRING, &phase,
      "prompt-template, prompt, thinking, answer, teacher-forced, several with commas, or all (default)",
      "PHASE" },
    { "wide", 0, 0, G_OPTION_ARG_NONE, &wide, "A row a layer with a column per expert", NULL },
    { "csv", 0, 0, G_OPTION_ARG_FILENAME, &files.csv, "Write the table as CSV", "FILE" },
    { "svg", 0, 0, G_OPTION_ARG_FILENAME, &files.svg, "Write the map as SVG", "FILE" },
    { "pdf", 0, 0, G_OPTION_ARG_FILENAME, &files.pdf, "Write the map as PDF", "FILE" },
    { "png", 0, 0, G_OPTION_ARG_FILENAME, &files.png, "Write the map as PNG", "FILE" },
    { "color-scale", 0, 0, G_OPTION_ARG_STRING, &scale,
      "Of the colours: linear, sqrt (default), log or rank", "SCALE" },
    { "color-map", 0, 0, G_OPTION_ARG_STRING, &color_map, "viridis (default), cividis or puor", "NAME" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeRoutingStats) stats = NULL;
  g_autoptr(MoeTable) table = NULL;
  MoeRoutingPlotOptions options;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "A layer x expert map. SOURCE is a recording, or a model with --prompts, which is profiled first.",
    "moescope-cli heatmap run.moescope --metric share --phase answer --csv map.csv --svg map.svg");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  moe_routing_plot_options_init (&options);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0])
      || !parse_choices (argv[0], metric, phase, scale, color_map, &options))
    return MOE_CLI_USAGE;

  if (!moe_cli_source_open (&source, words[0], &error))
    return moe_cli_fail (error);
  stats = moe_routing_stats_new (moe_recording_get_info (source.recording));
  if (!moe_routing_stats_add_recording (stats, source.recording, &error))
    return moe_cli_fail (error);
  table = moe_heatmap_report_new (stats, source.recording, options.metric, options.phases, wide, &error);
  if (table == NULL)
    return moe_cli_fail (error);

  if (files.csv != NULL && !moe_table_write (table, MOE_TABLE_CSV, !output.no_provenance, files.csv, &error))
    return moe_cli_fail (error);
  if (!write_images (&files, stats, moe_recording_get_info (source.recording), &options, &error))
    return moe_cli_fail (error);
  to_files = files.csv != NULL || files.svg != NULL || files.pdf != NULL || files.png != NULL;
  if ((output.out != NULL || !to_files) && !moe_cli_output_table (&output, table, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
