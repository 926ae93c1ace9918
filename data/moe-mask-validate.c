/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-validate"

#include "data/moe-mask.h"

#include <math.h>

#include "data/moe-error.h"

static gboolean
fail (GError     **error,
      const char  *format,
      ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError     **error,
      const char  *format,
      ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, message);
  return FALSE;
}

static gboolean
mode_fits (const MoeIntervention *intervention)
{
  switch (intervention->action)
    {
    case MOE_ACTION_DISABLE:
      return intervention->mode == MOE_MODE_REFILL || intervention->mode == MOE_MODE_DROP ||
             intervention->mode == MOE_MODE_ZERO;
    case MOE_ACTION_FORCE:
      return intervention->mode == MOE_MODE_MAX || intervention->mode == MOE_MODE_ADD;
    default:
      return intervention->mode == MOE_MODE_NONE;
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

  if (layer < 0 || (guint) layer >= info->n_layers)
    return fail (error, "%s: there is no layer %d, the model has %u layers", name, layer, info->n_layers);
  if (moe_model_info_find_moe_layer (info, (guint) layer) < 0)
    return fail (error, "%s: layer %d is not an MoE layer", name, layer);
  if (expert < MOE_EXPERT_ALL || (expert >= 0 && (guint) expert >= info->n_experts))
    return fail (error, "%s: there is no expert %d, a layer has %u experts", name, expert, info->n_experts);
  if (!mode_fits (intervention))
    return fail (error, "%s: %s has no such mode", name, moe_action_get_name (action));
  if (!isfinite (intervention->value))
    return fail (error, "%s: the %s is not a finite number", name, moe_action_get_name (action));

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
  if (intervention->action == MOE_ACTION_DISABLE && intervention->mode != MOE_MODE_ZERO)
    use->n_gone++;
  if (intervention->action == MOE_ACTION_DISABLE && intervention->mode == MOE_MODE_REFILL)
    use->n_refilled++;
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
  LayerUse use = { .actions = actions };

  for (guint i = 0; i < moe_mask_get_n (self); i++)
    {
      const MoeIntervention *intervention = moe_mask_get (self, i);
      gboolean all = intervention->expert == MOE_EXPERT_ALL;
      guint first = all ? 0 : (guint) intervention->expert;
      guint end = all ? info->n_experts : first + 1;

      if (intervention->layer != layer || intervention->expert == MOE_EXPERT_SHARED ||
          (intervention->scope != MOE_SCOPE_BOTH && intervention->scope != scope))
        continue;

      for (guint expert = first; expert < end; expert++)
        if (!add_expert (&use, intervention, expert, error))
          return FALSE;
    }

  if (use.n_forced > info->n_used)
    return fail (error, "%u experts of layer %d are forced, but only %u are chosen for a token", use.n_forced,
                 layer, info->n_used);
  if (info->n_experts - use.n_refilled < info->n_used)
    return fail (error,
                 "%u of the %u experts of layer %d are disabled, which leaves fewer than the %u chosen "
                 "for a token", use.n_refilled, info->n_experts, layer, info->n_used);
  if (use.n_gone == info->n_experts)
    return fail (error, "all %u experts of layer %d are dropped or disabled", info->n_experts, layer);

  return TRUE;
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

      if (g_hash_table_add (seen, GINT_TO_POINTER (layer + 1)) &&
          (!check_layer (self, info, layer, MOE_SCOPE_PROMPT, error) ||
           !check_layer (self, info, layer, MOE_SCOPE_ANSWER, error)))
        return FALSE;
    }

  return TRUE;
}
