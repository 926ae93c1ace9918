/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-route-keep"

#include "analysis/moe-route-keep.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "analysis/moe-routing-stats.h"

static const char *const rankings[MOE_N_ROUTE_KEEP_RANKINGS] = { "hits", "weight", "importance", "reap" };

const char *
moe_route_keep_ranking_get_name (MoeRouteKeepRanking ranking)
{
  g_return_val_if_fail (ranking < MOE_N_ROUTE_KEEP_RANKINGS, NULL);
  return rankings[ranking];
}

gboolean
moe_route_keep_ranking_parse (const char          *name,
                              MoeRouteKeepRanking *ranking)
{
  g_return_val_if_fail (name != NULL && ranking != NULL, FALSE);

  for (guint i = 0; i < MOE_N_ROUTE_KEEP_RANKINGS; i++)
    if (g_str_equal (name, rankings[i]))
      {
        *ranking = (MoeRouteKeepRanking) i;
        return TRUE;
      }
  return FALSE;
}

static gboolean
add_to_stats (const MoeTokenRecord  *record,
              gboolean               starts,
              gpointer               user_data,
              GError               **error)
{
  moe_routing_stats_add (user_data, record);
  return TRUE;
}

/* (M, E) of all MoE layers. */
static double *
get_scores (const MoeRouteKeep    *self,
            const MoeRoutingStats *stats)
{
  static const MoeMetric metrics[MOE_N_ROUTE_KEEP_RANKINGS] = {
    MOE_METRIC_HITS, MOE_METRIC_MEAN_WEIGHT, MOE_METRIC_IMPORTANCE, MOE_METRIC_REAP,
  };
  double *scores = moe_routing_stats_get_map (stats, metrics[self->ranking], self->phases);
  g_autofree double *hits = NULL;

  if (self->ranking != MOE_ROUTE_KEEP_WEIGHT)
    return scores;
  /* The sum from the mean, which is missing without hits: then it is 0. */
  hits = moe_routing_stats_get_map (stats, MOE_METRIC_HITS, self->phases);
  for (gsize i = 0; i < (gsize) self->info->n_moe_layers * self->info->n_experts; i++)
    scores[i] = hits[i] > 0 ? scores[i] * hits[i] : 0;
  return scores;
}

static int
compare_scores (gconstpointer a,
                gconstpointer b,
                gpointer      user_data)
{
  const double *scores = user_data;
  guint16 x = *(const guint16 *) a, y = *(const guint16 *) b;

  if (isnan (scores[x]) != isnan (scores[y]))
    return isnan (scores[x]) ? 1 : -1;
  if (scores[x] != scores[y] && !isnan (scores[x]))
    return scores[x] > scores[y] ? -1 : 1;
  return (int) x - (int) y;
}

typedef struct
{
  MoeRouteKeep *keep;
  guint16      *ranks;   /* (layers.n, E) places of the experts in the ranking, from 0 */
  gint64       *hits;    /* (layers.n, E) by place */
  gint64       *last;    /* (layers.n, E) tokens whose last chosen expert has that place */
  double       *weights; /* (layers.n, E) by place */
} Counter;

static gboolean
count_token (const MoeTokenRecord  *record,
             gboolean               starts,
             gpointer               user_data,
             GError               **error)
{
  const Counter *self = user_data;
  guint n_experts = self->keep->info->n_experts;

  self->keep->n_tokens++;
  for (guint i = 0; i < self->keep->layers.n; i++)
    {
      gsize first = (gsize) (self->keep->layers.first + i) * record->n_slots, row = (gsize) i * n_experts;
      int last = -1;

      for (guint slot = 0; slot < record->n_slots; slot++)
        {
          guint16 expert = record->experts[first + slot];
          guint rank;

          if (expert == MOE_NO_EXPERT)
            continue;
          rank = self->ranks[row + expert];
          self->hits[row + rank]++;
          self->weights[row + rank] += moe_half_to_float (record->weights[first + slot]);
          last = MAX (last, (int) rank);
        }
      if (last >= 0)
        self->last[row + (guint) last]++;
    }
  return TRUE;
}

static void
sum_up (const Counter *counter)
{
  MoeRouteKeep *self = counter->keep;
  guint n = self->info->n_experts;

  for (guint i = 0; i < self->layers.n; i++)
    {
      gsize row = (gsize) i * n;
      double all_hits = 0, all_tokens = 0, all_weight = 0, hits = 0, tokens = 0, weight = 0;

      for (guint m = 0; m < n; m++)
        {
          all_hits += (double) counter->hits[row + m];
          all_tokens += (double) counter->last[row + m];
          all_weight += counter->weights[row + m];
        }
      for (guint m = 0; m < n; m++)
        {
          hits += (double) counter->hits[row + m];
          tokens += (double) counter->last[row + m];
          weight += counter->weights[row + m];
          self->hits_kept[row + m] = all_hits > 0 ? hits / all_hits : NAN;
          self->weight_kept[row + m] = all_weight > 0 ? weight / all_weight : NAN;
          self->tokens_intact[row + m] = all_tokens > 0 ? tokens / all_tokens : NAN;
        }
    }
}

