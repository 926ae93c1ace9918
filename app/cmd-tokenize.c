/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <string.h>

#include "app/cli-chat.h"
#include "app/cli-options.h"
#include "app/cli-prompt.h"
#include "data/moe-gguf.h"
#include "data/moe-text.h"

static MoeTable *
list_tokens (const MoeTokenizer  *tokenizer,
             const MoeChatPrompt *prompt)
{
  MoeTable *table = moe_table_new ("Tokens");

  moe_table_add_column (table, "index", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "token_id", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "text", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "phase", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (gsize i = 0; i < prompt->n_tokens; i++)
    {
      gsize length;
      const char *bytes = moe_tokenizer_get_text (tokenizer, prompt->tokens[i], &length);
      g_autofree char *text = moe_text_from_bytes (bytes, length);
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, (gint64) i);
      moe_table_set_int (table, row, 1, prompt->tokens[i]);
      moe_table_set_text (table, row, 2, text);
      moe_table_set_text (table, row, 3, moe_phase_get_name (prompt->phases[i]));
    }
  return table;
}

int
moe_cli_tokenize (int    argc,
                  char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_autoptr(MoeCliChat) told = moe_cli_chat_new ();
  g_autofree char *system = NULL;
  gboolean chat = FALSE, rendered = FALSE;
  const GOptionEntry entries[] = {
    { "chat", 0, 0, G_OPTION_ARG_NONE, &chat,
      "As a user's turn, with all that the chat template adds", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &system, "System message (with --chat)", "TEXT" },
    { "rendered", 0, 0, G_OPTION_ARG_NONE, &rendered,
      "The text that the chat template makes, in place of its tokens (with --chat)", NULL },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeGguf) gguf = NULL;
  g_autoptr(MoeTokenizer) tokenizer = NULL;
  g_autoptr(MoeChat) family = NULL;
  g_autoptr(MoeChatPrompt) prompt = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *text = NULL;
  gsize length;
  GOptionContext *context = moe_cli_context_new (
    "MODEL [TEXT]", "The token ids of a text. Without TEXT, or with -, it is read from standard input.",
    "moescope-cli tokenize demo-q8_0.gguf \"Call me Ishmael.\"");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_chat_add (told, context);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 2, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_chat_check (told, argv[0]))
    return MOE_CLI_USAGE;
  if (system != NULL && !chat)
    return moe_cli_usage (argv[0], "--system needs --chat");
  if (rendered && !chat)
    return moe_cli_usage (argv[0], "--rendered needs --chat");
  if (rendered && (output.format != NULL || output.out != NULL))
    return moe_cli_usage (argv[0], "--rendered prints a text, not a table");
  if (told->date != NULL && !chat)
    return moe_cli_usage (argv[0], "--date needs --chat");
  if (told->thinking != NULL && !chat)
    return moe_cli_usage (argv[0], "--thinking needs --chat");

  gguf = moe_gguf_open (words[0], &error);
  if (gguf == NULL)
    return moe_cli_fail (error);
  tokenizer = moe_tokenizer_new (gguf, &error);
  if (tokenizer == NULL)
    return moe_cli_fail (error);
  if (chat)
    {
      family = moe_chat_new (gguf, &error);
      if (family == NULL)
        {
          g_prefix_error (&error, "%s: ", words[0]);
          return moe_cli_fail (error);
        }
      if (!moe_cli_chat_apply (told, family, words[0], &error))
        return moe_cli_fail (error);
    }

  text = moe_cli_read_text (words[1] != NULL ? words[1] : "-", &length, &error);
  if (text == NULL)
    return moe_cli_fail (error);
  prompt = moe_cli_prompt_render (tokenizer, family, words[0], text, length, system, &error);
  if (prompt == NULL)
    return moe_cli_fail (error);

  if (rendered)
    {
      g_autofree char *line = g_strconcat (prompt->text, "\n", NULL);

      return moe_cli_write (line, strlen (line), &error) ? MOE_CLI_DONE : moe_cli_fail (error);
    }

  table = list_tokens (tokenizer, prompt);
  moe_table_set_provenance (table, "tokenizer", moe_tokenizer_get_name (tokenizer));
  if (family != NULL && moe_chat_get_date (family) != NULL)
    moe_table_set_provenance (table, "date", moe_chat_get_date (family));
  moe_table_set_provenance (table, "fingerprint", moe_gguf_get_fingerprint (gguf));
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
