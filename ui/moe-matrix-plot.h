/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* A heatmap that owns all it points to. No GTK. */
typedef struct
{
  MoeHeatmapPlot  plot;
  double         *values;        /* (n_rows, n_columns), NaN at first */
  gint           *row_numbers;   /* (n_rows) */
  guint8         *ringed;        /* (n_rows, n_columns), 0 at first */
  char          **row_names, **column_names; /* or NULL */
  char           *title, *value_title;
} MoeMatrixPlot;

/* Rows are numbered from 0 until @row_numbers is changed. Takes @title and @value_title. */
MoeMatrixPlot *moe_matrix_plot_new  (guint          n_rows,
                                     guint          n_columns,
                                     char          *title,
                                     char          *value_title);
void           moe_matrix_plot_free (MoeMatrixPlot *self);
/* Takes (n_rows) and (n_columns) names, with a NULL after the last. */
void           moe_matrix_plot_take_names (MoeMatrixPlot *self,
                                           char         **rows,
                                           char         **columns);
/* The exhibit takes @self. */
void           moe_exhibit_set_matrix (MoeExhibit    *exhibit,
                                       MoeMatrixPlot *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMatrixPlot, moe_matrix_plot_free)

G_END_DECLS
