/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-heatmap-plot.h"

G_BEGIN_DECLS

/* From values to positions in a colour map, and the labels of its colour bar in true units.
 *
 * The range is that of the finite values and always contains 0 for linear and sqrt, so that a colour is in
 * proportion to its value. Log runs over the positive values; 0 and less go to the lowest colour, apart from
 * the rest. Rank is the mean rank among the values. Diverging scales do all this to |value| on both sides of
 * 0 with the same limits. */
typedef struct
{
  MoeScale scale;
  gboolean diverging;
  double   low, high;  /* the range, in units of the values */
  gboolean has_floor;  /* log: some values are 0 or less (diverging: 0) and have a colour to themselves */
  gboolean below_zero; /* has_floor: some are less than 0 */
  guint    n_values;   /* that are not NaN */
  double  *sorted;     /* rank: (n_sorted) finite values (diverging: their absolute values), ascending */
  guint    n_sorted;
} MoeValueScale;

/* Part of a log colour bar that belongs to the values without a logarithm. */
#define MOE_VALUE_SCALE_FLOOR 0.06

typedef struct
{
  double position; /* 0..1 along the bar */
  char  *label;
} MoeScaleTick;

/* @values: (@n_values), NaN = missing. */
void    moe_value_scale_init     (MoeValueScale       *self,
                                  MoeScale             scale,
                                  gboolean             diverging,
                                  const double        *values,
                                  gsize                n_values);
void    moe_value_scale_clear    (MoeValueScale       *self);
/* 0..1; NaN for NaN. */
double  moe_value_scale_map      (const MoeValueScale *self,
                                  double               value);
/* About @wanted ticks, ascending, no two closer than 0.6 / @wanted: an array of MoeScaleTick that frees its
 * labels. Transfer full. */
GArray *moe_value_scale_get_ticks (const MoeValueScale *self,
                                   guint                wanted);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeValueScale, moe_value_scale_clear)

G_END_DECLS
