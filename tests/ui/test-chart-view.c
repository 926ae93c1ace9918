/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-chart-view"

#include <math.h>

#include "moe-gui-test.h"
#include "ui/moe-chart-private.h"
#include "ui/moe-chart-view.h"

#define N_POINTS 6

typedef struct
{
  GtkWidget    *window, *widget;
  MoeChartView *view;
  int           selected[2], activated[2], hover[2];
  guint         n_selected, n_activated, n_hovers;
} Fixture;

static void
on_selected (MoeChartView *view,
             int           series,
             int           point,
             Fixture      *fixture)
{
  fixture->selected[0] = series;
  fixture->selected[1] = point;
  fixture->n_selected++;
}

static void
on_activated (MoeChartView *view,
              int           series,
              int           point,
              Fixture      *fixture)
{
  fixture->activated[0] = series;
  fixture->activated[1] = point;
  fixture->n_activated++;
}

static void
on_hover (MoeChartView *view,
          int           series,
          int           point,
          Fixture      *fixture)
{
  fixture->hover[0] = series;
  fixture->hover[1] = point;
  fixture->n_hovers++;
}

/* Two series of six points; the fourth of the first has no value, and rows run on through both. */
static MoeChart *
make_chart (const char *y_title)
{
  MoeChartAxis x = { .title = "layer", .low = 0, .high = 10 };
  MoeChartAxis y = { .title = y_title, .low = 0, .high = 100 };
  MoeChart *chart = moe_chart_new ("demo: curve", &x, &y);
  double xs[N_POINTS], ys[N_POINTS];
  guint rows[N_POINTS];

  for (guint series = 0; series < 2; series++)
    {
      for (guint i = 0; i < N_POINTS; i++)
        {
          xs[i] = 1 + i * 1.5;
          ys[i] = series == 0 ? 20 + i * 5 : 80 - i * 4;
          rows[i] = series * N_POINTS + i;
        }
      if (series == 0)
        ys[3] = NAN;
      moe_chart_add_series (chart, &(MoeChartSeries) {
        .kind = MOE_CHART_LINES, .name = series == 0 ? "plain" : "steered", .n_points = N_POINTS, .x = xs,
        .y = ys, .rows = rows,
      });
    }
  return chart;
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  *fixture = (Fixture) { 0 };
  fixture->widget = moe_chart_view_new ();
  fixture->view = MOE_CHART_VIEW (fixture->widget);
  moe_chart_view_take_chart (fixture->view, make_chart ("share"));
  g_signal_connect (fixture->view, "point-selected", G_CALLBACK (on_selected), fixture);
  g_signal_connect (fixture->view, "point-activated", G_CALLBACK (on_activated), fixture);
  g_signal_connect (fixture->view, "hover-changed", G_CALLBACK (on_hover), fixture);
  fixture->window = moe_gui_test_show (fixture->widget, 700, 450);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  GtkWidget *widget = g_object_ref (fixture->widget);

  moe_gui_test_close (fixture->window);
  g_assert_finalize_object (widget);
}

static void
get_point (Fixture *fixture,
           guint    series,
           guint    point,
           double  *x,
           double  *y)
{
  g_assert_true (moe_chart_get_point (moe_chart_view_get_chart (fixture->view),
                                      gtk_widget_get_width (fixture->widget),
                                      gtk_widget_get_height (fixture->widget), series, point, x, y));
}

static void
click (Fixture *fixture,
       int      n_press,
       double   x,
       double   y)
{
  GtkEventController *controller = moe_gui_test_find_controller (fixture->widget, GTK_TYPE_GESTURE_CLICK, 0);

  g_signal_emit_by_name (controller, "pressed", n_press, x, y);
  g_signal_emit_by_name (controller, "released", n_press, x, y);
}

static void
motion (Fixture *fixture,
        double   x,
        double   y)
{
  g_signal_emit_by_name (moe_gui_test_find_controller (fixture->widget, GTK_TYPE_EVENT_CONTROLLER_MOTION, 0),
                         "motion", x, y);
}

