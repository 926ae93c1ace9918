/* SPDX-License-Identifier: MIT */
#pragma once

#include <cairo.h>
#include <glib.h>

G_BEGIN_DECLS

/* Text of plots, through Pango with metrics that don't depend on the surface: what is laid out in one place
 * has the same size on screen, in SVG, PDF and PNG. */
typedef struct
{
  double   size;       /* in units of the context, not points */
  gboolean bold;
  double   max_width;  /* ends in an ellipsis beyond this; 0 = no limit */
  gboolean wrap;       /* with max_width: several centred lines instead of an ellipsis */
} MoePlotFont;

void moe_plot_text_measure (const char        *text,
                            const MoePlotFont *font,
                            double            *width,
                            double            *height);
/* In the current source colour. (@x, @y) is the point of the text at (@align_x, @align_y), each 0 (left, top)
 * to 1 (right, bottom); @angle turns the text around it, in radians. */
void moe_plot_text_draw    (cairo_t           *cr,
                            const char        *text,
                            const MoePlotFont *font,
                            double             x,
                            double             y,
                            double             align_x,
                            double             align_y,
                            double             angle);

G_END_DECLS
