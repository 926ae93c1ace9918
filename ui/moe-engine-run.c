/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-engine-run"

#include "ui/moe-engine-private.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "data/moe-error.h"
#include "data/moe-recording-copy.h"

#define KEPT_RECORDINGS 10
#define HITS_INTERVAL (G_USEC_PER_SEC / 10)

/* --- the model ---------------------------------------------------------------------------------------- */

void
moe_engine_drop_model (MoeEngine *self)
{
  g_clear_pointer (&self->plain, moe_session_free);
  g_clear_pointer (&self->session, moe_session_free);
  g_clear_pointer (&self->model, moe_model_unref);
}

static void
on_progress (double   fraction,
             gpointer user_data)
{
  MoeEngineEvent *event = moe_engine_event_new (MOE_ENGINE_PROGRESS);

  event->fraction = fraction;
  moe_engine_emit (user_data, event);
}

/* One core is left to the window where there are more than two; the number of threads changes no bit. */
guint
moe_engine_choose_threads (void)
{
  guint n = g_get_num_processors ();

  return n > 2 ? n - 1 : n;
}

void
moe_engine_do_open (MoeEngine  *self,
                    MoeCommand *command)
{
  MoeSessionOptions options = { .cache = MOE_CACHE_F16, .kernels = MOE_KERNELS_AUTO,
                                .threads = moe_engine_choose_threads () };
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(GError) chat_error = NULL;
  MoeSession *session;
  MoeEngineEvent *event;
  GError *error = NULL;

  model = moe_model_open (command->path, on_progress, self, command->cancellable, &error);
  session = model != NULL ? moe_session_new (model, &options, &error) : NULL;
  if (session == NULL)
    {
      moe_engine_emit_error (self, MOE_ENGINE_JOB_OPEN, error);
      return;
    }

  moe_engine_close_recording (self);
  moe_engine_drop_model (self);
  g_clear_pointer (&self->mask, moe_mask_unref);
  g_array_set_size (self->fed, 0);
  self->stale = FALSE;
  self->model = g_steal_pointer (&model);
  self->session = session;

  event = moe_engine_event_new (MOE_ENGINE_OPENED);
  event->info = moe_model_info_ref ((MoeModelInfo *) moe_model_get_info (self->model));
  event->model = moe_model_ref (self->model);
  event->path = g_strdup (command->path);
  if (moe_model_get_chat (self->model, &chat_error) == NULL)
    event->text = g_strdup (chat_error != NULL ? chat_error->message : "the model has no chat template");
  moe_engine_emit (self, event);
}

/* --- the recording ------------------------------------------------------------------------------------ */

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Names begin with the time, so the oldest sort first. */
static void
remove_old_recordings (const char *folder)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;

  if (dir == NULL)
    return;
  while ((name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "unsaved-") && g_str_has_suffix (name, ".moescope"))
      g_ptr_array_add (names, g_strdup (name));
  g_dir_close (dir);

  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i + KEPT_RECORDINGS <= names->len; i++)
    {
      static const char *const suffixes[] = { "", "-wal", "-shm" };

      for (guint j = 0; j < G_N_ELEMENTS (suffixes); j++)
        {
          g_autofree char *path = g_strdup_printf ("%s/%s%s", folder, (char *) names->pdata[i], suffixes[j]);

          g_unlink (path);
        }
    }
}

static void on_record (MoeTokenRecord *record,
                       const float    *logits,
                       gpointer        user_data);

