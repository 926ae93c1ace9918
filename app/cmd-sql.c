/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-options.h"
#include "data/moe-recording.h"

int
moe_cli_sql (int    argc,
             char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *sql = NULL, *name = NULL;
  gsize length;
  GOptionContext *context = moe_cli_context_new (
    "RECORDING QUERY",
    "Runs one read-only SQL statement on a recording; - reads it from standard input.\n"
    "The virtual tables routing, residual and attention give the stored blobs as rows.",
    "moescope-cli sql run.moescope "
    "\"SELECT layer, expert, count(*) FROM routing WHERE phase = 'answer' GROUP BY 1, 2\"");

  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 2, 2, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;

  recording = moe_recording_open (words[0], &error);
  if (recording == NULL)
    return moe_cli_fail (error);
  sql = moe_cli_read_text (words[1], &length, &error);
  if (sql == NULL)
    return moe_cli_fail (error);
  table = moe_recording_query (recording, sql, &error);
  if (table == NULL)
    return moe_cli_fail (error);

  name = g_path_get_basename (words[0]);
  moe_table_set_provenance (table, "recording", name);
  moe_table_set_provenance (table, "recording-hash", moe_recording_get_hash (recording));
  moe_table_set_provenance (table, "query", sql);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
