/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-resample"

#include "analysis/moe-resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

GRand *
moe_resample_random (guint64 seed,
                     guint32 stream)
{
  const guint32 words[] = { (guint32) seed, (guint32) (seed >> 32), stream };

  return g_rand_new_with_seed_array (words, G_N_ELEMENTS (words));
}

static guint
draw_below (GRand *random,
            guint  n)
{
  return (guint) g_rand_int_range (random, 0, (gint32) n);
}

void
moe_resample_shuffle (GRand *random,
                      guint *labels,
                      guint  n)
{
  for (guint i = n; i > 1; i--)
    {
      guint other = draw_below (random, i), label = labels[other];

      labels[other] = labels[i - 1];
      labels[i - 1] = label;
    }
}

void
moe_resample_flip (GRand *random,
                   gint8 *signs,
                   guint  n)
{
  for (guint i = 0; i < n; i++)
    signs[i] = g_rand_boolean (random) ? 1 : -1;
}

/* The items of each label in turn, in order: gathers those of @label into @items and returns how many. */
static guint
gather (const guint *labels,
        guint        n,
        guint        label,
        guint       *items)
{
  guint found = 0;

  for (guint i = 0; i < n; i++)
    if (labels[i] == label)
      items[found++] = i;
  return found;
}

static guint
get_max (const guint *labels,
         guint        n)
{
  guint max = 0;

  for (guint i = 0; i < n; i++)
    max = MAX (max, labels[i]);
  return max;
}

void
moe_resample_bootstrap (GRand       *random,
                        const guint *labels,
                        guint        n,
                        guint       *times)
{
  g_autofree guint *items = g_new (guint, n);
  guint max = get_max (labels, n);

  memset (times, 0, n * sizeof *times);
  for (guint label = 0; label <= max; label++)
    {
      guint found = gather (labels, n, label, items);

      for (guint i = 0; i < found; i++)
        times[items[draw_below (random, found)]]++;
    }
}

void
moe_resample_subset (GRand       *random,
                     const guint *labels,
                     guint        n,
                     double       share,
                     guint       *times)
{
  g_autofree guint *items = g_new (guint, n);
  guint max = get_max (labels, n);

  memset (times, 0, n * sizeof *times);
  for (guint label = 0; label <= max; label++)
    {
      guint found = gather (labels, n, label, items);
      guint wanted = MAX ((guint) round (share * found), 1);

      moe_resample_shuffle (random, items, found);
      for (guint i = 0; i < MIN (wanted, found); i++)
        times[items[i]] = 1;
    }
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
moe_resample_quantile (double *values,
                       guint   n,
                       double  at)
{
  double position = (n - 1) * at, below = floor (position);
  guint index = (guint) below;

  qsort (values, n, sizeof *values, compare_doubles);
  if (index + 1 >= n)
    return values[n - 1];
  return values[index] + (position - below) * (values[index + 1] - values[index]);
}

static int
compare_at (gconstpointer a,
            gconstpointer b,
            gpointer      user_data)
{
  const double *p = user_data;
  guint x = *(const guint *) a, y = *(const guint *) b;

  if (p[x] != p[y])
    return p[x] < p[y] ? -1 : 1;
  return (x > y) - (x < y);
}

void
moe_resample_adjust (const double *p,
                     guint         n,
                     double       *q)
{
  g_autofree guint *order = g_new (guint, MAX (n, 1));
  double smallest = 1;
  guint found = 0;

  for (guint i = 0; i < n; i++)
    {
      q[i] = NAN;
      if (!isnan (p[i]))
        order[found++] = i;
    }
  g_qsort_with_data (order, (gint) found, sizeof *order, compare_at, (gpointer) p);
  for (guint rank = found; rank-- > 0;)
    {
      smallest = MIN (smallest, p[order[rank]] * found / (rank + 1));
      q[order[rank]] = smallest;
    }
}

gboolean
moe_resample_median_interval (const double *sorted,
                              guint         n,
                              double       *low,
                              double       *high)
{
  double below = 0; /* chance that at most @left of n draws are below the median */
  guint left = 0;

  for (; left < n; left++)
    {
      below += exp (lgamma (n + 1.) - lgamma (left + 1.) - lgamma (n - left + 1.) - n * G_LN2);
      if (below > 0.025)
        break;
    }
  if (left == 0)
    return FALSE;
  *low = sorted[left - 1];
  *high = sorted[n - left];
  return TRUE;
}
