/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-locality"

#include "analysis/moe-routes-private.h"

#include <math.h>

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

/* How often the expert is in the present window, and since which window that is so. */
typedef struct
{
  guint   hits;
  guint64 since;
} Presence;

/* The windows before number @now are counted as they were, those from it on have @change more hits. */
static void
change_presence (Presence *self,
                 guint64  *counts,
                 guint64   now,
                 int       change)
{
  counts[self->hits] += now - self->since;
  self->since = now;
  self->hits = (guint) ((int) self->hits + change);
}

/* Adds the windows of one MoE layer, which begin at every token that has a whole one, to @counts,
 * (E, window + 1); returns how many there were. Counts only change for what enters or leaves. */
static guint64
count_windows (const MoeRoutes *self,
               guint            layer,
               guint            window,
               guint64         *counts)
{
  g_autofree Presence *experts = g_new0 (Presence, MAX (self->n_experts, 1));
  guint64 n_windows = 0;
  gsize first = 0; /* of the stretch */

  for (gsize token = 0; token <= self->n_tokens; token++)
    {
      if (token == self->n_tokens || moe_routes_get_token (self, token)->starts)
        {
          for (guint expert = 0; expert < self->n_experts; expert++)
            {
              change_presence (&experts[expert], counts + (gsize) expert * (window + 1), n_windows, 0);
              experts[expert].hits = 0;
            }
          first = token;
        }
      if (token == self->n_tokens)
        break;
      /* What leaves goes first, so that no expert is more often in a window than it has tokens. */
      for (guint slot = 0; token - first >= window && slot < self->n_slots; slot++)
        {
          guint16 expert = moe_routes_get (self, token - window, layer)[slot];

          if (expert != MOE_NO_EXPERT)
            change_presence (&experts[expert], counts + (gsize) expert * (window + 1), n_windows, -1);
        }
      for (guint slot = 0; slot < self->n_slots; slot++)
        {
          guint16 expert = moe_routes_get (self, token, layer)[slot];

          if (expert != MOE_NO_EXPERT)
            change_presence (&experts[expert], counts + (gsize) expert * (window + 1), n_windows, 1);
        }
      n_windows += token - first + 1 >= window;
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
      g_autofree guint64 *hits = NULL;

      if (!moe_progress_step (progress, (double) i / self->n_layers, "looking at windows", error))
        return FALSE;
      count_windows (self, i, window, counts);
      hits = moe_routes_count (self, i, FALSE);
      for (guint expert = 0; expert < self->n_experts; expert++)
        {
          const guint64 *own = counts + (gsize) expert * (window + 1);
          guint row = moe_table_append_row (table);

          moe_table_set_int (table, row, 0, self->info->moe_layers[i]);
          moe_table_set_int (table, row, 1, expert);
          moe_table_set_int (table, row, 2, window);
          moe_table_set_int (table, row, 3, (gint64) hits[expert]);
          moe_table_set_double (table, row, 4, get_best (own, window));
        }
    }
  return TRUE;
}
