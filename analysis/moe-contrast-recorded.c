/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include "analysis/moe-contrast-private.h"
#include "data/moe-error.h"

/* Reads a recording prompt by prompt. */
typedef struct
{
  MoeContrastCounts    *counts;
  MoeRecording         *recording;
  const MoeSpan        *spans;    /* (2) what is A and B of every prompt; or NULL */
  const MoeRefusalList *refusals; /* or what decides whether a prompt is of A or B */
  GPtrArray            *records;  /* of the present prompt */
  GString              *answer;   /* its text */
  gint64                prompt;   /* -1 before the first */
  guint                 n[2];     /* prompts of A and of B, with refusals */
} Reader;

static void
record_unref (gpointer record)
{
  moe_token_record_unref (record);
}

static void
finish_prompt (Reader *self)
{
  g_autofree char *text = NULL, *pair = NULL;
  MoePrompt prompt = { NULL };

  if (self->prompt < 0)
    return;
  text = moe_recording_dup_prompt (self->recording, (guint) self->prompt);
  pair = g_strdup_printf ("%" G_GINT64_FORMAT, self->prompt);
  prompt.text = text != NULL ? text : "";
  if (self->refusals != NULL)
    {
      MoeContrastSide side = moe_refusal_list_match (self->refusals, self->answer->str) ? MOE_CONTRAST_A
                                                                                        : MOE_CONTRAST_B;

      self->n[side]++;
      moe_contrast_counts_add (self->counts, &prompt, side, self->records, 0, 0);
    }
  else
    {
      /* Both sides are of one prompt. */
      prompt.pair = pair;
      for (guint side = 0; side < 2; side++)
        {
          self->counts->span = self->spans[side];
          moe_contrast_counts_add (self->counts, &prompt, (MoeContrastSide) side, self->records, 0, 0);
        }
    }
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

MoeContrastCounts *
moe_contrast_counts_from_spans (MoeRecording       *recording,
                                const MoeSpan      *span_a,
                                const MoeSpan      *span_b,
                                const MoeProgress  *progress,
                                GError            **error)
{
  const MoeSpan spans[] = { *span_a, *span_b };
  g_autoptr(MoeContrastCounts) self = NULL;
  Reader reader = { .recording = recording, .spans = spans };

  if (!check_span (span_a, recording, error) || !check_span (span_b, recording, error))
    return NULL;
  self = moe_contrast_counts_new (moe_recording_get_info (recording), span_a, -1);
  self->has_span_b = TRUE;
  self->span_b = *span_b;
  reader.counts = self;
  if (!read_all (&reader, progress, error))
    return NULL;
  self->span = *span_a;
  if (moe_contrast_counts_check (self, error))
    return g_steal_pointer (&self);
  g_prefix_error (error, "%s: ", moe_recording_get_path (recording));
  return NULL;
}

MoeContrastCounts *
moe_contrast_counts_from_answers (MoeRecording          *recording,
                                  const MoeRefusalList  *refusals,
                                  const MoeSpan         *span,
                                  const MoeProgress     *progress,
                                  GError               **error)
{
  g_autoptr(MoeContrastCounts) self = NULL;
  Reader reader = { .recording = recording, .refusals = refusals };

  if (!check_span (span, recording, error))
    return NULL;
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
  if (moe_contrast_counts_check (self, error))
    return g_steal_pointer (&self);
  g_prefix_error (error, "%s: ", moe_recording_get_path (recording));
  return NULL;
}
