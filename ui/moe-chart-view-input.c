/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chart-view"

#include <math.h>

#include "ui/moe-chart-view-private.h"

#define ZOOM_STEP 1.2

static void
emit (MoeChartView *self,
      guint         signal,
      int           series,
      int           point)
{
  g_signal_emit (self, moe_chart_view_signals[signal], 0, series, point);
}

static gboolean
pick (MoeChartView *self,
      double        x,
      double        y,
      guint        *series,
      guint        *point)
{
  return self->chart != NULL &&
         moe_chart_pick (self->chart, gtk_widget_get_width (GTK_WIDGET (self)),
                         gtk_widget_get_height (GTK_WIDGET (self)), x, y, series, point);
}

static void
get_area (MoeChartView      *self,
          cairo_rectangle_t *area)
{
  moe_chart_get_area (self->chart, gtk_widget_get_width (GTK_WIDGET (self)),
                      gtk_widget_get_height (GTK_WIDGET (self)), area);
}

static void
select_point (MoeChartView *self,
              int           series,
              int           point)
{
  moe_chart_view_select (self, series, point);
  emit (self, MOE_CHART_VIEW_POINT_SELECTED, series, point);
}

/* Pointer */

static void
set_hover (MoeChartView *self,
           int           series,
           int           point)
{
  if (self->hover_series == series && self->hover_point == point)
    return;
  self->hover_series = series;
  self->hover_point = point;
  gtk_widget_queue_draw (GTK_WIDGET (self));
  emit (self, MOE_CHART_VIEW_HOVER_CHANGED, series, point);
}

static void
on_motion (GtkEventControllerMotion *controller,
           double                    x,
           double                    y,
           MoeChartView             *self)
{
  guint series, point;

  self->pointer_x = x;
  self->pointer_y = y;
  if (pick (self, x, y, &series, &point))
    set_hover (self, (int) series, (int) point);
  else
    set_hover (self, -1, -1);
}

static void
on_leave (GtkEventControllerMotion *controller,
          MoeChartView             *self)
{
  set_hover (self, -1, -1);
}

static void
on_pressed (GtkGestureClick *gesture,
            int              n_press,
            double           x,
            double           y,
            MoeChartView    *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
}

/* Acting on the press would fire at the start of every drag. */
static void
on_released (GtkGestureClick *gesture,
             int              n_press,
             double           x,
             double           y,
             MoeChartView    *self)
{
  guint series, point;

  if (!pick (self, x, y, &series, &point))
    {
      if (n_press == 2)
        moe_chart_view_reset_zoom (self);
    }
  else if (n_press == 1)
    select_point (self, (int) series, (int) point);
  else if (n_press == 2)
    emit (self, MOE_CHART_VIEW_POINT_ACTIVATED, (int) series, (int) point);
}

/* What is at (@x, @y) stays there. */
static void
zoom_at (MoeChartView *self,
         double        zoom_x,
         double        zoom_y,
         double        x,
         double        y)
{
  cairo_rectangle_t area, view;
  double at_x, at_y, width, height;

  get_area (self, &area);
  moe_chart_get_view (self->chart, &view);
  at_x = CLAMP ((x - area.x) / area.width, 0, 1);
  at_y = CLAMP (1 - (y - area.y) / area.height, 0, 1);
  width = CLAMP (view.width * zoom_x, 1e-4, 1);
  height = CLAMP (view.height * zoom_y, 1e-4, 1);
  moe_chart_set_view (self->chart, view.x + at_x * (view.width - width),
                      view.y + at_y * (view.height - height), width, height);
  moe_chart_view_invalidate (self);
}

/* Scroll events say no place on X11, so it is the last one of the pointer. */
static gboolean
on_scroll (GtkEventControllerScroll *controller,
           double                    dx,
           double                    dy,
           MoeChartView             *self)
{
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));
  double factor = pow (ZOOM_STEP, CLAMP (dy != 0 ? dy : dx, -4, 4));

  if (self->chart == NULL || !moe_chart_has_points (self->chart))
    return GDK_EVENT_PROPAGATE;
  zoom_at (self, (state & GDK_SHIFT_MASK) != 0 ? 1 : factor, (state & GDK_CONTROL_MASK) != 0 ? 1 : factor,
           self->pointer_x, self->pointer_y);
  return GDK_EVENT_STOP;
}

