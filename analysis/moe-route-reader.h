/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-recording.h"

G_BEGIN_DECLS

/* The routes of a recording: which routed experts each token chose in each MoE layer, token by token. What
 * was chosen is what is counted, under masks too; shared experts are left out, since every token has them. */

/* Which MoE layers are looked at: @n of them from @first on, as indices among the MoE layers. */
typedef struct
{
  guint first, n;
} MoeRouteLayers;

/* @layer: a model layer number, or -1 for all MoE layers. Errors: MOE_ERROR_INVALID when it is no MoE
 * layer. */
gboolean moe_route_layers_init (MoeRouteLayers  *self,
                                MoeRecording    *recording,
                                int              layer,
                                GError         **error);

/* The experts of @record were checked: each is MOE_NO_EXPERT or one of the model's, and none is twice in a
 * layer. */
typedef gboolean (*MoeRouteTokenFunc) (const MoeTokenRecord  *record,
                                       gboolean               starts,
                                       gpointer               user_data,
                                       GError               **error);

/* Calls @func for every token of @phases (MOE_PHASE_BIT() set) in order, until it returns FALSE with its
 * error set. @starts: the token before it in the model was not given, since it is of another prompt or of
 * another phase. Constant memory. @progress may be NULL. Errors: those of moe_recording_foreach() and of
 * @func, MOE_ERROR_FORMAT for an expert that a token has twice, G_IO_ERROR_CANCELLED. */
gboolean moe_route_foreach     (MoeRecording       *recording,
                                guint               phases,
                                const MoeProgress  *progress,
                                MoeRouteTokenFunc   func,
                                gpointer            user_data,
                                GError            **error);

G_END_DECLS
