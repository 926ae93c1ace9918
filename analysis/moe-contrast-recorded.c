/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include "analysis/moe-contrast-private.h"
#include "data/moe-error.h"

typedef struct _Reader Reader;

/* Takes the records of the present prompt, of which @text is what the person wrote, or NULL. */
typedef void (*TakeFunc) (Reader *self, const char *text);

/* Reads a recording prompt by prompt. */
struct _Reader
{
  MoeContrastCounts    *counts;
  MoeRecording         *recording;
  TakeFunc              take;
  const MoeSpan        *spans;    /* (2) for take_spans: what is A and B of every prompt */
  const MoeRefusalList *refusals; /* for take_answer: what decides whether a prompt is of A or B */
  GHashTable           *places;   /* for take_listed, and take_answer if not NULL: text -> Place */
  GPtrArray            *records;  /* of the present prompt */
  GString              *answer;   /* its text */
  gint64                prompt;   /* -1 before the first */
  guint                 n[2];     /* prompts of A and of B, with refusals */
};

static void
record_unref (gpointer record)
{
  moe_token_record_unref (record);
}

/* Both sides are of one prompt. */
static void
take_spans (Reader     *self,
            const char *text)
{
  g_autofree char *pair = g_strdup_printf ("%" G_GINT64_FORMAT, self->prompt);
  const MoePrompt prompt = { .text = text != NULL ? text : "", .pair = pair };

  for (guint side = 0; side < 2; side++)
    {
      self->counts->span = self->spans[side];
      moe_contrast_counts_add (self->counts, &prompt, (MoeContrastSide) side, self->records, 0, 0);
    }
}

/* Where a recorded text belongs. */
typedef struct
{
  const MoePrompt *prompt;
  MoeContrastSide  side;
} Place;

static void
take_answer (Reader     *self,
             const char *text)
{
  const Place *place = self->places != NULL && text != NULL ? g_hash_table_lookup (self->places, text) : NULL;
  const MoePrompt plain = { .text = text != NULL ? text : "" };
  const MoePrompt *prompt = place != NULL ? place->prompt : &plain;
  MoeContrastSide side = moe_refusal_list_match (self->refusals, self->answer->str) ? MOE_CONTRAST_A
                                                                                    : MOE_CONTRAST_B;

  if (self->places != NULL && place == NULL)
    return;
  self->n[side]++;
  moe_contrast_counts_add (self->counts, prompt, side, self->records, 0, 0);
}

static void
take_listed (Reader     *self,
             const char *text)
{
  const Place *place = text != NULL ? g_hash_table_lookup (self->places, text) : NULL;

  if (place != NULL)
    moe_contrast_counts_add (self->counts, place->prompt, place->side, self->records, 0, 0);
}

static void
finish_prompt (Reader *self)
{
  g_autofree char *text = NULL;

  if (self->prompt < 0)
    return;
  text = moe_recording_dup_prompt (self->recording, (guint) self->prompt);
  self->take (self, text);
  g_ptr_array_set_size (self->records, 0);
  g_string_truncate (self->answer, 0);
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
      finish_prompt (self);
      self->prompt = record->prompt;
    }
  if (record->phase == MOE_PHASE_ANSWER && text != NULL)
    g_string_append_len (self->answer, text, (gssize) text_length);
  g_ptr_array_add (self->records, moe_token_record_ref (record));
  return TRUE;
}

static gboolean
read_all (Reader             *self,
          const MoeProgress  *progress,
          GError            **error)
{
  gboolean done;

  if (!moe_progress_step (progress, 0, "reading the recording", error))
    return FALSE;
  self->records = g_ptr_array_new_with_free_func (record_unref);
  self->answer = g_string_new (NULL);
  self->prompt = -1;
  done = moe_recording_foreach (self->recording, 0, -1, read_record, self, error);
  if (done)
    finish_prompt (self);
  g_ptr_array_unref (self->records);
  g_string_free (self->answer, TRUE);
  return done;
}

static gboolean
check_span (const MoeSpan  *span,
            MoeRecording   *recording,
            GError        **error)
{
  if (span->kind != MOE_SPAN_TARGET)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: does not hold where the targets are",
               moe_recording_get_path (recording));
  return FALSE;
}

/* Takes @counts; NULL when they do not do. */
static MoeContrastCounts *
check_counts (MoeContrastCounts  *counts,
              MoeRecording       *recording,
              GError            **error)
{
  g_autoptr(MoeContrastCounts) self = counts;

  if (moe_contrast_counts_check (self, error))
    return g_steal_pointer (&self);
  g_prefix_error (error, "%s: ", moe_recording_get_path (recording));
  return NULL;
}

