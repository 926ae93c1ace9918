/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-body.h"

/* The less common formats in the scheme of moe-int8-body.h. */

/* The nibbles of 16 bytes a row. */
static inline __attribute__ ((always_inline)) void
unpack_nibbles (const guint8 *const rows[LANES],
                gsize               at,
                Ints                w[8])
{
  const Ints low = ints_set (0x0f0f0f0f);
  Ints packed[4];

  lanes_read_values (rows, at, packed);
#pragma GCC unroll 4
  for (guint s = 0; s < 4; s++)
    {
      w[s] = ints_and (packed[s], low);
      w[s + 4] = ints_and (ints_shift_right (packed[s], 4), low);
    }
}

/* Four bytes with a fifth bit for each value, then the nibbles. */
static inline __attribute__ ((always_inline)) void
unpack_five_bits (const guint8 *const rows[LANES],
                  gsize               at,
                  Ints                w[8])
{
  Ints first[4];

  lanes_read_columns (rows, at, first);
  unpack_nibbles (rows, at + 4, w);
  /* The factor puts the lowest four bits at bit 4 of one byte each; no two products meet there. */
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      Ints bits = ints_and (ints_shift_right (first[0], 4 * s), ints_set (15));

      w[s] = ints_or (w[s], ints_and (ints_mul (bits, ints_set (0x02040810)), ints_set (0x10101010)));
    }
}

static inline __attribute__ ((always_inline)) void
unpack_iq4 (const guint8 *const rows[LANES],
            gsize               at,
            Ints                w[8])
{
  const Ints values = ints_set4 (MOE_IQ4_VALUES_0, MOE_IQ4_VALUES_4, MOE_IQ4_VALUES_8, MOE_IQ4_VALUES_12);

  unpack_nibbles (rows, at, w);
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    w[s] = ints_shuffle (values, w[s]);
  lanes_prepare_signed (w);
}

static inline __attribute__ ((always_inline)) void
unpack_q4_1 (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  gsize at = part * sizeof (MoeBlockQ4_1);

  unpack_nibbles (rows, at + 4, groups[0].w);
  read_step_and_least (rows, at, &groups[0]);
}

static inline __attribute__ ((always_inline)) void
unpack_q5_0 (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  gsize at = part * sizeof (MoeBlockQ5_0);

  unpack_five_bits (rows, at + 2, groups[0].w);
  groups[0].step = lanes_read_halves (rows, at);
  groups[0].offset = floats_mul (groups[0].step, floats_set (16.f));
}

static inline __attribute__ ((always_inline)) void
unpack_q5_1 (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  gsize at = part * sizeof (MoeBlockQ5_1);

  unpack_five_bits (rows, at + 4, groups[0].w);
  read_step_and_least (rows, at, &groups[0]);
}

static inline __attribute__ ((always_inline)) void
unpack_iq4_nl (const guint8 *const rows[LANES],
               guint               part,
               Head               *head,
               Group               groups[2])
{
  gsize at = part * sizeof (MoeBlockIq4Nl);

  unpack_iq4 (rows, at + 2, groups[0].w);
  groups[0].step = lanes_read_halves (rows, at);
}

static inline __attribute__ ((always_inline)) void
unpack_iq4_xs (const guint8 *const rows[LANES],
               guint               part,
               Head               *head,
               Group               groups[2])
{
  unpack_iq4 (rows, 8 + 16 * part, groups[0].w);
  set_iq4_xs_step (head, part, &groups[0]);
}

/* Two bits of 32 values a group; parts are two groups. */
static inline __attribute__ ((always_inline)) void
unpack_two_bits (const guint8 *const rows[LANES],
                 gsize               at,
                 guint               part,
                 Group               groups[2])
{
  const Ints two = ints_set (0x03030303);
  const guint shift = part % 2 * 4;
  Ints packed[8];

  lanes_read_values (rows, at + part / 2 * 32, packed);
  lanes_read_values (rows, at + part / 2 * 32 + 16, packed + 4);
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      groups[0].w[s] = ints_and (ints_shift_right (packed[s], shift), two);
      groups[1].w[s] = ints_and (ints_shift_right (packed[s], shift + 2), two);
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q2_k (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  unpack_two_bits (rows, 16, part, groups);
#pragma GCC unroll 2
  for (guint i = 0; i < 2; i++)
    {
      set_q2_k_steps (head, 2 * part + i, &groups[i]);
      groups[i].scale[0] = ints_and (groups[i].scales, ints_set (0xffff));
      groups[i].scale[1] = ints_shift_right (groups[i].scales, 16);
    }
}

static inline __attribute__ ((always_inline)) void
read_head_q3_k_bits (const guint8 *const rows[LANES],
                     Head               *head)
{
  read_head_q3_k (rows, head);
  lanes_read_values (rows, 0, head->bits);
  lanes_read_values (rows, 16, head->bits + 4);
}

static inline __attribute__ ((always_inline)) void
unpack_q3_k (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  const Ints third = ints_set (0x04040404);

  unpack_two_bits (rows, 32, part, groups);
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      groups[0].w[s] = ints_or (groups[0].w[s], ints_and (ints_shift_left (head->bits[s], 2), third));
      groups[1].w[s] = ints_or (groups[1].w[s], ints_and (ints_shift_left (head->bits[s], 1), third));
      head->bits[s] = ints_shift_right (head->bits[s], 2);
    }
#pragma GCC unroll 2
  for (guint i = 0; i < 2; i++)
    {
      const guint g = 2 * part + i;

      set_q6_k_steps (head, g, &groups[i]);
      lanes_set_scales (head->scales[g / 2], g % 2 * 2, groups[i].scale);
    }
}

DEFINE_INT8_KERNEL (q4_1, GROUP_4, 8, 1, 8 * sizeof (MoeBlockQ4_1), read_no_head)
DEFINE_INT8_KERNEL (q5_0, GROUP_5, 8, 1, 8 * sizeof (MoeBlockQ5_0), read_no_head)
DEFINE_INT8_KERNEL (q5_1, GROUP_5, 8, 1, 8 * sizeof (MoeBlockQ5_1), read_no_head)
DEFINE_INT8_KERNEL (iq4_nl, GROUP_SIGNED, 8, 1, 8 * sizeof (MoeBlockIq4Nl), read_no_head)
DEFINE_INT8_KERNEL (iq4_xs, GROUP_SIGNED, 8, 1, sizeof (MoeBlockIq4Xs), read_head_iq4_xs)
DEFINE_INT8_KERNEL (q2_k, GROUP_2, 4, 2, sizeof (MoeBlockQ2_K), read_head_q2_k)
DEFINE_INT8_KERNEL (q3_k, GROUP_3, 4, 2, sizeof (MoeBlockQ3_K), read_head_q3_k_bits)
