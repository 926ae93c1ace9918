/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-engine"

#include "ui/moe-engine-private.h"

/* A model that produces faster than the window drains (a long prompt) waits rather than fill the memory. */
#define MAX_QUEUED_EVENTS 4096

MoeEngineEvent *
moe_engine_event_new (MoeEngineEventType type)
{
  MoeEngineEvent *event = g_new0 (MoeEngineEvent, 1);

  event->type = type;
  return event;
}

void
moe_engine_event_free (MoeEngineEvent *event)
{
  if (event == NULL)
    return;

  g_clear_pointer (&event->info, moe_model_info_unref);
  g_clear_pointer (&event->model, moe_model_unref);
  g_clear_pointer (&event->record, moe_token_record_unref);
  g_clear_pointer (&event->bytes, g_bytes_unref);
  g_clear_pointer (&event->mask, moe_mask_unref);
  g_clear_error (&event->error);
  g_free (event->path);
  g_free (event->text);
  g_free (event->hits);
  for (guint i = 0; i < event->n_candidates; i++)
    g_free (event->candidates[i].text);
  g_free (event);
}

void
moe_command_free (MoeCommand *command)
{
  g_free (command->path);
  g_free (command->text);
  g_clear_pointer (&command->messages, g_ptr_array_unref);
  g_clear_pointer (&command->mask, moe_mask_unref);
  g_clear_object (&command->cancellable);
  g_free (command);
}

void
moe_engine_emit (MoeEngine      *self,
                 MoeEngineEvent *event)
{
  while (g_async_queue_length (self->events) >= MAX_QUEUED_EVENTS && !g_atomic_int_get (&self->quitting))
    g_usleep (1000);

  g_async_queue_push (self->events, event);
  g_source_set_ready_time (self->wake, 0);
}

void
moe_engine_emit_error (MoeEngine    *self,
                       MoeEngineJob  job,
                       GError       *error)
{
  MoeEngineEvent *event = moe_engine_event_new (MOE_ENGINE_ERROR);

  event->job = job;
  event->error = error;
  moe_engine_emit (self, event);
}

/* --- engine thread ------------------------------------------------------------------------------------ */

static void
set_paused (MoeEngine *self,
            gboolean   paused)
{
  if (self->paused == paused)
    return;

  self->paused = paused;
  self->n_times = 0;
  moe_engine_emit (self, moe_engine_event_new (paused ? MOE_ENGINE_PAUSED : MOE_ENGINE_RESUMED));
}

void
moe_engine_do_between (MoeEngine *self)
{
  for (;;)
    {
      MoeCommand *command;

      if (g_cancellable_is_cancelled (self->job))
        break;

      command = self->paused ? g_async_queue_pop (self->commands) : g_async_queue_try_pop (self->commands);
      if (command == NULL)
        break;

      switch (command->type)
        {
        case MOE_COMMAND_PAUSE:
          set_paused (self, TRUE);
          break;

        case MOE_COMMAND_RESUME:
          set_paused (self, FALSE);
          break;

        case MOE_COMMAND_MASK:
          moe_engine_do_mask (self, command->mask);
          break;

        case MOE_COMMAND_COMPARE:
          self->compare = command->flag;
          break;

        case MOE_COMMAND_FLUSH:
          moe_engine_do_flush (self, command->serial);
          break;

        case MOE_COMMAND_SAVE:
          moe_engine_do_save (self, command->path);
          break;

        case MOE_COMMAND_WAKE:
          break;

        case MOE_COMMAND_OPEN:
        case MOE_COMMAND_GENERATE:
        case MOE_COMMAND_RESET:
        case MOE_COMMAND_QUIT:
        default:
          g_queue_push_tail (&self->deferred, g_steal_pointer (&command));
          break;
        }

      g_clear_pointer (&command, moe_command_free);
    }

  if (self->paused)
    set_paused (self, FALSE);
}

