/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-chart"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "tests/support/moe-plot-map.h"
#include "ui/moe-chart-private.h"
#include "ui/moe-chart-table.h"

#define WIDTH 800
#define HEIGHT 500

static const MoeChartAxis plain_x = { .title = "layer", .unit = "" };
static const MoeChartAxis plain_y = { .title = "share", .unit = "%" };

static cairo_surface_t *
render (const MoeChart *chart,
        int             width,
        int             height)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  cairo_t *cr = cairo_create (surface);

  moe_chart_draw (chart, cr, width, height);
  g_assert_cmpint (cairo_status (cr), ==, CAIRO_STATUS_SUCCESS);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  return surface;
}

static guint
add (MoeChart     *chart,
     MoeChartKind  kind,
     const char   *name,
     guint         n,
     const double *x,
     const double *y)
{
  return moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = kind, .name = name, .n_points = n, .x = x, .y = y,
  });
}

static void
assert_point (const MoeChart *chart,
              guint           series,
              guint           point,
              double          x,
              double          y)
{
  cairo_rectangle_t area;
  double px, py;

  moe_chart_get_area (chart, WIDTH, HEIGHT, &area);
  g_assert_true (moe_chart_get_point (chart, WIDTH, HEIGHT, series, point, &px, &py));
  g_assert_cmpfloat_with_epsilon (px, area.x + area.width * x, 1e-6);
  g_assert_cmpfloat_with_epsilon (py, area.y + area.height * (1 - y), 1e-6);
}

/* Values lie in proportion between the ends of the axes, or in proportion of their logarithms. */
static void
test_places (void)
{
  static const double x[] = { 0, 5, 10 }, y[] = { 0, 50, 25 };
  static const double log_x[] = { 1, 10, 1000 }, log_y[] = { 0.01, 1, 0.1 };
  MoeChartAxis ax = { .title = "x", .low = 0, .high = 10 }, ay = { .title = "y", .low = 0, .high = 100 };
  g_autoptr(MoeChart) chart = moe_chart_new ("places", &ax, &ay);
  g_autoptr(MoeChart) logs = NULL;

  add (chart, MOE_CHART_LINES, "a", 3, x, y);
  assert_point (chart, 0, 0, 0, 0);
  assert_point (chart, 0, 1, 0.5, 0.5);
  assert_point (chart, 0, 2, 1, 0.25);
  moe_chart_set_view (chart, 0.5, 0, 0.5, 0.5);
  assert_point (chart, 0, 1, 0, 1);
  assert_point (chart, 0, 2, 1, 0.5);
  /* A view that hangs over is moved back; nonsense is the whole. */
  moe_chart_set_view (chart, 0.9, 0.9, 0.5, 0.5);
  assert_point (chart, 0, 1, 0, 0);
  moe_chart_set_view (chart, NAN, NAN, NAN, NAN);
  assert_point (chart, 0, 1, 0.5, 0.5);

  ax = (MoeChartAxis) { .title = "x", .scale = MOE_SCALE_LOG, .low = 1, .high = 1000 };
  ay = (MoeChartAxis) { .title = "y", .scale = MOE_SCALE_LOG, .low = 0.01, .high = 1 };
  logs = moe_chart_new ("logs", &ax, &ay);
  add (logs, MOE_CHART_STEPS, "a", 3, log_x, log_y);
  assert_point (logs, 0, 0, 0, 0);
  assert_point (logs, 0, 1, 1 / 3.0, 1);
  assert_point (logs, 0, 2, 1, 0.5);
}

/* Ranges come from the data: with room at the ends, with intervals and thresholds inside, and bars from 0. */
static void
test_ranges (void)
{
  static const double x[] = { 2, 4 }, y[] = { 10, 20 }, low[] = { 5, 18 }, high[] = { 12, 30 };
  g_autoptr(MoeChart) chart = moe_chart_new ("", &plain_x, &plain_y);
  cairo_rectangle_t area;
  double px, py, first;

  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = MOE_CHART_LINES, .name = "", .n_points = 2, .x = x, .y = y, .low = low, .high = high,
  });
  moe_chart_get_area (chart, WIDTH, HEIGHT, &area);
  g_assert_true (moe_chart_get_point (chart, WIDTH, HEIGHT, 0, 0, &px, &first));
  /* 5..30 with 4 % at both ends: 10 stands at 6 / 27. */
  g_assert_cmpfloat_with_epsilon (first, area.y + area.height * (1 - 6 / 27.0), 1e-6);
  g_assert_cmpfloat_with_epsilon (px, area.x + area.width * (0.08 / 2.16), 1e-6);

  moe_chart_add_threshold (chart, FALSE, 80, "ten times");
  g_assert_true (moe_chart_get_point (chart, WIDTH, HEIGHT, 0, 0, &px, &py));
  /* 5..80: lower down than before. */
  g_assert_cmpfloat_with_epsilon (py, area.y + area.height * (1 - 8 / 81.0), 1e-6);
}

