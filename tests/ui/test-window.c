/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-window"

#include "tests/ui/moe-window-test.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-recording-session.h"
#include "ui/moe-heatmap-view.h"

/* The real window on the demo model, driven through its actions, the pointer and the keyboard (xdotool). */

static char *folder;

static void
test_demo (void)
{
  MoeWindow *window = moe_test_open_demo ();
  const MoeTurn *answer;
  guint answered = 0;

  g_assert_cmpstr (gtk_label_get_text (window->title), ==, "demo-q8_0.gguf");
  g_assert_nonnull (strstr (gtk_label_get_text (window->subtitle), "8 layers × 32 experts, top 4"));
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "save-recording"));
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));

  moe_test_generate (window, 8);
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
  moe_test_close_window (window);
}

/* The answer the program opens with is no part of the person's conversation. */
static void
test_first_question (void)
{
  MoeWindow *window;
  g_autofree char *after = NULL;

  g_application_activate (G_APPLICATION (moe_test_application));
  window = MOE_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (moe_test_application)));
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_act (window, "prompt", g_variant_new_string ("What is a cat?"));
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_cmpuint (moe_document_get_n_turns (window->document), ==, 4);
  g_assert_cmpstr (moe_document_get_turn (window->document, 2)->note, ==, "a new conversation");
  after = g_strdup (moe_document_get_turn (window->document, 3)->text->str);

  moe_test_act (window, "new-conversation", NULL);
  moe_test_act (window, "prompt", g_variant_new_string ("What is a cat?"));
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_cmpstr (moe_document_get_turn (window->document, 1)->text->str, ==, after);

  /* A second question of the person's goes on. */
  moe_test_act (window, "prompt", g_variant_new_string ("And a dog?"));
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_null (moe_document_get_turn (window->document, 2)->note);
  moe_test_close_window (window);
}

/* A click selects, a click on Disable takes the expert out of the next answer, Ctrl+Z puts it back. */
static void
test_disable_by_pointer (void)
{
  MoeWindow *window = moe_test_open_demo ();
  const MoeSelection *selection = moe_document_get_selection (window->document);
  const MoeIntervention *one;
  MoeEngineHits hits;
  gint64 plain;
  guint row = 3, expert;

  moe_test_generate (window, 16);
  plain = moe_document_get_n_tokens (window->document);
  expert = moe_document_get_token (window->document, plain - 1)->record->experts[row * 4];
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  moe_test_settle ();

  moe_test_click_cell (window, row, expert, 1);
  g_assert_true (selection->has_expert);
  g_assert_cmpint (selection->layer, ==, (int) row);
  g_assert_cmpint (selection->expert, ==, (int) expert);

  moe_test_click_centre (moe_test_find_button (GTK_WIDGET (window->inspector), "_Disable"));
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);
  one = moe_mask_get (moe_document_get_mask (window->document), 0);
  g_assert_cmpint (one->action, ==, MOE_ACTION_DISABLE);
  g_assert_cmpint (one->mode, ==, MOE_MODE_REFILL);
  g_assert_cmpint (one->expert, ==, (int) expert);

  moe_test_act (window, "regenerate", NULL);
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();
  g_assert_cmpint (moe_document_get_n_tokens (window->document), >, plain);
  g_assert_true (moe_test_uses (window, 0, row, expert));
  g_assert_false (moe_test_uses (window, plain, row, expert));
  /* Both answers are shown, and under what each was made. */
  g_assert_cmpuint (moe_document_get_n_turns (window->document), ==, 3);
  g_assert_true (moe_document_get_turn (window->document, 1)->superseded);
  g_assert_cmpstr (moe_document_get_turn (window->document, 1)->note, ==, "no interventions");
  g_assert_false (moe_document_get_turn (window->document, 2)->superseded);
  g_assert_nonnull (strstr (moe_document_get_turn (window->document, 2)->note, "disable refill"));
  g_assert_true (moe_document_get_hits (window->document, 0, &hits));
  g_assert_cmpuint (hits.changed, >, 0);
  g_assert_cmpuint (hits.changed, <=, hits.seen);

  moe_test_xdotool ("key ctrl+z");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  moe_test_xdotool ("key ctrl+shift+z");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);

  /* Double click does what the button does. */
  moe_test_click_cell (window, row, expert, 2);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  moe_test_close_window (window);
}

