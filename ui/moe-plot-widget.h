/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-plot-export.h"

G_BEGIN_DECLS

/* What widgets that show a plot share. */

/* Whether the theme writes light on dark. */
gboolean    moe_plot_widget_is_dark (GtkWidget       *widget);

/* What @draw does with @plot as a texture of @width x @height units at @scale pixels a unit. NULL when it is
 * too large. Transfer full. */
GdkTexture *moe_plot_widget_draw    (MoePlotDrawFunc  draw,
                                     gconstpointer    plot,
                                     int              width,
                                     int              height,
                                     int              scale);

G_END_DECLS
