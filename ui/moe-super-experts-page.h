/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* The experts by their largest down_proj output, which of them are super experts, and what the model loses
 * without them.
 *
 * Options: view (ranking, experts, layers, tail, massive, residual, sinks, perplexity, sink_share, max_h),
 * layers, reduction, ratio, as on the command line; expert selects one with its trigger token; check
 * (experts as in "L2E30,L7E20", or "" for those above both thresholds) starts the causal check. */
#define MOE_TYPE_SUPER_EXPERTS_PAGE (moe_super_experts_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeSuperExpertsPage, moe_super_experts_page, MOE, SUPER_EXPERTS_PAGE, MoePage)

G_END_DECLS
