/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-vector-ops-avx2"

#include "probes/kernels/moe-vector-ops-avx2.h"

#include <immintrin.h>
#include <math.h>

#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-loads-avx2.h"
#include "probes/kernels/moe-weighted-sum-avx2.h"

/* Value i belongs to lane i % 32 of a sum, whatever the length. */
#define SUMS 4

static inline float
add_lanes (__m256 v)
{
  __m128 sum = _mm_add_ps (_mm256_castps256_ps128 (v), _mm256_extractf128_ps (v, 1));

  sum = _mm_add_ps (sum, _mm_movehl_ps (sum, sum));
  return _mm_cvtss_f32 (_mm_add_ss (sum, _mm_movehdup_ps (sum)));
}

static inline float
add_sums (const __m256 sums[SUMS])
{
  return add_lanes (_mm256_add_ps (_mm256_add_ps (sums[0], sums[1]), _mm256_add_ps (sums[2], sums[3])));
}

static float
dot (const float *a,
     const float *b,
     gsize        n)
{
  __m256 sums[SUMS] = { _mm256_setzero_ps () };
  gsize i;

  for (i = 0; i + SUMS * STEP <= n; i += SUMS * STEP)
    for (guint j = 0; j < SUMS; j++)
      sums[j] = _mm256_fmadd_ps (_mm256_loadu_ps (a + i + j * STEP), _mm256_loadu_ps (b + i + j * STEP),
                                 sums[j]);
  for (guint j = 0; i < n; i += STEP, j++)
    {
      if (n - i >= STEP)
        sums[j] = _mm256_fmadd_ps (_mm256_loadu_ps (a + i), _mm256_loadu_ps (b + i), sums[j]);
      else
        sums[j] = _mm256_fmadd_ps (load_rest (a + i, n - i), load_rest (b + i, n - i), sums[j]);
    }
  return add_sums (sums);
}

static float
dot_f16 (const float   *a,
         const guint16 *b,
         gsize          n)
{
  __m256 sums[SUMS] = { _mm256_setzero_ps () };
  gsize i;

  for (i = 0; i + SUMS * STEP <= n; i += SUMS * STEP)
    for (guint j = 0; j < SUMS; j++)
      sums[j] = _mm256_fmadd_ps (_mm256_loadu_ps (a + i + j * STEP), load_f16 (b + i + j * STEP), sums[j]);
  for (guint j = 0; i < n; i += STEP, j++)
    {
      if (n - i >= STEP)
        sums[j] = _mm256_fmadd_ps (_mm256_loadu_ps (a + i), load_f16 (b + i), sums[j]);
      else
        sums[j] = _mm256_fmadd_ps (load_rest (a + i, n - i), load_rest_f16 (b + i, n - i), sums[j]);
    }
  return add_sums (sums);
}

static void
axpy (float       *y,
      float        a,
      const float *x,
      gsize        n)
{
  const __m256 factor = _mm256_set1_ps (a);
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    _mm256_storeu_ps (y + i, _mm256_fmadd_ps (factor, _mm256_loadu_ps (x + i), _mm256_loadu_ps (y + i)));
  if (i < n)
    store_rest (y + i, _mm256_fmadd_ps (factor, load_rest (x + i, n - i), load_rest (y + i, n - i)), n - i);
}

static void
axpy_f16 (float         *y,
          float          a,
          const guint16 *x,
          gsize          n)
{
  const __m256 factor = _mm256_set1_ps (a);
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    _mm256_storeu_ps (y + i, _mm256_fmadd_ps (factor, load_f16 (x + i), _mm256_loadu_ps (y + i)));
  if (i < n)
    store_rest (y + i, _mm256_fmadd_ps (factor, load_rest_f16 (x + i, n - i), load_rest (y + i, n - i)),
                n - i);
}

static void
to_f16 (guint16     *y,
        const float *x,
        gsize        n)
{
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    _mm_storeu_si128 ((__m128i *) (y + i),
                      _mm256_cvtps_ph (_mm256_loadu_ps (x + i), _MM_FROUND_TO_NEAREST_INT));
  if (i < n)
    {
      guint16 values[STEP];

      _mm_storeu_si128 ((__m128i *) values,
                        _mm256_cvtps_ph (load_rest (x + i, n - i), _MM_FROUND_TO_NEAREST_INT));
      memcpy (y + i, values, (n - i) * sizeof (guint16));
    }
}

