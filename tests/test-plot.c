/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-plot"

#include <math.h>
#include <string.h>

#include "tests/support/moe-plot-map.h"
#include "ui/moe-heatmap-plot.h"

#define WIDTH 960
#define HEIGHT 600

static cairo_surface_t *
render (const MoeHeatmapPlot *plot,
        int                   width,
        int                   height)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  cairo_t *cr = cairo_create (surface);

  moe_heatmap_plot_draw (plot, cr, width, height);
  g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

static gboolean
is_near (guint32 a,
         guint32 b,
         int     tolerance)
{
  for (guint shift = 0; shift < 24; shift += 8)
    if (ABS ((int) (a >> shift & 0xff) - (int) (b >> shift & 0xff)) > tolerance)
      return FALSE;
  return TRUE;
}

static gboolean
surfaces_equal (cairo_surface_t *a,
                cairo_surface_t *b)
{
  for (int y = 0; y < cairo_image_surface_get_height (a); y++)
    for (int x = 0; x < cairo_image_surface_get_width (a); x++)
      if (get_pixel (a, x, y) != get_pixel (b, x, y))
        return FALSE;
  return TRUE;
}

/* The pixel just beside the middle of a cell: hatching and marks are in the middle of the missing ones. */
static guint32
get_cell_pixel (cairo_surface_t      *surface,
                const MoeHeatmapPlot *plot,
                guint                 row,
                guint                 column)
{
  cairo_rectangle_t cell;

  moe_heatmap_plot_get_cell (plot, WIDTH, HEIGHT, row, column, &cell);
  return get_pixel (surface, (int) (cell.x + cell.width * (cell.width >= 7 ? 0.2 : 0.5)),
                    (int) (cell.y + cell.height * (cell.height >= 7 ? 0.3 : 0.5)));
}

static void
test_color_map (void)
{
  /* Both ends and the middle, as published. */
  g_assert_cmphex (moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 0), ==, 0xff440154);
  g_assert_cmphex (moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 1), ==, 0xfffde725);
  g_assert_cmphex (moe_color_map_get (MOE_COLOR_MAP_CIVIDIS, 0), ==, 0xff00224e);
  g_assert_cmphex (moe_color_map_get (MOE_COLOR_MAP_CIVIDIS, 1), ==, 0xfffee838);
  g_assert_true (is_near (moe_color_map_get (MOE_COLOR_MAP_PUOR, 0.5), 0xf7f7f7, 2));
  g_assert_cmphex (moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, -5), ==, 0xff440154);
  g_assert_cmphex (moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 7), ==, 0xfffde725);

  for (guint map = MOE_COLOR_MAP_VIRIDIS; map <= MOE_COLOR_MAP_PUOR; map++)
    {
      double last = -1;

      for (guint i = 0; i < 256; i++)
        {
          guint32 color = moe_color_map_get ((MoeColorMap) map, i / 255.0);
          double luminance =
              0.2126 * (color >> 16 & 0xff) + 0.7152 * (color >> 8 & 0xff) + 0.0722 * (color & 0xff);

          g_assert_cmphex (color, !=, moe_color_map_missing (FALSE));
          g_assert_cmphex (color, !=, moe_color_map_missing (TRUE));
          /* The sequential ones still work in grey. */
          if (map != MOE_COLOR_MAP_PUOR)
            g_assert_cmpfloat (luminance, >, last - 0.75);
          last = luminance;
        }
    }
}

/* Every cell has the colour of its value, to the pixel: no blending with neighbours. */
static void
check_cells (guint n_rows,
             guint n_columns)
{
  PlotMap map = plot_map_make (n_rows, n_columns);
  cairo_surface_t *surface;
  double highest = 0;

  for (guint i = 0; i < n_rows * n_columns; i++)
    if (map.values[i] > highest)
      highest = map.values[i];
  surface = render (&map.plot, WIDTH, HEIGHT);
  for (guint row = 0; row < n_rows; row++)
    for (guint column = 0; column < n_columns; column++)
      {
        double value = map.values[row * n_columns + column];
        guint32 expected = isnan (value) ? moe_color_map_missing (FALSE)
                                         : moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, value / highest);

        g_assert_cmphex (get_cell_pixel (surface, &map.plot, row, column), ==, expected);
      }
  cairo_surface_destroy (surface);
  g_free (map.values);
}

