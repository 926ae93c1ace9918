/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-delta-net"

#include "probes/moe-forward.h"

#include <math.h>

/* Gated DeltaNet (arXiv 2412.06464), which takes attention's place in most layers of Qwen3-Next. Queries,
 * keys and values go through a convolution over the last tokens and SiLU; queries and keys get length 1. Each
 * value head has a state S, a matrix of keys to values, and for every token
 *
 *   S = exp (g) S;   S += (beta (v - S k)) k^T;   y = S q / sqrt (gdn_dim),
 *
 * with g = a softplus (alpha + dt), and beta a sigmoid. The block's output is out_proj (norm (y) * silu (z)).
 *
 * Tokens are taken one after the other, never in chunks: so the state does not depend on how they come. The
 * cache keeps the inputs of every token and the state after each MOE_STATE_INTERVAL of them. When a timeline
 * was taken back, the tokens since the last kept state run through the recurrence again: the same operations
 * on the same numbers. */

/* Values of a head that one work item computes: their rows of the state stay in the first-level cache. */
#define VALUE_BLOCK 32

typedef struct
{
  MoeForward        *forward;
  MoeCache          *cache;
  const MoeDeltaNet *net;
  guint              layer;
  guint              first, n; /* positions */
  gsize              key_width, value_width;
  guint              n_blocks; /* of a head's values */
} NetJob;

/* Brings the files' first layout into the order of the others: for each key head it has the query, the key,
 * and the values and gates of its value heads. */
static void
sort_mixed (NetJob *job,
            guint   t)
{
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  gsize key = h->gdn_dim, value = (gsize) h->gdn_value_heads / h->gdn_key_heads * h->gdn_dim;
  const float *mixed = f->gdn_mixed + t * 2 * (job->key_width + job->value_width);
  float *q = f->gdn_input + t * (2 * job->key_width + job->value_width);
  float *k = q + job->key_width, *v = k + job->key_width, *z = f->gdn_z + t * job->value_width;

  for (guint head = 0; head < h->gdn_key_heads; head++, mixed += 2 * (key + value))
    {
      memcpy (q + head * key, mixed, key * sizeof *q);
      memcpy (k + head * key, mixed + key, key * sizeof *k);
      memcpy (v + head * value, mixed + 2 * key, value * sizeof *v);
      memcpy (z + head * value, mixed + 2 * key + value, value * sizeof *z);
    }
}

/* Stores what of one token the recurrence needs. */
static void
store_token (guint    t,
             guint    thread,
             gpointer data)
{
  NetJob *job = data;
  MoeForward *f = job->forward;
  const MoeDeltaNet *net = job->net;
  gsize width = job->cache->net_dim;
  guint n_heads = job->cache->net_heads, position = job->first + t, each = n_heads / f->h->gdn_key_heads;
  float *gates = moe_cache_gates (job->cache, job->layer, position);
  guint8 *to = moe_cache_net (job->cache, job->layer, position);

  if (net->qkvz.data != NULL)
    sort_mixed (job, t);
  if (job->cache->type == MOE_CACHE_F16)
    f->ops->to_f16 ((guint16 *) (gpointer) to, f->gdn_input + t * width, width);
  else
    memcpy (to, f->gdn_input + t * width, width * sizeof (float));
  for (guint head = 0; head < n_heads; head++)
    {
      const float *ba = f->gdn_ba + (gsize) t * 2 * n_heads;
      gboolean apart = net->ba.data == NULL;
      float beta = apart ? ba[head] : ba[head / each * 2 * each + head % each];
      float alpha = (apart ? ba[n_heads + head] : ba[head / each * 2 * each + each + head % each]) +
                    net->dt[head];

      gates[head] = expf (net->a[head] * (alpha > 20 ? alpha : log1pf (expf (alpha))));
      gates[n_heads + head] = 1 / (1 + expf (-beta));
    }
}