/* Keys act on the map, and stay letters in an entry. */
static void
test_keyboard (void)
{
  MoeWindow *window = moe_test_open_demo ();
  gint64 n;

  moe_test_generate (window, 4);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  moe_test_settle ();

  moe_test_click_cell (window, 2, 5, 1);
  moe_test_xdotool ("key d");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);
  moe_test_xdotool ("key d");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  moe_test_xdotool ("key f");
  g_assert_cmpint (moe_mask_find (moe_document_get_mask (window->document), 2, 5, MOE_ACTION_FORCE), ==, 0);
  moe_test_xdotool ("key ctrl+z");

  /* The cell cursor. */
  moe_test_xdotool ("key Right Down Return");
  g_assert_cmpint (moe_document_get_selection (window->document)->layer, ==, 3);
  g_assert_cmpint (moe_document_get_selection (window->document)->expert, ==, 6);

  /* Tokens. */
  n = moe_document_get_n_tokens (window->document);
  moe_test_xdotool ("key comma");
  g_assert_cmpint (moe_document_get_selection (window->document)->token, ==, n - 1);
  moe_test_xdotool ("key comma");
  g_assert_cmpint (moe_document_get_selection (window->document)->token, ==, n - 2);
  moe_test_xdotool ("key period");
  g_assert_cmpint (moe_document_get_selection (window->document)->token, ==, n - 1);

  moe_test_click_centre (GTK_WIDGET (window->prompt));
  moe_test_xdotool ("type --delay 20 'd f b, .'");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (window->prompt)), ==, "d f b, .");
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  gtk_editable_set_text (GTK_EDITABLE (window->prompt), "");

  /* Ctrl+F finds experts. */
  moe_test_xdotool ("key ctrl+f");
  moe_test_xdotool ("type --delay 20 'L4E31'");
  moe_test_xdotool ("key Return");
  g_assert_cmpint (moe_document_get_selection (window->document)->layer, ==, 4);
  g_assert_cmpint (moe_document_get_selection (window->document)->expert, ==, 31);
  moe_test_xdotool ("key Escape");

  /* Space pauses and goes on. */
  moe_test_click_cell (window, 0, 0, 1);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "max-tokens", g_variant_new_int32 (2000));
  moe_test_act (window, "prompt", g_variant_new_string ("Tell me a long story about a fox."));
  moe_test_wait (window->state == MOE_WINDOW_GENERATING);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "pause", g_variant_new_boolean (TRUE));
  moe_test_wait (window->paused || window->state == MOE_WINDOW_IDLE);
  if (window->state == MOE_WINDOW_GENERATING)
    {
      moe_test_xdotool ("key space");
      g_assert_false (window->paused);
    }
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_close_window (window);
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
    { "export-csv", "csv" }, { "export-csv-wide", "csv" }, { "export-json", "json" }, { "export-svg", "svg" },
  };
  static const struct { const char *metric, *phase; } choices[] = {
    { "share", "all" }, { "mean_weight", "answer" }, { "max_down", "prompt" },
  };
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *recording = g_build_filename (folder, "run.moescope", NULL);

  moe_test_generate (window, 8);
  /* The conversation is no table. */
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "export-csv"));
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  moe_test_act (window, "select", g_variant_new_string ("L2E9"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_act (window, "regenerate", NULL);
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();

  /* Also before it is saved anywhere. */
  {
    g_autofree char *path = g_build_filename (folder, "unsaved.csv", NULL);

    moe_test_act (window, "export-csv", g_variant_new_string (path));
    moe_test_wait (g_file_test (path, G_FILE_TEST_EXISTS));
  }

  moe_test_act (window, "save-recording", g_variant_new_string (recording));
  moe_test_wait (moe_document_is_saved (window->document));
  g_assert_cmpstr (moe_document_get_path (window->document), ==, recording);

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    {
      moe_test_act (window, "option", g_variant_new ("(ss)", "metric", choices[i].metric));
      g_action_group_change_action_state (G_ACTION_GROUP (window), "phase",
                                          g_variant_new_string (choices[i].phase));
      for (guint j = 0; j < G_N_ELEMENTS (formats); j++)
        {
          g_autofree char *name = g_strdup_printf ("window-%u-%u.%s", i, j, formats[j].extension);
          g_autofree char *path = g_build_filename (folder, name, NULL);
          g_autofree char *cli_path = g_strconcat (path, ".cli", NULL);
          g_autofree char *option = g_strconcat ("--", formats[j].extension, NULL);

          moe_test_act (window, formats[j].action, g_variant_new_string (path));
          moe_test_wait (g_file_test (path, G_FILE_TEST_EXISTS));
          run_cli ("heatmap", recording, "--metric", choices[i].metric, "--phase", choices[i].phase, option,
                   cli_path, g_str_equal (formats[j].action, "export-csv-wide") ? "--wide" : NULL, NULL);
          assert_same_file (path, cli_path);
        }
    }
  moe_test_close_window (window);
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
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *recording = g_build_filename (folder, "it's a run.moescope", NULL);
  g_autofree char *path = g_build_filename (folder, "copied map.csv", NULL);
  g_autofree char *kept = g_build_filename (folder, "kept.csv", NULL);
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  g_autoptr(GError) error = NULL;
  char *shell[] = { (char *) "sh", (char *) "-c", NULL, NULL };
  int status;

  moe_test_generate (window, 4);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  moe_test_act (window, "save-recording", g_variant_new_string (recording));
  moe_test_wait (moe_document_is_saved (window->document));
  moe_test_act (window, "export-csv", g_variant_new_string (path));
  moe_test_wait (window->last_export != NULL);
  moe_test_act (window, "copy-command", NULL);
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (GTK_WIDGET (window)), NULL, on_text, &text);
  moe_test_wait (text != NULL);
  g_assert_true (g_str_has_prefix (text, "moescope-cli heatmap "));

  g_assert_cmpint (g_rename (path, kept), ==, 0);
  line = g_strdup_printf ("%s %s", g_getenv ("MOESCOPE_CLI"), text + strlen ("moescope-cli "));
  shell[2] = line;
  g_spawn_sync (NULL, shell, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  assert_same_file (path, kept);
  moe_test_close_window (window);
}

/* A recording is shown with its conversation and its tokens; its figures are those it had when it was
 * made. */
static void
test_open_recording (void)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *recording = g_build_filename (folder, "reopened.moescope", NULL);
  g_autofree char *answer = NULL;
  g_autofree double *live = NULL;
  g_autofree double *read = NULL;
  gint64 n;

  moe_test_generate (window, 8);
  n = moe_document_get_n_tokens (window->document);
  answer = g_strdup (moe_document_get_turn (window->document, 1)->text->str);
  live = moe_routing_stats_get_map (moe_document_get_stats (window->document), MOE_METRIC_IMPORTANCE,
                                    MOE_PHASES_ALL);
  moe_test_act (window, "save-recording", g_variant_new_string (recording));
  moe_test_wait (moe_document_is_saved (window->document));

  moe_test_act (window, "new-conversation", NULL);
  g_assert_cmpint (moe_document_get_n_tokens (window->document), ==, 0);
  moe_test_act (window, "open", g_variant_new_string (recording));
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();
  g_assert_cmpint (moe_document_get_n_tokens (window->document), ==, n);
  g_assert_cmpstr (moe_document_get_turn (window->document, 0)->text->str, ==, MOE_TEST_QUESTION);
  g_assert_cmpstr (moe_document_get_turn (window->document, 1)->text->str, ==, answer);
  read = moe_routing_stats_get_map (moe_document_get_stats (window->document), MOE_METRIC_IMPORTANCE,
                                    MOE_PHASES_ALL);
  g_assert_cmpmem (live, 8 * 32 * sizeof *live, read, 8 * 32 * sizeof *read);

  /* The next prompt starts a recording of its own. */
  moe_test_generate (window, 8);
  g_assert_cmpint (moe_document_get_n_tokens (window->document), ==, n);
  g_assert_true (moe_document_is_live (window->document));
  moe_test_close_window (window);
}

