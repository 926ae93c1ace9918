/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-sink-vectors.h"
#include "analysis/moe-sinks.h"
#include "app/cli-options.h"
#include "app/cli-rerun.h"
#include "app/cli-source.h"

#define MAX_LENGTH 1048576

/* What was looked for but could not be measured is said aloud. */
static void
warn_when_missing (const MoeTable *table,
                   guint           length)
{
  if (moe_table_get_n_rows (table) > 0 && moe_table_is_missing (table, 0, 3))
    moe_cli_message ("no prompt has %u tokens, so sink_rate is missing (--length)", length);
}

static MoeTable *
make_shares (MoeCliSource          *source,
             const char            *path_before,
             const MoeSinkOptions  *options,
             GError               **error)
{
  MoeTable *table;

  if (path_before != NULL)
    {
      source->before = moe_recording_open (path_before, error);
      if (source->before == NULL)
        return NULL;
    }
  if (!moe_cli_source_open_before (source, error))
    return NULL;
  table = moe_sinks_report_against (source->recording, source->before, options, error);
  if (table != NULL)
    warn_when_missing (table, options->length);
  return table;
}

static MoeTable *
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
  return moe_cli_rerun_end (&rerun, source, table, error);
}

int
moe_cli_sinks (int    argc,
               char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
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
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &path, "Of a recording, for --view vectors", "FILE" },
    { "by", 0, 0, G_OPTION_ARG_STRING, &by, "A row a layer (default) or a head", "layer|head" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeTable) table = NULL;
  MoeSinkOptions options;
  gboolean vectors;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "How much attention goes to the first token, and how much of it is left under a mask. SOURCE is a "
    "recording, or a model with --prompts, which is profiled first.",
    "moescope-cli sinks run.moescope --by head --length 32");

  g_option_context_add_main_entries (context, entries, NULL);
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
  options = (MoeSinkOptions) { epsilon, (guint) length, g_strcmp0 (by, "head") == 0 };
  if (vectors)
    table = make_vectors (&source, model, options.by_head, &error);
  else
    table = make_shares (&source, path_before, &options, &error);
  if (table == NULL || !moe_cli_output_table (&output, table, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
