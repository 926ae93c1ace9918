/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-avx2.h"

/* The integer kernels for several tokens with AVX2: same integers and same order of floats as
 * moe-int8-body.h, arranged for a processor that has more multipliers than ports to feed them.
 *
 * Eight rows are multiplied side by side. Vector k holds in lane r four values of row r, those from
 * 4 ((r + k) % 8) of a group: a diagonal. It wants the activations turned by k lanes, which is a load
 * k lanes further from a copy of the group that stands twice in one cache line. So a product is one
 * instruction with its operand in memory, and nothing is shuffled. The copies are made for a tile of tokens
 * and a few chunks of the row, which stay in the second-level cache and serve up to 256 rows. */

#define TILE8_ROWS  (32 * LANES)
#define TILE8_BYTES (80 * 1024) /* of lines and sides */
#define TILE8_TOKENS 128        /* unpacking takes as long as 6 to 8 tokens */

typedef struct
{
  gint8 q[64];
} TileLine;

/* What else a token has for a group. */
typedef struct
{
  float  scale, sum;
  gint32 sums16;  /* two of 16 bits */
  gint32 minus12; /* GROUP_12: -12 times the sum of the integers */
} TileSide;

/* Lines of a token and group: turned by bytes they hold all 32 values twice; Q2_K, Q3_K and Q6_K want 16
 * values three times, as each half has its own scale. */
static inline __attribute__ ((always_inline)) guint
tile_lines (GroupKind kind)
{
  return group_has_halves (kind) ? 2 : 1;
}

static inline __attribute__ ((always_inline)) void
tile_fill (GroupKind           kind,
           const MoeInt8Chunk *a,
           guint               g,
           TileLine           *line,
           TileSide           *side)
{
  const gint8 *q = a->q + 32 * g;

  for (guint half = 0; half < 2 && group_has_halves (kind); half++)
    {
      __m256i twice = _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *) (q + 16 * half)));

      _mm256_store_si256 ((__m256i *) line[half].q, twice);
      _mm_store_si128 ((__m128i *) (line[half].q + 32), _mm256_castsi256_si128 (twice));
    }
  if (!group_has_halves (kind))
    {
      __m256i bytes = _mm256_loadu_si256 ((const __m256i *) q);

      _mm256_store_si256 ((__m256i *) line->q, bytes);
      _mm256_store_si256 ((__m256i *) (line->q + 32), bytes);
    }
  side->scale = a->scale[g];
  side->sum = a->sum[g];
  memcpy (&side->sums16, a->sum16 + 2 * g, sizeof side->sums16);
  if (kind == GROUP_12)
    side->minus12 = -12 * (a->sum16[2 * g] + a->sum16[2 * g + 1]);
}

/* Keeps the compiler from summing in another shape, which would take more registers than there are. */
#define STEP(sum) __asm__ ("" : "+x" (sum))

#define TURNED(line, k) _mm256_loadu_si256 ((const __m256i *) ((line)->q + 4 * (k)))
#define BYTES(w, line, k) _mm256_maddubs_epi16 (w, TURNED (line, k))

/* Sums 2 products from @first on in 16 bits. */
static inline __attribute__ ((always_inline)) Ints
tile_sum16_2 (const Ints     *w,
              const TileLine *line,
              guint           first)
{
  Ints sum = _mm256_add_epi16 (BYTES (w[first], line, first), BYTES (w[first + 1], line, first + 1));

  STEP (sum);
  return sum;
}

/* Likewise 4, pair by pair. */
static inline __attribute__ ((always_inline)) Ints
tile_sum16_4 (const Ints     *w,
              const TileLine *line,
              guint           first)
{
  Ints sum = _mm256_add_epi16 (tile_sum16_2 (w, line, first), tile_sum16_2 (w, line, first + 2));

  STEP (sum);
  return sum;
}

/* All 8. */
static inline __attribute__ ((always_inline)) Ints
tile_sum16_8 (const Ints     *w,
              const TileLine *line)
{
  Ints sum = _mm256_add_epi16 (tile_sum16_4 (w, line, 0), tile_sum16_4 (w, line, 4));

  STEP (sum);
  return sum;
}

