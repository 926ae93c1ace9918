/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-axes"

#include <math.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"

static char *
get_axis_title (const MoeChartAxis *axis)
{
  const char *scale = axis->scale == MOE_SCALE_LOG ? "log" : "";

  if (*axis->unit == '\0' && *scale == '\0')
    return g_strdup (axis->title);
  return g_strdup_printf ("%s (%s%s%s)", axis->title, axis->unit,
                          *axis->unit != '\0' && *scale != '\0' ? ", " : "", scale);
}

static void
draw_titles (const MoeChart       *chart,
             const MoeChartLayout *layout,
             cairo_t              *cr,
             double                width,
             double                height)
{
  const MoePlotPalette *palette = moe_plot_palette_get (chart->dark);
  const cairo_rectangle_t *area = &layout->area;
  MoePlotFont bold = { .size = MOE_CHART_TITLE_SIZE, .bold = TRUE, .max_width = MAX (width - 28, 1) };
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE, .max_width = MAX (width - 28, 1) };

  moe_plot_set_color (cr, palette->text, 1);
  if (layout->title_y > 0)
    moe_plot_text_draw (cr, chart->title, &bold, 14, layout->title_y, 0, 0.5, 0);
  moe_plot_set_color (cr, palette->dim_text, 1);
  if (layout->subtitle_y > 0)
    moe_plot_text_draw (cr, chart->subtitle, &font, 14, layout->subtitle_y, 0, 0.5, 0);
  moe_plot_set_color (cr, palette->text, 1);
  if (layout->x_title_y > 0)
    {
      g_autofree char *text = get_axis_title (&chart->axes[0]);

      font.max_width = area->width;
      moe_plot_text_draw (cr, text, &font, area->x + area->width / 2, layout->x_title_y, 0.5, 0.5, 0);
    }
  if (layout->y_title_x > 0)
    {
      g_autofree char *text = get_axis_title (&chart->axes[1]);
      double middle = area->y + area->height / 2, length;

      /* One that is longer than its axis may go on below it, to the end of the picture. */
      font.max_width = MAX (height - area->y - 4, 1);
      moe_plot_text_measure (text, &font, &length, NULL);
      middle = MAX (middle, area->y + length / 2);
      moe_plot_text_draw (cr, text, &font, layout->y_title_x, middle, 0.5, 0.5, -G_PI / 2);
    }
}

static void
draw_x_ticks (const MoeChart       *chart,
              const MoeChartLayout *layout,
              cairo_t              *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (chart->dark);
  const cairo_rectangle_t *area = &layout->area;
  g_autoptr(GArray) ticks = moe_chart_layout_get_ticks (layout, chart, 0);
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE };
  double last_end = -INFINITY;

  if (chart->categories != NULL)
    {
      font.max_width = MAX (area->width / MAX (chart->n_categories * layout->view.width, 1) - 4, 1);
      font.wrap = font.max_width >= 40;
    }
  for (guint i = 0; i < ticks->len; i++)
    {
      const MoeChartTick *tick = &g_array_index (ticks, MoeChartTick, i);
      double width;

      if (chart->categories == NULL)
        {
          moe_plot_set_color (cr, palette->line, 0.4);
          cairo_move_to (cr, tick->place, area->y);
          cairo_line_to (cr, tick->place, area->y + area->height);
          cairo_stroke (cr);
          moe_plot_text_measure (tick->label, &font, &width, NULL);
          /* Labels that would touch the one before are left out. */
          if (tick->place - width / 2 < last_end + 4)
            continue;
          last_end = tick->place + width / 2;
        }
      moe_plot_set_color (cr, palette->line, 1);
      cairo_move_to (cr, tick->place, area->y + area->height);
      cairo_line_to (cr, tick->place, area->y + area->height + 4);
      cairo_stroke (cr);
      if (font.max_width > 0 && font.max_width < 14)
        continue;
      moe_plot_set_color (cr, palette->text, 1);
      moe_plot_text_draw (cr, tick->label, &font, tick->place, layout->x_labels_y, 0.5, 0, 0);
    }
}

static void
draw_y_ticks (const MoeChart       *chart,
              const MoeChartLayout *layout,
              cairo_t              *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (chart->dark);
  const cairo_rectangle_t *area = &layout->area;
  g_autoptr(GArray) ticks = moe_chart_layout_get_ticks (layout, chart, 1);
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE };
  double last = INFINITY;

  for (guint i = 0; i < ticks->len; i++)
    {
      const MoeChartTick *tick = &g_array_index (ticks, MoeChartTick, i);

      moe_plot_set_color (cr, palette->line, 0.4);
      cairo_move_to (cr, area->x, tick->place);
      cairo_line_to (cr, area->x + area->width, tick->place);
      cairo_stroke (cr);
      if (last - tick->place < 13)
        continue;
      last = tick->place;
      moe_plot_set_color (cr, palette->text, 1);
      moe_plot_text_draw (cr, tick->label, &font, area->x - 6, tick->place, 1, 0.5, 0);
    }
}

