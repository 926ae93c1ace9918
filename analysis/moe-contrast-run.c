/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include <math.h>
#include <string.h>

#include "analysis/moe-contrast-private.h"
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

  self = moe_contrast_counts_new (moe_model_get_info (moe_session_get_model (session)), span, marker);
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

  self = moe_contrast_counts_new (moe_model_get_info (moe_session_get_model (session)), span, marker);
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

/* Where a recorded text belongs. */
typedef struct
{
  const MoePrompt *prompt;
  MoeContrastSide  side;
} Place;

typedef struct
{
  Collector    collector;
  MoeRecording *recording;
  GHashTable   *places; /* text -> Place */
  gint64        prompt; /* the present one, -1 before the first */
} Reader;

static void
finish_recorded (Reader *self)
{
  g_autofree char *text = NULL;
  const Place *place;

  if (self->prompt < 0)
    return;
  text = moe_recording_dup_prompt (self->recording, (guint) self->prompt);
  place = text != NULL ? g_hash_table_lookup (self->places, text) : NULL;
  if (place != NULL)
    moe_contrast_counts_add (self->collector.counts, place->prompt, place->side,
                             self->collector.records, 0, 0);
  g_ptr_array_set_size (self->collector.records, 0);
}

static gboolean
read_record (MoeTokenRecord *record,
             const char     *text,
             gsize           text_length,
             gpointer        user_data)
{
  Reader *self = user_data;

  if (self->prompt != record->prompt)
    {
      finish_recorded (self);
      self->prompt = record->prompt;
    }
  g_ptr_array_add (self->collector.records, moe_token_record_ref (record));
  return TRUE;
}

/* FALSE when a text is in both sets. */
static gboolean
find_places (GHashTable    *places,
             MoePromptSet  *a,
             MoePromptSet  *b,
             GError       **error)
{
  MoePromptSet * const sets[] = { a, b };

  for (guint side = 0; side < 2; side++)
    for (guint i = 0; i < moe_prompt_set_get_n (sets[side]); i++)
      {
        const MoePrompt *prompt = moe_prompt_set_get (sets[side], i);
        const Place *known = g_hash_table_lookup (places, prompt->text);
        Place *place;

        if (known != NULL && known->side != (MoeContrastSide) side)
          {
            g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                         "%s:%u: the prompt is in both sets, so what was recorded of it belongs to neither",
                         moe_prompt_set_get_path (sets[side]), prompt->line);
            return FALSE;
          }
        place = g_new (Place, 1);
        *place = (Place) { prompt, (MoeContrastSide) side };
        g_hash_table_replace (places, (gpointer) prompt->text, place);
      }
  return TRUE;
}

MoeContrastCounts *
moe_contrast_counts_from_recording (MoeRecording      *recording,
                                    MoePromptSet      *a,
                                    MoePromptSet      *b,
                                    const MoeSpan     *span,
                                    gint32             marker,
                                    const MoeProgress *progress,
                                    GError           **error)
{
  g_autoptr(MoeContrastCounts) self = NULL;
  g_autoptr(GHashTable) places = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  Reader reader;
  gboolean done;

  if (span->kind == MOE_SPAN_TARGET)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: does not hold where the targets are",
                   moe_recording_get_path (recording));
      return NULL;
    }
  if (!find_places (places, a, b, error) || !moe_progress_step (progress, 0, "reading the recording", error))
    return NULL;
  self = moe_contrast_counts_new (moe_recording_get_info (recording), span, marker);
  reader = (Reader) {
    .collector = { .counts = self, .records = g_ptr_array_new_with_free_func (record_unref) },
    .recording = recording, .places = places, .prompt = -1,
  };
  done = moe_recording_foreach (recording, 0, -1, read_record, &reader, error);
  if (done)
    finish_recorded (&reader);
  g_ptr_array_unref (reader.collector.records);
  if (!done)
    return NULL;
  if (!moe_contrast_counts_check (self, error))
    {
      g_prefix_error (error, "%s: ", moe_recording_get_path (recording));
      return NULL;
    }
  return g_steal_pointer (&self);
}
