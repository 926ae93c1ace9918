/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-window"

#include "ui/moe-application.h"
#include "ui/moe-window-private.h"

#include <glib/gstdio.h>
#include <string.h>

#include "ui/moe-heatmap-view.h"

/* The real window on the demo model, driven through its actions, the pointer and the keyboard (xdotool). */

#define PATIENCE (60 * G_USEC_PER_SEC)
#define QUESTION "How do I bake bread?"

static MoeApplication *application;
static char *folder;

/* --- waiting ------------------------------------------------------------------------------------------ */

static gboolean
on_beat (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main loop until @condition holds. */
#define wait_until(condition) \
  G_STMT_START { \
    gint64 end_ = g_get_monotonic_time () + PATIENCE; \
    guint beat_ = g_timeout_add (10, on_beat, NULL); \
    while (!(condition)) \
      { \
        g_main_context_iteration (NULL, TRUE); \
        if (g_get_monotonic_time () > end_) \
          g_error ("%s:%d: waited in vain for %s", __FILE__, __LINE__, #condition); \
      } \
    g_source_remove (beat_); \
  } G_STMT_END

/* A few frames, so that what was changed is laid out and drawn. */
static void
settle (void)
{
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC / 4;

  wait_until (g_get_monotonic_time () > end);
}

static void
act (MoeWindow  *window,
     const char *action,
     GVariant   *parameter)
{
  g_assert_true (g_action_group_has_action (G_ACTION_GROUP (window), action));
  g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (window), action));
  g_action_group_activate_action (G_ACTION_GROUP (window), action, parameter);
}

static MoeWindow *
open_demo (void)
{
  GtkWindow *window;

  g_application_activate (G_APPLICATION (application));
  window = gtk_application_get_active_window (GTK_APPLICATION (application));
  g_assert_true (MOE_IS_WINDOW (window));
  /* It opens with an answer on it. */
  wait_until (!moe_window_is_busy (MOE_WINDOW (window)));
  g_assert_cmpuint (moe_document_get_n_turns (MOE_WINDOW (window)->document), ==, 2);
  g_assert_cmpint (moe_document_get_n_tokens (MOE_WINDOW (window)->document), >, 0);
  act (MOE_WINDOW (window), "new-conversation", NULL);
  settle ();
  return MOE_WINDOW (window);
}

static void
close_window (MoeWindow *window)
{
  g_object_add_weak_pointer (G_OBJECT (window), (gpointer *) &window);
  gtk_window_destroy (GTK_WINDOW (window));
  wait_until (window == NULL);
}

static void
generate (MoeWindow *window,
          int        n_tokens)
{
  g_action_group_change_action_state (G_ACTION_GROUP (window), "max-tokens", g_variant_new_int32 (n_tokens));
  act (window, "prompt", g_variant_new_string (QUESTION));
  wait_until (!moe_window_is_busy (window));
  settle ();
}

/* --- pointer and keyboard ----------------------------------------------------------------------------- */

static void
xdotool (const char *format,
         ...) G_GNUC_PRINTF (1, 2);

static void
xdotool (const char *format,
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
  settle ();
}

/* Where a point of a widget is on the screen: there is no window manager, so the surface is at its origin. */
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
  xdotool ("mousemove %d %d click --repeat %d --delay 60 1", screen_x, screen_y, times);
}

static void
click_centre (GtkWidget *widget)
{
  click (widget, gtk_widget_get_width (widget) / 2.0, gtk_widget_get_height (widget) / 2.0, 1);
}

static GtkWidget *
find_widget (GtkWidget *root,
             GType      type)
{
  if (g_type_is_a (G_OBJECT_TYPE (root), type) && gtk_widget_get_mapped (root))
    return root;
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child =
       gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_widget (child, type);

      if (found != NULL)
        return found;
    }
  return NULL;
}

static GtkWidget *
find_button (GtkWidget  *root,
             const char *label)
{
  if (GTK_IS_BUTTON (root) && g_strcmp0 (gtk_button_get_label (GTK_BUTTON (root)), label) == 0)
    return root;
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child =
       gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_button (child, label);

      if (found != NULL)
        return found;
    }
  return NULL;
}

static void
click_cell (MoeWindow *window,
            guint      row,
            guint      column,
            int        times)
{
  GtkWidget *map = find_widget (GTK_WIDGET (window->stack), MOE_TYPE_HEATMAP_VIEW);
  cairo_rectangle_t cell;

  g_assert_nonnull (map);
  moe_heatmap_plot_get_cell (moe_heatmap_view_get_plot (MOE_HEATMAP_VIEW (map)), gtk_widget_get_width (map),
                             gtk_widget_get_height (map), row, column, &cell);
  click (map, cell.x + cell.width / 2, cell.y + cell.height / 2, times);
}

