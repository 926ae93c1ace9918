/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-text-windows"

#include "analysis/moe-text-windows.h"

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-file.h"
#include "probes/moe-recorder.h"

#define MAX_BYTES (64u << 20)

struct _MoeTextWindows
{
  char   *path;
  char   *hash;
  gint32 *tokens;   /* of the whole text */
  guint   length;
  guint   n_whole;  /* windows in the text */
  guint   n;
};

MoeTextWindows *
moe_text_windows_new (const MoeTokenizer  *tokenizer,
                      const char          *path,
                      guint                length,
                      guint                n,
                      GError             **error)
{
  g_autoptr(MoeTextWindows) self = g_new0 (MoeTextWindows, 1);
  g_autofree char *data = NULL;
  gsize n_bytes, n_tokens;

  g_return_val_if_fail (tokenizer != NULL && path != NULL && length >= 2, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &n_bytes, error)
      || !moe_csv_check_text (path, data, n_bytes, error))
    return NULL;
  self->path = g_strdup (path);
  self->hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data, n_bytes);
  self->tokens = moe_tokenizer_encode (tokenizer, data, n_bytes, MOE_TOKENIZE_DEFAULT, &n_tokens);
  self->length = length;
  self->n_whole = (guint) (n_tokens / length);
  self->n = n > 0 ? n : self->n_whole;
  if (self->n_whole == 0 || self->n > self->n_whole)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: has %" G_GSIZE_FORMAT " tokens, which is %u windows of %u", path, n_tokens,
                   self->n_whole, length);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
moe_text_windows_free (MoeTextWindows *self)
{
  if (self == NULL)
    return;

  g_free (self->path);
  g_free (self->hash);
  g_free (self->tokens);
  g_free (self);
}

guint
moe_text_windows_get_n (const MoeTextWindows *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->n;
}

const gint32 *
moe_text_windows_get (const MoeTextWindows *self,
                      guint                 index)
{
  guint64 place;

  g_return_val_if_fail (self != NULL && index < self->n, NULL);

  /* The middle one of as many equal parts of all windows. */
  place = (2 * (guint64) index + 1) * self->n_whole / (2 * (guint64) self->n);
  return self->tokens + place * self->length;
}

const char *
moe_text_windows_get_path (const MoeTextWindows *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->path;
}

const char *
moe_text_windows_get_hash (const MoeTextWindows *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->hash;
}

static gboolean
run_window (const MoeTextWindows  *self,
            guint                  index,
            MoeSession            *session,
            MoeRecorder           *recorder,
            MoeRecordingWriter    *writer,
            GCancellable          *cancellable,
            GError               **error)
{
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (moe_session_get_model (session));
  const gint32 *tokens = moe_text_windows_get (self, index);
  g_autoptr(MoeMask) mask = moe_session_get_mask (session);
  g_autofree char *bytes = NULL, *text = NULL;
  gsize n_bytes;

  bytes = moe_tokenizer_decode (tokenizer, tokens, self->length, TRUE, &n_bytes);
  text = g_utf8_make_valid (bytes, (gssize) n_bytes);
  moe_recorder_begin_prompt (recorder, index);
  moe_recording_writer_begin_prompt (writer, text);
  if (moe_mask_get_n (mask) > 0)
    moe_recording_writer_add_mask (writer, moe_recorder_get_next_id (recorder), mask);
  moe_session_rewind (session, 0);
  if (!moe_session_feed (session, tokens, NULL, self->length, cancellable, error))
    {
      if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_prefix_error (error, "%s: window %u: ", self->path, index);
      return FALSE;
    }
  moe_recording_writer_end_prompt (writer);
  return moe_recording_writer_flush (writer, error);
}

gboolean
moe_text_windows_run (const MoeTextWindows  *self,
                      MoeSession            *session,
                      guint                  first,
                      MoeRecordingWriter    *writer,
                      const MoeProgress     *progress,
                      GError               **error)
{
  g_autoptr(MoeRecorder) recorder = NULL;
  g_autoptr(GError) local = NULL;
  gboolean ok = TRUE;

  g_return_val_if_fail (self != NULL && session != NULL && writer != NULL, FALSE);

  recorder = moe_recorder_new (session, writer, TRUE, NULL, NULL);
  for (guint i = first; i < self->n && ok; i++)
    {
      g_autofree char *what = g_strdup_printf ("window %u of %u", i + 1, self->n);

      ok = moe_progress_step (progress, (double) i / self->n, what, &local)
           && run_window (self, i, session, recorder, writer,
                          progress != NULL ? progress->cancellable : NULL, &local);
    }
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}
