/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routes.h"
#include "tests/support/moe-test-recording.h"

G_BEGIN_DECLS

/* Recordings of routes that a test makes up, token by token, in memory first. The MoE layers are the odd
 * layers of the model. */
typedef struct
{
  char         *folder;
  MoeModelInfo *info;
  GPtrArray    *records; /* of MoeTokenRecord */
  guint         n_files;
} MoeTestRoutes;

void            moe_test_routes_init       (MoeTestRoutes  *self,
                                            guint           n_moe_layers,
                                            guint           n_experts,
                                            guint           n_used);
void            moe_test_routes_clear      (MoeTestRoutes  *self);
/* Adds a token to @prompt, which is that of the last token or the next. @experts: (n_moe_layers, n_used).
 * Returns the record, to be changed. */
MoeTokenRecord *moe_test_routes_add        (MoeTestRoutes  *self,
                                            guint           prompt,
                                            MoePhase        phase,
                                            const guint16  *experts);
/* Likewise with distinct random experts, of which the first half is likelier, and now and then an empty
 * slot. */
MoeTokenRecord *moe_test_routes_add_random (MoeTestRoutes  *self,
                                            GRand          *random,
                                            guint           prompt,
                                            MoePhase        phase);
/* All that was added, as a recording on disk. Transfer full. */
MoeRecording   *moe_test_routes_open       (MoeTestRoutes  *self);
/* Whether token @token chose @expert in MoE layer @layer (an index). */
gboolean        moe_test_routes_has        (MoeTestRoutes  *self,
                                            guint           token,
                                            guint           layer,
                                            guint           expert);

/* moe_routes_report(), which must succeed. */
MoeTable       *moe_test_routes_report     (MoeRecording    *recording,
                                            MoeRoutesMetric  metric,
                                            guint            phases,
                                            int              layer,
                                            guint            window);
/* The number in a row of a column, which must be there. */
double          moe_test_routes_get        (const MoeTable *table,
                                            guint           row,
                                            const char     *column);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeTestRoutes, moe_test_routes_clear)

G_END_DECLS
