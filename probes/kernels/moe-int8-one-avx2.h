/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-pairs-avx2.h"

/* The integer kernels for one token with AVX2: same integers and same order of floats as moe-int8-body.h.
 * What counts is that memory is read in its order: the integer sums of a row's groups are made row by row,
 * and only the few floats of eight rows are then added up side by side. */

/* Chunks of 256 values whose sums are kept between the two steps. */
#define ONE_CHUNKS 32

/* Memory is asked for this far ahead. */
#define ONE_AHEAD 2048

/* The eight groups' integer sums of a chunk, one a lane. */
typedef Ints (*RowSumsFunc) (const guint8 *block,
                             const gint8  *q);

typedef struct
{
  GroupKind     kind;
  gsize         chunk_bytes; /* of 256 values */
  ReadHeadFunc  read_head;
  ReadStepsFunc read_steps;
  RowSumsFunc   row_sums;
} OneFormat;

/* p[g] has eight sums of group g: adds up each group's. Not by hadd, which takes longer than what it
 * consists of. */
static inline __attribute__ ((always_inline)) Ints
one_sum_ints (const Ints p[8])
{
  Ints a[4], b[2];

#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    a[i] = ints_add (_mm256_unpacklo_epi64 (p[2 * i], p[2 * i + 1]),
                     _mm256_unpackhi_epi64 (p[2 * i], p[2 * i + 1]));
#pragma GCC unroll 2
  for (guint i = 0; i < 2; i++)
    b[i] = ints_add (pairs_lanes (a[2 * i], a[2 * i + 1], 0), pairs_lanes (a[2 * i], a[2 * i + 1], 1));
  return ints_add (_mm256_permute2x128_si256 (b[0], b[1], 0x20),
                   _mm256_permute2x128_si256 (b[0], b[1], 0x31));
}

static inline __attribute__ ((always_inline)) Ints
load_ints (const void *bytes)
{
  return _mm256_loadu_si256 (bytes);
}

static inline __attribute__ ((always_inline)) Ints
row_sums_q6_k (const guint8 *block,
               const gint8  *q)
{
  const Ints low = ints_set (0x0f0f0f0f), high = ints_set (0x30303030);
  /* The scales of the groups' first halves, then those of the second halves. */
  __m128i bytes = _mm_shuffle_epi8 (_mm_loadu_si128 ((const __m128i *) (block + 192)),
                                    _mm_setr_epi8 (0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
  Ints scales = _mm256_cvtepi8_epi16 (bytes), p[8];

#pragma GCC unroll 2
  for (guint half = 0; half < 2; half++)
    {
      Ints bits = load_ints (block + 128 + 32 * half);

#pragma GCC unroll 2
      for (guint run = 0; run < 2; run++)
        {
          Ints packed = load_ints (block + 64 * half + 32 * run);
          Ints w[2] = {
            ints_or (ints_and (packed, low), ints_and (ints_shift_left (bits, 4), high)),
            ints_or (ints_and (ints_shift_right (packed, 4), low), ints_and (bits, high)),
          };

          bits = ints_shift_right (bits, 2);
#pragma GCC unroll 2
          for (guint i = 0; i < 2; i++)
            {
              const guint g = 4 * half + run + 2 * i;
              Ints scale = ints_shuffle (scales, _mm256_set1_epi16 ((gint16) (2 * g | (2 * g + 1) << 8)));

              p[g] = _mm256_madd_epi16 (_mm256_maddubs_epi16 (w[i], load_ints (q + 32 * g)), scale);
            }
        }
    }
  return one_sum_ints (p);
}

/* The products of 32 signed weights in 32 bits: |w| with x carrying w's sign. */
static inline __attribute__ ((always_inline)) Ints
one_signed (Ints         w,
            const gint8 *q)
{
  Ints x = _mm256_sign_epi8 (load_ints (q), w);

  return _mm256_madd_epi16 (_mm256_maddubs_epi16 (_mm256_abs_epi8 (w), x), _mm256_set1_epi16 (1));
}

static inline __attribute__ ((always_inline)) Ints
row_sums_q8_0 (const guint8 *block,
               const gint8  *q)
{
  Ints p[8];

#pragma GCC unroll 8
  for (guint g = 0; g < 8; g++)
    p[g] = one_signed (load_ints (block + sizeof (MoeBlockQ8_0) * g + 2), q + 32 * g);
  return one_sum_ints (p);
}

/* out[g] has lane g of rows[r] in lane r. */
static inline __attribute__ ((always_inline)) void
one_transpose (const Ints rows[8],
               Ints       out[8])
{
  Ints a[8], b[8];

#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      a[2 * i] = _mm256_unpacklo_epi32 (rows[2 * i], rows[2 * i + 1]);
      a[2 * i + 1] = _mm256_unpackhi_epi32 (rows[2 * i], rows[2 * i + 1]);
    }
#pragma GCC unroll 2
  for (guint i = 0; i < 2; i++)
    {
      b[4 * i] = _mm256_unpacklo_epi64 (a[4 * i], a[4 * i + 2]);
      b[4 * i + 1] = _mm256_unpackhi_epi64 (a[4 * i], a[4 * i + 2]);
      b[4 * i + 2] = _mm256_unpacklo_epi64 (a[4 * i + 1], a[4 * i + 3]);
      b[4 * i + 3] = _mm256_unpackhi_epi64 (a[4 * i + 1], a[4 * i + 3]);
    }
#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      out[i] = _mm256_permute2x128_si256 (b[i], b[4 + i], 0x20);
      out[4 + i] = _mm256_permute2x128_si256 (b[i], b[4 + i], 0x31);
    }
}

