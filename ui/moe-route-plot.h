/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-route-domains.h"
#include "analysis/moe-route-keep.h"
#include "ui/moe-matrix-plot.h"

G_BEGIN_DECLS

/* The pictures of what moe-route-domains.h, moe-route-keep.h and moe-routes-overlap.h find, the same in the
 * window and on the command line. No GTK. */

/* Of one layer domain x expert: how many times as often as k/E its tokens choose the expert. Of several
 * layers layer x expert: the largest of these over the domains. */
MoeMatrixPlot *moe_route_domains_map_new     (const MoeRouteDomains  *domains);
/* Of one layer what is kept with the first M experts; of several the kept choices, a line a layer. @table:
 * that of moe_route_keep_to_table(). */
MoeChart      *moe_route_keep_chart_new      (const MoeRouteKeep     *keep,
                                              const MoeTable         *table);

/* Both with their tables. Errors: those of moe_report_add_source(). Transfer full. */
MoeExhibit    *moe_route_domains_exhibit_new (const MoeRouteDomains  *domains,
                                              MoeRecording           *recording,
                                              GError                **error);
MoeExhibit    *moe_route_keep_exhibit_new    (const MoeRouteKeep     *keep,
                                              MoeRecording           *recording,
                                              GError                **error);
/* Takes @table, that of moe_routes_overlap(): overlap, same strongest expert and chance, a point a layer. */
MoeExhibit    *moe_route_overlap_exhibit_take (const MoeModelInfo    *info,
                                               MoeTable              *table);

G_END_DECLS
