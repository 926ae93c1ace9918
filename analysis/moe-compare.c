/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-compare"

#include "analysis/moe-compare.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-answer-metrics.h"
#include "data/moe-error.h"
#include "probes/moe-generator.h"

/* The logits of the steered answer are kept until the plain model has read it. */
#define MAX_LOGITS_BYTES (1ull << 30)

typedef struct
{
  gint32 token;
  float  logprob;
} Picked;

/* One of the two answers. */
typedef struct
{
  GString *text;
  GArray  *picked;  /* of Picked */
  GArray  *tokens;  /* of gint32 */
  GArray  *phases;  /* of MoePhase */
  GArray  *logits;  /* (n, vocabulary), or NULL */
  guint    vocabulary;
} Answer;

/* What experts the tokens of an answer chose: (n, M, k) experts. */
typedef struct
{
  const MoeModelInfo *info;
  guint               first;  /* position of the answer's first token */
  guint               n;      /* tokens it may have */
  guint16            *chosen;
} RouteView;

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  RouteView *self = user_data;
  int row = moe_model_info_find_moe_layer (self->info, layer);

  for (guint i = 0; row >= 0 && i < batch->n; i++)
    if (batch->first + i >= self->first && batch->first + i < self->first + self->n)
      memcpy (self->chosen + ((gsize) (batch->first + i - self->first) * self->info->n_moe_layers +
                              (guint) row) * event->k,
              event->chosen + (gsize) i * event->k, event->k * sizeof *self->chosen);
}

static const MoeProbe route_probe = { .router = on_router };

static gboolean
on_generated (const MoeGeneratedToken *token,
              gpointer                 user_data)
{
  Answer *self = user_data;
  Picked picked = { token->token, token->logprob };

  g_string_append (self->text, token->text);
  g_array_append_val (self->picked, picked);
  g_array_append_val (self->tokens, token->token);
  g_array_append_val (self->phases, token->phase);
  if (self->logits != NULL)
    g_array_append_vals (self->logits, token->logits, self->vocabulary);
  return TRUE;
}

static void
answer_init (Answer   *self,
             guint     vocabulary,
             gboolean  keep_logits)
{
  self->text = g_string_new (NULL);
  self->picked = g_array_new (FALSE, FALSE, sizeof (Picked));
  self->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->phases = g_array_new (FALSE, FALSE, sizeof (MoePhase));
  self->logits = keep_logits ? g_array_new (FALSE, FALSE, sizeof (float)) : NULL;
  self->vocabulary = vocabulary;
}

