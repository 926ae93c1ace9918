/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routing-stats.h"

G_BEGIN_DECLS

/* All routed experts of a recording, a row each, with every metric: layer,expert,share,hits,mean_weight,...
 * (the names of moe_metric_get_name()). @stats holds the tokens of @recording. Provenance as in
 * moe_heatmap_report_new(). Errors: those of moe_recording_foreach_mask(). Transfer full. */
MoeTable *moe_experts_report_new   (const MoeRoutingStats  *stats,
                                    MoeRecording           *recording,
                                    guint                   phases,
                                    GError                **error);
/* The same without a recording to come from: what is shown while it is written. */
MoeTable *moe_experts_report_table (const MoeRoutingStats  *stats,
                                    const MoeModelInfo     *info,
                                    guint                   phases);

G_END_DECLS
