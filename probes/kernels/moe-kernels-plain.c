/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels-plain"

#include "probes/kernels/moe-kernel-sets.h"
#include "probes/kernels/moe-codebook-formats.h"
#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-float-rows.h"
#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-vector-ops-portable.h"

/* The reference. A chunk of a few weight rows is expanded once and serves up to TILE tokens. Value i
 * always adds to lane i % 16 of its output, in rising order, and the lanes are added at the end in one
 * fixed order. */

#define CHUNK 256
#define ROWS  4
#define TILE  8
#define LANES MOE_FLOAT_ROW_STEP

typedef float Lanes __attribute__ ((vector_size (16)));

#define N_VECTORS (LANES / 4)

typedef void (*ExpandFunc) (const void *w,
                            gsize       n,
                            float      *x);

static float
add_lanes (const Lanes acc[N_VECTORS])
{
  Lanes sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);

  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* acc += products of @n_steps times LANES values. */
static inline void
add_products (const Lanes *weights,
              const Lanes *values,
              gsize        n_steps,
              Lanes        acc[N_VECTORS])
{
  Lanes a0 = acc[0], a1 = acc[1], a2 = acc[2], a3 = acc[3];

  for (gsize s = 0; s < n_steps; s++)
    {
      a0 += weights[4 * s + 0] * values[4 * s + 0];
      a1 += weights[4 * s + 1] * values[4 * s + 1];
      a2 += weights[4 * s + 2] * values[4 * s + 2];
      a3 += weights[4 * s + 3] * values[4 * s + 3];
    }
  acc[0] = a0;
  acc[1] = a1;
  acc[2] = a2;
  acc[3] = a3;
}

/* @n_rows <= ROWS rows from @row, the first of which is at @w, with @n_tokens <= TILE tokens. */
static void
multiply_tile (ExpandFunc          expand,
               const guint8       *w,
               gsize               row_bytes,
               gsize               chunk_bytes,
               gsize               n,
               gsize               row,
               gsize               n_rows,
               const void *const  *x,
               float       *const *y,
               gsize               n_tokens)
{
  Lanes acc[TILE][ROWS][N_VECTORS] = { 0 };
  Lanes weights[ROWS][CHUNK / 4];

  for (gsize i = 0; i < n; i += CHUNK, w += chunk_bytes)
    {
      gsize length = MIN (CHUNK, n - i);
      gsize n_steps = (length + LANES - 1) / LANES;

      for (gsize r = 0; r < n_rows; r++)
        {
          if (length < CHUNK)
            memset (weights[r], 0, sizeof weights[r]);
          expand (w + r * row_bytes, length, (float *) weights[r]);
        }
      for (gsize t = 0; t < n_tokens; t++)
        for (gsize r = 0; r < n_rows; r++)
          add_products (weights[r], (const Lanes *) ((const float *) x[t] + i), n_steps, acc[t][r]);
    }
  for (gsize t = 0; t < n_tokens; t++)
    for (gsize r = 0; r < n_rows; r++)
      y[t][row + r] = add_lanes (acc[t][r]);
}

static void
multiply (ExpandFunc          expand,
          guint               block,
          guint               block_bytes,
          const guint8       *w,
          gsize               n,
          gsize               row_begin,
          gsize               row_end,
          const void *const  *x,
          float       *const *y,
          gsize               n_tokens)
{
  gsize row_bytes = n / block * block_bytes;

  for (gsize row = row_begin; row < row_end; row += ROWS)
    for (gsize t = 0; t < n_tokens; t += TILE)
      multiply_tile (expand, w + row * row_bytes, row_bytes, (gsize) CHUNK / block * block_bytes, n, row,
                     MIN (ROWS, row_end - row), x + t, y + t, MIN (TILE, n_tokens - t));
}

