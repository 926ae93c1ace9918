/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-forward"

#include "probes/moe-forward.h"

#include <math.h>

#include "probes/moe-feed-forward.h"
#include "probes/moe-residual-stats.h"
#include "probes/moe-rope.h"

/* Rows of logits computed together when every token's are wanted. */
#define LOGIT_BLOCK 16

/* Keys by which the score buffers grow. */
#define SCORES_STEP 1024

void
moe_forward_init (MoeForward      *self,
                  const MoeModel  *model,
                  MoeKernelChoice  choice,
                  guint            threads,
                  guint            context,
                  GArray          *probes)
{
  const float *factors;

  memset (self, 0, sizeof *self);
  self->model = model;
  self->h = &model->h;
  self->choice = choice;
  self->ops = moe_vector_ops_get (choice);
  self->threads = threads;
  self->pool = moe_pool_new (threads);
  self->alone = moe_pool_new (1);
  self->probes = probes;
  self->scores = g_new0 (float *, threads);
  self->scratch = g_new0 (float *, threads);
  self->hits = g_new0 (guint64 *, threads);
  self->residual_scratch = g_new0 (gint32 *, threads);
  factors = context > model->h.rope.original_context ? model->rope_long : model->rope_short;
  self->frequencies = g_new (double, model->h.rope_dims / 2);
  moe_rope_get_frequencies (&model->h.rope, model->h.rope_base, model->h.rope_dims, factors,
                            self->frequencies);
  if (model->h.window_rope_dims > 0)
    {
      self->window_frequencies = g_new (double, model->h.window_rope_dims / 2);
      moe_rope_get_frequencies (&model->h.rope, model->h.window_rope_base, model->h.window_rope_dims, NULL,
                                self->window_frequencies);
    }
  for (guint i = 0; i < threads; i++)
    {
      self->scratch[i] = g_new (float, 4 * (gsize) model->h.n_experts);
      self->residual_scratch[i] = g_new (gint32, model->h.width);
    }
}

static void
free_buffers (MoeForward *self)
{
  gpointer *buffers[] = {
    (gpointer *) &self->x, (gpointer *) &self->normed, (gpointer *) &self->q, (gpointer *) &self->k,
    (gpointer *) &self->v, (gpointer *) &self->attended, (gpointer *) &self->q_low,
    (gpointer *) &self->compressed, (gpointer *) &self->latent, (gpointer *) &self->q_latent,
    (gpointer *) &self->head_values, (gpointer *) &self->conv, (gpointer *) &self->conv_out,
    (gpointer *) &self->q_gate, (gpointer *) &self->gdn_input, (gpointer *) &self->gdn_mixed,
    (gpointer *) &self->gdn_z, (gpointer *) &self->gdn_ba, (gpointer *) &self->gdn_qkv,
    (gpointer *) &self->gdn_out, (gpointer *) &self->delta,
    (gpointer *) &self->angles, (gpointer *) &self->window_angles,
    (gpointer *) &self->router_logits, (gpointer *) &self->router_probs,
    (gpointer *) &self->chosen, (gpointer *) &self->weights, (gpointer *) &self->silent,
    (gpointer *) &self->gate, (gpointer *) &self->up, (gpointer *) &self->down, (gpointer *) &self->down_max,
    (gpointer *) &self->down_channel, (gpointer *) &self->down_norm, (gpointer *) &self->turn,
    (gpointer *) &self->dense_gate, (gpointer *) &self->dense_up, (gpointer *) &self->shared_down,
    (gpointer *) &self->shared_weight, (gpointer *) &self->shared_max, (gpointer *) &self->shared_channel,
    (gpointer *) &self->shared_norm,
    (gpointer *) &self->attention_first, (gpointer *) &self->attention_entropy,
    (gpointer *) &self->attention_top, (gpointer *) &self->attention_top_key,
    (gpointer *) &self->attention_sink,
    (gpointer *) &self->residual_top, (gpointer *) &self->residual_channel,
    (gpointer *) &self->residual_median,
  };

  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    g_clear_pointer (buffers[i], g_aligned_free);
  self->n_allocated = 0;
}

