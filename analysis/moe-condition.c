/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-condition"

#include "analysis/moe-condition.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/moe-resample.h"
#include "data/moe-error.h"
#include "data/moe-number.h"

/* Draws are among this share of the experts left, and at least so many. */
#define NEAR_SHARE 4
#define NEAR_LEAST 4

#define MAX_RANDOM 1000

/* Of the draws of random controls; see moe_resample_random(). */
#define CONTROL_STREAM 0x636f6e74u

static void
condition_free (gpointer data)
{
  MoeCondition *self = data;

  g_free (self->name);
  moe_mask_unref (self->mask);
  g_free (self);
}

static void
append (GPtrArray  *conditions,
        const char *name,
        const char *control,
        MoeMask    *mask)
{
  MoeCondition *self = g_new0 (MoeCondition, 1);

  if (control == NULL)
    self->name = g_strdup (name);
  else if (g_str_equal (name, "mask"))
    self->name = g_strdup (control);
  else
    self->name = g_strconcat (name, "/", control, NULL);
  self->mask = mask;
  g_ptr_array_add (conditions, self);
}

gboolean
moe_conditions_add_sweep (GPtrArray           *conditions,
                          const MoeSweep      *sweep,
                          const MoeModelInfo  *info,
                          GError             **error)
{
  g_return_val_if_fail (conditions != NULL && sweep != NULL && info != NULL, FALSE);
  g_return_val_if_fail (sweep->ranking != NULL || sweep->counts->len == 0, FALSE);

  if (moe_mask_get_n (sweep->mask) > 0
      && !moe_conditions_add (conditions, "mask", sweep->mask, &sweep->controls, sweep->ranking, info,
                              sweep->loads, sweep->seed, error))
    return FALSE;
  for (guint i = 0; i < sweep->counts->len; i++)
    {
      guint n = (guint) g_array_index (sweep->counts, double, i);
      g_autofree char *name = g_strdup_printf ("top:%u", n);
      g_autoptr(MoeMask) bare = moe_ranking_make_mask (sweep->ranking, n, FALSE, sweep->top_mode,
                                                       MOE_SCOPE_BOTH);
      g_autoptr(MoeMask) top = moe_mask_with_means (bare, sweep->means);

      if (!moe_conditions_add (conditions, name, top, &sweep->controls, sweep->ranking, info, sweep->loads,
                               sweep->seed, error))
        return FALSE;
    }
  for (guint i = 0; i < sweep->strengths->len; i++)
    if (!moe_conditions_add_strength (conditions, sweep->mask, g_array_index (sweep->strengths, double, i),
                                      &sweep->controls, sweep->ranking, info, sweep->loads, sweep->seed,
                                      error))
      return FALSE;
  return TRUE;
}

GPtrArray *
moe_conditions_new (void)
{
  GPtrArray *conditions = g_ptr_array_new_with_free_func (condition_free);

  append (conditions, "plain", NULL, NULL);
  return conditions;
}

void
moe_conditions_add_one (GPtrArray  *conditions,
                        const char *name,
                        MoeMask    *mask)
{
  append (conditions, name, NULL, mask != NULL ? moe_mask_ref (mask) : NULL);
}

gboolean
moe_controls_parse (const char   *text,
                    MoeControls  *controls,
                    GError      **error)
{
  g_auto (GStrv) words = NULL;

  g_return_val_if_fail (text != NULL && controls != NULL, FALSE);

  memset (controls, 0, sizeof *controls);
  if (g_str_equal (text, "none"))
    return TRUE;
  words = g_strsplit (*text != '\0' ? text : " ", ",", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *word = g_strstrip (words[i]);
      guint64 n;

      if (g_str_equal (word, "reversed"))
        {
          controls->reversed = TRUE;
        }
      else if (g_str_equal (word, "bottom"))
        {
          controls->bottom = TRUE;
        }
      else if (g_str_has_prefix (word, "random:") &&
               g_ascii_string_to_unsigned (word + strlen ("random:"), 10, 1, MAX_RANDOM, &n, NULL))
        {
          controls->n_random = (guint) n;
        }
      else
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       "'%s' is none of random:N (1 to %d), reversed, bottom and none", word, MAX_RANDOM);
          return FALSE;
        }
    }
  return TRUE;
}

typedef struct
{
  guint   expert;
  guint64 distance;
} Candidate;

static int
compare_candidates (const void *a,
                    const void *b)
{
  const Candidate *first = a, *second = b;

  if (first->distance != second->distance)
    return first->distance < second->distance ? -1 : 1;
  return first->expert < second->expert ? -1 : 1;
}

