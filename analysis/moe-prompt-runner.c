/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-runner"

#include "analysis/moe-prompt-runner.h"

typedef struct
{
  MoeSession                *session;
  MoePromptSet              *set;
  const MoePromptRunOptions *options;
  MoeRecordingWriter        *writer;
  const MoePromptRunFuncs   *funcs;
  gpointer                   user_data;
  const MoeProgress         *progress;
  MoeRecorder               *recorder;
  MoePromptRun               run;
  GString                   *answer;
} Runner;

static void
on_record (MoeTokenRecord *record,
           const float    *logits,
           gpointer        user_data)
{
  Runner *self = user_data;

  self->funcs->record (&self->run, record, logits, self->user_data);
}

static gboolean
on_generated (const MoeGeneratedToken *token,
              gpointer                 user_data)
{
  Runner *self = user_data;

  self->run.n_generated++;
  g_string_append (self->answer, token->text);
  return TRUE;
}

static gboolean
feed (Runner  *self,
      GError **error)
{
  const MoePromptRunOptions *options = self->options;
  const MoeSamplerOptions sampling = {
    .temperature = options->temperature, .top_p = 1, .top_k = 0, .seed = options->seed
  };
  const MoeChatPrompt *tokens = self->run.tokens->tokens;
  GCancellable *cancellable = self->progress != NULL ? self->progress->cancellable : NULL;
  g_autoptr(MoeSampler) sampler = NULL;

  moe_session_rewind (self->session, 0);
  if (options->n_generate == 0)
    return moe_session_feed (self->session, tokens->tokens, tokens->phases, tokens->n_tokens, cancellable,
                             error);

  sampler = moe_sampler_new (&sampling, error);
  if (sampler == NULL
      || !moe_generate (self->session, tokens, sampler, options->n_generate, on_generated, self, cancellable,
                        &self->run.reason, error))
    return FALSE;
  if (self->run.reason != MOE_STOP_CANCELLED)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
  return FALSE;
}

/* What went wrong in making or feeding the tokens is about the prompt; what the callbacks say is theirs. */
static gboolean
run_prompt (Runner  *self,
            guint    index,
            GError **error)
{
  const MoePromptRunFuncs *funcs = self->funcs;
  const MoePrompt *prompt = moe_prompt_set_get (self->set, index);
  g_autoptr(MoePromptTokens) tokens = NULL;
  g_autoptr(MoeMask) mask = moe_session_get_mask (self->session);
  GError *local = NULL;

  tokens = moe_prompt_tokens_new (moe_session_get_model (self->session), prompt, self->options->system,
                                  self->options->raw, &local);
  g_string_truncate (self->answer, 0);
  self->run = (MoePromptRun) { .index = index, .prompt = prompt, .tokens = tokens, .answer = "",
                               .reason = MOE_STOP_LENGTH };
  if (tokens != NULL && funcs != NULL && funcs->begin != NULL
      && !funcs->begin (&self->run, self->user_data, error))
    return FALSE;
  if (tokens != NULL)
    {
      moe_recorder_begin_prompt (self->recorder, index);
      if (self->writer != NULL)
        moe_recording_writer_begin_prompt (self->writer, prompt->text);
      if (self->writer != NULL && moe_mask_get_n (mask) > 0)
        moe_recording_writer_add_mask (self->writer, moe_recorder_get_next_id (self->recorder), mask);
    }
  if (tokens == NULL || !feed (self, &local))
    {
      if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_prefix_error (&local, "%s:%u: ", moe_prompt_set_get_path (self->set), prompt->line);
      g_propagate_error (error, local);
      return FALSE;
    }
  self->run.answer = self->answer->str;
  if (funcs != NULL && funcs->end != NULL && !funcs->end (&self->run, self->user_data, error))
    return FALSE;
  if (self->writer == NULL)
    return TRUE;
  moe_recording_writer_end_prompt (self->writer);
  /* A disk that is full must not cost another hour of computing. */
  return moe_recording_writer_flush (self->writer, error);
}

static gboolean
run_prompts (Runner  *self,
             guint    first,
             GError **error)
{
  guint n = moe_prompt_set_get_n (self->set);

  for (guint i = first; i < n; i++)
    {
      g_autofree char *what = g_strdup_printf ("prompt %u of %u, %" G_GINT64_FORMAT " tokens", i + 1, n,
                                               moe_recorder_get_next_id (self->recorder));

      if (!moe_progress_step (self->progress, (double) i / n, what, error) || !run_prompt (self, i, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
moe_prompt_runner_run (MoeSession                 *session,
                       MoePromptSet               *set,
                       guint                       first,
                       const MoePromptRunOptions  *options,
                       MoeRecordingWriter         *writer,
                       const MoePromptRunFuncs    *funcs,
                       gpointer                    user_data,
                       const MoeProgress          *progress,
                       GError                    **error)
{
  Runner self = { .session = session, .set = set, .options = options, .writer = writer, .funcs = funcs,
                  .user_data = user_data, .progress = progress };
  gboolean done;

  g_return_val_if_fail (session != NULL, FALSE);
  g_return_val_if_fail (set != NULL, FALSE);
  g_return_val_if_fail (options != NULL, FALSE);

  self.answer = g_string_new (NULL);
  self.recorder = moe_recorder_new (session, writer, options->all_logits,
                                    funcs != NULL && funcs->record != NULL ? on_record : NULL, &self);
  done = run_prompts (&self, first, error);
  moe_recorder_free (self.recorder);
  g_string_free (self.answer, TRUE);
  return done;
}