static void
test_cells (void)
{
  check_cells (8, 32);
  check_cells (48, 128);
}

/* Where a cell is narrower than two pixels its middle may fall on the edge of a pixel, so ask for a larger
 * plot. */
static void
test_large (void)
{
  static const guint shapes[][2] = { { 61, 256 }, { 94, 512 } };

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      PlotMap map = plot_map_make (shapes[i][0], shapes[i][1]);
      cairo_surface_t *surface = render (&map.plot, 2400, 1200);
      guint n_wrong = 0;

      for (guint row = 0; row < map.plot.n_rows; row++)
        for (guint column = 0; column < map.plot.n_columns; column++)
          {
            double value = map.values[row * map.plot.n_columns + column];
            guint32 expected = isnan (value) ? moe_color_map_missing (FALSE)
                                             : moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, value);
            cairo_rectangle_t cell;

            moe_heatmap_plot_get_cell (&map.plot, 2400, 1200, row, column, &cell);
            if (get_pixel (surface, (int) (cell.x + cell.width * 0.4), (int) (cell.y + cell.height * 0.3)) !=
                expected)
              n_wrong++;
          }
      g_assert_cmpuint (n_wrong, ==, 0);
      cairo_surface_destroy (surface);
      g_free (map.values);
    }
}

/* From cell to middle to cell is the identity, at any size and zoom, and nothing is picked outside. */
static void
check_pick (MoeHeatmapPlot *plot,
            double          width,
            double          height)
{
  cairo_rectangle_t area, cell;
  guint row, column;

  moe_heatmap_plot_get_area (plot, width, height, &area);
  for (guint r = 0; r < plot->n_rows; r++)
    for (guint c = 0; c < plot->n_columns; c++)
      {
        double x, y;
        gboolean inside;

        moe_heatmap_plot_get_cell (plot, width, height, r, c, &cell);
        x = cell.x + cell.width / 2;
        y = cell.y + cell.height / 2;
        inside = x >= area.x && y >= area.y && x < area.x + area.width && y < area.y + area.height;
        g_assert_cmpint (moe_heatmap_plot_pick (plot, width, height, x, y, &row, &column), ==, inside);
        if (inside)
          {
            g_assert_cmpuint (row, ==, r);
            g_assert_cmpuint (column, ==, c);
          }
      }
  g_assert_false (moe_heatmap_plot_pick (plot, width, height, area.x - 1, area.y + 1, &row, &column));
  g_assert_false (
      moe_heatmap_plot_pick (plot, width, height, area.x + area.width, area.y + 1, &row, &column));
  g_assert_false (
      moe_heatmap_plot_pick (plot, width, height, area.x + 1, area.y + area.height, &row, &column));
  g_assert_false (moe_heatmap_plot_pick (plot, width, height, NAN, NAN, &row, &column));
}

static void
test_pick (void)
{
  PlotMap map = plot_map_make (61, 256);

  check_pick (&map.plot, WIDTH, HEIGHT);
  check_pick (&map.plot, 333.3, 217.7);
  check_pick (&map.plot, 20, 10);
  map.plot.view_x = 30.25;
  map.plot.view_y = 7.5;
  map.plot.view_columns = 40.5;
  map.plot.view_rows = 11;
  check_pick (&map.plot, WIDTH, HEIGHT);
  /* A view that hangs over the edge is moved back. */
  map.plot.view_x = 1000;
  map.plot.view_y = -50;
  check_pick (&map.plot, WIDTH, HEIGHT);
  map.plot.view_x = map.plot.view_y = NAN;
  check_pick (&map.plot, WIDTH, HEIGHT);
  cairo_surface_destroy (render (&map.plot, WIDTH, HEIGHT));
  g_free (map.values);
}

