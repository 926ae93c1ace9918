/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-vector-ops-portable"

#include "probes/kernels/moe-vector-ops-portable.h"

#include "probes/kernels/moe-formats.h"

#include <math.h>

/* Sums run in LANES lanes (value i adds to lane i % LANES) so that the compiler can use vectors without
 * changing a bit; the lanes are added at the end in one fixed order. */
#define LANES 16

static float
add_lanes (const float acc[LANES])
{
  float sum[4];

  for (guint j = 0; j < 4; j++)
    sum[j] = (acc[j] + acc[j + 4]) + (acc[j + 8] + acc[j + 12]);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static float
dot (const float *a,
     const float *b,
     gsize        n)
{
  float acc[LANES] = { 0 };
  gsize i;

  for (i = 0; i + LANES <= n; i += LANES)
    for (guint j = 0; j < LANES; j++)
      acc[j] += a[i + j] * b[i + j];
  for (guint j = 0; i + j < n; j++)
    acc[j] += a[i + j] * b[i + j];
  return add_lanes (acc);
}

static float
dot_f16 (const float   *a,
         const guint16 *b,
         gsize          n)
{
  float acc[LANES] = { 0 };
  gsize i;

  for (i = 0; i + LANES <= n; i += LANES)
    for (guint j = 0; j < LANES; j++)
      acc[j] += a[i + j] * moe_half_to_float (b[i + j]);
  for (guint j = 0; i + j < n; j++)
    acc[j] += a[i + j] * moe_half_to_float (b[i + j]);
  return add_lanes (acc);
}

static void
axpy (float       *y,
      float        a,
      const float *x,
      gsize        n)
{
  for (gsize i = 0; i < n; i++)
    y[i] += a * x[i];
}

static void
axpy_f16 (float         *y,
          float          a,
          const guint16 *x,
          gsize          n)
{
  for (gsize i = 0; i < n; i++)
    y[i] += a * moe_half_to_float (x[i]);
}

static void
to_f16 (guint16     *y,
        const float *x,
        gsize        n)
{
  for (gsize i = 0; i < n; i++)
    y[i] = moe_half_from_float (x[i]);
}

static float
sum_squares (const float *x,
             gsize        n)
{
  return dot (x, x, n);
}

/* |x| as an integer orders like the float; all NaNs are made one value above infinity. */
static inline guint32
abs_key (float x)
{
  return MIN (moe_float_to_bits (x) & 0x7fffffffu, 0x7f800001u);
}

static float
max_abs (const float *x,
         gsize        n,
         guint       *index)
{
  guint32 largest = 0;
  gsize i = 0;

  for (gsize j = 0; j < n; j++)
    {
      guint32 key = abs_key (x[j]);

      largest = MAX (largest, key);
    }
  while (abs_key (x[i]) != largest)
    i++;
  *index = (guint) i;
  return fabsf (x[i]);
}

/* exp by x = k ln 2 + r, |r| <= ln 2 / 2, a Taylor polynomial of degree 7 and a scaling by 2^k in two
 * steps, so that results below the normal range are still right. Branch-free, for the vectoriser. */
static inline float
exp_float (float x)
{
  float clamped = x < -104.f ? -104.f : x;
  float k, r, p;
  gint32 exponent, half;

  clamped = clamped > 89.f ? 89.f : clamped;
  /* Adding 1.5 * 2^23 rounds to an integer. */
  k = clamped * 0x1.715476p+0f + 0x1.8p23f;
  k -= 0x1.8p23f;
  r = clamped - k * 0x1.62e4p-1f;
  r -= k * 0x1.7f7d1cp-20f;
  p = 1.f / 5040;
  p = p * r + 1.f / 720;
  p = p * r + 1.f / 120;
  p = p * r + 1.f / 24;
  p = p * r + 1.f / 6;
  p = p * r + 0.5f;
  p = r + r * r * p;
  p += 1.f;
  /* A NaN has no integer; it comes out of p whatever the scale. */
  exponent = k >= -200.f ? (gint32) k : 0;
  half = exponent >> 1;
  p *= moe_float_from_bits ((guint32) (half + 127) << 23);
  return p * moe_float_from_bits ((guint32) (exponent - half + 127) << 23);
}

static void
silu_mul (float       *gate,
          const float *up,
          gsize        n)
{
  for (gsize i = 0; i < n; i++)
    gate[i] = gate[i] / (1.f + exp_float (-gate[i])) * up[i];
}

static void
swiglu_oai (float       *gate,
            const float *up,
            gsize        n)
{
  const float limit = MOE_SWIGLU_OAI_LIMIT;

  for (gsize i = 0; i < n; i++)
    {
      float g = gate[i] > limit ? limit : gate[i];
      float u = up[i] > limit ? limit : up[i] < -limit ? -limit : up[i];

      gate[i] = g / (1.f + exp_float (-MOE_SWIGLU_OAI_ALPHA * g)) * (u + 1.f);
    }
}

static float
soft_max (float *x,
          gsize  n,
          float *max)
{
  float acc[LANES] = { 0 };
  float largest = -INFINITY;
  gsize i;

  for (i = 0; i < n; i++)
    largest = x[i] > largest ? x[i] : largest;
  /* When everything is masked there is no largest to subtract: all terms are 0, and so is the sum. */
  if (largest == -INFINITY)
    largest = 0.f;
  if (max != NULL)
    *max = largest;
  for (i = 0; i < n; i++)
    x[i] = exp_float (x[i] - largest);
  for (i = 0; i + LANES <= n; i += LANES)
    for (guint j = 0; j < LANES; j++)
      acc[j] += x[i + j];
  for (guint j = 0; i + j < n; j++)
    acc[j] += x[i + j];
  return add_lanes (acc);
}

static void
scale_mul (float       *y,
           const float *x,
           float        scale,
           const float *w,
           gsize        n)
{
  for (gsize i = 0; i < n; i++)
    y[i] = x[i] * scale * w[i];
}

static void
weighted_sum (const float *const *p,
              gsize               n_rows,
              const float        *v,
              gsize               n_keys,
              gsize               n,
              float *const       *y)
{
  for (gsize r = 0; r < n_rows; r++)
    for (gsize j = 0; j < n_keys; j++)
      axpy (y[r], p[r][j], v + j * n, n);
}

static void
weighted_sum_f16 (const float *const *p,
                  gsize               n_rows,
                  const guint16      *v,
                  gsize               n_keys,
                  gsize               n,
                  float *const       *y)
{
  for (gsize r = 0; r < n_rows; r++)
    for (gsize j = 0; j < n_keys; j++)
      axpy_f16 (y[r], p[r][j], v + j * n, n);
}

const MoeVectorOps moe_vector_ops_portable = {
  .dot = dot,
  .dot_f16 = dot_f16,
  .axpy = axpy,
  .axpy_f16 = axpy_f16,
  .to_f16 = to_f16,
  .sum_squares = sum_squares,
  .max_abs = max_abs,
  .silu_mul = silu_mul,
  .swiglu_oai = swiglu_oai,
  .soft_max = soft_max,
  .scale_mul = scale_mul,
  .weighted_sum = weighted_sum,
  .weighted_sum_f16 = weighted_sum_f16,
};
