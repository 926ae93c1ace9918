/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-profile.h"

#include "analysis/moe-prompt-runner.h"
#include "analysis/moe-text-windows.h"
#include "app/cli-interventions.h"
#include "data/moe-json.h"
#include "data/moe-mask-file.h"

void
moe_cli_profile_add (MoeCliProfile  *self,
                     GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "prompts", 0, 0, G_OPTION_ARG_FILENAME, &self->prompts,
      "Prompt set: text with a prompt a line, CSV or JSON Lines", "FILE" },
    { "column", 0, 0, G_OPTION_ARG_STRING, &self->column,
      "Column (or JSON member) of the prompts (default: the first known one)", "C" },
    { "answer-column", 0, 0, G_OPTION_ARG_STRING, &self->answer_column,
      "Column of the answers' beginnings, which are fed after the prompts", "C" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit, "Only the first N prompts", "N" },
    { "skip", 0, 0, G_OPTION_ARG_INT, &self->skip, "Leave out the first N prompts", "N" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &self->raw, "Prompts as they are, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &self->system, "System message", "TEXT" },
    { "generate", 0, 0, G_OPTION_ARG_INT, &self->generate,
      "Tokens of answer to each prompt (default 0)", "N" },
    { "text", 0, 0, G_OPTION_ARG_FILENAME, &self->text,
      "In place of prompts: a long text, which is cut into windows", "FILE" },
    { "window", 0, 0, G_OPTION_ARG_INT, &self->window,
      "Tokens of a window (default 2048, at most the context)", "N" },
    { "windows", 0, 0, G_OPTION_ARG_INT, &self->windows,
      "How many windows, spread evenly over the text (default: all)", "N" },
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
  else if (self->skip < 0)
    moe_cli_usage (command, "--skip %d is negative", self->skip);
  else if (self->generate < 0)
    moe_cli_usage (command, "--generate %d is negative", self->generate);
  else if (self->raw && self->system != NULL)
    moe_cli_usage (command, "--system needs the chat template, which --raw leaves out");
  else if (self->system != NULL && !g_utf8_validate (self->system, -1, NULL))
    moe_cli_usage (command, "--system is not UTF-8 text");
  else if (self->text == NULL && (self->window != 0 || self->windows != 0))
    moe_cli_usage (command, "--window and --windows need --text");
  else if (self->text != NULL
           && (self->prompts != NULL || self->generate > 0 || self->system != NULL || self->limit > 0
               || self->skip > 0 || self->column != NULL || self->answer_column != NULL))
    moe_cli_usage (command, "--text takes no prompts and nothing that is said about them");
  else if (self->window < 0 || self->window == 1)
    moe_cli_usage (command, "--window %d is less than 2", self->window);
  else if (self->windows < 0)
    moe_cli_usage (command, "--windows %d is negative", self->windows);
  else
    return TRUE;
  return FALSE;
}

gboolean
moe_cli_profile_wanted (const MoeCliProfile *self)
{
  return self->prompts != NULL || self->text != NULL;
}

void
moe_cli_profile_clear (MoeCliProfile *self)
{
  g_clear_pointer (&self->prompts, g_free);
  g_clear_pointer (&self->column, g_free);
  g_clear_pointer (&self->answer_column, g_free);
  g_clear_pointer (&self->system, g_free);
  g_clear_pointer (&self->text, g_free);
}

/* The settings in @builder, and the mask, as JSON. */
static char *
end_settings (JsonBuilder        *builder,
              const MoeModelInfo *info,
              const MoeMask      *mask)
{
  g_autoptr(JsonNode) root = NULL;

  if (moe_mask_get_n (mask) > 0)
    {
      g_autofree char *text = moe_mask_to_json (mask, info);

      moe_json_add_string (builder, "mask", text);
    }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/* What must be equal for two runs to be parts of one recording. */
static char *
make_settings (const MoeCliProfile *self,
               const MoeModelInfo  *info,
               MoePromptSet        *set,
               const MoeMask       *mask)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autofree char *name = g_path_get_basename (moe_prompt_set_get_path (set));

  json_builder_begin_object (builder);
  moe_json_add_string (builder, "command", "profile");
  moe_json_add_string (builder, "prompts", name);
  moe_json_add_string (builder, "prompts_sha256", moe_prompt_set_get_hash (set));
  moe_json_add_string (builder, "column", self->column != NULL ? self->column : "");
  moe_json_add_string (builder, "answer_column", self->answer_column != NULL ? self->answer_column : "");
  moe_json_add_int (builder, "limit", self->limit);
  if (self->skip > 0)
    moe_json_add_int (builder, "skip", self->skip);
  moe_json_add_bool (builder, "raw", self->raw);
  moe_json_add_string (builder, "system", self->system != NULL ? self->system : "");
  moe_json_add_int (builder, "generate", self->generate);
  return end_settings (builder, info, mask);
}