static void
answer_clear (Answer *self)
{
  g_string_free (self->text, TRUE);
  g_array_unref (self->picked);
  g_array_unref (self->tokens);
  g_array_unref (self->phases);
  g_clear_pointer (&self->logits, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static gboolean
generate (MoeSession               *session,
          const MoeChatPrompt      *prompt,
          const MoeSamplerOptions  *sampling,
          guint                     max_tokens,
          Answer                   *answer,
          GCancellable             *cancellable,
          GError                  **error)
{
  g_autoptr (MoeSampler) sampler = moe_sampler_new (sampling, error);
  MoeStopReason reason;

  moe_session_rewind (session, 0);
  if (sampler == NULL || !moe_generate (session, prompt, sampler, max_tokens, on_generated, answer,
                                        cancellable, &reason, error))
    return FALSE;
  if (reason != MOE_STOP_CANCELLED)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
  return FALSE;
}

/* The plain model reads the steered answer. */
typedef struct
{
  const Answer  *answer;
  MoeComparison *comparison;
  guint          first; /* position of the first token fed */
} PlainView;

static void
on_plain_logits (const MoeProbeBatch *batch,
                 guint                index,
                 guint                vocabulary,
                 const float         *logits,
                 gpointer             user_data)
{
  PlainView *self = user_data;
  guint row = batch->first + index - self->first + 1;

  if (row < self->answer->tokens->len)
    self->comparison->rows[row].kl =
      (float) moe_logits_get_kl (&g_array_index (self->answer->logits, float, (gsize) row * vocabulary),
                                 logits, vocabulary);
}

static gboolean
read_by_plain (MoeSession           *session,
               const MoeChatPrompt  *prompt,
               const Answer         *steered,
               MoeComparison        *comparison,
               GCancellable         *cancellable,
               GError              **error)
{
  static const MoeProbe probe = { .logits = on_plain_logits };
  PlainView view = { steered, comparison, (guint) prompt->n_tokens };
  gboolean done;

  moe_session_rewind (session, 0);
  if (!moe_session_feed (session, prompt->tokens, prompt->phases, prompt->n_tokens, cancellable, error))
    return FALSE;
  if (steered->tokens->len == 0)
    return TRUE;
  comparison->rows[0].kl =
    (float) moe_logits_get_kl ((const float *) (gpointer) steered->logits->data,
                               moe_session_get_logits (session), steered->vocabulary);
  moe_session_add_probe (session, &probe, &view);
  done = moe_session_feed (session, (const gint32 *) (gpointer) steered->tokens->data,
                           (const MoePhase *) (gpointer) steered->phases->data, steered->tokens->len,
                           cancellable, error);
  moe_session_remove_probe (session, &probe, &view);
  return done;
}

/* Experts that only one of the two sets (k) has. */
static guint
count_changed (const guint16 *a,
               const guint16 *b,
               guint          k)
{
  guint changed = 0;

  for (guint side = 0; side < 2; side++)
    {
      const guint16 *from = side == 0 ? a : b, *in = side == 0 ? b : a;

      for (guint i = 0; i < k; i++)
        {
          gboolean found = from[i] == MOE_NO_EXPERT;

          for (guint j = 0; j < k && !found; j++)
            found = in[j] == from[i];
          changed += !found;
        }
    }
  return changed;
}

static void
count_all_changed (MoeComparison   *self,
                   const RouteView *plain,
                   const RouteView *steered,
                   guint            n_steered)
{
  guint k = plain->info->n_used;

  for (guint t = 0; t < n_steered; t++)
    for (guint m = 0; m < self->n_moe_layers; m++)
      {
        gsize at = ((gsize) t * self->n_moe_layers + m) * k;
        guint changed = count_changed (plain->chosen + at, steered->chosen + at, k);

        self->changed[(gsize) t * self->n_moe_layers + m] = (gint32) changed;
        self->rows[t].experts_changed += changed;
      }
}

static void
fill_token (MoeComparisonToken *token,
            const Answer       *answer,
            guint               row,
            const MoeTokenizer *tokenizer)
{
  const Picked *picked;
  const char *bytes;
  gsize length;

  token->token = -1;
  token->logprob = NAN;
  if (row >= answer->picked->len)
    return;
  picked = &g_array_index (answer->picked, Picked, row);
  bytes = moe_tokenizer_get_text (tokenizer, picked->token, &length);
  token->token = picked->token;
  token->logprob = picked->logprob;
  token->text = g_utf8_make_valid (bytes, (gssize) length);
}

static MoeComparison *
comparison_new (const MoeModelInfo  *info,
                const MoeChatPrompt *prompt,
                const Answer        *plain,
                const Answer        *steered,
                const MoeTokenizer  *tokenizer)
{
  MoeComparison *self = g_new0 (MoeComparison, 1);

  self->position = (guint) prompt->n_tokens;
  self->n = MAX (plain->picked->len, steered->picked->len);
  self->rows = g_new0 (MoeComparisonRow, MAX (self->n, 1));
  self->n_moe_layers = info->n_moe_layers;
  self->n_experts = info->n_experts;
  self->changed = g_new0 (gint32, MAX ((gsize) self->n * info->n_moe_layers, 1));
  self->plain = g_strdup (plain->text->str);
  self->steered = g_strdup (steered->text->str);
  self->first_divergence = (int) moe_tokens_get_divergence ((const gint32 *) (gpointer) plain->tokens->data,
                                                            plain->tokens->len,
                                                            (const gint32 *) (gpointer) steered->tokens->data,
                                                            steered->tokens->len);
  for (guint i = 0; i < self->n; i++)
    {
      fill_token (&self->rows[i].plain, plain, i, tokenizer);
      fill_token (&self->rows[i].steered, steered, i, tokenizer);
      self->rows[i].kl = NAN;
    }
  return self;
}

static void
route_view_init (RouteView           *self,
                 const MoeModelInfo  *info,
                 const MoeChatPrompt *prompt,
                 guint                max_tokens)
{
  gsize n = (gsize) MAX (max_tokens, 1) * info->n_moe_layers * info->n_used;

  *self = (RouteView) { info, (guint) prompt->n_tokens, max_tokens, g_new (guint16, n) };
  for (gsize i = 0; i < n; i++)
    self->chosen[i] = MOE_NO_EXPERT;
}

MoeComparison *
moe_compare (MoeModel                 *model,
             const MoeSessionOptions  *options,
             const MoeChatPrompt      *prompt,
             MoeMask                  *mask,
             const MoeSamplerOptions  *sampling,
             guint                     max_tokens,
             const MoeProgress        *progress,
             GError                  **error)
{
  const MoeModelInfo *info = moe_model_get_info (model);
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;
  g_autoptr (MoeSession) session = NULL;
  g_autoptr (MoeComparison) self = NULL;
  g_auto (Answer) plain;
  g_auto (Answer) steered;
  RouteView plain_routes, steered_routes;
  gboolean done;

  answer_init (&plain, info->vocabulary, FALSE);
  answer_init (&steered, info->vocabulary, TRUE);
  if ((guint64) max_tokens * info->vocabulary * sizeof (float) > MAX_LOGITS_BYTES)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "answers of %u tokens of a vocabulary of %u are too long to be compared", max_tokens,
                   info->vocabulary);
      return NULL;
    }
  session = moe_session_new (model, options, error);
  if (session == NULL || !moe_session_set_control (session, NULL, error) ||
      !moe_progress_step (progress, 0, "plain answer", error) ||
      !generate (session, prompt, sampling, max_tokens, &plain, cancellable, error) ||
      !moe_session_set_mask (session, mask, error) ||
      !moe_session_set_control (session, options->control, error) ||
      !moe_progress_step (progress, 0.4, "steered answer", error))
    return NULL;

  route_view_init (&plain_routes, info, prompt, max_tokens);
  route_view_init (&steered_routes, info, prompt, max_tokens);
  moe_session_add_probe (session, &route_probe, &steered_routes);
  done = generate (session, prompt, sampling, max_tokens, &steered, cancellable, error);
  moe_session_remove_probe (session, &route_probe, &steered_routes);
  if (done && moe_progress_step (progress, 0.8, "plain model on the steered answer", error))
    {
      self = comparison_new (info, prompt, &plain, &steered, moe_model_get_tokenizer (model));
      moe_session_set_mask (session, NULL, NULL);
      moe_session_set_control (session, NULL, NULL);
      moe_session_add_probe (session, &route_probe, &plain_routes);
      if (!read_by_plain (session, prompt, &steered, self, cancellable, error))
        g_clear_pointer (&self, moe_comparison_free);
      moe_session_remove_probe (session, &route_probe, &plain_routes);
    }
  if (self != NULL)
    count_all_changed (self, &plain_routes, &steered_routes, steered.tokens->len);
  g_free (plain_routes.chosen);
  g_free (steered_routes.chosen);
  return g_steal_pointer (&self);
}

