/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-one-avx2.h"
#include "probes/kernels/moe-int8-tile-avx2.h"

/* The less common formats for AVX2: one token, and several. */

/* The nibbles of 16 bytes, low ones first. */
static inline __attribute__ ((always_inline)) Ints
read_nibbles (const guint8 *qs)
{
  __m128i packed = _mm_loadu_si128 ((const __m128i *) qs);
  Ints both = _mm256_inserti128_si256 (_mm256_castsi128_si256 (packed), _mm_srli_epi16 (packed, 4), 1);

  return ints_and (both, ints_set (0x0f0f0f0f));
}

/* -12 to 12 with 12 added. */
static inline __attribute__ ((always_inline)) Ints
read_mxfp4 (const guint8 *qs)
{
  return ints_shuffle (mxfp4_table (), read_nibbles (qs));
}

/* Four bytes with a fifth bit for each value, then the nibbles. */
static inline __attribute__ ((always_inline)) Ints
read_five_bits (const guint8 *bytes)
{
  /* Byte i of the result has byte i / 8 of the bits, of which it keeps bit i % 8. */
  const Ints which = _mm256_setr_epi32 (0, 0, 0x01010101, 0x01010101, 0x02020202, 0x02020202, 0x03030303,
                                        0x03030303);
  const Ints bit = _mm256_set1_epi64x ((gint64) 0x8040201008040201);
  Ints fifth = ints_and (ints_shuffle (ints_broadcast (bytes), which), bit);

  fifth = ints_and (_mm256_cmpeq_epi8 (fifth, bit), ints_set (0x10101010));
  return ints_or (read_nibbles (bytes + 4), fifth);
}

static inline __attribute__ ((always_inline)) Ints
read_iq4 (const guint8 *qs)
{
  const Ints values = ints_set4 (MOE_IQ4_VALUES_0, MOE_IQ4_VALUES_4, MOE_IQ4_VALUES_8, MOE_IQ4_VALUES_12);

  return ints_shuffle (values, read_nibbles (qs));
}

static inline __attribute__ ((always_inline)) void
read_steps_iq4_nl (const guint8 *const rows[LANES],
                   const Head         *head,
                   guint               g,
                   Group              *group)
{
  group->step = lanes_read_halves (rows, g * sizeof (MoeBlockIq4Nl));
}

static inline __attribute__ ((always_inline)) void
read_steps_iq4_xs (const guint8 *const rows[LANES],
                   const Head         *head,
                   guint               g,
                   Group              *group)
{
  set_iq4_xs_step (head, g, group);
}

/* The unsigned or signed integers of groups @stride bytes apart, by @read from @first on. */
#define DEFINE_RARE_UNSIGNED(name, read, first, stride)                                 \
  static inline __attribute__ ((always_inline)) void                                    \
  tile_unpack_##name (const guint8 *const rows[LANES],                                  \
                      guint               part,                                         \
                      Ints                bits[LANES],                                  \
                      Ints                out[16])                                      \
  {                                                                                     \
    Ints v[LANES];                                                                      \
                                                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      v[r] = read (rows[r] + (first) + (stride) * part);                                \
    tile_diagonals (v, out);                                                            \
  }

#define DEFINE_RARE_SIGNED(name, read, first, stride)                                   \
  static inline __attribute__ ((always_inline)) Ints                                    \
  row_sums_##name (const guint8 *block,                                                 \
                   const gint8  *q)                                                     \
  {                                                                                     \
    Ints p[8];                                                                          \
                                                                                        \
    for (guint g = 0; g < 8; g++)                                                       \
      p[g] = one_signed (read (block + (first) + (stride) * g), q + 32 * g);            \
    return one_sum_ints (p);                                                            \
  }                                                                                     \
                                                                                        \
  static inline __attribute__ ((always_inline)) void                                    \
  tile_unpack_##name (const guint8 *const rows[LANES],                                  \
                      guint               part,                                         \
                      Ints                bits[LANES],                                  \
                      Ints                out[16])                                      \
  {                                                                                     \
    Ints v[LANES];                                                                      \
                                                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      v[r] = read (rows[r] + (first) + (stride) * part);                                \
    tile_words (v, out);                                                                \
  }

DEFINE_RARE_UNSIGNED (q4_0, read_nibbles, 2, sizeof (MoeBlockQ4_0))
DEFINE_RARE_UNSIGNED (mxfp4, read_mxfp4, 1, sizeof (MoeBlockMxfp4))
DEFINE_RARE_UNSIGNED (q4_1, read_nibbles, 4, sizeof (MoeBlockQ4_1))
DEFINE_RARE_UNSIGNED (q5_0, read_five_bits, 2, sizeof (MoeBlockQ5_0))
DEFINE_RARE_UNSIGNED (q5_1, read_five_bits, 4, sizeof (MoeBlockQ5_1))
DEFINE_RARE_SIGNED (iq4_nl, read_iq4, 2, sizeof (MoeBlockIq4Nl))
DEFINE_RARE_SIGNED (iq4_xs, read_iq4, 8, 16)

static inline __attribute__ ((always_inline)) void
read_steps_q2_k (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  set_q2_k_steps (head, g, group);
}

