/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-token-strip"

#include <math.h>

#include "moe-gui-test.h"
#include "ui/moe-color-map.h"
#include "ui/moe-token-strip.h"

typedef struct
{
  GtkWidget     *window, *scrolled, *widget;
  MoeTokenStrip *strip;
  int            selected;
  guint          n_selected;
} Fixture;

static void
on_selected (MoeTokenStrip *strip,
             int            index,
             Fixture       *fixture)
{
  fixture->selected = index;
  fixture->n_selected++;
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->n_selected = 0;
  fixture->scrolled = gtk_scrolled_window_new ();
  fixture->widget = moe_token_strip_new ();
  fixture->strip = MOE_TOKEN_STRIP (fixture->widget);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (fixture->scrolled), fixture->widget);
  g_signal_connect (fixture->strip, "token-selected", G_CALLBACK (on_selected), fixture);
  fixture->window = moe_gui_test_show (fixture->scrolled, 600, 200);
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
append (Fixture *fixture,
        guint    n_tokens)
{
  static const char *const words[] = { " bread", "!", " a", "token", " supercalifragilistic", "\u00e9" };

  for (guint i = 0; i < n_tokens; i++)
    moe_token_strip_append (fixture->strip, words[i % G_N_ELEMENTS (words)], MOE_PHASE_ANSWER, i % 11 / 10.0);
}

static graphene_rect_t
get_bounds (Fixture *fixture,
            guint    index)
{
  graphene_rect_t bounds;

  g_assert_true (moe_token_strip_get_bounds (fixture->strip, index, &bounds));
  return bounds;
}

static GtkAdjustment *
get_adjustment (Fixture *fixture)
{
  return gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (fixture->scrolled));
}

static void
click (Fixture *fixture,
       guint    index)
{
  GtkEventController *gesture = moe_gui_test_find_controller (fixture->widget, GTK_TYPE_GESTURE_CLICK, 0);
  graphene_rect_t bounds = get_bounds (fixture, index);
  double x = bounds.origin.x + bounds.size.width / 2, y = bounds.origin.y + bounds.size.height / 2;

  g_signal_emit_by_name (gesture, "pressed", 1, x, y);
  g_signal_emit_by_name (gesture, "released", 1, x, y);
}

static void
act (Fixture    *fixture,
     const char *name)
{
  g_assert_true (gtk_widget_activate_action (fixture->widget, name, NULL));
}

/* Tokens stand in reading order, inside the width, without overlap. */
static void
check_order (Fixture *fixture,
             guint    n_tokens)
{
  graphene_rect_t last = get_bounds (fixture, 0);

  for (guint i = 1; i < n_tokens; i++)
    {
      graphene_rect_t r = get_bounds (fixture, i);

      g_assert_cmpfloat (r.origin.x, >=, 0);
      g_assert_cmpfloat (r.origin.x + r.size.width, <=, gtk_widget_get_width (fixture->widget));
      if (r.origin.y == last.origin.y)
        g_assert_cmpfloat (r.origin.x, >=, last.origin.x + last.size.width);
      else
        g_assert_cmpfloat (r.origin.y, >=, last.origin.y + last.size.height);
      last = r;
    }
}

static void
test_wrap (Fixture       *fixture,
           gconstpointer  data)
{
  graphene_rect_t wide, narrow;

  append (fixture, 10000);
  g_assert_cmpuint (moe_token_strip_get_n_tokens (fixture->strip), ==, 10000);
  check_order (fixture, 10000);
  moe_gui_test_wait_frames (fixture->widget, 2);
  wide = get_bounds (fixture, 9999);

  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 400, 200);
  moe_gui_test_wait_frames (fixture->window, 5);
  g_assert_cmpint (gtk_widget_get_width (fixture->widget), <, 500);
  check_order (fixture, 10000);
  narrow = get_bounds (fixture, 9999);
  g_assert_cmpfloat (narrow.origin.y + gtk_adjustment_get_value (get_adjustment (fixture)), >,
                     wide.origin.y + 1000);
}