static MoeChart *
make_bars (void)
{
  static const char *const names[] = { "refusal", "over-refusal", "accuracy" };
  static const double x[] = { 0, 1, 2 }, plain[] = { 80, 40, 0 }, steered[] = { 20, 40, NAN };
  MoeChartAxis ay = { .title = "share", .low = 0, .high = 100 };
  MoeChart *chart = moe_chart_new ("bars", &plain_x, &ay);

  moe_chart_set_categories (chart, names, 3);
  add (chart, MOE_CHART_BARS, "plain", 3, x, plain);
  add (chart, MOE_CHART_BARS, "steered", 3, x, steered);
  return chart;
}

static gboolean
get_bar (const MoeChart    *chart,
         guint              series,
         guint              point,
         cairo_rectangle_t *bar)
{
  MoeChartLayout layout;

  moe_chart_layout_init (&layout, chart, WIDTH, HEIGHT);
  return moe_chart_layout_get_bar (&layout, chart, g_ptr_array_index (chart->items, series), point, bar);
}

static void
test_bars (void)
{
  g_autoptr(MoeChart) chart = make_bars ();
  cairo_surface_t *surface = render (chart, WIDTH, HEIGHT);
  cairo_rectangle_t area, a, b, none;
  guint series, point;

  moe_chart_get_area (chart, WIDTH, HEIGHT, &area);
  g_assert_true (get_bar (chart, 0, 0, &a));
  g_assert_true (get_bar (chart, 1, 0, &b));
  g_assert_cmpfloat_with_epsilon (a.height, area.height * 0.8, 1e-6);
  g_assert_cmpfloat_with_epsilon (b.height, area.height * 0.2, 1e-6);
  g_assert_cmpfloat_with_epsilon (a.y + a.height, area.y + area.height, 1e-6);
  /* Side by side in the first third, mirrored at its middle. */
  g_assert_cmpfloat (a.x + a.width, <=, b.x);
  g_assert_cmpfloat_with_epsilon ((a.x + b.x + b.width) / 2, area.x + area.width / 6, 1e-6);
  g_assert_false (get_bar (chart, 1, 2, &none));

  g_assert_cmphex (get_pixel (surface, (int) (a.x + a.width / 2), (int) (a.y + a.height / 2)), ==,
                   0xff000000 | moe_chart_style_get_color (0, FALSE));
  /* The second is hatched: its colour and others stand in one column. */
  {
    guint n_plain = 0, n_other = 0;

    for (int y = (int) b.y + 2; y < (int) (b.y + b.height) - 2; y++)
      if (get_pixel (surface, (int) (b.x + b.width / 2), y) ==
          (0xff000000 | moe_chart_style_get_color (1, FALSE)))
        n_plain++;
      else
        n_other++;
    g_assert_cmpuint (n_plain, >, 10);
    g_assert_cmpuint (n_other, >, 10);
  }
  cairo_surface_destroy (surface);

  g_assert_true (moe_chart_pick (chart, WIDTH, HEIGHT, b.x + 2, b.y + 2, &series, &point));
  g_assert_cmpuint (series, ==, 1);
  g_assert_cmpuint (point, ==, 0);
  /* A bar of height 0 can be pointed at, one without a value can't. */
  g_assert_true (get_bar (chart, 0, 2, &a));
  g_assert_true (moe_chart_pick (chart, WIDTH, HEIGHT, a.x + 2, a.y - 2, &series, &point));
  g_assert_cmpuint (point, ==, 2);
  g_assert_false (moe_chart_pick (chart, WIDTH, HEIGHT, b.x + 2, area.y + 2, &series, &point));
}

