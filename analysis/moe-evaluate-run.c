/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluate-run"

#include "analysis/moe-evaluate-private.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-answer-metrics.h"
#include "analysis/moe-prompt-tokens.h"
#include "data/moe-error.h"
#include "probes/moe-generator.h"

/* The logits of one answer are kept until the plain model has read it. */
#define MAX_LOGITS_BYTES (1ull << 30)

/* Called with the logits after token @index of a feed, (vocabulary). */
typedef void (*LogitsFunc) (guint        index,
                            const float *logits,
                            gpointer     user_data);

typedef struct
{
  LogitsFunc func;
  gpointer   user_data;
  guint      first; /* position of the first token of the feed */
} LogitsView;

static void
on_logits (const MoeProbeBatch *batch,
           guint                index,
           guint                vocabulary,
           const float         *logits,
           gpointer             user_data)
{
  LogitsView *self = user_data;

  self->func (batch->first + index - self->first, logits, self->user_data);
}

static const MoeProbe logits_probe = { .logits = on_logits };

/* Feeds @tokens and shows the logits after each. */
static gboolean
feed_with_logits (MoeSession      *session,
                  const gint32    *tokens,
                  const MoePhase  *phases,
                  gsize            n,
                  LogitsFunc       func,
                  gpointer         user_data,
                  GCancellable    *cancellable,
                  GError         **error)
{
  LogitsView view = { func, user_data, moe_session_get_length (session) };
  gboolean done;

  moe_session_add_probe (session, &logits_probe, &view);
  done = moe_session_feed (session, tokens, phases, n, cancellable, error);
  moe_session_remove_probe (session, &logits_probe, &view);
  return done;
}

/* An answer while it is given. */
typedef struct
{
  MoeEvaluator *evaluator;
  guint         vocabulary;
  GString      *text;
  GArray       *tokens;     /* of gint32 */
  GArray       *phases;     /* of MoePhase */
  GArray       *logits;     /* (n, vocabulary), or NULL when they are not needed */
  double        p_refusal;  /* NaN until the answer proper begins */
  double        nll;
} Answer;

static gboolean
on_generated (const MoeGeneratedToken *token,
              gpointer                 user_data)
{
  Answer *self = user_data;

  if (isnan (self->p_refusal) && token->phase == MOE_PHASE_ANSWER)
    self->p_refusal = moe_refusal_get_probability (self->evaluator->refusal_tokens, token->logits,
                                                   self->vocabulary);
  g_string_append (self->text, token->text);
  g_array_append_val (self->tokens, token->token);
  g_array_append_val (self->phases, token->phase);
  self->nll -= (double) token->logprob;
  if (self->logits != NULL)
    g_array_append_vals (self->logits, token->logits, self->vocabulary);
  return TRUE;
}

/* What the plain model makes of it: KL and log-likelihood of each token. */
typedef struct
{
  const Answer *answer;
  double        kl, nll;
} PlainView;

static void
see_plain (guint        index,
           const float *logits,
           gpointer     user_data)
{
  PlainView *self = user_data;
  const Answer *answer = self->answer;

  if (index >= answer->tokens->len)
    return;
  self->kl += moe_logits_get_kl (&g_array_index (answer->logits, float, (gsize) index * answer->vocabulary),
                                 logits, answer->vocabulary);
  self->nll -= (double) moe_logits_get_logprob (logits, answer->vocabulary,
                                                g_array_index (answer->tokens, gint32, index));
}

static void
see_plain_next (guint        index,
                const float *logits,
                gpointer     user_data)
{
  see_plain (index + 1, logits, user_data);
}

static gboolean
read_by_plain (MoeEvaluator        *self,
               const MoeChatPrompt *prompt,
               const Answer        *answer,
               PlainView           *view,
               GError             **error)
{
  guint n = answer->tokens->len;

  moe_session_rewind (self->plain, 0);
  if (n == 0)
    return TRUE;
  if (!moe_session_feed (self->plain, prompt->tokens, prompt->phases, prompt->n_tokens, self->cancellable,
                         error))
    return FALSE;
  see_plain (0, moe_session_get_logits (self->plain), view);
  return n == 1 ||
         feed_with_logits (self->plain, (const gint32 *) (gpointer) answer->tokens->data,
                           (const MoePhase *) (gpointer) answer->phases->data, n - 1, see_plain_next, view,
                           self->cancellable, error);
}

