/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "analysis/moe-condition.h"
#include "app/cli-interventions.h"
#include "app/cli-options.h"
#include "app/cli-prompt.h"
#include "data/moe-json.h"
#include "probes/moe-generator.h"
#include "probes/moe-recorder.h"

typedef struct
{
  gboolean  line_open; /* what was printed does not end with a line end */
  guint     n_tokens;
  GError   *error;
} Printer;

static gboolean
on_token (const MoeGeneratedToken *token,
          gpointer                 user_data)
{
  Printer *self = user_data;
  gsize length = strlen (token->text);

  self->n_tokens++;
  if (length == 0)
    return TRUE;
  self->line_open = token->text[length - 1] != '\n';
  return moe_cli_write (token->text, length, &self->error);
}

static char *
settings_to_json (const MoeSamplerOptions *sampler,
                  gboolean                 raw,
                  const char              *system,
                  const char              *scmoe,
                  guint                    max_tokens)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;

  json_builder_begin_object (builder);
  moe_json_add_string (builder, "command", "generate");
  moe_json_add_bool (builder, "raw", raw);
  if (system != NULL)
    moe_json_add_string (builder, "system", system);
  if (scmoe != NULL)
    moe_json_add_string (builder, "scmoe", scmoe);
  moe_json_add_int (builder, "max_tokens", max_tokens);
  moe_json_add_double (builder, "temperature", (double) sampler->temperature);
  moe_json_add_double (builder, "top_p", (double) sampler->top_p);
  moe_json_add_int (builder, "top_k", sampler->top_k);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/* Why the answer ended where it did, when that is not its own doing. */
static void
report_stop (MoeStopReason reason,
             MoeSession   *session,
             guint         n_tokens)
{
  if (reason == MOE_STOP_LENGTH)
    moe_cli_message ("the answer was cut off after %u tokens (--max-tokens)", n_tokens);
  else if (reason == MOE_STOP_CONTEXT)
    moe_cli_message ("the answer was cut off: the context of %u tokens is full",
                     moe_session_get_context (session));
}

typedef struct
{
  const char              *prompt_text;
  const MoeChatPrompt     *prompt;
  const MoeSamplerOptions *options;
  guint                    max_tokens;
  const char              *record;   /* path or NULL */
  const char              *settings; /* JSON */
  const MoeSelfContrast   *contrast; /* or NULL */
} Job;

/* The exit code. Whatever happens, what was recorded is kept. */
static int
run_job (const Job       *job,
         const MoeCliRun *run,
         MoeSession      *session,
         MoeMask         *mask)
{
  const MoeModelInfo *info = moe_model_get_info (moe_session_get_model (session));
  g_autoptr(MoeSampler) sampler = NULL;
  g_autoptr(MoeRecorder) recorder = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) close_error = NULL;
  MoeRecordingWriter *writer = NULL;
  MoeStopReason reason = MOE_STOP_END;
  Printer printer = { FALSE, 0, NULL };
  gboolean ok;

  sampler = moe_sampler_new (job->options, &error);
  if (sampler == NULL)
    return moe_cli_fail (error);
  if (job->record != NULL)
    {
      MoeRunSettings settings;

      moe_cli_run_settings (run, session, job->settings, &settings);
      writer = moe_recording_writer_new (job->record, info, &settings, FALSE, &error);
      if (writer == NULL)
        return moe_cli_fail (error);
      recorder = moe_recorder_new (session, writer, TRUE, NULL, NULL);
      moe_recorder_begin_prompt (recorder, 0);
      moe_recording_writer_begin_prompt (writer, job->prompt_text);
      if (moe_mask_get_n (mask) > 0)
        moe_recording_writer_add_mask (writer, 0, mask);
    }

  ok = moe_generate_contrast (session, job->contrast, job->prompt, sampler, job->max_tokens, on_token,
                              &printer, moe_cli_get_cancellable (), &reason, &error);
  if (ok && reason == MOE_STOP_CANCELLED)
    {
      ok = FALSE;
      g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
    }
  else if (!ok && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_prefix_error (&error, "%s: ", info->path);
    }
  if (printer.line_open && printer.error == NULL)
    moe_cli_write ("\n", 1, &printer.error);
  if (ok && printer.error != NULL)
    {
      ok = FALSE;
      error = g_error_copy (printer.error);
    }
  g_clear_error (&printer.error);

  if (writer != NULL)
    {
      if (ok)
        moe_recording_writer_end_prompt (writer);
      g_clear_pointer (&recorder, moe_recorder_free);
      if (!moe_recording_writer_close (writer, ok, &close_error) && ok)
        return moe_cli_fail (close_error);
    }
  if (!ok)
    return moe_cli_fail (error);

  report_stop (reason, session, printer.n_tokens);
  moe_cli_interventions_report (session);
  return MOE_CLI_DONE;
}