static inline __attribute__ ((always_inline)) void
tile_multiply (GroupKind        kind,
               const Ints      *vectors,
               const Group     *group,
               const TileLine  *line,
               const TileSide  *side,
               gsize            n_tokens,
               Floats          *acc)
{
  const Ints ones = _mm256_set1_epi16 (1);
  const guint n_lines = tile_lines (kind);
  /* Copies that stay in registers. */
  const Floats step = group->step, offset = group->offset;
  Ints w[8], scale[2], scales, mins;

  for (guint k = 0; k < 8; k++)
    w[k] = vectors[k];
  if (group_has_halves (kind))
    {
      scale[0] = ints_shuffle (group->scales, ints_byte_pattern (0, 1, 0, 1));
      scale[1] = ints_shuffle (group->scales, ints_byte_pattern (2, 3, 2, 3));
      scales = _mm256_slli_epi16 (group->scales, kind == GROUP_3 ? 2 : 5);
      mins = group->mins;
    }
  for (gsize t = 0; t < n_tokens; t++, line += n_lines, side++, acc++)
    {
      Floats total = *acc;
      Ints sum;

      if (kind == GROUP_4 || kind == GROUP_5)
        total = floats_fnma (offset, floats_set (side->sum), total);
      if (kind == GROUP_2)
        total = floats_fnma (floats_mul (offset, floats_set (side->scale)),
                             ints_to_floats (_mm256_madd_epi16 (mins, _mm256_set1_epi32 (side->sums16))),
                             total);
      switch (kind)
        {
        case GROUP_2:
        case GROUP_3:
          sum = ints_add (_mm256_madd_epi16 (tile_sum16_4 (w, line, 0), scale[0]),
                          _mm256_madd_epi16 (tile_sum16_4 (w + 4, line + 1, 0), scale[1]));
          if (kind == GROUP_3)
            sum = ints_sub (sum, _mm256_madd_epi16 (scales, _mm256_set1_epi32 (side->sums16)));
          break;
        case GROUP_4:
          sum = _mm256_madd_epi16 (tile_sum16_8 (w, line), ones);
          break;
        case GROUP_5:
        case GROUP_12:
          sum = ints_add (_mm256_madd_epi16 (tile_sum16_4 (w, line, 0), ones),
                          _mm256_madd_epi16 (tile_sum16_4 (w, line, 4), ones));
          if (kind == GROUP_12)
            sum = ints_add (sum, ints_set (side->minus12));
          break;
        case GROUP_6:
          sum = _mm256_madd_epi16 (tile_sum16_2 (w, line, 0), scale[0]);
          sum = ints_add (sum, _mm256_madd_epi16 (tile_sum16_2 (w, line, 2), scale[0]));
          sum = ints_add (sum, _mm256_madd_epi16 (tile_sum16_2 (w + 4, line + 1, 0), scale[1]));
          sum = ints_add (sum, _mm256_madd_epi16 (tile_sum16_2 (w + 4, line + 1, 2), scale[1]));
          sum = ints_sub (sum, _mm256_madd_epi16 (scales, _mm256_set1_epi32 (side->sums16)));
          break;
        default:
          g_assert_not_reached ();
        }
      *acc = floats_fma (ints_to_floats (sum), floats_mul (step, floats_set (side->scale)), total);
    }
}

/* Lane r of vector k gets lane (r + k) % 8 of row r. */
static inline __attribute__ ((always_inline)) void
tile_diagonals (const Ints rows[LANES],
                Ints       out[LANES])
{
  const Ints first = _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7);
  Ints a[8], b[8];

  /* Lane j from row (i + j) % 8, one bit of j at a time. */
#pragma GCC unroll 8
  for (guint i = 0; i < 8; i++)
    a[i] = _mm256_blend_epi32 (rows[i], rows[(i + 1) % 8], 0xaa);
#pragma GCC unroll 8
  for (guint i = 0; i < 8; i++)
    b[i] = _mm256_blend_epi32 (a[i], a[(i + 2) % 8], 0xcc);
  out[0] = _mm256_blend_epi32 (b[0], b[4], 0xf0);
#pragma GCC unroll 8
  for (guint k = 1; k < 8; k++)
    {
      Ints diagonal = _mm256_blend_epi32 (b[8 - k], b[(12 - k) % 8], 0xf0);

      /* The indices' higher bits are ignored. */
      out[k] = _mm256_permutevar8x32_epi32 (diagonal, ints_add (first, ints_set ((gint32) k)));
    }
}

