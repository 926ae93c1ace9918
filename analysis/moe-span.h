/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-types.h"

G_BEGIN_DECLS

/* The tokens of a prompt that an analysis looks at. */
typedef enum
{
  MOE_SPAN_PROMPT,   /* what persons wrote, without the template */
  MOE_SPAN_LAST,     /* the last n tokens before the answer, the template's too: where the answer is decided
                        */
  MOE_SPAN_ANSWER,   /* the first n tokens of the answer, generated or teacher-forced, without thinking */
  MOE_SPAN_THINKING, /* the first n tokens inside the thinking block */
  MOE_SPAN_TARGET,   /* the marked part of the prompt or of the teacher-forced answer */
  MOE_SPAN_ALL,
} MoeSpanKind;

typedef struct
{
  MoeSpanKind kind;
  guint       n;     /* of LAST, ANSWER and THINKING; 0 = all */
} MoeSpan;

/* "prompt", "last" (1 token), "last:4", "answer" (all), "answer:8", "thinking:8", "target", "all".
 * Errors: MOE_ERROR_INVALID. */
gboolean moe_span_parse  (const char      *text,
                          MoeSpan         *span,
                          GError         **error);
/* The same notation. Transfer full. */
char    *moe_span_format (const MoeSpan   *span);

/* Sets @chosen (n_tokens) where the token is in the span, and returns how many are. @phases (n_tokens) are
 * those of one prompt in order; [@target_first, @target_end) its target, equal when it has none. */
guint    moe_span_select (const MoeSpan   *span,
                          const MoePhase  *phases,
                          gsize            n_tokens,
                          gsize            target_first,
                          gsize            target_end,
                          gboolean        *chosen);
/* The same for a token that is generated after those, of which @n_taken are in the span. */
gboolean moe_span_takes_next (const MoeSpan *span,
                              guint          n_taken,
                              MoePhase       phase);

G_END_DECLS
