/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-router"

#include "probes/moe-router.h"

#include <math.h>

/* The smallest sum that gate weights are divided by: 2^-14, the smallest normal half, as in the models'
 * reference code. */
#define MIN_WEIGHT_SUM 6.103515625e-5f

/* SteerMoE (arXiv 2509.09660): a forced expert's log-softmax score is the largest one plus this. */
#define FORCE_MARGIN 0.01f

typedef struct
{
  MoeIntervention intervention; /* names one expert, never all */
  guint           index;        /* in the mask */
} PlanEntry;

struct _MoeMaskPlan
{
  gatomicrefcount ref_count;

  MoeMask   *mask;
  guint      n_layers;
  GArray   **layers;  /* (n_layers) of PlanEntry, or NULL where nothing acts */
  guint      n;
  GMutex     mutex;
  guint64   *changed; /* (n) */
  guint64   *seen;    /* (n) */
};

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
      GArray **layer = &self->layers[intervention->layer];
      gboolean all = intervention->expert == MOE_EXPERT_ALL;
      int first = all ? 0 : intervention->expert, end = all ? (int) info->n_experts : first + 1;

      if (*layer == NULL)
        *layer = g_array_new (FALSE, FALSE, sizeof (PlanEntry));
      for (int expert = first; expert < end; expert++)
        {
          PlanEntry entry = { *intervention, i };

          entry.intervention.expert = expert;
          g_array_append_val (*layer, entry);
        }
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

/* The @k largest scores, descending; of equal ones the lower expert first. */
static void
choose_top (const float *scores,
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

static void
weigh (const MoeArch    *arch,
       const MoeHparams *h,
       const float      *probs,
       const guint16    *chosen,
       float            *weights)
{
  float sum = 0;

  for (guint s = 0; s < h->n_used; s++)
    {
      weights[s] = probs[chosen[s]];
      sum += weights[s];
    }
  if (arch->norm_weights)
    for (guint s = 0; s < h->n_used; s++)
      weights[s] /= MAX (sum, MIN_WEIGHT_SUM);
  if (h->weights_scale != 1)
    for (guint s = 0; s < h->n_used; s++)
      weights[s] *= h->weights_scale;
}

static gboolean
acts (const MoeIntervention *intervention,
      MoePhase               phase,
      guint                  position)
{
  gboolean answer = phase == MOE_PHASE_ANSWER || phase == MOE_PHASE_THINKING;

  return position >= intervention->from_token &&
         (intervention->scope == MOE_SCOPE_BOTH || (intervention->scope == MOE_SCOPE_ANSWER) == answer);
}

static int
find_slot (const guint16 *chosen,
           guint          k,
           int            expert)
{
  for (guint s = 0; s < k; s++)
    if (chosen[s] == expert)
      return (int) s;
  return -1;
}

/* Puts @expert into the chosen set in place of the weakest one that is not itself forced. */
static void
add_forced (const GArray *entries,
            MoePhase      phase,
            guint         position,
            guint         k,
            int           expert,
            guint16      *chosen)
{
  if (find_slot (chosen, k, expert) >= 0)
    return;
  for (guint s = k; s-- > 0; )
    {
      gboolean forced = FALSE;

      for (guint i = 0; i < entries->len && !forced; i++)
        {
          const MoeIntervention *other = &g_array_index (entries, PlanEntry, i).intervention;

          forced = other->action == MOE_ACTION_FORCE && other->expert == chosen[s] &&
                   acts (other, phase, position);
        }
      if (!forced)
        {
          for (guint i = s; i + 1 < k; i++)
            chosen[i] = chosen[i + 1];
          chosen[k - 1] = (guint16) expert;
          return;
        }
    }
}

/* Takes the dropped slots out and gives their weight to the others in proportion. */
static void
drop_slots (MoeRouting *routing,
            guint       k)
{
  float before = 0, after = 0;

  for (guint s = 0; s < k; s++)
    {
      before += routing->weights[s];
      if (routing->chosen[s] != MOE_NO_EXPERT)
        after += routing->weights[s];
    }
  for (guint s = 0; s < k; s++)
    if (routing->chosen[s] == MOE_NO_EXPERT)
      routing->weights[s] = 0;
    else
      routing->weights[s] *= before / MAX (after, MIN_WEIGHT_SUM);
}

/* Before top-k: what changes the router logits. Returns whether anything does. */
static gboolean
change_logits (const GArray *entries,
               MoePhase      phase,
               guint         position,
               guint         n,
               const float  *logits,
               float        *changed)
{
  gboolean any = FALSE;
  float max = -INFINITY;

  memcpy (changed, logits, n * sizeof *logits);
  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (!acts (iv, phase, position) || iv->expert < 0)
        continue;
      if (iv->action == MOE_ACTION_BIAS)
        changed[iv->expert] += iv->value;
      else if (iv->action == MOE_ACTION_DISABLE && iv->mode == MOE_MODE_REFILL)
        changed[iv->expert] = -INFINITY;
      else
        continue;
      any = TRUE;
    }
  for (guint e = 0; e < n; e++)
    max = MAX (max, changed[e]);
  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (iv->action == MOE_ACTION_FORCE && iv->mode == MOE_MODE_MAX && acts (iv, phase, position))
        {
          changed[iv->expert] = max + FORCE_MARGIN;
          any = TRUE;
        }
    }
  return any;
}

