/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-layout"

#include "ui/moe-heatmap-layout.h"

#include <math.h>

#define MARGIN        14.0
#define TITLE_HEIGHT  26.0
#define AXIS_TITLE    18.0
#define AXIS_LABELS   18.0 /* above the map: text and its distance */
#define DIGIT_WIDTH   7.2  /* of an 11 px label */
#define BARS_GAP      5.0
#define COLOR_BAR     14.0
#define COLOR_LABELS  54.0
#define LEGEND_HEIGHT 18.0
#define MIN_AREA      24.0
#define NAME_WIDTH    84.0 /* of rows and columns that have names, which are cut beyond */

gint
moe_heatmap_layout_get_row_number (const MoeHeatmapPlot *plot,
                                   guint                 row)
{
  return plot->row_numbers != NULL ? plot->row_numbers[row] : (gint) row;
}

static double
get_row_label_width (const MoeHeatmapPlot *plot)
{
  int digits = 1;

  if (plot->row_names != NULL)
    return NAME_WIDTH + 8;
  for (guint row = 0; row < plot->n_rows; row++)
    {
      int number = moe_heatmap_layout_get_row_number (plot, row);
      int needs = number < 0 ? 2 : 1;

      for (number /= 10; number != 0; number /= 10)
        needs++;
      digits = MAX (digits, needs);
    }
  return MAX (digits, 3) * DIGIT_WIDTH + 8;
}

/* Like CLAMP, with NaN at the low end. */
static double
clamp (double value,
       double low,
       double high)
{
  return value > low ? MIN (value, high) : low;
}

/* The view, moved and shrunk so that it lies inside the map. */
static void
init_view (MoeHeatmapLayout     *self,
           const MoeHeatmapPlot *plot)
{
  double columns = MAX (plot->n_columns, 1), rows = MAX (plot->n_rows, 1);

  self->view_x = self->view_y = 0;
  self->view_columns = columns;
  self->view_rows = rows;
  if (!(plot->view_columns > 0) || !(plot->view_rows > 0))
    return;
  self->view_columns = MIN (plot->view_columns, columns);
  self->view_rows = MIN (plot->view_rows, rows);
  self->view_x = clamp (plot->view_x, 0, columns - self->view_columns);
  self->view_y = clamp (plot->view_y, 0, rows - self->view_rows);
}

static gboolean
has_text (const char *text)
{
  return text != NULL && *text != '\0';
}

