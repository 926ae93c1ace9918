/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-table"

#include "ui/moe-chart-table.h"

#include <math.h>

#include "data/moe-table-filter.h"
#include "ui/moe-chart-private.h"

typedef struct
{
  const MoeTable *table;
  MoeTableFilter *filter; /* or NULL */
  const char     *equals;
  int             x, y, low, high, split, where, name, expert; /* columns, -1 = none */
} Columns;

static int
find (const MoeTable *table,
      const char     *name)
{
  return name != NULL ? moe_table_find_column (table, name) : -1;
}

static gboolean
cell_is (const MoeTable *table,
         guint           row,
         int             column,
         const char     *text)
{
  g_autofree char *cell = moe_table_format_cell (table, row, (guint) column);

  return g_str_equal (cell, text);
}

static gboolean
is_wanted (const Columns *columns,
           guint          row)
{
  return (columns->where < 0 || cell_is (columns->table, row, columns->where, columns->equals)) &&
         (columns->filter == NULL || moe_table_filter_match (columns->filter, columns->table, row));
}

/* The different texts of a column, in order of appearance, of the rows that are asked for. */
static GPtrArray *
get_values (const Columns *columns,
            int            column)
{
  GPtrArray *values = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint row = 0; row < moe_table_get_n_rows (columns->table); row++)
    {
      char *cell;

      if (!is_wanted (columns, row))
        continue;
      cell = moe_table_format_cell (columns->table, row, (guint) column);
      if (g_hash_table_contains (seen, cell))
        g_free (cell);
      else
        {
          g_hash_table_add (seen, cell);
          g_ptr_array_add (values, cell);
        }
    }
  return values;
}

static double
get_number (const MoeTable *table,
            guint           row,
            int             column)
{
  return column >= 0 ? moe_table_get_double (table, row, (guint) column) : NAN;
}

static double
get_x (const MoeChart *chart,
       const Columns  *columns,
       guint           row)
{
  const char *text;

  if (moe_table_get_column_type (columns->table, (guint) columns->x) != MOE_COLUMN_TEXT)
    return get_number (columns->table, row, columns->x);
  text = moe_table_is_missing (columns->table, row, (guint) columns->x)
             ? "" : moe_table_get_text (columns->table, row, (guint) columns->x);
  for (guint i = 0; i < chart->n_categories; i++)
    if (g_str_equal (chart->categories[i], text))
      return i;
  return NAN;
}

/* Transfer full. */
static char *
get_point_name (const Columns *columns,
                guint          row)
{
  gint64 layer, expert;

  if (columns->expert < 0)
    return moe_table_format_cell (columns->table, row, (guint) columns->name);
  if (moe_table_is_missing (columns->table, row, (guint) columns->name) ||
      moe_table_is_missing (columns->table, row, (guint) columns->expert))
    return g_strdup ("");
  layer = moe_table_get_int (columns->table, row, (guint) columns->name);
  expert = moe_table_get_int (columns->table, row, (guint) columns->expert);
  if (expert < 0)
    return g_strdup_printf ("L%" G_GINT64_FORMAT "S", layer);
  return g_strdup_printf ("L%" G_GINT64_FORMAT "E%" G_GINT64_FORMAT, layer, expert);
}

static void
add_series (MoeChart              *self,
            const MoeChartColumns *what,
            const Columns         *columns,
            const char            *value)
{
  guint n_rows = moe_table_get_n_rows (columns->table), n = 0;
  g_autofree double *numbers = g_new (double, (gsize) n_rows * 4 + 1);
  g_autofree guint *rows = g_new (guint, n_rows + 1);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  double *x = numbers, *y = x + n_rows, *low = y + n_rows, *high = low + n_rows;

  for (guint row = 0; row < n_rows; row++)
    {
      if (!is_wanted (columns, row) ||
          (value != NULL && !cell_is (columns->table, row, columns->split, value)))
        continue;
      x[n] = get_x (self, columns, row);
      y[n] = get_number (columns->table, row, columns->y);
      low[n] = get_number (columns->table, row, columns->low);
      high[n] = get_number (columns->table, row, columns->high);
      if (columns->name >= 0)
        g_ptr_array_add (names, get_point_name (columns, row));
      rows[n++] = row;
    }
  moe_chart_add_series (self, &(MoeChartSeries) {
    .kind = what->kind,
    .name = what->name != NULL ? what->name : value != NULL ? value : what->y,
    .n_points = n, .x = x, .y = y,
    .low = columns->low >= 0 ? low : NULL, .high = columns->high >= 0 ? high : NULL,
    .point_names = columns->name >= 0 ? (const char *const *) names->pdata : NULL,
    .n_labels = what->n_labels, .rows = rows, .quiet = what->quiet,
  });
}

guint
moe_chart_add_table (MoeChart              *self,
                     const MoeTable        *table,
                     const MoeChartColumns *what)
{
  g_autoptr(GPtrArray) values = NULL;
  g_autoptr(MoeTableFilter) filter = NULL;
  gboolean is_expert;
  Columns columns;

  g_return_val_if_fail (self != NULL && table != NULL && what != NULL, 0);

  is_expert = g_strcmp0 (what->point_name, "layer,expert") == 0;
  columns = (Columns) {
    .table = table, .x = find (table, what->x), .y = find (table, what->y), .low = find (table, what->low),
    .high = find (table, what->high), .split = find (table, what->split),
    .where = find (table, what->where),
    .equals = what->equals,
    .name = is_expert ? find (table, "layer") : find (table, what->point_name),
    .expert = is_expert ? find (table, "expert") : -1,
  };
  if (columns.x < 0 || columns.y < 0 || (what->split != NULL && columns.split < 0) ||
      (what->where != NULL && (columns.where < 0 || what->equals == NULL)))
    return 0;
  if (what->filter != NULL)
    {
      filter = moe_table_filter_new (table, what->filter, NULL);
      if (filter == NULL)
        return 0;
      columns.filter = filter;
    }

  if (self->categories == NULL && moe_table_get_column_type (table, (guint) columns.x) == MOE_COLUMN_TEXT)
    {
      g_autoptr(GPtrArray) categories = get_values (&columns, columns.x);

      moe_chart_set_categories (self, (const char *const *) categories->pdata, categories->len);
    }
  if (columns.split < 0)
    {
      add_series (self, what, &columns, NULL);
      return 1;
    }
  values = get_values (&columns, columns.split);
  for (guint i = 0; i < values->len; i++)
    add_series (self, what, &columns, g_ptr_array_index (values, i));
  return values->len;
}
