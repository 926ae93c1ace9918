/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-experts-output"

#include "probes/moe-experts-private.h"

#include <math.h>

/* max (1 - cos (x, x + r), 0), from the three dot products so that nothing cancels when r is small:
 * 1 - cos = sin^2 / (1 + cos). */
static float
turn_of (double xx,
         double xr,
         double rr)
{
  double length = sqrt (xx) * sqrt (MAX (xx + 2 * xr + rr, 0)), cosine, sine2;

  if (!(length > 0))
    return 0;
  cosine = CLAMP ((xx + xr) / length, -1, 1);
  if (cosine <= 0)
    return (float) (1 - cosine);
  sine2 = MAX (xx * rr - xr * xr, 0) / (length * length);
  return (float) (sine2 / (1 + cosine));
}

/* Adds the shared expert's output to delta. */
static void
add_shared (MoeExpertJob *job,
            guint         t,
            guint         thread,
            gboolean      statistics)
{
  MoeForward *f = job->forward;
  gsize d = f->h->width;
  float *down = f->shared_down + t * d, weight = f->shared_weight[t];
  guint channel = 0;

  if (job->clamps && weight != 0)
    moe_mask_plan_clamp_shared (job->plan, job->layer_index, job->batch->phases[t], job->batch->first + t,
                                down, (guint) d, f->hits[thread]);
  if (statistics)
    {
      f->shared_max[t] = weight == 0 ? 0 : f->ops->max_abs (down, d, &channel);
      f->shared_channel[t] = (guint16) channel;
      f->shared_norm[t] = weight == 0 ? 0 : sqrtf (f->ops->sum_squares (down, d));
    }
  if (weight != 0)
    f->ops->axpy (f->delta + t * d, weight, down, d);
}

/* delta = sum over slots, strongest first, of gate weight times down, then the shared expert; and the
 * statistics of each down row while it is in the cache. */
static void
combine_token (guint    t,
               guint    thread,
               gpointer data)
{
  MoeExpertJob *job = data;
  MoeForward *f = job->forward;
  gsize k = f->h->n_used, d = f->h->width;
  float *delta = f->delta + t * d;
  const float *x = f->x + t * d;
  gboolean statistics = MOE_PROBE_WANTED (f, expert);

  if (job->clamps)
    moe_mask_plan_clamp (job->plan, job->layer_index, job->batch->phases[t], job->batch->first + t,
                         f->chosen + t * k, f->silent + t * k, (guint) k, f->down + t * k * d, (guint) d,
                         f->hits[thread]);
  memset (delta, 0, d * sizeof *delta);
  for (gsize i = t * k; i < (t + 1) * k; i++)
    {
      const float *down = f->down + i * d;
      guint channel = 0;

      if (f->silent[i] != MOE_SLOT_SILENT)
        f->ops->axpy (delta, f->weights[i], down, d);
      if (!statistics)
        continue;
      f->down_max[i] = f->silent[i] == MOE_SLOT_SILENT ? 0 : f->ops->max_abs (down, d, &channel);
      f->down_channel[i] = (guint16) channel;
      f->down_norm[i] = f->silent[i] == MOE_SLOT_SILENT ? 0 : sqrtf (f->ops->sum_squares (down, d));
    }
  if (job->layer->routed_post_norm != NULL)
    moe_rms_norm (f, delta, job->layer->routed_post_norm, d, delta);
  if (statistics)
    {
      double scale = f->h->residual_scale;

      f->turn[t] = turn_of (f->ops->sum_squares (x, d), scale * f->ops->dot (x, delta, d),
                            scale * scale * f->ops->sum_squares (delta, d));
    }
  if (job->has_shared)
    add_shared (job, t, thread, statistics);
  if (job->layer->moe_post_norm != NULL)
    moe_rms_norm (f, delta, job->layer->moe_post_norm, d, delta);
}

void
moe_experts_combine (MoeExpertJob *job)
{
  moe_pool_run (job->forward->pool, job->batch->n, combine_token, job);
}

static void
emit_vectors (MoeExpertJob *job)
{
  MoeForward *f = job->forward;
  gsize d = f->h->width, width = f->h->expert_width;
  g_autofree float *down = NULL;

  for (guint a = 0; a < job->n_active; a++)
    {
      guint first = job->starts[a], n = job->starts[a + 1] - first;
      MoeExpertVectors event = {
        job->experts[a], n, job->tokens + first, job->slots + first, d, width, f->gate + first * width,
      };

      down = g_renew (float, down, n * d);
      for (guint i = 0; i < n; i++)
        memcpy (down + i * d,
                f->down + ((gsize) job->tokens[first + i] * f->h->n_used + job->slots[first + i]) * d,
                d * sizeof *down);
      event.down = down;
      MOE_PROBE_EMIT (f, expert_vectors, job->batch, job->layer_index, &event);
    }
}

void
moe_experts_emit (MoeExpertJob *job)
{
  MoeForward *f = job->forward;
  MoeRouterEvent router = { f->h->n_experts, f->h->n_used, f->router_logits, f->router_probs, f->chosen,
                            f->weights };
  MoeExpertEvent expert = {
    f->h->n_used, f->chosen, f->weights, f->down_max, f->down_channel, f->down_norm, f->turn,
  };

  if (job->has_shared)
    {
      expert.shared_max = f->shared_max;
      expert.shared_channel = f->shared_channel;
      expert.shared_norm = f->shared_norm;
      expert.shared_weights = f->shared_weight;
    }

  MOE_PROBE_EMIT (f, router, job->batch, job->layer_index, &router);
  MOE_PROBE_EMIT (f, expert, job->batch, job->layer_index, &expert);
  if (MOE_PROBE_WANTED (f, expert_vectors))
    emit_vectors (job);
  MOE_PROBE_EMIT (f, moe_out, job->batch, job->layer_index, f->h->width, f->delta);
}
