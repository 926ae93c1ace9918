/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-plot-export"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "data/moe-error.h"
#include "tests/support/moe-plot-map.h"
#include "ui/moe-plot-export.h"

typedef struct
{
  char *folder;
  PlotMap map;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->folder = g_dir_make_tmp ("moe-plot-XXXXXX", NULL);
  fixture->map = plot_map_make (61, 256);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_autoptr(GDir) dir = g_dir_open (fixture->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->map.values);
}

static GBytes *
export (Fixture        *fixture,
        MoeImageFormat  format)
{
  g_autofree char *path = g_build_filename (fixture->folder, "map", NULL);
  g_autoptr(GError) error = NULL;
  char *contents;
  gsize length;

  moe_heatmap_plot_export (&fixture->map.plot, format, path, &error);
  g_assert_no_error (error);
  g_file_get_contents (path, &contents, &length, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (contents, length);
}

static void
test_svg (Fixture       *fixture,
          gconstpointer  data)
{
  g_autoptr(GMarkupParseContext) context = NULL;
  static const GMarkupParser nothing = { 0 };
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) first = export (fixture, MOE_IMAGE_SVG);
  g_autoptr(GBytes) second = NULL;
  guint8 marked[61 * 256] = { 1, 2, 3 };
  const char *text;
  gsize length;

  /* What is only on screen does not get into the file. */
  fixture->map.plot.dark = TRUE;
  fixture->map.plot.hover_row = fixture->map.plot.hover_column = 3;
  fixture->map.plot.selected_row = fixture->map.plot.selected_column = 5;
  fixture->map.plot.marked = marked;
  fixture->map.plot.view_columns = fixture->map.plot.view_rows = 4;
  second = export (fixture, MOE_IMAGE_SVG);
  g_assert_true (g_bytes_equal (first, second));

  text = g_bytes_get_data (first, &length);
  context = g_markup_parse_context_new (&nothing, 0, NULL, NULL);
  g_markup_parse_context_parse (context, text, (gssize) length, &error);
  g_assert_no_error (error);
  g_markup_parse_context_end_parse (context, &error);
  g_assert_no_error (error);
  g_assert_nonnull (g_strstr_len (text, (gssize) length, "<title>demo: share of &lt;tokens&gt;</title>"));
  g_assert_nonnull (g_strstr_len (text, (gssize) length, "width=\"960px\" height=\"600px\""));
  /* Not a rectangle a cell. */
  g_assert_cmpuint (length, <, 1000 * 1000);
}

static void
test_png (Fixture       *fixture,
          gconstpointer  data)
{
  g_autofree char *path = g_build_filename (fixture->folder, "map", NULL);
  g_autoptr(GBytes) bytes = export (fixture, MOE_IMAGE_PNG);
  cairo_surface_t *image = cairo_image_surface_create_from_png (path);

  g_assert_cmpuint (g_bytes_get_size (bytes), >, 0);
  g_assert_cmpint (cairo_surface_status (image), ==, CAIRO_STATUS_SUCCESS);
  g_assert_cmpint (cairo_image_surface_get_width (image), ==, 2 * MOE_EXPORT_WIDTH);
  g_assert_cmpint (cairo_image_surface_get_height (image), ==, 2 * MOE_EXPORT_HEIGHT);
  for (guint row = 0; row < 61; row++)
    {
      double value = fixture->map.values[row * 256 + 100];
      cairo_rectangle_t cell;

      moe_heatmap_plot_get_cell (&fixture->map.plot, MOE_EXPORT_WIDTH, MOE_EXPORT_HEIGHT, row, 100, &cell);
      g_assert_cmphex (
          get_pixel (image, (int) (2 * cell.x + cell.width), (int) (2 * cell.y + cell.height)), ==,
          isnan (value) ? moe_color_map_missing (FALSE) : moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, value));
    }
  cairo_surface_destroy (image);
}

