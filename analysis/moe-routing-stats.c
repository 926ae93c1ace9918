/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routing-stats"

#include "analysis/moe-routing-stats.h"

#include <math.h>

#include "analysis/moe-report.h"

/* Sums of one expert in one phase. */
typedef struct
{
  gint64 n_hits;
  double weight;
  double down_norm;
  double importance; /* g * ||o|| * turn */
  double reap;       /* g * ||o|| */
  float  down_max;
} ExpertSums;

typedef struct
{
  double down_norm;
  float  down_max;
} SharedSums;

typedef struct
{
  gint64      n_tokens;
  ExpertSums *experts; /* (M, E) */
  SharedSums *shared;  /* (M), or NULL when the model has no shared expert */
} PhaseSums;

struct _MoeRoutingStats
{
  MoeModelInfo *info;
  PhaseSums     phases[MOE_N_PHASES];
};

typedef struct
{
  const char *name;
  const char *title;
  const char *unit;
} MetricInfo;

static const MetricInfo metrics[MOE_N_METRICS] =
{
  [MOE_METRIC_SHARE] = { "share", "Share of Tokens", "" },
  [MOE_METRIC_HITS] = { "hits", "Hits", "tokens" },
  [MOE_METRIC_MEAN_WEIGHT] = { "mean_weight", "Mean Gate Weight", "" },
  [MOE_METRIC_MAX_DOWN] = { "max_down", "Largest |down_proj Output|", "" },
  [MOE_METRIC_MEAN_DOWN_NORM] = { "mean_down_norm", "Mean Norm of down_proj Output", "" },
  [MOE_METRIC_IMPORTANCE] = { "importance", "Importance (EASY-EP)", "" },
  [MOE_METRIC_REAP] = { "reap", "Router-Weighted Activation (REAP)", "" },
};

const char *
moe_metric_get_name (MoeMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_METRICS, "");
  return metrics[metric].name;
}

const char *
moe_metric_get_title (MoeMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_METRICS, "");
  return metrics[metric].title;
}

const char *
moe_metric_get_unit (MoeMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_METRICS, "");
  return metrics[metric].unit;
}

gboolean
moe_metric_parse (const char *name,
                  MoeMetric  *metric)
{
  g_return_val_if_fail (name != NULL && metric != NULL, FALSE);

  for (guint i = 0; i < MOE_N_METRICS; i++)
    {
      if (g_str_equal (name, metrics[i].name))
        {
          *metric = i;
          return TRUE;
        }
    }
  return FALSE;
}

MoeRoutingStats *
moe_routing_stats_new (const MoeModelInfo *info)
{
  MoeRoutingStats *self;
  gsize n_experts;

  g_return_val_if_fail (info != NULL, NULL);

  self = g_new0 (MoeRoutingStats, 1);
  self->info = moe_model_info_ref ((MoeModelInfo *) info);
  n_experts = (gsize) info->n_moe_layers * info->n_experts;
  for (guint phase = 0; phase < MOE_N_PHASES; phase++)
    {
      self->phases[phase].experts = g_new0 (ExpertSums, n_experts);
      if (info->n_shared > 0)
        self->phases[phase].shared = g_new0 (SharedSums, info->n_moe_layers);
    }
  return self;
}

void
moe_routing_stats_free (MoeRoutingStats *self)
{
  if (self == NULL)
    return;

  for (guint phase = 0; phase < MOE_N_PHASES; phase++)
    {
      g_free (self->phases[phase].experts);
      g_free (self->phases[phase].shared);
    }
  moe_model_info_unref (self->info);
  g_free (self);
}

static void
add_layer (MoeRoutingStats      *self,
           PhaseSums            *sums,
           const MoeTokenRecord *record,
           guint                 layer)
{
  const gsize first = (gsize) layer * record->n_slots;
  double turn = moe_half_to_float (record->moe_turn[layer]);

  for (gsize i = first; i < first + record->n_slots; i++)
    {
      guint expert = record->experts[i];
      double weight, norm;
      ExpertSums *to;

      if (expert >= self->info->n_experts)
        continue; /* an empty slot */
      to = &sums->experts[(gsize) layer * self->info->n_experts + expert];
      weight = moe_half_to_float (record->weights[i]);
      norm = moe_half_to_float (record->down_norm[i]);
      to->n_hits++;
      to->weight += weight;
      to->down_norm += norm;
      to->reap += weight * norm;
      to->importance += weight * norm * turn;
      /* A NaN must be seen, so it wins. */
      if (!(record->down_max[i] <= to->down_max) && !isnan (to->down_max))
        to->down_max = record->down_max[i];
    }

  if (sums->shared != NULL && record->has_shared)
    {
      SharedSums *to = &sums->shared[layer];

      to->down_norm += moe_half_to_float (record->shared_norm[layer]);
      if (!(record->shared_max[layer] <= to->down_max) && !isnan (to->down_max))
        to->down_max = record->shared_max[layer];
    }
}