static gboolean
uses (MoeWindow *window,
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

/* --- tests -------------------------------------------------------------------------------------------- */

static void
test_demo (void)
{
  MoeWindow *window = open_demo ();
  const MoeTurn *answer;
  guint answered = 0;

  g_assert_cmpstr (gtk_label_get_text (window->title), ==, "demo-q8_0.gguf");
  g_assert_nonnull (strstr (gtk_label_get_text (window->subtitle), "8 layers × 32 experts, top 4"));
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "save-recording"));
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));

  generate (window, 8);
  g_assert_cmpuint (moe_document_get_n_turns (window->document), ==, 2);
  answer = moe_document_get_turn (window->document, 1);
  g_assert_true (answer->from_model);
  g_assert_cmpuint (answer->text->len, >, 0);
  for (gint64 id = 0; id < moe_document_get_n_tokens (window->document); id++)
    answered += moe_document_get_token (window->document, id)->record->phase == MOE_PHASE_ANSWER;
  g_assert_cmpuint (answered, ==, 8);
  g_assert_cmpuint (moe_token_strip_get_n_tokens (window->strip), ==,
                    moe_document_get_n_tokens (window->document));
  g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "save-recording"));
  close_window (window);
}

/* A click selects, a click on Disable takes the expert out of the next answer, Ctrl+Z puts it back. */
static void
test_disable_by_pointer (void)
{
  MoeWindow *window = open_demo ();
  const MoeSelection *selection = moe_document_get_selection (window->document);
  const MoeIntervention *one;
  MoeEngineHits hits;
  gint64 plain;
  guint row = 3, expert;

  generate (window, 16);
  plain = moe_document_get_n_tokens (window->document);
  expert = moe_document_get_token (window->document, plain - 1)->record->experts[row * 4];
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  settle ();

  click_cell (window, row, expert, 1);
  g_assert_true (selection->has_expert);
  g_assert_cmpint (selection->layer, ==, (int) row);
  g_assert_cmpint (selection->expert, ==, (int) expert);

  click_centre (find_button (GTK_WIDGET (window->inspector), "_Disable"));
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);
  one = moe_mask_get (moe_document_get_mask (window->document), 0);
  g_assert_cmpint (one->action, ==, MOE_ACTION_DISABLE);
  g_assert_cmpint (one->mode, ==, MOE_MODE_REFILL);
  g_assert_cmpint (one->expert, ==, (int) expert);

  act (window, "regenerate", NULL);
  wait_until (!moe_window_is_busy (window));
  settle ();
  g_assert_cmpint (moe_document_get_n_tokens (window->document), >, plain);
  g_assert_true (uses (window, 0, row, expert));
  g_assert_false (uses (window, plain, row, expert));
  /* Both answers are shown, and under what each was made. */
  g_assert_cmpuint (moe_document_get_n_turns (window->document), ==, 3);
  g_assert_true (moe_document_get_turn (window->document, 1)->superseded);
  g_assert_cmpstr (moe_document_get_turn (window->document, 1)->note, ==, "no interventions");
  g_assert_false (moe_document_get_turn (window->document, 2)->superseded);
  g_assert_nonnull (strstr (moe_document_get_turn (window->document, 2)->note, "disable refill"));
  g_assert_true (moe_document_get_hits (window->document, 0, &hits));
  g_assert_cmpuint (hits.changed, >, 0);
  g_assert_cmpuint (hits.changed, <=, hits.seen);

  xdotool ("key ctrl+z");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  xdotool ("key ctrl+shift+z");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);

  /* Double click does what the button does. */
  click_cell (window, row, expert, 2);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  close_window (window);
}