static void
test_pick (void)
{
  static const double x[] = { 0, 1, 2, 3 }, y[] = { 1, 2, NAN, 4 };
  g_autoptr(MoeChart) chart = moe_chart_new ("pick", &plain_x, &plain_y);
  g_autofree char *text = NULL;
  guint series, point;
  double px, py;

  add (chart, MOE_CHART_POINTS, "plain", 4, x, y);
  for (guint i = 0; i < 4; i++)
    {
      if (i == 2)
        {
          g_assert_false (moe_chart_get_point (chart, WIDTH, HEIGHT, 0, i, &px, &py));
          continue;
        }
      g_assert_true (moe_chart_get_point (chart, WIDTH, HEIGHT, 0, i, &px, &py));
      g_assert_true (moe_chart_pick (chart, WIDTH, HEIGHT, px + 5, py - 5, &series, &point));
      g_assert_cmpuint (series, ==, 0);
      g_assert_cmpuint (point, ==, i);
      g_assert_false (moe_chart_pick (chart, WIDTH, HEIGHT, px + 40, py, &series, &point));
    }
  g_assert_false (moe_chart_pick (chart, WIDTH, HEIGHT, NAN, NAN, &series, &point));
  g_assert_false (moe_chart_pick (chart, WIDTH, HEIGHT, 1, 1, &series, &point));
  text = moe_chart_describe (chart, 0, 3);
  g_assert_cmpstr (text, ==, "plain, layer 3, share 4 %");
}

static gboolean
is_background (cairo_surface_t *surface,
               double           x,
               double           y)
{
  return get_pixel (surface, (int) x, (int) y) == 0xffffffff;
}

/* The band of a line is filled between low and high, and nowhere else; a missing interval leaves a gap. */
static void
test_band (void)
{
  static const double x[] = { 0, 1, 2, 3, 4 }, y[] = { 50, 50, 50, 50, 50 };
  static const double low[] = { 30, 30, 30, NAN, 30 }, high[] = { 70, 70, 70, 70, 70 };
  MoeChartAxis ax = { .title = "x", .low = 0, .high = 4 }, ay = { .title = "y", .low = 0, .high = 100 };

  for (guint kind = MOE_CHART_LINES; kind <= MOE_CHART_BAND; kind += MOE_CHART_BAND - MOE_CHART_LINES)
    {
      g_autoptr(MoeChart) chart = moe_chart_new ("band", &ax, &ay);
      cairo_surface_t *surface;
      cairo_rectangle_t area;
      double one, percent;

      moe_chart_add_series (chart, &(MoeChartSeries) {
        .kind = (MoeChartKind) kind, .name = "a", .n_points = 5, .x = x, .y = y, .low = low, .high = high,
      });
      surface = render (chart, WIDTH, HEIGHT);
      moe_chart_get_area (chart, WIDTH, HEIGHT, &area);
      one = area.width / 4;
      percent = area.height / 100;
      g_assert_false (is_background (surface, area.x + one * 1.45, area.y + percent * 33));
      g_assert_false (is_background (surface, area.x + one * 1.45, area.y + percent * 67));
      g_assert_true (is_background (surface, area.x + one * 1.45, area.y + percent * 27));
      g_assert_true (is_background (surface, area.x + one * 1.45, area.y + percent * 73));
      g_assert_true (is_background (surface, area.x + one * 2.6, area.y + percent * 33));
      cairo_surface_destroy (surface);
    }
}

