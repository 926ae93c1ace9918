/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-profile.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "app/cli-interventions.h"
#include "app/cli-prompt.h"
#include "data/moe-mask-file.h"
#include "probes/moe-generator.h"
#include "probes/moe-recorder.h"

void
moe_cli_profile_add (MoeCliProfile  *self,
                     GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "prompts", 0, 0, G_OPTION_ARG_FILENAME, &self->prompts,
      "Prompt set: text, a prompt a line, or CSV", "FILE" },
    { "column", 0, 0, G_OPTION_ARG_STRING, &self->column,
      "Column of the CSV (default: the first known one)", "C" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit, "Only the first N prompts", "N" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &self->raw, "Prompts as they are, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &self->system, "System message", "TEXT" },
    { "generate", 0, 0, G_OPTION_ARG_INT, &self->generate,
      "Tokens of answer to each prompt (default 0)", "N" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_profile_check (const MoeCliProfile *self,
                       const char          *command)
{
  if (self->limit < 0)
    moe_cli_usage (command, "--limit %d is negative", self->limit);
  else if (self->generate < 0)
    moe_cli_usage (command, "--generate %d is negative", self->generate);
  else if (self->raw && self->system != NULL)
    moe_cli_usage (command, "--system needs the chat template, which --raw leaves out");
  else if (self->system != NULL && !g_utf8_validate (self->system, -1, NULL))
    moe_cli_usage (command, "--system is not UTF-8 text");
  else
    return TRUE;
  return FALSE;
}

void
moe_cli_profile_clear (MoeCliProfile *self)
{
  g_clear_pointer (&self->prompts, g_free);
  g_clear_pointer (&self->column, g_free);
  g_clear_pointer (&self->system, g_free);
}

static void
add_string (JsonBuilder *builder,
            const char  *name,
            const char  *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder,
         const char  *name,
         gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

/* What must be equal for two runs to be parts of one recording, as JSON. */
static char *
make_settings (const MoeCliProfile *self,
               const MoeModelInfo  *info,
               MoePromptSet        *set,
               const MoeMask       *mask)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  g_autofree char *name = g_path_get_basename (moe_prompt_set_get_path (set));

  json_builder_begin_object (builder);
  add_string (builder, "command", "profile");
  add_string (builder, "prompts", name);
  add_string (builder, "prompts_sha256", moe_prompt_set_get_hash (set));
  add_string (builder, "column", self->column != NULL ? self->column : "");
  add_int (builder, "limit", self->limit);
  json_builder_set_member_name (builder, "raw");
  json_builder_add_boolean_value (builder, self->raw);
  add_string (builder, "system", self->system != NULL ? self->system : "");
  add_int (builder, "generate", self->generate);
  if (moe_mask_get_n (mask) > 0)
    {
      g_autofree char *text = moe_mask_to_json (mask, info);

      add_string (builder, "mask", text);
    }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static void
set_cancelled (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
}

static gboolean
run_prompt (const MoeCliProfile  *self,
            const MoeCliRun      *run,
            MoeSession           *session,
            const MoePrompt      *prompt,
            GError              **error)
{
  const MoeSamplerOptions greedy = { .temperature = 0, .top_p = 1, .top_k = 0, .seed = (guint64) run->seed };
  g_autoptr(MoeChatPrompt) tokens = NULL;
  g_autoptr(MoeSampler) sampler = NULL;
  MoeStopReason reason;

  tokens = moe_cli_prompt_new (moe_session_get_model (session), prompt->text, strlen (prompt->text),
                               self->system, self->raw, error);
  if (tokens == NULL)
    return FALSE;
  moe_session_rewind (session, 0);
  if (self->generate == 0)
    return moe_session_feed (session, tokens->tokens, tokens->phases, tokens->n_tokens,
                             moe_cli_get_cancellable (), error);

  sampler = moe_sampler_new (&greedy, error);
  if (sampler == NULL || !moe_generate (session, tokens, sampler, (guint) self->generate, NULL, NULL,
                                        moe_cli_get_cancellable (), &reason, error))
    return FALSE;
  if (reason == MOE_STOP_CANCELLED)
    {
      set_cancelled (error);
      return FALSE;
    }
  return TRUE;
}

static gboolean
run_prompts (const MoeCliProfile  *self,
             const MoeCliRun      *run,
             MoeSession           *session,
             MoePromptSet         *set,
             MoeMask              *mask,
             MoeRecordingWriter   *writer,
             GError              **error)
{
  g_autoptr(MoeRecorder) recorder = moe_recorder_new (session, writer, TRUE, NULL, NULL);
  MoeCliProgress progress;
  guint n = moe_prompt_set_get_n (set);

  moe_cli_progress_init (&progress, run->progress);
  moe_recorder_set_next_id (recorder, moe_recording_writer_get_n_tokens (writer));
  for (guint i = moe_recording_writer_get_n_prompts (writer); i < n; i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set, i);

      if (g_cancellable_set_error_if_cancelled (moe_cli_get_cancellable (), error))
        return FALSE;
      moe_cli_progress_show (&progress, FALSE, "prompt %u of %u, %" G_GINT64_FORMAT " tokens", i + 1, n,
                             moe_recorder_get_next_id (recorder));
      moe_recorder_begin_prompt (recorder, i);
      moe_recording_writer_begin_prompt (writer, prompt->text);
      if (moe_mask_get_n (mask) > 0)
        moe_recording_writer_add_mask (writer, moe_recorder_get_next_id (recorder), mask);
      if (!run_prompt (self, run, session, prompt, error))
        {
          moe_cli_progress_end (&progress);
          if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
            g_prefix_error (error, "%s:%u: ", moe_prompt_set_get_path (set), prompt->line);
          return FALSE;
        }
      moe_recording_writer_end_prompt (writer);
      /* A disk that is full must not cost another hour of computing. */
      if (!moe_recording_writer_flush (writer, error))
        return FALSE;
    }
  moe_cli_progress_show (&progress, TRUE, "%u prompts, %" G_GINT64_FORMAT " tokens", n,
                         moe_recorder_get_next_id (recorder));
  return TRUE;
}

gboolean
moe_cli_profile_run (const MoeCliProfile  *self,
                     const MoeCliRun      *run,
                     MoeModel             *model,
                     MoeMask              *mask,
                     const char           *path,
                     GError              **error)
{
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autoptr(MoePromptSet) set = NULL;
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(GError) close_error = NULL;
  g_autofree char *json = NULL;
  MoeRecordingWriter *writer;
  MoeRunSettings settings;
  gboolean resume = g_file_test (path, G_FILE_TEST_EXISTS);
  gboolean done;

  set = moe_prompt_set_load (self->prompts, self->column, (guint) self->limit, error);
  if (set == NULL)
    return FALSE;
  session = moe_cli_run_session (run, model, error);
  if (session == NULL || !moe_session_set_mask (session, mask, error))
    return FALSE;
  json = make_settings (self, info, set, mask);
  moe_cli_run_settings (run, session, json, &settings);
  writer = moe_recording_writer_new (path, info, &settings, resume, error);
  if (writer == NULL)
    return FALSE;

  done = run_prompts (self, run, session, set, mask, writer, error);
  if (!moe_recording_writer_close (writer, done, &close_error) && done)
    {
      g_propagate_error (error, g_steal_pointer (&close_error));
      return FALSE;
    }
  if (done)
    moe_cli_interventions_report (session);
  return done;
}
