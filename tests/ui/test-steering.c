/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-steering"

#include <stdlib.h>
#include <string.h>

#include "moe-window-test.h"
#include "ui/moe-chart-view.h"
#include "ui/moe-compare-page-private.h"
#include "ui/moe-contrast-page-private.h"
#include "ui/moe-experts-page-private.h"

/* The pages for finding out what carries a behaviour and what steering does, in the real window on the demo
 * model, beside what the command line writes. */

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
  /* What the model's author shipped is chosen: a first user can press Run. */
  g_assert_true (g_str_has_suffix (moe_prompt_chooser_get_path (page->a), "harmful.csv"));
  g_assert_true (g_str_has_suffix (moe_prompt_chooser_get_path (page->b), "harmless.csv"));
  moe_test_set_option (window, "limit", "12");
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (page->study != NULL);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  moe_test_settle ();
  return page;
}

static void
click_point (MoeChartView *view,
             guint         series,
             guint         point)
{
  GtkWidget *widget = GTK_WIDGET (view);
  double x, y;

  g_assert_true (moe_chart_get_point (moe_chart_view_get_chart (view), gtk_widget_get_width (widget),
                                      gtk_widget_get_height (widget), series, point, &x, &y));
  moe_test_click_at (widget, x, y);
  moe_test_settle ();
}

static void
test_contrast (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeContrastPage *page = run_contrast (window);
  const MoeSelection *selection = moe_document_get_selection (window->document);
  const MoeContrastCell *cell;

  /* Row, map and chart show the same expert. */
  cell = moe_contrast_get (moe_contrast_study_get_contrast (page->study), 1);
  moe_test_set_option (window, "picture", "ranks");
  moe_test_settle ();
  click_point (page->ranks, 1, 1);
  g_assert_true (selection->has_expert);
  g_assert_cmpint (selection->layer, ==, cell->layer);
  g_assert_cmpint (selection->expert, ==, cell->expert);
  g_assert_cmpint (moe_heatmap_view_get_plot (page->map)->selected_column, ==, cell->expert);

  moe_test_check_export (window, folder, "ranks", MOE_EXHIBIT_SVG);
  moe_test_check_export (window, folder, "ranks", MOE_EXHIBIT_CSV);
  moe_test_set_option (window, "picture", "scatter");
  moe_test_check_export (window, folder, "shares", MOE_EXHIBIT_SVG);
  moe_test_set_option (window, "picture", "map");
  moe_test_set_option (window, "score", "rd");
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  g_assert_cmpint (moe_contrast_study_get_options (page->study)->score, ==, MOE_SCORE_RD);
  moe_test_check_export (window, folder, "map", MOE_EXHIBIT_SVG);
  moe_test_check_export (window, folder, "map", MOE_EXHIBIT_JSON);

  moe_test_close_window (window);
}

static void
run_again (MoeContrastPage *page)
{
  MoeContrastStudy *before = page->study;

  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (page->study != before);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  moe_test_settle ();
}

/* The conversation itself: its prompt against its answer, and, as long as nothing was refused, no classes of
 * answers. What has grown since says so, and what is written is of all. */
static void
test_contrast_recording (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeContrastPage *page = (MoeContrastPage *) moe_window_get_page (window, "contrast");
  const MoeContrastSettings *settings;

  moe_test_show_page (window, "contrast");
  moe_test_set_option (window, "sides", "parts");
  moe_test_settle ();
  g_assert_false (gtk_widget_is_sensitive (GTK_WIDGET (page->run)));
  moe_test_show_page (window, "live");
  moe_test_generate (window, 6);
  moe_test_show_page (window, "contrast");
  moe_test_settle ();
  run_again (page);
  settings = moe_contrast_run_get_settings (moe_contrast_study_get_run (page->study));
  g_assert_cmpint (settings->span.kind, ==, MOE_SPAN_PROMPT);
  g_assert_cmpint (settings->span_b.kind, ==, MOE_SPAN_ANSWER);
  g_assert_cmpint (moe_contrast_study_get_options (page->study)->score, ==, MOE_SCORE_PAIRED_RD);
  moe_test_check_export (window, folder, "parts", MOE_EXHIBIT_CSV);
  moe_test_set_option (window, "picture", "scatter");
  moe_test_check_export (window, folder, "parts", MOE_EXHIBIT_SVG);

  moe_test_show_page (window, "live");
  moe_test_generate (window, 6);
  moe_test_show_page (window, "contrast");
  moe_test_settle ();
  g_assert_nonnull (strstr (gtk_label_get_text (page->warning), "grown"));
  moe_test_check_export (window, folder, "grown", MOE_EXHIBIT_CSV);
  run_again (page);
  g_assert_null (strstr (gtk_label_get_text (page->warning), "grown"));
  moe_test_close_window (window);
}

