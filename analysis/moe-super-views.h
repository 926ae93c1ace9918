/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-super-experts.h"

G_BEGIN_DECLS

/* The same largest outputs in other orders, with the provenance of moe_super_experts_to_table(). Errors: its
 * errors. Transfer full. */

/* layer,expert,max_down_proj,in_layers,is_super by layer, then by number with the shared expert first: a line
 * over the experts for each layer. Missing: what was never routed to. */
MoeTable *moe_super_view_experts (MoeSuperExperts  *self,
                                  MoeRecording     *recording,
                                  GError          **error);
/* layer,max_down_proj,expert,second,median,percentile,n_experts,in_layers, a row an MoE layer: the largest,
 * whose it is, the second, the median and P99.5 (interpolated) over its n_experts experts, of which one never
 * routed to counts as 0. */
MoeTable *moe_super_view_layers  (MoeSuperExperts  *self,
                                  MoeRecording     *recording,
                                  GError          **error);
/* rank,layer,expert,max_down_proj,ccdf,fit by falling value, experts that were routed to: ccdf = share of
 * them with at least this value; fit = the same under the power law of moe-tail-fit.h, missing below its
 * xmin and when there is none. Its parameters are in the provenance. */
MoeTable *moe_super_view_tail    (MoeSuperExperts  *self,
                                  MoeRecording     *recording,
                                  GError          **error);

G_END_DECLS
