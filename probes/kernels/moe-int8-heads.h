/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-int8-rows.h"

/* The scales and offsets of LANES rows' blocks, side by side: include a header of lanes first. */

typedef enum
{
  GROUP_2,         /* 2 bits, scales and offsets of 16 values */
  GROUP_3,         /* 3 bits, scales of 16 values, the constant offset 4 */
  GROUP_4,         /* 4 bits and offset */
  GROUP_5,         /* 5 bits and offset */
  GROUP_6,         /* 6 bits, scales of 16 values, the constant offset 32 */
  GROUP_12,        /* -12 to 12, which are multiplied with 12 added; not with VNNI */
  GROUP_SIGNED,    /* signed bytes */
  GROUP_SIGNED_16, /* signed bytes, scales of 16 values */
} GroupKind;

/* Whether unsigned values have a scale for each 16. */
static inline gboolean
group_has_halves (GroupKind kind)
{
  return kind == GROUP_2 || kind == GROUP_3 || kind == GROUP_6;
}

/* What the groups of a block share, read once a block. */
typedef struct
{
  Floats d, dmin;
  Ints   scales[4]; /* one byte a group (Q4_K, Q5_K: scales, then mins) or half group (Q2_K, Q3_K, Q6_K) */
  Ints   bits[8];   /* upper bits of the integers; used up from the lowest */
} Head;

/* weight = step * integer - offset */
typedef struct
{
  Ints   w[8];     /* four values a lane, 16 values in w[0..3] */
  Floats step;
  Floats offset;
  Ints   scale[2]; /* of 16 values each, VNNI only */
  Ints   scales;   /* both in 16 bits each */
  Ints   mins;     /* GROUP_2: likewise, and offset is their step */
} Group;

typedef void (*ReadHeadFunc) (const guint8 *const rows[LANES],
                              Head               *head);

static inline __attribute__ ((always_inline)) void
read_no_head (const guint8 *const rows[LANES],
              Head               *head)
{
}

/* Q4_K and Q5_K: the scales of four groups a vector, one in each byte. */
static inline __attribute__ ((always_inline)) void
read_head_k (const guint8 *const rows[LANES],
             Head               *head)
{
  const Ints six = ints_set (0x3f3f3f3f), four = ints_set (0x0f0f0f0f), high = ints_set (0x30303030);
  Ints first[4];

  lanes_read_columns (rows, 0, first);
  head->d = floats_from_halves (ints_and (first[0], ints_set (0xffff)));
  head->dmin = floats_from_halves (ints_shift_right (first[0], 16));
  head->scales[0] = ints_and (first[1], six);
  head->scales[1] = ints_or (ints_and (first[3], four), ints_and (ints_shift_right (first[1], 2), high));
  head->scales[2] = ints_and (first[2], six);
  head->scales[3] = ints_or (ints_and (ints_shift_right (first[3], 4), four),
                             ints_and (ints_shift_right (first[2], 2), high));
}

static inline __attribute__ ((always_inline)) void
set_k_steps (const Head *head,
             guint       g,
             Group      *group)
{
  const Ints byte = ints_set (0xff);
  const guint shift = g % 4 * 8;
  Ints scale = ints_and (ints_shift_right (head->scales[g / 4], shift), byte);
  Ints min = ints_and (ints_shift_right (head->scales[2 + g / 4], shift), byte);

  group->step = floats_mul (head->d, ints_to_floats (scale));
  group->offset = floats_mul (head->dmin, ints_to_floats (min));
}

static inline __attribute__ ((always_inline)) void
read_head_q6_k (const guint8 *const rows[LANES],
                Head               *head)
{
  head->d = lanes_read_halves (rows, 208);
  lanes_read_columns (rows, 192, head->scales);
}

static inline __attribute__ ((always_inline)) void
set_q6_k_steps (const Head *head,
                guint       g,
                Group      *group)
{
  const Ints packed = head->scales[g / 2];
  const guint first = g % 2 * 2, second = first + 1;

  /* A signed byte is put on top of 16 bits and shifted down. */
  group->scales = ints_shuffle (packed, ints_byte_pattern (first, first, second, second));
  group->scales = ints_shift_signed16 (group->scales, 8);
  group->step = head->d;
}

/* Q2_K: a scale in the low nibble, a min in the high one. */
static inline __attribute__ ((always_inline)) void
read_head_q2_k (const guint8 *const rows[LANES],
                Head               *head)
{
  head->d = lanes_read_halves (rows, 80);
  head->dmin = lanes_read_halves (rows, 82);
  lanes_read_columns (rows, 0, head->scales);
}

static inline __attribute__ ((always_inline)) void
set_q2_k_steps (const Head *head,
                guint       g,
                Group      *group)
{
  const Ints nibble = ints_set (0x000f000f);
  const guint first = g % 2 * 2, second = first + 1;
  Ints both = ints_shuffle (head->scales[g / 2], ints_byte_pattern (first, first, second, second));

  group->scales = ints_and (both, nibble);
  group->mins = ints_and (ints_shift_right (both, 4), nibble);
  group->step = head->d;
  group->offset = head->dmin;
}