void
moe_comparison_free (MoeComparison *self)
{
  if (self == NULL)
    return;

  for (guint i = 0; i < self->n; i++)
    {
      g_free (self->rows[i].plain.text);
      g_free (self->rows[i].steered.text);
    }
  g_free (self->rows);
  g_free (self->changed);
  g_free (self->plain);
  g_free (self->steered);
  g_free (self);
}

static char *
describe_mask (const MoeMask *mask)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? "; " : "", one);
    }
  return g_string_free (text, FALSE);
}

static void
set_token (MoeTable                 *table,
           guint                     row,
           guint                     text,
           guint                     id,
           guint                     logprob,
           const MoeComparisonToken *token)
{
  if (token->token < 0)
    return;
  moe_table_set_text (table, row, text, token->text);
  moe_table_set_int (table, row, id, token->token);
  moe_table_set_double (table, row, logprob, (double) token->logprob);
}

MoeTable *
moe_comparison_to_table (const MoeComparison *self,
                         const MoeModelInfo  *info,
                         const MoeMask       *mask)
{
  MoeTable *table = moe_table_new ("Comparison");
  g_autofree char *masked = describe_mask (mask);

  g_return_val_if_fail (self != NULL && info != NULL, table);

  moe_table_add_column (table, "position", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "plain", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "steered", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "kl", MOE_COLUMN_FLOAT, "nats", MOE_ROLE_VALUE);
  moe_table_add_column (table, "first_divergence", MOE_COLUMN_BOOL, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "experts_changed", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "plain_id", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "steered_id", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "plain_logprob", MOE_COLUMN_FLOAT, "nats", MOE_ROLE_VALUE);
  moe_table_add_column (table, "steered_logprob", MOE_COLUMN_FLOAT, "nats", MOE_ROLE_VALUE);
  moe_table_set_provenance (table, "model", info->name);
  moe_table_set_provenance (table, "fingerprint", info->fingerprint);
  moe_table_set_provenance (table, "mask", *masked != '\0' ? masked : "none");
  moe_table_set_provenance (table, "version", MOE_VERSION);

  for (guint i = 0; i < self->n; i++)
    {
      const MoeComparisonRow *one = &self->rows[i];
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, (gint64) self->position + i);
      set_token (table, row, 1, 6, 8, &one->plain);
      set_token (table, row, 2, 7, 9, &one->steered);
      moe_table_set_double (table, row, 3, (double) one->kl);
      moe_table_set_int (table, row, 4, (int) i == self->first_divergence);
      if (one->steered.token >= 0)
        moe_table_set_int (table, row, 5, one->experts_changed);
    }
  return table;
}