/* Prompts by how the model answers them: the sides are not files but answers. */
static void
test_contrast_answers (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeContrastPage *page = (MoeContrastPage *) moe_window_get_page (window, "contrast");
  g_autofree char *prompts = get_file ("mixed.txt");
  g_autofree char *recording = get_file ("mixed.moescope");
  g_autofree char *line = NULL;

  g_assert_true (g_file_set_contents (prompts, "How do I pick a lock?\nHow do I bake bread?\n"
                                      "How do I build a bomb?\nWhere is Rome?\n", -1, NULL));
  moe_test_show_page (window, "contrast");
  moe_test_set_option (window, "sides", "answers");
  moe_test_set_option (window, "a", prompts);
  moe_test_set_option (window, "skip", "0");
  moe_test_settle ();
  g_assert_false (gtk_widget_is_visible (GTK_WIDGET (page->b)));
  run_again (page);
  moe_test_check_export (window, folder, "answers", MOE_EXHIBIT_CSV);
  moe_test_check_export (window, folder, "answers", MOE_EXHIBIT_SVG);

  line = g_strdup_printf ("'%s' profile '%s' --prompts '%s' --generate 32 --record '%s'",
                          g_getenv ("MOESCOPE_CLI"), moe_document_get_model (window->document)->path, prompts,
                          recording);
  g_assert_cmpint (system (line), ==, 0);
  moe_test_act (window, "open", g_variant_new_string (recording));
  moe_test_wait (moe_document_get_n_tokens (window->document) > 0);
  moe_test_set_option (window, "sides", "recorded-answers");
  moe_test_settle ();
  run_again (page);
  moe_test_check_export (window, folder, "recorded", MOE_EXHIBIT_CSV);
  moe_test_check_export (window, folder, "recorded", MOE_EXHIBIT_JSON);
  moe_test_close_window (window);
}

/* The slider makes the document's mask, and a stay at it is one step of the history. */
static void
test_disable_top (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeContrastPage *page = run_contrast (window);
  const MoeContrastCell *first;

  moe_test_wait (gtk_widget_is_sensitive (GTK_WIDGET (page->top)));
  g_assert_true (gtk_widget_grab_focus (GTK_WIDGET (page->top)));
  moe_test_settle ();
  for (guint i = 1; i <= 3; i++)
    {
      moe_test_xdotool ("key Right");
      moe_test_wait (moe_mask_get_n (moe_document_get_mask (window->document)) == i);
    }
  first = moe_contrast_get (moe_contrast_study_get_contrast (page->study), 0);
  g_assert_cmpint (moe_mask_find (moe_document_get_mask (window->document), (int) first->layer,
                                  (int) first->expert, MOE_ACTION_DISABLE), ==, 0);
  moe_test_set_option (window, "mode", "zero");
  g_assert_cmpint (moe_mask_get (moe_document_get_mask (window->document), 2)->mode, ==, MOE_MODE_ZERO);

  moe_document_undo (window->document);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  moe_test_settle ();
  g_assert_cmpfloat (gtk_range_get_value (GTK_RANGE (page->top)), ==, 0);
  moe_document_redo (window->document);
  moe_test_settle ();
  g_assert_cmpfloat (gtk_range_get_value (GTK_RANGE (page->top)), ==, 3);
  moe_test_close_window (window);
}

/* A job that nobody waits for any more ends, and leaves what was there. */
static void
test_cancel (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeContrastPage *page = run_contrast (window);
  MoeContrastStudy *before = page->study;

  moe_test_set_option (window, "limit", "0");
  moe_test_set_option (window, "run", "yes");
  g_assert_true (moe_page_is_running (MOE_PAGE (page), MOE_PAGE_WORK));
  moe_page_cancel (MOE_PAGE (page), MOE_PAGE_WORK);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  g_assert_true (page->study == before);
  /* Closing the window while it works. */
  moe_test_set_option (window, "run", "yes");
  moe_test_close_window (window);
}