/* The map of the page that is shown. */
static MoeHeatmapView *
get_map (MoeWindow *window)
{
  return MOE_HEATMAP_VIEW (moe_test_find_widget (GTK_WIDGET (window->stack), MOE_TYPE_HEATMAP_VIEW));
}


/* Page, selection and mask come back with the recording, and what is not sound there is passed over. */
static void
test_session (void)
{
  static const char *const unsound[] = {
    "{\"page\": 3, \"layer\": 99, \"expert\": 1, \"head_layer\": 0, \"head\": -1, \"token\": 1e9, "
    "\"mask\": \"x\"}",
    "{\"page\": \"nowhere\", \"layer\": [1], \"expert\": null, \"token\": 5000000000, \"mask\": {}}",
    "{\"zoom\": {\"routing\": [0, \"x\", 1, 1], \"sinks\": [1e300, 0, -1, 5], \"live\": 3, "
    "\"attention\": [0, 0, 5]}}",
    "[1]", "", "{",
  };
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *recording = g_build_filename (folder, "session.moescope", NULL);
  g_autofree char *kept = NULL;
  const cairo_rectangle_t zoom = { 4.5, 2, 8, 4 };
  cairo_rectangle_t again;
  GError *error = NULL;
  const MoeSelection *selection;

  moe_test_generate (window, 4);
  moe_test_act (window, "save-recording", g_variant_new_string (recording));
  moe_test_wait (moe_document_is_saved (window->document));
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  moe_test_act (window, "select", g_variant_new_string ("L2E30"));
  moe_test_act (window, "disable-selected", NULL);
  moe_document_select_token (window->document, 2);
  moe_document_select_head (window->document, 5, 1);
  moe_test_settle ();
  moe_heatmap_view_restore_zoom (get_map (window), &zoom);
  moe_test_close_window (window);

  window = moe_test_open_demo ();
  g_assert_false (moe_heatmap_view_get_zoom (get_map (window), &again));
  selection = moe_document_get_selection (window->document);
  moe_test_act (window, "open", g_variant_new_string (recording));
  moe_test_wait (!moe_window_is_busy (window));
  g_assert_cmpstr (gtk_stack_get_visible_child_name (window->stack), ==, "routing");
  g_assert_true (selection->has_expert && selection->layer == 2 && selection->expert == 30);
  g_assert_true (selection->has_head && selection->head_layer == 5 && selection->head == 1);
  g_assert_cmpint (selection->token, ==, 2);
  moe_test_settle ();
  g_assert_true (moe_heatmap_view_get_zoom (get_map (window), &again));
  g_assert_cmpfloat_with_epsilon (zoom.x, again.x, 1e-9);
  g_assert_cmpfloat_with_epsilon (zoom.y, again.y, 1e-9);
  g_assert_cmpfloat_with_epsilon (zoom.width, again.width, 1e-9);
  g_assert_cmpfloat_with_epsilon (zoom.height, again.height, 1e-9);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 1);
  moe_test_act (window, "undo", NULL);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  moe_test_act (window, "new-conversation", NULL);

  /* The mask that was undone is not kept. */
  kept = moe_recording_session_load (recording);
  g_assert_nonnull (kept);
  g_assert_null (strstr (kept, "disable"));

  for (guint i = 0; i < G_N_ELEMENTS (unsound); i++)
    {
      g_assert_true (moe_recording_session_save (recording, unsound[i], &error));
      g_assert_no_error (error);
      moe_test_act (window, "open", g_variant_new_string (recording));
      moe_test_wait (!moe_window_is_busy (window));
      g_assert_cmpstr (gtk_stack_get_visible_child_name (window->stack), ==, "routing");
      g_assert_false (selection->has_expert || selection->has_head);
      g_assert_cmpint (selection->token, ==, -1);
      g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
      moe_test_act (window, "new-conversation", NULL);

      /* It was only looked at. */
      g_free (kept);
      kept = moe_recording_session_load (recording);
      g_assert_cmpstr (kept, ==, unsound[i]);
    }
  moe_test_close_window (window);

  g_assert_false (moe_recording_session_save (folder, "{}", &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
}

/* What goes wrong stands in the window, as a sentence that names the file; nothing is lost. */
static void
test_errors (void)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *missing = g_build_filename (folder, "missing.gguf", NULL);
  g_autofree char *text = g_build_filename (folder, "notes.gguf", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "no", "folder.csv", NULL);
  const char *paths[] = { missing, text };

  moe_test_generate (window, 4);
  g_assert_true (g_file_set_contents (text, "not a model", -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      gtk_info_bar_set_revealed (window->info_bar, FALSE);
      moe_test_act (window, "open", g_variant_new_string (paths[i]));
      moe_test_wait (!moe_window_is_busy (window));
      g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
      g_assert_true (g_str_has_prefix (gtk_label_get_text (window->info_label), paths[i]));
      g_assert_true (g_str_has_suffix (gtk_label_get_text (window->info_label), "."));
      /* The model that was open still runs. */
      g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (window), "prompt"));
    }

  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string ("routing"));
  moe_test_act (window, "export-csv", g_variant_new_string (nowhere));
  moe_test_wait (gtk_info_bar_get_revealed (window->info_bar));
  g_assert_true (g_str_has_prefix (gtk_label_get_text (window->info_label), nowhere));

  gtk_info_bar_set_revealed (window->info_bar, FALSE);
  moe_test_act (window, "select", g_variant_new_string ("L9E1"));
  g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
  moe_test_close_window (window);
}

