/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recorder"

#include "probes/moe-recorder.h"

#include <math.h>
#include <string.h>

#include "probes/moe-sampler.h"
#include "probes/moe-vector-ops.h"

struct _MoeRecorder
{
  MoeSession         *session; /* not owned, like the writer */
  MoeRecordingWriter *writer;
  MoeRecorderFunc     func;
  gpointer            user_data;
  MoeProbe            probe;

  const MoeModelInfo *info;
  const MoeTokenizer *tokenizer;
  const MoeVectorOps *ops;
  int                *moe_index; /* (n_layers) index among the MoE layers, -1 for a dense layer */
  float              *exps;      /* (vocabulary) */

  guint               prompt;
  gint64              next_id;
  guint               next_position; /* of the token after the last one seen */
  double              log_sum;       /* of the exponentials of the logits before that token;
                                        NaN when unknown */
  GPtrArray          *records;       /* of the micro-batch; an entry is NULL once it was handed out */
};

/* Entropy of softmax (@logits), and the log of the sum of exp (@logits) into self->log_sum; @logits:
 * (vocabulary). moe_logits_get_entropy() gives the same to six digits; a vocabulary of 150,000 leaves no time
 * for its precision at every token. */
static float
take_logits (MoeRecorder *self,
             const float *logits)
{
  guint n = self->info->vocabulary;
  double sum, entropy;
  float max;

  memcpy (self->exps, logits, n * sizeof *logits);
  sum = self->ops->soft_max (self->exps, n, &max);
  self->log_sum = max + log (sum);
  entropy = self->log_sum - self->ops->dot (self->exps, logits, n) / sum;
  /* A logit of minus infinity times its weight of zero. */
  return isnan (entropy) ? moe_logits_get_entropy (logits, n) : (float) MAX (entropy, 0);
}

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  MoeRecorder *self = user_data;
  const MoeModelInfo *info = self->info;
  const float *logits;

  g_ptr_array_set_size (self->records, 0);
  for (guint i = 0; i < batch->n; i++)
    {
      MoeTokenRecord *record = moe_token_record_new_full (info->n_moe_layers, info->n_used, info->n_layers,
                                                          info->n_heads, info->n_shared > 0,
                                                          info->learned_sinks);

      record->id = self->next_id++;
      record->prompt = self->prompt;
      record->position = batch->first + i;
      record->token_id = batch->tokens[i];
      record->phase = batch->phases[i];
      /* What no event of this token fills in: layers without attention. */
      for (guint j = 0; j < info->n_layers * info->n_heads; j++)
        record->attention_first[j] = record->attention_entropy[j] = moe_half_from_float (NAN);
      for (guint j = 0; record->attention_sink != NULL && j < info->n_layers * info->n_heads; j++)
        record->attention_sink[j] = moe_half_from_float (NAN);
      record->logprob = NAN;
      record->entropy = NAN;
      g_ptr_array_add (self->records, record);
    }

  /* Until this micro-batch computes its own, the session's logits are those after the token before. */
  logits = moe_session_get_logits (self->session);
  if (logits != NULL && batch->first > 0 && batch->first == self->next_position)
    {
      MoeTokenRecord *record = g_ptr_array_index (self->records, 0);

      record->logprob = (float) (logits[record->token_id] - self->log_sum);
    }
  self->log_sum = NAN;
  self->next_position = batch->first + batch->n;
}

static void
on_residual (const MoeProbeBatch    *batch,
             guint                   layer,
             const MoeResidualEvent *event,
             gpointer                user_data)
{
  MoeRecorder *self = user_data;

  for (guint i = 0; i < batch->n; i++)
    {
      MoeTokenRecord *record = g_ptr_array_index (self->records, i);

      memcpy (record->residual_top + 3 * layer, event->top + 3 * i, 3 * sizeof (float));
      memcpy (record->residual_channel + 3 * layer, event->channel + 3 * i, 3 * sizeof (guint16));
      record->residual_median[layer] = event->median[i];
    }
}

static void
on_attention (const MoeProbeBatch     *batch,
              guint                    layer,
              const MoeAttentionEvent *event,
              gpointer                 user_data)
{
  MoeRecorder *self = user_data;
  guint n_heads = event->n_heads;

  for (guint i = 0; i < batch->n; i++)
    {
      MoeTokenRecord *record = g_ptr_array_index (self->records, i);

      for (guint head = 0; head < n_heads; head++)
        {
          record->attention_first[layer * n_heads +
                                  head] = moe_half_from_float (event->first[i * n_heads + head]);
          record->attention_entropy[layer * n_heads + head] =
            moe_half_from_float (event->entropy[i * n_heads + head]);
          if (event->sink != NULL)
            record->attention_sink[layer * n_heads + head] =
              moe_half_from_float (event->sink[i * n_heads + head]);
        }
    }
}

/* Of the probabilities divided by their sum, in nats; sigmoid gating does not make them sum to 1. */
static float
get_entropy (const float *probs,
             guint        n)
{
  double sum = 0, entropy = 0;

  for (guint i = 0; i < n; i++)
    {
      sum += probs[i];
      if (probs[i] > 0)
        entropy -= probs[i] * logf (probs[i]);
    }
  return sum > 0 ? (float) MAX (entropy / sum + log (sum), 0) : NAN;
}

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  MoeRecorder *self = user_data;
  guint k = event->k;
  int at = self->moe_index[layer];

  g_return_if_fail (at >= 0 && k == self->info->n_used);

  for (guint i = 0; i < batch->n; i++)
    {
      MoeTokenRecord *record = g_ptr_array_index (self->records, i);

      for (guint slot = 0; slot < k; slot++)
        {
          record->experts[(guint) at * k + slot] = event->chosen[i * k + slot];
          record->weights[(guint) at * k + slot] = moe_half_from_float (event->weights[i * k + slot]);
        }
      record->router_entropy[at] =
        moe_half_from_float (get_entropy (event->probs + (gsize) i * event->n_experts, event->n_experts));
    }
}