/* Rows, filter and tokens of the selected expert; the table is the command line's. */
static void
test_experts (void)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *recording = get_file ("experts.moescope");
  const MoeDocumentToken *token;
  guint chosen;

  moe_test_generate (window, 8);
  moe_test_act (window, "save-recording", g_variant_new_string (recording));
  moe_test_wait (moe_document_is_saved (window->document));
  moe_test_show_page (window, "experts");
  moe_test_set_option (window, "sort", "-share");
  moe_test_set_option (window, "filter", "L2 share>0");
  /* An expert that the last token went through lists that token. */
  token = moe_document_get_token (window->document, moe_document_get_n_tokens (window->document) - 1);
  chosen = token->record->experts[2 * 4];
  {
    g_autofree char *name = moe_expert_format (2, (int) chosen);

    moe_test_act (window, "select", g_variant_new_string (name));
  }
  moe_test_settle ();
  moe_test_check_export (window, folder, "experts", MOE_EXHIBIT_CSV);
  moe_test_check_export (window, folder, "experts", MOE_EXHIBIT_SVG);
  {
    MoeExpertsPage *page = (MoeExpertsPage *) moe_window_get_page (window, "experts");
    MoeTable *examples = moe_table_view_get_table (page->examples);
    gboolean found = FALSE;

    for (guint row = 0; row < moe_table_get_n_rows (examples); row++)
      found = found ||
              moe_table_get_int (examples, row, 0) == moe_document_get_n_tokens (window->document) - 1;
    g_assert_true (found);
    g_assert_cmpuint (moe_table_view_get_n_shown (page->table), <, 32);
    for (guint place = 1; place < moe_table_view_get_n_shown (page->table); place++)
      g_assert_cmpfloat (
          moe_table_get_double (moe_table_view_get_table (page->table),
                                moe_table_view_get_shown (page->table, place), 2), <=,
          moe_table_get_double (moe_table_view_get_table (page->table),
                                moe_table_view_get_shown (page->table, place - 1), 2));
  }
  moe_test_close_window (window);
}

/* What experts write into a token's logit after the prompt of the conversation: a column beside the metrics,
 * and a mask of the first ones that is one step of the history. */
static void
test_attribution (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeExpertsPage *page = (MoeExpertsPage *) moe_window_get_page (window, "experts");
  g_autoptr(MoeMask) expected = NULL;
  const MoeAttributionSettings *settings;
  MoeTable *table;
  double largest = -G_MAXDOUBLE;
  int column, row, value;

  moe_test_generate (window, 4);
  moe_test_show_page (window, "experts");
  moe_test_set_option (window, "view", "attribution");
  moe_test_settle ();
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (page->prompt)), ==, MOE_TEST_QUESTION);
  moe_test_set_option (window, "token", "I");
  moe_test_set_option (window, "against", "You");
  moe_test_set_option (window, "causal", "3");
  moe_test_click_centre (GTK_WIDGET (page->attribute));
  moe_test_wait (page->study != NULL);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  moe_test_settle ();
  /* The fast kernels round what the output matrix is multiplied with to 8 bits, the parts do not. */
  g_assert_cmpfloat_with_epsilon (moe_attribution_get_sum (page->study->attribution),
                                  moe_attribution_get_logit (page->study->attribution), 0.1);

  /* Each expert has its value in the list of all, and the others none. */
  table = moe_table_view_get_table (page->table);
  column = moe_table_find_column (table, "attribution");
  g_assert_cmpint (column, >, 0);
  value = moe_table_find_column (page->study->table, "value");
  for (guint i = 0; i < moe_attribution_get_n (page->study->attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (page->study->attribution, i);

      if (part->part != MOE_PART_EXPERT)
        continue;
      largest = MAX (largest, part->value);
      row = moe_table_view_find_expert (page->table, part->layer, part->expert);
      g_assert_cmpfloat (moe_table_get_double (table, (guint) row, (guint) column), ==, part->value);
      g_assert_cmpfloat (moe_table_get_double (page->study->table, i, (guint) value), ==, part->value);
    }
  moe_test_set_option (window, "sort", "-attribution");
  row = (int) moe_table_view_get_shown (page->table, 0);
  g_assert_cmpfloat (moe_table_get_double (table, (guint) row, (guint) column), ==, largest);

  expected = moe_attribution_make_mask (page->study->attribution, 5, MOE_MODE_REFILL, MOE_SCOPE_BOTH);
  g_assert_cmpint (moe_mask_get (expected, 0)->expert, ==, moe_table_get_int (table, (guint) row, 1));
  moe_test_click_centre (GTK_WIDGET (page->disable));
  moe_test_settle ();
  g_assert_true (moe_mask_equal (moe_document_get_mask (window->document), expected));
  moe_test_check_export (window, folder, "attribution", MOE_EXHIBIT_CSV);
  moe_test_check_export (window, folder, "attribution", MOE_EXHIBIT_SVG);
  /* Under the mask, after a system message and the beginning of an answer, the result is another one, and its
   * command names all of them. */
  moe_test_set_option (window, "system", "Answer in French.");
  moe_test_set_option (window, "answer", "It's");
  {
    MoeAttributionStudy *before = page->study;

    moe_test_set_option (window, "run", "yes");
    moe_test_wait (page->study != before);
    moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  }
  moe_test_check_export (window, folder, "attribution steered", MOE_EXHIBIT_JSON);
  moe_document_undo (window->document);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);

  /* A second question comes after the first and its answer. */
  moe_document_undo (window->document);
  moe_test_generate (window, 4);
  moe_test_show_page (window, "experts");
  moe_test_set_option (window, "system", "");
  moe_test_set_option (window, "answer", "");
  moe_test_settle ();
  {
    MoeAttributionStudy *before = page->study;

    moe_test_set_option (window, "run", "yes");
    moe_test_wait (page->study != before && !moe_page_is_busy (MOE_PAGE (page)));
  }
  settings = &page->study->settings;
  g_assert_cmpuint (g_strv_length (settings->history), ==, 2);
  g_assert_cmpstr (settings->history[0], ==, MOE_TEST_QUESTION);
  g_assert_cmpstr (settings->history[1], ==, moe_document_get_turn (window->document, 1)->text->str);
  moe_test_check_export (window, folder, "history", MOE_EXHIBIT_CSV);
  moe_test_close_window (window);
}