/* Series can be told apart without colour: the second line has gaps, and its markers another outline. */
static void
test_without_colour (void)
{
  static const double x[] = { 0, 1 }, y[] = { 0.3, 0.3 };
  guint drawn[2] = { 0 };
  guint8 marker[2][5][13];

  for (guint style = 0; style < 2; style++)
    {
      MoeChartAxis ax = { .title = "x", .low = -0.5, .high = 1.5 };
      MoeChartAxis ay = { .title = "y", .low = 0, .high = 1 };
      g_autoptr(MoeChart) chart = moe_chart_new ("", &ax, &ay);
      cairo_surface_t *surface;
      double x0, y0, x1;

      for (guint i = 0; i < style; i++)
        add (chart, MOE_CHART_LINES, "", 0, x, y);
      add (chart, MOE_CHART_LINES, "", 2, x, y);
      surface = render (chart, WIDTH, HEIGHT);
      g_assert_true (moe_chart_get_point (chart, WIDTH, HEIGHT, style, 0, &x0, &y0));
      g_assert_true (moe_chart_get_point (chart, WIDTH, HEIGHT, style, 1, &x1, &y0));
      for (int i = (int) x0 + 8; i < (int) x1 - 8; i++)
        drawn[style] += (get_pixel (surface, i, (int) y0) & 0xff00) < 0xa000;
      for (int i = -6; i <= 6; i++)
        for (int j = 2; j <= 6; j++)
          marker[style][j - 2][i + 6] = !is_background (surface, x0 + i, y0 + j);
      cairo_surface_destroy (surface);
    }
  g_assert_cmpuint (drawn[1], <, drawn[0] * 8 / 10);
  g_assert_cmpint (memcmp (marker[0], marker[1], sizeof marker[0]), !=, 0);
}

static void
test_threshold (void)
{
  static const double x[] = { 0, 1 }, y[] = { 1, 2 };
  MoeChartAxis ay = { .title = "y", .low = 0, .high = 10 };
  g_autoptr(MoeChart) chart = moe_chart_new ("", &plain_x, &ay);
  cairo_surface_t *without, *with;
  cairo_rectangle_t area;
  guint n = 0, n_other = 0;

  add (chart, MOE_CHART_LINES, "", 2, x, y);
  without = render (chart, WIDTH, HEIGHT);
  moe_chart_add_threshold (chart, FALSE, 7.3, "99.5th percentile");
  with = render (chart, WIDTH, HEIGHT);
  moe_chart_get_area (chart, WIDTH, HEIGHT, &area);
  for (int i = (int) area.x; i < area.x + area.width; i++)
    {
      int line = (int) (area.y + area.height * 0.27);

      n += get_pixel (with, i, line) != get_pixel (without, i, line);
      n_other += get_pixel (with, i, line + 12) != get_pixel (without, i, line + 12);
    }
  g_assert_cmpuint (n, >, area.width / 2);
  g_assert_cmpuint (n_other, ==, 0);
  cairo_surface_destroy (with);
  cairo_surface_destroy (without);
}

static void
test_ccdf (void)
{
  static const double values[] = { 4, 1, NAN, 2, 1 };
  MoeChartAxis log = { .title = "hits", .scale = MOE_SCALE_LOG };
  g_autoptr(MoeChart) chart = moe_chart_new ("", &log, &log);
  MoeChartSeries series;

  moe_chart_add_ccdf (chart, "max|down|", values, G_N_ELEMENTS (values));
  moe_chart_get_series (chart, 0, &series);
  g_assert_cmpuint (series.n_points, ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpfloat (series.x[i], ==, 1 << i);
      g_assert_cmpfloat (series.y[i], ==, i == 0 ? 1 : i == 1 ? 0.5 : 0.25);
    }
}

/* The part of the picture below the axes, where it says what is not drawn. */
static gboolean
notes_differ (MoeChart *a,
              MoeChart *b)
{
  cairo_surface_t *one = render (a, WIDTH, HEIGHT), *two = render (b, WIDTH, HEIGHT);
  gboolean differ = FALSE;

  for (int y = HEIGHT - 20; y < HEIGHT; y++)
    for (int x = WIDTH / 2; x < WIDTH; x++)
      differ = differ || get_pixel (one, x, y) != get_pixel (two, x, y);
  cairo_surface_destroy (one);
  cairo_surface_destroy (two);
  return differ;
}

static void
test_not_silent (void)
{
  static const double x[] = { 1, 2, 3 }, y[] = { 1, 2, 3 }, zero[] = { 1, 0, 3 }, missing[] = { 1, NAN, 3 };
  MoeChartAxis log = { .title = "y", .scale = MOE_SCALE_LOG, .low = 0.1, .high = 10 };
  g_autoptr(MoeChart) whole = moe_chart_new ("title", &plain_x, &log);
  g_autoptr(MoeChart) with_zero = moe_chart_new ("title", &plain_x, &log);
  g_autoptr(MoeChart) with_missing = moe_chart_new ("title", &plain_x, &log);

  add (whole, MOE_CHART_LINES, "", 3, x, y);
  add (with_zero, MOE_CHART_LINES, "", 3, x, zero);
  add (with_missing, MOE_CHART_LINES, "", 3, x, missing);
  g_assert_true (notes_differ (whole, with_zero));
  g_assert_true (notes_differ (whole, with_missing));
  g_assert_true (notes_differ (with_zero, with_missing));
}

