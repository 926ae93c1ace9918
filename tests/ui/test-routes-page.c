/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-routes-page"

#include "tests/ui/moe-window-test.h"

#include <string.h>

#include "ui/moe-chart-view.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-table-view.h"

/* The page Routes: what it writes is what the command line writes, and it shares the selection. */

static char *folder;

static MoeWindow *
open_recorded (const char *name)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *recording = g_build_filename (folder, name, NULL);

  moe_test_generate (window, 24);
  moe_test_act (window, "save-recording", g_variant_new_string (recording));
  moe_test_wait (moe_document_is_saved (window->document));
  moe_test_show_page (window, "routes");
  return window;
}

static gboolean
can_export (MoeWindow *window)
{
  return g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv");
}

static void
choose (MoeWindow  *window,
        const char *name,
        const char *value)
{
  moe_test_set_option (window, name, value);
  moe_test_wait (can_export (window) && !moe_window_is_busy (window));
  moe_test_settle ();
}

static void
test_exports (void)
{
  static const struct { const char *metric, *options[3][2]; gboolean map; } cases[] = {
    { "coactivation", { { "layer", "3" }, { "value", "lift" }, { "color-scale", "log" } }, TRUE },
    { "affinity", { { "layer", "2" }, { "pairs", "top1" }, { "value", "share" } }, TRUE },
    { "recall", { { "layer", "6" } }, FALSE },
    { "similarity", { { "layer", "5" } }, TRUE },
    { "srp", { { NULL } }, FALSE },
    { "srp-experts", { { "segment", "8" }, { "color-scale", "rank" } }, TRUE },
    { "cache", { { "segment", "4" } }, FALSE },
    { "cache", { { "layer", "7" } }, FALSE },
    { "balance", { { NULL } }, FALSE },
    { "parallel", { { NULL } }, FALSE },
    { "tiles", { { NULL } }, FALSE },
    { "drops", { { NULL } }, FALSE },
  };
  MoeWindow *window = open_recorded ("it's routes.moescope");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = g_strdup_printf ("%u %s", i, cases[i].metric);

      choose (window, "metric", cases[i].metric);
      for (guint option = 0; option < 3 && cases[i].options[option][0] != NULL; option++)
        choose (window, cases[i].options[option][0], cases[i].options[option][1]);
      moe_test_check_export (window, folder, name, MOE_EXHIBIT_CSV);
      moe_test_check_export (window, folder, name, MOE_EXHIBIT_SVG);
      if (cases[i].map)
        moe_test_check_export (window, folder, name, MOE_EXHIBIT_CSV_WIDE);
    }
  moe_test_check_export (window, folder, "last", MOE_EXHIBIT_JSON);
  moe_test_close_window (window);
}

static gboolean
shows_layer (MoeTableView *view,
             int           layer)
{
  MoeTable *table = moe_table_view_get_table (view);

  return table != NULL && moe_table_get_n_rows (table) > 0 && moe_table_get_int (table, 0, 0) == layer;
}

/* A layer that is selected elsewhere is shown here, and what is clicked on here is selected everywhere. */
static void
test_selection (void)
{
  MoeWindow *window = open_recorded ("selection.moescope");
  MoePage *page = moe_window_get_page (window, "routes");
  const MoeSelection *selection = moe_document_get_selection (window->document);
  MoeTableView *table = MOE_TABLE_VIEW (moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_TABLE_VIEW));
  MoeHeatmapView *map = MOE_HEATMAP_VIEW (moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_HEATMAP_VIEW));
  const MoeHeatmapPlot *plot = moe_heatmap_view_get_plot (map);

  moe_test_wait (can_export (window) && !moe_window_is_busy (window));
  g_assert_cmpuint (plot->n_rows, ==, 32);
  g_assert_cmpuint (plot->n_columns, ==, 32);
  moe_test_act (window, "select", g_variant_new_string ("L5E9"));
  moe_test_wait (shows_layer (table, 5) && !moe_window_is_busy (window));

  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  moe_test_settle ();
  moe_test_settle ();
  moe_test_click_cell (window, 20, 11, 1);
  g_assert_cmpint (selection->layer, ==, 5);
  g_assert_cmpint (selection->expert, ==, 20);
  moe_test_wait (plot->selected_row == 20);
  g_assert_cmpint (plot->selected_column, ==, 11);

  /* The last layer has no next one: the one before stays. */
  choose (window, "metric", "affinity");
  moe_test_act (window, "select", g_variant_new_string ("L7E3"));
  moe_test_settle ();
  moe_test_wait (can_export (window) && !moe_window_is_busy (window));
  g_assert_true (shows_layer (table, 5));

  choose (window, "metric", "srp-experts");
  moe_test_click_cell (window, 2, 30, 1);
  g_assert_cmpint (selection->layer, ==, 2);
  g_assert_cmpint (selection->expert, ==, 30);

  /* By keyboard: from point to point of a chart. */
  choose (window, "metric", "balance");
  gtk_widget_grab_focus (moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_CHART_VIEW));
  moe_test_settle ();
  moe_test_xdotool ("key Right");
  moe_test_wait (selection->layer == 3);
  g_assert_cmpint (selection->expert, ==, 30);
  moe_test_close_window (window);
}

static gboolean
is_unnamed (GtkWidget     *widget,
            gconstpointer  data)
{
  const char *text = gtk_widget_get_tooltip_text (widget);

  return (GTK_IS_DROP_DOWN (widget) || GTK_IS_SPIN_BUTTON (widget)) && (text == NULL || *text == '\0');
}

/* Options that make no sense are refused, and a page without anything says what to do. */
static void
test_empty (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoePage *page = moe_window_get_page (window, "routes");
  MoeHeatmapView *map;
  g_autoptr(GError) error = NULL;
  static const char *const wrong[][2] = {
    { "metric", "nonsense" }, { "layer", "99" }, { "layer", "all" }, { "segment", "0" },
    { "segment", "5000" },
    { "pairs", "some" }, { "value", "nonsense" }, { "color-scale", "nonsense" }, { "nonsense", "1" },
  };

  moe_test_show_page (window, "routes");
  map = MOE_HEATMAP_VIEW (moe_test_find_widget (GTK_WIDGET (page), MOE_TYPE_HEATMAP_VIEW));
  g_assert_nonnull (strstr (moe_heatmap_view_get_plot (map)->empty_text, "Generate on the Live page"));
  g_assert_false (can_export (window));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_assert_false (moe_page_set_option (page, wrong[i][0], wrong[i][1], &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
  g_assert_null (moe_test_search (GTK_WIDGET (page), is_unnamed, NULL));
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  folder = moe_test_begin (&argc, &argv, "routes-page");
  g_test_add_func ("/routes-page/empty", test_empty);
  g_test_add_func ("/routes-page/exports", test_exports);
  g_test_add_func ("/routes-page/selection", test_selection);
  return moe_test_end (folder);
}
