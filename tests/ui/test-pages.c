/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-pages"

#include "tests/ui/moe-window-test.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/moe-token-record.h"
#include "tests/support/moe-test-recording.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-table-view.h"

/* The pages of analyses: what they find on the demo model, how they are linked, and that what they write is
 * what the command line writes. */

static char *folder;

static void
show_page (MoeWindow  *window,
           const char *name)
{
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string (name));
  moe_test_settle ();
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();
}

static void
set_option (MoeWindow  *window,
            const char *name,
            const char *value)
{
  moe_test_act (window, "option", g_variant_new ("(ss)", name, value));
  moe_test_settle ();
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();
}

/* A note that comes or goes would move what is clicked on. */
static void
close_note (MoeWindow *window)
{
  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  moe_test_settle ();
  moe_test_settle ();
}

/* Whether @widget is a label that can be seen and says @text. */
static gboolean
is_label (GtkWidget     *widget,
          gconstpointer  text)
{
  return GTK_IS_LABEL (widget) && gtk_widget_get_mapped (widget)
         && g_strcmp0 (gtk_label_get_text (GTK_LABEL (widget)), text) == 0;
}

/* A window with a question asked and its recording saved. Transfer full. */
static MoeWindow *
open_recorded (const char  *name,
               char       **recording)
{
  MoeWindow *window = moe_test_open_demo ();

  *recording = g_build_filename (folder, name, NULL);
  moe_test_generate (window, 12);
  moe_test_act (window, "save-recording", g_variant_new_string (*recording));
  moe_test_wait (moe_document_is_saved (window->document));
  return window;
}

static void
on_text (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  char **text = user_data;

  *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);
}

/* Exports with @action, copies the command, runs it in a shell, and asserts that it made the same file and is
 * of @command. */
static void
assert_command_makes_file (MoeWindow  *window,
                           const char *action,
                           const char *command)
{
  static guint number;
  const char *extension = strstr (action, "svg") != NULL ? "svg"
                          : strstr (action, "json") != NULL ? "json" : "csv";
  g_autofree char *name = g_strdup_printf ("it's %u.%s", number++, extension);
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *prefix = g_strdup_printf ("moescope-cli %s ", command);
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  g_autofree char *one = NULL;
  g_autofree char *other = NULL;
  g_autoptr(GError) error = NULL;
  char *shell[] = { (char *) "sh", (char *) "-c", NULL, NULL };
  gsize one_length, other_length;
  int status;

  moe_test_act (window, action, g_variant_new_string (path));
  moe_test_wait (g_strcmp0 (window->last_export, path) == 0
                 || gtk_info_bar_get_message_type (window->info_bar) == GTK_MESSAGE_ERROR);
  g_assert_cmpstr (window->last_export, ==, path);
  moe_test_act (window, "copy-command", NULL);
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (GTK_WIDGET (window)), NULL, on_text, &text);
  moe_test_wait (text != NULL);
  g_test_message ("%s", text);
  g_assert_true (g_str_has_prefix (text, prefix));

  g_assert_true (g_file_get_contents (path, &one, &one_length, NULL));
  g_assert_cmpint (g_remove (path), ==, 0);
  line = g_strdup_printf ("%s %s", g_getenv ("MOESCOPE_CLI"), text + strlen ("moescope-cli "));
  shell[2] = line;
  g_spawn_sync (NULL, shell, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  g_assert_true (g_file_get_contents (path, &other, &other_length, NULL));
  g_assert_cmpmem (one, one_length, other, other_length);
}

/* Every kind of file in every view is the command line's. */
static void
assert_views (MoeWindow         *window,
              const char *const *view_names,
              const char        *command)
{
  for (guint i = 0; view_names[i] != NULL; i++)
    {
      set_option (window, "view", view_names[i]);
      assert_command_makes_file (window, "export-csv", command);
      assert_command_makes_file (window, "export-svg", command);
    }
  assert_command_makes_file (window, "export-json", command);
}

/* By the published test the demo model has no super expert and says why; with a smaller ratio it has one,
 * which a click finds with its trigger token. */
