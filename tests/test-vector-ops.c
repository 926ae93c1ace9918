/* SPDX-License-Identifier: MIT */
#include "probes/moe-vector-ops.h"

#include <math.h>

#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-kernel-sets.h"

/* Every test runs for every set that this processor can run; the set is the test's data. Lengths around the
 * widths of vectors, and addresses that are no multiple of anything. */
static const gsize lengths[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 127, 128, 1000, 2051 };

#define MAX_LENGTH 2051

static float *
random_floats (GRand *rand,
               gsize  n,
               double size)
{
  float *x = g_new (float, n + 1);

  for (gsize i = 0; i < n; i++)
    x[i] = (float) g_rand_double_range (rand, -size, size);
  x[n] = 777.f;
  return x;
}

/* Distance in representable floats between @value and @exact. */
static double
ulps (float  value,
      double exact)
{
  float rounded = (float) exact;
  float next = nextafterf (fabsf (rounded), INFINITY);
  double ulp = isinf (next) ? 0x1p104 : (double) next - fabsf (rounded);

  if (isinf (value) && isinf (rounded))
    return value == rounded ? 0 : INFINITY;
  return fabs (value - exact) / ulp;
}

static void
test_sums (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  GRand *rand = g_rand_new_with_seed (1);

  for (guint l = 0; l < G_N_ELEMENTS (lengths); l++)
    for (guint offset = 0; offset < 4; offset++)
      {
        gsize n = lengths[l];
        float *a = random_floats (rand, n + offset, 1);
        float *b = random_floats (rand, n, 1);
        guint16 *h = g_new (guint16, n);
        double sum = 0, sum_f16 = 0, squares = 0, magnitude = 0;
        double bound;

        for (gsize i = 0; i < n; i++)
          {
            h[i] = moe_half_from_float (b[i]);
            sum += (double) a[offset + i] * b[i];
            sum_f16 += (double) a[offset + i] * moe_half_to_float (h[i]);
            squares += (double) a[offset + i] * a[offset + i];
            magnitude += fabs ((double) a[offset + i] * b[i]) + (double) a[offset + i] * a[offset + i];
          }
        bound = magnitude * (n / 8. + 8) * 0x1p-24;
        g_assert_cmpfloat_with_epsilon (ops->dot (a + offset, b, n), sum, bound);
        g_assert_cmpfloat_with_epsilon (ops->dot_f16 (a + offset, h, n), sum_f16, bound);
        g_assert_cmpfloat_with_epsilon (ops->sum_squares (a + offset, n), squares, bound);
        /* No bit depends on the address. */
        {
          float *copy = g_memdup2 (a + offset, n * sizeof (float));

          g_assert_cmphex (moe_float_to_bits (ops->dot (copy, b, n)), ==,
                           moe_float_to_bits (ops->dot (a + offset, b, n)));
          g_assert_cmphex (moe_float_to_bits (ops->dot_f16 (copy, h, n)), ==,
                           moe_float_to_bits (ops->dot_f16 (a + offset, h, n)));
          g_free (copy);
        }
        g_free (a);
        g_free (b);
        g_free (h);
      }
  g_rand_free (rand);
}

static void
test_axpy (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  GRand *rand = g_rand_new_with_seed (2);

  for (guint l = 0; l < G_N_ELEMENTS (lengths); l++)
    {
      gsize n = lengths[l];
      float *y = random_floats (rand, n, 1);
      float *z = g_memdup2 (y, (n + 1) * sizeof (float));
      float *v = random_floats (rand, n, 1);
      float *before = g_memdup2 (y, n * sizeof (float));
      float *x = random_floats (rand, n, 1);
      guint16 *h = g_new (guint16, n);

      for (gsize i = 0; i < n; i++)
        h[i] = moe_half_from_float (x[i]);
      ops->axpy (y, 0.7f, x, n);
      ops->axpy_f16 (z, 0.7f, h, n);
      ops->scale_mul (v, x, 0.3f, before, n);
      for (gsize i = 0; i < n; i++)
        {
          g_assert_cmpfloat_with_epsilon (y[i], before[i] + (double) 0.7f * x[i], 0x1p-22);
          g_assert_cmpfloat_with_epsilon (z[i], before[i] + (double) 0.7f * moe_half_to_float (h[i]),
                                          0x1p-22);
          g_assert_cmpfloat_with_epsilon (v[i], (double) x[i] * 0.3f * before[i], 0x1p-23);
        }
      g_assert_true (y[n] == 777.f && z[n] == 777.f && v[n] == 777.f);
      g_free (y);
      g_free (z);
      g_free (v);
      g_free (before);
      g_free (x);
      g_free (h);
    }
  g_rand_free (rand);
}

