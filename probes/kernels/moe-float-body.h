/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-float-rows.h"
#include "probes/kernels/moe-kernel-sets.h"

/* The float kernels, compiled once for each instruction set: include a header of lanes first.
 *
 * Lanes are neighbouring values of a row here: value i of a row adds to lane i % LANES of its output by
 * fused multiply-add, in rising order, and the lanes are added at the end in one fixed order. A few tokens
 * multiply with the weights as they are read, and many with F16. For many tokens BF16, which takes two
 * instructions to widen, and F32, whose rows would compete for the same places of the cache, are laid out
 * in a panel first. Rows beyond the last repeat it and are not stored. */

#define FLOAT_CHUNK  256 /* values of a row a time, few tokens */
#define TILE_ROWS    4
#define TILE_TOKENS  LANES_TILE_TOKENS

/* For many tokens: a panel of rows, as many values of each a time as a first-level cache of 32 kB holds, and
 * as many tokens as have all their values in a second-level cache. More rows would meet in the same places
 * of the first, since they lie a power of two apart. */
#define PANEL_ROWS     4
#define PANEL_TOKENS   36
#define PANEL_BYTES    4096 /* of a row */
#define EXPANDED_CHUNK 1024

/* Keeps the compiler from reading a vector again for each product that it is an operand of: there are fewer
 * loads in a cycle than registers to hold it. */
#define KEEP_LOADED(vector) __asm__ ("" : "+v" (vector))

typedef Floats (*LoadFunc) (const guint8 *w);

static inline __attribute__ ((always_inline)) Floats
load_f32 (const guint8 *w)
{
  return floats_load (w);
}

static inline __attribute__ ((always_inline)) Floats
load_f16 (const guint8 *w)
{
  return floats_load_f16 (w);
}

static inline __attribute__ ((always_inline)) Floats
load_bf16 (const guint8 *w)
{
  return floats_load_bf16 (w);
}

/* Where the sums of a tile come from and go to: acc[t * acc_rows + r] of token t and row r. Long rows are
 * multiplied chunk by chunk; the first begins at 0, and the last adds the lanes of each sum and stores the
 * first @n_last rows of y[t] from @row on. */
typedef struct
{
  Floats       *acc;
  gsize         acc_rows;
  gboolean      first, last;
  float *const *y;
  gsize         row, n_last;
} Sums;

/* Adds the dot products of rows[r] and x[t] over @n_steps vectors, for TILE_ROWS rows. Inlined with constant
 * @n_tokens, so that all sums stay in registers. */
static inline __attribute__ ((always_inline)) void
multiply_tile_of (LoadFunc             load,
                  gsize                value_bytes,
                  const guint8 *const *rows,
                  const void   *const *x,
                  gsize                at,
                  guint                n_tokens,
                  gsize                n_steps,
                  const Sums          *sums)
{
  Floats sum[TILE_ROWS][TILE_TOKENS];
  const guint8 *weights[TILE_ROWS];
  const float *values[TILE_TOKENS];

#pragma GCC unroll 8
  for (guint t = 0; t < n_tokens; t++)
    {
      values[t] = (const float *) x[t] + at;
#pragma GCC unroll 8
      for (guint r = 0; r < TILE_ROWS; r++)
        sum[r][t] = sums->first ? floats_zero () : sums->acc[t * sums->acc_rows + r];
    }
#pragma GCC unroll 8
  for (guint r = 0; r < TILE_ROWS; r++)
    weights[r] = rows[r];
#pragma GCC unroll 2
  for (gsize i = 0; i < n_steps * LANES; i += LANES)
    {
      Floats v[TILE_TOKENS];

#pragma GCC unroll 8
      for (guint t = 0; t < n_tokens; t++)
        {
          v[t] = floats_load (values[t] + i);
          KEEP_LOADED (v[t]);
        }
#pragma GCC unroll 8
      for (guint r = 0; r < TILE_ROWS; r++)
        {
          Floats w = load (weights[r] + i * value_bytes);

          KEEP_LOADED (w);
#pragma GCC unroll 8
          for (guint t = 0; t < n_tokens; t++)
            sum[r][t] = floats_fma (w, v[t], sum[r][t]);
        }
    }
  if (sums->last)
#pragma GCC unroll 8
    for (guint t = 0; t < n_tokens; t++)
      {
        const Floats v[TILE_ROWS] = { sum[0][t], sum[1][t], sum[2][t], sum[3][t] };

        floats_store_sums (sums->y[t] + sums->row, v, sums->n_last);
      }
  else
#pragma GCC unroll 8
    for (guint t = 0; t < n_tokens; t++)
#pragma GCC unroll 8
      for (guint r = 0; r < TILE_ROWS; r++)
        sums->acc[t * sums->acc_rows + r] = sum[r][t];
}