void
moe_forward_clear (MoeForward *self)
{
  free_buffers (self);
  for (guint i = 0; i < self->threads; i++)
    {
      g_aligned_free (self->scores[i]);
      g_free (self->scratch[i]);
      g_free (self->residual_scratch[i]);
      g_free (self->hits[i]);
    }
  g_clear_pointer (&self->scores, g_free);
  g_clear_pointer (&self->scratch, g_free);
  g_clear_pointer (&self->residual_scratch, g_free);
  g_clear_pointer (&self->hits, g_free);
  g_clear_pointer (&self->logit_rows, g_aligned_free);
  g_clear_pointer (&self->frequencies, g_free);
  g_clear_pointer (&self->window_frequencies, g_free);
  moe_activations_clear (&self->input);
  moe_activations_clear (&self->hidden);
  g_clear_pointer (&self->pool, moe_pool_free);
  g_clear_pointer (&self->alone, moe_pool_free);
}

#define ALLOCATE(field, count) (self->field = g_aligned_alloc ((count), sizeof *self->field, 64))

static void
allocate_delta_nets (MoeForward *self,
                     gsize       n)
{
  gsize k = (gsize) self->h->gdn_key_heads * self->h->gdn_dim, replay = MAX (n, MOE_REPLAY_TOKENS);
  gsize v = (gsize) self->h->gdn_value_heads * self->h->gdn_dim;

  ALLOCATE (gdn_input, n * (2 * k + v));
  ALLOCATE (gdn_mixed, n * 2 * (k + v));
  ALLOCATE (gdn_z, n * v);
  ALLOCATE (gdn_ba, n * 2 * self->h->gdn_value_heads);
  ALLOCATE (gdn_qkv, replay * (2 * k + v));
  ALLOCATE (gdn_out, replay * v);
}

static void
allocate_attention (MoeForward *self,
                    gsize       n)
{
  const MoeHparams *h = self->h;
  gsize heads = h->n_heads, d = h->width, head_dim = 0, value_dim = h->absorbed ? h->kv_rank : 0, k_width = 0;
  gsize v_width = 0;

  for (guint layer = 0; layer < h->n_layers; layer++)
    {
      const MoeLayer *l = &self->model->layers[layer];

      head_dim = MAX (head_dim, l->head_dim);
      value_dim = MAX (value_dim, l->value_dim);
      k_width = MAX (k_width, l->n_kv_heads * l->head_dim);
      v_width = MAX (v_width, l->n_kv_heads * l->value_dim);
    }
  /* Expanded keys of MLA come together with the values. */
  if (h->kv_rank > 0)
    v_width = (gsize) h->n_kv_heads * (h->head_dim - h->rope_dims + h->value_dim);
  ALLOCATE (q, n * heads * head_dim);
  ALLOCATE (k, n * k_width);
  ALLOCATE (v, n * v_width);
  ALLOCATE (attended, n * heads * value_dim);
  if (h->kv_rank > 0)
    {
      ALLOCATE (q_low, n * h->q_rank);
      ALLOCATE (compressed, n * (h->kv_rank + h->rope_dims));
      ALLOCATE (latent, n * h->kv_rank);
    }
  if (h->absorbed)
    {
      ALLOCATE (q_latent, n * heads * h->kv_rank);
      ALLOCATE (head_values, n * heads * h->value_dim);
    }
  if ((self->model->arch->flags & MOE_ARCH_QUERY_GATE) != 0)
    ALLOCATE (q_gate, n * heads * 2 * h->head_dim);
  if (h->gdn_dim > 0)
    allocate_delta_nets (self, n);
  else if (h->conv_length > 0)
    {
      ALLOCATE (conv, n * 3 * d);
      ALLOCATE (conv_out, n * d);
    }
  ALLOCATE (attention_first, n * heads);
  ALLOCATE (attention_entropy, n * heads);
  ALLOCATE (attention_top, n * heads);
  ALLOCATE (attention_top_key, n * heads);
  ALLOCATE (attention_sink, n * heads);
}

