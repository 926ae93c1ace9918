/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-style"

#include <math.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-plot-palette.h"

/* Okabe and Ito's colours, told apart with every common colour blindness, without black and yellow; darkened
 * or lightened to a contrast of 3:1 with the background. */
static const guint32 light_colors[MOE_CHART_N_STYLES] = {
  0x0072b2, 0xc24e00, 0x007d5c, 0xb0578c, 0xa86f00, 0x2c85bd,
};
static const guint32 dark_colors[MOE_CHART_N_STYLES] = {
  0x56b4e9, 0xf07a2b, 0x2fc49b, 0xde8fbc, 0xe69f00, 0x9ad4f5,
};

guint32
moe_chart_style_get_color (int      style,
                           gboolean dark)
{
  if (style < 0)
    return moe_plot_palette_get (dark)->dim_text;
  return (dark ? dark_colors : light_colors)[style % MOE_CHART_N_STYLES];
}

void
moe_chart_style_set_dash (int      style,
                          cairo_t *cr)
{
  static const double quiet[] = { 5, 3 };
  static const struct
  {
    int    n;
    double lengths[6];
  } dashes[MOE_CHART_N_STYLES] = {
    { 0, { 0 } },
    { 2, { 7, 3 } },
    { 2, { 2, 3 } },
    { 4, { 8, 3, 2, 3 } },
    { 2, { 12, 4 } },
    { 6, { 8, 3, 2, 3, 2, 3 } },
  };

  if (style < 0)
    cairo_set_dash (cr, quiet, 2, 0);
  else
    cairo_set_dash (cr, dashes[style % MOE_CHART_N_STYLES].lengths, dashes[style % MOE_CHART_N_STYLES].n, 0);
}

static void
add_polygon (cairo_t *cr,
             double   x,
             double   y,
             double   radius,
             guint    n_corners,
             double   first_angle)
{
  cairo_new_sub_path (cr);
  for (guint i = 0; i < n_corners; i++)
    {
      double angle = first_angle + 2 * G_PI * i / n_corners;

      cairo_line_to (cr, x + radius * cos (angle), y + radius * sin (angle));
    }
  cairo_close_path (cr);
}

void
moe_chart_style_add_marker (int      style,
                            cairo_t *cr,
                            double   x,
                            double   y,
                            double   radius)
{
  switch (style < 0 ? 0 : style % MOE_CHART_N_STYLES)
    {
    case 1:
      add_polygon (cr, x, y, radius * 1.2, 4, G_PI / 4);
      break;
    case 2:
      add_polygon (cr, x, y, radius * 1.3, 3, -G_PI / 2);
      break;
    case 3:
      add_polygon (cr, x, y, radius * 1.3, 4, 0);
      break;
    case 4:
      add_polygon (cr, x, y, radius * 1.3, 3, G_PI / 2);
      break;
    case 5:
      add_polygon (cr, x, y, radius * 1.15, 5, -G_PI / 2);
      break;
    default:
      cairo_new_sub_path (cr);
      cairo_arc (cr, x, y, radius, 0, 2 * G_PI);
      cairo_close_path (cr);
      break;
    }
}

/* Lines @distance apart, at 45 degrees: falling with @slope -1, rising with 1, level with 0. */
static void
add_hatching (cairo_t                 *cr,
              const cairo_rectangle_t *r,
              int                      slope,
              double                   distance)
{
  if (slope == 0)
    for (double y = r->y + distance / 2; y < r->y + r->height; y += distance)
      {
        cairo_move_to (cr, r->x, y);
        cairo_line_to (cr, r->x + r->width, y);
      }
  else
    for (double offset = -r->height; offset < r->width; offset += distance)
      {
        double from = slope > 0 ? r->y + r->height : r->y, to = slope > 0 ? r->y : r->y + r->height;

        cairo_move_to (cr, r->x + offset, from);
        cairo_line_to (cr, r->x + offset + r->height, to);
      }
}

void
moe_chart_style_fill_bar (int                      style,
                          gboolean                 dark,
                          cairo_t                 *cr,
                          const cairo_rectangle_t *rectangle)
{
  guint32 color = moe_chart_style_get_color (style, dark);

  moe_plot_set_color (cr, color, 1);
  cairo_rectangle (cr, rectangle->x, rectangle->y, rectangle->width, rectangle->height);
  cairo_fill (cr);
  if (style % MOE_CHART_N_STYLES == 0 || rectangle->width < 5)
    return;

  cairo_save (cr);
  cairo_rectangle (cr, rectangle->x, rectangle->y, rectangle->width, rectangle->height);
  cairo_clip (cr);
  switch (style < 0 ? 0 : style % MOE_CHART_N_STYLES)
    {
    case 1:
      add_hatching (cr, rectangle, 1, 9);
      break;
    case 2:
      add_hatching (cr, rectangle, 0, 7);
      break;
    case 3:
      add_hatching (cr, rectangle, -1, 9);
      break;
    case 4:
      add_hatching (cr, rectangle, 1, 9);
      add_hatching (cr, rectangle, -1, 9);
      break;
    case 5:
      add_hatching (cr, rectangle, 0, 7);
      add_hatching (cr, rectangle, 1, 9);
      break;
    default:
      break;
    }
  moe_plot_set_color (cr, moe_plot_palette_get (dark)->background, 0.6);
  cairo_set_line_width (cr, 1.5);
  cairo_stroke (cr);
  cairo_restore (cr);
}
