/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-value-scale"

#include "ui/moe-value-scale.h"

#include <math.h>
#include <string.h>

#include "ui/moe-ticks.h"

/* A log scale never spans more than this: values that are smaller yet share its lower end. */
#define MAX_DECADES 12

static int
compare_doubles (const void *a,
                 const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
init_log_range (MoeValueScale *self,
                double         smallest,
                double         largest)
{
  if (largest <= 0)
    {
      self->low = 0.1;
      self->high = 1;
      return;
    }
  self->high = largest;
  self->low = MAX (smallest, largest * pow (10, -MAX_DECADES));
  if (self->high / self->low < 1.0001)
    {
      self->low /= sqrt (10);
      self->high *= sqrt (10);
    }
}

void
moe_value_scale_init (MoeValueScale *self,
                      MoeScale       scale,
                      gboolean       diverging,
                      const double  *values,
                      gsize          n_values)
{
  double low = INFINITY, high = -INFINITY, smallest = INFINITY;

  g_return_if_fail (self != NULL);
  g_return_if_fail (values != NULL || n_values == 0);

  *self = (MoeValueScale) { .scale = scale, .diverging = diverging };
  if (scale == MOE_SCALE_RANK)
    self->sorted = g_new (double, MAX (n_values, 1));

  for (gsize i = 0; i < n_values; i++)
    {
      double value = diverging ? fabs (values[i]) : values[i];

      if (isnan (value))
        continue;
      self->n_values++;
      if (value <= 0)
        self->has_floor = TRUE;
      if (value < 0)
        self->below_zero = TRUE;
      if (!isfinite (value))
        continue;
      low = MIN (low, value);
      high = MAX (high, value);
      if (value > 0)
        smallest = MIN (smallest, value);
      if (self->sorted != NULL)
        self->sorted[self->n_sorted++] = value;
    }
  if (self->sorted != NULL)
    qsort (self->sorted, self->n_sorted, sizeof (double), compare_doubles);

  if (low > high)
    low = high = 0;
  if (scale == MOE_SCALE_LOG)
    init_log_range (self, smallest, high);
  else if (scale == MOE_SCALE_RANK)
    {
      self->low = low;
      self->high = high;
    }
  else
    {
      self->low = MIN (low, 0);
      self->high = MAX (high, 0);
      if (self->low == self->high)
        self->high = 1;
    }
  self->has_floor = self->has_floor && scale == MOE_SCALE_LOG;
}

void
moe_value_scale_clear (MoeValueScale *self)
{
  g_clear_pointer (&self->sorted, g_free);
  self->n_sorted = 0;
}

static double
signed_sqrt (double value)
{
  return value < 0 ? -sqrt (-value) : sqrt (value);
}

/* Mean rank over the range of ranks; values between two of the sorted ones lie between their ranks. */
static double
map_rank (const MoeValueScale *self,
          double               value)
{
  guint below = 0, up_to = 0;

  if (self->n_sorted < 2)
    return 0.5;
  for (guint low = 0, high = self->n_sorted; low < high;)
    {
      guint middle = low + (high - low) / 2;

      if (self->sorted[middle] < value)
        below = low = middle + 1;
      else
        high = middle;
    }
  up_to = below;
  for (guint low = below, high = self->n_sorted; low < high;)
    {
      guint middle = low + (high - low) / 2;

      if (self->sorted[middle] <= value)
        up_to = low = middle + 1;
      else
        high = middle;
    }
  return CLAMP ((below + (up_to - 1.0)) / 2 / (self->n_sorted - 1.0), 0, 1);
}

/* One side of the scale: 0..1 for low..high. */
static double
map_plain (const MoeValueScale *self,
           double               value)
{
  double start = self->has_floor ? MOE_VALUE_SCALE_FLOOR : 0;

  switch (self->scale)
    {
    case MOE_SCALE_SQRT:
      return CLAMP ((signed_sqrt (value) - signed_sqrt (self->low)) /
                    (signed_sqrt (self->high) - signed_sqrt (self->low)), 0, 1);
    case MOE_SCALE_LOG:
      if (value <= 0)
        return 0;
      return start + (1 - start) * CLAMP (log (value / self->low) / log (self->high / self->low), 0, 1);
    case MOE_SCALE_RANK:
      return map_rank (self, value);
    case MOE_SCALE_LINEAR:
    default:
      return CLAMP ((value - self->low) / (self->high - self->low), 0, 1);
    }
}

double
moe_value_scale_map (const MoeValueScale *self,
                     double               value)
{
  if (isnan (value))
    return NAN;
  if (!self->diverging)
    return map_plain (self, value);
  if (value == 0)
    return 0.5;
  return value > 0 ? 0.5 + map_plain (self, value) / 2 : 0.5 - map_plain (self, -value) / 2;
}

static void
clear_tick (gpointer data)
{
  g_clear_pointer (&((MoeScaleTick *) data)->label, g_free);
}

/* Adds a tick for a value; its label is taken. */
static void
add_tick (GArray              *ticks,
          const MoeValueScale *self,
          double               value,
          char                *label)
{
  MoeScaleTick tick = { map_plain (self, value), label };

  g_array_append_val (ticks, tick);
}

static void
add_some_ticks (GArray              *array,
                const MoeValueScale *self,
                guint                wanted)
{
  MoeTicks ticks;
  double slack;
  guint decimals;

  if (!moe_ticks_extended (self->low, self->high, wanted, &ticks))
    {
      add_tick (array, self, self->low, moe_ticks_format_significant (self->low, 6));
      return;
    }
  decimals = moe_ticks_get_decimals (ticks.step);
  slack = 1e-6 * ticks.step;
  for (guint i = 0; i < ticks.count; i++)
    {
      double value = ticks.first + i * ticks.step;

      if (fabs (value) < slack)
        value = 0;
      if (value >= self->low - slack && value <= self->high + slack)
        add_tick (array, self, value, moe_ticks_format (value, decimals));
    }
}

/* A lone 0 says nothing about a bar: where the ticks that fit best lie outside or near its start, more are
 * asked for. */
static void
add_linear_ticks (GArray              *array,
                  const MoeValueScale *self,
                  guint                wanted)
{
  guint before = array->len;
  gboolean reaches = FALSE;

  for (guint more = 0; !reaches && more < 5; more++)
    {
      g_array_set_size (array, before);
      add_some_ticks (array, self, wanted + more);
      for (guint i = before; i < array->len; i++)
        reaches = reaches || g_array_index (array, MoeScaleTick, i).position >= 0.6;
    }
}

/* The nearest number of the form 1, 2 or 5 times a power of ten. */
static double
round_nice (double value)
{
  double power, digit;

  if (value == 0)
    return 0;
  power = pow (10, floor (log10 (fabs (value))));
  digit = fabs (value) / power;
  digit = digit < 1.4 ? 1 : digit < 3.2 ? 2 : digit < 7 ? 5 : 10;
  return copysign (digit * power, value);
}

static void
add_sqrt_ticks (GArray              *array,
                const MoeValueScale *self,
                guint                wanted)
{
  double low = signed_sqrt (self->low), high = signed_sqrt (self->high), last = NAN;

  for (guint i = 0; i < wanted; i++)
    {
      double root = low + (high - low) * i / (wanted - 1.0);
      double value = round_nice (root * fabs (root));

      if (fabs (root) < 1e-9 * (high - low))
        value = 0;
      if (value < self->low || value > self->high || value == last)
        continue;
      last = value;
      add_tick (array, self, value, moe_ticks_format_significant (value, 3));
    }
}

static void
add_log_ticks (GArray              *array,
               const MoeValueScale *self,
               guint                wanted)
{
  static const double few[] = { 1 }, more[] = { 1, 2, 5 };
  double decades = log10 (self->high / self->low);
  const double *digits = decades * 3 <= wanted ? more : few;
  guint n_digits = digits == more ? 3 : 1;
  int stride = MAX (1, (int) ceil (decades / wanted));

  if (self->has_floor)
    {
      MoeScaleTick tick = { 0, g_strdup (self->below_zero && !self->diverging ? "\u2264 0" : "0") };

      g_array_append_val (array, tick);
    }
  if (decades < 0.6)
    {
      add_linear_ticks (array, self, wanted);
      return;
    }
  for (int power = (int) floor (log10 (self->low)); power <= (int) ceil (log10 (self->high)); power++)
    for (guint i = 0; i < n_digits; i++)
      {
        double value = digits[i] * pow (10, power);

        if (ABS (power) % stride == 0 && value >= self->low * (1 - 1e-9) && value <= self->high * (1 + 1e-9))
          add_tick (array, self, value, moe_ticks_format_significant (value, 2));
      }
}

static void
add_rank_ticks (GArray              *array,
                const MoeValueScale *self,
                guint                wanted)
{
  double last = NAN;

  if (self->n_sorted == 0)
    return;
  for (guint i = 0; i < wanted; i++)
    {
      guint rank = (guint) ((guint64) (self->n_sorted - 1) * i / (wanted - 1));
      double value = self->sorted[rank];

      if (value != last)
        add_tick (array, self, value, moe_ticks_format_significant (value, 2));
      last = value;
    }
}

static int
compare_ticks (gconstpointer a,
               gconstpointer b)
{
  double x = ((const MoeScaleTick *) a)->position, y = ((const MoeScaleTick *) b)->position;

  return (x > y) - (x < y);
}

/* Half the bar holds the positive side; the other half mirrors it. */
static void
mirror (GArray *array)
{
  guint n = array->len;

  for (guint i = 0; i < n; i++)
    {
      MoeScaleTick *tick = &g_array_index (array, MoeScaleTick, i);
      double position = tick->position;

      tick->position = 0.5 + position / 2;
      if (strspn (tick->label, "0.") == strlen (tick->label))
        tick->position = 0.5;
      else
        {
          MoeScaleTick other = { 0.5 - position / 2, g_strconcat ("\u2212", tick->label, NULL) };

          g_array_append_val (array, other);
        }
    }
}

GArray *
moe_value_scale_get_ticks (const MoeValueScale *self,
                           guint                wanted)
{
  GArray *ticks = g_array_new (FALSE, FALSE, sizeof (MoeScaleTick));
  guint each;

  wanted = MAX (wanted, 2);
  each = self->diverging ? wanted / 2 + 1 : wanted;
  g_array_set_clear_func (ticks, clear_tick);
  switch (self->scale)
    {
    case MOE_SCALE_SQRT:
      add_sqrt_ticks (ticks, self, MAX (each, 2));
      break;
    case MOE_SCALE_LOG:
      add_log_ticks (ticks, self, MAX (each, 2));
      break;
    case MOE_SCALE_RANK:
      add_rank_ticks (ticks, self, MAX (each, 2));
      break;
    case MOE_SCALE_LINEAR:
    default:
      add_linear_ticks (ticks, self, MAX (each, 2));
      break;
    }
  if (self->diverging)
    mirror (ticks);

  g_array_sort (ticks, compare_ticks);
  for (guint i = 1; i < ticks->len;)
    {
      const MoeScaleTick *tick = &g_array_index (ticks, MoeScaleTick, i);

      if (tick->position - tick[-1].position >= 0.6 / wanted)
        i++;
      else if (self->diverging && tick->position == 0.5)
        {
          /* The 0 in the middle matters more than its neighbour. */
          g_array_remove_index (ticks, i - 1);
          i = MAX (i - 1, 1);
        }
      else
        g_array_remove_index (ticks, i);
    }
  return ticks;
}
