/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"
#include "ui/moe-chart.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* All experts with every metric, and share of tokens against the largest down_proj output, as
 * `moescope-cli experts` makes them. No GTK. */
MoeChart   *moe_experts_chart_new   (const MoeTable  *table);
/* Errors: those of reading the recording. Transfer full. */
MoeExhibit *moe_experts_exhibit_new (MoeRecording    *recording,
                                     guint            phases,
                                     GError         **error);
/* How the window comes to it. Transfer full. */
MoeExport  *moe_experts_export_new  (guint            phases);

G_END_DECLS
