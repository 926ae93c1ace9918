/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-plot"

#include "ui/moe-heatmap-plot.h"

#include <math.h>
#include <string.h>

#include "ui/moe-heatmap-axes.h"
#include "ui/moe-heatmap-layout.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"
#include "ui/moe-value-scale.h"

/* Cells smaller than this have no lines between them and no hatching. */
#define MIN_DETAIL 7.0

/* Viewers smooth the images of an SVG, so each cell becomes this many image pixels a unit there; a larger map
 * than the bound gets fewer. */
#define SVG_PIXELS_PER_UNIT 2
#define SVG_MAX_PIXELS (4 * 1024 * 1024)

static const char *const scale_names[] = { "linear", "sqrt", "log", "rank" };
const char *const moe_scale_titles[] = { "Linear", "Square Root", "Logarithmic", "Rank", NULL };

const char *
moe_scale_get_name (MoeScale scale)
{
  g_return_val_if_fail ((guint) scale < G_N_ELEMENTS (scale_names), NULL);

  return scale_names[scale];
}

gboolean
moe_scale_parse (const char *name,
                 MoeScale   *scale)
{
  g_return_val_if_fail (name != NULL && scale != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (scale_names); i++)
    if (g_str_equal (name, scale_names[i]))
      {
        *scale = (MoeScale) i;
        return TRUE;
      }
  return FALSE;
}

void
moe_heatmap_plot_init (MoeHeatmapPlot *plot)
{
  g_return_if_fail (plot != NULL);

  *plot = (MoeHeatmapPlot) {
    .title = "", .row_title = "Layer", .column_title = "Expert", .value_title = "", .unit = "",
    .color_map = MOE_COLOR_MAP_VIRIDIS, .scale = MOE_SCALE_LINEAR, .marginals = TRUE,
    .cursor_row = -1, .cursor_column = -1, .hover_row = -1, .hover_column = -1,
    .selected_row = -1, .selected_column = -1,
  };
}

gboolean
moe_heatmap_plot_pick (const MoeHeatmapPlot *plot,
                       double                width,
                       double                height,
                       double                x,
                       double                y,
                       guint                *row,
                       guint                *column)
{
  MoeHeatmapLayout layout;

  moe_heatmap_layout_init (&layout, plot, width, height);
  return moe_heatmap_layout_pick (&layout, plot, x, y, row, column);
}

void
moe_heatmap_plot_get_cell (const MoeHeatmapPlot *plot,
                           double                width,
                           double                height,
                           guint                 row,
                           guint                 column,
                           cairo_rectangle_t    *rectangle)
{
  MoeHeatmapLayout layout;

  moe_heatmap_layout_init (&layout, plot, width, height);
  moe_heatmap_layout_get_cell (&layout, row, column, rectangle);
}

void
moe_heatmap_plot_get_area (const MoeHeatmapPlot *plot,
                           double                width,
                           double                height,
                           cairo_rectangle_t    *rectangle)
{
  MoeHeatmapLayout layout;

  moe_heatmap_layout_init (&layout, plot, width, height);
  *rectangle = layout.area;
}

/* The cells that can be seen, as a half-open range of rows and columns. */
typedef struct
{
  guint row, column, end_row, end_column;
} CellRange;

static CellRange
get_visible (const MoeHeatmapPlot   *plot,
             const MoeHeatmapLayout *layout)
{
  return (CellRange) {
    (guint) layout->view_y, (guint) layout->view_x,
    MIN ((guint) ceil (layout->view_y + layout->view_rows), plot->n_rows),
    MIN ((guint) ceil (layout->view_x + layout->view_columns), plot->n_columns),
  };
}

/* One pixel a cell, or @enlarge_x x @enlarge_y. */
static cairo_surface_t *
create_cell_image (const MoeHeatmapPlot *plot,
                   const MoeValueScale  *scale,
                   CellRange             range,
                   guint                 enlarge_x,
                   guint                 enlarge_y)
{
  guint n_rows = range.end_row - range.row, n_columns = range.end_column - range.column;
  cairo_surface_t *image = cairo_image_surface_create (CAIRO_FORMAT_RGB24, (int) (n_columns * enlarge_x),
                                                       (int) (n_rows * enlarge_y));
  guint32 missing = moe_color_map_missing (plot->dark);
  guchar *data;
  int stride;

  if (cairo_surface_status (image) != CAIRO_STATUS_SUCCESS)
    return image;
  cairo_surface_flush (image);
  data = cairo_image_surface_get_data (image);
  stride = cairo_image_surface_get_stride (image);
  for (guint row = 0; row < n_rows; row++)
    {
      const double *values = plot->values + (gsize) (range.row + row) * plot->n_columns + range.column;
      guint32 *first = (guint32 *) (gpointer) (data + (gsize) row * enlarge_y * (gsize) stride);
      guint32 *pixel = first;

      for (guint column = 0; column < n_columns; column++)
        {
          double fraction = moe_value_scale_map (scale, values[column]);
          guint32 color = isnan (fraction) ? missing : moe_color_map_get (plot->color_map, fraction);

          for (guint i = 0; i < enlarge_x; i++)
            *pixel++ = color;
        }
      for (guint i = 1; i < enlarge_y; i++)
        memcpy ((guchar *) first + (gsize) i * (gsize) stride, first, (gsize) n_columns * enlarge_x * 4);
    }
  cairo_surface_mark_dirty (image);
  return image;
}

