/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

#include "tests/support/moe-quantise.h"

/* What the quantisers share. */

static inline guint32
float_bits (float x)
{
  guint32 bits;

  memcpy (&bits, &x, 4);
  return bits;
}

static inline float
float_from_bits (guint32 bits)
{
  float x;

  memcpy (&x, &bits, 4);
  return x;
}

/* @bits without its lowest @n_dropped, rounded to nearest even. */
static inline guint32
drop_bits (guint32 bits,
           guint   n_dropped)
{
  guint32 kept = bits >> n_dropped;
  guint32 rest = bits & ((1u << n_dropped) - 1);
  guint32 half = 1u << (n_dropped - 1);

  if (rest > half || (rest == half && (kept & 1) != 0))
    kept++;
  return kept;
}

static inline guint16
half_from_float (float x)
{
  guint32 bits = float_bits (x);
  guint16 sign = (bits >> 16) & 0x8000;
  guint32 fraction = bits & 0x7fffff;
  int exponent = (int) ((bits >> 23) & 0xff) - 127;

  if (exponent == 128)
    return sign | 0x7c00 | (fraction != 0 ? 0x200 : 0);
  if (exponent > 15)
    return sign | 0x7c00;
  if (exponent >= -14) /* a carry out of the fraction rightly raises the exponent, up to infinity */
    return sign | (guint16) (((guint32) (exponent + 15) << 10) + drop_bits (fraction, 13));
  if (exponent >= -25)
    return sign | (guint16) drop_bits (fraction | 0x800000, (guint) (-exponent - 1));
  return sign;
}

static inline float
half_to_float (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16;
  guint32 exponent = (half >> 10) & 0x1f;
  guint32 fraction = half & 0x3ff;

  if (exponent == 31)
    return float_from_bits (sign | 0x7f800000 | fraction << 13);
  if (exponent == 0)
    {
      float small = (float) fraction / 16777216.0f; /* 2^-24 */
      return sign != 0 ? -small : small;
    }
  return float_from_bits (sign | (exponent + 112) << 23 | fraction << 13);
}

static inline void
store_half (guint8 *out,
            float   x)
{
  guint16 half = half_from_float (x);

  out[0] = half & 0xff;
  out[1] = half >> 8;
}

static inline float
load_half (const guint8 *in)
{
  return half_to_float ((guint16) (in[0] | in[1] << 8));
}

/* x / step rounded to nearest, within [low, high]; 0 where the step is 0. */
static inline int
steps (float x,
       float step,
       int   low,
       int   high)
{
  float ratio = step != 0.0f ? x / step : 0.0f;
  int n;

  if (ratio <= (float) low)
    return low;
  if (ratio >= (float) high)
    return high;
  n = (int) (ratio < 0.0f ? ratio - 0.5f : ratio + 0.5f);
  return CLAMP (n, low, high);
}

/* The value of largest magnitude, with its sign. */
static inline float
extreme (const float *x,
         gsize        n)
{
  float best = 0.0f;

  for (gsize i = 0; i < n; i++)
    if (ABS (x[i]) > ABS (best))
      best = x[i];
  return best;
}

/* One block of the less common formats. */
void moe_quantise_rare   (MoeTensorType  type,
                          const float   *x,
                          guint8        *out);
void moe_dequantise_rare (MoeTensorType  type,
                          const guint8  *in,
                          float         *x);

/* One block of the formats with codebooks. */
void moe_quantise_codebook   (MoeTensorType  type,
                              gsize          n_bytes,
                              const float   *x,
                              guint8        *out);
void moe_dequantise_codebook (MoeTensorType  type,
                              const guint8  *in,
                              float         *x);
