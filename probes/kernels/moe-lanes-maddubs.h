/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-lanes-256.h"

/* Integer dot products for AVX2. maddubs adds two products of bytes in 16 bits and saturates, so the sums
 * here are ordered such that no 16 bits overflow.
 *
 * Weights stand on diagonals: lane j of vector k holds the values from 4 j of row (j + k) % 4 (and of the
 * row 4 further in the upper half). Then all four vectors multiply with the same 16 activations, which one
 * load brings to both halves, and turning sum k by k lanes brings every row home. */

/* Lane r gets lane (r - k) % 4 of its half. */
#define turn_1(v) _mm256_shuffle_epi32 (v, _MM_SHUFFLE (2, 1, 0, 3))
#define turn_2(v) _mm256_shuffle_epi32 (v, _MM_SHUFFLE (1, 0, 3, 2))

#define add16(a, b) _mm256_add_epi16 (a, b)
#define dot16(w, x) _mm256_maddubs_epi16 (w, x)

/* Reads 16 bytes at @offset of each row as four diagonals. */
static inline void
lanes_read_values (const guint8 *const rows[LANES],
                   gsize               offset,
                   Ints                out[4])
{
  __m256i a[4], b[4];

  lanes_read_pairs (rows, offset, a);
  b[0] = _mm256_blend_epi32 (a[0], a[1], 0xaa);
  b[1] = _mm256_blend_epi32 (a[1], a[2], 0xaa);
  b[2] = _mm256_blend_epi32 (a[2], a[3], 0xaa);
  b[3] = _mm256_blend_epi32 (a[3], a[0], 0xaa);
  out[0] = _mm256_blend_epi32 (b[0], b[2], 0xcc);
  out[1] = _mm256_blend_epi32 (b[1], b[3], 0xcc);
  out[2] = _mm256_blend_epi32 (b[2], b[0], 0xcc);
  out[3] = _mm256_blend_epi32 (b[3], b[1], 0xcc);
}

static inline __m256i
load_16 (const gint8 *x)
{
  return _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *) x));
}

/* 32 values, weights 0..15: 16 products of at most 15 * 127 fit in 16 bits. */
static inline Ints
lanes_dot_4 (const Ints   w[8],
             const gint8 *x)
{
  const Ints x0 = load_16 (x), x1 = load_16 (x + 16);
  Ints a = add16 (dot16 (w[0], x0), dot16 (w[4], x1));
  Ints b = add16 (dot16 (w[1], x0), dot16 (w[5], x1));
  Ints c = add16 (dot16 (w[2], x0), dot16 (w[6], x1));
  Ints d = add16 (dot16 (w[3], x0), dot16 (w[7], x1));

  a = add16 (add16 (a, turn_2 (c)), turn_1 (add16 (b, turn_2 (d))));
  return _mm256_madd_epi16 (a, _mm256_set1_epi16 (1));
}

/* 32 values, weights 0..31: 8 products of at most 31 * 127 fit. */
static inline Ints
lanes_dot_5 (const Ints   w[8],
             const gint8 *x)
{
  const Ints x0 = load_16 (x), x1 = load_16 (x + 16);
  const Ints ones = _mm256_set1_epi16 (1);
  Ints a = add16 (dot16 (w[0], x0), dot16 (w[4], x1));
  Ints b = add16 (dot16 (w[1], x0), dot16 (w[5], x1));
  Ints c = add16 (dot16 (w[2], x0), dot16 (w[6], x1));
  Ints d = add16 (dot16 (w[3], x0), dot16 (w[7], x1));

  return ints_add (_mm256_madd_epi16 (add16 (a, turn_2 (c)), ones),
                   turn_1 (_mm256_madd_epi16 (add16 (b, turn_2 (d)), ones)));
}

/* 16 values with their @scale in pairs of 16 bits, weights 0..63: 4 products of at most 63 * 127 fit. */
static inline Ints
dot_half_6 (const Ints   w[4],
            Ints         scale,
            const gint8 *x)
{
  const Ints x0 = load_16 (x);
  Ints a = add16 (dot16 (w[0], x0), turn_2 (dot16 (w[2], x0)));
  Ints b = add16 (dot16 (w[1], x0), turn_2 (dot16 (w[3], x0)));

  return ints_add (_mm256_madd_epi16 (a, scale), _mm256_madd_epi16 (turn_1 (b), scale));
}

/* 32 values in two halves with their own @scale[2]. */
static inline Ints
lanes_dot_6 (const Ints   w[8],
             const Ints   scale[2],
             const gint8 *x)
{
  return ints_add (dot_half_6 (w, scale[0], x), dot_half_6 (w + 4, scale[1], x + 16));
}

/* scale[k] from byte @first + k of @packed, signed: on top of 16 bits twice and shifted down. */
static inline void
lanes_set_scales (Ints  packed,
                  guint first,
                  Ints  scale[2])
{
#pragma GCC unroll 2
  for (guint k = 0; k < 2; k++)
    {
      const guint byte = first + k;

      scale[k] = ints_shift_signed16 (ints_shuffle (packed, ints_byte_pattern (byte, byte, byte, byte)), 8);
    }
}

static inline void
lanes_prepare_signed (Ints w[8])
{
}

/* 4 values a lane: |w| with x carrying w's sign. 2 products of at most 128 * 127 fit. */
static inline Ints
dot_signed (Ints w,
            Ints x)
{
  return _mm256_madd_epi16 (dot16 (_mm256_abs_epi8 (w), _mm256_sign_epi8 (x, w)), _mm256_set1_epi16 (1));
}

/* 32 signed bytes. */
static inline Ints
lanes_dot_signed (const Ints    w[8],
                  const gint8  *x,
                  const gint32 *minus128)
{
  const Ints x0 = load_16 (x), x1 = load_16 (x + 16);
  Ints a = ints_add (dot_signed (w[0], x0), dot_signed (w[4], x1));
  Ints b = ints_add (dot_signed (w[1], x0), dot_signed (w[5], x1));
  Ints c = ints_add (dot_signed (w[2], x0), dot_signed (w[6], x1));
  Ints d = ints_add (dot_signed (w[3], x0), dot_signed (w[7], x1));

  return ints_add (ints_add (a, turn_2 (c)), turn_1 (ints_add (b, turn_2 (d))));
}

#undef add16
#undef dot16
#undef turn_1
#undef turn_2
