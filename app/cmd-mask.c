/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "analysis/moe-calibrate.h"
#include "app/cli-interventions.h"
#include "app/cli-mask.h"
#include "app/cli-options.h"
#include "data/moe-mask-file.h"

/* Masks that are asked for often, as options. */
static const struct
{
  const char *name;
  MoeAction   action;
  const char *text;
} presets[] = {
  { "top-1", MOE_ACTION_ROUTER, "L*:top_k=1" },
  { "random", MOE_ACTION_ROUTER, "L*:random" },
  { "soft", MOE_ACTION_ROUTER, "L*:temperature=2" },
  { "sharp", MOE_ACTION_ROUTER, "L*:temperature=0.5" },
  { "clamp", MOE_ACTION_CLAMP, "L*E*=100" },
};

/* Appends the interventions of the preset called @name. */
static gboolean
add_preset (const char *name,
            GArray     *given)
{
  for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
    if (g_str_equal (name, presets[i].name))
      return moe_intervention_parse (presets[i].text, presets[i].action, MOE_SCOPE_BOTH, given, NULL);
  return FALSE;
}

/* @mask with the mean outputs that it needs, over the prompts in the file @prompts. Transfer full. */
static MoeMask *
calibrate (const MoeCliRun  *run,
           const char       *path,
           const char       *prompts,
           const MoeMask    *mask,
           GError          **error)
{
  g_autoptr(MoePromptSet) set = moe_prompt_set_load (prompts, NULL, 0, error);
  g_autoptr(MoeModel) model = set != NULL ? moe_cli_run_open (run, path, error) : NULL;
  const MoeProgress progress = { moe_cli_get_cancellable () };
  g_autoptr(MoeExpertMeans) means = NULL;
  g_autoptr(MoeExpertMeans) picked = NULL;
  MoeSessionOptions options;

  if (model == NULL)
    return NULL;
  moe_cli_run_get_session_options (run, &options);
  means = moe_calibrate_means (model, &options, set, FALSE, NULL, &progress, error);
  if (means == NULL)
    return NULL;
  picked = moe_calibrate_pick (means, mask, moe_model_get_info (model));
  return moe_mask_with_means (mask, picked);
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
  info = moe_cli_mask_read_model (words[1], &error);
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
  g_auto(MoeCliRun) run = { 0 };
  g_auto(MoeCliInterventions) interventions = { NULL };
  g_autofree char *out = NULL, *preset = NULL, *prompts = NULL;
  const GOptionEntry entries[] = {
    { "preset", 0, 0, G_OPTION_ARG_STRING, &preset,
      "top-1, random, soft (temperature 2), sharp (temperature 0.5) or clamp (to 100), in all layers",
      "NAME" },
    { "calibrate", 0, 0, G_OPTION_ARG_FILENAME, &prompts,
      "Prompts over which the mean outputs for mode mean are taken; they become part of the mask file",
      "FILE" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &out, "Write to FILE, whole or not at all", "FILE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModelInfo) info = NULL;
  g_autoptr(MoeMask) mask = NULL;
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "A mask file for a model, from mask files, interventions and presets.",
    "moescope-cli mask new demo-q8_0.gguf --disable L2E30 --bias L6E5=-1 --out quiet.json");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_run_add (&run, context);
  moe_cli_interventions_add (&interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_run_check (&run, argv[0])
      || !moe_cli_interventions_check (&interventions, argv[0]))
    return MOE_CLI_USAGE;
  if (preset != NULL && !add_preset (preset, interventions.given))
    return moe_cli_usage (argv[0], "--preset %s is none of top-1, random, soft, sharp and clamp", preset);
  interventions.means_later = prompts != NULL;
  info = moe_cli_mask_read_model (words[0], &error);
  if (info == NULL || !moe_cli_interventions_load (&interventions, info, &mask, &error))
    return moe_cli_fail (error);
  if (prompts != NULL)
    {
      MoeMask *complete = calibrate (&run, words[0], prompts, mask, &error);

      if (complete == NULL)
        return moe_cli_fail (error);
      moe_mask_unref (mask);
      mask = complete;
      if (!moe_mask_check_means (mask, info, &error))
        {
          g_prefix_error (&error, "%s: ", prompts);
          return moe_cli_fail (error);
        }
    }
  return moe_cli_mask_write (mask, info, out);
}

int
moe_cli_mask (int    argc,
              char **argv)
{
  const struct { const char *name; const char *full; int (*run) (int argc, char **argv); } commands[] = {
    { "show", "mask show", show },
    { "check", "mask check", check },
    { "new", "mask new", make },
    { "convert", "mask convert", moe_cli_mask_convert },
    { "preview", "mask preview", moe_cli_mask_preview },
  };
  static const char help[] =
    "Usage:\n"
    "  moescope-cli mask show FILE          the interventions of a mask file\n"
    "  moescope-cli mask check FILE MODEL   whether it fits a model\n"
    "  moescope-cli mask new MODEL          a mask file from --disable, --force and so on\n"
    "  moescope-cli mask convert FILE MODEL a mask file from another program's file\n"
    "  moescope-cli mask preview MODEL      what biases on routers would change\n"
    "\nmoescope-cli mask show --help and so on tell the options.\n"
    "\nExample:\n  moescope-cli mask new demo-q8_0.gguf --disable L2E30 --out quiet.json\n";
  g_autoptr(GError) error = NULL;

  if (argc < 2)
    return moe_cli_usage (argv[0], "one of show, check, new, convert and preview must follow");
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
  return moe_cli_usage (argv[0], "'%s' is none of show, check, new, convert and preview", argv[1]);
}
