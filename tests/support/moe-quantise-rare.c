/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-quantise-rare"

#include "tests/support/moe-quantise-private.h"

/* Q4_1, Q5_0, Q5_1: a scale, with _1 the smallest value, with 5 bits four bytes of upper bits, 16 bytes of
 * nibbles, in this order. */
static void
quantise_32 (const float *x,
             gboolean     five_bits,
             gboolean     least,
             guint8      *out)
{
  int top = five_bits ? 31 : 15;
  float lo = x[0], hi = x[0], d, m;
  guint32 upper = 0;
  guint8 *at = out + 2;

  for (int i = 1; i < 32; i++)
    {
      lo = MIN (lo, x[i]);
      hi = MAX (hi, x[i]);
    }
  store_half (out, least ? (hi - lo) / (float) top : extreme (x, 32) / -16.0f);
  d = load_half (out);
  m = -16.0f * d;
  if (least)
    {
      store_half (at, lo);
      m = load_half (at);
      at += 2;
    }
  memset (at, 0, five_bits ? 20 : 16);
  for (int i = 0; i < 32; i++)
    {
      guint32 q = (guint32) steps (x[i] - m, d, 0, top);

      upper |= q >> 4 << i;
      at[(five_bits ? 4 : 0) + i % 16] |= (guint8) ((q & 15) << (i < 16 ? 0 : 4));
    }
  for (int b = 0; five_bits && b < 4; b++)
    at[b] = upper >> (8 * b) & 0xff;
}

static void
dequantise_32 (const guint8 *in,
               gboolean      five_bits,
               gboolean      least,
               float        *x)
{
  const guint8 *at = in + (least ? 4 : 2);
  float d = load_half (in), m = least ? load_half (in + 2) : -16.0f * d;

  for (int i = 0; i < 32; i++)
    {
      int q = at[(five_bits ? 4 : 0) + i % 16] >> (i < 16 ? 0 : 4) & 15;

      if (five_bits)
        q += (at[i / 8] >> i % 8 & 1) * 16;
      x[i] = d * (float) q + m;
    }
}

static const float iq4_values[16] = {
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
};

/* The nearest entries to 32 values. */
static void
quantise_iq4 (const float *x,
              float        step,
              guint8      *out)
{
  memset (out, 0, 16);
  for (int i = 0; i < 32; i++)
    {
      guint8 best = 0;

      for (guint8 n = 1; n < 16; n++)
        if (ABS (x[i] - step * iq4_values[n]) < ABS (x[i] - step * iq4_values[best]))
          best = n;
      out[i % 16] |= (guint8) (best << (i < 16 ? 0 : 4));
    }
}

static void
dequantise_iq4 (const guint8 *in,
                float         step,
                float        *x)
{
  for (int i = 0; i < 32; i++)
    x[i] = step * iq4_values[in[i % 16] >> (i < 16 ? 0 : 4) & 15];
}

/* After the half scale: two bytes with the upper two bits of eight group scales, four with their nibbles. */
static void
quantise_iq4_xs (const float *x,
                 guint8      *out)
{
  float step[8], d;
  guint upper = 0;

  for (int g = 0; g < 8; g++)
    step[g] = extreme (x + 32 * g, 32) / -127.0f;
  store_half (out, extreme (step, 8) / -32.0f);
  d = load_half (out);
  memset (out + 2, 0, 6);
  for (int g = 0; g < 8; g++)
    {
      int scale = steps (step[g], d, -32, 31);
      guint stored = (guint) (scale + 32);

      upper |= stored >> 4 << (2 * g);
      out[4 + g / 2] |= (guint8) ((stored & 15) << (g % 2 * 4));
      quantise_iq4 (x + 32 * g, d * (float) scale, out + 8 + 16 * g);
    }
  out[2] = upper & 0xff;
  out[3] = upper >> 8 & 0xff;
}

static void
dequantise_iq4_xs (const guint8 *in,
                   float        *x)
{
  for (int g = 0; g < 8; g++)
    {
      int upper = in[2 + g / 4] >> (g % 4 * 2) & 3;
      int lower = in[4 + g / 2] >> (g % 2 * 4) & 15;

      dequantise_iq4 (in + 8 + 16 * g, load_half (in) * (float) (upper * 16 + lower - 32), x + 32 * g);
    }
}

/* Where the two bits of value @i are: of 128 values, four at a distance of 32 share a byte. */
static int
two_bits_byte (int i)
{
  return i / 128 * 32 + i % 32;
}

static int
two_bits_shift (int i)
{
  return i % 128 / 32 * 2;
}

