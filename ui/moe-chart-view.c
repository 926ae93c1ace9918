/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-view"

#include "ui/moe-chart-view.h"

#include <math.h>

#include "ui/moe-chart-view-private.h"
#include "ui/moe-plot-widget.h"

G_DEFINE_FINAL_TYPE (MoeChartView, moe_chart_view, GTK_TYPE_WIDGET)

guint moe_chart_view_signals[MOE_CHART_VIEW_N_SIGNALS];

void
moe_chart_view_invalidate (MoeChartView *self)
{
  g_clear_object (&self->base);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
draw_base (gconstpointer  chart,
           cairo_t       *cr,
           double         width,
           double         height)
{
  moe_chart_draw_base (chart, cr, width, height);
}

static void
moe_chart_view_snapshot (GtkWidget   *widget,
                         GtkSnapshot *snapshot)
{
  MoeChartView *self = MOE_CHART_VIEW (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  int scale = gtk_widget_get_scale_factor (widget);
  gboolean dark = moe_plot_widget_is_dark (widget);
  graphene_rect_t bounds = GRAPHENE_RECT_INIT (0, 0, (float) width, (float) height);
  cairo_t *cr;

  if (width <= 0 || height <= 0 || self->chart == NULL)
    return;
  if (self->base == NULL || self->base_width != width || self->base_height != height ||
      self->base_scale != scale || self->base_dark != dark)
    {
      g_clear_object (&self->base);
      moe_chart_set_dark (self->chart, dark);
      self->base = moe_plot_widget_draw (draw_base, self->chart, width, height, scale);
      self->base_width = width;
      self->base_height = height;
      self->base_scale = scale;
      self->base_dark = dark;
    }
  if (self->base != NULL)
    gtk_snapshot_append_texture (snapshot, self->base, &bounds);

  moe_chart_set_hover (self->chart, self->hover_series, self->hover_point);
  moe_chart_set_selected (self->chart, self->selected_series, self->selected_point);
  cr = gtk_snapshot_append_cairo (snapshot, &bounds);
  moe_chart_draw_overlay (self->chart, cr, width, height);
  cairo_destroy (cr);
  if (gtk_widget_has_visible_focus (widget))
    gtk_snapshot_render_focus (snapshot, gtk_widget_get_style_context (widget), 1, 1, width - 2, height - 2);
}

static void
moe_chart_view_measure (GtkWidget      *widget,
                        GtkOrientation  orientation,
                        int             for_size,
                        int            *minimum,
                        int            *natural,
                        int            *minimum_baseline,
                        int            *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? 220 : 150;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 560 : 340;
}

static gboolean
moe_chart_view_query_tooltip (GtkWidget  *widget,
                              int         x,
                              int         y,
                              gboolean    keyboard_tip,
                              GtkTooltip *tooltip)
{
  MoeChartView *self = MOE_CHART_VIEW (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  g_autofree char *text = NULL;
  double point_x, point_y;
  guint series, point;

  if (self->chart == NULL)
    return FALSE;
  if (keyboard_tip)
    {
      if (self->selected_series < 0)
        return FALSE;
      series = (guint) self->selected_series;
      point = (guint) self->selected_point;
    }
  else if (!moe_chart_pick (self->chart, width, height, x, y, &series, &point))
    return FALSE;
  if (!moe_chart_get_point (self->chart, width, height, series, point, &point_x, &point_y))
    return FALSE;

  text = moe_chart_describe (self->chart, series, point);
  gtk_tooltip_set_text (tooltip, text);
  /* Around the pointer rather than the point: a bar is picked far from its end. */
  gtk_tooltip_set_tip_area (tooltip, &(GdkRectangle) { (keyboard_tip ? (int) point_x : x) - 6,
                                                       (keyboard_tip ? (int) point_y : y) - 6, 12, 12 });
  return TRUE;
}

static void
update_description (MoeChartView *self)
{
  g_autofree char *text = NULL;

  if (self->chart != NULL && self->selected_series >= 0)
    text = moe_chart_describe (self->chart, (guint) self->selected_series, (guint) self->selected_point);
  else
    text = g_strdup (self->chart == NULL || moe_chart_has_points (self->chart) ? "" : "Nothing to show yet");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

static gboolean
has_point (MoeChartView *self,
           int           series,
           int           point)
{
  MoeChartSeries content;

  if (self->chart == NULL || series < 0 || (guint) series >= moe_chart_get_n_series (self->chart))
    return FALSE;
  moe_chart_get_series (self->chart, (guint) series, &content);
  return point >= 0 && (guint) point < content.n_points;
}

void
moe_chart_view_select (MoeChartView *self,
                       int           series,
                       int           point)
{
  gboolean inside;

  g_return_if_fail (MOE_IS_CHART_VIEW (self));

  inside = has_point (self, series, point);
  self->selected_series = inside ? series : -1;
  self->selected_point = inside ? point : -1;
  update_description (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

gboolean
moe_chart_view_select_row (MoeChartView *self,
                           guint         row)
{
  g_return_val_if_fail (MOE_IS_CHART_VIEW (self), FALSE);

  for (guint i = 0; self->chart != NULL && i < moe_chart_get_n_series (self->chart); i++)
    {
      MoeChartSeries series;

      moe_chart_get_series (self->chart, i, &series);
      /* A band is what the others are compared with. */
      for (guint point = 0; series.rows != NULL && point < series.n_points; point++)
        if (series.rows[point] == row && series.kind != MOE_CHART_BAND)
          {
            moe_chart_view_select (self, (int) i, (int) point);
            return TRUE;
          }
    }
  moe_chart_view_select (self, -1, -1);
  return FALSE;
}

static void
apply_restored (MoeChartView *self)
{
  if (self->chart == NULL || self->restored_title == NULL || !moe_chart_has_points (self->chart)
      || !g_str_equal (self->restored_title, moe_chart_get_title (self->chart)))
    return;
  g_clear_pointer (&self->restored_title, g_free);
  moe_chart_set_view (self->chart, self->restored.x, self->restored.y, self->restored.width,
                      self->restored.height);
}

void
moe_chart_view_take_chart (MoeChartView *self,
                           MoeChart     *chart)
{
  g_return_if_fail (MOE_IS_CHART_VIEW (self));

  if (self->chart != NULL && chart != NULL && moe_chart_same_axes (self->chart, chart))
    {
      cairo_rectangle_t view;

      moe_chart_get_view (self->chart, &view);
      moe_chart_set_view (chart, view.x, view.y, view.width, view.height);
    }
  g_clear_pointer (&self->chart, moe_chart_unref);
  self->chart = chart;
  apply_restored (self);
  self->hover_series = self->hover_point = -1;
  if (!has_point (self, self->selected_series, self->selected_point))
    self->selected_series = self->selected_point = -1;
  gtk_accessible_update_property (
      GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
      chart != NULL && *moe_chart_get_title (chart) != '\0' ? moe_chart_get_title (chart) : "Chart", -1);
  update_description (self);
  gtk_widget_trigger_tooltip_query (GTK_WIDGET (self));
  moe_chart_view_invalidate (self);
}

MoeChart *
moe_chart_view_get_chart (MoeChartView *self)
{
  g_return_val_if_fail (MOE_IS_CHART_VIEW (self), NULL);

  return self->chart;
}

void
moe_chart_view_reset_zoom (MoeChartView *self)
{
  g_return_if_fail (MOE_IS_CHART_VIEW (self));

  if (self->chart == NULL)
    return;
  moe_chart_set_view (self->chart, 0, 0, 1, 1);
  moe_chart_view_invalidate (self);
}

gboolean
moe_chart_view_get_zoom (MoeChartView      *self,
                         cairo_rectangle_t *zoom)
{
  g_return_val_if_fail (MOE_IS_CHART_VIEW (self) && zoom != NULL, FALSE);

  if (self->chart == NULL)
    return FALSE;
  moe_chart_get_view (self->chart, zoom);
  return zoom->x > 0 || zoom->y > 0 || zoom->width < 1 || zoom->height < 1;
}

void
moe_chart_view_restore_zoom (MoeChartView            *self,
                             const char              *title,
                             const cairo_rectangle_t *zoom)
{
  g_return_if_fail (MOE_IS_CHART_VIEW (self) && title != NULL && zoom != NULL);

  if (!(zoom->x >= 0 && zoom->y >= 0 && zoom->width > 0 && zoom->height > 0
        && zoom->x + zoom->width <= 1 + 1e-9 && zoom->y + zoom->height <= 1 + 1e-9))
    return;
  g_free (self->restored_title);
  self->restored_title = g_strdup (title);
  self->restored = *zoom;
  apply_restored (self);
  moe_chart_view_invalidate (self);
}

static void
moe_chart_view_dispose (GObject *object)
{
  MoeChartView *self = MOE_CHART_VIEW (object);

  g_clear_object (&self->base);
  g_clear_pointer (&self->chart, moe_chart_unref);
  g_clear_pointer (&self->restored_title, g_free);

  G_OBJECT_CLASS (moe_chart_view_parent_class)->dispose (object);
}

static guint
add_signal (const char *name)
{
  return g_signal_new (name, MOE_TYPE_CHART_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                       G_TYPE_INT, G_TYPE_INT);
}

static void
moe_chart_view_class_init (MoeChartViewClass *class)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = moe_chart_view_dispose;
  widget_class->snapshot = moe_chart_view_snapshot;
  widget_class->measure = moe_chart_view_measure;
  widget_class->query_tooltip = moe_chart_view_query_tooltip;

  moe_chart_view_signals[MOE_CHART_VIEW_POINT_SELECTED] = add_signal ("point-selected");
  moe_chart_view_signals[MOE_CHART_VIEW_POINT_ACTIVATED] = add_signal ("point-activated");
  moe_chart_view_signals[MOE_CHART_VIEW_HOVER_CHANGED] = add_signal ("hover-changed");

  gtk_widget_class_set_css_name (widget_class, "chart");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  moe_chart_view_class_install_input (widget_class);
}

static void
moe_chart_view_init (MoeChartView *self)
{
  self->hover_series = self->hover_point = self->selected_series = self->selected_point = -1;
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_has_tooltip (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  g_signal_connect (self, "notify::has-focus", G_CALLBACK (gtk_widget_queue_draw), NULL);
  moe_chart_view_init_input (self);
}

GtkWidget *
moe_chart_view_new (void)
{
  return g_object_new (MOE_TYPE_CHART_VIEW, NULL);
}
