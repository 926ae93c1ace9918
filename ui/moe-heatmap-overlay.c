/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-overlay"

#include <math.h>
#include <string.h>

#include "ui/moe-heatmap-layout.h"
#include "ui/moe-heatmap-plot.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"

/* In none of the colour maps, so that it shows on all of them. */
#define FLASH_RGB 0xff3d8b
/* Cells at least this large are lit along their edge only, so that their colour can still be read. */
#define MIN_FLASH_FRAME 10.0

/* Black outside, white inside: seen on any colour. The path is used up. */
static void
double_stroke (cairo_t *cr,
               double   width)
{
  moe_plot_set_color (cr, 0x000000, 1);
  cairo_set_line_width (cr, width * 2.2);
  cairo_stroke_preserve (cr);
  moe_plot_set_color (cr, 0xffffff, 1);
  cairo_set_line_width (cr, width);
  cairo_stroke (cr);
}

static gboolean
has_cell (const MoeHeatmapPlot *plot,
          gint                  row,
          gint                  column)
{
  return row >= 0 && column >= 0 && (guint) row < plot->n_rows && (guint) column < plot->n_columns;
}

static void
add_cell (const MoeHeatmapLayout *layout,
          cairo_t                *cr,
          gint                    row,
          gint                    column,
          double                  grow)
{
  cairo_rectangle_t cell;

  moe_heatmap_layout_get_cell (layout, (guint) row, (guint) column, &cell);
  cairo_rectangle (cr, cell.x - grow, cell.y - grow, cell.width + 2 * grow, cell.height + 2 * grow);
}

static void
draw_flash_frames (const MoeHeatmapPlot   *plot,
                   const MoeHeatmapLayout *layout,
                   cairo_t                *cr)
{
  guint end_row = MIN ((guint) ceil (layout->view_y + layout->view_rows), plot->n_rows);
  guint end_column = MIN ((guint) ceil (layout->view_x + layout->view_columns), plot->n_columns);

  for (guint row = (guint) layout->view_y; row < end_row; row++)
    for (guint column = (guint) layout->view_x; column < end_column; column++)
      {
        guint8 flash = plot->flash[(gsize) row * plot->n_columns + column];
        cairo_rectangle_t cell;
        double line;

        if (flash == 0)
          continue;
        moe_heatmap_layout_get_cell (layout, row, column, &cell);
        line = CLAMP (MIN (cell.width, cell.height) * 0.18, 2, 5);
        cairo_rectangle (cr, cell.x + line / 2, cell.y + line / 2, cell.width - line, cell.height - line);
        cairo_set_line_width (cr, line);
        moe_plot_set_color (cr, FLASH_RGB, flash / 255.0);
        cairo_stroke (cr);
      }
}

/* The experts that the last token went to, as one small image. */
static void
draw_flash_image (const MoeHeatmapPlot   *plot,
                  const MoeHeatmapLayout *layout,
                  cairo_t                *cr)
{
  cairo_surface_t *image = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, (int) plot->n_columns,
                                                       (int) plot->n_rows);
  guchar *data = cairo_image_surface_get_data (image);
  int stride = cairo_image_surface_get_stride (image);
  cairo_rectangle_t cell;

  cairo_surface_flush (image);
  for (guint row = 0; row < plot->n_rows; row++)
    {
      const guint8 *flash = plot->flash + (gsize) row * plot->n_columns;
      guint32 *pixels = (guint32 *) (gpointer) (data + (gsize) row * (gsize) stride);

      for (guint column = 0; column < plot->n_columns; column++)
        if (flash[column] > 0)
          {
            guint alpha = flash[column];
            guint red = (FLASH_RGB >> 16 & 0xff) * alpha / 255, green = (FLASH_RGB >> 8 & 0xff) * alpha / 255;

            pixels[column] = alpha << 24 | red << 16 | green << 8 | (FLASH_RGB & 0xff) * alpha / 255;
          }
    }
  cairo_surface_mark_dirty (image);

  moe_heatmap_layout_get_cell (layout, 0, 0, &cell);
  cairo_save (cr);
  cairo_translate (cr, cell.x, cell.y);
  cairo_scale (cr, cell.width, cell.height);
  cairo_set_source_surface (cr, image, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr), CAIRO_FILTER_NEAREST);
  cairo_paint (cr);
  cairo_restore (cr);
  cairo_surface_destroy (image);
}

