/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"
#include "data/moe-table.h"
#include "data/moe-token-record.h"

G_BEGIN_DECLS

/* Sums over token records from which every layer x expert map is made. The window adds records as they
 * arrive, the command line adds those of a file; the same records in the same order give the same table,
 * byte for byte. */
typedef enum
{
  MOE_METRIC_SHARE,          /* hits / tokens: share of tokens routed to the expert */
  MOE_METRIC_HITS,
  MOE_METRIC_MEAN_WEIGHT,    /* mean gate weight over its hits; missing without hits */
  MOE_METRIC_MAX_DOWN,       /* max over tokens and channels of |down_proj output|, before the gate weight */
  MOE_METRIC_MEAN_DOWN_NORM, /* mean L2 norm of its down_proj output over its hits */
  MOE_METRIC_IMPORTANCE,     /* EASY-EP (arXiv 2504.06792): sum over hits of
                                g * ||o||_2 * max(1 - cos(x, x + routed), 0) */
  MOE_METRIC_REAP,           /* REAP (arXiv 2510.13999): mean over hits of g * ||o||_2 */
  MOE_N_METRICS
} MoeMetric;

const char *moe_metric_get_name  (MoeMetric   metric); /* "share", "hits", "mean_weight", "max_down", ... */
const char *moe_metric_get_title (MoeMetric   metric); /* "Share of Tokens" ... for menus */
const char *moe_metric_get_unit  (MoeMetric   metric);
/* How its values are written to tables. */
MoeColumnType moe_metric_get_column_type (MoeMetric metric);
gboolean    moe_metric_parse     (const char *name,
                                  MoeMetric  *metric);

typedef struct _MoeRoutingStats MoeRoutingStats;

MoeRoutingStats *moe_routing_stats_new       (const MoeModelInfo    *info);
void             moe_routing_stats_free      (MoeRoutingStats       *self);
/* All phases are kept apart, so one object serves every --phase. */
void             moe_routing_stats_add       (MoeRoutingStats       *self,
                                              const MoeTokenRecord  *record);
gint64           moe_routing_stats_get_n_tokens (const MoeRoutingStats *self,
                                                 guint                  phases);
/* Adds every token of @recording. */
gboolean         moe_routing_stats_add_recording (MoeRoutingStats    *self,
                                                  MoeRecording       *recording,
                                                  GError            **error);

/* (n_moe_layers, n_experts) values of @metric over @phases, NaN where missing. Transfer full (g_free). */
double          *moe_routing_stats_get_map   (const MoeRoutingStats *self,
                                              MoeMetric              metric,
                                              guint                  phases);

/* Long form: layer,expert,metric,value,n_tokens, one row per expert of every MoE layer, shared expert (-1)
 * first where there is one. Provenance is filled with the model and the phases; the caller adds the
 * recording. */
MoeTable        *moe_routing_stats_to_table  (const MoeRoutingStats *self,
                                              MoeMetric              metric,
                                              guint                  phases);
/* Wide form: layer, then a column e0, e1, ... per expert. */
MoeTable        *moe_routing_stats_to_wide_table (const MoeRoutingStats *self,
                                                  MoeMetric              metric,
                                                  guint                  phases);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRoutingStats, moe_routing_stats_free)

G_END_DECLS
