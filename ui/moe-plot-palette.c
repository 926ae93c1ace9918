/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-plot-palette"

#include "ui/moe-plot-palette.h"

const MoePlotPalette *
moe_plot_palette_get (gboolean dark)
{
  static const MoePlotPalette light = { 0xffffff, 0x24292f, 0x5d6670, 0xb4bac1, 0x9aa5b1, 0x2f6fd0 };
  static const MoePlotPalette night = { 0x28292c, 0xe8eaed, 0xa9b0b8, 0x5b6067, 0x7f8994, 0x78aeff };

  return dark ? &night : &light;
}

void
moe_plot_set_color (cairo_t *cr,
                    guint32  rgb,
                    double   alpha)
{
  cairo_set_source_rgba (cr, (rgb >> 16 & 0xff) / 255.0, (rgb >> 8 & 0xff) / 255.0, (rgb & 0xff) / 255.0,
                         alpha);
}
