/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-resample"

#include "analysis/moe-resample.h"

#include <math.h>

#define CLOSE(a, b) g_assert_cmpfloat (fabs ((a) - (b)), <, 1e-12)

static void
test_adjust (void)
{
  /* Benjamini and Hochberg (1995), section 4: of these four are found at 5 %. */
  const double p[] = { 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
                       0.5719, 0.6528, 0.7590, 1.0000 };
  double q[G_N_ELEMENTS (p)], holes[] = { 0.02, NAN, 0.01 }, filled[3];

  moe_resample_adjust (p, G_N_ELEMENTS (p), q);
  for (guint i = 0; i < G_N_ELEMENTS (p); i++)
    g_assert_true ((q[i] <= 0.05) == (i < 4));
  CLOSE (q[3], 0.0095 * 15 / 4);
  CLOSE (q[5], 0.0298 * 15 / 7);
  g_assert_cmpfloat (q[14], ==, 1);
  moe_resample_adjust (holes, 3, filled);
  CLOSE (filled[0], 0.02);
  CLOSE (filled[2], 0.02);
  g_assert_true (isnan (filled[1]));
}

static void
test_quantile (void)
{
  double values[] = { 4, 1, 3, 2 };

  CLOSE (moe_resample_quantile (values, 4, 0), 1);
  CLOSE (moe_resample_quantile (values, 4, 0.5), 2.5);
  CLOSE (moe_resample_quantile (values, 4, 0.9), 3.7);
  CLOSE (moe_resample_quantile (values, 4, 1), 4);
}

/* The tables of the sign test: which order statistics from each end, for how many values. */
static void
test_median_interval (void)
{
  static const guint known[][2] = { { 6, 1 }, { 8, 1 }, { 9, 2 }, { 12, 3 }, { 20, 6 }, { 50, 18 },
                                  { 100, 40 } };
  double sorted[1000], low, high;

  for (guint i = 0; i < G_N_ELEMENTS (sorted); i++)
    sorted[i] = i + 1;
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_assert_true (moe_resample_median_interval (sorted, known[i][0], &low, &high));
      g_assert_cmpfloat (low, ==, known[i][1]);
      g_assert_cmpfloat (high, ==, known[i][0] + 1 - known[i][1]);
    }
  for (guint n = 0; n < 6; n++)
    g_assert_false (moe_resample_median_interval (sorted, n, &low, &high));
  /* As the normal distribution has it: 500 - 1.96 * sqrt (1000) / 2. */
  g_assert_true (moe_resample_median_interval (sorted, 1000, &low, &high));
  g_assert_cmpfloat (low, ==, 469);
}

static void
test_draws (void)
{
  guint labels[] = { 0, 1, 1, 0, 2 }, times[5], counts[2] = { 0 };
  g_autoptr(GRand) random = moe_resample_random (3, 1);

  for (guint i = 0; i < 50; i++)
    {
      moe_resample_bootstrap (random, labels, 5, times);
      g_assert_cmpuint (times[0] + times[3], ==, 2);
      g_assert_cmpuint (times[1] + times[2], ==, 2);
      g_assert_cmpuint (times[4], ==, 1);
      counts[0] += times[0] == 2;
      moe_resample_subset (random, labels, 5, 0.5, times);
      g_assert_cmpuint (times[0] + times[3], ==, 1);
      g_assert_cmpuint (times[4], ==, 1);
      counts[1] += times[0];
    }
  g_assert_cmpuint (counts[0], >, 3);
  g_assert_cmpuint (counts[0], <, 25);
  g_assert_cmpuint (counts[1], >, 10);
  g_assert_cmpuint (counts[1], <, 40);
}

/* All orders of three are equally likely, and so are both signs. */
static void
test_shuffle (void)
{
  g_autoptr(GRand) random = moe_resample_random (1, 2);
  guint counts[100] = { 0 }, n_plus = 0;

  for (guint i = 0; i < 6000; i++)
    {
      guint items[] = { 0, 1, 2 };
      gint8 sign;

      moe_resample_shuffle (random, items, 3);
      counts[items[0] * 9 + items[1] * 3 + items[2]]++;
      moe_resample_flip (random, &sign, 1);
      n_plus += sign == 1;
    }
  /* Five standard deviations. */
  for (guint i = 0; i < 27; i++)
    g_assert_true (counts[i] == 0 || (counts[i] > 855 && counts[i] < 1145));
  g_assert_cmpuint (counts[0 * 9 + 1 * 3 + 2] + counts[2 * 9 + 1 * 3 + 0], >, 1700);
  g_assert_cmpuint (n_plus, >, 2800);
  g_assert_cmpuint (n_plus, <, 3200);
}

/* The seed and the stream decide. */
static void
test_seeds (void)
{
  guint64 seeds[] = { 1, 1, G_GUINT64_CONSTANT (0x100000001), 2 };
  guint32 streams[] = { 1, 2, 1, 1 };

  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++)
    for (guint j = 0; j < G_N_ELEMENTS (seeds); j++)
      {
        g_autoptr(GRand) a = moe_resample_random (seeds[i], streams[i]);
        g_autoptr(GRand) b = moe_resample_random (seeds[j], streams[j]);

        g_assert_true ((g_rand_int (a) == g_rand_int (b)) == (i == j));
      }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/resample/adjust", test_adjust);
  g_test_add_func ("/resample/quantile", test_quantile);
  g_test_add_func ("/resample/median-interval", test_median_interval);
  g_test_add_func ("/resample/draws", test_draws);
  g_test_add_func ("/resample/shuffle", test_shuffle);
  g_test_add_func ("/resample/seeds", test_seeds);
  return g_test_run ();
}
