/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-drop-down"

#include "ui/moe-drop-down.h"

void
moe_drop_down_set_choices (GtkDropDown       *drop_down,
                           const char *const *titles)
{
  g_autoptr(GtkStringList) list = gtk_string_list_new (titles);

  gtk_drop_down_set_model (drop_down, G_LIST_MODEL (list));
}

gboolean
moe_drop_down_select_mode (GtkDropDown   *drop_down,
                           const MoeMode *modes,
                           guint          n,
                           const char    *name)
{
  for (guint i = 0; i < n; i++)
    if (g_str_equal (moe_mode_get_name (modes[i]), name))
      {
        gtk_drop_down_set_selected (drop_down, i);
        return TRUE;
      }
  return FALSE;
}