static gboolean
open_recording (MoeEngine   *self,
                MoeCommand  *command,
                GError     **error)
{
  static gint counter;
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "moescope", NULL);
  g_autoptr(GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%Y%m%d-%H%M%S");
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  g_autofree char *json = NULL;
  char temperature[G_ASCII_DTOSTR_BUF_SIZE], top_p[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *date_json = NULL;
  const MoeChat *chat = command->messages != NULL ? moe_model_get_chat (self->model, NULL) : NULL;
  const char *date = chat != NULL ? moe_chat_get_date (chat) : NULL;
  MoeRunSettings settings = { 0 };

  g_ascii_formatd (temperature, sizeof temperature, "%.9g", command->sampler.temperature);
  g_ascii_formatd (top_p, sizeof top_p, "%.9g", command->sampler.top_p);
  date_json = date != NULL ? g_strdup_printf (", \"date\": \"%s\"", date) : NULL;
  json = g_strdup_printf ("{\"temperature\": %s, \"top_p\": %s, \"top_k\": %u, \"max_tokens\": %u, \"chat\": "
                          "%s%s}", temperature, top_p, command->sampler.top_k, command->max_tokens,
                          command->messages != NULL ? "true" : "false", date_json != NULL ? date_json : "");
  settings.context = moe_session_get_context (self->session);
  settings.cache = "f16";
  settings.kernels = "auto";
  settings.seed = command->sampler.seed;
  settings.settings = json;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    {
      g_free (folder);
      folder = g_strdup (g_get_tmp_dir ());
    }
  remove_old_recordings (folder);

  name = g_strdup_printf ("unsaved-%s-%d-%d.moescope", time, (int) getpid (), g_atomic_int_add (&counter, 1));
  path = g_build_filename (folder, name, NULL);
  self->writer = moe_recording_writer_new (path, moe_model_get_info (self->model), &settings, FALSE, error);
  if (self->writer == NULL)
    return FALSE;

  self->recording_path = g_steal_pointer (&path);
  self->recorder = moe_recorder_new (self->session, self->writer, FALSE, on_record, self);
  if (moe_mask_get_n (self->mask) > 0)
    moe_recording_writer_add_mask (self->writer, moe_recorder_get_next_id (self->recorder), self->mask);
  return TRUE;
}

void
moe_engine_close_recording (MoeEngine *self)
{
  GError *error = NULL;

  g_clear_pointer (&self->recorder, moe_recorder_free);
  if (self->writer != NULL && !moe_recording_writer_close (g_steal_pointer (&self->writer), TRUE, &error))
    moe_engine_emit_error (self, MOE_ENGINE_JOB_NONE, error);
  g_clear_pointer (&self->recording_path, g_free);
}

void
moe_engine_do_flush (MoeEngine *self,
                     guint      serial)
{
  MoeEngineEvent *event = moe_engine_event_new (MOE_ENGINE_FLUSHED);

  event->serial = serial;
  if (self->writer != NULL && moe_recording_writer_flush (self->writer, &event->error))
    event->path = g_strdup (self->recording_path);
  moe_engine_emit (self, event);
}

void
moe_engine_do_save (MoeEngine  *self,
                    const char *path)
{
  MoeEngineEvent *event;
  GError *error = NULL;

  if (self->writer == NULL)
    g_set_error (&error, MOE_ERROR, MOE_ERROR_INVALID, "%s: nothing has been recorded yet", path);

  if (error != NULL || !moe_recording_writer_flush (self->writer, &error) ||
      !moe_recording_copy (self->recording_path, path, &error))
    {
      moe_engine_emit_error (self, MOE_ENGINE_JOB_SAVE, error);
      return;
    }

  event = moe_engine_event_new (MOE_ENGINE_SAVED);
  event->path = g_strdup (path);
  moe_engine_emit (self, event);
}

/* --- the mask ----------------------------------------------------------------------------------------- */

void
moe_engine_emit_hits (MoeEngine *self)
{
  MoeEngineEvent *event;
  guint n = moe_mask_get_n (self->mask);

  self->hits_time = g_get_monotonic_time ();
  if (n == 0 || self->session == NULL)
    return;

  event = moe_engine_event_new (MOE_ENGINE_HITS);
  event->mask = moe_mask_ref (self->mask);
  event->n_hits = n;
  event->hits = g_new0 (MoeEngineHits, n);
  for (guint i = 0; i < n; i++)
    moe_session_get_mask_hits (self->session, i, &event->hits[i].changed, &event->hits[i].seen);
  moe_engine_emit (self, event);
}

void
moe_engine_do_mask (MoeEngine *self,
                    MoeMask   *mask)
{
  GError *error = NULL;

  if (self->session == NULL || moe_mask_equal (self->mask, mask))
    return;

  if (!moe_session_set_mask (self->session, mask, &error))
    {
      moe_engine_emit_error (self, MOE_ENGINE_JOB_MASK, error);
      return;
    }

  g_clear_pointer (&self->mask, moe_mask_unref);
  self->mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  self->stale = self->fed->len > 0;
  if (self->writer != NULL)
    moe_recording_writer_add_mask (self->writer, moe_recorder_get_next_id (self->recorder), mask);
}

/* --- generating --------------------------------------------------------------------------------------- */

/* Called before the token is fed: its text and candidates wait for its record. */
static gboolean
on_picked (const MoeGeneratedToken *token,
           gpointer                 user_data)
{
  MoeEngine *self = user_data;
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (self->model);
  guint vocabulary = moe_model_get_info (self->model)->vocabulary;
  MoeCandidate top[MOE_ENGINE_N_CANDIDATES];
  MoeEngineEvent *event = moe_engine_event_new (MOE_ENGINE_TOKEN);

  event->text = g_strdup (token->text);
  event->entropy = moe_logits_get_entropy (token->logits, vocabulary);
  event->kl = moe_engine_compare_plain (self, token->logits);
  event->n_candidates = moe_logits_get_top (token->logits, vocabulary, MOE_ENGINE_N_CANDIDATES, top);
  for (guint i = 0; i < event->n_candidates; i++)
    {
      gsize length;
      const char *bytes = moe_tokenizer_get_text (tokenizer, top[i].token, &length);

      event->candidates[i].text = g_utf8_make_valid (bytes, (gssize) length);
      event->candidates[i].token = top[i].token;
      event->candidates[i].probability = top[i].probability;
    }
  g_clear_pointer (&self->picked, moe_engine_event_free);
  self->picked = event;

  moe_engine_do_between (self);
  return !g_cancellable_is_cancelled (self->job);
}

static double
measure_speed (MoeEngine *self)
{
  gint64 now = g_get_monotonic_time ();
  guint n = self->n_times;
  double speed = 0;

  if (n > 0)
    {
      guint oldest = n < MOE_ENGINE_SPEED_WINDOW ? 0 : n % MOE_ENGINE_SPEED_WINDOW;
      gint64 elapsed = now - self->times[oldest];

      if (elapsed > 0)
        speed = (double) MIN (n, MOE_ENGINE_SPEED_WINDOW) * G_USEC_PER_SEC / elapsed;
    }
  self->times[n % MOE_ENGINE_SPEED_WINDOW] = now;
  self->n_times = n + 1;
  return speed;
}

static void
on_record (MoeTokenRecord *record,
           const float    *logits,
           gpointer        user_data)
{
  MoeEngine *self = user_data;
  MoeEngineEvent *event = g_steal_pointer (&self->picked);
  const char *bytes;
  gsize length;

  if (event == NULL)
    {
      event = moe_engine_event_new (MOE_ENGINE_TOKEN);
      event->entropy = NAN;
      event->kl = NAN;
    }
  else
    event->speed = measure_speed (self);

  bytes = moe_tokenizer_get_text (moe_model_get_tokenizer (self->model), record->token_id, &length);
  event->bytes = g_bytes_new (bytes, length);
  event->record = moe_token_record_ref (record);
  g_array_append_val (self->fed, record->token_id);
  moe_engine_emit (self, event);

  if (g_get_monotonic_time () - self->hits_time > HITS_INTERVAL)
    moe_engine_emit_hits (self);
}

static MoeChatPrompt *
render (MoeEngine   *self,
        MoeCommand  *command,
        GError     **error)
{
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (self->model);
  g_autofree MoeChatMessage *messages = NULL;
  const MoeChat *chat;
  guint n;

  if (command->messages == NULL)
    return moe_chat_prompt_raw (tokenizer, command->text, strlen (command->text));

  chat = moe_model_get_chat (self->model, error);
  if (chat == NULL)
    return NULL;

  n = command->messages->len / 2;
  messages = g_new (MoeChatMessage, n);
  for (guint i = 0; i < n; i++)
    {
      messages[i].role = command->messages->pdata[2 * i];
      messages[i].content = command->messages->pdata[2 * i + 1];
    }
  return moe_chat_render (chat, tokenizer, messages, n, error);
}

/* How many tokens of @prompt the session already holds. At least one is left to run: its logits are
 * needed. */
static guint
count_common (MoeEngine           *self,
              const MoeChatPrompt *prompt)
{
  guint n = 0;

  if (self->stale)
    return 0;
  while (n < self->fed->len && n + 1 < prompt->n_tokens &&
         g_array_index (self->fed, gint32, n) == prompt->tokens[n])
    n++;
  return n;
}

static gboolean
generate (MoeEngine      *self,
          MoeCommand     *command,
          MoeStopReason  *reason,
          GError        **error)
{
  g_autoptr(MoeChatPrompt) prompt = NULL;
  g_autoptr(MoeSampler) sampler = NULL;
  const char *written = command->text;
  MoeEngineEvent *event;
  MoeChatPrompt rest;
  gboolean ok;
  guint common;

  if (self->session == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no model; open one first");
      return FALSE;
    }
  sampler = moe_sampler_new (&command->sampler, error);
  if (sampler == NULL)
    return FALSE;
  prompt = render (self, command, error);
  if (prompt == NULL)
    return FALSE;
  if (prompt->n_tokens == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "the prompt is empty");
      return FALSE;
    }
  if (prompt->n_tokens >= moe_session_get_context (self->session))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "the conversation has %" G_GSIZE_FORMAT " tokens, the context holds %u",
                   prompt->n_tokens, moe_session_get_context (self->session));
      return FALSE;
    }
  if (self->writer == NULL && !open_recording (self, command, error))
    return FALSE;

  common = count_common (self, prompt);
  moe_session_rewind (self->session, common);
  moe_engine_rewind_plain (self, common);
  g_array_set_size (self->fed, common);
  self->stale = FALSE;
  self->n_times = 0;

  if (command->messages != NULL)
    written = command->messages->pdata[command->messages->len - 1];
  moe_recorder_begin_prompt (self->recorder, moe_recording_writer_get_n_prompts (self->writer));
  moe_recording_writer_begin_prompt (self->writer, written);

  event = moe_engine_event_new (MOE_ENGINE_PROMPT);
  event->path = g_strdup (self->recording_path);
  event->n_reused = common;
  event->n_prompt = (guint) prompt->n_tokens;
  moe_engine_emit (self, event);

  rest = *prompt;
  rest.tokens += common;
  rest.phases += common;
  rest.n_tokens -= common;
  ok = moe_generate (self->session, &rest, sampler, command->max_tokens, on_picked, self,
                     command->cancellable, reason, error);
  moe_recording_writer_end_prompt (self->writer);
  g_clear_pointer (&self->picked, moe_engine_event_free);
  return ok;
}

void
moe_engine_do_generate (MoeEngine  *self,
                        MoeCommand *command)
{
  MoeStopReason reason = MOE_STOP_CANCELLED;
  MoeEngineEvent *event;
  GError *error = NULL;

  self->job = command->cancellable;
  if (!generate (self, command, &reason, &error))
    moe_engine_emit_error (self, MOE_ENGINE_JOB_GENERATE, error);
  else
    {
      moe_engine_emit_hits (self);
      event = moe_engine_event_new (MOE_ENGINE_FINISHED);
      /* The callback says no only when the job was cancelled. */
      event->reason = reason == MOE_STOP_CALLER ? MOE_STOP_CANCELLED : reason;
      moe_engine_emit (self, event);
    }
  self->job = NULL;
}
