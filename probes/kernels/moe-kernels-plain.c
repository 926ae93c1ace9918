/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels-plain"

#include "probes/kernels/moe-kernel-sets.h"
#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-float-rows.h"
#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-vector-ops-portable.h"

/* The reference. A chunk of the weight row is expanded once and serves up to TILE tokens. Value i always
 * adds to lane i % 16 of its output, in rising order, and the lanes are added at the end in one fixed
 * order. */

#define CHUNK 256
#define TILE  8
#define LANES MOE_FLOAT_ROW_STEP

typedef float Lanes __attribute__ ((vector_size (16)));

#define N_VECTORS (LANES / 4)

static float
add_lanes (const Lanes acc[N_VECTORS])
{
  Lanes sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);

  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* One weight row with @n_tokens <= TILE tokens. */
static inline void
multiply_row (void              (*expand) (const void *, gsize, float *),
              const guint8       *w,
              gsize               chunk_bytes,
              gsize               n,
              const void *const  *x,
              float       *const *y,
              gsize               row,
              gsize               n_tokens)
{
  Lanes acc[TILE][N_VECTORS] = { 0 };
  Lanes weights[CHUNK / 4];

  for (gsize i = 0; i < n; i += CHUNK, w += chunk_bytes)
    {
      gsize length = MIN (CHUNK, n - i);
      gsize n_steps = (length + LANES - 1) / LANES;

      if (length < CHUNK)
        memset (weights, 0, sizeof weights);
      expand (w, length, (float *) weights);
      for (gsize t = 0; t < n_tokens; t++)
        {
          const Lanes *values = (const Lanes *) ((const float *) x[t] + i);
          Lanes a0 = acc[t][0], a1 = acc[t][1], a2 = acc[t][2], a3 = acc[t][3];

          for (gsize s = 0; s < n_steps; s++)
            {
              a0 += weights[4 * s + 0] * values[4 * s + 0];
              a1 += weights[4 * s + 1] * values[4 * s + 1];
              a2 += weights[4 * s + 2] * values[4 * s + 2];
              a3 += weights[4 * s + 3] * values[4 * s + 3];
            }
          acc[t][0] = a0;
          acc[t][1] = a1;
          acc[t][2] = a2;
          acc[t][3] = a3;
        }
    }
  for (gsize t = 0; t < n_tokens; t++)
    y[t][row] = add_lanes (acc[t]);
}

static void
multiply (void              (*expand) (const void *, gsize, float *),
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

  for (gsize row = row_begin; row < row_end; row++)
    for (gsize t = 0; t < n_tokens; t += TILE)
      multiply_row (expand, w + row * row_bytes, (gsize) CHUNK / block * block_bytes, n, x + t, y + t, row,
                    MIN (TILE, n_tokens - t));
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
DEFINE_MATMUL (q8_0, MOE_Q32, sizeof (MoeBlockQ8_0))
DEFINE_MATMUL (q4_0, MOE_Q32, sizeof (MoeBlockQ4_0))
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
  PLAIN (Q8_0, q8_0, MOE_Q32, sizeof (MoeBlockQ8_0)),
  PLAIN (Q4_0, q4_0, MOE_Q32, sizeof (MoeBlockQ4_0)),
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
