/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-attribution.h"
#include "analysis/moe-prompt-tokens.h"
#include "app/cli-files.h"
#include "app/cli-interventions.h"
#include "app/cli-mask-out.h"
#include "app/cli-options.h"
#include "ui/moe-attribution-study.h"

typedef struct
{
  MoeCliOutput         output;
  MoeCliFiles          files;
  MoeCliRun            run;
  MoeCliInterventions  interventions;
  MoeCliMaskOut        mask_out;
  char               **history;
  char                *prompt, *answer, *system, *token, *against;
  gboolean             raw;
  gint                 causal;
} Command;

static void
command_clear (Command *self)
{
  moe_cli_output_clear (&self->output);
  moe_cli_files_clear (&self->files);
  moe_cli_run_clear (&self->run);
  moe_cli_interventions_clear (&self->interventions);
  moe_cli_mask_out_clear (&self->mask_out);
  g_strfreev (self->history);
  g_free (self->prompt);
  g_free (self->answer);
  g_free (self->system);
  g_free (self->token);
  g_free (self->against);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Command, command_clear)

static gboolean
find_token (const MoeModel  *model,
            const char      *option,
            const char      *text,
            gint32          *token,
            GError         **error)
{
  if (moe_attribution_find_token (model, text, token, error))
    return TRUE;
  g_prefix_error (error, "%s: ", option);
  return FALSE;
}

static gboolean
are_utf8 (char **texts)
{
  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    if (!g_utf8_validate (texts[i], -1, NULL))
      return FALSE;
  return TRUE;
}

static gboolean
check (const Command *self,
       const char    *command)
{
  if (self->prompt == NULL)
    moe_cli_usage (command, "--prompt is missing");
  else if (self->token == NULL)
    moe_cli_usage (command, "--token is missing");
  else if (self->causal < 0)
    moe_cli_usage (command, "--causal %d is negative", self->causal);
  else if (self->history != NULL && g_strv_length (self->history) % 2 != 0)
    moe_cli_usage (command, "--history does not end with an answer of the model");
  else if (self->history != NULL && self->raw)
    moe_cli_usage (command, "--history needs the chat template, which --raw leaves out");
  else if (!are_utf8 (self->history))
    moe_cli_usage (command, "--history is not UTF-8 text");
  else if (self->raw && self->system != NULL)
    moe_cli_usage (command, "--system needs the chat template, which --raw leaves out");
  else if ((self->system != NULL && !g_utf8_validate (self->system, -1, NULL))
           || (self->answer != NULL && !g_utf8_validate (self->answer, -1, NULL)))
    moe_cli_usage (command, "--system or --answer is not UTF-8 text");
  else
    return TRUE;
  return FALSE;
}

static MoeAttribution *
attribute (const Command      *self,
           MoeModel           *model,
           MoeMask            *mask,
           const MoeProgress  *progress,
           GError            **error)
{
  g_autofree char *text = NULL;
  g_autoptr(MoePromptTokens) tokens = NULL;
  g_autoptr(MoeSession) session = NULL;
  MoePrompt prompt = { .answer = self->answer };
  gint32 token, against = -1;
  gsize length;

  if (!find_token (model, "--token", self->token, &token, error)
      || (self->against != NULL && !find_token (model, "--against", self->against, &against, error)))
    return NULL;
  text = moe_cli_read_text (self->prompt, &length, error);
  if (text == NULL)
    return NULL;
  prompt.text = text;
  tokens = moe_prompt_tokens_new_after (model, &prompt, (const char *const *) self->history, self->system,
                                        self->raw, error);
  if (tokens == NULL)
    return NULL;
  session = moe_cli_run_session (&self->run, model, error);
  if (session == NULL || !moe_session_set_mask (session, mask, error))
    return NULL;
  return moe_attribution_new (session, tokens->tokens->tokens, tokens->tokens->phases,
                              tokens->tokens->n_tokens, token, against, (guint) self->causal, progress,
                              error);
}

static gboolean
run (const Command  *self,
     const char     *path,
     GError        **error)
{
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  g_autoptr(MoeModel) model = moe_cli_run_open (&self->run, path, error);
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeAttribution) attribution = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(MoeExhibit) exhibit = NULL;
  g_autofree char *prompts_as = NULL;

  if (model == NULL
      || !moe_cli_interventions_load (&self->interventions, moe_model_get_info (model), &mask, error))
    return FALSE;
  moe_cli_progress_init (&shown, self->run.progress);
  attribution = attribute (self, model, mask, &progress, error);
  moe_cli_progress_end (&shown);
  if (attribution == NULL)
    return FALSE;
  if (self->mask_out.path != NULL)
    {
      g_autoptr(MoeMask) made = moe_attribution_make_mask (attribution, (guint) self->mask_out.n,
                                                           self->mask_out.mode_value, MOE_SCOPE_BOTH);

      if (!moe_cli_mask_out_write (&self->mask_out, made, moe_model_get_info (model), error))
        return FALSE;
    }
  table = moe_attribution_to_table (attribution);
  moe_cli_add_provenance (table, moe_model_get_info (model), mask);
  prompts_as = moe_prompt_tokens_describe (model, self->system, self->raw);
  moe_table_set_provenance (table, MOE_PROMPT_TOKENS_KEY, prompts_as);
  exhibit = moe_attribution_exhibit_new (table, attribution);
  return moe_cli_files_write (&self->files, &self->output, exhibit, error);
}

int
moe_cli_attribution (int    argc,
                     char **argv)
{
  g_auto(Command) self = { { NULL } };
  const GOptionEntry entries[] = {
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &self.prompt, "What to ask; - reads standard input", "TEXT" },
    { "history", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.history,
      "An earlier turn: what was asked, then what was answered, and so on (repeated)", "TEXT" },
    { "answer", 0, 0, G_OPTION_ARG_FILENAME, &self.answer,
      "The beginning of the answer, after which the token comes", "TEXT" },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &self.system, "System message", "TEXT" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &self.raw, "The prompt as it is, without the chat template", NULL },
    { "token", 0, 0, G_OPTION_ARG_STRING, &self.token, "Whose logit: its text, or #ID", "T" },
    { "against", 0, 0, G_OPTION_ARG_STRING, &self.against, "Minus the logit of this token", "T" },
    { "causal", 0, 0, G_OPTION_ARG_INT, &self.causal,
      "Silence each of the N experts with the largest values and measure what that changes", "N" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  GOptionContext *context = moe_cli_context_new (
    "MODEL",
    "What the embedding, attention and every expert wrote into the logit of a token after the prompt. The "
    "values add up to the logit.",
    "moescope-cli attribution demo-q8_0.gguf --prompt \"How do I pick a lock?\" --token I --against You "
    "--causal 10");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_mask_out_add (&self.mask_out, context);
  moe_cli_output_add (&self.output, context);
  moe_cli_files_add (&self.files, context, FALSE);
  moe_cli_run_add (&self.run, context);
  moe_cli_interventions_add (&self.interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !check (&self, argv[0])
      || !moe_cli_mask_out_check (&self.mask_out, argv[0]) || !moe_cli_output_check (&self.output, argv[0])
      || !moe_cli_run_check (&self.run, argv[0])
      || !moe_cli_interventions_check (&self.interventions, argv[0]))
    return MOE_CLI_USAGE;
  return run (&self, words[0], &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
