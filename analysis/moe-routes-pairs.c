/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-pairs"

#include "analysis/moe-routes-private.h"

#include <math.h>

#define STRIDE 1024

static gboolean
step (const MoeRoutes    *self,
      gsize               token,
      const MoeProgress  *progress,
      const char         *what,
      GError            **error)
{
  return token % STRIDE != 0 || moe_progress_step (progress, (double) token / (double) self->n_tokens, what,
                                                   error);
}

/* (E, E): tokens that chose row in MoE layer @from and column in @to; with @top1 as the strongest. */
static guint32 *
count_pairs (const MoeRoutes    *self,
             guint               from,
             guint               to,
             gboolean            top1,
             const MoeProgress  *progress,
             GError            **error)
{
  g_autofree guint32 *pairs = g_new0 (guint32, (gsize) self->n_experts * self->n_experts);

  for (gsize token = 0; token < self->n_tokens; token++)
    {
      const guint16 *a = moe_routes_get (self, token, from), *b = moe_routes_get (self, token, to);

      if (!step (self, token, progress, "counting pairs", error))
        return NULL;
      if (top1)
        {
          guint16 i = moe_routes_get_strongest (self, token, from);
          guint16 j = moe_routes_get_strongest (self, token, to);

          if (i != MOE_NO_EXPERT && j != MOE_NO_EXPERT)
            pairs[(gsize) i * self->n_experts + j]++;
          continue;
        }
      for (guint i = 0; i < self->n_slots; i++)
        for (guint j = 0; j < self->n_slots; j++)
          if (a[i] != MOE_NO_EXPERT && b[j] != MOE_NO_EXPERT)
            pairs[(gsize) a[i] * self->n_experts + b[j]]++;
    }
  return g_steal_pointer (&pairs);
}

/* tokens, share and lift in the three columns from @column on. */
static void
set_pair (MoeTable *table,
          guint     row,
          guint     column,
          guint64   both,
          guint64   one,
          guint64   other,
          gsize     n_tokens)
{
  moe_table_set_int (table, row, column, (gint64) both);
  if (one > 0)
    moe_table_set_double (table, row, column + 1, (double) both / (double) one);
  if (one > 0 && other > 0)
    moe_table_set_double (table, row, column + 2,
                          (double) both * (double) n_tokens / ((double) one * (double) other));
}

