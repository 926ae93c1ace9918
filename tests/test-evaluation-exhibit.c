/* SPDX-License-Identifier: MIT */
#include "ui/moe-evaluation-exhibit.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"

/* Pictures of evaluations. */

typedef struct
{
  const char *condition, *set, *metric;
  double      value, low, high;
} Row;

static MoeTable *
new_table (const Row *rows,
           guint      n_rows)
{
  MoeTable *table = moe_table_new ("Evaluation");

  moe_table_add_column (table, "condition", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "set", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "metric", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "value", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "low", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "high", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  for (guint i = 0; i < n_rows; i++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_text (table, row, 0, rows[i].condition);
      moe_table_set_text (table, row, 1, rows[i].set);
      moe_table_set_text (table, row, 2, rows[i].metric);
      moe_table_set_double (table, row, 3, rows[i].value);
      moe_table_set_double (table, row, 4, rows[i].low);
      moe_table_set_double (table, row, 5, rows[i].high);
    }
  return table;
}

static const Row sweep[] = {
  { "plain", "h", "kl", 0, 0, 0 },
  { "mask", "h", "kl", 5, 4, 6 },
  { "random:1", "h", "kl", 1, 0, 2 },
  { "reversed", "h", "kl", 9, 9, 9 },
  { "strength:2", "h", "kl", 7, 6, 8 },
  { "strength:2/random:1", "h", "kl", 2, 1, 3 },
  { "strength:2/reversed", "h", "kl", 3, 2, 4 },
  { "strength:-1", "h", "kl", 6, 5, 7 },
  { "top:4", "h", "kl", 8, 8, 8 },
  { "top:4/bottom", "h", "kl", 1.5, 1, 2 },
  { "plain", "l", "kl", 0, 0, 0 },
  { "strength:2", "l", "kl", 0.5, 0.25, 0.75 },
  { "random", "h", "kl", 1, 0.5, 1.5 },
  { "strength:2/random", "h", "kl", 2, 1.25, 2.75 },
};

static void
check_series (const MoeChart *chart,
              guint           index,
              const char     *name,
              MoeChartKind    kind,
              guint           n,
              const double   *x,
              const double   *y)
{
  MoeChartSeries series;

  g_assert_cmpuint (index, <, moe_chart_get_n_series (chart));
  moe_chart_get_series (chart, index, &series);
  g_assert_cmpstr (series.name, ==, name);
  g_assert_cmpint (series.kind, ==, kind);
  g_assert_cmpuint (series.n_points, ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpfloat (series.x[i], ==, x[i]);
      g_assert_cmpfloat (series.y[i], ==, y[i]);
    }
}

static void
test_sweep (void)
{
  g_autoptr (MoeTable) table = new_table (sweep, G_N_ELEMENTS (sweep));
  g_autoptr (MoeChart) strength = moe_evaluation_chart_new (table, "kl:strength");
  g_autoptr (MoeChart) top = moe_evaluation_chart_new (table, "kl:top");
  MoeChartSeries band;

  g_assert_cmpuint (moe_chart_get_n_series (strength), ==, 4);
  check_series (strength, 0, "h, random", MOE_CHART_BAND, 2, (double[]) { 1, 2 }, (double[]) { 1, 2 });
  moe_chart_get_series (strength, 0, &band);
  g_assert_cmpfloat (band.low[1], ==, 1.25);
  g_assert_cmpfloat (band.high[0], ==, 1.5);
  check_series (strength, 1, "h, reversed", MOE_CHART_LINES, 1, (double[]) { 2 }, (double[]) { 3 });
  check_series (strength, 2, "h", MOE_CHART_LINES, 4, (double[]) { -1, 0, 1, 2 }, (double[]) { 6, 0, 5, 7 });
  check_series (strength, 3, "l", MOE_CHART_LINES, 2, (double[]) { 0, 2 }, (double[]) { 0, 0.5 });

  g_assert_cmpuint (moe_chart_get_n_series (top), ==, 3);
  check_series (top, 0, "h, bottom", MOE_CHART_LINES, 1, (double[]) { 4 }, (double[]) { 1.5 });
  check_series (top, 1, "h", MOE_CHART_LINES, 2, (double[]) { 0, 4 }, (double[]) { 0, 8 });
}

static void
test_pictures (void)
{
  g_autoptr (MoeTable) table = new_table (sweep, G_N_ELEMENTS (sweep));
  g_autoptr (MoeTable) bare = new_table (sweep, 4);
  g_auto (GStrv) all = moe_evaluation_get_pictures (table);
  g_auto (GStrv) few = moe_evaluation_get_pictures (bare);
  g_autofree char *all_text = g_strjoinv (" ", all), *few_text = g_strjoinv (" ", few);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (all_text, ==, "kl kl:top kl:strength");
  g_assert_cmpstr (few_text, ==, "kl");
  g_assert_cmpstr (moe_evaluation_get_title ("kl:strength"), ==, "KL to the Plain Model, by Strength");
  g_assert_null (moe_evaluation_exhibit_new (bare, "kl:strength", &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "there is no picture called 'kl:strength', only kl");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluation-exhibit/sweep", test_sweep);
  g_test_add_func ("/evaluation-exhibit/pictures", test_pictures);
  return g_test_run ();
}
