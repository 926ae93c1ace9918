/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-masked-run"

#include "analysis/moe-masked-run.h"

#include <math.h>

#include "data/moe-error.h"
#include "probes/moe-chat.h"
#include "probes/moe-recorder.h"

typedef struct
{
  MoeMaskedRun       *run;
  const MoeTokenizer *tokenizer;
  GError             *error; /* the first one */
} Listener;

static void
on_record (MoeTokenRecord *record,
           const float    *logits,
           gpointer        user_data)
{
  Listener *self = user_data;
  MoeMaskedRun *run = self->run;
  const char *text;
  gsize length;

  if (self->error != NULL)
    return;
  text = moe_tokenizer_get_text (self->tokenizer, record->token_id, &length);
  if (!moe_massive_activations_add (run->massive, record, text, length, &self->error)
      || !moe_sink_stats_add (run->sinks, record, &self->error))
    return;
  run->n_tokens++;
  if (record->position > 0 && record->phase != MOE_PHASE_TEMPLATE)
    {
      run->n_predicted++;
      run->log_loss -= record->logprob;
    }
}

/* @recorder and @listener: both or none. */
static gboolean
feed_prompts (MoeSession         *session,
              GPtrArray          *prompts,
              MoeRecorder        *recorder,
              const Listener     *listener,
              const MoeProgress  *progress,
              GError            **error)
{
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;

  for (guint i = 0; i < prompts->len; i++)
    {
      const MoeChatPrompt *prompt = g_ptr_array_index (prompts, i);

      if (!moe_progress_step (progress, (double) i / prompts->len, "running prompts", error))
        return FALSE;
      moe_session_rewind (session, 0);
      if (recorder != NULL)
        moe_recorder_begin_prompt (recorder, i);
      if (!moe_session_feed (session, prompt->tokens, prompt->phases, prompt->n_tokens, cancellable, error))
        return FALSE;
      if (listener != NULL && listener->error != NULL)
        {
          g_propagate_error (error, g_error_copy (listener->error));
          return FALSE;
        }
    }
  return TRUE;
}

MoeMaskedRun *
moe_masked_run_new (MoeSession         *session,
                    GPtrArray          *prompts,
                    MoeMask            *mask,
                    const MoeProgress  *progress,
                    GError            **error)
{
  static const MoeSinkOptions sinks = { MOE_SINK_EPSILON, MOE_SINK_LENGTH, FALSE };
  g_autoptr(MoeMaskedRun) self = NULL;
  const MoeModelInfo *info;
  MoeRecorder *recorder;
  Listener listener;
  gboolean ok;

  g_return_val_if_fail (session != NULL && prompts != NULL, NULL);

  if (!moe_session_set_mask (session, mask, error))
    return NULL;
  info = moe_model_get_info (moe_session_get_model (session));
  self = g_new0 (MoeMaskedRun, 1);
  self->sinks = moe_sink_stats_new (info, &sinks);
  self->massive = moe_massive_activations_new (info, MOE_MASSIVE_RATIO);
  listener = (Listener) { self, moe_model_get_tokenizer (moe_session_get_model (session)), NULL };

  recorder = moe_recorder_new (session, NULL, TRUE, on_record, &listener);
  ok = feed_prompts (session, prompts, recorder, &listener, progress, error);
  moe_recorder_free (recorder);
  g_clear_error (&listener.error);
  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      guint64 changed, seen;

      moe_session_get_mask_hits (session, i, &changed, &seen);
      self->n_changed += changed;
    }
  moe_session_set_mask (session, NULL, NULL);
  return ok ? g_steal_pointer (&self) : NULL;
}

