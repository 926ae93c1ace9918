/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-causal-plot"

#include "ui/moe-causal-plot.h"

#include <math.h>

#include "analysis/moe-report.h"

static const struct { const char *name, *column, *title; MoeScale scale; } plots[MOE_N_CAUSAL_PLOTS] = {
  [MOE_CAUSAL_PERPLEXITY] = { "perplexity", "perplexity", "perplexity", MOE_SCALE_LINEAR },
  [MOE_CAUSAL_SINK_SHARE] = { "sink_share", "sink_share", "sink share", MOE_SCALE_LINEAR },
  [MOE_CAUSAL_MAX_H] = { "max_h", "max_h", "largest |h|", MOE_SCALE_LINEAR },
  [MOE_CAUSAL_RESIDUAL] = { "residual", "top1", "largest |h| after the layer", MOE_SCALE_LOG },
  [MOE_CAUSAL_SINKS] = { "sinks", "sink_share", "sink share", MOE_SCALE_LINEAR },
  [MOE_CAUSAL_HEADS] = { "heads", "sink_share", "sink share", MOE_SCALE_LINEAR },
};

/* Bars of more heads cannot be told apart. */
#define MAX_HEADS 12

/* The random draws, and how they are called in the legend. */
static const struct { MoeCausalKind kind; const char *title; } controls[] = {
  { MOE_CAUSAL_RANDOM, "random experts" },
  { MOE_CAUSAL_RANDOM_LAYER, "random experts of the same layers" },
};

const char *
moe_causal_plot_get_name (MoeCausalPlot plot)
{
  g_return_val_if_fail (plot < MOE_N_CAUSAL_PLOTS, NULL);

  return plots[plot].name;
}

gboolean
moe_causal_plot_parse (const char    *name,
                       MoeCausalPlot *plot)
{
  for (guint i = 0; i < MOE_N_CAUSAL_PLOTS; i++)
    if (g_str_equal (name, plots[i].name))
      {
        *plot = (MoeCausalPlot) i;
        return TRUE;
      }
  return FALSE;
}

MoeCausalDetail
moe_causal_plot_get_detail (MoeCausalPlot plot)
{
  if (plot == MOE_CAUSAL_HEADS)
    return MOE_CAUSAL_BY_HEAD;
  return plot == MOE_CAUSAL_RESIDUAL || plot == MOE_CAUSAL_SINKS ? MOE_CAUSAL_BY_LAYER : MOE_CAUSAL_SUMMARY;
}

MoeTable *
moe_causal_table_new (MoeCausalCheck  *check,
                      MoeCausalDetail  detail)
{
  return detail == MOE_CAUSAL_BY_HEAD ? moe_causal_check_to_heads (check)
         : detail == MOE_CAUSAL_BY_LAYER ? moe_causal_check_to_layers (check)
                                         : moe_causal_check_to_table (check);
}

static gboolean
is_kind (const MoeTable *table,
         guint           row,
         MoeCausalKind   kind)
{
  return g_str_equal (moe_table_get_text (table, row, 0), moe_causal_kind_get_name (kind));
}

/* "plain", "without L2E30", "without all": a condition that is no draw. NULL for a draw. Transfer full. */
static char *
name_condition (const MoeTable *table,
                guint           row)
{
  if (is_kind (table, row, MOE_CAUSAL_PLAIN))
    return g_strdup ("plain");
  if (is_kind (table, row, MOE_CAUSAL_ONE))
    {
      guint experts = (guint) moe_table_find_column (table, "experts");

      return g_strdup_printf ("without %s", moe_table_get_text (table, row, experts));
    }
  if (is_kind (table, row, MOE_CAUSAL_ALL))
    return g_strdup ("without all of them");
  return NULL;
}

