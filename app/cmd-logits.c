/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-interventions.h"
#include "app/cli-options.h"
#include "app/cli-prompt.h"
#include "data/moe-error.h"
#include "data/moe-text.h"
#include "probes/moe-sampler.h"

/* Rows of a table that still fit in memory beside a model. */
#define MAX_ROWS 8000000

typedef struct
{
  MoeTable           *table;
  const MoeTokenizer *tokenizer;
  guint               top;  /* 0 = the whole vocabulary */
} Collector;

static void
add_row (Collector *self,
         guint      position,
         gint32     token,
         float      logit)
{
  gsize length;
  const char *bytes = moe_tokenizer_get_text (self->tokenizer, token, &length);
  g_autofree char *text = moe_text_from_bytes (bytes, length);
  guint row = moe_table_append_row (self->table);

  moe_table_set_int (self->table, row, 0, position);
  moe_table_set_int (self->table, row, 1, token);
  moe_table_set_text (self->table, row, 2, text);
  moe_table_set_double (self->table, row, 3, logit);
}

/* @logits: (vocabulary) */
static void
add_position (Collector   *self,
              guint        position,
              guint        vocabulary,
              const float *logits)
{
  if (self->top == 0)
    {
      for (guint i = 0; i < vocabulary; i++)
        add_row (self, position, (gint32) i, logits[i]);
    }
  else
    {
      guint n = MIN (self->top, vocabulary);
      g_autofree MoeCandidate *candidates = g_new (MoeCandidate, n);

      n = moe_logits_get_top (logits, vocabulary, n, candidates);
      for (guint i = 0; i < n; i++)
        add_row (self, position, candidates[i].token, candidates[i].logit);
    }
}

static void
on_logits (const MoeProbeBatch *batch,
           guint                index,
           guint                vocabulary,
           const float         *logits,
           gpointer             user_data)
{
  add_position (user_data, batch->first + index, vocabulary, logits);
}

static gboolean
collect (MoeSession           *session,
         const MoeChatPrompt  *prompt,
         gboolean              all,
         Collector            *collector,
         GError              **error)
{
  const MoeModelInfo *info = moe_model_get_info (moe_session_get_model (session));
  const MoeProbe probe = { .logits = on_logits };
  guint64 per_position = collector->top > 0 ? collector->top : info->vocabulary;
  guint64 rows = (all ? prompt->n_tokens : 1) * per_position;
  gboolean ok;

  if (rows > MAX_ROWS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "that table would have %" G_GUINT64_FORMAT " rows, more than the limit of %d; use --top",
                   rows, MAX_ROWS);
      return FALSE;
    }

  if (all)
    moe_session_add_probe (session, &probe, collector);
  ok = moe_session_feed (session, prompt->tokens, prompt->phases, prompt->n_tokens,
                         moe_cli_get_cancellable (), error);
  if (all)
    moe_session_remove_probe (session, &probe, collector);
  if (!ok)
    {
      if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_prefix_error (error, "%s: ", info->path);
      return FALSE;
    }
  if (!all)
    add_position (collector, (guint) prompt->n_tokens - 1, info->vocabulary,
                  moe_session_get_logits (session));
  return TRUE;
}

int
moe_cli_logits (int    argc,
                char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliRun) run = { 0 };
  g_auto(MoeCliInterventions) interventions = { NULL };
  g_autofree char *prompt_text = NULL, *ids = NULL, *system = NULL;
  gboolean all = FALSE, chat = FALSE;
  gint top = -1;
  const GOptionEntry entries[] = {
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &prompt_text, "The text; - reads standard input", "TEXT" },
    { "tokens", 0, 0, G_OPTION_ARG_STRING, &ids, "Token ids instead of a text, e.g. 1,2,3", "IDS" },
    { "chat", 0, 0, G_OPTION_ARG_NONE, &chat, "The text is a user's turn (default: as it is)", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &system, "System message (with --chat)", "TEXT" },
    { "all", 0, 0, G_OPTION_ARG_NONE, &all, "After every token, not only the last", NULL },
    { "top", 0, 0, G_OPTION_ARG_INT, &top, "Only the N largest (default: the whole vocabulary)", "N" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeChatPrompt) prompt = NULL;
  g_autoptr(MoeTable) table = NULL;
  Collector collector;
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "The logits after a prompt.",
    "moescope-cli logits demo-q8_0.gguf --prompt \"Call me\" --top 5");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  moe_cli_run_add (&run, context);
  moe_cli_interventions_add (&interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_run_check (&run, argv[0]) || !moe_cli_interventions_check (&interventions, argv[0]))
    return MOE_CLI_USAGE;
  if ((prompt_text == NULL) == (ids == NULL))
    return moe_cli_usage (argv[0], "either --prompt or --tokens must be given");
  if (chat && ids != NULL)
    return moe_cli_usage (argv[0], "--chat needs --prompt");
  if (system != NULL && !chat)
    return moe_cli_usage (argv[0], "--system needs --chat");
  if (top == 0 || top < -1)
    return moe_cli_usage (argv[0], "--top %d is not positive", top);

  model = moe_cli_run_open (&run, words[0], &error);
  if (model == NULL
      || !moe_cli_interventions_load (&interventions, moe_model_get_info (model), &mask, &error))
    return moe_cli_fail (error);
  if (ids != NULL)
    {
      prompt = moe_cli_prompt_from_ids (ids, moe_model_get_info (model)->vocabulary, &error);
    }
  else
    {
      gsize length;
      g_autofree char *text = moe_cli_read_text (prompt_text, &length, &error);

      if (text != NULL)
        prompt = moe_cli_prompt_new (model, text, length, system, !chat, &error);
    }
  if (prompt == NULL)
    return moe_cli_fail (error);

  table = moe_table_new ("Logits");
  moe_table_add_column (table, "position", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "token_id", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "text", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "logit", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  collector.table = table;
  collector.tokenizer = moe_model_get_tokenizer (model);
  collector.top = top > 0 ? (guint) top : 0;
  session = moe_cli_run_session (&run, model, &error);
  if (session == NULL || !moe_session_set_mask (session, mask, &error)
      || !collect (session, prompt, all, &collector, &error))
    return moe_cli_fail (error);
  moe_cli_interventions_report (session);

  moe_cli_add_provenance (table, moe_model_get_info (model), mask);
  if (chat && moe_chat_get_date (moe_model_get_chat (model, NULL)) != NULL)
    moe_table_set_provenance (table, "date", moe_chat_get_date (moe_model_get_chat (model, NULL)));
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