static void
allocate (MoeForward *self,
          gsize       n)
{
  const MoeHparams *h = self->h;
  gsize d = h->width, k = h->n_used;
  gsize dense = MAX (h->shared_width, h->dense_width);

  if (n <= self->n_allocated)
    return;
  free_buffers (self);
  ALLOCATE (x, n * d);
  ALLOCATE (normed, n * d);
  allocate_attention (self, n);
  ALLOCATE (delta, n * d);
  ALLOCATE (angles, n * h->rope_dims);
  if (self->window_frequencies != NULL)
    ALLOCATE (window_angles, n * h->window_rope_dims);
  ALLOCATE (router_logits, n * h->n_experts);
  ALLOCATE (router_probs, n * h->n_experts);
  ALLOCATE (chosen, n * k);
  ALLOCATE (weights, n * k);
  ALLOCATE (silent, n * k);
  ALLOCATE (gate, n * k * h->expert_width);
  ALLOCATE (up, n * k * h->expert_width);
  ALLOCATE (down, n * k * d);
  ALLOCATE (down_max, n * k);
  ALLOCATE (down_channel, n * k);
  ALLOCATE (down_norm, n * k);
  ALLOCATE (turn, n);
  if (dense > 0)
    {
      ALLOCATE (dense_gate, n * dense);
      ALLOCATE (dense_up, n * dense);
    }
  if (h->shared_width > 0)
    {
      ALLOCATE (shared_down, n * d);
      ALLOCATE (shared_weight, n);
      ALLOCATE (shared_max, n);
      ALLOCATE (shared_channel, n);
      ALLOCATE (shared_norm, n);
    }
  ALLOCATE (residual_top, n * 3);
  ALLOCATE (residual_channel, n * 3);
  ALLOCATE (residual_median, n);
  self->n_allocated = n;
}

static void
allocate_scores (MoeForward *self,
                 gsize       n_keys)
{
  if (n_keys <= self->scores_allocated)
    return;
  self->scores_allocated = (n_keys + SCORES_STEP - 1) / SCORES_STEP * SCORES_STEP;
  for (guint i = 0; i < self->threads; i++)
    {
      g_aligned_free (self->scores[i]);
      self->scores[i] = g_aligned_alloc ((MOE_ATTENTION_ROWS + 1) * self->scores_allocated, sizeof (float),
                                         64);
    }
}

static void
allocate_hits (MoeForward  *self,
               MoeMaskPlan *plan)
{
  guint n = plan != NULL ? moe_mask_get_n (moe_mask_plan_get_mask (plan)) : 0;

  if (n == self->n_hits)
    return;
  self->n_hits = n;
  for (guint i = 0; i < self->threads; i++)
    {
      g_free (self->hits[i]);
      self->hits[i] = g_new0 (guint64, 2 * (gsize) n);
    }
}

gboolean
moe_forward_wants (const MoeForward *self,
                   gsize             callback_offset)
{
  for (guint i = 0; i < self->probes->len; i++)
    if (G_STRUCT_MEMBER (gpointer, g_array_index (self->probes, MoeProbeEntry, i).probe,
                         callback_offset) != NULL)
      return TRUE;
  return FALSE;
}

void
moe_rms_norm (const MoeForward *self,
              const float      *x,
              const float      *w,
              gsize             n,
              float            *y)
{
  float mean = self->ops->sum_squares (x, n) / (float) n;

  self->ops->scale_mul (y, x, 1 / sqrtf (mean + self->h->norm_epsilon), w, n);
}

typedef struct
{
  MoeForward  *forward;
  const float *weights; /* (d) of the norm */
  const float *bias;    /* (d), or NULL */
} NormJob;

/* The same of what @x has beyond its mean. */
static void
layer_norm (const MoeForward *self,
            const float      *x,
            const float      *w,
            gsize             n,
            float            *y)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += x[i];
  for (gsize i = 0; i < n; i++)
    y[i] = x[i] - (float) (sum / (double) n);
  moe_rms_norm (self, y, w, n, y);
}

