/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-sampler"

#include <math.h>

#include "data/moe-error.h"
#include "probes/moe-sampler.h"
#include "probes/moe-self-contrast.h"

#define N_DRAWS 20000

static MoeSampler *
new_sampler (float   temperature,
             float   top_p,
             guint   top_k,
             guint64 seed)
{
  const MoeSamplerOptions options = { temperature, top_p, top_k, seed };
  g_autoptr (GError) error = NULL;
  MoeSampler *sampler = moe_sampler_new (&options, &error);

  g_assert_no_error (error);
  return sampler;
}

static void
test_options (void)
{
  static const MoeSamplerOptions wrong[] = {
    { -0.1f, 1, 0, 0 }, { NAN, 1, 0, 0 }, { INFINITY, 1, 0, 0 }, { 1, 0, 0, 0 }, { 1, 1.1f, 0, 0 },
        { 1, -1, 0, 0 },
    { 1, NAN, 0, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (moe_sampler_new (&wrong[i], &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
    }
}

static void
test_greedy (void)
{
  static const struct { float logits[4]; gint32 picked; } cases[] = {
    { { 1, 3, 2, 0 }, 1 },
    { { 1, 3, 3, 3 }, 1 }, /* ties: the lower id */
    { { NAN, -5, NAN, -6 }, 1 },
    { { -INFINITY, -INFINITY, 0, INFINITY }, 3 },
    { { NAN, NAN, NAN, NAN }, 0 },
  };
  g_autoptr (MoeSampler) sampler = new_sampler (0, 1, 0, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (moe_sampler_pick (sampler, cases[i].logits, 4), ==, cases[i].picked);
}

/* Counts draws against the probabilities they should have. Where a probability is 0 nothing may be drawn. */
static void
assert_distribution (MoeSampler   *sampler,
                     const float  *logits,
                     guint         n,
                     const double *probabilities)
{
  g_autofree guint *counts = g_new0 (guint, n);
  /* The 0.1 % point of chi square, for up to 5 degrees of freedom. */
  static const double limits[] = { 0, 10.83, 13.82, 16.27, 18.47, 20.52 };
  double chi_square = 0;
  guint n_possible = 0;

  for (guint i = 0; i < N_DRAWS; i++)
    {
      const gint32 token = moe_sampler_pick (sampler, logits, n);

      g_assert_cmpint (token, >=, 0);
      g_assert_cmpint (token, <, (gint) n);
      counts[token]++;
    }

  for (guint i = 0; i < n; i++)
    {
      const double expected = probabilities[i] * N_DRAWS;

      if (probabilities[i] == 0)
        {
          g_assert_cmpuint (counts[i], ==, 0);
          continue;
        }
      n_possible++;
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }

  g_assert_cmpuint (n_possible, <=, G_N_ELEMENTS (limits));
  g_assert_cmpfloat (chi_square, <=, limits[n_possible - 1]);
}

/* Logits whose softmax is 0.5, 0.25, 0.125, 0.0625, 0.0625, in another order. */
static const float logits[5] = { (float) (-3 * G_LN2), (float) -G_LN2, (float) (-4 * G_LN2),
                                 (float) (-2 * G_LN2),
                                 (float) (-4 * G_LN2) };

static void
test_temperature (void)
{
  static const double plain[5] = { 0.125, 0.5, 0.0625, 0.25, 0.0625 };
  static const float temperatures[] = { 1, 0.5f, 2 };

  for (gsize i = 0; i < G_N_ELEMENTS (temperatures); i++)
    {
      g_autoptr (MoeSampler) sampler = new_sampler (temperatures[i], 1, 0, 11 + i);
      double expected[5], sum = 0;

      /* exp (log (p) / T) is p to the power of 1 / T. */
      for (guint j = 0; j < 5; j++)
        sum += expected[j] = pow (plain[j], 1 / temperatures[i]);
      for (guint j = 0; j < 5; j++)
        expected[j] /= sum;
      assert_distribution (sampler, logits, 5, expected);
    }
}

static void
test_top_k (void)
{
  static const double two[5] = { 0, 2 / 3.0, 0, 1 / 3.0, 0 };
  /* Of the two last ones, which are alike, the lower id stays. */
  static const double four[5] = { 2 / 15.0, 8 / 15.0, 1 / 15.0, 4 / 15.0, 0 };
  g_autoptr (MoeSampler) first = new_sampler (1, 1, 2, 21), second = new_sampler (1, 1, 4, 22);
  g_autoptr (MoeSampler) only = new_sampler (5, 1, 1, 23);

  assert_distribution (first, logits, 5, two);
  assert_distribution (second, logits, 5, four);
  for (guint i = 0; i < 100; i++)
    g_assert_cmpint (moe_sampler_pick (only, logits, 5), ==, 1);
}

static void
test_top_p (void)
{
  static const double two[5] = { 0, 2 / 3.0, 0, 1 / 3.0, 0 };
  static const double three[5] = { 1 / 7.0, 4 / 7.0, 0, 2 / 7.0, 0 };
  /* top-k first: of the three that stay, 0.5 / 0.875 is 0.571 and with the next 0.857. */
  g_autoptr (MoeSampler) below = new_sampler (1, 0.7f, 0, 31), above = new_sampler (1, 0.8f, 0, 32);
  g_autoptr (MoeSampler) tiny = new_sampler (1, 1e-6f, 0, 33), after_k = new_sampler (1, 0.84f, 3, 34);

  assert_distribution (below, logits, 5, two);
  assert_distribution (above, logits, 5, three);
  assert_distribution (after_k, logits, 5, two);
  for (guint i = 0; i < 100; i++)
    g_assert_cmpint (moe_sampler_pick (tiny, logits, 5), ==, 1);
}

static void
test_odd_logits (void)
{
  static const float mixed[5] = { NAN, 0, -INFINITY, 0, NAN };
  static const double even[5] = { 0, 0.5, 0, 0.5, 0 };
  static const float infinite[3] = { 1, INFINITY, 2 };
  static const float nothing[3] = { NAN, -INFINITY, NAN };
  static const float large[3] = { 3e38f, -3e38f, 3e38f };
  static const struct { float top_p; guint top_k; } options[] = { { 1, 0 }, { 0.99f, 0 }, { 1, 4 } };

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autoptr (MoeSampler) sampler = new_sampler (1, options[i].top_p, options[i].top_k, 41 + i);

      assert_distribution (sampler, mixed, 5, even);
      for (guint j = 0; j < 50; j++)
        {
          g_assert_cmpint (moe_sampler_pick (sampler, infinite, 3), ==, 1);
          g_assert_cmpint (moe_sampler_pick (sampler, large, 3), !=, 1);
          g_assert_cmpint (moe_sampler_pick (sampler, nothing, 3), <, 3);
        }
    }
}

static void
test_seeds (void)
{
  g_autoptr (MoeSampler) a = new_sampler (1, 1, 0, 5), b = new_sampler (1, 1, 0, 5),
      c = new_sampler (1, 1, 0, 6);
  guint n_different = 0;

  for (guint i = 0; i < 200; i++)
    {
      const gint32 token = moe_sampler_pick (a, logits, 5);

      g_assert_cmpint (moe_sampler_pick (b, logits, 5), ==, token);
      n_different += moe_sampler_pick (c, logits, 5) != token;
    }
  g_assert_cmpuint (n_different, >, 50);
}

static void
test_measures (void)
{
  static const float two[2] = { 7, 7 };
  static const float shifted[3] = { 1000, 1000 + (float) G_LN2, NAN };
  static const float certain[3] = { 0, INFINITY, 5 };
  MoeCandidate top[5];

  g_assert_cmpfloat_with_epsilon (moe_logits_get_logprob (logits, 5, 1), -G_LN2, 1e-6);
  g_assert_cmpfloat_with_epsilon (moe_logits_get_logprob (logits, 5, 4), -4 * G_LN2, 1e-6);
  g_assert_cmpfloat_with_epsilon (moe_logits_get_logprob (shifted, 3, 1), log (2 / 3.0), 1e-4);
  g_assert_true (isinf (moe_logits_get_logprob (shifted, 3, 2)));
  g_assert_cmpfloat (moe_logits_get_logprob (certain, 3, 1), ==, 0);

  /* 0.5 * 1 + 0.25 * 2 + 0.125 * 3 + 2 * 0.0625 * 4 = 1.875 bits. */
  g_assert_cmpfloat_with_epsilon (moe_logits_get_entropy (logits, 5), 1.875 * G_LN2, 1e-6);
  g_assert_cmpfloat_with_epsilon (moe_logits_get_entropy (two, 2), G_LN2, 1e-6);
  g_assert_cmpfloat (moe_logits_get_entropy (certain, 3), ==, 0);

  g_assert_cmpuint (moe_logits_get_top (logits, 5, 3, top), ==, 3);
  g_assert_cmpint (top[0].token, ==, 1);
  g_assert_cmpint (top[1].token, ==, 3);
  g_assert_cmpint (top[2].token, ==, 0);
  g_assert_cmpfloat_with_epsilon (top[1].probability, 0.25, 1e-6);
  g_assert_cmpfloat (top[1].logit, ==, logits[3]);
  g_assert_cmpuint (moe_logits_get_top (logits, 5, 5, top), ==, 5);
  g_assert_cmpint (top[3].token, ==, 2);
  g_assert_cmpint (top[4].token, ==, 4);
  g_assert_cmpuint (moe_logits_get_top (two, 2, 5, top), ==, 2);
  g_assert_cmpint (top[0].token, ==, 0);
  g_assert_cmpuint (moe_logits_get_top (two, 2, 0, top), ==, 0);
}

/* Against sorting everything. */
static void
test_top_exact (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (3);

  for (guint round = 0; round < 50; round++)
    {
      const guint n = (guint) g_rand_int_range (random, 1, 400),
          wanted = (guint) g_rand_int_range (random, 1, 60);
      g_autofree float *values = g_new (float, n);
      g_autofree MoeCandidate *top = g_new (MoeCandidate, wanted);
      guint found;

      for (guint i = 0; i < n; i++)
        values[i] = (float) g_rand_int_range (random, 0, 50);
      found = moe_logits_get_top (values, n, wanted, top);
      g_assert_cmpuint (found, ==, MIN (n, wanted));
      for (guint i = 0; i < found; i++)
        {
          guint n_before = 0;

          /* Its rank is the number of those that come before it. */
          for (guint j = 0; j < n; j++)
            n_before += values[j] > top[i].logit || (values[j] == top[i].logit && (gint32) j < top[i].token);
          g_assert_cmpuint (n_before, ==, i);
        }
    }
}

/* Of the likely tokens the one that the weak pass likes less wins; the unlikely ones are out. */
static void
test_self_contrast (void)
{
  const float strong[] = { 2, 1.9f, 2 - 2.4f, -1 }, weak[] = { 2, 0, -50, -50 };
  MoeSelfContrast contrast = { NULL, 0, 0 };
  float combined[4];
  guint rank;
  g_autoptr (GError) error = NULL;

  g_assert_true (moe_self_contrast_parse ("beta=0.5", &contrast, &rank, &error));
  g_assert_cmpuint (rank, ==, 2);
  /* log (0.1) = -2.30: the third is out by 0.1. */
  moe_self_contrast_combine (&contrast, strong, weak, 4, combined);
  g_assert_cmpfloat_with_epsilon (combined[0], 1.5 * 2 - 0.5 * 2, 1e-6);
  g_assert_cmpfloat_with_epsilon (combined[1], 1.5 * 1.9, 1e-6);
  g_assert_true (isinf (combined[2]) && isinf (combined[3]));
  g_assert_true (moe_self_contrast_parse ("rank=3,alpha=0.05,beta=0", &contrast, &rank, &error));
  g_assert_cmpuint (rank, ==, 3);
  moe_self_contrast_combine (&contrast, strong, weak, 4, combined);
  g_assert_cmpfloat (combined[2], ==, strong[2]);
  g_assert_true (moe_self_contrast_parse ("weak=reversed,beta=2", &contrast, &rank, &error));
  g_assert_cmpuint (rank, ==, 0);
  g_assert_cmpfloat (contrast.beta, ==, 2);
  g_assert_false (moe_self_contrast_parse ("weak=plain", &contrast, &rank, NULL));
  g_assert_false (moe_self_contrast_parse ("rank=0", &contrast, &rank, NULL));
  g_assert_false (moe_self_contrast_parse ("alpha=2", &contrast, &rank, NULL));
  g_assert_false (moe_self_contrast_parse ("gamma=1", &contrast, &rank, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampler/options", test_options);
  g_test_add_func ("/sampler/greedy", test_greedy);
  g_test_add_func ("/sampler/temperature", test_temperature);
  g_test_add_func ("/sampler/top-k", test_top_k);
  g_test_add_func ("/sampler/top-p", test_top_p);
  g_test_add_func ("/sampler/odd-logits", test_odd_logits);
  g_test_add_func ("/sampler/self-contrast", test_self_contrast);
  g_test_add_func ("/sampler/seeds", test_seeds);
  g_test_add_func ("/sampler/measures", test_measures);
  g_test_add_func ("/sampler/top-exact", test_top_exact);
  return g_test_run ();
}
