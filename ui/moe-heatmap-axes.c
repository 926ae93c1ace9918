/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-axes"

#include "ui/moe-heatmap-axes.h"

#include <math.h>
#include <string.h>

#include "ui/moe-plot-palette.h"
#include "ui/moe-plot-text.h"
#include "ui/moe-ticks.h"

#define TITLE_SIZE 15.0
#define AXIS_SIZE  12.0
#define LABEL_SIZE 11.0
#define SMALL_SIZE 10.0
#define TICK       4.0
#define TRACK      3.0

static gboolean
has_text (const char *text)
{
  return text != NULL && *text != '\0';
}

void
moe_heatmap_axes_draw_title (const MoeHeatmapPlot   *plot,
                             const MoeHeatmapLayout *layout,
                             cairo_t                *cr)
{
  MoePlotFont font = { .size = TITLE_SIZE, .bold = TRUE, .max_width = layout->title.width };

  if (layout->title.width <= 0)
    return;
  moe_plot_set_color (cr, moe_plot_palette_get (plot->dark)->text, 1);
  moe_plot_text_draw (cr, plot->title, &font, layout->title.x, layout->title.y + layout->title.height / 2, 0,
                      0.5, 0);
}

/* The numbers of the rows run on without a gap. */
static gboolean
rows_are_contiguous (const MoeHeatmapPlot *plot)
{
  for (guint row = 1; row < plot->n_rows; row++)
    if (moe_heatmap_layout_get_row_number (plot, row) !=
        moe_heatmap_layout_get_row_number (plot, row - 1) + 1)
      return FALSE;
  return TRUE;
}

static void
draw_row_label (const MoeHeatmapPlot   *plot,
                const MoeHeatmapLayout *layout,
                cairo_t                *cr,
                guint                   row)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  MoePlotFont font = { .size = LABEL_SIZE, .max_width = layout->row_labels.width };
  char label[16];
  cairo_rectangle_t cell;
  double y;

  moe_heatmap_layout_get_cell (layout, row, 0, &cell);
  y = cell.y + cell.height / 2;
  if (y < layout->area.y || y > layout->area.y + layout->area.height)
    return;
  g_snprintf (label, sizeof label, "%d", moe_heatmap_layout_get_row_number (plot, row));
  moe_plot_set_color (cr, palette->line, 1);
  cairo_set_line_width (cr, 1);
  cairo_move_to (cr, layout->area.x - 1, y);
  cairo_line_to (cr, layout->area.x - TICK, y);
  cairo_stroke (cr);
  moe_plot_set_color (cr, palette->text, 1);
  moe_plot_text_draw (cr, plot->row_names != NULL ? plot->row_names[row] : label, &font,
                      layout->area.x - TICK - 3, y, 1, 0.5, 0);
}

static void
draw_column_label (const MoeHeatmapPlot   *plot,
                   const MoeHeatmapLayout *layout,
                   cairo_t                *cr,
                   guint                   column)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  gboolean named = plot->column_names != NULL;
  MoePlotFont font = { .size = LABEL_SIZE, .max_width = named ? layout->column_labels.height - TICK - 2 : 0 };
  char label[16];
  cairo_rectangle_t cell;
  double x;

  moe_heatmap_layout_get_cell (layout, 0, column, &cell);
  x = cell.x + cell.width / 2;
  if (x < layout->area.x || x > layout->area.x + layout->area.width)
    return;
  g_snprintf (label, sizeof label, "%u", column);
  moe_plot_set_color (cr, palette->line, 1);
  cairo_set_line_width (cr, 1);
  cairo_move_to (cr, x, layout->area.y - 1);
  cairo_line_to (cr, x, layout->area.y - TICK);
  cairo_stroke (cr);
  moe_plot_set_color (cr, palette->text, 1);
  /* Names read upwards, so that there is room for many. */
  if (named)
    moe_plot_text_draw (cr, plot->column_names[column], &font, x, layout->area.y - TICK - 1, 0, 0.5,
                        -G_PI / 2);
  else
    moe_plot_text_draw (cr, label, &font, x, layout->area.y - TICK - 1, 0.5, 1, 0);
}

