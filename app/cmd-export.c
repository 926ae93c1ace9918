/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-options.h"
#include "data/moe-recording.h"

/* The layouts that other programs read (BigMoeOnEdge's routes, llama.cpp's moe-trace, sglang's counts), as
 * queries; slot 0 is the strongest expert, and shared experts are in none of them. */
static const struct
{
  const char *name, *query;
} layouts[] = {
  { "routes", "SELECT prompt AS turn, phase, position AS step, layer, slot, expert, weight FROM routing "
              "WHERE expert >= 0 ORDER BY token, layer, slot" },
  { "trace", "SELECT layer, expert FROM routing WHERE expert >= 0 ORDER BY token, layer, slot" },
  { "counts", "SELECT layer AS layer_id, expert AS expert_id, count(*) AS count FROM routing "
              "WHERE expert >= 0 GROUP BY layer, expert ORDER BY layer, expert" },
  { "tokens", "SELECT prompt, position, phase, token_id, CAST(text AS TEXT) AS text, logprob, entropy "
              "FROM token ORDER BY id" },
};

static const char *
find_query (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (layouts); i++)
    if (g_str_equal (layouts[i].name, name))
      return layouts[i].query;
  return NULL;
}

int
moe_cli_export (int    argc,
                char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *layout = NULL, *name = NULL;
  const GOptionEntry entries[] = {
    { "layout", 0, 0, G_OPTION_ARG_STRING, &layout,
      "routes (default: turn,phase,step,layer,slot,expert,weight), trace (layer,expert), counts "
      "(layer_id,expert_id,count) or tokens", "LAYOUT" },
    { NULL }
  };
  const char *query;
  GOptionContext *context = moe_cli_context_new (
    "RECORDING", "The routing or the tokens of a recording, in the layouts that other programs read.",
    "moescope-cli export run.moescope --layout counts --out counts.csv");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;
  query = find_query (layout != NULL ? layout : "routes");
  if (query == NULL)
    return moe_cli_usage (argv[0], "--layout %s is none of routes, trace, counts and tokens", layout);

  recording = moe_recording_open (words[0], &error);
  if (recording == NULL)
    return moe_cli_fail (error);
  table = moe_recording_query (recording, query, &error);
  if (table == NULL)
    return moe_cli_fail (error);
  name = g_path_get_basename (words[0]);
  moe_table_set_provenance (table, "recording", name);
  moe_table_set_provenance (table, "recording-hash", moe_recording_get_hash (recording));
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
