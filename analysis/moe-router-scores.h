/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-masked-run.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* How the routers score their experts at the first token of a prompt, where the sink is, and at the others:
 * super experts are chosen there with a score close to 1 (arXiv 2507.23279, section 4). Means over the tokens
 * of @prompts (moe-masked-run.h) under @mask, before the mask acts on the router itself.
 *
 * layer,expert,score_first,score_other,logit_first,logit_other,share_first,share_other, a row for each routed
 * expert of every MoE layer: score = router probability, share = of the tokens for which it was chosen.
 * The values of other tokens are missing when no prompt has a second one. Provenance: model, mask, tokens,
 * version; the caller adds where the prompts are from. Errors: those of moe_masked_run_watch(). Transfer
 * full. */
MoeTable *moe_router_scores_report (MoeSession         *session,
                                    GPtrArray          *prompts,
                                    MoeMask            *mask,
                                    const MoeProgress  *progress,
                                    GError            **error);

G_END_DECLS