static void
draw_row_labels (const MoeHeatmapPlot   *plot,
                 const MoeHeatmapLayout *layout,
                 cairo_t                *cr)
{
  gint64 offset = rows_are_contiguous (plot) ? moe_heatmap_layout_get_row_number (plot, 0) : 0;
  gint64 from = (gint64) layout->view_y, to = (gint64) ceil (layout->view_y + layout->view_rows) - 1;
  double pixels = layout->area.height / layout->view_rows;
  double sparse = plot->row_names != NULL ? 20 : 34;
  guint wanted = pixels >= 14 ? G_MAXINT : (guint) MAX (layout->area.height / sparse, 2);
  MoeTicks ticks;

  if (!moe_ticks_integer (from + offset, MIN (to, (gint64) plot->n_rows - 1) + offset, wanted, &ticks))
    return;
  for (guint i = 0; i < ticks.count; i++)
    draw_row_label (plot, layout, cr, (guint) (ticks.first + i * ticks.step - (double) offset));
}

static void
draw_column_labels (const MoeHeatmapPlot   *plot,
                    const MoeHeatmapLayout *layout,
                    cairo_t                *cr)
{
  gint64 from = (gint64) layout->view_x, to = (gint64) ceil (layout->view_x + layout->view_columns) - 1;
  double pixels = layout->area.width / layout->view_columns;
  gboolean named = plot->column_names != NULL;
  double room = named ? 14 : plot->n_columns > 100 ? 27 : plot->n_columns > 10 ? 18 : 11;
  guint wanted = pixels >= room ? G_MAXINT : (guint) MAX (layout->area.width / (named ? 24 : 56), 2);
  MoeTicks ticks;

  if (!moe_ticks_integer (from, MIN (to, (gint64) plot->n_columns - 1), wanted, &ticks))
    return;
  for (guint i = 0; i < ticks.count; i++)
    draw_column_label (plot, layout, cr, (guint) (ticks.first + i * ticks.step));
}

/* Zooming hides cells, so thin tracks along the map show which part of it is seen. */
static void
draw_zoom_tracks (const MoeHeatmapPlot   *plot,
                  const MoeHeatmapLayout *layout,
                  cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *area = &layout->area;
  double right = area->x + area->width + 1, bottom = area->y + area->height + 1;

  if (layout->view_columns >= plot->n_columns && layout->view_rows >= plot->n_rows)
    return;
  moe_plot_set_color (cr, palette->line, 1);
  cairo_rectangle (cr, area->x, bottom, area->width, TRACK);
  cairo_rectangle (cr, right, area->y, TRACK, area->height);
  cairo_fill (cr);
  moe_plot_set_color (cr, palette->bar_lit, 1);
  cairo_rectangle (cr, area->x + area->width * layout->view_x / plot->n_columns, bottom,
                   area->width * layout->view_columns / plot->n_columns, TRACK);
  cairo_rectangle (cr, right, area->y + area->height * layout->view_y / plot->n_rows, TRACK,
                   area->height * layout->view_rows / plot->n_rows);
  cairo_fill (cr);
}

void
moe_heatmap_axes_draw (const MoeHeatmapPlot   *plot,
                       const MoeHeatmapLayout *layout,
                       cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *column_title = &layout->column_title, *row_title = &layout->row_title;
  MoePlotFont font = { .size = AXIS_SIZE };

  draw_row_labels (plot, layout, cr);
  draw_column_labels (plot, layout, cr);
  draw_zoom_tracks (plot, layout, cr);
  moe_plot_set_color (cr, palette->dim_text, 1);
  if (column_title->width > 0)
    {
      font.max_width = column_title->width;
      moe_plot_text_draw (cr, plot->column_title, &font, column_title->x + column_title->width / 2,
                          column_title->y + column_title->height / 2, 0.5, 0.5, 0);
    }
  if (row_title->width > 0)
    {
      font.max_width = row_title->height;
      moe_plot_text_draw (cr, plot->row_title, &font, row_title->x + row_title->width / 2,
                          row_title->y + row_title->height / 2, 0.5, 0.5, -G_PI / 2);
    }
}

