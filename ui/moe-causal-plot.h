/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-causal-check.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* The pictures of the causal check, the same in the window and on the command line. No GTK. */
typedef enum
{
  MOE_CAUSAL_PERPLEXITY, /* "perplexity": a bar a condition, with the band of the random draws */
  MOE_CAUSAL_SINK_SHARE, /* "sink_share" */
  MOE_CAUSAL_MAX_H,      /* "max_h" */
  MOE_CAUSAL_RESIDUAL,   /* "residual": the largest |h| by layer, a line a condition */
  MOE_CAUSAL_SINKS,      /* "sinks": the sink share by layer, a line a condition */
  MOE_CAUSAL_HEADS,      /* "heads": the heads that lose most of their sink, with and without */
  MOE_N_CAUSAL_PLOTS
} MoeCausalPlot;

/* The table that a picture is of. */
typedef enum
{
  MOE_CAUSAL_SUMMARY,    /* moe_causal_check_to_table() */
  MOE_CAUSAL_BY_LAYER,   /* moe_causal_check_to_layers() */
  MOE_CAUSAL_BY_HEAD,    /* moe_causal_check_to_heads() */
} MoeCausalDetail;

const char *moe_causal_plot_get_name    (MoeCausalPlot      plot);
gboolean    moe_causal_plot_parse       (const char        *name,
                                         MoeCausalPlot     *plot);
MoeCausalDetail moe_causal_plot_get_detail (MoeCausalPlot   plot);
/* Transfer full. */
MoeTable   *moe_causal_table_new        (MoeCausalCheck    *check,
                                         MoeCausalDetail    detail);

/* @table: that of the picture. */
MoeChart   *moe_causal_chart_new        (const MoeTable    *table,
                                         const char        *model,
                                         MoeCausalPlot      plot);
/* @table (transfer full) with that picture. */
MoeExhibit *moe_causal_exhibit_take     (MoeTable          *table,
                                         const char        *model,
                                         MoeCausalPlot      plot);
/* The same with where it comes from: @check ran the tokens of @recording. Errors: those of
 * moe_report_add_source(). */
MoeExhibit *moe_causal_exhibit_new      (MoeCausalCheck    *check,
                                         MoeRecording      *recording,
                                         MoeCausalPlot      plot,
                                         GError           **error);

G_END_DECLS
