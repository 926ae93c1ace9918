/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-sink-stats.h"
#include "data/moe-recording.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* layer,head,sink_share,sink_rate of @recording; head is missing in a row a layer. The number of prompts that
 * are long enough for the rate is in the provenance; it is missing when there are none. Errors: those of
 * moe_recording_foreach() and of moe_sink_stats_add(). Transfer full.
 *
 * Then last_query and last_query_deviation (over heads; missing in a row a head), and sink_share_before and
 * decay: against @before, a recording of the same model that ran the same tokens, or missing when that is
 * NULL. Then learned_sink, the mean attention to the learned sink of models that have one. Errors:
 * MOE_ERROR_MISMATCH for another model or other tokens in @before. */
MoeTable     *moe_sinks_report         (MoeRecording          *recording,
                                        const MoeSinkOptions  *options,
                                        GError               **error);
MoeTable     *moe_sinks_report_against (MoeRecording          *recording,
                                        MoeRecording          *before,
                                        const MoeSinkOptions  *options,
                                        GError               **error);
/* The same of tokens that were run again, @before without a mask and @after under one. The caller adds where
 * the tokens are from, and the mask. */
MoeTable     *moe_sinks_compare        (const MoeModelInfo    *info,
                                        const MoeSinkStats    *before,
                                        const MoeSinkStats    *after,
                                        gboolean               by_head);

G_END_DECLS