static void
on_expert (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeExpertEvent *event,
           gpointer              user_data)
{
  MoeRecorder *self = user_data;
  guint k = event->k;
  int at = self->moe_index[layer];

  g_return_if_fail (at >= 0 && k == self->info->n_used);

  for (guint i = 0; i < batch->n; i++)
    {
      MoeTokenRecord *record = g_ptr_array_index (self->records, i);

      for (guint slot = 0; slot < k; slot++)
        {
          guint to = (guint) at * k + slot, from = i * k + slot;

          record->down_max[to] = event->max[from];
          record->down_channel[to] = event->channel[from];
          record->down_norm[to] = moe_half_from_float (event->norm[from]);
        }
      record->moe_turn[at] = moe_half_from_float (event->turn[i]);
      if (record->has_shared && event->shared_max != NULL)
        {
          record->shared_max[at] = event->shared_max[i];
          record->shared_channel[at] = event->shared_channel[i];
          record->shared_norm[at] = moe_half_from_float (event->shared_norm[i]);
        }
    }
}

static void
hand_out (MoeRecorder *self,
          guint        index,
          const float *logits)
{
  g_autoptr(MoeTokenRecord) record = g_steal_pointer (&self->records->pdata[index]);

  if (logits != NULL)
    record->entropy = take_logits (self, logits);
  if (self->writer != NULL)
    {
      gsize length;
      const char *text = moe_tokenizer_get_text (self->tokenizer, record->token_id, &length);

      moe_recording_writer_add_token (self->writer, record, text, length);
    }
  if (self->func != NULL)
    self->func (record, logits, self->user_data);
}

/* All layers of the whole micro-batch are done by now. */
static void
on_logits (const MoeProbeBatch *batch,
           guint                index,
           guint                vocabulary,
           const float         *logits,
           gpointer             user_data)
{
  MoeRecorder *self = user_data;

  hand_out (self, index, logits);
  if (index + 1 < batch->n)
    {
      MoeTokenRecord *next = g_ptr_array_index (self->records, index + 1);

      next->logprob = (float) (logits[next->token_id] - self->log_sum);
    }
}

static void
on_batch_end (const MoeProbeBatch *batch,
              gpointer             user_data)
{
  MoeRecorder *self = user_data;

  for (guint i = 0; i < batch->n; i++)
    {
      if (g_ptr_array_index (self->records, i) != NULL)
        hand_out (self, i, i + 1 == batch->n ? moe_session_get_logits (self->session) : NULL);
    }
}

static void
record_unref (gpointer record)
{
  if (record != NULL)
    moe_token_record_unref (record);
}

MoeRecorder *
moe_recorder_new (MoeSession         *session,
                  MoeRecordingWriter *writer,
                  gboolean            all_logits,
                  MoeRecorderFunc     func,
                  gpointer            user_data)
{
  MoeRecorder *self;
  MoeModel *model;

  g_return_val_if_fail (session != NULL, NULL);

  self = g_new0 (MoeRecorder, 1);
  model = moe_session_get_model (session);
  self->session = session;
  self->writer = writer;
  self->func = func;
  self->user_data = user_data;
  self->info = moe_model_get_info (model);
  self->tokenizer = moe_model_get_tokenizer (model);
  self->records = g_ptr_array_new_with_free_func (record_unref);
  self->log_sum = NAN;
  self->ops = moe_vector_ops_get (MOE_KERNELS_AUTO);
  self->exps = g_new (float, self->info->vocabulary);
  self->moe_index = g_new (int, self->info->n_layers);
  for (guint layer = 0; layer < self->info->n_layers; layer++)
    self->moe_index[layer] = moe_model_info_find_moe_layer (self->info, layer);
  if (writer != NULL)
    {
      self->prompt = moe_recording_writer_get_n_prompts (writer);
      self->next_id = moe_recording_writer_get_n_tokens (writer);
    }

  self->probe = (MoeProbe) {
    .batch = on_batch,
    .residual_summary = on_residual,
    .attention = on_attention,
    .router = on_router,
    .expert = on_expert,
    .logits = all_logits ? on_logits : NULL,
    .batch_end = on_batch_end,
  };
  moe_session_add_probe (session, &self->probe, self);
  return self;
}

void
moe_recorder_free (MoeRecorder *self)
{
  if (self == NULL)
    return;

  moe_session_remove_probe (self->session, &self->probe, self);
  g_ptr_array_unref (self->records);
  g_free (self->moe_index);
  g_free (self->exps);
  g_free (self);
}

void
moe_recorder_begin_prompt (MoeRecorder *self,
                           guint        prompt)
{
  g_return_if_fail (self != NULL);
  self->prompt = prompt;
}

gint64
moe_recorder_get_next_id (MoeRecorder *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->next_id;
}

void
moe_recorder_set_next_id (MoeRecorder *self,
                          gint64       id)
{
  g_return_if_fail (self != NULL && id >= 0);
  self->next_id = id;
}
