/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-pairs-avx2.h"

/* Formats of 4 and 5 bits in blocks of 32 values, for one token with AVX2, arranged like Q4_K in
 * moe-int8-pairs-avx2.h: 16 bytes of row r and of row r + 4 in a vector. Same integers and same order of
 * floats as moe-int8-body.h. */

/* The values of row r and row r + 4, unsigned: the first 16 of both, and the last 16. */
typedef void (*BlocksReadFunc) (const guint8 *block,  /* of row r */
                                const guint8 *fourth, /* of row r + 4 */
                                Ints          values[2]);

/* Step and offset of the LANES rows' blocks at rows[] + @at. */
typedef void (*BlocksStepsFunc) (const guint8 *const rows[LANES],
                                 gsize               at,
                                 Group              *group);

typedef struct
{
  GroupKind       kind;
  gsize           block_bytes;
  BlocksReadFunc  read;
  BlocksStepsFunc read_steps;
} BlocksFormat;

/* The four bytes at @at of each row in its lane. Loads that fill a vector and blends, since to insert lane by
 * lane is a chain. */
static inline __attribute__ ((always_inline)) Ints
blocks_read_words (const guint8 *const rows[LANES],
                   gsize               at)
{
  Ints a = _mm256_blend_epi32 (ints_broadcast (rows[0] + at), ints_broadcast (rows[1] + at), 0x02);
  Ints b = _mm256_blend_epi32 (ints_broadcast (rows[2] + at), ints_broadcast (rows[3] + at), 0x08);
  Ints c = _mm256_blend_epi32 (ints_broadcast (rows[4] + at), ints_broadcast (rows[5] + at), 0x20);
  Ints d = _mm256_blend_epi32 (ints_broadcast (rows[6] + at), ints_broadcast (rows[7] + at), 0x80);

  return _mm256_blend_epi32 (_mm256_blend_epi32 (a, b, 0x0c), _mm256_blend_epi32 (c, d, 0xc0), 0xf0);
}

static inline __attribute__ ((always_inline)) Ints
blocks_load_pair (const guint8 *low,
                  const guint8 *high)
{
  return _mm256_inserti128_si256 (_mm256_castsi128_si256 (_mm_loadu_si128 ((const __m128i *) low)),
                                  _mm_loadu_si128 ((const __m128i *) high), 1);
}

static inline __attribute__ ((always_inline)) void
blocks_split_nibbles (const guint8 *low,
                      const guint8 *high,
                      Ints          values[2])
{
  const Ints mask = ints_set (0x0f0f0f0f);
  Ints packed = blocks_load_pair (low, high);

  values[0] = ints_and (packed, mask);
  values[1] = ints_and (ints_shift_right (packed, 4), mask);
}

static inline __attribute__ ((always_inline)) void
blocks_read_mxfp4 (const guint8 *block,
                   const guint8 *fourth,
                   Ints          values[2])
{
  blocks_split_nibbles (block + 1, fourth + 1, values);
  values[0] = ints_shuffle (mxfp4_table (), values[0]);
  values[1] = ints_shuffle (mxfp4_table (), values[1]);
}

/* The bits of 2^(e - 128), a denormal below e = 2, as moe_mxfp4_step_bits() has them. */
static inline __attribute__ ((always_inline)) void
blocks_steps_mxfp4 (const guint8 *const rows[LANES],
                    gsize               at,
                    Group              *group)
{
  Ints e = ints_and (ints_shift_left (blocks_read_words (rows, at), 23), ints_set (0x7f800000));
  Ints denormal = ints_add (_mm256_min_epi32 (ints_shift_right (e, 2), ints_set (0x00200000)),
                            ints_set (0x00200000));

  group->step = _mm256_castsi256_ps (_mm256_max_epi32 (ints_sub (e, ints_set (0x00800000)), denormal));
}

static inline __attribute__ ((always_inline)) void
blocks_read_q4_0 (const guint8 *block,
                  const guint8 *fourth,
                  Ints          values[2])
{
  blocks_split_nibbles (block + 2, fourth + 2, values);
}

static inline __attribute__ ((always_inline)) Floats
blocks_read_halves (const guint8 *const rows[LANES],
                    gsize               at)
{
  return floats_from_halves (ints_and (blocks_read_words (rows, at), ints_set (0xffff)));
}

static inline __attribute__ ((always_inline)) void
blocks_steps_q4_0 (const guint8 *const rows[LANES],
                   gsize               at,
                   Group              *group)
{
  group->step = blocks_read_halves (rows, at);
  group->offset = floats_mul (group->step, floats_set (8.f));
}

/* Step and least value are halves side by side. */
static inline __attribute__ ((always_inline)) void
blocks_steps_and_least (const guint8 *const rows[LANES],
                        gsize               at,
                        Group              *group)
{
  Ints both = blocks_read_words (rows, at);

  group->step = floats_from_halves (ints_and (both, ints_set (0xffff)));
  group->offset = floats_mul (floats_from_halves (ints_shift_right (both, 16)), floats_set (-1.f));
}

static inline __attribute__ ((always_inline)) void
blocks_read_q4_1 (const guint8 *block,
                  const guint8 *fourth,
                  Ints          values[2])
{
  blocks_split_nibbles (block + 4, fourth + 4, values);
}

