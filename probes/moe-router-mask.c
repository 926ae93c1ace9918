/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-router-mask"

#include "probes/moe-router-private.h"

#include <math.h>

/* SteerMoE (arXiv 2509.09660): a forced expert's log-softmax score is the largest one plus this. */
#define FORCE_MARGIN 0.01f

gboolean
moe_mask_entry_acts (const MoeIntervention *intervention,
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

static gboolean
is_forced (const GArray *entries,
           MoePhase      phase,
           guint         position,
           int           expert)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (iv->action == MOE_ACTION_FORCE && iv->expert == expert && moe_mask_entry_acts (iv, phase, position))
        return TRUE;
    }
  return FALSE;
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
    if (!is_forced (entries, phase, position, chosen[s]))
      {
        for (guint i = s; i + 1 < k; i++)
          chosen[i] = chosen[i + 1];
        chosen[k - 1] = (guint16) expert;
        return;
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

/* What the router of a layer is told for one token. */
typedef struct
{
  float    temperature;
  guint    k;
  float    top_p;   /* 1 = off */
  gboolean renorm;  /* after top_p */
  gboolean random;
  guint64  seed;
  guint    rank;    /* 0 = off */
} RouterSettings;

static RouterSettings
get_settings (const GArray *entries,
              MoePhase      phase,
              guint         position,
              guint         k)
{
  RouterSettings settings = { .temperature = 1, .k = k, .top_p = 1 };

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (iv->action != MOE_ACTION_ROUTER || !moe_mask_entry_acts (iv, phase, position))
        continue;
      switch (iv->mode)
        {
        case MOE_MODE_TEMPERATURE:
          settings.temperature = iv->value;
          break;
        case MOE_MODE_TOP_K:
          settings.k = (guint) iv->value;
          break;
        case MOE_MODE_RANK:
          settings.rank = (guint) iv->value;
          break;
        case MOE_MODE_TOP_P:
        case MOE_MODE_TOP_P_RENORM:
          settings.top_p = iv->value;
          settings.renorm = iv->mode == MOE_MODE_TOP_P_RENORM;
          break;
        case MOE_MODE_RANDOM:
          settings.random = TRUE;
          settings.seed = (guint64) iv->value;
          break;
        default:
          g_assert_not_reached ();
        }
    }
  return settings;
}

/* splitmix64 (Steele, Lea and Flood 2014). */
static guint64
next_random (guint64 *state)
{
  guint64 z = *state += 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* As many different experts as are used, each that is not disabled with the same chance. The draw depends on
 * the seed, the layer, the position and the token's router logits only, so it is the same for any batch and
 * any threads. */
static void
choose_random (const RouterSettings *settings,
               guint                 layer,
               guint                 position,
               guint                 n,
               const float          *logits,
               guint16              *chosen)
{
  g_autofree guint16 *pool = g_new (guint16, n);
  guint64 state = settings->seed * 0x2545f4914f6cdd1du + ((guint64) layer << 32 | position);
  guint left = 0;

  for (guint e = 0; e < n; e++)
    {
      guint32 bits;

      memcpy (&bits, &logits[e], sizeof bits);
      state ^= bits;
      next_random (&state);
      if (logits[e] != -INFINITY)
        pool[left++] = (guint16) e;
    }
  for (guint s = 0; s < settings->k; s++)
    {
      guint at = (guint) (next_random (&state) % left);

      chosen[s] = pool[at];
      pool[at] = pool[--left];
    }
}

/* Before top-k: what changes the router logits. Returns whether anything does. */
static gboolean
change_logits (const GArray *entries,
               MoePhase      phase,
               guint         position,
               float         temperature,
               guint         n,
               const float  *logits,
               float        *changed)
{
  gboolean any = temperature != 1;
  float max = -INFINITY;

  for (guint e = 0; e < n; e++)
    changed[e] = any ? logits[e] / temperature : logits[e];
  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (!moe_mask_entry_acts (iv, phase, position) || iv->expert < 0)
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

      if (iv->action == MOE_ACTION_FORCE && iv->mode == MOE_MODE_MAX &&
          moe_mask_entry_acts (iv, phase, position))
        {
          changed[iv->expert] = max + FORCE_MARGIN;
          any = TRUE;
        }
    }
  return any;
}

/* The smallest share of slots, strongest first, whose probabilities reach top_p stays (arXiv 2403.07652), and
 * what is forced. */
static void
cut_top_p (const GArray         *entries,
           MoePhase              phase,
           guint                 position,
           const RouterSettings *settings,
           const float          *probs,
           guint                 n,
           MoeRouting           *routing)
{
  float sum = 0, reached = 0;
  gboolean any = FALSE;

  for (guint e = 0; e < n; e++)
    sum += probs[e];
  for (guint s = 0; s < settings->k; s++)
    {
      gboolean enough = reached >= settings->top_p * sum;

      reached += probs[routing->chosen[s]];
      if (!enough || is_forced (entries, phase, position, routing->chosen[s]))
        continue;
      routing->chosen[s] = MOE_NO_EXPERT;
      routing->silent[s] = MOE_SLOT_SILENT;
      any = TRUE;
    }
  if (any && settings->renorm)
    drop_slots (routing, settings->k);
  for (guint s = 0; s < settings->k; s++)
    if (routing->chosen[s] == MOE_NO_EXPERT)
      routing->weights[s] = 0;
}

/* The slot's expert is not computed: what stands in its place. */
static guint8
get_silence (MoeMode mode)
{
  switch (mode)
    {
    case MOE_MODE_DROP:
    case MOE_MODE_ZERO:
      return MOE_SLOT_SILENT;
    case MOE_MODE_MEAN:
      return MOE_SLOT_MEAN;
    case MOE_MODE_COPY:
      return MOE_SLOT_COPY;
    default:
      return MOE_SLOT_COMPUTED;
    }
}