/* Mean of every @stride-th of @n_values values, those that are missing left out; NaN when all are. */
static double
get_mean (const double *values,
          guint         n_values,
          gsize         stride)
{
  double sum = 0;
  guint n = 0;

  for (guint i = 0; i < n_values; i++)
    if (isfinite (values[i * stride]))
      {
        sum += values[i * stride];
        n++;
      }
  return n > 0 ? sum / n : NAN;
}

/* The range that a strip of bars runs over: 0 and every mean. */
static void
get_bar_range (const double *means,
               guint         n_means,
               double       *low,
               double       *high)
{
  *low = *high = 0;
  for (guint i = 0; i < n_means; i++)
    if (isfinite (means[i]))
      {
        *low = MIN (*low, means[i]);
        *high = MAX (*high, means[i]);
      }
}

/* Half the distance between the bars of cells of that size. */
static double
get_inset (double size)
{
  return size < 4 ? 0 : CLAMP (size * 0.1, 0.5, 5);
}

static void
draw_row_bars (const MoeHeatmapPlot   *plot,
               const MoeHeatmapLayout *layout,
               cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *strip = &layout->row_bars;
  g_autofree double *means = g_new (double, plot->n_rows);
  MoePlotFont font = { .size = SMALL_SIZE };
  double low, high, zero, inset;

  for (guint row = 0; row < plot->n_rows; row++)
    means[row] = get_mean (plot->values + (gsize) row * plot->n_columns, plot->n_columns, 1);
  get_bar_range (means, plot->n_rows, &low, &high);
  moe_plot_set_color (cr, palette->dim_text, 1);
  font.max_width = strip->width;
  moe_plot_text_draw (cr, "Mean", &font, strip->x, layout->column_labels.y - 2, 0, 1, 0);
  if (high > low)
    {
      g_autofree char *low_text = moe_ticks_format_significant (low, 2);
      g_autofree char *high_text = moe_ticks_format_significant (high, 2);

      moe_plot_text_draw (cr, low_text, &font, strip->x, strip->y - TICK, 0, 1, 0);
      moe_plot_text_draw (cr, high_text, &font, strip->x + strip->width, strip->y - TICK, 1, 1, 0);
    }
  else
    high = low + 1;

  zero = strip->x + strip->width * -low / (high - low);
  cairo_save (cr);
  cairo_rectangle (cr, strip->x, strip->y, strip->width, strip->height);
  cairo_clip (cr);
  moe_plot_set_color (cr, palette->bar, 1);
  for (guint row = 0; row < plot->n_rows; row++)
    {
      cairo_rectangle_t cell;

      moe_heatmap_layout_get_cell (layout, row, 0, &cell);
      if (isnan (means[row]) || cell.y + cell.height < strip->y || cell.y > strip->y + strip->height)
        continue;
      inset = get_inset (cell.height);
      cairo_rectangle (cr, zero, cell.y + inset, strip->width * means[row] / (high - low),
                       cell.height - 2 * inset);
    }
  cairo_fill (cr);
  cairo_restore (cr);
  moe_plot_set_color (cr, palette->line, 1);
  cairo_set_line_width (cr, 1);
  cairo_move_to (cr, zero - 0.5, strip->y);
  cairo_line_to (cr, zero - 0.5, strip->y + strip->height);
  cairo_stroke (cr);
}

