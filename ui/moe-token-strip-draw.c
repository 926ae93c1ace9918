/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-token-strip"

#include "ui/moe-token-strip-private.h"

#include <math.h>

#include "ui/moe-color-map.h"
#include "ui/moe-plot-palette.h"
#include "ui/moe-ticks.h"

static guint32
get_color (MoeTokenStrip *self,
           double         value)
{
  double range = self->high - self->low;

  return moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, range > 0 ? (value - self->low) / range : 0);
}

static double
get_channel (guint32 rgb,
             guint   shift)
{
  double value = (rgb >> shift & 0xff) / 255.0;

  return value <= 0.04045 ? value / 12.92 : pow ((value + 0.055) / 1.055, 2.4);
}

/* Black or white, whichever has more contrast (WCAG 2.1 relative luminance; they are equal at 0.179). */
static GdkRGBA
get_text_color (guint32 background)
{
  double luminance = 0.2126 * get_channel (background, 16) + 0.7152 * get_channel (background, 8) +
                     0.0722 * get_channel (background, 0);

  return luminance > 0.179 ? (GdkRGBA) { 0, 0, 0, 1 } : (GdkRGBA) { 1, 1, 1, 1 };
}

static void
add_rounded (cairo_t               *cr,
             const graphene_rect_t *r,
             double                 grow)
{
  double x = r->origin.x - grow, y = r->origin.y - grow, width = r->size.width + 2 * grow;
  double height = r->size.height + 2 * grow, radius = 4;

  cairo_new_sub_path (cr);
  cairo_arc (cr, x + width - radius, y + radius, radius, -G_PI / 2, 0);
  cairo_arc (cr, x + width - radius, y + height - radius, radius, 0, G_PI / 2);
  cairo_arc (cr, x + radius, y + height - radius, radius, G_PI / 2, G_PI);
  cairo_arc (cr, x + radius, y + radius, radius, G_PI, 1.5 * G_PI);
  cairo_close_path (cr);
}

/* The phases differ by the line under the token, so that the colour is left to the value. */
static void
draw_phase_line (cairo_t               *cr,
                 const graphene_rect_t *r,
                 MoePhase               phase,
                 const GdkRGBA         *color)
{
  static const double dashes[] = { 4, 2 }, dots[] = { 1, 2 };
  double y = r->origin.y + r->size.height + 1.5;

  if (phase == MOE_PHASE_TEMPLATE || phase == MOE_PHASE_PROMPT)
    return;
  if (phase == MOE_PHASE_THINKING)
    cairo_set_dash (cr, dashes, 2, 0);
  else if (phase == MOE_PHASE_TEACHER_FORCED)
    cairo_set_dash (cr, dots, 2, 0);
  cairo_set_source_rgba (cr, color->red, color->green, color->blue, 0.55);
  cairo_set_line_width (cr, 1);
  cairo_move_to (cr, r->origin.x + 2, y);
  cairo_line_to (cr, r->origin.x + r->size.width - 2, y);
  cairo_stroke (cr);
  cairo_set_dash (cr, NULL, 0, 0);
}

static void
draw_token_box (MoeTokenStrip *self,
                cairo_t       *cr,
                guint          index,
                const GdkRGBA *color)
{
  const MoeStripToken *token = moe_token_strip_get_token (self, index);
  graphene_rect_t r;

  moe_token_strip_get_bounds (self, index, &r);
  add_rounded (cr, &r, 0);
  if (isnan (token->value))
    cairo_set_source_rgba (cr, color->red, color->green, color->blue, 0.08);
  else
    moe_plot_set_color (cr, get_color (self, token->value), 1);
  cairo_fill (cr);
  draw_phase_line (cr, &r, token->phase, color);
  if ((int) index != self->selected && (int) index != self->hover)
    return;
  add_rounded (cr, &r, 0.5);
  moe_plot_set_color (cr, 0x000000, 1);
  cairo_set_line_width (cr, (int) index == self->selected ? 4 : 2.2);
  cairo_stroke_preserve (cr);
  moe_plot_set_color (cr, 0xffffff, 1);
  cairo_set_line_width (cr, (int) index == self->selected ? 2 : 1);
  cairo_stroke (cr);
}

static void
draw_token_text (MoeTokenStrip *self,
                 GtkSnapshot   *snapshot,
                 guint          index,
                 const GdkRGBA *color)
{
  const MoeStripToken *token = moe_token_strip_get_token (self, index);
  GdkRGBA text_color = *color;
  graphene_rect_t r;

  if (!isnan (token->value))
    text_color = get_text_color (get_color (self, token->value));
  else if (token->phase == MOE_PHASE_TEMPLATE)
    text_color.alpha *= 0.7f;
  moe_token_strip_get_bounds (self, index, &r);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (r.origin.x + MOE_STRIP_PADDING_X, r.origin.y + 2));
  gtk_snapshot_append_layout (snapshot, token->layout, &text_color);
  gtk_snapshot_restore (snapshot);
}