/* Q3_K: to the lower four bits come the upper two, then 32 is taken off in every byte without a borrow. */
static inline __attribute__ ((always_inline)) void
read_head_q3_k (const guint8 *const rows[LANES],
                Head               *head)
{
  const Ints four = ints_set (0x0f0f0f0f), two = ints_set (0x03030303), sign = ints_set ((gint32) 0x80808080);
  Ints last[4];

  head->d = lanes_read_halves (rows, 108);
  lanes_read_columns (rows, 92, last);
#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      Ints low = ints_and (ints_shift_right (last[1 + i % 2], i / 2 * 4), four);
      Ints high = ints_and (ints_shift_right (last[3], 2 * i), two);
      Ints scale = ints_or (low, ints_shift_left (high, 4));

      head->scales[i] = ints_xor (ints_sub (ints_or (scale, sign), ints_set (0x20202020)), sign);
    }
}

/* IQ4_XS: the upper bits of the eight scales, two bits each, and the lower ones, four bits each. */
static inline __attribute__ ((always_inline)) void
read_head_iq4_xs (const guint8 *const rows[LANES],
                  Head               *head)
{
  Ints first[4];

  lanes_read_columns (rows, 0, first);
  head->d = floats_from_halves (ints_and (first[0], ints_set (0xffff)));
  head->scales[0] = ints_shift_right (first[0], 16);
  head->scales[1] = first[1];
}

static inline __attribute__ ((always_inline)) void
set_iq4_xs_step (const Head *head,
                 guint       g,
                 Group      *group)
{
  Ints upper = ints_and (ints_shift_right (head->scales[0], 2 * g), ints_set (3));
  Ints lower = ints_and (ints_shift_right (head->scales[1], 4 * g), ints_set (15));
  Ints scale = ints_sub (ints_or (ints_shift_left (upper, 4), lower), ints_set (32));

  group->step = floats_mul (head->d, ints_to_floats (scale));
}

/* Of Q4_1 and Q5_1: both halves at @at. */
static inline __attribute__ ((always_inline)) void
read_step_and_least (const guint8 *const rows[LANES],
                     gsize               at,
                     Group              *group)
{
  group->step = lanes_read_halves (rows, at);
  group->offset = floats_mul (lanes_read_halves (rows, at + 2), floats_set (-1.f));
}

#define INT8_KERNEL(type_name, format, block, block_bytes, isa)                         \
  { MOE_TYPE_##type_name, #type_name "/" isa, block, block_bytes, moe_int8_row_get_bytes, \
    moe_int8_row_prepare, matmul_##format, moe_expand_##format }

#define INT8_KERNELS(isa)                                                               \
  INT8_KERNEL (Q8_0, q8_0, MOE_Q32, sizeof (MoeBlockQ8_0), isa),                        \
  INT8_KERNEL (Q4_0, q4_0, MOE_Q32, sizeof (MoeBlockQ4_0), isa),                        \
  INT8_KERNEL (MXFP4, mxfp4, MOE_Q32, sizeof (MoeBlockMxfp4), isa),                     \
  INT8_KERNEL (Q4_K, q4_k, MOE_QK, sizeof (MoeBlockQ4_K), isa),                         \
  INT8_KERNEL (Q5_K, q5_k, MOE_QK, sizeof (MoeBlockQ5_K), isa),                         \
  INT8_KERNEL (Q6_K, q6_k, MOE_QK, sizeof (MoeBlockQ6_K), isa)

#define INT8_RARE_KERNELS(isa)                                                          \
  INT8_KERNEL (Q4_1, q4_1, MOE_Q32, sizeof (MoeBlockQ4_1), isa),                        \
  INT8_KERNEL (Q5_0, q5_0, MOE_Q32, sizeof (MoeBlockQ5_0), isa),                        \
  INT8_KERNEL (Q5_1, q5_1, MOE_Q32, sizeof (MoeBlockQ5_1), isa),                        \
  INT8_KERNEL (IQ4_NL, iq4_nl, MOE_Q32, sizeof (MoeBlockIq4Nl), isa),                   \
  INT8_KERNEL (IQ4_XS, iq4_xs, MOE_QK, sizeof (MoeBlockIq4Xs), isa),                    \
  INT8_KERNEL (Q2_K, q2_k, MOE_QK, sizeof (MoeBlockQ2_K), isa),                         \
  INT8_KERNEL (Q3_K, q3_k, MOE_QK, sizeof (MoeBlockQ3_K), isa)

#define INT8_CODEBOOK_KERNELS(isa)                                                      \
  INT8_KERNEL (IQ2_XXS, iq2_xxs, MOE_QK, sizeof (MoeBlockIq2Xxs), isa),                 \
  INT8_KERNEL (IQ2_XS, iq2_xs, MOE_QK, sizeof (MoeBlockIq2Xs), isa),                    \
  INT8_KERNEL (IQ2_S, iq2_s, MOE_QK, sizeof (MoeBlockIq2S), isa),                       \
  INT8_KERNEL (IQ3_XXS, iq3_xxs, MOE_QK, sizeof (MoeBlockIq3Xxs), isa),                 \
  INT8_KERNEL (IQ3_S, iq3_s, MOE_QK, sizeof (MoeBlockIq3S), isa)