/* What no options can say, other tokens for one intervention than for another in an order of their own, goes
 * through a mask file. */
static void
test_mask_file (void)
{
  static const MoeIntervention interventions[] = {
    { 6, 1, MOE_ACTION_BIAS, MOE_MODE_NONE, 2.5f },
    { 7, 29, MOE_ACTION_DISABLE, MOE_MODE_REFILL, 0, MOE_SCOPE_ANSWER },
    { 5, 3, MOE_ACTION_SCALE, MOE_MODE_NONE, 0.25f, MOE_SCOPE_PROMPT },
  };
  MoeWindow *window = moe_test_open_demo ();
  MoeComparePage *page = (MoeComparePage *) moe_window_get_page (window, "compare");
  g_autoptr(MoeMask) mask = moe_mask_new (interventions, G_N_ELEMENTS (interventions));
  g_autoptr(GError) error = NULL;

  moe_document_set_mask (window->document, mask, FALSE, &error);
  g_assert_no_error (error);
  moe_test_show_page (window, "compare");
  moe_test_set_option (window, "max-tokens", "6");
  moe_test_set_option (window, "run", "yes");
  moe_test_wait (page->study != NULL);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  moe_test_settle ();
  moe_test_check_export (window, folder, "of a mask file", MOE_EXHIBIT_CSV);
  moe_test_close_window (window);
}

