/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart"

#include "ui/moe-chart.h"

#include <math.h>
#include <stdlib.h>

#include "ui/moe-chart-private.h"
#include "ui/moe-ticks.h"

static void
clear_threshold (gpointer data)
{
  g_free (((MoeChartThreshold *) data)->label);
}

static void
free_item (gpointer data)
{
  MoeChartItem *item = data;

  g_free (item->name);
  for (guint i = 0; i < G_N_ELEMENTS (item->numbers); i++)
    g_free (item->numbers[i]);
  for (guint i = 0; item->point_names != NULL && i < item->series.n_points; i++)
    g_free (item->point_names[i]);
  g_free (item->point_names);
  g_free (item->rows);
  g_free (item);
}

static void
copy_axis (MoeChartAxis       *to,
           const MoeChartAxis *from)
{
  *to = *from;
  to->title = g_strdup (from->title != NULL ? from->title : "");
  to->unit = g_strdup (from->unit != NULL ? from->unit : "");
}

MoeChart *
moe_chart_new (const char         *title,
               const MoeChartAxis *x,
               const MoeChartAxis *y)
{
  MoeChart *self;

  g_return_val_if_fail (x != NULL && y != NULL, NULL);

  self = g_new0 (MoeChart, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->title = g_strdup (title != NULL ? title : "");
  self->subtitle = g_strdup ("");
  self->empty_text = g_strdup ("");
  copy_axis (&self->axes[0], x);
  copy_axis (&self->axes[1], y);
  self->items = g_ptr_array_new_with_free_func (free_item);
  self->thresholds = g_array_new (FALSE, FALSE, sizeof (MoeChartThreshold));
  g_array_set_clear_func (self->thresholds, clear_threshold);
  self->view = (cairo_rectangle_t) { 0, 0, 1, 1 };
  self->hover_series = self->selected_series = -1;
  return self;
}

MoeChart *
moe_chart_ref (MoeChart *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_chart_unref (MoeChart *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (self->axes); i++)
    {
      g_free ((char *) self->axes[i].title);
      g_free ((char *) self->axes[i].unit);
    }
  g_free (self->title);
  g_free (self->subtitle);
  g_free (self->empty_text);
  g_strfreev (self->categories);
  g_ptr_array_unref (self->items);
  g_array_unref (self->thresholds);
  g_free (self);
}

void
moe_chart_set_categories (MoeChart          *self,
                          const char *const *names,
                          guint              n_names)
{
  g_return_if_fail (self != NULL && (names != NULL || n_names == 0));

  g_strfreev (self->categories);
  self->categories = g_new0 (char *, n_names + 1);
  self->n_categories = n_names;
  for (guint i = 0; i < n_names; i++)
    self->categories[i] = g_strdup (names[i]);
}

static double *
copy_numbers (const double *numbers,
              guint         n)
{
  return numbers != NULL ? g_memdup2 (numbers, n * sizeof (double)) : NULL;
}

guint
moe_chart_add_series (MoeChart             *self,
                      const MoeChartSeries *series)
{
  MoeChartItem *item;
  int style = 0;

  g_return_val_if_fail (self != NULL && series != NULL, 0);
  g_return_val_if_fail (series->n_points == 0 || (series->x != NULL && series->y != NULL), 0);

  for (guint i = 0; i < self->items->len; i++)
    style += ((MoeChartItem *) g_ptr_array_index (self->items, i))->style != MOE_CHART_STYLE_QUIET;

  item = g_new0 (MoeChartItem, 1);
  item->series = *series;
  item->style = series->quiet || series->kind == MOE_CHART_BAND ? MOE_CHART_STYLE_QUIET : style;
  if (series->kind == MOE_CHART_BARS)
    item->bar = self->n_bars++;
  item->name = g_strdup (series->name != NULL ? series->name : "");
  item->numbers[0] = copy_numbers (series->x, series->n_points);
  item->numbers[1] = copy_numbers (series->y, series->n_points);
  item->numbers[2] = copy_numbers (series->low, series->n_points);
  item->numbers[3] = copy_numbers (series->high, series->n_points);
  if (series->point_names != NULL)
    {
      item->point_names = g_new0 (char *, series->n_points + 1);
      for (guint i = 0; i < series->n_points; i++)
        item->point_names[i] = g_strdup (series->point_names[i]);
    }
  if (series->rows != NULL)
    item->rows = g_memdup2 (series->rows, series->n_points * sizeof (guint));
  item->series.name = item->name;
  item->series.x = item->numbers[0];
  item->series.y = item->numbers[1];
  item->series.low = item->numbers[2];
  item->series.high = item->numbers[3];
  item->series.point_names = (const char *const *) item->point_names;
  item->series.rows = item->rows;
  g_ptr_array_add (self->items, item);
  return self->items->len - 1;
}

void
moe_chart_add_threshold (MoeChart   *self,
                         gboolean    vertical,
                         double      value,
                         const char *label)
{
  MoeChartThreshold threshold = { value, vertical, g_strdup (label != NULL ? label : "") };

  g_return_if_fail (self != NULL);

  g_array_append_val (self->thresholds, threshold);
}

void
moe_chart_set_diagonal (MoeChart *self,
                        gboolean  diagonal)
{
  g_return_if_fail (self != NULL);

  self->diagonal = diagonal;
}

static void
set_text (char       **to,
          const char  *text)
{
  char *copy = g_strdup (text != NULL ? text : "");

  g_free (*to);
  *to = copy;
}

void
moe_chart_set_empty_text (MoeChart   *self,
                          const char *text)
{
  g_return_if_fail (self != NULL);

  set_text (&self->empty_text, text);
}

void
moe_chart_set_subtitle (MoeChart   *self,
                        const char *text)
{
  g_return_if_fail (self != NULL);

  set_text (&self->subtitle, text);
}

void
moe_chart_set_dark (MoeChart *self,
                    gboolean  dark)
{
  g_return_if_fail (self != NULL);

  self->dark = dark;
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

guint
moe_chart_add_ccdf (MoeChart     *self,
                    const char   *name,
                    const double *values,
                    gsize         n_values)
{
  g_autofree double *sorted = g_new (double, n_values), *share = g_new (double, n_values);
  guint n = 0, n_points = 0;

  g_return_val_if_fail (self != NULL && (values != NULL || n_values == 0) && n_values <= G_MAXUINT, 0);

  for (gsize i = 0; i < n_values; i++)
    if (!isnan (values[i]))
      sorted[n++] = values[i];
  qsort (sorted, n, sizeof (double), compare_doubles);
  /* Equal values are one point, at the share of those that are at least as large. */
  for (guint i = 0; i < n; i++)
    if (i == 0 || sorted[i] != sorted[i - 1])
      {
        share[n_points] = (double) (n - i) / n;
        sorted[n_points++] = sorted[i];
      }
  return moe_chart_add_series (self, &(MoeChartSeries) {
    .kind = MOE_CHART_STEPS, .name = name, .n_points = n_points, .x = sorted, .y = share,
  });
}

const char *
moe_chart_get_title (const MoeChart *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->title;
}

guint
moe_chart_get_n_series (const MoeChart *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->items->len;
}

void
moe_chart_get_series (const MoeChart *self,
                      guint           series,
                      MoeChartSeries *result)
{
  g_return_if_fail (self != NULL && series < self->items->len && result != NULL);

  *result = ((MoeChartItem *) g_ptr_array_index (self->items, series))->series;
}

gboolean
moe_chart_has_points (const MoeChart *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  for (guint i = 0; i < self->items->len; i++)
    {
      const MoeChartItem *item = g_ptr_array_index (self->items, i);

      for (guint point = 0; point < item->series.n_points; point++)
        if (isfinite (item->series.x[point]) && isfinite (item->series.y[point]))
          return TRUE;
    }
  return FALSE;
}

/* "3.2 nats" */
static void
append_value (GString            *text,
              const MoeChartAxis *axis,
              double              value)
{
  g_autofree char *number = isnan (value) ? g_strdup ("missing") : moe_ticks_format_significant (value, 4);

  g_string_append (text, number);
  if (*axis->unit != '\0' && !isnan (value))
    g_string_append_printf (text, " %s", axis->unit);
}

char *
moe_chart_describe (const MoeChart *self,
                    guint           series,
                    guint           point)
{
  const MoeChartItem *item;
  const MoeChartSeries *s;
  GString *text = g_string_new (NULL);

  g_return_val_if_fail (self != NULL && series < self->items->len, g_string_free (text, FALSE));
  item = g_ptr_array_index (self->items, series);
  s = &item->series;
  g_return_val_if_fail (point < s->n_points, g_string_free (text, FALSE));

  if (*s->name != '\0')
    g_string_append_printf (text, "%s, ", s->name);
  if (s->point_names != NULL && s->point_names[point] != NULL)
    g_string_append_printf (text, "%s: ", s->point_names[point]);
  if (self->categories != NULL)
    {
      double x = s->x[point];

      if (x >= 0 && x < self->n_categories)
        g_string_append_printf (text, "%s: ", self->categories[(guint) x]);
    }
  else if (s->kind == MOE_CHART_POINTS)
    {
      g_string_append_printf (text, "%s ", self->axes[0].title);
      append_value (text, &self->axes[0], s->x[point]);
      g_string_append_printf (text, ", %s ", self->axes[1].title);
    }
  else
    {
      g_string_append_printf (text, "%s ", self->axes[0].title);
      append_value (text, &self->axes[0], s->x[point]);
      g_string_append (text, ": ");
    }
  append_value (text, &self->axes[1], s->y[point]);
  if (s->low != NULL && s->high != NULL && isfinite (s->low[point]) && isfinite (s->high[point]))
    {
      g_string_append (text, " (");
      append_value (text, &(MoeChartAxis) { .unit = "" }, s->low[point]);
      g_string_append (text, " to ");
      append_value (text, &(MoeChartAxis) { .unit = "" }, s->high[point]);
      g_string_append_c (text, ')');
    }
  return g_string_free (text, FALSE);
}

void
moe_chart_set_view (MoeChart *self,
                    double    x,
                    double    y,
                    double    width,
                    double    height)
{
  g_return_if_fail (self != NULL);

  /* Written so that NaN ends up as the whole. */
  width = width > 0 && width < 1 ? MAX (width, 1e-6) : 1;
  height = height > 0 && height < 1 ? MAX (height, 1e-6) : 1;
  x = x > 0 ? MIN (x, 1 - width) : 0;
  y = y > 0 ? MIN (y, 1 - height) : 0;
  self->view = (cairo_rectangle_t) { x, y, width, height };
}

void
moe_chart_get_view (const MoeChart    *self,
                    cairo_rectangle_t *view)
{
  g_return_if_fail (self != NULL && view != NULL);

  *view = self->view;
}

gboolean
moe_chart_same_axes (const MoeChart *self,
                     const MoeChart *other)
{
  g_return_val_if_fail (self != NULL && other != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (self->axes); i++)
    if (!g_str_equal (self->axes[i].title, other->axes[i].title) ||
        !g_str_equal (self->axes[i].unit, other->axes[i].unit) ||
        self->axes[i].scale != other->axes[i].scale)
      return FALSE;
  if (self->categories == NULL || other->categories == NULL)
    return self->categories == other->categories;
  return g_strv_equal ((const char *const *) self->categories, (const char *const *) other->categories);
}

void
moe_chart_set_hover (MoeChart *self,
                     int       series,
                     int       point)
{
  g_return_if_fail (self != NULL);

  self->hover_series = series;
  self->hover_point = point;
}

void
moe_chart_set_selected (MoeChart *self,
                        int       series,
                        int       point)
{
  g_return_if_fail (self != NULL);

  self->selected_series = series;
  self->selected_point = point;
}
