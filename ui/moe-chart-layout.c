/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-layout"

#include <math.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-plot-text.h"
#include "ui/moe-ticks.h"
#include "ui/moe-value-scale.h"

#define MARGIN        14.0
#define TITLE_HEIGHT  26.0
#define SUBTITLE      17.0
#define AXIS_TITLE    20.0
#define NOTE_HEIGHT   17.0
#define MIN_AREA      24.0
#define PADDING       0.04 /* of the range, on both ends */
#define GROUP_WIDTH   0.8  /* of the distance between groups of bars */
/* A log axis shows this much at most. */
#define MAX_DECADES   12

/* Ranges */

static void
extend (double             *range,
        const MoeChartAxis *axis,
        double              value)
{
  if (!isfinite (value) || (axis->scale == MOE_SCALE_LOG && value <= 0))
    return;
  range[0] = MIN (range[0], value);
  range[1] = MAX (range[1], value);
}

static void
extend_by_series (const MoeChart       *chart,
                  const MoeChartSeries *series,
                  guint                 axis,
                  double               *range)
{
  const double *values = axis == 0 ? series->x : series->y;

  for (guint i = 0; i < series->n_points; i++)
    {
      extend (range, &chart->axes[axis], values[i]);
      if (axis == 0)
        continue;
      if (series->low != NULL)
        extend (range, &chart->axes[axis], series->low[i]);
      if (series->high != NULL)
        extend (range, &chart->axes[axis], series->high[i]);
    }
  if (axis == 1 && series->kind == MOE_CHART_BARS)
    extend (range, &chart->axes[axis], 0);
}

static void
pad_range (const MoeChart *chart,
           guint           axis,
           double         *range)
{
  const MoeChartAxis *a = &chart->axes[axis];
  gboolean anchored = axis == 1 && chart->n_bars > 0;

  if (a->scale == MOE_SCALE_LOG)
    {
      double factor;

      range[0] = MAX (range[0], range[1] * pow (10, -MAX_DECADES));
      factor = range[1] / range[0] > 1.0001 ? pow (range[1] / range[0], PADDING) : sqrt (10);
      range[0] = MAX (range[0] / factor, G_MINDOUBLE);
      range[1] = MIN (range[1] * factor, G_MAXDOUBLE);
    }
  else
    {
      double size = range[1] - range[0], pad;

      if (!isfinite (size))
        {
          range[0] /= 4;
          range[1] /= 4;
          size = range[1] - range[0];
        }
      pad = size > 1e-12 * MAX (fabs (range[0]), fabs (range[1])) ? size * PADDING
                                                                 : MAX (fabs (range[0]) * 0.5, 0.5);
      /* Bars stand on the edge, unless some hang below it. */
      if (!anchored || range[0] != 0)
        range[0] -= pad;
      if (!anchored || range[1] != 0 || range[0] == range[1])
        range[1] += pad;
    }
}

static void
get_range (const MoeChart *chart,
           guint           axis,
           double         *range)
{
  const MoeChartAxis *a = &chart->axes[axis];

  if (axis == 0 && chart->categories != NULL)
    {
      range[0] = -0.5;
      range[1] = MAX (chart->n_categories, 1) - 0.5;
      return;
    }
  if (a->low < a->high && (a->scale != MOE_SCALE_LOG || a->low > 0))
    {
      range[0] = a->low;
      range[1] = a->high;
      return;
    }

  range[0] = INFINITY;
  range[1] = -INFINITY;
  for (guint i = 0; i < chart->items->len; i++)
    extend_by_series (chart, &((MoeChartItem *) g_ptr_array_index (chart->items, i))->series, axis, range);
  for (guint i = 0; i < chart->thresholds->len; i++)
    {
      const MoeChartThreshold *threshold = &g_array_index (chart->thresholds, MoeChartThreshold, i);

      if (threshold->vertical == (axis == 0))
        extend (range, a, threshold->value);
    }
  if (a->zero)
    extend (range, a, 0);
  if (range[0] > range[1])
    {
      range[0] = a->scale == MOE_SCALE_LOG ? 0.1 : 0;
      range[1] = 1;
      return;
    }
  pad_range (chart, axis, range);
}

/* Values and places */

/* 0..1 over the whole axis. */
static double
get_fraction (const MoeChartLayout *self,
              const MoeChart       *chart,
              guint                 axis,
              double                value)
{
  double low = self->low[axis], high = self->high[axis];

  if (chart->axes[axis].scale == MOE_SCALE_LOG && (axis == 1 || chart->categories == NULL))
    return value > 0 && isfinite (value) ? log (value / low) / log (high / low) : NAN;
  return isfinite (value) ? (value - low) / (high - low) : NAN;
}