gboolean
moe_masked_run_watch (MoeSession         *session,
                      GPtrArray          *prompts,
                      MoeMask            *mask,
                      const MoeProbe     *probe,
                      gpointer            user_data,
                      const MoeProgress  *progress,
                      GError            **error)
{
  gboolean ok;

  g_return_val_if_fail (session != NULL && prompts != NULL && probe != NULL, FALSE);

  if (!moe_session_set_mask (session, mask, error))
    return FALSE;
  moe_session_add_probe (session, probe, user_data);
  ok = feed_prompts (session, prompts, NULL, NULL, progress, error);
  moe_session_remove_probe (session, probe, user_data);
  moe_session_set_mask (session, NULL, NULL);
  return ok && moe_progress_step (progress, 1, "done", error);
}

void
moe_masked_run_free (MoeMaskedRun *self)
{
  if (self == NULL)
    return;

  moe_sink_stats_free (self->sinks);
  moe_massive_activations_free (self->massive);
  g_free (self);
}

double
moe_masked_run_get_perplexity (const MoeMaskedRun *self)
{
  g_return_val_if_fail (self != NULL, NAN);
  return self->n_predicted > 0 ? exp (self->log_loss / (double) self->n_predicted) : NAN;
}

const MoeMassiveLayer *
moe_masked_run_get_peak (MoeMaskedRun *self,
                         guint        *layer)
{
  const MoeMassiveLayer *peak = NULL;

  g_return_val_if_fail (self != NULL && layer != NULL, NULL);

  for (guint l = 0; self->n_tokens > 0 && l < self->sinks->n_layers; l++)
    {
      const MoeMassiveLayer *after = moe_massive_activations_get_layer (self->massive, l);

      if (peak == NULL || after->peak > peak->peak)
        {
          peak = after;
          *layer = l;
        }
    }
  return peak;
}

/* The prompts of a recording */

typedef struct
{
  GPtrArray *prompts; /* of MoeChatPrompt */
  gint64     prompt;  /* being read, -1 before the first */
  GArray    *tokens;  /* of gint32 */
  GArray    *phases;  /* of MoePhase */
  gboolean   incomplete;
} Loader;

static void
end_prompt (Loader *self)
{
  MoeChatPrompt *prompt;
  gsize n;

  if (self->tokens->len == 0)
    return;
  prompt = g_new0 (MoeChatPrompt, 1);
  prompt->phases = g_array_steal (self->phases, &n);
  prompt->tokens = g_array_steal (self->tokens, &n);
  prompt->n_tokens = n;
  g_ptr_array_add (self->prompts, prompt);
}

static gboolean
load_token (MoeTokenRecord *record,
            const char     *text,
            gsize           text_length,
            gpointer        user_data)
{
  Loader *self = user_data;

  if (record->prompt != self->prompt && record->position == 0)
    end_prompt (self);
  /* Asked again: what was answered before is no part of the conversation any more. */
  else if (record->prompt != self->prompt && record->position < self->tokens->len)
    {
      g_array_set_size (self->tokens, record->position);
      g_array_set_size (self->phases, record->position);
    }
  self->prompt = record->prompt;
  if (record->position != self->tokens->len)
    {
      self->incomplete = TRUE;
      return FALSE;
    }
  g_array_append_val (self->tokens, record->token_id);
  g_array_append_val (self->phases, record->phase);
  return TRUE;
}

GPtrArray *
moe_masked_run_load_prompts (MoeRecording  *recording,
                             GError       **error)
{
  g_autoptr(GPtrArray) prompts = NULL;
  g_autoptr(GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr(GArray) phases = g_array_new (FALSE, FALSE, sizeof (MoePhase));
  Loader loader;

  g_return_val_if_fail (recording != NULL, NULL);

  prompts = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_chat_prompt_free);
  loader = (Loader) { prompts, -1, tokens, phases, FALSE };
  if (!moe_recording_foreach (recording, 0, -1, load_token, &loader, error))
    {
      if (loader.incomplete)
        g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                     "%s: prompt %" G_GINT64_FORMAT " cannot be run again, its beginning was not recorded",
                     moe_recording_get_path (recording), loader.prompt);
      return NULL;
    }
  end_prompt (&loader);
  return g_steal_pointer (&prompts);
}