static void
norm_token (guint    t,
            guint    thread,
            gpointer data)
{
  NormJob *job = data;
  gsize d = job->forward->h->width;
  float *y = job->forward->normed + t * d;

  if (job->forward->h->layer_norm)
    layer_norm (job->forward, job->forward->x + t * d, job->weights, d, y);
  else
    moe_rms_norm (job->forward, job->forward->x + t * d, job->weights, d, y);
  for (gsize i = 0; job->bias != NULL && i < d; i++)
    y[i] += job->bias[i];
}

static void
norm_all (MoeForward  *self,
          const float *weights,
          const float *bias,
          guint        n)
{
  NormJob job = { self, weights, bias };

  moe_pool_run (self->pool, n, norm_token, &job);
}

typedef struct
{
  MoeForward  *forward;
  const float *bias;    /* (d) of the delta, or NULL */
  const float *norm;    /* (d) of the delta behind that, or NULL */
  const float *scale;   /* (1) of the stream behind it, or NULL */
  const float *control; /* (d) added besides, or NULL */
  gboolean     summarise;
} AddJob;

static void
add_token (guint    t,
           guint    thread,
           gpointer data)
{
  AddJob *job = data;
  MoeForward *f = job->forward;
  gsize d = f->h->width;
  float *x = f->x + t * d;
  float *delta = f->delta + t * d, scale = f->h->residual_scale;

  for (gsize i = 0; job->bias != NULL && i < d; i++)
    delta[i] += job->bias[i];
  if (job->norm != NULL)
    moe_rms_norm (f, delta, job->norm, d, delta);
  for (gsize i = 0; scale != 1 && i < d; i++)
    delta[i] *= scale;
  for (gsize i = 0; i < d; i++)
    x[i] += delta[i];
  for (gsize i = 0; job->scale != NULL && i < d; i++)
    x[i] *= *job->scale;
  for (gsize i = 0; job->control != NULL && i < d; i++)
    x[i] += job->control[i];
  if (job->summarise)
    moe_residual_get_stats (x, f->h->width, f->residual_scratch[thread], f->residual_top + 3 * (gsize) t,
                            f->residual_channel + 3 * (gsize) t, f->residual_median + t);
}

static void
add_delta (MoeForward  *self,
           guint        n,
           const float *bias,
           const float *norm,
           const float *scale,
           const float *control,
           gboolean     summarise)
{
  AddJob job = { self, bias, norm, scale, control, summarise };

  moe_pool_run (self->pool, n, add_token, &job);
}

static void
embed (MoeForward          *self,
       const MoeProbeBatch *batch)
{
  const MoeMatrix *embedding = &self->model->embedding;
  const MoeKernel *kernel = moe_kernel_get (embedding->type, MOE_KERNELS_PLAIN);

  for (guint t = 0; t < batch->n; t++)
    {
      float *x = self->x + (gsize) t * self->h->width;

      kernel->expand (embedding->data + (gsize) batch->tokens[t] * embedding->row_bytes, self->h->width, x);
      for (guint i = 0; self->h->embedding_scale != 1 && i < self->h->width; i++)
        x[i] *= self->h->embedding_scale;
    }
}

/* Rows of normed to logits: @count rows from @first on. */
static void
compute_logits (MoeForward *self,
                guint       first,
                guint       count)
{
  gsize vocabulary = self->h->vocabulary;

  if (count > self->logit_rows_allocated)
    {
      g_aligned_free (self->logit_rows);
      self->logit_rows = g_aligned_alloc (count * vocabulary, sizeof (float), 64);
      self->logit_rows_allocated = count;
    }
  moe_activations_set (&self->input, self->normed + (gsize) first * self->h->width, count, self->h->width);
  moe_linear (&self->model->logits, &self->input, self->choice, self->pool, self->logit_rows, vocabulary);
  for (gsize i = 0; self->model->logit_bias != NULL && i < count * vocabulary; i++)
    self->logit_rows[i] += self->model->logit_bias[i % vocabulary];
  for (gsize i = 0; self->h->logit_scale != 1 && i < count * vocabulary; i++)
    self->logit_rows[i] *= self->h->logit_scale;
  for (gsize i = 0; self->h->logit_cap != 0 && i < count * vocabulary; i++)
    self->logit_rows[i] = self->h->logit_cap * tanhf (self->logit_rows[i] / self->h->logit_cap);
  self->logits = self->logit_rows + (count - 1) * vocabulary;
}

