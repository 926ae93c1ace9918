/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-lanes-256.h"

/* Integer dot products for AVX2: maddubs adds two products of bytes in 16 bits and saturates, so every sum
 * here is ordered such that no 16 bits overflow. */

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
  scale[1] = ints_shift_signed16 (ints_shuffle (packed,
                                                ints_byte_pattern (first + 1, first + 1, first + 1,
                                                                   first + 1)), 8);
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

      sum[s % 2] = ints_add (sum[s % 2],
                             _mm256_madd_epi16 (_mm256_maddubs_epi16 (_mm256_abs_epi8 (w[s]), signed_x),
                                                ones));
    }
  return ints_add (sum[0], sum[1]);
}
