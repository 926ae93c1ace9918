/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <immintrin.h>
#include <string.h>

#include "probes/kernels/moe-int8-rows.h"

/* The vectors of the kernels at 256 bits, for AVX2, FMA and F16C. In the integer kernels each of the LANES
 * 32-bit lanes belongs to one weight row. Inlined into bodies that are compiled for the instruction set. */

#define LANES 8

/* Tokens of a float kernel's register tile: 4 rows by 3 tokens are 12 of the 16 registers. */
#define LANES_TILE_TOKENS 3

typedef __m256i Ints;
typedef __m256  Floats;

#define ints_and(a, b)          _mm256_and_si256 (a, b)
#define ints_or(a, b)           _mm256_or_si256 (a, b)
#define ints_xor(a, b)          _mm256_xor_si256 (a, b)
#define ints_add(a, b)          _mm256_add_epi32 (a, b)
#define ints_sub(a, b)          _mm256_sub_epi32 (a, b)
#define ints_mul(a, b)          _mm256_mullo_epi32 (a, b)
#define ints_shift_right(a, n)  _mm256_srli_epi32 (a, n)
#define ints_shift_left(a, n)   _mm256_slli_epi32 (a, n)
#define ints_shift_signed(a, n) _mm256_srai_epi32 (a, n)
#define ints_set(value)         _mm256_set1_epi32 (value)
#define ints_set4(a, b, c, d)   _mm256_setr_epi32 (a, b, c, d, a, b, c, d) /* in every 128 bits */
#define ints_zero()             _mm256_setzero_si256 ()
#define ints_load(bytes)        _mm256_loadu_si256 ((const __m256i *) (bytes))
#define ints_to_floats(a)       _mm256_cvtepi32_ps (a)
#define ints_madd16(a, b)       _mm256_madd_epi16 (a, b)
#define ints_shift_signed16(a, n) _mm256_srai_epi16 (a, n)
#define ints_shuffle(a, bytes)  _mm256_shuffle_epi8 (a, bytes)

#define floats_set(value)       _mm256_set1_ps (value)
#define floats_zero()           _mm256_setzero_ps ()
#define floats_mul(a, b)        _mm256_mul_ps (a, b)
#define floats_add(a, b)        _mm256_add_ps (a, b)
#define floats_fma(a, b, c)     _mm256_fmadd_ps (a, b, c)  /* a * b + c */
#define floats_fnma(a, b, c)    _mm256_fnmadd_ps (a, b, c) /* c - a * b */

/* Four bytes at @bytes in every lane. */
static inline Ints
ints_broadcast (const void *bytes)
{
  gint32 value;

  memcpy (&value, bytes, sizeof value);
  return _mm256_set1_epi32 (value);
}

/* The byte pattern @a, @b, @c, @d in every lane: an argument of ints_shuffle(). */
static inline Ints
ints_byte_pattern (guint a,
                   guint b,
                   guint c,
                   guint d)
{
  const Ints first = _mm256_broadcastsi128_si256 (_mm_setr_epi32 (0, 0x04040404, 0x08080808, 0x0c0c0c0c));

  return _mm256_add_epi8 (first, _mm256_set1_epi32 ((gint32) (a | b << 8 | c << 16 | d << 24)));
}

/* Reads 16 bytes at @offset of each row: out[r] has those of row r and, in the upper half, of row r + 4. */
static inline void
lanes_read_pairs (const guint8 *const rows[LANES],
                  gsize               offset,
                  Ints                out[4])
{
  for (guint r = 0; r < 4; r++)
    {
      __m128i low = _mm_loadu_si128 ((const __m128i *) (rows[r] + offset));
      __m128i high = _mm_loadu_si128 ((const __m128i *) (rows[r + 4] + offset));

      out[r] = _mm256_inserti128_si256 (_mm256_castsi128_si256 (low), high, 1);
    }
}

/* Reads 16 bytes at @offset of each row; out[s] has the four bytes from 4 s of row r in lane r. */
static inline void
lanes_read_columns (const guint8 *const rows[LANES],
                    gsize               offset,
                    Ints                out[4])
{
  __m256i a[4], b[4];

  lanes_read_pairs (rows, offset, a);
  b[0] = _mm256_unpacklo_epi32 (a[0], a[1]);
  b[1] = _mm256_unpackhi_epi32 (a[0], a[1]);
  b[2] = _mm256_unpacklo_epi32 (a[2], a[3]);
  b[3] = _mm256_unpackhi_epi32 (a[2], a[3]);
  out[0] = _mm256_unpacklo_epi64 (b[0], b[2]);
  out[1] = _mm256_unpackhi_epi64 (b[0], b[2]);
  out[2] = _mm256_unpacklo_epi64 (b[1], b[3]);
  out[3] = _mm256_unpackhi_epi64 (b[1], b[3]);
}