/* Right-aligned text of the header that ends at @x; returns where it begins. */
static double
draw_header_text (MoeTokenStrip *self,
                  GtkSnapshot   *snapshot,
                  const char    *text,
                  double         x,
                  gboolean       to_the_right,
                  const GdkRGBA *color)
{
  g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  PangoAttrList *attributes = pango_attr_list_new ();
  int width, height;

  pango_attr_list_insert (attributes, pango_attr_scale_new (PANGO_SCALE_SMALL));
  pango_layout_set_attributes (layout, attributes);
  pango_attr_list_unref (attributes);
  pango_layout_get_pixel_size (layout, &width, &height);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT ((float) (to_the_right ? x : x - width),
                                                          (float) ((MOE_STRIP_HEADER - height) / 2)));
  gtk_snapshot_append_layout (snapshot, layout, color);
  gtk_snapshot_restore (snapshot);
  return to_the_right ? x + width : x - width;
}

/* How many tokens, and what the colours mean. */
static void
draw_header (MoeTokenStrip *self,
             GtkSnapshot   *snapshot,
             const GdkRGBA *color)
{
  double x = gtk_widget_get_width (GTK_WIDGET (self)) - MOE_STRIP_MARGIN;
  g_autofree char *number = moe_ticks_format (self->tokens->len, 0);
  g_autofree char *count = g_strdup_printf (self->tokens->len == 1 ? "%s token" : "%s tokens", number);
  GdkRGBA dim = { color->red, color->green, color->blue, color->alpha * 0.75f };

  draw_header_text (self, snapshot, count, MOE_STRIP_MARGIN, TRUE, &dim);
  if (self->high > self->low)
    {
      g_autofree char *low = moe_ticks_format_significant (self->low, 3);
      g_autofree char *high = moe_ticks_format_significant (self->high, 3);
      g_autofree char *title =
          g_strdup_printf ("%s%s%s%s", self->value_title, *self->value_unit != '\0' ? " (" : "",
                           self->value_unit, *self->value_unit != '\0' ? ")" : "");
      cairo_t *cr;

      x = draw_header_text (self, snapshot, high, x, FALSE, &dim) - 6 - MOE_STRIP_BAR_WIDTH;
      cr = gtk_snapshot_append_cairo (
          snapshot, &GRAPHENE_RECT_INIT ((float) x, 0, MOE_STRIP_BAR_WIDTH, MOE_STRIP_HEADER));
      for (int i = 0; i < MOE_STRIP_BAR_WIDTH; i++)
        {
          moe_plot_set_color (cr, moe_color_map_get (MOE_COLOR_MAP_VIRIDIS, i / (MOE_STRIP_BAR_WIDTH - 1.0)),
                              1);
          cairo_rectangle (cr, x + i, 7, 1, MOE_STRIP_HEADER - 14);
          cairo_fill (cr);
        }
      cairo_destroy (cr);
      x = draw_header_text (self, snapshot, low, x - 6, FALSE, &dim) - 10;
      draw_header_text (self, snapshot, title, x, FALSE, &dim);
    }
}

void
moe_token_strip_snapshot (GtkWidget   *widget,
                          GtkSnapshot *snapshot)
{
  MoeTokenStrip *self = MOE_TOKEN_STRIP (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  int line_height = moe_token_strip_get_line_height (self);
  GdkRGBA color;
  guint first_line, end_line, first = 0, end = 0;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
  draw_header (self, snapshot, &color);
  moe_token_strip_place_tokens (self);
  first_line = (guint) (moe_token_strip_get_scroll (self) / line_height);
  end_line = (guint) MIN (
      (moe_token_strip_get_scroll (self) + moe_token_strip_get_page_height (self)) / line_height + 1,
      self->lines->len);
  if (height > MOE_STRIP_HEADER && first_line < end_line)
    {
      cairo_t *cr;

      first = g_array_index (self->lines, guint, first_line);
      end = end_line < self->lines->len ? g_array_index (self->lines, guint, end_line) : self->n_placed;
      gtk_snapshot_push_clip (snapshot, &GRAPHENE_RECT_INIT (0, MOE_STRIP_HEADER, (float) width,
                                                             (float) (height - MOE_STRIP_HEADER)));
      cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, MOE_STRIP_HEADER, (float) width,
                                                                     (float) (height - MOE_STRIP_HEADER)));
      for (guint i = first; i < end; i++)
        draw_token_box (self, cr, i, &color);
      cairo_destroy (cr);
      for (guint i = first; i < end; i++)
        draw_token_text (self, snapshot, i, &color);
      gtk_snapshot_pop (snapshot);
    }
  if (gtk_widget_has_visible_focus (widget))
    gtk_snapshot_render_focus (snapshot, gtk_widget_get_style_context (widget), 1, 1, width - 2, height - 2);
}
