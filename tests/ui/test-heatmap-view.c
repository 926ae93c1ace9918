/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-heatmap-view"

#include <math.h>
#include <string.h>

#include "moe-gui-test.h"
#include "ui/moe-heatmap-view-private.h"

#define N_ROWS 8
#define N_COLUMNS 32

typedef struct
{
  GtkWidget      *window, *widget;
  MoeHeatmapView *view;
  int             selected[2], activated[2], area[4], hover[2];
  guint           n_selected, n_activated, n_areas, n_hovers;
} Fixture;

static void
on_selected (MoeHeatmapView *view,
             int             row,
             int             column,
             Fixture        *fixture)
{
  fixture->selected[0] = row;
  fixture->selected[1] = column;
  fixture->n_selected++;
}

static void
on_activated (MoeHeatmapView *view,
              int             row,
              int             column,
              Fixture        *fixture)
{
  fixture->activated[0] = row;
  fixture->activated[1] = column;
  fixture->n_activated++;
}

static void
on_area (MoeHeatmapView *view,
         int             row,
         int             column,
         int             n_rows,
         int             n_columns,
         Fixture        *fixture)
{
  fixture->area[0] = row;
  fixture->area[1] = column;
  fixture->area[2] = n_rows;
  fixture->area[3] = n_columns;
  fixture->n_areas++;
}

static void
on_hover (MoeHeatmapView *view,
          int             row,
          int             column,
          Fixture        *fixture)
{
  fixture->hover[0] = row;
  fixture->hover[1] = column;
  fixture->n_hovers++;
}

static double
get_value (guint row,
           guint column)
{
  guint i = row * N_COLUMNS + column;

  return i == 40 ? NAN : i % 101u / 100.0;
}

static void
set_plot (MoeHeatmapView *view,
          guint           n_rows,
          const char     *title)
{
  g_autofree double *values = g_new (double, n_rows * N_COLUMNS);
  MoeHeatmapPlot plot;

  for (guint row = 0; row < n_rows; row++)
    for (guint column = 0; column < N_COLUMNS; column++)
      values[row * N_COLUMNS + column] = get_value (row, column);
  moe_heatmap_plot_init (&plot);
  plot.n_rows = n_rows;
  plot.n_columns = N_COLUMNS;
  plot.values = values;
  plot.title = title;
  moe_heatmap_view_set_plot (view, &plot);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  *fixture = (Fixture) { 0 };
  fixture->widget = moe_heatmap_view_new ();
  fixture->view = MOE_HEATMAP_VIEW (fixture->widget);
  set_plot (fixture->view, N_ROWS, "demo: share");
  g_signal_connect (fixture->view, "cell-selected", G_CALLBACK (on_selected), fixture);
  g_signal_connect (fixture->view, "cell-activated", G_CALLBACK (on_activated), fixture);
  g_signal_connect (fixture->view, "area-selected", G_CALLBACK (on_area), fixture);
  g_signal_connect (fixture->view, "hover-changed", G_CALLBACK (on_hover), fixture);
  fixture->window = moe_gui_test_show (fixture->widget, 900, 600);
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
get_middle (Fixture *fixture,
            guint    row,
            guint    column,
            double  *x,
            double  *y)
{
  MoeHeatmapLayout layout;
  cairo_rectangle_t cell;

  moe_heatmap_view_get_layout (fixture->view, &layout);
  moe_heatmap_layout_get_cell (&layout, row, column, &cell);
  *x = cell.x + cell.width / 2;
  *y = cell.y + cell.height / 2;
}

static void
click (Fixture *fixture,
       int      n_press,
       double   x,
       double   y)
{
  GtkEventController *gesture = moe_gui_test_find_controller (fixture->widget, GTK_TYPE_GESTURE_CLICK, 0);

  g_signal_emit_by_name (gesture, "pressed", n_press, x, y);
  g_signal_emit_by_name (gesture, "released", n_press, x, y);
}

static void
drag (Fixture *fixture,
      guint    button,
      double   x,
      double   y,
      double   dx,
      double   dy)
{
  GtkEventController *gesture = moe_gui_test_find_controller (fixture->widget, GTK_TYPE_GESTURE_DRAG, button);

  g_signal_emit_by_name (gesture, "drag-begin", x, y);
  g_signal_emit_by_name (gesture, "drag-update", dx / 2, dy / 2);
  g_signal_emit_by_name (gesture, "drag-update", dx, dy);
  g_signal_emit_by_name (gesture, "drag-end", dx, dy);
}

static void
move (Fixture *fixture,
      double   x,
      double   y)
{
  GtkEventController *motion =
      moe_gui_test_find_controller (fixture->widget, GTK_TYPE_EVENT_CONTROLLER_MOTION, 0);

  g_signal_emit_by_name (motion, "motion", x, y);
}

static void
scroll (Fixture *fixture,
        double   dx,
        double   dy)
{
  GtkEventController *controller =
      moe_gui_test_find_controller (fixture->widget, GTK_TYPE_EVENT_CONTROLLER_SCROLL, 0);
  gboolean handled = FALSE;

  g_signal_emit_by_name (controller, "scroll", dx, dy, &handled);
  g_assert_true (handled);
}

static void
act (Fixture    *fixture,
     const char *name)
{
  g_assert_true (gtk_widget_activate_action (fixture->widget, name, NULL));
}

static void
test_pixels (Fixture       *fixture,
             gconstpointer  data)
{
  cairo_surface_t *image = moe_gui_test_render (fixture->widget);

  for (guint row = 0; row < N_ROWS; row++)
    for (guint column = 0; column < N_COLUMNS; column++)
      {
        double value = get_value (row, column), x, y;

        get_middle (fixture, row, column, &x, &y);
        if (!isnan (value))
          g_assert_cmphex (moe_gui_test_get_pixel (image, x, y), ==,
                           moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, value));
        else
          g_assert_cmphex (moe_gui_test_get_pixel (image, x, y - 12), ==, moe_color_map_missing (FALSE));
      }
  cairo_surface_destroy (image);
}

