/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* The program: opens a window for each file it is given, or for the demo model. */
#define MOE_TYPE_APPLICATION (moe_application_get_type ())
G_DECLARE_FINAL_TYPE (MoeApplication, moe_application, MOE, APPLICATION, GtkApplication)

MoeApplication *moe_application_new           (void);
/* Where the demo model is: under MOESCOPE_DATADIR, the installed data, or the source tree; NULL when it is in
 * none. Transfer full. */
char           *moe_application_find_demo     (void);

G_END_DECLS
