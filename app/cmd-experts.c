/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-files.h"
#include "app/cli-source.h"
#include "ui/moe-experts-exhibit.h"

int
moe_cli_experts (int    argc,
                 char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliSource) source = { { NULL } };
  g_auto(MoeCliFiles) files = { NULL };
  g_autofree char *phase = NULL;
  const GOptionEntry entries[] = {
    { "phase", 0, 0, G_OPTION_ARG_STRING, &phase,
      "prompt-template, prompt, thinking, answer, teacher-forced, several with commas, or all (default)",
      "PHASE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  guint phases = MOE_PHASES_ALL;
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "All routed experts, a row each, with every metric. SOURCE is a recording, or a model with --prompts.",
    "moescope-cli experts run.moescope --phase answer --csv experts.csv");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_files_add (&files, context, FALSE);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0]))
    return MOE_CLI_USAGE;
  if (phase != NULL && !moe_phases_parse (phase, &phases, &error))
    return moe_cli_usage (argv[0], "--phase: %s", error->message);

  if (!moe_cli_source_open (&source, words[0], &error))
    return moe_cli_fail (error);
  exhibit = moe_experts_exhibit_new (source.recording, phases, &error);
  if (exhibit == NULL || !moe_cli_files_write (&files, &output, exhibit, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
