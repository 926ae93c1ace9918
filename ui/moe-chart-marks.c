/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-marks"

#include <math.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"

#define MARKER_RADIUS 3.5
/* Markers on a line closer than this on average would hide it. */
#define MIN_MARKER_DISTANCE 9.0
/* A line goes on only where it moves by this much: a million points cost no more than can be seen. */
#define MIN_STEP 0.3
#define CAP_WIDTH 4.0

/* Whether low..high of a point can be drawn, and where. */
static gboolean
get_interval (const MoeChartLayout *layout,
              const MoeChart       *chart,
              const MoeChartSeries *series,
              guint                 point,
              double               *low,
              double               *high)
{
  if (series->low == NULL || series->high == NULL)
    return FALSE;
  *low = moe_chart_layout_map (layout, chart, 1, series->low[point]);
  *high = moe_chart_layout_map (layout, chart, 1, series->high[point]);
  /* An interval that goes down to 0 ends at the edge of a log axis. */
  if (isnan (*low) && series->low[point] <= 0 && !isnan (*high))
    *low = layout->area.y + layout->area.height;
  return !isnan (*low) && !isnan (*high);
}

/* Half the width of a point of a band over categories; 0 over numbers. */
static double
get_half_width (const MoeChart       *chart,
                const MoeChartLayout *layout)
{
  return chart->categories != NULL ? (moe_chart_layout_map (layout, chart, 0, 0.45) -
                                      moe_chart_layout_map (layout, chart, 0, 0)) : 0;
}

/* Each run of points with an interval as one filled shape. */
static void
fill_band (const MoeChart       *chart,
           const MoeChartLayout *layout,
           const MoeChartItem   *item,
           cairo_t              *cr,
           double                alpha)
{
  const MoeChartSeries *series = &item->series;
  double half = series->kind == MOE_CHART_BAND ? get_half_width (chart, layout) : 0;
  guint first = 0;

  moe_plot_set_color (cr, moe_chart_style_get_color (item->style, chart->dark), alpha);
  while (first < series->n_points)
    {
      double x, low, high;
      guint end = first;

      while (end < series->n_points && (half == 0 || end == first) &&
             !isnan (moe_chart_layout_map (layout, chart, 0, series->x[end])) &&
             get_interval (layout, chart, series, end, &low, &high))
        end++;
      for (guint i = first; i < end; i++)
        {
          x = moe_chart_layout_map (layout, chart, 0, series->x[i]);
          get_interval (layout, chart, series, i, &low, &high);
          cairo_line_to (cr, x - half, high);
          if (half > 0)
            cairo_line_to (cr, x + half, high);
        }
      for (guint i = end; i > first; i--)
        {
          x = moe_chart_layout_map (layout, chart, 0, series->x[i - 1]);
          get_interval (layout, chart, series, i - 1, &low, &high);
          if (half > 0)
            cairo_line_to (cr, x + half, low);
          cairo_line_to (cr, x - half, low);
        }
      cairo_close_path (cr);
      cairo_fill (cr);
      first = MAX (end, first + 1);
    }
}

static void
stroke_band_middle (const MoeChart       *chart,
                    const MoeChartLayout *layout,
                    const MoeChartItem   *item,
                    cairo_t              *cr)
{
  double half = get_half_width (chart, layout);

  for (guint i = 0; i < item->series.n_points; i++)
    {
      double x, y;

      if (!moe_chart_layout_get_point (layout, chart, item, i, &x, &y))
        {
          cairo_new_sub_path (cr);
          continue;
        }
      if (half > 0)
        {
          cairo_move_to (cr, x - half, y);
          cairo_line_to (cr, x + half, y);
        }
      else
        cairo_line_to (cr, x, y);
    }
  moe_plot_set_color (cr, moe_chart_style_get_color (item->style, chart->dark), 1);
  cairo_set_line_width (cr, 1.5);
  moe_chart_style_set_dash (item->style, cr);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
}

static void
stroke_line (const MoeChart       *chart,
             const MoeChartLayout *layout,
             const MoeChartItem   *item,
             cairo_t              *cr)
{
  gboolean steps = item->series.kind == MOE_CHART_STEPS, open = FALSE;
  double last_x = 0, last_y = 0;

  for (guint i = 0; i < item->series.n_points; i++)
    {
      double x, y;

      if (!moe_chart_layout_get_point (layout, chart, item, i, &x, &y))
        {
          open = FALSE;
          continue;
        }
      if (!open)
        cairo_move_to (cr, x, y);
      else if (fabs (x - last_x) < MIN_STEP && fabs (y - last_y) < MIN_STEP && i + 1 < item->series.n_points)
        continue;
      else
        {
          if (steps)
            cairo_line_to (cr, x, last_y);
          cairo_line_to (cr, x, y);
        }
      open = TRUE;
      last_x = x;
      last_y = y;
    }
  moe_plot_set_color (cr, moe_chart_style_get_color (item->style, chart->dark), 1);
  cairo_set_line_width (cr, item->style < 0 ? 1.2 : 1.8);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  moe_chart_style_set_dash (item->style, cr);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
}

static void
add_whisker (cairo_t *cr,
             double   x,
             double   low,
             double   high)
{
  cairo_move_to (cr, x, low);
  cairo_line_to (cr, x, high);
  cairo_move_to (cr, x - CAP_WIDTH, low);
  cairo_line_to (cr, x + CAP_WIDTH, low);
  cairo_move_to (cr, x - CAP_WIDTH, high);
  cairo_line_to (cr, x + CAP_WIDTH, high);
}