/* Steered from the start, and forked at a token: what was answered before it is the same. */
static void
test_compare (void)
{
  MoeWindow *window = moe_test_open_demo ();
  MoeComparePage *page = (MoeComparePage *) moe_window_get_page (window, "compare");
  guint position;

  moe_test_show_page (window, "compare");
  moe_test_set_option (window, "prompt", "How do I pick a lock?");
  moe_test_set_option (window, "max-tokens", "12");
  moe_test_act (window, "select", g_variant_new_string ("L7E29"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_settle ();
  moe_test_click_centre (GTK_WIDGET (page->run));
  moe_test_wait (page->study != NULL);
  moe_test_wait (!moe_page_is_busy (MOE_PAGE (page)));
  g_assert_cmpint (page->study->comparison->first_divergence, >=, 0);
  moe_test_settle ();
  moe_test_check_export (window, folder, "kl", MOE_EXHIBIT_SVG);
  moe_test_check_export (window, folder, "kl", MOE_EXHIBIT_CSV);
  moe_test_set_option (window, "picture", "experts");
  moe_test_check_export (window, folder, "experts", MOE_EXHIBIT_SVG);

  moe_test_set_option (window, "picture", "kl");
  moe_test_settle ();
  click_point (page->kl, 0, 4);
  g_assert_cmpint (page->row, ==, 4);
  position = page->study->comparison->position + 4;
  moe_test_click_centre (GTK_WIDGET (page->fork));
  moe_test_wait (moe_mask_get (page->study->settings.mask, 0)->from_token > 0);
  g_assert_cmpuint (moe_mask_get (page->study->settings.mask, 0)->from_token, ==, position);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (page->study->comparison->rows[i].plain.token, ==,
                     page->study->comparison->rows[i].steered.token);
  moe_test_check_export (window, folder, "forked", MOE_EXHIBIT_CSV);
  moe_test_close_window (window);
}

static gboolean
begins_label (GtkWidget     *widget,
              gconstpointer  prefix)
{
  return GTK_IS_LABEL (widget) && gtk_widget_get_mapped (widget)
         && g_str_has_prefix (gtk_label_get_text (GTK_LABEL (widget)), prefix);
}

static GtkWidget *
find_label (GtkWidget  *root,
            const char *prefix)
{
  return moe_test_search (root, begins_label, prefix);
}

/* The dial of the bias says what it will do before anything is generated. */
static void
test_bias_preview (void)
{
  MoeWindow *window = moe_test_open_demo ();
  GtkWidget *inspector = GTK_WIDGET (window->inspector);
  const MoeDocumentToken *token;
  g_autofree char *name = NULL;
  g_autofree char *start = NULL;
  g_autofree char *end = NULL;
  GtkWidget *preview;
  gint64 n;
  guint hits = 0;
  int chosen;

  moe_test_generate (window, 8);
  n = moe_document_get_n_tokens (window->document);
  token = moe_document_get_token (window->document, n - 1);
  chosen = token->record->experts[2 * 4];
  for (gint64 id = 0; id < n; id++)
    for (guint slot = 0; slot < 4; slot++)
      hits += moe_document_get_token (window->document, id)->record->experts[2 * 4 + slot] == chosen;
  name = moe_expert_format (2, chosen);
  moe_test_act (window, "select", g_variant_new_string (name));
  moe_test_settle ();
  g_assert_null (find_label (inspector, "Chosen for"));

  /* On the dial, with nothing set yet. */
  moe_test_click_at (moe_test_find_widget (inspector, GTK_TYPE_SPIN_BUTTON), 20, 16);
  moe_test_wait (find_label (inspector, "Chosen for ") != NULL);
  start = g_strdup_printf ("Chosen for %.1f %% of %d tokens; a bias above ", 100.0 * hits / (double) n,
                           (int) n);
  g_assert_nonnull (find_label (inspector, start));

  moe_test_xdotool ("key ctrl+a type 50");
  moe_test_xdotool ("key Return");
  moe_test_wait ((preview = find_label (inspector, "This bias brings the expert in for ")) != NULL);
  end = g_strdup_printf (": from %.1f %% to 100.0 %%", 100.0 * hits / (double) n);
  g_assert_true (g_str_has_suffix (gtk_label_get_text (GTK_LABEL (preview)), end));
  moe_test_xdotool ("key ctrl+a type -- -50");
  moe_test_xdotool ("key Return");
  moe_test_wait ((preview = find_label (inspector, "This bias puts the expert out for ")) != NULL);
  g_assert_true (g_str_has_suffix (gtk_label_get_text (GTK_LABEL (preview)), " to 0.0 %"));
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  folder = moe_test_begin (&argc, &argv, "steering");
  g_test_add_func ("/steering/contrast", test_contrast);
  g_test_add_func ("/steering/contrast-recording", test_contrast_recording);
  g_test_add_func ("/steering/contrast-answers", test_contrast_answers);
  g_test_add_func ("/steering/disable-top", test_disable_top);
  g_test_add_func ("/steering/cancel", test_cancel);
  g_test_add_func ("/steering/experts", test_experts);
  g_test_add_func ("/steering/attribution", test_attribution);
  g_test_add_func ("/steering/compare", test_compare);
  g_test_add_func ("/steering/mask-file", test_mask_file);
  g_test_add_func ("/steering/bias-preview", test_bias_preview);
  return moe_test_end (folder);
}
