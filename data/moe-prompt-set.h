/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A list of prompts read from a text file (one a line, blank lines and lines starting with '#' skipped) or a
 * CSV file (by its extension .csv: any header, the column named by @column, by default the first of prompt,
 * goal, Goal, Behavior, forbidden_prompt, question, text that is there). Immutable. */
typedef struct _MoePromptSet MoePromptSet;

typedef struct
{
  const char *role;    /* "system", "user" or "assistant" */
  const char *content;
} MoePromptMessage;

typedef struct
{
  const char *text;    /* what the person wrote; of a chat, the last user message */
  guint       line;    /* 1-based line in the file at which it starts */

  const char *label;   /* NULL when the file has none */
  const char *pair;    /* names the pair it belongs to; NULL when it is not matched with another */
  const char *answer;  /* the beginning of the answer, to be teacher-forced after the prompt, or NULL */
  const char *target;  /* the part of prompt or answer to look at, or NULL */
  /* (n_messages) a whole chat, which ends with a user turn; NULL when @text is all there is. */
  const MoePromptMessage *messages;
  guint       n_messages;
} MoePrompt;

/* Errors: MOE_ERROR_IO, _FORMAT (with the line), _INVALID (no such column; lists those there are), _LIMIT.
 * @limit 0 = all. */
MoePromptSet    *moe_prompt_set_load     (const char    *path,
                                          const char    *column,
                                          guint          limit,
                                          GError       **error);
MoePromptSet    *moe_prompt_set_ref      (MoePromptSet  *self);
void             moe_prompt_set_unref    (MoePromptSet  *self);
const char      *moe_prompt_set_get_path (MoePromptSet  *self);
/* SHA-256 of the file, 64 hex digits, for provenance. */
const char      *moe_prompt_set_get_hash (MoePromptSet  *self);
guint            moe_prompt_set_get_n    (MoePromptSet  *self);
const MoePrompt *moe_prompt_set_get      (MoePromptSet  *self,
                                          guint          index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoePromptSet, moe_prompt_set_unref)

G_END_DECLS
