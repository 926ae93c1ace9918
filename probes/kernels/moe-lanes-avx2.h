/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <immintrin.h>
#include <string.h>

#include "probes/kernels/moe-int8-rows.h"

/* The vectors of the integer kernels at 256 bits: one 32-bit lane for each of LANES weight rows. With
 * LANES_DOT defined to the dpbusd instruction, products of bytes are added by it, otherwise by maddubs and madd;
 * both give the same integers. Everything here is inlined into bodies compiled for the instruction set. */

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
#define ints_zero()             _mm256_setzero_si256 ()
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
  const __m256i first = _mm256_setr_epi32 (0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);

  return _mm256_add_epi8 (first, _mm256_set1_epi32 ((gint32) (a | b << 8 | c << 16 | d << 24)));
}

/* Reads 16 bytes at @offset of each row; out[s] has the four bytes from 4 s of row r in lane r. */
static inline void
lanes_read_columns (const guint8 *const rows[LANES],
                    gsize               offset,
                    Ints                out[4])
{
  __m256i a[4], b[4];

  for (guint r = 0; r < 4; r++)
    {
      __m128i low = _mm_loadu_si128 ((const __m128i *) (rows[r] + offset));
      __m128i high = _mm_loadu_si128 ((const __m128i *) (rows[r + 4] + offset));

      a[r] = _mm256_inserti128_si256 (_mm256_castsi128_si256 (low), high, 1);
    }
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
  guint16 halves[LANES];

  for (guint r = 0; r < LANES; r++)
    memcpy (&halves[r], rows[r] + offset, sizeof halves[r]);
  return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) halves));
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

#ifdef LANES_DOT

/* acc + the dot product of 4 @n_steps values: unsigned bytes @w with signed ones at @x. Two chains hide the
 * latency of the instruction. */
static inline Ints
lanes_dot (Ints         acc,
           const Ints  *w,
           const gint8 *x,
           guint        n_steps)
{
  Ints other = ints_zero ();

#pragma GCC unroll 8
  for (guint s = 0; s < n_steps; s += 2)
    {
      acc = LANES_DOT (acc, w[s], ints_broadcast (x + 4 * s));
      other = LANES_DOT (other, w[s + 1], ints_broadcast (x + 4 * s + 4));
    }
  return ints_add (acc, other);
}

#define lanes_dot_4(w, x) lanes_dot (ints_zero (), w, x, 8)
#define lanes_dot_5(w, x) lanes_dot (ints_zero (), w, x, 8)

/* 32 values in two halves with their own @scale[2] (32 bits). */
static inline Ints
lanes_dot_6 (const Ints   w[8],
             const Ints   scale[2],
             const gint8 *x)
{
  return ints_add (ints_mul (lanes_dot (ints_zero (), w, x, 4), scale[0]),
                   ints_mul (lanes_dot (ints_zero (), w + 4, x + 16, 4), scale[1]));
}

/* scale[k] from byte @first + k of @packed, signed. */
static inline void
lanes_set_scales (Ints  packed,
                  guint first,
                  Ints  scale[2])
{
  scale[0] = ints_shift_signed (ints_shift_left (packed, 24 - 8 * first), 24);
  scale[1] = ints_shift_signed (ints_shift_left (packed, 16 - 8 * first), 24);
}

/* Signed weights are made unsigned by adding 128, which the sum takes back. */
static inline void
lanes_prepare_signed (Ints w[8])
{
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    w[s] = ints_xor (w[s], ints_set ((gint32) 0x80808080));
}

static inline Ints
lanes_dot_signed (const Ints    w[8],
                  const gint8  *x,
                  const gint32 *minus128)
{
  return lanes_dot (ints_broadcast (minus128), w, x, 8);
}

#else

#define dot16(s) _mm256_maddubs_epi16 (w[s], ints_broadcast (x + 4 * (s)))
#define add16(a, b) _mm256_add_epi16 (a, b)

/* 32 values, weights 0..15: 16 products of at most 15 * 127 fit in 16 bits. */
static inline Ints
lanes_dot_4 (const Ints   w[8],
             const gint8 *x)
{
  Ints a = add16 (add16 (dot16 (0), dot16 (1)), add16 (dot16 (2), dot16 (3)));
  Ints b = add16 (add16 (dot16 (4), dot16 (5)), add16 (dot16 (6), dot16 (7)));

  return _mm256_madd_epi16 (add16 (a, b), _mm256_set1_epi16 (1));
}

/* 32 values, weights 0..31: 8 products of at most 31 * 127 fit. */
static inline Ints
lanes_dot_5 (const Ints   w[8],
             const gint8 *x)
{
  const Ints ones = _mm256_set1_epi16 (1);
  Ints a = add16 (add16 (dot16 (0), dot16 (1)), add16 (dot16 (2), dot16 (3)));
  Ints b = add16 (add16 (dot16 (4), dot16 (5)), add16 (dot16 (6), dot16 (7)));

  return ints_add (_mm256_madd_epi16 (a, ones), _mm256_madd_epi16 (b, ones));
}

/* 32 values in two halves with their own @scale[2] (pairs of 16 bits), weights 0..63: 4 products of at
 * most 63 * 127 fit. */
static inline Ints
lanes_dot_6 (const Ints   w[8],
             const Ints   scale[2],
             const gint8 *x)
{
  Ints a = ints_add (_mm256_madd_epi16 (add16 (dot16 (0), dot16 (1)), scale[0]),
                     _mm256_madd_epi16 (add16 (dot16 (2), dot16 (3)), scale[0]));
  Ints b = ints_add (_mm256_madd_epi16 (add16 (dot16 (4), dot16 (5)), scale[1]),
                     _mm256_madd_epi16 (add16 (dot16 (6), dot16 (7)), scale[1]));

  return ints_add (a, b);
}

#undef dot16
#undef add16

/* scale[k] from byte @first + k of @packed, signed: on top of 16 bits twice and shifted down. */
static inline void
lanes_set_scales (Ints  packed,
                  guint first,
                  Ints  scale[2])
{
  scale[0] = ints_shift_signed16 (ints_shuffle (packed, ints_byte_pattern (first, first, first, first)), 8);
  scale[1] = ints_shift_signed16 (ints_shuffle (packed, ints_byte_pattern (first + 1, first + 1, first + 1, first + 1)), 8);
}

static inline void
lanes_prepare_signed (Ints w[8])
{
}

/* 32 signed bytes: |w| with x carrying w's sign. 2 products of at most 128 * 127 fit. */
static inline Ints
lanes_dot_signed (const Ints    w[8],
                  const gint8  *x,
                  const gint32 *minus128)
{
  const Ints ones = _mm256_set1_epi16 (1);
  Ints sum[2] = { ints_zero (), ints_zero () };

#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      Ints signed_x = _mm256_sign_epi8 (ints_broadcast (x + 4 * s), w[s]);

      sum[s % 2] = ints_add (sum[s % 2], _mm256_madd_epi16 (_mm256_maddubs_epi16 (_mm256_abs_epi8 (w[s]), signed_x), ones));
    }
  return ints_add (sum[0], sum[1]);
}

#endif
