/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-validate"

#include "data/moe-mask.h"

#include <math.h>

#include "data/moe-error.h"

#define fail(error, ...) moe_error_fail (error, MOE_ERROR_INVALID, NULL, __VA_ARGS__)

static gboolean
mode_fits (const MoeIntervention *intervention)
{
  switch (intervention->action)
    {
    case MOE_ACTION_DISABLE:
      return intervention->mode == MOE_MODE_REFILL || intervention->mode == MOE_MODE_DROP ||
             intervention->mode == MOE_MODE_ZERO || intervention->mode == MOE_MODE_MEAN ||
             intervention->mode == MOE_MODE_COPY;
    case MOE_ACTION_FORCE:
      return intervention->mode == MOE_MODE_MAX || intervention->mode == MOE_MODE_ADD;
    case MOE_ACTION_ROUTER:
      return intervention->mode >= MOE_MODE_TEMPERATURE && intervention->mode <= MOE_MODE_RANK;
    default:
      return intervention->mode == MOE_MODE_NONE;
    }
}

/* Seeds are stored as floats, which hold whole numbers up to this. */
#define MAX_SEED 16777216.0f

static gboolean
check_router (const MoeIntervention  *intervention,
              const MoeModelInfo     *info,
              const char             *name,
              GError                **error)
{
  float value = intervention->value;

  switch (intervention->mode)
    {
    case MOE_MODE_TEMPERATURE:
      return value > 0 ||
             fail (error, "%s: the router's temperature is not above 0", name);
    case MOE_MODE_RANK:
    case MOE_MODE_TOP_K:
      return (value >= 1 && value <= (float) info->n_used && value == floorf (value)) ||
             fail (error, "%s: the router's %s is not a whole number from 1 to %u, the experts used", name,
                   moe_mode_get_name (intervention->mode), info->n_used);
    case MOE_MODE_TOP_P:
    case MOE_MODE_TOP_P_RENORM:
      return (value > 0 && value <= 1) ||
             fail (error, "%s: the router's %s is not above 0 and at most 1", name,
                   moe_mode_get_name (intervention->mode));
    default:
      return (value >= 0 && value <= MAX_SEED && value == floorf (value)) ||
             fail (error, "%s: the seed of the random router is not a whole number from 0 to %.0f", name,
                   (double) MAX_SEED);
    }
}

/* What can be said of one intervention without the others. */
static gboolean
check_one (const MoeIntervention  *intervention,
           const MoeModelInfo     *info,
           GError                **error)
{
  int layer = intervention->layer, expert = intervention->expert;
  MoeAction action = intervention->action;
  g_autofree char *name = moe_expert_format (layer, expert);

  if (layer == MOE_LAYER_ALL ? info->n_moe_layers == 0 : layer < 0 || (guint) layer >= info->n_layers)
    return fail (error, "%s: there is no layer %d, the model has %u layers", name, layer, info->n_layers);
  if (layer != MOE_LAYER_ALL && moe_model_info_find_moe_layer (info, (guint) layer) < 0)
    return fail (error, "%s: layer %d is not an MoE layer", name, layer);
  if ((action == MOE_ACTION_ROUTER) != (expert == MOE_EXPERT_ROUTER))
    return fail (error, "%s: %s does not act on %s", name, moe_action_get_name (action),
                 expert == MOE_EXPERT_ROUTER ? "a router" : "an expert");
  if (expert < MOE_EXPERT_ROUTER || (expert >= 0 && (guint) expert >= info->n_experts))
    return fail (error, "%s: there is no expert %d, a layer has %u experts", name, expert, info->n_experts);
  if (!mode_fits (intervention))
    return fail (error, "%s: %s has no such mode", name, moe_action_get_name (action));
  if (!isfinite (intervention->value))
    return fail (error, "%s: the %s is not a finite number", name, moe_action_get_name (action));
  if (action == MOE_ACTION_CLAMP && intervention->value < 0)
    return fail (error, "%s: the clamp is below 0", name);
  if (action == MOE_ACTION_ROUTER)
    return check_router (intervention, info, name, error);

  if (expert == MOE_EXPERT_SHARED)
    {
      if (info->n_shared == 0)
        return fail (error, "%s: the model has no shared experts", name);
      if (action == MOE_ACTION_FORCE || action == MOE_ACTION_BIAS)
        return fail (error, "%s: the shared expert is not routed, so %s cannot act on it", name,
                     moe_action_get_name (action));
      if (action == MOE_ACTION_DISABLE && intervention->mode != MOE_MODE_ZERO)
        return fail (error, "%s: the shared expert is not routed, so it can only be disabled by zero", name);
    }

  return TRUE;
}