static void
scale_to (MoeForward *f,
          float      *x,
          gsize       n,
          float       length)
{
  float factor = length / sqrtf (f->ops->sum_squares (x, n) + f->h->norm_epsilon);

  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

/* Queries, keys and values of one token, from the inputs in the cache. */
static void
convolve (guint    t,
          guint    thread,
          gpointer data)
{
  NetJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  gsize width = job->cache->net_dim;
  guint length = h->conv_length, position = job->first + t;
  float *y = f->gdn_qkv + t * width;
  g_autofree float *row = g_new (float, width), *ones = g_new (float, width);

  memset (y, 0, width * sizeof *y);
  for (guint k = position + 1 < length ? length - 1 - position : 0; k < length; k++)
    {
      const guint8 *input = moe_cache_net (job->cache, job->layer, position + k + 1 - length);
      const float *x = (const float *) (gconstpointer) input;

      if (job->cache->type == MOE_CACHE_F16)
        {
          memset (row, 0, width * sizeof *row);
          f->ops->axpy_f16 (row, 1, (const guint16 *) (gconstpointer) input, width);
          x = row;
        }
      for (gsize i = 0; i < width; i++)
        y[i] += x[i] * job->net->conv[i * length + k];
    }
  for (gsize i = 0; i < width; i++)
    ones[i] = 1;
  f->ops->silu_mul (y, ones, width);
  for (guint head = 0; head < 2 * h->gdn_key_heads; head++)
    scale_to (f, y + (gsize) head * h->gdn_dim, h->gdn_dim,
              head < h->gdn_key_heads ? 1 / sqrtf ((float) h->gdn_dim) : 1);
}

/* A block of one head's values through all tokens. */
static void
recur (guint    item,
       guint    thread,
       gpointer data)
{
  NetJob *job = data;
  MoeForward *f = job->forward;
  const MoeVectorOps *ops = f->ops;
  guint dim = f->h->gdn_dim, head = item / job->n_blocks, begin = item % job->n_blocks * VALUE_BLOCK;
  guint end = MIN (begin + VALUE_BLOCK, dim), n_heads = job->cache->net_heads;
  gsize at = ((gsize) head * dim + begin) * dim, size = (gsize) (end - begin) * dim;
  float *state = moe_cache_state (job->cache, job->layer, 0) + at;
  gboolean tiled = (f->model->arch->flags & MOE_ARCH_DELTA_TILED) != 0;
  guint key_head = tiled ? head % f->h->gdn_key_heads : head / (n_heads / f->h->gdn_key_heads);

  for (guint t = 0; t < job->n; t++)
    {
      const float *gates = moe_cache_gates (job->cache, job->layer, job->first + t);
      const float *q = f->gdn_qkv + t * job->cache->net_dim + (gsize) key_head * dim, *k = q + job->key_width;
      const float *v = f->gdn_qkv + t * job->cache->net_dim + 2 * job->key_width + (gsize) head * dim;
      float *y = f->gdn_out + t * job->value_width + (gsize) head * dim, decay = gates[head];
      guint seen = job->first + t + 1;

      for (guint j = begin; j < end; j++)
        {
          float *row = state + (gsize) (j - begin) * dim;

          for (guint i = 0; i < dim; i++)
            row[i] *= decay;
          ops->axpy (row, (v[j] - ops->dot (row, k, dim)) * gates[n_heads + head], k, dim);
          y[j] = ops->dot (row, q, dim);
        }
      if (seen % MOE_STATE_INTERVAL == 0)
        memcpy (moe_cache_state (job->cache, job->layer, seen / MOE_STATE_INTERVAL) + at, state,
                size * sizeof *state);
    }
}

static void
run_tokens (NetJob *job,
            guint   first,
            guint   n)
{
  MoeForward *f = job->forward;

  job->first = first;
  job->n = n;
  job->n_blocks = (f->h->gdn_dim + VALUE_BLOCK - 1) / VALUE_BLOCK;
  moe_pool_run (f->pool, n, convolve, job);
  moe_pool_run (f->pool, job->cache->net_heads * job->n_blocks, recur, job);
}

/* Takes the state to where it was after @length tokens. */
static void
seek (NetJob *job,
      guint   length)
{
  MoeCache *cache = job->cache;
  guint kept = length / MOE_STATE_INTERVAL, at = kept * MOE_STATE_INTERVAL;
  float *state = moe_cache_state (cache, job->layer, 0);

  if (kept == 0)
    memset (state, 0, cache->state_size * sizeof *state);
  else
    memcpy (state, moe_cache_state (cache, job->layer, kept), cache->state_size * sizeof *state);
  for (guint n; at < length; at += n)
    {
      n = MIN (MOE_REPLAY_TOKENS, length - at);
      run_tokens (job, at, n);
    }
}

static void
gate_token (guint    t,
            guint    thread,
            gpointer data)
{
  NetJob *job = data;
  MoeForward *f = job->forward;
  gsize dim = f->h->gdn_dim;
  float *y = f->gdn_out + t * job->value_width, *z = f->gdn_z + t * job->value_width;

  for (guint head = 0; head < job->cache->net_heads; head++)
    moe_rms_norm (f, y + head * dim, job->net->norm, dim, y + head * dim);
  f->ops->silu_mul (z, y, job->value_width);
}

static void
project (NetJob *job)
{
  MoeForward *f = job->forward;
  const MoeDeltaNet *net = job->net;
  guint n_heads = job->cache->net_heads;

  if (net->qkvz.data != NULL)
    moe_linear (&net->qkvz, &f->input, f->choice, f->pool, f->gdn_mixed, net->qkvz.n_rows);
  else
    {
      moe_linear (&net->qkv, &f->input, f->choice, f->pool, f->gdn_input, net->qkv.n_rows);
      moe_linear (&net->z, &f->input, f->choice, f->pool, f->gdn_z, job->value_width);
    }
  if (net->ba.data != NULL)
    {
      moe_linear (&net->ba, &f->input, f->choice, f->pool, f->gdn_ba, 2 * n_heads);
      return;
    }
  moe_linear (&net->beta, &f->input, f->choice, f->pool, f->gdn_ba, 2 * n_heads);
  moe_linear (&net->alpha, &f->input, f->choice, f->pool, f->gdn_ba + n_heads, 2 * n_heads);
}

void
moe_delta_net_run (MoeForward          *self,
                   MoeCache            *cache,
                   const MoeProbeBatch *batch,
                   guint                layer)
{
  const MoeHparams *h = self->h;
  const MoeDeltaNet *net = &self->model->layers[layer].delta_net;
  NetJob job = {
    self, cache, net, layer, batch->first, batch->n, (gsize) h->gdn_key_heads * h->gdn_dim,
    (gsize) h->gdn_value_heads * h->gdn_dim,
  };

  if (cache->state_lengths[layer] != batch->first)
    seek (&job, batch->first);
  job.first = batch->first;
  moe_activations_set (&self->input, self->normed, batch->n, h->width);
  project (&job);
  moe_pool_run (self->pool, batch->n, store_token, &job);
  run_tokens (&job, batch->first, batch->n);
  cache->state_lengths[layer] = batch->first + batch->n;
  moe_pool_run (self->pool, batch->n, gate_token, &job);
  moe_activations_set (&self->input, self->gdn_z, batch->n, job.value_width);
  moe_linear (&net->out, &self->input, self->choice, self->pool, self->delta, h->width);
}