static void
draw_mark (cairo_t                 *cr,
           const cairo_rectangle_t *cell,
           guint8                   mark)
{
  double x = cell->x + cell->width / 2, y = cell->y + cell->height / 2;
  double size = CLAMP (MIN (cell->width, cell->height) * 0.3, 1.5, 8), line = CLAMP (size / 4, 0.6, 1.6);

  switch (mark)
    {
    case 1:
      cairo_move_to (cr, x - size, y - size);
      cairo_line_to (cr, x + size, y + size);
      cairo_move_to (cr, x + size, y - size);
      cairo_line_to (cr, x - size, y + size);
      double_stroke (cr, line);
      break;
    case 2:
      cairo_new_sub_path (cr);
      cairo_arc (cr, x, y, size, 0, 2 * G_PI);
      double_stroke (cr, line);
      break;
    case 3:
      cairo_new_sub_path (cr);
      cairo_arc (cr, x, y, size * 0.55 + 0.8, 0, 2 * G_PI);
      moe_plot_set_color (cr, 0x000000, 1);
      cairo_fill (cr);
      cairo_new_sub_path (cr);
      cairo_arc (cr, x, y, size * 0.55, 0, 2 * G_PI);
      moe_plot_set_color (cr, 0xffffff, 1);
      cairo_fill (cr);
      break;
    default:
      break;
    }
}

static void
draw_marks (const MoeHeatmapPlot   *plot,
            const MoeHeatmapLayout *layout,
            cairo_t                *cr)
{
  guint end_row = MIN ((guint) ceil (layout->view_y + layout->view_rows), plot->n_rows);
  guint end_column = MIN ((guint) ceil (layout->view_x + layout->view_columns), plot->n_columns);

  for (guint row = (guint) layout->view_y; row < end_row; row++)
    for (guint column = (guint) layout->view_x; column < end_column; column++)
      {
        guint8 mark = plot->marked[(gsize) row * plot->n_columns + column];
        cairo_rectangle_t cell;

        if (mark == 0)
          continue;
        moe_heatmap_layout_get_cell (layout, row, column, &cell);
        draw_mark (cr, &cell, mark);
      }
}

/* A number on a dark ground, over whatever labels are there. */
static void
draw_chip (const MoePlotPalette *palette,
           cairo_t              *cr,
           gint                  number,
           double                x,
           double                y,
           double                align_x,
           double                align_y)
{
  MoePlotFont font = { .size = 11, .bold = TRUE };
  char label[16];
  double width, height, left, top, halo;

  g_snprintf (label, sizeof label, "%d", number);
  moe_plot_text_measure (label, &font, &width, &height);
  width += 8;
  halo = align_x > 0 && align_x < 1 ? 2 : 0;
  left = x - width * align_x;
  top = y - height * align_y;
  /* What is left of a neighbouring label beside the chip would read as another number. */
  moe_plot_set_color (cr, palette->background, 1);
  cairo_rectangle (cr, left - halo, top, width + 2 * halo, height);
  cairo_fill (cr);
  moe_plot_set_color (cr, palette->text, 1);
  cairo_rectangle (cr, left, top, width, height);
  cairo_fill (cr);
  moe_plot_set_color (cr, palette->background, 1);
  moe_plot_text_draw (cr, label, &font, left + width / 2, top + height / 2, 0.5, 0.5, 0);
}

