/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-feed-forward"

#include "probes/moe-feed-forward.h"

#include <math.h>

#include "probes/moe-gelu.h"

typedef struct
{
  MoeForward           *forward;
  const MoeFeedForward *block;
  gsize                 width;  /* hidden values */
  guint                 n_rows;
  const guint          *tokens; /* (n_rows) */
  float                *y;      /* (n, d) out, rows of other tokens are left alone */
  const void *const    *hidden; /* (n_rows) prepared hidden rows */
} FeedForwardJob;

/* hidden = silu (gate) * up for one chunk of hidden values, all rows. */
static void
gate_up_chunk (guint    item,
               guint    thread,
               gpointer data)
{
  FeedForwardJob *job = data;
  MoeForward *f = job->forward;
  gsize chunk = moe_linear_get_chunk (job->width, 1);
  gsize begin = item * chunk, end = MIN (begin + chunk, job->width);
  const MoeKernel *gate = moe_kernel_get (job->block->gate.type, f->choice);
  const MoeKernel *up = moe_kernel_get (job->block->up.type, f->choice);
  const void *const *gate_rows = moe_activations_get (&f->input, gate, f->alone);
  const void *const *up_rows = moe_activations_get (&f->input, up, f->alone);
  const void *gate_x[MOE_MICRO_BATCH], *up_x[MOE_MICRO_BATCH];
  float *gate_y[MOE_MICRO_BATCH], *up_y[MOE_MICRO_BATCH];

  for (guint r = 0; r < job->n_rows; r++)
    {
      gate_x[r] = gate_rows[job->tokens[r]];
      up_x[r] = up_rows[job->tokens[r]];
      gate_y[r] = f->dense_gate + r * job->width;
      up_y[r] = f->dense_up + r * job->width;
    }
  gate->matmul (job->block->gate.data, f->h->width, begin, end, gate_x, gate_y, job->n_rows);
  up->matmul (job->block->up.data, f->h->width, begin, end, up_x, up_y, job->n_rows);
  for (guint r = 0; r < job->n_rows; r++)
    if (f->model->arch->activation == MOE_ACTIVATION_GELU)
      moe_gelu_mul (gate_y[r] + begin, up_y[r] + begin, end - begin);
    else
      f->ops->silu_mul (gate_y[r] + begin, up_y[r] + begin, end - begin);
}

static void
down_chunk (guint    item,
            guint    thread,
            gpointer data)
{
  FeedForwardJob *job = data;
  MoeForward *f = job->forward;
  gsize d = f->h->width, chunk = moe_linear_get_chunk (d, 1);
  gsize begin = item * chunk, end = MIN (begin + chunk, d);
  const MoeKernel *down = moe_kernel_get (job->block->down.type, f->choice);
  float *y[MOE_MICRO_BATCH];

  for (guint r = 0; r < job->n_rows; r++)
    y[r] = job->y + job->tokens[r] * d;
  down->matmul (job->block->down.data, job->width, begin, end, job->hidden, y, job->n_rows);
}

/* self->input is on self->normed. */
static void
run_block (MoeForward           *self,
           const MoeFeedForward *block,
           gsize                 width,
           const guint          *tokens,
           guint                 n_rows,
           float                *y)
{
  FeedForwardJob job = { self, block, width, n_rows, tokens, y };

  if (n_rows == 0)
    return;
  /* Made here by all threads, found there by each. */
  moe_activations_get (&self->input, moe_kernel_get (block->gate.type, self->choice), self->pool);
  moe_activations_get (&self->input, moe_kernel_get (block->up.type, self->choice), self->pool);
  moe_pool_run (self->pool, moe_linear_count_chunks (width, 1), gate_up_chunk, &job);

  moe_activations_set (&self->hidden, self->dense_gate, n_rows, width);
  job.hidden = moe_activations_get (&self->hidden, moe_kernel_get (block->down.type, self->choice),
                                    self->pool);
  moe_pool_run (self->pool, moe_linear_count_chunks (self->h->width, 1), down_chunk, &job);
}

void
moe_dense_run (MoeForward          *self,
               const MoeProbeBatch *batch,
               guint                layer)
{
  guint tokens[MOE_MICRO_BATCH];

  for (guint t = 0; t < batch->n; t++)
    tokens[t] = t;
  moe_activations_set (&self->input, self->normed, batch->n, self->h->width);
  run_block (self, &self->model->layers[layer].dense, self->h->dense_width, tokens, batch->n, self->delta);
  MOE_PROBE_EMIT (self, moe_out, batch, layer, self->h->width, self->delta);
}

void
moe_shared_experts_run (MoeForward          *self,
                        const MoeProbeBatch *batch,
                        guint                layer)
{
  const MoeLayer *l = &self->model->layers[layer];
  gsize d = self->h->width;
  guint tokens[MOE_MICRO_BATCH], n_rows = 0;

  for (guint t = 0; t < batch->n; t++)
    {
      if (self->shared_weight[t] == 0)
        {
          memset (self->shared_down + t * d, 0, d * sizeof *self->shared_down);
          continue;
        }
      tokens[n_rows++] = t;
      if (l->shared_gate != NULL)
        self->shared_weight[t] /= 1 + expf (-self->ops->dot (l->shared_gate, self->normed + t * d, d));
    }
  if (n_rows == 0)
    return;
  if (l->shared_norm != NULL)
    {
      for (guint t = 0; t < batch->n; t++)
        moe_rms_norm (self, self->x + t * d, l->shared_norm, d, self->normed + t * d);
      moe_activations_set (&self->input, self->normed, batch->n, d);
    }
  run_block (self, &l->shared, self->h->shared_width, tokens, n_rows, self->shared_down);
  for (guint r = 0; l->shared_post_norm != NULL && r < n_rows; r++)
    moe_rms_norm (self, self->shared_down + tokens[r] * d, l->shared_post_norm, d,
                  self->shared_down + tokens[r] * d);
  if (MOE_PROBE_WANTED (self, shared_vectors))
    {
      const MoeSharedVectors event = {
        n_rows, tokens, self->h->width, (guint) self->h->shared_width, self->dense_gate, self->shared_down,
      };

      MOE_PROBE_EMIT (self, shared_vectors, batch, layer, &event);
    }
}
