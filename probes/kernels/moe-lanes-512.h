/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <immintrin.h>
#include <string.h>

#include "probes/kernels/moe-int8-rows.h"

/* The vectors of the kernels at 512 bits, for AVX-512 F, BW, DQ and VL. In the integer kernels each of the
 * LANES 32-bit lanes belongs to one weight row. Inlined into bodies that are compiled for the instruction
 * set. */

#define LANES 16

/* Tokens of a float kernel's register tile: 4 rows by 6 tokens are 24 of the 32 registers. */
#define LANES_TILE_TOKENS 6

typedef __m512i Ints;
typedef __m512  Floats;

/* Shifts in the compiler's own notation: the intrinsics want literal counts when nothing is inlined. */
#define ints_and(a, b)          _mm512_and_si512 (a, b)
#define ints_or(a, b)           _mm512_or_si512 (a, b)
#define ints_xor(a, b)          _mm512_xor_si512 (a, b)
#define ints_add(a, b)          _mm512_add_epi32 (a, b)
#define ints_sub(a, b)          _mm512_sub_epi32 (a, b)
#define ints_mul(a, b)          _mm512_mullo_epi32 (a, b)
#define ints_shift_right(a, n)  ((Ints) ((__v16su) (a) >> (n)))
#define ints_shift_left(a, n)   ((Ints) ((__v16su) (a) << (n)))
#define ints_shift_signed(a, n) ((Ints) ((__v16si) (a) >> (n)))
#define ints_set(value)         _mm512_set1_epi32 (value)
#define ints_set4(a, b, c, d)   _mm512_set4_epi32 (d, c, b, a) /* in every 128 bits */
#define ints_zero()             _mm512_setzero_si512 ()
#define ints_load(bytes)        _mm512_loadu_si512 (bytes)
#define ints_to_floats(a)       _mm512_cvtepi32_ps (a)
#define ints_madd16(a, b)       _mm512_madd_epi16 (a, b)
#define ints_shift_signed16(a, n) ((Ints) ((__v32hi) (a) >> (n)))
#define ints_shuffle(a, bytes)  _mm512_shuffle_epi8 (a, bytes)

#define floats_set(value)       _mm512_set1_ps (value)
#define floats_zero()           _mm512_setzero_ps ()
#define floats_mul(a, b)        _mm512_mul_ps (a, b)
#define floats_add(a, b)        _mm512_add_ps (a, b)
#define floats_fma(a, b, c)     _mm512_fmadd_ps (a, b, c)  /* a * b + c */
#define floats_fnma(a, b, c)    _mm512_fnmadd_ps (a, b, c) /* c - a * b */

/* Four bytes at @bytes in every lane. */
static inline Ints
ints_broadcast (const void *bytes)
{
  gint32 value;

  memcpy (&value, bytes, sizeof value);
  return _mm512_set1_epi32 (value);
}

/* The byte pattern @a, @b, @c, @d in every lane: an argument of ints_shuffle(). */
static inline Ints
ints_byte_pattern (guint a,
                   guint b,
                   guint c,
                   guint d)
{
  const Ints first = _mm512_broadcast_i32x4 (_mm_setr_epi32 (0, 0x04040404, 0x08080808, 0x0c0c0c0c));

  return _mm512_add_epi8 (first, _mm512_set1_epi32 ((gint32) (a | b << 8 | c << 16 | d << 24)));
}