static void
test_newline (Fixture       *fixture,
              gconstpointer  data)
{
  moe_token_strip_append (fixture->strip, "user", MOE_PHASE_TEMPLATE, NAN);
  moe_token_strip_append (fixture->strip, "\n", MOE_PHASE_TEMPLATE, NAN);
  moe_token_strip_append (fixture->strip, "Hello", MOE_PHASE_PROMPT, NAN);
  /* The sign for it can be seen, and the text goes on below. */
  g_assert_cmpfloat (get_bounds (fixture, 1).size.width, >, 8);
  g_assert_cmpfloat (get_bounds (fixture, 0).origin.y, ==, get_bounds (fixture, 1).origin.y);
  g_assert_cmpfloat (get_bounds (fixture, 2).origin.y, >, get_bounds (fixture, 1).origin.y);
}

static void
test_follow (Fixture       *fixture,
             gconstpointer  data)
{
  GtkAdjustment *adjustment = get_adjustment (fixture);
  double bottom;

  append (fixture, 500);
  moe_gui_test_wait_frames (fixture->widget, 2);
  bottom = gtk_adjustment_get_upper (adjustment) - gtk_adjustment_get_page_size (adjustment);
  g_assert_cmpfloat (bottom, >, 100);
  g_assert_cmpfloat (gtk_adjustment_get_value (adjustment), ==, bottom);
  /* Someone who reads above is left alone. */
  gtk_adjustment_set_value (adjustment, 0);
  append (fixture, 500);
  moe_gui_test_wait_frames (fixture->widget, 2);
  g_assert_cmpfloat (gtk_adjustment_get_value (adjustment), ==, 0);
  g_assert_cmpfloat (gtk_adjustment_get_upper (adjustment), >, bottom + 200);
}

static void
test_select (Fixture       *fixture,
             gconstpointer  data)
{
  graphene_rect_t bounds;

  append (fixture, 1000);
  gtk_adjustment_set_value (get_adjustment (fixture), 0);
  click (fixture, 4);
  g_assert_cmpuint (fixture->n_selected, ==, 1);
  g_assert_cmpint (fixture->selected, ==, 4);
  act (fixture, "tokens.next");
  g_assert_cmpint (fixture->selected, ==, 5);
  act (fixture, "tokens.previous");
  act (fixture, "tokens.previous");
  g_assert_cmpint (fixture->selected, ==, 3);

  act (fixture, "tokens.down");
  g_assert_cmpfloat (get_bounds (fixture, (guint) fixture->selected).origin.y, >,
                     get_bounds (fixture, 3).origin.y);
  act (fixture, "tokens.up");
  g_assert_cmpfloat (get_bounds (fixture, (guint) fixture->selected).origin.y, ==,
                     get_bounds (fixture, 3).origin.y);

  act (fixture, "tokens.first");
  fixture->n_selected = 0;
  act (fixture, "tokens.previous");
  g_assert_cmpuint (fixture->n_selected, ==, 0);
  act (fixture, "tokens.last");
  g_assert_cmpint (fixture->selected, ==, 999);
  /* It has been scrolled to. */
  bounds = get_bounds (fixture, 999);
  g_assert_cmpfloat (bounds.origin.y, >=, 0);
  g_assert_cmpfloat (bounds.origin.y + bounds.size.height, <=, gtk_widget_get_height (fixture->widget));

  fixture->n_selected = 0;
  moe_token_strip_select (fixture->strip, 500);
  g_assert_cmpuint (fixture->n_selected, ==, 0);
  g_assert_cmpint (moe_token_strip_get_selected (fixture->strip), ==, 500);
  bounds = get_bounds (fixture, 500);
  g_assert_cmpfloat (bounds.origin.y, >=, 0);
  g_assert_cmpfloat (bounds.origin.y + bounds.size.height, <=, gtk_widget_get_height (fixture->widget));

  act (fixture, "tokens.release");
  g_assert_cmpint (fixture->selected, ==, -1);
  moe_token_strip_select (fixture->strip, 1000);
  g_assert_cmpint (moe_token_strip_get_selected (fixture->strip), ==, -1);
}

