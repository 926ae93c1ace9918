/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-prompt.h"

#include "data/moe-error.h"

MoeChatPrompt *
moe_cli_prompt_render (const MoeTokenizer  *tokenizer,
                       const MoeChat       *chat,
                       const char          *path,
                       const char          *text,
                       gsize                length,
                       const char          *system,
                       GError             **error)
{
  MoeChatPrompt *prompt;

  if (chat == NULL)
    {
      prompt = moe_chat_prompt_raw (tokenizer, text, length);
    }
  else
    {
      MoeChatMessage messages[2] = { { "system", system }, { "user", text } };
      guint first = system != NULL ? 0 : 1;

      prompt = moe_chat_render (chat, tokenizer, messages + first, 2 - first, error);
      if (prompt == NULL)
        {
          g_prefix_error (error, "%s: ", path);
          return NULL;
        }
    }

  if (prompt->n_tokens == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "the prompt is empty");
      g_clear_pointer (&prompt, moe_chat_prompt_free);
    }
  return prompt;
}

MoeChatPrompt *
moe_cli_prompt_new (const MoeModel  *model,
                    const char      *text,
                    gsize            length,
                    const char      *system,
                    gboolean         raw,
                    GError         **error)
{
  const char *path = moe_model_get_info (model)->path;
  const MoeChat *chat = NULL;

  if (!raw)
    {
      chat = moe_model_get_chat (model, error);
      if (chat == NULL)
        {
          g_prefix_error (error, "%s: ", path);
          return NULL;
        }
    }
  return moe_cli_prompt_render (moe_model_get_tokenizer (model), chat, path, text, length, system, error);
}

MoeChatPrompt *
moe_cli_prompt_from_ids (const char  *text,
                         guint        vocabulary,
                         GError     **error)
{
  g_auto(GStrv) words = g_strsplit (text, ",", -1);
  guint n = g_strv_length (words);
  g_autoptr(MoeChatPrompt) prompt = g_new0 (MoeChatPrompt, 1);

  prompt->text = g_strdup ("");
  prompt->tokens = g_new0 (gint32, MAX (n, 1));
  prompt->phases = g_new0 (MoePhase, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    {
      guint64 id;

      if (!g_ascii_string_to_unsigned (g_strstrip (words[i]), 10, 0, G_MAXINT32, &id, NULL))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "--tokens: '%s' is not a token id", words[i]);
          return NULL;
        }
      if (id >= vocabulary)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       "--tokens: token %s is outside the vocabulary of %u", words[i], vocabulary);
          return NULL;
        }
      prompt->tokens[prompt->n_tokens] = (gint32) id;
      prompt->phases[prompt->n_tokens++] = MOE_PHASE_PROMPT;
    }
  if (n == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "--tokens: the list is empty");
      return NULL;
    }
  return g_steal_pointer (&prompt);
}
