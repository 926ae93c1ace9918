/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-options.h"
#include "data/moe-recording-layout.h"

int
moe_cli_export (int    argc,
                char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *layout = NULL;
  const GOptionEntry entries[] = {
    { "layout", 0, 0, G_OPTION_ARG_STRING, &layout,
      "routes (default: turn,phase,step,layer,slot,expert,weight), trace (layer,expert), counts "
      "(layer_id,expert_id,count) or tokens", "LAYOUT" },
    { NULL }
  };
  guint number;
  GOptionContext *context = moe_cli_context_new (
    "RECORDING", "The routing or the tokens of a recording, in the layouts that other programs read.",
    "moescope-cli export run.moescope --layout counts --out counts.csv");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;
  if (!moe_recording_layout_parse (layout != NULL ? layout : "routes", &number))
    return moe_cli_usage (argv[0], "--layout %s is none of routes, trace, counts and tokens", layout);

  recording = moe_recording_open (words[0], &error);
  if (recording == NULL)
    return moe_cli_fail (error);
  table = moe_recording_layout_export (recording, number, moe_cli_get_cancellable (), &error);
  if (table == NULL)
    return moe_cli_fail (error);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
