/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-view"

#include <math.h>

#include "ui/moe-heatmap-view-private.h"

#define ZOOM_STEP 1.2

static void
emit_cell (MoeHeatmapView *self,
           guint           signal,
           int             row,
           int             column)
{
  g_signal_emit (self, moe_heatmap_view_signals[signal], 0, row, column);
}

static gboolean
pick (MoeHeatmapView *self,
      double          x,
      double          y,
      guint          *row,
      guint          *column)
{
  MoeHeatmapLayout layout;

  moe_heatmap_view_get_layout (self, &layout);
  return self->plot.values != NULL && moe_heatmap_layout_pick (&layout, &self->plot, x, y, row, column);
}

static void
clear_area (MoeHeatmapView *self)
{
  self->plot.area_row = self->plot.area_column = self->plot.area_rows = self->plot.area_columns = 0;
}

static void
select_cell (MoeHeatmapView *self,
             int             row,
             int             column)
{
  clear_area (self);
  moe_heatmap_view_select (self, row, column);
  emit_cell (self, MOE_HEATMAP_VIEW_CELL_SELECTED, row, column);
}

/* Pointer */

static void
set_hover (MoeHeatmapView *self,
           int             row,
           int             column)
{
  if (self->plot.hover_row == row && self->plot.hover_column == column)
    return;
  self->plot.hover_row = row;
  self->plot.hover_column = column;
  gtk_widget_queue_draw (GTK_WIDGET (self));
  emit_cell (self, MOE_HEATMAP_VIEW_HOVER_CHANGED, row, column);
}

static void
on_motion (GtkEventControllerMotion *controller,
           double                    x,
           double                    y,
           MoeHeatmapView           *self)
{
  guint row, column;

  self->pointer_x = x;
  self->pointer_y = y;
  if (pick (self, x, y, &row, &column))
    set_hover (self, (int) row, (int) column);
  else
    set_hover (self, -1, -1);
}

static void
on_leave (GtkEventControllerMotion *controller,
          MoeHeatmapView           *self)
{
  set_hover (self, -1, -1);
}

static void
on_pressed (GtkGestureClick *gesture,
            int              n_press,
            double           x,
            double           y,
            MoeHeatmapView  *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
}

/* Acting on the press would fire at the start of every drag. */
static void
on_released (GtkGestureClick *gesture,
             int              n_press,
             double           x,
             double           y,
             MoeHeatmapView  *self)
{
  guint row, column;

  self->cursor_shown = FALSE;
  if (!pick (self, x, y, &row, &column))
    {
      if (n_press == 2)
        moe_heatmap_view_reset_zoom (self);
    }
  else if (n_press == 1)
    select_cell (self, (int) row, (int) column);
  else if (n_press == 2)
    emit_cell (self, MOE_HEATMAP_VIEW_CELL_ACTIVATED, (int) row, (int) column);
}

static void
zoom_at (MoeHeatmapView *self,
              double          zoom_x,
              double          zoom_y,
              double          x,
              double          y)
{
  MoeHeatmapLayout layout;
  double at_x, at_y, columns, rows;

  moe_heatmap_view_get_layout (self, &layout);
  at_x = CLAMP ((x - layout.area.x) / layout.area.width, 0, 1);
  at_y = CLAMP ((y - layout.area.y) / layout.area.height, 0, 1);
  columns = CLAMP (layout.view_columns * zoom_x, MIN (2, self->plot.n_columns), self->plot.n_columns);
  rows = CLAMP (layout.view_rows * zoom_y, MIN (2, self->plot.n_rows), self->plot.n_rows);
  moe_heatmap_view_set_view (self, layout.view_x + at_x * (layout.view_columns - columns),
                             layout.view_y + at_y * (layout.view_rows - rows), columns, rows);
}

/* Scroll events say no place on X11, so it is the last one of the pointer. */
static gboolean
on_scroll (GtkEventControllerScroll *controller,
           double                    dx,
           double                    dy,
           MoeHeatmapView           *self)
{
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));
  double x = self->pointer_x, y = self->pointer_y, factor;
  MoeHeatmapLayout layout;

  if (self->plot.n_rows == 0 || self->plot.n_columns == 0)
    return GDK_EVENT_PROPAGATE;
  moe_heatmap_view_get_layout (self, &layout);
  factor = pow (ZOOM_STEP, CLAMP (dy != 0 ? dy : dx, -4, 4));

  if ((state & GDK_CONTROL_MASK) != 0)
    zoom_at (self, factor, 1, x, y);
  else if ((state & GDK_SHIFT_MASK) != 0)
    zoom_at (self, 1, factor, x, y);
  else if (dy == 0)
    moe_heatmap_view_set_view (self, layout.view_x + dx * layout.view_columns / 16, layout.view_y,
                               layout.view_columns, layout.view_rows);
  else
    zoom_at (self, factor, factor, x, y);
  return GDK_EVENT_STOP;
}

