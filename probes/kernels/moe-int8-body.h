/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "probes/kernels/moe-int8-rows.h"
#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-kernel-sets.h"

/* The integer kernels, compiled once for each instruction set: include a header of lanes first.
 *
 * LANES weight rows are multiplied side by side. 256 values of each are unpacked into a panel on the stack,
 * turned so that four neighbouring values of a row fill the row's lane; then every token multiplies with it. So
 * each output is one lane's work and is never split: for every group of 32 values, in rising order,
 *
 *   acc[group % 2] = fma (integer dot product, step * activation scale, acc[group % 2])
 *   acc[group % 2] = fma (-offset, activation sum, acc[group % 2])      (formats with an offset)
 *
 * and at the end acc[0] + acc[1]. The integers are exact whichever instructions make them. */

#define N_GROUPS (MOE_QK / 32)
#define TOKEN_TILE 64

typedef struct
{
  Ints   w[N_GROUPS][8];     /* (group, four values) */
  Floats step[N_GROUPS];     /* weight = step * integer - offset */
  Floats offset[N_GROUPS];
  Ints   scale[N_GROUPS][2]; /* Q6_K: scales of 16 values */
  Ints   scales[N_GROUPS];   /* Q6_K: both in 16 bits each */
} Panel;

typedef enum
{
  PANEL_4,      /* 4 bits and offset */
  PANEL_5,      /* 5 bits and offset */
  PANEL_6,      /* 6 bits, scales of 16 values, the constant offset 32 */
  PANEL_SIGNED, /* 8 bits */
} PanelKind;

/* Multiplies the first @n_groups groups of @panel with chunk @chunk of each token; acc (n_tokens, 2). */
static inline __attribute__ ((always_inline)) void
multiply_panel (const Panel        *panel,
                PanelKind           kind,
                guint               n_groups,
                const void *const  *x,
                gsize               chunk,
                gsize               n_tokens,
                Floats            (*acc)[2])
{
  for (guint g = 0; g < n_groups; g++)
    {
      const Floats step = panel->step[g];
      const Floats offset = panel->offset[g];
      Ints w[8];
#ifndef LANES_DOT
      Ints abs_w[8];
#endif

#pragma GCC unroll 8
      for (guint s = 0; s < 8; s++)
        {
          w[s] = panel->w[g][s];
#ifndef LANES_DOT
          if (kind == PANEL_SIGNED)
            abs_w[s] = lanes_abs (w[s]);
#endif
        }
      for (gsize t = 0; t < n_tokens; t++)
        {
          const MoeInt8Chunk *a = (const MoeInt8Chunk *) x[t] + chunk;
          const gint8 *q = a->q + 32 * g;
          Ints sum;
          Floats total = acc[t][g % 2];

          switch (kind)
            {
            case PANEL_4:
              sum = lanes_dot_4 (w, q);
              break;
            case PANEL_5:
              sum = lanes_dot_5 (w, q);
              break;
            case PANEL_6:
              sum = lanes_dot_6 (w, panel->scale[g], q);
              sum = ints_sub (sum, ints_shift_left (ints_madd16 (panel->scales[g], ints_broadcast (a->sum16 + 2 * g)), 5));
              break;
            default:
#ifdef LANES_DOT
              sum = lanes_dot (ints_broadcast (a->minus128 + g), w, q, 8);
#else
              sum = lanes_dot_signed (w, abs_w, q);
#endif
              break;
            }
          total = floats_fma (ints_to_floats (sum), floats_mul (step, floats_set (a->scale[g])), total);
          if (kind == PANEL_4 || kind == PANEL_5)
            total = floats_fnma (offset, floats_set (a->sum[g]), total);
          acc[t][g % 2] = total;
        }
    }
}

/* The panel of the next 256 values or of @n_groups groups of 32 of each row, which start at rows[r]. */
typedef void (*UnpackFunc) (const guint8 *const rows[LANES],
                            guint               n_groups,
                            Panel              *panel);