static MoeTable *
make_table (void)
{
  static const struct
  {
    const char *condition, *set;
    double      value, low, high;
    gint64      layer, expert;
  } rows[] = {
    { "plain", "harmful", 0.95, 0.9, 0.98, 1, 7 },
    { "plain", "harmless", 0.05, 0.02, 0.1, 2, -1 },
    { "masked", "harmful", 0.5, 0.4, 0.6, 3, 9 },
    { "masked", "harmless", NAN, NAN, NAN, 4, 1 },
    { "random", "harmful", 0.94, 0.9, 0.97, 5, 2 },
  };
  MoeTable *table = moe_table_new ("evaluation");

  moe_table_add_column (table, "condition", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "set", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "value", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "low", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "high", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_text (table, row, 0, rows[i].condition);
      moe_table_set_text (table, row, 1, rows[i].set);
      moe_table_set_double (table, row, 2, rows[i].value);
      moe_table_set_double (table, row, 3, rows[i].low);
      moe_table_set_double (table, row, 4, rows[i].high);
      moe_table_set_int (table, row, 5, rows[i].layer);
      moe_table_set_int (table, row, 6, rows[i].expert);
    }
  return table;
}

static void
test_table (void)
{
  g_autoptr(MoeTable) table = make_table ();
  g_autoptr(MoeChart) bars = moe_chart_new ("", &plain_x, &plain_y);
  g_autoptr(MoeChart) points = moe_chart_new ("", &plain_x, &plain_y);
  MoeChartSeries series;

  g_assert_cmpuint (moe_chart_add_table (bars, table, &(MoeChartColumns) {
    .kind = MOE_CHART_BARS, .x = "set", .y = "value", .low = "low", .high = "high", .split = "condition",
  }), ==, 3);
  g_assert_cmpuint (bars->n_categories, ==, 2);
  g_assert_cmpstr (bars->categories[1], ==, "harmless");
  moe_chart_get_series (bars, 1, &series);
  g_assert_cmpstr (series.name, ==, "masked");
  g_assert_cmpuint (series.n_points, ==, 2);
  g_assert_cmpfloat (series.x[1], ==, 1);
  g_assert_true (isnan (series.y[1]));
  g_assert_cmpfloat (series.high[0], ==, 0.6);
  g_assert_cmpuint (series.rows[0], ==, 2);

  g_assert_cmpuint (moe_chart_add_table (points, table, &(MoeChartColumns) {
    .kind = MOE_CHART_POINTS, .x = "low", .y = "high", .filter = "condition=plain",
    .point_name = "layer,expert",
  }), ==, 1);
  moe_chart_get_series (points, 0, &series);
  g_assert_cmpuint (series.n_points, ==, 2);
  g_assert_cmpstr (series.name, ==, "high");
  g_assert_cmpstr (series.point_names[0], ==, "L1E7");
  g_assert_cmpstr (series.point_names[1], ==, "L2S");
  g_assert_cmpuint (
      moe_chart_add_table (points, table, &(MoeChartColumns) { .x = "no", .y = "high" }), ==, 0);
}

static char *
export (const MoeChart *chart,
        MoeImageFormat  format,
        gsize          *length)
{
  g_autofree char *folder = g_dir_make_tmp ("moe-chart-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "chart", NULL);
  g_autoptr(GError) error = NULL;
  char *contents;

  moe_chart_export (chart, format, path, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &contents, length, NULL));
  g_unlink (path);
  g_rmdir (folder);
  return contents;
}

