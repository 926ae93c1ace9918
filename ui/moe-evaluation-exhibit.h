/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* Pictures of what moe_evaluate() returns: conditions beside each other for each prompt set, random controls
 * as a band, intervals as whiskers. No GTK.
 *
 * @picture: "shares" (all that is a share of answers or tasks), the name of one metric, or "METRIC:top" and
 * "METRIC:strength" for a line over the number of experts or the strength: for each prompt set the mask's
 * with its interval, the band of the random controls, and reversed and bottom beside it. A sweep begins with
 * the plain model at 0; that over strengths has the mask itself at 1. */

/* "shares", the metrics that @table has, and the sweeps, NULL-terminated. Transfer full. */
char      **moe_evaluation_get_pictures (const MoeTable  *table);
/* "Refusals" for "refusal". Owned by nobody; the name itself for one that is not known. */
const char *moe_evaluation_get_title    (const char      *picture);
/* Transfer full. */
MoeChart   *moe_evaluation_chart_new    (const MoeTable  *table,
                                         const char      *picture);
/* @picture NULL: the first there is. NULL with MOE_ERROR_INVALID when the table has no such picture. Transfer
 * full. */
MoeExhibit *moe_evaluation_exhibit_new  (MoeTable        *table,
                                         const char      *picture,
                                         GError         **error);

G_END_DECLS
