/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* The prompt of the current token as it was sent to the model: the text that the chat template made of the
 * conversation, special tokens spelled out, and its tokens as a table; both can be copied. */
#define MOE_TYPE_PROMPT_VIEW (moe_prompt_view_get_type ())
G_DECLARE_FINAL_TYPE (MoePromptView, moe_prompt_view, MOE, PROMPT_VIEW, GtkWidget)

void      moe_prompt_view_set_document (MoePromptView *self,
                                        MoeDocument   *document);
/* When tokens or the selection changed. */
void      moe_prompt_view_refresh      (MoePromptView *self);

/* Columns index, token_id, piece, phase, turn; empty when no prompt is there. @text gets the rendered text.
 * Both transfer full. */
MoeTable *moe_prompt_view_make_table   (MoeDocument   *document,
                                        char         **text);

G_END_DECLS
