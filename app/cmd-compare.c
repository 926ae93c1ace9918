/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-compare.h"
#include "analysis/moe-prompt-tokens.h"
#include "app/cli-files.h"
#include "app/cli-interventions.h"
#include "app/cli-options.h"
#include "app/cli-prompt.h"
#include "ui/moe-comparison-study.h"

static void
report (double      fraction,
        const char *what,
        gpointer    user_data)
{
  moe_cli_progress_show (user_data, FALSE, "%.0f %%: %s", 100 * fraction, what);
}

int
moe_cli_compare (int    argc,
                 char **argv)
{
  g_auto(MoeCliRun) run = { 0 };
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliFiles) files = { NULL };
  g_auto(MoeCliInterventions) interventions = { NULL };
  g_autofree char *prompt_text = NULL, *text = NULL, *system = NULL, *picture = NULL;
  gboolean raw = FALSE;
  gint max_tokens = 64;
  gdouble temperature = 0, top_p = 1;
  const GOptionEntry entries[] = {
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &prompt_text, "What to answer; - reads standard input",
      "TEXT" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &raw, "Continue the text as it is, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &system, "System message", "TEXT" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &max_tokens, "Tokens of each answer at most (default 64)",
      "N" },
    { "temperature", 't', 0, G_OPTION_ARG_DOUBLE, &temperature, "0, the default, takes the likeliest token",
      "T" },
    { "top-p", 0, 0, G_OPTION_ARG_DOUBLE, &top_p, "Draw from the likeliest tokens that make up P (default 1)",
      "P" },
    { "picture", 0, 0, G_OPTION_ARG_STRING, &picture,
      "What --svg, --pdf and --png draw: kl (default) or experts (routing that differs)", "PICTURE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeChatPrompt) prompt = NULL;
  g_autoptr(MoeComparison) comparison = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  g_autofree char *prompts_as = NULL;
  MoeSamplerOptions sampling;
  MoeSessionOptions options;
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), report, &shown };
  gsize length;
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "A plain and a steered answer to a prompt, token by token, under the same seed.",
    "moescope-cli compare demo-q8_0.gguf --prompt \"How do I bake bread?\" --disable L7E20");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_run_add (&run, context);
  moe_cli_output_add (&output, context);
  moe_cli_files_add (&files, context, FALSE);
  moe_cli_interventions_add (&interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_run_check (&run, argv[0])
      || !moe_cli_output_check (&output, argv[0]) || !moe_cli_interventions_check (&interventions, argv[0]))
    return MOE_CLI_USAGE;
  if (prompt_text == NULL)
    return moe_cli_usage (argv[0], "--prompt is missing");
  if (picture != NULL && !moe_comparison_has_picture (picture))
    return moe_cli_usage (argv[0], "--picture %s is neither kl nor experts", picture);
  if (raw && system != NULL)
    return moe_cli_usage (argv[0], "--system needs the chat template, which --raw leaves out");
  if (max_tokens < 1)
    return moe_cli_usage (argv[0], "--max-tokens %d is not above 0", max_tokens);
  if (!(temperature >= 0 && temperature <= 1000))
    return moe_cli_usage (argv[0], "--temperature must be between 0 and 1000");
  if (!(top_p > 0 && top_p <= 1))
    return moe_cli_usage (argv[0], "--top-p must be above 0 and at most 1");
  if (system != NULL && !g_utf8_validate (system, -1, NULL))
    return moe_cli_usage (argv[0], "--system is not UTF-8 text");

  text = moe_cli_read_text (prompt_text, &length, &error);
  if (text == NULL)
    return moe_cli_fail (error);
  model = moe_cli_run_open (&run, words[0], &error);
  if (model == NULL
      || !moe_cli_interventions_load (&interventions, moe_model_get_info (model), &mask, &error))
    return moe_cli_fail (error);
  if (moe_mask_get_n (mask) == 0 && run.control->vector == NULL)
    return moe_cli_usage (argv[0], "there is nothing to compare: no --mask, --disable or other intervention");
  prompt = moe_cli_prompt_new (model, text, length, system, raw, &error);
  if (prompt == NULL)
    return moe_cli_fail (error);

  sampling = (MoeSamplerOptions) { .temperature = (float) temperature, .top_p = (float) top_p, .top_k = 0,
                                   .seed = (guint64) run.seed };
  moe_cli_run_get_session_options (&run, &options);
  moe_cli_progress_init (&shown, run.progress);
  comparison = moe_compare (model, &options, prompt, mask, &sampling, (guint) max_tokens, &progress, &error);
  moe_cli_progress_end (&shown);
  if (comparison == NULL)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_prefix_error (&error, "%s: ", words[0]);
      return moe_cli_fail (error);
    }
  table = moe_comparison_to_table (comparison, moe_model_get_info (model), mask);
  prompts_as = moe_prompt_tokens_describe (model, system, raw);
  moe_table_set_provenance (table, MOE_PROMPT_TOKENS_KEY, prompts_as);
  exhibit = moe_comparison_exhibit_new (table, picture != NULL ? picture : "kl");
  return moe_cli_files_write (&files, &output, exhibit, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
