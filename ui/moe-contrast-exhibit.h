/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* The layer x expert map of the scores, ready to draw: colours diverge from 0, experts of A on one side and
 * those of B on the other (scores that have no sign go one way). No GTK. */
typedef struct
{
  MoeHeatmapPlot  plot;         /* points into the members below */
  double         *values;       /* (n_moe_layers, n_experts), NaN where missing */
  gint           *row_numbers;  /* (n_moe_layers) model layers */
  char           *title;
} MoeContrastPlot;

MoeContrastPlot *moe_contrast_plot_new    (const MoeContrast *contrast);
void             moe_contrast_plot_free   (MoeContrastPlot   *self);

/* The first @top ranks (0 = all) as a table, with that map, as `moescope-cli contrast` makes them. Transfer
 * full. */
MoeExhibit      *moe_contrast_exhibit_new (const MoeContrast *contrast,
                                           guint              top);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrastPlot, moe_contrast_plot_free)

G_END_DECLS