static void
test_dark (Fixture       *fixture,
           gconstpointer  data)
{
  cairo_surface_t *light = moe_gui_test_render (fixture->widget), *dark;

  g_object_set (gtk_widget_get_settings (fixture->widget), "gtk-application-prefer-dark-theme", TRUE, NULL);
  moe_gui_test_wait_frames (fixture->widget, 2);
  dark = moe_gui_test_render (fixture->widget);
  g_object_set (gtk_widget_get_settings (fixture->widget), "gtk-application-prefer-dark-theme", FALSE, NULL);
  g_assert_cmphex (moe_gui_test_get_pixel (light, 3, 3), ==, 0xffffffff);
  g_assert_cmphex (moe_gui_test_get_pixel (dark, 3, 3) & 0xff, <, 0x50);
  cairo_surface_destroy (light);
  cairo_surface_destroy (dark);
}

static void
test_click (Fixture       *fixture,
            gconstpointer  data)
{
  double x, y;

  get_middle (fixture, 3, 17, &x, &y);
  click (fixture, 1, x, y);
  g_assert_cmpuint (fixture->n_selected, ==, 1);
  g_assert_cmpint (fixture->selected[0], ==, 3);
  g_assert_cmpint (fixture->selected[1], ==, 17);
  g_assert_cmpint (moe_heatmap_view_get_plot (fixture->view)->selected_row, ==, 3);
  g_assert_cmpuint (fixture->n_activated, ==, 0);

  click (fixture, 2, x, y);
  g_assert_cmpuint (fixture->n_selected, ==, 1);
  g_assert_cmpuint (fixture->n_activated, ==, 1);
  g_assert_cmpint (fixture->activated[1], ==, 17);

  /* Beside the map nothing is selected, and a double click resets the zoom. */
  act (fixture, "map.zoom-in");
  g_assert_cmpfloat (moe_heatmap_view_get_plot (fixture->view)->view_columns, >, 0);
  click (fixture, 1, 2, 2);
  g_assert_cmpuint (fixture->n_selected, ==, 1);
  click (fixture, 2, 2, 2);
  g_assert_cmpfloat (moe_heatmap_view_get_plot (fixture->view)->view_columns, ==, 0);
  g_assert_cmpuint (fixture->n_activated, ==, 1);
}

