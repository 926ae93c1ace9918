/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-draw"

#include <math.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"

/* So far from a marker the pointer still means it. */
#define REACH 12.0

static void
draw_empty_text (const MoeChart *self,
                 cairo_t        *cr,
                 double          width,
                 double          height)
{
  MoePlotFont font = { .size = 14, .max_width = MAX (MIN (width - 48, 460), 1), .wrap = TRUE };

  if (*self->empty_text == '\0')
    return;
  moe_plot_set_color (cr, moe_plot_palette_get (self->dark)->dim_text, 1);
  moe_plot_text_draw (cr, self->empty_text, &font, width / 2, height / 2, 0.5, 0.5, 0);
}

/* Controls lie behind what they are compared with. */
static int
get_depth (const MoeChartItem *item)
{
  if (item->series.kind == MOE_CHART_BARS)
    return 0;
  if (item->series.kind == MOE_CHART_BAND)
    return 1;
  return item->style < 0 ? 2 : 3;
}

void
moe_chart_draw_base (const MoeChart *self,
                     cairo_t        *cr,
                     double          width,
                     double          height)
{
  MoeChartLayout layout;

  g_return_if_fail (self != NULL && cr != NULL);

  moe_plot_set_color (cr, moe_plot_palette_get (self->dark)->background, 1);
  cairo_paint (cr);
  if (!moe_chart_has_points (self))
    {
      draw_empty_text (self, cr, width, height);
      return;
    }

  moe_chart_layout_init (&layout, self, width, height);
  moe_chart_axes_draw (self, &layout, cr, width, height);
  moe_chart_legend_draw (self, &layout, cr);
  cairo_save (cr);
  cairo_rectangle (cr, layout.area.x, layout.area.y, layout.area.width, layout.area.height);
  cairo_clip (cr);
  for (int depth = 0; depth <= 3; depth++)
    for (guint i = 0; i < self->items->len; i++)
      {
        const MoeChartItem *item = g_ptr_array_index (self->items, i);

        if (get_depth (item) == depth)
          moe_chart_marks_draw (self, &layout, item, cr);
      }
  moe_chart_marks_draw_labels (self, &layout, cr);
  cairo_restore (cr);
  moe_chart_axes_draw_lines (self, &layout, cr);
}

/* Black and white, so that it shows on every colour. */
static void
draw_ring (const MoeChart       *self,
           const MoeChartLayout *layout,
           cairo_t              *cr,
           int                   series,
           int                   point,
           double                line_width)
{
  const MoeChartItem *item;
  cairo_rectangle_t bar;
  double x, y;

  if (series < 0 || (guint) series >= self->items->len)
    return;
  item = g_ptr_array_index (self->items, (guint) series);
  if (point < 0 || (guint) point >= item->series.n_points ||
      !moe_chart_layout_get_point (layout, self, item, (guint) point, &x, &y))
    return;
  if (item->series.kind == MOE_CHART_BARS &&
      moe_chart_layout_get_bar (layout, self, item, (guint) point, &bar))
    cairo_rectangle (cr, bar.x, bar.y, bar.width, MAX (bar.height, 2));
  else
    {
      cairo_new_sub_path (cr);
      cairo_arc (cr, x, y, 7, 0, 2 * G_PI);
    }
  moe_plot_set_color (cr, 0x000000, 1);
  cairo_set_line_width (cr, line_width + 2);
  cairo_stroke_preserve (cr);
  moe_plot_set_color (cr, 0xffffff, 1);
  cairo_set_line_width (cr, line_width);
  cairo_stroke (cr);
}

void
moe_chart_draw_overlay (const MoeChart *self,
                        cairo_t        *cr,
                        double          width,
                        double          height)
{
  MoeChartLayout layout;

  g_return_if_fail (self != NULL && cr != NULL);

  if (!moe_chart_has_points (self) || (self->hover_series < 0 && self->selected_series < 0))
    return;
  moe_chart_layout_init (&layout, self, width, height);
  cairo_save (cr);
  cairo_rectangle (cr, layout.area.x - 2, layout.area.y - 2, layout.area.width + 4, layout.area.height + 4);
  cairo_clip (cr);
  draw_ring (self, &layout, cr, self->hover_series, self->hover_point, 1);
  draw_ring (self, &layout, cr, self->selected_series, self->selected_point, 2);
  cairo_restore (cr);
}

