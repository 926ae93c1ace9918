/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <immintrin.h>
#include <string.h>

/* Reading and writing 8 floats or halves at a time. A rest of fewer than 8 values is read under a mask, so
 * that nothing beyond the end is touched and the lanes there are 0. */
#define STEP 8

/* The mask of the first @n < 8 lanes. */
static inline __m256i
first_lanes (gsize n)
{
  return _mm256_cmpgt_epi32 (_mm256_set1_epi32 ((int) n), _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256
load_rest (const float *x,
           gsize        n)
{
  return _mm256_maskload_ps (x, first_lanes (n));
}

static inline void
store_rest (float  *y,
            __m256  v,
            gsize   n)
{
  _mm256_maskstore_ps (y, first_lanes (n), v);
}

static inline __m256
load_f16 (const guint16 *x)
{
  return _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) x));
}

static inline __m256
load_rest_f16 (const guint16 *x,
               gsize          n)
{
  guint16 values[STEP] = { 0 };

  memcpy (values, x, n * sizeof (guint16));
  return load_f16 (values);
}