static guint32
get_token_color (Fixture *fixture,
                 guint    index)
{
  cairo_surface_t *image = moe_gui_test_render (fixture->widget);
  graphene_rect_t bounds = get_bounds (fixture, index);
  guint32 pixel =
      moe_gui_test_get_pixel (image, bounds.origin.x + 2, bounds.origin.y + bounds.size.height / 2);

  cairo_surface_destroy (image);
  return pixel;
}

static void
test_values (Fixture       *fixture,
             gconstpointer  data)
{
  static const double values[] = { 8, 0, NAN, 4 };
  guint32 none;

  append (fixture, 5);
  moe_token_strip_set_values (fixture->strip, values, G_N_ELEMENTS (values), "Entropy", "nats");
  g_assert_cmphex (get_token_color (fixture, 0), ==, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 1));
  g_assert_cmphex (get_token_color (fixture, 1), ==, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 0));
  g_assert_cmphex (get_token_color (fixture, 3), ==, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 0.5));
  /* None is no colour of the map, also for the token that the values don't reach. */
  g_assert_cmphex (get_token_color (fixture, 2), ==, get_token_color (fixture, 4));
  none = get_token_color (fixture, 2);
  for (guint i = 0; i < 256; i++)
    g_assert_cmphex (none, !=, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, i / 255.0));

  /* A larger value that comes later stretches the scale. */
  moe_token_strip_append (fixture->strip, "x", MOE_PHASE_ANSWER, 16);
  g_assert_cmphex (get_token_color (fixture, 0), ==, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 0.5));
  g_assert_cmphex (get_token_color (fixture, 5), ==, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, 1));

  gtk_test_accessible_assert_role (GTK_ACCESSIBLE (fixture->widget), GTK_ACCESSIBLE_ROLE_IMG);
  moe_token_strip_select (fixture->strip, 3);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (fixture->widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                       "Token 3, answer: \u201ctoken\u201d\nEntropy: 4 nats");
}

static void
test_clear (Fixture       *fixture,
            gconstpointer  data)
{
  graphene_rect_t bounds;

  act (fixture, "tokens.next");
  g_assert_cmpuint (fixture->n_selected, ==, 0);
  append (fixture, 3000);
  moe_gui_test_wait_frames (fixture->widget, 1);
  moe_token_strip_select (fixture->strip, 2000);
  moe_token_strip_clear (fixture->strip);
  g_assert_cmpuint (moe_token_strip_get_n_tokens (fixture->strip), ==, 0);
  g_assert_cmpint (moe_token_strip_get_selected (fixture->strip), ==, -1);
  g_assert_false (moe_token_strip_get_bounds (fixture->strip, 0, &bounds));
  g_assert_cmpfloat (gtk_adjustment_get_value (get_adjustment (fixture)), ==, 0);
  moe_gui_test_wait_frames (fixture->widget, 1);
  append (fixture, 2);
  g_assert_cmpfloat (get_bounds (fixture, 0).origin.y, <, 40);
}

/* Only what can be seen is drawn: the render node doesn't grow with the number of tokens. */
static void
test_visible_only (Fixture       *fixture,
                   gconstpointer  data)
{
  gsize size[2];

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(GskRenderNode) node = NULL;
      g_autoptr(GBytes) bytes = NULL;
      GtkSnapshot *snapshot = gtk_snapshot_new ();

      append (fixture, i == 0 ? 600 : 9400);
      moe_gui_test_wait_frames (fixture->widget, 2);
      gtk_widget_snapshot_child (fixture->scrolled, fixture->widget, snapshot);
      node = gtk_snapshot_free_to_node (snapshot);
      bytes = gsk_render_node_serialize (node);
      size[i] = g_bytes_get_size (bytes);
    }
  g_assert_cmpuint (size[1], <, 2 * size[0]);
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

  add ("/token-strip/wrap", test_wrap);
  add ("/token-strip/newline", test_newline);
  add ("/token-strip/follow", test_follow);
  add ("/token-strip/select", test_select);
  add ("/token-strip/values", test_values);
  add ("/token-strip/clear", test_clear);
  add ("/token-strip/visible-only", test_visible_only);

  return g_test_run ();
}