int
moe_cli_generate (int    argc,
                  char **argv)
{
  g_auto(MoeCliRun) run = { 0 };
  g_auto(MoeCliInterventions) interventions = { NULL };
  g_autofree char *prompt_text = NULL, *text = NULL, *system = NULL, *record = NULL, *settings = NULL;
  g_autofree char *scmoe = NULL;
  gboolean raw = FALSE;
  gint max_tokens = 256, top_k = 0;
  gdouble temperature = 0, top_p = 1;
  const GOptionEntry entries[] = {
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &prompt_text,
      "What to answer; - reads standard input", "TEXT" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &raw, "Continue the text as it is, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &system, "System message", "TEXT" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &max_tokens, "Tokens at most (default 256)", "N" },
    { "temperature", 't', 0, G_OPTION_ARG_DOUBLE, &temperature,
      "0, the default, takes the likeliest token", "T" },
    { "top-p", 0, 0, G_OPTION_ARG_DOUBLE, &top_p,
      "Draw from the likeliest tokens that make up P (default 1)", "P" },
    { "top-k", 0, 0, G_OPTION_ARG_INT, &top_k, "Draw from the K likeliest tokens (default: all)", "K" },
    { "scmoe", 0, 0, G_OPTION_ARG_STRING, &scmoe,
      "Self-contrast decoding against the expert of one rank alone, e.g. rank=2,alpha=0.1,beta=0.5, or with "
      "weak=reversed against the opposite of the mask",
      "OPTIONS" },
    { "record", 0, 0, G_OPTION_ARG_FILENAME, &record, "Record the run in a new file", "FILE" },
    { NULL }
  };
  MoeSamplerOptions options;
  gsize length;
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeChatPrompt) prompt = NULL;
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "An answer to a prompt, on standard output as it is written.",
    "moescope-cli generate demo-q8_0.gguf --prompt \"How do I bake bread?\" --record run.moescope");
  g_autoptr(MoeSession) weak = NULL;
  MoeSelfContrast contrast = { NULL, 0, 0 };
  guint rank = 0;
  Job job;

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_run_add (&run, context);
  moe_cli_interventions_add (&interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_run_check (&run, argv[0])
      || !moe_cli_interventions_check (&interventions, argv[0]))
    return MOE_CLI_USAGE;
  if (prompt_text == NULL)
    return moe_cli_usage (argv[0], "--prompt is missing");
  if (raw && system != NULL)
    return moe_cli_usage (argv[0], "--system needs the chat template, which --raw leaves out");
  if (max_tokens < 0)
    return moe_cli_usage (argv[0], "--max-tokens %d is negative", max_tokens);
  if (top_k < 0)
    return moe_cli_usage (argv[0], "--top-k %d is negative", top_k);
  if (!(temperature >= 0 && temperature <= 1000))
    return moe_cli_usage (argv[0], "--temperature must be between 0 and 1000");
  if (!(top_p > 0 && top_p <= 1))
    return moe_cli_usage (argv[0], "--top-p must be above 0 and at most 1");
  if (system != NULL && !g_utf8_validate (system, -1, NULL))
    return moe_cli_usage (argv[0], "--system is not UTF-8 text");

  if (scmoe != NULL && !moe_self_contrast_parse (scmoe, &contrast, &rank, &error))
    return moe_cli_usage (argv[0], "--scmoe %s", error->message);

  text = moe_cli_read_text (prompt_text, &length, &error);
  if (text == NULL)
    return moe_cli_fail (error);
  model = moe_cli_run_open (&run, words[0], &error);
  if (model == NULL
      || !moe_cli_interventions_load (&interventions, moe_model_get_info (model), &mask, &error))
    return moe_cli_fail (error);
  prompt = moe_cli_prompt_new (model, text, length, system, raw, &error);
  if (prompt == NULL)
    return moe_cli_fail (error);
  session = moe_cli_run_session (&run, model, &error);
  if (session == NULL || !moe_session_set_mask (session, mask, &error))
    return moe_cli_fail (error);

  if (scmoe != NULL)
    {
      const MoeIntervention only = { MOE_LAYER_ALL, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_RANK,
                                     (float) rank };
      g_autoptr(MoeMask) weak_mask = rank > 0 ? moe_mask_with (mask, &only)
                                              : moe_mask_reverse (mask, moe_model_get_info (model), &error);

      if (weak_mask == NULL)
        {
          g_prefix_error (&error, "--scmoe weak=reversed: ");
          return moe_cli_fail (error);
        }
      weak = moe_cli_run_session (&run, model, &error);
      if (weak == NULL || !moe_session_set_mask (weak, weak_mask, &error))
        return moe_cli_fail (error);
      contrast.weak = weak;
    }

  options.temperature = (float) temperature;
  options.top_p = (float) top_p;
  options.top_k = (guint) top_k;
  options.seed = (guint64) run.seed;
  settings = settings_to_json (&options, raw, system, scmoe, (guint) max_tokens);
  job.prompt_text = text;
  job.prompt = prompt;
  job.options = &options;
  job.max_tokens = (guint) max_tokens;
  job.record = record;
  job.settings = settings;
  job.contrast = scmoe != NULL ? &contrast : NULL;
  return run_job (&job, &run, session, mask);
}
