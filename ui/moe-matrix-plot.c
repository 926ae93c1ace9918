/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-matrix-plot"

#include "ui/moe-matrix-plot.h"

#include <math.h>

MoeMatrixPlot *
moe_matrix_plot_new (guint  n_rows,
                     guint  n_columns,
                     char  *title,
                     char  *value_title)
{
  MoeMatrixPlot *self = g_new0 (MoeMatrixPlot, 1);
  gsize n = (gsize) n_rows * n_columns;

  self->values = g_new (double, MAX (n, 1));
  for (gsize i = 0; i < n; i++)
    self->values[i] = NAN;
  self->row_numbers = g_new (gint, MAX (n_rows, 1));
  for (guint i = 0; i < n_rows; i++)
    self->row_numbers[i] = (gint) i;
  self->ringed = g_new0 (guint8, MAX (n, 1));
  self->title = title;
  self->value_title = value_title;

  moe_heatmap_plot_init (&self->plot);
  self->plot.n_rows = n_rows;
  self->plot.n_columns = n_columns;
  self->plot.values = self->values;
  self->plot.row_numbers = self->row_numbers;
  self->plot.ringed = self->ringed;
  self->plot.title = self->title;
  self->plot.value_title = self->value_title;
  self->plot.unit = "";
  return self;
}

void
moe_matrix_plot_free (MoeMatrixPlot *self)
{
  if (self == NULL)
    return;

  g_free (self->values);
  g_free (self->row_numbers);
  g_free (self->ringed);
  g_strfreev (self->row_names);
  g_strfreev (self->column_names);
  g_free (self->title);
  g_free (self->value_title);
  g_free (self);
}

void
moe_matrix_plot_take_names (MoeMatrixPlot  *self,
                            char          **rows,
                            char          **columns)
{
  self->row_names = rows;
  self->column_names = columns;
  self->plot.row_names = (const char *const *) rows;
  self->plot.column_names = (const char *const *) columns;
}

static void
draw (gconstpointer  plot,
      cairo_t       *cr,
      double         width,
      double         height)
{
  moe_heatmap_plot_draw_clean (&((const MoeMatrixPlot *) plot)->plot, cr, width, height);
}

void
moe_exhibit_set_matrix (MoeExhibit    *exhibit,
                        MoeMatrixPlot *self)
{
  moe_exhibit_set_plot (exhibit, self->title, draw, self, (GDestroyNotify) moe_matrix_plot_free);
}