/* Reads 16 bytes at @offset of each row; out[s] has the four bytes from 4 s of row r in lane r. */
static inline void
lanes_read_columns (const guint8 *const rows[LANES],
                    gsize               offset,
                    Ints                out[4])
{
  __m512i a[4], b[4];

#pragma GCC unroll 4
  for (guint r = 0; r < 4; r++)
    {
      a[r] = _mm512_castsi128_si512 (_mm_loadu_si128 ((const __m128i *) (rows[r] + offset)));
      a[r] = _mm512_inserti32x4 (a[r], _mm_loadu_si128 ((const __m128i *) (rows[r + 4] + offset)), 1);
      a[r] = _mm512_inserti32x4 (a[r], _mm_loadu_si128 ((const __m128i *) (rows[r + 8] + offset)), 2);
      a[r] = _mm512_inserti32x4 (a[r], _mm_loadu_si128 ((const __m128i *) (rows[r + 12] + offset)), 3);
    }
  b[0] = _mm512_unpacklo_epi32 (a[0], a[1]);
  b[1] = _mm512_unpackhi_epi32 (a[0], a[1]);
  b[2] = _mm512_unpacklo_epi32 (a[2], a[3]);
  b[3] = _mm512_unpackhi_epi32 (a[2], a[3]);
  out[0] = _mm512_unpacklo_epi64 (b[0], b[2]);
  out[1] = _mm512_unpackhi_epi64 (b[0], b[2]);
  out[2] = _mm512_unpacklo_epi64 (b[1], b[3]);
  out[3] = _mm512_unpackhi_epi64 (b[1], b[3]);
}

/* The half in the lower 16 bits of each lane. */
static inline Floats
floats_from_halves (Ints halves)
{
  return _mm512_cvtph_ps (_mm512_cvtepi32_epi16 (halves));
}

/* The half at @offset of each row. */
static inline Floats
lanes_read_halves (const guint8 *const rows[LANES],
                   gsize               offset)
{
  guint16 halves[LANES];

  for (guint r = 0; r < LANES; r++)
    memcpy (&halves[r], rows[r] + offset, sizeof halves[r]);
  return _mm512_cvtph_ps (_mm256_loadu_si256 ((const __m256i *) halves));
}

static inline Floats
floats_load (const void *x)
{
  return _mm512_loadu_ps (x);
}

static inline Floats
floats_load_f16 (const void *x)
{
  return _mm512_cvtph_ps (_mm256_loadu_si256 (x));
}

static inline Floats
floats_load_bf16 (const void *x)
{
  return _mm512_castsi512_ps (ints_shift_left (_mm512_cvtepu16_epi32 (_mm256_loadu_si256 (x)), 16));
}

/* Sixteen floats of 8 bits as halves, whose exponent is 8 larger, and then as floats. */
static inline Floats
floats_load_f8 (const void *x)
{
  __m256i q = _mm256_cvtepu8_epi16 (_mm_loadu_si128 (x));
  __m256i magnitude = _mm256_and_si256 (q, _mm256_set1_epi16 (0x7f));
  __m256i nan = _mm256_srli_epi16 (_mm256_cmpeq_epi16 (magnitude, _mm256_set1_epi16 (0x7f)), 1);
  __m256i sign = _mm256_slli_epi16 (_mm256_srli_epi16 (q, 7), 15);
  __m256i half = _mm256_or_si256 (_mm256_or_si256 (sign, nan), _mm256_slli_epi16 (magnitude, 7));

  return _mm512_mul_ps (_mm512_cvtph_ps (half), _mm512_set1_ps (256.f));
}

static inline void
floats_store (float  *y,
              Floats  v)
{
  _mm512_storeu_ps (y, v);
}

static inline float
floats_sum (Floats v)
{
  __m256 half = _mm256_add_ps (_mm512_castps512_ps256 (v), _mm512_extractf32x8_ps (v, 1));
  __m128 sum = _mm_add_ps (_mm256_castps256_ps128 (half), _mm256_extractf128_ps (half, 1));

  sum = _mm_add_ps (sum, _mm_movehl_ps (sum, sum));
  return _mm_cvtss_f32 (_mm_add_ss (sum, _mm_movehdup_ps (sum)));
}

/* Stores the sums of the lanes of each of @n <= 4 vectors. */
static inline void
floats_store_sums (float        *y,
                   const Floats  v[4],
                   gsize         n)
{
  for (gsize i = 0; i < n; i++)
    y[i] = floats_sum (v[i]);
}

/* Stores the first @n lanes. */
static inline void
lanes_store (float  *y,
             Floats  v,
             gsize   n)
{
  _mm512_mask_storeu_ps (y, (__mmask16) ((1u << n) - 1), v);
}
