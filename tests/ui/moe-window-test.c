/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-test"

#include "tests/ui/moe-window-test.h"

#include <string.h>

#include "ui/moe-heatmap-view.h"

MoeApplication *moe_test_application;

static gboolean
on_beat (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

guint
moe_test_beat_start (void)
{
  return g_timeout_add (10, on_beat, NULL);
}

void
moe_test_settle (void)
{
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC / 4;

  moe_test_wait (g_get_monotonic_time () > end);
}

void
moe_test_act (MoeWindow  *window,
              const char *action,
              GVariant   *parameter)
{
  g_assert_true (g_action_group_has_action (G_ACTION_GROUP (window), action));
  g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (window), action));
  g_action_group_activate_action (G_ACTION_GROUP (window), action, parameter);
}

MoeWindow *
moe_test_open_demo (void)
{
  GtkWindow *window;

  g_application_activate (G_APPLICATION (moe_test_application));
  window = gtk_application_get_active_window (GTK_APPLICATION (moe_test_application));
  g_assert_true (MOE_IS_WINDOW (window));
  /* It opens with an answer on it. */
  moe_test_wait (!moe_window_is_busy (MOE_WINDOW (window)));
  g_assert_cmpuint (moe_document_get_n_turns (MOE_WINDOW (window)->document), ==, 2);
  g_assert_cmpint (moe_document_get_n_tokens (MOE_WINDOW (window)->document), >, 0);
  moe_test_act (MOE_WINDOW (window), "new-conversation", NULL);
  moe_test_settle ();
  return MOE_WINDOW (window);
}

void
moe_test_close_window (MoeWindow *window)
{
  g_object_add_weak_pointer (G_OBJECT (window), (gpointer *) &window);
  gtk_window_destroy (GTK_WINDOW (window));
  moe_test_wait (window == NULL);
}

void
moe_test_generate (MoeWindow *window,
                   int        n_tokens)
{
  g_action_group_change_action_state (G_ACTION_GROUP (window), "max-tokens", g_variant_new_int32 (n_tokens));
  moe_test_act (window, "prompt", g_variant_new_string (MOE_TEST_QUESTION));
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();
}

/* --- pointer and keyboard ----------------------------------------------------------------------------- */

void
moe_test_xdotool (const char *format,
                  ...)
{
  g_autofree char *arguments = NULL;
  g_autofree char *command = NULL;
  g_autoptr(GError) error = NULL;
  va_list list;
  int status;

  va_start (list, format);
  arguments = g_strdup_vprintf (format, list);
  va_end (list);
  command = g_strconcat ("xdotool ", arguments, NULL);
  g_spawn_command_line_sync (command, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  moe_test_settle ();
}

/* Where a point of a widget is on the screen: there is no window manager, so the window is at its origin. */
static void
to_screen (GtkWidget *widget,
           double     x,
           double     y,
           int       *screen_x,
           int       *screen_y)
{
  GtkNative *native = gtk_widget_get_native (widget);
  double native_x, native_y, dx, dy;

  g_assert_true (gtk_widget_translate_coordinates (widget, GTK_WIDGET (native), x, y, &native_x, &native_y));
  gtk_native_get_surface_transform (native, &dx, &dy);
  if (GDK_IS_POPUP (gtk_native_get_surface (native)))
    {
      dx += gdk_popup_get_position_x (GDK_POPUP (gtk_native_get_surface (native)));
      dy += gdk_popup_get_position_y (GDK_POPUP (gtk_native_get_surface (native)));
    }
  *screen_x = (int) (native_x + dx);
  *screen_y = (int) (native_y + dy);
}

static void
click (GtkWidget *widget,
       double     x,
       double     y,
       int        times)
{
  int screen_x, screen_y;

  to_screen (widget, x, y, &screen_x, &screen_y);
  moe_test_xdotool ("mousemove %d %d click --repeat %d --delay 60 1", screen_x, screen_y, times);
}

void
moe_test_click_at (GtkWidget *widget,
                   double     x,
                   double     y)
{
  click (widget, x, y, 1);
}

void
moe_test_click_centre (GtkWidget *widget)
{
  click (widget, gtk_widget_get_width (widget) / 2.0, gtk_widget_get_height (widget) / 2.0, 1);
}

GtkWidget *
moe_test_search (GtkWidget        *root,
                 MoeTestMatchFunc  match,
                 gconstpointer     data)
{
  GtkWidget *found = match (root, data) ? root : NULL;

  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = moe_test_search (child, match, data);
  return found;
}

static gboolean
is_mapped_type (GtkWidget     *widget,
                gconstpointer  type)
{
  return g_type_is_a (G_OBJECT_TYPE (widget), *(const GType *) type) && gtk_widget_get_mapped (widget);
}

GtkWidget *
moe_test_find_widget (GtkWidget *root,
                      GType      type)
{
  return moe_test_search (root, is_mapped_type, &type);
}

static gboolean
is_button (GtkWidget     *widget,
           gconstpointer  label)
{
  return GTK_IS_BUTTON (widget) && g_strcmp0 (gtk_button_get_label (GTK_BUTTON (widget)), label) == 0;
}

GtkWidget *
moe_test_find_button (GtkWidget  *root,
                      const char *label)
{
  return moe_test_search (root, is_button, label);
}

void
moe_test_click_cell (MoeWindow *window,
                     guint      row,
                     guint      column,
                     int        times)
{
  GtkWidget *map = moe_test_find_widget (GTK_WIDGET (window->stack), MOE_TYPE_HEATMAP_VIEW);
  cairo_rectangle_t cell;

  g_assert_nonnull (map);
  moe_heatmap_plot_get_cell (moe_heatmap_view_get_plot (MOE_HEATMAP_VIEW (map)), gtk_widget_get_width (map),
                             gtk_widget_get_height (map), row, column, &cell);
  click (map, cell.x + cell.width / 2, cell.y + cell.height / 2, times);
}

gboolean
moe_test_uses (MoeWindow *window,
               gint64     first,
               guint      row,
               guint      expert)
{
  for (gint64 id = first; id < moe_document_get_n_tokens (window->document); id++)
    {
      const MoeTokenRecord *record = moe_document_get_token (window->document, id)->record;

      for (guint k = 0; k < record->n_slots; k++)
        if (record->experts[row * record->n_slots + k] == expert)
          return TRUE;
    }
  return FALSE;
}

/* --- pages -------------------------------------------------------------------------------------------- */

void
moe_test_set_option (MoeWindow  *window,
                     const char *name,
                     const char *value)
{
  moe_test_act (window, "option", g_variant_new ("(ss)", name, value));
}

void
moe_test_show_page (MoeWindow  *window,
                    const char *name)
{
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string (name));
  moe_test_settle ();
}

