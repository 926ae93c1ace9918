/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-engine"

#include "ui/moe-window-private.h"

#include <string.h>

#include "ui/moe-text.h"

/* --- commands ----------------------------------------------------------------------------------------- */

void
moe_window_open_model (MoeWindow  *self,
                       const char *path)
{
  moe_window_keep_session (self);
  self->state = MOE_WINDOW_OPENING;
  self->paused = FALSE;
  g_clear_pointer (&self->first_question, g_free);
  g_free (self->opening);
  self->opening = g_strdup (path);
  gtk_progress_bar_set_fraction (self->progress, 0);
  moe_engine_open (self->engine, path);
  moe_window_update (self);
}

static void
on_recording_opened (GObject      *source,
                     GAsyncResult *result,
                     gpointer      user_data)
{
  g_autoptr(MoeWindow) self = user_data;
  g_autoptr(GError) error = NULL;
  gboolean ok = moe_document_open_finish (MOE_DOCUMENT (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || self->engine == NULL)
    return;

  g_clear_object (&self->loading);
  if (!ok)
    moe_window_show_error (self, error->message);
  else
    {
      /* The next prompt starts a recording of its own. */
      moe_engine_reset (self->engine);
      self->first_turn = 0;
      moe_window_restore_session (self);
    }
  moe_window_update (self);
}

void
moe_window_open_recording (MoeWindow  *self,
                           const char *path)
{
  moe_window_keep_session (self);
  if (self->loading != NULL)
    g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  if (self->state == MOE_WINDOW_GENERATING)
    moe_engine_stop (self->engine);
  self->loading = g_cancellable_new ();
  moe_document_open_async (self->document, path, self->loading, on_recording_opened, g_object_ref (self));
  moe_window_update (self);
}

static void
read_sampler (MoeWindow         *self,
              MoeSamplerOptions *options)
{
  options->temperature = (float) gtk_spin_button_get_value (self->temperature);
  options->top_p = (float) gtk_spin_button_get_value (self->top_p);
  options->top_k = (guint) gtk_spin_button_get_value_as_int (self->top_k);
  options->seed = (guint64) gtk_spin_button_get_value (self->seed);
}

/* The turn of the last question. */
static guint
find_question (MoeWindow *self)
{
  guint n = moe_document_get_n_turns (self->document);

  while (n > 0 && moe_document_get_turn (self->document, n - 1)->from_model)
    n--;
  g_return_val_if_fail (n > 0, 0);
  return n - 1;
}

/* Answers the last question. */
static void
answer (MoeWindow *self)
{
  guint max_tokens = (guint) gtk_spin_button_get_value_as_int (self->max_tokens);
  guint question = find_question (self);
  MoeSamplerOptions sampler;

  read_sampler (self, &sampler);
  moe_document_select_token (self->document, -1);
  if (moe_window_is_raw (self))
    moe_engine_raw (self->engine, moe_document_get_turn (self->document, question)->text->str, &sampler,
                    max_tokens);
  else
    {
      g_autoptr(GArray) messages = g_array_new (FALSE, FALSE, sizeof (MoeChatMessage));

      self->first_turn = MIN (self->first_turn, question);
      for (guint i = self->first_turn; i <= question; i++)
        {
          const MoeTurn *turn = moe_document_get_turn (self->document, i);
          MoeChatMessage message = { turn->from_model ? "assistant" : "user", turn->text->str };

          if (!turn->superseded)
            g_array_append_val (messages, message);
        }
      moe_engine_chat (self->engine, (const MoeChatMessage *) messages->data, messages->len, &sampler,
                       max_tokens);
    }
  moe_document_add_turn (self->document, TRUE, "");
  /* What was asked without the template is no conversation that could go on. */
  if (moe_window_is_raw (self))
    self->first_turn = moe_document_get_n_turns (self->document);

  self->state = MOE_WINDOW_GENERATING;
  self->paused = FALSE;
  gtk_label_set_text (self->speed, "");
  moe_window_update (self);
}

void
moe_window_prompt (MoeWindow  *self,
                   const char *text)
{
  guint n;

  if (moe_document_get_model (self->document) == NULL)
    {
      moe_window_show_error (self, "there is no model; open one first");
      return;
    }
  if (self->state != MOE_WINDOW_IDLE || *text == '\0')
    return;

  moe_window_keep_session (self);
  moe_document_add_turn (self->document, FALSE, text);
  n = moe_document_get_n_turns (self->document);
  if (n > 1 && (self->first_turn >= n - 1 || moe_window_is_raw (self)))
    moe_document_note_start (self->document);
  answer (self);
}

/* Asks the last question again, under another mask or with another seed; the answer before stays to be
 * compared. */
void
moe_window_regenerate (MoeWindow *self)
{
  if (self->state != MOE_WINDOW_IDLE || moe_document_get_n_turns (self->document) < 2 ||
      !moe_document_is_live (self->document))
    return;

  moe_document_supersede (self->document, find_question (self), TRUE);
  answer (self);
}

void
moe_window_reset (MoeWindow *self)
{
  moe_window_keep_session (self);
  moe_engine_reset (self->engine);
  moe_document_clear (self->document);
  self->first_turn = 0;
  gtk_label_set_text (self->speed, "");
  gtk_widget_grab_focus (GTK_WIDGET (self->prompt));
  moe_window_update (self);
}

void
moe_window_save_recording (MoeWindow  *self,
                           const char *path)
{
  self->saving_tokens = moe_document_get_n_tokens (self->document);
  moe_engine_save (self->engine, path);
}

/* --- events ------------------------------------------------------------------------------------------- */

static void
on_opened (MoeWindow      *self,
           MoeEngineEvent *event)
{
  self->state = MOE_WINDOW_IDLE;
  self->first_turn = 0;
  g_free (self->no_chat);
  self->no_chat = g_steal_pointer (&event->text);
  if (self->no_chat != NULL)
    gtk_drop_down_set_selected (self->mode, 1);
  gtk_label_set_text (self->speed, "");
  moe_document_set_model (self->document, event->info);
  moe_document_set_loaded (self->document, event->model);
  if (self->first_question != NULL)
    {
      g_autofree char *question = g_steal_pointer (&self->first_question);

      moe_window_prompt (self, question);
      /* It was the program that asked; what the person asks is a conversation of its own. */
      self->first_turn = moe_document_get_n_turns (self->document);
    }
}

static void
on_finished (MoeWindow      *self,
             MoeEngineEvent *event)
{
  self->state = MOE_WINDOW_IDLE;
  self->paused = FALSE;
  if (event->reason == MOE_STOP_CONTEXT)
    moe_window_show_note (self, "The context is full; start a new conversation (Ctrl+N).");
}

/* Nothing of a failed generation is left but its words, back in the entry. */
static void
take_back_prompt (MoeWindow *self)
{
  guint n = moe_document_get_n_turns (self->document);
  const MoeTurn *question;

  if (n < 2 || !moe_document_is_live (self->document) ||
      moe_document_get_turn (self->document, n - 1)->text->len > 0)
    return;

  question = moe_document_get_turn (self->document, n - 2);
  if (question->from_model)
    {
      /* It was asked again: the answer before is the answer. */
      moe_document_truncate_turns (self->document, n - 1);
      moe_document_supersede (self->document, n - 2, FALSE);
    }
  else
    {
      if (*gtk_editable_get_text (GTK_EDITABLE (self->prompt)) == '\0')
        gtk_editable_set_text (GTK_EDITABLE (self->prompt), question->text->str);
      moe_document_truncate_turns (self->document, n - 2);
    }
  self->first_turn = MIN (self->first_turn, moe_document_get_n_turns (self->document));
}

static void
on_failed (MoeWindow      *self,
           MoeEngineEvent *event)
{
  switch (event->job)
    {
    case MOE_ENGINE_JOB_OPEN:
      self->state = MOE_WINDOW_IDLE;
      g_clear_pointer (&self->first_question, g_free);
      break;

    case MOE_ENGINE_JOB_GENERATE:
      self->state = MOE_WINDOW_IDLE;
      self->paused = FALSE;
      take_back_prompt (self);
      break;

    case MOE_ENGINE_JOB_SAVE:
      self->copy_after_save = FALSE;
      break;

    case MOE_ENGINE_JOB_MASK:
    case MOE_ENGINE_JOB_NONE:
    default:
      break;
    }

  if (!g_error_matches (event->error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    moe_window_show_error (self, event->error->message);
}

static void
on_saved (MoeWindow  *self,
          const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *note = g_strdup_printf ("Saved %s.", name);

  moe_document_set_saved (self->document, path, self->saving_tokens);
  g_clear_pointer (&self->session, g_free);
  moe_window_keep_session (self);
  moe_window_show_note (self, note);
  if (self->copy_after_save)
    {
      self->copy_after_save = FALSE;
      moe_window_copy_command (self);
    }
}

static void
on_token (MoeWindow      *self,
          MoeEngineEvent *event)
{
  if (event->speed > 0)
    {
      g_autofree char *text = g_strdup_printf ("%.1f tok/s", event->speed);

      gtk_label_set_text (self->speed, text);
    }
  moe_document_add_token (self->document, event);
}

static void
handle (MoeWindow      *self,
        MoeEngineEvent *event)
{
  switch (event->type)
    {
    case MOE_ENGINE_PROGRESS:
      gtk_progress_bar_set_fraction (self->progress, event->fraction);
      break;

    case MOE_ENGINE_OPENED:
      on_opened (self, event);
      moe_window_update (self);
      break;

    case MOE_ENGINE_PROMPT:
      moe_document_begin_live (self->document, event->path);
      moe_window_update (self);
      break;

    case MOE_ENGINE_TOKEN:
      on_token (self, event);
      break;

    case MOE_ENGINE_PAUSED:
    case MOE_ENGINE_RESUMED:
      self->paused = event->type == MOE_ENGINE_PAUSED;
      moe_window_update (self);
      break;

    case MOE_ENGINE_HITS:
      moe_document_set_hits (self->document, event->mask, event->hits, event->n_hits);
      break;

    case MOE_ENGINE_FINISHED:
      on_finished (self, event);
      moe_window_update (self);
      break;

    case MOE_ENGINE_FLUSHED:
      moe_document_flushed (self->document, event->serial, event->path, event->error);
      break;

    case MOE_ENGINE_SAVED:
      on_saved (self, event->path);
      moe_window_update (self);
      break;

    case MOE_ENGINE_ERROR:
      on_failed (self, event);
      moe_window_update (self);
      break;

    default:
      g_assert_not_reached ();
    }
}

/* How long one frame may spend on events: the rest of a long prompt waits for the next frame. */
#define DRAIN_MICROSECONDS 6000

static gboolean
on_tick (GtkWidget     *widget,
         GdkFrameClock *clock,
         gpointer       user_data)
{
  MoeWindow *self = MOE_WINDOW (widget);
  gint64 start = g_get_monotonic_time ();
  MoeEngineEvent *event;

  while ((event = moe_engine_pop (self->engine)) != NULL)
    {
      handle (self, event);
      moe_engine_event_free (event);
      if (g_get_monotonic_time () - start > DRAIN_MICROSECONDS)
        return G_SOURCE_CONTINUE;
    }

  self->tick = 0;
  return G_SOURCE_REMOVE;
}

/* Events are taken once a frame; while there are none the frame clock sleeps. */
static void
on_notify (MoeEngine *engine,
           gpointer   user_data)
{
  MoeWindow *self = user_data;

  if (self->tick == 0)
    self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
}

static void
on_mask_changed (MoeWindow *self)
{
  moe_engine_set_mask (self->engine, moe_document_get_mask (self->document));
  if (self->state == MOE_WINDOW_GENERATING)
    moe_document_note_change (self->document);
  moe_window_update (self);
}

static guint
flush (gpointer user_data)
{
  return moe_engine_flush (MOE_WINDOW (user_data)->engine);
}

void
moe_window_start_engine (MoeWindow *self)
{
  self->engine = moe_engine_new ();
  moe_document_set_flush_func (self->document, flush, self);
  moe_engine_set_notify (self->engine, on_notify, self);
  g_signal_connect_object (self->document, "mask-changed", G_CALLBACK (on_mask_changed), self,
                           G_CONNECT_SWAPPED);
}

void
moe_window_stop_engine (MoeWindow *self)
{
  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  if (self->loading != NULL)
    g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  if (self->document != NULL)
    moe_document_drop_flushes (self->document);
  g_clear_pointer (&self->engine, moe_engine_free);
}