/* How many points are not to be seen, and why. */
static void
draw_note (const MoeChart       *chart,
           const MoeChartLayout *layout,
           cairo_t              *cr)
{
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE - 1, .max_width = layout->legend_width };
  g_autoptr(GString) text = g_string_new (NULL);
  gboolean log_x = chart->categories == NULL && chart->axes[0].scale == MOE_SCALE_LOG;
  gboolean log_y = chart->axes[1].scale == MOE_SCALE_LOG;
  guint n_missing = 0, n_not_positive = 0;

  for (guint i = 0; i < chart->items->len; i++)
    {
      const MoeChartSeries *series = &((MoeChartItem *) g_ptr_array_index (chart->items, i))->series;

      for (guint point = 0; point < series->n_points; point++)
        if (!isfinite (series->x[point]) || !isfinite (series->y[point]))
          n_missing++;
        else if ((log_x && series->x[point] <= 0) || (log_y && series->y[point] <= 0))
          n_not_positive++;
    }
  if (n_missing > 0)
    g_string_append_printf (text, "%u without a value", n_missing);
  if (n_not_positive > 0)
    g_string_append_printf (text, "%s%u of 0 or less not on the log axis", text->len > 0 ? "; " : "",
                            n_not_positive);
  if (text->len == 0 || layout->title_y <= 0)
    return;
  moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->dim_text, 1);
  moe_plot_text_draw (cr, text->str, &font, layout->area.x + layout->area.width, layout->note_y, 1, 0.5, 0);
}

void
moe_chart_axes_draw (const MoeChart       *chart,
                     const MoeChartLayout *layout,
                     cairo_t              *cr,
                     double                width,
                     double                height)
{
  const cairo_rectangle_t *area = &layout->area;
  double zero = moe_chart_layout_map (layout, chart, 1, 0);

  cairo_set_line_width (cr, 1);
  draw_titles (chart, layout, cr, width, height);
  draw_x_ticks (chart, layout, cr);
  draw_y_ticks (chart, layout, cr);
  draw_note (chart, layout, cr);

  moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->line, 1);
  cairo_rectangle (cr, area->x - 0.5, area->y - 0.5, area->width + 1, area->height + 1);
  cairo_stroke (cr);
  if (zero > area->y + 1 && zero < area->y + area->height - 1)
    {
      moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->dim_text, 1);
      cairo_move_to (cr, area->x, zero);
      cairo_line_to (cr, area->x + area->width, zero);
      cairo_stroke (cr);
    }
}

static void
draw_threshold_label (const MoeChart          *chart,
                      const MoeChartLayout    *layout,
                      const MoeChartThreshold *threshold,
                      cairo_t                 *cr,
                      double                   place)
{
  const cairo_rectangle_t *area = &layout->area;
  MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE, .max_width = MAX (area->width / 2, 1) };
  double width, height, x, y;

  moe_plot_text_measure (threshold->label, &font, &width, &height);
  x = area->x + area->width - width - 4;
  if (threshold->vertical)
    x = MIN (place + 4, x);
  y = threshold->vertical ? area->y + 4 : MAX (place - height - 2, area->y + 1);
  moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->background, 0.8);
  cairo_rectangle (cr, x - 2, y, width + 4, height);
  cairo_fill (cr);
  moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->text, 1);
  moe_plot_text_draw (cr, threshold->label, &font, x, y, 0, 0, 0);
}

void
moe_chart_axes_draw_lines (const MoeChart       *chart,
                           const MoeChartLayout *layout,
                           cairo_t              *cr)
{
  static const double dash[] = { 6, 4 };
  const cairo_rectangle_t *area = &layout->area;

  cairo_save (cr);
  cairo_rectangle (cr, area->x, area->y, area->width, area->height);
  cairo_clip (cr);
  cairo_set_line_width (cr, 1.2);
  cairo_set_dash (cr, dash, 2, 0);
  moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->text, 0.8);
  for (guint i = 0; i < chart->thresholds->len; i++)
    {
      const MoeChartThreshold *threshold = &g_array_index (chart->thresholds, MoeChartThreshold, i);
      double place = moe_chart_layout_map (layout, chart, threshold->vertical ? 0 : 1, threshold->value);

      if (isnan (place))
        continue;
      cairo_move_to (cr, threshold->vertical ? place : area->x, threshold->vertical ? area->y : place);
      cairo_line_to (cr, threshold->vertical ? place : area->x + area->width,
                     threshold->vertical ? area->y + area->height : place);
      cairo_stroke (cr);
    }
  if (chart->diagonal)
    {
      double low = MAX (layout->low[0], layout->low[1]), high = MIN (layout->high[0], layout->high[1]);

      if (low < high)
        {
          moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->dim_text, 0.8);
          cairo_move_to (cr, moe_chart_layout_map (layout, chart, 0, low),
                         moe_chart_layout_map (layout, chart, 1, low));
          cairo_line_to (cr, moe_chart_layout_map (layout, chart, 0, high),
                         moe_chart_layout_map (layout, chart, 1, high));
          cairo_stroke (cr);
        }
    }
  cairo_set_dash (cr, NULL, 0, 0);
  for (guint i = 0; i < chart->thresholds->len; i++)
    {
      const MoeChartThreshold *threshold = &g_array_index (chart->thresholds, MoeChartThreshold, i);
      double place = moe_chart_layout_map (layout, chart, threshold->vertical ? 0 : 1, threshold->value);

      if (!isnan (place) && *threshold->label != '\0')
        draw_threshold_label (chart, layout, threshold, cr, place);
    }
  cairo_restore (cr);
}
