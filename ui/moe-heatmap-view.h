/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-heatmap-plot.h"

G_BEGIN_DECLS

/* The interactive heatmap: pointer, wheel, keyboard, tooltip, accessible description.
 *
 * Signals:
 *   cell-selected (row, column)            a click or Enter; (-1, -1) when Esc releases
 *   cell-activated (row, column)           a double click or D: disable/enable
 *   area-selected (row, column, n_rows, n_columns)   a drag
 *   hover-changed (row, column)            -1, -1 when the pointer left
 * Wheel zooms at the pointer (Ctrl: x only, Shift: y only), middle-drag or Shift-drag pans, double click on
 * empty space or Home resets. */
#define MOE_TYPE_HEATMAP_VIEW (moe_heatmap_view_get_type ())
G_DECLARE_FINAL_TYPE (MoeHeatmapView, moe_heatmap_view, MOE, HEATMAP_VIEW, GtkWidget)

GtkWidget *moe_heatmap_view_new          (void);

/* Copies everything that @plot points to; keeps zoom, cursor and selection when the shape stays the same.
 * Overlay and view members of @plot are ignored. */
void       moe_heatmap_view_set_plot     (MoeHeatmapView       *self,
                                          const MoeHeatmapPlot *plot);
/* The plot as shown (for export), owned by the view. */
const MoeHeatmapPlot *moe_heatmap_view_get_plot (MoeHeatmapView *self);
void       moe_heatmap_view_select       (MoeHeatmapView       *self,
                                          int                   row,
                                          int                   column);
/* @marked: (n_rows, n_columns) as in MoeHeatmapPlot, copied; NULL for none. */
void       moe_heatmap_view_set_marked   (MoeHeatmapView       *self,
                                          const guint8         *marked);
/* @flash: (n_rows, n_columns) as in MoeHeatmapPlot, copied; it fades by itself. */
void       moe_heatmap_view_set_flash    (MoeHeatmapView       *self,
                                          const guint8         *flash);
/* Text of the tooltip and of the accessible description of a cell (transfer full). */
typedef char *(*MoeCellTextFunc) (guint row, guint column, gpointer user_data);
void       moe_heatmap_view_set_text_func (MoeHeatmapView      *self,
                                           MoeCellTextFunc      func,
                                           gpointer             user_data);
void       moe_heatmap_view_reset_zoom   (MoeHeatmapView       *self);
/* The part that is shown, in cells (x and width are columns); FALSE for all of it. */
gboolean   moe_heatmap_view_get_zoom     (MoeHeatmapView       *self,
                                          cairo_rectangle_t    *zoom);
/* Shows that part again: now, or as soon as there are cells in which it lies. */
void       moe_heatmap_view_restore_zoom (MoeHeatmapView          *self,
                                          const cairo_rectangle_t *zoom);

G_END_DECLS