static float
sum_squares (const float *x,
             gsize        n)
{
  return dot (x, x, n);
}

/* |x| as an integer orders like the float; all NaNs are made one value above infinity. */
static inline __m256i
abs_keys (__m256 x)
{
  return _mm256_min_epi32 (_mm256_and_si256 (_mm256_castps_si256 (x), _mm256_set1_epi32 (0x7fffffff)),
                           _mm256_set1_epi32 (0x7f800001));
}

static float
max_abs (const float *x,
         gsize        n,
         guint       *index)
{
  __m256i keys = _mm256_setzero_si256 ();
  __m128i half;
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    keys = _mm256_max_epi32 (keys, abs_keys (_mm256_loadu_ps (x + i)));
  if (i < n)
    keys = _mm256_max_epi32 (keys, abs_keys (load_rest (x + i, n - i)));
  half = _mm_max_epi32 (_mm256_castsi256_si128 (keys), _mm256_extracti128_si256 (keys, 1));
  half = _mm_max_epi32 (half, _mm_shuffle_epi32 (half, _MM_SHUFFLE (1, 0, 3, 2)));
  half = _mm_max_epi32 (half, _mm_shuffle_epi32 (half, _MM_SHUFFLE (2, 3, 0, 1)));
  keys = _mm256_set1_epi32 (_mm_cvtsi128_si32 (half));

  /* A second pass finds where; lanes beyond the end read as 0 and can only tie after all true zeros. */
  for (i = 0; i < n; i += STEP)
    {
      __m256 v = n - i >= STEP ? _mm256_loadu_ps (x + i) : load_rest (x + i, n - i);
      __m256i same = _mm256_cmpeq_epi32 (abs_keys (v), keys);
      guint equal = (guint) _mm256_movemask_ps (_mm256_castsi256_ps (same));

      if (equal != 0)
        {
          i += (gsize) __builtin_ctz (equal);
          break;
        }
    }
  *index = (guint) i;
  return fabsf (x[i]);
}

static inline __m256
power_of_2 (__m256i exponent)
{
  return _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_add_epi32 (exponent, _mm256_set1_epi32 (127)), 23));
}

/* exp as in the portable operations, with fused multiply-adds. */
static inline __m256
exp_lanes (__m256 x)
{
  const __m256 round = _mm256_set1_ps (0x1.8p23f);
  /* The second argument is kept when one is a NaN. */
  __m256 clamped = _mm256_min_ps (_mm256_set1_ps (89.f), _mm256_max_ps (_mm256_set1_ps (-104.f), x));
  __m256 shifted = _mm256_fmadd_ps (clamped, _mm256_set1_ps (0x1.715476p+0f), round);
  __m256 k = _mm256_sub_ps (shifted, round);
  __m256 r = _mm256_fnmadd_ps (k, _mm256_set1_ps (0x1.7f7d1cp-20f),
                               _mm256_fnmadd_ps (k, _mm256_set1_ps (0x1.62e4p-1f), clamped));
  __m256 p = _mm256_set1_ps (1.f / 5040);
  __m256i exponent, half;

  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.f / 720));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.f / 120));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.f / 24));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.f / 6));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (0.5f));
  p = _mm256_fmadd_ps (_mm256_mul_ps (r, r), p, r);
  p = _mm256_add_ps (p, _mm256_set1_ps (1.f));
  exponent = _mm256_cvtps_epi32 (k);
  half = _mm256_srai_epi32 (exponent, 1);
  exponent = _mm256_sub_epi32 (exponent, half);
  return _mm256_mul_ps (_mm256_mul_ps (p, power_of_2 (half)), power_of_2 (exponent));
}

static inline __m256
silu_mul_lanes (__m256 gate,
                __m256 up)
{
  __m256 e = exp_lanes (_mm256_xor_ps (gate, _mm256_set1_ps (-0.f)));

  return _mm256_mul_ps (_mm256_div_ps (gate, _mm256_add_ps (_mm256_set1_ps (1.f), e)), up);
}

static void
silu_mul (float       *gate,
          const float *up,
          gsize        n)
{
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    _mm256_storeu_ps (gate + i, silu_mul_lanes (_mm256_loadu_ps (gate + i), _mm256_loadu_ps (up + i)));
  if (i < n)
    store_rest (gate + i, silu_mul_lanes (load_rest (gate + i, n - i), load_rest (up + i, n - i)), n - i);
}