/* A mask goes to a file and back; one for another model is refused and changes nothing. */
static void
test_masks (void)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *path = g_build_filename (folder, "mask.json", NULL);
  g_autofree char *foreign = g_build_filename (folder, "foreign.json", NULL);
  g_autofree char *json = NULL;
  g_autoptr(GRegex) layers = g_regex_new ("\"experts\" *: *32", 0, 0, NULL);
  g_autofree char *changed = NULL;
  g_autoptr(MoeMask) saved = NULL;

  moe_test_act (window, "select", g_variant_new_string ("L1E3"));
  moe_test_act (window, "disable-selected", NULL);
  moe_test_act (window, "select", g_variant_new_string ("L2E4"));
  moe_test_act (window, "force-selected", NULL);
  saved = moe_mask_ref (moe_document_get_mask (window->document));
  g_assert_cmpuint (moe_mask_get_n (saved), ==, 2);
  moe_test_act (window, "save-mask", g_variant_new_string (path));
  moe_test_act (window, "clear-mask", NULL);
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  moe_test_act (window, "load-mask", g_variant_new_string (path));
  g_assert_true (moe_mask_equal (saved, moe_document_get_mask (window->document)));

  g_assert_true (g_file_get_contents (path, &json, NULL, NULL));
  changed = g_regex_replace_literal (layers, json, -1, 0, "\"experts\": 64", 0, NULL);
  g_assert_cmpstr (changed, !=, json);
  g_assert_true (g_file_set_contents (foreign, changed, -1, NULL));
  moe_test_act (window, "clear-mask", NULL);
  moe_test_act (window, "load-mask", g_variant_new_string (foreign));
  g_assert_cmpuint (moe_mask_get_n (moe_document_get_mask (window->document)), ==, 0);
  g_assert_true (gtk_info_bar_get_revealed (window->info_bar));
  moe_test_close_window (window);
}