static void
draw_column_bars (const MoeHeatmapPlot   *plot,
                  const MoeHeatmapLayout *layout,
                  cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *strip = &layout->column_bars;
  g_autofree double *means = g_new (double, plot->n_columns);
  MoePlotFont font = { .size = SMALL_SIZE };
  double low, high, zero, inset;

  for (guint column = 0; column < plot->n_columns; column++)
    means[column] = get_mean (plot->values + column, plot->n_rows, plot->n_columns);
  get_bar_range (means, plot->n_columns, &low, &high);
  moe_plot_set_color (cr, palette->dim_text, 1);
  if (layout->row_title.width > 0)
    moe_plot_text_draw (cr, "Mean", &font, layout->row_title.x + layout->row_title.width / 2,
                        strip->y + strip->height / 2, 0.5, 0.5, -G_PI / 2);
  if (high > low)
    {
      g_autofree char *low_text = moe_ticks_format_significant (low, 2);
      g_autofree char *high_text = moe_ticks_format_significant (high, 2);

      font.max_width = layout->row_labels.width + 8;
      moe_plot_text_draw (cr, high_text, &font, strip->x - TICK, strip->y, 1, 0.3, 0);
      moe_plot_text_draw (cr, low_text, &font, strip->x - TICK, strip->y + strip->height, 1, 0.7, 0);
    }
  else
    high = low + 1;

  zero = strip->y + strip->height * high / (high - low);
  cairo_save (cr);
  cairo_rectangle (cr, strip->x, strip->y, strip->width, strip->height);
  cairo_clip (cr);
  moe_plot_set_color (cr, palette->bar, 1);
  for (guint column = 0; column < plot->n_columns; column++)
    {
      cairo_rectangle_t cell;

      moe_heatmap_layout_get_cell (layout, 0, column, &cell);
      if (isnan (means[column]) || cell.x + cell.width < strip->x || cell.x > strip->x + strip->width)
        continue;
      inset = get_inset (cell.width);
      cairo_rectangle (cr, cell.x + inset, zero, cell.width - 2 * inset,
                       -strip->height * means[column] / (high - low));
    }
  cairo_fill (cr);
  cairo_restore (cr);
  moe_plot_set_color (cr, palette->line, 1);
  cairo_set_line_width (cr, 1);
  cairo_move_to (cr, strip->x, zero + 0.5);
  cairo_line_to (cr, strip->x + strip->width, zero + 0.5);
  cairo_stroke (cr);
}

void
moe_heatmap_axes_draw_marginals (const MoeHeatmapPlot   *plot,
                                 const MoeHeatmapLayout *layout,
                                 cairo_t                *cr)
{
  if (layout->row_bars.width > 0)
    draw_row_bars (plot, layout, cr);
  if (layout->column_bars.width > 0)
    draw_column_bars (plot, layout, cr);
}

/* The 256 colours of the map, high at the top. With a floor its colour fills a part of its own. */
static void
draw_gradient (const MoeHeatmapPlot    *plot,
               const cairo_rectangle_t *bar,
               const MoeValueScale     *scale,
               cairo_t                 *cr)
{
  guint n_colors = 256;
  cairo_surface_t *image = cairo_image_surface_create (CAIRO_FORMAT_RGB24, 1, (int) n_colors);
  guchar *data = cairo_image_surface_get_data (image);
  int stride = cairo_image_surface_get_stride (image);

  cairo_surface_flush (image);
  for (guint i = 0; i < n_colors; i++)
    {
      double fraction = 1 - (i + 0.5) / n_colors;
      double side = scale->diverging ? fabs (fraction - 0.5) * 2 : fraction;

      if (scale->has_floor && side < MOE_VALUE_SCALE_FLOOR)
        fraction = scale->diverging ? 0.5 : 0;
      *(guint32 *) (gpointer) (data + (gsize) i * (gsize) stride) =
          moe_color_map_get (plot->color_map, fraction);
    }
  cairo_surface_mark_dirty (image);
  cairo_save (cr);
  cairo_rectangle (cr, bar->x, bar->y, bar->width, bar->height);
  cairo_clip (cr);
  cairo_translate (cr, bar->x, bar->y);
  cairo_scale (cr, bar->width, bar->height / n_colors);
  cairo_set_source_surface (cr, image, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr), CAIRO_FILTER_NEAREST);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_restore (cr);
  cairo_surface_destroy (image);
}

