/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-legend"

#include <math.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"

#define SWATCH   28.0
#define GAP      6.0
#define BETWEEN  18.0
#define MAX_NAME 220.0
#define MAX_ROWS 3

static const MoePlotFont font = { .size = MOE_CHART_LABEL_SIZE, .max_width = MAX_NAME };

typedef struct
{
  double x, width; /* the width of the legend */
  guint  row;
} Flow;

/* Moves on past an entry of that name, and says where it begins. FALSE when there is no room for it. */
static gboolean
flow_add (Flow       *flow,
          const char *name,
          double     *x,
          guint      *row)
{
  double width;

  moe_plot_text_measure (name, &font, &width, NULL);
  width = SWATCH + GAP + ceil (width);
  if (flow->x > 0 && flow->x + width > flow->width)
    {
      flow->x = 0;
      flow->row++;
    }
  *x = flow->x;
  *row = flow->row;
  flow->x += width + BETWEEN;
  return flow->row < MAX_ROWS;
}

/* One series alone is named by the title, unless it has a name of its own. */
static gboolean
is_listed (const MoeChartItem *item)
{
  return *item->name != '\0';
}

guint
moe_chart_legend_count_rows (const MoeChart *chart,
                             double          width)
{
  Flow flow = { 0, width, 0 };
  gboolean any = FALSE;
  double x;
  guint row = 0;

  for (guint i = 0; i < chart->items->len; i++)
    {
      const MoeChartItem *item = g_ptr_array_index (chart->items, i);

      if (is_listed (item))
        {
          any = TRUE;
          flow_add (&flow, item->name, &x, &row);
        }
    }
  return any ? MIN (row + 1, MAX_ROWS) : 0;
}

static void
draw_swatch (const MoeChart     *chart,
             const MoeChartItem *item,
             cairo_t            *cr,
             double              x,
             double              y)
{
  guint32 color = moe_chart_style_get_color (item->style, chart->dark);

  cairo_save (cr);
  cairo_set_line_width (cr, 1.8);
  switch (item->series.kind)
    {
    case MOE_CHART_BARS:
      moe_chart_style_fill_bar (item->style, chart->dark, cr, &(cairo_rectangle_t) { x + 4, y - 6, 20, 12 });
      break;
    case MOE_CHART_BAND:
      moe_plot_set_color (cr, color, 0.25);
      cairo_rectangle (cr, x, y - 6, SWATCH, 12);
      cairo_fill (cr);
      G_GNUC_FALLTHROUGH;
    case MOE_CHART_LINES:
    case MOE_CHART_STEPS:
      moe_plot_set_color (cr, color, 1);
      moe_chart_style_set_dash (item->style, cr);
      cairo_move_to (cr, x, y);
      cairo_line_to (cr, x + SWATCH, y);
      cairo_stroke (cr);
      if (item->series.kind != MOE_CHART_LINES)
        break;
      G_GNUC_FALLTHROUGH;
    case MOE_CHART_POINTS:
    default:
      moe_plot_set_color (cr, color, 1);
      moe_chart_style_add_marker (item->style, cr, x + SWATCH / 2, y, item->style < 0 ? 3 : 4);
      if (item->style < 0)
        {
          cairo_set_line_width (cr, 1);
          cairo_stroke (cr);
        }
      else
        cairo_fill (cr);
      break;
    }
  cairo_restore (cr);
}

void
moe_chart_legend_draw (const MoeChart       *chart,
                       const MoeChartLayout *layout,
                       cairo_t              *cr)
{
  Flow flow = { 0, layout->legend_width, 0 };
  guint n_hidden = 0;

  if (layout->legend_rows == 0)
    return;
  for (guint i = 0; i < chart->items->len; i++)
    {
      const MoeChartItem *item = g_ptr_array_index (chart->items, i);
      double x, y;
      guint row;

      if (!is_listed (item))
        continue;
      if (!flow_add (&flow, item->name, &x, &row))
        {
          n_hidden++;
          continue;
        }
      x += 14;
      y = layout->legend_y + (row + 0.5) * MOE_CHART_LEGEND_ROW;
      draw_swatch (chart, item, cr, x, y);
      moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->text, 1);
      moe_plot_text_draw (cr, item->name, &font, x + SWATCH + GAP, y, 0, 0.5, 0);
    }
  if (n_hidden > 0)
    {
      g_autofree char *text = g_strdup_printf ("and %u more", n_hidden);

      moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->background, 1);
      cairo_rectangle (cr, layout->legend_width - 66,
                       layout->legend_y + (MAX_ROWS - 1) * MOE_CHART_LEGEND_ROW, 80, MOE_CHART_LEGEND_ROW);
      cairo_fill (cr);
      moe_plot_set_color (cr, moe_plot_palette_get (chart->dark)->dim_text, 1);
      moe_plot_text_draw (cr, text, &font, layout->legend_width + 14,
                          layout->legend_y + (MAX_ROWS - 0.5) * MOE_CHART_LEGEND_ROW, 1, 0.5, 0);
    }
}
