/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-study-command"

#include "ui/moe-study-command.h"

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

void
moe_command_add_mask (GString       *line,
                      const MoeMask *mask)
{
  guint n = moe_mask_get_n (mask);
  const MoeIntervention *first = n > 0 ? moe_mask_get (mask, 0) : NULL;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *option = moe_intervention_to_option (moe_mask_get (mask, i));

      g_string_append_printf (line, " %s", option);
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
