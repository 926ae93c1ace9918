/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routing-stats.h"

G_BEGIN_DECLS

/* The table of a layer x expert heatmap of a recording with everything that says where it comes from. The
 * window's export and the command line's `heatmap` both write what this returns, so their files are equal
 * byte for byte.
 *
 * @stats holds the tokens of @recording. Long form (moe_routing_stats_to_table) or, when @wide, a column per
 * expert. Provenance, after the model and the phases: recording (the file's base name), recording-hash, seed,
 * mask ("none", or every mask with the token from which it acts), version.
 * Errors: those of moe_recording_foreach_mask(). Transfer full. */
MoeTable *moe_heatmap_report_new (const MoeRoutingStats  *stats,
                                  MoeRecording           *recording,
                                  MoeMetric               metric,
                                  guint                   phases,
                                  gboolean                wide,
                                  GError                **error);

G_END_DECLS
