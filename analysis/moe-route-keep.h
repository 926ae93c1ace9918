/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-route-reader.h"

G_BEGIN_DECLS

/* What would be left of a recorded run if each layer kept only its first M experts, by a ranking from the
 * same tokens: the cumulative curve of pruning. Nothing is run again, so tokens do not turn to other
 * experts. */
typedef enum
{
  MOE_ROUTE_KEEP_HITS,       /* "hits": tokens that chose it */
  MOE_ROUTE_KEEP_WEIGHT,     /* "weight": sum of its gate weights (soft count) */
  MOE_ROUTE_KEEP_IMPORTANCE, /* "importance": EASY-EP (arXiv 2504.06792), as MOE_METRIC_IMPORTANCE */
  MOE_ROUTE_KEEP_REAP,       /* "reap": REAP (arXiv 2510.13999), as MOE_METRIC_REAP */
  MOE_N_ROUTE_KEEP_RANKINGS
} MoeRouteKeepRanking;

const char *moe_route_keep_ranking_get_name (MoeRouteKeepRanking  ranking);
gboolean    moe_route_keep_ranking_parse    (const char          *name,
                                             MoeRouteKeepRanking *ranking);

typedef struct
{
  MoeModelInfo       *info;
  MoeRouteKeepRanking ranking;
  guint               phases;
  MoeRouteLayers      layers;
  gint64              n_tokens;
  /* (layers.n, E) each: what holds with the first M = index + 1 experts of the layer. */
  guint16            *experts;       /* the M-th of the ranking; equal ones by number, unknown ones last */
  double             *scores;        /* its value, NaN when it is unknown */
  double             *hits_kept;     /* share of all choices that were of the M; NaN without any */
  double             *weight_kept;   /* share of all gate weights */
  double             *tokens_intact; /* share of the tokens that chose none but these; of those that chose */
} MoeRouteKeep;

/* @layer: a model layer number, or -1 for all MoE layers. Reads the recording twice, in constant memory.
 * Errors: those of moe_route_layers_init(), moe_route_foreach(). */
MoeRouteKeep *moe_route_keep_new      (MoeRecording         *recording,
                                       MoeRouteKeepRanking   ranking,
                                       guint                 phases,
                                       int                   layer,
                                       const MoeProgress    *progress,
                                       GError              **error);
void          moe_route_keep_free     (MoeRouteKeep         *self);
/* layer,kept,expert,score,hits_kept,weight_kept,tokens_intact,n_tokens. */
MoeTable     *moe_route_keep_to_table (const MoeRouteKeep   *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRouteKeep, moe_route_keep_free)

G_END_DECLS