static void
check_to_f16 (const MoeVectorOps *ops,
              float               value,
              guint16             expected)
{
  float values[9];
  guint16 out[10];

  for (guint i = 0; i < 9; i++)
    values[i] = value;
  out[9] = 0x1234;
  ops->to_f16 (out, values, 9);
  for (guint i = 0; i < 9; i++)
    g_assert_cmphex (out[i], ==, expected);
  g_assert_cmphex (out[9], ==, 0x1234);
}

/* All halves: their value by arithmetic, and the rounding at and around the middle to the next one. */
static void
test_f16 (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;

  for (guint h = 0; h < 0x10000; h++)
    {
      guint exponent = h >> 10 & 31, fraction = h & 0x3ff;
      double value = exponent == 0 ? ldexp (fraction, -24) : ldexp (1024 + fraction, (int) exponent - 25);
      float sign = h & 0x8000 ? -1.f : 1.f;
      guint16 half = (guint16) h;

      if (exponent == 31 && fraction != 0)
        {
          guint32 bits = moe_float_to_bits (moe_half_to_float (half));

          g_assert_cmphex (bits, ==, ((h & 0x8000) << 16 | 0x7fc00000u | fraction << 13));
          check_to_f16 (ops, moe_float_from_bits ((bits & ~0x00400000u) | 1), (guint16) (h | 0x200));
          g_assert_true (isnan (ops->dot_f16 (&sign, &half, 1)));
          continue;
        }
      if (exponent == 31)
        value = INFINITY;
      g_assert_cmphex (moe_float_to_bits (moe_half_to_float (half)), ==,
                       moe_float_to_bits (sign * (float) value));
      check_to_f16 (ops, sign * (float) value, half);
      if (fraction == 0x3ff && exponent == 30)
        {
          check_to_f16 (ops, sign * 65519.99f, half);
          check_to_f16 (ops, sign * 65520.f, half + 1);
          check_to_f16 (ops, sign * 3e38f, half + 1);
        }
      else if (exponent < 31)
        {
          double step = ldexp (1, MAX ((int) exponent, 1) - 25);
          float middle = (float) (value + step / 2);

          check_to_f16 (ops, sign * middle, half + (h & 1));
          check_to_f16 (ops, sign * nextafterf (middle, 0), half);
          check_to_f16 (ops, sign * nextafterf (middle, INFINITY), half + 1);
        }
      else
        g_assert_true (isinf (ops->dot_f16 (&sign, &half, 1)));
    }
}

static void
test_max_abs (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  GRand *rand = g_rand_new_with_seed (3);
  guint index;

  for (guint l = 0; l < G_N_ELEMENTS (lengths); l++)
    {
      gsize n = lengths[l];
      float *x = random_floats (rand, n, 1);

      for (guint trial = 0; trial < 20; trial++)
        {
          guint at = (guint) g_rand_int_range (rand, 0, (gint) n);
          guint again = (guint) g_rand_int_range (rand, 0, (gint) n);
          float was = x[at], was_again = x[again];

          x[at] = -2;
          x[again] = trial % 2 == 0 ? 2 : -2;
          g_assert_cmpfloat (ops->max_abs (x, n, &index), ==, 2);
          g_assert_cmpuint (index, ==, MIN (at, again));
          x[again] = moe_float_from_bits (0xff800001u + trial);
          if (at != again)
            x[at] = trial % 3 == 0 ? NAN : INFINITY;
          g_assert_true (isnan (ops->max_abs (x, n, &index)));
          g_assert_cmpuint (index, ==, trial % 3 == 0 ? MIN (at, again) : again);
          x[at] = was;
          x[again] = was_again;
        }
      for (gsize i = 0; i < n; i++)
        x[i] = i % 2 == 0 ? -0.f : 0.f;
      g_assert_cmpfloat (ops->max_abs (x, n, &index), ==, 0);
      g_assert_cmpuint (index, ==, 0);
      x[n - 1] = 1e-45f;
      g_assert_cmpfloat (ops->max_abs (x, n, &index), ==, 1e-45f);
      g_assert_cmpuint (index, ==, n - 1);
      g_free (x);
    }
  g_rand_free (rand);
}

