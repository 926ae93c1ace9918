/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-document-load"

#include "ui/moe-document-private.h"

#include <string.h>

#include "data/moe-recording-session.h"
#include "data/moe-recording.h"
#include "probes/moe-tokenizer.h"

static void
free_shown (gpointer shown)
{
  moe_shown_free (shown);
}

static gboolean
load_token (MoeTokenRecord *record,
            const char     *text,
            gsize           length,
            gpointer        user_data)
{
  GTask *task = user_data;
  MoeShown *shown = g_object_get_data (G_OBJECT (task), "shown");

  moe_shown_add (shown, moe_document_token_new (record, text, length));
  return !g_cancellable_is_cancelled (g_task_get_cancellable (task));
}

/* The conversation as far as its tokens are kept: what the person wrote, and the tokens that answer it. */
static void
rebuild_turns (MoeShown     *shown,
               MoeRecording *recording)
{
  gint64 prompt = -1;
  MoeUtf8Stream stream = { 0 };
  MoeTurn *turn = NULL;

  for (guint i = 0; i < shown->tokens->len; i++)
    {
      MoeDocumentToken *token = shown->tokens->pdata[i];

      if (token->record->prompt != prompt)
        {
          g_autofree char *text = NULL;

          prompt = token->record->prompt;
          text = moe_recording_dup_prompt (recording, (guint) prompt);
          g_ptr_array_add (shown->turns, moe_turn_new (FALSE, text != NULL ? text : ""));
          turn = moe_turn_new (TRUE, "");
          g_ptr_array_add (shown->turns, turn);
          stream = (MoeUtf8Stream) { 0 };
        }
      if (token->record->phase != MOE_PHASE_TEMPLATE && token->record->phase != MOE_PHASE_PROMPT)
        moe_utf8_stream_push (&stream, token->text, strlen (token->text), turn->text);
    }
}

static void
load_thread (GTask        *task,
             gpointer      source,
             gpointer      task_data,
             GCancellable *cancellable)
{
  g_autoptr(MoeRecording) recording = NULL;
  GError *error = NULL;
  MoeShown *shown;

  recording = moe_recording_open (task_data, &error);
  if (recording == NULL)
    {
      g_task_return_error (task, error);
      return;
    }

  shown = moe_shown_new (moe_recording_get_info (recording), task_data);
  g_object_set_data (G_OBJECT (task), "shown", shown);
  if (!moe_recording_foreach (recording, 0, -1, load_token, task, &error))
    {
      moe_shown_free (shown);
      if (error != NULL)
        g_task_return_error (task, error);
      else if (!g_task_return_error_if_cancelled (task))
        g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: reading stopped",
                                 (char *) task_data);
      return;
    }

  rebuild_turns (shown, recording);
  shown->session = moe_recording_session_load (task_data);
  g_task_return_pointer (task, shown, free_shown);
}

void
moe_document_open_async (MoeDocument         *self,
                         const char          *path,
                         GCancellable        *cancellable,
                         GAsyncReadyCallback  callback,
                         gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (path != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, moe_document_open_async);
  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_run_in_thread (task, load_thread);
}

gboolean
moe_document_open_finish (MoeDocument   *self,
                          GAsyncResult  *result,
                          GError       **error)
{
  MoeShown *shown;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  shown = g_task_propagate_pointer (G_TASK (result), error);
  if (shown == NULL)
    return FALSE;

  moe_document_show (self, shown, FALSE);
  return TRUE;
}

const char *
moe_document_get_session (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  return self->shown != NULL ? self->shown->session : NULL;
}
