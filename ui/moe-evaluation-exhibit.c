/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluation-exhibit"

#include "ui/moe-evaluation-exhibit.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-number.h"

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

/* What figures are drawn over. */
typedef struct
{
  const char *suffix; /* of pictures */
  const char *prefix; /* of conditions */
  const char *title, *axis;
  double      mask;   /* where the condition "mask" stands, or NaN */
} Sweep;

static const Sweep sweeps[] = {
  { ":top", "top:", ", by Number of Experts", "experts", NAN },
  { ":strength", "strength:", ", by Strength", "strength", 1 },
};

/* The sweep of "METRIC:top" or "METRIC:strength", or NULL. */
static const Sweep *
find_sweep (const char *picture,
            int        *metric)
{
  for (guint i = 0; i < G_N_ELEMENTS (sweeps); i++)
    if (g_str_has_suffix (picture, sweeps[i].suffix))
      {
        g_autofree char *name = g_strndup (picture, strlen (picture) - strlen (sweeps[i].suffix));

        *metric = find_metric (name);
        return *metric >= 0 ? &sweeps[i] : NULL;
      }
  return NULL;
}

const char *
moe_evaluation_get_title (const char *picture)
{
  int metric = find_metric (picture);
  const Sweep *sweep;

  if (g_str_equal (picture, "shares"))
    return "Shares of Answers";
  sweep = find_sweep (picture, &metric);
  if (sweep != NULL)
    {
      g_autofree char *title = g_strconcat (metrics[metric].title, sweep->title, NULL);

      /* There are no more of these than metrics and sweeps. */
      return g_intern_string (title);
    }
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

/* Where the control @control ("" for what is controlled) of @sweep stands in @condition: its x, or FALSE when
 * it is not of the sweep. */
static gboolean
find_place (const Sweep *sweep,
            const char  *condition,
            const char  *control,
            double      *x)
{
  g_autofree char *number = NULL;
  const char *slash = strchr (condition, '/');
  const char *own = slash != NULL ? slash + 1 : "";

  if (g_str_equal (condition, "plain"))
    {
      *x = 0;
      return *control == '\0';
    }
  if (!g_str_has_prefix (condition, sweep->prefix))
    {
      *x = sweep->mask;
      /* What a mask is reversed to is not what is at the strength below 0. */
      return !isnan (sweep->mask) && !g_str_equal (control, "reversed")
             && g_str_equal (condition, *control != '\0' ? control : "mask");
    }
  condition += strlen (sweep->prefix);
  number = slash != NULL ? g_strndup (condition, (gsize) (slash - condition)) : g_strdup (condition);
  return g_str_equal (own, control) && moe_number_parse (number, x);
}

typedef struct
{
  double x, y, low, high;
  guint  row;
} Point;

/* By x; of equal ones, what the sweep itself has comes last. */
static int
compare_points (gconstpointer a,
                gconstpointer b)
{
  const Point *first = a, *second = b;

  if (first->x != second->x)
    return first->x < second->x ? -1 : 1;
  return first->row < second->row ? -1 : first->row > second->row;
}

static void
add_sweep_series (MoeChart       *chart,
                  const Columns  *columns,
                  const Sweep    *sweep,
                  const char     *metric,
                  const char     *set,
                  const char     *control)
{
  gboolean is_band = g_str_equal (control, "random"), is_mask = *control == '\0';
  g_autoptr(GArray) points = g_array_new (FALSE, FALSE, sizeof (Point));
  g_autofree char *name = g_strconcat (set, *set != '\0' && !is_mask ? ", " : "", control, NULL);
  g_autofree double *x = NULL;
  g_autofree guint *rows = NULL;
  guint n = 0;

  for (guint row = 0; row < moe_table_get_n_rows (columns->table); row++)
    {
      Point point = { .row = row };

      if (!g_str_equal (get_text (columns, row, columns->metric), metric)
          || !g_str_equal (get_text (columns, row, columns->set), set)
          || !find_place (sweep, get_text (columns, row, columns->condition), control, &point.x))
        continue;
      point.y = moe_table_get_double (columns->table, row, columns->value);
      point.low = moe_table_get_double (columns->table, row, columns->low);
      point.high = moe_table_get_double (columns->table, row, columns->high);
      g_array_append_val (points, point);
    }
  if (points->len == 0)
    return;
  g_array_sort (points, compare_points);
  x = g_new (double, (gsize) points->len * 4);
  rows = g_new (guint, points->len);
  for (guint i = 0; i < points->len; i++)
    {
      const Point *point = &g_array_index (points, Point, i);

      if (i + 1 < points->len && g_array_index (points, Point, i + 1).x == point->x)
        continue;
      x[n] = point->x;
      x[points->len + n] = point->y;
      x[2 * points->len + n] = point->low;
      x[3 * points->len + n] = point->high;
      rows[n++] = point->row;
    }
  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = is_band ? MOE_CHART_BAND : MOE_CHART_LINES, .name = *name != '\0' ? name : "mask",
    .n_points = n, .x = x, .y = x + points->len, .rows = rows, .quiet = is_band,
    .low = is_band || is_mask ? x + 2 * points->len : NULL,
    .high = is_band || is_mask ? x + 3 * points->len : NULL,
  });
}

static MoeChart *
sweep_chart_new (const MoeTable *table,
                 const char     *picture)
{
  static const char *const controls[] = { "random", "reversed", "bottom", "" };
  g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func (g_free);
  int metric;
  const Sweep *sweep = find_sweep (picture, &metric);
  MoeChartAxis x = { .title = sweep->axis, .integer = isnan (sweep->mask) };
  MoeChartAxis y = { .title = metrics[metric].axis, .unit = metrics[metric].unit };
  Columns columns;
  MoeChart *chart = moe_chart_new (moe_evaluation_get_title (picture), &x, &y);

  moe_chart_set_subtitle (chart, "Around a line: its 95 % interval. Grey band: smallest to largest of the "
                          "random controls.");
  if (!find_columns (table, &columns))
    return chart;
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    if (g_str_equal (get_text (&columns, row, columns.metric), metrics[metric].name))
      add_once (sets, g_strdup (get_text (&columns, row, columns.set)));
  for (guint c = 0; c < G_N_ELEMENTS (controls); c++)
    for (guint s = 0; s < sets->len; s++)
      add_sweep_series (chart, &columns, sweep, metrics[metric].name, g_ptr_array_index (sets, s),
                        controls[c]);
  return chart;
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

  if (find_sweep (picture, &metric) != NULL)
    return sweep_chart_new (table, picture);
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
  gboolean has_shares = FALSE, has_sweep[G_N_ELEMENTS (sweeps)] = { FALSE };
  Columns columns;
  guint n_metrics;

  g_return_val_if_fail (table != NULL, NULL);

  if (find_columns (table, &columns))
    for (guint row = 0; row < moe_table_get_n_rows (table); row++)
      {
        has_shares = has_shares || is_shown (&columns, row, "shares");
        add_once (names, g_strdup (get_text (&columns, row, columns.metric)));
        for (guint s = 0; s < G_N_ELEMENTS (sweeps); s++)
          has_sweep[s] = has_sweep[s]
                         || g_str_has_prefix (get_text (&columns, row, columns.condition), sweeps[s].prefix);
      }
  n_metrics = names->len;
  for (guint s = 0; s < G_N_ELEMENTS (sweeps); s++)
    for (guint i = 0; has_sweep[s] && i < n_metrics; i++)
      if (find_metric (g_ptr_array_index (names, i)) >= 0)
        g_ptr_array_add (names, g_strconcat (g_ptr_array_index (names, i), sweeps[s].suffix, NULL));
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
