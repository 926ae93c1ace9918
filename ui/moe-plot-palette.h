/* SPDX-License-Identifier: MIT */
#pragma once

#include <cairo.h>
#include <glib.h>

G_BEGIN_DECLS

/* The colours of plots besides those of the maps, 0xRRGGBB. Text has a contrast of at least 4.5:1. */
typedef struct
{
  guint32 background, text, dim_text, line, bar, bar_lit;
} MoePlotPalette;

const MoePlotPalette *moe_plot_palette_get (gboolean dark);

/* Sets the source to 0xRRGGBB (the top byte is ignored). */
void                  moe_plot_set_color   (cairo_t *cr,
                                            guint32  rgb,
                                            double   alpha);

G_END_DECLS
