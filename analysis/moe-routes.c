/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes"

#include "analysis/moe-routes-private.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "analysis/moe-route-reader.h"
#include "data/moe-error.h"

#define MAX_BYTES ((gsize) 1 << 30)

typedef gboolean (*ComputeFunc) (const MoeRoutes         *self,
                                 const MoeRoutesOptions  *options,
                                 int                      layer,
                                 MoeTable                *table,
                                 const MoeProgress       *progress,
                                 GError                 **error);

typedef enum
{
  LAYER_NONE, LAYER_OPTIONAL, LAYER_ONE
} Layer;

static const struct
{
  const char  *name, *title;
  Layer        layer;
  gboolean     window, next;
  MoeRoutesRead read;
  ComputeFunc  compute;
} metrics[MOE_N_ROUTES_METRICS] = {
  [MOE_ROUTES_SIMILARITY] = { "similarity", "Router Similarity", LAYER_OPTIONAL },
  [MOE_ROUTES_COACTIVATION] = { "coactivation", "Co-activation", LAYER_ONE,
                                .compute = moe_routes_coactivation },
  [MOE_ROUTES_AFFINITY] = { "affinity", "Flow to the Next Layer", LAYER_ONE, .next = TRUE,
                            .compute = moe_routes_affinity },
  [MOE_ROUTES_RECALL] = { "recall", "Predicting the Next Layer", LAYER_ONE, .next = TRUE,
                          .compute = moe_routes_recall },
  [MOE_ROUTES_SRP] = { "srp", "Locality by Layer", LAYER_NONE, .compute = moe_routes_srp },
  [MOE_ROUTES_SRP_EXPERTS] = { "srp-experts", "Locality by Expert", LAYER_NONE, .window = TRUE,
                               .compute = moe_routes_srp_experts },
  [MOE_ROUTES_CACHE] = { "cache", "Expert Caches", LAYER_OPTIONAL, .window = TRUE,
                         .read = MOE_ROUTES_READ_ALL, .compute = moe_routes_cache },
  [MOE_ROUTES_BALANCE] = { "balance", "Load Balance", LAYER_NONE, .read = MOE_ROUTES_READ_MEANS,
                           .compute = moe_routes_balance },
  [MOE_ROUTES_PARALLEL] = { "parallel", "What If: Several Devices", LAYER_NONE,
                            .compute = moe_routes_parallel },
  [MOE_ROUTES_TILES] = { "tiles", "What If: Tiles", LAYER_NONE, .compute = moe_routes_tiles },
  [MOE_ROUTES_DROPS] = { "drops", "What If: Fewer Experts", LAYER_NONE,
                         .read = MOE_ROUTES_READ_WEIGHTS, .compute = moe_routes_drops },
};

const char *
moe_routes_metric_get_name (MoeRoutesMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_ROUTES_METRICS, NULL);
  return metrics[metric].name;
}

const char *
moe_routes_metric_get_title (MoeRoutesMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_ROUTES_METRICS, NULL);
  return metrics[metric].title;
}

gboolean
moe_routes_metric_parse (const char      *name,
                         MoeRoutesMetric *metric)
{
  g_return_val_if_fail (name != NULL && metric != NULL, FALSE);

  for (guint i = 0; i < MOE_N_ROUTES_METRICS; i++)
    if (g_str_equal (name, metrics[i].name))
      {
        *metric = (MoeRoutesMetric) i;
        return TRUE;
      }
  return FALSE;
}

gboolean
moe_routes_metric_needs_layer (MoeRoutesMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_ROUTES_METRICS, FALSE);
  return metrics[metric].layer == LAYER_ONE;
}

gboolean
moe_routes_metric_takes_layer (MoeRoutesMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_ROUTES_METRICS, FALSE);
  return metrics[metric].layer != LAYER_NONE;
}

gboolean
moe_routes_metric_takes_window (MoeRoutesMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_ROUTES_METRICS, FALSE);
  return metrics[metric].window;
}