static guint
get_svg_enlargement (double units_per_cell,
                     guint  n_cells)
{
  return (guint) CLAMP (ceil (units_per_cell * SVG_PIXELS_PER_UNIT), 1, MAX (2048 / MAX (n_cells, 1), 4));
}

static void
draw_cells (const MoeHeatmapPlot   *plot,
            const MoeHeatmapLayout *layout,
            const MoeValueScale    *scale,
            cairo_t                *cr)
{
  CellRange range = get_visible (plot, layout);
  guint n_rows = range.end_row - range.row, n_columns = range.end_column - range.column;
  guint enlarge_x = 1, enlarge_y = 1;
  cairo_rectangle_t cell;
  cairo_surface_t *image;

  if (range.end_row <= range.row || range.end_column <= range.column)
    return;
  moe_heatmap_layout_get_cell (layout, range.row, range.column, &cell);
  if (cairo_surface_get_type (cairo_get_target (cr)) == CAIRO_SURFACE_TYPE_SVG)
    {
      enlarge_x = get_svg_enlargement (cell.width, n_columns);
      enlarge_y = get_svg_enlargement (cell.height, n_rows);
      while ((guint64) n_rows * enlarge_y * n_columns * enlarge_x > SVG_MAX_PIXELS &&
             (enlarge_x > 1 || enlarge_y > 1))
        {
          enlarge_x = MAX (enlarge_x / 2, 1);
          enlarge_y = MAX (enlarge_y / 2, 1);
        }
    }

  image = create_cell_image (plot, scale, range, enlarge_x, enlarge_y);
  cairo_save (cr);
  cairo_rectangle (cr, layout->area.x, layout->area.y, layout->area.width, layout->area.height);
  cairo_clip (cr);
  cairo_translate (cr, cell.x, cell.y);
  cairo_scale (cr, cell.width / enlarge_x, cell.height / enlarge_y);
  cairo_set_source_surface (cr, image, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr), CAIRO_FILTER_NEAREST);
  cairo_paint (cr);
  cairo_restore (cr);
  cairo_surface_destroy (image);
}

/* Missing cells are hatched as well as grey, and lines keep large cells apart. */
static void
draw_cell_details (const MoeHeatmapPlot   *plot,
                   const MoeHeatmapLayout *layout,
                   cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  CellRange range = get_visible (plot, layout);
  const cairo_rectangle_t *area = &layout->area;
  cairo_rectangle_t cell;

  moe_heatmap_layout_get_cell (layout, range.row, range.column, &cell);
  if (cell.width < MIN_DETAIL || cell.height < MIN_DETAIL)
    return;

  cairo_save (cr);
  cairo_rectangle (cr, area->x, area->y, area->width, area->height);
  cairo_clip (cr);
  for (guint row = range.row; row < range.end_row; row++)
    for (guint column = range.column; column < range.end_column; column++)
      if (isnan (plot->values[(gsize) row * plot->n_columns + column]))
        {
          double size = MIN (cell.width, cell.height) * 0.25, x, y;

          moe_heatmap_layout_get_cell (layout, row, column, &cell);
          x = cell.x + cell.width / 2;
          y = cell.y + cell.height / 2;
          cairo_move_to (cr, x - size, y + size);
          cairo_line_to (cr, x + size, y - size);
        }
  moe_plot_set_color (cr, palette->dim_text, 0.35);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);

  for (guint column = range.column + 1; column < range.end_column; column++)
    {
      moe_heatmap_layout_get_cell (layout, range.row, column, &cell);
      cairo_move_to (cr, cell.x, area->y);
      cairo_line_to (cr, cell.x, area->y + area->height);
    }
  for (guint row = range.row + 1; row < range.end_row; row++)
    {
      moe_heatmap_layout_get_cell (layout, row, range.column, &cell);
      cairo_move_to (cr, area->x, cell.y);
      cairo_line_to (cr, area->x + area->width, cell.y);
    }
  moe_plot_set_color (cr, palette->background, 0.35);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
  cairo_restore (cr);
}

