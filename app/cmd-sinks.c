/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-sink-vectors.h"
#include "analysis/moe-sinks.h"
#include "app/cli-files.h"
#include "app/cli-rerun.h"
#include "app/cli-source.h"
#include "ui/moe-sink-scan.h"

#define MAX_LENGTH 1048576

/* What was looked for but could not be measured is said aloud. */
static void
warn_when_missing (const MoeTable *table,
                   guint           length)
{
  if (moe_table_get_n_rows (table) > 0 && moe_table_is_missing (table, 0, 3))
    moe_cli_message ("no prompt has %u tokens, so sink_rate is missing (--length)", length);
}

static MoeExhibit *
make_shares (MoeCliSource          *source,
             const char            *path_before,
             const MoeSinkOptions  *options,
             GError               **error)
{
  g_autoptr(MoeTable) heads = NULL, layers = NULL;
  MoeSinkOptions by = *options;

  if (path_before != NULL)
    {
      source->before = moe_recording_open (path_before, error);
      if (source->before == NULL)
        return NULL;
    }
  if (!moe_cli_source_open_before (source, error))
    return NULL;
  by.by_head = TRUE;
  heads = moe_sinks_report_against (source->recording, source->before, &by, error);
  by.by_head = FALSE;
  if (heads != NULL)
    layers = moe_sinks_report_against (source->recording, source->before, &by, error);
  if (layers == NULL)
    return NULL;
  warn_when_missing (layers, options->length);
  return moe_sink_exhibit_take (moe_recording_get_info (source->recording), g_steal_pointer (&heads),
                                g_steal_pointer (&layers), options->by_head);
}

/* The tokens of a recording, run again without and with the interventions. */
static MoeExhibit *
make_change (MoeCliSource  *source,
             MoeModel      *model,
             gboolean       by_head,
             GError       **error)
{
  g_auto(MoeCliRerun) rerun = { NULL };
  MoeExhibit *exhibit = NULL;
  MoeSinkChange *change;

  if (!moe_cli_rerun_begin (&rerun, source, model, error))
    return NULL;
  change = moe_sink_change_new (source->recording, rerun.session, rerun.mask, &rerun.progress, error);
  moe_cli_progress_end (&rerun.line);
  if (change != NULL)
    {
      exhibit = moe_sink_change_to_exhibit (change, source->recording, by_head, error);
      moe_sink_change_unref (change);
    }
  return exhibit;
}

static MoeExhibit *
make_vectors (MoeCliSource  *source,
              MoeModel      *model,
              gboolean       by_head,
              GError       **error)
{
  g_auto(MoeCliRerun) rerun = { NULL };
  MoeTable *table;

  if (!moe_cli_rerun_begin (&rerun, source, model, error))
    return NULL;
  table = moe_sink_vectors_report (rerun.session, rerun.prompts, rerun.mask, by_head, &rerun.progress, error);
  table = moe_cli_rerun_end (&rerun, source, table, error);
  return table != NULL ? moe_exhibit_new (table, NULL) : NULL;
}

int
moe_cli_sinks (int    argc,
               char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliFiles) files = { NULL };
  g_auto(MoeCliSource) source = { .takes_mask = TRUE };
  g_autofree char *by = NULL, *path_before = NULL, *path = NULL, *view = NULL;
  double epsilon = MOE_SINK_EPSILON;
  int length = MOE_SINK_LENGTH;
  const GOptionEntry entries[] = {
    { "epsilon", 0, 0, G_OPTION_ARG_DOUBLE, &epsilon,
      "A head whose mean attention to the first token is over this counts for sink_rate (default 0.3)", "E" },
    { "length", 0, 0, G_OPTION_ARG_INT, &length,
      "sink_rate looks at the first N tokens of prompts that have as many (default 64)", "N" },
    { "before", 0, 0, G_OPTION_ARG_FILENAME, &path_before,
      "With a recording: one of the same tokens to compare with (a model is also run without the mask)",
      "RECORDING" },
    { "view", 0, 0, G_OPTION_ARG_STRING, &view,
      "shares (default), or vectors: norms of h, q, k, v at the first token, cosines of queries to its key",
      "VIEW" },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path,
      "Of a recording, for --view vectors, or to run its tokens again with interventions", "FILE" },
    { "by", 0, 0, G_OPTION_ARG_STRING, &by, "A row a layer (default) or a head", "layer|head" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  MoeSinkOptions options;
  gboolean vectors;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "How much attention goes to the first token, and how much of it is left under a mask. SOURCE is a "
    "recording, or a model with --prompts, which is profiled first.",
    "moescope-cli sinks run.moescope --by head --length 32");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_files_add (&files, context, TRUE);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0]))
    return MOE_CLI_USAGE;
  if (!(epsilon >= 0 && epsilon <= 1))
    return moe_cli_usage (argv[0], "--epsilon must be 0 to 1");
  if (length < 2 || length > MAX_LENGTH)
    return moe_cli_usage (argv[0], "--length %d is not 2 to %d", length, MAX_LENGTH);
  if (by != NULL && !g_str_equal (by, "layer") && !g_str_equal (by, "head"))
    return moe_cli_usage (argv[0], "--by %s is none of layer and head", by);

  if (view != NULL && !g_str_equal (view, "shares") && !g_str_equal (view, "vectors"))
    return moe_cli_usage (argv[0], "--view %s is none of shares and vectors", view);
  vectors = g_strcmp0 (view, "vectors") == 0;

  if (!moe_cli_source_open (&source, words[0], &error)
      || !moe_cli_source_open_model (&source, path, &model, &error))
    return moe_cli_fail (error);
  if (path_before != NULL && source.model != NULL)
    return moe_cli_usage (argv[0], "--before goes with a recording, %s is a model", words[0]);
  if (vectors && model == NULL)
    return moe_cli_usage (argv[0], "--view vectors runs the model of the recording: --model is missing");
  if (files.wide && (vectors || g_strcmp0 (by, "head") != 0))
    return moe_cli_usage (argv[0], "--wide goes with --by head");
  if (source.model == NULL && moe_cli_interventions_given (&source.interventions) && model == NULL)
    return moe_cli_usage (argv[0], "interventions on a recording run its model again: --model is missing");
  options = (MoeSinkOptions) { epsilon, (guint) length, g_strcmp0 (by, "head") == 0 };
  if (vectors)
    exhibit = make_vectors (&source, model, options.by_head, &error);
  else if (source.model == NULL && moe_cli_interventions_given (&source.interventions))
    exhibit = make_change (&source, model, options.by_head, &error);
  else
    exhibit = make_shares (&source, path_before, &options, &error);
  if (exhibit == NULL || !moe_cli_files_write (&files, &output, exhibit, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
