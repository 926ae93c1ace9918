/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* The blocks of ggml's storage formats as they lie in a file, little-endian and unaligned. Rows of a matrix
 * are whole numbers of blocks. d is an IEEE half. The formulas are those of ggml's dequantisation. */

#define MOE_QK  256 /* values in a super-block of the K formats */
#define MOE_Q32 32  /* values in a block of Q8_0, Q4_0 and MXFP4 */

/* w[i] = d * qs[i] */
typedef struct
{
  guint16 d;
  gint8   qs[MOE_Q32];
} MoeBlockQ8_0;

/* w[i] = d * (nibble - 8); low nibbles are values 0..15, high nibbles 16..31. */
typedef struct
{
  guint16 d;
  guint8  qs[MOE_Q32 / 2];
} MoeBlockQ4_0;

/* w[i] = 2^(e - 128) * (the nibble's entry in MOE_MXFP4_VALUES), twice the value of the 4-bit float: OCP
 * Microscaling Formats, version 1.0. Nibbles as in Q4_0. */
typedef struct
{
  guint8 e;
  guint8 qs[MOE_Q32 / 2];
} MoeBlockMxfp4;

/* w[i] = d * nibble + m; nibbles as in Q4_0. */
typedef struct
{
  guint16 d;
  guint16 m;
  guint8  qs[MOE_Q32 / 2];
} MoeBlockQ4_1;

/* w[i] = d * (q - 16), q of 5 bits: nibbles as in Q4_0; bit i of qh, little-endian, is the upper bit of
 * value i. */
typedef struct
{
  guint16 d;
  guint8  qh[4];
  guint8  qs[MOE_Q32 / 2];
} MoeBlockQ5_0;

/* w[i] = d * q + m, q as in Q5_0. */
typedef struct
{
  guint16 d;
  guint16 m;
  guint8  qh[4];
  guint8  qs[MOE_Q32 / 2];
} MoeBlockQ5_1;

/* w[i] = d * (the nibble's entry in MOE_IQ4_VALUES); nibbles as in Q4_0. */
typedef struct
{
  guint16 d;
  guint8  qs[MOE_Q32 / 2];
} MoeBlockIq4Nl;

/* Eight groups of 32 values, each with the 16 bytes of an IQ4_NL block: w = d * (scale - 32) * entry. Scales
 * of 6 bits: the low four of groups 2 i and 2 i + 1 in byte i of scales_l, the upper two of group g at bit
 * 2 g of scales_h. */
typedef struct
{
  guint16 d;
  guint16 scales_h;
  guint8  scales_l[MOE_QK / 64];
  guint8  qs[MOE_QK / 2];
} MoeBlockIq4Xs;

/* Sixteen groups of 16 values: w = d * scale * q - dmin * min, q of 2 bits. Byte g of scales holds the scale
 * of group g in its low nibble, the min in its high one. Each half of 128 values has 32 bytes of qs, with
 * two bits for values j, j + 32, j + 64 and j + 96, from the lowest. */
typedef struct
{
  guint8  scales[MOE_QK / 16];
  guint8  qs[MOE_QK / 4];
  guint16 d;
  guint16 dmin;
} MoeBlockQ2_K;

/* Sixteen groups of 16 values: w = d * (scale - 32) * (q - 4), q of 3 bits: the low two as in Q2_K, the third
 * of the values 32 b to 32 b + 31 at bit b of hmask. Scales of 6 bits: the low four of groups g and g + 8 are
 * the nibbles of byte g, the upper two of group g are at bit 2 * (g / 4) of byte 8 + g % 4. */
typedef struct
{
  guint8  hmask[MOE_QK / 8];
  guint8  qs[MOE_QK / 4];
  guint8  scales[12];
  guint16 d;
} MoeBlockQ3_K;

/* Eight groups of 32 values: w = d * scale * nibble - dmin * min. Pairs of groups share 32 bytes of qs: the
 * low nibbles are the even group, the high ones the odd. scales packs eight 6-bit scales and mins. */
typedef struct
{
  guint16 d;
  guint16 dmin;
  guint8  scales[12];
  guint8  qs[MOE_QK / 2];
} MoeBlockQ4_K;

/* As Q4_K with a fifth bit: bit g of qh[j] belongs to value j of group g. */
typedef struct
{
  guint16 d;
  guint16 dmin;
  guint8  scales[12];
  guint8  qh[MOE_QK / 8];
  guint8  qs[MOE_QK / 2];
} MoeBlockQ5_K;

/* Sixteen groups of 16 values: w = d * scale * (q - 32), q of 6 bits. For each half of 128 values: 64
 * bytes of ql (low nibbles: values 0..63, high nibbles: 64..127) and 32 bytes of qh (two bits for values
 * j, j + 32, j + 64 and j + 96, from the lowest). */
typedef struct
{
  guint8  ql[MOE_QK / 2];
  guint8  qh[MOE_QK / 4];
  gint8   scales[MOE_QK / 16];
  guint16 d;
} MoeBlockQ6_K;

/* w[i] = scale * qs[i], 8-bit floats of 4 exponent and 3 mantissa bits (E4M3 of the OCP 8-bit floating point
 * specification: no infinities, 0x7f and 0xff are not numbers). In no GGUF: the values of a safetensors file,
 * each 128 of a row behind their scale. */
#define MOE_F8_VALUES 128

typedef struct
{
  float  scale;
  guint8 qs[MOE_F8_VALUES];
} MoeBlockF8;

