/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-prompt-view"

#include <string.h>

#include "tests/ui/moe-window-test.h"
#include "ui/moe-prompt-view.h"
#include "ui/moe-table-view.h"

/* The prompt as it was sent, on the Live page: what it shows is what the command line writes. */

static const char start[] = "<|endoftext|><|im_start|>user\n" MOE_TEST_QUESTION "<|im_end|>\n"
                            "<|im_start|>assistant\n";

static void
on_text (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  char **text = user_data;

  *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);
}

/* What a click on @label leaves on the clipboard. */
static char *
copy (MoeWindow  *window,
      GtkWidget  *view,
      const char *label)
{
  char *text = NULL;

  moe_test_click_centre (moe_test_find_button (view, label));
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (GTK_WIDGET (window)), NULL, on_text, &text);
  moe_test_wait (text != NULL);
  return text;
}

static GtkWidget *
find_view (MoeWindow *window)
{
  return moe_test_find_widget (GTK_WIDGET (window->stack), MOE_TYPE_PROMPT_VIEW);
}

static void
toggle (MoeWindow *window)
{
  moe_test_click_centre (moe_test_find_button (GTK_WIDGET (window->stack), "_Prompt as Sent"));
  moe_test_settle ();
}

static MoeTable *
get_table (MoeWindow *window)
{
  GtkWidget *view = moe_test_find_widget (find_view (window), MOE_TYPE_TABLE_VIEW);

  return moe_table_view_get_table (MOE_TABLE_VIEW (view));
}

/* Index, id and phase of each token, as "tokenize --chat" says them. */
static void
assert_same_tokens (MoeWindow *window)
{
  g_autofree char *model = g_strdup (moe_document_get_model (window->document)->path);
  const char *command[] = { g_getenv ("MOESCOPE_CLI"), "tokenize", model, MOE_TEST_QUESTION, "--chat",
                            "--no-provenance", "--format", "csv", NULL };
  MoeTable *table = get_table (window);
  g_autofree char *out = NULL;
  g_auto(GStrv) lines = NULL;
  g_autoptr(GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) command, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  g_strchomp (out);
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      g_autofree char *head = g_strdup_printf ("\n%d,%d,", (int) moe_table_get_int (table, row, 0),
                                               (int) moe_table_get_int (table, row, 1));

      g_assert_nonnull (strstr (out, head));
    }
  /* A piece may hold a line end in quotes; the last line's index counts the tokens. */
  lines = g_strsplit (out, "\n", -1);
  g_assert_true (g_str_has_prefix (lines[0], "index,token_id,text,phase"));
  {
    g_autofree char *last = g_strdup_printf ("\n%u,", moe_table_get_n_rows (table) - 1);
    g_autofree char *beyond = g_strdup_printf ("\n%u,", moe_table_get_n_rows (table));

    g_assert_nonnull (strstr (out, last));
    g_assert_null (strstr (out, beyond));
  }
}

static void
test_one_turn (void)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *text = NULL, *tokens = NULL;
  GtkWidget *view;

  toggle (window);
  view = find_view (window);
  g_assert_true (gtk_widget_get_mapped (view));
  g_assert_cmpuint (moe_table_get_n_rows (get_table (window)), ==, 0);
  g_assert_false (gtk_widget_get_sensitive (moe_test_find_button (view, "Copy _Text")));

  moe_test_generate (window, 4);
  moe_test_settle ();
  text = copy (window, view, "Copy _Text");
  g_assert_cmpstr (text, ==, start);
  assert_same_tokens (window);

  tokens = copy (window, view, "Copy T_okens");
  g_assert_true (g_str_has_prefix (tokens, "index,token_id,piece,phase,turn\n0,"));
  g_assert_nonnull (strstr (tokens, ",<|endoftext|>,prompt-template,1\n"));
  g_assert_nonnull (strstr (tokens, ",prompt,1\n"));
  g_assert_null (strstr (tokens, ",answer,"));

  toggle (window);
  g_assert_false (gtk_widget_get_mapped (view));
  moe_test_close_window (window);
}

/* A second turn: the first answer is in its prompt, and a click on a token of the first turn goes back. */
static void
test_two_turns (void)
{
  MoeWindow *window = moe_test_open_demo ();
  g_autofree char *text = NULL, *first = NULL, *expected = NULL;
  guint n_first;

  moe_test_generate (window, 4);
  toggle (window);
  n_first = moe_table_get_n_rows (get_table (window));
  moe_test_act (window, "prompt", g_variant_new_string ("And a dog?"));
  moe_test_wait (!moe_window_is_busy (window));
  moe_test_settle ();

  text = copy (window, find_view (window), "Copy _Text");
  expected = g_strconcat (start, moe_document_get_turn (window->document, 1)->text->str, "<|im_end|>\n"
                          "<|im_start|>user\nAnd a dog?<|im_end|>\n<|im_start|>assistant\n", NULL);
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (moe_table_get_n_rows (get_table (window)), >, n_first);

  moe_document_select_token (window->document, 1);
  moe_test_settle ();
  first = copy (window, find_view (window), "Copy _Text");
  g_assert_cmpstr (first, ==, start);
  moe_test_close_window (window);
}

int
main (int    argc,
      char **argv)
{
  char *folder;

  folder = moe_test_begin (&argc, &argv, "prompt");
  g_test_add_func ("/prompt-view/one-turn", test_one_turn);
  g_test_add_func ("/prompt-view/two-turns", test_two_turns);
  return moe_test_end (folder);
}
