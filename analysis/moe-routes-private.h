/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routes.h"

#include "data/moe-token-record.h"

G_BEGIN_DECLS

typedef struct
{
  gint64 number;   /* in the recording */
  gint32 token_id;
  guint8 starts;   /* the token before it in the model is not there: of another prompt, or left out */
  guint8 wanted;   /* of the phases that are asked for */
} MoeRoutesToken;

/* Of what was measured. */
typedef struct
{
  double  sum;
  guint64 n;
} MoeRoutesMean;

/* The routing of the tokens that are looked at; no expert is twice in a layer of a token. N = n_tokens,
 * M = n_moe_layers, K = slots. */
typedef struct
{
  const MoeModelInfo *info;    /* of the recording, which is open */
  guint               n_layers, n_experts, n_slots; /* M, E, K */
  gsize               n_tokens;
  GArray             *experts; /* guint16 (N, M, K), MOE_NO_EXPERT for an empty slot */
  GArray             *weights; /* guint16 (N, M, K) F16, or empty when not asked for */
  GArray             *tokens;  /* MoeRoutesToken (N) */
  MoeRoutesMean      *entropy; /* (M) of the routers' distributions, nats; empty when not asked for */
  MoeRoutesMean      *margin;  /* (M) the largest of a token's gate weights minus the second; likewise */
} MoeRoutes;

/* What else moe_routes_read() keeps. */
typedef enum
{
  MOE_ROUTES_READ_WEIGHTS = 1 << 0,
  MOE_ROUTES_READ_ALL     = 1 << 1, /* tokens of all phases, so that not all are wanted */
  MOE_ROUTES_READ_MEANS   = 1 << 2, /* the means over the tokens */
} MoeRoutesRead;

/* @self is cleared by the caller, also after an error. Errors: as moe_routes_report(). */
gboolean  moe_routes_read  (MoeRoutes          *self,
                            MoeRecording       *recording,
                            guint               phases,
                            MoeRoutesRead       what,
                            const MoeProgress  *progress,
                            GError            **error);
void      moe_routes_clear (MoeRoutes          *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeRoutes, moe_routes_clear)

static inline const MoeRoutesToken *
moe_routes_get_token (const MoeRoutes *self, gsize token)
{
  return &g_array_index (self->tokens, MoeRoutesToken, token);
}

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

/* The expert in the first slot that is not empty (masks may leave the first ones empty), or MOE_NO_EXPERT. */
guint16   moe_routes_get_strongest (const MoeRoutes *self,
                                    gsize            token,
                                    guint            layer);

/* Hits of each expert of a layer: (E), transfer full (g_free). @top1: only of each token's strongest. */
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