static void
test_area (Fixture       *fixture,
           gconstpointer  data)
{
  double x, y, to_x, to_y;

  get_middle (fixture, 5, 20, &x, &y);
  get_middle (fixture, 2, 9, &to_x, &to_y);
  drag (fixture, GDK_BUTTON_PRIMARY, x, y, 1, 1);
  g_assert_cmpuint (fixture->n_areas, ==, 0);

  drag (fixture, GDK_BUTTON_PRIMARY, x, y, to_x - x, to_y - y);
  g_assert_cmpuint (fixture->n_areas, ==, 1);
  g_assert_cmpint (fixture->area[0], ==, 2);
  g_assert_cmpint (fixture->area[1], ==, 9);
  g_assert_cmpint (fixture->area[2], ==, 4);
  g_assert_cmpint (fixture->area[3], ==, 12);
  g_assert_cmpuint (fixture->n_selected, ==, 0);

  /* Past the edge it takes what is there. */
  drag (fixture, GDK_BUTTON_PRIMARY, x, y, 5000, 5000);
  g_assert_cmpint (fixture->area[2], ==, N_ROWS - 5);
  g_assert_cmpint (fixture->area[3], ==, N_COLUMNS - 20);

  /* A drag that began outside is none. */
  drag (fixture, GDK_BUTTON_PRIMARY, 2, 2, 300, 300);
  g_assert_cmpuint (fixture->n_areas, ==, 2);

  /* A click takes the place of an area. */
  g_assert_cmpint (moe_heatmap_view_get_plot (fixture->view)->area_rows, ==, N_ROWS - 5);
  click (fixture, 1, x, y);
  g_assert_cmpint (moe_heatmap_view_get_plot (fixture->view)->area_rows, ==, 0);
}

static void
test_zoom_and_pan (Fixture       *fixture,
                   gconstpointer  data)
{
  const MoeHeatmapPlot *plot = moe_heatmap_view_get_plot (fixture->view);
  double x, y, after_x, after_y, view_x;

  /* The cell under the pointer stays there. */
  get_middle (fixture, 6, 27, &x, &y);
  move (fixture, x, y);
  scroll (fixture, 0, -1);
  scroll (fixture, 0, -1);
  get_middle (fixture, 6, 27, &after_x, &after_y);
  g_assert_cmpfloat_with_epsilon (after_x, x, 1e-6);
  g_assert_cmpfloat_with_epsilon (after_y, y, 1e-6);
  g_assert_cmpfloat_with_epsilon (plot->view_columns, N_COLUMNS / 1.44, 1e-9);

  /* The map follows a dragging pointer. */
  view_x = plot->view_x;
  get_middle (fixture, 6, 27, &x, &y);
  drag (fixture, GDK_BUTTON_MIDDLE, x, y, 40, 0);
  get_middle (fixture, 6, 27, &after_x, &after_y);
  g_assert_cmpfloat (plot->view_x, <, view_x);
  g_assert_cmpfloat_with_epsilon (after_x, x + 40, 1e-6);
  g_assert_cmpuint (fixture->n_areas + fixture->n_selected, ==, 0);

  for (guint i = 0; i < 100; i++)
    scroll (fixture, 0, -4);
  g_assert_cmpfloat (plot->view_columns, >=, 1);
  for (guint i = 0; i < 100; i++)
    scroll (fixture, 0, 4);
  g_assert_cmpfloat (plot->view_columns, ==, N_COLUMNS);
  g_assert_cmpfloat (plot->view_x, ==, 0);

  act (fixture, "map.zoom-in");
  act (fixture, "map.reset");
  g_assert_cmpfloat (plot->view_columns, ==, 0);
}