/* Keys act on the map, and stay letters in an entry. */
static void
test_keyboard (void)
{
  MoeWindow *window = open_demo ();
  gint64 n;

  generate (window, 4);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  settle ();

  click_cell (window, 2, 5, 1);
  xdotool ("key d");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);
  xdotool ("key d");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  xdotool ("key f");
  g_assert_cmpint (moe_mask_find (moe_document_get_mask (window->document), 2, 5, MOE_ACTION_FORCE), ==, 0);
  xdotool ("key ctrl+z");

  /* The cell cursor. */
  xdotool ("key Right Down Return");
  g_assert_cmpint (moe_document_get_selection (window->document)->layer, ==, 3);
  g_assert_cmpint (moe_document_get_selection (window->document)->expert, ==, 6);

  /* Tokens. */
  n = moe_document_get_n_tokens (window->document);
  xdotool ("key comma");
  g_assert_cmpint (moe_document_get_selection (window->document)->token, ==, n - 1);
  xdotool ("key comma");
  g_assert_cmpint (moe_document_get_selection (window->document)->token, ==, n - 2);
  xdotool ("key period");
  g_assert_cmpint (moe_document_get_selection (window->document)->token, ==, n - 1);

  click_centre (GTK_WIDGET (window->prompt));
  xdotool ("type --delay 20 'd f b, .'");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (window->prompt)), ==, "d f b, .");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  gtk_editable_set_text (GTK_EDITABLE (window->prompt), "");

  /* Ctrl+F finds experts. */
  xdotool ("key ctrl+f");
  xdotool ("type --delay 20 'L4E31'");
  xdotool ("key Return");
  g_assert_cmpint (moe_document_get_selection (window->document)->layer, ==, 4);
  g_assert_cmpint (moe_document_get_selection (window->document)->expert, ==, 31);
  xdotool ("key Escape");

  /* Space pauses and goes on. */
  click_cell (window, 0, 0, 1);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "max-tokens", g_variant_new_int32 (2000));
  act (window, "prompt", g_variant_new_string ("Tell me a long story about a fox."));
  wait_until (window->state == MOE_WINDOW_GENERATING);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "pause", g_variant_new_boolean (TRUE));
  wait_until (window->paused || window->state == MOE_WINDOW_IDLE);
  if (window->state == MOE_WINDOW_GENERATING)
    {
      xdotool ("key space");
      g_assert_false (window->paused);
    }
  wait_until (!moe_window_is_busy (window));
  close_window (window);
}

static void
run_cli (const char *first,
         ...) G_GNUC_NULL_TERMINATED;

static void
run_cli (const char *first,
         ...)
{
  g_autoptr(GPtrArray) arguments = g_ptr_array_new ();
  g_autoptr(GError) error = NULL;
  va_list list;
  int status;

  g_ptr_array_add (arguments, (char *) g_getenv ("MOESCOPE_CLI"));
  va_start (list, first);
  for (const char *one = first; one != NULL; one = va_arg (list, const char *))
    g_ptr_array_add (arguments, (char *) one);
  va_end (list);
  g_ptr_array_add (arguments, NULL);
  g_spawn_sync (NULL, (char **) arguments->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
}

static void
assert_same_file (const char *a,
                  const char *b)
{
  g_autofree char *one = NULL;
  g_autofree char *other = NULL;
  gsize one_length, other_length;

  g_assert_true (g_file_get_contents (a, &one, &one_length, NULL));
  g_assert_true (g_file_get_contents (b, &other, &other_length, NULL));
  g_assert_cmpmem (one, one_length, other, other_length);
}

/* What the window writes is what the command line writes, byte for byte, with an intervention in the
 * recording. */
static void
test_export (void)
{
  static const struct { const char *action, *extension; } formats[] = {
    { "export-csv", "csv" }, { "export-csv-wide", "csv" }, { "export-svg", "svg" },
  };
  static const struct { const char *metric, *phase; } choices[] = {
    { "share", "all" }, { "mean_weight", "answer" }, { "max_down", "prompt" },
  };
  MoeWindow *window = open_demo ();
  g_autofree char *recording = g_build_filename (folder, "run.moescope", NULL);

  generate (window, 8);
  act (window, "select", g_variant_new_string ("L2E9"));
  act (window, "disable-selected", NULL);
  act (window, "regenerate", NULL);
  wait_until (!moe_window_is_busy (window));
  settle ();

  /* Also before it is saved anywhere. */
  {
    g_autofree char *path = g_build_filename (folder, "unsaved.csv", NULL);

    act (window, "export-csv", g_variant_new_string (path));
    wait_until (g_file_test (path, G_FILE_TEST_EXISTS));
  }

  act (window, "save-recording", g_variant_new_string (recording));
  wait_until (moe_document_is_saved (window->document));
  g_assert_cmpstr (moe_document_get_path (window->document), ==, recording);

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    {
      g_action_group_change_action_state (G_ACTION_GROUP (window), "metric",
                                          g_variant_new_string (choices[i].metric));
      g_action_group_change_action_state (G_ACTION_GROUP (window), "phase",
                                          g_variant_new_string (choices[i].phase));
      for (guint j = 0; j < G_N_ELEMENTS (formats); j++)
        {
          g_autofree char *name = g_strdup_printf ("window-%u-%u.%s", i, j, formats[j].extension);
          g_autofree char *path = g_build_filename (folder, name, NULL);
          g_autofree char *cli_path = g_strconcat (path, ".cli", NULL);
          g_autofree char *option = g_strconcat ("--", formats[j].extension, NULL);

          act (window, formats[j].action, g_variant_new_string (path));
          wait_until (g_file_test (path, G_FILE_TEST_EXISTS));
          run_cli ("heatmap", recording, "--metric", choices[i].metric, "--phase", choices[i].phase, option,
                   cli_path, g_str_equal (formats[j].action, "export-csv-wide") ? "--wide" : NULL, NULL);
          assert_same_file (path, cli_path);
        }
    }
  close_window (window);
}

/* The line on the clipboard, run by a shell, makes the file that the window made. */
static void
on_text (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  char **text = user_data;

  *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);
}