static gboolean
run_command (MoeEngine  *self,
             MoeCommand *command)
{
  switch (command->type)
    {
    case MOE_COMMAND_OPEN:
      moe_engine_do_open (self, command);
      break;

    case MOE_COMMAND_GENERATE:
      moe_engine_do_generate (self, command);
      break;

    case MOE_COMMAND_MASK:
      moe_engine_do_mask (self, command->mask);
      break;

    case MOE_COMMAND_RESET:
      moe_engine_close_recording (self);
      if (self->session != NULL)
        moe_session_rewind (self->session, 0);
      moe_engine_rewind_plain (self, 0);
      g_array_set_size (self->fed, 0);
      self->stale = FALSE;
      break;

    case MOE_COMMAND_COMPARE:
      self->compare = command->flag;
      break;

    case MOE_COMMAND_FLUSH:
      moe_engine_do_flush (self, command->serial);
      break;

    case MOE_COMMAND_SAVE:
      moe_engine_do_save (self, command->path);
      break;

    case MOE_COMMAND_QUIT:
      return FALSE;

    case MOE_COMMAND_PAUSE:
    case MOE_COMMAND_RESUME:
    case MOE_COMMAND_WAKE:
    default:
      /* Nothing runs. */
      break;
    }

  return TRUE;
}

static gpointer
engine_thread (gpointer data)
{
  MoeEngine *self = data;
  gboolean running = TRUE;

  while (running)
    {
      MoeCommand *command = g_queue_pop_head (&self->deferred);

      if (command == NULL)
        command = g_async_queue_pop (self->commands);
      running = run_command (self, command);
      moe_command_free (command);
    }

  moe_engine_close_recording (self);
  moe_engine_drop_model (self);
  g_clear_pointer (&self->mask, moe_mask_unref);
  g_clear_pointer (&self->fed, g_array_unref);
  return NULL;
}

/* --- main thread -------------------------------------------------------------------------------------- */

static gboolean
wake_dispatch (GSource     *source,
               GSourceFunc  callback,
               gpointer     user_data)
{
  g_source_set_ready_time (source, -1);
  return callback (user_data);
}

static GSourceFuncs wake_funcs = { .dispatch = wake_dispatch };

static gboolean
on_wake (gpointer user_data)
{
  MoeEngine *self = user_data;

  if (self->notify != NULL)
    self->notify (self, self->notify_data);
  return G_SOURCE_CONTINUE;
}

MoeEngine *
moe_engine_new (void)
{
  MoeEngine *self = g_new0 (MoeEngine, 1);

  self->commands = g_async_queue_new_full ((GDestroyNotify) moe_command_free);
  self->events = g_async_queue_new_full ((GDestroyNotify) moe_engine_event_free);
  self->fed = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->compare = TRUE;
  g_queue_init (&self->deferred);

  self->wake = g_source_new (&wake_funcs, sizeof (GSource));
  g_source_set_static_name (self->wake, "moe-engine");
  g_source_set_callback (self->wake, on_wake, self, NULL);
  g_source_attach (self->wake, g_main_context_get_thread_default ());

  self->thread = g_thread_new ("moe-engine", engine_thread, self);
  return self;
}

static MoeCommand *
command_new (MoeCommandType type)
{
  MoeCommand *command = g_new0 (MoeCommand, 1);

  command->type = type;
  return command;
}

static void
push (MoeEngine      *self,
      MoeCommandType  type)
{
  g_async_queue_push (self->commands, command_new (type));
}

/* Every job has a cancellable of its own, so that stopping one can never hit the next; a new job ends the one
 * before it. */
static void
push_job (MoeEngine  *self,
          MoeCommand *command)
{
  moe_engine_stop (self);
  self->cancellable = g_cancellable_new ();
  command->cancellable = g_object_ref (self->cancellable);
  g_async_queue_push (self->commands, command);
}

void
moe_engine_free (MoeEngine *self)
{
  if (self == NULL)
    return;

  g_atomic_int_set (&self->quitting, TRUE);
  moe_engine_stop (self);
  push (self, MOE_COMMAND_QUIT);
  g_thread_join (self->thread);

  g_source_destroy (self->wake);
  g_source_unref (self->wake);
  g_queue_clear_full (&self->deferred, (GDestroyNotify) moe_command_free);
  g_async_queue_unref (self->commands);
  g_async_queue_unref (self->events);
  g_clear_object (&self->cancellable);
  g_free (self);
}

