/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-residual-stats"

#include "probes/moe-residual-stats.h"

#include <string.h>

/* The bits of |x| order like |x| itself, so all comparing is done on integers. */
#define BLOCK 16

/* Few enough to sort by insertion. */
#define SMALL 24

#define BUCKET_BITS 11
#define N_BUCKETS (1u << BUCKET_BITS)

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
  memcpy (bits, x, n * sizeof *bits);
  for (guint i = 0; i < n; i++)
    bits[i] &= 0x7fffffff;
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

/* The value that @rank others precede: keeps the bucket it is in, by the highest bits first. @from is not changed;
 * @kept: (n). */
static gint32
select_rank (const gint32 *from,
             guint         n,
             guint         rank,
             gint32       *kept)
{
  for (int shift = 31 - (int) BUCKET_BITS; n > SMALL; shift = MAX (shift - (int) BUCKET_BITS, 0))
    {
      guint32 counts[N_BUCKETS] = { 0 };
      guint bucket = 0, n_kept = 0;

      for (guint i = 0; i < n; i++)
        counts[(guint32) from[i] >> shift & (N_BUCKETS - 1)]++;
      for (; rank >= counts[bucket]; bucket++)
        rank -= counts[bucket];
      for (guint i = 0; i < n; i++)
        {
          kept[n_kept] = from[i];
          n_kept += ((guint32) from[i] >> shift & (N_BUCKETS - 1)) == bucket;
        }
      from = kept;
      n = n_kept;
      /* All bits have been looked at: what is left is equal. */
      if (shift == 0)
        return kept[0];
    }

  memmove (kept, from, n * sizeof *kept);
  sort_small (kept, n);
  return kept[rank];
}

void
moe_residual_get_stats (const float *x,
                        guint        width,
                        gint32      *scratch,
                        float       *top,
                        guint16     *channel,
                        float       *median)
{
  gint32 *bits = scratch, *kept = scratch + width;
  gint32 largest[3] = { -1, -1, -1 }, lower, upper;

  g_return_if_fail (width >= 3 && width <= G_MAXUINT16 + 1u);

  get_magnitudes (x, width, bits);
  find_top (bits, width, largest, channel);
  for (guint i = 0; i < 3; i++)
    top[i] = to_float (largest[i]);

  lower = upper = select_rank (bits, width, (width - 1) / 2, kept);
  if (width % 2 == 0)
    {
      guint n_up_to = 0;

      upper = G_MAXINT32;
      for (guint i = 0; i < width; i++)
        {
          n_up_to += bits[i] <= lower;
          upper = MIN (upper, bits[i] > lower ? bits[i] : G_MAXINT32);
        }
      if (n_up_to > width / 2)
        upper = lower;
    }
  *median = lower == upper ? to_float (lower) : (float) ((to_float (lower) + (double) to_float (upper)) / 2);
}
