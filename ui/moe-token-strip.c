/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-token-strip"

#include "ui/moe-token-strip.h"

#include <math.h>

#include "ui/moe-ticks.h"
#include "ui/moe-token-strip-private.h"
#include "ui/moe-token-text.h"


enum
{
  PROP_0,
  PROP_HADJUSTMENT,
  PROP_VADJUSTMENT,
  PROP_HSCROLL_POLICY,
  PROP_VSCROLL_POLICY,
};

guint moe_token_strip_selected_signal;

G_DEFINE_FINAL_TYPE_WITH_CODE (MoeTokenStrip, moe_token_strip, GTK_TYPE_WIDGET,
                               G_IMPLEMENT_INTERFACE (GTK_TYPE_SCROLLABLE, NULL))

static void
clear_token (gpointer data)
{
  MoeStripToken *token = data;

  g_clear_pointer (&token->text, g_free);
  g_clear_object (&token->layout);
}

/* Placing tokens in lines */

int
moe_token_strip_get_line_height (MoeTokenStrip *self)
{
  if (self->text_height == 0)
    {
      g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), "Mg");

      pango_layout_get_pixel_size (layout, NULL, &self->text_height);
      self->text_height = MAX (self->text_height, 8);
    }
  return self->text_height + 4 + MOE_STRIP_GAP_Y;
}

static PangoLayout *
get_layout (MoeTokenStrip *self,
            const char    *text)
{
  g_autofree char *visible = moe_token_text_make_visible (text);
  PangoLayout *layout = g_hash_table_lookup (self->layouts, visible);

  if (layout == NULL)
    {
      layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), visible);
      pango_layout_set_single_paragraph_mode (layout, TRUE);
      g_hash_table_insert (self->layouts, g_steal_pointer (&visible), layout);
    }
  return g_object_ref (layout);
}

static void
forget_places (MoeTokenStrip *self)
{
  g_array_set_size (self->lines, 0);
  self->n_placed = 0;
  self->end_x = 0;
}

static void
place_token (MoeTokenStrip *self,
             guint          index)
{
  MoeStripToken *token = moe_token_strip_get_token (self, index);
  gboolean starts_line;

  if (token->layout == NULL)
    {
      PangoRectangle extents;

      token->layout = get_layout (self, token->text);
      pango_layout_get_pixel_extents (token->layout, NULL, &extents);
      token->width = (float) extents.width + 2 * MOE_STRIP_PADDING_X;
    }
  starts_line = self->lines->len == 0 ||
                (index > 0 && moe_token_strip_get_token (self, index - 1)->ends_line) ||
                self->end_x + token->width > self->placed_width - MOE_STRIP_MARGIN;
  if (starts_line)
    {
      g_array_append_val (self->lines, index);
      self->end_x = MOE_STRIP_MARGIN;
    }
  token->x = self->end_x;
  token->line = self->lines->len - 1;
  self->end_x += token->width + MOE_STRIP_GAP_X;
}

void
moe_token_strip_place_tokens (MoeTokenStrip *self)
{
  int width = gtk_widget_get_width (GTK_WIDGET (self));

  if (width <= 0)
    return;
  if (width != self->placed_width)
    {
      forget_places (self);
      self->placed_width = width;
    }
  for (; self->n_placed < self->tokens->len; self->n_placed++)
    place_token (self, self->n_placed);
}

int
moe_token_strip_get_page_height (MoeTokenStrip *self)
{
  return MAX (gtk_widget_get_height (GTK_WIDGET (self)) - MOE_STRIP_HEADER, 1);
}

double
moe_token_strip_get_scroll (MoeTokenStrip *self)
{
  return self->vadjustment != NULL ? floor (gtk_adjustment_get_value (self->vadjustment)) : 0;
}

/* Tells the scrolled window how much there is. */
static void
update_adjustments (MoeTokenStrip *self)
{
  int height = (int) self->lines->len * moe_token_strip_get_line_height (self) + MOE_STRIP_GAP_Y;
  int page = moe_token_strip_get_page_height (self);

  if (self->hadjustment != NULL)
    gtk_adjustment_configure (self->hadjustment, 0, 0, self->placed_width, 1, 1, self->placed_width);
  if (self->vadjustment != NULL)
    {
      double value = gtk_adjustment_get_value (self->vadjustment);
      double upper = gtk_adjustment_get_upper (self->vadjustment);
      gboolean at_end = value + gtk_adjustment_get_page_size (self->vadjustment) >= upper - 1;

      height = MAX (height, page);
      gtk_adjustment_configure (self->vadjustment, at_end ? height - page : MIN (value, height - page), 0,
                                height, moe_token_strip_get_line_height (self),
                                MAX (page - moe_token_strip_get_line_height (self), 1), page);
    }
}