static void
on_drag_begin (GtkGestureDrag *gesture,
               double          x,
               double          y,
               MoeChartView   *self)
{
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (gesture));
  guint button = gtk_gesture_single_get_button (GTK_GESTURE_SINGLE (gesture));

  self->pan_moved = FALSE;
  self->panning = self->chart != NULL && (button == GDK_BUTTON_MIDDLE || (state & GDK_SHIFT_MASK) != 0);
  if (self->panning)
    moe_chart_get_view (self->chart, &self->pan_view);
}

static void
on_drag_update (GtkGestureDrag *gesture,
                double          dx,
                double          dy,
                MoeChartView   *self)
{
  const cairo_rectangle_t *view = &self->pan_view;
  cairo_rectangle_t area;

  if (!self->panning || self->chart == NULL ||
      (!self->pan_moved && !gtk_drag_check_threshold (GTK_WIDGET (self), 0, 0, (int) dx, (int) dy)))
    return;
  /* Claiming the sequence is what keeps the click from being released. */
  self->pan_moved = TRUE;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  get_area (self, &area);
  moe_chart_set_view (self->chart, view->x - dx * view->width / area.width,
                      view->y + dy * view->height / area.height, view->width, view->height);
  moe_chart_view_invalidate (self);
}

static void
add_drag (MoeChartView *self,
          guint         button)
{
  GtkGesture *gesture = gtk_gesture_drag_new ();

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (gesture), button);
  g_signal_connect (gesture, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (gesture, "drag-update", G_CALLBACK (on_drag_update), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (gesture));
}