/* Another expert for (@row, @expert), none of @taken (E), which gets it; -1 when there is none. */
static int
draw (const MoeModelInfo *info,
      const guint64      *loads, /* (E) of the layer */
      guint               expert,
      guint8             *taken,
      GRand              *random)
{
  g_autofree Candidate *left = g_new (Candidate, info->n_experts);
  guint n = 0, near;

  for (guint e = 0; e < info->n_experts; e++)
    if (!taken[e])
      left[n++] = (Candidate) { e, loads[e] > loads[expert] ? loads[e] - loads[expert]
                                                            : loads[expert] - loads[e] };
  if (n == 0)
    return -1;
  qsort (left, n, sizeof *left, compare_candidates);
  near = MIN (n, MAX (NEAR_LEAST, n / NEAR_SHARE));
  n = (guint) g_rand_int_range (random, 0, (gint32) near);
  taken[left[n].expert] = 1;
  return (int) left[n].expert;
}

MoeMask *
moe_mask_draw_random (const MoeMask      *mask,
                      const MoeModelInfo *info,
                      const guint64      *loads,
                      guint64             seed,
                      GError            **error)
{
  gsize n_cells = (gsize) info->n_moe_layers * info->n_experts;
  g_autofree guint8 *taken = g_new0 (guint8, n_cells);
  g_autofree int *instead = g_new (int, n_cells); /* what took the place of each expert of the mask */
  guint n = moe_mask_get_n (mask);
  g_autofree MoeIntervention *drawn = g_new (MoeIntervention, MAX (n, 1));

  g_autoptr (GRand) random = moe_resample_random (seed, CONTROL_STREAM);
  g_autoptr (MoeMask) result = NULL;

  g_return_val_if_fail (loads != NULL, NULL);

  for (gsize i = 0; i < n_cells; i++)
    instead[i] = -1;
  for (guint i = 0; i < n; i++)
    {
      const MoeIntervention *one = moe_mask_get (mask, i);
      int row = one->layer >= 0 ? moe_model_info_find_moe_layer (info, (guint) one->layer) : -1;

      if (row >= 0 && one->expert >= 0)
        taken[(gsize) row * info->n_experts + (guint) one->expert] = 1;
    }

  for (guint i = 0; i < n; i++)
    {
      int row;
      gsize base;

      drawn[i] = *moe_mask_get (mask, i);
      row = drawn[i].layer >= 0 ? moe_model_info_find_moe_layer (info, (guint) drawn[i].layer) : -1;
      if (row < 0 || drawn[i].expert < 0)
        continue;
      base = (gsize) row * info->n_experts;
      if (instead[base + (guint) drawn[i].expert] < 0)
        instead[base + (guint) drawn[i].expert] = draw (info, loads + base, (guint) drawn[i].expert,
                                                        taken + base, random);
      if (instead[base + (guint) drawn[i].expert] < 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       "layer %d has too few other experts for a random control", drawn[i].layer);
          return NULL;
        }
      drawn[i].expert = instead[base + (guint) drawn[i].expert];
    }
  result = moe_mask_new (drawn, n);
  return moe_mask_with_means (result, moe_mask_get_means (mask));
}

/* FALSE when there is no opposite. */
static gboolean
reverse (MoeIntervention *one)
{
  switch (one->action)
    {
    case MOE_ACTION_DISABLE:
      one->action = MOE_ACTION_FORCE;
      one->mode = MOE_MODE_MAX;
      return one->expert >= 0;
    case MOE_ACTION_FORCE:
      one->action = MOE_ACTION_DISABLE;
      one->mode = MOE_MODE_REFILL;
      return TRUE;
    case MOE_ACTION_BIAS:
      one->value = -one->value;
      return TRUE;
    case MOE_ACTION_SCALE:
      one->value = one->value != 0 ? 1 / one->value : 2;
      return TRUE;
    default:
      return FALSE;
    }
}

/* The same at another strength; FALSE when nothing is left of it. */
static gboolean
grade (MoeIntervention *one,
       double           strength)
{
  switch (one->action)
    {
    case MOE_ACTION_BIAS:
      one->value = (float) ((double) one->value * strength);
      return TRUE;
    case MOE_ACTION_SCALE:
      one->value = (float) (1 + ((double) one->value - 1) * strength);
      return TRUE;
    case MOE_ACTION_DISABLE:
      if (strength != 1)
        {
          one->action = MOE_ACTION_SCALE;
          one->value = (float) (1 - strength);
        }
      return TRUE;
    default:
      return strength != 0;
    }
}

static gboolean
is_graded (MoeAction action)
{
  return action == MOE_ACTION_BIAS || action == MOE_ACTION_SCALE || action == MOE_ACTION_DISABLE;
}

/* Of a sweep over strengths the opposite is the mask at the strength below 0, where it has one. */
static MoeMask *
reverse_all (const MoeMask       *mask,
             const double        *strength, /* or NULL */
             const MoeModelInfo  *info,
             GError             **error)
{
  g_autoptr (MoeMask) result = moe_mask_new (NULL, 0);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      MoeIntervention one = *moe_mask_get (mask, i);
      MoeMask *longer;

      if (!(strength != NULL && is_graded (one.action) ? grade (&one, -*strength) : reverse (&one)))
        continue;
      longer = moe_mask_with (result, &one);
      /* More than a layer can force, say, is left out. */
      if (!moe_mask_validate (longer, info, NULL))
        {
          moe_mask_unref (longer);
          continue;
        }
      moe_mask_unref (result);
      result = longer;
    }
  if (moe_mask_get_n (result) == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "nothing in the mask has an opposite");
      return NULL;
    }
  return moe_mask_with_means (result, moe_mask_get_means (mask));
}