gboolean
moe_token_strip_get_bounds (MoeTokenStrip   *self,
                            guint            index,
                            graphene_rect_t *bounds)
{
  const MoeStripToken *token;

  g_return_val_if_fail (MOE_IS_TOKEN_STRIP (self), FALSE);
  g_return_val_if_fail (bounds != NULL, FALSE);

  moe_token_strip_place_tokens (self);
  if (index >= self->n_placed)
    return FALSE;
  token = moe_token_strip_get_token (self, index);
  *bounds =
      GRAPHENE_RECT_INIT (token->x,
                          (float) (MOE_STRIP_HEADER + MOE_STRIP_GAP_Y / 2 +
                                   (int) token->line * moe_token_strip_get_line_height (self) -
                                   moe_token_strip_get_scroll (self)),
                          token->width, (float) (moe_token_strip_get_line_height (self) - MOE_STRIP_GAP_Y));
  return TRUE;
}

int
moe_token_strip_pick (MoeTokenStrip *self,
      double         x,
      double         y)
{
  double line = floor ((y - MOE_STRIP_HEADER + moe_token_strip_get_scroll (self)) /
                       moe_token_strip_get_line_height (self));
  guint end;

  moe_token_strip_place_tokens (self);
  if (y < MOE_STRIP_HEADER || line < 0 || line >= self->lines->len)
    return -1;
  end = line + 1 < self->lines->len ? g_array_index (self->lines, guint, (guint) line + 1) : self->n_placed;
  for (guint i = g_array_index (self->lines, guint, (guint) line); i < end; i++)
    {
      const MoeStripToken *token = moe_token_strip_get_token (self, i);

      if (x >= token->x - MOE_STRIP_GAP_X / 2.0 && x < token->x + token->width + MOE_STRIP_GAP_X / 2.0)
        return (int) i;
    }
  return -1;
}

/* Values */

static void
add_to_range (MoeTokenStrip *self,
              double         value)
{
  if (!isfinite (value))
    return;
  self->low = MIN (self->low, value);
  self->high = MAX (self->high, value);
}

static void
moe_token_strip_measure (GtkWidget      *widget,
                         GtkOrientation  orientation,
                         int             for_size,
                         int            *minimum,
                         int            *natural,
                         int            *minimum_baseline,
                         int            *natural_baseline)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (widget);
  int line_height = moe_token_strip_get_line_height (self);

  *minimum =
      orientation == GTK_ORIENTATION_HORIZONTAL ? 200 : MOE_STRIP_HEADER + line_height + MOE_STRIP_GAP_Y;
  *natural =
      orientation == GTK_ORIENTATION_HORIZONTAL ? 600 : MOE_STRIP_HEADER + 3 * line_height + MOE_STRIP_GAP_Y;
}

static void
moe_token_strip_size_allocate (GtkWidget *widget,
                               int        width,
                               int        height,
                               int        baseline)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (widget);

  moe_token_strip_place_tokens (self);
  update_adjustments (self);
}

/* Another font. */
static void
moe_token_strip_css_changed (GtkWidget         *widget,
                             GtkCssStyleChange *change)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (widget);

  GTK_WIDGET_CLASS (moe_token_strip_parent_class)->css_changed (widget, change);
  g_hash_table_remove_all (self->layouts);
  for (guint i = 0; i < self->tokens->len; i++)
    g_clear_object (&moe_token_strip_get_token (self, i)->layout);
  self->text_height = 0;
  forget_places (self);
  gtk_widget_queue_resize (widget);
}

char *
moe_token_strip_describe (MoeTokenStrip *self,
          guint          index)
{
  const MoeStripToken *token = moe_token_strip_get_token (self, index);
  g_autofree char *visible = moe_token_text_make_visible (token->text);
  g_autofree char *value = isnan (token->value) ? NULL : moe_ticks_format_significant (token->value, 4);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "Token %u, %s: \u201c%s\u201d", index, moe_phase_get_name (token->phase),
                          visible);
  if (value != NULL)
    g_string_append_printf (text, "\n%s: %s%s%s", self->value_title, value,
                            *self->value_unit != '\0' ? " " : "", self->value_unit);
  return g_string_free (text, FALSE);
}