/* The products of 32 values of two or three bits, the halves times their scales: lanes 2 g and 2 g + 1 of 16
 * bits in @scales, which has those of the groups' first halves and then those of the second. */
static inline __attribute__ ((always_inline)) Ints
one_scaled (Ints         w,
            const gint8 *q,
            Ints         scales,
            guint        g)
{
  Ints scale = ints_shuffle (scales, _mm256_set1_epi16 ((gint16) (2 * g | (2 * g + 1) << 8)));

  return _mm256_madd_epi16 (_mm256_maddubs_epi16 (w, load_ints (q + 32 * g)), scale);
}

/* 16 bytes of scales as one_scaled() wants them. */
static inline __attribute__ ((always_inline)) Ints
one_order_scales (__m128i bytes)
{
  const __m128i order = _mm_setr_epi8 (0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);

  return _mm256_cvtepi8_epi16 (_mm_shuffle_epi8 (bytes, order));
}

static inline __attribute__ ((always_inline)) Ints
row_sums_q2_k (const guint8 *block,
               const gint8  *q)
{
  const __m128i both = _mm_loadu_si128 ((const __m128i *) block);
  const Ints scales = one_order_scales (_mm_and_si128 (both, _mm_set1_epi8 (15)));
  const Ints two = ints_set (0x03030303);
  Ints p[8];

#pragma GCC unroll 8
  for (guint g = 0; g < 8; g++)
    {
      Ints packed = load_ints (block + 16 + g / 4 * 32);

      p[g] = one_scaled (ints_and (ints_shift_right (packed, g % 4 * 2), two), q, scales, g);
    }
  return one_sum_ints (p);
}

/* Four bytes of scales each, as read_head_q3_k() has them of a row. */
static inline __attribute__ ((always_inline)) __m128i
read_q3_k_scales (const guint8 *bytes)
{
  guint32 words[3];
  __m128i low, high;

  memcpy (words, bytes, sizeof words);
  low = _mm_setr_epi32 ((gint32) words[0], (gint32) words[1], (gint32) (words[0] >> 4),
                        (gint32) (words[1] >> 4));
  high = _mm_setr_epi32 ((gint32) words[2], (gint32) (words[2] >> 2), (gint32) (words[2] >> 4),
                         (gint32) (words[2] >> 6));
  low = _mm_and_si128 (low, _mm_set1_epi8 (15));
  high = _mm_slli_epi16 (_mm_and_si128 (high, _mm_set1_epi8 (3)), 4);
  return _mm_sub_epi8 (_mm_or_si128 (low, high), _mm_set1_epi8 (32));
}

static inline __attribute__ ((always_inline)) Ints
row_sums_q3_k (const guint8 *block,
               const gint8  *q)
{
  const Ints scales = one_order_scales (read_q3_k_scales (block + 96));
  const Ints two = ints_set (0x03030303), third = ints_set (0x04040404);
  Ints bits = load_ints (block), p[8];

#pragma GCC unroll 8
  for (guint g = 0; g < 8; g++)
    {
      Ints packed = load_ints (block + 32 + g / 4 * 32);
      Ints w = ints_and (ints_shift_right (packed, g % 4 * 2), two);

      w = ints_or (w, ints_and (ints_shift_left (bits, 2), third));
      bits = ints_shift_right (bits, 1);
      p[g] = one_scaled (w, q, scales, g);
    }
  return one_sum_ints (p);
}

/* Part 0 and 1 are the runs of the first 128 values, two each. */
static inline __attribute__ ((always_inline)) void
tile_unpack_two_bits (const guint8 *const rows[LANES],
                      gsize               at,
                      guint               part,
                      Ints                out[16])
{
  const Ints two = ints_set (0x03030303);
  const guint shift = part % 2 * 4;

  tile_diagonals_16 (rows, at + part / 2 * 32, out);
#pragma GCC unroll 8
  for (guint k = 0; k < 8; k++)
    {
      Ints packed = _mm256_srl_epi32 (out[k], _mm_cvtsi32_si128 ((gint32) shift));

      out[8 + k] = ints_and (ints_shift_right (packed, 2), two);
      out[k] = ints_and (packed, two);
    }
}

static inline __attribute__ ((always_inline)) void
tile_unpack_q2_k (const guint8 *const rows[LANES],
                  guint               part,
                  Ints                bits[LANES],
                  Ints                out[16])
{
  tile_unpack_two_bits (rows, 16, part, out);
}

static inline __attribute__ ((always_inline)) void
tile_unpack_q3_k (const guint8 *const rows[LANES],
                  guint               part,
                  Ints                bits[LANES],
                  Ints                out[16])
{
  const Ints third = ints_set (0x04040404);

  if (part == 0)
    tile_diagonals_16 (rows, 0, bits);
  tile_unpack_two_bits (rows, 32, part, out);
#pragma GCC unroll 8
  for (guint k = 0; k < 8; k++)
    {
      out[k] = ints_or (out[k], ints_and (ints_shift_left (bits[k], 2), third));
      out[8 + k] = ints_or (out[8 + k], ints_and (ints_shift_left (bits[k], 1), third));
      bits[k] = ints_shift_right (bits[k], 2);
    }
}
