/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-residual-stats"

#include "probes/moe-residual-stats.h"

#include <string.h>

/* The bits of |x| order like |x| itself, so all comparing is done on integers. */
#define BLOCK 64

/* Few enough to sort by insertion. */
#define SMALL 40

static float
to_float (gint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static void
get_magnitudes (const float *x,
                guint        n,
                gint32      *bits)
{
  for (guint i = 0; i < n; i++)
    {
      gint32 pattern;

      memcpy (&pattern, &x[i], sizeof pattern);
      bits[i] = pattern & 0x7fffffff;
    }
}

static void
insert_top (gint32   bits,
            guint    channel,
            gint32  *top,
            guint16 *channels)
{
  guint at = 2;

  if (bits <= top[2])
    return;
  for (; at > 0 && bits > top[at - 1]; at--)
    {
      top[at] = top[at - 1];
      channels[at] = channels[at - 1];
    }
  top[at] = bits;
  channels[at] = (guint16) channel;
}

/* Most blocks hold nothing larger than what was found already. */
static void
find_top (const gint32 *bits,
          guint         n,
          gint32       *top,
          guint16      *channels)
{
  guint first = 0;

  for (; first + BLOCK <= n; first += BLOCK)
    {
      gint32 largest = 0;

      for (guint i = 0; i < BLOCK; i++)
        largest = MAX (largest, bits[first + i]);
      if (largest <= top[2])
        continue;
      for (guint i = first; i < first + BLOCK; i++)
        insert_top (bits[i], i, top, channels);
    }
  for (; first < n; first++)
    insert_top (bits[first], first, top, channels);
}

static void
sort_small (gint32 *values,
            guint   n)
{
  for (guint i = 1; i < n; i++)
    {
      gint32 value = values[i];
      guint at = i;

      for (; at > 0 && values[at - 1] > value; at--)
        values[at] = values[at - 1];
      values[at] = value;
    }
}

static guint
count_below (const gint32 *bits,
             guint         n,
             gint32        limit)
{
  guint count = 0;

  for (guint i = 0; i < n; i++)
    count += bits[i] < limit;
  return count;
}

static gint32
find_smallest_from (const gint32 *bits,
                    guint         n,
                    gint32        limit)
{
  gint32 smallest = G_MAXINT32;

  for (guint i = 0; i < n; i++)
    smallest = MIN (smallest, bits[i] >= limit ? bits[i] : G_MAXINT32);
  return smallest;
}

/* Bounds between which the median of @bits probably is, from SMALL of them; @sample: (SMALL). */
static void
guess_range (const gint32 *bits,
             guint         n,
             gint32       *sample,
             gint32       *low,
             gint32       *high)
{
  for (guint i = 0; i < SMALL; i++)
    sample[i] = bits[(gsize) i * n / SMALL];
  sort_small (sample, SMALL);
  *low = sample[SMALL / 2 - SMALL / 5];
  *high = sample[SMALL / 2 + SMALL / 5];
}

/* The values that @rank and @rank + 1 others precede (the second only when there is one). Halves the range of
 * bit patterns by counting, which vectorises, until few are left in it. @kept: (SMALL). */
static void
select_two (const gint32 *bits,
            guint         n,
            guint         rank,
            gint32        largest,
            gint32       *kept,
            gint32       *value,
            gint32       *next)
{
  gint32 low = 0, high = largest; /* both ends belong to the range */
  gint32 likely_low, likely_high;
  guint n_below = 0, n_to_high = n, n_kept = 0, count;

  guess_range (bits, n, kept, &likely_low, &likely_high);
  count = count_below (bits, n, likely_low);
  if (count <= rank)
    {
      low = likely_low;
      n_below = count;
    }
  else
    {
      high = likely_low - 1;
      n_to_high = count;
    }
  count = likely_high < high ? count_below (bits, n, likely_high + 1) : n_to_high;
  if (rank < count)
    {
      high = MIN (high, likely_high);
      n_to_high = count;
    }
  else
    {
      low = likely_high + 1;
      n_below = count;
    }
  while (n_to_high - n_below > SMALL && low < high)
    {
      gint32 middle = low + (high - low) / 2;

      count = count_below (bits, n, middle + 1);
      if (rank < count)
        {
          high = middle;
          n_to_high = count;
        }
      else
        {
          low = middle + 1;
          n_below = count;
        }
    }

  if (low == high)
    {
      *value = low;
      *next = rank + 1 < n_to_high ? low : find_smallest_from (bits, n, high + 1);
      return;
    }
  for (guint i = 0; i < n; i++)
    {
      /* One comparison, which nearly always fails: the processor guesses it right. */
      if ((guint32) (bits[i] - low) <= (guint32) (high - low))
        kept[n_kept++] = bits[i];
    }
  sort_small (kept, n_kept);
  *value = kept[rank - n_below];
  *next = rank + 1 < n_to_high ? kept[rank + 1 - n_below] : find_smallest_from (bits, n, high + 1);
}

void
moe_residual_get_stats (const float *x,
                        guint        width,
                        gint32      *scratch,
                        float       *top,
                        guint16     *channel,
                        float       *median)
{
  gint32 *bits = scratch;
  gint32 largest[3] = { -1, -1, -1 }, kept[SMALL], lower, upper;

  g_return_if_fail (width >= 3 && width <= G_MAXUINT16 + 1u);

  get_magnitudes (x, width, bits);
  find_top (bits, width, largest, channel);
  for (guint i = 0; i < 3; i++)
    top[i] = to_float (largest[i]);

  select_two (bits, width, (width - 1) / 2, largest[0], kept, &lower, &upper);
  *median = width % 2 == 1 || lower == upper ? to_float (lower)
                                             : (float) ((to_float (lower) + (double) to_float (upper)) / 2);
}
