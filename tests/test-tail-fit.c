/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-tail-fit"

#include <math.h>

#include "analysis/moe-tail-fit.h"

/* Quantiles of a power law from @xmin on. */
static void
fill_tail (double *values,
           gsize   n,
           double  xmin,
           double  alpha)
{
  for (gsize i = 0; i < n; i++)
    values[i] = xmin * pow (1 - ((double) i + 0.5) / (double) n, -1 / (alpha - 1));
}

static void
test_pure (void)
{
  static const double alphas[] = { 1.5, 2, 2.5, 4 };

  for (guint a = 0; a < G_N_ELEMENTS (alphas); a++)
    {
      double values[1000];
      MoeTailFit fit;

      fill_tail (values, G_N_ELEMENTS (values), 3, alphas[a]);
      g_assert_true (moe_tail_fit (values, G_N_ELEMENTS (values), &fit));
      g_assert_cmpfloat_with_epsilon (fit.alpha, alphas[a], 0.03 * (alphas[a] - 1));
      g_assert_cmpfloat (fit.xmin, <, 3.2);
      g_assert_cmpfloat (fit.distance, <, 0.005);
      g_assert_cmpuint (fit.n_tail, >, 900);
      g_assert_true (fit.low < alphas[a] && alphas[a] < fit.high);
      g_assert_cmpfloat_with_epsilon (fit.high - fit.low,
                                      2 * 1.96 * (fit.alpha - 1) / sqrt ((double) fit.n_tail), 1e-12);
    }
}

/* A tail above a body that is none: xmin is where it begins, and zeros and what is no number count for
 * nothing. */
static void
test_body (void)
{
  double values[2005] = { 0, 0, -1, NAN, INFINITY };
  MoeTailFit fit;

  for (guint i = 0; i < 1000; i++)
    values[5 + i] = 10.0 * (i + 0.5) / 1000;
  fill_tail (values + 1005, 1000, 10, 3);
  g_assert_true (moe_tail_fit (values, G_N_ELEMENTS (values), &fit));
  g_assert_cmpfloat_with_epsilon (fit.xmin, 10, 0.5);
  g_assert_cmpfloat_with_epsilon (fit.alpha, 3, 0.1);
  g_assert_true (isnan (moe_tail_fit_get (&fit, 9)));
  g_assert_cmpfloat_with_epsilon (moe_tail_fit_get (&fit, fit.xmin), 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (moe_tail_fit_get (&fit, 2 * fit.xmin), pow (2, 1 - fit.alpha), 1e-12);
}

/* By hand. Ten values 1 and ten values e have xmin 1 (that of e leaves nothing to fit): the logs sum to 10,
 * so alpha is 1 + 20 / 10 = 3. The fit reaches 1 - exp (-2) at e, where half of the values are: distance
 * 1 - exp (-2) - 0.5; at 1 it is 0, where the values go from none to half. */
static void
test_by_hand (void)
{
  double values[20];
  MoeTailFit fit;

  for (guint i = 0; i < 20; i++)
    values[i] = i % 2 == 0 ? G_E : 1;
  g_assert_true (moe_tail_fit (values, 20, &fit));
  g_assert_cmpfloat (fit.xmin, ==, 1);
  g_assert_cmpuint (fit.n_tail, ==, 20);
  g_assert_cmpfloat_with_epsilon (fit.alpha, 3, 1e-12);
  g_assert_cmpfloat_with_epsilon (fit.distance, 0.5, 1e-12);
}

static void
test_nothing (void)
{
  const double equal[12] = { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 };
  const double few[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
  MoeTailFit fit;

  g_assert_false (moe_tail_fit (equal, 12, &fit));
  g_assert_false (moe_tail_fit (few, 9, &fit));
  g_assert_false (moe_tail_fit (NULL, 0, &fit));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tail-fit/pure", test_pure);
  g_test_add_func ("/tail-fit/body", test_body);
  g_test_add_func ("/tail-fit/by-hand", test_by_hand);
  g_test_add_func ("/tail-fit/nothing", test_nothing);
  return g_test_run ();
}