static gboolean
generate (MoeEvaluator        *self,
          const MoeChatPrompt *prompt,
          guint                max_tokens,
          Answer              *answer,
          GError             **error)
{
  const MoeSamplerOptions sampling = { .temperature = self->options->temperature, .top_p = 1, .top_k = 0,
                                       .seed = self->options->seed };
  g_autoptr (MoeSampler) sampler = moe_sampler_new (&sampling, error);
  MoeStopReason reason;

  moe_session_rewind (self->session, 0);
  if (sampler == NULL || !moe_generate (self->session, prompt, sampler, max_tokens, on_generated, answer,
                                        self->cancellable, &reason, error))
    return FALSE;
  if (reason == MOE_STOP_CANCELLED)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
      return FALSE;
    }
  /* Without an answer the first token's chances are known all the same. */
  if (isnan (answer->p_refusal) && answer->tokens->len == 0)
    answer->p_refusal = moe_refusal_get_probability (self->refusal_tokens,
                                                     moe_session_get_logits (self->session),
                                                     answer->vocabulary);
  return TRUE;
}

static void
answer_init (Answer       *self,
             MoeEvaluator *evaluator,
             gboolean      keep_logits)
{
  self->evaluator = evaluator;
  self->vocabulary = moe_model_get_info (evaluator->model)->vocabulary;
  self->text = g_string_new (NULL);
  self->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->phases = g_array_new (FALSE, FALSE, sizeof (MoePhase));
  self->logits = keep_logits ? g_array_new (FALSE, FALSE, sizeof (float)) : NULL;
  self->p_refusal = NAN;
  self->nll = 0;
}

static void
answer_clear (Answer *self)
{
  g_string_free (self->text, TRUE);
  g_array_unref (self->tokens);
  g_array_unref (self->phases);
  g_clear_pointer (&self->logits, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static void
set_number (JsonObject *object,
            const char *name,
            double      value)
{
  if (isfinite (value))
    json_object_set_double_member (object, name, value);
}

static JsonObject *
describe_answer (const MoeEvaluator *self,
                 const MoePrompt    *prompt,
                 const Answer       *answer,
                 const PlainView    *view)
{
  JsonObject *object = json_object_new ();
  JsonArray *tokens = json_array_new ();
  const gint32 *ids = (const gint32 *) (gpointer) answer->tokens->data;

  json_object_set_string_member (object, "prompt", prompt->text);
  json_object_set_string_member (object, "answer", answer->text->str);
  for (guint i = 0; i < answer->tokens->len; i++)
    json_array_add_int_element (tokens, ids[i]);
  json_object_set_array_member (object, "tokens", tokens);
  json_object_set_boolean_member (object, "refused",
                                  moe_refusal_list_match (self->options->refusals, answer->text->str));
  set_number (object, "p_refusal", answer->p_refusal);
  set_number (object, "kl", view->kl);
  set_number (object, "nll", view->nll);
  set_number (object, "repetition", moe_tokens_get_repetition (ids, answer->tokens->len));
  set_number (object, "loop", (double) moe_tokens_get_loop (ids, answer->tokens->len));
  return object;
}

static MoePromptTokens *
make_tokens (MoeEvaluator    *self,
             const MoePrompt *prompt,
             GError         **error)
{
  return moe_prompt_tokens_new (self->model, prompt, self->options->system, self->options->raw, error);
}

JsonObject *
moe_evaluate_prompt (MoeEvaluator    *self,
                     const MoePrompt *prompt,
                     gboolean         is_plain,
                     GError         **error)
{
  g_autoptr (MoePromptTokens) tokens = make_tokens (self, prompt, error);
  g_auto (Answer) answer;
  PlainView view = { &answer, 0, 0 };
  MoeChatPrompt asked;

  answer_init (&answer, self, !is_plain);
  if (tokens == NULL)
    return NULL;
  if ((guint64) self->options->max_tokens * answer.vocabulary * sizeof (float) > MAX_LOGITS_BYTES)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "answers of %u tokens of a vocabulary of %u are too long to be compared",
                   self->options->max_tokens, answer.vocabulary);
      return NULL;
    }
  asked = *tokens->tokens;
  asked.n_tokens = tokens->n_prompt;
  if (!generate (self, &asked, self->options->max_tokens, &answer, error))
    return NULL;
  if (is_plain)
    view.nll = answer.nll;
  else if (!read_by_plain (self, &asked, &answer, &view, error))
    return NULL;
  return describe_answer (self, prompt, &answer, &view);
}

guint
moe_evaluate_count_windows (const MoeEvaluator *self)
{
  return self->text_tokens->len == 0 ? 0 : (self->text_tokens->len - 1) / self->window + 1;
}

