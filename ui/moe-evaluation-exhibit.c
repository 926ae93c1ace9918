/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluation-exhibit"

#include "ui/moe-evaluation-exhibit.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"

static const struct
{
  const char *name, *title, *axis, *unit;
  gboolean    is_share;
} metrics[] = {
  { "refusal", "Refusals", "refusals", "", TRUE },
  { "over_refusal", "Over-Refusals", "over-refusals", "", TRUE },
  { "diverged", "Answers That Differ from the Plain Ones", "answers that differ", "", TRUE },
  { "repetition", "Repetition", "repeated 4-grams", "", TRUE },
  { "accuracy", "Accuracy", "accuracy", "", TRUE },
  { "exact_match", "Exact Match", "exact match", "", TRUE },
  { "contains", "Answers That Hold the Right One", "hold the right answer", "", TRUE },
  { "refusal_score", "Refusal Score at the First Token", "refusal score", "nats", FALSE },
  { "refusal_probability", "Probability of a Refusal's First Token", "probability", "", FALSE },
  { "kl", "KL to the Plain Model", "KL", "nats per token", FALSE },
  { "answer_perplexity", "Perplexity of the Answers under the Plain Model", "perplexity", "", FALSE },
  { "perplexity", "Perplexity of the Text", "perplexity", "", FALSE },
  { "longest_loop", "Longest Loop", "longest loop", "tokens", FALSE },
  { "answer_tokens", "Length of the Answers", "length", "tokens", FALSE },
  { "first_divergence", "First Token That Differs", "token", "", FALSE },
};

static int
find_metric (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    if (g_str_equal (metrics[i].name, name))
      return (int) i;
  return -1;
}

const char *
moe_evaluation_get_title (const char *picture)
{
  int metric = find_metric (picture);

  if (g_str_equal (picture, "shares"))
    return "Shares of Answers";
  return metric >= 0 ? metrics[metric].title : picture;
}

typedef struct
{
  const MoeTable *table;
  guint           condition, set, metric, value, low, high;
} Columns;

static gboolean
find_columns (const MoeTable *table,
              Columns        *columns)
{
  static const char *const names[] = { "condition", "set", "metric", "value", "low", "high" };
  guint *const places[] = { &columns->condition, &columns->set, &columns->metric,
                            &columns->value, &columns->low, &columns->high };

  columns->table = table;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      int column = moe_table_find_column (table, names[i]);

      if (column < 0)
        return FALSE;
      *places[i] = (guint) column;
    }
  return TRUE;
}

static const char *
get_text (const Columns *columns,
          guint          row,
          guint          column)
{
  if (moe_table_is_missing (columns->table, row, column))
    return "";
  return moe_table_get_text (columns->table, row, column);
}

static gboolean
is_shown (const Columns *columns,
          guint          row,
          const char    *picture)
{
  const char *metric = get_text (columns, row, columns->metric);
  int index = find_metric (metric);

  /* Draws are in the band of all draws. */
  if (strstr (get_text (columns, row, columns->condition), "random:") != NULL)
    return FALSE;
  if (g_str_equal (picture, "shares"))
    return index >= 0 && metrics[index].is_share;
  return g_str_equal (metric, picture);
}

/* "harmful: refusals", or the set alone where there is one metric. Transfer full. */
static char *
get_category (const Columns *columns,
              guint          row,
              const char    *picture)
{
  const char *set = get_text (columns, row, columns->set);
  int metric = find_metric (get_text (columns, row, columns->metric));

  if (!g_str_equal (picture, "shares") || metric < 0)
    return g_strdup (*set != '\0' ? set : "all");
  return g_strdup_printf ("%s%s%s", set, *set != '\0' ? ": " : "", metrics[metric].axis);
}

/* Texts in order of appearance. */
static guint
add_once (GPtrArray *texts,
          char      *text)
{
  for (guint i = 0; i < texts->len; i++)
    if (g_str_equal (g_ptr_array_index (texts, i), text))
      {
        g_free (text);
        return i;
      }
  g_ptr_array_add (texts, text);
  return texts->len - 1;
}