static inline __attribute__ ((always_inline)) void
multiply_tile (LoadFunc             load,
               gsize                value_bytes,
               const guint8 *const *rows,
               const void   *const *x,
               gsize                at,
               gsize                n_tokens,
               gsize                n_steps,
               const Sums          *sums)
{
  switch (n_tokens)
    {
    case 1:
      multiply_tile_of (load, value_bytes, rows, x, at, 1, n_steps, sums);
      break;
    case 2:
      multiply_tile_of (load, value_bytes, rows, x, at, 2, n_steps, sums);
      break;
    case 3:
      multiply_tile_of (load, value_bytes, rows, x, at, 3, n_steps, sums);
      break;
#if LANES_TILE_TOKENS > 3
    case 4:
      multiply_tile_of (load, value_bytes, rows, x, at, 4, n_steps, sums);
      break;
    case 5:
      multiply_tile_of (load, value_bytes, rows, x, at, 5, n_steps, sums);
      break;
    case 6:
      multiply_tile_of (load, value_bytes, rows, x, at, 6, n_steps, sums);
      break;
#endif
    default:
      g_assert_not_reached ();
    }
}

/* A tile of rows with at most TILE_TOKENS tokens. */
typedef void (*MultiplyFunc) (const guint8 *const *rows,
                              const void   *const *x,
                              gsize                at,
                              gsize                n_tokens,
                              gsize                n_steps,
                              const Sums          *sums);

static void
multiply_floats (const guint8 *const *rows,
                 const void   *const *x,
                 gsize                at,
                 gsize                n_tokens,
                 gsize                n_steps,
                 const Sums          *sums)
{
  multiply_tile (load_f32, sizeof (float), rows, x, at, n_tokens, n_steps, sums);
}

static void
multiply_halves (const guint8 *const *rows,
                 const void   *const *x,
                 gsize                at,
                 gsize                n_tokens,
                 gsize                n_steps,
                 const Sums          *sums)
{
  multiply_tile (load_f16, sizeof (guint16), rows, x, at, n_tokens, n_steps, sums);
}

/* Values @at to @at + @length of @n_rows rows as floats in panel (n_rows, EXPANDED_CHUNK), filled up with
 * zeros to whole vectors. */
static inline __attribute__ ((always_inline)) void
expand_panel (LoadFunc            load,
              gsize               value_bytes,
              void              (*expand) (const void *, gsize, float *),
              const guint8 *const *rows,
              gsize               n_rows,
              gsize               at,
              gsize               length,
              float             (*panel)[EXPANDED_CHUNK])
{
  const gsize n_whole = length / LANES * LANES;

  for (gsize r = 0; r < n_rows; r++)
    {
      const guint8 *w = rows[r] + at * value_bytes;

#pragma GCC unroll 8
      for (gsize i = 0; i < n_whole; i += LANES)
        floats_store (panel[r] + i, load (w + i * value_bytes));
      if (n_whole < length)
        {
          floats_store (panel[r] + n_whole, floats_zero ());
          expand (w + n_whole * value_bytes, length - n_whole, panel[r] + n_whole);
        }
    }
}

/* @n_rows <= PANEL_ROWS rows from @row on with up to PANEL_TOKENS tokens. @in_place multiplies whole vectors
 * as they lie in memory; NULL expands all. */