static void
test_copy_as_command (void)
{
  MoeWindow *window = open_demo ();
  g_autofree char *recording = g_build_filename (folder, "it's a run.moescope", NULL);
  g_autofree char *path = g_build_filename (folder, "copied map.csv", NULL);
  g_autofree char *kept = g_build_filename (folder, "kept.csv", NULL);
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  g_autoptr(GError) error = NULL;
  char *shell[] = { (char *) "sh", (char *) "-c", NULL, NULL };
  int status;

  generate (window, 4);
  act (window, "save-recording", g_variant_new_string (recording));
  wait_until (moe_document_is_saved (window->document));
  act (window, "export-csv", g_variant_new_string (path));
  wait_until (window->last_export != NULL);
  act (window, "copy-command", NULL);
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (GTK_WIDGET (window)), NULL, on_text, &text);
  wait_until (text != NULL);
  g_assert_true (g_str_has_prefix (text, "moescope-cli heatmap "));

  g_assert_cmpint (g_rename (path, kept), ==, 0);
  line = g_strdup_printf ("%s %s", g_getenv ("MOESCOPE_CLI"), text + strlen ("moescope-cli "));
  shell[2] = line;
  g_spawn_sync (NULL, shell, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  assert_same_file (path, kept);
  close_window (window);
}

/* A recording is shown with its conversation and its tokens; its figures are those it had when it was
 * made. */
static void
test_open_recording (void)
{
  MoeWindow *window = open_demo ();
  g_autofree char *recording = g_build_filename (folder, "reopened.moescope", NULL);
  g_autofree char *answer = NULL;
  g_autofree double *live = NULL;
  g_autofree double *read = NULL;
  gint64 n;

  generate (window, 8);
  n = moe_document_get_n_tokens (window->document);
  answer = g_strdup (moe_document_get_turn (window->document, 1)->text->str);
  live = moe_routing_stats_get_map (moe_document_get_stats (window->document), MOE_METRIC_IMPORTANCE,
                                    MOE_PHASES_ALL);
  act (window, "save-recording", g_variant_new_string (recording));
  wait_until (moe_document_is_saved (window->document));

  act (window, "new-conversation", NULL);
  g_assert_cmpint (moe_document_get_n_tokens (window->document), ==, 0);
  act (window, "open", g_variant_new_string (recording));
  wait_until (!moe_window_is_busy (window));
  settle ();
  g_assert_cmpint (moe_document_get_n_tokens (window->document), ==, n);
  g_assert_cmpstr (moe_document_get_turn (window->document, 0)->text->str, ==, QUESTION);
  g_assert_cmpstr (moe_document_get_turn (window->document, 1)->text->str, ==, answer);
  read = moe_routing_stats_get_map (moe_document_get_stats (window->document), MOE_METRIC_IMPORTANCE,
                                    MOE_PHASES_ALL);
  g_assert_cmpmem (live, 8 * 32 * sizeof *live, read, 8 * 32 * sizeof *read);

  /* The next prompt starts a recording of its own. */
  generate (window, 8);
  g_assert_cmpint (moe_document_get_n_tokens (window->document), ==, n);
  g_assert_true (moe_document_is_live (window->document));
  close_window (window);
}