static void
test_zoom (void)
{
  PlotMap map = plot_map_make (61, 256);
  cairo_surface_t *surface;

  map.plot.view_x = 100;
  map.plot.view_y = 20;
  map.plot.view_columns = 16;
  map.plot.view_rows = 8;
  surface = render (&map.plot, WIDTH, HEIGHT);
  for (guint row = 20; row < 28; row++)
    for (guint column = 100; column < 116; column++)
      {
        double value = map.values[row * 256 + column];

        /* The colours still are those of the whole map. */
        g_assert_cmphex (get_cell_pixel (surface, &map.plot, row, column), ==,
                         isnan (value) ? moe_color_map_missing (FALSE)
                                       : moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, value));
      }
  cairo_surface_destroy (surface);
  g_free (map.values);
}

static void
test_missing_is_not_zero (void)
{
  static const double values[] = { 0, NAN, 1, 0.5 };

  for (guint dark = 0; dark < 2; dark++)
    for (guint scale = MOE_SCALE_LINEAR; scale <= MOE_SCALE_RANK; scale++)
      {
        MoeHeatmapPlot plot;
        cairo_surface_t *surface;

        moe_heatmap_plot_init (&plot);
        plot.n_rows = 1;
        plot.n_columns = 4;
        plot.values = values;
        plot.dark = dark;
        plot.scale = (MoeScale) scale;
        surface = render (&plot, WIDTH, HEIGHT);
        g_assert_cmphex (get_cell_pixel (surface, &plot, 0, 0), ==,
                         moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 0));
        g_assert_cmphex (get_cell_pixel (surface, &plot, 0, 1), ==, moe_color_map_missing (dark));
        g_assert_cmphex (get_cell_pixel (surface, &plot, 0, 2), ==,
                         moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 1));
        cairo_surface_destroy (surface);
      }
}

static void
test_diverging (void)
{
  static const double values[] = { -2, 0, 2, 1, -1, NAN };
  MoeHeatmapPlot plot;
  cairo_surface_t *surface;

  moe_heatmap_plot_init (&plot);
  plot.n_rows = 2;
  plot.n_columns = 3;
  plot.values = values;
  plot.diverging = TRUE;
  plot.color_map = MOE_COLOR_MAP_PUOR;
  surface = render (&plot, WIDTH, HEIGHT);
  g_assert_cmphex (get_cell_pixel (surface, &plot, 0, 0), ==, moe_color_map_get (MOE_COLOR_MAP_PUOR, 0));
  g_assert_cmphex (get_cell_pixel (surface, &plot, 0, 1), ==, moe_color_map_get (MOE_COLOR_MAP_PUOR, 0.5));
  g_assert_cmphex (get_cell_pixel (surface, &plot, 0, 2), ==, moe_color_map_get (MOE_COLOR_MAP_PUOR, 1));
  g_assert_cmphex (get_cell_pixel (surface, &plot, 1, 0), ==, moe_color_map_get (MOE_COLOR_MAP_PUOR, 0.75));
  g_assert_cmphex (get_cell_pixel (surface, &plot, 1, 1), ==, moe_color_map_get (MOE_COLOR_MAP_PUOR, 0.25));
  cairo_surface_destroy (surface);
}

/* Whether any pixel of the rectangle differs between the two. */
static gboolean
differ_in (cairo_surface_t         *a,
           cairo_surface_t         *b,
           const cairo_rectangle_t *r)
{
  for (int y = MAX ((int) r->y, 0); y < MIN (r->y + r->height, cairo_image_surface_get_height (a)); y++)
    for (int x = MAX ((int) r->x, 0); x < MIN (r->x + r->width, cairo_image_surface_get_width (a)); x++)
      if (get_pixel (a, x, y) != get_pixel (b, x, y))
        return TRUE;
  return FALSE;
}

