/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-profile.h"

#include <json-glib/json-glib.h>

#include "analysis/moe-prompt-runner.h"
#include "app/cli-interventions.h"
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
  g_clear_pointer (&self->answer_column, g_free);
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
  add_string (builder, "answer_column", self->answer_column != NULL ? self->answer_column : "");
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
  const MoePromptRunOptions options = {
    .raw = self->raw, .system = self->system, .n_generate = (guint) self->generate,
    .seed = (guint64) run->seed, .all_logits = TRUE
  };
  const MoePromptSetOptions columns = {
    .column = self->column, .answer_column = self->answer_column, .limit = (guint) self->limit
  };
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  MoeRecordingWriter *writer;
  MoeRunSettings settings;
  gboolean resume = g_file_test (path, G_FILE_TEST_EXISTS);
  gboolean done;

  set = moe_prompt_set_load_full (self->prompts, &columns, error);
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

  moe_cli_progress_init (&shown, run->progress);
  done = moe_prompt_runner_run (session, set, moe_recording_writer_get_n_prompts (writer), &options, writer,
                                NULL, NULL, &progress, error);
  if (done)
    moe_cli_progress_show (&shown, TRUE, "%u prompts, %" G_GINT64_FORMAT " tokens",
                           moe_recording_writer_get_n_prompts (writer),
                           moe_recording_writer_get_n_tokens (writer));
  moe_cli_progress_end (&shown);
  if (!moe_recording_writer_close (writer, done, &close_error) && done)
    {
      g_propagate_error (error, g_steal_pointer (&close_error));
      return FALSE;
    }
  if (done)
    moe_cli_interventions_report (session);
  return done;
}