G_STATIC_ASSERT (sizeof (MoeBlockF8) == 132);
G_STATIC_ASSERT (sizeof (MoeBlockQ8_0) == 34);
G_STATIC_ASSERT (sizeof (MoeBlockQ4_0) == 18);
G_STATIC_ASSERT (sizeof (MoeBlockMxfp4) == 17);
G_STATIC_ASSERT (sizeof (MoeBlockQ4_1) == 20);
G_STATIC_ASSERT (sizeof (MoeBlockQ5_0) == 22);
G_STATIC_ASSERT (sizeof (MoeBlockQ5_1) == 24);
G_STATIC_ASSERT (sizeof (MoeBlockIq4Nl) == 18);
G_STATIC_ASSERT (sizeof (MoeBlockIq4Xs) == 136);
G_STATIC_ASSERT (sizeof (MoeBlockQ2_K) == 84);
G_STATIC_ASSERT (sizeof (MoeBlockQ3_K) == 110);
G_STATIC_ASSERT (sizeof (MoeBlockQ4_K) == 144);
G_STATIC_ASSERT (sizeof (MoeBlockQ5_K) == 176);
G_STATIC_ASSERT (sizeof (MoeBlockQ6_K) == 210);

static inline float
moe_float_from_bits (guint32 bits)
{
  float f;

  memcpy (&f, &bits, sizeof f);
  return f;
}

static inline guint32
moe_float_to_bits (float f)
{
  guint32 bits;

  memcpy (&bits, &f, sizeof bits);
  return bits;
}

/* Exact; a signalling NaN becomes quiet, as the processor's own conversion makes it. */
static inline float
moe_half_to_float (guint16 h)
{
  guint32 sign = (guint32) (h & 0x8000) << 16;
  guint32 magnitude = (guint32) (h & 0x7fff) << 13;
  float f;

  if (magnitude >= 0x0f800000u)
    {
      guint32 quiet = magnitude > 0x0f800000u ? 0x00400000u : 0;

      return moe_float_from_bits (sign | 0x7f800000u | magnitude | quiet);
    }
  /* The half's exponent is read with the float's bias; 2^112 is the difference, denormals included. */
  f = moe_float_from_bits (magnitude) * 0x1p112f;
  return moe_float_from_bits (sign | moe_float_to_bits (f));
}

/* Round to nearest even; beyond 65520 infinite; a NaN keeps the upper bits of its payload and becomes
 * quiet. */
static inline guint16
moe_half_from_float (float f)
{
  guint32 bits = moe_float_to_bits (f);
  guint32 sign = (bits >> 16) & 0x8000u;
  guint32 magnitude = bits & 0x7fffffffu;

  if (magnitude > 0x7f800000u)
    return (guint16) (sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u)
    return (guint16) (sign | 0x7c00u);
  if (magnitude < 0x38800000u)
    {
      /* Adding 0.5 makes the float adder round at the place of a half's denormals, 2^-24. */
      float rounded = moe_float_from_bits (magnitude) + 0.5f;

      return (guint16) (sign | (moe_float_to_bits (rounded) - 0x3f000000u));
    }
  magnitude += 0xfffu + ((magnitude >> 13) & 1);
  return (guint16) (sign | ((magnitude - 0x38000000u) >> 13));
}

/* The bytes 0, 1, 2, 3, 4, 6, 8, 12 and the same with a minus, the first in the lowest bits. */
#define MOE_MXFP4_VALUES_0  0x03020100
#define MOE_MXFP4_VALUES_4  0x0c080604
#define MOE_MXFP4_VALUES_8  ((gint32) 0xfdfeff00)
#define MOE_MXFP4_VALUES_12 ((gint32) 0xf4f8fafc)

/* The bytes -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113, the first in the lowest
 * bits. */
#define MOE_IQ4_VALUES_0  ((gint32) 0xbfad9881)
#define MOE_IQ4_VALUES_4  ((gint32) 0xf6eaddcf)
#define MOE_IQ4_VALUES_8  0x26190d01
#define MOE_IQ4_VALUES_12 0x71594535

/* The bits of 2^(e - 128), a denormal below e = 2. */
static inline guint32
moe_mxfp4_step_bits (guint8 e)
{
  return e < 2 ? 0x00200000u << e : (guint32) (e - 1) << 23;
}

static inline float
moe_bfloat_to_float (guint16 b)
{
  return moe_float_from_bits ((guint32) b << 16);
}

/* Exact. A half has the same mantissa, shifted, and an exponent that is 8 larger. */
static inline float
moe_f8_to_float (guint8 q)
{
  guint16 half = (guint16) ((q & 0x80) << 8 | (q & 0x7f) << 7);

  return (q & 0x7f) == 0x7f ? moe_half_to_float (0x7e00) : moe_half_to_float (half) * 256.f;
}

/* The 6-bit scale and min of @group (0..7) of a Q4_K or Q5_K block. */
static inline void
moe_k_scale_min (const guint8 *scales,
                 guint         group,
                 guint8       *scale,
                 guint8       *min)
{
  if (group < 4)
    {
      *scale = scales[group] & 63;
      *min = scales[group + 4] & 63;
    }
  else
    {
      *scale = (scales[group + 4] & 15) | ((scales[group - 4] >> 6) << 4);
      *min = (scales[group + 4] >> 4) | ((scales[group] >> 6) << 4);
    }
}

/* The 6-bit scale of @group (0..15) of a Q3_K block. */
static inline guint8
moe_q3_k_scale (const guint8 *scales,
                guint         group)
{
  guint8 low = scales[group % 8] >> (group < 8 ? 0 : 4) & 15;

  return low | (guint8) ((scales[8 + group % 4] >> 2 * (group / 4) & 3) << 4);
}

G_END_DECLS
