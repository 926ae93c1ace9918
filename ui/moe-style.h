/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Loads the style sheet, and follows the desktop's light or dark preference (the settings portal) until
 * moe_style_set() says otherwise. Once a display. */
void moe_style_init (GdkDisplay *display);

/* "system", "light" or "dark". */
void moe_style_set  (const char *name);

G_END_DECLS