void
moe_engine_set_notify (MoeEngine           *self,
                       MoeEngineNotifyFunc  func,
                       gpointer             user_data)
{
  g_return_if_fail (self != NULL);

  self->notify = func;
  self->notify_data = user_data;
}

MoeEngineEvent *
moe_engine_pop (MoeEngine *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_async_queue_try_pop (self->events);
}

void
moe_engine_open (MoeEngine  *self,
                 const char *path)
{
  MoeCommand *command;

  g_return_if_fail (self != NULL);
  g_return_if_fail (path != NULL);

  command = command_new (MOE_COMMAND_OPEN);
  command->path = g_strdup (path);
  push_job (self, command);
}

void
moe_engine_chat (MoeEngine               *self,
                 const MoeChatMessage    *messages,
                 guint                    n_messages,
                 const MoeSamplerOptions *sampler,
                 guint                    max_tokens)
{
  MoeCommand *command;

  g_return_if_fail (self != NULL);
  g_return_if_fail (n_messages > 0);

  command = command_new (MOE_COMMAND_GENERATE);
  command->messages = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < n_messages; i++)
    {
      g_ptr_array_add (command->messages, g_strdup (messages[i].role));
      g_ptr_array_add (command->messages, g_strdup (messages[i].content));
    }
  command->sampler = *sampler;
  command->max_tokens = max_tokens;
  push_job (self, command);
}

void
moe_engine_raw (MoeEngine               *self,
                const char              *text,
                const MoeSamplerOptions *sampler,
                guint                    max_tokens)
{
  MoeCommand *command;

  g_return_if_fail (self != NULL);
  g_return_if_fail (text != NULL);

  command = command_new (MOE_COMMAND_GENERATE);
  command->text = g_strdup (text);
  command->sampler = *sampler;
  command->max_tokens = max_tokens;
  push_job (self, command);
}

void
moe_engine_pause (MoeEngine *self)
{
  g_return_if_fail (self != NULL);

  push (self, MOE_COMMAND_PAUSE);
}

void
moe_engine_resume (MoeEngine *self)
{
  g_return_if_fail (self != NULL);

  push (self, MOE_COMMAND_RESUME);
}

void
moe_engine_stop (MoeEngine *self)
{
  g_return_if_fail (self != NULL);

  if (self->cancellable == NULL)
    return;

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  push (self, MOE_COMMAND_WAKE);
}

void
moe_engine_set_mask (MoeEngine *self,
                     MoeMask   *mask)
{
  MoeCommand *command;

  g_return_if_fail (self != NULL);

  command = command_new (MOE_COMMAND_MASK);
  command->mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  g_async_queue_push (self->commands, command);
}

void
moe_engine_set_compare (MoeEngine *self,
                        gboolean   compare)
{
  MoeCommand *command;

  g_return_if_fail (self != NULL);

  command = command_new (MOE_COMMAND_COMPARE);
  command->flag = compare;
  g_async_queue_push (self->commands, command);
}

void
moe_engine_reset (MoeEngine *self)
{
  g_return_if_fail (self != NULL);

  moe_engine_stop (self);
  push (self, MOE_COMMAND_RESET);
}

guint
moe_engine_flush (MoeEngine *self)
{
  MoeCommand *command;

  g_return_val_if_fail (self != NULL, 0);

  command = command_new (MOE_COMMAND_FLUSH);
  command->serial = ++self->last_serial;
  g_async_queue_push (self->commands, command);
  return self->last_serial;
}

void
moe_engine_save (MoeEngine  *self,
                 const char *path)
{
  MoeCommand *command;

  g_return_if_fail (self != NULL);
  g_return_if_fail (path != NULL);

  command = command_new (MOE_COMMAND_SAVE);
  command->path = g_strdup (path);
  g_async_queue_push (self->commands, command);
}
