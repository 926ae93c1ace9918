/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"
#include "data/moe-types.h"
#include "probes/moe-tokenizer.h"

G_BEGIN_DECLS

/* Chat templates. The GGUF's tokenizer.chat_template is recognised as one of the families below (by what it
 * contains) and rendered exactly as that template would render it; anything else is refused by name. */
typedef struct _MoeChat MoeChat;

typedef struct
{
  const char *role;    /* "system", "user" or "assistant" */
  const char *content;
} MoeChatMessage;

/* Errors: MOE_ERROR_UNSUPPORTED "the model has no chat template; use --raw" or "... is of no known family
 * (...); use --raw". */
MoeChat    *moe_chat_new          (MoeGguf       *gguf,
                                   GError       **error);
void        moe_chat_free         (MoeChat       *self);
/* "chatml", "qwen2", "qwen3", "llama-3", "mistral", "olmoe" ... */
const char *moe_chat_get_family   (const MoeChat *self);

/* A rendered conversation as tokens, each with its phase: what a message says is MOE_PHASE_PROMPT (the
 * assistant's earlier turns too), everything the template adds is MOE_PHASE_TEMPLATE. */
typedef struct
{
  char     *text;     /* rendered, special tokens spelled out */
  gint32   *tokens;   /* (n_tokens) */
  MoePhase *phases;   /* (n_tokens) */
  gsize     n_tokens;
} MoeChatPrompt;

/* @messages end with a user turn; the generation prompt is added. Special tokens that a person typed inside a
 * message stay text. Errors: MOE_ERROR_INVALID (an order of roles the template refuses). */
MoeChatPrompt *moe_chat_render       (const MoeChat         *self,
                                      const MoeTokenizer    *tokenizer,
                                      const MoeChatMessage  *messages,
                                      guint                  n_messages,
                                      GError               **error);
/* No template: BOS if the file asks for it, then @text with special tokens parsed. */
MoeChatPrompt *moe_chat_prompt_raw   (const MoeTokenizer    *tokenizer,
                                      const char            *text,
                                      gsize                  length);
void           moe_chat_prompt_free  (MoeChatPrompt         *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeChat, moe_chat_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeChatPrompt, moe_chat_prompt_free)

G_END_DECLS
