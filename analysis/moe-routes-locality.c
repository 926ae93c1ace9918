/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-locality"

#include "analysis/moe-routes-private.h"

#include <math.h>
#include <string.h>

static const guint windows[] = { 4, 16, 64, 256 };

/* How often an expert (or any of them) had so many hits in a window: @counts[f] for f = 0 ... @window. The
 * best F1 over alpha, NaN without hits. */
static double
get_best (const guint64 *counts,
          guint          window)
{
  double total = 0, hits = 0, n = 0, best = NAN;

  for (guint f = 1; f <= window; f++)
    total += (double) counts[f] * f;
  for (guint alpha = window; alpha >= 1; alpha--)
    {
      hits += (double) counts[alpha] * alpha;
      n += (double) counts[alpha];
      if (total > 0)
        best = fmax (isnan (best) ? 0 : best, 2 * hits / (window * n + total));
    }
  return best;
}

/* Adds the windows of one MoE layer to @counts, (E, window + 1); returns how many there were. */
static guint64
count_windows (const MoeRoutes *self,
               guint            layer,
               guint            window,
               guint64         *counts)
{
  const guint *prompts = (const guint *) (gconstpointer) self->prompts->data;
  g_autofree guint *hits = g_new0 (guint, self->n_experts);
  guint64 n_windows = 0;
  guint filled = 0;

  for (gsize token = 0; token < self->n_tokens; token++)
    {
      const guint16 *experts = moe_routes_get (self, token, layer);

      /* What was left over at the end of the last prompt is no window. */
      if (token > 0 && prompts[token] != prompts[token - 1] && filled > 0)
        {
          memset (hits, 0, self->n_experts * sizeof *hits);
          filled = 0;
        }
      for (guint slot = 0; slot < self->n_slots; slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          hits[experts[slot]]++;
      if (++filled == window)
        {
          for (guint expert = 0; expert < self->n_experts; expert++)
            counts[(gsize) expert * (window + 1) + MIN (hits[expert], window)]++;
          memset (hits, 0, self->n_experts * sizeof *hits);
          filled = 0;
          n_windows++;
        }
    }
  return n_windows;
}

gboolean
moe_routes_srp (const MoeRoutes         *self,
                const MoeRoutesOptions  *options,
                int                      layer,
                MoeTable                *table,
                const MoeProgress       *progress,
                GError                 **error)
{
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "window", MOE_COLUMN_INT, "tokens", MOE_ROLE_INDEX);
  moe_table_add_column (table, "n_windows", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "srp", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < self->n_layers; i++)
    for (guint w = 0; w < G_N_ELEMENTS (windows); w++)
      {
        g_autofree guint64 *counts = g_new0 (guint64, (gsize) self->n_experts * (windows[w] + 1));
        g_autofree guint64 *all = g_new0 (guint64, windows[w] + 1);
        guint row = moe_table_append_row (table);

        if (!moe_progress_step (progress, (double) i / self->n_layers, "looking at windows", error))
          return FALSE;
        moe_table_set_int (table, row, 0, self->info->moe_layers[i]);
        moe_table_set_int (table, row, 1, windows[w]);
        moe_table_set_int (table, row, 2, (gint64) count_windows (self, i, windows[w], counts));
        for (guint expert = 0; expert < self->n_experts; expert++)
          for (guint f = 0; f <= windows[w]; f++)
            all[f] += counts[(gsize) expert * (windows[w] + 1) + f];
        moe_table_set_double (table, row, 3, get_best (all, windows[w]));
      }
  return TRUE;
}

gboolean
moe_routes_srp_experts (const MoeRoutes         *self,
                        const MoeRoutesOptions  *options,
                        int                      layer,
                        MoeTable                *table,
                        const MoeProgress       *progress,
                        GError                 **error)
{
  guint window = options->window;

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "window", MOE_COLUMN_INT, "tokens", MOE_ROLE_INDEX);
  moe_table_add_column (table, "hits", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "srp", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < self->n_layers; i++)
    {
      g_autofree guint64 *counts = g_new0 (guint64, (gsize) self->n_experts * (window + 1));

      if (!moe_progress_step (progress, (double) i / self->n_layers, "looking at windows", error))
        return FALSE;
      count_windows (self, i, window, counts);
      for (guint expert = 0; expert < self->n_experts; expert++)
        {
          const guint64 *own = counts + (gsize) expert * (window + 1);
          guint row = moe_table_append_row (table);
          guint64 hits = 0;

          for (guint f = 1; f <= window; f++)
            hits += own[f] * f;
          moe_table_set_int (table, row, 0, self->info->moe_layers[i]);
          moe_table_set_int (table, row, 1, expert);
          moe_table_set_int (table, row, 2, window);
          moe_table_set_int (table, row, 3, (gint64) hits);
          moe_table_set_double (table, row, 4, get_best (own, window));
        }
    }
  return TRUE;
}
