/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-options.h"
#include "data/moe-recording-layout.h"

int
moe_cli_sql (int    argc,
             char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *sql = NULL, *csv = NULL, *json = NULL;
  const GOptionEntry entries[] = {
    { "csv", 0, 0, G_OPTION_ARG_FILENAME, &csv, "Write the result as CSV", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_FILENAME, &json, "Write the result as JSON", "FILE" },
    { NULL }
  };
  gsize length;
  GOptionContext *context = moe_cli_context_new (
    "RECORDING QUERY",
    "Runs one read-only SQL statement on a recording; - reads it from standard input.\n"
    "The virtual tables routing, residual and attention give the stored blobs as rows.",
    "moescope-cli sql run.moescope "
    "\"SELECT layer, expert, count(*) FROM routing WHERE phase = 'answer' GROUP BY 1, 2\"");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 2, 2, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;

  recording = moe_recording_open (words[0], &error);
  if (recording == NULL)
    return moe_cli_fail (error);
  sql = moe_cli_read_text (words[1], &length, &error);
  if (sql == NULL)
    return moe_cli_fail (error);
  table = moe_recording_query_report (recording, sql, moe_cli_get_cancellable (), &error);
  if (table == NULL)
    return moe_cli_fail (error);
  if ((csv != NULL && !moe_table_write (table, MOE_TABLE_CSV, !output.no_provenance, csv, &error))
      || (json != NULL && !moe_table_write (table, MOE_TABLE_JSON, !output.no_provenance, json, &error)))
    return moe_cli_fail (error);
  if ((csv != NULL || json != NULL) && output.out == NULL)
    return MOE_CLI_DONE;
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
