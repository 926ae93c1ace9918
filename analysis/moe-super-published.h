/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-super-experts.h"
#include "data/moe-published-experts.h"

G_BEGIN_DECLS

/* What others found in the same model (moe_published_experts_find()) beside what was found here. All of these
 * give NULL, without an error, when nothing was published about the model of @self. */

/* layer,expert,published_max,source,rank,max_down_proj,is_super, a row for each published expert and then one
 * for each super expert of @self that nobody published (without source). rank: in @self, from 1. Missing: a
 * value that was not published, and what was never routed to here. published-model is in the provenance, with
 * that of moe_super_experts_to_table(). Transfer full. */
MoeTable *moe_super_published_to_table (MoeSuperExperts            *self,
                                        const MoePublishedExperts  *published,
                                        MoeRecording               *recording,
                                        GError                    **error);
/* "published for Mixtral-8x7B-v0.1: L1E3; found here: L1E3", one sentence. Transfer full. */
char     *moe_super_published_describe (MoeSuperExperts            *self,
                                        const MoePublishedExperts  *published);

G_END_DECLS
