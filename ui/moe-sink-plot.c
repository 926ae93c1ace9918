/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sink-plot"

#include "ui/moe-sink-plot.h"

#include <math.h>

#include "data/moe-number.h"
#include "ui/moe-ticks.h"


/* What the tables call things. */
#define SHARE  "sink_share"
#define BEFORE "sink_share_before"

static gboolean
compares (const MoeTable *table)
{
  int column = moe_table_find_column (table, BEFORE);

  for (guint row = 0; column >= 0 && row < moe_table_get_n_rows (table); row++)
    if (!moe_table_is_missing (table, row, (guint) column))
      return TRUE;
  return FALSE;
}

MoeMatrixPlot *
moe_sink_map_new (const MoeModelInfo *info,
                  const MoeTable     *heads)
{
  gboolean change = compares (heads);
  MoeMatrixPlot *self = moe_matrix_plot_new (
    info->n_layers, info->n_heads,
    g_strdup_printf (change ? "%s: Change of the Attention to the First Token"
                            : "%s: Attention to the First Token", info->name),
    g_strdup (change ? "change of the sink share" : "sink share"));

  self->plot.row_title = "layer";
  self->plot.column_title = "head";
  self->plot.missing_text = "no query";
  self->plot.empty_text = "A sink needs prompts of two tokens and more";
  self->plot.diverging = change;
  self->plot.marginals = !change;
  if (change)
    self->plot.color_map = MOE_COLOR_MAP_PUOR;
  for (guint row = 0; row < moe_table_get_n_rows (heads); row++)
    {
      gint64 layer = moe_table_get_int (heads, row, 0), head = moe_table_get_int (heads, row, 1);

      if (layer >= 0 && layer < info->n_layers && head >= 0 && head < info->n_heads)
        self->values[(gsize) layer * info->n_heads + (gsize) head] =
            moe_table_get_by_name (heads, row, SHARE)
            - (change ? moe_table_get_by_name (heads, row, BEFORE) : 0);
    }
  return self;
}

/* A line with the least and the largest head of each layer around it. */
static void
add_line (MoeChart       *chart,
          const MoeTable *heads,
          const MoeTable *layers,
          const char     *column,
          const char     *name,
          gboolean        quiet)
{
  guint n = moe_table_get_n_rows (layers);
  g_autofree double *numbers = g_new (double, (gsize) n * 4 + 1);
  g_autofree guint *rows = g_new (guint, n + 1);
  double *x = numbers, *y = x + n, *low = y + n, *high = low + n;

  for (guint i = 0; i < n; i++)
    {
      x[i] = (double) moe_table_get_int (layers, i, 0);
      y[i] = moe_table_get_by_name (layers, i, column);
      low[i] = high[i] = NAN;
      rows[i] = i;
      for (guint row = 0; row < moe_table_get_n_rows (heads); row++)
        {
          double value = moe_table_get_by_name (heads, row, column);

          if (moe_table_get_int (heads, row, 0) != moe_table_get_int (layers, i, 0) || isnan (value))
            continue;
          low[i] = isnan (low[i]) ? value : MIN (low[i], value);
          high[i] = isnan (high[i]) ? value : MAX (high[i], value);
        }
    }
  moe_chart_add_series (chart, &(MoeChartSeries) {
    .kind = MOE_CHART_LINES, .name = name, .n_points = n, .x = x, .y = y, .low = low, .high = high,
    .rows = rows, .quiet = quiet,
  });
}

MoeChart *
moe_sink_chart_new (const MoeModelInfo *info,
                    const MoeTable     *heads,
                    const MoeTable     *layers)
{
  const MoeChartAxis x = { .title = "layer", .unit = "", .integer = TRUE };
  const MoeChartAxis y = { .title = "sink share", .unit = "", .zero = TRUE };
  gboolean change = compares (layers);
  g_autofree char *title = g_strdup_printf ("%s: Attention to the First Token by Layer", info->name);
  g_autoptr(GString) subtitle = g_string_new ("mean over the heads; band: the least and the largest head");
  MoeChart *chart = moe_chart_new (title, &x, &y);

  for (guint i = 0; change && i < moe_table_get_n_provenance (layers); i++)
    {
      const char *key, *value;
      double decay;

      moe_table_get_provenance (layers, i, &key, &value);
      if (g_str_equal (key, "decay") && moe_number_parse (value, &decay))
        {
          g_autofree char *number = moe_ticks_format_significant (decay, 3);

          g_string_append_printf (subtitle, "; decay D %s", number);
        }
    }
  if (change)
    add_line (chart, heads, layers, BEFORE, "without interventions", TRUE);
  add_line (chart, heads, layers, SHARE, change ? "with interventions" : "sink share", FALSE);
  moe_chart_set_subtitle (chart, subtitle->str);
  moe_chart_set_empty_text (chart, "A sink needs prompts of two tokens and more");
  return chart;
}

/* layer, then a column a head, of what the map shows. */
static MoeTable *
make_wide (const MoeModelInfo  *info,
           const MoeTable      *heads,
           const MoeMatrixPlot *map)
{
  MoeTable *table = moe_table_new (moe_table_get_title (heads));

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint head = 0; head < info->n_heads; head++)
    {
      g_autofree char *name = g_strdup_printf ("h%u", head);

      moe_table_add_column (table, name, MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
    }
  moe_table_copy_provenance (table, heads);
  for (guint layer = 0; layer < info->n_layers; layer++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, layer);
      for (guint head = 0; head < info->n_heads; head++)
        moe_table_set_double (table, row, 1 + head, map->values[(gsize) layer * info->n_heads + head]);
    }
  return table;
}

MoeExhibit *
moe_sink_exhibit_take (const MoeModelInfo *info,
                       MoeTable           *heads,
                       MoeTable           *layers,
                       gboolean            by_head)
{
  MoeExhibit *exhibit;

  if (by_head)
    {
      MoeMatrixPlot *map = moe_sink_map_new (info, heads);

      exhibit = moe_exhibit_new (heads, make_wide (info, heads, map));
      moe_exhibit_set_matrix (exhibit, map);
      moe_table_unref (layers);
    }
  else
    {
      MoeChart *chart = moe_sink_chart_new (info, heads, layers);

      exhibit = moe_exhibit_new (layers, NULL);
      moe_exhibit_set_chart (exhibit, chart);
      moe_table_unref (heads);
    }
  return exhibit;
}