gboolean
moe_routes_metric_goes_on (MoeRoutesMetric metric)
{
  g_return_val_if_fail (metric < MOE_N_ROUTES_METRICS, FALSE);
  return metrics[metric].next;
}

void
moe_routes_options_init (MoeRoutesOptions *self)
{
  *self = (MoeRoutesOptions) {
    .metric = MOE_ROUTES_SIMILARITY, .phases = MOE_PHASES_ALL, .layer = -1, .window = MOE_ROUTES_WINDOW,
  };
}

guint16
moe_routes_get_strongest (const MoeRoutes *self,
                          gsize            token,
                          guint            layer)
{
  const guint16 *experts = moe_routes_get (self, token, layer);

  for (guint slot = 0; slot < self->n_slots; slot++)
    if (experts[slot] != MOE_NO_EXPERT)
      return experts[slot];
  return MOE_NO_EXPERT;
}

guint64 *
moe_routes_count (const MoeRoutes *self,
                  guint            layer,
                  gboolean         top1)
{
  guint64 *hits = g_new0 (guint64, MAX (self->n_experts, 1));

  for (gsize token = 0; token < self->n_tokens; token++)
    {
      const guint16 *experts = moe_routes_get (self, token, layer);

      for (guint slot = 0; slot < self->n_slots; slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          {
            hits[experts[slot]]++;
            if (top1)
              break;
          }
    }
  return hits;
}

/* --- reading ------------------------------------------------------------------------------------------ */

typedef struct
{
  MoeRoutes     *routes;
  guint          phases;
  MoeRoutesRead  what;
  const char    *path;
} Reading;

static void
mean_add (MoeRoutesMean *self,
          double         value)
{
  if (!isfinite (value))
    return;
  self->sum += value;
  self->n++;
}

/* NaN when fewer than two were chosen. */
static double
get_margin (const guint16 *experts,
            const guint16 *weights,
            guint          n_slots)
{
  double first = NAN, second = NAN;

  for (guint slot = 0; slot < n_slots; slot++)
    {
      double weight = moe_half_to_float (weights[slot]);

      if (experts[slot] == MOE_NO_EXPERT)
        continue;
      if (isnan (first) || weight > first)
        {
          second = first;
          first = weight;
        }
      else
        second = fmax (second, weight);
    }
  return first - second;
}

static gboolean
add_record (const MoeTokenRecord  *record,
            gboolean               starts,
            gpointer               user_data,
            GError               **error)
{
  Reading *reading = user_data;
  MoeRoutes *self = reading->routes;
  const MoeRoutesToken token = { record->id, record->token_id, (guint8) starts,
                                 (reading->phases & MOE_PHASE_BIT (record->phase)) != 0 };
  gboolean with_weights = (reading->what & MOE_ROUTES_READ_WEIGHTS) != 0;
  guint n = self->n_layers * self->n_slots;

  if ((self->n_tokens + 1) * ((gsize) n * (with_weights ? 4 : 2) + sizeof token) > MAX_BYTES)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%s: the routing of its tokens is larger than 1 GiB%s", reading->path,
                   (reading->what & MOE_ROUTES_READ_ALL) != 0 ? "" : "; choose a phase");
      return FALSE;
    }
  g_array_append_vals (self->experts, record->experts, n);
  if (with_weights)
    g_array_append_vals (self->weights, record->weights, n);
  g_array_append_val (self->tokens, token);
  for (guint layer = 0; (reading->what & MOE_ROUTES_READ_MEANS) != 0 && layer < self->n_layers; layer++)
    {
      gsize at = (gsize) layer * self->n_slots;

      mean_add (&self->entropy[layer], moe_half_to_float (record->router_entropy[layer]));
      mean_add (&self->margin[layer], get_margin (record->experts + at, record->weights + at, self->n_slots));
    }
  self->n_tokens++;
  return TRUE;
}

void
moe_routes_clear (MoeRoutes *self)
{
  g_clear_pointer (&self->experts, g_array_unref);
  g_clear_pointer (&self->weights, g_array_unref);
  g_clear_pointer (&self->tokens, g_array_unref);
  g_clear_pointer (&self->entropy, g_free);
  g_clear_pointer (&self->margin, g_free);
}

