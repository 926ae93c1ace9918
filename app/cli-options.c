/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-options.h"

#include <string.h>
#include <unistd.h>

#include "ui/moe-study-command.h"

void
moe_cli_run_add (MoeCliRun      *self,
                 GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "threads", 0, 0, G_OPTION_ARG_INT, &self->threads,
      "Threads to compute with (default: all cores)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &self->seed, "Seed of everything that is drawn (default 0)", "N" },
    { "context", 0, 0, G_OPTION_ARG_INT, &self->context,
      "Tokens of context (default: the model's, at most 4096)", "N" },
    { "cache", 0, 0, G_OPTION_ARG_STRING, &self->cache, "KV cache: f16 (default) or f32", "TYPE" },
    { "kernels", 0, 0, G_OPTION_ARG_STRING, &self->kernels,
      "auto (default) or plain, the reference with float activations", "KIND" },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &self->progress,
      "Show progress also when stderr is no terminal", NULL },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
  self->chat = moe_cli_chat_new ();
  moe_cli_chat_add (self->chat, context);
  self->control = moe_cli_control_new ();
  moe_cli_control_add (self->control, context);
}

static gboolean
is_one_of (const char *value,
           const char *a,
           const char *b)
{
  return value == NULL || strcmp (value, a) == 0 || strcmp (value, b) == 0;
}

gboolean
moe_cli_run_check (const MoeCliRun *self,
                   const char      *command)
{
  if (self->threads < 0)
    moe_cli_usage (command, "--threads %d is negative", self->threads);
  else if (self->seed < 0)
    moe_cli_usage (command, "--seed %" G_GINT64_FORMAT " is negative", self->seed);
  else if (self->context < 0)
    moe_cli_usage (command, "--context %d is negative", self->context);
  else if (!is_one_of (self->cache, "f16", "f32"))
    moe_cli_usage (command, "--cache %s is neither f16 nor f32", self->cache);
  else if (!is_one_of (self->kernels, "auto", "plain"))
    moe_cli_usage (command, "--kernels %s is neither auto nor plain", self->kernels);
  else
    return (self->chat == NULL || moe_cli_chat_check (self->chat, command))
           && (self->control == NULL || moe_cli_control_check (self->control, command));
  return FALSE;
}

void
moe_cli_run_clear (MoeCliRun *self)
{
  g_clear_pointer (&self->cache, g_free);
  g_clear_pointer (&self->kernels, g_free);
  g_clear_pointer (&self->chat, moe_cli_chat_free);
  g_clear_pointer (&self->control, moe_cli_control_free);
}

MoeModel *
moe_cli_run_open (const MoeCliRun  *self,
                  const char       *path,
                  GError          **error)
{
  MoeCliProgress progress;
  MoeModel *model;

  moe_cli_progress_init (&progress, self->progress);
  model = moe_model_open (path, moe_cli_progress_load, &progress, moe_cli_get_cancellable (), error);
  moe_cli_progress_end (&progress);
  if (model != NULL && self->chat != NULL
      && !moe_cli_chat_apply (self->chat, moe_model_edit_chat (model), path, error))
    g_clear_pointer (&model, moe_model_unref);
  if (model != NULL && self->control != NULL
      && !moe_cli_control_load (self->control, moe_model_get_info (model), error))
    g_clear_pointer (&model, moe_model_unref);
  return model;
}

void
moe_cli_run_get_session_options (const MoeCliRun   *self,
                                 MoeSessionOptions *options)
{
  *options = (MoeSessionOptions) {
    .context = (guint) self->context,
    .cache = g_strcmp0 (self->cache, "f32") == 0 ? MOE_CACHE_F32 : MOE_CACHE_F16,
    .kernels = g_strcmp0 (self->kernels, "plain") == 0 ? MOE_KERNELS_PLAIN : MOE_KERNELS_AUTO,
    .threads = (guint) self->threads,
    .control = self->control != NULL ? self->control->vector : NULL,
  };
}

MoeSession *
moe_cli_run_session (const MoeCliRun  *self,
                     MoeModel         *model,
                     GError          **error)
{
  MoeSessionOptions options;
  MoeSession *session;

  moe_cli_run_get_session_options (self, &options);
  session = moe_session_new (model, &options, error);
  if (session == NULL)
    g_prefix_error (error, "%s: ", moe_model_get_info (model)->path);
  return session;
}

void
moe_cli_run_settings (const MoeCliRun *self,
                      MoeSession      *session,
                      const char      *json,
                      MoeRunSettings  *settings)
{
  settings->context = moe_session_get_context (session);
  settings->cache = self->cache != NULL ? self->cache : "f16";
  settings->kernels = self->kernels != NULL ? self->kernels : "auto";
  settings->seed = (guint64) self->seed;
  if (self->chat != NULL)
    json = moe_cli_chat_describe (self->chat, moe_session_get_model (session), json);
  settings->settings = self->control != NULL ? moe_cli_control_describe (self->control, json) : json;
}

void
moe_cli_output_add (MoeCliOutput   *self,
                    GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &self->format,
      "text, csv or json (default: text on a terminal, else csv)", "FORMAT" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &self->out, "Write to FILE, whole or not at all", "FILE" },
    { "no-provenance", 0, 0, G_OPTION_ARG_NONE, &self->no_provenance,
      "Leave out the lines that say where the table comes from", NULL },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_output_check (const MoeCliOutput *self,
                      const char         *command)
{
  if (is_one_of (self->format, "csv", "json") || strcmp (self->format, "text") == 0)
    return TRUE;
  moe_cli_usage (command, "--format %s is none of text, csv and json", self->format);
  return FALSE;
}

void
moe_cli_output_clear (MoeCliOutput *self)
{
  g_clear_pointer (&self->format, g_free);
  g_clear_pointer (&self->out, g_free);
}

gboolean
moe_cli_output_table (const MoeCliOutput  *self,
                      const MoeTable      *table,
                      GError             **error)
{
  MoeTableFormat format = MOE_TABLE_CSV;
  g_autofree char *text = NULL;

  if (self->format != NULL && strcmp (self->format, "json") == 0)
    format = MOE_TABLE_JSON;
  else if (self->format != NULL && strcmp (self->format, "text") == 0)
    format = MOE_TABLE_TEXT;
  else if (self->format == NULL && self->out == NULL && isatty (STDOUT_FILENO) == 1)
    format = MOE_TABLE_TEXT;

  if (self->out != NULL)
    return moe_table_write (table, format, !self->no_provenance, self->out, error);
  text = moe_table_to_string (table, format, !self->no_provenance);
  return moe_cli_write (text, strlen (text), error);
}

void
moe_cli_add_provenance (MoeTable           *table,
                        const MoeModelInfo *info,
                        const MoeMask      *mask)
{
  moe_command_add_provenance (table, info, mask);
}
