/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-load"

#include "analysis/moe-routes-private.h"

#include <math.h>
#include <string.h>

static const guint device_counts[] = { 2, 4, 8, 16 };
static const guint tiles[] = { 8, 16, 32, 64, 128 };
static const guint batches[] = { 16, 64, 256, 1024, 4096 };
static const double top_ps[] = { 0.5, 0.7, 0.8, 0.9, 0.95 };

static int
compare_counts (gconstpointer a,
                gconstpointer b)
{
  guint64 one = *(const guint64 *) a, other = *(const guint64 *) b;

  return one > other ? -1 : one < other;
}

/* The fewest of the sorted @hits that hold @share of them. */
static guint
count_holders (const guint64 *hits,
               guint          n,
               guint64        total,
               double         share)
{
  guint64 sum = 0;
  guint i = 0;

  while (i < n && (double) sum < share * (double) total)
    sum += hits[i++];
  return i;
}

static void
add_balance (MoeTable *table,
             guint     row,
             guint64  *hits,
             guint     n)
{
  double total = 0, squares = 0, entropy = 0, gini = 0, mean;
  guint unused = 0;

  qsort (hits, n, sizeof *hits, compare_counts);
  for (guint i = 0; i < n; i++)
    total += (double) hits[i];
  moe_table_set_int (table, row, 2, (gint64) total);
  if (total <= 0)
    return;
  mean = total / n;
  for (guint i = 0; i < n; i++)
    {
      double share = (double) hits[i] / total;

      squares += ((double) hits[i] - mean) * ((double) hits[i] - mean);
      entropy -= share > 0 ? share * log (share) : 0;
      /* Of ascending counts: sum (2 i - n - 1) c_i / (n sum c), i from 1. */
      gini += (2.0 * (n - i) - n - 1) * (double) hits[i];
      unused += hits[i] == 0;
    }
  moe_table_set_double (table, row, 3, squares / n / (mean * mean));
  moe_table_set_double (table, row, 4, (double) hits[0] / mean - 1);
  moe_table_set_double (table, row, 5, gini / (n * total));
  if (n > 1)
    moe_table_set_double (table, row, 6, entropy / log (n));
  moe_table_set_double (table, row, 7, exp (entropy));
  moe_table_set_int (table, row, 8, count_holders (hits, n, (guint64) total, 0.8));
  moe_table_set_int (table, row, 9, count_holders (hits, n, (guint64) total, 0.9));
  moe_table_set_int (table, row, 10, unused);
}

gboolean
moe_routes_balance (const MoeRoutes         *self,
                    const MoeRoutesOptions  *options,
                    int                      layer,
                    MoeTable                *table,
                    const MoeProgress       *progress,
                    GError                 **error)
{
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "tokens", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "hits", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "cv_squared", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "max_violation", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "gini", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "entropy", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "effective_experts", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "k80", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "k90", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "unused", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "router_entropy", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "margin", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < self->n_layers; i++)
    {
      g_autofree guint64 *hits = moe_routes_count (self, i, FALSE);
      guint row = moe_table_append_row (table);

      if (!moe_progress_step (progress, (double) i / self->n_layers, "counting", error))
        return FALSE;
      moe_table_set_int (table, row, 0, self->info->moe_layers[i]);
      moe_table_set_int (table, row, 1, (gint64) self->n_tokens);
      add_balance (table, row, hits, self->n_experts);
      if (self->entropy[i].n > 0 && self->n_experts > 1)
        moe_table_set_double (table, row, 11, self->entropy[i].sum / (double) self->entropy[i].n
                                                  / log (self->n_experts));
      if (self->margin[i].n > 0)
        moe_table_set_double (table, row, 12, self->margin[i].sum / (double) self->margin[i].n);
    }
  return TRUE;
}

/* --- what if ------------------------------------------------------------------------------------------ */

static guint
get_device (const MoeRoutes *self,
            guint            expert,
            guint            n_devices)
{
  return expert * n_devices / self->n_experts;
}

static void
add_devices (const MoeRoutes *self,
             guint            layer,
             guint            n_devices,
             MoeTable        *table)
{
  g_autofree guint64 *hits = g_new0 (guint64, n_devices);
  g_autofree gsize *seen = g_new0 (gsize, n_devices); /* token + 1 that was there last */
  guint64 total = 0, most = 0, n_devices_used = 0, n_routed = 0, n_pairs = 0, n_moved = 0;
  guint row = moe_table_append_row (table);

  for (gsize token = 0; token < self->n_tokens; token++)
    {
      const guint16 *experts = moe_routes_get (self, token, layer);
      guint64 before = total;

      for (guint slot = 0; slot < self->n_slots; slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          {
            guint device = get_device (self, experts[slot], n_devices);

            hits[device]++;
            total++;
            n_devices_used += seen[device] != token + 1;
            seen[device] = token + 1;
          }
      n_routed += total > before;
      if (layer + 1 < self->n_layers)
        {
          guint16 here = moe_routes_get_strongest (self, token, layer);
          guint16 next = moe_routes_get_strongest (self, token, layer + 1);

          if (here != MOE_NO_EXPERT && next != MOE_NO_EXPERT)
            {
              n_pairs++;
              n_moved += get_device (self, here, n_devices) != get_device (self, next, n_devices);
            }
        }
    }
  for (guint device = 0; device < n_devices; device++)
    most = MAX (most, hits[device]);
  moe_table_set_int (table, row, 0, self->info->moe_layers[layer]);
  moe_table_set_int (table, row, 1, n_devices);
  if (total > 0)
    {
      moe_table_set_double (table, row, 2, (double) most * n_devices / (double) total);
      moe_table_set_double (table, row, 3, (double) n_devices_used / (double) n_routed);
    }
  if (n_pairs > 0)
    moe_table_set_double (table, row, 4, (double) n_moved / (double) n_pairs);
}

gboolean
moe_routes_parallel (const MoeRoutes         *self,
                     const MoeRoutesOptions  *options,
                     int                      layer,
                     MoeTable                *table,
                     const MoeProgress       *progress,
                     GError                 **error)
{
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "devices", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "imbalance", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "devices_per_token", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "moved", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < self->n_layers; i++)
    for (guint g = 0; g < G_N_ELEMENTS (device_counts); g++)
      {
        if (!moe_progress_step (progress, (double) i / self->n_layers, "placing experts", error))
          return FALSE;
        if (device_counts[g] <= self->n_experts)
          add_devices (self, i, device_counts[g], table);
      }
  return TRUE;
}