static inline __attribute__ ((always_inline)) void
multiply (UnpackFunc          unpack,
          PanelKind           kind,
          gsize               chunk_bytes,
          const guint8       *w,
          gsize               n,
          gsize               row_begin,
          gsize               row_end,
          const void *const  *x,
          float       *const *y,
          gsize               n_tokens)
{
  const gsize row_bytes = n * chunk_bytes / MOE_QK;

  for (gsize row = row_begin; row < row_end; row += LANES)
    {
      gsize n_rows = MIN (LANES, row_end - row);

      for (gsize t = 0; t < n_tokens; t += TOKEN_TILE)
        {
          gsize n_tile = MIN (TOKEN_TILE, n_tokens - t);
          const guint8 *rows[LANES];
          Floats acc[TOKEN_TILE][2];
          Panel panel;

          for (gsize i = 0; i < n_tile; i++)
            acc[i][0] = acc[i][1] = floats_zero ();
          /* Lanes beyond the last row repeat it; they are not stored. */
          for (gsize r = 0; r < LANES; r++)
            rows[r] = w + (row + MIN (r, n_rows - 1)) * row_bytes;
          for (gsize i = 0; i < n; i += MOE_QK)
            {
              guint n_groups = (guint) (MIN (MOE_QK, n - i) / 32);
              const guint8 *ahead = w + (row + LANES) * row_bytes + i / MOE_QK * LANES * chunk_bytes;

              /* The rows of a panel lie behind each other, and so do the panels: this walks evenly through the next. */
              for (gsize line = 0; line < LANES * chunk_bytes; line += 64)
                __builtin_prefetch (ahead + line);
              unpack (rows, n_groups, &panel);
              if (n_tile == 1)
                multiply_panel (&panel, kind, n_groups, x + t, i / MOE_QK, 1, acc);
              else
                multiply_panel (&panel, kind, n_groups, x + t, i / MOE_QK, n_tile, acc);
              for (gsize r = 0; r < LANES; r++)
                rows[r] += chunk_bytes;
            }
          for (gsize i = 0; i < n_tile; i++)
            lanes_store (y[t + i] + row, floats_add (acc[i][0], acc[i][1]), n_rows);
        }
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q8_0 (const guint8 *const rows[LANES],
             guint               n_groups,
             Panel              *panel)
{
  for (guint g = 0; g < n_groups; g++)
    {
      gsize at = g * sizeof (MoeBlockQ8_0);

      lanes_read_columns (rows, at + 2, panel->w[g]);
      lanes_read_columns (rows, at + 18, panel->w[g] + 4);
      panel->step[g] = lanes_read_halves (rows, at);
#ifdef LANES_DOT
      for (guint s = 0; s < 8; s++)
        panel->w[g][s] = ints_xor (panel->w[g][s], ints_set ((gint32) 0x80808080));
#endif
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q4_0 (const guint8 *const rows[LANES],
             guint               n_groups,
             Panel              *panel)
{
  const Ints low = ints_set (0x0f0f0f0f);

  for (guint g = 0; g < n_groups; g++)
    {
      gsize at = g * sizeof (MoeBlockQ4_0);
      Ints packed[4];

      lanes_read_columns (rows, at + 2, packed);
      for (guint s = 0; s < 4; s++)
        {
          panel->w[g][s] = ints_and (packed[s], low);
          panel->w[g][s + 4] = ints_and (ints_shift_right (packed[s], 4), low);
        }
      panel->step[g] = lanes_read_halves (rows, at);
      panel->offset[g] = floats_mul (panel->step[g], floats_set (8.f));
    }
}

/* Steps and offsets from the first 16 bytes of Q4_K and Q5_K blocks. */
static inline __attribute__ ((always_inline)) void
unpack_k_scales (const guint8 *const rows[LANES],
                 Panel              *panel)
{
  const Ints six = ints_set (0x3f3f3f3f), four = ints_set (0x0f0f0f0f), high = ints_set (0x30303030);
  const Ints byte = ints_set (0xff);
  Ints head[4], scales[2], mins[2];
  Floats d, dmin;

  lanes_read_columns (rows, 0, head);
  d = floats_from_halves (ints_and (head[0], ints_set (0xffff)));
  dmin = floats_from_halves (ints_shift_right (head[0], 16));
  /* Four groups a time, one in each byte. */
  scales[0] = ints_and (head[1], six);
  mins[0] = ints_and (head[2], six);
  scales[1] = ints_or (ints_and (head[3], four), ints_and (ints_shift_right (head[1], 2), high));
  mins[1] = ints_or (ints_and (ints_shift_right (head[3], 4), four), ints_and (ints_shift_right (head[2], 2), high));
#pragma GCC unroll 8
  for (guint g = 0; g < N_GROUPS; g++)
    {
      Ints scale = ints_and (ints_shift_right (scales[g / 4], g % 4 * 8), byte);
      Ints min = ints_and (ints_shift_right (mins[g / 4], g % 4 * 8), byte);

      panel->step[g] = floats_mul (d, ints_to_floats (scale));
      panel->offset[g] = floats_mul (dmin, ints_to_floats (min));
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q4_k (const guint8 *const rows[LANES],
             guint               n_groups,
             Panel              *panel)
{
  const Ints low = ints_set (0x0f0f0f0f);

  unpack_k_scales (rows, panel);
#pragma GCC unroll 4
  for (guint pair = 0; pair < N_GROUPS / 2; pair++)
    {
      Ints packed[8];

      lanes_read_columns (rows, 16 + 32 * pair, packed);
      lanes_read_columns (rows, 32 + 32 * pair, packed + 4);
      for (guint s = 0; s < 8; s++)
        {
          panel->w[2 * pair][s] = ints_and (packed[s], low);
          panel->w[2 * pair + 1][s] = ints_and (ints_shift_right (packed[s], 4), low);
        }
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q5_k (const guint8 *const rows[LANES],
             guint               n_groups,
             Panel              *panel)
{
  const Ints low = ints_set (0x0f0f0f0f), fifth = ints_set (0x10101010);
  Ints high[8];

  unpack_k_scales (rows, panel);
  lanes_read_columns (rows, 16, high);
  lanes_read_columns (rows, 32, high + 4);
  for (guint pair = 0; pair < N_GROUPS / 2; pair++)
    {
      Ints packed[8];

      lanes_read_columns (rows, 48 + 32 * pair, packed);
      lanes_read_columns (rows, 64 + 32 * pair, packed + 4);
      /* The pair's two bits are the lowest of each byte of high: they go to bit 4. */
      for (guint s = 0; s < 8; s++)
        {
          panel->w[2 * pair][s] = ints_or (ints_and (packed[s], low),
                                           ints_and (ints_shift_left (high[s], 4), fifth));
          panel->w[2 * pair + 1][s] = ints_or (ints_and (ints_shift_right (packed[s], 4), low),
                                               ints_and (ints_shift_left (high[s], 3), fifth));
          high[s] = ints_shift_right (high[s], 2);
        }
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q6_k (const guint8 *const rows[LANES],
             guint               n_groups,
             Panel              *panel)
{
  const Ints low = ints_set (0x0f0f0f0f), high = ints_set (0x30303030);
  Ints scales[4];
  Floats d = lanes_read_halves (rows, 208);

  lanes_read_columns (rows, 192, scales);
  for (guint half = 0; half < 2; half++)
    {
      Ints bits[8];

      lanes_read_columns (rows, 128 + 32 * half, bits);
      lanes_read_columns (rows, 144 + 32 * half, bits + 4);
      /* Runs 0 and 1 are low nibbles of their 32 bytes, runs 2 and 3 the high ones. */
      for (guint run = 0; run < 2; run++)
        {
          Ints packed[8];

          lanes_read_columns (rows, 64 * half + 32 * run, packed);
          lanes_read_columns (rows, 64 * half + 32 * run + 16, packed + 4);
          for (guint s = 0; s < 8; s++)
            {
              panel->w[4 * half + run][s] = ints_or (ints_and (packed[s], low),
                                                     ints_and (ints_shift_left (bits[s], 4), high));
              panel->w[4 * half + run + 2][s] = ints_or (ints_and (ints_shift_right (packed[s], 4), low),
                                                         ints_and (bits[s], high));
              bits[s] = ints_shift_right (bits[s], 2);
            }
        }
    }
#pragma GCC unroll 8
  for (guint g = 0; g < N_GROUPS; g++)
    {
      /* Both scales of the group sign-extended in 16 bits: the byte is put on top and shifted down. */
      guint first = g % 2 * 2;
      Ints both = ints_shift_signed16 (ints_shuffle (scales[g / 2], ints_byte_pattern (first, first, first + 1, first + 1)), 8);

      panel->scales[g] = both;
#ifdef LANES_DOT
      panel->scale[g][0] = ints_shift_signed (ints_shift_left (both, 16), 16);
      panel->scale[g][1] = ints_shift_signed (both, 16);
#else
      panel->scale[g][0] = ints_shift_signed16 (ints_shuffle (scales[g / 2], ints_byte_pattern (first, first, first, first)), 8);
      panel->scale[g][1] = ints_shift_signed16 (ints_shuffle (scales[g / 2], ints_byte_pattern (first + 1, first + 1, first + 1, first + 1)), 8);
#endif
      panel->step[g] = d;
    }
}

#define DEFINE_INT8_KERNEL(format, kind, chunk_bytes)                                   \
  static void                                                                           \
  matmul_##format (const void         *w,                                               \
                   gsize               n,                                               \
                   gsize               row_begin,                                       \
                   gsize               row_end,                                         \
                   const void *const  *x,                                               \
                   float       *const *y,                                               \
                   gsize               n_tokens)                                        \
  {                                                                                     \
    multiply (unpack_##format, kind, chunk_bytes, w, n, row_begin, row_end, x, y, n_tokens); \
  }

DEFINE_INT8_KERNEL (q8_0, PANEL_SIGNED, N_GROUPS * sizeof (MoeBlockQ8_0))
DEFINE_INT8_KERNEL (q4_0, PANEL_4, N_GROUPS * sizeof (MoeBlockQ4_0))
DEFINE_INT8_KERNEL (q4_k, PANEL_4, sizeof (MoeBlockQ4_K))
DEFINE_INT8_KERNEL (q5_k, PANEL_5, sizeof (MoeBlockQ5_K))
DEFINE_INT8_KERNEL (q6_k, PANEL_6, sizeof (MoeBlockQ6_K))

#define INT8_KERNEL(type_name, format, block, block_bytes, isa)                         \
  { MOE_TYPE_##type_name, #type_name "/" isa, block, block_bytes, moe_int8_row_get_bytes, \
    moe_int8_row_prepare, matmul_##format, moe_expand_##format }

#define INT8_KERNELS(isa)                                                               \
  INT8_KERNEL (Q8_0, q8_0, MOE_Q32, sizeof (MoeBlockQ8_0), isa),                        \
  INT8_KERNEL (Q4_0, q4_0, MOE_Q32, sizeof (MoeBlockQ4_0), isa),                        \
  INT8_KERNEL (Q4_K, q4_k, MOE_QK, sizeof (MoeBlockQ4_K), isa),                         \
  INT8_KERNEL (Q5_K, q5_k, MOE_QK, sizeof (MoeBlockQ5_K), isa),                         \
  INT8_KERNEL (Q6_K, q6_k, MOE_QK, sizeof (MoeBlockQ6_K), isa)
