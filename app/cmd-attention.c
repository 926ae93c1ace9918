/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "app/cli-files.h"
#include "app/cli-prompt.h"
#include "app/cli-source.h"
#include "data/moe-error.h"
#include "ui/moe-attention-plot.h"

typedef struct
{
  char     *model, *prompt;
  int       layer, head;
  gint64    token;
} Choice;

static void
choice_clear (Choice *self)
{
  g_free (self->model);
  g_free (self->prompt);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Choice, choice_clear)

static void
show_progress (double      fraction,
               const char *what,
               gpointer    user_data)
{
  moe_cli_progress_show (user_data, fraction >= 1, "%s, %.0f %%", what, 100 * fraction);
}

/* What a person wrote, run on the model at @path. */
static MoeAttentionResult *
run_prompt (MoeCliSource       *source,
            const Choice       *choice,
            const char         *path,
            const MoeProgress  *progress,
            GError            **error)
{
  g_autoptr(MoeModel) model = moe_cli_run_open (&source->run, path, error);
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeChatPrompt) prompt = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (model == NULL
      || !moe_cli_interventions_load (&source->interventions, moe_model_get_info (model), &mask, error))
    return NULL;
  text = moe_cli_read_text (choice->prompt, &length, error);
  if (text != NULL)
    prompt = moe_cli_prompt_new (model, text, length, source->profile.system, source->profile.raw, error);
  if (prompt != NULL)
    session = moe_cli_run_session (&source->run, model, error);
  if (session == NULL)
    return NULL;
  return moe_attention_result_new_for_text (moe_attention_text_new (model, prompt->tokens, prompt->phases,
                                                                    prompt->n_tokens),
                                            session, mask, (guint) choice->layer, (guint) choice->head,
                                            progress, error);
}

/* The context of a token of a recording. */
static MoeAttentionResult *
run_recording (MoeCliSource       *source,
               const Choice       *choice,
               const char         *path,
               const MoeProgress  *progress,
               GError            **error)
{
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeSession) session = NULL;

  if (!moe_cli_source_open (source, path, error)
      || !moe_cli_source_open_model (source, choice->model, &model, error)
      || !moe_cli_interventions_load (&source->interventions, moe_model_get_info (model), &mask, error))
    return NULL;
  session = moe_cli_run_session (&source->run, model, error);
  if (session == NULL)
    return NULL;
  return moe_attention_result_new (source->recording, choice->token, session, mask, (guint) choice->layer,
                                   (guint) choice->head, progress, error);
}

int
moe_cli_attention (int    argc,
                   char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliFiles) files = { NULL };
  g_auto(MoeCliSource) source = { .takes_mask = TRUE };
  g_auto(Choice) choice = { .layer = -1, .head = -1, .token = -1 };
  const GOptionEntry entries[] = {
    { "layer", 0, 0, G_OPTION_ARG_INT, &choice.layer, "Layer", "L" },
    { "head", 0, 0, G_OPTION_ARG_INT, &choice.head, "Head", "H" },
    { "prompt", 'p', 0, G_OPTION_ARG_STRING, &choice.prompt,
      "With a model: what it is run on; - = standard input", "TEXT" },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &choice.model, "Of a recording", "FILE" },
    { "token", 0, 0, G_OPTION_ARG_INT64, &choice.token,
      "Of a recording: a token in whose context to look, by its number (default: the last)", "N" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  MoeAttentionResult *result;
  MoeCliProgress line;
  const MoeProgress progress = { moe_cli_get_cancellable (), show_progress, &line };
  GOptionContext *context = moe_cli_context_new (
    "SOURCE",
    "What each token attends to in one head. SOURCE is a model with --prompt, or a recording with --model, "
    "whose tokens are run again; interventions act.",
    "moescope-cli attention demo-q8_0.gguf --prompt \"Bake bread?\" --layer 5 --head 0 --svg map.svg");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_files_add (&files, context, TRUE);
  moe_cli_output_add (&output, context);
  moe_cli_source_add (&source, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_source_check (&source, argv[0]))
    return MOE_CLI_USAGE;
  if (choice.layer < 0 || choice.head < 0)
    return moe_cli_usage (argv[0], "--layer and --head must say which head");
  if (choice.prompt == NULL && choice.model == NULL)
    return moe_cli_usage (argv[0], "--prompt (with a model) or --model (with a recording) is missing");
  if (choice.prompt != NULL && (choice.model != NULL || choice.token >= 0))
    return moe_cli_usage (argv[0], "--prompt goes with a model, --model and --token go with a recording");

  moe_cli_progress_init (&line, source.run.progress);
  result = choice.prompt != NULL ? run_prompt (&source, &choice, words[0], &progress, &error)
                                 : run_recording (&source, &choice, words[0], &progress, &error);
  moe_cli_progress_end (&line);
  if (result == NULL)
    return moe_cli_fail (error);
  exhibit = moe_attention_exhibit_new (result, source.recording, &error);
  moe_attention_result_unref (result);
  if (exhibit == NULL || !moe_cli_files_write (&files, &output, exhibit, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