static void
run_logits (MoeForward          *self,
            const MoeProbeBatch *batch,
            gboolean             want_last)
{
  gboolean all = MOE_PROBE_WANTED (self, logits);

  self->logits = NULL;
  if (!all && !want_last)
    return;
  norm_all (self, self->model->output_norm, self->model->output_norm_bias, batch->n);
  if (!all)
    {
      compute_logits (self, batch->n - 1, 1);
      return;
    }
  for (guint first = 0; first < batch->n; first += LOGIT_BLOCK)
    {
      guint count = MIN (LOGIT_BLOCK, batch->n - first);

      compute_logits (self, first, count);
      for (guint i = 0; i < count; i++)
        MOE_PROBE_EMIT (self, logits, batch, first + i, self->h->vocabulary,
                        self->logit_rows + (gsize) i * self->h->vocabulary);
    }
}

void
moe_forward_run (MoeForward          *self,
                 MoeCache            *cache,
                 const MoeProbeBatch *batch,
                 MoeMaskPlan         *plan,
                 gboolean             want_logits)
{
  guint width = self->h->width;
  gboolean summarise = MOE_PROBE_WANTED (self, residual_summary);
  MoeResidualEvent residual;

  g_assert (batch->n > 0 && batch->n <= MOE_MICRO_BATCH && batch->first + batch->n <= cache->context);

  allocate (self, batch->n);
  allocate_scores (self, (gsize) batch->first + batch->n + 1); /* and a learned sink */
  allocate_hits (self, plan);
  residual = (MoeResidualEvent) { self->residual_top, self->residual_channel, self->residual_median };
  moe_rope_prepare (self, batch);
  MOE_PROBE_EMIT (self, batch, batch);
  embed (self, batch);
  MOE_PROBE_EMIT (self, embedding, batch, width, self->x);

  for (guint layer = 0; layer < self->h->n_layers; layer++)
    {
      const MoeLayer *l = &self->model->layers[layer];

      MOE_PROBE_EMIT (self, residual, batch, layer, MOE_RESIDUAL_PRE, width, self->x);
      norm_all (self, l->attention_norm, l->attention_norm_bias, batch->n);
      if (l->conv != NULL)
        moe_short_conv_run (self, cache, batch, layer);
      else if (l->delta_net.conv != NULL)
        moe_delta_net_run (self, cache, batch, layer);
      else
        moe_attention_run (self, cache, batch, layer);
      add_delta (self, batch->n, l->output_bias, l->attention_post_norm, NULL, NULL, FALSE);
      MOE_PROBE_EMIT (self, residual, batch, layer, MOE_RESIDUAL_MID, width, self->x);
      norm_all (self, l->moe_norm, l->moe_norm_bias, batch->n);
      if ((self->h->layers[layer] & MOE_LAYER_DENSE) != 0)
        moe_dense_run (self, batch, layer);
      else
        moe_experts_run (self, batch, plan, layer);
      add_delta (self, batch->n, NULL, NULL, l->output_scale, moe_control_vector_get (self->control, layer),
                 summarise);
      if (summarise)
        MOE_PROBE_EMIT (self, residual_summary, batch, layer, &residual);
      MOE_PROBE_EMIT (self, residual, batch, layer, MOE_RESIDUAL_POST, width, self->x);
    }

  run_logits (self, batch, want_logits);
  MOE_PROBE_EMIT (self, batch_end, batch);
}
