/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-router"

#include "probes/moe-router-private.h"

#include <math.h>

void
moe_router_soft_max (const float *logits,
                     guint        n,
                     float       *probs)
{
  float max = -INFINITY, sum = 0;

  for (guint i = 0; i < n; i++)
    max = MAX (max, logits[i]);
  for (guint i = 0; i < n; i++)
    {
      probs[i] = expf (logits[i] - max);
      sum += probs[i];
    }
  for (guint i = 0; i < n; i++)
    probs[i] /= sum;
}

void
moe_router_choose_top (const float *scores,
                       guint        n,
                       guint        k,
                       guint16     *chosen)
{
  guint filled = 0;

  for (guint e = 0; e < n; e++)
    {
      guint at = filled;

      while (at > 0 && scores[e] > scores[chosen[at - 1]])
        at--;
      if (at >= k)
        continue;
      if (filled < k)
        filled++;
      for (guint i = filled - 1; i > at; i--)
        chosen[i] = chosen[i - 1];
      chosen[at] = (guint16) e;
    }
}

void
moe_router_weigh (const MoeArch    *arch,
                  const MoeHparams *h,
                  const float      *probs,
                  const guint16    *chosen,
                  guint             k,
                  float            *weights)
{
  float sum = 0;

  for (guint s = 0; s < k; s++)
    {
      weights[s] = probs[chosen[s]];
      sum += weights[s];
    }
  if (arch->norm_weights)
    for (guint s = 0; s < k; s++)
      weights[s] /= MAX (sum, MIN_WEIGHT_SUM);
  if (h->weights_scale != 1)
    for (guint s = 0; s < k; s++)
      weights[s] *= h->weights_scale;
}

void
moe_route_token (const MoeArch    *arch,
                 const MoeHparams *h,
                 const float      *logits,
                 MoeMaskPlan      *plan,
                 guint             layer,
                 MoePhase          phase,
                 guint             position,
                 MoeRouting       *routing,
                 guint64          *changed,
                 guint64          *seen)
{
  const GArray *entries = plan != NULL ? plan->layers[layer] : NULL;

  moe_router_soft_max (logits, h->n_experts, routing->probs);
  moe_router_choose_top (routing->probs, h->n_experts, h->n_used, routing->chosen);
  moe_router_weigh (arch, h, routing->probs, routing->chosen, h->n_used, routing->weights);
  memset (routing->silent, 0, h->n_used);
  if (entries != NULL)
    moe_router_apply_mask (arch, h, logits, entries, phase, position, routing, changed, seen);
}