static void
add_pair_columns (MoeTable *table)
{
  moe_table_add_column (table, "tokens", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "lift", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
}

gboolean
moe_routes_coactivation (const MoeRoutes         *self,
                         const MoeRoutesOptions  *options,
                         int                      layer,
                         MoeTable                *table,
                         const MoeProgress       *progress,
                         GError                 **error)
{
  g_autofree guint32 *pairs = count_pairs (self, (guint) layer, (guint) layer, FALSE, progress, error);
  g_autofree guint64 *hits = NULL;

  if (pairs == NULL)
    return FALSE;
  hits = moe_routes_count (self, (guint) layer, FALSE);
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "other", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  add_pair_columns (table);
  for (guint i = 0; i < self->n_experts; i++)
    for (guint j = 0; j < self->n_experts; j++)
      if (i != j)
        {
          guint row = moe_table_append_row (table);

          moe_table_set_int (table, row, 0, self->info->moe_layers[layer]);
          moe_table_set_int (table, row, 1, i);
          moe_table_set_int (table, row, 2, j);
          set_pair (table, row, 3, pairs[(gsize) i * self->n_experts + j], hits[i], hits[j], self->n_tokens);
        }
  return TRUE;
}

gboolean
moe_routes_affinity (const MoeRoutes         *self,
                     const MoeRoutesOptions  *options,
                     int                      layer,
                     MoeTable                *table,
                     const MoeProgress       *progress,
                     GError                 **error)
{
  g_autofree guint32 *pairs = count_pairs (self, (guint) layer, (guint) layer + 1, options->top1, progress,
                                           error);
  g_autofree guint64 *hits = NULL;
  g_autofree guint64 *next = NULL;

  if (pairs == NULL)
    return FALSE;
  hits = moe_routes_count (self, (guint) layer, options->top1);
  next = moe_routes_count (self, (guint) layer + 1, options->top1);
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "next_layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "next_expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  add_pair_columns (table);
  for (guint i = 0; i < self->n_experts; i++)
    for (guint j = 0; j < self->n_experts; j++)
      {
        guint row = moe_table_append_row (table);

        moe_table_set_int (table, row, 0, self->info->moe_layers[layer]);
        moe_table_set_int (table, row, 1, i);
        moe_table_set_int (table, row, 2, self->info->moe_layers[layer + 1]);
        moe_table_set_int (table, row, 3, j);
        set_pair (table, row, 4, pairs[(gsize) i * self->n_experts + j], hits[i], next[j], self->n_tokens);
      }
  return TRUE;
}

/* --- prediction --------------------------------------------------------------------------------------- */

/* How many of @scores (@n) come before that of @expert; of equal ones those with the lower number do. */
static guint
get_rank (const double *scores,
          guint         n,
          guint         expert)
{
  guint rank = 0;

  for (guint i = 0; i < n; i++)
    if (scores[i] > scores[expert] || (scores[i] == scores[expert] && i < expert))
      rank++;
  return rank;
}

gboolean
moe_routes_recall (const MoeRoutes         *self,
                   const MoeRoutesOptions  *options,
                   int                      layer,
                   MoeTable                *table,
                   const MoeProgress       *progress,
                   GError                 **error)
{
  guint n = self->n_experts;
  MoeProgressPart part;
  g_autofree guint32 *pairs = count_pairs (self, (guint) layer, (guint) layer + 1, FALSE,
                                           moe_progress_part_init (&part, progress, 0, 0.2), error);
  g_autofree guint64 *hits = NULL;
  g_autofree guint64 *next = NULL;
  g_autofree double *scores = g_new (double, MAX (n, 1));
  g_autofree double *loads = g_new (double, MAX (n, 1));
  g_autofree guint64 *found = g_new0 (guint64, (gsize) n + 1); /* by rank */
  g_autofree guint64 *found_by_load = g_new0 (guint64, (gsize) n + 1);
  guint64 n_chosen = 0, sum = 0, sum_by_load = 0;

  if (pairs == NULL)
    return FALSE;
  hits = moe_routes_count (self, (guint) layer, FALSE);
  next = moe_routes_count (self, (guint) layer + 1, FALSE);
  progress = moe_progress_part_init (&part, progress, 0.2, 1);
  for (gsize token = 0; token < self->n_tokens; token++)
    {
      const guint16 *a = moe_routes_get (self, token, (guint) layer);
      const guint16 *b = moe_routes_get (self, token, (guint) layer + 1);

      if (!step (self, token, progress, "predicting", error))
        return FALSE;
      for (guint j = 0; j < n; j++)
        {
          gboolean own = FALSE;

          for (guint slot = 0; slot < self->n_slots; slot++)
            own |= b[slot] == j;
          loads[j] = (double) next[j] - own;
          scores[j] = 0;
          for (guint slot = 0; slot < self->n_slots; slot++)
            if (a[slot] != MOE_NO_EXPERT && hits[a[slot]] > 1)
              scores[j] += (pairs[(gsize) a[slot] * n + j] - (double) own) / ((double) hits[a[slot]] - 1);
        }
      for (guint slot = 0; slot < self->n_slots; slot++)
        if (b[slot] != MOE_NO_EXPERT)
          {
            found[get_rank (scores, n, b[slot])]++;
            found_by_load[get_rank (loads, n, b[slot])]++;
            n_chosen++;
          }
    }

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "next_layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "candidates", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "recall", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "recall_by_load", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < n; i++)
    {
      guint row = moe_table_append_row (table);

      sum += found[i];
      sum_by_load += found_by_load[i];
      moe_table_set_int (table, row, 0, self->info->moe_layers[layer]);
      moe_table_set_int (table, row, 1, self->info->moe_layers[layer + 1]);
      moe_table_set_int (table, row, 2, i + 1);
      if (n_chosen > 0)
        {
          moe_table_set_double (table, row, 3, (double) sum / (double) n_chosen);
          moe_table_set_double (table, row, 4, (double) sum_by_load / (double) n_chosen);
        }
    }
  return TRUE;
}