/* After top-k: forced additions, drops, zeros and scales. */
static void
change_chosen (const MoeArch    *arch,
               const MoeHparams *h,
               const GArray     *entries,
               MoePhase          phase,
               guint             position,
               const float      *probs,
               MoeRouting       *routing)
{
  gboolean dropped = FALSE;

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (iv->action == MOE_ACTION_FORCE && iv->mode == MOE_MODE_ADD && acts (iv, phase, position))
        add_forced (entries, phase, position, h->n_used, iv->expert, routing->chosen);
    }
  weigh (arch, h, probs, routing->chosen, routing->weights);

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;
      int slot = find_slot (routing->chosen, h->n_used, iv->expert);

      if (slot < 0 || !acts (iv, phase, position) || iv->action != MOE_ACTION_DISABLE)
        continue;
      if (iv->mode == MOE_MODE_DROP)
        {
          routing->chosen[slot] = MOE_NO_EXPERT;
          dropped = TRUE;
        }
      if (iv->mode == MOE_MODE_DROP || iv->mode == MOE_MODE_ZERO)
        routing->silent[slot] = 1;
    }
  if (dropped)
    drop_slots (routing, h->n_used);

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;
      int slot = find_slot (routing->chosen, h->n_used, iv->expert);

      if (slot >= 0 && iv->action == MOE_ACTION_SCALE && acts (iv, phase, position))
        routing->weights[slot] *= iv->value;
    }
}

/* Whether @iv made a difference to this token: @plain is the set and @plain_weights are the weights without
 * any intervention, @routing is with all of them. */
static gboolean
made_difference (const MoeIntervention *iv,
                 const MoeHparams      *h,
                 const guint16         *plain,
                 const float           *plain_weights,
                 const MoeRouting      *routing)
{
  int before = find_slot (plain, h->n_used, iv->expert);
  int after = find_slot (routing->chosen, h->n_used, iv->expert);

  if (iv->action == MOE_ACTION_DISABLE)
    return before >= 0 || (after >= 0 && routing->silent[after]);
  if ((before >= 0) != (after >= 0))
    return TRUE;
  return after >= 0 && plain_weights[before] != routing->weights[after];
}

static void
route_with_mask (const MoeArch    *arch,
                 const MoeHparams *h,
                 const float      *logits,
                 const GArray     *entries,
                 MoePhase          phase,
                 guint             position,
                 MoeRouting       *routing,
                 guint64          *changed,
                 guint64          *seen)
{
  float *new_logits = routing->scratch, *new_probs = routing->scratch + h->n_experts;
  g_autofree guint16 *plain = g_memdup2 (routing->chosen, h->n_used * sizeof *plain);
  g_autofree float *plain_weights = g_memdup2 (routing->weights, h->n_used * sizeof *plain_weights);

  if (change_logits (entries, phase, position, h->n_experts, logits, new_logits))
    {
      soft_max (new_logits, h->n_experts, new_probs);
      choose_top (new_probs, h->n_experts, h->n_used, routing->chosen);
    }
  else
    memcpy (new_probs, routing->probs, h->n_experts * sizeof *new_probs);
  change_chosen (arch, h, entries, phase, position, new_probs, routing);

  /* An intervention on all experts has an entry for each, one after the other, but counts once. */
  for (guint i = 0; i < entries->len; )
    {
      const PlanEntry *entry = &g_array_index (entries, PlanEntry, i);
      guint index = entry->index;
      gboolean difference = FALSE;

      if (acts (&entry->intervention, phase, position))
        seen[index]++;
      for (; i < entries->len && g_array_index (entries, PlanEntry, i).index == index; i++)
        {
          entry = &g_array_index (entries, PlanEntry, i);
          difference = difference || (acts (&entry->intervention, phase, position) &&
                                      made_difference (&entry->intervention, h, plain, plain_weights,
                                                       routing));
        }
      if (difference)
        changed[index]++;
    }
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

  soft_max (logits, h->n_experts, routing->probs);
  choose_top (routing->probs, h->n_experts, h->n_used, routing->chosen);
  weigh (arch, h, routing->probs, routing->chosen, routing->weights);
  memset (routing->silent, 0, h->n_used);
  if (entries != NULL)
    route_with_mask (arch, h, logits, entries, phase, position, routing, changed, seen);
}
