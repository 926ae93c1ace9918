/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-tile-avx2.h"

/* The integer kernels for several tokens with AVX2, for formats whose values are signed bytes: same integers
 * and same order of floats as moe-int8-body.h.
 *
 * Products of two signed bytes leave no room to add a third in 16 bits, and a change of sign for each costs
 * as much as it gains. So both sides are widened to words once, the weights for a tile of tokens and the
 * activations for many rows, and multiplied as in a product of dense matrices: two vectors of eight rows by
 * four tokens stay in registers over a group, so that a load serves three products. A lane has the first and
 * third or the second and fourth of four neighbouring values. */

#define WORDS_STRIPES 2
#define WORDS_ROWS    (WORDS_STRIPES * LANES)
#define WORDS_TOKENS  4   /* in registers */
#define WORDS_CHUNKS  256 /* chunks of a token that are laid out at a time: 136 kB of a second-level cache */

/* One group of WORDS_TOKENS tokens. */
typedef struct
{
  gint32 pairs[16][WORDS_TOKENS];
  float  scale[WORDS_TOKENS];
} WordsQuad;

/* Lays out the groups of chunk @chunk of @n_tokens <= WORDS_TOKENS tokens, @stride quads apart; tokens beyond
 * repeat the last. */
static inline __attribute__ ((always_inline)) void
words_fill (const void *const *x,
            gsize              chunk,
            gsize              n_tokens,
            WordsQuad         *quad,
            gsize              stride)
{
  const MoeInt8Chunk *from[WORDS_TOKENS];

  for (gsize t = 0; t < WORDS_TOKENS; t++)
    {
      from[t] = (const MoeInt8Chunk *) x[MIN (t, n_tokens - 1)] + chunk;
      for (guint g = 0; g < 8; g++)
        quad[g * stride].scale[t] = from[t]->scale[g];
    }
  for (guint g = 0; g < 8; g++, quad += stride)
    for (guint odd = 0; odd < 2; odd++)
      {
        Ints v[WORDS_TOKENS], a[4];

        for (gsize t = 0; t < WORDS_TOKENS; t++)
          {
            v[t] = _mm256_loadu_si256 ((const __m256i *) (from[t]->q + 32 * g));
            v[t] = _mm256_srai_epi16 (odd ? v[t] : _mm256_slli_epi16 (v[t], 8), 8);
          }
        a[0] = _mm256_unpacklo_epi32 (v[0], v[1]);
        a[1] = _mm256_unpackhi_epi32 (v[0], v[1]);
        a[2] = _mm256_unpacklo_epi32 (v[2], v[3]);
        a[3] = _mm256_unpackhi_epi32 (v[2], v[3]);
        v[0] = _mm256_unpacklo_epi64 (a[0], a[2]);
        v[1] = _mm256_unpackhi_epi64 (a[0], a[2]);
        v[2] = _mm256_unpacklo_epi64 (a[1], a[3]);
        v[3] = _mm256_unpackhi_epi64 (a[1], a[3]);
        for (guint i = 0; i < 4; i++)
          {
            _mm_store_si128 ((__m128i *) quad->pairs[8 * odd + i], _mm256_castsi256_si128 (v[i]));
            _mm_store_si128 ((__m128i *) quad->pairs[8 * odd + i + 4], _mm256_extracti128_si256 (v[i], 1));
          }
      }
}

/* Adds a group of @n_tokens tokens with 16 rows to acc (n_tokens, WORDS_STRIPES). Inlined with a constant
 * @n_tokens, so that all sums stay in registers. */