/* The same within 16 values: lane r of vector k gets lane (r + k) % 4 of the lower 16 bytes of row r, of
 * vector 4 + k that of the upper 16 bytes. */
static inline __attribute__ ((always_inline)) void
tile_diagonals_16 (const guint8 *const rows[LANES],
                   gsize               offset,
                   Ints                out[LANES])
{
#pragma GCC unroll 2
  for (guint half = 0; half < 2; half++)
    {
      Ints p[4], a[4];

      lanes_read_pairs (rows, offset + 16 * half, p);
      for (guint i = 0; i < 4; i++)
        a[i] = _mm256_blend_epi32 (p[i], p[(i + 1) % 4], 0xaa);
      out[4 * half] = _mm256_blend_epi32 (a[0], a[2], 0xcc);
      out[4 * half + 1] = _mm256_shuffle_epi32 (_mm256_blend_epi32 (a[3], a[1], 0xcc),
                                                _MM_SHUFFLE (0, 3, 2, 1));
      out[4 * half + 2] = _mm256_shuffle_epi32 (_mm256_blend_epi32 (a[2], a[0], 0xcc),
                                                _MM_SHUFFLE (1, 0, 3, 2));
      out[4 * half + 3] = _mm256_shuffle_epi32 (_mm256_blend_epi32 (a[1], a[3], 0xcc),
                                                _MM_SHUFFLE (2, 1, 0, 3));
    }
}

/* 32 bytes at @offset of each row as diagonals. */
static inline __attribute__ ((always_inline)) void
tile_read (const guint8 *const rows[LANES],
           gsize               offset,
           Ints                out[LANES])
{
  Ints v[LANES];

#pragma GCC unroll 8
  for (guint r = 0; r < LANES; r++)
    v[r] = _mm256_loadu_si256 ((const __m256i *) (rows[r] + offset));
  tile_diagonals (v, out);
}

/* The 16 vectors of two groups of bytes or, for moe-int8-words-avx2.h, one of words; @bits is what the parts
 * of a block share. */
typedef void (*TileUnpackFunc) (const guint8 *const rows[LANES],
                                guint               part,
                                Ints                bits[LANES],
                                Ints                out[16]);

static inline __attribute__ ((always_inline)) void
tile_unpack_q4_k (const guint8 *const rows[LANES],
                  guint               part,
                  Ints                bits[LANES],
                  Ints                out[16])
{
  const Ints low = ints_set (0x0f0f0f0f);

  tile_read (rows, 16 + 32 * part, out);
#pragma GCC unroll 8
  for (guint k = 0; k < 8; k++)
    {
      out[8 + k] = ints_and (ints_shift_right (out[k], 4), low);
      out[k] = ints_and (out[k], low);
    }
}

static inline __attribute__ ((always_inline)) void
tile_unpack_q5_k (const guint8 *const rows[LANES],
                  guint               part,
                  Ints                bits[LANES],
                  Ints                out[16])
{
  const Ints fifth = ints_set (0x10101010);

  if (part == 0)
    tile_read (rows, 16, bits);
  tile_unpack_q4_k (rows, part + 1, NULL, out);
#pragma GCC unroll 8
  for (guint k = 0; k < 8; k++)
    {
      out[k] = ints_or (out[k], ints_and (ints_shift_left (bits[k], 4), fifth));
      out[8 + k] = ints_or (out[8 + k], ints_and (ints_shift_left (bits[k], 3), fifth));
      bits[k] = ints_shift_right (bits[k], 2);
    }
}

/* Parts 0 and 1 are the runs of the first half of a block: groups 0, 2 and 1, 3. */
static inline __attribute__ ((always_inline)) void
tile_unpack_q6_k (const guint8 *const rows[LANES],
                  guint               part,
                  Ints                bits[LANES],
                  Ints                out[16])
{
  const Ints low = ints_set (0x0f0f0f0f), high = ints_set (0x30303030);

  if (part % 2 == 0)
    tile_diagonals_16 (rows, 128 + 32 * (part / 2), bits);
  tile_diagonals_16 (rows, 32 * part, out);
#pragma GCC unroll 8
  for (guint k = 0; k < 8; k++)
    {
      out[8 + k] = ints_or (ints_and (ints_shift_right (out[k], 4), low), ints_and (bits[k], high));
      out[k] = ints_or (ints_and (out[k], low), ints_and (ints_shift_left (bits[k], 4), high));
      bits[k] = ints_shift_right (bits[k], 2);
    }
}