/* Bars stand where values are, and their length goes with the mean of those that are there. */
static void
test_marginals (void)
{
  static const double values[] = { 1, 1, NAN, 0.5, NAN, NAN, 0, 0, 0 };
  MoeHeatmapPlot plot;
  cairo_surface_t *with, *without;
  cairo_rectangle_t area, cell;
  int length[3];

  moe_heatmap_plot_init (&plot);
  plot.n_rows = plot.n_columns = 3;
  plot.values = values;
  with = render (&plot, WIDTH, HEIGHT);
  moe_heatmap_plot_get_area (&plot, WIDTH, HEIGHT, &area);
  for (guint row = 0; row < 3; row++)
    {
      guint32 bar = 0;

      moe_heatmap_plot_get_cell (&plot, WIDTH, HEIGHT, row, 0, &cell);
      length[row] = 0;
      for (int x = (int) (area.x + area.width) + 6; x < (int) (area.x + area.width) + 80; x++)
        {
          guint32 pixel = get_pixel (with, x, (int) (cell.y + cell.height / 2));

          if (pixel == 0xffffffff)
            break;
          if (bar == 0)
            bar = pixel;
          if (pixel == bar)
            length[row]++;
        }
    }
  g_assert_cmpint (length[0], >, 30);
  g_assert_cmpint (ABS (length[0] - 2 * length[1]), <=, 3);
  g_assert_cmpint (length[2], <=, 1);

  plot.marginals = FALSE;
  without = render (&plot, WIDTH, HEIGHT);
  g_assert_false (surfaces_equal (with, without));
  cairo_surface_destroy (with);
  cairo_surface_destroy (without);
}

/* Each overlay changes its own cell, differently, and no other cell. */
static void
test_overlays (void)
{
  PlotMap map = plot_map_make (8, 32);
  guint8 marked[8 * 32] = { 0 }, flash[8 * 32] = { 0 };
  cairo_surface_t *plain = render (&map.plot, WIDTH, HEIGHT), *drawn[4];
  cairo_rectangle_t cell, other;

  moe_heatmap_plot_get_cell (&map.plot, WIDTH, HEIGHT, 4, 10, &cell);
  moe_heatmap_plot_get_cell (&map.plot, WIDTH, HEIGHT, 4, 12, &other);
  map.plot.marked = marked;
  for (guint8 mark = 1; mark <= 3; mark++)
    {
      marked[4 * 32 + 10] = mark;
      drawn[mark - 1] = render (&map.plot, WIDTH, HEIGHT);
    }
  map.plot.marked = NULL;
  flash[4 * 32 + 10] = 200;
  map.plot.flash = flash;
  drawn[3] = render (&map.plot, WIDTH, HEIGHT);
  map.plot.flash = NULL;

  for (guint i = 0; i < 4; i++)
    {
      g_assert_true (differ_in (plain, drawn[i], &cell));
      g_assert_false (differ_in (plain, drawn[i], &other));
      for (guint j = 0; j < i; j++)
        g_assert_true (differ_in (drawn[i], drawn[j], &cell));
    }
  for (guint i = 0; i < 4; i++)
    cairo_surface_destroy (drawn[i]);

  /* Black and white both, so that a stroke shows on every colour. */
  map.plot.selected_row = 4;
  map.plot.selected_column = 10;
  drawn[0] = render (&map.plot, WIDTH, HEIGHT);
  {
    gboolean black = FALSE, white = FALSE;

    for (int x = (int) cell.x - 3; x < (int) cell.x + 3; x++)
      {
        guint32 pixel = get_pixel (drawn[0], x, (int) (cell.y + cell.height / 2));

        black = black || is_near (pixel, 0x000000, 60);
        white = white || is_near (pixel, 0xffffff, 60);
      }
    g_assert_true (black && white);
  }
  cairo_surface_destroy (drawn[0]);
  cairo_surface_destroy (plain);
  g_free (map.values);
}

/* Cells that are too small for a frame light up as a whole. */
static void
test_small_flash (void)
{
  PlotMap map = plot_map_make (61, 256);
  g_autofree guint8 *flash = g_new0 (guint8, 61 * 256);
  cairo_surface_t *surface;

  flash[30 * 256 + 100] = 255;
  map.plot.flash = flash;
  surface = render (&map.plot, WIDTH, HEIGHT);
  g_assert_true (is_near (get_cell_pixel (surface, &map.plot, 30, 100), 0xff3d8b, 2));
  g_assert_cmphex (get_cell_pixel (surface, &map.plot, 30, 101), ==,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, map.values[30 * 256 + 101]));
  cairo_surface_destroy (surface);
  g_free (map.values);
}

