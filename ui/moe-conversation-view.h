/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* The turns of the document's conversation; follows the end as long as it is scrolled there. */
#define MOE_TYPE_CONVERSATION_VIEW (moe_conversation_view_get_type ())
G_DECLARE_FINAL_TYPE (MoeConversationView, moe_conversation_view, MOE, CONVERSATION_VIEW, GtkWidget)

void moe_conversation_view_set_document (MoeConversationView *self,
                                         MoeDocument         *document);

G_END_DECLS
