/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attend"

#include "probes/moe-forward.h"

#include <math.h>

/* Keys whose values are added up together, so that they stay in the first-level cache. */
#define VALUE_TILE 64

typedef struct
{
  MoeForward          *forward;
  MoeCache            *cache;
  const MoeProbeBatch *batch;
  guint                layer;
  const MoeQueries    *queries;
  gboolean             summaries;
  gboolean             rows;  /* some probe wants whole rows: one thread, in order */
  guint                block_tokens, block_heads; /* of one work item */
  guint                n_head_blocks; /* over all heads; a block's heads share one key-value head */
} AttendJob;

/* The query rows of one work item: consecutive tokens, and heads that share one key-value head. Row r is
 * token first_token + r / group, head first_head + r % group, so later rows begin and end at no lower key. */
typedef struct
{
  AttendJob *job;
  guint      first_token, first_head, group, kv_head, n_rows;
  guint      first_key, end_key; /* of all rows */
  float     *rows;    /* (n_rows, stride) scores of the keys from first_key on, then weights */
  gsize      stride;
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

/* The keys that row @r sees: from this one ... */
static guint
row_first_key (const QueryBlock *block,
               guint             r)
{
  guint position = block->job->batch->first + row_token (block, r), window = block->job->queries->window;

  return window != 0 && position >= window ? position + 1 - window : 0;
}

/* ... to the one before this. */
static guint
row_end_key (const QueryBlock *block,
             guint             r)
{
  return block->job->batch->first + row_token (block, r) + 1;
}

/* What is reported of row @r. Entropy of p = e / sum in nats is log sum + max - (sum over e * s) / sum, with
 * e = exp (s - max); a learned sink is one more outcome of it. */
static void
summarise (const QueryBlock *block,
           guint             r,
           const float      *scores, /* (n_scores) before the softmax */
           const float      *e,      /* (n_scores) */
           guint             n_scores,
           float             sum)
{
  MoeForward *f = block->job->forward;
  gsize at = (gsize) row_token (block, r) * f->h->n_heads + row_head (block, r);
  guint first = row_first_key (block, r), n_keys = row_end_key (block, r) - first, top = 0;
  float max;

  for (guint j = 1; j < n_keys; j++)
    if (scores[j] > scores[top])
      top = j;
  max = n_scores > n_keys ? MAX (scores[top], scores[n_keys]) : scores[top];
  f->attention_first[at] = first == 0 ? e[0] / sum : 0;
  f->attention_top[at] = e[top] / sum;
  f->attention_top_key[at] = first + top;
  f->attention_entropy[at] = MAX (0, logf (sum) + max - f->ops->dot (e, scores, n_scores) / sum);
  if (n_scores > n_keys)
    f->attention_sink[at] = e[n_keys] / sum;
}

/* rows[r] = the products of row r of @x with keys first_key to end_key of a plane of the cache, which is a
 * weight matrix with a row per key; or += with @add. */
static void
multiply_plane (QueryBlock   *block,
                const guint8 *plane,
                gsize         width,
                const float  *x,      /* (n, H, stride) */
                gsize         stride,
                gboolean      add)
{
  MoeForward *f = block->job->forward;
  gboolean half = block->job->cache->type == MOE_CACHE_F16;
  const MoeKernel *kernel = moe_kernel_get (half ? MOE_TYPE_F16 : MOE_TYPE_F32, f->choice);
  gsize bytes = kernel->prepared_bytes (width), key_bytes = width * kernel->block_bytes;
  g_autofree guint8 *buffer = g_malloc (bytes * block->n_rows + 64);
  guint8 *prepared = (guint8 *) (((guintptr) buffer + 63) / 64 * 64);
  const void *rows[MOE_ATTENTION_ROWS];
  float *y[MOE_ATTENTION_ROWS], sums[MOE_ATTENTION_ROWS][VALUE_TILE];

  for (guint r = 0; r < block->n_rows; r++)
    {
      gsize at = (gsize) row_token (block, r) * f->h->n_heads + row_head (block, r);

      kernel->prepare (x + at * stride, width, prepared + r * bytes);
      rows[r] = prepared + r * bytes;
      y[r] = add ? sums[r] : block->rows + r * block->stride;
    }
  if (!add)
    {
      kernel->matmul (plane + block->first_key * key_bytes, width, 0, block->end_key - block->first_key, rows,
                      y, block->n_rows);
      return;
    }
  for (guint j = block->first_key; j < block->end_key; j += VALUE_TILE)
    {
      guint n = MIN (VALUE_TILE, block->end_key - j);

      kernel->matmul (plane + j * key_bytes, width, 0, n, rows, y, block->n_rows);
      for (guint r = 0; r < block->n_rows; r++)
        for (guint i = 0; i < n; i++)
          block->rows[r * block->stride + j - block->first_key + i] += sums[r][i];
    }
}

/* rows[r][j] = q[r] . k[j]. What lies outside a row's own keys is computed with the others and never read. */
static void
score (QueryBlock *block)
{
  const MoeQueries *queries = block->job->queries;
  MoeCache *cache = block->job->cache;
  guint layer = block->job->layer;
  const MoePlaneShape *shape = &cache->planes[layer];

  multiply_plane (block, moe_cache_key (cache, layer, block->kv_head, 0), shape->key_dim, queries->q,
                  queries->q_stride, FALSE);
  if (queries->latent != NULL)
    multiply_plane (block, moe_cache_value (cache, layer, block->kv_head, 0), shape->value_dim,
                    queries->latent, shape->value_dim, TRUE);
}

/* attended[r] = sum over keys of weight times v. A tile of v serves all rows that see it whole; at both ends,
 * where the rows see different keys, these are added one by one. */
static void
add_values (QueryBlock *block,
            float      *out[])
{
  MoeForward *f = block->job->forward;
  MoeCache *cache = block->job->cache;
  const guint8 *plane = moe_cache_value (cache, block->job->layer, block->kv_head, 0);
  guint width = cache->planes[block->job->layer].value_dim, first = 0, end = 0;
  guint common = row_first_key (block, block->n_rows - 1), common_end = row_end_key (block, 0);
  const float *p[MOE_ATTENTION_ROWS];

  for (guint j = block->first_key; j < block->end_key; )
    {
      guint n = j >= common && j < common_end ? MIN (VALUE_TILE, common_end - j) : 1;

      /* Rows first to end - 1 see key j. */
      while (row_end_key (block, first) <= j)
        first++;
      while (end < block->n_rows && row_first_key (block, end) <= j)
        end++;
      for (guint r = first; r < end; r++)
        p[r] = block->rows + r * block->stride + j - block->first_key;
      if (cache->type == MOE_CACHE_F16)
        f->ops->weighted_sum_f16 (p + first, end - first, (const guint16 *) plane + (gsize) j * width, n,
                                  width, out + first);
      else
        f->ops->weighted_sum (p + first, end - first, (const float *) plane + (gsize) j * width, n, width,
                              out + first);
      j += n;
    }
}

/* The row as the probe wants it, from key 0 on. @whole: room for (end_key). */
static void
emit_row (QueryBlock  *block,
          guint        r,
          const float *row,
          float       *whole)
{
  AttendJob *job = block->job;
  MoeForward *f = job->forward;
  guint first = row_first_key (block, r), end = row_end_key (block, r);

  if (first > 0)
    {
      memset (whole, 0, first * sizeof *whole);
      memcpy (whole + first, row, (end - first) * sizeof *whole);
      row = whole;
    }
  MOE_PROBE_EMIT (f, attention_row, job->batch, job->layer, row_token (block, r), row_head (block, r), end,
                  row);
}

static void
attend (guint    item,
        guint    thread,
        gpointer data)
{
  AttendJob *job = data;
  MoeForward *f = job->forward;
  const MoeQueries *queries = job->queries;
  const MoePlaneShape *shape = &job->cache->planes[job->layer];
  guint n_heads = f->h->n_heads, n_kv_heads = shape->n_heads, width = shape->value_dim;
  guint group = n_heads / n_kv_heads, per_kv_head = job->n_head_blocks / n_kv_heads;
  QueryBlock block = {
    job, item / job->n_head_blocks * job->block_tokens,
    .rows = f->scores[thread], .stride = f->scores_allocated,
  };
  float *copy = block.rows + (gsize) MOE_ATTENTION_ROWS * block.stride;
  float *out[MOE_ATTENTION_ROWS], inverse[MOE_ATTENTION_ROWS];

  block.kv_head = item % job->n_head_blocks / per_kv_head;
  block.first_head = block.kv_head * group + item % per_kv_head * job->block_heads;
  block.group = MIN (job->block_heads, (block.kv_head + 1) * group - block.first_head);
  block.n_rows = MIN (job->block_tokens, job->batch->n - block.first_token) * block.group;
  block.first_key = row_first_key (&block, 0);
  block.end_key = row_end_key (&block, block.n_rows - 1);
  score (&block);
  for (guint r = 0; r < block.n_rows; r++)
    {
      float *row = block.rows + r * block.stride + row_first_key (&block, r) - block.first_key, sum;
      guint n_keys = row_end_key (&block, r) - row_first_key (&block, r), n_scores = n_keys;

      for (guint j = 0; j < n_keys; j++)
        row[j] *= queries->scale;
      if (queries->sinks != NULL)
        row[n_scores++] = queries->sinks[row_head (&block, r)];
      if (job->summaries)
        memcpy (copy, row, n_scores * sizeof *row);
      sum = f->ops->soft_max (row, n_scores, NULL);
      if (job->summaries)
        summarise (&block, r, copy, row, n_scores, sum);
      inverse[r] = 1 / sum;
      out[r] = f->attended + ((gsize) row_token (&block, r) * n_heads + row_head (&block, r)) * width;
      memset (out[r], 0, width * sizeof *out[r]);
    }
  add_values (&block, out);

  for (guint r = 0; r < block.n_rows; r++)
    {
      float *row = block.rows + r * block.stride + row_first_key (&block, r) - block.first_key;
      guint n_keys = row_end_key (&block, r) - row_first_key (&block, r);

      for (guint i = 0; i < width; i++)
        out[r][i] *= inverse[r];
      if (!job->rows)
        continue;
      for (guint j = 0; j < n_keys; j++)
        row[j] *= inverse[r];
      emit_row (&block, r, row, copy);
    }
}

void
moe_attention_attend (MoeForward          *self,
                      MoeCache            *cache,
                      const MoeProbeBatch *batch,
                      guint                layer,
                      const MoeQueries    *queries)
{
  AttendJob job = {
    self, cache, batch, layer, queries,
    .summaries = MOE_PROBE_WANTED (self, attention),
    .rows = MOE_PROBE_WANTED (self, attention_row),
  };
  guint n_kv_heads = cache->planes[layer].n_heads, group = self->h->n_heads / n_kv_heads;

  job.block_heads = MIN (group, MOE_ATTENTION_ROWS);
  job.block_tokens = MOE_ATTENTION_ROWS / job.block_heads;
  job.n_head_blocks = (group + job.block_heads - 1) / job.block_heads * n_kv_heads;
  moe_pool_run (job.rows ? self->alone : self->pool,
                (batch->n + job.block_tokens - 1) / job.block_tokens * job.n_head_blocks, attend, &job);
  if (job.summaries)
    {
      MoeAttentionEvent event = {
        self->h->n_heads, self->attention_first, self->attention_entropy, self->attention_top,
        self->attention_top_key, queries->sinks != NULL ? self->attention_sink : NULL,
      };

      MOE_PROBE_EMIT (self, attention, batch, layer, &event);
    }
}