void
moe_chart_view_init_input (MoeChartView *self)
{
  GtkEventController *controller;
  GtkGesture *gesture;

  controller = gtk_event_controller_motion_new ();
  g_signal_connect (controller, "enter", G_CALLBACK (on_motion), self);
  g_signal_connect (controller, "motion", G_CALLBACK (on_motion), self);
  g_signal_connect (controller, "leave", G_CALLBACK (on_leave), self);
  gtk_widget_add_controller (GTK_WIDGET (self), controller);

  controller = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  g_signal_connect (controller, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (GTK_WIDGET (self), controller);

  gesture = gtk_gesture_click_new ();
  g_signal_connect (gesture, "pressed", G_CALLBACK (on_pressed), self);
  g_signal_connect (gesture, "released", G_CALLBACK (on_released), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (gesture));

  add_drag (self, GDK_BUTTON_PRIMARY);
  add_drag (self, GDK_BUTTON_MIDDLE);
}

/* Keyboard: class actions, so that assistive technologies see them as well. */

static gboolean
can_show (MoeChartView *self,
          guint         series,
          guint         point)
{
  double x, y;

  return moe_chart_get_point (self->chart, gtk_widget_get_width (GTK_WIDGET (self)),
                              gtk_widget_get_height (GTK_WIDGET (self)), series, point, &x, &y);
}

/* The next point of the same series, or the same place in the next series; points that can't be drawn are
 * passed over. */
static void
move (MoeChartView *self,
      int           points,
      int           n_series)
{
  int series = self->selected_series, point = self->selected_point;
  MoeChartSeries content;

  if (self->chart == NULL || moe_chart_get_n_series (self->chart) == 0)
    return;
  if (series < 0)
    {
      series = points < 0 || n_series < 0 ? (int) moe_chart_get_n_series (self->chart) : -1;
      n_series = series < 0 ? 1 : -1;
      points = 0;
      point = 0;
    }
  if (n_series != 0)
    do
      {
        series += n_series;
        if (series < 0 || (guint) series >= moe_chart_get_n_series (self->chart))
          return;
        moe_chart_get_series (self->chart, (guint) series, &content);
      }
    while (content.n_points == 0);
  moe_chart_get_series (self->chart, (guint) series, &content);
  point = CLAMP (point + points, 0, (int) content.n_points - 1);
  while (!can_show (self, (guint) series, (guint) point))
    {
      point += points < 0 ? -1 : 1;
      if (point < 0 || (guint) point >= content.n_points)
        return;
    }
  select_point (self, series, point);
}

static void
move_action (GtkWidget  *widget,
             const char *name,
             GVariant   *parameter)
{
  static const struct
  {
    const char *name;
    int         points, series;
  } moves[] = {
    { "chart.left", -1, 0 }, { "chart.right", 1, 0 }, { "chart.up", 0, -1 }, { "chart.down", 0, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (moves); i++)
    if (g_str_equal (name, moves[i].name))
      move (MOE_CHART_VIEW (widget), moves[i].points, moves[i].series);
}

static void
activate_action (GtkWidget  *widget,
                 const char *name,
                 GVariant   *parameter)
{
  MoeChartView *self = MOE_CHART_VIEW (widget);

  if (self->selected_series >= 0)
    emit (self, MOE_CHART_VIEW_POINT_ACTIVATED, self->selected_series, self->selected_point);
}

static void
release_action (GtkWidget  *widget,
                const char *name,
                GVariant   *parameter)
{
  select_point (MOE_CHART_VIEW (widget), -1, -1);
}

static void
reset_action (GtkWidget  *widget,
              const char *name,
              GVariant   *parameter)
{
  moe_chart_view_reset_zoom (MOE_CHART_VIEW (widget));
}

static void
zoom_action (GtkWidget  *widget,
             const char *name,
             GVariant   *parameter)
{
  MoeChartView *self = MOE_CHART_VIEW (widget);
  double factor = g_str_equal (name, "chart.zoom-in") ? 1 / ZOOM_STEP : ZOOM_STEP, x, y;
  cairo_rectangle_t area;

  if (self->chart == NULL)
    return;
  get_area (self, &area);
  x = area.x + area.width / 2;
  y = area.y + area.height / 2;
  if (self->selected_series >= 0)
    moe_chart_get_point (self->chart, gtk_widget_get_width (widget), gtk_widget_get_height (widget),
                         (guint) self->selected_series, (guint) self->selected_point, &x, &y);
  zoom_at (self, factor, factor, x, y);
}

void
moe_chart_view_class_install_input (GtkWidgetClass *widget_class)
{
  static const struct
  {
    const char *name;
    GtkWidgetActionActivateFunc func;
    guint keys[4]; /* ends with 0 */
  } actions[] = {
    { "chart.left", move_action, { GDK_KEY_Left, GDK_KEY_KP_Left } },
    { "chart.right", move_action, { GDK_KEY_Right, GDK_KEY_KP_Right } },
    { "chart.up", move_action, { GDK_KEY_Up, GDK_KEY_KP_Up } },
    { "chart.down", move_action, { GDK_KEY_Down, GDK_KEY_KP_Down } },
    { "chart.activate", activate_action, { GDK_KEY_d, GDK_KEY_Return, GDK_KEY_KP_Enter } },
    { "chart.release", release_action, { GDK_KEY_Escape } },
    { "chart.reset", reset_action, { GDK_KEY_Home, GDK_KEY_KP_Home } },
    { "chart.zoom-in", zoom_action, { GDK_KEY_plus, GDK_KEY_equal, GDK_KEY_KP_Add } },
    { "chart.zoom-out", zoom_action, { GDK_KEY_minus, GDK_KEY_KP_Subtract } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      gtk_widget_class_install_action (widget_class, actions[i].name, NULL, actions[i].func);
      for (guint key = 0; actions[i].keys[key] != 0; key++)
        gtk_widget_class_add_binding_action (widget_class, actions[i].keys[key], 0, actions[i].name, NULL);
    }
}