/* What the draws of @kind give at @layer, or in all when it is -1: their mean, least and largest value. */
static gboolean
get_band (const MoeTable *table,
          MoeCausalKind   kind,
          int             column,
          int             layer,
          double         *mean,
          double         *low,
          double         *high)
{
  double sum = 0;
  guint n = 0;

  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      double value = moe_table_get_double (table, row, (guint) column);

      if (!is_kind (table, row, kind) || isnan (value)
          || (layer >= 0 && moe_table_get_int (table, row, 3) != layer))
        continue;
      *low = n > 0 ? MIN (*low, value) : value;
      *high = n > 0 ? MAX (*high, value) : value;
      sum += value;
      n++;
    }
  *mean = n > 0 ? sum / n : NAN;
  return n > 0;
}

static void
add_band (MoeChart       *chart,
          const MoeTable *table,
          guint           control,
          int             column,
          guint           n_points,
          gboolean        by_layer)
{
  g_autofree double *x = g_new (double, n_points), *y = g_new (double, n_points);
  g_autofree double *low = g_new (double, n_points), *high = g_new (double, n_points);
  gboolean any = FALSE;

  for (guint i = 0; i < n_points; i++)
    {
      x[i] = i;
      low[i] = high[i] = NAN;
      any = get_band (table, controls[control].kind, column, by_layer ? (int) i : -1, &y[i], &low[i],
                      &high[i]) || any;
    }
  if (any)
    moe_chart_add_series (chart, &(MoeChartSeries) {
      .kind = MOE_CHART_BAND, .name = controls[control].title, .n_points = n_points, .x = x, .y = y,
      .low = low, .high = high, .quiet = TRUE,
    });
}

static void
add_bars (MoeChart       *chart,
          const MoeTable *table,
          int             column,
          const char     *title)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GArray) x = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) y = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) rows = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      char *name = name_condition (table, row);
      double category = names->len, value = moe_table_get_double (table, row, (guint) column);

      if (name == NULL)
        continue;
      g_ptr_array_add (names, name);
      g_array_append_val (x, category);
      g_array_append_val (y, value);
      g_array_append_val (rows, row);
    }
  moe_chart_set_categories (chart, (const char *const *) names->pdata, names->len);
  for (guint i = 0; i < G_N_ELEMENTS (controls); i++)
    add_band (chart, table, i, column, names->len, FALSE);
  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = MOE_CHART_BARS, .name = title, .n_points = x->len, .x = (const double *) x->data,
    .y = (const double *) y->data, .rows = (const guint *) rows->data,
  });
}

static void
add_lines (MoeChart       *chart,
           const MoeTable *table,
           int             column)
{
  guint n_rows = moe_table_get_n_rows (table), n_layers = 0;
  g_autofree double *x = NULL, *y = NULL;
  g_autofree guint *rows = NULL;

  /* A block of rows a condition, one a layer. */
  while (n_layers < n_rows && moe_table_get_int (table, n_layers, 3) == n_layers)
    n_layers++;
  x = g_new (double, n_layers);
  y = g_new (double, n_layers);
  rows = g_new (guint, n_layers);
  for (guint i = 0; i < G_N_ELEMENTS (controls); i++)
    add_band (chart, table, i, column, n_layers, TRUE);
  for (guint first = 0; n_layers > 0 && first + n_layers <= n_rows; first += n_layers)
    {
      g_autofree char *name = name_condition (table, first);

      if (name == NULL)
        continue;
      for (guint i = 0; i < n_layers; i++)
        {
          x[i] = i;
          y[i] = moe_table_get_double (table, first + i, (guint) column);
          rows[i] = first + i;
        }
      moe_chart_add_series (chart, &(MoeChartSeries) {
        .kind = MOE_CHART_LINES, .name = name, .n_points = n_layers, .x = x, .y = y, .rows = rows,
      });
    }
}

static gboolean
is_same_condition (const MoeTable *table,
                   guint           a,
                   guint           b)
{
  return g_str_equal (moe_table_get_text (table, a, 0), moe_table_get_text (table, b, 0))
         && g_str_equal (moe_table_get_text (table, a, 1), moe_table_get_text (table, b, 1));
}

/* The heads that lose most under the first condition: all candidates, or the only one. It has a row a
 * head. */