#define DEFINE_MATMUL(format, block, block_bytes)                                       \
  static void                                                                           \
  matmul_##format (const void         *w,                                               \
                   gsize               n,                                               \
                   gsize               row_begin,                                       \
                   gsize               row_end,                                         \
                   const void *const  *x,                                               \
                   float       *const *y,                                               \
                   gsize               n_tokens)                                        \
  {                                                                                     \
    multiply (moe_expand_##format, block, block_bytes, w, n, row_begin, row_end, x, y, n_tokens); \
  }

DEFINE_MATMUL (f32, 1, 4)
DEFINE_MATMUL (f16, 1, 2)
DEFINE_MATMUL (bf16, 1, 2)
DEFINE_MATMUL (f8_e4m3, MOE_F8_VALUES, sizeof (MoeBlockF8))
DEFINE_MATMUL (q8_0, MOE_Q32, sizeof (MoeBlockQ8_0))
DEFINE_MATMUL (q4_0, MOE_Q32, sizeof (MoeBlockQ4_0))
DEFINE_MATMUL (mxfp4, MOE_Q32, sizeof (MoeBlockMxfp4))
DEFINE_MATMUL (q4_1, MOE_Q32, sizeof (MoeBlockQ4_1))
DEFINE_MATMUL (q5_0, MOE_Q32, sizeof (MoeBlockQ5_0))
DEFINE_MATMUL (q5_1, MOE_Q32, sizeof (MoeBlockQ5_1))
DEFINE_MATMUL (iq4_nl, MOE_Q32, sizeof (MoeBlockIq4Nl))
DEFINE_MATMUL (iq4_xs, MOE_QK, sizeof (MoeBlockIq4Xs))
DEFINE_MATMUL (iq2_xxs, MOE_QK, sizeof (MoeBlockIq2Xxs))
DEFINE_MATMUL (iq2_xs, MOE_QK, sizeof (MoeBlockIq2Xs))
DEFINE_MATMUL (iq2_s, MOE_QK, sizeof (MoeBlockIq2S))
DEFINE_MATMUL (iq3_xxs, MOE_QK, sizeof (MoeBlockIq3Xxs))
DEFINE_MATMUL (iq3_s, MOE_QK, sizeof (MoeBlockIq3S))
DEFINE_MATMUL (q2_k, MOE_QK, sizeof (MoeBlockQ2_K))
DEFINE_MATMUL (q3_k, MOE_QK, sizeof (MoeBlockQ3_K))
DEFINE_MATMUL (q4_k, MOE_QK, sizeof (MoeBlockQ4_K))
DEFINE_MATMUL (q5_k, MOE_QK, sizeof (MoeBlockQ5_K))
DEFINE_MATMUL (q6_k, MOE_QK, sizeof (MoeBlockQ6_K))

#define PLAIN(type_name, format, block, block_bytes)                                    \
  { MOE_TYPE_##type_name, #type_name "/plain", block, block_bytes, moe_float_row_get_bytes, \
    moe_float_row_prepare, matmul_##format, moe_expand_##format }

static const MoeKernel kernels[] = {
  PLAIN (F32, f32, 1, 4),
  PLAIN (F16, f16, 1, 2),
  PLAIN (BF16, bf16, 1, 2),
  PLAIN (F8_E4M3, f8_e4m3, MOE_F8_VALUES, sizeof (MoeBlockF8)),
  PLAIN (Q8_0, q8_0, MOE_Q32, sizeof (MoeBlockQ8_0)),
  PLAIN (Q4_0, q4_0, MOE_Q32, sizeof (MoeBlockQ4_0)),
  PLAIN (MXFP4, mxfp4, MOE_Q32, sizeof (MoeBlockMxfp4)),
  PLAIN (Q4_1, q4_1, MOE_Q32, sizeof (MoeBlockQ4_1)),
  PLAIN (Q5_0, q5_0, MOE_Q32, sizeof (MoeBlockQ5_0)),
  PLAIN (Q5_1, q5_1, MOE_Q32, sizeof (MoeBlockQ5_1)),
  PLAIN (IQ4_NL, iq4_nl, MOE_Q32, sizeof (MoeBlockIq4Nl)),
  PLAIN (IQ4_XS, iq4_xs, MOE_QK, sizeof (MoeBlockIq4Xs)),
  PLAIN (IQ2_XXS, iq2_xxs, MOE_QK, sizeof (MoeBlockIq2Xxs)),
  PLAIN (IQ2_XS, iq2_xs, MOE_QK, sizeof (MoeBlockIq2Xs)),
  PLAIN (IQ2_S, iq2_s, MOE_QK, sizeof (MoeBlockIq2S)),
  PLAIN (IQ3_XXS, iq3_xxs, MOE_QK, sizeof (MoeBlockIq3Xxs)),
  PLAIN (IQ3_S, iq3_s, MOE_QK, sizeof (MoeBlockIq3S)),
  PLAIN (Q2_K, q2_k, MOE_QK, sizeof (MoeBlockQ2_K)),
  PLAIN (Q3_K, q3_k, MOE_QK, sizeof (MoeBlockQ3_K)),
  PLAIN (Q4_K, q4_k, MOE_QK, sizeof (MoeBlockQ4_K)),
  PLAIN (Q5_K, q5_k, MOE_QK, sizeof (MoeBlockQ5_K)),
  PLAIN (Q6_K, q6_k, MOE_QK, sizeof (MoeBlockQ6_K)),
};

static gboolean
is_usable (void)
{
  return TRUE;
}

const MoeKernelSet moe_kernel_set_plain = {
  .isa = "portable",
  .is_usable = is_usable,
  .kernels = kernels,
  .n_kernels = G_N_ELEMENTS (kernels),
  .vector_ops = &moe_vector_ops_portable,
};