static gboolean
moe_token_strip_query_tooltip (GtkWidget  *widget,
                               int         x,
                               int         y,
                               gboolean    keyboard_tip,
                               GtkTooltip *tooltip)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (widget);
  int index = keyboard_tip ? self->selected : moe_token_strip_pick (self, x, y);
  g_autofree char *text = NULL;
  graphene_rect_t r;

  if (index < 0 || !moe_token_strip_get_bounds (self, (guint) index, &r))
    return FALSE;
  text = moe_token_strip_describe (self, (guint) index);
  gtk_tooltip_set_text (tooltip, text);
  gtk_tooltip_set_tip_area (tooltip, &(GdkRectangle) { (int) r.origin.x - 2, (int) r.origin.y - 1,
                                                       (int) r.size.width + 4, (int) r.size.height + 3 });
  return TRUE;
}

/* Public */

void
moe_token_strip_clear (MoeTokenStrip *self)
{
  g_return_if_fail (MOE_IS_TOKEN_STRIP (self));

  g_array_set_size (self->tokens, 0);
  g_hash_table_remove_all (self->layouts);
  forget_places (self);
  self->low = self->high = 0;
  self->hover = -1;
  moe_token_strip_select (self, -1);
  update_adjustments (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
moe_token_strip_append (MoeTokenStrip *self,
                        const char    *text,
                        MoePhase       phase,
                        double         value)
{
  MoeStripToken token = { .text = g_strdup (text), .value = value, .phase = phase };
  guint n_lines;

  g_return_if_fail (MOE_IS_TOKEN_STRIP (self));
  g_return_if_fail (text != NULL);

  token.ends_line = g_str_has_suffix (text, "\n");
  g_array_append_val (self->tokens, token);
  add_to_range (self, value);
  n_lines = self->lines->len;
  moe_token_strip_place_tokens (self);
  if (self->lines->len != n_lines)
    update_adjustments (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

guint
moe_token_strip_get_n_tokens (MoeTokenStrip *self)
{
  g_return_val_if_fail (MOE_IS_TOKEN_STRIP (self), 0);

  return self->tokens->len;
}

void
moe_token_strip_set_values (MoeTokenStrip *self,
                            const double  *values,
                            guint          n_values,
                            const char    *title,
                            const char    *unit)
{
  char *new_title, *new_unit;

  g_return_if_fail (MOE_IS_TOKEN_STRIP (self));
  g_return_if_fail (values != NULL || n_values == 0);
  g_return_if_fail (title != NULL && unit != NULL);

  self->low = self->high = 0;
  for (guint i = 0; i < self->tokens->len; i++)
    {
      moe_token_strip_get_token (self, i)->value = i < n_values ? values[i] : NAN;
      add_to_range (self, moe_token_strip_get_token (self, i)->value);
    }
  new_title = g_strdup (title);
  new_unit = g_strdup (unit);
  g_free (self->value_title);
  g_free (self->value_unit);
  self->value_title = new_title;
  self->value_unit = new_unit;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
scroll_to (MoeTokenStrip *self,
           guint          index)
{
  int line_height = moe_token_strip_get_line_height (self);
  double top;

  moe_token_strip_place_tokens (self);
  if (self->vadjustment == NULL || index >= self->n_placed)
    return;
  update_adjustments (self);
  top = (double) moe_token_strip_get_token (self, index)->line * line_height;
  gtk_adjustment_clamp_page (self->vadjustment, top, top + line_height + MOE_STRIP_GAP_Y);
}

void
moe_token_strip_select (MoeTokenStrip *self,
                        int            index)
{
  g_return_if_fail (MOE_IS_TOKEN_STRIP (self));

  if (index < 0 || (guint) index >= self->tokens->len)
    index = -1;
  self->selected = index;
  if (index >= 0)
    {
      g_autofree char *text = moe_token_strip_describe (self, (guint) index);

      scroll_to (self, (guint) index);
      gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
    }
  else
    gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, "", -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

int
moe_token_strip_get_selected (MoeTokenStrip *self)
{
  g_return_val_if_fail (MOE_IS_TOKEN_STRIP (self), -1);

  return self->selected;
}

/* The class */

static void
on_scrolled (MoeTokenStrip *self)
{
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
set_adjustment (MoeTokenStrip  *self,
                GtkAdjustment **where,
                GtkAdjustment  *adjustment)
{
  if (adjustment != NULL && *where == adjustment)
    return;
  if (*where != NULL)
    {
      g_signal_handlers_disconnect_by_data (*where, self);
      g_clear_object (where);
    }
  if (adjustment == NULL)
    return;
  *where = g_object_ref_sink (adjustment);
  g_signal_connect_swapped (adjustment, "value-changed", G_CALLBACK (on_scrolled), self);
  update_adjustments (self);
}

static void
moe_token_strip_get_property (GObject    *object,
                              guint       property,
                              GValue     *value,
                              GParamSpec *pspec)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (object);

  switch (property)
    {
    case PROP_HADJUSTMENT:
      g_value_set_object (value, self->hadjustment);
      break;
    case PROP_VADJUSTMENT:
      g_value_set_object (value, self->vadjustment);
      break;
    case PROP_HSCROLL_POLICY:
      g_value_set_enum (value, self->hpolicy);
      break;
    case PROP_VSCROLL_POLICY:
      g_value_set_enum (value, self->vpolicy);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property, pspec);
    }
}

static void
moe_token_strip_set_property (GObject      *object,
                              guint         property,
                              const GValue *value,
                              GParamSpec   *pspec)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (object);

  switch (property)
    {
    case PROP_HADJUSTMENT:
      set_adjustment (self, &self->hadjustment, g_value_get_object (value));
      break;
    case PROP_VADJUSTMENT:
      set_adjustment (self, &self->vadjustment, g_value_get_object (value));
      break;
    case PROP_HSCROLL_POLICY:
      self->hpolicy = g_value_get_enum (value);
      break;
    case PROP_VSCROLL_POLICY:
      self->vpolicy = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property, pspec);
    }
}

static void
moe_token_strip_dispose (GObject *object)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (object);

  set_adjustment (self, &self->hadjustment, NULL);
  set_adjustment (self, &self->vadjustment, NULL);

  G_OBJECT_CLASS (moe_token_strip_parent_class)->dispose (object);
}

static void
moe_token_strip_finalize (GObject *object)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (object);

  g_array_unref (self->tokens);
  g_array_unref (self->lines);
  g_hash_table_unref (self->layouts);
  g_free (self->value_title);
  g_free (self->value_unit);

  G_OBJECT_CLASS (moe_token_strip_parent_class)->finalize (object);
}

static void
moe_token_strip_class_init (MoeTokenStripClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  object_class->get_property = moe_token_strip_get_property;
  object_class->set_property = moe_token_strip_set_property;
  object_class->dispose = moe_token_strip_dispose;
  object_class->finalize = moe_token_strip_finalize;
  widget_class->snapshot = moe_token_strip_snapshot;
  widget_class->measure = moe_token_strip_measure;
  widget_class->size_allocate = moe_token_strip_size_allocate;
  widget_class->css_changed = moe_token_strip_css_changed;
  widget_class->query_tooltip = moe_token_strip_query_tooltip;

  g_object_class_override_property (object_class, PROP_HADJUSTMENT, "hadjustment");
  g_object_class_override_property (object_class, PROP_VADJUSTMENT, "vadjustment");
  g_object_class_override_property (object_class, PROP_HSCROLL_POLICY, "hscroll-policy");
  g_object_class_override_property (object_class, PROP_VSCROLL_POLICY, "vscroll-policy");

  moe_token_strip_selected_signal = g_signal_new ("token-selected", MOE_TYPE_TOKEN_STRIP, G_SIGNAL_RUN_LAST,
                                                  0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);

  gtk_widget_class_set_css_name (widget_class, "tokenstrip");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  moe_token_strip_install_actions (widget_class);
}

static void
moe_token_strip_init (MoeTokenStrip *self)
{
  self->tokens = g_array_new (FALSE, TRUE, sizeof (MoeStripToken));
  g_array_set_clear_func (self->tokens, clear_token);
  self->lines = g_array_new (FALSE, FALSE, sizeof (guint));
  self->layouts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->value_title = g_strdup ("Value");
  self->value_unit = g_strdup ("");
  self->selected = self->hover = -1;

  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_has_tooltip (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, "Tokens", -1);
  g_signal_connect (self, "notify::has-focus", G_CALLBACK (gtk_widget_queue_draw), NULL);
  moe_token_strip_init_input (self);
}

GtkWidget *
moe_token_strip_new (void)
{
  return g_object_new (MOE_TYPE_TOKEN_STRIP, NULL);
}
