/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-span"

#include "analysis/moe-span.h"

#include <string.h>

#include "data/moe-error.h"

/* No context is longer. */
#define MAX_TOKENS 1048576

typedef struct
{
  const char *name;
  gboolean    counted; /* takes ":N" */
  guint       usual;
} KindInfo;

static const KindInfo kinds[] = {
  [MOE_SPAN_PROMPT] = { "prompt", FALSE, 0 },
  [MOE_SPAN_LAST] = { "last", TRUE, 1 },
  [MOE_SPAN_ANSWER] = { "answer", TRUE, 0 },
  [MOE_SPAN_THINKING] = { "thinking", TRUE, 0 },
  [MOE_SPAN_TARGET] = { "target", FALSE, 0 },
  [MOE_SPAN_ALL] = { "all", FALSE, 0 },
};

gboolean
moe_span_parse (const char  *text,
                MoeSpan     *span,
                GError     **error)
{
  const char *colon = strchr (text, ':');
  gsize length = colon != NULL ? (gsize) (colon - text) : strlen (text);
  guint64 n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      if (strlen (kinds[i].name) != length || strncmp (kinds[i].name, text, length) != 0)
        continue;
      if (colon != NULL
          && (!kinds[i].counted || !g_ascii_string_to_unsigned (colon + 1, 10, 1, MAX_TOKENS, &n, NULL)))
        break;
      *span = (MoeSpan) { (MoeSpanKind) i, colon != NULL ? (guint) n : kinds[i].usual };
      return TRUE;
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
               "'%s' is none of prompt, last[:N], answer[:N], thinking[:N], target and all", text);
  return FALSE;
}

char *
moe_span_format (const MoeSpan *span)
{
  const KindInfo *kind = &kinds[span->kind];

  return span->n == kind->usual ? g_strdup (kind->name) : g_strdup_printf ("%s:%u", kind->name, span->n);
}

static gboolean
is_prompt (MoePhase phase)
{
  return phase == MOE_PHASE_TEMPLATE || phase == MOE_PHASE_PROMPT;
}

/* Whether a token of @phase belongs to what is generated and looked at. */
static gboolean
is_answer (const MoeSpan *span,
           MoePhase       phase)
{
  if (span->kind == MOE_SPAN_ANSWER)
    return phase == MOE_PHASE_ANSWER || phase == MOE_PHASE_TEACHER_FORCED;
  return span->kind == MOE_SPAN_THINKING && phase == MOE_PHASE_THINKING;
}

guint
moe_span_select (const MoeSpan  *span,
                 const MoePhase *phases,
                 gsize           n_tokens,
                 gsize           target_first,
                 gsize           target_end,
                 gboolean       *chosen)
{
  gsize n_prompt = 0;
  guint n = 0;

  while (n_prompt < n_tokens && is_prompt (phases[n_prompt]))
    n_prompt++;
  for (gsize i = 0; i < n_tokens; i++)
    {
      switch (span->kind)
        {
        case MOE_SPAN_PROMPT:
          chosen[i] = phases[i] == MOE_PHASE_PROMPT;
          break;
        case MOE_SPAN_LAST:
          chosen[i] = i < n_prompt && (span->n == 0 || i + span->n >= n_prompt);
          break;
        case MOE_SPAN_ANSWER:
        case MOE_SPAN_THINKING:
          chosen[i] = is_answer (span, phases[i]) && (span->n == 0 || n < span->n);
          break;
        case MOE_SPAN_TARGET:
          chosen[i] = i >= target_first && i < target_end;
          break;
        case MOE_SPAN_ALL:
          chosen[i] = TRUE;
          break;
        }
      n += chosen[i] ? 1 : 0;
    }
  return n;
}

gboolean
moe_span_takes_next (const MoeSpan *span,
                     guint          n_taken,
                     MoePhase       phase)
{
  if (span->kind == MOE_SPAN_ALL)
    return TRUE;
  return is_answer (span, phase) && (span->n == 0 || n_taken < span->n);
}
