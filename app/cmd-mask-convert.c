/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "app/cli-mask.h"
#include "app/cli-options.h"
#include "data/moe-gguf.h"
#include "data/moe-mask-file.h"
#include "data/moe-mask-import.h"

MoeModelInfo *
moe_cli_mask_read_model (const char  *path,
                         GError     **error)
{
  g_autoptr(MoeGguf) gguf = moe_gguf_open (path, error);

  return gguf != NULL ? moe_model_read_info (gguf, error) : NULL;
}

int
moe_cli_mask_write (const MoeMask      *mask,
                    const MoeModelInfo *info,
                    const char         *out)
{
  g_autofree char *json = NULL, *text = NULL;
  g_autoptr(GError) error = NULL;

  if (out != NULL)
    return moe_mask_file_save (mask, info, out, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
  json = moe_mask_to_json (mask, info);
  text = g_strconcat (json, "\n", NULL);
  return moe_cli_write (text, strlen (text), &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}

typedef struct
{
  gint    counts[4]; /* disable-top, force-top, disable-bottom, force-bottom */
  gdouble strength;
} Choice;

static MoeMask *
import (const char          *kind,
        const char          *source,
        const Choice        *choice,
        const MoeModelInfo  *info,
        GError             **error)
{
  const MoeSteerTableOptions options = {
    (guint) choice->counts[0], (guint) choice->counts[1], (guint) choice->counts[2],
    (guint) choice->counts[3], MOE_MODE_REFILL, MOE_MODE_MAX,
  };

  if (g_str_equal (kind, "steermoe"))
    return moe_mask_import_steer_table (source, info, &options, error);
  if (g_str_equal (kind, "ds4"))
    return moe_mask_import_map (source, info, choice->strength, error);
  return moe_mask_import_super (source, info, error);
}

int
moe_cli_mask_convert (int    argc,
                      char **argv)
{
  static const char * const kinds[] = { "steermoe", "ds4", "super-experts", NULL };
  Choice choice = { { 0 }, 0 };
  g_autofree char *kind = NULL, *out = NULL;
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &kind,
      "steermoe (CSV with layer, expert, risk_diff), ds4 (a map of floats) or super-experts (a list like "
      "1,-1;2,3 instead of FILE)", "KIND" },
    { "disable-top", 0, 0, G_OPTION_ARG_INT, &choice.counts[0],
      "steermoe: disable the N experts with the largest risk_diff", "N" },
    { "force-top", 0, 0, G_OPTION_ARG_INT, &choice.counts[1], "steermoe: force them", "N" },
    { "disable-bottom", 0, 0, G_OPTION_ARG_INT, &choice.counts[2],
      "steermoe: disable the N experts with the smallest", "N" },
    { "force-bottom", 0, 0, G_OPTION_ARG_INT, &choice.counts[3], "steermoe: force them", "N" },
    { "strength", 0, 0, G_OPTION_ARG_DOUBLE, &choice.strength,
      "ds4: biases of this size instead of forcing and disabling", "X" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &out, "Write to FILE, whole or not at all", "FILE" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModelInfo) info = NULL;
  g_autoptr(MoeMask) mask = NULL;
  gint total = 0;
  GOptionContext *context = moe_cli_context_new (
    "FILE MODEL", "A mask file from a file of another program.",
    "moescope-cli mask convert --from steermoe scores.csv demo-q8_0.gguf --disable-top 10 --out quiet.json");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!moe_cli_parse (context, argc, argv, 2, 2, &words))
    return MOE_CLI_USAGE;
  if (kind == NULL || !g_strv_contains (kinds, kind))
    return moe_cli_usage (argv[0], "--from %s is none of steermoe, ds4 and super-experts",
                          kind != NULL ? kind : "(missing)");
  for (guint i = 0; i < G_N_ELEMENTS (choice.counts); i++)
    {
      if (choice.counts[i] < 0)
        return moe_cli_usage (argv[0], "%d experts is a negative number", choice.counts[i]);
      total += choice.counts[i] > 0;
    }
  if (g_str_equal (kind, "steermoe") && total == 0)
    return moe_cli_usage (argv[0], "nothing is chosen: no --disable-top, --force-top or the like");
  if (!(choice.strength >= -1e6 && choice.strength <= 1e6))
    return moe_cli_usage (argv[0], "--strength must be between -1e6 and 1e6");

  info = moe_cli_mask_read_model (words[1], &error);
  if (info == NULL || (mask = import (kind, words[0], &choice, info, &error)) == NULL)
    return moe_cli_fail (error);
  return moe_cli_mask_write (mask, info, out);
}