static void
on_drag_begin (GtkGestureDrag *gesture,
               double          x,
               double          y,
               MoeHeatmapView *self)
{
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (gesture));
  guint button = gtk_gesture_single_get_button (GTK_GESTURE_SINGLE (gesture));
  MoeHeatmapLayout layout;

  self->drag = MOE_DRAG_NONE;
  self->drag_moved = FALSE;
  if (!pick (self, x, y, &self->drag_row, &self->drag_column))
    return;
  moe_heatmap_view_get_layout (self, &layout);
  self->drag_x = x;
  self->drag_y = y;
  self->drag_view_x = layout.view_x;
  self->drag_view_y = layout.view_y;
  self->drag = button == GDK_BUTTON_MIDDLE || (state & GDK_SHIFT_MASK) != 0 ? MOE_DRAG_PAN : MOE_DRAG_AREA;
}

static void
drag_area_to (MoeHeatmapView *self,
              double          x,
              double          y)
{
  MoeHeatmapPlot *plot = &self->plot;
  MoeHeatmapLayout layout;
  guint row, column;

  moe_heatmap_view_get_layout (self, &layout);
  x = CLAMP (x, layout.area.x, layout.area.x + layout.area.width - 0.01);
  y = CLAMP (y, layout.area.y, layout.area.y + layout.area.height - 0.01);
  if (!moe_heatmap_layout_pick (&layout, plot, x, y, &row, &column))
    return;
  plot->area_row = (gint) MIN (row, self->drag_row);
  plot->area_column = (gint) MIN (column, self->drag_column);
  plot->area_rows = (gint) MAX (row, self->drag_row) - plot->area_row + 1;
  plot->area_columns = (gint) MAX (column, self->drag_column) - plot->area_column + 1;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
on_drag_update (GtkGestureDrag *gesture,
                double          dx,
                double          dy,
                MoeHeatmapView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  MoeHeatmapLayout layout;

  if (self->drag == MOE_DRAG_NONE)
    return;
  if (!self->drag_moved && !gtk_drag_check_threshold (widget, 0, 0, (int) dx, (int) dy))
    return;
  /* Claiming the sequence is what keeps the click from being released. */
  self->drag_moved = TRUE;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);

  if (self->drag == MOE_DRAG_AREA)
    {
      drag_area_to (self, self->drag_x + dx, self->drag_y + dy);
      return;
    }
  moe_heatmap_view_get_layout (self, &layout);
  moe_heatmap_view_set_view (self, self->drag_view_x - dx * layout.view_columns / layout.area.width,
                             self->drag_view_y - dy * layout.view_rows / layout.area.height,
                             layout.view_columns, layout.view_rows);
}

static void
on_drag_end (GtkGestureDrag *gesture,
             double          dx,
             double          dy,
             MoeHeatmapView *self)
{
  const MoeHeatmapPlot *plot = &self->plot;
  MoeDrag drag = self->drag;

  self->drag = MOE_DRAG_NONE;
  if (drag == MOE_DRAG_AREA && self->drag_moved)
    g_signal_emit (self, moe_heatmap_view_signals[MOE_HEATMAP_VIEW_AREA_SELECTED], 0, plot->area_row,
                   plot->area_column, plot->area_rows, plot->area_columns);
}

static void
add_drag (MoeHeatmapView *self,
          guint           button)
{
  GtkGesture *gesture = gtk_gesture_drag_new ();

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (gesture), button);
  g_signal_connect (gesture, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (gesture, "drag-update", G_CALLBACK (on_drag_update), self);
  g_signal_connect (gesture, "drag-end", G_CALLBACK (on_drag_end), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (gesture));
}

void
moe_heatmap_view_init_input (MoeHeatmapView *self)
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

/* Keyboard: class actions, so that assistive technologies and D-Bus see them as well. */

/* Moves the view just as far as is needed to show the cursor. */
static void
scroll_to_cursor (MoeHeatmapView *self)
{
  MoeHeatmapLayout layout;
  double x, y;

  moe_heatmap_view_get_layout (self, &layout);
  x = CLAMP (layout.view_x, self->cursor_column + 1 - layout.view_columns, self->cursor_column);
  y = CLAMP (layout.view_y, self->cursor_row + 1 - layout.view_rows, self->cursor_row);
  if (x != layout.view_x || y != layout.view_y)
    moe_heatmap_view_set_view (self, x, y, layout.view_columns, layout.view_rows);
}