static void
test_keyboard (Fixture       *fixture,
               gconstpointer  data)
{
  act (fixture, "map.select");
  g_assert_cmpuint (fixture->n_selected, ==, 0);

  act (fixture, "map.right");
  act (fixture, "map.right");
  act (fixture, "map.down");
  act (fixture, "map.select");
  g_assert_cmpint (fixture->selected[0], ==, 1);
  g_assert_cmpint (fixture->selected[1], ==, 1);
  act (fixture, "map.activate");
  g_assert_cmpint (fixture->activated[0], ==, 1);
  g_assert_cmpint (fixture->activated[1], ==, 1);

  /* At the edge it stays. */
  for (guint i = 0; i < 2 * N_COLUMNS; i++)
    act (fixture, "map.right");
  for (guint i = 0; i < 2 * N_ROWS; i++)
    act (fixture, "map.down");
  act (fixture, "map.select");
  g_assert_cmpint (fixture->selected[0], ==, N_ROWS - 1);
  g_assert_cmpint (fixture->selected[1], ==, N_COLUMNS - 1);

  /* When zoomed in the map follows the cursor. */
  for (guint i = 0; i < 6; i++)
    act (fixture, "map.zoom-in");
  for (guint i = 0; i < N_COLUMNS; i++)
    act (fixture, "map.left");
  g_assert_cmpfloat (moe_heatmap_view_get_plot (fixture->view)->view_x, ==, 0);

  act (fixture, "map.release");
  g_assert_cmpint (fixture->selected[0], ==, -1);
  g_assert_cmpint (fixture->selected[1], ==, -1);
  g_assert_cmpint (moe_heatmap_view_get_plot (fixture->view)->selected_row, ==, -1);
}

static char *
describe_cell (guint    row,
               guint    column,
               gpointer data)
{
  return g_strdup_printf ("%s %u/%u", (const char *) data, row, column);
}

