/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-experts"

#include "probes/moe-experts-private.h"

#include <math.h>

#include "probes/moe-feed-forward.h"
#include "probes/moe-gelu.h"

/* Gemma 4 differs from the others: the router reads rms (x) / sqrt (d) * router_scale, of the residual x, the
 * routed experts and the shared one read x behind norms of their own, the sum of the routed ones and the
 * output of the shared one are normed each, then both together. Probes have the shared expert's output after
 * its norm, routed ones' before theirs. */

/* Rows that kernels for one token multiply side by side. */
#define AHEAD_ROWS 8

static void
route_one (guint    t,
           guint    thread,
           gpointer data)
{
  MoeExpertJob *job = data;
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  MoeRouting routing = {
    f->router_probs + (gsize) t * h->n_experts,
    f->chosen + (gsize) t * h->n_used,
    f->weights + (gsize) t * h->n_used,
    f->silent + (gsize) t * h->n_used,
    f->scratch[thread],
    job->layer->selection_bias,
  };
  float *logits = f->router_logits + (gsize) t * h->n_experts;
  guint64 *hits = f->n_hits > 0 ? f->hits[thread] : NULL;
  MoePhase phase = job->batch->phases[t];
  guint position = job->batch->first + t;

  if (job->layer->router_bias != NULL)
    for (guint e = 0; e < h->n_experts; e++)
      logits[e] += job->layer->router_bias[e];
  moe_route_token (h, logits, job->plan, job->layer_index, phase, position, &routing, hits,
                   hits != NULL ? hits + f->n_hits : NULL);
  if (job->has_shared)
    f->shared_weight[t] = moe_mask_plan_scale_shared (job->plan, job->layer_index, phase, position, hits);
}

static void
collect_hits (MoeExpertJob *job)
{
  MoeForward *f = job->forward;

  if (job->plan == NULL)
    return;
  for (guint thread = 0; thread < f->threads; thread++)
    {
      moe_mask_plan_add_hits (job->plan, f->hits[thread], f->hits[thread] + f->n_hits);
      memset (f->hits[thread], 0, 2 * f->n_hits * sizeof **f->hits);
    }
}

/* What stands in a slot whose expert is not computed, into its row of f->down. */
static void
fill_slot (MoeExpertJob *job,
           gsize         i)
{
  MoeForward *f = job->forward;
  gsize d = f->h->width;
  float *down = f->down + i * d;

  switch (f->silent[i])
    {
    case MOE_SLOT_MEAN:
      memcpy (down, moe_mask_plan_get_mean (job->plan, job->layer_index, f->chosen[i]), d * sizeof *down);
      break;
    case MOE_SLOT_COPY:
      memcpy (down, f->normed + i / f->h->n_used * d, d * sizeof *down);
      break;
    default:
      memset (down, 0, d * sizeof *down);
    }
}

/* Fills the lists of @job; a counting sort. */
static void
group_by_expert (MoeExpertJob *job)
{
  MoeForward *f = job->forward;
  const MoeHparams *h = f->h;
  gsize n_pairs = (gsize) job->batch->n * h->n_used;
  g_autofree guint *next = g_new0 (guint, h->n_experts + 1);
  guint row = 0;

  for (gsize i = 0; i < n_pairs; i++)
    if (!f->silent[i])
      next[f->chosen[i]]++;
  job->experts = g_new (guint, h->n_experts);
  job->starts = g_new (guint, h->n_experts + 1);
  for (guint e = 0; e < h->n_experts; e++)
    {
      guint count = next[e];

      next[e] = row;
      if (count == 0)
        continue;
      job->experts[job->n_active] = e;
      job->starts[job->n_active++] = row;
      row += count;
    }
  job->starts[job->n_active] = row;

  job->tokens = g_new (guint, MAX (row, 1));
  job->slots = g_new (guint, MAX (row, 1));
  job->inputs = g_new (const void *, MAX (row, 1));
  for (gsize i = 0; i < n_pairs; i++)
    if (!f->silent[i])
      {
        guint at = next[f->chosen[i]]++;

        job->tokens[at] = (guint) (i / h->n_used);
        job->slots[at] = (guint) (i % h->n_used);
      }
    else
      fill_slot (job, i);
}

