/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-tokens"

#include "analysis/moe-prompt-tokens.h"

#include <string.h>

#include "data/moe-error.h"

static MoeChatPrompt *
render_chat (const MoeModel   *model,
             const MoePrompt  *prompt,
             const char       *system,
             GError          **error)
{
  g_autofree MoeChatMessage *messages = g_new (MoeChatMessage, (gsize) prompt->n_messages + 2);
  const MoeChat *chat = moe_model_get_chat (model, error);
  MoeChatPrompt *tokens;
  guint n = 0;

  if (chat == NULL)
    {
      g_prefix_error (error, "%s: ", moe_model_get_info (model)->path);
      return NULL;
    }
  if (system != NULL && (prompt->n_messages == 0 || !g_str_equal (prompt->messages[0].role, "system")))
    messages[n++] = (MoeChatMessage) { "system", system };
  for (guint i = 0; i < prompt->n_messages; i++)
    messages[n++] = (MoeChatMessage) { prompt->messages[i].role, prompt->messages[i].content };
  if (prompt->n_messages == 0)
    messages[n++] = (MoeChatMessage) { "user", prompt->text };

  tokens = moe_chat_render (chat, moe_model_get_tokenizer (model), messages, n, error);
  if (tokens == NULL)
    g_prefix_error (error, "%s: ", moe_model_get_info (model)->path);
  return tokens;
}

static void
append_answer (MoeChatPrompt      *tokens,
               const MoeTokenizer *tokenizer,
               const char         *answer)
{
  g_autofree gint32 *ids = NULL;
  gsize n;

  ids = moe_tokenizer_encode (tokenizer, answer, strlen (answer), MOE_TOKENIZE_DEFAULT, &n);

  tokens->tokens = g_renew (gint32, tokens->tokens, tokens->n_tokens + n);
  tokens->phases = g_renew (MoePhase, tokens->phases, tokens->n_tokens + n);
  for (gsize i = 0; i < n; i++)
    {
      tokens->tokens[tokens->n_tokens + i] = ids[i];
      tokens->phases[tokens->n_tokens + i] = MOE_PHASE_TEACHER_FORCED;
    }
  tokens->n_tokens += n;
}

/* The tokens [@first, @end) that hold the @n bytes from @start; @ends (n_tokens): where each token ends.
 * FALSE when one of them is the template's. */
static gboolean
find_tokens (const MoeChatPrompt *tokens,
             const gsize         *ends,
             gsize                start,
             gsize                n,
             gsize               *first,
             gsize               *end)
{
  gsize i = 0;

  while (ends[i] <= start)
    i++;
  *first = i;
  for (*end = i; *end < tokens->n_tokens && (*end == i || ends[*end - 1] < start + n); (*end)++)
    if (tokens->phases[*end] == MOE_PHASE_TEMPLATE)
      return FALSE;
  return TRUE;
}

static gboolean
find_target (MoePromptTokens    *self,
             const MoeTokenizer *tokenizer,
             const char         *target)
{
  const MoeChatPrompt *tokens = self->tokens;
  g_autofree gsize *ends = g_new (gsize, tokens->n_tokens);
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  gsize n = strlen (target);

  for (gsize i = 0; i < tokens->n_tokens; i++)
    {
      gsize length;
      const char *text = moe_tokenizer_get_text (tokenizer, tokens->tokens[i], &length);

      g_byte_array_append (bytes, (const guint8 *) text, (guint) length);
      ends[i] = bytes->len;
    }
  for (gsize end = bytes->len; n > 0 && end >= n; end--)
    {
      gsize start = end - n;

      if (memcmp (bytes->data + start, target, n) == 0
          && find_tokens (tokens, ends, start, n, &self->target_first, &self->target_end))
        return TRUE;
    }
  return FALSE;
}

MoePromptTokens *
moe_prompt_tokens_new (const MoeModel   *model,
                       const MoePrompt  *prompt,
                       const char       *system,
                       gboolean          raw,
                       GError          **error)
{
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (model);
  g_autoptr(MoePromptTokens) self = g_new0 (MoePromptTokens, 1);

  if (raw && prompt->n_messages > 1)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "a chat of several messages cannot be run without the chat template");
      return NULL;
    }
  self->tokens = raw ? moe_chat_prompt_raw (tokenizer, prompt->text, strlen (prompt->text))
                     : render_chat (model, prompt, system, error);
  if (self->tokens == NULL)
    return NULL;
  self->n_prompt = self->tokens->n_tokens;
  if (self->n_prompt == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "the prompt is empty");
      return NULL;
    }
  if (prompt->answer != NULL)
    append_answer (self->tokens, tokenizer, prompt->answer);
  if (prompt->target != NULL && !find_target (self, tokenizer, prompt->target))
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "the target occurs neither in the prompt nor in the answer");
      return NULL;
    }
  return g_steal_pointer (&self);
}

MoePromptTokens *
moe_prompt_tokens_new_after (const MoeModel      *model,
                             const MoePrompt     *prompt,
                             const char * const  *history,
                             const char          *system,
                             gboolean             raw,
                             GError             **error)
{
  guint n = history != NULL ? g_strv_length ((char **) history) : 0;
  g_autofree MoePromptMessage *messages = g_new (MoePromptMessage, (gsize) n + 1);
  MoePrompt whole = *prompt;

  if (n == 0)
    return moe_prompt_tokens_new (model, prompt, system, raw, error);
  if (n % 2 != 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "the earlier turns do not end with an answer of the model");
      return NULL;
    }
  for (guint i = 0; i < n; i++)
    messages[i] = (MoePromptMessage) { i % 2 == 0 ? "user" : "assistant", history[i] };
  messages[n] = (MoePromptMessage) { "user", prompt->text };
  whole.messages = messages;
  whole.n_messages = n + 1;
  return moe_prompt_tokens_new (model, &whole, system, raw, error);
}

void
moe_prompt_tokens_free (MoePromptTokens *self)
{
  g_clear_pointer (&self->tokens, moe_chat_prompt_free);
  g_free (self);
}

char *
moe_prompt_tokens_describe (const MoeModel *model,
                            const char     *system,
                            gboolean        raw)
{
  const MoeChat *chat = raw ? NULL : moe_model_get_chat (model, NULL);
  const char *date;
  GString *text;

  if (chat == NULL)
    return g_strdup ("raw text");

  date = moe_chat_get_date (chat);
  text = g_string_new (NULL);
  g_string_append_printf (text, "chat template (%s)", moe_chat_get_family (chat));
  if (system != NULL)
    g_string_append_printf (text, ", system message \"%s\"", system);
  if (moe_chat_get_thinking (chat) != MOE_THINKING_DEFAULT)
    g_string_append_printf (text, ", thinking %s",
                            moe_chat_get_thinking (chat) == MOE_THINKING_ON ? "on" : "off");
  if (date != NULL)
    g_string_append_printf (text, ", date %s", date);
  return g_string_free (text, FALSE);
}
