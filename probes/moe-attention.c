/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attention"

#include "probes/moe-forward.h"

#include <math.h>


/* Keys whose values are added up together, so that they stay in the first-level cache. */
#define VALUE_TILE 64

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
  guint                block_tokens, block_heads; /* of one work item */
  guint                n_head_blocks; /* over all heads; a block's heads share one key-value head */
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

/* The query rows of one work item: consecutive tokens, and heads that share one key-value head. Row r is
 * token first_token + r / group, head first_head + r % group, so later rows see no fewer keys. */
typedef struct
{
  AttentionJob *job;
  guint         first_token, first_head, group, kv_head, n_rows;
  guint         n_keys;  /* of the last row */
  float        *rows;    /* (n_rows, stride) scores, then weights */
  gsize         stride;
} QueryBlock;

static guint
row_token (const QueryBlock *block,
           guint             r)
{
  return block->first_token + r / block->group;
}

static guint
row_head (const QueryBlock *block,
          guint             r)
{
  return block->first_head + r % block->group;
}

static guint
row_keys (const QueryBlock *block,
          guint             r)
{
  return block->job->batch->first + row_token (block, r) + 1;
}

/* rows[r][j] = q[r] . k[j]: a plane of the cache is a weight matrix with a row per key. What lies beyond a
 * row's own keys is computed with the others and never read. */
static void
score (QueryBlock *block)
{
  MoeForward *f = block->job->forward;
  const MoeHparams *h = f->h;
  MoeCache *cache = block->job->cache;
  gboolean half = cache->type == MOE_CACHE_F16;
  const MoeKernel *kernel = moe_kernel_get (half ? MOE_TYPE_F16 : MOE_TYPE_F32, f->choice);
  gsize plane = moe_cache_index (cache, h, block->job->layer, block->kv_head, 0);
  const guint8 *k = cache->k + plane * (half ? sizeof (guint16) : sizeof (float));
  gsize bytes = kernel->prepared_bytes (h->head_dim);
  g_autofree guint8 *buffer = g_malloc (bytes * block->n_rows + 64);
  guint8 *prepared = (guint8 *) (((guintptr) buffer + 63) / 64 * 64);
  const void *x[MOE_ATTENTION_ROWS];
  float *y[MOE_ATTENTION_ROWS];

  for (guint r = 0; r < block->n_rows; r++)
    {
      gsize q = ((gsize) row_token (block, r) * h->n_heads + row_head (block, r)) * h->head_dim;

      kernel->prepare (f->q + q, h->head_dim, prepared + r * bytes);
      x[r] = prepared + r * bytes;
      y[r] = block->rows + r * block->stride;
    }
  kernel->matmul (k, h->head_dim, 0, block->n_keys, x, y, block->n_rows);
}

/* attended[r] = sum over keys of weight times v. A tile of v serves all rows that see it whole; the last
 * keys, of which each row sees another number, are added row by row. */
static void
add_values (QueryBlock *block,
            float      *out[])
{
  MoeForward *f = block->job->forward;
  const MoeHparams *h = f->h;
  MoeCache *cache = block->job->cache;
  gsize plane = moe_cache_index (cache, h, block->job->layer, block->kv_head, 0);
  guint common = row_keys (block, 0);
  const float *p[MOE_ATTENTION_ROWS];

  for (guint j = 0; j < block->n_keys; )
    {
      guint n = j < common ? MIN (VALUE_TILE, common - j) : 1, first = 0;

      while (row_keys (block, first) <= j)
        first++;
      for (guint r = first; r < block->n_rows; r++)
        p[r] = block->rows + r * block->stride + j;
      if (cache->type == MOE_CACHE_F16)
        f->ops->weighted_sum_f16 (p + first, block->n_rows - first,
                                  (const guint16 *) cache->v + plane + (gsize) j * h->head_dim, n,
                                  h->head_dim,
                                  out + first);
      else
        f->ops->weighted_sum (p + first, block->n_rows - first,
                              (const float *) cache->v + plane + (gsize) j * h->head_dim, n, h->head_dim,
                              out + first);
      j += n;
    }
}

