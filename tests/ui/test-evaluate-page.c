/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-evaluate-page"

#include <string.h>

#include "moe-window-test.h"
#include "ui/moe-contrast-page-private.h"
#include "ui/moe-evaluate-page-private.h"
#include "ui/moe-experts-page-private.h"

/* The Evaluate page in the real window on the demo model, beside what the command line writes. */

static char *folder;

static char *
get_file (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static MoeContrastPage *
run_contrast (MoeWindow *window)
{
  MoeContrastPage *page = (MoeContrastPage *) moe_window_get_page (window, "contrast");

  moe_test_show_page (window, "contrast");
  moe_test_set_option (window, "limit", "12");
  moe_test_set_option (window, "run", "yes");
  moe_test_wait (page->study != NULL);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  return page;
}

/* A cancelled evaluation goes on where it was. */
static void
test_evaluate (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeEvaluatePage *page = (MoeEvaluatePage *) moe_window_get_page (window, "evaluate");

  moe_test_show_page (window, "evaluate");
  g_assert_true (g_str_has_suffix (moe_prompt_chooser_get_path (page->harmless), "lookalike.csv"));
  moe_test_set_option (window, "limit", "2");
  moe_test_set_option (window, "max-tokens", "5");
  moe_test_set_option (window, "random", "2");
  moe_test_act (window, "select", g_variant_new_string ("L7E29"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (moe_page_is_running (MOE_PAGE (page), MOE_PAGE_WORK));
  {
    g_autofree char *answers = moe_evaluation_settings_get_answers_path (&page->running);

    moe_test_wait (g_file_test (answers, G_FILE_TEST_EXISTS));
    moe_page_cancel (MOE_PAGE (page), MOE_PAGE_WORK);
    moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  }
  moe_test_wait (g_str_equal (gtk_button_get_label (page->run), "_Resume"));
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (page->table != NULL);
  moe_test_settle ();
  moe_test_wait (g_str_equal (gtk_button_get_label (page->run), "_Run"));
  moe_test_check_export (window, folder, "shares", MOE_EXHIBIT_SVG);
  moe_test_check_export (window, folder, "evaluation", MOE_EXHIBIT_CSV);
  moe_test_close_window (window);
}

/* The last contrast stands beside the metrics, gives the evaluation a control, and its prompts are
 * no held-out ones. */
static void
test_ranking (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeExpertsPage *experts = (MoeExpertsPage *) moe_window_get_page (window, "experts");
  MoeEvaluatePage *page = (MoeEvaluatePage *) moe_window_get_page (window, "evaluate");
  MoeContrastPage *contrast;
  MoeContrastStudy *before;
  g_autofree char *text = get_file ("text.txt");
  g_autoptr(GString) words = g_string_new (NULL);
  MoeTable *table;
  gboolean bottom = FALSE;
  int row, score, q;

  moe_test_generate (window, 4);
  moe_test_show_page (window, "evaluate");
  g_assert_false (gtk_widget_get_visible (GTK_WIDGET (page->warning)));
  /* The first 40 of each set are not ranked on unless one says so: nothing has to be warned of. */
  contrast = run_contrast (window);
  moe_test_show_page (window, "evaluate");
  g_assert_false (gtk_widget_get_visible (GTK_WIDGET (page->warning)));
  g_assert_cmpfloat (gtk_spin_button_get_value (page->skip), ==, 0);
  moe_test_set_option (window, "limit", "50");
  moe_test_settle ();
  g_assert_true (gtk_widget_get_visible (GTK_WIDGET (page->warning)));
  before = contrast->study;
  moe_test_show_page (window, "contrast");
  moe_test_set_option (window, "skip", "0");
  moe_test_set_option (window, "run", "yes");
  moe_test_wait (contrast->study != before);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (contrast)));
  moe_test_show_page (window, "experts");
  table = moe_table_view_get_table (experts->table);
  score = moe_table_find_column (table, "score");
  q = moe_table_find_column (table, "q");
  g_assert_true (score > 0 && q > 0);
  for (guint i = 0; i < 5; i++)
    {
      const MoeContrastCell *cell;

      cell = moe_contrast_get (moe_contrast_study_get_contrast (contrast->study), i);
      row = moe_table_view_find_expert (experts->table, (int) cell->layer, (int) cell->expert);
      g_assert_cmpfloat (moe_table_get_double (table, (guint) row, (guint) score), ==, cell->score);
      g_assert_cmpfloat (moe_table_get_double (table, (guint) row, (guint) q), ==, cell->q);
    }

  moe_test_show_page (window, "evaluate");
  /* Ranked on the first twelve, evaluated on those after them. */
  g_assert_false (gtk_widget_get_visible (GTK_WIDGET (page->warning)));
  g_assert_cmpfloat (gtk_spin_button_get_value (page->skip), ==, 12);
  moe_test_set_option (window, "skip", "11");
  moe_test_settle ();
  g_assert_true (gtk_widget_get_visible (GTK_WIDGET (page->warning)));
  moe_test_set_option (window, "prompts", "");
  moe_test_settle ();
  g_assert_false (gtk_widget_get_visible (GTK_WIDGET (page->warning)));
  moe_test_set_option (window, "limit", "1");
  moe_test_set_option (window, "max-tokens", "2");
  moe_test_set_option (window, "random", "1");
  for (guint i = 0; i < 60; i++)
    g_string_append_printf (words, "Bread number %u is baked in an oven. ", i);
  g_assert_true (g_file_set_contents (text, words->str, -1, NULL));
  moe_test_set_option (window, "text", text);
  moe_test_act (window, "select", g_variant_new_string ("L7E29"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (page->table != NULL);
  moe_test_settle ();
  for (guint i = 0; i < moe_table_get_n_rows (page->table); i++)
    bottom = bottom || (g_str_equal (moe_table_get_text (page->table, i, 0), "bottom") &&
                        g_str_equal (moe_table_get_text (page->table, i, 2), "perplexity"));
  g_assert_true (bottom);
  moe_test_check_export (window, folder, "evaluation with a text", MOE_EXHIBIT_CSV);
  moe_test_set_option (window, "picture", "perplexity");
  moe_test_check_export (window, folder, "perplexity", MOE_EXHIBIT_SVG);
  moe_test_close_window (window);
}

static gboolean
has_row (MoeTable   *table,
         const char *condition,
         const char *metric)
{
  for (guint i = 0; i < moe_table_get_n_rows (table); i++)
    if (g_str_equal (moe_table_get_text (table, i, 0), condition)
        && g_str_equal (moe_table_get_text (table, i, 2), metric))
      return TRUE;
  return FALSE;
}

static gboolean
is_menu_button (GtkWidget     *widget,
                gconstpointer  label)
{
  return GTK_IS_MENU_BUTTON (widget)
         && g_strcmp0 (gtk_menu_button_get_label (GTK_MENU_BUTTON (widget)), label) == 0;
}

/* The first experts of the last contrast and the present mask at other strengths, each with its controls, on
 * the tasks and the text that come with the model. */
static void
test_sweeps (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeEvaluatePage *page = (MoeEvaluatePage *) moe_window_get_page (window, "evaluate");
  g_autofree char *tasks = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "demo-model", "tasks",
                                                  "facts-and-sums.jsonl", NULL);
  g_autofree char *harmless = g_test_build_filename (G_TEST_DIST, "..", "..", "data", "demo-model", "prompts",
                                                     "harmless.csv", NULL);
  MoeTable *before;

  moe_test_show_page (window, "evaluate");
  g_assert_false (gtk_widget_get_sensitive (GTK_WIDGET (page->top)));
  g_assert_false (gtk_widget_get_sensitive (GTK_WIDGET (page->strengths)));
  run_contrast (window);
  moe_test_act (window, "select", g_variant_new_string ("L7E29"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_show_page (window, "evaluate");
  moe_test_set_option (window, "prompts", "");
  moe_test_set_option (window, "harmless", "");
  moe_test_set_option (window, "tasks", tasks);
  moe_test_set_option (window, "limit", "2");
  moe_test_set_option (window, "max-tokens", "8");
  moe_test_set_option (window, "random", "2");
  moe_test_settle ();

  moe_test_click_centre (moe_test_search (GTK_WIDGET (page), is_menu_button, "_Conditions"));
  moe_test_wait (gtk_widget_get_mapped (GTK_WIDGET (page->top)));
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->top));
  moe_test_xdotool ("type 1,x");
  moe_test_xdotool ("key Escape");
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (gtk_info_bar_get_revealed (window->info_bar));
  g_assert_nonnull (strstr (gtk_label_get_text (window->info_label), "1,x"));
  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  moe_test_settle ();

  moe_test_click_centre (moe_test_search (GTK_WIDGET (page), is_menu_button, "_Conditions"));
  moe_test_wait (gtk_widget_get_mapped (GTK_WIDGET (page->top)));
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->top));
  moe_test_xdotool ("key BackSpace type 3");
  moe_test_click_centre (GTK_WIDGET (page->strengths));
  moe_test_xdotool ("type 0.5");
  moe_test_xdotool ("key Escape");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (page->top)), ==, "1,3");
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (page->table != NULL);
  moe_test_settle ();
  g_assert_true (has_row (page->table, "plain", "accuracy"));
  g_assert_true (has_row (page->table, "random", "accuracy"));
  g_assert_true (has_row (page->table, "top:3/random", "accuracy"));
  g_assert_true (has_row (page->table, "top:1/bottom", "accuracy"));
  g_assert_true (has_row (page->table, "strength:0.5/reversed", "accuracy"));
  moe_test_check_export (window, folder, "sweeps", MOE_EXHIBIT_CSV);
  moe_test_set_option (window, "picture", "accuracy:top");
  moe_test_check_export (window, folder, "by number", MOE_EXHIBIT_SVG);

  /* Mean outputs need prompts that they are taken over. */
  before = page->table;
  moe_test_set_option (window, "mode", "mean");
  moe_test_set_option (window, "strengths", "");
  moe_test_set_option (window, "top", "2");
  moe_test_settle ();
  g_assert_true (gtk_widget_get_sensitive (GTK_WIDGET (page->calibrate)));
  moe_test_set_option (window, "run", "yes");
  g_assert_nonnull (strstr (gtk_label_get_text (window->info_label), "mean outputs"));
  moe_test_set_option (window, "calibrate", harmless);
  moe_test_set_option (window, "bottom", "no");
  moe_test_set_option (window, "run", "yes");
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  g_assert_true (page->table != before);
  moe_test_settle ();
  g_assert_true (has_row (page->table, "top:2/random", "accuracy"));
  moe_test_check_export (window, folder, "mean", MOE_EXHIBIT_CSV);
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  folder = moe_test_begin (&argc, &argv, "evaluate");
  g_test_add_func ("/evaluate-page/resume", test_evaluate);
  g_test_add_func ("/evaluate-page/ranking", test_ranking);
  g_test_add_func ("/evaluate-page/sweeps", test_sweeps);
  return moe_test_end (folder);
}
