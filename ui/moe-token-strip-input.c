/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-token-strip"

#include "ui/moe-token-strip-private.h"

#include <math.h>

void
moe_token_strip_select_and_tell (MoeTokenStrip *self,
                 int            index)
{
  moe_token_strip_select (self, index);
  g_signal_emit (self, moe_token_strip_selected_signal, 0, self->selected);
}

static void
set_hover (MoeTokenStrip *self,
           int            index)
{
  if (index == self->hover)
    return;
  self->hover = index;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
on_motion (GtkEventControllerMotion *controller,
           double                    x,
           double                    y,
           MoeTokenStrip            *self)
{
  set_hover (self, moe_token_strip_pick (self, x, y));
}

static void
on_leave (GtkEventControllerMotion *controller,
          MoeTokenStrip            *self)
{
  set_hover (self, -1);
}

static void
on_pressed (GtkGestureClick *gesture,
            int              n_press,
            double           x,
            double           y,
            MoeTokenStrip   *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
}

static void
on_released (GtkGestureClick *gesture,
             int              n_press,
             double           x,
             double           y,
             MoeTokenStrip   *self)
{
  int index = moe_token_strip_pick (self, x, y);

  if (index >= 0)
    moe_token_strip_select_and_tell (self, index);
}

/* The token of the next line up (-1) or down (1) that is nearest below or above @index. */
static int
get_vertical_neighbour (MoeTokenStrip *self,
                        guint          index,
                        int            direction)
{
  const MoeStripToken *token;
  double middle;
  int line, best = (int) index;
  double distance = INFINITY;

  moe_token_strip_place_tokens (self);
  if (index >= self->n_placed)
    return (int) index;
  token = moe_token_strip_get_token (self, index);
  middle = token->x + token->width / 2;
  line = (int) token->line + direction;
  if (line < 0 || line >= (int) self->lines->len)
    return (int) index;
  for (guint i = g_array_index (self->lines, guint, (guint) line); i < self->n_placed; i++)
    {
      const MoeStripToken *other = moe_token_strip_get_token (self, i);

      if (other->line != (guint) line)
        break;
      if (fabs (other->x + other->width / 2 - middle) < distance)
        {
          distance = fabs (other->x + other->width / 2 - middle);
          best = (int) i;
        }
    }
  return best;
}

static void
move_action (GtkWidget  *widget,
             const char *name,
             GVariant   *parameter)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (widget);
  int last = (int) self->tokens->len - 1, index = self->selected;

  if (last < 0)
    return;
  if (g_str_equal (name, "tokens.first"))
    index = 0;
  else if (g_str_equal (name, "tokens.last") || index < 0)
    index = last;
  else if (g_str_equal (name, "tokens.next"))
    index = MIN (index + 1, last);
  else if (g_str_equal (name, "tokens.previous"))
    index = MAX (index - 1, 0);
  else
    index = get_vertical_neighbour (self, (guint) index, g_str_equal (name, "tokens.up") ? -1 : 1);
  if (index != self->selected)
    moe_token_strip_select_and_tell (self, index);
}

static void
release_action (GtkWidget  *widget,
                const char *name,
                GVariant   *parameter)
{
  moe_token_strip_select_and_tell (MOE_TOKEN_STRIP (widget), -1);
}

void
moe_token_strip_init_input (MoeTokenStrip *self)
{
  GtkEventController *motion = gtk_event_controller_motion_new ();
  GtkGesture *click = gtk_gesture_click_new ();

  g_signal_connect (motion, "motion", G_CALLBACK (on_motion), self);
  g_signal_connect (motion, "leave", G_CALLBACK (on_leave), self);
  gtk_widget_add_controller (GTK_WIDGET (self), motion);
  g_signal_connect (click, "pressed", G_CALLBACK (on_pressed), self);
  g_signal_connect (click, "released", G_CALLBACK (on_released), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
}

void
moe_token_strip_install_actions (GtkWidgetClass *widget_class)
{
  static const struct
  {
    const char *name;
    GtkWidgetActionActivateFunc func;
    guint keys[3]; /* ends with 0 */
  } actions[] = {
    { "tokens.previous", move_action, { GDK_KEY_comma, GDK_KEY_Left } },
    { "tokens.next", move_action, { GDK_KEY_period, GDK_KEY_Right } },
    { "tokens.up", move_action, { GDK_KEY_Up } },
    { "tokens.down", move_action, { GDK_KEY_Down } },
    { "tokens.first", move_action, { GDK_KEY_Home } },
    { "tokens.last", move_action, { GDK_KEY_End } },
    { "tokens.release", release_action, { GDK_KEY_Escape } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      gtk_widget_class_install_action (widget_class, actions[i].name, NULL, actions[i].func);
      for (guint key = 0; actions[i].keys[key] != 0; key++)
        gtk_widget_class_add_binding_action (widget_class, actions[i].keys[key], 0, actions[i].name, NULL);
    }
}