/* What goes wrong stands in the window, as a sentence that names the file; nothing is lost. */
static void
test_errors (void)
{
  MoeWindow *window = open_demo ();
  g_autofree char *missing = g_build_filename (folder, "missing.gguf", NULL);
  g_autofree char *text = g_build_filename (folder, "notes.gguf", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "no", "folder.csv", NULL);
  const char *paths[] = { missing, text };

  generate (window, 4);
  g_assert_true (g_file_set_contents (text, "not a model", -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      gtk_info_bar_set_revealed (window->info_bar, FALSE);
      act (window, "open", g_variant_new_string (paths[i]));
      wait_until (!moe_window_is_busy (window));
      g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
      g_assert_true (g_str_has_prefix (gtk_label_get_text (window->info_label), paths[i]));
      g_assert_true (g_str_has_suffix (gtk_label_get_text (window->info_label), "."));
      /* The model that was open still runs. */
      g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "prompt"));
    }

  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  act (window, "export-csv", g_variant_new_string (nowhere));
  wait_until (gtk_info_bar_get_revealed (window->info_bar));
  g_assert_true (g_str_has_prefix (gtk_label_get_text (window->info_label), nowhere));

  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  act (window, "select", g_variant_new_string ("L9E1"));
  g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
  close_window (window);
}

/* A mask goes to a file and back; one for another model is refused and changes nothing. */
static void
test_masks (void)
{
  MoeWindow *window = open_demo ();
  g_autofree char *path = g_build_filename (folder, "mask.json", NULL);
  g_autofree char *foreign = g_build_filename (folder, "foreign.json", NULL);
  g_autofree char *json = NULL;
  g_autoptr(GRegex) layers = g_regex_new ("\"experts\" *: *32", 0, 0, NULL);
  g_autofree char *changed = NULL;
  g_autoptr(MoeMask) saved = NULL;

  act (window, "select", g_variant_new_string ("L1E3"));
  act (window, "disable-selected", NULL);
  act (window, "select", g_variant_new_string ("L2E4"));
  act (window, "force-selected", NULL);
  saved = moe_mask_ref (moe_document_get_mask (window->document));
  g_assert_cmpuint (moe_mask_get_n (saved), ==, 2);
  act (window, "save-mask", g_variant_new_string (path));
  act (window, "clear-mask", NULL);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  act (window, "load-mask", g_variant_new_string (path));
  g_assert_true (moe_mask_equal (saved, moe_document_get_mask (window->document)));

  g_assert_true (g_file_get_contents (path, &json, NULL, NULL));
  changed = g_regex_replace_literal (layers, json, -1, 0, "\"experts\": 64", 0, NULL);
  g_assert_cmpstr (changed, !=, json);
  g_assert_true (g_file_set_contents (foreign, changed, -1, NULL));
  act (window, "clear-mask", NULL);
  act (window, "load-mask", g_variant_new_string (foreign));
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
  close_window (window);
}

/* Closing while the model is loaded or talks leaves nothing behind. */
static void
test_close_while_busy (void)
{
  MoeWindow *window;

  g_application_activate (G_APPLICATION (application));
  window = MOE_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (application)));
  close_window (window);

  window = open_demo ();
  g_action_group_change_action_state (G_ACTION_GROUP (window), "max-tokens", g_variant_new_int32 (1000));
  act (window, "prompt", g_variant_new_string (QUESTION));
  wait_until (moe_document_get_n_tokens (window->document) > 0);
  close_window (window);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *command = NULL;
  g_autofree char *data = NULL;
  g_autoptr(GError) error = NULL;
  int code;

  gtk_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("moe-window-XXXXXX", NULL);
  g_assert_nonnull (folder);
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);
  data = g_test_build_filename (G_TEST_DIST, "..", "..", "data", NULL);
  g_setenv ("MOESCOPE_DATADIR", data, TRUE);

  application = moe_application_new ();
  g_application_register (G_APPLICATION (application), NULL, &error);
  g_assert_no_error (error);
  /* Windows come and go. */
  g_application_hold (G_APPLICATION (application));

  g_test_add_func ("/window/demo", test_demo);
  g_test_add_func ("/window/disable-by-pointer", test_disable_by_pointer);
  g_test_add_func ("/window/keyboard", test_keyboard);
  g_test_add_func ("/window/export", test_export);
  g_test_add_func ("/window/copy-as-command", test_copy_as_command);
  g_test_add_func ("/window/open-recording", test_open_recording);
  g_test_add_func ("/window/errors", test_errors);
  g_test_add_func ("/window/masks", test_masks);
  g_test_add_func ("/window/close-while-busy", test_close_while_busy);
  code = g_test_run ();

  g_application_release (G_APPLICATION (application));
  g_clear_object (&application);
  command = g_strdup_printf ("rm -rf '%s'", folder);
  if (!g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL))
    code = 1;
  g_free (folder);
  return code;
}