static void
scroll (Fixture *fixture,
        double   dy)
{
  gboolean handled = FALSE;

  g_signal_emit_by_name (moe_gui_test_find_controller (fixture->widget, GTK_TYPE_EVENT_CONTROLLER_SCROLL, 0),
                         "scroll", 0.0, dy, &handled);
  g_assert_true (handled);
}

static void
act (Fixture    *fixture,
     const char *name)
{
  g_assert_true (gtk_widget_activate_action (fixture->widget, name, NULL));
}

/* The marker is on screen where the chart says it is. */
static void
test_pixels (Fixture       *fixture,
             gconstpointer  data)
{
  cairo_surface_t *image = moe_gui_test_render (fixture->widget);

  for (guint series = 0; series < 2; series++)
    {
      double x, y;

      get_point (fixture, series, 1, &x, &y);
      g_assert_cmphex (moe_gui_test_get_pixel (image, x, y), ==,
                       0xff000000 | moe_chart_style_get_color ((int) series, FALSE));
    }
  cairo_surface_destroy (image);
}

static void
test_pointer (Fixture       *fixture,
              gconstpointer  data)
{
  double x, y;

  get_point (fixture, 1, 2, &x, &y);
  motion (fixture, x + 4, y - 3);
  g_assert_cmpint (fixture->hover[0], ==, 1);
  g_assert_cmpint (fixture->hover[1], ==, 2);
  motion (fixture, x + 5, y - 3);
  g_assert_cmpuint (fixture->n_hovers, ==, 1);
  motion (fixture, x + 60, y - 60);
  g_assert_cmpint (fixture->hover[0], ==, -1);

  click (fixture, 1, x, y);
  g_assert_cmpint (fixture->selected[0], ==, 1);
  g_assert_cmpint (fixture->selected[1], ==, 2);
  click (fixture, 2, x, y);
  g_assert_cmpint (fixture->activated[0], ==, 1);
  act (fixture, "chart.release");
  g_assert_cmpint (fixture->selected[0], ==, -1);
}

static void
test_zoom (Fixture       *fixture,
           gconstpointer  data)
{
  MoeChart *chart = moe_chart_view_get_chart (fixture->view);
  double x, y, after_x, after_y;
  cairo_rectangle_t view;

  get_point (fixture, 1, 2, &x, &y);
  motion (fixture, x, y);
  scroll (fixture, -1);
  scroll (fixture, -1);
  moe_chart_get_view (chart, &view);
  g_assert_cmpfloat_with_epsilon (view.width, 1 / 1.44, 1e-9);
  g_assert_cmpfloat_with_epsilon (view.height, 1 / 1.44, 1e-9);
  /* The labels of the axis may have become a little wider. */
  get_point (fixture, 1, 2, &after_x, &after_y);
  g_assert_cmpfloat_with_epsilon (after_x, x, 20);
  g_assert_cmpfloat_with_epsilon (after_y, y, 1e-6);

  /* Other numbers on the same axes keep the zoom, other axes do not. */
  moe_chart_view_take_chart (fixture->view, make_chart ("share"));
  moe_chart_get_view (moe_chart_view_get_chart (fixture->view), &view);
  g_assert_cmpfloat (view.width, <, 0.7);
  moe_chart_view_take_chart (fixture->view, make_chart ("hits"));
  moe_chart_get_view (moe_chart_view_get_chart (fixture->view), &view);
  g_assert_cmpfloat (view.width, ==, 1);

  act (fixture, "chart.zoom-in");
  moe_chart_get_view (moe_chart_view_get_chart (fixture->view), &view);
  g_assert_cmpfloat (view.width, <, 1);
  act (fixture, "chart.reset");
  moe_chart_get_view (moe_chart_view_get_chart (fixture->view), &view);
  g_assert_cmpfloat (view.width, ==, 1);
  g_assert_cmpfloat (view.y, ==, 0);
}