void
moe_chart_draw (const MoeChart *self,
                cairo_t        *cr,
                double          width,
                double          height)
{
  moe_chart_draw_base (self, cr, width, height);
  moe_chart_draw_overlay (self, cr, width, height);
}

/* Distance to a point, or below 0 inside of a bar; infinite when it is out of reach. */
static double
get_distance (const MoeChart       *self,
              const MoeChartLayout *layout,
              const MoeChartItem   *item,
              guint                 point,
              double                x,
              double                y)
{
  cairo_rectangle_t bar;
  double px, py, distance;

  if (item->series.kind == MOE_CHART_BARS)
    {
      if (!moe_chart_layout_get_bar (layout, self, item, point, &bar))
        return INFINITY;
      /* A bar of next to nothing can still be pointed at. */
      if (x >= bar.x && x < bar.x + bar.width && y >= bar.y - 3 && y <= bar.y + bar.height + 3)
        return -1;
      return INFINITY;
    }
  if (!moe_chart_layout_get_point (layout, self, item, point, &px, &py))
    return INFINITY;
  distance = hypot (px - x, py - y);
  return distance <= REACH ? distance : INFINITY;
}

gboolean
moe_chart_pick (const MoeChart *self,
                double          width,
                double          height,
                double          x,
                double          y,
                guint          *series,
                guint          *point)
{
  MoeChartLayout layout;
  double best = INFINITY;

  g_return_val_if_fail (self != NULL && series != NULL && point != NULL, FALSE);

  moe_chart_layout_init (&layout, self, width, height);
  if (!(x >= layout.area.x && x <= layout.area.x + layout.area.width && y >= layout.area.y &&
        y <= layout.area.y + layout.area.height))
    return FALSE;
  for (guint i = 0; i < self->items->len; i++)
    {
      const MoeChartItem *item = g_ptr_array_index (self->items, i);

      for (guint j = 0; j < item->series.n_points; j++)
        {
          double distance = get_distance (self, &layout, item, j, x, y);

          if (distance < best)
            {
              best = distance;
              *series = i;
              *point = j;
            }
        }
    }
  return best < INFINITY;
}

gboolean
moe_chart_get_point (const MoeChart *self,
                     double          width,
                     double          height,
                     guint           series,
                     guint           point,
                     double         *x,
                     double         *y)
{
  const MoeChartItem *item;
  MoeChartLayout layout;

  g_return_val_if_fail (self != NULL && series < self->items->len, FALSE);
  item = g_ptr_array_index (self->items, series);
  g_return_val_if_fail (point < item->series.n_points, FALSE);

  moe_chart_layout_init (&layout, self, width, height);
  return moe_chart_layout_get_point (&layout, self, item, point, x, y);
}

void
moe_chart_get_area (const MoeChart    *self,
                    double             width,
                    double             height,
                    cairo_rectangle_t *rectangle)
{
  MoeChartLayout layout;

  g_return_if_fail (self != NULL && rectangle != NULL);

  moe_chart_layout_init (&layout, self, width, height);
  *rectangle = layout.area;
}

void
moe_chart_draw_for_export (gconstpointer  chart,
                           cairo_t       *cr,
                           double         width,
                           double         height)
{
  const MoeChart *self = chart;
  MoeChart clean;

  g_return_if_fail (self != NULL);

  /* Another look at the same content: nothing in it is freed. */
  clean = *self;
  clean.dark = FALSE;
  clean.view = (cairo_rectangle_t) { 0, 0, 1, 1 };
  moe_chart_draw_base (&clean, cr, width, height);
}

gboolean
moe_chart_export (const MoeChart  *self,
                  MoeImageFormat   format,
                  const char      *path,
                  GError         **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return moe_plot_export (moe_chart_draw_for_export, self, self->title, format, path, error);
}