static void
test_super_experts (void)
{
  static const char *const rankings[] = { "ranking", "experts", "layers", "tail", NULL };
  static const char *const massive[] = { "massive", NULL };
  static const char *const checks[] = { "residual", "sinks", "heads", "perplexity", "sink_share", "max_h",
                                        NULL };
  g_autofree char *recording = NULL;
  MoeWindow *window = open_recorded ("super.moescope", &recording);
  const MoeSelection *selection = moe_document_get_selection (window->document);
  MoePage *page = moe_window_get_page (window, "super-experts");
  GtkWidget *verdict;

  show_page (window, "super-experts");
  verdict = moe_test_find_widget (GTK_WIDGET (page), GTK_TYPE_INSCRIPTION);
  g_assert_nonnull (verdict);
  g_assert_true (g_str_has_prefix (gtk_inscription_get_text (GTK_INSCRIPTION (verdict)),
                                   "none: no massive-activation-forming layers"));
  set_option (window, "ratio", "100");
  moe_test_wait (g_str_equal (gtk_inscription_get_text (GTK_INSCRIPTION (verdict)),
                              "1 super expert: L2E30."));

  close_note (window);
  moe_test_click_cell (window, 2, 30, 1);
  g_assert_true (selection->has_expert);
  g_assert_cmpint (selection->layer, ==, 2);
  g_assert_cmpint (selection->expert, ==, 30);
  g_assert_cmpint (selection->token, ==, 0);

  assert_views (window, rankings, "super-experts");
  set_option (window, "layers", "growth");
  set_option (window, "reduction", "first-row");
  assert_command_makes_file (window, "export-csv", "super-experts");
  assert_views (window, massive, "massive-activations");

  /* Nothing was checked yet. */
  set_option (window, "view", "perplexity");
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
  close_note (window);
  moe_test_click_centre (moe_test_find_button (GTK_WIDGET (page), "_Check Causally"));
  moe_test_wait (moe_page_is_busy (page)
                 || g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
  assert_views (window, checks, "super-experts");
  moe_test_close_window (window);
}

/* A model that others wrote about is compared with what they found; the demo model (above) is not. */
static void
test_published (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoePage *page = moe_window_get_page (window, "super-experts");
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autofree char *path = g_build_filename (folder, "published.moescope", NULL);
  MoeTokenRecord *record;
  GtkWidget *table;

  g_free (info->name);
  info->name = g_strdup ("Mixtral-8x7B-v0.1");
  info->n_layers = info->n_moe_layers = 32;
  info->n_experts = 8;
  info->n_used = info->n_heads = 1;
  g_free (info->moe_layers);
  info->moe_layers = g_new (guint, 32);
  record = moe_token_record_new (32, 1, 32, 1, FALSE);
  for (guint i = 0; i < 32; i++)
    {
      info->moe_layers[i] = i;
      record->experts[i] = 3;
      record->down_max[i] = i == 1 ? 5000 : 1;
      record->residual_top[3 * i] = i == 0 ? 2 : 6000;
      record->residual_median[i] = 1;
    }
  g_ptr_array_add (records, record);
  moe_test_write_records (path, info, records);

  moe_test_act (window, "open", g_variant_new_string (path));
  moe_test_wait (g_strcmp0 (moe_document_get_path (window->document), path) == 0);
  show_page (window, "super-experts");
  moe_test_wait (moe_test_search (GTK_WIDGET (page), is_label,
                                  "Published for Mixtral-8x7B-v0.1: L1E3; found here: L1E3.") != NULL);
  set_option (window, "view", "published");
  table = moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_TABLE_VIEW);
  g_assert_cmpuint (moe_table_get_n_rows (moe_table_view_get_table (MOE_TABLE_VIEW (table))), ==, 2);
  assert_command_makes_file (window, "export-csv", "super-experts");
  moe_test_close_window (window);
}

/* The demo model's strongest sink is layer 5, head 0; without its super expert it looks there less. */
static void
test_sinks (void)
{
  static const char *const plain[] = { "heads", "layers", NULL };
  static const char *const change[] = { "change-heads", "change-layers", NULL };
  g_autofree char *recording = NULL;
  MoeWindow *window = open_recorded ("sinks.moescope", &recording);
  MoePage *page = moe_window_get_page (window, "sinks");
  const MoeSelection *selection = moe_document_get_selection (window->document);
  const MoeHeatmapPlot *plot;
  GtkWidget *map;

  show_page (window, "sinks");
  map = moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_HEATMAP_VIEW);
  plot = moe_heatmap_view_get_plot (MOE_HEATMAP_VIEW (map));
  g_assert_cmpuint (plot->n_rows, ==, 8);
  g_assert_cmpuint (plot->n_columns, ==, 4);
  for (guint i = 0; i < 8 * 4; i++)
    g_assert_cmpfloat (plot->values[i], <=, plot->values[5 * 4]);
  g_assert_cmpfloat (plot->values[5 * 4], >, 0.5);

  close_note (window);
  moe_test_click_cell (window, 5, 0, 1);
  g_assert_true (selection->has_head);
  g_assert_cmpint (selection->head_layer, ==, 5);
  g_assert_cmpint (selection->head, ==, 0);
  set_option (window, "length", "16");
  set_option (window, "epsilon", "0.25");
  assert_views (window, plain, "sinks");
  set_option (window, "view", "heads");
  assert_command_makes_file (window, "export-csv-wide", "sinks");

  moe_test_act (window, "select", g_variant_new_string ("L2E30"));
  moe_test_act (window, "disable-selected", NULL);
  set_option (window, "compare", "");
  moe_test_wait (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_true (plot->diverging);
  g_assert_cmpfloat (plot->values[5 * 4], <, 0);
  assert_views (window, change, "sinks");
  set_option (window, "view", "change-heads");
  assert_command_makes_file (window, "export-csv-wide", "sinks");
  moe_test_close_window (window);
}

