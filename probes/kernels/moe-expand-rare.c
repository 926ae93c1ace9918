/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-expand-rare"

#include "probes/kernels/moe-expand.h"

#include "probes/kernels/moe-formats.h"

/* x[j] = step * q[j] - offset for 16 values. */
static void
scale_values (const gint8 *q,
              float        step,
              float        offset,
              float       *restrict x)
{
  for (guint j = 0; j < 16; j++)
    x[j] = step * q[j] - offset;
}

/* The nibbles of 16 bytes, low ones first, with a fifth bit each from @fifth, bit i for value i. q (32) */
static void
read_nibbles (const guint8 *qs,
              guint32       fifth,
              gint8        *q)
{
  for (guint j = 0; j < 16; j++)
    {
      q[j] = (gint8) ((qs[j] & 15) | (fifth >> j & 1) << 4);
      q[j + 16] = (gint8) (qs[j] >> 4 | (fifth >> (j + 16) & 1) << 4);
    }
}

static guint32
read_fifth_bits (const guint8 qh[4])
{
  return qh[0] | (guint32) qh[1] << 8 | (guint32) qh[2] << 16 | (guint32) qh[3] << 24;
}

void
moe_expand_q4_1 (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockQ4_1))
    {
      MoeBlockQ4_1 block;
      gint8 q[MOE_Q32];

      memcpy (&block, bytes, sizeof block);
      read_nibbles (block.qs, 0, q);
      for (guint half = 0; half < 2; half++)
        scale_values (q + 16 * half, moe_half_to_float (block.d), -moe_half_to_float (block.m),
                      x + i + 16 * half);
    }
}

void
moe_expand_q5_0 (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockQ5_0))
    {
      MoeBlockQ5_0 block;
      gint8 q[MOE_Q32];

      memcpy (&block, bytes, sizeof block);
      read_nibbles (block.qs, read_fifth_bits (block.qh), q);
      for (guint j = 0; j < MOE_Q32; j++)
        q[j] = (gint8) (q[j] - 16);
      for (guint half = 0; half < 2; half++)
        scale_values (q + 16 * half, moe_half_to_float (block.d), 0.f, x + i + 16 * half);
    }
}

void
moe_expand_q5_1 (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockQ5_1))
    {
      MoeBlockQ5_1 block;
      gint8 q[MOE_Q32];

      memcpy (&block, bytes, sizeof block);
      read_nibbles (block.qs, read_fifth_bits (block.qh), q);
      for (guint half = 0; half < 2; half++)
        scale_values (q + 16 * half, moe_half_to_float (block.d), -moe_half_to_float (block.m),
                      x + i + 16 * half);
    }
}

/* 32 values of 4 bits that are entries of a table. */
static void
expand_iq4 (const guint8 *qs,
            float         step,
            float        *x)
{
  static const gint32 words[4] = {
    MOE_IQ4_VALUES_0, MOE_IQ4_VALUES_4, MOE_IQ4_VALUES_8, MOE_IQ4_VALUES_12,
  };
  gint8 q[MOE_Q32];

  read_nibbles (qs, 0, q);
  for (guint j = 0; j < MOE_Q32; j++)
    q[j] = (gint8) (words[q[j] / 4] >> q[j] % 4 * 8 & 0xff);
  scale_values (q, step, 0.f, x);
  scale_values (q + 16, step, 0.f, x + 16);
}

void
moe_expand_iq4_nl (const void *w,
                   gsize       n,
                   float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockIq4Nl))
    {
      MoeBlockIq4Nl block;

      memcpy (&block, bytes, sizeof block);
      expand_iq4 (block.qs, moe_half_to_float (block.d), x + i);
    }
}

void
moe_expand_iq4_xs (const void *w,
                   gsize       n,
                   float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_QK, bytes += sizeof (MoeBlockIq4Xs))
    {
      MoeBlockIq4Xs block;

      memcpy (&block, bytes, sizeof block);
      for (guint g = 0; g < 8; g++)
        {
          gint scale = (block.scales_l[g / 2] >> g % 2 * 4 & 15) | (block.scales_h >> 2 * g & 3) << 4;

          expand_iq4 (block.qs + 16 * g, moe_half_to_float (block.d) * (float) (scale - 32), x + i + 32 * g);
        }
    }
}

void
moe_expand_q2_k (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_QK, bytes += sizeof (MoeBlockQ2_K))
    {
      MoeBlockQ2_K block;
      float d, dmin;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      dmin = moe_half_to_float (block.dmin);
      for (guint g = 0; g < 16; g++)
        {
          const guint8 *qs = block.qs + 32 * (g / 8) + 16 * (g % 2);
          gint8 q[16];

          for (guint j = 0; j < 16; j++)
            q[j] = qs[j] >> 2 * (g % 8 / 2) & 3;
          scale_values (q, d * (block.scales[g] & 15), dmin * (block.scales[g] >> 4), x + i + 16 * g);
        }
    }
}

void
moe_expand_q3_k (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_QK, bytes += sizeof (MoeBlockQ3_K))
    {
      MoeBlockQ3_K block;
      float d;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      for (guint g = 0; g < 16; g++)
        {
          const guint8 *qs = block.qs + 32 * (g / 8) + 16 * (g % 2), *hmask = block.hmask + 16 * (g % 2);
          gint8 q[16];

          for (guint j = 0; j < 16; j++)
            q[j] = (gint8) (((qs[j] >> 2 * (g % 8 / 2) & 3) | (hmask[j] >> g / 2 & 1) << 2) - 4);
          scale_values (q, d * (float) (moe_q3_k_scale (block.scales, g) - 32), 0.f, x + i + 16 * g);
        }
    }
}