static void
draw_value_title (const MoeHeatmapPlot   *plot,
                  const MoeHeatmapLayout *layout,
                  cairo_t                *cr)
{
  const cairo_rectangle_t *box = &layout->value_title;
  /* One that is longer than the bar may begin above it, below the title of the picture. */
  MoePlotFont font = { .size = AXIS_SIZE, .max_width = MAX (box->height, box->y + box->height - 34) };
  GString *text = g_string_new (plot->value_title);
  double middle = box->y + box->height / 2, length;

  if (has_text (plot->unit))
    g_string_append_printf (text, "%s%s%s", text->len > 0 ? " (" : "", plot->unit, text->len > 0 ? ")" : "");
  if (plot->scale != MOE_SCALE_LINEAR)
    g_string_append_printf (text, ", %s scale", moe_scale_get_name (plot->scale));
  moe_plot_set_color (cr, moe_plot_palette_get (plot->dark)->dim_text, 1);
  moe_plot_text_measure (text->str, &font, &length, NULL);
  middle = MIN (middle, box->y + box->height - length / 2);
  moe_plot_text_draw (cr, text->str, &font, box->x + box->width / 2, middle, 0.5, 0.5, -G_PI / 2);
  g_string_free (text, TRUE);
}

static void
draw_legend (const MoeHeatmapPlot   *plot,
             const MoeHeatmapLayout *layout,
             cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *box = &layout->legend;
  MoePlotFont font = { .size = SMALL_SIZE, .max_width = MAX (box->width - 20, 1) };
  const char *text = plot->missing_text != NULL ? plot->missing_text : "not routed";
  double size = 13, y = box->y + (box->height - size) / 2;

  moe_plot_set_color (cr, moe_color_map_missing (plot->dark), 1);
  cairo_rectangle (cr, box->x, y, size, size);
  cairo_fill (cr);
  cairo_set_line_width (cr, 1);
  moe_plot_set_color (cr, palette->dim_text, 0.45);
  cairo_move_to (cr, box->x + size * 0.25, y + size * 0.75);
  cairo_line_to (cr, box->x + size * 0.75, y + size * 0.25);
  cairo_stroke (cr);
  moe_plot_set_color (cr, palette->line, 1);
  cairo_rectangle (cr, box->x - 0.5, y - 0.5, size + 1, size + 1);
  cairo_stroke (cr);
  moe_plot_set_color (cr, palette->dim_text, 1);
  moe_plot_text_draw (cr, text, &font, box->x + size + 6, box->y + box->height / 2, 0, 0.5, 0);
}

void
moe_heatmap_axes_draw_color_bar (const MoeHeatmapPlot   *plot,
                                 const MoeHeatmapLayout *layout,
                                 const MoeValueScale    *scale,
                                 cairo_t                *cr)
{
  const MoePlotPalette *palette = moe_plot_palette_get (plot->dark);
  const cairo_rectangle_t *bar = &layout->color_bar;
  MoePlotFont font = { .size = LABEL_SIZE, .max_width = layout->color_labels.width - TICK - 3 };

  if (bar->width <= 0)
    return;
  draw_gradient (plot, bar, scale, cr);
  moe_plot_set_color (cr, palette->line, 1);
  cairo_set_line_width (cr, 1);
  cairo_rectangle (cr, bar->x - 0.5, bar->y - 0.5, bar->width + 1, bar->height + 1);
  cairo_stroke (cr);

  if (scale->n_values > 0)
    {
      g_autoptr(GArray) ticks = moe_value_scale_get_ticks (scale, (guint) CLAMP (bar->height / 55, 2, 10));

      for (guint i = 0; i < ticks->len; i++)
        {
          const MoeScaleTick *tick = &g_array_index (ticks, MoeScaleTick, i);
          double y = bar->y + bar->height * (1 - tick->position);

          moe_plot_set_color (cr, palette->line, 1);
          cairo_move_to (cr, bar->x + bar->width + 1, y);
          cairo_line_to (cr, bar->x + bar->width + TICK, y);
          cairo_stroke (cr);
          moe_plot_set_color (cr, palette->text, 1);
          moe_plot_text_draw (cr, tick->label, &font, bar->x + bar->width + TICK + 3, y, 0, 0.5, 0);
        }
    }
  if (layout->value_title.width > 0)
    draw_value_title (plot, layout, cr);
  draw_legend (plot, layout, cr);
}