static void
test_accessible (Fixture       *fixture,
                 gconstpointer  data)
{
  GtkAccessible *accessible = GTK_ACCESSIBLE (fixture->widget);

  gtk_test_accessible_assert_role (accessible, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_test_accessible_assert_property (accessible, GTK_ACCESSIBLE_PROPERTY_LABEL, "demo: share");
  moe_heatmap_view_select (fixture->view, 0, 31);
  gtk_test_accessible_assert_property (accessible, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                       "Layer 0, Expert 31: 0.31");
  act (fixture, "map.down");
  act (fixture, "map.left");
  for (guint i = 0; i < 22; i++)
    act (fixture, "map.left");
  gtk_test_accessible_assert_property (accessible, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                       "Layer 1, Expert 8: not routed");
  moe_heatmap_view_set_text_func (fixture->view, describe_cell, (gpointer) "cell");
  gtk_test_accessible_assert_property (accessible, GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, "cell 1/8");
}

static void
test_hover (Fixture       *fixture,
            gconstpointer  data)
{
  GtkEventController *motion =
      moe_gui_test_find_controller (fixture->widget, GTK_TYPE_EVENT_CONTROLLER_MOTION, 0);
  cairo_surface_t *before, *after;
  GdkTexture *base;
  double x, y;

  before = moe_gui_test_render (fixture->widget);
  base = fixture->view->base;
  g_assert_nonnull (base);
  get_middle (fixture, 4, 4, &x, &y);
  move (fixture, x, y);
  move (fixture, x + 2, y + 2);
  g_assert_cmpuint (fixture->n_hovers, ==, 1);
  g_assert_cmpint (fixture->hover[0], ==, 4);
  g_assert_cmpint (fixture->hover[1], ==, 4);
  after = moe_gui_test_render (fixture->widget);
  g_assert_cmpint (memcmp (cairo_image_surface_get_data (before), cairo_image_surface_get_data (after),
                           (gsize) cairo_image_surface_get_stride (before) * 600),
                   !=, 0);
  /* Only what lies over the map is drawn again. */
  g_assert_true (fixture->view->base == base);
  g_signal_emit_by_name (motion, "leave");
  g_assert_cmpint (fixture->hover[0], ==, -1);
  cairo_surface_destroy (before);
  cairo_surface_destroy (after);
}

static gboolean
has_faded (gpointer data)
{
  return ((MoeHeatmapView *) data)->flash_tick == 0;
}

static void
test_flash (Fixture       *fixture,
            gconstpointer  data)
{
  guint8 flash[N_ROWS * N_COLUMNS] = { 0 };
  cairo_surface_t *lit, *dark;
  MoeHeatmapLayout layout;
  cairo_rectangle_t cell;
  double x, y;

  g_object_set (gtk_widget_get_settings (fixture->widget), "gtk-enable-animations", TRUE, NULL);
  flash[2 * N_COLUMNS + 5] = 255;
  moe_heatmap_view_set_flash (fixture->view, flash);
  flash[2 * N_COLUMNS + 5] = 0;
  lit = moe_gui_test_render (fixture->widget);
  get_middle (fixture, 2, 5, &x, &y);
  /* Lit along the edge; the colour of the value stays inside. */
  moe_heatmap_view_get_layout (fixture->view, &layout);
  moe_heatmap_layout_get_cell (&layout, 2, 5, &cell);
  g_assert_cmphex (moe_gui_test_get_pixel (lit, cell.x + 2, y), !=,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, get_value (2, 5)));
  g_assert_cmphex (moe_gui_test_get_pixel (lit, x, y), ==,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, get_value (2, 5)));
  get_middle (fixture, 2, 6, &x, &y);
  g_assert_cmphex (moe_gui_test_get_pixel (lit, x, y), ==,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, get_value (2, 6)));

  /* It goes out and then costs nothing. */
  g_assert_true (moe_gui_test_wait_until (has_faded, fixture->view));
  g_assert_null (moe_heatmap_view_get_plot (fixture->view)->flash);
  dark = moe_gui_test_render (fixture->widget);
  get_middle (fixture, 2, 5, &x, &y);
  g_assert_cmphex (moe_gui_test_get_pixel (dark, cell.x + 2, y), ==,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, get_value (2, 5)));
  cairo_surface_destroy (lit);
  cairo_surface_destroy (dark);

  /* Without animations it stays until the next, and nothing ticks. */
  g_object_set (gtk_widget_get_settings (fixture->widget), "gtk-enable-animations", FALSE, NULL);
  flash[7] = 255;
  moe_heatmap_view_set_flash (fixture->view, flash);
  g_assert_cmpuint (fixture->view->flash_tick, ==, 0);
  g_assert_cmpuint (moe_heatmap_view_get_plot (fixture->view)->flash[7], ==, 255);
  flash[7] = 0;
  flash[8] = 255;
  moe_heatmap_view_set_flash (fixture->view, flash);
  g_assert_cmpuint (moe_heatmap_view_get_plot (fixture->view)->flash[7], ==, 0);
  g_object_set (gtk_widget_get_settings (fixture->widget), "gtk-enable-animations", TRUE, NULL);

  /* Closing the window while it fades is fine: tear_down does it. */
  moe_heatmap_view_set_flash (fixture->view, flash);
}

