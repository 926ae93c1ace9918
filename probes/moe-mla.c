/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mla"

#include "probes/moe-forward.h"

#include "probes/moe-rope.h"

/* Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1). What is common to the keys and
 * values of all heads is a vector c of kv_rank values; only the last rope_dims values of a query and of a key
 * are rotated, and that part of the key is one for all heads.
 *
 * Head i's key is (K_i c, rotated part) and its value V_i c. Files hold either K_i and V_i stacked in
 * attn_kv_b: then keys and values are computed for each token and cached as any others; or the transposed K_i
 * and V_i apart: then q . K_i c is computed as (K_i^T q) . c, the cache holds c and the rotated part, and V_i
 * is applied to the weighted sum of the c. */

/* Tokens of one work item. */
#define TOKEN_BLOCK 64

typedef struct
{
  MoeForward          *forward;
  MoeCache            *cache;
  const MoeProbeBatch *batch;
  guint                layer;
} MlaJob;

/* Norms c and rotates what is to be rotated of one token. */
static void
prepare_token (guint    t,
               guint    thread,
               gpointer data)
{
  MlaJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  const MoeLayer *l = &f->model->layers[job->layer];
  const float *angles = f->angles + (gsize) t * h->rope_dims;
  float *compressed = f->compressed + t * (gsize) (h->kv_rank + h->rope_dims);
  float *q = f->q + t * (gsize) h->n_heads * h->head_dim + h->head_dim - h->rope_dims;

  moe_rms_norm (f, compressed, l->kv_a_norm, h->kv_rank, f->latent + t * (gsize) h->kv_rank);
  moe_rope_rotate (h->rope_kind, h->rope_dims, angles, compressed + h->kv_rank);
  for (guint head = 0; head < h->n_heads; head++)
    moe_rope_rotate (h->rope_kind, h->rope_dims, angles, q + head * h->head_dim);
}

static void
store_latent (guint    t,
              guint    thread,
              gpointer data)
{
  MlaJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;

  moe_cache_store (job->cache, f->ops, job->layer, 0, job->batch->first + t,
                   f->compressed + t * (gsize) (h->kv_rank + h->rope_dims) + h->kv_rank,
                   f->latent + t * (gsize) h->kv_rank);
}

/* Puts the keys of one token together, of which all but the rotated part is each head's own. */
static void
store_expanded (guint    t,
                guint    thread,
                gpointer data)
{
  MlaJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  gsize own = h->head_dim - h->rope_dims, width = own + h->value_dim;
  const float *rotated = f->compressed + t * (gsize) (h->kv_rank + h->rope_dims) + h->kv_rank;
  const float *kv = f->v + t * h->n_heads * width;
  float *k = f->k + t * (gsize) h->n_heads * h->head_dim;

  for (guint head = 0; head < h->n_heads; head++, kv += width, k += h->head_dim)
    {
      memcpy (k, kv, own * sizeof *k);
      memcpy (k + own, rotated, h->rope_dims * sizeof *k);
      moe_cache_store (job->cache, f->ops, job->layer, head, job->batch->first + t, k, kv + own);
    }
}

typedef struct
{
  const MoeForward *forward;
  const MoeMatrix  *w;        /* one matrix a head */
  const float      *x;        /* (n, H, x_stride), of which the first n_in count */
  gsize             x_stride;
  float            *y;        /* (n, H, n_rows) */
  gsize             n;
} HeadsJob;