/* Black outside, white inside, so that it shows on any colour. */
static void
draw_rings (const MoeHeatmapPlot   *plot,
            const MoeHeatmapLayout *layout,
            cairo_t                *cr)
{
  static const double dashes[] = { 4, 3 };
  CellRange range = get_visible (plot, layout);

  cairo_save (cr);
  for (guint row = range.row; row < range.end_row; row++)
    for (guint column = range.column; column < range.end_column; column++)
      {
        guint8 ring = plot->ringed[(gsize) row * plot->n_columns + column];
        cairo_rectangle_t cell;
        double radius;

        if (ring == 0)
          continue;
        moe_heatmap_layout_get_cell (layout, row, column, &cell);
        radius = CLAMP (MIN (cell.width, cell.height) * 0.62, 5, 22);
        cairo_new_path (cr);
        cairo_arc (cr, cell.x + cell.width / 2, cell.y + cell.height / 2, radius, 0, 2 * G_PI);
        cairo_set_dash (cr, dashes, ring == 2 ? G_N_ELEMENTS (dashes) : 0, 0);
        moe_plot_set_color (cr, 0x000000, 1);
        cairo_set_line_width (cr, 3.6);
        cairo_stroke_preserve (cr);
        moe_plot_set_color (cr, 0xffffff, 1);
        cairo_set_line_width (cr, 1.6);
        cairo_stroke (cr);
      }
  cairo_restore (cr);
}

static void
draw_frame (const MoeHeatmapPlot   *plot,
            const MoeHeatmapLayout *layout,
            cairo_t                *cr)
{
  moe_plot_set_color (cr, moe_plot_palette_get (plot->dark)->line, 1);
  cairo_set_line_width (cr, 1);
  cairo_rectangle (cr, layout->area.x - 0.5, layout->area.y - 0.5, layout->area.width + 1,
                   layout->area.height + 1);
  cairo_stroke (cr);
}

/* What to do, in place of a map without numbers. */
static void
draw_empty_text (const MoeHeatmapPlot   *plot,
                 const MoeHeatmapLayout *layout,
                 cairo_t                *cr,
                 double                  width,
                 double                  height,
                 gboolean                over_cells)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  MoePlotFont font = { .size = 14, .max_width = MAX (MIN (width - 48, 460), 1), .wrap = TRUE };
  double x = width / 2, y = height / 2, text_width, text_height;

  if (plot->empty_text == NULL || *plot->empty_text == '\0')
    return;
  if (over_cells)
    {
      x = layout->area.x + layout->area.width / 2;
      y = layout->area.y + layout->area.height / 2;
      font.max_width = MAX (MIN (layout->area.width - 48, 460), 1);
      moe_plot_text_measure (plot->empty_text, &font, &text_width, &text_height);
      moe_plot_set_color (cr, palette->background, 0.92);
      cairo_rectangle (cr, x - font.max_width / 2 - 16, y - text_height / 2 - 12, font.max_width + 32,
                       text_height + 24);
      cairo_fill (cr);
    }
  moe_plot_set_color (cr, palette->dim_text, 1);
  moe_plot_text_draw (cr, plot->empty_text, &font, x, y, 0.5, 0.5, 0);
}

void
moe_heatmap_plot_draw_base (const MoeHeatmapPlot *plot,
                            cairo_t              *cr,
                            double                width,
                            double                height)
{
  g_auto(MoeValueScale) scale = { 0 };
  MoeHeatmapLayout layout;

  g_return_if_fail (plot != NULL && cr != NULL);

  moe_heatmap_layout_init (&layout, plot, width, height);
  moe_plot_set_color (cr, moe_plot_palette_get (plot->dark)->background, 1);
  cairo_paint (cr);
  moe_heatmap_axes_draw_title (plot, &layout, cr);
  if (plot->n_rows == 0 || plot->n_columns == 0 || plot->values == NULL)
    {
      draw_empty_text (plot, &layout, cr, width, height, FALSE);
      return;
    }

  moe_value_scale_init (&scale, plot->scale, plot->diverging, plot->values,
                        (gsize) plot->n_rows * plot->n_columns);
  draw_cells (plot, &layout, &scale, cr);
  draw_cell_details (plot, &layout, cr);
  draw_frame (plot, &layout, cr);
  if (plot->ringed != NULL)
    draw_rings (plot, &layout, cr);
  moe_heatmap_axes_draw (plot, &layout, cr);
  moe_heatmap_axes_draw_marginals (plot, &layout, cr);
  moe_heatmap_axes_draw_color_bar (plot, &layout, &scale, cr);
  if (scale.n_values == 0)
    draw_empty_text (plot, &layout, cr, width, height, TRUE);
}

void
moe_heatmap_plot_draw (const MoeHeatmapPlot *plot,
                       cairo_t              *cr,
                       double                width,
                       double                height)
{
  moe_heatmap_plot_draw_base (plot, cr, width, height);
  moe_heatmap_plot_draw_overlay (plot, cr, width, height);
}