static void
test_pdf (Fixture       *fixture,
          gconstpointer  data)
{
  g_autoptr(GBytes) first = NULL;
  g_autoptr(GBytes) second = NULL;

  g_setenv ("SOURCE_DATE_EPOCH", "1700000000", TRUE);
  first = export (fixture, MOE_IMAGE_PDF);
  second = export (fixture, MOE_IMAGE_PDF);
  g_unsetenv ("SOURCE_DATE_EPOCH");
  g_assert_cmpmem (g_bytes_get_data (first, NULL), 5, "%PDF-", 5);
  g_assert_true (g_bytes_equal (first, second));
}

static void
assert_empty_but (const char *folder,
                  const char *name)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *found;

  while ((found = g_dir_read_name (dir)) != NULL)
    g_assert_cmpstr (found, ==, name);
}

/* Names come from model files. */
static void
test_odd_title (Fixture       *fixture,
                gconstpointer  data)
{
  static const GMarkupParser nothing = { 0 };
  g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new (&nothing, 0, NULL, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) svg = NULL;

  fixture->map.plot.title = "\x01 \xff ]]> <a & \"id=image5 #image5\" \n";
  svg = export (fixture, MOE_IMAGE_SVG);
  g_bytes_unref (export (fixture, MOE_IMAGE_PDF));
  g_bytes_unref (export (fixture, MOE_IMAGE_PNG));
  g_markup_parse_context_parse (context, g_bytes_get_data (svg, NULL), (gssize) g_bytes_get_size (svg),
                                &error);
  g_assert_no_error (error);
  g_assert_null (memchr (g_bytes_get_data (svg, NULL), 1, g_bytes_get_size (svg)));
}

/* A file size limit is a disk that gets full in the middle. */
static void
test_full (Fixture       *fixture,
           gconstpointer  data)
{
  g_autofree char *path = g_build_filename (fixture->folder, "old", NULL);

  g_assert_true (g_file_set_contents (path, "before", -1, NULL));
  for (guint format = MOE_IMAGE_SVG; format <= MOE_IMAGE_PNG; format++)
    {
      g_autoptr(GError) error = NULL;
      g_autofree char *contents = NULL;
      struct rlimit before, little;

      g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
      little = before;
      little.rlim_cur = 2000;
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &little), ==, 0);
      g_assert_false (moe_heatmap_plot_export (&fixture->map.plot, (MoeImageFormat) format, path, &error));
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);

      g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
      g_assert_cmpstr (contents, ==, "before");
      assert_empty_but (fixture->folder, "old");
    }
}

static void
test_bad_paths (Fixture       *fixture,
                gconstpointer  data)
{
  g_autofree char *in_file = g_build_filename (fixture->folder, "file", "map.svg", NULL);
  g_autofree char *nowhere = g_build_filename (fixture->folder, "no", "map.svg", NULL);
  g_autofree char *file = g_build_filename (fixture->folder, "file", NULL);
  const char *const paths[] = { in_file, nowhere, fixture->folder, "/dev/full" };

  g_assert_true (g_file_set_contents (file, "x", -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    for (guint format = MOE_IMAGE_SVG; format <= MOE_IMAGE_PNG; format++)
      {
        g_autoptr(GError) error = NULL;

        g_assert_false (
            moe_heatmap_plot_export (&fixture->map.plot, (MoeImageFormat) format, paths[i], &error));
        g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
        g_assert_true (g_str_has_prefix (error->message, paths[i]));
      }
  assert_empty_but (fixture->folder, "file");
  {
    g_autofree char *beside = g_strconcat (fixture->folder, ".XXXXXX", NULL);

    g_assert_false (g_file_test (beside, G_FILE_TEST_EXISTS));
  }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  /* A file that is too large is to be an error like any other, not the end. */
  signal (SIGXFSZ, SIG_IGN);

  g_test_add ("/plot-export/svg", Fixture, NULL, set_up, test_svg, tear_down);
  g_test_add ("/plot-export/png", Fixture, NULL, set_up, test_png, tear_down);
  g_test_add ("/plot-export/pdf", Fixture, NULL, set_up, test_pdf, tear_down);
  g_test_add ("/plot-export/odd-title", Fixture, NULL, set_up, test_odd_title, tear_down);
  g_test_add ("/plot-export/full", Fixture, NULL, set_up, test_full, tear_down);
  g_test_add ("/plot-export/bad-paths", Fixture, NULL, set_up, test_bad_paths, tear_down);

  return g_test_run ();
}