/* Log-likelihood of tokens that follow each other. */
typedef struct
{
  const gint32 *tokens;
  guint         n, vocabulary;
  guint         first;  /* index of the first token that counts */
  double        nll;
  guint         n_seen;
} Likelihood;

static void
see_next (guint        index,
          const float *logits,
          gpointer     user_data)
{
  Likelihood *self = user_data;

  if (index + 1 < self->first || index + 1 >= self->n)
    return;
  self->nll -= (double) moe_logits_get_logprob (logits, self->vocabulary, self->tokens[index + 1]);
  self->n_seen++;
}

JsonObject *
moe_evaluate_window (MoeEvaluator  *self,
                     guint          index,
                     GError       **error)
{
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (self->model);
  guint begin = index * self->window, end = MIN (begin + self->window, self->text_tokens->len);
  g_autofree gint32 *tokens = g_new (gint32, self->window + 1);
  g_autofree MoePhase *phases = g_new (MoePhase, self->window + 1);
  guint n = 0;
  Likelihood seen = { tokens, 0, moe_model_get_info (self->model)->vocabulary, 0, 0, 0 };
  JsonObject *object;

  if (moe_tokenizer_get_add_bos (tokenizer) && moe_tokenizer_get_bos (tokenizer) >= 0)
    tokens[n++] = moe_tokenizer_get_bos (tokenizer);
  for (guint i = begin; i < end; i++)
    tokens[n++] = g_array_index (self->text_tokens, gint32, i);
  for (guint i = 0; i < n; i++)
    phases[i] = MOE_PHASE_TEACHER_FORCED;
  seen.n = n;
  moe_session_rewind (self->session, 0);
  if (!feed_with_logits (self->session, tokens, phases, n, see_next, &seen, self->cancellable, error))
    return NULL;

  object = json_object_new ();
  set_number (object, "nll", seen.nll);
  json_object_set_int_member (object, "n", seen.n_seen);
  return object;
}

/* The choice whose text is the likeliest, per byte. */
static gboolean
choose (MoeEvaluator   *self,
        const MoeTask  *task,
        guint          *chosen,
        GError        **error)
{
  double best = -INFINITY;

  for (guint c = 0; c < task->n_choices; c++)
    {
      const MoePrompt prompt = { .text = task->prompt, .answer = task->choices[c] };
      g_autoptr (MoePromptTokens) tokens = make_tokens (self, &prompt, error);
      Likelihood seen;
      double score;

      if (tokens == NULL)
        return FALSE;
      seen = (Likelihood) { tokens->tokens->tokens, (guint) tokens->tokens->n_tokens,
                            moe_model_get_info (self->model)->vocabulary, (guint) tokens->n_prompt, 0, 0 };
      moe_session_rewind (self->session, 0);
      if (!feed_with_logits (self->session, tokens->tokens->tokens, tokens->tokens->phases, seen.n, see_next,
                             &seen, self->cancellable, error))
        return FALSE;
      score = -seen.nll / (double) strlen (task->choices[c]);
      if (score > best)
        {
          best = score;
          *chosen = c;
        }
    }
  return TRUE;
}

JsonObject *
moe_evaluate_task (MoeEvaluator   *self,
                   const MoeTask  *task,
                   GError        **error)
{
  const MoePrompt prompt = { .text = task->prompt };
  g_autoptr (MoePromptTokens) tokens = NULL;
  g_auto (Answer) answer;
  JsonObject *object;
  guint chosen = 0;

  answer_init (&answer, self, FALSE);
  if (task->choices != NULL)
    {
      if (!choose (self, task, &chosen, error))
        return NULL;
      object = json_object_new ();
      json_object_set_string_member (object, "prompt", task->prompt);
      json_object_set_string_member (object, "answer", task->choices[chosen]);
      json_object_set_boolean_member (object, "right", chosen == task->right);
      return object;
    }

  tokens = make_tokens (self, &prompt, error);
  if (tokens == NULL || !generate (self, tokens->tokens, MAX (self->options->max_tokens, 1), &answer, error))
    return NULL;
  object = json_object_new ();
  json_object_set_string_member (object, "prompt", task->prompt);
  json_object_set_string_member (object, "answer", answer.text->str);
  json_object_set_boolean_member (object, "is", moe_answer_is (answer.text->str, task->answer));
  json_object_set_boolean_member (object, "contains", moe_answer_contains (answer.text->str, task->answer));
  return object;
}