/* Ranks the experts of each layer; @ranks as in Counter. */
static gboolean
rank_experts (MoeRouteKeep       *self,
              MoeRecording       *recording,
              guint16            *ranks,
              const MoeProgress  *progress,
              GError            **error)
{
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (self->info);
  g_autofree double *scores = NULL;
  guint n = self->info->n_experts;

  if (!moe_route_foreach (recording, self->phases, progress, add_to_stats, stats, error))
    return FALSE;
  scores = get_scores (self, stats);
  for (guint i = 0; i < self->layers.n; i++)
    {
      double *of_layer = scores + (gsize) (self->layers.first + i) * n;
      guint16 *experts = self->experts + (gsize) i * n;

      for (guint e = 0; e < n; e++)
        experts[e] = (guint16) e;
      g_qsort_with_data (experts, (int) n, sizeof *experts, compare_scores, of_layer);
      for (guint m = 0; m < n; m++)
        {
          ranks[(gsize) i * n + experts[m]] = (guint16) m;
          self->scores[(gsize) i * n + m] = of_layer[experts[m]];
        }
    }
  return TRUE;
}

MoeRouteKeep *
moe_route_keep_new (MoeRecording         *recording,
                    MoeRouteKeepRanking   ranking,
                    guint                 phases,
                    int                   layer,
                    const MoeProgress    *progress,
                    GError              **error)
{
  g_autoptr(MoeRouteKeep) self = NULL;
  g_autofree guint16 *ranks = NULL;
  g_autofree gint64 *counts = NULL;
  g_autofree double *weights = NULL;
  MoeProgressPart part;
  Counter counter;
  gsize n;

  g_return_val_if_fail (recording != NULL && ranking < MOE_N_ROUTE_KEEP_RANKINGS, NULL);

  self = g_new0 (MoeRouteKeep, 1);
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  self->ranking = ranking;
  self->phases = phases;
  if (!moe_route_layers_init (&self->layers, recording, layer, error))
    return NULL;
  n = (gsize) self->layers.n * self->info->n_experts;
  self->experts = g_new (guint16, n);
  self->scores = g_new (double, n);
  self->hits_kept = g_new (double, n);
  self->weight_kept = g_new (double, n);
  self->tokens_intact = g_new (double, n);
  ranks = g_new (guint16, n);
  counts = g_new0 (gint64, 2 * n);
  weights = g_new0 (double, n);
  counter = (Counter) { self, ranks, counts, counts + n, weights };
  if (!rank_experts (self, recording, ranks, moe_progress_part_init (&part, progress, 0, 0.5), error)
      || !moe_route_foreach (recording, phases, moe_progress_part_init (&part, progress, 0.5, 1), count_token,
                             &counter, error))
    return NULL;
  sum_up (&counter);
  return g_steal_pointer (&self);
}

void
moe_route_keep_free (MoeRouteKeep *self)
{
  if (self == NULL)
    return;

  moe_model_info_unref (self->info);
  g_free (self->experts);
  g_free (self->scores);
  g_free (self->hits_kept);
  g_free (self->weight_kept);
  g_free (self->tokens_intact);
  g_free (self);
}

MoeTable *
moe_route_keep_to_table (const MoeRouteKeep *self)
{
  static const char *const shares[] = { "hits_kept", "weight_kept", "tokens_intact" };
  MoeTable *table;
  guint n;

  g_return_val_if_fail (self != NULL, NULL);

  n = self->info->n_experts;
  table = moe_table_new ("What If: Only the First Experts");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "kept", MOE_COLUMN_INT, "experts", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "score", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    moe_table_add_column (table, shares[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "n_tokens", MOE_COLUMN_INT, "tokens", MOE_ROLE_VALUE);
  moe_report_add_model (table, self->info, self->phases);
  moe_table_set_provenance (table, "ranking", rankings[self->ranking]);

  for (guint i = 0; i < self->layers.n; i++)
    for (guint m = 0; m < n; m++)
      {
        guint row = moe_table_append_row (table);
        gsize from = (gsize) i * n + m;

        moe_table_set_int (table, row, 0, self->info->moe_layers[self->layers.first + i]);
        moe_table_set_int (table, row, 1, m + 1);
        moe_table_set_int (table, row, 2, self->experts[from]);
        moe_table_set_double (table, row, 3, self->scores[from]);
        moe_table_set_double (table, row, 4, self->hits_kept[from]);
        moe_table_set_double (table, row, 5, self->weight_kept[from]);
        moe_table_set_double (table, row, 6, self->tokens_intact[from]);
        moe_table_set_int (table, row, 7, self->n_tokens);
      }
  return table;
}
