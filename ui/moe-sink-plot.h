/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-model-info.h"
#include "ui/moe-matrix-plot.h"

G_BEGIN_DECLS

/* The pictures of attention sinks, the same in the window and on the command line. No GTK.
 *
 * @heads and @layers are tables of moe_sinks_report_against() or moe_sinks_compare(), a row a head and a row
 * a layer. When they compare, pictures show what the mask changed. */

/* Layer x head: the sink share, or its change. */
MoeMatrixPlot *moe_sink_map_new     (const MoeModelInfo *info,
                                     const MoeTable     *heads);
/* The sink share by layer, mean and spread over the heads, also before. */
MoeChart      *moe_sink_chart_new   (const MoeModelInfo *info,
                                     const MoeTable     *heads,
                                     const MoeTable     *layers);
/* Takes both tables. With @by_head the table is @heads, with a wide one (layer, h0, h1, ...) and the map;
 * else @layers and the chart. */
MoeExhibit    *moe_sink_exhibit_take (const MoeModelInfo *info,
                                      MoeTable           *heads,
                                      MoeTable           *layers,
                                      gboolean            by_head);

G_END_DECLS
