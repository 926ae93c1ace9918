/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gui-test"

#include "moe-gui-test.h"

#include <string.h>

void
moe_gui_test_wait_frames (GtkWidget *widget,
                          guint      n_frames)
{
  for (guint i = 0; i < n_frames; i++)
    {
      gtk_widget_queue_draw (widget);
      gtk_test_widget_wait_for_draw (widget);
    }
}

GtkWidget *
moe_gui_test_show (GtkWidget *child,
                   int        width,
                   int        height)
{
  GtkWidget *window = gtk_window_new ();

  gtk_window_set_decorated (GTK_WINDOW (window), FALSE);
  gtk_window_set_default_size (GTK_WINDOW (window), width, height);
  gtk_window_set_child (GTK_WINDOW (window), child);
  gtk_window_present (GTK_WINDOW (window));
  moe_gui_test_wait_frames (window, 2);
  g_assert_cmpint (gtk_widget_get_width (child), >, 0);
  return window;
}

void
moe_gui_test_close (GtkWidget *window)
{
  gtk_window_destroy (GTK_WINDOW (window));
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static gboolean
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

gboolean
moe_gui_test_wait_until (gboolean (*done) (gpointer data),
                         gpointer   data)
{
  gboolean late = FALSE;
  guint timer = g_timeout_add_seconds (10, set_flag, &late);

  while (!late && !done (data))
    g_main_context_iteration (NULL, TRUE);
  if (!late)
    g_source_remove (timer);
  return !late;
}

GtkEventController *
moe_gui_test_find_controller (GtkWidget *widget,
                              GType      type,
                              guint      button)
{
  g_autoptr(GListModel) controllers = gtk_widget_observe_controllers (widget);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr(GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (g_type_is_a (G_OBJECT_TYPE (controller), type) &&
          (button == 0 || gtk_gesture_single_get_button (GTK_GESTURE_SINGLE (controller)) == button))
        return controller;
    }
  return NULL;
}

cairo_surface_t *
moe_gui_test_render (GtkWidget *widget)
{
  cairo_surface_t *image = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, gtk_widget_get_width (widget),
                                                       gtk_widget_get_height (widget));
  GtkWidget *parent = gtk_widget_get_parent (widget);
  GtkSnapshot *snapshot = gtk_snapshot_new ();
  g_autoptr(GskRenderNode) node = NULL;
  g_autoptr(GdkTexture) texture = NULL;
  graphene_rect_t bounds;

  moe_gui_test_wait_frames (widget, 1);
  g_assert_true (gtk_widget_compute_bounds (widget, parent, &bounds));
  gtk_widget_snapshot_child (parent, widget, snapshot);
  node = gtk_snapshot_free_to_node (snapshot);
  g_assert_nonnull (node);
  texture =
      gsk_renderer_render_texture (gtk_native_get_renderer (gtk_widget_get_native (widget)), node, &bounds);
  cairo_surface_flush (image);
  gdk_texture_download (texture, cairo_image_surface_get_data (image),
                        (gsize) cairo_image_surface_get_stride (image));
  cairo_surface_mark_dirty (image);
  return image;
}

guint32
moe_gui_test_get_pixel (cairo_surface_t *image,
                        double           x,
                        double           y)
{
  guint32 pixel;

  g_assert_true (x >= 0 && x < cairo_image_surface_get_width (image));
  g_assert_true (y >= 0 && y < cairo_image_surface_get_height (image));
  memcpy (&pixel,
          cairo_image_surface_get_data (image) + (gsize) y * (gsize) cairo_image_surface_get_stride (image) +
              (gsize) x * 4,
          4);
  return pixel | 0xff000000u;
}