/* The two halves together are the whole. */
static void
test_halves (void)
{
  PlotMap map = plot_map_make (8, 32);
  cairo_surface_t *whole, *halves = cairo_image_surface_create (CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
  cairo_t *cr = cairo_create (halves);

  map.plot.selected_row = map.plot.selected_column = 2;
  map.plot.hover_row = map.plot.hover_column = 5;
  whole = render (&map.plot, WIDTH, HEIGHT);
  moe_heatmap_plot_draw_base (&map.plot, cr, WIDTH, HEIGHT);
  moe_heatmap_plot_draw_overlay (&map.plot, cr, WIDTH, HEIGHT);
  cairo_destroy (cr);
  cairo_surface_flush (halves);
  g_assert_true (surfaces_equal (whole, halves));
  cairo_surface_destroy (whole);
  cairo_surface_destroy (halves);
  g_free (map.values);
}

static void
test_empty (void)
{
  static const double missing[] = { NAN, NAN, NAN, NAN };
  MoeHeatmapPlot plot;
  cairo_surface_t *without, *with;
  cairo_rectangle_t everything = { 0, 0, WIDTH, HEIGHT };

  moe_heatmap_plot_init (&plot);
  without = render (&plot, WIDTH, HEIGHT);
  plot.empty_text = "Open a model or a recording";
  with = render (&plot, WIDTH, HEIGHT);
  g_assert_true (differ_in (without, with, &everything));
  cairo_surface_destroy (without);
  cairo_surface_destroy (with);

  plot.n_rows = plot.n_columns = 2;
  plot.values = missing;
  plot.empty_text = "";
  without = render (&plot, WIDTH, HEIGHT);
  g_assert_cmphex (get_cell_pixel (without, &plot, 1, 1), ==, moe_color_map_missing (FALSE));
  plot.empty_text = "No tokens of this phase";
  with = render (&plot, WIDTH, HEIGHT);
  g_assert_true (differ_in (without, with, &everything));
  cairo_surface_destroy (without);
  cairo_surface_destroy (with);
}

/* No size, shape, scale or value may stop the program. */
static void
test_robust (void)
{
  static const int sizes[][2] = { { 1, 1 }, { 50, 2000 }, { 2000, 50 }, { 240, 160 }, { 401, 241 } };
  double odd[] = { 0, -0.0, INFINITY, -INFINITY, NAN, G_MAXDOUBLE, -G_MAXDOUBLE, 5e-324, 1, -1 };
  static const gint numbers[] = { -2147483647, 2147483647 };

  for (guint size = 0; size < G_N_ELEMENTS (sizes); size++)
    for (guint scale = MOE_SCALE_LINEAR; scale <= MOE_SCALE_RANK; scale++)
      for (guint diverging = 0; diverging < 2; diverging++)
        for (guint n = 1; n <= 5; n += 4)
          {
            MoeHeatmapPlot plot;

            moe_heatmap_plot_init (&plot);
            plot.n_rows = n == 5 ? 2 : 1;
            plot.n_columns = n;
            plot.values = odd;
            plot.row_numbers = numbers;
            plot.scale = (MoeScale) scale;
            plot.diverging = diverging;
            plot.title = "\xff\xfe <b>& long long long long long long long long long long";
            cairo_surface_destroy (render (&plot, sizes[size][0], sizes[size][1]));
          }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/plot/color-map", test_color_map);
  g_test_add_func ("/plot/cells", test_cells);
  g_test_add_func ("/plot/large", test_large);
  g_test_add_func ("/plot/pick", test_pick);
  g_test_add_func ("/plot/zoom", test_zoom);
  g_test_add_func ("/plot/missing-is-not-zero", test_missing_is_not_zero);
  g_test_add_func ("/plot/diverging", test_diverging);
  g_test_add_func ("/plot/marginals", test_marginals);
  g_test_add_func ("/plot/overlays", test_overlays);
  g_test_add_func ("/plot/small-flash", test_small_flash);
  g_test_add_func ("/plot/halves", test_halves);
  g_test_add_func ("/plot/empty", test_empty);
  g_test_add_func ("/plot/robust", test_robust);

  return g_test_run ();
}