/* The numbers of the cell that is pointed at, over the axis labels. */
static void
draw_crosshair (const MoeHeatmapPlot   *plot,
                const MoeHeatmapLayout *layout,
                cairo_t                *cr,
                gint                    row,
                gint                    column)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *area = &layout->area;
  cairo_rectangle_t cell;
  double x, y;

  moe_heatmap_layout_get_cell (layout, (guint) row, (guint) column, &cell);
  x = cell.x + cell.width / 2;
  y = cell.y + cell.height / 2;
  if (y >= area->y && y <= area->y + area->height)
    draw_chip (palette, cr, moe_heatmap_layout_get_row_number (plot, (guint) row), area->x - 2, y, 1, 0.5);
  if (x >= area->x && x <= area->x + area->width)
    draw_chip (palette, cr, column, x, area->y - 3, 0.5, 1);
}

void
moe_heatmap_plot_draw_overlay (const MoeHeatmapPlot *plot,
                               cairo_t              *cr,
                               double                width,
                               double                height)
{
  static const double dashes[] = { 3, 3 };
  MoeHeatmapLayout layout;
  gboolean hovers, has_cursor;

  g_return_if_fail (plot != NULL && cr != NULL);

  if (plot->n_rows == 0 || plot->n_columns == 0 || plot->values == NULL)
    return;
  moe_heatmap_layout_init (&layout, plot, width, height);
  hovers = has_cell (plot, plot->hover_row, plot->hover_column);
  has_cursor = has_cell (plot, plot->cursor_row, plot->cursor_column);

  cairo_save (cr);
  /* A little room for the strokes of the cells at the edge. */
  cairo_rectangle (cr, layout.area.x - 3, layout.area.y - 3, layout.area.width + 6, layout.area.height + 6);
  cairo_clip (cr);
  if (plot->flash != NULL)
    {
      cairo_save (cr);
      cairo_rectangle (cr, layout.area.x, layout.area.y, layout.area.width, layout.area.height);
      cairo_clip (cr);
      if (MIN (layout.area.width / layout.view_columns, layout.area.height / layout.view_rows) >=
          MIN_FLASH_FRAME)
        draw_flash_frames (plot, &layout, cr);
      else
        draw_flash_image (plot, &layout, cr);
      cairo_restore (cr);
    }
  if (plot->marked != NULL)
    draw_marks (plot, &layout, cr);
  if (plot->area_rows > 0 && plot->area_columns > 0)
    {
      cairo_rectangle_t first, last;

      moe_heatmap_layout_get_cell (&layout, (guint) plot->area_row, (guint) plot->area_column, &first);
      moe_heatmap_layout_get_cell (&layout, (guint) (plot->area_row + plot->area_rows),
                                   (guint) (plot->area_column + plot->area_columns), &last);
      cairo_rectangle (cr, first.x, first.y, last.x - first.x, last.y - first.y);
      moe_plot_set_color (cr, 0xffffff, 0.16);
      cairo_fill_preserve (cr);
      double_stroke (cr, 1);
    }
  if (hovers)
    {
      add_cell (&layout, cr, plot->hover_row, plot->hover_column, 0.5);
      double_stroke (cr, 1);
    }
  if (has_cell (plot, plot->selected_row, plot->selected_column))
    {
      add_cell (&layout, cr, plot->selected_row, plot->selected_column, 0.5);
      double_stroke (cr, 2);
    }
  if (has_cursor)
    {
      /* White dashes over black, further out than the selection, so that both can be seen. */
      add_cell (&layout, cr, plot->cursor_row, plot->cursor_column, 2);
      moe_plot_set_color (cr, 0x000000, 1);
      cairo_set_line_width (cr, 2);
      cairo_stroke_preserve (cr);
      moe_plot_set_color (cr, 0xffffff, 1);
      cairo_set_dash (cr, dashes, G_N_ELEMENTS (dashes), 0);
      cairo_stroke (cr);
    }
  cairo_restore (cr);

  if (hovers)
    draw_crosshair (plot, &layout, cr, plot->hover_row, plot->hover_column);
  else if (has_cursor)
    draw_crosshair (plot, &layout, cr, plot->cursor_row, plot->cursor_column);
}
