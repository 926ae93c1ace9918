/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart.h"

G_BEGIN_DECLS

/* How a series looks: the same number means the same colour, marker, dash and hatching everywhere. */
#define MOE_CHART_N_STYLES 6
#define MOE_CHART_STYLE_QUIET (-1)

typedef struct
{
  double    value;
  gboolean  vertical;
  char     *label;
} MoeChartThreshold;

typedef struct
{
  MoeChartSeries   series;      /* points into the copies below */
  int              style;       /* 0, 1, ... or MOE_CHART_STYLE_QUIET */
  guint            bar;         /* bars: which one of a group */
  char            *name;
  double          *numbers[4];  /* x, y, low, high */
  char           **point_names; /* (n_points) */
  guint           *rows;
} MoeChartItem;

struct _MoeChart
{
  gatomicrefcount   ref_count;
  char             *title, *subtitle, *empty_text;
  MoeChartAxis      axes[2];       /* x, y; their strings are the chart's */
  char            **categories;    /* (n_categories) or NULL */
  guint             n_categories;
  GPtrArray        *items;         /* of MoeChartItem */
  GArray           *thresholds;    /* of MoeChartThreshold */
  guint             n_bars;        /* series of bars */
  gboolean          diagonal;
  gboolean          dark;
  cairo_rectangle_t view;
  int               hover_series, hover_point, selected_series, selected_point;
};

/* Where the parts are at a given size, and from values to places. */
typedef struct
{
  cairo_rectangle_t area;
  double            title_y, subtitle_y;
  double            legend_y, legend_width;
  guint             legend_rows;
  double            x_labels_y, x_title_y;
  double            y_title_x;
  double            note_y;        /* of the count of what can't be drawn */
  double            low[2], high[2]; /* the whole range of the axes */
  cairo_rectangle_t view;
} MoeChartLayout;

typedef struct
{
  double  place;  /* in units of the context */
  char   *label;
} MoeChartTick;

void     moe_chart_layout_init      (MoeChartLayout       *self,
                                     const MoeChart       *chart,
                                     double                width,
                                     double                height);
/* From a value to its place on axis 0 (x) or 1 (y); NaN when it has none. */
double   moe_chart_layout_map       (const MoeChartLayout *self,
                                     const MoeChart       *chart,
                                     guint                 axis,
                                     double                value);
/* FALSE when it can't be drawn. */
gboolean moe_chart_layout_get_point (const MoeChartLayout *self,
                                     const MoeChart       *chart,
                                     const MoeChartItem   *item,
                                     guint                 point,
                                     double               *x,
                                     double               *y);
/* The rectangle of a bar. */
gboolean moe_chart_layout_get_bar   (const MoeChartLayout *self,
                                     const MoeChart       *chart,
                                     const MoeChartItem   *item,
                                     guint                 point,
                                     cairo_rectangle_t    *rectangle);
/* An array of MoeChartTick that frees its labels, in view. Transfer full. */
GArray  *moe_chart_layout_get_ticks (const MoeChartLayout *self,
                                     const MoeChart       *chart,
                                     guint                 axis);
/* The labels of the y axis need this much room. */
double   moe_chart_layout_measure_labels (const MoeChartLayout *self,
                                          const MoeChart       *chart);

/* Fonts */
#define MOE_CHART_TITLE_SIZE 14.0
#define MOE_CHART_LABEL_SIZE 11.0
#define MOE_CHART_LEGEND_ROW 19.0

/* moe-chart-style.c */
guint32  moe_chart_style_get_color  (int                   style,
                                     gboolean              dark);
void     moe_chart_style_set_dash   (int                   style,
                                     cairo_t              *cr);
/* Adds the marker's outline to the path. */
void     moe_chart_style_add_marker (int                   style,
                                     cairo_t              *cr,
                                     double                x,
                                     double                y,
                                     double                radius);
/* Fills @rectangle with the style's colour and hatching. */
void     moe_chart_style_fill_bar   (int                   style,
                                     gboolean              dark,
                                     cairo_t              *cr,
                                     const cairo_rectangle_t *rectangle);

/* moe-chart-legend.c */
guint    moe_chart_legend_count_rows (const MoeChart      *chart,
                                      double               width);
void     moe_chart_legend_draw      (const MoeChart       *chart,
                                     const MoeChartLayout *layout,
                                     cairo_t              *cr);

/* moe-chart-axes.c: what stands around the area. */
void     moe_chart_axes_draw        (const MoeChart       *chart,
                                     const MoeChartLayout *layout,
                                     cairo_t              *cr,
                                     double                width,
                                     double                height);
/* Thresholds and the diagonal, over the marks. */
void     moe_chart_axes_draw_lines  (const MoeChart       *chart,
                                     const MoeChartLayout *layout,
                                     cairo_t              *cr);

/* moe-chart-marks.c */
void     moe_chart_marks_draw       (const MoeChart       *chart,
                                     const MoeChartLayout *layout,
                                     const MoeChartItem   *item,
                                     cairo_t              *cr);
void     moe_chart_marks_draw_labels (const MoeChart       *chart,
                                      const MoeChartLayout *layout,
                                      cairo_t              *cr);

G_END_DECLS