/* Adds the floats of the first @n_groups groups of a chunk; rows[] point at its blocks. */
static inline __attribute__ ((always_inline)) void
one_add (const OneFormat     *format,
         const guint8 *const  rows[LANES],
         const Ints           sums[LANES],
         const MoeInt8Chunk  *x,
         guint                n_groups,
         Floats               acc[2])
{
  Ints dots[8];
  Head head;

  one_transpose (sums, dots);
  format->read_head (rows, &head);
#pragma GCC unroll 8
  for (guint g = 0; g < 8; g++)
    {
      Floats total = acc[g % 2];
      Ints dot = dots[g];
      Group group;

      if (g >= n_groups)
        break;
      format->read_steps (rows, &head, g, &group);
      if (format->kind == GROUP_3 || format->kind == GROUP_6)
        {
          Ints sums16 = ints_madd16 (group.scales, ints_broadcast (x->sum16 + 2 * g));

          dot = ints_sub (dot, ints_shift_left (sums16, format->kind == GROUP_3 ? 2 : 5));
        }
      if (format->kind == GROUP_2)
        {
          Ints mins = ints_madd16 (group.mins, ints_broadcast (x->sum16 + 2 * g));

          total = floats_fnma (floats_mul (group.offset, floats_set (x->scale[g])), ints_to_floats (mins),
                               total);
        }
      if (format->kind == GROUP_4 || format->kind == GROUP_5)
        total = floats_fnma (group.offset, floats_set (x->sum[g]), total);
      acc[g % 2] = floats_fma (ints_to_floats (dot), floats_mul (group.step, floats_set (x->scale[g])),
                               total);
    }
}

/* A row's last chunk when it is shorter: the missing values are zeros, and what is read stays in the row. */
static inline __attribute__ ((always_inline)) Ints
one_short_sums (const OneFormat *format,
                const guint8 *block,
                const gint8  *q,
                guint         n_groups)
{
  guint8 copy[8 * sizeof (MoeBlockQ8_0)] = { 0 };

  memcpy (copy, block, n_groups * format->chunk_bytes / 8);
  return format->row_sums (copy, q);
}

static inline __attribute__ ((always_inline)) void
multiply_one (const OneFormat    *format,
              const guint8       *w,
              gsize               n,
              gsize               row_begin,
              gsize               row_end,
              const MoeInt8Chunk *x,
              float              *y)
{
  const gsize row_bytes = n * format->chunk_bytes / MOE_QK, n_chunks = (n + MOE_QK - 1) / MOE_QK;
  Ints sums[ONE_CHUNKS][LANES];

  for (gsize row = row_begin; row < row_end; row += LANES)
    {
      gsize n_rows = MIN (LANES, row_end - row);
      const guint8 *first = w + row * row_bytes;
      Floats acc[2] = { floats_zero (), floats_zero () };

      for (gsize c0 = 0; c0 < n_chunks; c0 += ONE_CHUNKS)
        {
          gsize c_end = MIN (c0 + ONE_CHUNKS, n_chunks);

          for (gsize r = 0; r < LANES; r++)
            for (gsize c = c0; c < c_end; c++)
              {
                /* Lanes beyond the last row repeat it; they are not stored. */
                const guint8 *block = first + MIN (r, n_rows - 1) * row_bytes + c * format->chunk_bytes;
                guint n_groups = (guint) (MIN (MOE_QK, n - c * MOE_QK) / 32);

#pragma GCC unroll 8
                for (gsize line = 0; line < format->chunk_bytes; line += 64)
                  __builtin_prefetch (block + ONE_AHEAD + line);
                sums[c - c0][r] = n_groups == 8 ? format->row_sums (block, x[c].q)
                                                : one_short_sums (format, block, x[c].q, n_groups);
              }
          for (gsize c = c0; c < c_end; c++)
            {
              const guint8 *rows[LANES];
              guint n_groups = (guint) (MIN (MOE_QK, n - c * MOE_QK) / 32);

              for (gsize r = 0; r < LANES; r++)
                rows[r] = first + MIN (r, n_rows - 1) * row_bytes + c * format->chunk_bytes;
              if (n_groups == 8)
                one_add (format, rows, sums[c - c0], x + c, 8, acc);
              else
                one_add (format, rows, sums[c - c0], x + c, n_groups, acc);
            }
        }
      lanes_store (y + row, floats_add (acc[0], acc[1]), n_rows);
    }
}
