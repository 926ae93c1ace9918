/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-avx2.h"

/* Q4_K and Q5_K for one token with AVX2: same integers and same order of floats as moe-int8-body.h. Their
 * kernel of one row after the other (moe-int8-one-avx2.h) has more to add up within vectors than to
 * multiply. Here a vector holds 16 bytes of row r and of row r + 4, so that what is left to add up across
 * lanes ends in the order of the rows, where the floats want it. Memory is asked for in its order. */

/* 16 bytes, twice. */
static inline __attribute__ ((always_inline)) Ints
pairs_broadcast (const gint8 *bytes)
{
  return _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *) bytes));
}

/* In every 128 bits: 64 of sums of @a, then 64 of sums of @b, in 16 bits each. */
static inline __attribute__ ((always_inline)) Ints
pairs_merge_64 (Ints a,
                Ints b)
{
  return _mm256_add_epi16 (_mm256_unpacklo_epi64 (a, b), _mm256_unpackhi_epi64 (a, b));
}

/* The 32-bit lanes of @a and @b with even (@odd 0) or odd numbers. */
static inline __attribute__ ((always_inline)) Ints
pairs_lanes (Ints      a,
             Ints      b,
             const int odd)
{
  const Floats x = _mm256_castsi256_ps (a), y = _mm256_castsi256_ps (b);

  return _mm256_castps_si256 (odd ? _mm256_shuffle_ps (x, y, 0xdd) : _mm256_shuffle_ps (x, y, 0x88));
}

/* p[r]: eight sums in 16 bits of row r, and in the upper half of row r + 4, of four products each. The sums
 * of 16 products fit into 16 bits with 4-bit weights, those of 8 with 5 bits. */
static inline __attribute__ ((always_inline)) Ints
pairs_sum (GroupKind  kind,
           const Ints p[4])
{
  const Ints ones = _mm256_set1_epi16 (1);
  Ints a = pairs_merge_64 (p[0], p[1]), b = pairs_merge_64 (p[2], p[3]);

  if (kind == GROUP_4)
    return _mm256_madd_epi16 (_mm256_add_epi16 (pairs_lanes (a, b, 0), pairs_lanes (a, b, 1)), ones);
  a = _mm256_madd_epi16 (a, ones);
  b = _mm256_madd_epi16 (b, ones);
  return ints_add (pairs_lanes (a, b, 0), pairs_lanes (a, b, 1));
}

/* Bit @bit of each byte goes to bit 4; others are to be masked. */
static inline __attribute__ ((always_inline)) Ints
pairs_move_bit (Ints        bits,
                const guint bit)
{
  return bit < 4 ? ints_shift_left (bits, 4 - bit) : ints_shift_right (bits, bit - 4);
}

/* The integer dot products of groups 2 @pair and 2 @pair + 1; @at: where their 32 bytes are. */
static inline __attribute__ ((always_inline)) void
pairs_dots (GroupKind           kind,
            const guint8 *const rows[LANES],
            gsize               at,
            guint               pair,
            const gint8        *q,
            Ints                dots[2])
{
  const Ints low = ints_set (0x0f0f0f0f), fifth = ints_set (0x10101010);
  Ints first[4], second[4];

#pragma GCC unroll 2
  for (guint half = 0; half < 2; half++)
    {
      const Ints x = pairs_broadcast (q + 64 * pair + 16 * half);
      const Ints y = pairs_broadcast (q + 64 * pair + 32 + 16 * half);
      Ints packed[4], bits[4];

      lanes_read_pairs (rows, at + 16 * half, packed);
      if (kind == GROUP_5)
        lanes_read_pairs (rows, 16 + 16 * half, bits);
#pragma GCC unroll 4
      for (guint r = 0; r < 4; r++)
        {
          Ints w = ints_and (packed[r], low), v = ints_and (ints_shift_right (packed[r], 4), low);

          if (kind == GROUP_5)
            {
              w = ints_or (w, ints_and (pairs_move_bit (bits[r], 2 * pair), fifth));
              v = ints_or (v, ints_and (pairs_move_bit (bits[r], 2 * pair + 1), fifth));
            }
          w = _mm256_maddubs_epi16 (w, x);
          v = _mm256_maddubs_epi16 (v, y);
          first[r] = half == 0 ? w : _mm256_add_epi16 (first[r], w);
          second[r] = half == 0 ? v : _mm256_add_epi16 (second[r], v);
        }
    }
  dots[0] = pairs_sum (kind, first);
  dots[1] = pairs_sum (kind, second);
}

static inline __attribute__ ((always_inline)) void
multiply_pairs (GroupKind           kind,
                gsize               block_bytes,
                const guint8       *w,
                gsize               n,
                gsize               row_begin,
                gsize               row_end,
                const MoeInt8Chunk *x,
                float              *y)
{
  const gsize row_bytes = n / MOE_QK * block_bytes, quants = kind == GROUP_5 ? 48 : 16;

  for (gsize line = 0; line < MIN (LANES, row_end - row_begin) * row_bytes; line += 64)
    __builtin_prefetch (w + row_begin * row_bytes + line, 0, 2);
  for (gsize row = row_begin; row < row_end; row += LANES)
    {
      gsize n_rows = MIN (LANES, row_end - row);
      /* The next rows lie behind these and are fetched meanwhile. */
      const guint8 *ahead = w + (row + LANES) * row_bytes, *rows[LANES];
      Floats acc[2] = { floats_zero (), floats_zero () };

      /* Lanes beyond the last row repeat it; they are not stored. */
      for (gsize r = 0; r < LANES; r++)
        rows[r] = w + (row + MIN (r, n_rows - 1)) * row_bytes;
      for (gsize c = 0; c < n / MOE_QK; c++, ahead += LANES * block_bytes)
        {
          Head head;

#pragma GCC unroll 32
          for (gsize line = 0; line < LANES * block_bytes; line += 64)
            __builtin_prefetch (ahead + line, 0, 2);
          read_head_k (rows, &head);
#pragma GCC unroll 4
          for (guint pair = 0; pair < 4; pair++)
            {
              Ints dots[2];

              pairs_dots (kind, rows, quants + 32 * pair, pair, x[c].q, dots);
#pragma GCC unroll 2
              for (guint i = 0; i < 2; i++)
                {
                  const guint g = 2 * pair + i;
                  Floats total;
                  Group group;

                  set_k_steps (&head, g, &group);
                  total = floats_fnma (group.offset, floats_set (x[c].sum[g]), acc[i]);
                  acc[i] = floats_fma (ints_to_floats (dots[i]),
                                       floats_mul (group.step, floats_set (x[c].scale[g])), total);
                }
            }
          for (gsize r = 0; r < LANES; r++)
            rows[r] += block_bytes;
        }
      lanes_store (y + row, floats_add (acc[0], acc[1]), n_rows);
    }
}
