/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attention"

#include "probes/moe-forward.h"

#include <math.h>

#include "probes/moe-parallel.h"

void
moe_rope_prepare (MoeForward          *self,
                  const MoeProbeBatch *batch)
{
  guint half = self->h->rope_dims / 2;

  for (guint t = 0; t < batch->n; t++)
    for (guint i = 0; i < half; i++)
      {
        double factor = self->model->rope_factors != NULL ? self->model->rope_factors[i] : 1;
        double angle = (double) (batch->first + t) * self->h->rope_scale *
                       pow (self->h->rope_base, -2.0 * i / self->h->rope_dims) / factor;
        float *pair = self->angles + ((gsize) t * half + i) * 2;

        pair[0] = (float) cos (angle);
        pair[1] = (float) sin (angle);
      }
}

/* RoPE (arXiv 2104.09864). @x: (head_dim), @angles: (rope_dims / 2, 2). */
static void
rotate (const MoeForward *self,
        float            *x,
        const float      *angles)
{
  guint half = self->h->rope_dims / 2;
  gboolean pairs = self->model->arch->rope == MOE_ROPE_PAIRS;

  for (guint i = 0; i < half; i++)
    {
      float *a = pairs ? &x[2 * i] : &x[i];
      float *b = pairs ? &x[2 * i + 1] : &x[i + half];
      float c = angles[2 * i], s = angles[2 * i + 1], x0 = *a, x1 = *b;

      *a = x0 * c - x1 * s;
      *b = x0 * s + x1 * c;
    }
}

typedef struct
{
  MoeForward          *forward;
  MoeCache            *cache;
  const MoeProbeBatch *batch;
  guint                layer;
  gboolean             summaries;
  gboolean             rows;  /* some probe wants whole rows: one thread, in order */
} AttentionJob;

/* Norms and rotates q and k of one token and stores its k and v. */
static void
store_token (guint    t,
             guint    thread,
             gpointer data)
{
  AttentionJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  const MoeLayer *l = &f->model->layers[job->layer];
  gsize q_width = (gsize) h->n_heads * h->head_dim, kv_width = (gsize) h->n_kv_heads * h->head_dim;
  float *q = f->q + t * q_width, *k = f->k + t * kv_width;
  const float *v = f->v + t * kv_width, *angles = f->angles + (gsize) t * h->rope_dims;
  guint position = job->batch->first + t;

  if (f->model->arch->qk_norm == MOE_QK_NORM_VECTOR)
    {
      moe_rms_norm (f, q, l->q_norm, q_width, q);
      moe_rms_norm (f, k, l->k_norm, kv_width, k);
    }
  for (guint head = 0; head < h->n_heads; head++)
    {
      if (f->model->arch->qk_norm == MOE_QK_NORM_HEAD)
        moe_rms_norm (f, q + head * h->head_dim, l->q_norm, h->head_dim, q + head * h->head_dim);
      rotate (f, q + head * h->head_dim, angles);
    }
  for (guint head = 0; head < h->n_kv_heads; head++)
    {
      gsize at = moe_cache_index (job->cache, h, job->layer, head, position);
      float *k_head = k + head * h->head_dim;

      if (f->model->arch->qk_norm == MOE_QK_NORM_HEAD)
        moe_rms_norm (f, k_head, l->k_norm, h->head_dim, k_head);
      rotate (f, k_head, angles);
      if (job->cache->type == MOE_CACHE_F16)
        {
          f->ops->to_f16 ((guint16 *) job->cache->k + at, k_head, h->head_dim);
          f->ops->to_f16 ((guint16 *) job->cache->v + at, v + head * h->head_dim, h->head_dim);
        }
      else
        {
          memcpy ((float *) job->cache->k + at, k_head, h->head_dim * sizeof *k);
          memcpy ((float *) job->cache->v + at, v + head * h->head_dim, h->head_dim * sizeof *v);
        }
    }
}