/* (tiles) rows with filling, of batches of @batch tokens in all layers; returns the rows without it. */
static guint64
fill_tiles (const MoeRoutes *self,
            guint            batch,
            guint64         *padded)
{
  g_autofree guint64 *hits = g_new0 (guint64, self->n_experts);
  guint64 routed = 0;

  for (gsize first = 0; first + batch <= self->n_tokens; first += batch)
    for (guint layer = 0; layer < self->n_layers; layer++)
      {
        memset (hits, 0, self->n_experts * sizeof *hits);
        for (gsize token = first; token < first + batch; token++)
          for (guint slot = 0; slot < self->n_slots; slot++)
            {
              guint16 expert = moe_routes_get (self, token, layer)[slot];

              if (expert != MOE_NO_EXPERT)
                {
                  hits[expert]++;
                  routed++;
                }
            }
        for (guint expert = 0; expert < self->n_experts; expert++)
          for (guint tile = 0; tile < G_N_ELEMENTS (tiles); tile++)
            padded[tile] += (hits[expert] + tiles[tile] - 1) / tiles[tile] * tiles[tile];
      }
  return routed;
}

gboolean
moe_routes_tiles (const MoeRoutes         *self,
                  const MoeRoutesOptions  *options,
                  int                      layer,
                  MoeTable                *table,
                  const MoeProgress       *progress,
                  GError                 **error)
{
  moe_table_add_column (table, "tile", MOE_COLUMN_INT, "tokens", MOE_ROLE_INDEX);
  moe_table_add_column (table, "batch", MOE_COLUMN_INT, "tokens", MOE_ROLE_INDEX);
  moe_table_add_column (table, "padding", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < G_N_ELEMENTS (batches) && (i == 0 || batches[i] <= self->n_tokens); i++)
    {
      guint64 padded[G_N_ELEMENTS (tiles)] = { 0 };
      /* Of what is shorter than the smallest batch, all. */
      guint batch = (guint) MIN (batches[i], MAX (self->n_tokens, 1));
      guint64 routed;

      if (!moe_progress_step (progress, (double) i / G_N_ELEMENTS (batches), "filling tiles", error))
        return FALSE;
      routed = fill_tiles (self, batch, padded);
      for (guint tile = 0; tile < G_N_ELEMENTS (tiles); tile++)
        {
          guint row = moe_table_append_row (table);

          moe_table_set_int (table, row, 0, tiles[tile]);
          moe_table_set_int (table, row, 1, batch);
          if (routed > 0)
            moe_table_set_double (table, row, 2, 1 - (double) routed / (double) padded[tile]);
        }
    }
  return TRUE;
}

static int
compare_weights (gconstpointer a,
                 gconstpointer b)
{
  double one = *(const double *) a, other = *(const double *) b;

  return one > other ? -1 : one < other;
}

gboolean
moe_routes_drops (const MoeRoutes         *self,
                  const MoeRoutesOptions  *options,
                  int                      layer,
                  MoeTable                *table,
                  const MoeProgress       *progress,
                  GError                 **error)
{
  g_autofree double *weights = g_new (double, MAX (self->n_slots, 1));

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "top_p", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "experts_per_token", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "saved", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < self->n_layers; i++)
    {
      guint64 kept[G_N_ELEMENTS (top_ps)] = { 0 }, n = 0;

      if (!moe_progress_step (progress, (double) i / self->n_layers, "dropping experts", error))
        return FALSE;
      for (gsize token = 0; token < self->n_tokens; token++)
        {
          const guint16 *experts = moe_routes_get (self, token, i);
          const guint16 *stored = moe_routes_get_weights (self, token, i);
          double sum = 0, part = 0;
          guint used = 0, slot = 0;

          for (guint s = 0; s < self->n_slots; s++)
            if (experts[s] != MOE_NO_EXPERT)
              sum += weights[used++] = moe_half_to_float (stored[s]);
          if (!(sum > 0))
            continue;
          qsort (weights, used, sizeof *weights, compare_weights);
          n++;
          for (guint p = 0; p < G_N_ELEMENTS (top_ps); p++)
            {
              while (slot < used && part < top_ps[p] * sum)
                part += weights[slot++];
              kept[p] += slot;
            }
        }
      for (guint p = 0; p < G_N_ELEMENTS (top_ps); p++)
        {
          guint row = moe_table_append_row (table);

          moe_table_set_int (table, row, 0, self->info->moe_layers[i]);
          moe_table_set_double (table, row, 1, top_ps[p]);
          if (n == 0)
            continue;
          moe_table_set_double (table, row, 2, (double) kept[p] / (double) n);
          moe_table_set_double (table, row, 3, 1 - (double) kept[p] / (double) n / self->n_slots);
        }
    }
  return TRUE;
}
