/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routes.h"
#include "probes/moe-model.h"
#include "ui/moe-matrix-plot.h"

G_BEGIN_DECLS

/* The pictures of `moescope-cli routes`, the same in the window. No GTK. */

/* What the map of coactivation and affinity shows: a column of their tables. */
typedef enum
{
  MOE_ROUTES_SHARE,
  MOE_ROUTES_LIFT,
  MOE_ROUTES_TOKENS,
  MOE_N_ROUTES_VALUES
} MoeRoutesValue;

const char *moe_routes_value_get_name (MoeRoutesValue  value);
gboolean    moe_routes_value_parse    (const char     *name,
                                       MoeRoutesValue *value);

typedef struct
{
  MoeRoutesOptions options;
  MoeRoutesValue   value;
  MoeScale         scale; /* of the colours of a map */
} MoeRoutesChoice;

/* Similarity, share. */
void           moe_routes_choice_init      (MoeRoutesChoice        *self);

/* Whether the picture is a map; else it is a chart. */
gboolean       moe_routes_metric_has_map   (MoeRoutesMetric         metric);
/* That of its map when none is chosen. */
MoeScale       moe_routes_metric_get_scale (MoeRoutesMetric         metric);
/* Whether a value can be chosen. */
gboolean       moe_routes_metric_has_value (MoeRoutesMetric         metric);

/* Of a table of moe_routes_report(), or moe_router_similarity_to_table(), of which it shows the chosen layer,
 * or the first. Transfer full. */
MoeMatrixPlot *moe_routes_map_new          (const MoeModelInfo     *info,
                                            const MoeTable         *table,
                                            const MoeRoutesChoice  *choice);
MoeChart      *moe_routes_chart_new        (const MoeModelInfo     *info,
                                            const MoeTable         *table,
                                            const MoeRoutesChoice  *choice);
/* Takes @table; maps also have a wide table. */
MoeExhibit    *moe_routes_exhibit_take     (const MoeModelInfo     *info,
                                            MoeTable               *table,
                                            const MoeRoutesChoice  *choice);
/* What @options ask for: of @model, which may be NULL, similarity; else of the recording at @path. @info
 * (transfer full): of what it is. Errors: those of opening and of moe_routes_report(). Transfer full. */
MoeTable      *moe_routes_read_table       (const char              *path,
                                            MoeModel                *model,
                                            const MoeRoutesOptions  *options,
                                            const MoeProgress       *progress,
                                            MoeModelInfo           **info,
                                            GError                 **error);
/* Of the model, for similarity; with its provenance. Transfer full. */
MoeTable      *moe_routes_similarity       (const MoeModel         *model,
                                            int                     layer);
/* How the window comes to it. @model: of which similarity is, else NULL. Transfer full. */
MoeExport     *moe_routes_export_new       (const MoeRoutesChoice  *choice,
                                            MoeModel               *model);

G_END_DECLS