static inline __attribute__ ((always_inline)) void
words_multiply_of (Ints         (*w)[16], /* (WORDS_STRIPES) */
                   const Floats  *step,   /* (WORDS_STRIPES) */
                   const gint32 (*pairs)[WORDS_TOKENS],
                   const float   *scale,
                   guint          n_tokens,
                   Floats        *acc)
{
  Ints sum[WORDS_STRIPES][WORDS_TOKENS];

#pragma GCC unroll 16
  for (guint k = 0; k < 16; k++)
    {
      Ints weights[WORDS_STRIPES];

#pragma GCC unroll 2
      for (guint s = 0; s < WORDS_STRIPES; s++)
        {
          weights[s] = w[s][k];
          STEP (weights[s]);
        }
#pragma GCC unroll 4
      for (guint t = 0; t < n_tokens; t++)
        {
          Ints values = _mm256_set1_epi32 (pairs[k][t]);

          STEP (values);
#pragma GCC unroll 2
          for (guint s = 0; s < WORDS_STRIPES; s++)
            {
              Ints product = _mm256_madd_epi16 (weights[s], values);

              sum[s][t] = k == 0 ? product : ints_add (sum[s][t], product);
              STEP (sum[s][t]);
            }
        }
    }
#pragma GCC unroll 4
  for (guint t = 0; t < n_tokens; t++)
#pragma GCC unroll 2
    for (guint s = 0; s < WORDS_STRIPES; s++)
      acc[t * WORDS_STRIPES + s] = floats_fma (ints_to_floats (sum[s][t]),
                                               floats_mul (step[s], floats_set (scale[t])),
                                               acc[t * WORDS_STRIPES + s]);
}

/* A group of all tokens; quad (n_tokens / WORDS_TOKENS, rounded up). */
static inline __attribute__ ((always_inline)) void
words_multiply (Ints           (*w)[16],
                const Floats    *step,
                const WordsQuad *quad,
                gsize            n_tokens,
                Floats          *acc)
{
  gsize t = 0;

  for (; t + WORDS_TOKENS <= n_tokens; t += WORDS_TOKENS, quad++)
    words_multiply_of (w, step, quad->pairs, quad->scale, WORDS_TOKENS, acc + t * WORDS_STRIPES);
  acc += t * WORDS_STRIPES;
  switch (n_tokens - t)
    {
    case 1:
      words_multiply_of (w, step, quad->pairs, quad->scale, 1, acc);
      break;
    case 2:
      words_multiply_of (w, step, quad->pairs, quad->scale, 2, acc);
      break;
    case 3:
      words_multiply_of (w, step, quad->pairs, quad->scale, 3, acc);
      break;
    default:
      break;
    }
}

/* The first @n_groups groups of a chunk of 16 rows; acc (2, n_tokens, WORDS_STRIPES). */
static inline __attribute__ ((always_inline)) void
words_chunk (const TileFormat *format,
             const guint8     *rows[WORDS_ROWS],
             const guint8     *ahead, /* as many bytes as these rows' chunks have, fetched evenly */
             const WordsQuad  *quads, /* (8, n_quads) */
             gsize             n_quads,
             guint             n_groups,
             gsize             n_tokens,
             Floats           *acc)
{
  Head head[WORDS_STRIPES];

  for (guint s = 0; s < WORDS_STRIPES; s++)
    format->read_head (rows + s * LANES, &head[s]);
#pragma GCC unroll 1
  for (guint g = 0; g < n_groups; g++)
    {
      Ints w[WORDS_STRIPES][16];
      Floats step[WORDS_STRIPES];

      for (gsize byte = 0; byte < WORDS_ROWS * format->chunk_bytes / 8; byte += 64)
        __builtin_prefetch (ahead + g * (WORDS_ROWS * format->chunk_bytes / 8) + byte);
#pragma GCC unroll 1
      for (guint s = 0; s < WORDS_STRIPES; s++)
        {
          Group group;

          format->unpack (rows + s * LANES, g, NULL, w[s]);
          format->read_steps (rows + s * LANES, &head[s], g, &group);
          step[s] = group.step;
        }
      words_multiply (w, step, quads + g * n_quads, n_tokens, acc + g % 2 * n_tokens * WORDS_STRIPES);
    }
}