/* What was kept comes back with the chart that it is of, and what can be no part is passed over. */
static void
test_restore_zoom (Fixture       *fixture,
                   gconstpointer  data)
{
  const cairo_rectangle_t kept = { 0.25, 0.5, 0.5, 0.25 }, wrong = { 0.75, 0, 0.5, 1 };
  g_autofree char *title = g_strdup (moe_chart_get_title (moe_chart_view_get_chart (fixture->view)));
  cairo_rectangle_t view;

  g_assert_false (moe_chart_view_get_zoom (fixture->view, &view));
  moe_chart_view_restore_zoom (fixture->view, title, &wrong);
  moe_chart_view_restore_zoom (fixture->view, "another chart", &kept);
  g_assert_false (moe_chart_view_get_zoom (fixture->view, &view));
  moe_chart_view_take_chart (fixture->view, NULL);
  moe_chart_view_restore_zoom (fixture->view, title, &kept);
  g_assert_false (moe_chart_view_get_zoom (fixture->view, &view));
  moe_chart_view_take_chart (fixture->view, make_chart ("share"));
  g_assert_true (moe_chart_view_get_zoom (fixture->view, &view));
  g_assert_cmpfloat (view.x, ==, kept.x);
  g_assert_cmpfloat (view.height, ==, kept.height);
}

/* Every point can be reached by keys; one without a value is passed over. */
static void
test_keys (Fixture       *fixture,
           gconstpointer  data)
{
  static const int expected[] = { 0, 1, 2, 4, 5, 5 };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      act (fixture, "chart.right");
      g_assert_cmpint (fixture->selected[0], ==, 0);
      g_assert_cmpint (fixture->selected[1], ==, expected[i]);
    }
  act (fixture, "chart.left");
  act (fixture, "chart.left");
  g_assert_cmpint (fixture->selected[1], ==, 2);
  act (fixture, "chart.down");
  g_assert_cmpint (fixture->selected[0], ==, 1);
  g_assert_cmpint (fixture->selected[1], ==, 2);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (fixture->widget),
                                       GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, "steered, layer 4: 72");
  act (fixture, "chart.activate");
  g_assert_cmpint (fixture->activated[1], ==, 2);
  act (fixture, "chart.down");
  g_assert_cmpint (fixture->selected[0], ==, 1);
}

static void
test_rows (Fixture       *fixture,
           gconstpointer  data)
{
  cairo_surface_t *before = moe_gui_test_render (fixture->widget), *after;
  guint n_changed = 0;
  double x, y;

  g_assert_true (moe_chart_view_select_row (fixture->view, N_POINTS + 4));
  g_assert_cmpuint (fixture->n_selected, ==, 0);
  moe_gui_test_wait_frames (fixture->widget, 2);
  after = moe_gui_test_render (fixture->widget);
  get_point (fixture, 1, 4, &x, &y);
  for (int i = 5; i < 11; i++)
    n_changed += moe_gui_test_get_pixel (before, x, y - i) != moe_gui_test_get_pixel (after, x, y - i);
  g_assert_cmpuint (n_changed, >, 0);
  g_assert_false (moe_chart_view_select_row (fixture->view, 99));
  cairo_surface_destroy (before);
  cairo_surface_destroy (after);
}

static void
test_nothing (Fixture       *fixture,
              gconstpointer  data)
{
  static const char *const actions[] = { "chart.left", "chart.up", "chart.zoom-in", "chart.reset",
                                         "chart.activate", "chart.release" };

  moe_chart_view_take_chart (fixture->view, NULL);
  motion (fixture, 100, 100);
  click (fixture, 1, 100, 100);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    act (fixture, actions[i]);
  moe_gui_test_wait_frames (fixture->widget, 2);
  g_assert_null (moe_chart_view_get_chart (fixture->view));
}

int
main (int   argc,
      char *argv[])
{
  gtk_test_init (&argc, &argv, NULL);

  g_test_add ("/chart-view/pixels", Fixture, NULL, set_up, test_pixels, tear_down);
  g_test_add ("/chart-view/pointer", Fixture, NULL, set_up, test_pointer, tear_down);
  g_test_add ("/chart-view/restore-zoom", Fixture, NULL, set_up, test_restore_zoom, tear_down);
  g_test_add ("/chart-view/zoom", Fixture, NULL, set_up, test_zoom, tear_down);
  g_test_add ("/chart-view/keys", Fixture, NULL, set_up, test_keys, tear_down);
  g_test_add ("/chart-view/rows", Fixture, NULL, set_up, test_rows, tear_down);
  g_test_add ("/chart-view/nothing", Fixture, NULL, set_up, test_nothing, tear_down);

  return g_test_run ();
}
