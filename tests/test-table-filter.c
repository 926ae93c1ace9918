/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-table-filter"

#include <math.h>

#include "data/moe-error.h"
#include "data/moe-table-filter.h"
#include "data/moe-table-join.h"

static MoeTable *
make_table (void)
{
  static const struct
  {
    gint64      layer, expert;
    double      share;
    const char *label;
  } rows[] = {
    { 3, 17, 0.25, "Refused" },
    { 3, 1, 0.1, "answered" },
    { 13, 17, NAN, NULL },
    { 4, -1, 0.5, "e17 refused" },
  };
  MoeTable *table = moe_table_new ("experts");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "label", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, rows[i].layer);
      moe_table_set_int (table, row, 1, rows[i].expert);
      moe_table_set_double (table, row, 2, rows[i].share);
      moe_table_set_text (table, row, 3, rows[i].label);
    }
  return table;
}

/* Each filter with the rows that it leaves, a bit each. */
static void
test_match (void)
{
  static const struct
  {
    const char *text;
    guint       rows;
  } cases[] = {
    { "", 15 },
    { "  ", 15 },
    { "share>0.1", 9 },
    { "share>=0.1", 11 },
    { "share<0.25", 2 },
    { "share<=0.25 layer=3", 3 },
    { "share!=0.25", 14 },
    { "share=0.25", 1 },
    { "layer=3", 3 },
    { "L3", 3 },
    { "l3", 3 },
    { "L3E17", 1 },
    { "L4S", 8 },
    { "L13", 4 },
    { "label=refused", 1 },
    { "label!=refused", 14 },
    { "refused", 9 },
    { "REFUSED share<0.5", 1 },
    { "17", 13 },
    { "nothing", 0 },
  };
  g_autoptr(MoeTable) table = make_table ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(MoeTableFilter) filter = moe_table_filter_new (table, cases[i].text, &error);
      guint rows = 0;

      g_assert_no_error (error);
      for (guint row = 0; row < 4; row++)
        rows |= (guint) moe_table_filter_match (filter, table, row) << row;
      if (rows != cases[i].rows)
        g_test_message ("filter “%s”", cases[i].text);
      g_assert_cmpuint (rows, ==, cases[i].rows);
    }
}

static void
test_refused (void)
{
  static const char *const texts[] = { "no_such>1", "share>much", "share>", "label>a", "layer=nan" };
  g_autoptr(MoeTable) table = make_table ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (moe_table_filter_new (table, texts[i], &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
    }
}

/* Rows keep their order, the first match counts, and what has no match is missing. */
static void
test_join (void)
{
  static const char *const keys[] = { "layer", "expert", NULL };
  static const gint64 experts[][2] = { { 13, 17 }, { 3, 17 }, { 3, 17 }, { 9, 9 } };
  g_autoptr(MoeTable) left = make_table ();
  g_autoptr(MoeTable) right = moe_table_new ("scores");
  g_autoptr(MoeTable) joined = NULL;
  const char *key, *value;

  moe_table_add_column (right, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (right, "score", MOE_COLUMN_DOUBLE, "nats", MOE_ROLE_VALUE);
  moe_table_add_column (right, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (right, "share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint row = 0; row < G_N_ELEMENTS (experts); row++)
    {
      moe_table_append_row (right);
      moe_table_set_int (right, row, 0, experts[row][0]);
      moe_table_set_double (right, row, 1, row + 0.5);
      moe_table_set_int (right, row, 2, experts[row][1]);
      moe_table_set_double (right, row, 3, -1);
    }
  moe_table_set_provenance (left, "model", "demo");
  moe_table_set_provenance (right, "model", "other");
  moe_table_set_provenance (right, "score", "rd");

  joined = moe_table_join (left, right, keys);
  g_assert_cmpuint (moe_table_get_n_columns (joined), ==, 5);
  g_assert_cmpint (moe_table_find_column (joined, "score"), ==, 4);
  g_assert_cmpstr (moe_table_get_column_unit (joined, 4), ==, "nats");
  g_assert_cmpuint (moe_table_get_n_rows (joined), ==, 4);
  g_assert_cmpfloat (moe_table_get_double (joined, 0, 4), ==, 1.5);
  g_assert_true (moe_table_is_missing (joined, 1, 4));
  g_assert_cmpfloat (moe_table_get_double (joined, 2, 4), ==, 0.5);
  g_assert_cmpfloat (moe_table_get_double (joined, 0, 2), ==, 0.25);
  g_assert_true (moe_table_is_missing (joined, 2, 2));
  g_assert_cmpstr (moe_table_get_text (joined, 3, 3), ==, "e17 refused");
  g_assert_cmpuint (moe_table_get_n_provenance (joined), ==, 2);
  moe_table_get_provenance (joined, 0, &key, &value);
  g_assert_cmpstr (value, ==, "demo");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/table-filter/match", test_match);
  g_test_add_func ("/table-filter/refused", test_refused);

  g_test_add_func ("/table-join", test_join);

  return g_test_run ();
}