/* Which of a layer's experts each action takes in one scope. */
typedef struct
{
  guint8 *actions; /* (n_experts) bit set of 1 << MoeAction */
  guint   n_forced;
  guint   n_refilled;
  guint   n_gone;  /* disabled by refill or by drop */
  guint   router;  /* bit set of 1 << MoeMode of what its router is told */
  guint   top_k;   /* experts used */
  gboolean is_pushed; /* something is forced or biased */
} LayerUse;

static gboolean
add_expert (LayerUse               *use,
            const MoeIntervention  *intervention,
            guint                   expert,
            GError                **error)
{
  guint8 bit = (guint8) (1u << intervention->action);
  guint8 both = (1u << MOE_ACTION_DISABLE) | (1u << MOE_ACTION_FORCE);
  g_autofree char *name = NULL;

  if (use->actions[expert] & bit)
    {
      name = moe_expert_format (intervention->layer, (int) expert);
      return fail (error, "%s is named twice for %s", name, moe_action_get_name (intervention->action));
    }

  use->actions[expert] |= bit;
  if ((use->actions[expert] & both) == both)
    {
      name = moe_expert_format (intervention->layer, (int) expert);
      return fail (error, "%s is both forced and disabled", name);
    }

  if (intervention->action == MOE_ACTION_FORCE)
    use->n_forced++;
  if (intervention->action == MOE_ACTION_DISABLE &&
      (intervention->mode == MOE_MODE_REFILL || intervention->mode == MOE_MODE_DROP))
    use->n_gone++;
  use->is_pushed = use->is_pushed || intervention->action == MOE_ACTION_FORCE ||
    intervention->action == MOE_ACTION_BIAS;
  if (intervention->action == MOE_ACTION_DISABLE && intervention->mode == MOE_MODE_REFILL)
    use->n_refilled++;
  return TRUE;
}

static gboolean
add_router (LayerUse               *use,
            const MoeIntervention  *intervention,
            int                     layer,
            GError                **error)
{
  guint bit = 1u << intervention->mode;

  if (use->router & bit)
    return fail (error, "the router of layer %d is told its %s twice", layer,
                 moe_mode_get_name (intervention->mode));

  use->router |= bit;
  if (intervention->mode == MOE_MODE_TOP_K)
    use->top_k = (guint) intervention->value;
  if (intervention->mode == MOE_MODE_RANK)
    use->top_k = 1;
  return TRUE;
}

static gboolean
check_use (const LayerUse      *use,
           const MoeModelInfo  *info,
           int                  layer,
           GError             **error)
{
  guint random = 1u << MOE_MODE_RANDOM, both = (1u << MOE_MODE_TOP_P) | (1u << MOE_MODE_TOP_P_RENORM);

  if ((use->router & both) == both)
    return fail (error, "the router of layer %d has both top_p and top_p_renorm", layer);
  if ((use->router & (1u << MOE_MODE_RANK)) != 0 &&
      (use->router & ~(1u << MOE_MODE_RANK | 1u << MOE_MODE_TEMPERATURE)) != 0)
    return fail (error, "the router of layer %d takes one rank, so top_k, top_p and random cannot act",
                 layer);
  if ((use->router & (1u << MOE_MODE_RANK)) != 0 && use->n_forced > 0)
    return fail (error, "the router of layer %d takes one rank, so nothing can be forced there", layer);
  if ((use->router & random) != 0 && (use->router & ~(random | (1u << MOE_MODE_TOP_K))) != 0)
    return fail (error, "the router of layer %d is random, so a temperature or top_p cannot act", layer);
  if ((use->router & random) != 0 && use->is_pushed)
    return fail (error, "the router of layer %d is random, so nothing can be forced or biased there", layer);
  if (use->n_forced > use->top_k)
    return fail (error, "%u experts of layer %d are forced, but only %u are chosen for a token",
                 use->n_forced, layer, use->top_k);
  if (info->n_experts - use->n_refilled < info->n_used)
    return fail (error,
                 "%u of the %u experts of layer %d are disabled, which leaves fewer than the %u chosen "
                 "for a token", use->n_refilled, info->n_experts, layer, info->n_used);
  if (use->n_gone == info->n_experts)
    return fail (error, "all %u experts of layer %d are dropped or disabled", info->n_experts, layer);
  return TRUE;
}