/* After top-k: forced additions, the router's own cuts, drops, zeros and scales. */
static void
change_chosen (const MoeHparams     *h,
               const GArray         *entries,
               MoePhase              phase,
               guint                 position,
               const RouterSettings *settings,
               const float          *logits,
               const float          *probs,
               MoeRouting           *routing)
{
  gboolean dropped = FALSE;

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (iv->action == MOE_ACTION_FORCE && iv->mode == MOE_MODE_ADD &&
          moe_mask_entry_acts (iv, phase, position))
        add_forced (entries, phase, position, settings->k, iv->expert, routing->chosen);
    }
  /* Random experts have the weights of those in whose places they are. */
  if (!settings->random)
    moe_router_weigh (h, logits, probs, routing->chosen, settings->k, routing->weights);
  for (guint s = settings->k; s < h->n_used; s++)
    {
      routing->chosen[s] = MOE_NO_EXPERT;
      routing->weights[s] = 0;
      routing->silent[s] = MOE_SLOT_SILENT;
    }
  if (settings->top_p < 1)
    cut_top_p (entries, phase, position, settings, probs, h->n_experts, routing);

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;
      int slot = find_slot (routing->chosen, h->n_used, iv->expert);

      if (slot < 0 || !moe_mask_entry_acts (iv, phase, position) || iv->action != MOE_ACTION_DISABLE)
        continue;
      if (iv->mode == MOE_MODE_DROP)
        {
          routing->chosen[slot] = MOE_NO_EXPERT;
          dropped = TRUE;
        }
      routing->silent[slot] = get_silence (iv->mode);
    }
  if (dropped)
    drop_slots (routing, h->n_used);

  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;
      int slot = find_slot (routing->chosen, h->n_used, iv->expert);

      if (slot >= 0 && iv->action == MOE_ACTION_SCALE && moe_mask_entry_acts (iv, phase, position))
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

  if (iv->action == MOE_ACTION_CLAMP) /* shows when the expert is computed */
    return FALSE;
  if (iv->action == MOE_ACTION_ROUTER)
    return memcmp (plain, routing->chosen, h->n_used * sizeof *plain) != 0 ||
           memcmp (plain_weights, routing->weights, h->n_used * sizeof *plain_weights) != 0;

  if (iv->action == MOE_ACTION_DISABLE)
    return before >= 0 || (after >= 0 && routing->silent[after]);
  if ((before >= 0) != (after >= 0))
    return TRUE;
  return after >= 0 && plain_weights[before] != routing->weights[after];
}

/* An expert forced to the top of the logits is chosen also where something else than the logits chooses. */
static void
raise_forced (const GArray *entries,
              MoePhase      phase,
              guint         position,
              float        *scores)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const MoeIntervention *iv = &g_array_index (entries, PlanEntry, i).intervention;

      if (iv->action == MOE_ACTION_FORCE && iv->mode == MOE_MODE_MAX &&
          moe_mask_entry_acts (iv, phase, position))
        scores[iv->expert] = INFINITY;
    }
}

void
moe_router_apply_mask (const MoeHparams *h,
                       const float      *logits,
                       const GArray     *entries,
                       MoePhase          phase,
                       guint             position,
                       MoeRouting       *routing,
                       guint64          *changed,
                       guint64          *seen)
{
  RouterSettings settings = get_settings (entries, phase, position, h->n_used);
  float *new_logits = routing->scratch, *new_probs = new_logits + h->n_experts;
  float *scores = new_probs + h->n_experts, *sums = scores + h->n_experts;
  g_autofree guint16 *plain = g_memdup2 (routing->chosen, h->n_used * sizeof *plain);
  g_autofree float *plain_weights = g_memdup2 (routing->weights, h->n_used * sizeof *plain_weights);

  if (change_logits (entries, phase, position, settings.temperature, h->n_experts, logits, new_logits))
    {
      moe_router_gate (h, new_logits, new_probs);
      moe_router_get_scores (h, routing->selection_bias, new_logits, new_probs, scores, sums);
      raise_forced (entries, phase, position, scores);
      moe_router_choose_top (scores, h->n_experts, settings.k, routing->chosen);
    }
  else
    memcpy (new_probs, routing->probs, h->n_experts * sizeof *new_probs);
  if (settings.rank > 0)
    {
      routing->chosen[0] = routing->chosen[settings.rank - 1];
      settings.k = 1;
    }
  if (settings.random)
    {
      moe_router_weigh (h, logits, routing->probs, plain, settings.k, routing->weights);
      choose_random (&settings, (guint) g_array_index (entries, PlanEntry, 0).intervention.layer, position,
                     h->n_experts, new_logits, routing->chosen);
    }
  change_chosen (h, entries, phase, position, &settings, new_logits, new_probs, routing);

  /* An intervention on all experts has an entry for each, one after the other, but counts once. */
  for (guint i = 0; i < entries->len; )
    {
      const PlanEntry *entry = &g_array_index (entries, PlanEntry, i);
      guint index = entry->index;
      gboolean difference = FALSE;

      if (moe_mask_entry_acts (&entry->intervention, phase, position))
        seen[index]++;
      for (; i < entries->len && g_array_index (entries, PlanEntry, i).index == index; i++)
        {
          entry = &g_array_index (entries, PlanEntry, i);
          difference = difference || (moe_mask_entry_acts (&entry->intervention, phase, position) &&
                                      made_difference (&entry->intervention, h, plain, plain_weights,
                                                       routing));
        }
      if (difference)
        changed[index]++;
    }
}