void
moe_heatmap_layout_init (MoeHeatmapLayout     *self,
                         const MoeHeatmapPlot *plot,
                         double                width,
                         double                height)
{
  gboolean row_bars, column_bars, color_bar, titles;
  double left, right, top, bottom, bars_width, bars_height, labels, value_title;

  g_return_if_fail (self != NULL && plot != NULL);

  *self = (MoeHeatmapLayout) { 0 };
  init_view (self, plot);

  /* What goes first when it gets narrow. */
  titles = width >= 200 && height >= 160;
  color_bar = width >= 260 && height >= 120;
  row_bars = plot->marginals && width >= 400;
  column_bars = plot->marginals && height >= 240;
  bars_width = row_bars ? CLAMP (width * 0.075, 44, 84) : 0;
  bars_height = column_bars ? CLAMP (height * 0.1, 28, 72) : 0;
  labels = get_row_label_width (plot);
  value_title =
      color_bar && titles && (has_text (plot->value_title) || has_text (plot->unit)) ? AXIS_TITLE : 0;

  top = has_text (plot->title) && titles ? MARGIN / 2 + TITLE_HEIGHT : MARGIN / 2;
  if (titles && has_text (plot->column_title))
    {
      self->column_title.y = top;
      self->column_title.height = AXIS_TITLE;
      top += AXIS_TITLE;
    }
  self->column_labels.y = top;
  self->column_labels.height = plot->column_names != NULL ? NAME_WIDTH : AXIS_LABELS;
  top += self->column_labels.height;

  left = MARGIN / 2;
  if (titles && has_text (plot->row_title))
    {
      self->row_title.x = left;
      self->row_title.width = AXIS_TITLE;
      left += AXIS_TITLE;
    }
  self->row_labels.x = left;
  self->row_labels.width = labels;
  left += labels;

  right = MARGIN;
  if (color_bar)
    right += COLOR_BAR + COLOR_LABELS + value_title + MARGIN;
  if (row_bars)
    right += BARS_GAP + bars_width;
  bottom = MARGIN;
  if (column_bars)
    bottom += BARS_GAP + bars_height;
  else if (color_bar)
    bottom += LEGEND_HEIGHT;

  /* Whole units keep the frame of the map sharp. */
  left = ceil (left);
  top = ceil (top);
  self->area.x = left;
  self->area.y = top;
  self->area.width = MAX (floor (width - left - right), MIN_AREA);
  self->area.height = MAX (floor (height - top - bottom), MIN_AREA);

  right = left + self->area.width;
  bottom = top + self->area.height;
  if (has_text (plot->title) && titles)
    self->title = (cairo_rectangle_t) { left, MARGIN / 2, MAX (width - left - MARGIN, 1), TITLE_HEIGHT };
  if (self->column_title.height > 0)
    {
      self->column_title.x = left;
      self->column_title.width = self->area.width;
    }
  self->column_labels.x = left;
  self->column_labels.width = self->area.width;
  self->row_title.y = self->row_labels.y = top;
  self->row_title.height = self->row_labels.height = self->area.height;

  if (column_bars)
    self->column_bars = (cairo_rectangle_t) { left, bottom + BARS_GAP, self->area.width, bars_height };
  if (row_bars)
    {
      self->row_bars = (cairo_rectangle_t) { right + BARS_GAP, top, bars_width, self->area.height };
      right += BARS_GAP + bars_width;
    }
  if (color_bar)
    {
      double x = right + MARGIN;

      self->color_bar = (cairo_rectangle_t) { x, top, COLOR_BAR, self->area.height };
      self->color_labels = (cairo_rectangle_t) { x + COLOR_BAR, top, COLOR_LABELS, self->area.height };
      if (value_title > 0)
        self->value_title =
            (cairo_rectangle_t) { x + COLOR_BAR + COLOR_LABELS, top, value_title, self->area.height };
      self->legend = (cairo_rectangle_t) { x, bottom + BARS_GAP, MAX (width - x, 1), LEGEND_HEIGHT };
    }
}

void
moe_heatmap_layout_get_cell (const MoeHeatmapLayout *self,
                             guint                   row,
                             guint                   column,
                             cairo_rectangle_t      *rectangle)
{
  g_return_if_fail (self != NULL && rectangle != NULL);

  rectangle->width = self->area.width / self->view_columns;
  rectangle->height = self->area.height / self->view_rows;
  rectangle->x = self->area.x + (column - self->view_x) * rectangle->width;
  rectangle->y = self->area.y + (row - self->view_y) * rectangle->height;
}

gboolean
moe_heatmap_layout_pick (const MoeHeatmapLayout *self,
                         const MoeHeatmapPlot   *plot,
                         double                  x,
                         double                  y,
                         guint                  *row,
                         guint                  *column)
{
  double cell_x, cell_y;

  g_return_val_if_fail (self != NULL && plot != NULL && row != NULL && column != NULL, FALSE);

  if (plot->n_rows == 0 || plot->n_columns == 0 || !(x >= self->area.x) || !(y >= self->area.y) ||
      !(x < self->area.x + self->area.width) || !(y < self->area.y + self->area.height))
    return FALSE;
  cell_x = self->view_x + (x - self->area.x) / self->area.width * self->view_columns;
  cell_y = self->view_y + (y - self->area.y) / self->area.height * self->view_rows;
  *column = MIN ((guint) cell_x, plot->n_columns - 1);
  *row = MIN ((guint) cell_y, plot->n_rows - 1);
  return TRUE;
}