/* What only shows when all interventions on a layer in one scope are seen together. */
static gboolean
check_layer (const MoeMask       *self,
             const MoeModelInfo  *info,
             int                  layer,
             MoeScope             scope,
             GError             **error)
{
  g_autofree guint8 *actions = g_new0 (guint8, info->n_experts);
  LayerUse use = { .actions = actions, .top_k = info->n_used };

  for (guint i = 0; i < moe_mask_get_n (self); i++)
    {
      const MoeIntervention *intervention = moe_mask_get (self, i);
      gboolean all = intervention->expert == MOE_EXPERT_ALL;
      guint first = all ? 0 : (guint) intervention->expert;
      guint end = all ? info->n_experts : first + 1;

      if ((intervention->layer != layer && intervention->layer != MOE_LAYER_ALL) ||
          intervention->expert == MOE_EXPERT_SHARED ||
          (intervention->scope != MOE_SCOPE_BOTH && intervention->scope != scope))
        continue;
      if (intervention->expert == MOE_EXPERT_ROUTER)
        {
          if (!add_router (&use, intervention, layer, error))
            return FALSE;
          continue;
        }

      for (guint expert = first; expert < end; expert++)
        if (!add_expert (&use, intervention, expert, error))
          return FALSE;
    }

  return check_use (&use, info, layer, error);
}

static gboolean
check_layer_in_scopes (const MoeMask       *self,
                       const MoeModelInfo  *info,
                       int                  layer,
                       GError             **error)
{
  return check_layer (self, info, layer, MOE_SCOPE_PROMPT, error) &&
         check_layer (self, info, layer, MOE_SCOPE_ANSWER, error);
}

gboolean
moe_mask_validate (const MoeMask       *self,
                   const MoeModelInfo  *info,
                   GError             **error)
{
  guint n = moe_mask_get_n (self);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  g_return_val_if_fail (info != NULL, FALSE);

  for (guint i = 0; i < n; i++)
    if (!check_one (moe_mask_get (self, i), info, error))
      return FALSE;

  for (guint i = 0; i < n; i++)
    {
      int layer = moe_mask_get (self, i)->layer;

      /* What acts on every layer meets the interventions of each. */
      if (layer == MOE_LAYER_ALL)
        {
          for (guint j = 0; j < info->n_moe_layers; j++)
            if (!check_layer_in_scopes (self, info, (int) info->moe_layers[j], error))
              return FALSE;
          return TRUE;
        }
      if (g_hash_table_add (seen, GINT_TO_POINTER (layer + 1)) &&
          !check_layer_in_scopes (self, info, layer, error))
        return FALSE;
    }

  return TRUE;
}

gboolean
moe_mask_check_means (const MoeMask       *self,
                      const MoeModelInfo  *info,
                      GError             **error)
{
  MoeExpertMeans *means = moe_mask_get_means (self);

  g_return_val_if_fail (info != NULL, FALSE);

  if (means != NULL && moe_expert_means_get_width (means) != info->width)
    return fail (error, "the mean outputs have %u channels, but the model's residual stream %u",
                 moe_expert_means_get_width (means), info->width);

  for (guint i = 0; i < moe_mask_get_n (self); i++)
    {
      const MoeIntervention *one = moe_mask_get (self, i);
      gboolean all_layers = one->layer == MOE_LAYER_ALL, all_experts = one->expert == MOE_EXPERT_ALL;

      if (one->mode != MOE_MODE_MEAN)
        continue;
      for (guint j = 0; j < (all_layers ? info->n_moe_layers : 1); j++)
        for (guint e = 0; e < (all_experts ? info->n_experts : 1); e++)
          {
            int layer = all_layers ? (int) info->moe_layers[j] : one->layer;
            int expert = all_experts ? (int) e : one->expert;

            if (moe_expert_means_get (means, layer, expert) == NULL)
              {
                g_autofree char *name = moe_expert_format (layer, expert);

                return fail (error, "%s: disabling by mean needs the expert's mean output, which only "
                             "calibration prompts that are routed to it give", name);
              }
          }
    }

  return TRUE;
}
