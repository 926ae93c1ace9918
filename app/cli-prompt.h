/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-model.h"

G_BEGIN_DECLS

/* A person's text as tokens: as one user turn of the model's chat, after @system when that is not NULL, or
 * @raw as it is. Errors begin with the model's path. Transfer full. */
MoeChatPrompt *moe_cli_prompt_new (const MoeModel  *model,
                                   const char      *text,
                                   gsize            length,
                                   const char      *system,
                                   gboolean         raw,
                                   GError         **error);
/* The same without a loaded model, for tokenize; @chat may be NULL for raw text. */
MoeChatPrompt *moe_cli_prompt_render (const MoeTokenizer  *tokenizer,
                                      const MoeChat       *chat,
                                      const char          *path,
                                      const char          *text,
                                      gsize                length,
                                      const char          *system,
                                      GError             **error);

/* "1,2,3" as token ids, all below @vocabulary. Transfer full. */
MoeChatPrompt *moe_cli_prompt_from_ids (const char  *text,
                                        guint        vocabulary,
                                        GError     **error);

G_END_DECLS
