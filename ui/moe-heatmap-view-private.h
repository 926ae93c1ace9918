/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-heatmap-layout.h"
#include "ui/moe-heatmap-view.h"

G_BEGIN_DECLS

typedef enum
{
  MOE_DRAG_NONE,
  MOE_DRAG_AREA,
  MOE_DRAG_PAN,
} MoeDrag;

struct _MoeHeatmapView
{
  GtkWidget       parent_instance;

  MoeHeatmapPlot  plot;         /* points into the copies below */
  double         *values;       /* (n_rows, n_columns) */
  gint           *row_numbers;  /* (n_rows) or NULL */
  char           *strings[7];
  guint8         *ringed;       /* (n_rows, n_columns) or NULL */
  char          **row_names, **column_names; /* or NULL */
  guint8         *marked;       /* (n_rows, n_columns) or NULL */
  guint8         *flash;        /* (n_rows, n_columns) or NULL when nothing is lit */
  float          *flash_level;  /* (n_rows, n_columns) the same before rounding, 0..255 */
  guint           flash_tick;
  gint64          flash_time;   /* of the frame clock, when the levels were last lowered */
  cairo_rectangle_t restored;   /* zoom for which there were no cells yet; width 0 = none */
  gint            cursor_row, cursor_column; /* -1 = none; shown only while the keyboard is used */
  gboolean        cursor_shown;

  GdkTexture     *base;         /* the plot without overlays; NULL when it must be drawn again */
  int             base_width, base_height, base_scale;

  MoeCellTextFunc text_func;
  gpointer        text_data;

  double          pointer_x, pointer_y;          /* where it was last seen */
  MoeDrag         drag;
  gboolean        drag_moved;                    /* past the threshold: no longer a click */
  guint           drag_row, drag_column;         /* where an area began */
  double          drag_x, drag_y;                /* where the pointer went down */
  double          drag_view_x, drag_view_y;      /* the view when panning began */
};

enum
{
  MOE_HEATMAP_VIEW_CELL_SELECTED,
  MOE_HEATMAP_VIEW_CELL_ACTIVATED,
  MOE_HEATMAP_VIEW_AREA_SELECTED,
  MOE_HEATMAP_VIEW_HOVER_CHANGED,
  MOE_HEATMAP_VIEW_N_SIGNALS
};

extern guint moe_heatmap_view_signals[MOE_HEATMAP_VIEW_N_SIGNALS];

void     moe_heatmap_view_class_install_input (GtkWidgetClass   *widget_class);
void     moe_heatmap_view_init_input          (MoeHeatmapView   *self);

void     moe_heatmap_view_get_layout          (MoeHeatmapView   *self,
                                               MoeHeatmapLayout *layout);
/* Text of a cell, from the text function or made up from the plot. Transfer full. */
char    *moe_heatmap_view_describe            (MoeHeatmapView   *self,
                                               guint             row,
                                               guint             column);
/* Changes the zoom: @columns x @rows cells from (@x, @y), clamped. */
void     moe_heatmap_view_set_view            (MoeHeatmapView   *self,
                                               double            x,
                                               double            y,
                                               double            columns,
                                               double            rows);
/* Says the cell of the cursor or else the selected one to assistive technologies. */
void     moe_heatmap_view_update_description  (MoeHeatmapView   *self);

G_END_DECLS
