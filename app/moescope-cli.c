/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "app/cli.h"
#include "data/moe-mapped-file.h"

static const MoeCliCommand commands[] = {
  { "info", "what a model file is, without loading its weights", moe_cli_info },
  { "tokenize", "text as token ids", moe_cli_tokenize },
  { "logits", "the logits after a prompt", moe_cli_logits },
  { "generate", "an answer to a prompt", moe_cli_generate },
  { "profile", "run a prompt set and record everything", moe_cli_profile },
  { "heatmap", "a layer x expert map as a table or a picture", moe_cli_heatmap },
  { "super-experts", "which experts write the massive activations", moe_cli_super_experts },
  { "massive-activations", "the largest values of the residual stream", moe_cli_massive_activations },
  { "experts", "all experts with every metric", moe_cli_experts },
  { "sinks", "how much attention goes to the first token", moe_cli_sinks },
  { "attention", "what each token attends to in one head", moe_cli_attention },
  { "contrast", "which experts tell two prompt sets apart", moe_cli_contrast },
  { "attribution", "what each part wrote into the logit of a token", moe_cli_attribution },
  { "routes", "which experts are chosen together, one after the other and over time", moe_cli_routes },
  { "evaluate", "what a mask does to answers, beside its controls", moe_cli_evaluate },
  { "compare", "a plain and a steered answer, token by token", moe_cli_compare },
  { "mask", "show, check and make mask files", moe_cli_mask },
  { "sql", "query a recording", moe_cli_sql },
  { "export", "routing and tokens of a recording for other programs", moe_cli_export },
  { "import", "a recording from a file of routes", moe_cli_import },
  { "bench", "speed and memory", moe_cli_bench },
};

static int
print_help (void)
{
  g_autoptr(GString) text = g_string_new ("Usage:\n  moescope-cli [--version|--help] COMMAND [options]\n\n"
                                          "Commands:\n");
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (text, "  %-20s %s\n", commands[i].name, commands[i].summary);
  g_string_append (text,
                   "\nmoescope-cli COMMAND --help tells the options of each, with an example.\n"
                   "\nExample:\n  moescope-cli generate demo-q8_0.gguf --prompt \"How do I bake bread?\"\n");
  return moe_cli_write (text->str, text->len, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}

static int
print_version (void)
{
  static const char text[] = "moescope-cli " MOE_VERSION "\n";
  g_autoptr(GError) error = NULL;

  return moe_cli_write (text, strlen (text), &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}

int
main (int    argc,
      char **argv)
{
  /* Only how bytes become characters follows the person's locale: numbers keep their point. */
  setlocale (LC_CTYPE, "");
  g_set_prgname ("moescope-cli");
  g_log_set_writer_func (g_log_writer_standard_streams, NULL, NULL);
  moe_cli_watch_signals ();
  moe_mapped_file_explain_faults ("moescope-cli");

  if (argc < 2)
    {
      moe_cli_message ("no command given (see moescope-cli --help)");
      return MOE_CLI_USAGE;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    return print_help ();
  if (strcmp (argv[1], "--version") == 0)
    return print_version ();

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (strcmp (argv[1], commands[i].name) == 0)
        return commands[i].run (argc - 1, argv + 1);
    }
  moe_cli_message ("'%s' is no command (see moescope-cli --help)", argv[1]);
  return MOE_CLI_USAGE;
}
