/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-plot-text"

#include "ui/moe-plot-text.h"

#include <string.h>

#include <pango/pangocairo.h>

/* Longer texts are cut: they would cost seconds to lay out and be cut by the ellipsis anyway. */
#define MAX_BYTES 2000

static PangoContext *
create_context (void)
{
  PangoContext *context = pango_font_map_create_context (pango_cairo_font_map_get_default ());
  cairo_font_options_t *options = cairo_font_options_create ();

  cairo_font_options_set_hint_metrics (options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_hint_style (options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_antialias (options, CAIRO_ANTIALIAS_GRAY);
  pango_cairo_context_set_font_options (context, options);
  pango_context_set_round_glyph_positions (context, FALSE);
  cairo_font_options_destroy (options);
  return context;
}

/* Font maps belong to a thread, so contexts do. */
static PangoContext *
get_context (void)
{
  static GPrivate private = G_PRIVATE_INIT (g_object_unref);
  PangoContext *context = g_private_get (&private);

  if (context == NULL)
    {
      context = create_context ();
      g_private_set (&private, context);
    }
  return context;
}

static PangoLayout *
create_layout (const char        *text,
               const MoePlotFont *font)
{
  PangoLayout *layout = pango_layout_new (get_context ());
  PangoFontDescription *description = pango_font_description_new ();
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) MIN (strlen (text), MAX_BYTES));
  PangoAttrList *attributes = pango_attr_list_new ();

  pango_font_description_set_family_static (description, "Sans");
  pango_font_description_set_absolute_size (description, font->size * PANGO_SCALE);
  pango_font_description_set_weight (description, font->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description (layout, description);
  /* Digits of one width keep labels from jumping. */
  pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum"));
  pango_layout_set_attributes (layout, attributes);
  pango_layout_set_text (layout, valid, -1);
  if (font->max_width > 0)
    {
      pango_layout_set_width (layout, (int) (font->max_width * PANGO_SCALE));
      if (font->wrap)
        {
          pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
          pango_layout_set_alignment (layout, PANGO_ALIGN_CENTER);
        }
      else
        pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
    }
  pango_attr_list_unref (attributes);
  pango_font_description_free (description);
  return layout;
}

void
moe_plot_text_measure (const char        *text,
                       const MoePlotFont *font,
                       double            *width,
                       double            *height)
{
  PangoLayout *layout;
  PangoRectangle extents;

  g_return_if_fail (text != NULL && font != NULL);

  layout = create_layout (text, font);
  pango_layout_get_extents (layout, NULL, &extents);
  if (width != NULL)
    *width = (double) extents.width / PANGO_SCALE;
  if (height != NULL)
    *height = (double) extents.height / PANGO_SCALE;
  g_object_unref (layout);
}

void
moe_plot_text_draw (cairo_t           *cr,
                    const char        *text,
                    const MoePlotFont *font,
                    double             x,
                    double             y,
                    double             align_x,
                    double             align_y,
                    double             angle)
{
  PangoLayout *layout;
  PangoRectangle extents;

  g_return_if_fail (cr != NULL && text != NULL && font != NULL);

  layout = create_layout (text, font);
  pango_layout_get_extents (layout, NULL, &extents);
  cairo_save (cr);
  cairo_translate (cr, x, y);
  if (angle != 0)
    cairo_rotate (cr, angle);
  cairo_move_to (cr, -(extents.x + extents.width * align_x) / PANGO_SCALE,
                 -(extents.y + extents.height * align_y) / PANGO_SCALE);
  pango_cairo_show_layout (cr, layout);
  cairo_restore (cr);
  g_object_unref (layout);
}