static void
test_silu (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  float gate[1001], up[1001];

  for (guint block = 0; block < 220; block++)
    {
      for (guint i = 0; i < 1001; i++)
        {
          gate[i] = -110.f + block + i / 1001.f;
          up[i] = i % 2 == 0 ? 1 : -0.5f;
        }
      ops->silu_mul (gate, up, 1001);
      for (guint i = 0; i < 1001; i++)
        {
          double g = -110.f + block + i / 1001.f;
          double expected = g / (1 + exp (-g)) * up[i];

          /* Below -88 exp overflows a float; the true value is under 1e-36. */
          if (g < -88)
            g_assert_cmpfloat (fabs (gate[i] - expected), <=, 1e-36);
          else
            g_assert_cmpfloat (ulps (gate[i], expected), <=, 5);
        }
    }
}

static void
test_swiglu_oai (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  float gate[1001], up[1001];

  for (guint block = 0; block < 70; block++)
    {
      for (guint i = 0; i < 1001; i++)
        {
          gate[i] = -60.f + block + i / 1001.f;
          up[i] = -10.f + (i * 37 % 1001) / 50.f;
        }
      ops->swiglu_oai (gate, up, 1001);
      for (guint i = 0; i < 1001; i++)
        {
          double g = MIN (-60.f + block + i / 1001.f, 7.f);
          double u = CLAMP (-10.f + (i * 37 % 1001) / 50.f, -7.f, 7.f);
          double slope = (double) 1.702f * g, expected = g / (1 + exp (-slope)) * (double) (float) (u + 1);

          /* The argument of exp is rounded too, by half an ulp of it at most. Below -88 exp overflows. */
          if (slope < -88)
            g_assert_cmpfloat (fabs (gate[i] - expected), <=, 1e-33);
          else
            g_assert_cmpfloat (fabs (gate[i] - expected), <=,
                               fabs (expected) * (6 + fabs (slope)) * 0x1p-24);
        }
    }
  for (guint i = 0; i < 9; i++)
    {
      gate[i] = i == 3 || i == 8 ? NAN : i == 0 ? INFINITY : 1.f;
      up[i] = i == 5 ? NAN : i % 2 == 0 ? INFINITY : -INFINITY;
    }
  ops->swiglu_oai (gate, up, 9);
  for (guint i = 0; i < 9; i++)
    g_assert_true (i == 3 || i == 5 || i == 8 ? isnan (gate[i]) : isfinite (gate[i]));
}

static void
test_soft_max (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  GRand *rand = g_rand_new_with_seed (4);

  for (guint l = 0; l < G_N_ELEMENTS (lengths); l++)
    for (guint trial = 0; trial < 4; trial++)
      {
        gsize n = lengths[l];
        float *x = random_floats (rand, n, trial == 0 ? 1 : trial == 1 ? 60 : 1e4);
        float *before;
        double sum = 0;
        float got, max, largest = -INFINITY;

        if (trial == 2)
          for (gsize i = 0; i + 1 < n; i += 2)
            x[i] = -INFINITY;
        before = g_memdup2 (x, n * sizeof (float));
        for (gsize i = 0; i < n; i++)
          largest = MAX (largest, before[i]);
        got = ops->soft_max (x, n, &max);
        g_assert_cmpfloat (max, ==, largest);
        for (gsize i = 0; i < n; i++)
          {
            double expected = exp ((double) (before[i] - largest));

            g_assert_cmpfloat (ulps (x[i], expected), <=, 2);
            sum += x[i];
          }
        g_assert_cmpfloat_with_epsilon (got, sum, sum * (n / 8. + 8) * 0x1p-24);
        g_assert_true (x[n] == 777.f);
        g_free (before);
        g_free (x);
      }
  /* All masked: nothing to divide, but no NaN either. */
  {
    float x[19], max;

    for (guint i = 0; i < 19; i++)
      x[i] = -INFINITY;
    g_assert_cmpfloat (ops->soft_max (x, 19, &max), ==, 0);
    g_assert_cmpfloat (max, ==, 0);
    for (guint i = 0; i < 19; i++)
      g_assert_cmpfloat (x[i], ==, 0);
    x[3] = NAN;
    g_assert_true (isnan (ops->soft_max (x, 19, NULL)));
  }
  g_rand_free (rand);
}

