/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* The mask as a list, with how often each intervention changed something. */
#define MOE_TYPE_INTERVENTIONS_VIEW (moe_interventions_view_get_type ())
G_DECLARE_FINAL_TYPE (MoeInterventionsView, moe_interventions_view, MOE, INTERVENTIONS_VIEW, GtkWidget)

void moe_interventions_view_set_document (MoeInterventionsView *self,
                                          MoeDocument          *document);

G_END_DECLS
