/* SPDX-License-Identifier: MIT */
#pragma once

#include <cairo.h>

#include "ui/moe-plot-export.h"

G_BEGIN_DECLS

/* Lines with error bands, steps, grouped bars with intervals, scatter plots and control bands over common
 * axes, drawn on a bare cairo context: the window, SVG, PDF and PNG all come from here. No GTK.
 *
 * Series differ by colour and also by marker, dash and hatching. What can't be drawn (a missing value, 0 or
 * less on a log axis) is counted below the plot rather than left out in silence.
 *
 * A chart owns its strings and numbers; functions copy what they are given. */
typedef struct _MoeChart MoeChart;

typedef enum
{
  MOE_CHART_LINES,  /* a line through the points with markers; low..high is a band around it */
  MOE_CHART_STEPS,  /* likewise, level until the next point: cumulative distributions */
  MOE_CHART_POINTS, /* markers alone; low..high is a whisker */
  MOE_CHART_BARS,   /* from 0, side by side with those of the other series; low..high is a whisker */
  MOE_CHART_BAND,   /* what controls give: low..high filled, a dashed line at y; over categories or x */
} MoeChartKind;

typedef struct
{
  MoeChartKind  kind;
  const char   *name;         /* in the legend */
  guint         n_points;
  /* (n_points) each; NaN = missing. Over categories x is the category's number. @low, @high may be NULL. */
  const double *x, *y, *low, *high;
  const char *const *point_names; /* (n_points) what a person calls them, or NULL; entries may be NULL */
  guint         n_labels;     /* so many of the first points have their name written beside them */
  const guint  *rows;         /* (n_points) rows of the table that the points come from, or NULL */
  gboolean      quiet;        /* drawn in grey behind the others: everything that is only for comparison */
} MoeChartSeries;

typedef struct
{
  const char *title;
  const char *unit;           /* "" for a plain number */
  MoeScale    scale;          /* MOE_SCALE_LINEAR or MOE_SCALE_LOG */
  gboolean    integer;        /* numbered things: no labels between the numbers */
  gboolean    zero;           /* 0 belongs to the range (bars always have it) */
  double      low, high;      /* the range; from the data where they are equal */
} MoeChartAxis;

MoeChart   *moe_chart_new            (const char           *title,
                                      const MoeChartAxis   *x,
                                      const MoeChartAxis   *y);
MoeChart   *moe_chart_ref            (MoeChart             *self);
void        moe_chart_unref          (MoeChart             *self);

/* Makes the x axis one of names: bars stand in groups, one for each. */
void        moe_chart_set_categories (MoeChart             *self,
                                      const char *const    *names,
                                      guint                 n_names);
/* Returns the number of the series. */
guint       moe_chart_add_series     (MoeChart             *self,
                                      const MoeChartSeries *series);
/* A dashed line across the whole plot with @label at its end: at height @value, or at x when @vertical. */
void        moe_chart_add_threshold  (MoeChart             *self,
                                      gboolean              vertical,
                                      double                value,
                                      const char           *label);
/* The line y = x. */
void        moe_chart_set_diagonal   (MoeChart             *self,
                                      gboolean              diagonal);
/* What to do, shown when there are no points. */
void        moe_chart_set_empty_text (MoeChart             *self,
                                      const char           *text);
/* Under the title: what a reader must know beside the picture. "" for none. */
void        moe_chart_set_subtitle   (MoeChart             *self,
                                      const char           *text);
void        moe_chart_set_dark       (MoeChart             *self,
                                      gboolean              dark);

/* Adds the complementary cumulative distribution of @values (@n_values; NaN are left out): for each value v
 * the share of values that are at least v, as steps. For log-log axes. Returns the number of the series. */
guint       moe_chart_add_ccdf       (MoeChart             *self,
                                      const char           *name,
                                      const double         *values,
                                      gsize                 n_values);

const char *moe_chart_get_title      (const MoeChart       *self);
guint       moe_chart_get_n_series   (const MoeChart       *self);
/* The members point into the chart. */
void        moe_chart_get_series     (const MoeChart       *self,
                                      guint                 series,
                                      MoeChartSeries       *result);
/* Whether there is anything to draw. */
gboolean    moe_chart_has_points     (const MoeChart       *self);
/* A point as a sentence: "plain, layer 3: 0.62 (0.58 to 0.66)". Transfer full. */
char       *moe_chart_describe       (const MoeChart       *self,
                                      guint                 series,
                                      guint                 point);

/* The part that is shown, as fractions of the axes (0, 0 = lower left); all of it with 0, 0, 1, 1. */
void        moe_chart_set_view       (MoeChart             *self,
                                      double                x,
                                      double                y,
                                      double                width,
                                      double                height);
void        moe_chart_get_view       (const MoeChart       *self,
                                      cairo_rectangle_t    *view);
/* Whether both have axes of the same names, units and scales, and the same categories. */
gboolean    moe_chart_same_axes      (const MoeChart       *self,
                                      const MoeChart       *other);
/* Overlays; series -1 = none. */
void        moe_chart_set_hover      (MoeChart             *self,
                                      int                   series,
                                      int                   point);
void        moe_chart_set_selected   (MoeChart             *self,
                                      int                   series,
                                      int                   point);

/* Draws into (0, 0, width, height), background included. */
void        moe_chart_draw           (const MoeChart       *self,
                                      cairo_t              *cr,
                                      double                width,
                                      double                height);
/* The two halves of that: everything but hover and selection (slow), and those (fast). */
void        moe_chart_draw_base      (const MoeChart       *self,
                                      cairo_t              *cr,
                                      double                width,
                                      double                height);
void        moe_chart_draw_overlay   (const MoeChart       *self,
                                      cairo_t              *cr,
                                      double                width,
                                      double                height);

/* The point at (@x, @y): the bar that is there, or the nearest marker within reach. */
gboolean    moe_chart_pick           (const MoeChart       *self,
                                      double                width,
                                      double                height,
                                      double                x,
                                      double                y,
                                      guint                *series,
                                      guint                *point);
/* Where a point is drawn: the marker's middle, or the middle of a bar's end. FALSE when it can't be drawn; it
 * may be outside of the view. */
gboolean    moe_chart_get_point      (const MoeChart       *self,
                                      double                width,
                                      double                height,
                                      guint                 series,
                                      guint                 point,
                                      double               *x,
                                      double               *y);
/* The rectangle inside the axes. */
void        moe_chart_get_area       (const MoeChart       *self,
                                      double                width,
                                      double                height,
                                      cairo_rectangle_t    *rectangle);

/* A MoePlotDrawFunc for files: light, whole, without overlays. */
void        moe_chart_draw_for_export (gconstpointer       chart,
                                       cairo_t            *cr,
                                       double              width,
                                       double              height);
/* Writes @path whole or not at all, light, without overlays and zoom, as moe_heatmap_plot_export() does. The
 * same chart gives the same bytes in SVG. Errors: MOE_ERROR_IO naming the file. */
gboolean    moe_chart_export         (const MoeChart       *self,
                                      MoeImageFormat        format,
                                      const char           *path,
                                      GError              **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeChart, moe_chart_unref)

G_END_DECLS
