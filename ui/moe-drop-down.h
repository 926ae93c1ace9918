/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Replaces what @drop_down offers by @titles (NULL-terminated, copied). */
void moe_drop_down_set_choices (GtkDropDown       *drop_down,
                                const char *const *titles);

G_END_DECLS
