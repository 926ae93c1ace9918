/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-kernels-avx2"

#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-int8-blocks-avx2.h"
#include "probes/kernels/moe-int8-codebook-avx2.h"
#include "probes/kernels/moe-int8-rare-avx2.h"
#include "probes/kernels/moe-int8-words-avx2.h"
#include "probes/kernels/moe-f8-body.h"
#include "probes/kernels/moe-float-body.h"
#include "probes/kernels/moe-vector-ops-avx2.h"

/* One or two tokens one by one, by @multiply_token; more by what suits @kind. */
#define DEFINE_INT8_MATMUL(name, kind, multiply_token)                                  \
  static void                                                                           \
  matmul_##name (const void         *w,                                                 \
                 gsize               n,                                                 \
                 gsize               row_begin,                                         \
                 gsize               row_end,                                           \
                 const void *const  *x,                                                 \
                 float       *const *y,                                                 \
                 gsize               n_tokens)                                          \
  {                                                                                     \
    if (n_tokens <= 2)                                                                  \
      for (gsize t = 0; t < n_tokens; t++)                                              \
        multiply_token;                                                                 \
    else if ((kind) == GROUP_SIGNED)                                                    \
      multiply_words (&tile_##name, w, n, row_begin, row_end, x, y, n_tokens);          \
    else                                                                                \
      multiply_tiles (&tile_##name, w, n, row_begin, row_end, x, y, n_tokens);          \
  }

#define DEFINE_INT8_KERNEL(name, kind, n_parts, chunk_bytes, read_head, read_steps)     \
  static const OneFormat one_##name = { kind, chunk_bytes, read_head, read_steps, row_sums_##name }; \
  static const TileFormat tile_##name = {                                               \
    kind, n_parts, chunk_bytes, read_head, read_steps, tile_unpack_##name               \
  };                                                                                    \
  DEFINE_INT8_MATMUL (name, kind, multiply_one (&one_##name, w, n, row_begin, row_end, x[t], y[t]))

#define DEFINE_INT8_PAIRS_KERNEL(name, kind, block)                                     \
  static const TileFormat tile_##name = {                                               \
    kind, 4, sizeof (block), read_head_k, read_steps_k, tile_unpack_##name              \
  };                                                                                    \
  DEFINE_INT8_MATMUL (name, kind,                                                       \
                      multiply_pairs (kind, sizeof (block), w, n, row_begin, row_end, x[t], y[t]))

/* Blocks of 32 values of 4 or 5 bits. */
#define DEFINE_INT8_BLOCKS_KERNEL(name, kind, block, steps)                             \
  static inline __attribute__ ((always_inline)) void                                    \
  read_steps_##name (const guint8 *const rows[LANES],                                   \
                     const Head         *head,                                          \
                     guint               g,                                             \
                     Group              *group)                                         \
  {                                                                                     \
    steps (rows, g * sizeof (block), group);                                            \
  }                                                                                     \
                                                                                        \
  static const BlocksFormat blocks_##name = { kind, sizeof (block), blocks_read_##name, steps }; \
  static const TileFormat tile_##name = {                                               \
    kind, 8, 8 * sizeof (block), read_no_head, read_steps_##name, tile_unpack_##name    \
  };                                                                                    \
  DEFINE_INT8_MATMUL (name, kind, multiply_blocks (&blocks_##name, w, n, row_begin, row_end, x[t], y[t]))

DEFINE_INT8_BLOCKS_KERNEL (mxfp4, GROUP_12, MoeBlockMxfp4, blocks_steps_mxfp4)
DEFINE_INT8_BLOCKS_KERNEL (q4_0, GROUP_4, MoeBlockQ4_0, blocks_steps_q4_0)
DEFINE_INT8_BLOCKS_KERNEL (q4_1, GROUP_4, MoeBlockQ4_1, blocks_steps_and_least)
DEFINE_INT8_BLOCKS_KERNEL (q5_0, GROUP_5, MoeBlockQ5_0, blocks_steps_q5_0)
DEFINE_INT8_BLOCKS_KERNEL (q5_1, GROUP_5, MoeBlockQ5_1, blocks_steps_and_least)
DEFINE_INT8_KERNEL (q8_0, GROUP_SIGNED, 8, 8 * sizeof (MoeBlockQ8_0), read_no_head, read_steps_q8_0)
DEFINE_INT8_KERNEL (iq4_nl, GROUP_SIGNED, 8, 8 * sizeof (MoeBlockIq4Nl), read_no_head, read_steps_iq4_nl)
DEFINE_INT8_KERNEL (iq4_xs, GROUP_SIGNED, 8, sizeof (MoeBlockIq4Xs), read_head_iq4_xs, read_steps_iq4_xs)
DEFINE_INT8_KERNEL (q2_k, GROUP_2, 4, sizeof (MoeBlockQ2_K), read_head_q2_k, read_steps_q2_k)
DEFINE_INT8_KERNEL (q3_k, GROUP_3, 4, sizeof (MoeBlockQ3_K), read_head_q3_k, read_steps_q6_k)
DEFINE_INT8_KERNEL (iq2_xxs, GROUP_SIGNED, 8, sizeof (MoeBlockIq2Xxs), read_head_iq2_xxs, read_steps_iq2_xxs)
DEFINE_INT8_KERNEL (iq2_xs, GROUP_SIGNED, 8, sizeof (MoeBlockIq2Xs), read_head_iq2_xs, read_steps_of_halves)
DEFINE_INT8_KERNEL (iq2_s, GROUP_SIGNED, 8, sizeof (MoeBlockIq2S), read_head_iq2_s, read_steps_of_halves)
DEFINE_INT8_KERNEL (iq3_xxs, GROUP_SIGNED, 8, sizeof (MoeBlockIq3Xxs), read_head_iq3_xxs, read_steps_iq3_xxs)
DEFINE_INT8_KERNEL (iq3_s, GROUP_SIGNED, 8, sizeof (MoeBlockIq3S), read_head_iq3_s, read_steps_iq3_s)
DEFINE_INT8_PAIRS_KERNEL (q4_k, GROUP_4, MoeBlockQ4_K)
DEFINE_INT8_PAIRS_KERNEL (q5_k, GROUP_5, MoeBlockQ5_K)
DEFINE_INT8_KERNEL (q6_k, GROUP_6, 4, sizeof (MoeBlockQ6_K), read_head_q6_k, read_steps_q6_k)

static const MoeKernel kernels[] = {
  FLOAT_KERNELS ("avx2"),
  F8_KERNEL ("avx2"),
  INT8_KERNELS ("avx2"),
  INT8_RARE_KERNELS ("avx2"),
  INT8_CODEBOOK_KERNELS ("avx2"),
};

static gboolean
is_usable (void)
{
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") && __builtin_cpu_supports ("f16c");
}

const MoeKernelSet moe_kernel_set_avx2 = {
  .isa = "avx2",
  .is_usable = is_usable,
  .kernels = kernels,
  .n_kernels = G_N_ELEMENTS (kernels),
  .vector_ops = &moe_vector_ops_avx2,
};
