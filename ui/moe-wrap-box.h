/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A row of controls that goes on in a second row where the window is too narrow for one. A child that expands
 * needs only its minimum and takes what its row leaves. Children are added as widgets are
 * (gtk_widget_insert_after() and so on, or <child>). */
#define MOE_TYPE_WRAP_BOX (moe_wrap_box_get_type ())
G_DECLARE_FINAL_TYPE (MoeWrapBox, moe_wrap_box, MOE, WRAP_BOX, GtkWidget)

GtkWidget *moe_wrap_box_new (void);

G_END_DECLS
