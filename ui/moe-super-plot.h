/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-super-experts.h"
#include "ui/moe-matrix-plot.h"

G_BEGIN_DECLS

/* The pictures of super experts and massive activations, the same in the window and on the command line. No
 * GTK. */
typedef enum
{
  MOE_SUPER_RANKING, /* "ranking": layer x expert */
  MOE_SUPER_EXPERTS, /* "experts": a line over the experts for each layer */
  MOE_SUPER_LAYERS,  /* "layers": every expert over its layer, with the thresholds */
  MOE_SUPER_TAIL,    /* "tail": share of experts with a largest output of at least x */
  MOE_N_SUPER_PLOTS
} MoeSuperPlot;

/* The view of the command line that has this picture. */
const char    *moe_super_plot_get_name (MoeSuperPlot      plot);

/* Super experts are ringed, others above both thresholds ringed with dashes. The shared expert has a column
 * of its own at the end where there is one. */
MoeMatrixPlot *moe_super_map_new       (MoeSuperExperts    *experts,
                                        const MoeModelInfo *info);
/* Any but the ranking. @table: that of moe_super_table_new(). */
MoeChart      *moe_super_chart_new     (MoeSuperExperts    *experts,
                                        const MoeModelInfo *info,
                                        const MoeTable     *table,
                                        MoeSuperPlot        plot);
/* The table of the view. Errors: those of moe_super_experts_to_table(). Transfer full. */
MoeTable      *moe_super_table_new     (MoeSuperExperts    *experts,
                                        MoeRecording       *recording,
                                        MoeSuperPlot        plot,
                                        GError            **error);
/* That with its picture. */
MoeExhibit    *moe_super_exhibit_new   (MoeSuperExperts    *experts,
                                        MoeRecording       *recording,
                                        MoeSuperPlot        plot,
                                        GError            **error);

/* The layer curve of a table from moe_massive_activations_report(). */
MoeChart      *moe_massive_chart_new   (const MoeTable     *table,
                                        const char         *model,
                                        double              ratio);
/* The table with that picture. Errors: those of moe_massive_activations_report(). */
MoeExhibit    *moe_massive_exhibit_new (MoeRecording       *recording,
                                        guint               phases,
                                        double              ratio,
                                        GError            **error);

G_END_DECLS
