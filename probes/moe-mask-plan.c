/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-plan"

#include "probes/moe-router-private.h"

#include <math.h>

/* Writes "all experts" out. */
static void
add_to_layer (MoeMaskPlan           *self,
              const MoeIntervention *intervention,
              guint                  index,
              guint                  layer,
              guint                  n_experts)
{
  gboolean all = intervention->expert == MOE_EXPERT_ALL;
  int first = all ? 0 : intervention->expert, end = all ? (int) n_experts : first + 1;

  if (self->layers[layer] == NULL)
    self->layers[layer] = g_array_new (FALSE, FALSE, sizeof (PlanEntry));
  for (int expert = first; expert < end; expert++)
    {
      PlanEntry entry = { *intervention, index };

      entry.intervention.layer = (int) layer;
      entry.intervention.expert = expert;
      g_array_append_val (self->layers[layer], entry);
    }
}

MoeMaskPlan *
moe_mask_plan_new (MoeMask            *mask,
                   const MoeModelInfo *info)
{
  MoeMaskPlan *self;

  g_return_val_if_fail (mask != NULL, NULL);

  self = g_new0 (MoeMaskPlan, 1);
  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->mutex);
  self->mask = moe_mask_ref (mask);
  self->n = moe_mask_get_n (mask);
  self->changed = g_new0 (guint64, self->n);
  self->seen = g_new0 (guint64, self->n);
  self->n_layers = info->n_layers;
  self->layers = g_new0 (GArray *, info->n_layers);
  for (guint i = 0; i < self->n; i++)
    {
      const MoeIntervention *intervention = moe_mask_get (mask, i);

      if (intervention->layer != MOE_LAYER_ALL)
        add_to_layer (self, intervention, i, (guint) intervention->layer, info->n_experts);
      else
        for (guint j = 0; j < info->n_moe_layers; j++)
          add_to_layer (self, intervention, i, info->moe_layers[j], info->n_experts);
    }
  return self;
}

MoeMaskPlan *
moe_mask_plan_ref (MoeMaskPlan *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_mask_plan_unref (MoeMaskPlan *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < self->n_layers; i++)
    g_clear_pointer (&self->layers[i], g_array_unref);
  g_clear_pointer (&self->layers, g_free);
  g_clear_pointer (&self->changed, g_free);
  g_clear_pointer (&self->seen, g_free);
  g_clear_pointer (&self->mask, moe_mask_unref);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

MoeMask *
moe_mask_plan_get_mask (MoeMaskPlan *self)
{
  return self->mask;
}

void
moe_mask_plan_get_hits (MoeMaskPlan *self,
                        guint        index,
                        guint64     *changed,
                        guint64     *seen)
{
  g_return_if_fail (index < self->n);

  g_mutex_lock (&self->mutex);
  *changed = self->changed[index];
  *seen = self->seen[index];
  g_mutex_unlock (&self->mutex);
}

void
moe_mask_plan_add_hits (MoeMaskPlan   *self,
                        const guint64 *changed,
                        const guint64 *seen)
{
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->n; i++)
    {
      self->changed[i] += changed[i];
      self->seen[i] += seen[i];
    }
  g_mutex_unlock (&self->mutex);
}

gboolean
moe_mask_plan_clamps (const MoeMaskPlan *self,
                      guint              layer)
{
  const GArray *entries = self != NULL ? self->layers[layer] : NULL;

  for (guint i = 0; entries != NULL && i < entries->len; i++)
    if (g_array_index (entries, PlanEntry, i).intervention.action == MOE_ACTION_CLAMP)
      return TRUE;

  return FALSE;
}

/* Returns whether anything was beyond the limit. */
static gboolean
clip (float *row,
      guint  width,
      float  limit)
{
  gboolean any = FALSE;

  for (guint i = 0; i < width; i++)
    if (fabsf (row[i]) > limit)
      {
        row[i] = copysignf (limit, row[i]);
        any = TRUE;
      }

  return any;
}

void
moe_mask_plan_clamp (const MoeMaskPlan *self,
                     guint              layer,
                     MoePhase           phase,
                     guint              position,
                     const guint16     *chosen,
                     const guint8      *silent,
                     guint              k,
                     float             *down,
                     guint              width,
                     guint64           *changed)
{
  const GArray *entries = self->layers[layer];

  /* As in routing, an intervention on all experts counts once. */
  for (guint i = 0; i < entries->len; )
    {
      guint index = g_array_index (entries, PlanEntry, i).index;
      gboolean clipped = FALSE;

      for (; i < entries->len && g_array_index (entries, PlanEntry, i).index == index; i++)
        {
          const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

          if (iv->action != MOE_ACTION_CLAMP || !moe_mask_entry_acts (iv, phase, position))
            continue;
          for (guint s = 0; s < k; s++)
            if (chosen[s] == iv->expert && silent[s] != MOE_SLOT_SILENT)
              clipped = clip (down + (gsize) s * width, width, iv->value) || clipped;
        }
      if (clipped)
        changed[index]++;
    }
}

void
moe_mask_plan_clamp_shared (const MoeMaskPlan *self,
                            guint              layer,
                            MoePhase           phase,
                            guint              position,
                            float             *down,
                            guint              width,
                            guint64           *changed)
{
  const GArray *entries = self->layers[layer];

  for (guint i = 0; i < entries->len; i++)
    {
      const PlanEntry *entry = &g_array_index (entries, PlanEntry, i);

      if (entry->intervention.expert == MOE_EXPERT_SHARED && entry->intervention.action == MOE_ACTION_CLAMP &&
          moe_mask_entry_acts (&entry->intervention, phase, position) &&
          clip (down, width, entry->intervention.value))
        changed[entry->index]++;
    }
}

float
moe_mask_plan_scale_shared (const MoeMaskPlan *self,
                            guint              layer,
                            MoePhase           phase,
                            guint              position,
                            guint64           *changed)
{
  const GArray *entries = self != NULL ? self->layers[layer] : NULL;
  float scale = 1;

  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      const PlanEntry *entry = &g_array_index (entries, PlanEntry, i);
      MoeAction action = entry->intervention.action;
      float own = action == MOE_ACTION_SCALE ? entry->intervention.value : 0;

      if (entry->intervention.expert != MOE_EXPERT_SHARED || own == 1 ||
          (action != MOE_ACTION_SCALE && action != MOE_ACTION_DISABLE) ||
          !moe_mask_entry_acts (&entry->intervention, phase, position))
        continue;
      scale *= own;
      changed[entry->index]++;
    }
  return scale;
}

const float *
moe_mask_plan_get_mean (const MoeMaskPlan *self,
                        guint              layer,
                        guint              expert)
{
  return moe_expert_means_get (moe_mask_get_means (self->mask), (int) layer, (int) expert);
}