/* Closing while the model is loaded or talks leaves nothing behind. */
/* On a small screen nothing of a page is cut off; what does not fit beside it goes below. */
static void
test_small (void)
{
  static const char *const names[] = { "live", "routing", "super-experts", "sinks", "contrast", "experts",
                                       "attention", "compare", "evaluate", "routes", "recording", NULL };
  MoeWindow *window = moe_test_open_demo ();

  moe_test_act (window, "select", g_variant_new_string ("L7E29"));
  moe_test_act (window, "disable-selected", NULL);
  for (guint i = 0; names[i] != NULL; i++)
    {
      int width, height;

      g_action_group_change_action_state (G_ACTION_GROUP (window), "page", g_variant_new_string (names[i]));
      moe_test_settle ();
      gtk_widget_measure (GTK_WIDGET (window), GTK_ORIENTATION_HORIZONTAL, -1, &width, NULL, NULL, NULL);
      gtk_widget_measure (GTK_WIDGET (window), GTK_ORIENTATION_VERTICAL, 900, &height, NULL, NULL, NULL);
      g_test_message ("%s needs %d x %d", names[i], width, height);
      g_assert_cmpint (width, <=, 900);
      g_assert_cmpint (height, <=, 600);
    }
  moe_test_close_window (window);
}

static void
test_close_while_busy (void)
{
  MoeWindow *window;

  g_application_activate (G_APPLICATION (moe_test_application));
  window = MOE_WINDOW (gtk_application_get_active_window (GTK_APPLICATION (moe_test_application)));
  moe_test_close_window (window);

  window = moe_test_open_demo ();
  g_action_group_change_action_state (G_ACTION_GROUP (window), "max-tokens", g_variant_new_int32 (1000));
  moe_test_act (window, "prompt", g_variant_new_string (MOE_TEST_QUESTION));
  moe_test_wait (moe_document_get_n_tokens (window->document) > 0);
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  folder = moe_test_begin (&argc, &argv, "window");
  g_test_add_func ("/window/demo", test_demo);
  g_test_add_func ("/window/first-question", test_first_question);
  g_test_add_func ("/window/disable-by-pointer", test_disable_by_pointer);
  g_test_add_func ("/window/keyboard", test_keyboard);
  g_test_add_func ("/window/export", test_export);
  g_test_add_func ("/window/copy-as-command", test_copy_as_command);
  g_test_add_func ("/window/open-recording", test_open_recording);
  g_test_add_func ("/window/session", test_session);
  g_test_add_func ("/window/errors", test_errors);
  g_test_add_func ("/window/masks", test_masks);
  g_test_add_func ("/window/small", test_small);
  g_test_add_func ("/window/close-while-busy", test_close_while_busy);
  return moe_test_end (folder);
}