gboolean
moe_routes_read (MoeRoutes          *self,
                 MoeRecording       *recording,
                 guint               phases,
                 MoeRoutesRead       what,
                 const MoeProgress  *progress,
                 GError            **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  Reading reading = { self, phases, what, moe_recording_get_path (recording) };

  *self = (MoeRoutes) {
    .info = info, .n_layers = info->n_moe_layers, .n_experts = info->n_experts, .n_slots = info->n_used,
    .experts = g_array_new (FALSE, FALSE, sizeof (guint16)),
    .weights = g_array_new (FALSE, FALSE, sizeof (guint16)),
    .tokens = g_array_new (FALSE, FALSE, sizeof (MoeRoutesToken)),
    .entropy = g_new0 (MoeRoutesMean, MAX (info->n_moe_layers, 1)),
    .margin = g_new0 (MoeRoutesMean, MAX (info->n_moe_layers, 1)),
  };
  return moe_route_foreach (recording, (what & MOE_ROUTES_READ_ALL) != 0 ? MOE_PHASES_ALL : phases, progress,
                            add_record, &reading, error);
}

/* --- the table ---------------------------------------------------------------------------------------- */

/* The number of the MoE layer that @options names, or of the first one, or -1. */
static gboolean
find_layer (MoeRecording            *recording,
            const MoeRoutesOptions  *options,
            int                     *layer,
            GError                 **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  MoeRouteLayers layers;

  *layer = -1;
  if (metrics[options->metric].layer == LAYER_NONE
      || (options->layer < 0 && metrics[options->metric].layer == LAYER_OPTIONAL))
    return TRUE;
  if (!moe_route_layers_init (&layers, recording, options->layer, error))
    return FALSE;
  *layer = (int) layers.first;
  return !metrics[options->metric].next || layers.first + 1 < info->n_moe_layers
         || moe_error_fail (error, MOE_ERROR_INVALID, moe_recording_get_path (recording),
                            "layer %u is the last MoE layer: there is no next one to flow to",
                            info->moe_layers[layers.first]);
}

MoeTable *
moe_routes_report (MoeRecording            *recording,
                   const MoeRoutesOptions  *options,
                   const MoeProgress       *progress,
                   GError                 **error)
{
  const MoeModelInfo *info;
  g_auto(MoeRoutes) routes = { NULL };
  g_autoptr(MoeTable) table = NULL;
  MoeProgressPart part;
  int layer;

  g_return_val_if_fail (recording != NULL && options != NULL, NULL);
  g_return_val_if_fail (options->metric < MOE_N_ROUTES_METRICS, NULL);
  g_return_val_if_fail (options->window >= 1 && options->window <= MOE_ROUTES_MAX_WINDOW, NULL);

  info = moe_recording_get_info (recording);
  if (metrics[options->metric].compute == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: %s is of a model, not of a recording",
                   moe_recording_get_path (recording), metrics[options->metric].name);
      return NULL;
    }
  if (!find_layer (recording, options, &layer, error)
      || !moe_routes_read (&routes, recording, options->phases, metrics[options->metric].read,
                           moe_progress_part_init (&part, progress, 0, 0.5), error))
    return NULL;

  table = moe_table_new (metrics[options->metric].title);
  if (!metrics[options->metric].compute (&routes, options, layer, table,
                                         moe_progress_part_init (&part, progress, 0.5, 1), error))
    return NULL;
  moe_report_add_model (table, info, options->phases);
  if (metrics[options->metric].window)
    {
      g_autofree char *number = g_strdup_printf ("%u", options->window);

      moe_table_set_provenance (table, "window", number);
    }
  if (options->metric == MOE_ROUTES_AFFINITY)
    moe_table_set_provenance (table, "pairs", options->top1 ? "top1" : "all");
  if (!moe_report_add_source (table, recording, error))
    return NULL;
  return g_steal_pointer (&table);
}
