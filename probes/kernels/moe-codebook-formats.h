/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <string.h>

#include "data/moe-codebooks.h"
#include "probes/kernels/moe-formats.h"

G_BEGIN_DECLS

/* The blocks of ggml's IQ2 and IQ3 formats, like those of moe-formats.h: eight groups of 32 values, whose
 * magnitudes are codebook entries of eight (IQ2) or four (IQ3) values. With s the 4-bit scale of the value's
 * group or half group:
 *
 *   w = d / 8 * (2 s + 1) * magnitude    IQ2_XXS, IQ2_XS, IQ2_S
 *   w = d / 4 * (2 s + 1) * magnitude    IQ3_XXS
 *   w = d * (2 s + 1) * magnitude        IQ3_S
 *
 * all exact in floats. A sign bit of 1 means minus. Where only seven signs are stored for eight values, the
 * eighth makes the number of minus signs even. */

/* A group: four bytes of indices, then 32 bits of seven signs four times and the scale on top. */
typedef struct
{
  guint16 d;
  guint8  qs[MOE_QK / 32][8];
} MoeBlockIq2Xxs;

/* Four times 16 bits a group: an index of 9 bits and seven signs. scales: a nibble for each 16 values. */
typedef struct
{
  guint16 d;
  guint16 qs[MOE_QK / 8];
  guint8  scales[MOE_QK / 32];
} MoeBlockIq2Xs;

/* Indices of 10 bits: the lower eight in qs, the upper two of entry i of a group at bit 2 i of its byte in
 * qh. Eight signs each. scales as in IQ2_XS. */
typedef struct
{
  guint16 d;
  guint8  qs[MOE_QK / 8];
  guint8  signs[MOE_QK / 8];
  guint8  qh[MOE_QK / 32];
  guint8  scales[MOE_QK / 32];
} MoeBlockIq2S;

/* All indices, then for each group 32 bits of signs and scale as in IQ2_XXS. */
typedef struct
{
  guint16 d;
  guint8  qs[MOE_QK / 4];
  guint8  signs_scale[MOE_QK / 32][4];
} MoeBlockIq3Xxs;

/* Indices of 9 bits: the upper one of entry i of a group is bit i of its byte in qh. Eight signs for two
 * entries. scales: a nibble for each group. */
typedef struct
{
  guint16 d;
  guint8  qs[MOE_QK / 4];
  guint8  qh[MOE_QK / 32];
  guint8  signs[MOE_QK / 8];
  guint8  scales[MOE_QK / 64];
} MoeBlockIq3S;

G_STATIC_ASSERT (sizeof (MoeBlockIq2Xxs) == 66);
G_STATIC_ASSERT (sizeof (MoeBlockIq2Xs) == 74);
G_STATIC_ASSERT (sizeof (MoeBlockIq2S) == 82);
G_STATIC_ASSERT (sizeof (MoeBlockIq3Xxs) == 98);
G_STATIC_ASSERT (sizeof (MoeBlockIq3S) == 110);

/* 32 values of a block. */
typedef struct
{
  guint64 magnitudes[4]; /* (32) bytes, the first in the lowest */
  guint32 signs;         /* bit i for value i */
  guint8  scales[2];     /* 2 s + 1 of each half */
} MoeCodebookGroup;

static inline guint32
moe_read_32 (const void *bytes)
{
  guint32 value;

  memcpy (&value, bytes, sizeof value);
  return value;
}

/* Bytes of seven signs each with the eighth, which makes their number even. */
static inline guint32
moe_signs_complete (guint32 sevens)
{
  guint32 parity = sevens ^ sevens >> 4;

  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return sevens | (parity & 0x01010101u) << 7;
}

/* The 32 signs of four times seven bits. */
static inline guint32
moe_signs_from_28 (guint32 bits)
{
  return moe_signs_complete ((bits & 0x7fu) | (bits << 1 & 0x7f00u) | (bits << 2 & 0x7f0000u)
                             | (bits << 3 & 0x7f000000u));
}