static void
add_heads (MoeChart       *chart,
           const MoeTable *table)
{
  const guint layer = (guint) moe_table_find_column (table, "layer");
  const guint head = (guint) moe_table_find_column (table, "head");
  const guint before = (guint) moe_table_find_column (table, "plain_share");
  const guint after = (guint) moe_table_find_column (table, "sink_share");
  guint n_rows = moe_table_get_n_rows (table), n = 0;
  double x[MAX_HEADS], plain[MAX_HEADS], without[MAX_HEADS];
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *name = NULL;
  guint rows[MAX_HEADS];

  if (n_rows == 0)
    return;
  name = name_condition (table, 0);
  for (; n < MAX_HEADS && n < n_rows && is_same_condition (table, 0, n); n++)
    {
      rows[n] = n;
      x[n] = n;
      plain[n] = moe_table_get_double (table, rows[n], before);
      without[n] = moe_table_get_double (table, rows[n], after);
      g_ptr_array_add (names, g_strdup_printf ("L%" G_GINT64_FORMAT "H%" G_GINT64_FORMAT,
                                               moe_table_get_int (table, rows[n], layer),
                                               moe_table_get_int (table, rows[n], head)));
    }
  moe_chart_set_categories (chart, (const char *const *) names->pdata, names->len);
  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = MOE_CHART_BARS, .name = "plain", .n_points = n, .x = x, .y = plain, .rows = rows,
  });
  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = MOE_CHART_BARS, .name = name, .n_points = n, .x = x, .y = without, .rows = rows,
  });
}

MoeChart *
moe_causal_chart_new (const MoeTable *table,
                      const char     *model,
                      MoeCausalPlot   plot)
{
  static const char *const titles[] = { "Causal Check", "With and Without the Experts, by Layer",
                                        "Heads That Lose Most of Their Sink" };
  MoeCausalDetail detail = moe_causal_plot_get_detail (plot);
  const MoeChartAxis x = { .title = detail == MOE_CAUSAL_BY_LAYER ? "layer" : "", .unit = "",
                           .integer = detail == MOE_CAUSAL_BY_LAYER };
  const MoeChartAxis y = { .title = plots[plot].title, .unit = "", .scale = plots[plot].scale };
  int column = moe_table_find_column (table, plots[plot].column);
  g_autofree char *title = g_strdup_printf ("%s: %s", model, titles[detail]);
  MoeChart *chart = moe_chart_new (title, &x, &y);

  g_return_val_if_fail (column >= 0, chart);

  if (detail == MOE_CAUSAL_BY_HEAD)
    add_heads (chart, table);
  else if (detail == MOE_CAUSAL_BY_LAYER)
    add_lines (chart, table, column);
  else
    add_bars (chart, table, column, plots[plot].title);
  moe_chart_set_subtitle (chart, detail == MOE_CAUSAL_BY_HEAD
                          ? "the same tokens, teacher-forced; the largest losses"
                          : "the same tokens, teacher-forced; bands: least to largest of the random draws");
  return chart;
}

MoeExhibit *
moe_causal_exhibit_take (MoeTable      *table,
                         const char    *model,
                         MoeCausalPlot  plot)
{
  MoeExhibit *exhibit = moe_exhibit_new (table, NULL);

  moe_exhibit_set_chart (exhibit, moe_causal_chart_new (table, model, plot));
  return exhibit;
}

MoeExhibit *
moe_causal_exhibit_new (MoeCausalCheck  *check,
                        MoeRecording    *recording,
                        MoeCausalPlot    plot,
                        GError         **error)
{
  g_autoptr(MoeTable) table = moe_causal_table_new (check, moe_causal_plot_get_detail (plot));

  if (!moe_report_add_source (table, recording, error))
    return NULL;
  /* The masks of the recording are not in force here. */
  moe_table_set_provenance (table, "mask", "none");
  return moe_causal_exhibit_take (g_steal_pointer (&table), moe_recording_get_info (recording)->name, plot);
}
