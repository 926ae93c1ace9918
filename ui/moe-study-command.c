/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-study-command"

#include "ui/moe-study-command.h"

#include "data/moe-mask-file.h"

void
moe_command_add_option (GString    *line,
                        const char *option,
                        const char *value)
{
  g_autofree char *quoted = NULL;

  if (value == NULL)
    return;
  quoted = g_shell_quote (value);
  g_string_append_printf (line, " --%s %s", option, quoted);
}

/* The place of an intervention's option among those of the command line. */
static guint
get_place (MoeAction action)
{
  static const MoeAction order[] = {
    MOE_ACTION_DISABLE, MOE_ACTION_FORCE, MOE_ACTION_BIAS,
    MOE_ACTION_SCALE, MOE_ACTION_CLAMP, MOE_ACTION_ROUTER,
  };
  guint place = 0;

  while (place < G_N_ELEMENTS (order) && order[place] != action)
    place++;
  return place;
}

/* Whether options, which are read kind after kind and act alike, make the very same mask. */
static gboolean
is_options (const MoeMask *mask)
{
  guint n = moe_mask_get_n (mask);
  const MoeIntervention *first = n > 0 ? moe_mask_get (mask, 0) : NULL;

  if (n > 0 && moe_mask_get_means ((MoeMask *) mask) != NULL)
    return FALSE;
  for (guint i = 1; i < n; i++)
    if (moe_mask_get (mask, i)->scope != first->scope
        || moe_mask_get (mask, i)->from_token != first->from_token
        || get_place (moe_mask_get (mask, i)->action) < get_place (moe_mask_get (mask, i - 1)->action))
      return FALSE;
  return TRUE;
}

static char *
save_mask (const MoeMask      *mask,
           const MoeModelInfo *info)
{
  g_autofree char *json = moe_mask_to_json (mask, info);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, json, -1);
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "moescope", "masks", NULL);
  g_autofree char *name = g_strconcat (hash, ".json", NULL);
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr(GError) error = NULL;

  g_mkdir_with_parents (folder, 0700);
  if (!g_file_test (path, G_FILE_TEST_EXISTS) && !moe_mask_file_save (mask, info, path, &error))
    g_debug ("%s", error->message);
  return path;
}

void
moe_command_add_mask (GString            *line,
                      const MoeMask      *mask,
                      const MoeModelInfo *info)
{
  guint n = moe_mask_get_n (mask);
  const MoeIntervention *first = n > 0 ? moe_mask_get (mask, 0) : NULL;

  if (!is_options (mask))
    {
      g_autofree char *path = save_mask (mask, info);

      moe_command_add_option (line, "mask", path);
      return;
    }
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *option = moe_intervention_to_option (moe_mask_get (mask, i));
      g_auto(GStrv) words = g_strsplit (option, " ", 2);
      g_autofree char *value = g_shell_quote (words[1] != NULL ? words[1] : "");

      g_string_append_printf (line, " %s %s", words[0], value);
    }
  if (first != NULL && first->scope != MOE_SCOPE_BOTH)
    g_string_append_printf (line, " --mask-phase %s", moe_scope_get_name (first->scope));
  if (first != NULL && first->from_token > 0)
    g_string_append_printf (line, " --mask-from %u", first->from_token);
}

void
moe_command_add_provenance (MoeTable           *table,
                            const MoeModelInfo *info,
                            const MoeMask      *mask)
{
  guint n = moe_mask_get_n (mask);

  moe_table_set_provenance (table, "model", info->name);
  moe_table_set_provenance (table, "fingerprint", info->fingerprint);
  if (n > 0)
    {
      g_autoptr(GString) text = g_string_new (NULL);

      for (guint i = 0; i < n; i++)
        {
          g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

          g_string_append_printf (text, "%s%s", i > 0 ? " + " : "", one);
        }
      moe_table_set_provenance (table, "mask", text->str);
    }
  moe_table_set_provenance (table, "version", MOE_VERSION);
}