/* Reads group @g (0..7) of the block at @bytes, any alignment. */
static inline MoeCodebookGroup
moe_iq2_xxs_read (const guint8 *bytes,
                  guint         g)
{
  const guint8 *qs = bytes + G_STRUCT_OFFSET (MoeBlockIq2Xxs, qs) + 8 * g;
  guint32 rest = moe_read_32 (qs + 4);
  MoeCodebookGroup group;

  for (guint i = 0; i < 4; i++)
    group.magnitudes[i] = moe_codebook_iq2_xxs[qs[i]];
  group.signs = moe_signs_from_28 (rest);
  group.scales[0] = group.scales[1] = (guint8) (2 * (rest >> 28) + 1);
  return group;
}

static inline MoeCodebookGroup
moe_iq2_xs_read (const guint8 *bytes,
                 guint         g)
{
  const guint8 scale = bytes[G_STRUCT_OFFSET (MoeBlockIq2Xs, scales) + g];
  guint32 sevens = 0;
  guint16 qs[4];
  MoeCodebookGroup group;

  memcpy (qs, bytes + G_STRUCT_OFFSET (MoeBlockIq2Xs, qs) + 8 * g, sizeof qs);
  for (guint i = 0; i < 4; i++)
    {
      group.magnitudes[i] = moe_codebook_iq2_xs[qs[i] & 511];
      sevens |= (guint32) (qs[i] >> 9) << 8 * i;
    }
  group.signs = moe_signs_complete (sevens);
  group.scales[0] = (guint8) (2 * (scale & 15) + 1);
  group.scales[1] = (guint8) (2 * (scale >> 4) + 1);
  return group;
}

static inline MoeCodebookGroup
moe_iq2_s_read (const guint8 *bytes,
                guint         g)
{
  const guint8 *qs = bytes + G_STRUCT_OFFSET (MoeBlockIq2S, qs) + 4 * g;
  const guint upper = bytes[G_STRUCT_OFFSET (MoeBlockIq2S, qh) + g];
  const guint8 scale = bytes[G_STRUCT_OFFSET (MoeBlockIq2S, scales) + g];
  MoeCodebookGroup group;

  for (guint i = 0; i < 4; i++)
    group.magnitudes[i] = moe_codebook_iq2_s[qs[i] | (upper >> 2 * i & 3) << 8];
  group.signs = moe_read_32 (bytes + G_STRUCT_OFFSET (MoeBlockIq2S, signs) + 4 * g);
  group.scales[0] = (guint8) (2 * (scale & 15) + 1);
  group.scales[1] = (guint8) (2 * (scale >> 4) + 1);
  return group;
}

static inline MoeCodebookGroup
moe_iq3_xxs_read (const guint8 *bytes,
                  guint         g)
{
  const guint8 *qs = bytes + G_STRUCT_OFFSET (MoeBlockIq3Xxs, qs) + 8 * g;
  guint32 rest = moe_read_32 (bytes + G_STRUCT_OFFSET (MoeBlockIq3Xxs, signs_scale) + 4 * g);
  MoeCodebookGroup group;

  for (guint i = 0; i < 4; i++)
    group.magnitudes[i] = moe_codebook_iq3_xxs[qs[2 * i]]
                          | (guint64) moe_codebook_iq3_xxs[qs[2 * i + 1]] << 32;
  group.signs = moe_signs_from_28 (rest);
  group.scales[0] = group.scales[1] = (guint8) (2 * (rest >> 28) + 1);
  return group;
}

static inline MoeCodebookGroup
moe_iq3_s_read (const guint8 *bytes,
                guint         g)
{
  const guint8 *qs = bytes + G_STRUCT_OFFSET (MoeBlockIq3S, qs) + 8 * g;
  const guint upper = bytes[G_STRUCT_OFFSET (MoeBlockIq3S, qh) + g];
  const guint8 scales = bytes[G_STRUCT_OFFSET (MoeBlockIq3S, scales) + g / 2];
  MoeCodebookGroup group;

  for (guint i = 0; i < 4; i++)
    {
      guint64 second = moe_codebook_iq3_s[qs[2 * i + 1] | (upper >> (2 * i + 1) & 1) << 8];

      group.magnitudes[i] = moe_codebook_iq3_s[qs[2 * i] | (upper >> 2 * i & 1) << 8] | second << 32;
    }
  group.signs = moe_read_32 (bytes + G_STRUCT_OFFSET (MoeBlockIq3S, signs) + 4 * g);
  group.scales[0] = group.scales[1] = (guint8) (2 * (scales >> g % 2 * 4 & 15) + 1);
  return group;
}

G_END_DECLS
