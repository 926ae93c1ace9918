/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-prompt-set.h"
#include "probes/moe-model.h"

G_BEGIN_DECLS

/* A prompt of a prompt set as the tokens that are fed. */
typedef struct
{
  MoeChatPrompt *tokens;   /* the prompt, then its answer (MOE_PHASE_TEACHER_FORCED) */
  gsize          n_prompt; /* tokens before the answer; all without one */
  gsize          target_first, target_end; /* tokens that hold the target; equal without one */
} MoePromptTokens;

/* @raw: as it is, without the chat template. @system: comes first, unless the prompt is a chat that begins
 * with a system message itself; NULL for none. The target is looked for in what persons wrote and in the
 * answer, from the end; every token that holds a byte of it belongs to it.
 * Errors: those of moe_chat_render() after the model's path; MOE_ERROR_INVALID for an empty prompt, a chat
 * without the template, and a target that does not occur. */
MoePromptTokens *moe_prompt_tokens_new  (const MoeModel   *model,
                                         const MoePrompt  *prompt,
                                         const char       *system,
                                         gboolean          raw,
                                         GError          **error);
/* The same of a prompt without messages of its own that comes after earlier ones: @history (NULL-terminated,
 * or NULL) is what the person said, what the model answered, and so on in turn. Errors: MOE_ERROR_INVALID
 * also for a history that does not end with an answer. */
MoePromptTokens *moe_prompt_tokens_new_after (const MoeModel     *model,
                                              const MoePrompt    *prompt,
                                              const char * const *history,
                                              const char         *system,
                                              gboolean            raw,
                                              GError            **error);
void             moe_prompt_tokens_free (MoePromptTokens  *self);

/* How prompts became tokens, for provenance: "raw text", or the family of the chat template and what it was
 * told: the system message, its switch for thinking, the date when it writes one. Transfer full. */
char            *moe_prompt_tokens_describe (const MoeModel   *model,
                                             const char       *system,
                                             gboolean          raw);
/* The key of it in a table's provenance. */
#define MOE_PROMPT_TOKENS_KEY "prompts-as"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoePromptTokens, moe_prompt_tokens_free)

G_END_DECLS