static void
draw_markers (const MoeChart       *chart,
              const MoeChartLayout *layout,
              const MoeChartItem   *item,
              cairo_t              *cr)
{
  const MoeChartSeries *series = &item->series;
  guint32 color = moe_chart_style_get_color (item->style, chart->dark);
  double radius = series->n_points > 400 || item->style < 0 ? MARKER_RADIUS * 0.75 : MARKER_RADIUS;
  double x, y, low, high;

  if (series->kind == MOE_CHART_POINTS)
    {
      for (guint i = 0; i < series->n_points; i++)
        if (moe_chart_layout_get_point (layout, chart, item, i, &x, &y) &&
            get_interval (layout, chart, series, i, &low, &high))
          add_whisker (cr, x, low, high);
      moe_plot_set_color (cr, color, 0.6);
      cairo_set_line_width (cr, 1);
      cairo_stroke (cr);
    }
  for (guint i = 0; i < series->n_points; i++)
    if (moe_chart_layout_get_point (layout, chart, item, i, &x, &y))
      moe_chart_style_add_marker (item->style, cr, x, y, radius);
  /* Crowded markers let those below shine through. */
  moe_plot_set_color (cr, color, series->n_points > 100 ? 0.75 : 1);
  if (item->style < 0)
    {
      cairo_set_line_width (cr, 1);
      cairo_stroke (cr);
    }
  else
    cairo_fill (cr);
}

static void
draw_bars (const MoeChart       *chart,
           const MoeChartLayout *layout,
           const MoeChartItem   *item,
           cairo_t              *cr)
{
  cairo_rectangle_t bar;
  double low, high;

  for (guint i = 0; i < item->series.n_points; i++)
    if (moe_chart_layout_get_bar (layout, chart, item, i, &bar))
      moe_chart_style_fill_bar (item->style, chart->dark, cr, &bar);
  for (guint i = 0; i < item->series.n_points; i++)
    if (moe_chart_layout_get_bar (layout, chart, item, i, &bar) &&
        get_interval (layout, chart, &item->series, i, &low, &high))
      add_whisker (cr, bar.x + bar.width / 2, low, high);
  moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->text, 1);
  cairo_set_line_width (cr, 1.3);
  cairo_stroke (cr);
}

void
moe_chart_marks_draw (const MoeChart       *chart,
                      const MoeChartLayout *layout,
                      const MoeChartItem   *item,
                      cairo_t              *cr)
{
  switch (item->series.kind)
    {
    case MOE_CHART_BAND:
      fill_band (chart, layout, item, cr, 0.28);
      stroke_band_middle (chart, layout, item, cr);
      break;
    case MOE_CHART_BARS:
      draw_bars (chart, layout, item, cr);
      break;
    case MOE_CHART_POINTS:
      draw_markers (chart, layout, item, cr);
      break;
    case MOE_CHART_LINES:
    case MOE_CHART_STEPS:
    default:
      fill_band (chart, layout, item, cr, 0.18);
      stroke_line (chart, layout, item, cr);
      if (item->series.kind == MOE_CHART_LINES &&
          item->series.n_points * MIN_MARKER_DISTANCE <= layout->area.width / layout->view.width)
        draw_markers (chart, layout, item, cr);
      break;
    }
}

static gboolean
overlaps (const cairo_rectangle_t *a,
          const cairo_rectangle_t *b)
{
  return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
         b->y < a->y + a->height;
}

static gboolean
contains (const cairo_rectangle_t *area,
          double                   x,
          double                   y)
{
  return x >= area->x && x <= area->x + area->width && y >= area->y && y <= area->y + area->height;
}

/* Names beside points, the first ones first; one that would cover another is left to the pointer. */
void
moe_chart_marks_draw_labels (const MoeChart       *chart,
                             const MoeChartLayout *layout,
                             cairo_t              *cr)
{
  const cairo_rectangle_t *area = &layout->area;
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE - 1, .max_width = 140 };
  g_autoptr(GArray) taken = g_array_new (FALSE, FALSE, sizeof (cairo_rectangle_t));

  for (guint i = 0; i < chart->items->len; i++)
    {
      const MoeChartItem *item = g_ptr_array_index (chart->items, i);
      const MoeChartSeries *series = &item->series;

      for (guint point = 0; point < MIN (series->n_labels, series->n_points); point++)
        {
          const char *name = series->point_names != NULL ? series->point_names[point] : NULL;
          gboolean free = TRUE;
          cairo_rectangle_t box;
          double x, y;

          if (name == NULL || !moe_chart_layout_get_point (layout, chart, item, point, &x, &y) ||
              !contains (area, x, y))
            continue;
          moe_plot_text_measure (name, &font, &box.width, &box.height);
          box.x = x + MARKER_RADIUS + 3;
          if (box.x + box.width > area->x + area->width)
            box.x = x - MARKER_RADIUS - 3 - box.width;
          box.y = CLAMP (y - box.height / 2, area->y, area->y + area->height - box.height);
          for (guint j = 0; j < taken->len && free; j++)
            free = !overlaps (&box, &g_array_index (taken, cairo_rectangle_t, j));
          if (!free)
            continue;
          g_array_append_val (taken, box);
          moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->background, 0.7);
          cairo_rectangle (cr, box.x - 1, box.y, box.width + 2, box.height);
          cairo_fill (cr);
          moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->text, 1);
          moe_plot_text_draw (cr, name, &font, box.x, box.y, 0, 0, 0);
        }
    }
}
