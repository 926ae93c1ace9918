/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include "analysis/moe-contrast-private.h"
#include "analysis/moe-prompt-tokens.h"
#include "data/moe-error.h"

static void
record_unref (gpointer record)
{
  moe_token_record_unref (record);
}

typedef struct
{
  MoeContrastCounts *counts;
  MoeContrastSide    side;
  GPtrArray         *records; /* of the present prompt */

  const MoeRefusalList *refusals; /* which decide on the side, or NULL */
  GArray               *sides[2]; /* then: of guint, the prompts of each */
} Collector;

static gboolean
collect_begin (const MoePromptRun *run,
               gpointer            user_data,
               GError            **error)
{
  Collector *self = user_data;

  g_ptr_array_set_size (self->records, 0);
  return TRUE;
}

static void
collect_record (const MoePromptRun *run,
                MoeTokenRecord     *record,
                const float        *logits,
                gpointer            user_data)
{
  Collector *self = user_data;

  g_ptr_array_add (self->records, moe_token_record_ref (record));
}

static gboolean
collect_end (const MoePromptRun *run,
             gpointer            user_data,
             GError            **error)
{
  Collector *self = user_data;

  if (self->refusals != NULL)
    {
      self->side = moe_refusal_list_match (self->refusals, run->answer) ? MOE_CONTRAST_A : MOE_CONTRAST_B;
      g_array_append_val (self->sides[self->side], run->index);
    }
  moe_contrast_counts_add (self->counts, run->prompt, self->side, self->records, run->tokens->target_first,
                           run->tokens->target_end);
  return TRUE;
}

static MoeContrastCounts *
new_counts (MoeSession                *session,
            const MoeSpan             *span,
            gint32                     marker,
            const MoePromptRunOptions *options)
{
  const MoeModel *model = moe_session_get_model (session);
  MoeContrastCounts *self = moe_contrast_counts_new (moe_model_get_info (model), span, marker);

  self->prompts_as = moe_prompt_tokens_describe (model, options->system, options->raw);
  return self;
}

static const MoePromptRunFuncs collect = { collect_begin, collect_record, collect_end };

MoeContrastCounts *
moe_contrast_counts_run (MoeSession                *session,
                         MoePromptSet              *a,
                         MoePromptSet              *b,
                         const MoeSpan             *span,
                         gint32                     marker,
                         const MoePromptRunOptions *options,
                         const MoeProgress         *progress,
                         GError                   **error)
{
  MoePromptSet * const sets[] = { a, b };
  g_autoptr(MoeContrastCounts) self = NULL;
  Collector collector;
  gboolean done = TRUE;

  self = new_counts (session, span, marker, options);
  collector = (Collector) { .counts = self, .records = g_ptr_array_new_with_free_func (record_unref) };
  for (guint side = 0; side < 2 && done; side++)
    {
      MoeProgressPart part;

      collector.side = (MoeContrastSide) side;
      done = moe_prompt_runner_run (session, sets[side], 0, options, NULL, &collect, &collector,
                                    moe_progress_part_init (&part, progress, side / 2.0, (side + 1) / 2.0),
                                    error);
    }
  g_ptr_array_unref (collector.records);
  return done && moe_contrast_counts_check (self, error) ? g_steal_pointer (&self) : NULL;
}

MoeContrastCounts *
moe_contrast_counts_run_by_answer (MoeSession                *session,
                                   MoePromptSet              *set,
                                   const MoeRefusalList      *refusals,
                                   const MoeSpan             *span,
                                   gint32                     marker,
                                   const MoePromptRunOptions *options,
                                   MoePromptSet             **a,
                                   MoePromptSet             **b,
                                   const MoeProgress         *progress,
                                   GError                   **error)
{
  MoePromptSet **parts[] = { a, b };
  g_autoptr(MoeContrastCounts) self = NULL;
  Collector collector = { .refusals = refusals };
  gboolean done;

  self = new_counts (session, span, marker, options);
  collector.counts = self;
  collector.records = g_ptr_array_new_with_free_func (record_unref);
  for (guint side = 0; side < 2; side++)
    collector.sides[side] = g_array_new (FALSE, FALSE, sizeof (guint));
  done = moe_prompt_runner_run (session, set, 0, options, NULL, &collect, &collector, progress, error);
  if (done && (collector.sides[0]->len == 0 || collector.sides[1]->len == 0))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: %s of the %u answers is a refusal, so there is "
                   "nothing to compare", moe_prompt_set_get_path (set),
                   collector.sides[0]->len == 0 ? "none" : "each", moe_prompt_set_get_n (set));
      done = FALSE;
    }
  done = done && moe_contrast_counts_check (self, error);
  for (guint side = 0; side < 2; side++)
    {
      GArray *indices = collector.sides[side];

      if (done)
        *parts[side] = moe_prompt_set_pick (set, (const guint *) (gpointer) indices->data, indices->len);
      g_array_unref (indices);
    }
  g_ptr_array_unref (collector.records);
  return done ? g_steal_pointer (&self) : NULL;
}
