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
  gsize q_width = (gsize) h->n_heads * h->head_dim, k_width = (gsize) h->n_kv_heads * h->head_dim;
  float *q = f->q + t * q_width, *k = f->k + t * k_width;
  gsize v_width = (gsize) h->n_kv_heads * h->value_dim;
  float *v = f->v + t * v_width;
  const float *angles = f->angles + (gsize) t * h->rope_dims;
  guint position = job->batch->first + t;
  gboolean before = l->q_norm != NULL && f->model->arch->qk_norm == MOE_QK_NORM_HEAD;
  gboolean after = l->q_norm != NULL && f->model->arch->qk_norm == MOE_QK_NORM_HEAD_AFTER;

  for (guint head = 0; l->q.n_rows > q_width && head < h->n_heads; head++)
    memcpy (q + head * h->head_dim, f->q_gate + t * 2 * q_width + head * 2 * h->head_dim,
            h->head_dim * sizeof *q);
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
      float *q_head = q + head * h->head_dim;

      if (before)
        moe_rms_norm (f, q_head, l->q_norm, h->head_dim, q_head);
      moe_rope_rotate (h->rope_kind, h->rope_dims, angles, q_head);
      if (after)
        moe_rms_norm (f, q_head, l->q_norm, h->head_dim, q_head);
    }
  for (guint head = 0; head < h->n_kv_heads; head++)
    {
      float *k_head = k + head * h->head_dim;

      if (before)
        moe_rms_norm (f, k_head, l->k_norm, h->head_dim, k_head);
      moe_rope_rotate (h->rope_kind, h->rope_dims, angles, k_head);
      if (after)
        moe_rms_norm (f, k_head, l->k_norm, h->head_dim, k_head);
      moe_cache_store (job->cache, f->ops, job->layer, head, position, k_head, v + head * h->value_dim);
    }
}

static void
tell_projections (MoeForward          *self,
                  const MoeProbeBatch *batch,
                  guint                layer)
{
  const MoeHparams *h = self->h;
  const MoeProjectionEvent event = {
    h->n_heads, h->n_kv_heads, h->head_dim, h->value_dim, self->q, self->k, self->v,
  };

  MOE_PROBE_EMIT (self, projections, batch, layer, &event);
}

/* Multiplies what one token's heads bring with the sigmoid of the gates behind its queries. */
static void
gate_token (guint    t,
            guint    thread,
            gpointer data)
{
  const MoeForward *f = ((StoreJob *) data)->forward;
  const MoeHparams *h = f->h;
  float *out = f->attended + (gsize) t * h->n_heads * h->value_dim;
  const float *gate = f->q_gate + (gsize) t * h->n_heads * 2 * h->head_dim + h->head_dim;

  for (guint head = 0; head < h->n_heads; head++, out += h->value_dim, gate += 2 * h->head_dim)
    for (guint i = 0; i < h->value_dim; i++)
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
    .q = self->q, .q_stride = h->head_dim, .scale = h->attention_scale, .window = l->window,
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
                  (gsize) h->n_kv_heads * h->head_dim);
      moe_linear (&l->v, &self->input, self->choice, self->pool, self->v,
                  (gsize) h->n_kv_heads * h->value_dim);
      moe_pool_run (self->pool, batch->n, store_token, &job);
      tell_projections (self, batch, layer);
      moe_attention_attend (self, cache, batch, layer, &queries);
      if (gated)
        moe_pool_run (self->pool, batch->n, gate_token, &job);
    }
  moe_activations_set (&self->input, attended, batch->n, (gsize) h->n_heads * h->value_dim);
  moe_linear (&l->output, &self->input, self->choice, self->pool, self->delta, h->width);
}