/* Of the 32 signed bytes of each row, lane r of out[k] and out[8 + k] gets bytes 4 k and 4 k + 2 and bytes
 * 4 k + 1 and 4 k + 3 of row r as words. */
static inline __attribute__ ((always_inline)) void
tile_words (const Ints rows[LANES],
            Ints       out[16])
{
  Ints a[8], b[8];

#pragma GCC unroll 4
  for (guint i = 0; i < 4; i++)
    {
      a[2 * i] = _mm256_unpacklo_epi32 (rows[2 * i], rows[2 * i + 1]);
      a[2 * i + 1] = _mm256_unpackhi_epi32 (rows[2 * i], rows[2 * i + 1]);
    }
  /* b[j] and b[4 + j] have columns j and 4 + j of rows 0 to 3 and of rows 4 to 7. */
#pragma GCC unroll 2
  for (guint i = 0; i < 2; i++)
    {
      b[4 * i] = _mm256_unpacklo_epi64 (a[4 * i], a[4 * i + 2]);
      b[4 * i + 1] = _mm256_unpackhi_epi64 (a[4 * i], a[4 * i + 2]);
      b[4 * i + 2] = _mm256_unpacklo_epi64 (a[4 * i + 1], a[4 * i + 3]);
      b[4 * i + 3] = _mm256_unpackhi_epi64 (a[4 * i + 1], a[4 * i + 3]);
    }
#pragma GCC unroll 8
  for (guint k = 0; k < 8; k++)
    {
      Ints bytes = k < 4 ? _mm256_permute2x128_si256 (b[k], b[4 + k], 0x20)
                         : _mm256_permute2x128_si256 (b[k - 4], b[k], 0x31);

      out[k] = _mm256_srai_epi16 (_mm256_slli_epi16 (bytes, 8), 8);
      out[8 + k] = _mm256_srai_epi16 (bytes, 8);
    }
}

static inline __attribute__ ((always_inline)) void
tile_unpack_q8_0 (const guint8 *const rows[LANES],
                  guint               part,
                  Ints                bits[LANES],
                  Ints                out[16])
{
  Ints v[LANES];

  for (guint r = 0; r < LANES; r++)
    v[r] = _mm256_loadu_si256 ((const __m256i *) (rows[r] + part * sizeof (MoeBlockQ8_0) + 2));
  tile_words (v, out);
}

typedef struct
{
  GroupKind      kind;
  guint          n_parts;     /* of 256 values */
  gsize          chunk_bytes; /* of 256 values */
  ReadHeadFunc   read_head;
  ReadStepsFunc  read_steps;
  TileUnpackFunc unpack;
} TileFormat;

/* The groups of a part: one, or two of which the second is the next or, in Q6_K, the next but one. */
static inline __attribute__ ((always_inline)) guint
tile_first_group (const TileFormat *format,
                  guint             part)
{
  return format->kind == GROUP_6 ? part / 2 * 4 + part % 2 : format->n_parts == 4 ? 2 * part : part;
}

/* The first @n_groups groups of a chunk; lines and sides: (8, n_tokens), acc: (2, n_tokens). */
static inline __attribute__ ((always_inline)) void
tile_chunk (const TileFormat    *format,
            const guint8 *const  rows[LANES],
            const TileLine      *lines,
            const TileSide      *sides,
            guint                n_groups,
            gsize                n_tokens,
            Floats              *acc)
{
  const guint n_lines = tile_lines (format->kind);
  Ints bits[LANES], w[16];
  Head head;

  format->read_head (rows, &head);
#pragma GCC unroll 1
  for (guint part = 0; part < format->n_parts; part++)
    {
      guint g = tile_first_group (format, part);

      if (g >= n_groups)
        break;
      format->unpack (rows, part, bits, w);
#pragma GCC unroll 2
      for (guint i = 0; i < 8 / format->n_parts; i++)
        {
          guint at = format->kind == GROUP_6 ? g + 2 * i : g + i;
          Group group;

          format->read_steps (rows, &head, at, &group);
          tile_multiply (format->kind, w + 8 * i, &group, lines + at * n_lines * n_tokens,
                         sides + at * n_tokens, n_tokens, acc + at % 2 * n_tokens);
        }
    }
}