static inline __m256
swiglu_oai_lanes (__m256 gate,
                  __m256 up)
{
  const __m256 limit = _mm256_set1_ps (MOE_SWIGLU_OAI_LIMIT), one = _mm256_set1_ps (1.f);
  /* The second argument is kept when one is a NaN. */
  __m256 g = _mm256_min_ps (limit, gate);
  __m256 u = _mm256_max_ps (_mm256_set1_ps (-MOE_SWIGLU_OAI_LIMIT), _mm256_min_ps (limit, up));
  __m256 e = exp_lanes (_mm256_mul_ps (g, _mm256_set1_ps (-MOE_SWIGLU_OAI_ALPHA)));

  return _mm256_mul_ps (_mm256_div_ps (g, _mm256_add_ps (one, e)), _mm256_add_ps (u, one));
}

static void
swiglu_oai (float       *gate,
            const float *up,
            gsize        n)
{
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    _mm256_storeu_ps (gate + i, swiglu_oai_lanes (_mm256_loadu_ps (gate + i), _mm256_loadu_ps (up + i)));
  if (i < n)
    store_rest (gate + i, swiglu_oai_lanes (load_rest (gate + i, n - i), load_rest (up + i, n - i)), n - i);
}

static inline float
largest_of (const float *x,
            gsize        n)
{
  __m256 largest = _mm256_set1_ps (-INFINITY);
  __m128 half;
  gsize i;

  /* The second argument wins when one is a NaN: NaNs are passed over. */
  for (i = 0; i + STEP <= n; i += STEP)
    largest = _mm256_max_ps (_mm256_loadu_ps (x + i), largest);
  if (i < n)
    largest = _mm256_max_ps (_mm256_blendv_ps (largest, load_rest (x + i, n - i),
                                               _mm256_castsi256_ps (first_lanes (n - i))), largest);
  half = _mm_max_ps (_mm256_castps256_ps128 (largest), _mm256_extractf128_ps (largest, 1));
  half = _mm_max_ps (half, _mm_movehl_ps (half, half));
  return _mm_cvtss_f32 (_mm_max_ss (half, _mm_movehdup_ps (half)));
}

static float
soft_max (float *x,
          gsize  n,
          float *max)
{
  float largest = largest_of (x, n);
  __m256 sum = _mm256_setzero_ps (), shift;
  gsize i;

  /* When everything is masked there is no largest to subtract: all terms are 0, and so is the sum. */
  if (largest == -INFINITY)
    largest = 0.f;
  if (max != NULL)
    *max = largest;
  shift = _mm256_set1_ps (largest);

  for (i = 0; i + STEP <= n; i += STEP)
    {
      __m256 e = exp_lanes (_mm256_sub_ps (_mm256_loadu_ps (x + i), shift));

      _mm256_storeu_ps (x + i, e);
      sum = _mm256_add_ps (sum, e);
    }
  if (i < n)
    {
      __m256 e = exp_lanes (_mm256_sub_ps (load_rest (x + i, n - i), shift));

      store_rest (x + i, e, n - i);
      sum = _mm256_add_ps (sum, _mm256_and_ps (e, _mm256_castsi256_ps (first_lanes (n - i))));
    }
  return add_lanes (sum);
}

static void
scale_mul (float       *y,
           const float *x,
           float        scale,
           const float *w,
           gsize        n)
{
  const __m256 factor = _mm256_set1_ps (scale);
  gsize i;

  for (i = 0; i + STEP <= n; i += STEP)
    _mm256_storeu_ps (y + i, _mm256_mul_ps (_mm256_mul_ps (_mm256_loadu_ps (x + i), factor),
                                            _mm256_loadu_ps (w + i)));
  if (i < n)
    store_rest (y + i, _mm256_mul_ps (_mm256_mul_ps (load_rest (x + i, n - i), factor),
                                      load_rest (w + i, n - i)), n - i);
}

const MoeVectorOps moe_vector_ops_avx2 = {
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
  .weighted_sum = moe_weighted_sum_avx2,
  .weighted_sum_f16 = moe_weighted_sum_f16_avx2,
};