/* Lets the system read all matrices of the chosen experts at once, rather than page by page when they are
 * multiplied. */
static void
fetch_experts (const MoeExpertJob *job)
{
  const MoeMatrix *matrices[] = { &job->layer->gate, &job->layer->up, &job->layer->down };

  for (guint i = 0; i < job->n_active; i++)
    for (guint m = 0; m < G_N_ELEMENTS (matrices); m++)
      moe_residency_fetch (moe_matrix_get_slice (matrices[m], job->experts[i]),
                           matrices[m]->n_rows * matrices[m]->row_bytes);
}

static void
free_groups (MoeExpertJob *job)
{
  g_free (job->experts);
  g_free (job->starts);
  g_free (job->tokens);
  g_free (job->slots);
  g_free (job->inputs);
}

static void
add_floats (float       *y,
            const float *x,
            gsize        n)
{
  for (gsize i = 0; i < n; i++)
    y[i] += x[i];
}

/* gate = activation of @gate and @up, (n) each. */
static void
activate (const MoeForward *self,
          float            *gate,
          const float      *up,
          gsize             n)
{
  if (self->model->arch->activation == MOE_ACTIVATION_SILU)
    {
      self->ops->silu_mul (gate, up, n);
      return;
    }
  if (self->model->arch->activation == MOE_ACTIVATION_GELU)
    {
      moe_gelu_mul (gate, up, n);
      return;
    }
  self->ops->swiglu_oai (gate, up, n);
}

/* The hidden values of one chunk of one expert, all its tokens. */
static void
gate_up_chunk (guint    item,
               guint    thread,
               gpointer data)
{
  MoeExpertJob *job = data;
  MoeForward *f = job->forward;
  guint active = item / job->n_chunks;
  gsize width = f->h->expert_width, chunk = moe_linear_get_chunk (width, job->n_active);
  gsize begin = item % job->n_chunks * chunk, end = MIN (begin + chunk, width);
  const MoeKernel *gate = moe_kernel_get (job->layer->gate.type, f->choice);
  const MoeKernel *up = moe_kernel_get (job->layer->up.type, f->choice);
  const guint8 *gate_data = moe_matrix_get_slice (&job->layer->gate, job->experts[active]);
  const guint8 *up_data = moe_matrix_get_slice (&job->layer->up, job->experts[active]);
  /* A kernel that prepares its input otherwise than the gate's needs rows of its own. */
  const void *const *up_rows = up->prepare != gate->prepare ? moe_activations_get (&f->input, up, f->alone)
  : NULL;
  float *gate_y[MOE_MICRO_BATCH], *up_y[MOE_MICRO_BATCH];
  const void *up_x[MOE_MICRO_BATCH];
  guint first = job->starts[active], n = job->starts[active + 1] - first;

  for (guint i = 0; i < n; i++)
    {
      gate_y[i] = f->gate + (gsize) (first + i) * width;
      up_y[i] = f->up + (gsize) (first + i) * width;
      up_x[i] = up_rows != NULL ? up_rows[job->tokens[first + i]] : job->inputs[first + i];
    }
  /* Kernels fetch ahead within a matrix only: the first rows of the next one are asked for here. */
  for (gsize byte = 0; byte < MIN (AHEAD_ROWS, end - begin) * job->layer->up.row_bytes; byte += 64)
    __builtin_prefetch (up_data + begin * job->layer->up.row_bytes + byte, 0, 2);
  gate->matmul (gate_data, f->h->width, begin, end, job->inputs + first, gate_y, n);
  up->matmul (up_data, f->h->width, begin, end, up_x, up_y, n);
  for (guint i = 0; i < n; i++)
    {
      if (job->layer->gate_bias != NULL)
        {
          gsize bias = (gsize) job->experts[active] * width;

          add_floats (gate_y[i] + begin, job->layer->gate_bias + bias + begin, end - begin);
          add_floats (up_y[i] + begin, job->layer->up_bias + bias + begin, end - begin);
        }
      activate (f, gate_y[i] + begin, up_y[i] + begin, end - begin);
    }
}

