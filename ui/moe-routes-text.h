/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-routes-exhibit.h"

G_BEGIN_DECLS

/* What the page Routes says in words of a table of moe_routes_report(). */

/* The row of a map's cell: @expert of the map's row, @other of its column; @layer a model layer. -1 when
 * there is none. */
int   moe_routes_find_row  (const MoeTable        *table,
                            MoeRoutesMetric        metric,
                            gint64                 layer,
                            gint64                 expert,
                            gint64                 other);
/* A row of a map as a sentence, "L3E5 and L3E17: 29 tokens, 16.4 % of those of L3E5, lift 1.54". Transfer
 * full. */
char *moe_routes_describe  (const MoeTable        *table,
                            MoeRoutesMetric        metric,
                            guint                  row);
/* The main finding as a sentence; NULL when there is none. Transfer full. */
char *moe_routes_summarize (const MoeTable        *table,
                            const MoeModelInfo    *info,
                            const MoeRoutesChoice *choice);

G_END_DECLS