/* The same chart gives the same bytes; what is only on screen does not get into the file. */
static void
test_export (void)
{
  static const char *const starts[] = { "<?xml", "%PDF", "\x89PNG" };
  g_autoptr(MoeChart) chart = make_bars ();

  g_setenv ("SOURCE_DATE_EPOCH", "1700000000", TRUE);
  for (guint format = MOE_IMAGE_SVG; format <= MOE_IMAGE_PNG; format++)
    {
      g_autofree char *first = NULL, *second = NULL;
      gsize first_length, second_length;

      moe_chart_set_dark (chart, FALSE);
      moe_chart_set_view (chart, 0, 0, 1, 1);
      moe_chart_set_hover (chart, -1, -1);
      first = export (chart, (MoeImageFormat) format, &first_length);
      moe_chart_set_dark (chart, TRUE);
      moe_chart_set_view (chart, 0.2, 0.2, 0.3, 0.3);
      moe_chart_set_hover (chart, 0, 1);
      second = export (chart, (MoeImageFormat) format, &second_length);
      g_assert_cmpmem (first, first_length, second, second_length);
      g_assert_true (g_str_has_prefix (first, starts[format]));
      if (format == MOE_IMAGE_SVG)
        g_assert_nonnull (strstr (first, "<title>bars</title>"));
    }
  g_unsetenv ("SOURCE_DATE_EPOCH");
}

/* No size or value may stop the program. */
static void
test_robust (void)
{
  static const double odd[] = { 0,     -0.0,          INFINITY, -INFINITY, NAN, G_MAXDOUBLE, -G_MAXDOUBLE,
                                5e-324, G_MINDOUBLE, 1,        -1,        1e9, 1e9 + 1e-7 };
  static const int sizes[][2] = { { 1, 1 }, { 50, 900 }, { 900, 50 }, { 240, 170 } };
  const guint n = G_N_ELEMENTS (odd);

  for (guint size = 0; size < G_N_ELEMENTS (sizes); size++)
    for (guint kind = MOE_CHART_LINES; kind <= MOE_CHART_BAND; kind++)
      for (guint scale = 0; scale < 2; scale++)
        for (guint from = 0; from < n; from++)
          {
            MoeChartAxis axis = { .title = "\xff long", .unit = "u", .integer = from % 2 == 0,
                                  .scale = scale == 0 ? MOE_SCALE_LINEAR : MOE_SCALE_LOG };
            g_autoptr(MoeChart) chart = moe_chart_new ("\xff<b>&", &axis, &axis);
            double x[3] = { odd[from], odd[(from * 5 + 1) % n], 2 };
            double y[3] = { odd[(from + 3) % n], 1, odd[from] };
            guint series, point;

            moe_chart_add_series (chart, &(MoeChartSeries) {
              .kind = (MoeChartKind) kind, .name = "a", .n_points = 3, .x = x, .y = y, .low = odd, .high = y,
            });
            moe_chart_add_threshold (chart, from % 2, odd[from], "label");
            moe_chart_set_diagonal (chart, TRUE);
            moe_chart_set_view (chart, 0.3, 0.3, 1e-9, 0.5);
            moe_chart_set_selected (chart, 0, 7);
            cairo_surface_destroy (render (chart, sizes[size][0], sizes[size][1]));
            moe_chart_pick (chart, sizes[size][0], sizes[size][1], 20, 20, &series, &point);
          }
}

static void
test_empty (void)
{
  g_autoptr(MoeChart) chart = moe_chart_new ("title", &plain_x, &plain_y);
  cairo_surface_t *without = render (chart, WIDTH, HEIGHT), *with;
  gboolean differ = FALSE;

  moe_chart_set_empty_text (chart, "Choose two prompt sets and press Run");
  with = render (chart, WIDTH, HEIGHT);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      differ = differ || get_pixel (with, x, y) != get_pixel (without, x, y);
  g_assert_true (differ);
  cairo_surface_destroy (with);
  cairo_surface_destroy (without);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/chart/places", test_places);
  g_test_add_func ("/chart/ranges", test_ranges);
  g_test_add_func ("/chart/bars", test_bars);
  g_test_add_func ("/chart/pick", test_pick);
  g_test_add_func ("/chart/band", test_band);
  g_test_add_func ("/chart/without-colour", test_without_colour);
  g_test_add_func ("/chart/threshold", test_threshold);
  g_test_add_func ("/chart/ccdf", test_ccdf);
  g_test_add_func ("/chart/not-silent", test_not_silent);
  g_test_add_func ("/chart/table", test_table);
  g_test_add_func ("/chart/export", test_export);
  g_test_add_func ("/chart/robust", test_robust);
  g_test_add_func ("/chart/empty", test_empty);

  return g_test_run ();
}