/* Values far outside of the view stay where cairo's fixed-point numbers can hold them. */
static double
place (const MoeChartLayout *self,
       guint                 axis,
       double                fraction)
{
  const cairo_rectangle_t *view = &self->view, *area = &self->area;
  double seen = axis == 0 ? (fraction - view->x) / view->width : (fraction - view->y) / view->height;

  seen = CLAMP (seen, -50, 50);
  return axis == 0 ? area->x + area->width * seen : area->y + area->height * (1 - seen);
}

double
moe_chart_layout_map (const MoeChartLayout *self,
                      const MoeChart       *chart,
                      guint                 axis,
                      double                value)
{
  double fraction = get_fraction (self, chart, axis, value);

  return isnan (fraction) ? NAN : place (self, axis, fraction);
}

gboolean
moe_chart_layout_get_bar (const MoeChartLayout *self,
                          const MoeChart       *chart,
                          const MoeChartItem   *item,
                          guint                 point,
                          cairo_rectangle_t    *rectangle)
{
  double width = GROUP_WIDTH / MAX (chart->n_bars, 1);
  double x = item->series.x[point] - GROUP_WIDTH / 2 + width * item->bar;
  double left = moe_chart_layout_map (self, chart, 0, x + width * 0.04);
  double right = moe_chart_layout_map (self, chart, 0, x + width * 0.96);
  double top = moe_chart_layout_map (self, chart, 1, item->series.y[point]);
  /* There is no 0 on a log axis: bars then stand on the edge of the plot. */
  double base = chart->axes[1].scale == MOE_SCALE_LOG ? place (self, 1, 0)
                                                      : moe_chart_layout_map (self, chart, 1, 0);

  if (isnan (left) || isnan (right) || isnan (top))
    return FALSE;
  *rectangle = (cairo_rectangle_t) { left, MIN (top, base), MAX (right - left, 1), fabs (base - top) };
  return TRUE;
}

gboolean
moe_chart_layout_get_point (const MoeChartLayout *self,
                            const MoeChart       *chart,
                            const MoeChartItem   *item,
                            guint                 point,
                            double               *x,
                            double               *y)
{
  cairo_rectangle_t bar;

  *y = moe_chart_layout_map (self, chart, 1, item->series.y[point]);
  if (item->series.kind == MOE_CHART_BARS)
    {
      if (!moe_chart_layout_get_bar (self, chart, item, point, &bar))
        return FALSE;
      *x = bar.x + bar.width / 2;
    }
  else
    *x = moe_chart_layout_map (self, chart, 0, item->series.x[point]);
  return !isnan (*x) && !isnan (*y);
}

/* Ticks */

static void
clear_tick (gpointer data)
{
  g_free (((MoeChartTick *) data)->label);
}

static void
add_tick (GArray               *array,
          const MoeChartLayout *self,
          const MoeChart       *chart,
          guint                 axis,
          double                value,
          const char           *label)
{
  const cairo_rectangle_t *area = &self->area;
  MoeChartTick tick = { moe_chart_layout_map (self, chart, axis, value), NULL };
  double low = axis == 0 ? area->x : area->y;
  double high = axis == 0 ? area->x + area->width : area->y + area->height;

  if (!(tick.place >= low - 0.01) || !(tick.place <= high + 0.01))
    return;
  tick.label = g_strdup (label);
  g_array_append_val (array, tick);
}

static void
add_some_ticks (GArray               *array,
                const MoeChartLayout *self,
                const MoeChart       *chart,
                guint                 axis,
                double                low,
                double                high,
                guint                 wanted)
{
  MoeTicks ticks;
  guint decimals;

  if (chart->axes[axis].integer && fabs (low) < 1e15 && fabs (high) < 1e15)
    {
      if (!moe_ticks_integer ((gint64) ceil (low), (gint64) floor (high), wanted, &ticks))
        return;
    }
  else if (!moe_ticks_extended (low, high, wanted, &ticks))
    return;
  decimals = moe_ticks_get_decimals (ticks.step);
  for (guint i = 0; i < ticks.count; i++)
    {
      double value = ticks.first + ticks.step * i;
      g_autofree char *label = moe_ticks_format (value, decimals);

      add_tick (array, self, chart, axis, value, label);
    }
}

/* One label says nothing about an axis: where those that fit best lie outside of it, more are asked for. */
static void
add_linear_ticks (GArray               *array,
                  const MoeChartLayout *self,
                  const MoeChart       *chart,
                  guint                 axis,
                  double                low,
                  double                high,
                  guint                 wanted)
{
  for (guint more = 0; array->len < 2 && more < 4; more++)
    {
      g_array_set_size (array, 0);
      add_some_ticks (array, self, chart, axis, low, high, wanted + more);
    }
}

