/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "app/cli-interventions.h"
#include "app/cli-options.h"
#include "data/moe-gguf.h"
#include "data/moe-mask-file.h"

/* The model of a file, without its weights. */
static MoeModelInfo *
read_model (const char  *path,
            GError     **error)
{
  g_autoptr(MoeGguf) gguf = moe_gguf_open (path, error);

  return gguf != NULL ? moe_model_read_info (gguf, error) : NULL;
}

static int
show (int    argc,
      char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModelInfo) made_for = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeTable) table = NULL;
  GOptionContext *context = moe_cli_context_new ("FILE", "The interventions of a mask file.",
                                                 "moescope-cli mask show quiet.json");

  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;
  mask = moe_mask_file_load (words[0], &made_for, &error);
  if (mask == NULL)
    return moe_cli_fail (error);

  table = moe_mask_to_table (mask);
  moe_table_set_provenance (table, "model", made_for->name);
  moe_table_set_provenance (table, "fingerprint", made_for->fingerprint);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}

static int
check (int    argc,
       char **argv)
{
  gboolean other_weights = FALSE;
  const GOptionEntry entries[] = {
    { "mask-other-weights", 0, 0, G_OPTION_ARG_NONE, &other_weights,
      "Accept a mask made for other weights of the same shape", NULL },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModelInfo) made_for = NULL, info = NULL;
  g_autoptr(MoeMask) mask = NULL;
  GOptionContext *context = moe_cli_context_new (
    "FILE MODEL", "Whether a mask file fits a model: exit code 0 if it does, else 1 with the reason.",
    "moescope-cli mask check quiet.json demo-q8_0.gguf");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!moe_cli_parse (context, argc, argv, 2, 2, &words))
    return MOE_CLI_USAGE;
  mask = moe_mask_file_load (words[0], &made_for, &error);
  if (mask == NULL)
    return moe_cli_fail (error);
  info = read_model (words[1], &error);
  if (info == NULL)
    return moe_cli_fail (error);
  if (!moe_mask_check_model (made_for, info, other_weights, &error)
      || !moe_mask_validate (mask, info, &error))
    {
      g_prefix_error (&error, "%s: ", words[0]);
      return moe_cli_fail (error);
    }
  return MOE_CLI_DONE;
}

static int
make (int    argc,
      char **argv)
{
  g_auto(MoeCliInterventions) interventions = { NULL };
  g_autofree char *out = NULL, *json = NULL, *text = NULL;
  const GOptionEntry entries[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &out, "Write to FILE, whole or not at all", "FILE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModelInfo) info = NULL;
  g_autoptr(MoeMask) mask = NULL;
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "A mask file for a model, from mask files and interventions.",
    "moescope-cli mask new demo-q8_0.gguf --disable L2E30 --bias L6E5=-1 --out quiet.json");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_interventions_add (&interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words)
      || !moe_cli_interventions_check (&interventions, argv[0]))
    return MOE_CLI_USAGE;
  info = read_model (words[0], &error);
  if (info == NULL || !moe_cli_interventions_load (&interventions, info, &mask, &error))
    return moe_cli_fail (error);

  if (out != NULL)
    return moe_mask_file_save (mask, info, out, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
  json = moe_mask_to_json (mask, info);
  text = g_strconcat (json, "\n", NULL);
  return moe_cli_write (text, strlen (text), &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}

int
moe_cli_mask (int    argc,
              char **argv)
{
  const struct { const char *name; const char *full; int (*run) (int argc, char **argv); } commands[] = {
    { "show", "mask show", show },
    { "check", "mask check", check },
    { "new", "mask new", make },
  };
  static const char help[] =
    "Usage:\n"
    "  moescope-cli mask show FILE          the interventions of a mask file\n"
    "  moescope-cli mask check FILE MODEL   whether it fits a model\n"
    "  moescope-cli mask new MODEL          a mask file from --disable, --force, --bias, --scale and --mask\n"
    "\nmoescope-cli mask show --help and so on tell the options.\n"
    "\nExample:\n  moescope-cli mask new demo-q8_0.gguf --disable L2E30 --out quiet.json\n";
  g_autoptr(GError) error = NULL;

  if (argc < 2)
    return moe_cli_usage (argv[0], "one of show, check and new must follow");
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)
    return moe_cli_write (help, strlen (help), &error) ? MOE_CLI_DONE : moe_cli_fail (error);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (strcmp (argv[1], commands[i].name) == 0)
        {
          argv[1] = (char *) commands[i].full;
          return commands[i].run (argc - 1, argv + 1);
        }
    }
  return moe_cli_usage (argv[0], "'%s' is none of show, check and new", argv[1]);
}