void
moe_test_check_export (MoeWindow        *window,
                       const char       *folder,
                       const char       *name,
                       MoeExhibitFormat  format)
{
  static const char *const actions[MOE_N_EXHIBIT_FORMATS] = {
    [MOE_EXHIBIT_CSV] = "export-csv", [MOE_EXHIBIT_CSV_WIDE] = "export-csv-wide",
    [MOE_EXHIBIT_JSON] = "export-json", [MOE_EXHIBIT_SVG] = "export-svg",
  };
  g_autoptr(MoeExport) export = moe_window_get_export (window);
  g_autofree char *base = g_strconcat (name, ".", moe_exhibit_format_get_extension (format), NULL);
  g_autofree char *cli_base = g_strconcat ("cli ", base, NULL);
  g_autofree char *path = g_build_filename (folder, base, NULL);
  g_autofree char *cli_path = g_build_filename (folder, cli_base, NULL);
  g_autofree char *line = NULL, *shell = NULL, *quoted = NULL;
  g_autofree char *one = NULL, *other = NULL;
  gsize one_length, other_length;
  g_autoptr(GError) error = NULL;
  int status;

  g_assert_nonnull (export);
  moe_test_act (window, actions[format], g_variant_new_string (path));
  moe_test_wait (window->n_exports == 0);
  line = moe_export_get_command (export, moe_document_get_path (window->document), format, cli_path);
  g_assert_true (g_str_has_prefix (line, "moescope-cli "));
  quoted = g_shell_quote (g_getenv ("MOESCOPE_CLI"));
  shell = g_strconcat (quoted, line + strlen ("moescope-cli"), NULL);
  {
    const char *arguments[] = { "/bin/sh", "-c", shell, NULL };

    g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
  }
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, &error))
    g_error ("%s: %s", line, error->message);
  g_assert_true (g_file_get_contents (path, &one, &one_length, NULL));
  g_assert_true (g_file_get_contents (cli_path, &other, &other_length, NULL));
  g_assert_cmpmem (one, one_length, other, other_length);
}

char *
moe_test_begin (int          *argc,
                char       ***argv,
                const char   *name)
{
  g_autofree char *template = g_strdup_printf ("moe-%s-XXXXXX", name);
  g_autofree char *data = NULL;
  g_autoptr(GError) error = NULL;
  char *folder;

  gtk_test_init (argc, argv, NULL);
  folder = g_dir_make_tmp (template, NULL);
  g_assert_nonnull (folder);
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  data = g_test_build_filename (G_TEST_DIST, "..", "..", "data", NULL);
  g_setenv ("MOESCOPE_DATADIR", data, TRUE);

  moe_test_application = moe_application_new ();
  g_application_register (G_APPLICATION (moe_test_application), NULL, &error);
  g_assert_no_error (error);
  /* Windows come and go. */
  g_application_hold (G_APPLICATION (moe_test_application));
  return folder;
}

int
moe_test_end (char *folder)
{
  g_autofree char *command = g_strdup_printf ("rm -rf '%s'", folder);
  int code = g_test_run ();

  g_application_release (G_APPLICATION (moe_test_application));
  g_clear_object (&moe_test_application);
  if (!g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL))
    code = 1;
  g_free (folder);
  return code;
}