static void
attend (guint    item,
        guint    thread,
        gpointer data)
{
  AttentionJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  guint group = h->n_heads / h->n_kv_heads, per_kv_head = job->n_head_blocks / h->n_kv_heads;
  QueryBlock block = {
    job, item / job->n_head_blocks * job->block_tokens,
    .rows = f->scores[thread], .stride = f->scores_allocated,
  };
  float *copy = block.rows + (gsize) MOE_ATTENTION_ROWS *
                block.stride, *out[MOE_ATTENTION_ROWS], inverse[MOE_ATTENTION_ROWS];
  float scale = 1 / sqrtf ((float) h->head_dim);

  block.kv_head = item % job->n_head_blocks / per_kv_head;
  block.first_head = block.kv_head * group + item % per_kv_head * job->block_heads;
  block.group = MIN (job->block_heads, (block.kv_head + 1) * group - block.first_head);
  block.n_rows = MIN (job->block_tokens, job->batch->n - block.first_token) * block.group;
  block.n_keys = row_keys (&block, block.n_rows - 1);
  score (&block);
  for (guint r = 0; r < block.n_rows; r++)
    {
      float *row = block.rows + r * block.stride, sum;
      guint n_keys = row_keys (&block, r);

      for (guint j = 0; j < n_keys; j++)
        row[j] *= scale;
      if (job->summaries)
        memcpy (copy, row, n_keys * sizeof *row);
      sum = f->ops->soft_max (row, n_keys);
      if (job->summaries)
        summarise (job, row_token (&block, r), row_head (&block, r), n_keys, copy, row, sum);
      inverse[r] = 1 / sum;
      out[r] = f->attended + ((gsize) row_token (&block, r) * h->n_heads + row_head (&block, r)) *
      h->head_dim;
      memset (out[r], 0, h->head_dim * sizeof *out[r]);
    }
  add_values (&block, out);

  for (guint r = 0; r < block.n_rows; r++)
    {
      float *row = block.rows + r * block.stride;
      guint n_keys = row_keys (&block, r);

      for (guint i = 0; i < h->head_dim; i++)
        out[r][i] *= inverse[r];
      if (!job->rows)
        continue;
      for (guint j = 0; j < n_keys; j++)
        row[j] *= inverse[r];
      MOE_PROBE_EMIT (f, attention_row, job->batch, job->layer, row_token (&block, r), row_head (&block, r),
                      n_keys, row);
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
  guint group = h->n_heads / h->n_kv_heads;

  job.block_heads = MIN (group, MOE_ATTENTION_ROWS);
  job.block_tokens = MOE_ATTENTION_ROWS / job.block_heads;
  job.n_head_blocks = (group + job.block_heads - 1) / job.block_heads * h->n_kv_heads;

  moe_activations_set (&self->input, self->normed, batch->n, h->width);
  moe_linear (&l->q, &self->input, self->choice, self->pool, self->q, q_width);
  moe_linear (&l->k, &self->input, self->choice, self->pool, self->k, kv_width);
  moe_linear (&l->v, &self->input, self->choice, self->pool, self->v, kv_width);
  moe_pool_run (self->pool, batch->n, store_token, &job);
  moe_pool_run (job.rows ? self->alone : self->pool,
                (batch->n + job.block_tokens - 1) / job.block_tokens * job.n_head_blocks, attend, &job);

  if (job.summaries)
    {
      MoeAttentionEvent event = {
        h->n_heads, self->attention_first, self->attention_entropy, self->attention_top,
        self->attention_top_key,
      };

      MOE_PROBE_EMIT (self, attention, batch, layer, &event);
    }
  moe_activations_set (&self->input, self->attended, batch->n, q_width);
  moe_linear (&l->output, &self->input, self->choice, self->pool, self->delta, h->width);
}
