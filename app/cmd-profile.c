/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-interventions.h"
#include "app/cli-options.h"
#include "app/cli-profile.h"

int
moe_cli_profile (int    argc,
                 char **argv)
{
  g_auto(MoeCliProfile) profile = { NULL };
  g_auto(MoeCliRun) run = { 0 };
  g_auto(MoeCliInterventions) interventions = { NULL };
  g_autofree char *record = NULL;
  const GOptionEntry entries[] = {
    { "record", 0, 0, G_OPTION_ARG_FILENAME, &record,
      "The recording; an unfinished one is continued", "FILE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeMask) mask = NULL;
  GOptionContext *context = moe_cli_context_new (
    "MODEL",
    "Runs a prompt set or a long text through the model and records every routing and expert output.",
    "moescope-cli profile demo-q8_0.gguf --prompts prompts/harmful.csv --generate 16 --record run.moescope");

  moe_cli_profile_add (&profile, context);
  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_run_add (&run, context);
  moe_cli_interventions_add (&interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_profile_check (&profile, argv[0])
      || !moe_cli_run_check (&run, argv[0]) || !moe_cli_interventions_check (&interventions, argv[0]))
    return MOE_CLI_USAGE;
  if (!moe_cli_profile_wanted (&profile))
    return moe_cli_usage (argv[0], "--prompts or --text is missing");
  if (record == NULL)
    return moe_cli_usage (argv[0], "--record is missing");

  model = moe_cli_run_open (&run, words[0], &error);
  if (model == NULL || !moe_cli_interventions_load (&interventions, moe_model_get_info (model), &mask, &error)
      || !moe_cli_profile_run (&profile, &run, model, mask, record, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
