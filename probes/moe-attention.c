/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attention"

#include "probes/moe-forward.h"

#include <math.h>

#include "probes/moe-rope.h"

typedef struct
{
  MoeForward          *forward;
  MoeCache            *cache;
  const MoeProbeBatch *batch;
  guint                layer;
} StoreJob;

/* @bias: (n), or NULL for none. */
static void
add_bias (float       *x,
          const float *bias,
          gsize        n)
{
  for (gsize i = 0; bias != NULL && i < n; i++)
    x[i] += bias[i];
}

/* The norm of Gemma's values has no weights. */
static void
norm_value (const MoeForward *self,
            float            *v,
            gsize             n)
{
  float factor = 1 / sqrtf (self->ops->sum_squares (v, n) / (float) n + self->h->norm_epsilon);

  for (gsize i = 0; i < n; i++)
    v[i] *= factor;
}

/* Norms and rotates q and k of one token and stores its k and v. */
static void
store_token (guint    t,
             guint    thread,
             gpointer data)
{
  StoreJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  const MoeLayer *l = &f->model->layers[job->layer];
  gsize q_width = h->n_heads * l->head_dim, k_width = l->n_kv_heads * l->head_dim;
  float *q = f->q + t * q_width, *k = f->k + t * k_width;
  gsize v_width = l->n_kv_heads * l->value_dim;
  float *v = f->v + t * v_width;
  gboolean own_rope = f->window_angles != NULL && l->window != 0;
  const float *angles = (own_rope ? f->window_angles : f->angles) + t * l->rope_dims;
  guint position = job->batch->first + t;
  gboolean norm_values = (f->model->arch->flags & MOE_ARCH_WINDOW_HEADS) != 0;
  gboolean before = l->q_norm != NULL && f->model->arch->qk_norm == MOE_QK_NORM_HEAD;
  gboolean after = l->q_norm != NULL && f->model->arch->qk_norm == MOE_QK_NORM_HEAD_AFTER;

  for (guint head = 0; l->q.n_rows > q_width && head < h->n_heads; head++)
    memcpy (q + head * l->head_dim, f->q_gate + t * 2 * q_width + head * 2 * l->head_dim,
            l->head_dim * sizeof *q);
  if (l->v.data == NULL)
    memcpy (v, k, v_width * sizeof *v);
  add_bias (q, l->q_bias, q_width);
  add_bias (k, l->k_bias, k_width);
  add_bias (v, l->v_bias, v_width);
  if (f->model->arch->qk_norm == MOE_QK_NORM_VECTOR)
    {
      moe_rms_norm (f, q, l->q_norm, q_width, q);
      moe_rms_norm (f, k, l->k_norm, k_width, k);
    }
  for (guint head = 0; head < h->n_heads; head++)
    {
      float *q_head = q + head * l->head_dim;

      if (before)
        moe_rms_norm (f, q_head, l->q_norm, l->head_dim, q_head);
      moe_rope_rotate (h->rope_kind, l->rope_dims, angles, q_head);
      if (after)
        moe_rms_norm (f, q_head, l->q_norm, l->head_dim, q_head);
    }
  for (guint head = 0; head < l->n_kv_heads; head++)
    {
      float *k_head = k + head * l->head_dim;

      if (before)
        moe_rms_norm (f, k_head, l->k_norm, l->head_dim, k_head);
      moe_rope_rotate (h->rope_kind, l->rope_dims, angles, k_head);
      if (after)
        moe_rms_norm (f, k_head, l->k_norm, l->head_dim, k_head);
      if (norm_values)
        norm_value (f, v + head * l->value_dim, l->value_dim);
      moe_cache_store (job->cache, f->ops, job->layer, head, position, k_head, v + head * l->value_dim);
    }
}

static void
tell_projections (MoeForward          *self,
                  const MoeProbeBatch *batch,
                  guint                layer)
{
  const MoeHparams *h = self->h;
  const MoeLayer *l = &self->model->layers[layer];
  const MoeProjectionEvent event = {
    h->n_heads, l->n_kv_heads, l->head_dim, l->value_dim, self->q, self->k, self->v,
  };

  MOE_PROBE_EMIT (self, projections, batch, layer, &event);
}

/* Multiplies what one token's heads bring with the sigmoid of the gates behind its queries. */
static void
gate_token (guint    t,
            guint    thread,
            gpointer data)
{
  const StoreJob *job = data;
  const MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  const MoeLayer *l = &f->model->layers[job->layer];
  float *out = f->attended + t * h->n_heads * l->value_dim;
  const float *gate = f->q_gate + t * h->n_heads * 2 * l->head_dim + l->head_dim;

  for (guint head = 0; head < h->n_heads; head++, out += l->value_dim, gate += 2 * l->head_dim)
    for (guint i = 0; i < l->value_dim; i++)
      out[i] /= 1 + expf (-gate[i]);
}

void
moe_attention_run (MoeForward          *self,
                   MoeCache            *cache,
                   const MoeProbeBatch *batch,
                   guint                layer)
{
  const MoeHparams *h = self->h;
  const MoeLayer *l = &self->model->layers[layer];
  gboolean gated = (self->model->arch->flags & MOE_ARCH_QUERY_GATE) != 0;
  const float *attended = self->attended;
  StoreJob job = { self, cache, batch, layer };
  MoeQueries queries = {
    .q = self->q, .q_stride = l->head_dim, .scale = h->attention_scale, .window = l->window,
    .sinks = l->sinks,
  };

  moe_activations_set (&self->input, self->normed, batch->n, h->width);
  if (h->kv_rank > 0)
    attended = moe_mla_run (self, cache, batch, layer);
  else
    {
      moe_linear (&l->q, &self->input, self->choice, self->pool, gated ? self->q_gate : self->q,
                  l->q.n_rows);
      moe_linear (&l->k, &self->input, self->choice, self->pool, self->k,
                  l->n_kv_heads * l->head_dim);
      if (l->v.data != NULL)
        moe_linear (&l->v, &self->input, self->choice, self->pool, self->v,
                  l->n_kv_heads * l->value_dim);
      moe_pool_run (self->pool, batch->n, store_token, &job);
      tell_projections (self, batch, layer);
      moe_attention_attend (self, cache, batch, layer, &queries);
      if (gated)
        moe_pool_run (self->pool, batch->n, gate_token, &job);
    }
  moe_activations_set (&self->input, attended, batch->n, h->n_heads * l->value_dim);
  moe_linear (&l->output, &self->input, self->choice, self->pool, self->delta, h->width);
}
