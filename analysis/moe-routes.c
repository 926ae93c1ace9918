/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes"

#include "analysis/moe-routes-private.h"

#include "analysis/moe-report.h"
#include "data/moe-error.h"

#define MAX_BYTES ((gsize) 1 << 30)

/* Tokens between two looks at whether the result is still wanted. */
#define STRIDE 1024

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
  gboolean     window, next, weights;
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
                         .compute = moe_routes_cache },
  [MOE_ROUTES_BALANCE] = { "balance", "Load Balance", LAYER_NONE, .compute = moe_routes_balance },
  [MOE_ROUTES_PARALLEL] = { "parallel", "What If: Several Devices", LAYER_NONE,
                            .compute = moe_routes_parallel },
  [MOE_ROUTES_TILES] = { "tiles", "What If: Tiles", LAYER_NONE, .compute = moe_routes_tiles },
  [MOE_ROUTES_DROPS] = { "drops", "What If: Fewer Experts", LAYER_NONE, .weights = TRUE,
                         .compute = moe_routes_drops },
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

guint64 *
moe_routes_count (const MoeRoutes *self,
                  guint            layer,
                  gboolean         top1)
{
  guint64 *hits = g_new0 (guint64, self->n_experts);

  for (gsize token = 0; token < self->n_tokens; token++)
    {
      const guint16 *experts = moe_routes_get (self, token, layer);

      for (guint slot = 0; slot < (top1 ? MIN (1, self->n_slots) : self->n_slots); slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          hits[experts[slot]]++;
    }
  return hits;
}

/* --- reading ------------------------------------------------------------------------------------------ */

typedef struct
{
  MoeRoutes         *routes;
  guint              phases;
  gboolean           with_weights;
  gint64             n_all, n_seen;
  const MoeProgress *progress;
  const char        *path;
  GError            *error;
} Reading;

static gboolean
add_record (MoeTokenRecord *record,
            const char     *text,
            gsize           text_length,
            gpointer        user_data)
{
  Reading *reading = user_data;
  MoeRoutes *self = reading->routes;
  guint n = self->n_layers * self->n_slots;

  if (reading->n_seen++ % STRIDE == 0
      && !moe_progress_step (reading->progress, (double) reading->n_seen / (double) reading->n_all,
                             "reading the recording", &reading->error))
    return FALSE;
  if ((reading->phases & MOE_PHASE_BIT (record->phase)) == 0)
    return TRUE;
  if ((self->n_tokens + 1) * ((gsize) n * (reading->with_weights ? 4 : 2) + sizeof (guint)) > MAX_BYTES)
    {
      g_set_error (&reading->error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%s: the routing of its tokens is larger than 1 GiB; choose a phase", reading->path);
      return FALSE;
    }
  g_array_append_vals (self->experts, record->experts, n);
  if (reading->with_weights)
    g_array_append_vals (self->weights, record->weights, n);
  g_array_append_val (self->prompts, record->prompt);
  self->n_tokens++;
  return TRUE;
}

static void
clear (MoeRoutes *self)
{
  g_clear_pointer (&self->experts, g_array_unref);
  g_clear_pointer (&self->weights, g_array_unref);
  g_clear_pointer (&self->prompts, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeRoutes, clear)

static gboolean
read_routes (MoeRoutes               *self,
             MoeRecording            *recording,
             const MoeRoutesOptions  *options,
             const MoeProgress       *progress,
             GError                 **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  Reading reading = { self, options->phases, metrics[options->metric].weights,
                      MAX (moe_recording_get_n_tokens (recording), 1), 0, progress,
                      moe_recording_get_path (recording), NULL };

  self->info = info;
  self->n_layers = info->n_moe_layers;
  self->n_experts = info->n_experts;
  self->n_slots = info->n_used;
  self->experts = g_array_new (FALSE, FALSE, sizeof (guint16));
  self->weights = g_array_new (FALSE, FALSE, sizeof (guint16));
  self->prompts = g_array_new (FALSE, FALSE, sizeof (guint));
  if (moe_recording_foreach (recording, 0, -1, add_record, &reading, error))
    return TRUE;
  if (reading.error != NULL)
    g_propagate_error (error, reading.error);
  return FALSE;
}

/* --- the table ---------------------------------------------------------------------------------------- */

/* The number of the MoE layer that @options names, or of the first one, or -1. */
static gboolean
find_layer (const MoeModelInfo      *info,
            const char              *path,
            const MoeRoutesOptions  *options,
            int                     *layer,
            GError                 **error)
{
  *layer = -1;
  if (metrics[options->metric].layer == LAYER_NONE
      || (options->layer < 0 && metrics[options->metric].layer == LAYER_OPTIONAL))
    return TRUE;
  *layer = options->layer < 0 ? 0 : moe_model_info_find_moe_layer (info, (guint) options->layer);
  if (*layer < 0 || info->n_moe_layers == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: layer %d is not an MoE layer", path,
                   options->layer);
      return FALSE;
    }
  if (metrics[options->metric].next && *layer + 1 == (int) info->n_moe_layers)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: layer %u is the last MoE layer: there is no next one to flow to", path,
                   info->moe_layers[*layer]);
      return FALSE;
    }
  return TRUE;
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
  if (!find_layer (info, moe_recording_get_path (recording), options, &layer, error)
      || !read_routes (&routes, recording, options, moe_progress_part_init (&part, progress, 0, 0.5), error))
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
