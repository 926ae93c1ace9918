/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-quantise"

#include "tests/support/moe-quantise.h"

#include <math.h>
#include <string.h>

#include "tests/support/moe-quantise-private.h"

static void
get_block (MoeTensorType  type,
           gsize         *n_values,
           gsize         *n_bytes)
{
  static const struct { MoeTensorType type; guint n_values, n_bytes; } blocks[] = {
    { MOE_TYPE_F32, 1, 4 },
    { MOE_TYPE_F16, 1, 2 },
    { MOE_TYPE_BF16, 1, 2 },
    { MOE_TYPE_Q8_0, 32, 2 + 32 },
    { MOE_TYPE_Q4_0, 32, 2 + 16 },
    { MOE_TYPE_MXFP4, 32, 1 + 16 },
    { MOE_TYPE_Q4_1, 32, 2 + 2 + 16 },
    { MOE_TYPE_Q5_0, 32, 2 + 4 + 16 },
    { MOE_TYPE_Q5_1, 32, 2 + 2 + 4 + 16 },
    { MOE_TYPE_IQ4_NL, 32, 2 + 16 },
    { MOE_TYPE_IQ4_XS, 256, 2 + 2 + 4 + 128 },
    { MOE_TYPE_IQ2_XXS, 256, 2 + 64 },
    { MOE_TYPE_IQ2_XS, 256, 2 + 64 + 8 },
    { MOE_TYPE_IQ2_S, 256, 2 + 32 + 32 + 8 + 8 },
    { MOE_TYPE_IQ3_XXS, 256, 2 + 64 + 32 },
    { MOE_TYPE_IQ3_S, 256, 2 + 64 + 8 + 32 + 4 },
    { MOE_TYPE_Q2_K, 256, 16 + 64 + 2 + 2 },
    { MOE_TYPE_Q3_K, 256, 32 + 64 + 12 + 2 },
    { MOE_TYPE_Q4_K, 256, 2 + 2 + 12 + 128 },
    { MOE_TYPE_Q5_K, 256, 2 + 2 + 12 + 32 + 128 },
    { MOE_TYPE_Q6_K, 256, 128 + 64 + 16 + 2 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (blocks); i++)
    if (blocks[i].type == type)
      {
        *n_values = blocks[i].n_values;
        *n_bytes = blocks[i].n_bytes;
        return;
      }
  g_assert_not_reached ();
}

static void
quantise_q8_0 (const float *x,
               guint8      *out)
{
  float d;

  store_half (out, ABS (extreme (x, 32)) / 127.0f);
  d = load_half (out);
  for (int i = 0; i < 32; i++)
    out[2 + i] = (guint8) (gint8) steps (x[i], d, -127, 127);
}

static void
dequantise_q8_0 (const guint8 *in,
                 float        *x)
{
  float d = load_half (in);

  for (int i = 0; i < 32; i++)
    x[i] = d * (float) (gint8) in[2 + i];
}

static void
quantise_q4_0 (const float *x,
               guint8      *out)
{
  float d;

  store_half (out, extreme (x, 32) / -8.0f); /* the largest value becomes -8, the end with one more step */
  d = load_half (out);
  for (int i = 0; i < 16; i++)
    out[2 + i] = (guint8) (steps (x[i], d, -8, 7) + 8) | (guint8) ((steps (x[i + 16], d, -8, 7) + 8) << 4);
}

static void
dequantise_q4_0 (const guint8 *in,
                 float        *x)
{
  float d = load_half (in);

  for (int i = 0; i < 16; i++)
    {
      x[i] = d * (float) ((in[2 + i] & 15) - 8);
      x[i + 16] = d * (float) ((in[2 + i] >> 4) - 8);
    }
}

/* The 4-bit floats of MXFP4, times two. */
static const int mxfp4_values[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* The smallest power of two with which the largest value is not cut off, far from both ends of exponents. */
static void
quantise_mxfp4 (const float *x,
                guint8      *out)
{
  float largest = ABS (extreme (x, 32)), step = 0x1p-30f;
  guint8 nibbles[32] = { 0 };

  out[0] = 98;
  while (12 * step < largest && out[0] < 160)
    {
      out[0]++;
      step *= 2;
    }
  for (int i = 0; i < 32; i++)
    for (guint8 n = 1; n < 16; n++)
      {
        float best = step * (float) mxfp4_values[nibbles[i]], value = step * (float) mxfp4_values[n];

        if (ABS (x[i] - value) < ABS (x[i] - best))
          nibbles[i] = n;
      }
  for (int i = 0; i < 16; i++)
    out[1 + i] = nibbles[i] | (guint8) (nibbles[i + 16] << 4);
}

static void
dequantise_mxfp4 (const guint8 *in,
                  float        *x)
{
  float step = ldexpf (1.0f, in[0] - 128);

  for (int i = 0; i < 16; i++)
    {
      x[i] = step * (float) mxfp4_values[in[1 + i] & 15];
      x[i + 16] = step * (float) mxfp4_values[in[1 + i] >> 4];
    }
}

/* Q4_K and Q5_K: 8 groups of 32 values, value = d * scale * q - dmin * min. Scales and minima have 6 bits;
 * their low parts for groups 0-3 fill bytes 0-3 and 4-7, those of groups 4-7 share bytes 8-11 as nibbles with
 * the two upper bits on top of bytes 0-3 and 4-7. */
static void
pack_scales (const guint8 *scale,
             const guint8 *min,
             guint8       *out)
{
  for (int i = 0; i < 4; i++)
    {
      out[i] = scale[i] | (guint8) ((scale[i + 4] >> 4) << 6);
      out[i + 4] = min[i] | (guint8) ((min[i + 4] >> 4) << 6);
      out[i + 8] = (scale[i + 4] & 15) | (guint8) ((min[i + 4] & 15) << 4);
    }
}

static void
unpack_scales (const guint8 *in,
               guint8       *scale,
               guint8       *min)
{
  for (int i = 0; i < 4; i++)
    {
      scale[i] = in[i] & 63;
      min[i] = in[i + 4] & 63;
      scale[i + 4] = (in[i + 8] & 15) | (guint8) ((in[i] >> 6) << 4);
      min[i + 4] = (in[i + 8] >> 4) | (guint8) ((in[i + 4] >> 6) << 4);
    }
}

static void
quantise_q45_k (const float *x,
                gboolean     five_bits,
                guint8      *out)
{
  guint8 *high = five_bits ? out + 16 : NULL;
  guint8 *low = five_bits ? out + 48 : out + 16;
  int top = five_bits ? 31 : 15;
  float step[8], least[8], max_step = 0.0f, max_least = 0.0f, d, dmin;
  guint8 scale[8], min[8], q[256];

  for (int g = 0; g < 8; g++)
    {
      float lo = 0.0f, hi = 0.0f;

      for (int i = 0; i < 32; i++)
        {
          lo = MIN (lo, x[32 * g + i]);
          hi = MAX (hi, x[32 * g + i]);
        }
      step[g] = (hi - lo) / (float) top;
      least[g] = -lo;
      max_step = MAX (max_step, step[g]);
      max_least = MAX (max_least, least[g]);
    }
  store_half (out, max_step / 63.0f);
  store_half (out + 2, max_least / 63.0f);
  d = load_half (out);
  dmin = load_half (out + 2);

  for (int g = 0; g < 8; g++)
    {
      scale[g] = (guint8) steps (step[g], d, 0, 63);
      min[g] = (guint8) steps (least[g], dmin, 0, 63);
      for (int i = 0; i < 32; i++)
        q[32 * g + i] = (guint8) steps (x[32 * g + i] + dmin * min[g], d * scale[g], 0, top);
    }
  pack_scales (scale, min, out + 4);

  if (high != NULL)
    memset (high, 0, 32);
  for (int pair = 0; pair < 4; pair++)
    for (int i = 0; i < 32; i++)
      {
        guint8 even = q[64 * pair + i], odd = q[64 * pair + 32 + i];

        low[32 * pair + i] = (even & 15) | (guint8) ((odd & 15) << 4);
        if (high != NULL)
          high[i] |= (guint8) ((even >> 4) << (2 * pair)) | (guint8) ((odd >> 4) << (2 * pair + 1));
      }
}

static void
dequantise_q45_k (const guint8 *in,
                  gboolean      five_bits,
                  float        *x)
{
  const guint8 *high = five_bits ? in + 16 : NULL;
  const guint8 *low = five_bits ? in + 48 : in + 16;
  float d = load_half (in), dmin = load_half (in + 2);
  guint8 scale[8], min[8];

  unpack_scales (in + 4, scale, min);
  for (int g = 0; g < 8; g++)
    for (int i = 0; i < 32; i++)
      {
        int q = (low[32 * (g / 2) + i] >> (g % 2 != 0 ? 4 : 0)) & 15;

        if (high != NULL)
          q |= ((high[i] >> g) & 1) << 4;
        x[32 * g + i] = d * scale[g] * (float) q - dmin * min[g];
      }
}

/* Q6_K: 16 groups of 16 values, value = d * scale * q, q in -32..31 stored with 32 added. Of each half of 128
 * values the low nibbles of quarters 0, 1, 2, 3 sit in (first 32 bytes, low), (second, low), (first, high),
 * (second, high), and the upper two bits of quarter j at bit 2 * j of 32 further bytes. */
static void
quantise_q6_k (const float *x,
               guint8      *out)
{
  guint8 *low = out, *high = out + 128;
  float step[16], d;
  guint8 q[256];

  for (int g = 0; g < 16; g++)
    step[g] = extreme (x + 16 * g, 16) / -32.0f;
  store_half (out + 208, extreme (step, 16) / -128.0f);
  d = load_half (out + 208);
  for (int g = 0; g < 16; g++)
    {
      int scale = steps (step[g], d, -128, 127);

      out[192 + g] = (guint8) (gint8) scale;
      for (int i = 0; i < 16; i++)
        q[16 * g + i] = (guint8) (steps (x[16 * g + i], d * (float) scale, -32, 31) + 32);
    }

  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 32; i++)
      {
        const guint8 *v = q + 128 * half + i;

        low[64 * half + i] = (v[0] & 15) | (guint8) ((v[64] & 15) << 4);
        low[64 * half + 32 + i] = (v[32] & 15) | (guint8) ((v[96] & 15) << 4);
        high[32 * half +
             i] = (guint8) (v[0] >> 4 | (v[32] >> 4) << 2 | (v[64] >> 4) << 4 | (v[96] >> 4) << 6);
      }
}

static void
dequantise_q6_k (const guint8 *in,
                 float        *x)
{
  float d = load_half (in + 208);

  for (int i = 0; i < 256; i++)
    {
      int half = i / 128, quarter = i % 128 / 32, column = i % 32;
      int low = in[64 * half + 32 * (quarter % 2) + column] >> (quarter >= 2 ? 4 : 0) & 15;
      int high = in[128 + 32 * half + column] >> (2 * quarter) & 3;

      x[i] = d * (float) (gint8) in[192 + i / 16] * (float) ((low | high << 4) - 32);
    }
}

gsize
moe_quantise_get_bytes (MoeTensorType type,
                        gsize         n)
{
  gsize n_values, n_bytes;

  get_block (type, &n_values, &n_bytes);
  g_assert (n % n_values == 0);
  return n / n_values * n_bytes;
}

void
moe_quantise (MoeTensorType  type,
              const float   *x,
              gsize          n,
              guint8        *out)
{
  gsize n_values, n_bytes;

  get_block (type, &n_values, &n_bytes);
  for (gsize i = 0; i < n; i += n_values, out += n_bytes)
    switch ((int) type)
      {
      case MOE_TYPE_F32:
        for (int b = 0; b < 4; b++)
          out[b] = float_bits (x[i]) >> (8 * b) & 0xff;
        break;
      case MOE_TYPE_F16:
        store_half (out, x[i]);
        break;
      case MOE_TYPE_BF16:
        out[0] = drop_bits (float_bits (x[i]), 16) & 0xff;
        out[1] = drop_bits (float_bits (x[i]), 16) >> 8 & 0xff;
        break;
      case MOE_TYPE_Q8_0:
        quantise_q8_0 (x + i, out);
        break;
      case MOE_TYPE_Q4_0:
        quantise_q4_0 (x + i, out);
        break;
      case MOE_TYPE_MXFP4:
        quantise_mxfp4 (x + i, out);
        break;
      case MOE_TYPE_Q4_K:
        quantise_q45_k (x + i, FALSE, out);
        break;
      case MOE_TYPE_Q5_K:
        quantise_q45_k (x + i, TRUE, out);
        break;
      case MOE_TYPE_Q6_K:
        quantise_q6_k (x + i, out);
        break;
      case MOE_TYPE_IQ2_XXS:
      case MOE_TYPE_IQ2_XS:
      case MOE_TYPE_IQ2_S:
      case MOE_TYPE_IQ3_XXS:
      case MOE_TYPE_IQ3_S:
        moe_quantise_codebook (type, n_bytes, x + i, out);
        break;
      default:
        moe_quantise_rare (type, x + i, out);
        break;
      }
}

void
moe_dequantise (MoeTensorType  type,
                const guint8  *in,
                gsize          n,
                float         *x)
{
  gsize n_values, n_bytes;

  get_block (type, &n_values, &n_bytes);
  for (gsize i = 0; i < n; i += n_values, in += n_bytes)
    switch ((int) type)
      {
      case MOE_TYPE_F32:
        x[i] = float_from_bits (in[0] | (guint32) in[1] << 8 | (guint32) in[2] << 16 | (guint32) in[3] << 24);
        break;
      case MOE_TYPE_F16:
        x[i] = load_half (in);
        break;
      case MOE_TYPE_BF16:
        x[i] = float_from_bits ((guint32) in[0] << 16 | (guint32) in[1] << 24);
        break;
      case MOE_TYPE_Q8_0:
        dequantise_q8_0 (in, x + i);
        break;
      case MOE_TYPE_Q4_0:
        dequantise_q4_0 (in, x + i);
        break;
      case MOE_TYPE_MXFP4:
        dequantise_mxfp4 (in, x + i);
        break;
      case MOE_TYPE_Q4_K:
        dequantise_q45_k (in, FALSE, x + i);
        break;
      case MOE_TYPE_Q5_K:
        dequantise_q45_k (in, TRUE, x + i);
        break;
      case MOE_TYPE_Q6_K:
        dequantise_q6_k (in, x + i);
        break;
      case MOE_TYPE_IQ2_XXS:
      case MOE_TYPE_IQ2_XS:
      case MOE_TYPE_IQ2_S:
      case MOE_TYPE_IQ3_XXS:
      case MOE_TYPE_IQ3_S:
        moe_dequantise_codebook (type, in, x + i);
        break;
      default:
        moe_dequantise_rare (type, in, x + i);
        break;
      }
}