/* exp, seen through a soft-max of two values, over the whole range where it is neither 0 nor 1. */
static void
test_exp (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  float x[1024];

  for (float start = 0; start > -110; start -= 0.25f)
    {
      x[0] = 0;
      for (guint i = 1; i < 1024; i++)
        x[i] = start - 0.25f * i / 1024;
      ops->soft_max (x, 1024, NULL);
      for (guint i = 1; i < 1024; i++)
        g_assert_cmpfloat (ulps (x[i], exp ((double) (start - 0.25f * i / 1024))), <=, 2);
    }
}

/* Against a double sum; and the bits are those of one row and one key at a time. */
static void
test_weighted_sum (gconstpointer data)
{
  const MoeVectorOps *ops = ((const MoeKernelSet *) data)->vector_ops;
  GRand *rand = g_rand_new_with_seed (7);
  static const guint widths[] = { 1, 7, 8, 16, 31, 64, 96, 128, 136 };
  enum { ROWS = 7, KEYS = 37 };

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (guint half = 0; half < 2; half++)
      {
        gsize n = widths[w];
        float *v = random_floats (rand, KEYS * n, 1), *p = random_floats (rand, ROWS * KEYS, 1);
        float *y = random_floats (rand, ROWS * n, 1), *alone = g_memdup2 (y, ROWS * n * sizeof *y);
        float *before = g_memdup2 (y, ROWS * n * sizeof *y);
        guint16 *h = g_new (guint16, KEYS * n);
        const float *rows[ROWS];
        float *out[ROWS];

        for (gsize i = 0; i < KEYS * n; i++)
          {
            h[i] = moe_half_from_float (v[i]);
            if (half)
              v[i] = moe_half_to_float (h[i]);
          }
        for (guint r = 0; r < ROWS; r++)
          {
            rows[r] = p + r * KEYS;
            out[r] = y + r * n;
          }
        if (half)
          ops->weighted_sum_f16 (rows, ROWS, h, KEYS, n, out);
        else
          ops->weighted_sum (rows, ROWS, v, KEYS, n, out);

        for (guint r = 0; r < ROWS; r++)
          for (guint j = 0; j < KEYS; j++)
            {
              const float *weight = rows[r] + j;
              float *one = alone + r * n;

              if (half)
                ops->weighted_sum_f16 (&weight, 1, h + j * n, 1, n, &one);
              else
                ops->weighted_sum (&weight, 1, v + j * n, 1, n, &one);
            }
        g_assert_cmpmem (y, ROWS * n * sizeof *y, alone, ROWS * n * sizeof *y);

        for (guint r = 0; r < ROWS; r++)
          for (gsize i = 0; i < n; i++)
            {
              double sum = before[r * n + i], magnitude = fabs (sum);

              for (guint j = 0; j < KEYS; j++)
                {
                  sum += (double) rows[r][j] * v[j * n + i];
                  magnitude += fabs ((double) rows[r][j] * v[j * n + i]);
                }
              g_assert_cmpfloat_with_epsilon (y[r * n + i], sum, magnitude * (KEYS + 1) * 0x1p-24);
            }
        g_free (v);
        g_free (p);
        g_free (y);
        g_free (alone);
        g_free (before);
        g_free (h);
      }
  g_rand_free (rand);
}

int
main (int   argc,
      char *argv[])
{
  static const struct
  {
    const char *name;
    void      (*run) (gconstpointer);
  } tests[] = {
    { "sums", test_sums },
    { "axpy", test_axpy },
    { "f16", test_f16 },
    { "max-abs", test_max_abs },
    { "silu", test_silu },
    { "swiglu-oai", test_swiglu_oai },
    { "soft-max", test_soft_max },
    { "exp", test_exp },
    { "weighted-sum", test_weighted_sum },
  };
  const MoeKernelSet *const *sets;
  guint n_sets;

  g_test_init (&argc, &argv, NULL);
  sets = moe_kernel_sets_get (&n_sets);
  for (guint s = 0; s < n_sets; s++)
    for (guint i = 0; i < G_N_ELEMENTS (tests) && sets[s]->is_usable (); i++)
      {
        g_autofree char *path = g_strdup_printf ("/vector-ops/%s/%s", sets[s]->isa, tests[i].name);

        g_test_add_data_func (path, sets[s], tests[i].run);
      }
  return g_test_run ();
}
