/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routing-stats.h"
#include "ui/moe-heatmap-plot.h"

G_BEGIN_DECLS

/* The layer x expert heatmap of routing statistics, ready to draw. The window and the command line make
 * theirs here, so that the same choices give the same picture. No GTK. */
typedef struct
{
  MoeMetric    metric;
  guint        phases;    /* MOE_PHASE_BIT() set */
  MoeScale     scale;
  MoeColorMap  color_map;
  gboolean     marginals;
} MoeRoutingPlotOptions;

typedef struct
{
  MoeHeatmapPlot  plot;         /* points into the members below */
  double         *values;       /* (n_moe_layers, n_experts), NaN where missing */
  gint           *row_numbers;  /* (n_moe_layers) model layers */
  char           *title, *value_title;
} MoeRoutingPlot;

/* What `moescope-cli heatmap` and a new window start with: share of all phases, square root scale, viridis,
 * marginal bars. */
void            moe_routing_plot_options_init (MoeRoutingPlotOptions        *options);

MoeRoutingPlot *moe_routing_plot_new          (const MoeRoutingStats        *stats,
                                               const MoeModelInfo           *info,
                                               const MoeRoutingPlotOptions  *options);
void            moe_routing_plot_free         (MoeRoutingPlot               *self);

/* "answer", "prompt,answer" or "all": what --phase takes. Transfer full. */
char           *moe_phases_format             (guint                         phases);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRoutingPlot, moe_routing_plot_free)

G_END_DECLS
