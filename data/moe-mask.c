/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask"

#include "data/moe-mask.h"

#include <string.h>

#include "data/moe-mask-private.h"

struct _MoeMask
{
  gatomicrefcount ref_count;
  GArray         *interventions; /* MoeIntervention */
  MoeExpertMeans *means;         /* or NULL */
};

/* A router can be given several things, each once. */
static gboolean
same_target (const MoeIntervention *a,
             const MoeIntervention *b)
{
  return a->layer == b->layer && a->expert == b->expert && a->action == b->action &&
         (a->action != MOE_ACTION_ROUTER || a->mode == b->mode);
}

static int
find_in (const GArray          *interventions,
         const MoeIntervention *wanted)
{
  for (guint i = 0; i < interventions->len; i++)
    if (same_target (&g_array_index (interventions, MoeIntervention, i), wanted))
      return (int) i;

  return -1;
}

/* What an action does not use is set to one value, so that equal interventions compare equal. */
static MoeIntervention
normalise (const MoeIntervention *intervention)
{
  MoeIntervention clean = *intervention;

  if (!moe_action_has_mode (clean.action))
    clean.mode = MOE_MODE_NONE;
  if (!moe_action_has_value (clean.action))
    clean.value = 0;
  return clean;
}

static MoeMask *
mask_take (GArray         *interventions,
           MoeExpertMeans *means)
{
  MoeMask *self = g_new0 (MoeMask, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->interventions = interventions;
  self->means = means != NULL ? moe_expert_means_ref (means) : NULL;
  return self;
}

static guint
hash_target (gconstpointer data)
{
  const MoeIntervention *target = data;

  return (guint) target->layer * 2654435761u ^ (guint) target->expert * 40503u ^ (guint) target->action;
}

static gboolean
equal_target (gconstpointer a,
              gconstpointer b)
{
  return same_target (a, b);
}

MoeMask *
moe_mask_new (const MoeIntervention *interventions,
              guint                  n_interventions)
{
  g_autoptr (GHashTable) index = g_hash_table_new (hash_target, equal_target);
  GArray *array = g_array_sized_new (FALSE, TRUE, sizeof (MoeIntervention), n_interventions);

  for (guint i = 0; i < n_interventions; i++)
    {
      MoeIntervention clean = normalise (&interventions[i]);
      guint found = GPOINTER_TO_UINT (g_hash_table_lookup (index, &clean));

      if (found > 0)
        {
          g_array_index (array, MoeIntervention, found - 1) = clean;
        }
      else
        {
          g_array_append_val (array, clean);
          g_hash_table_insert (index, (gpointer) &interventions[i], GUINT_TO_POINTER (array->len));
        }
    }

  return mask_take (array, NULL);
}

MoeMask *
moe_mask_ref (MoeMask *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_mask_unref (MoeMask *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_array_unref (self->interventions);
  g_clear_pointer (&self->means, moe_expert_means_unref);
  g_free (self);
}

guint
moe_mask_get_n (const MoeMask *self)
{
  return self != NULL ? self->interventions->len : 0;
}

const MoeIntervention *
moe_mask_get (const MoeMask *self,
              guint          index)
{
  g_return_val_if_fail (index < moe_mask_get_n (self), NULL);

  return &g_array_index (self->interventions, MoeIntervention, index);
}

gboolean
moe_mask_equal (const MoeMask *a,
                const MoeMask *b)
{
  guint n = moe_mask_get_n (a);

  if (n != moe_mask_get_n (b))
    return FALSE;

  for (guint i = 0; i < n; i++)
    {
      const MoeIntervention *first = moe_mask_get (a, i);
      const MoeIntervention *second = moe_mask_get (b, i);

      if (!same_target (first, second) || first->mode != second->mode || first->value != second->value ||
          first->scope != second->scope || first->from_token != second->from_token)
        return FALSE;
      if (first->mode == MOE_MODE_MEAN &&
          !moe_expert_means_equal (a->means, b->means, first->layer, first->expert))
        return FALSE;
    }

  return TRUE;
}

static GArray *
copy_interventions (const MoeMask *self)
{
  guint n = moe_mask_get_n (self);
  GArray *array = g_array_sized_new (FALSE, TRUE, sizeof (MoeIntervention), n + 1);

  if (n > 0)
    g_array_append_vals (array, self->interventions->data, n);
  return array;
}

MoeMask *
moe_mask_with (const MoeMask         *self,
               const MoeIntervention *intervention)
{
  GArray *array;
  MoeIntervention clean;
  int index;

  g_return_val_if_fail (intervention != NULL, NULL);

  array = copy_interventions (self);
  clean = normalise (intervention);
  index = find_in (array, &clean);
  if (index >= 0)
    g_array_index (array, MoeIntervention, index) = clean;
  else
    g_array_append_val (array, clean);
  return mask_take (array, self != NULL ? self->means : NULL);
}

MoeMask *
moe_mask_without (const MoeMask *self,
                  guint          index)
{
  GArray *array;

  g_return_val_if_fail (index < moe_mask_get_n (self), NULL);

  array = copy_interventions (self);
  g_array_remove_index (array, index);
  return mask_take (array, self->means);
}

MoeMask *
moe_mask_with_means (const MoeMask  *self,
                     MoeExpertMeans *means)
{
  return mask_take (copy_interventions (self), means);
}

MoeExpertMeans *
moe_mask_get_means (const MoeMask *self)
{
  return self != NULL ? self->means : NULL;
}

int
moe_mask_find (const MoeMask *self,
               int            layer,
               int            expert,
               MoeAction      action)
{
  for (guint i = 0; i < moe_mask_get_n (self); i++)
    {
      const MoeIntervention *one = moe_mask_get (self, i);

      if (one->layer == layer && one->expert == expert && one->action == action)
        return (int) i;
    }

  return -1;
}

gboolean
moe_action_has_mode (MoeAction action)
{
  return action == MOE_ACTION_DISABLE || action == MOE_ACTION_FORCE || action == MOE_ACTION_ROUTER;
}

gboolean
moe_action_has_value (MoeAction action)
{
  return action != MOE_ACTION_DISABLE && action != MOE_ACTION_FORCE;
}

const char *
moe_action_get_name (MoeAction action)
{
  static const char * const names[] = {
    [MOE_ACTION_DISABLE] = "disable", [MOE_ACTION_FORCE] = "force", [MOE_ACTION_BIAS] = "bias",
    [MOE_ACTION_SCALE] = "scale", [MOE_ACTION_CLAMP] = "clamp", [MOE_ACTION_ROUTER] = "router",
  };

  g_return_val_if_fail ((guint) action < G_N_ELEMENTS (names), "");

  return names[action];
}

const char *
moe_mode_get_name (MoeMode mode)
{
  static const char * const names[] = {
    [MOE_MODE_NONE] = "", [MOE_MODE_REFILL] = "refill", [MOE_MODE_DROP] = "drop", [MOE_MODE_ZERO] = "zero",
    [MOE_MODE_MAX] = "max", [MOE_MODE_ADD] = "add", [MOE_MODE_MEAN] = "mean", [MOE_MODE_COPY] = "copy",
    [MOE_MODE_TEMPERATURE] = "temperature", [MOE_MODE_TOP_K] = "top_k", [MOE_MODE_TOP_P] = "top_p",
    [MOE_MODE_TOP_P_RENORM] = "top_p_renorm", [MOE_MODE_RANDOM] = "random",
    [MOE_MODE_RANK] = "rank",
  };

  g_return_val_if_fail ((guint) mode < G_N_ELEMENTS (names), "");

  return names[mode];
}

static const char * const scope_names[] = {
  [MOE_SCOPE_BOTH] = "both", [MOE_SCOPE_PROMPT] = "prompt", [MOE_SCOPE_ANSWER] = "answer",
};

const char *
moe_scope_get_name (MoeScope scope)
{
  g_return_val_if_fail ((guint) scope < G_N_ELEMENTS (scope_names), "");

  return scope_names[scope];
}

gboolean
moe_scope_parse (const char *name,
                 MoeScope   *scope)
{
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (scope != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (scope_names); i++)
    if (g_str_equal (name, scope_names[i]))
      {
        *scope = (MoeScope) i;
        return TRUE;
      }

  return FALSE;
}