/* FALSE when a text is in both sets. @b may be NULL. */
static gboolean
find_places (GHashTable    *places,
             MoePromptSet  *a,
             MoePromptSet  *b,
             GError       **error)
{
  MoePromptSet * const sets[] = { a, b };

  for (guint side = 0; side < 2 && sets[side] != NULL; side++)
    for (guint i = 0; i < moe_prompt_set_get_n (sets[side]); i++)
      {
        const MoePrompt *prompt = moe_prompt_set_get (sets[side], i);
        const Place *known = g_hash_table_lookup (places, prompt->text);
        Place *place;

        if (known != NULL && known->side != (MoeContrastSide) side)
          return moe_error_fail_line (error, MOE_ERROR_INVALID, moe_prompt_set_get_path (sets[side]),
                                      prompt->line, "the prompt is in both sets, so what was recorded of it "
                                      "belongs to neither");
        place = g_new (Place, 1);
        *place = (Place) { prompt, (MoeContrastSide) side };
        g_hash_table_replace (places, (gpointer) prompt->text, place);
      }
  return TRUE;
}

MoeContrastCounts *
moe_contrast_counts_from_recording (MoeRecording       *recording,
                                    MoePromptSet       *a,
                                    MoePromptSet       *b,
                                    const MoeSpan      *span,
                                    gint32              marker,
                                    const MoeProgress  *progress,
                                    GError            **error)
{
  g_autoptr(MoeContrastCounts) self = NULL;
  g_autoptr(GHashTable) places = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  Reader reader = { .recording = recording, .take = take_listed, .places = places };

  if (!check_span (span, recording, error) || !find_places (places, a, b, error))
    return NULL;
  self = moe_contrast_counts_new (moe_recording_get_info (recording), span, marker);
  reader.counts = self;
  if (!read_all (&reader, progress, error))
    return NULL;
  return check_counts (g_steal_pointer (&self), recording, error);
}

MoeContrastCounts *
moe_contrast_counts_from_spans (MoeRecording       *recording,
                                const MoeSpan      *span_a,
                                const MoeSpan      *span_b,
                                const MoeProgress  *progress,
                                GError            **error)
{
  const MoeSpan spans[] = { *span_a, *span_b };
  g_autoptr(MoeContrastCounts) self = NULL;
  Reader reader = { .recording = recording, .take = take_spans, .spans = spans };

  if (!check_span (span_a, recording, error) || !check_span (span_b, recording, error))
    return NULL;
  self = moe_contrast_counts_new (moe_recording_get_info (recording), span_a, -1);
  self->has_span_b = TRUE;
  self->span_b = *span_b;
  reader.counts = self;
  if (!read_all (&reader, progress, error))
    return NULL;
  self->span = *span_a;
  return check_counts (g_steal_pointer (&self), recording, error);
}

MoeContrastCounts *
moe_contrast_counts_from_answers (MoeRecording          *recording,
                                  const MoeRefusalList  *refusals,
                                  const MoeSpan         *span,
                                  const MoeProgress     *progress,
                                  GError               **error)
{
  return moe_contrast_counts_from_answers_to (recording, NULL, refusals, span, progress, error);
}

MoeContrastCounts *
moe_contrast_counts_from_answers_to (MoeRecording          *recording,
                                     MoePromptSet          *set,
                                     const MoeRefusalList  *refusals,
                                     const MoeSpan         *span,
                                     const MoeProgress     *progress,
                                     GError               **error)
{
  g_autoptr(MoeContrastCounts) self = NULL;
  g_autoptr(GHashTable) places = NULL;
  Reader reader = { .recording = recording, .take = take_answer, .refusals = refusals };

  if (set != NULL)
    places = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  if (!check_span (span, recording, error) || (set != NULL && !find_places (places, set, NULL, error)))
    return NULL;
  reader.places = places;
  self = moe_contrast_counts_new (moe_recording_get_info (recording), span, -1);
  reader.counts = self;
  if (!read_all (&reader, progress, error))
    return NULL;
  if (reader.n[MOE_CONTRAST_A] == 0 || reader.n[MOE_CONTRAST_B] == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: %s of the %u recorded answers is a refusal, so there is nothing to compare",
                   moe_recording_get_path (recording), reader.n[MOE_CONTRAST_A] == 0 ? "none" : "each",
                   reader.n[MOE_CONTRAST_A] + reader.n[MOE_CONTRAST_B]);
      return NULL;
    }
  return check_counts (g_steal_pointer (&self), recording, error);
}