static void
down_chunk (guint    item,
            guint    thread,
            gpointer data)
{
  MoeExpertJob *job = data;
  MoeForward *f = job->forward;
  guint active = item / job->n_chunks;
  gsize width = f->h->width, chunk = moe_linear_get_chunk (width, job->n_active);
  gsize begin = item % job->n_chunks * chunk, end = MIN (begin + chunk, width);
  const MoeKernel *down = moe_kernel_get (job->layer->down.type, f->choice);
  guint first = job->starts[active], n = job->starts[active + 1] - first;
  float *y[MOE_MICRO_BATCH];

  for (guint i = 0; i < n; i++)
    y[i] = f->down + ((gsize) job->tokens[first + i] * f->h->n_used + job->slots[first + i]) * width;
  down->matmul (moe_matrix_get_slice (&job->layer->down, job->experts[active]), f->h->expert_width, begin,
                end, job->hidden + first, y, n);
  for (guint i = 0; job->layer->down_scale != NULL && i < n; i++)
    for (gsize c = begin; c < end; c++)
      y[i][c] *= job->layer->down_scale[job->experts[active]];
  for (guint i = 0; job->layer->down_bias != NULL && i < n; i++)
    add_floats (y[i] + begin, job->layer->down_bias + (gsize) job->experts[active] * width + begin,
                end - begin);
}

/* Router logits of the micro-batch. Always by the plain kernel: the router decides everything after it and
 * costs next to nothing. */
static void
run_router (MoeExpertJob *job)
{
  MoeForward *f = job->forward;
  gsize d = f->h->width;

  if (job->layer->router_scale == NULL)
    {
      moe_activations_set (&f->input, f->normed, job->batch->n, d);
      moe_linear (&job->layer->router, &f->input, MOE_KERNELS_PLAIN, f->pool, f->router_logits,
                  f->h->n_experts);
      return;
    }
  for (guint t = 0; t < job->batch->n; t++)
    {
      float *input = f->delta + t * d; /* free until the end of the block */

      moe_rms_norm (f, f->x + t * d, job->layer->router_scale, d, input);
      for (gsize i = 0; i < d; i++)
        input[i] /= sqrtf ((float) d);
    }
  moe_activations_set (&f->input, f->delta, job->batch->n, d);
  moe_linear (&job->layer->router, &f->input, MOE_KERNELS_PLAIN, f->pool, f->router_logits, f->h->n_experts);
  moe_activations_set (&f->input, f->normed, job->batch->n, d);
}

void
moe_experts_run (MoeForward          *self,
                 const MoeProbeBatch *batch,
                 MoeMaskPlan         *plan,
                 guint                layer)
{
  const MoeHparams *h = self->h;
  MoeExpertJob job = {
    self, batch, plan, &self->model->layers[layer], layer, moe_mask_plan_clamps (plan, layer),
    .has_shared = h->shared_width > 0,
  };
  const void *const *inputs;
  guint n_rows;

  run_router (&job);
  moe_pool_run (self->pool, batch->n, route_one, &job);
  group_by_expert (&job);
  /* A large batch needs nearly all, and reading them in order is as fast. */
  if (!self->model->residency.fits && 2 * job.n_active <= h->n_experts)
    fetch_experts (&job);
  n_rows = job.starts[job.n_active];

  inputs = moe_activations_get (&self->input, moe_kernel_get (job.layer->gate.type, self->choice),
                                self->pool);
  moe_activations_get (&self->input, moe_kernel_get (job.layer->up.type, self->choice), self->pool);
  for (guint i = 0; i < n_rows; i++)
    job.inputs[i] = inputs[job.tokens[i]];
  job.n_chunks = moe_linear_count_chunks (h->expert_width, job.n_active);
  moe_pool_run (self->pool, job.n_active * job.n_chunks, gate_up_chunk, &job);

  moe_activations_set (&self->hidden, self->gate, n_rows, h->expert_width);
  job.hidden = moe_activations_get (&self->hidden, moe_kernel_get (job.layer->down.type, self->choice),
                                    self->pool);
  job.n_chunks = moe_linear_count_chunks (h->width, job.n_active);
  moe_pool_run (self->pool, job.n_active * job.n_chunks, down_chunk, &job);
  if (job.has_shared)
    moe_shared_experts_run (self, batch, layer);

  moe_experts_combine (&job);
  collect_hits (&job);
  moe_experts_emit (&job);
  free_groups (&job);
}