/* @n_rows <= TILE8_ROWS rows from @w on with @n_tokens <= TILE8_TOKENS tokens. */
static inline __attribute__ ((always_inline)) void
words_rows (const TileFormat  *format,
            const guint8      *w,
            gsize              n,
            gsize              n_rows,
            const void *const *x,
            float      *const *y, /* (n_tokens) */
            gsize              y_first,
            gsize              n_tokens)
{
  const gsize row_bytes = n * format->chunk_bytes / MOE_QK, n_chunks = (n + MOE_QK - 1) / MOE_QK;
  const gsize n_quads = (n_tokens + WORDS_TOKENS - 1) / WORDS_TOKENS;
  const gsize n_pairs = (n_rows + WORDS_ROWS - 1) / WORDS_ROWS;
  /* Chunks that are laid out at a time. */
  const gsize step = WORDS_CHUNKS / (n_quads * WORDS_TOKENS);
  WordsQuad quads[WORDS_CHUNKS / WORDS_TOKENS * 8] __attribute__ ((aligned (64)));
  Floats acc[TILE8_ROWS / WORDS_ROWS][2 * TILE8_TOKENS * WORDS_STRIPES];

  for (gsize p = 0; p < n_pairs; p++)
    for (gsize i = 0; i < 2 * n_tokens * WORDS_STRIPES; i++)
      acc[p][i] = floats_zero ();

  for (gsize c0 = 0; c0 < n_chunks; c0 += step)
    {
      gsize c_end = MIN (c0 + step, n_chunks);

      for (gsize q = 0; q < n_quads; q++)
        for (gsize c = c0; c < c_end; c++)
          words_fill (x + q * WORDS_TOKENS, c, MIN (WORDS_TOKENS, n_tokens - q * WORDS_TOKENS),
                      quads + (c - c0) * 8 * n_quads + q, n_quads);
      for (gsize p = 0; p < n_pairs; p++)
        for (gsize c = c0; c < c_end; c++)
          {
            const guint8 *rows[WORDS_ROWS];
            const guint8 *ahead = w + (p + 1) * WORDS_ROWS * row_bytes + c * WORDS_ROWS * format->chunk_bytes;

            /* Lanes beyond the last row repeat it; they are not stored. */
            for (gsize r = 0; r < WORDS_ROWS; r++)
              rows[r] = w + MIN (p * WORDS_ROWS + r, n_rows - 1) * row_bytes + c * format->chunk_bytes;
            words_chunk (format, rows, ahead, quads + (c - c0) * 8 * n_quads, n_quads,
                         (guint) (MIN (MOE_QK, n - c * MOE_QK) / 32), n_tokens, acc[p]);
          }
    }

  for (gsize p = 0; p < n_pairs; p++)
    for (gsize t = 0; t < n_tokens; t++)
      for (gsize s = 0; s < WORDS_STRIPES && p * WORDS_ROWS + s * LANES < n_rows; s++)
        {
          gsize row = p * WORDS_ROWS + s * LANES, at = t * WORDS_STRIPES + s;

          lanes_store (y[t] + y_first + row,
                       floats_add (acc[p][at], acc[p][n_tokens * WORDS_STRIPES + at]),
                       MIN (LANES, n_rows - row));
        }
}

static inline __attribute__ ((always_inline)) void
multiply_words (const TileFormat   *format,
                const guint8       *w,
                gsize               n,
                gsize               row_begin,
                gsize               row_end,
                const void *const  *x,
                float       *const *y,
                gsize               n_tokens)
{
  const gsize row_bytes = n * format->chunk_bytes / MOE_QK;
  /* Tiles of about the same size, of whole quads. */
  gsize n_tiles = (n_tokens + TILE8_TOKENS - 1) / TILE8_TOKENS;
  gsize n_tile = ((n_tokens + n_tiles - 1) / n_tiles + WORDS_TOKENS - 1) / WORDS_TOKENS * WORDS_TOKENS;

  for (gsize row = row_begin; row < row_end; row += TILE8_ROWS)
    for (gsize t = 0; t < n_tokens; t += n_tile)
      words_rows (format, w + row * row_bytes, n, MIN (TILE8_ROWS, row_end - row), x + t, y + t, row,
                  MIN (n_tile, n_tokens - t));
}