/* The half in the lower 16 bits of each lane; the upper bits must be 0. */
static inline Floats
floats_from_halves (Ints halves)
{
  __m128i packed = _mm_packus_epi32 (_mm256_castsi256_si128 (halves), _mm256_extracti128_si256 (halves, 1));

  return _mm256_cvtph_ps (packed);
}

/* The half at @offset of each row. */
static inline Floats
lanes_read_halves (const guint8 *const rows[LANES],
                   gsize               offset)
{
  gint16 h[LANES];

  for (guint r = 0; r < LANES; r++)
    memcpy (&h[r], rows[r] + offset, sizeof h[r]);
  return _mm256_cvtph_ps (_mm_setr_epi16 (h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]));
}

static inline Floats
floats_load (const void *x)
{
  return _mm256_loadu_ps (x);
}

static inline Floats
floats_load_f16 (const void *x)
{
  return _mm256_cvtph_ps (_mm_loadu_si128 (x));
}

static inline Floats
floats_load_bf16 (const void *x)
{
  return _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_cvtepu16_epi32 (_mm_loadu_si128 (x)), 16));
}

/* Eight floats of 8 bits as halves, whose exponent is 8 larger, and then as floats. */
static inline Floats
floats_load_f8 (const void *x)
{
  __m128i q = _mm_cvtepu8_epi16 (_mm_loadl_epi64 (x)), magnitude = _mm_and_si128 (q, _mm_set1_epi16 (0x7f));
  __m128i nan = _mm_srli_epi16 (_mm_cmpeq_epi16 (magnitude, _mm_set1_epi16 (0x7f)), 1);
  __m128i sign = _mm_slli_epi16 (_mm_srli_epi16 (q, 7), 15);
  __m128i half = _mm_or_si128 (_mm_or_si128 (sign, nan), _mm_slli_epi16 (magnitude, 7));

  return _mm256_mul_ps (_mm256_cvtph_ps (half), _mm256_set1_ps (256.f));
}

static inline void
floats_store (float  *y,
              Floats  v)
{
  _mm256_storeu_ps (y, v);
}

static inline float
floats_sum (Floats v)
{
  __m128 sum = _mm_add_ps (_mm256_castps256_ps128 (v), _mm256_extractf128_ps (v, 1));

  sum = _mm_add_ps (sum, _mm_movehl_ps (sum, sum));
  return _mm_cvtss_f32 (_mm_add_ss (sum, _mm_movehdup_ps (sum)));
}

/* Stores the sums of the lanes of each of @n <= 4 vectors; four are read. */
static inline void
floats_store_sums (float        *y,
                   const Floats  v[4],
                   gsize         n)
{
  Floats a = _mm256_add_ps (_mm256_permute2f128_ps (v[0], v[1], 0x20),
                            _mm256_permute2f128_ps (v[0], v[1], 0x31));
  Floats b = _mm256_add_ps (_mm256_permute2f128_ps (v[2], v[3], 0x20),
                            _mm256_permute2f128_ps (v[2], v[3], 0x31));
  Floats sums = _mm256_add_ps (_mm256_shuffle_ps (a, b, 0x44), _mm256_shuffle_ps (a, b, 0xee));
  __m128 even, odd, all;

  sums = _mm256_add_ps (sums, _mm256_movehdup_ps (sums));
  even = _mm256_castps256_ps128 (sums);
  odd = _mm256_extractf128_ps (sums, 1);
  all = _mm_blend_ps (even, _mm_moveldup_ps (odd), 0xa);
  if (n == 4)
    _mm_storeu_ps (y, all);
  else
    {
      float values[4];

      _mm_storeu_ps (values, all);
      memcpy (y, values, n * sizeof (float));
    }
}

/* Stores the first @n lanes. */
static inline void
lanes_store (float  *y,
             Floats  v,
             gsize   n)
{
  if (n == LANES)
    _mm256_storeu_ps (y, v);
  else
    {
      float values[LANES];

      _mm256_storeu_ps (values, v);
      memcpy (y, values, n * sizeof (float));
    }
}