/* Entropy of p = e / sum in nats is log sum + max - (sum over e * s) / sum, with e = exp (s - max). */
static void
summarise (AttentionJob *job,
           guint         t,
           guint         head,
           guint         n_keys,
           const float  *scores, /* (n_keys) before the softmax */
           const float  *e,      /* (n_keys) */
           float         sum)
{
  MoeForward *f = job->forward;
  gsize at = (gsize) t * f->h->n_heads + head;
  float max = scores[0];
  guint top = 0;

  for (guint j = 1; j < n_keys; j++)
    if (scores[j] > max)
      {
        max = scores[j];
        top = j;
      }
  f->attention_first[at] = e[0] / sum;
  f->attention_top[at] = e[top] / sum;
  f->attention_top_key[at] = top;
  f->attention_entropy[at] = MAX (0, logf (sum) + max - f->ops->dot (e, scores, n_keys) / sum);
}

static void
attend (guint    item,
        guint    thread,
        gpointer data)
{
  AttentionJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  guint t = item / h->n_heads, head = item % h->n_heads;
  guint n_keys = job->batch->first + t + 1, kv_head = head / (h->n_heads / h->n_kv_heads);
  gsize plane = moe_cache_index (job->cache, h, job->layer, kv_head, 0);
  const float *q = f->q + ((gsize) t * h->n_heads + head) * h->head_dim;
  float *out = f->attended + ((gsize) t * h->n_heads + head) * h->head_dim;
  float *row = f->scores[thread], *scores = row + f->scores_allocated;
  float scale = 1 / sqrtf ((float) h->head_dim), sum, norm;
  gboolean half = job->cache->type == MOE_CACHE_F16;
  const guint16 *k16 = (const guint16 *) job->cache->k + plane, *v16 = (const guint16 *) job->cache->v + plane;
  const float *k32 = (const float *) job->cache->k + plane, *v32 = (const float *) job->cache->v + plane;

  for (guint j = 0; j < n_keys; j++)
    row[j] = scale * (half ? f->ops->dot_f16 (q, k16 + (gsize) j * h->head_dim, h->head_dim)
                           : f->ops->dot (q, k32 + (gsize) j * h->head_dim, h->head_dim));
  if (job->summaries)
    memcpy (scores, row, n_keys * sizeof *row);
  sum = f->ops->soft_max (row, n_keys);
  if (job->summaries)
    summarise (job, t, head, n_keys, scores, row, sum);

  memset (out, 0, h->head_dim * sizeof *out);
  for (guint j = 0; j < n_keys; j++)
    if (half)
      f->ops->axpy_f16 (out, row[j], v16 + (gsize) j * h->head_dim, h->head_dim);
    else
      f->ops->axpy (out, row[j], v32 + (gsize) j * h->head_dim, h->head_dim);
  norm = 1 / sum;
  for (guint i = 0; i < h->head_dim; i++)
    out[i] *= norm;

  if (job->rows)
    {
      for (guint j = 0; j < n_keys; j++)
        row[j] *= norm;
      MOE_PROBE_EMIT (f, attention_row, job->batch, job->layer, t, head, n_keys, row);
    }
}

void
moe_attention_run (MoeForward          *self,
                   MoeCache            *cache,
                   const MoeProbeBatch *batch,
                   guint                layer)
{
  const MoeHparams *h = self->h;
  const MoeLayer *l = &self->model->layers[layer];
  gsize q_width = (gsize) h->n_heads * h->head_dim, kv_width = (gsize) h->n_kv_heads * h->head_dim;
  AttentionJob job = {
    self, cache, batch, layer,
    .summaries = MOE_PROBE_WANTED (self, attention),
    .rows = MOE_PROBE_WANTED (self, attention_row),
  };

  moe_activations_set (&self->input, self->normed, batch->n, h->width);
  moe_linear (&l->q, &self->input, self->choice, self->threads, self->q, q_width);
  moe_linear (&l->k, &self->input, self->choice, self->threads, self->k, kv_width);
  moe_linear (&l->v, &self->input, self->choice, self->threads, self->v, kv_width);
  moe_parallel_for (self->threads, batch->n, store_token, &job);
  moe_parallel_for (job.rows ? 1 : self->threads, batch->n * h->n_heads, attend, &job);

  if (job.summaries)
    {
      MoeAttentionEvent event = {
        h->n_heads, self->attention_first, self->attention_entropy, self->attention_top, self->attention_top_key,
      };

      MOE_PROBE_EMIT (self, attention, batch, layer, &event);
    }
  moe_activations_set (&self->input, self->attended, batch->n, q_width);
  moe_linear (&l->output, &self->input, self->choice, self->threads, self->delta, h->width);
}
