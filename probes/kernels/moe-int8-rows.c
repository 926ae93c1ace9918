/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-int8-rows"

#include "probes/kernels/moe-int8-rows.h"

#include <immintrin.h>
#include <math.h>

gsize
moe_int8_row_get_bytes (gsize n)
{
  return (n + MOE_QK - 1) / MOE_QK * sizeof (MoeInt8Chunk);
}

static inline guint32
largest_lane (__m256i v)
{
  __m128i half = _mm_max_epu32 (_mm256_castsi256_si128 (v), _mm256_extracti128_si256 (v, 1));

  half = _mm_max_epu32 (half, _mm_shuffle_epi32 (half, _MM_SHUFFLE (1, 0, 3, 2)));
  half = _mm_max_epu32 (half, _mm_shuffle_epi32 (half, _MM_SHUFFLE (2, 3, 0, 1)));
  return (guint32) _mm_cvtsi128_si32 (half);
}

/* Rounds group @g (32 values) of @chunk. */
static inline void
round_group (const float    *x,
             MoeInt8Chunk *chunk,
             guint           g)
{
  const __m256i magnitude = _mm256_set1_epi32 (0x7fffffff);
  __m256 v[4];
  __m256i q[4], largest = _mm256_setzero_si256 ();
  __m256i bytes, pairs;
  __m128i quads;
  __m256 inverse;
  float max;
  gint32 sums[2];

  /* |x| as an integer orders like the float, with infinities and NaNs above all numbers. */
  for (guint i = 0; i < 4; i++)
    {
      v[i] = _mm256_loadu_ps (x + 8 * i);
      largest = _mm256_max_epu32 (largest, _mm256_and_si256 (_mm256_castps_si256 (v[i]), magnitude));
    }
  max = moe_float_from_bits (largest_lane (largest));
  if (!(max >= 0x1p-100f && max < INFINITY))
    {
      memset (chunk->q + 32 * g, 0, 32);
      chunk->scale[g] = chunk->sum[g] = max < 0x1p-100f ? 0.f : NAN;
      chunk->sum16[2 * g] = chunk->sum16[2 * g + 1] = 0;
      chunk->minus128[g] = 0;
      return;
    }

  inverse = _mm256_set1_ps (127.f / max);
  for (guint i = 0; i < 4; i++)
    q[i] = _mm256_cvtps_epi32 (_mm256_mul_ps (v[i], inverse));
  bytes = _mm256_packs_epi16 (_mm256_packs_epi32 (q[0], q[1]), _mm256_packs_epi32 (q[2], q[3]));
  bytes = _mm256_permutevar8x32_epi32 (bytes, _mm256_setr_epi32 (0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256 ((__m256i *) (chunk->q + 32 * g), bytes);

  pairs = _mm256_madd_epi16 (_mm256_maddubs_epi16 (_mm256_set1_epi8 (1), bytes), _mm256_set1_epi16 (1));
  quads = _mm_hadd_epi32 (_mm256_castsi256_si128 (pairs), _mm256_extracti128_si256 (pairs, 1));
  quads = _mm_hadd_epi32 (quads, quads);
  sums[0] = _mm_cvtsi128_si32 (quads);
  sums[1] = _mm_extract_epi32 (quads, 1);
  chunk->sum16[2 * g] = (gint16) sums[0];
  chunk->sum16[2 * g + 1] = (gint16) sums[1];
  chunk->minus128[g] = -128 * (sums[0] + sums[1]);
  chunk->scale[g] = max / 127.f;
  chunk->sum[g] = chunk->scale[g] * (float) (sums[0] + sums[1]);
}

void
moe_int8_row_prepare (const float *x,
                         gsize        n,
                         void        *prepared)
{
  MoeInt8Chunk *chunk = prepared;

  for (gsize i = 0; i < n; i += MOE_QK, chunk++)
    {
      guint n_groups = (guint) (MIN (MOE_QK, n - i) / 32);

      if (n_groups < MOE_QK / 32)
        memset (chunk, 0, sizeof *chunk);
      for (guint g = 0; g < n_groups; g++)
        round_group (x + i + 32 * g, chunk, g);
    }
}
