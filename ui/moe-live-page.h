/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* The conversation as it is generated, what the current token was chosen from, and the map of its experts. */
#define MOE_TYPE_LIVE_PAGE (moe_live_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeLivePage, moe_live_page, MOE, LIVE_PAGE, GtkWidget)

void moe_live_page_set_document (MoeLivePage *self,
                                 MoeDocument *document);

G_END_DECLS
