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
read_steps_q4_1 (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  read_step_and_least (rows, g * sizeof (MoeBlockQ4_1), group);
}

static inline __attribute__ ((always_inline)) void
read_steps_q5_0 (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  group->step = lanes_read_halves (rows, g * sizeof (MoeBlockQ5_0));
  group->offset = floats_mul (group->step, floats_set (16.f));
}

static inline __attribute__ ((always_inline)) void
read_steps_q5_1 (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  read_step_and_least (rows, g * sizeof (MoeBlockQ5_1), group);
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
  static inline __attribute__ ((always_inline)) Ints                                    \
  row_sums_##name (const guint8 *block,                                                 \
                   const gint8  *q)                                                     \
  {                                                                                     \
    Ints p[8];                                                                          \
                                                                                        \
    for (guint g = 0; g < 8; g++)                                                       \
      p[g] = _mm256_maddubs_epi16 (read (block + (first) + (stride) * g), load_ints (q + 32 * g)); \
    return one_sum_words (p);                                                           \
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
    Ints v[LANES], words[LANES];                                                        \
                                                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      v[r] = read (rows[r] + (first) + (stride) * part);                                \
    for (guint r = 0; r < LANES; r++)                                                   \
      words[r] = _mm256_cvtepi8_epi16 (_mm256_castsi256_si128 (v[r]));                  \
    tile_diagonals (words, out);                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      words[r] = _mm256_cvtepi8_epi16 (_mm256_extracti128_si256 (v[r], 1));             \
    tile_diagonals (words, out + 8);                                                    \
  }

DEFINE_RARE_UNSIGNED (q4_1, read_nibbles, 4, sizeof (MoeBlockQ4_1))
DEFINE_RARE_UNSIGNED (q5_0, read_five_bits, 2, sizeof (MoeBlockQ5_0))
DEFINE_RARE_UNSIGNED (q5_1, read_five_bits, 4, sizeof (MoeBlockQ5_1))
DEFINE_RARE_SIGNED (iq4_nl, read_iq4, 2, sizeof (MoeBlockIq4Nl))
DEFINE_RARE_SIGNED (iq4_xs, read_iq4, 8, 16)
