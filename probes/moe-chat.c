/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chat"

#include "probes/moe-chat.h"

#include <string.h>

#include "data/moe-error.h"

struct _MoeChat
{
  const char *family;
};

MoeChat *
moe_chat_new (MoeGguf  *gguf,
              GError  **error)
{
  const char *template = NULL;
  MoeChat *self;

  moe_gguf_get_string (gguf, "tokenizer.chat_template", &template, NULL);
  if (template == NULL || strstr (template, "<|im_start|>") == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "the model has no chat template; use --raw");
      return NULL;
    }
  self = g_new0 (MoeChat, 1);
  self->family = "chatml";
  return self;
}

void
moe_chat_free (MoeChat *self)
{
  g_free (self);
}

const char *
moe_chat_get_family (const MoeChat *self)
{
  return self->family;
}

static void
append (MoeChatPrompt      *prompt,
        const MoeTokenizer *tokenizer,
        const char         *text,
        MoeTokenizeFlags    flags,
        MoePhase            phase)
{
  gsize n;
  g_autofree gint32 *tokens = moe_tokenizer_encode (tokenizer, text, strlen (text), flags, &n);
  g_autofree char *before = prompt->text;

  prompt->text = g_strconcat (before != NULL ? before : "", text, NULL);
  prompt->tokens = g_renew (gint32, prompt->tokens, prompt->n_tokens + n + 1);
  prompt->phases = g_renew (MoePhase, prompt->phases, prompt->n_tokens + n + 1);
  for (gsize i = 0; i < n; i++)
    {
      prompt->tokens[prompt->n_tokens] = tokens[i];
      prompt->phases[prompt->n_tokens++] = phase;
    }
}

MoeChatPrompt *
moe_chat_render (const MoeChat         *self,
                 const MoeTokenizer    *tokenizer,
                 const MoeChatMessage  *messages,
                 guint                  n_messages,
                 GError               **error)
{
  MoeChatPrompt *prompt = g_new0 (MoeChatPrompt, 1);
  MoeTokenizeFlags flags = MOE_TOKENIZE_ADD_BOS | MOE_TOKENIZE_PARSE_SPECIAL;

  for (guint i = 0; i < n_messages; i++)
    {
      g_autofree char *head = g_strdup_printf ("<|im_start|>%s\n", messages[i].role);

      append (prompt, tokenizer, head, flags, MOE_PHASE_TEMPLATE);
      append (prompt, tokenizer, messages[i].content, MOE_TOKENIZE_DEFAULT, MOE_PHASE_PROMPT);
      flags = MOE_TOKENIZE_PARSE_SPECIAL;
      append (prompt, tokenizer, "<|im_end|>\n", flags, MOE_PHASE_TEMPLATE);
    }
  append (prompt, tokenizer, "<|im_start|>assistant\n", flags, MOE_PHASE_TEMPLATE);
  return prompt;
}

MoeChatPrompt *
moe_chat_prompt_raw (const MoeTokenizer *tokenizer,
                     const char         *text,
                     gsize               length)
{
  MoeChatPrompt *prompt = g_new0 (MoeChatPrompt, 1);

  prompt->text = g_strndup (text, length);
  prompt->tokens = moe_tokenizer_encode (tokenizer, text, length,
                                         MOE_TOKENIZE_ADD_BOS | MOE_TOKENIZE_PARSE_SPECIAL, &prompt->n_tokens);
  prompt->phases = g_new (MoePhase, MAX (prompt->n_tokens, 1));
  for (gsize i = 0; i < prompt->n_tokens; i++)
    prompt->phases[i] = MOE_PHASE_PROMPT;
  return prompt;
}

void
moe_chat_prompt_free (MoeChatPrompt *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_free (self->tokens);
  g_free (self->phases);
  g_free (self);
}
