/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-expand"

#include "probes/kernels/moe-expand.h"

#include "probes/kernels/moe-formats.h"

/* Blocks are read through byte pointers and memcpy: a row in a mapped file starts at any address. */

void
moe_expand_f32 (const void *w,
                gsize       n,
                float      *x)
{
  memcpy (x, w, n * sizeof (float));
}

void
moe_expand_f16 (const void *w,
                gsize       n,
                float      *x)
{
  for (gsize i = 0; i < n; i++)
    {
      guint16 h;

      memcpy (&h, (const guint8 *) w + 2 * i, sizeof h);
      x[i] = moe_half_to_float (h);
    }
}

void
moe_expand_bf16 (const void *w,
                 gsize       n,
                 float      *x)
{
  for (gsize i = 0; i < n; i++)
    {
      guint16 b;

      memcpy (&b, (const guint8 *) w + 2 * i, sizeof b);
      x[i] = moe_bfloat_to_float (b);
    }
}

/* x[j] = step * q[j] - offset for 32 values. On its own, so that the compiler makes vectors of it. */
static void
scale_group (const gint8 *q,
             float        step,
             float        offset,
             float       *restrict x)
{
  for (guint j = 0; j < 32; j++)
    x[j] = step * q[j] - offset;
}

void
moe_expand_q8_0 (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockQ8_0))
    {
      MoeBlockQ8_0 block;

      memcpy (&block, bytes, sizeof block);
      scale_group (block.qs, moe_half_to_float (block.d), 0.f, x + i);
    }
}

void
moe_expand_q4_0 (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockQ4_0))
    {
      MoeBlockQ4_0 block;
      gint8 q[MOE_Q32];

      memcpy (&block, bytes, sizeof block);
      for (guint j = 0; j < MOE_Q32 / 2; j++)
        {
          q[j] = (gint8) ((block.qs[j] & 15) - 8);
          q[j + MOE_Q32 / 2] = (gint8) ((block.qs[j] >> 4) - 8);
        }
      scale_group (q, moe_half_to_float (block.d), 0.f, x + i);
    }
}

void
moe_expand_mxfp4 (const void *w,
                  gsize       n,
                  float      *x)
{
  static const gint32 words[4] = {
    MOE_MXFP4_VALUES_0, MOE_MXFP4_VALUES_4, MOE_MXFP4_VALUES_8, MOE_MXFP4_VALUES_12,
  };
  const guint8 *bytes = w;
  gint8 values[16];

  for (guint i = 0; i < 16; i++)
    values[i] = (gint8) (words[i / 4] >> i % 4 * 8 & 0xff);
  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockMxfp4))
    {
      MoeBlockMxfp4 block;
      gint8 q[MOE_Q32];

      memcpy (&block, bytes, sizeof block);
      for (guint j = 0; j < MOE_Q32 / 2; j++)
        {
          q[j] = values[block.qs[j] & 15];
          q[j + MOE_Q32 / 2] = values[block.qs[j] >> 4];
        }
      scale_group (q, moe_float_from_bits (moe_mxfp4_step_bits (block.e)), 0.f, x + i);
    }
}

/* The groups of Q4_K and Q5_K; q (256) are their integers. */
static void
scale_k_groups (const gint8  *q,
                guint16       d,
                guint16       dmin,
                const guint8 *scales,
                float        *x)
{
  const float step = moe_half_to_float (d), offset = moe_half_to_float (dmin);

  for (guint group = 0; group < 8; group++)
    {
      guint8 scale, min;

      moe_k_scale_min (scales, group, &scale, &min);
      scale_group (q + 32 * group, step * scale, offset * min, x + 32 * group);
    }
}

void
moe_expand_q4_k (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_QK, bytes += sizeof (MoeBlockQ4_K))
    {
      MoeBlockQ4_K block;
      gint8 q[MOE_QK];

      memcpy (&block, bytes, sizeof block);
      for (guint pair = 0; pair < 4; pair++)
        for (guint j = 0; j < 32; j++)
          {
            q[64 * pair + j] = block.qs[32 * pair + j] & 15;
            q[64 * pair + 32 + j] = block.qs[32 * pair + j] >> 4;
          }
      scale_k_groups (q, block.d, block.dmin, block.scales, x + i);
    }
}

void
moe_expand_q5_k (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_QK, bytes += sizeof (MoeBlockQ5_K))
    {
      MoeBlockQ5_K block;
      gint8 q[MOE_QK];

      memcpy (&block, bytes, sizeof block);
      for (guint pair = 0; pair < 4; pair++)
        for (guint j = 0; j < 32; j++)
          {
            guint8 high = block.qh[j] >> (2 * pair);

            q[64 * pair + j] = (gint8) ((block.qs[32 * pair + j] & 15) | (high & 1) << 4);
            q[64 * pair + 32 + j] = (gint8) ((block.qs[32 * pair + j] >> 4) | (high & 2) << 3);
          }
      scale_k_groups (q, block.d, block.dmin, block.scales, x + i);
    }
}

/* x[j] = step * q[j] for 32 values, of which each half has its own step. */
static void
scale_halves (const gint8 *q,
              float        first,
              float        second,
              float       *restrict x)
{
  float steps[32];

  for (guint j = 0; j < 32; j++)
    steps[j] = j < 16 ? first : second;
  for (guint j = 0; j < 32; j++)
    x[j] = steps[j] * q[j];
}

void
moe_expand_q6_k (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_QK, bytes += sizeof (MoeBlockQ6_K))
    {
      MoeBlockQ6_K block;
      float d;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      /* Runs of 32 values: within a half of the block, run 0..3 takes bits 2 * run of qh. */
      for (guint half = 0; half < 2; half++)
        {
          const guint8 *ql = block.ql + 64 * half, *qh = block.qh + 32 * half;
          gint8 q[MOE_QK / 2];

          for (guint j = 0; j < 32; j++)
            {
              q[j] = (gint8) (((ql[j] & 15) | (qh[j] & 3) << 4) - 32);
              q[j + 32] = (gint8) (((ql[j + 32] & 15) | (qh[j] >> 2 & 3) << 4) - 32);
              q[j + 64] = (gint8) ((ql[j] >> 4 | (qh[j] >> 4 & 3) << 4) - 32);
              q[j + 96] = (gint8) ((ql[j + 32] >> 4 | (qh[j] >> 6) << 4) - 32);
            }
          for (guint run = 0; run < 4; run++)
            {
              const gint8 *scales = block.scales + 8 * half + 2 * run;

              scale_halves (q + 32 * run, d * scales[0], d * scales[1], x + i + 128 * half + 32 * run);
            }
        }
    }
}

void
moe_expand_f8_e4m3 (const void *w,
                    gsize       n,
                    float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_F8_VALUES, bytes += sizeof (MoeBlockF8))
    {
      MoeBlockF8 block;

      memcpy (&block, bytes, sizeof block);
      for (guint j = 0; j < MOE_F8_VALUES; j++)
        x[i + j] = moe_f8_to_float (block.qs[j]) * block.scale;
    }
}
