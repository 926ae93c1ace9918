/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-table.h"
#include "ui/moe-chart.h"

G_BEGIN_DECLS

/* Series from the columns of a table, so that a picture and the CSV beside it hold the same numbers. */
typedef struct
{
  MoeChartKind kind;
  const char  *name;         /* in the legend; the y column's name when NULL */
  const char  *x, *y;        /* columns; x of text or of categories: see below */
  const char  *low, *high;   /* columns of an interval, or NULL */
  const char  *split;        /* a column: one series for each of its values, in order of appearance */
  const char  *point_name;   /* a column, or NULL. "layer,expert" writes L3E17 */
  guint        n_labels;
  gboolean     quiet;
  /* Only rows where this column holds this text; NULL = all. */
  const char  *where, *equals;
  const char  *filter;       /* only the rows that match, see moe_table_filter_new(); NULL = all */
} MoeChartColumns;

/* Adds the series and returns their number. A text column as x makes the axis one of categories: the chart's,
 * when it has some, else the values of the column in order of appearance. A table without these columns gives
 * none. */
guint moe_chart_add_table (MoeChart              *self,
                           const MoeTable        *table,
                           const MoeChartColumns *columns);

G_END_DECLS
