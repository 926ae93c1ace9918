/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-recording-page"

#include "tests/ui/moe-window-test.h"

#include <string.h>

#include "data/moe-recording.h"
#include "ui/moe-table-view.h"

/* The page Recording: what it writes is what the command line writes, and notes stay in the file. */

static char *folder;

static MoeWindow *
open_recorded (const char  *name,
               char       **path)
{
  MoeWindow *window = moe_test_open_demo ();

  *path = g_build_filename (folder, name, NULL);
  moe_test_generate (window, 12);
  moe_test_act (window, "save-recording", g_variant_new_string (*path));
  moe_test_wait (moe_document_is_saved (window->document));
  moe_test_show_page (window, "recording");
  moe_test_wait (!moe_window_is_busy (window));
  return window;
}

static gboolean
can_export (MoeWindow *window)
{
  return g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv");
}

static void
ask (MoeWindow  *window,
     const char *query)
{
  moe_test_set_option (window, "query", query);
  moe_test_set_option (window, "run", "yes");
  moe_test_wait (!moe_window_is_busy (window));
}

static gboolean
has_text (GtkWidget     *widget,
          gconstpointer  text)
{
  return (GTK_IS_LABEL (widget) && strstr (gtk_label_get_text (GTK_LABEL (widget)), text) != NULL)
         || (GTK_IS_ENTRY (widget) && g_str_equal (gtk_editable_get_text (GTK_EDITABLE (widget)), text));
}

static GtkWidget *
find_text (MoeWindow  *window,
           const char *text)
{
  return moe_test_search (GTK_WIDGET (moe_window_get_page (window, "recording")), has_text, text);
}

static gboolean
is_unnamed (GtkWidget     *widget,
            gconstpointer  data)
{
  const char *text = gtk_widget_get_tooltip_text (widget);

  return GTK_IS_BUTTON (widget) && gtk_button_get_icon_name (GTK_BUTTON (widget)) != NULL
         && (text == NULL || *text == '\0');
}

/* What is in the file, and an answer to a question, as the command line gives it. */
static void
test_query (void)
{
  static const char *const queries[] = {
    "SELECT layer, expert, count(*) AS n\nFROM routing GROUP BY 1, 2 -- of all",
    "-- what was it?\nSELECT 'it''s, \"so\"' AS layer, NULL AS expert, 0.1 AS x",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10500) "
    "SELECT i, i / 7.0 FROM c",
  };
  static const guint shown[] = { 0, 1, 10000 };
  g_autofree char *path = NULL;
  MoeWindow *window = open_recorded ("it's asked.moescope", &path);
  const MoeModelInfo *info = moe_document_get_info (window->document);
  MoePage *page = moe_window_get_page (window, "recording");
  MoeTableView *view = MOE_TABLE_VIEW (moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_TABLE_VIEW));

  g_assert_nonnull (find_text (window, info->fingerprint));
  g_assert_nonnull (find_text (window, "1 run of 1 prompt"));
  g_assert_false (can_export (window));
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      g_autofree char *name = g_strdup_printf ("answer %u", i);

      ask (window, queries[i]);
      g_assert_true (can_export (window));
      if (shown[i] > 0)
        g_assert_cmpuint (moe_table_view_get_n_shown (view), ==, shown[i]);
      moe_test_check_export (window, folder, name, MOE_EXHIBIT_CSV);
      moe_test_check_export (window, folder, name, MOE_EXHIBIT_JSON);
    }
  g_assert_nonnull (find_text (window, "The first 10,000 of 10,500 rows"));
  moe_test_close_window (window);
}

/* A statement that is wrong or would write gets a sentence, and there is no old answer beside it. */
static void
test_wrong (void)
{
  static const struct { const char *query, *says; } wrong[] = {
    { "SELECT absent FROM routing", "no such column: absent" },
    { "DELETE FROM token", "only statements that read are allowed" },
    { "SELECT 1; SELECT 2", "one statement at a time" },
    { "", "the query is empty" },
  };
  g_autofree char *path = NULL;
  MoeWindow *window = open_recorded ("wrong.moescope", &path);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      ask (window, "SELECT 1");
      g_assert_true (can_export (window));
      ask (window, wrong[i].query);
      g_assert_false (can_export (window));
      g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
      g_assert_nonnull (moe_test_search (GTK_WIDGET (window->info_bar), has_text, wrong[i].says));
    }

  /* One without an end is cancelled, and another can be asked. */
  moe_test_set_option (window, "query",
                       "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) "
                       "SELECT max(i) FROM c");
  moe_test_set_option (window, "run", "yes");
  moe_test_wait (moe_page_is_running (moe_window_get_page (window, "recording"), MOE_PAGE_WORK));
  moe_test_settle ();
  moe_page_cancel (moe_window_get_page (window, "recording"), MOE_PAGE_WORK);
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_false (can_export (window));
  ask (window, "SELECT 1");
  g_assert_true (can_export (window));
  moe_test_close_window (window);
}

