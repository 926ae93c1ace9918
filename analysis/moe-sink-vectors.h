/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-masked-run.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* Why a head attends to the first token: the L2 norms of what goes into attention there and at other tokens,
 * and how queries point at its key (arXiv 2410.10781, section 4). Over the tokens of @prompts
 * (moe-masked-run.h) under @mask; q, k, v as in MoeProjectionEvent, h the residual before the layer:
 *
 *   NORM_first  mean over prompts at token 0           NORM_other  mean over all tokens t >= 1
 *   cos_first   mean over t >= 1 of cos (q_t, k_0)
 *   cos_other   mean over t >= 1 of the mean over keys j = 1 ... t of cos (q_t, k_j)
 *
 * layer,head,h_norm_first,h_norm_other,q_norm_first,q_norm_other,k_norm_first,k_norm_other,v_norm_first,
 * v_norm_other,cos_first,cos_other. A row a layer holds means over its heads and no head; a row a head
 * (@by_head) the k and v of its key-value head. Missing: values of other tokens when no prompt has a second
 * one, and all but h in layers that give no projections. Provenance and errors as
 * moe_router_scores_report(). Transfer full. */
MoeTable *moe_sink_vectors_report (MoeSession         *session,
                                   GPtrArray          *prompts,
                                   MoeMask            *mask,
                                   gboolean            by_head,
                                   const MoeProgress  *progress,
                                   GError            **error);

G_END_DECLS
