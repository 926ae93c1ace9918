/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* The figures of the selected expert, and what can be done to it. Every change acts at once. */
#define MOE_TYPE_INSPECTOR (moe_inspector_get_type ())
G_DECLARE_FINAL_TYPE (MoeInspector, moe_inspector, MOE, INSPECTOR, GtkWidget)

void moe_inspector_set_document (MoeInspector *self,
                                 MoeDocument  *document);
/* Disables the selected expert, in the chosen mode, or enables it; likewise forces it. */
void moe_inspector_toggle       (MoeInspector *self,
                                 MoeAction     action);
/* Moves the keyboard to the bias. */
void moe_inspector_focus_bias   (MoeInspector *self);

G_END_DECLS