static void
test_marked (Fixture       *fixture,
             gconstpointer  data)
{
  guint8 marked[N_ROWS * N_COLUMNS] = { 0 };
  cairo_surface_t *image;
  double x, y;

  marked[4 * N_COLUMNS + 9] = 1;
  moe_heatmap_view_set_marked (fixture->view, marked);
  marked[4 * N_COLUMNS + 9] = 0;
  image = moe_gui_test_render (fixture->widget);
  get_middle (fixture, 4, 9, &x, &y);
  g_assert_cmphex (moe_gui_test_get_pixel (image, x, y), !=,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, get_value (4, 9)));
  cairo_surface_destroy (image);
  moe_heatmap_view_set_marked (fixture->view, NULL);
  image = moe_gui_test_render (fixture->widget);
  g_assert_cmphex (moe_gui_test_get_pixel (image, x, y), ==,
                   moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, get_value (4, 9)));
  cairo_surface_destroy (image);
}

/* New numbers leave zoom and selection alone; another shape does not. */
static void
test_set_plot (Fixture       *fixture,
               gconstpointer  data)
{
  const MoeHeatmapPlot *plot = moe_heatmap_view_get_plot (fixture->view);

  moe_heatmap_view_select (fixture->view, 3, 3);
  act (fixture, "map.zoom-in");
  set_plot (fixture->view, N_ROWS, "other numbers");
  g_assert_cmpint (plot->selected_row, ==, 3);
  g_assert_cmpfloat (plot->view_columns, >, 0);
  g_assert_cmpfloat (plot->values[5], ==, get_value (0, 5));
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (fixture->widget), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "other numbers");
  moe_heatmap_view_set_plot (fixture->view, plot);
  g_assert_cmpstr (plot->title, ==, "other numbers");
  g_assert_cmpfloat (plot->values[5], ==, get_value (0, 5));

  set_plot (fixture->view, 2, "smaller");
  g_assert_cmpint (plot->selected_row, ==, -1);
  g_assert_cmpfloat (plot->view_columns, ==, 0);
  moe_heatmap_view_select (fixture->view, 5, 5);
  g_assert_cmpint (plot->selected_row, ==, -1);
}

static void
test_empty (Fixture       *fixture,
            gconstpointer  data)
{
  static const char *const actions[] = { "map.left",      "map.right",   "map.up",       "map.down",
                                         "map.page-down", "map.select",  "map.activate", "map.release",
                                         "map.reset",     "map.zoom-in", "map.zoom-out" };
  MoeHeatmapPlot plot;

  moe_heatmap_plot_init (&plot);
  plot.empty_text = "Open a model";
  moe_heatmap_view_set_plot (fixture->view, &plot);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    act (fixture, actions[i]);
  click (fixture, 1, 300, 300);
  click (fixture, 2, 300, 300);
  drag (fixture, GDK_BUTTON_PRIMARY, 300, 300, 50, 50);
  move (fixture, 300, 300);
  moe_heatmap_view_set_flash (fixture->view, (const guint8 *) "");
  moe_heatmap_view_set_marked (fixture->view, (const guint8 *) "");
  moe_gui_test_wait_frames (fixture->widget, 2);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (fixture->widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                       "Open a model");
  g_assert_cmpuint (fixture->n_activated + fixture->n_areas + fixture->n_hovers, ==, 0);
}

static void
add (const char *path,
     void      (*test) (Fixture       *fixture,
                        gconstpointer  data))
{
  g_test_add (path, Fixture, NULL, set_up, test, tear_down);
}

int
main (int   argc,
      char *argv[])
{
  gtk_test_init (&argc, &argv, NULL);

  add ("/heatmap-view/pixels", test_pixels);
  add ("/heatmap-view/dark", test_dark);
  add ("/heatmap-view/click", test_click);
  add ("/heatmap-view/area", test_area);
  add ("/heatmap-view/zoom-and-pan", test_zoom_and_pan);
  add ("/heatmap-view/keyboard", test_keyboard);
  add ("/heatmap-view/accessible", test_accessible);
  add ("/heatmap-view/hover", test_hover);
  add ("/heatmap-view/flash", test_flash);
  add ("/heatmap-view/marked", test_marked);
  add ("/heatmap-view/set-plot", test_set_plot);
  add ("/heatmap-view/empty", test_empty);

  return g_test_run ();
}
