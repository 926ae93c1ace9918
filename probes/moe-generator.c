/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-generator"

#include "probes/moe-generator.h"

#include "data/moe-error.h"

/* The tokens around a thinking block, -1 where the vocabulary has none. */
typedef struct
{
  gint32   open, close;
  gboolean inside;
} Thinking;

/* A template may have opened the block already. */
static Thinking
find_thinking (const MoeTokenizer  *tokenizer,
               const MoeChatPrompt *prompt)
{
  Thinking thinking = { moe_tokenizer_find (tokenizer, "<think>"), moe_tokenizer_find (tokenizer, "</think>"),
                        FALSE };

  for (gsize i = 0; i < prompt->n_tokens; i++)
    {
      if (thinking.open < 0 || prompt->phases[i] != MOE_PHASE_TEMPLATE)
        continue;
      if (prompt->tokens[i] == thinking.open)
        thinking.inside = TRUE;
      else if (prompt->tokens[i] == thinking.close)
        thinking.inside = FALSE;
    }

  return thinking;
}

/* The phase of a token picked next; the tokens that open and close the block belong to it. */
static MoePhase
advance_thinking (Thinking *thinking,
                  gint32    token)
{
  if (thinking->open >= 0 && token == thinking->open)
    thinking->inside = TRUE;
  if (!thinking->inside)
    return MOE_PHASE_ANSWER;
  if (token == thinking->close)
    thinking->inside = FALSE;

  return MOE_PHASE_THINKING;
}

/* TRUE when the error was only that somebody cancelled. */
static gboolean
settle (GError        *local,
        MoeStopReason *reason,
        GError       **error)
{
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_error_free (local);
      *reason = MOE_STOP_CANCELLED;
      return TRUE;
    }

  g_propagate_error (error, local);
  return FALSE;
}

gboolean
moe_generate (MoeSession           *session,
              const MoeChatPrompt  *prompt,
              MoeSampler           *sampler,
              guint                 max_tokens,
              MoeGenerateFunc       func,
              gpointer              user_data,
              GCancellable         *cancellable,
              MoeStopReason        *reason,
              GError              **error)
{
  return moe_generate_contrast (session, NULL, prompt, sampler, max_tokens, func, user_data, cancellable,
                                reason, error);
}

/* The same tokens to both sessions. */
static gboolean
feed_both (MoeSession             *session,
           const MoeSelfContrast  *contrast,
           const gint32           *tokens,
           const MoePhase         *phases,
           gsize                   n,
           GCancellable           *cancellable,
           GError                **error)
{
  return moe_session_feed (session, tokens, phases, n, cancellable, error) &&
         (contrast == NULL || moe_session_feed (contrast->weak, tokens, phases, n, cancellable, error));
}

gboolean
moe_generate_contrast (MoeSession             *session,
                       const MoeSelfContrast  *contrast,
                       const MoeChatPrompt    *prompt,
                       MoeSampler             *sampler,
                       guint                   max_tokens,
                       MoeGenerateFunc         func,
                       gpointer                user_data,
                       GCancellable           *cancellable,
                       MoeStopReason          *reason,
                       GError                **error)
{
  MoeModel *model = moe_session_get_model (session);
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (model);
  const guint vocabulary = moe_model_get_info (model)->vocabulary;
  /* Rows beyond the tokenizer's tokens are padding: they count in the softmax but are never picked. */
  const guint n_tokens = moe_tokenizer_get_n_tokens (tokenizer);
  Thinking thinking = find_thinking (tokenizer, prompt);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree float *combined = contrast != NULL ? g_new (float, vocabulary) : NULL;
  MoeUtf8Stream stream = { 0 };
  MoeStopReason ignored;
  GError *local = NULL;

  if (reason == NULL)
    reason = &ignored;
  *reason = MOE_STOP_LENGTH;

  if (prompt->n_tokens > 0 &&
      !feed_both (session, contrast, prompt->tokens, prompt->phases, prompt->n_tokens, cancellable, &local))
    return settle (local, reason, error);
  if (moe_session_get_logits (session) == NULL)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "the prompt is empty and there is nothing before it");
      return FALSE;
    }

  for (guint n = 0; n < max_tokens; n++)
    {
      const float *logits = moe_session_get_logits (session);
      const guint position = moe_session_get_length (session);
      gboolean is_end;
      MoePhase phase;
      gint32 token;

      if (position >= moe_session_get_context (session))
        {
          *reason = MOE_STOP_CONTEXT;
          return TRUE;
        }

      if (contrast != NULL)
        {
          moe_self_contrast_combine (contrast, logits, moe_session_get_logits (contrast->weak), vocabulary,
                                     combined);
          logits = combined;
        }
      token = moe_sampler_pick (sampler, logits, n_tokens);
      is_end = moe_tokenizer_is_end (tokenizer, token);
      phase = advance_thinking (&thinking, token);

      g_string_truncate (text, 0);
      if (!moe_tokenizer_is_control (tokenizer, token))
        {
          gsize length;
          const char *bytes = moe_tokenizer_get_text (tokenizer, token, &length);

          moe_utf8_stream_push (&stream, bytes, length, text);
        }
      if (is_end || n + 1 == max_tokens)
        moe_utf8_stream_end (&stream, text);

      if (func != NULL)
        {
          const MoeGeneratedToken generated = {
            token, phase, position, moe_logits_get_logprob (logits, vocabulary, token), text->str, logits,
          };

          if (!func (&generated, user_data))
            {
              *reason = MOE_STOP_CALLER;
              return TRUE;
            }
        }

      if (!feed_both (session, contrast, &token, &phase, 1, cancellable, &local))
        return settle (local, reason, error);

      if (is_end)
        {
          *reason = MOE_STOP_END;
          return TRUE;
        }
    }

  return TRUE;
}
