/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-short-conv"

#include "probes/moe-forward.h"

/* The gated short convolution that takes attention's place in some layers of LFM2. From each token's (b, c,
 * x) = in_proj (input), three vectors of d values, the block makes out_proj (c * sum over k of w_k * (b * x)
 * of k tokens before). The cache keeps b * x of all tokens, in floats, so that a timeline can go back
 * anywhere. */

typedef struct
{
  MoeForward          *forward;
  MoeCache            *cache;
  const MoeProbeBatch *batch;
  guint                layer;
} ConvJob;

static void
store_product (guint    t,
               guint    thread,
               gpointer data)
{
  ConvJob *job = data;
  gsize d = job->forward->h->width;
  const float *b = job->forward->conv + t * 3 * d, *x = b + 2 * d;
  float *product = moe_cache_conv (job->cache, job->layer, job->batch->first + t);

  for (gsize i = 0; i < d; i++)
    product[i] = b[i] * x[i];
}

static void
convolve (guint    t,
          guint    thread,
          gpointer data)
{
  ConvJob *job = data;
  MoeForward *f = job->forward;
  gsize d = f->h->width;
  guint length = f->h->conv_length, position = job->batch->first + t;
  const float *weights = f->model->layers[job->layer].conv; /* (d, length), the present token last */
  const float *c = f->conv + t * 3 * d + d;
  float *y = f->conv_out + t * d;

  memset (y, 0, d * sizeof *y);
  for (guint k = position + 1 < length ? length - 1 - position : 0; k < length; k++)
    {
      const float *product = moe_cache_conv (job->cache, job->layer, position + k + 1 - length);

      for (gsize i = 0; i < d; i++)
        y[i] += product[i] * weights[i * length + k];
    }
  for (gsize i = 0; i < d; i++)
    y[i] *= c[i];
}

void
moe_short_conv_run (MoeForward          *self,
                    MoeCache            *cache,
                    const MoeProbeBatch *batch,
                    guint                layer)
{
  const MoeLayer *l = &self->model->layers[layer];
  gsize d = self->h->width;
  ConvJob job = { self, cache, batch, layer };

  moe_activations_set (&self->input, self->normed, batch->n, d);
  moe_linear (&l->conv_in, &self->input, self->choice, self->pool, self->conv, 3 * d);
  moe_pool_run (self->pool, batch->n, store_product, &job);
  moe_pool_run (self->pool, batch->n, convolve, &job);
  moe_activations_set (&self->input, self->conv_out, batch->n, d);
  moe_linear (&l->conv_out, &self->input, self->choice, self->pool, self->delta, d);
}