/* @n_rows <= TILE8_ROWS rows from @w on with @n_tokens <= TILE8_TOKENS tokens. */
static inline __attribute__ ((always_inline)) void
tile_rows (const TileFormat   *format,
           const guint8       *w,
           gsize               n,
           gsize               n_rows,
           const void *const  *x,
           float       *const *y, /* (n_tokens) */
           gsize               y_first,
           gsize               n_tokens)
{
  const gsize row_bytes = n * format->chunk_bytes / MOE_QK, n_chunks = (n + MOE_QK - 1) / MOE_QK;
  const gsize n_lines = tile_lines (format->kind);
  const gsize n_stripes = (n_rows + LANES - 1) / LANES;
  /* Chunks that are laid out at a time. */
  const gsize chunk_bytes = n_tokens * 8 * (n_lines * sizeof (TileLine) + sizeof (TileSide));
  const gsize step = MAX (1, TILE8_BYTES / chunk_bytes);
  /* What is fetched: these rows' chunks of the next layout, or the next rows when there is only one. */
  const gsize ahead = step < n_chunks ? step * format->chunk_bytes : LANES * row_bytes;
  TileLine lines[TILE8_BYTES / sizeof (TileLine) * 2] __attribute__ ((aligned (64)));
  TileSide sides[TILE8_BYTES / sizeof (TileLine)] __attribute__ ((aligned (64)));
  Floats acc[TILE8_ROWS / LANES][2 * TILE8_TOKENS];

  for (gsize s = 0; s < n_stripes; s++)
    for (gsize i = 0; i < 2 * n_tokens; i++)
      acc[s][i] = floats_zero ();

  for (gsize c0 = 0; c0 < n_chunks; c0 += step)
    {
      gsize c_end = MIN (c0 + step, n_chunks);

      for (gsize c = c0; c < c_end; c++)
        for (gsize t = 0; t < n_tokens; t++)
          for (guint g = 0; g < 8; g++)
            {
              gsize at = ((c - c0) * 8 + g) * n_tokens + t;

              tile_fill (format->kind, (const MoeInt8Chunk *) x[t] + c, g, lines + at * n_lines,
                         sides + at);
            }
      for (gsize s = 0; s < n_stripes; s++)
        for (gsize c = c0; c < c_end; c++)
          {
            const guint8 *rows[LANES];
            gsize at = (c - c0) * 8 * n_tokens;

            /* Lanes beyond the last row repeat it; they are not stored. */
            for (gsize r = 0; r < LANES; r++)
              {
                rows[r] = w + MIN (s * LANES + r, n_rows - 1) * row_bytes + c * format->chunk_bytes;
#pragma GCC unroll 8
                for (gsize byte = 0; byte < format->chunk_bytes; byte += 64)
                  __builtin_prefetch (rows[r] + ahead + byte);
              }
            tile_chunk (format, rows, lines + at * n_lines, sides + at,
                        (guint) (MIN (MOE_QK, n - c * MOE_QK) / 32), n_tokens, acc[s]);
          }
    }

  for (gsize s = 0; s < n_stripes; s++)
    for (gsize t = 0; t < n_tokens; t++)
      lanes_store (y[t] + y_first + s * LANES, floats_add (acc[s][t], acc[s][n_tokens + t]),
                   MIN (LANES, n_rows - s * LANES));
}

static inline __attribute__ ((always_inline)) void
multiply_tiles (const TileFormat   *format,
                const guint8       *w,
                gsize               n,
                gsize               row_begin,
                gsize               row_end,
                const void *const  *x,
                float       *const *y,
                gsize               n_tokens)
{
  const gsize row_bytes = n * format->chunk_bytes / MOE_QK;
  /* Tiles of about the same size. */
  gsize n_tiles = (n_tokens + TILE8_TOKENS - 1) / TILE8_TOKENS;

  for (gsize row = row_begin; row < row_end; row += TILE8_ROWS)
    for (gsize i = 0; i < n_tiles; i++)
      {
        gsize begin = i * n_tokens / n_tiles, end = (i + 1) * n_tokens / n_tiles;

        tile_rows (format, w + row * row_bytes, n, MIN (TILE8_ROWS, row_end - row), x + begin, y + begin, row,
                   end - begin);
      }
}