static void
add_log_ticks (GArray               *array,
               const MoeChartLayout *self,
               const MoeChart       *chart,
               guint                 axis,
               double                low,
               double                high,
               guint                 wanted)
{
  double decades = log10 (high / low);
  int stride = MAX (1, (int) ceil (decades / wanted));
  gboolean many = decades * 3 <= wanted;
  static const double digits[] = { 1, 2, 5 };

  if (decades < 0.6)
    {
      add_linear_ticks (array, self, chart, axis, low, high, wanted);
      return;
    }
  for (int power = (int) floor (log10 (low)); power <= (int) ceil (log10 (high)); power++)
    for (guint i = 0; i < (many ? G_N_ELEMENTS (digits) : 1); i++)
      {
        double value = digits[i] * pow (10, power);
        g_autofree char *label = moe_ticks_format_significant (value, 2);

        if (ABS (power) % stride == 0)
          add_tick (array, self, chart, axis, value, label);
      }
}

GArray *
moe_chart_layout_get_ticks (const MoeChartLayout *self,
                            const MoeChart       *chart,
                            guint                 axis)
{
  GArray *array = g_array_new (FALSE, FALSE, sizeof (MoeChartTick));
  double length = axis == 0 ? self->area.width / 80 : self->area.height / 45;
  guint wanted = (guint) CLAMP (length, 2, 12);
  double from = axis == 0 ? self->view.x : self->view.y;
  double to = from + (axis == 0 ? self->view.width : self->view.height);
  double low = self->low[axis], high = self->high[axis];

  g_array_set_clear_func (array, clear_tick);
  if (axis == 0 && chart->categories != NULL)
    for (guint i = 0; i < chart->n_categories; i++)
      add_tick (array, self, chart, axis, i, chart->categories[i]);
  else if (chart->axes[axis].scale == MOE_SCALE_LOG)
    add_log_ticks (array, self, chart, axis, low * pow (high / low, from), low * pow (high / low, to),
                   wanted);
  else
    add_linear_ticks (array, self, chart, axis, low + (high - low) * from, low + (high - low) * to, wanted);
  return array;
}

double
moe_chart_layout_measure_labels (const MoeChartLayout *self,
                                 const MoeChart       *chart)
{
  g_autoptr(GArray) ticks = moe_chart_layout_get_ticks (self, chart, 1);
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE };
  double widest = 20;

  for (guint i = 0; i < ticks->len; i++)
    {
      double width;

      moe_plot_text_measure (g_array_index (ticks, MoeChartTick, i).label, &font, &width, NULL);
      widest = MAX (widest, width);
    }
  return ceil (widest);
}

void
moe_chart_layout_init (MoeChartLayout *self,
                       const MoeChart *chart,
                       double          width,
                       double          height)
{
  gboolean titles = width >= 200 && height >= 160;
  double left = MARGIN / 2, right = MARGIN, top = MARGIN / 2, bottom = MARGIN / 2;

  *self = (MoeChartLayout) { .view = chart->view };
  for (guint axis = 0; axis < 2; axis++)
    {
      double range[2];

      get_range (chart, axis, range);
      self->low[axis] = range[0];
      self->high[axis] = range[1];
    }

  if (titles && *chart->title != '\0')
    {
      self->title_y = top + TITLE_HEIGHT / 2;
      top += TITLE_HEIGHT;
    }
  if (titles && *chart->subtitle != '\0')
    {
      self->subtitle_y = top + SUBTITLE / 2 - 2;
      top += SUBTITLE;
    }
  self->legend_width = MAX (width - 2 * MARGIN, 1);
  if (titles)
    self->legend_rows = moe_chart_legend_count_rows (chart, self->legend_width);
  self->legend_y = top;
  top += self->legend_rows * MOE_CHART_LEGEND_ROW + 8;

  bottom += titles ? NOTE_HEIGHT : 0;
  self->note_y = height - MARGIN / 2 - NOTE_HEIGHT / 2;
  if (titles && *chart->axes[0].title != '\0')
    {
      bottom += AXIS_TITLE;
      self->x_title_y = height - bottom + AXIS_TITLE / 2;
    }
  bottom += chart->categories != NULL ? 34 : 20;
  if (titles && (*chart->axes[1].title != '\0' || *chart->axes[1].unit != '\0'))
    {
      self->y_title_x = left + AXIS_TITLE / 2;
      left += AXIS_TITLE;
    }

  /* The labels depend on the height alone, and the width on the labels. */
  top = ceil (top);
  self->area.y = top;
  self->area.height = MAX (floor (height - top - bottom), MIN_AREA);
  self->area.x = left;
  self->area.width = MIN_AREA;
  left = ceil (left + moe_chart_layout_measure_labels (self, chart) + 10);
  self->area.x = left;
  self->area.width = MAX (floor (width - left - right), MIN_AREA);
  self->x_labels_y = self->area.y + self->area.height + 6;
}
