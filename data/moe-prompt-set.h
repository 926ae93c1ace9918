/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A list of prompts, read from a file by its extension. Immutable.
 *
 * - .csv: any header; the prompt is in the column asked for, by default the first of prompt, goal, Goal,
 *   Behavior, forbidden_prompt, question, text that is there.
 * - .jsonl, .ndjson, .json: an object a line, of one of three kinds. {"messages": [{"role", "content"}, ...]}
 *   is a chat; when it ends with an assistant's turn, that is the answer to be teacher-forced. {"messages_0",
 *   "messages_1", "messages_0_target", "messages_1_target"} are two chats that are matched, labelled 0 and 1,
 *   with the text to look at (SteerMoE's pairs). Else the prompt is the member that a CSV column would be.
 * - Others are text: a prompt a line, blank lines and lines starting with '#' skipped. */
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

/* Columns of a CSV file, or members of the objects of a JSON one. NULL: none asked for; label and pair are
 * then taken from columns of that name when they are there. */
typedef struct
{
  const char *column;        /* the prompt */
  const char *label_column;
  const char *pair_column;
  const char *answer_column; /* the beginning of the answer */
  const char *target_column;
  guint       limit;         /* prompts, of a file of pairs: pairs; 0 = all */
  guint       skip;          /* of the first, so many are left out */
} MoePromptSetOptions;

/* Errors: MOE_ERROR_IO, _FORMAT (with the line), _INVALID (no such column; lists those there are; nothing
 * left after @options' skip), _LIMIT. */
MoePromptSet    *moe_prompt_set_load_full (const char                 *path,
                                           const MoePromptSetOptions  *options,
                                           GError                    **error);
/* The prompts at @indices (n), in that order; may be empty. Transfer full. */
MoePromptSet    *moe_prompt_set_pick     (MoePromptSet  *self,
                                          const guint   *indices,
                                          guint          n);
/* The prompts with @label; may be empty. Transfer full. */
MoePromptSet    *moe_prompt_set_filter   (MoePromptSet  *self,
                                          const char    *label);
/* The same prompts, each in a pair named by its place. Transfer full. */
MoePromptSet    *moe_prompt_set_pair_by_place (MoePromptSet  *self);
/* Whether it came from a file of pairs: then side 0 and 1 are its labels. */
gboolean         moe_prompt_set_has_sides (MoePromptSet  *self);
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

/* Names what the prompt says (its text, or its chat), whatever else its file tells of it: the first 8 hex
 * digits of a SHA-256. Transfer full. */
char            *moe_prompt_get_mark     (const MoePrompt *prompt);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoePromptSet, moe_prompt_set_unref)

G_END_DECLS
