/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-table-view"

#include <math.h>

#include "moe-gui-test.h"
#include "ui/moe-table-view.h"

#define N_ROWS 300

typedef struct
{
  GtkWidget    *window, *widget;
  MoeTableView *view;
  int           selected;
  guint         n_selected;
} Fixture;

static void
on_selected (MoeTableView *view,
             int           row,
             Fixture      *fixture)
{
  fixture->selected = row;
  fixture->n_selected++;
}

/* 300 experts; every seventh has no score. */
static double
get_score (guint row)
{
  return row % 7 == 0 ? NAN : row * 37 % 101 / 10.0;
}

static MoeTable *
make_table (const char *last_column)
{
  MoeTable *table = moe_table_new ("experts");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "score", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, last_column, MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (guint i = 0; i < N_ROWS; i++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, i / 32);
      moe_table_set_int (table, row, 1, i % 32);
      moe_table_set_double (table, row, 2, get_score (i));
      moe_table_set_text (table, row, 3, i % 2 == 0 ? "even" : "odd");
    }
  return table;
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  g_autoptr(MoeTable) table = make_table ("kind");

  *fixture = (Fixture) { .selected = -2 };
  fixture->widget = moe_table_view_new ();
  fixture->view = MOE_TABLE_VIEW (fixture->widget);
  moe_table_view_set_table (fixture->view, table, "Press Run");
  g_signal_connect (fixture->view, "row-selected", G_CALLBACK (on_selected), fixture);
  fixture->window = moe_gui_test_show (fixture->widget, 500, 400);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  GtkWidget *widget = g_object_ref (fixture->widget);

  moe_gui_test_close (fixture->window);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (widget);
}

/* In both directions: the order of the values, and those without one at the end. */
static void
test_sort (Fixture       *fixture,
           gconstpointer  data)
{
  static const GtkSortType orders[] = { GTK_SORT_DESCENDING, GTK_SORT_ASCENDING, GTK_SORT_DESCENDING };

  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      gboolean missing = FALSE;
      double last = orders[i] == GTK_SORT_ASCENDING ? -INFINITY : INFINITY;

      g_assert_true (moe_table_view_sort (fixture->view, "score", orders[i]));
      g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), ==, N_ROWS);
      for (guint place = 0; place < N_ROWS; place++)
        {
          double score = get_score (moe_table_view_get_shown (fixture->view, place));

          if (isnan (score))
            {
              missing = TRUE;
              continue;
            }
          g_assert_false (missing);
          if (orders[i] == GTK_SORT_ASCENDING)
            g_assert_cmpfloat (score, >=, last);
          else
            g_assert_cmpfloat (score, <=, last);
          last = score;
        }
    }
  g_assert_false (moe_table_view_sort (fixture->view, "no such column", GTK_SORT_ASCENDING));
  /* By expert: layer first. */
  g_assert_true (moe_table_view_sort (fixture->view, "expert", GTK_SORT_ASCENDING));
  for (guint place = 0; place < N_ROWS; place++)
    g_assert_cmpuint (moe_table_view_get_shown (fixture->view, place), ==, place);
}

static void
test_filter (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeTable) same = make_table ("kind");
  g_autoptr(MoeTable) other = make_table ("sort");

  g_assert_true (moe_table_view_set_filter (fixture->view, "L3 score>5", &error));
  g_assert_no_error (error);
  for (guint place = 0; place < moe_table_view_get_n_shown (fixture->view); place++)
    {
      guint row = moe_table_view_get_shown (fixture->view, place);

      g_assert_cmpuint (row / 32, ==, 3);
      g_assert_cmpfloat (get_score (row), >, 5);
    }
  g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), >, 5);
  g_assert_false (moe_table_view_set_filter (fixture->view, "nothing>5", &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), <, 32);

  /* It stays with the same columns, and goes where it makes no sense. */
  moe_table_view_set_table (fixture->view, same, NULL);
  g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), <, 32);
  g_assert_true (moe_table_view_set_filter (fixture->view, "kind=odd", NULL));
  g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), ==, N_ROWS / 2);
  moe_table_view_set_table (fixture->view, other, NULL);
  g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), ==, N_ROWS);
}

static void
test_select (Fixture       *fixture,
             gconstpointer  data)
{
  int row = moe_table_view_find_expert (fixture->view, 8, 31);

  g_assert_cmpint (row, ==, 8 * 32 + 31);
  g_assert_cmpint (moe_table_view_find_expert (fixture->view, 8, 32), ==, -1);
  moe_table_view_sort (fixture->view, "score", GTK_SORT_DESCENDING);
  moe_table_view_select (fixture->view, row);
  moe_gui_test_wait_frames (fixture->widget, 3);
  g_assert_cmpuint (fixture->n_selected, ==, 0);
  moe_table_view_select (fixture->view, -1);
  moe_table_view_set_table (fixture->view, NULL, "Nothing yet");
  g_assert_cmpuint (moe_table_view_get_n_shown (fixture->view), ==, 0);
  moe_gui_test_wait_frames (fixture->widget, 2);
  g_assert_cmpuint (fixture->n_selected, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  gtk_test_init (&argc, &argv, NULL);

  g_test_add ("/table-view/sort", Fixture, NULL, set_up, test_sort, tear_down);
  g_test_add ("/table-view/filter", Fixture, NULL, set_up, test_filter, tear_down);
  g_test_add ("/table-view/select", Fixture, NULL, set_up, test_select, tear_down);

  return g_test_run ();
}
