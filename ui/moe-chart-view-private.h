/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart-view.h"

G_BEGIN_DECLS

struct _MoeChartView
{
  GtkWidget   parent_instance;

  MoeChart   *chart;                    /* or NULL */
  GdkTexture *base;                     /* without overlays; NULL when it must be drawn again */
  int         base_width, base_height, base_scale;
  gboolean    base_dark;

  int         hover_series, hover_point;       /* -1 = none */
  int         selected_series, selected_point; /* -1 = none; the keyboard goes on from here */
  double      pointer_x, pointer_y;            /* where it was last seen */
  char       *restored_title;           /* of the chart that is to be shown so, or NULL */
  cairo_rectangle_t restored;
  gboolean    panning, pan_moved;
  cairo_rectangle_t pan_view;                  /* when panning began */
};

enum
{
  MOE_CHART_VIEW_POINT_SELECTED,
  MOE_CHART_VIEW_POINT_ACTIVATED,
  MOE_CHART_VIEW_HOVER_CHANGED,
  MOE_CHART_VIEW_N_SIGNALS
};

extern guint moe_chart_view_signals[MOE_CHART_VIEW_N_SIGNALS];

void moe_chart_view_class_install_input (GtkWidgetClass *widget_class);
void moe_chart_view_init_input          (MoeChartView   *self);
void moe_chart_view_invalidate          (MoeChartView   *self);

G_END_DECLS
