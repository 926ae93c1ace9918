/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"
#include "data/moe-types.h"
#include "probes/moe-tokenizer.h"

G_BEGIN_DECLS

/* Chat templates. The GGUF's tokenizer.chat_template is run (moe-jinja.h), so that what comes out is what
 * that very template writes, default system prompt and all; one that uses something not known here is
 * refused by name. The date that some templates write is the one of moe_chat_set_date(), or the day the chat
 * was made. */
typedef struct _MoeChat MoeChat;

typedef struct
{
  const char *role;    /* "system", "user" or "assistant" */
  const char *content;
} MoeChatMessage;

/* Errors: MOE_ERROR_UNSUPPORTED "PATH: the model has no chat template; use --raw" or "PATH: the chat
 * template (family ...) cannot be rendered: ...; use --raw". */
MoeChat    *moe_chat_new          (MoeGguf       *gguf,
                                   GError       **error);
void        moe_chat_free         (MoeChat       *self);
/* By what the template contains: "chatml", "qwen2", "qwen3", "llama-3", "llama-2", "mistral", "olmoe"; else
 * "other". */
const char *moe_chat_get_family   (const MoeChat *self);

/* What the template is told about thinking, in the variables "enable_thinking" and "thinking". */
typedef enum
{
  MOE_THINKING_DEFAULT, /* nothing: its own default */
  MOE_THINKING_ON,
  MOE_THINKING_OFF,
} MoeThinking;

/* The setters before the first prompt is rendered, from the thread that made the chat. FALSE for a choice
 * that makes no difference to the template: MOE_ERROR_UNSUPPORTED. */
gboolean    moe_chat_set_thinking (MoeChat       *self,
                                   MoeThinking    thinking,
                                   GError       **error);
MoeThinking moe_chat_get_thinking (const MoeChat *self);
void        moe_chat_set_date     (MoeChat       *self,
                                   const GDate   *date);
/* The date that the template writes into prompts, as YYYY-MM-DD; NULL when it writes none. */
const char *moe_chat_get_date     (const MoeChat *self);

/* A rendered conversation as tokens, each with its phase: what a message says is MOE_PHASE_PROMPT (the
 * assistant's earlier turns too), everything the template adds is MOE_PHASE_TEMPLATE. */
typedef struct
{
  char     *text;     /* rendered, special tokens spelled out, with the BOS that the tokenizer adds */
  gint32   *tokens;   /* (n_tokens) */
  MoePhase *phases;   /* (n_tokens) */
  gsize     n_tokens;
} MoeChatPrompt;

/* @messages end with a user turn; the generation prompt is added. Special tokens that a person typed inside a
 * message stay text; a token that holds bytes of both a message and the template counts as the message's.
 * Errors: MOE_ERROR_INVALID (an order of roles the template refuses), _UNSUPPORTED, _LIMIT. */
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