/* A double click on a head opens its pattern: rows that add up to 1, of the tokens in the strip. */
static void
test_attention (void)
{
  g_autofree char *recording = NULL;
  MoeWindow *window = open_recorded ("attention.moescope", &recording);
  MoePage *page = moe_window_get_page (window, "attention");
  const MoeSelection *selection = moe_document_get_selection (window->document);
  const MoeHeatmapPlot *plot;
  guint n = (guint) moe_document_get_n_tokens (window->document);
  double before;

  show_page (window, "sinks");
  close_note (window);
  moe_test_click_cell (window, 5, 0, 2);
  g_assert_true (moe_window_get_visible_page (window) == page);
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();
  plot = moe_heatmap_view_get_plot (
    MOE_HEATMAP_VIEW (moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_HEATMAP_VIEW)));
  g_assert_cmpuint (plot->n_rows, ==, n);
  for (guint query = 0; query < n; query++)
    {
      double sum = 0;

      for (guint key = 0; key < n; key++)
        if (key <= query)
          sum += plot->values[query * n + key];
        else
          g_assert_true (isnan (plot->values[query * n + key]));
      g_assert_cmpfloat_with_epsilon (sum, 1, 1e-3);
      /* What was recorded of the same run. */
      if (query > 0)
        {
          const MoeTokenRecord *record = moe_document_get_token (window->document, query)->record;

          g_assert_cmpfloat_with_epsilon (plot->values[query * n],
                                          moe_half_to_float (record->attention_first[5 * 4]), 2e-3);
        }
    }
  moe_test_click_cell (window, 9, 3, 1);
  g_assert_cmpint (selection->token, ==, 9);
  assert_command_makes_file (window, "export-csv", "attention");
  assert_command_makes_file (window, "export-csv-wide", "attention");
  assert_command_makes_file (window, "export-svg", "attention");

  /* Interventions act at once. */
  before = plot->values[9 * n];
  moe_test_act (window, "select", g_variant_new_string ("L2E30"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_settle ();
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_cmpfloat (plot->values[9 * n], !=, before);
  set_option (window, "head", "L6H2");
  g_assert_cmpint (selection->head_layer, ==, 6);
  assert_command_makes_file (window, "export-csv", "attention");
  moe_test_close_window (window);
}

/* Work can be cancelled from the page, and closing the window in the middle of it leaves nothing behind. */
static void
test_cancel (void)
{
  g_autofree char *recording = NULL;
  MoeWindow *window = open_recorded ("cancel.moescope", &recording);
  MoePage *page = moe_window_get_page (window, "super-experts");

  show_page (window, "super-experts");
  moe_test_act (window, "option", g_variant_new ("(ss)", "check", "L0E0,L0E1,L0E2,L0E3,L0E4,L0E5,L0E6,L0E7"));
  moe_test_wait (moe_page_is_running (page, MOE_PAGE_WORK));
  moe_page_cancel (page, MOE_PAGE_WORK);
  moe_test_wait (!moe_page_is_running (page, MOE_PAGE_WORK));
  set_option (window, "view", "residual");
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
  g_assert_cmpint (gtk_info_bar_get_message_type (window->info_bar), !=, GTK_MESSAGE_ERROR);

  moe_test_act (window, "option", g_variant_new ("(ss)", "check", "L0E0,L0E1,L0E2,L0E3,L0E4,L0E5,L0E6,L0E7"));
  moe_test_wait (moe_page_is_running (page, MOE_PAGE_WORK));
  moe_test_close_window (window);
}

/* Without a recording every page says what to do, and a recording without its model says why nothing runs. */
static void
test_empty (void)
{
  static const char *const names[] = { "super-experts", "sinks", "attention", NULL };
  MoeWindow *window = moe_test_open_demo ();

  for (guint i = 0; names[i] != NULL; i++)
    {
      GtkWidget *map;

      show_page (window, names[i]);
      map = moe_test_find_widget (GTK_WIDGET (window->stack), MOE_TYPE_HEATMAP_VIEW);
      g_assert_nonnull (map);
      g_assert_nonnull (strstr (moe_heatmap_view_get_plot (MOE_HEATMAP_VIEW (map))->empty_text,
                                "Generate on the Live page"));
      g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
    }
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  folder = moe_test_begin (&argc, &argv, "pages");
  g_test_add_func ("/pages/empty", test_empty);
  g_test_add_func ("/pages/super-experts", test_super_experts);
  g_test_add_func ("/pages/published", test_published);
  g_test_add_func ("/pages/sinks", test_sinks);
  g_test_add_func ("/pages/attention", test_attention);
  g_test_add_func ("/pages/cancel", test_cancel);
  return moe_test_end (folder);
}