MoeMask *
moe_mask_reverse (const MoeMask       *mask,
                  const MoeModelInfo  *info,
                  GError             **error)
{
  return reverse_all (mask, NULL, info, error);
}

MoeMask *
moe_mask_at_strength (const MoeMask *mask,
                      double         strength)
{
  g_autoptr (MoeMask) result = moe_mask_new (NULL, 0);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      MoeIntervention one = *moe_mask_get (mask, i);
      MoeMask *longer;

      if (!grade (&one, strength))
        continue;
      longer = moe_mask_with (result, &one);
      moe_mask_unref (result);
      result = longer;
    }
  return moe_mask_with_means (result, moe_mask_get_means (mask));
}

static guint
count_disabled (const MoeMask *mask)
{
  guint n = 0;

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    n += moe_mask_get (mask, i)->action == MOE_ACTION_DISABLE;
  return n;
}

static MoeMask *
make_bottom (const MoeMask     *mask,
             const MoeRanking  *ranking,
             GError           **error)
{
  MoeIntervention first = { .mode = MOE_MODE_REFILL };
  guint n = count_disabled (mask);
  g_autoptr (MoeMask) bottom = NULL;

  if (ranking == NULL || n == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, n == 0
                           ? "the bottom of a ranking is a control for disabled experts only"
                           : "the control bottom needs a ranking");
      return NULL;
    }
  for (guint i = moe_mask_get_n (mask); i-- > 0; )
    if (moe_mask_get (mask, i)->action == MOE_ACTION_DISABLE)
      first = *moe_mask_get (mask, i);
  bottom = moe_ranking_make_mask (ranking, n, TRUE, first.mode, first.scope);
  return moe_mask_with_means (bottom, moe_mask_get_means (mask));
}

/* Appends @mask (transfer full, NULL after a failure), at @strength unless that is NULL. */
static gboolean
append_graded (GPtrArray    *conditions,
               const char   *name,
               const char   *control,
               MoeMask      *mask,
               const double *strength)
{
  if (mask == NULL)
    return FALSE;
  append (conditions, name, control, strength != NULL ? moe_mask_at_strength (mask, *strength)
                                                      : moe_mask_ref (mask));
  moe_mask_unref (mask);
  return TRUE;
}

static gboolean
add_all (GPtrArray           *conditions,
         const char          *name,
         MoeMask             *mask,
         const double        *strength, /* or NULL */
         const MoeControls   *controls,
         const MoeRanking    *ranking,
         const MoeModelInfo  *info,
         const guint64       *loads,
         guint64              seed,
         GError             **error)
{
  append_graded (conditions, name, NULL, moe_mask_ref (mask), strength);
  for (guint i = 0; i < controls->n_random; i++)
    {
      g_autofree char *control = g_strdup_printf ("random:%u", i + 1);

      if (!append_graded (conditions, name, control,
                          moe_mask_draw_random (mask, info, loads, seed * MAX_RANDOM + i, error), strength))
        return FALSE;
    }
  if (controls->reversed
      && !append_graded (conditions, name, "reversed", reverse_all (mask, strength, info, error), NULL))
    return FALSE;
  return !controls->bottom
         || append_graded (conditions, name, "bottom", make_bottom (mask, ranking, error), strength);
}

gboolean
moe_conditions_add (GPtrArray          *conditions,
                    const char         *name,
                    MoeMask            *mask,
                    const MoeControls  *controls,
                    const MoeRanking   *ranking,
                    const MoeModelInfo *info,
                    const guint64      *loads,
                    guint64             seed,
                    GError            **error)
{
  g_return_val_if_fail (conditions != NULL && name != NULL && mask != NULL, FALSE);
  g_return_val_if_fail (controls != NULL && info != NULL, FALSE);

  return add_all (conditions, name, mask, NULL, controls, ranking, info, loads, seed, error);
}

gboolean
moe_conditions_add_strength (GPtrArray           *conditions,
                             MoeMask             *mask,
                             double               strength,
                             const MoeControls   *controls,
                             const MoeRanking    *ranking,
                             const MoeModelInfo  *info,
                             const guint64       *loads,
                             guint64              seed,
                             GError             **error)
{
  const MoeControls none = { 0 };
  char buffer[MOE_NUMBER_BUFFER];
  g_autofree char *name = NULL;

  g_return_val_if_fail (conditions != NULL && mask != NULL && controls != NULL && info != NULL, FALSE);

  name = g_strconcat ("strength:", moe_number_format_double (buffer, strength), NULL);
  return add_all (conditions, name, mask, &strength, strength != 0 ? controls : &none, ranking, info, loads,
                  seed, error);
}
