/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-float-body.h"
#include "probes/kernels/moe-formats.h"

/* F8_E4M3 in the scheme of moe-float-body.h: a panel of rows is always expanded first, since blocks have a
 * scale between them. */

/* Values @at to @at + @length of @n_rows rows as floats; all whole blocks. */
static inline __attribute__ ((always_inline)) void
expand_f8_panel (const guint8 *const *rows,
                 gsize                n_rows,
                 gsize                at,
                 gsize                length,
                 float              (*panel)[FLOAT_CHUNK])
{
  for (gsize r = 0; r < n_rows; r++)
    {
      const guint8 *w = rows[r] + at / MOE_F8_VALUES * sizeof (MoeBlockF8);

      for (gsize i = 0; i < length; i += MOE_F8_VALUES, w += sizeof (MoeBlockF8))
        {
          float scale;

          memcpy (&scale, w, sizeof scale);
          for (gsize j = 0; j < MOE_F8_VALUES; j += LANES)
            floats_store (panel[r] + i + j,
                          floats_mul (floats_load_f8 (w + sizeof scale + j), floats_set (scale)));
        }
    }
}

static void
matmul_f8_e4m3 (const void         *w,
                gsize               n,
                gsize               row_begin,
                gsize               row_end,
                const void *const  *x,
                float       *const *y,
                gsize               n_tokens)
{
  const gsize row_bytes = n / MOE_F8_VALUES * sizeof (MoeBlockF8);
  const gsize n_panel = n_tokens > TILE_TOKENS ? PANEL_ROWS : TILE_ROWS;
  float panel[PANEL_ROWS][FLOAT_CHUNK] __attribute__ ((aligned (64)));
  const guint8 *rows[PANEL_ROWS], *expanded[PANEL_ROWS];

  for (gsize r = 0; r < PANEL_ROWS; r++)
    expanded[r] = (const guint8 *) panel[r];
  for (gsize row = row_begin; row < row_end; row += n_panel)
    {
      gsize n_rows = MIN (n_panel, row_end - row);

      for (gsize r = 0; r < n_panel; r++)
        rows[r] = (const guint8 *) w + (row + MIN (r, n_rows - 1)) * row_bytes;
      for (gsize t0 = 0; t0 < n_tokens; t0 += PANEL_TOKENS)
        {
          gsize n_tile = MIN (PANEL_TOKENS, n_tokens - t0);
          Floats acc[PANEL_TOKENS * PANEL_ROWS];

          for (gsize i = 0; i < n; i += FLOAT_CHUNK)
            {
              gsize length = MIN (FLOAT_CHUNK, n - i);

              expand_f8_panel (rows, n_panel, i, length, panel);
              for (gsize t = 0; t < n_tile; t += TILE_TOKENS)
                for (gsize r = 0; r < n_rows; r += TILE_ROWS)
                  {
                    Sums sums = {
                      acc + t * n_panel + r, n_panel, i == 0, i + length == n, y + t0 + t, row + r,
                      MIN (TILE_ROWS, n_rows - r),
                    };

                    multiply_floats (expanded + r, x + t0 + t, i, MIN (TILE_TOKENS, n_tile - t),
                                     length / LANES, &sums);
                  }
            }
        }
    }
}

#define F8_KERNEL(isa)                                                                  \
  { MOE_TYPE_F8_E4M3, "F8_E4M3/" isa, MOE_F8_VALUES, sizeof (MoeBlockF8), moe_float_row_get_bytes, \
    moe_float_row_prepare, matmul_f8_e4m3, moe_expand_f8_e4m3 }
