/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-exhibit.h"
#include "ui/moe-routing-plot.h"

G_BEGIN_DECLS

/* The layer x expert map of @recording, as `moescope-cli heatmap` makes it. Errors: those of reading the
 * recording. Transfer full. */
MoeExhibit *moe_routing_exhibit_new (MoeRecording                 *recording,
                                     const MoeRoutingPlotOptions  *options,
                                     GError                      **error);
/* How the window comes to it. Transfer full. */
MoeExport  *moe_routing_export_new  (const MoeRoutingPlotOptions  *options);

G_END_DECLS
