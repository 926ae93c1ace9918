/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast.h"
#include "ui/moe-chart.h"
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

/* The pictures that there are of a contrast. */
typedef enum
{
  MOE_CONTRAST_MAP,     /* layer x expert */
  MOE_CONTRAST_SCATTER, /* share of tokens in A against share in B */
  MOE_CONTRAST_RANKS,   /* scores by rank with intervals, and the band that shuffled labels give */
  MOE_N_CONTRAST_PICTURES
} MoeContrastPicture;

const char      *moe_contrast_picture_get_name (MoeContrastPicture  picture); /* "map", "scatter", "ranks" */
gboolean         moe_contrast_picture_parse    (const char         *name,
                                                MoeContrastPicture *picture);

/* Ranks in the picture of ranks and in its controls, and draws of shuffled labels for them. */
#define MOE_CONTRAST_N_RANKS    50
#define MOE_CONTRAST_N_CONTROLS 40

/* The first @top ranks (0 = all) with the columns of @control, which is of moe_contrast_control(), or NULL.
 * Transfer full. */
MoeTable        *moe_contrast_ranking_new (const MoeContrast  *contrast,
                                           const MoeTable     *control,
                                           guint               top);
/* The scatter plot or that of the ranks, of a table with all ranks. Transfer full. */
MoeChart        *moe_contrast_chart_new   (const MoeContrast  *contrast,
                                           const MoeTable     *ranking,
                                           MoeContrastPicture  picture);
/* That table and a picture, as `moescope-cli contrast` makes them. Transfer full. */
MoeExhibit      *moe_contrast_exhibit_new (const MoeContrast  *contrast,
                                           const MoeTable     *control,
                                           MoeContrastPicture  picture,
                                           guint               top);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrastPlot, moe_contrast_plot_free)

G_END_DECLS