static void
multiply_head (guint    item,
               guint    thread,
               gpointer data)
{
  HeadsJob *job = data;
  const MoeMatrix *w = job->w;
  const MoeKernel *kernel = moe_kernel_get (w->type, job->forward->choice);
  gsize n_heads = w->n_matrices, head = item % n_heads, first = item / n_heads * TOKEN_BLOCK;
  gsize n = MIN (TOKEN_BLOCK, job->n - first), bytes = kernel->prepared_bytes (w->n_in);
  guint8 *prepared = g_aligned_alloc (n, bytes, 64);
  const void *x[TOKEN_BLOCK];
  float *y[TOKEN_BLOCK];

  for (gsize t = 0; t < n; t++)
    {
      gsize at = (first + t) * n_heads + head;

      kernel->prepare (job->x + at * job->x_stride, w->n_in, prepared + t * bytes);
      x[t] = prepared + t * bytes;
      y[t] = job->y + at * w->n_rows;
    }
  kernel->matmul (w->data + head * w->n_rows * w->row_bytes, w->n_in, 0, w->n_rows, x, y, n);
  g_aligned_free (prepared);
}

/* y[t][head] = W[head] x[t][head] */
static void
multiply_heads (MoeForward      *self,
                const MoeMatrix *w,
                const float     *x,
                gsize            x_stride,
                float           *y,
                gsize            n)
{
  HeadsJob job = { self, w, x, x_stride, y, n };

  moe_pool_run (self->pool, (guint) ((n + TOKEN_BLOCK - 1) / TOKEN_BLOCK * w->n_matrices), multiply_head,
                &job);
}

typedef struct
{
  const MoeForward *forward;
  const float      *weights; /* (q_rank) */
} NormJob;

static void
norm_low (guint    t,
          guint    thread,
          gpointer data)
{
  NormJob *job = data;
  gsize rank = job->forward->h->q_rank;
  float *low = job->forward->q_low + t * rank;

  moe_rms_norm (job->forward, low, job->weights, rank, low);
}

static void
project_queries (MoeForward     *self,
                 const MoeLayer *l,
                 guint           n)
{
  gsize q_width = (gsize) self->h->n_heads * self->h->head_dim;
  NormJob job = { self, l->q_a_norm };

  if (l->q_a.data == NULL)
    {
      moe_linear (&l->q, &self->input, self->choice, self->pool, self->q, q_width);
      return;
    }
  moe_linear (&l->q_a, &self->input, self->choice, self->pool, self->q_low, self->h->q_rank);
  moe_pool_run (self->pool, n, norm_low, &job);
  moe_activations_set (&self->hidden, self->q_low, n, self->h->q_rank);
  moe_linear (&l->q, &self->hidden, self->choice, self->pool, self->q, q_width);
}

const float *
moe_mla_run (MoeForward          *self,
             MoeCache            *cache,
             const MoeProbeBatch *batch,
             guint                layer)
{
  const MoeHparams *h = self->h;
  const MoeLayer *l = &self->model->layers[layer];
  gsize own = h->head_dim - h->rope_dims;
  MlaJob job = { self, cache, batch, layer };
  MoeQueries queries = {
    .q = self->q, .q_stride = h->head_dim,
    .scale = h->attention_scale * moe_rope_get_score_scale (&h->rope),
  };

  project_queries (self, l, batch->n);
  moe_linear (&l->kv_a, &self->input, self->choice, self->pool, self->compressed, h->kv_rank + h->rope_dims);
  moe_pool_run (self->pool, batch->n, prepare_token, &job);
  if (!h->absorbed)
    {
      moe_activations_set (&self->hidden, self->latent, batch->n, h->kv_rank);
      moe_linear (&l->kv_b, &self->hidden, self->choice, self->pool, self->v,
                  h->n_heads * (own + h->value_dim));
      moe_pool_run (self->pool, batch->n, store_expanded, &job);
      moe_attention_attend (self, cache, batch, layer, &queries);
      return self->attended;
    }

  moe_pool_run (self->pool, batch->n, store_latent, &job);
  multiply_heads (self, &l->k_b, self->q, h->head_dim, self->q_latent, batch->n);
  queries.q = self->q + own;
  queries.latent = self->q_latent;
  moe_attention_attend (self, cache, batch, layer, &queries);
  multiply_heads (self, &l->v_b, self->attended, h->kv_rank, self->head_values, batch->n);
  return self->head_values;
}