static void
add_condition (MoeChart      *chart,
               const Columns *columns,
               const char    *picture,
               const char    *condition,
               GPtrArray     *categories)
{
  guint n_rows = moe_table_get_n_rows (columns->table), n = 0;
  g_autofree double *x = g_new (double, (gsize) n_rows * 4);
  g_autofree guint *rows = g_new (guint, n_rows);
  double *y = x + n_rows, *low = y + n_rows, *high = low + n_rows;
  gboolean is_control = g_str_equal (condition, "random") || g_str_has_suffix (condition, "/random");

  for (guint row = 0; row < n_rows; row++)
    if (is_shown (columns, row, picture) &&
        g_str_equal (get_text (columns, row, columns->condition), condition))
      {
        x[n] = add_once (categories, get_category (columns, row, picture));
        y[n] = moe_table_get_double (columns->table, row, columns->value);
        low[n] = moe_table_get_double (columns->table, row, columns->low);
        high[n] = moe_table_get_double (columns->table, row, columns->high);
        rows[n++] = row;
      }
  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = g_str_equal (condition, "random") ? MOE_CHART_BAND : MOE_CHART_BARS,
    .name = is_control && strlen (condition) == strlen ("random") ? "random controls" : condition,
    .n_points = n, .x = x, .y = y, .low = low, .high = high, .rows = rows, .quiet = is_control,
  });
}

MoeChart *
moe_evaluation_chart_new (const MoeTable *table,
                          const char     *picture)
{
  g_autoptr(GPtrArray) categories = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) conditions = g_ptr_array_new_with_free_func (g_free);
  int metric = find_metric (picture);
  MoeChartAxis x = { .title = "" };
  MoeChartAxis y = { .title = metric >= 0 ? metrics[metric].axis : "share",
                     .unit = metric >= 0 ? metrics[metric].unit : "" };
  Columns columns;
  MoeChart *chart;

  g_return_val_if_fail (table != NULL && picture != NULL, NULL);

  chart = moe_chart_new (moe_evaluation_get_title (picture), &x, &y);
  if (!find_columns (table, &columns))
    return chart;
  moe_chart_set_subtitle (chart,
                          "Whiskers: 95 % intervals. Band: smallest to largest of the random controls.");
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    if (is_shown (&columns, row, picture))
      {
        add_once (categories, get_category (&columns, row, picture));
        add_once (conditions, g_strdup (get_text (&columns, row, columns.condition)));
      }
  moe_chart_set_categories (chart, (const char *const *) categories->pdata, categories->len);
  for (guint i = 0; i < conditions->len; i++)
    add_condition (chart, &columns, picture, g_ptr_array_index (conditions, i), categories);
  return chart;
}

char **
moe_evaluation_get_pictures (const MoeTable *table)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  gboolean has_shares = FALSE;
  Columns columns;

  g_return_val_if_fail (table != NULL, NULL);

  if (find_columns (table, &columns))
    for (guint row = 0; row < moe_table_get_n_rows (table); row++)
      {
        has_shares = has_shares || is_shown (&columns, row, "shares");
        add_once (names, g_strdup (get_text (&columns, row, columns.metric)));
      }
  if (has_shares)
    g_ptr_array_insert (names, 0, g_strdup ("shares"));
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

MoeExhibit *
moe_evaluation_exhibit_new (MoeTable    *table,
                            const char  *picture,
                            GError     **error)
{
  g_auto(GStrv) pictures = NULL;
  MoeExhibit *exhibit;
  MoeChart *chart;

  g_return_val_if_fail (table != NULL, NULL);

  pictures = moe_evaluation_get_pictures (table);
  if (picture == NULL)
    picture = pictures[0] != NULL ? pictures[0] : "shares";
  if (pictures[0] != NULL && !g_strv_contains ((const char *const *) pictures, picture))
    {
      g_autofree char *names = g_strjoinv (", ", pictures);

      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no picture called '%s', only %s", picture,
                   names);
      return NULL;
    }
  exhibit = moe_exhibit_new (moe_table_ref (table), NULL);
  chart = moe_evaluation_chart_new (table, picture);
  moe_exhibit_set_plot (exhibit, moe_chart_get_title (chart), moe_chart_draw_for_export, chart,
                        (GDestroyNotify) moe_chart_unref);
  return exhibit;
}
