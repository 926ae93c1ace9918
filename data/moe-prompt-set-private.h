/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-prompt-set.h"

G_BEGIN_DECLS

struct _MoePromptSet
{
  gatomicrefcount  ref_count;
  char            *path;
  char            *hash;
  GStringChunk    *texts;
  GPtrArray       *messages; /* of the arrays of MoePromptMessage */
  GArray          *prompts;  /* MoePrompt */
  gboolean         has_sides;
  MoePromptSet    *whole;    /* of which this is a part and which owns the texts, or NULL */
};

/* Appends a copy. FALSE with @error (MOE_ERROR_LIMIT) when there are too many. */
gboolean moe_prompt_set_add        (MoePromptSet               *self,
                                    const MoePrompt            *prompt,
                                    GError                    **error);
/* FALSE when @n prompts (of a file of pairs: pairs) are as many as asked for, those that will be skipped
 * among them. */
gboolean moe_prompt_set_wants_more (const MoePromptSetOptions  *options,
                                    guint                       n);

gboolean moe_prompt_set_load_csv   (MoePromptSet               *self,
                                    const char                 *data,
                                    gsize                       length,
                                    const MoePromptSetOptions  *options,
                                    GError                    **error);
gboolean moe_prompt_set_load_jsonl (MoePromptSet               *self,
                                    const char                 *data,
                                    gsize                       length,
                                    const MoePromptSetOptions  *options,
                                    GError                    **error);

/* The names of columns that hold the prompt, the likeliest first; NULL-terminated. */
extern const char * const moe_prompt_set_usual_columns[];

gboolean moe_prompt_set_is_blank   (const char                 *text,
                                    gsize                       length);

G_END_DECLS