static inline __attribute__ ((always_inline)) void
multiply_many (LoadFunc             load,
               MultiplyFunc         in_place,
               gsize                value_bytes,
               void               (*expand) (const void *, gsize, float *),
               const guint8        *w,
               gsize                n,
               gsize                row,
               gsize                n_rows,
               const void   *const *x,
               float        *const *y,
               gsize                n_tokens)
{
  const gsize n_filled = (n_rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
  const gsize chunk = in_place != NULL ? PANEL_BYTES / value_bytes : EXPANDED_CHUNK;
  /* The next panel lies behind this one: it is fetched evenly between the tiles. */
  const gsize n_fetches = (n + chunk - 1) / chunk * ((n_tokens + TILE_TOKENS - 1) / TILE_TOKENS) *
                          (n_filled / TILE_ROWS);
  const gsize fetch_bytes = (PANEL_ROWS * n * value_bytes / n_fetches + 63) / 64 * 64;
  const guint8 *ahead = w + (row + PANEL_ROWS) * n * value_bytes;
  float panel[PANEL_ROWS][EXPANDED_CHUNK] __attribute__ ((aligned (64)));
  const guint8 *rows[PANEL_ROWS];
  Floats acc[PANEL_TOKENS * PANEL_ROWS];
  gsize length;

  for (gsize r = 0; r < n_filled; r++)
    rows[r] = w + (row + MIN (r, n_rows - 1)) * n * value_bytes;
  for (gsize i = 0; i < n; i += length)
    {
      const guint8 *at[PANEL_ROWS];
      MultiplyFunc multiply = multiply_floats;
      gsize n_steps;

      if (in_place != NULL && n - i >= LANES)
        {
          multiply = in_place;
          n_steps = MIN (chunk, n - i) / LANES;
          length = n_steps * LANES;
          for (gsize r = 0; r < n_filled; r++)
            at[r] = rows[r] + i * value_bytes;
        }
      else
        {
          length = MIN (EXPANDED_CHUNK, n - i);
          n_steps = (length + LANES - 1) / LANES;
          expand_panel (load, value_bytes, expand, rows, n_filled, i, length, panel);
          for (gsize r = 0; r < n_filled; r++)
            at[r] = (const guint8 *) panel[r];
        }
      for (gsize t = 0; t < n_tokens; t += TILE_TOKENS)
        for (gsize r = 0; r < n_filled; r += TILE_ROWS, ahead += fetch_bytes)
          {
            Sums sums = {
              acc + t * PANEL_ROWS + r, PANEL_ROWS, i == 0, i + length == n, y + t, row + r,
              MIN (TILE_ROWS, n_rows - r),
            };

            for (gsize byte = 0; byte < fetch_bytes; byte += 64)
              __builtin_prefetch (ahead + byte);
            multiply (at + r, x + t, i, MIN (TILE_TOKENS, n_tokens - t), n_steps, &sums);
          }
    }
}

/* @n_rows <= TILE_ROWS rows from @row on with up to TILE_TOKENS tokens. */
static inline __attribute__ ((always_inline)) void
multiply_few (LoadFunc             load,
              gsize                value_bytes,
              void               (*expand) (const void *, gsize, float *),
              const guint8        *w,
              gsize                n,
              gsize                row,
              gsize                n_rows,
              const void   *const *x,
              float        *const *y,
              gsize                n_tokens)
{
  const gsize n_whole = n / LANES * LANES;
  Floats acc[TILE_TOKENS * TILE_ROWS];
  Sums sums = { acc, TILE_ROWS, .first = TRUE, .y = y, .row = row, .n_last = n_rows };
  const guint8 *rows[TILE_ROWS];

  for (gsize r = 0; r < TILE_ROWS; r++)
    rows[r] = w + (row + MIN (r, n_rows - 1)) * n * value_bytes;
  for (gsize i = 0; i < n_whole; i += FLOAT_CHUNK)
    {
      const guint8 *at[TILE_ROWS];
      const guint8 *ahead = rows[TILE_ROWS - 1] + (n + TILE_ROWS * i) * value_bytes;

      /* The next rows lie behind these: this walks evenly through them. */
      for (gsize line = 0; line < TILE_ROWS * FLOAT_CHUNK * value_bytes; line += 64)
        __builtin_prefetch (ahead + line);
      for (gsize r = 0; r < TILE_ROWS; r++)
        at[r] = rows[r] + i * value_bytes;
      sums.last = i + FLOAT_CHUNK >= n_whole && n_whole == n;
      multiply_tile (load, value_bytes, at, x, i, n_tokens, MIN (FLOAT_CHUNK, n_whole - i) / LANES, &sums);
      sums.first = FALSE;
    }
  if (n_whole < n)
    {
      float panel[TILE_ROWS][EXPANDED_CHUNK] __attribute__ ((aligned (64)));
      const guint8 *expanded[TILE_ROWS];

      for (gsize r = 0; r < TILE_ROWS; r++)
        expanded[r] = (const guint8 *) panel[r];
      expand_panel (load, value_bytes, expand, rows, TILE_ROWS, n_whole, n - n_whole, panel);
      sums.last = TRUE;
      multiply_floats (expanded, x, n_whole, n_tokens, 1, &sums);
    }
}

static inline __attribute__ ((always_inline)) void
multiply_float_rows (LoadFunc            load,
                     MultiplyFunc        in_place,
                     gsize               value_bytes,
                     void              (*expand) (const void *, gsize, float *),
                     const guint8       *w,
                     gsize               n,
                     gsize               row_begin,
                     gsize               row_end,
                     const void *const  *x,
                     float       *const *y,
                     gsize               n_tokens)
{
  /* Tiles of about the same size, of whole register tiles. */
  gsize n_tiles = (n_tokens + PANEL_TOKENS - 1) / PANEL_TOKENS;
  gsize n_tile = ((n_tokens + n_tiles - 1) / n_tiles + TILE_TOKENS - 1) / TILE_TOKENS * TILE_TOKENS;

  if (n_tokens <= TILE_TOKENS)
    for (gsize row = row_begin; row < row_end; row += TILE_ROWS)
      multiply_few (load, value_bytes, expand, w, n, row, MIN (TILE_ROWS, row_end - row), x, y, n_tokens);
  else
    for (gsize t = 0; t < n_tokens; t += n_tile)
      for (gsize row = row_begin; row < row_end; row += PANEL_ROWS)
        multiply_many (load, in_place, value_bytes, expand, w, n, row, MIN (PANEL_ROWS, row_end - row), x + t,
                       y + t, MIN (n_tile, n_tokens - t));
}

#define DEFINE_FLOAT_KERNEL(format, value_bytes, in_place)                              \
  static void                                                                           \
  matmul_##format (const void         *w,                                               \
                   gsize               n,                                               \
                   gsize               row_begin,                                       \
                   gsize               row_end,                                         \
                   const void *const  *x,                                               \
                   float       *const *y,                                               \
                   gsize               n_tokens)                                        \
  {                                                                                     \
    multiply_float_rows (load_##format, in_place, value_bytes, moe_expand_##format, w, n, row_begin, \
                         row_end, x, y, n_tokens);                                      \
  }

DEFINE_FLOAT_KERNEL (f32, 4, NULL)
DEFINE_FLOAT_KERNEL (f16, 2, multiply_halves)
DEFINE_FLOAT_KERNEL (bf16, 2, NULL)

#define FLOAT_KERNEL(type_name, format, value_bytes, isa)                               \
  { MOE_TYPE_##type_name, #type_name "/" isa, 1, value_bytes, moe_float_row_get_bytes,  \
    moe_float_row_prepare, matmul_##format, moe_expand_##format }

#define FLOAT_KERNELS(isa)                                                              \
  FLOAT_KERNEL (F32, f32, 4, isa),                                                      \
  FLOAT_KERNEL (F16, f16, 2, isa),                                                      \
  FLOAT_KERNEL (BF16, bf16, 2, isa)
