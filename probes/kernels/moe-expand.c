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

void
moe_expand_q8_0 (const void *w,
                 gsize       n,
                 float      *x)
{
  const guint8 *bytes = w;

  for (gsize i = 0; i < n; i += MOE_Q32, bytes += sizeof (MoeBlockQ8_0))
    {
      MoeBlockQ8_0 block;
      float d;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      for (guint j = 0; j < MOE_Q32; j++)
        x[i + j] = d * block.qs[j];
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
      float d;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      for (guint j = 0; j < MOE_Q32 / 2; j++)
        {
          x[i + j] = d * ((block.qs[j] & 15) - 8);
          x[i + j + MOE_Q32 / 2] = d * ((block.qs[j] >> 4) - 8);
        }
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
      float d, dmin;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      dmin = moe_half_to_float (block.dmin);
      for (guint group = 0; group < 8; group++)
        {
          const guint8 *qs = block.qs + group / 2 * 32;
          guint shift = group % 2 * 4;
          float *out = x + i + 32 * group;
          guint8 scale, min;
          float step, offset;

          moe_k_scale_min (block.scales, group, &scale, &min);
          step = d * scale;
          offset = dmin * min;
          for (guint j = 0; j < 32; j++)
            out[j] = step * ((qs[j] >> shift) & 15) - offset;
        }
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
      float d, dmin;

      memcpy (&block, bytes, sizeof block);
      d = moe_half_to_float (block.d);
      dmin = moe_half_to_float (block.dmin);
      for (guint group = 0; group < 8; group++)
        {
          const guint8 *qs = block.qs + group / 2 * 32;
          guint shift = group % 2 * 4;
          float *out = x + i + 32 * group;
          guint8 scale, min;
          float step, offset;

          moe_k_scale_min (block.scales, group, &scale, &min);
          step = d * scale;
          offset = dmin * min;
          for (guint j = 0; j < 32; j++)
            out[j] = step * (((qs[j] >> shift) & 15) | ((block.qh[j] >> group) & 1) << 4) - offset;
        }
    }
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
      for (guint run = 0; run < 8; run++)
        {
          const guint8 *ql = block.ql + run / 4 * 64 + run % 2 * 32;
          const guint8 *qh = block.qh + run / 4 * 32;
          guint low_shift = run % 4 / 2 * 4;
          guint high_shift = run % 4 * 2;
          float *out = x + i + 32 * run;
          float step[2];

          step[0] = d * block.scales[2 * run];
          step[1] = d * block.scales[2 * run + 1];
          for (guint j = 0; j < 32; j++)
            {
              gint q = ((ql[j] >> low_shift) & 15) | ((qh[j] >> high_shift) & 3) << 4;

              out[j] = step[j / 16] * (q - 32);
            }
        }
    }
}