void
moe_routing_stats_add (MoeRoutingStats      *self,
                       const MoeTokenRecord *record)
{
  PhaseSums *sums;

  g_return_if_fail (self != NULL && record != NULL);
  g_return_if_fail (record->n_moe_layers == self->info->n_moe_layers && record->phase < MOE_N_PHASES);

  sums = &self->phases[record->phase];
  sums->n_tokens++;
  for (guint layer = 0; layer < record->n_moe_layers; layer++)
    add_layer (self, sums, record, layer);
}

static gboolean
add_record (MoeTokenRecord *record,
            const char     *text,
            gsize           text_length,
            gpointer        user_data)
{
  moe_routing_stats_add (user_data, record);
  return TRUE;
}

gboolean
moe_routing_stats_add_recording (MoeRoutingStats  *self,
                                 MoeRecording     *recording,
                                 GError          **error)
{
  const MoeModelInfo *info;

  g_return_val_if_fail (self != NULL && recording != NULL, FALSE);

  info = moe_recording_get_info (recording);
  g_return_val_if_fail (info->n_moe_layers == self->info->n_moe_layers &&
                        info->n_experts == self->info->n_experts, FALSE);

  return moe_recording_foreach (recording, 0, -1, add_record, self, error);
}

gint64
moe_routing_stats_get_n_tokens (const MoeRoutingStats *self,
                                guint                  phases)
{
  gint64 n = 0;

  g_return_val_if_fail (self != NULL, 0);

  for (guint phase = 0; phase < MOE_N_PHASES; phase++)
    {
      if (phases & MOE_PHASE_BIT (phase))
        n += self->phases[phase].n_tokens;
    }
  return n;
}

static float
larger (float a,
        float b)
{
  if (isnan (a) || isnan (b))
    return NAN;
  return MAX (a, b);
}

static double
get_value (const MoeRoutingStats *self,
           MoeMetric              metric,
           guint                  phases,
           gint64                 n_tokens,
           gsize                  index)
{
  ExpertSums sum = { 0 };

  for (guint phase = 0; phase < MOE_N_PHASES; phase++)
    {
      const ExpertSums *from = &self->phases[phase].experts[index];

      if (!(phases & MOE_PHASE_BIT (phase)))
        continue;
      sum.n_hits += from->n_hits;
      sum.weight += from->weight;
      sum.down_norm += from->down_norm;
      sum.importance += from->importance;
      sum.reap += from->reap;
      sum.down_max = larger (sum.down_max, from->down_max);
    }

  switch (metric)
    {
    case MOE_METRIC_SHARE:
      return n_tokens > 0 ? (double) sum.n_hits / (double) n_tokens : NAN;
    case MOE_METRIC_HITS:
      return (double) sum.n_hits;
    case MOE_METRIC_MEAN_WEIGHT:
      return sum.n_hits > 0 ? sum.weight / (double) sum.n_hits : NAN;
    case MOE_METRIC_MAX_DOWN:
      return sum.n_hits > 0 ? sum.down_max : NAN;
    case MOE_METRIC_MEAN_DOWN_NORM:
      return sum.n_hits > 0 ? sum.down_norm / (double) sum.n_hits : NAN;
    case MOE_METRIC_IMPORTANCE:
      return sum.importance;
    case MOE_METRIC_REAP:
      return sum.n_hits > 0 ? sum.reap / (double) sum.n_hits : NAN;
    case MOE_N_METRICS:
      break;
    }
  g_return_val_if_reached (NAN);
}

static double
get_shared_value (const MoeRoutingStats *self,
                  MoeMetric              metric,
                  guint                  phases,
                  gint64                 n_tokens,
                  guint                  layer)
{
  SharedSums sum = { 0 };

  for (guint phase = 0; phase < MOE_N_PHASES; phase++)
    {
      const SharedSums *from = &self->phases[phase].shared[layer];

      if (!(phases & MOE_PHASE_BIT (phase)))
        continue;
      sum.down_norm += from->down_norm;
      sum.down_max = larger (sum.down_max, from->down_max);
    }

  if (n_tokens == 0)
    return NAN;
  return metric == MOE_METRIC_MAX_DOWN ? sum.down_max : sum.down_norm / (double) n_tokens;
}