/* 16 bytes of scales (low) and minima (high), 64 of values, two halves. */
static void
quantise_q2_k (const float *x,
               guint8      *out)
{
  float step[16], least[16], d, dmin;

  for (int g = 0; g < 16; g++)
    {
      float lo = 0.0f, hi = 0.0f;

      for (int i = 0; i < 16; i++)
        {
          lo = MIN (lo, x[16 * g + i]);
          hi = MAX (hi, x[16 * g + i]);
        }
      step[g] = (hi - lo) / 3.0f;
      least[g] = -lo;
    }
  store_half (out + 80, extreme (step, 16) / 15.0f);
  store_half (out + 82, extreme (least, 16) / 15.0f);
  d = load_half (out + 80);
  dmin = load_half (out + 82);
  memset (out + 16, 0, 64);
  for (int g = 0; g < 16; g++)
    {
      int scale = steps (step[g], d, 0, 15), min = steps (least[g], dmin, 0, 15);

      out[g] = (guint8) (scale | min << 4);
      for (int i = 16 * g; i < 16 * g + 16; i++)
        out[16 + two_bits_byte (i)] |= (guint8) (steps (x[i] + dmin * (float) min, d * (float) scale, 0, 3)
                                                 << two_bits_shift (i));
    }
}

static void
dequantise_q2_k (const guint8 *in,
                 float        *x)
{
  for (int i = 0; i < 256; i++)
    x[i] = load_half (in + 80) * (float) (in[i / 16] & 15)
           * (float) (in[16 + two_bits_byte (i)] >> two_bits_shift (i) & 3)
           - load_half (in + 82) * (float) (in[i / 16] >> 4);
}

/* 32 bytes of third bits, 64 of two lower bits, 12 of scales, a half. */
static void
quantise_q3_k (const float *x,
               guint8      *out)
{
  float step[16], d;

  for (int g = 0; g < 16; g++)
    step[g] = extreme (x + 16 * g, 16) / -4.0f;
  store_half (out + 108, extreme (step, 16) / -32.0f);
  d = load_half (out + 108);
  memset (out, 0, 108);
  for (int g = 0; g < 16; g++)
    {
      int scale = steps (step[g], d, -32, 31);

      out[96 + g % 8] |= (guint8) (((scale + 32) & 15) << (g < 8 ? 0 : 4));
      out[104 + g % 4] |= (guint8) ((scale + 32) >> 4 << (g / 4 * 2));
      for (int i = 16 * g; i < 16 * g + 16; i++)
        {
          int q = steps (x[i], d * (float) scale, -4, 3) + 4;

          out[32 + two_bits_byte (i)] |= (guint8) ((q & 3) << two_bits_shift (i));
          out[i % 32] |= (guint8) (q >> 2 << (i / 32));
        }
    }
}

static void
dequantise_q3_k (const guint8 *in,
                 float        *x)
{
  for (int i = 0; i < 256; i++)
    {
      int g = i / 16;
      int scale = (in[96 + g % 8] >> (g < 8 ? 0 : 4) & 15) + (in[104 + g % 4] >> (g / 4 * 2) & 3) * 16 - 32;
      int q = (in[32 + two_bits_byte (i)] >> two_bits_shift (i) & 3) + (in[i % 32] >> (i / 32) & 1) * 4 - 4;

      x[i] = load_half (in + 108) * (float) scale * (float) q;
    }
}

void
moe_quantise_rare (MoeTensorType  type,
                   const float   *x,
                   guint8        *out)
{
  switch ((int) type)
    {
    case MOE_TYPE_Q4_1:
      quantise_32 (x, FALSE, TRUE, out);
      break;
    case MOE_TYPE_Q5_0:
      quantise_32 (x, TRUE, FALSE, out);
      break;
    case MOE_TYPE_Q5_1:
      quantise_32 (x, TRUE, TRUE, out);
      break;
    case MOE_TYPE_IQ4_NL:
      store_half (out, extreme (x, 32) / -127.0f);
      quantise_iq4 (x, load_half (out), out + 2);
      break;
    case MOE_TYPE_IQ4_XS:
      quantise_iq4_xs (x, out);
      break;
    case MOE_TYPE_Q2_K:
      quantise_q2_k (x, out);
      break;
    case MOE_TYPE_Q3_K:
      quantise_q3_k (x, out);
      break;
    default:
      g_assert_not_reached ();
    }
}

void
moe_dequantise_rare (MoeTensorType  type,
                     const guint8  *in,
                     float         *x)
{
  switch ((int) type)
    {
    case MOE_TYPE_Q4_1:
      dequantise_32 (in, FALSE, TRUE, x);
      break;
    case MOE_TYPE_Q5_0:
      dequantise_32 (in, TRUE, FALSE, x);
      break;
    case MOE_TYPE_Q5_1:
      dequantise_32 (in, TRUE, TRUE, x);
      break;
    case MOE_TYPE_IQ4_NL:
      dequantise_iq4 (in + 2, load_half (in), x);
      break;
    case MOE_TYPE_IQ4_XS:
      dequantise_iq4_xs (in, x);
      break;
    case MOE_TYPE_Q2_K:
      dequantise_q2_k (in, x);
      break;
    case MOE_TYPE_Q3_K:
      dequantise_q3_k (in, x);
      break;
    default:
      g_assert_not_reached ();
    }
}
