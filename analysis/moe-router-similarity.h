/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-table.h"
#include "probes/moe-model.h"

G_BEGIN_DECLS

/* How alike two experts are to their router: the cosine of their rows of the router matrix. Experts with
 * close rows are chosen for the same tokens (STUN, arXiv 2409.06211, section 4, prunes by it). Needs the
 * weights and no run. */

/* (n_experts, n_experts) cosines in MoE layer @layer (a model layer number), symmetric, 1 on the diagonal;
 * NaN for a row of zeros. Transfer full (g_free). */
float    *moe_router_similarity_compute  (const MoeModel *model,
                                          guint           layer);

/* layer,expert,other,similarity for every pair expert < other of @layer, or of all MoE layers when it is
 * -1. */
MoeTable *moe_router_similarity_to_table (const MoeModel *model,
                                          int             layer);

G_END_DECLS