/* Notes are added, changed in place and removed, and are in the file, also in the copy that was saved. */
static void
test_notes (void)
{
  g_autofree char *path = NULL;
  MoeWindow *window = open_recorded ("notes.moescope", &path);
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *again = g_build_filename (folder, "again.moescope", NULL);
  GtkWidget *entry;

  moe_document_select_token (window->document, 3);
  moe_test_set_option (window, "note", "the first");
  moe_test_wait (find_text (window, "the first") != NULL);
  moe_test_set_option (window, "note", "the other");
  moe_test_wait (find_text (window, "the other") != NULL);
  g_assert_null (moe_test_search (GTK_WIDGET (moe_window_get_page (window, "recording")), is_unnamed, NULL));

  entry = find_text (window, "the first");
  gtk_editable_set_text (GTK_EDITABLE (entry), "changed “in place”");
  g_signal_emit_by_name (entry, "activate");
  moe_test_settle ();
  moe_test_wait (!moe_window_is_busy (window));
  entry = find_text (window, "the other");
  g_signal_emit_by_name (gtk_widget_get_next_sibling (entry), "clicked");
  moe_test_wait (find_text (window, "the other") == NULL);

  /* What goes on being written has them too: more is said, and it is saved again. */
  moe_test_act (window, "prompt", g_variant_new_string ("And a cake?"));
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_act (window, "save-recording", g_variant_new_string (again));
  moe_test_wait (moe_document_is_saved (window->document));
  /* Typed and left. */
  moe_test_show_page (window, "recording");
  moe_test_wait (!moe_window_is_busy (window) && find_text (window, "changed “in place”") != NULL);
  entry = find_text (window, "changed “in place”");
  gtk_editable_set_text (GTK_EDITABLE (entry), "typed and left");
  moe_test_close_window (window);

  window = moe_test_open_demo ();
  moe_test_act (window, "open", g_variant_new_string (again));
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_show_page (window, "recording");
  moe_test_wait (find_text (window, "typed and left") != NULL);
  g_assert_nonnull (find_text (window, "token 3"));
  moe_test_close_window (window);

  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  table = moe_recording_query (recording, "SELECT token, text FROM note", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 1);
  g_assert_cmpint (moe_table_get_int (table, 0, 0), ==, 3);
  g_assert_cmpstr (moe_table_get_text (table, 0, 1), ==, "changed “in place”");
}

/* Every layout, as the command line writes it; what is there is not replaced. */
static void
test_everything (void)
{
  static const char *const layouts[] = { "routes", "trace", "counts", "tokens" };
  g_autofree char *path = NULL;
  MoeWindow *window = open_recorded ("all.moescope", &path);
  g_autofree char *wanted = g_build_filename (folder, "cli.csv", NULL);

  moe_test_set_option (window, "export-all", folder);
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_nonnull (find_text (window, "Wrote 4 files"));
  for (guint i = 0; i < G_N_ELEMENTS (layouts); i++)
    {
      const char *line[] = { g_getenv ("MOESCOPE_CLI"), "export", path, "--layout", layouts[i], "--format",
                             "csv", "--out", wanted, NULL };
      g_autofree char *name = g_strdup_printf ("all-%s.csv", layouts[i]);
      g_autofree char *file = g_build_filename (folder, name, NULL);
      g_autofree char *one = NULL, *other = NULL;
      int status;

      g_assert_true (g_spawn_sync (NULL, (char **) line, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL,
                                   &status, NULL));
      g_assert_true (g_spawn_check_wait_status (status, NULL));
      g_assert_true (g_file_get_contents (wanted, &one, NULL, NULL));
      g_assert_true (g_file_get_contents (file, &other, NULL, NULL));
      g_assert_cmpstr (one, ==, other);
    }
  moe_test_set_option (window, "export-all", folder);
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_nonnull (moe_test_search (GTK_WIDGET (window->info_bar), has_text, "nothing was written"));
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  folder = moe_test_begin (&argc, &argv, "recording-page");
  g_test_add_func ("/recording-page/everything", test_everything);
  g_test_add_func ("/recording-page/notes", test_notes);
  g_test_add_func ("/recording-page/query", test_query);
  g_test_add_func ("/recording-page/wrong", test_wrong);
  return moe_test_end (folder);
}
