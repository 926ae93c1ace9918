/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routes.h"

G_BEGIN_DECLS

/* The routing of the tokens that are looked at. N = n_tokens, M = n_moe_layers, K = slots. */
typedef struct
{
  const MoeModelInfo *info;    /* of the recording, which is open */
  guint               n_layers, n_experts, n_slots; /* M, E, K */
  gsize               n_tokens;
  GArray             *experts; /* guint16 (N, M, K), MOE_NO_EXPERT for an empty slot */
  GArray             *weights; /* guint16 (N, M, K) F16, or empty when not asked for */
  GArray             *prompts; /* guint (N) */
} MoeRoutes;

/* (K) of a token in MoE layer number @layer (not a model layer). */
static inline const guint16 *
moe_routes_get (const MoeRoutes *self, gsize token, guint layer)
{
  return (const guint16 *) (gconstpointer) self->experts->data
         + (token * self->n_layers + layer) * self->n_slots;
}

static inline const guint16 *
moe_routes_get_weights (const MoeRoutes *self, gsize token, guint layer)
{
  return (const guint16 *) (gconstpointer) self->weights->data
         + (token * self->n_layers + layer) * self->n_slots;
}

/* Hits of each expert of a layer: (E), transfer full (g_free). @top1: only of slot 0. */
guint64  *moe_routes_count (const MoeRoutes *self,
                            guint            layer,
                            gboolean         top1);

/* Each adds the columns of its metric and the rows to @table. @layer is a number of a MoE layer, -1 = all. */
gboolean  moe_routes_coactivation (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_affinity     (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_recall       (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_srp          (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_srp_experts  (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_cache        (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_balance      (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_parallel     (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_tiles        (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);
gboolean  moe_routes_drops        (const MoeRoutes *self, const MoeRoutesOptions *options, int layer,
                                   MoeTable *table, const MoeProgress *progress, GError **error);

G_END_DECLS
