/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "data/moe-mask.h"

G_BEGIN_DECLS

/* Replaces what @drop_down offers by @titles (NULL-terminated, copied). */
void moe_drop_down_set_choices (GtkDropDown       *drop_down,
                                const char *const *titles);
/* Selects the mode called @name, where @drop_down offers @modes (@n) in this order. FALSE for others. */
gboolean moe_drop_down_select_mode (GtkDropDown   *drop_down,
                                    const MoeMode *modes,
                                    guint          n,
                                    const char    *name);

G_END_DECLS