static void
move_cursor (MoeHeatmapView *self,
             int             rows,
             int             columns)
{
  if (self->plot.values == NULL || self->plot.n_rows == 0 || self->plot.n_columns == 0)
    return;
  if (self->cursor_row < 0)
    {
      self->cursor_row = MAX (self->plot.hover_row, 0);
      self->cursor_column = MAX (self->plot.hover_column, 0);
    }
  else
    {
      self->cursor_row = CLAMP (self->cursor_row + rows, 0, (int) self->plot.n_rows - 1);
      self->cursor_column = CLAMP (self->cursor_column + columns, 0, (int) self->plot.n_columns - 1);
    }
  self->cursor_shown = TRUE;
  scroll_to_cursor (self);
  moe_heatmap_view_update_description (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
move_action (GtkWidget  *widget,
             const char *name,
             GVariant   *parameter)
{
  static const struct
  {
    const char *name;
    int         rows, columns;
  } moves[] = {
    { "map.left", 0, -1 },
    { "map.right", 0, 1 },
    { "map.up", -1, 0 },
    { "map.down", 1, 0 },
    { "map.page-up", -10, 0 },
    { "map.page-down", 10, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (moves); i++)
    if (g_str_equal (name, moves[i].name))
      move_cursor (MOE_HEATMAP_VIEW (widget), moves[i].rows, moves[i].columns);
}

static void
select_action (GtkWidget  *widget,
               const char *name,
               GVariant   *parameter)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);

  if (self->cursor_row >= 0)
    select_cell (self, self->cursor_row, self->cursor_column);
}

static void
activate_action (GtkWidget  *widget,
                 const char *name,
                 GVariant   *parameter)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);

  if (self->cursor_row >= 0)
    emit_cell (self, MOE_HEATMAP_VIEW_CELL_ACTIVATED, self->cursor_row, self->cursor_column);
}

static void
release_action (GtkWidget  *widget,
                const char *name,
                GVariant   *parameter)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);

  self->cursor_shown = FALSE;
  select_cell (self, -1, -1);
}

static void
reset_action (GtkWidget  *widget,
              const char *name,
              GVariant   *parameter)
{
  moe_heatmap_view_reset_zoom (MOE_HEATMAP_VIEW (widget));
}

static void
zoom_action (GtkWidget  *widget,
             const char *name,
             GVariant   *parameter)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);
  double factor = g_str_equal (name, "map.zoom-in") ? 1 / ZOOM_STEP : ZOOM_STEP, x, y;
  MoeHeatmapLayout layout;
  cairo_rectangle_t cell;

  moe_heatmap_view_get_layout (self, &layout);
  x = layout.area.x + layout.area.width / 2;
  y = layout.area.y + layout.area.height / 2;
  if (self->cursor_row >= 0)
    {
      moe_heatmap_layout_get_cell (&layout, (guint) self->cursor_row, (guint) self->cursor_column, &cell);
      x = cell.x + cell.width / 2;
      y = cell.y + cell.height / 2;
    }
  zoom_at (self, factor, factor, x, y);
}

void
moe_heatmap_view_class_install_input (GtkWidgetClass *widget_class)
{
  static const struct
  {
    const char *name;
    GtkWidgetActionActivateFunc func;
    guint keys[4]; /* ends with 0 */
  } actions[] = {
    { "map.left", move_action, { GDK_KEY_Left, GDK_KEY_KP_Left } },
    { "map.right", move_action, { GDK_KEY_Right, GDK_KEY_KP_Right } },
    { "map.up", move_action, { GDK_KEY_Up, GDK_KEY_KP_Up } },
    { "map.down", move_action, { GDK_KEY_Down, GDK_KEY_KP_Down } },
    { "map.page-up", move_action, { GDK_KEY_Page_Up, GDK_KEY_KP_Page_Up } },
    { "map.page-down", move_action, { GDK_KEY_Page_Down, GDK_KEY_KP_Page_Down } },
    { "map.select", select_action, { GDK_KEY_Return, GDK_KEY_KP_Enter } },
    { "map.activate", activate_action, { GDK_KEY_d } },
    { "map.release", release_action, { GDK_KEY_Escape } },
    { "map.reset", reset_action, { GDK_KEY_Home, GDK_KEY_KP_Home } },
    { "map.zoom-in", zoom_action, { GDK_KEY_plus, GDK_KEY_equal, GDK_KEY_KP_Add } },
    { "map.zoom-out", zoom_action, { GDK_KEY_minus, GDK_KEY_KP_Subtract } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      gtk_widget_class_install_action (widget_class, actions[i].name, NULL, actions[i].func);
      for (guint key = 0; actions[i].keys[key] != 0; key++)
        gtk_widget_class_add_binding_action (widget_class, actions[i].keys[key], 0, actions[i].name, NULL);
    }
}
