/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-chart.h"

G_BEGIN_DECLS

/* An interactive chart: pointer, wheel, keyboard, tooltip, accessible description.
 *
 * Signals:
 *   point-selected (series, point)   a click or the arrow keys; (-1, -1) when Esc releases
 *   point-activated (series, point)  a double click, Enter or D
 *   hover-changed (series, point)    (-1, -1) when the pointer left
 * Wheel zooms at the pointer (Ctrl: x only, Shift: y only), middle-drag or Shift-drag pans, double click on
 * empty space or Home resets. Left and right go from point to point, up and down from series to series. */
#define MOE_TYPE_CHART_VIEW (moe_chart_view_get_type ())
G_DECLARE_FINAL_TYPE (MoeChartView, moe_chart_view, MOE, CHART_VIEW, GtkWidget)

GtkWidget *moe_chart_view_new        (void);

/* Takes @chart, which nobody else changes from now on; NULL shows nothing. The zoom stays when the axes and
 * categories are called the same as before. */
void       moe_chart_view_take_chart (MoeChartView *self,
                                      MoeChart     *chart);
/* As shown, for export; owned by the view, or NULL. */
MoeChart  *moe_chart_view_get_chart  (MoeChartView *self);
/* -1 for none; no signal. */
void       moe_chart_view_select     (MoeChartView *self,
                                      int           series,
                                      int           point);
/* Selects the point that comes from @row of the table; FALSE when there is none. */
gboolean   moe_chart_view_select_row (MoeChartView *self,
                                      guint         row);
void       moe_chart_view_reset_zoom (MoeChartView *self);
/* The part that is shown, as in moe_chart_get_view(); FALSE for all of it, or without a chart. */
gboolean   moe_chart_view_get_zoom   (MoeChartView      *self,
                                      cairo_rectangle_t *zoom);
/* Shows that part again of the chart with that title: now, or when it comes. Passed over when there can be no
 * such part. */
void       moe_chart_view_restore_zoom (MoeChartView            *self,
                                        const char              *title,
                                        const cairo_rectangle_t *zoom);

G_END_DECLS
