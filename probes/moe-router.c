/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-router"

#include "probes/moe-router-private.h"

#include <float.h>
#include <math.h>

static void
soft_max (const float *logits,
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
moe_router_gate (const MoeHparams *h,
                 const float      *logits,
                 float            *probs)
{
  if (h->gating != MOE_GATING_SIGMOID)
    {
      soft_max (logits, h->n_experts, probs);
      return;
    }
  for (guint e = 0; e < h->n_experts; e++)
    probs[e] = 1 / (1 + expf (-logits[e]));
}

/* Puts experts outside of the best groups behind all others. The experts are split into equal groups of
 * neighbours; a group is as good as the sum of its two best scores (DeepSeek-V3, arXiv 2412.19437), or as its
 * best one (DeepSeek-V2, arXiv 2405.04434, section 2.2.2).
 * @sums: (n_groups) scratch. */
static void
limit_to_groups (const MoeHparams *h,
                 float            *scores,
                 float            *sums)
{
  guint size = h->n_experts / h->n_groups;

  for (guint g = 0; g < h->n_groups; g++)
    {
      float best = -INFINITY, second = -INFINITY;

      for (guint e = g * size; e < (g + 1) * size; e++)
        if (scores[e] > best)
          {
            second = best;
            best = scores[e];
          }
        else
          second = MAX (second, scores[e]);
      sums[g] = h->groups_by_best ? best : best + second;
    }
  for (guint g = 0; g < h->n_groups; g++)
    {
      guint better = 0;

      for (guint other = 0; other < h->n_groups; other++)
        better += sums[other] > sums[g] || (sums[other] == sums[g] && other < g);
      for (guint e = g * size; better >= h->n_groups_used && e < (g + 1) * size; e++)
        scores[e] = MIN (scores[e], -FLT_MAX);
    }
}

void
moe_router_get_scores (const MoeHparams *h,
                       const float      *bias,
                       const float      *logits,
                       const float      *probs,
                       float            *scores,
                       float            *sums)
{
  for (guint e = 0; e < h->n_experts; e++)
    scores[e] = logits[e] == -INFINITY ? -INFINITY : bias != NULL ? probs[e] + bias[e] : probs[e];
  if (h->n_groups > 1)
    limit_to_groups (h, scores, sums);
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

static gboolean
is_among (const guint16 *chosen,
          guint          n,
          guint          expert)
{
  for (guint i = 0; i < n; i++)
    if (chosen[i] == expert)
      return TRUE;
  return FALSE;
}

static void
mix_sparsely (const MoeHparams *h,
              const float      *logits,
              const guint16    *chosen,
              guint             k,
              float            *weights)
{
  for (guint s = 0; s < k; s++)
    {
      float top = logits[chosen[s]], sum = 0;

      for (guint e = 0; e < h->n_experts; e++)
        if (logits[e] != -INFINITY && !is_among (chosen, s, e) &&
            !((top - logits[e]) / MAX (fabsf (logits[e]), top) > h->mixer_width))
          sum += expf (logits[e] - top);
      weights[s] = sum > 0 ? 1 / sum : 0;
    }
}

void
moe_router_weigh (const MoeHparams *h,
                  const float      *logits,
                  const float      *probs,
                  const guint16    *chosen,
                  guint             k,
                  float            *weights)
{
  float sum = 0;

  if (h->mixer_width > 0)
    {
      mix_sparsely (h, logits, chosen, k, weights);
      return;
    }
  for (guint s = 0; s < k; s++)
    {
      weights[s] = probs[chosen[s]];
      sum += weights[s];
    }
  /* Softmax over the chosen is softmax over all of them, renormalised. */
  if (h->norm_weights || h->gating == MOE_GATING_SOFTMAX_CHOSEN)
    for (guint s = 0; s < k; s++)
      weights[s] /= MAX (sum, MIN_WEIGHT_SUM);
  if (h->weights_scale != 1)
    for (guint s = 0; s < k; s++)
      weights[s] *= h->weights_scale;
}

void
moe_route_token (const MoeHparams *h,
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
  const float *scores = routing->probs;

  moe_router_gate (h, logits, routing->probs);
  if (routing->selection_bias != NULL || h->n_groups > 1)
    {
      moe_router_get_scores (h, routing->selection_bias, logits, routing->probs, routing->scratch,
                             routing->scratch + h->n_experts);
      scores = routing->scratch;
    }
  moe_router_choose_top (scores, h->n_experts, h->n_used, routing->chosen);
  moe_router_weigh (h, logits, routing->probs, routing->chosen, h->n_used, routing->weights);
  memset (routing->silent, 0, h->n_used);
  if (entries != NULL)
    moe_router_apply_mask (h, logits, entries, phase, position, routing, changed, seen);
}