static char *
make_text_settings (const MoeTextWindows *windows,
                    guint                 length,
                    const MoeModelInfo   *info,
                    const MoeMask        *mask)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autofree char *name = g_path_get_basename (moe_text_windows_get_path (windows));

  json_builder_begin_object (builder);
  moe_json_add_string (builder, "command", "profile");
  moe_json_add_string (builder, "text", name);
  moe_json_add_string (builder, "text_sha256", moe_text_windows_get_hash (windows));
  moe_json_add_int (builder, "window", length);
  moe_json_add_int (builder, "windows", moe_text_windows_get_n (windows));
  return end_settings (builder, info, mask);
}

/* Ends a recording that is @done, or broke off with @error set. */
static gboolean
close_writer (MoeRecordingWriter  *writer,
              gboolean             done,
              MoeSession          *session,
              GError             **error)
{
  g_autoptr(GError) close_error = NULL;

  if (!moe_recording_writer_close (writer, done, &close_error) && done)
    {
      g_propagate_error (error, g_steal_pointer (&close_error));
      return FALSE;
    }
  if (done)
    moe_cli_interventions_report (session);
  return done;
}

static MoeRecordingWriter *
open_writer (const MoeCliRun  *run,
             MoeSession       *session,
             const char       *json,
             const char       *path,
             GError          **error)
{
  MoeRunSettings settings;

  moe_cli_run_settings (run, session, json, &settings);
  return moe_recording_writer_new (path, moe_model_get_info (moe_session_get_model (session)), &settings,
                                   g_file_test (path, G_FILE_TEST_EXISTS), error);
}

static gboolean
run_prompts (const MoeCliProfile  *self,
             const MoeCliRun      *run,
             MoeSession           *session,
             MoeMask              *mask,
             const char           *path,
             GError              **error)
{
  const MoePromptRunOptions options = {
    .raw = self->raw, .system = self->system, .n_generate = (guint) self->generate,
    .seed = (guint64) run->seed, .all_logits = TRUE
  };
  const MoePromptSetOptions columns = {
    .column = self->column, .answer_column = self->answer_column, .limit = (guint) self->limit,
    .skip = (guint) self->skip,
  };
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  g_autoptr(MoePromptSet) set = moe_prompt_set_load_full (self->prompts, &columns, error);
  g_autofree char *json = NULL;
  MoeRecordingWriter *writer;
  gboolean done;

  if (set == NULL)
    return FALSE;
  json = make_settings (self, moe_model_get_info (moe_session_get_model (session)), set, mask);
  writer = open_writer (run, session, json, path, error);
  if (writer == NULL)
    return FALSE;

  moe_cli_progress_init (&shown, run->progress);
  done = moe_prompt_runner_run (session, set, moe_recording_writer_get_n_prompts (writer), &options, writer,
                                NULL, NULL, &progress, error);
  if (done)
    moe_cli_progress_show (&shown, TRUE, "%u prompts, %" G_GINT64_FORMAT " tokens",
                           moe_recording_writer_get_n_prompts (writer),
                           moe_recording_writer_get_n_tokens (writer));
  moe_cli_progress_end (&shown);
  return close_writer (writer, done, session, error);
}

static gboolean
run_text (const MoeCliProfile  *self,
          const MoeCliRun      *run,
          MoeSession           *session,
          MoeMask              *mask,
          const char           *path,
          GError              **error)
{
  MoeModel *model = moe_session_get_model (session);
  guint length = self->window > 0 ? (guint) self->window : MIN (MOE_TEXT_WINDOW,
                                                                moe_session_get_context (session));
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  g_autoptr(MoeTextWindows) windows = NULL;
  g_autofree char *json = NULL;
  MoeRecordingWriter *writer;
  gboolean done;

  windows = moe_text_windows_new (moe_model_get_tokenizer (model), self->text, length, (guint) self->windows,
                                  error);
  if (windows == NULL)
    return FALSE;
  json = make_text_settings (windows, length, moe_model_get_info (model), mask);
  writer = open_writer (run, session, json, path, error);
  if (writer == NULL)
    return FALSE;

  moe_cli_progress_init (&shown, run->progress);
  done = moe_text_windows_run (windows, session, moe_recording_writer_get_n_prompts (writer), writer,
                               &progress, error);
  if (done)
    moe_cli_progress_show (&shown, TRUE, "%u windows", moe_text_windows_get_n (windows));
  moe_cli_progress_end (&shown);
  return close_writer (writer, done, session, error);
}

gboolean
moe_cli_profile_run (const MoeCliProfile  *self,
                     const MoeCliRun      *run,
                     MoeModel             *model,
                     MoeMask              *mask,
                     const char           *path,
                     GError              **error)
{
  g_autoptr(MoeSession) session = moe_cli_run_session (run, model, error);

  if (session == NULL || !moe_session_set_mask (session, mask, error))
    return FALSE;
  if (self->text != NULL)
    return run_text (self, run, session, mask, path, error);
  return run_prompts (self, run, session, mask, path, error);
}