/* @low and @high: four bytes with the fifth bits, then the nibbles. */
static inline __attribute__ ((always_inline)) void
blocks_read_five_bits (const guint8 *low,
                       const guint8 *high,
                       Ints          values[2])
{
  const Ints bit = _mm256_set1_epi64x ((gint64) 0x8040201008040201), fifth = ints_set (0x10101010);
  Ints bits = _mm256_blend_epi32 (ints_broadcast (low), ints_broadcast (high), 0xf0);

  blocks_split_nibbles (low + 4, high + 4, values);
#pragma GCC unroll 2
  for (gint half = 0; half < 2; half++)
    {
      /* Byte i keeps bit i % 8 of byte i / 8 of its half. */
      const gint first = half == 0 ? 0 : 0x02020202, second = first + 0x01010101;
      Ints one = ints_and (ints_shuffle (bits, ints_set4 (first, first, second, second)), bit);

      values[half] = ints_or (values[half], ints_and (_mm256_cmpeq_epi8 (one, bit), fifth));
    }
}

static inline __attribute__ ((always_inline)) void
blocks_read_q5_0 (const guint8 *block,
                  const guint8 *fourth,
                  Ints          values[2])
{
  blocks_read_five_bits (block + 2, fourth + 2, values);
}

static inline __attribute__ ((always_inline)) void
blocks_steps_q5_0 (const guint8 *const rows[LANES],
                   gsize               at,
                   Group              *group)
{
  group->step = blocks_read_halves (rows, at);
  group->offset = floats_mul (group->step, floats_set (16.f));
}

static inline __attribute__ ((always_inline)) void
blocks_read_q5_1 (const guint8 *block,
                  const guint8 *fourth,
                  Ints          values[2])
{
  blocks_read_five_bits (block + 4, fourth + 4, values);
}

/* Group @g of a chunk, whose blocks are at rows[] + @at. */
static inline __attribute__ ((always_inline)) Floats
blocks_add_group (const BlocksFormat  *format,
                  const guint8 *const  rows[LANES],
                  gsize                at,
                  const MoeInt8Chunk  *x,
                  gsize                g,
                  Floats               total)
{
  const Ints first = pairs_broadcast (x->q + 32 * g), second = pairs_broadcast (x->q + 32 * g + 16);
  Ints p[4], dots;
  Group group;

#pragma GCC unroll 4
  for (guint r = 0; r < 4; r++)
    {
      Ints values[2];

      format->read (rows[r] + at, rows[r + 4] + at, values);
      p[r] = _mm256_add_epi16 (_mm256_maddubs_epi16 (values[0], first),
                               _mm256_maddubs_epi16 (values[1], second));
    }
  dots = pairs_sum (format->kind, p);
  if (format->kind == GROUP_12)
    dots = ints_sub (dots, ints_madd16 (_mm256_set1_epi16 (12), ints_broadcast (x->sum16 + 2 * g)));
  format->read_steps (rows, at, &group);
  if (format->kind != GROUP_12)
    total = floats_fnma (group.offset, floats_set (x->sum[g]), total);
  return floats_fma (ints_to_floats (dots), floats_mul (group.step, floats_set (x->scale[g])), total);
}

static inline __attribute__ ((always_inline)) void
multiply_blocks (const BlocksFormat *format,
                 const guint8       *w,
                 gsize               n,
                 gsize               row_begin,
                 gsize               row_end,
                 const MoeInt8Chunk *x,
                 float              *y)
{
  const gsize n_groups = n / MOE_Q32, row_bytes = n_groups * format->block_bytes;

  for (gsize line = 0; line < MIN (LANES, row_end - row_begin) * row_bytes; line += 64)
    __builtin_prefetch (w + row_begin * row_bytes + line, 0, 2);
  for (gsize row = row_begin; row < row_end; row += LANES)
    {
      gsize n_rows = MIN (LANES, row_end - row), g = 0;
      /* The next rows lie behind these and are fetched meanwhile. */
      const guint8 *ahead = w + (row + LANES) * row_bytes, *rows[LANES];
      Floats acc[2] = { floats_zero (), floats_zero () };

      /* Lanes beyond the last row repeat it; they are not stored. */
      for (gsize r = 0; r < LANES; r++)
        rows[r] = w + (row + MIN (r, n_rows - 1)) * row_bytes;
      for (; g + 2 <= n_groups; g += 2)
        {
          const MoeInt8Chunk *chunk = x + g / 8;
          gsize at = g * format->block_bytes;

#pragma GCC unroll 8
          for (gsize line = 0; line < 2 * LANES * format->block_bytes; line += 64)
            __builtin_prefetch (ahead + LANES * at + line, 0, 2);
          acc[0] = blocks_add_group (format, rows, at, chunk, g % 8, acc[0]);
          acc[1] = blocks_add_group (format, rows, at + format->block_bytes, chunk, g % 8 + 1, acc[1]);
        }
      if (g < n_groups)
        acc[0] = blocks_add_group (format, rows, g * format->block_bytes, x + g / 8, g % 8, acc[0]);
      lanes_store (y + row, floats_add (acc[0], acc[1]), n_rows);
    }
}