double *
moe_routing_stats_get_map (const MoeRoutingStats *self,
                           MoeMetric              metric,
                           guint                  phases)
{
  gsize n;
  gint64 n_tokens;
  double *map;

  g_return_val_if_fail (self != NULL && metric < MOE_N_METRICS, NULL);

  n = (gsize) self->info->n_moe_layers * self->info->n_experts;
  n_tokens = moe_routing_stats_get_n_tokens (self, phases);
  map = g_new (double, n);
  for (gsize i = 0; i < n; i++)
    map[i] = get_value (self, metric, phases, n_tokens, i);
  return map;
}

MoeColumnType
moe_metric_get_column_type (MoeMetric metric)
{
  switch (metric)
    {
    case MOE_METRIC_HITS:
      return MOE_COLUMN_INT;
    case MOE_METRIC_MAX_DOWN:
      return MOE_COLUMN_FLOAT;
    default:
      return MOE_COLUMN_DOUBLE;
    }
}

static void
set_value (MoeTable  *table,
           guint      row,
           guint      column,
           MoeMetric  metric,
           double     value)
{
  if (metric == MOE_METRIC_HITS)
    moe_table_set_int (table, row, column, (gint64) value);
  else
    moe_table_set_double (table, row, column, value);
}

MoeTable *
moe_routing_stats_to_table (const MoeRoutingStats *self,
                            MoeMetric              metric,
                            guint                  phases)
{
  g_autofree double *map = NULL;
  MoeTable *table;
  guint layer_column, expert_column, metric_column, value_column, tokens_column;
  gint64 n_tokens;
  int n_shared;

  g_return_val_if_fail (self != NULL && metric < MOE_N_METRICS, NULL);

  table = moe_table_new (metrics[metric].title);
  layer_column = moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  expert_column = moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  metric_column = moe_table_add_column (table, "metric", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  value_column = moe_table_add_column (table, "value", moe_metric_get_column_type (metric),
                                       metrics[metric].unit,
                                       MOE_ROLE_VALUE);
  tokens_column = moe_table_add_column (table, "n_tokens", MOE_COLUMN_INT, "tokens", MOE_ROLE_VALUE);
  moe_report_add_model (table, self->info, phases);

  map = moe_routing_stats_get_map (self, metric, phases);
  n_tokens = moe_routing_stats_get_n_tokens (self, phases);
  n_shared = self->info->n_shared > 0 &&
             (metric == MOE_METRIC_MAX_DOWN || metric == MOE_METRIC_MEAN_DOWN_NORM) ? 1 : 0;
  for (guint layer = 0; layer < self->info->n_moe_layers; layer++)
    {
      for (int expert = -n_shared; expert < (int) self->info->n_experts; expert++)
        {
          guint row = moe_table_append_row (table);
          double value = expert == MOE_EXPERT_SHARED
                           ? get_shared_value (self, metric, phases, n_tokens, layer)
                           : map[(gsize) layer * self->info->n_experts + (guint) expert];

          moe_table_set_int (table, row, layer_column, self->info->moe_layers[layer]);
          moe_table_set_int (table, row, expert_column, expert);
          moe_table_set_text (table, row, metric_column, metrics[metric].name);
          set_value (table, row, value_column, metric, value);
          moe_table_set_int (table, row, tokens_column, n_tokens);
        }
    }
  return table;
}

MoeTable *
moe_routing_stats_to_wide_table (const MoeRoutingStats *self,
                                 MoeMetric              metric,
                                 guint                  phases)
{
  g_autofree double *map = NULL;
  MoeTable *table;

  g_return_val_if_fail (self != NULL && metric < MOE_N_METRICS, NULL);

  table = moe_table_new (metrics[metric].title);
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint expert = 0; expert < self->info->n_experts; expert++)
    {
      g_autofree char *name = g_strdup_printf ("e%u", expert);

      moe_table_add_column (table, name, moe_metric_get_column_type (metric), metrics[metric].unit,
                            MOE_ROLE_VALUE);
    }
  moe_report_add_model (table, self->info, phases);
  moe_table_set_provenance (table, "metric", metrics[metric].name);

  map = moe_routing_stats_get_map (self, metric, phases);
  for (guint layer = 0; layer < self->info->n_moe_layers; layer++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, self->info->moe_layers[layer]);
      for (guint expert = 0; expert < self->info->n_experts; expert++)
        set_value (table, row, 1 + expert, metric, map[(gsize) layer * self->info->n_experts + expert]);
    }
  return table;
}
