/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <math.h>
#include <string.h>

#include "data/moe-types.h"
#include "probes/moe-kernels.h"
#include "probes/kernels/moe-formats.h"

/* Seeded weights and activations for tests and benches of kernels. */

#define N_KERNEL_TYPES 22
#define N_REFERENCE_TYPES 21 /* without the last one, which llama.cpp does not have */
static const MoeTensorType kernel_types[N_KERNEL_TYPES] = {
  MOE_TYPE_F32, MOE_TYPE_F16, MOE_TYPE_BF16, MOE_TYPE_Q8_0,
  MOE_TYPE_Q4_0, MOE_TYPE_MXFP4, MOE_TYPE_Q4_K, MOE_TYPE_Q5_K, MOE_TYPE_Q6_K,
  MOE_TYPE_Q4_1, MOE_TYPE_Q5_0, MOE_TYPE_Q5_1, MOE_TYPE_IQ4_NL,
  MOE_TYPE_IQ4_XS, MOE_TYPE_Q2_K, MOE_TYPE_Q3_K,
  MOE_TYPE_IQ2_XXS, MOE_TYPE_IQ2_XS, MOE_TYPE_IQ2_S, MOE_TYPE_IQ3_XXS, MOE_TYPE_IQ3_S,
  MOE_TYPE_F8_E4M3,
};

/* Where the half scale of a block stands, where a second one (-1: nowhere), and where its integers do. */
typedef struct
{
  int   d, second;
  gsize begin, end;
} KernelBlockLayout;

static inline KernelBlockLayout
kernel_block_get_layout (MoeTensorType type)
{
  switch ((int) type)
    {
    case MOE_TYPE_Q4_1:
      return (KernelBlockLayout) { 0, 2, 4, 20 };
    case MOE_TYPE_Q5_0:
      return (KernelBlockLayout) { 0, -1, 2, 22 };
    case MOE_TYPE_Q5_1:
      return (KernelBlockLayout) { 0, 2, 4, 24 };
    case MOE_TYPE_IQ4_XS:
      return (KernelBlockLayout) { 0, -1, 8, 136 };
    case MOE_TYPE_Q2_K:
      return (KernelBlockLayout) { 80, 82, 16, 80 };
    case MOE_TYPE_Q3_K:
      return (KernelBlockLayout) { 108, -1, 0, 96 };
    case MOE_TYPE_Q4_K:
      return (KernelBlockLayout) { 0, 2, 16, 144 };
    case MOE_TYPE_Q5_K:
      return (KernelBlockLayout) { 0, 2, 16, 176 };
    case MOE_TYPE_Q6_K:
      return (KernelBlockLayout) { 208, -1, 0, 192 };
    case MOE_TYPE_IQ2_XXS: /* no offset, and no integer is the largest */
    case MOE_TYPE_IQ2_XS:
    case MOE_TYPE_IQ2_S:
    case MOE_TYPE_IQ3_XXS:
    case MOE_TYPE_IQ3_S:
      return (KernelBlockLayout) { 0, -1, 0, 0 };
    case MOE_TYPE_MXFP4:
      return (KernelBlockLayout) { -1, -1, 1, 17 };
    case MOE_TYPE_Q8_0:
      return (KernelBlockLayout) { 0, -1, 2, 34 };
    default: /* Q4_0, IQ4_NL */
      return (KernelBlockLayout) { 0, -1, 2, 18 };
    }
}

typedef enum
{
  BLOCKS_NORMAL,   /* random bits, scales about 1/100 */
  BLOCKS_LARGEST,  /* every integer at one of its ends, scales +-65504, activations all of one size */
  BLOCKS_DENORMAL, /* scales below a half's normal range */
  BLOCKS_ZERO,     /* scales 0 and -0, zero activations among others */
  BLOCKS_MIXED,    /* each block of another kind, activations over ten powers of ten */
  N_BLOCK_KINDS
} BlockKind;

static inline guint16
kernel_random_scale (BlockKind kind,
                     GRand    *rand)
{
  guint16 sign = (guint16) (g_rand_int_range (rand, 0, 2) << 15);

  switch (kind)
    {
    case BLOCKS_LARGEST:
      return sign | 0x7bff;
    case BLOCKS_DENORMAL:
      return sign | (guint16) g_rand_int_range (rand, 1, 0x400);
    case BLOCKS_ZERO:
      return sign;
    default:
      return sign | moe_half_from_float ((float) g_rand_double_range (rand, 0.005, 0.02));
    }
}

/* A power of two of about the size of kernel_random_scale(). It cannot be 0, but all values can. */
static inline void
kernel_mxfp4_set_scale (guint8    *block,
                        BlockKind  kind,
                        GRand     *rand)
{
  gint32 around = kind == BLOCKS_LARGEST ? 144 : kind == BLOCKS_DENORMAL ? 1 : 121;

  block[0] = (guint8) g_rand_int_range (rand, around - 1, around + 2);
  if (kind == BLOCKS_ZERO)
    memset (block + 1, 0x80, 16);
}

/* A float scale, and numbers only. */
static inline void
kernel_f8_set_scale (guint8  *block,
                     guint16  d)
{
  float scale = moe_half_to_float (d);

  memcpy (block, &scale, sizeof scale);
  for (gsize i = sizeof scale; i < sizeof (MoeBlockF8); i++)
    if ((block[i] & 0x7f) == 0x7f)
      block[i] ^= 1;
}

/* Fills @n values (whole blocks) of @type at @w. */
static inline void
kernel_blocks_fill (MoeTensorType type,
                    guint8       *w,
                    gsize         n,
                    BlockKind     kind,
                    GRand        *rand)
{
  KernelBlockLayout layout = kernel_block_get_layout (type);
  guint block, block_bytes;

  moe_tensor_type_get_block (type, &block, &block_bytes);
  if (type == MOE_TYPE_F32 || type == MOE_TYPE_F16 || type == MOE_TYPE_BF16)
    {
      for (gsize i = 0; i < n; i++)
        {
          BlockKind k = kind == BLOCKS_MIXED ? (BlockKind) (i / 16 % BLOCKS_MIXED) : kind;
          guint16 half = kernel_random_scale (k, rand);
          float value = moe_half_to_float (half);
          guint16 bfloat = (guint16) (moe_float_to_bits (value) >> 16);

          if (type == MOE_TYPE_F32)
            memcpy (w + 4 * i, &value, 4);
          else
            memcpy (w + 2 * i, type == MOE_TYPE_F16 ? &half : &bfloat, 2);
        }
      return;
    }
  for (gsize b = 0; b < n / block; b++, w += block_bytes)
    {
      BlockKind k = kind == BLOCKS_MIXED ? (BlockKind) (b % BLOCKS_MIXED) : kind;
      guint16 d = kernel_random_scale (k, rand);
      guint16 dmin = kernel_random_scale (k, rand);

      for (gsize i = 0; i < block_bytes; i++)
        w[i] = (guint8) g_rand_int_range (rand, 0, 256);
      /* The ends: for bytes 0x00, 0x7f, 0x80 and 0xff, of which nibbles and 6-bit fields are ends or
       * nearly. */
      if (k == BLOCKS_LARGEST)
        {
          static const guint8 ends[] = { 0x00, 0x7f, 0x80, 0xff };
          guint8 constant = ends[b % 4];

          for (gsize i = 0; i < block_bytes; i++)
            w[i] = b % 8 < 4 ? constant : ends[w[i] % 4];
        }
      if (type == MOE_TYPE_MXFP4)
        kernel_mxfp4_set_scale (w, k, rand);
      else if (type == MOE_TYPE_F8_E4M3)
        kernel_f8_set_scale (w, d);
      else
        memcpy (w + layout.d, &d, 2);
      if (layout.second >= 0)
        memcpy (w + layout.second, &dmin, 2);
    }
}

/* Blocks a type of which the reference has the values as llama.cpp expands them: enough that random indices
 * meet every entry of every codebook. */
#define N_REFERENCE_BLOCKS 1024

/* Fills N_REFERENCE_BLOCKS blocks, half of them ordinary, and sets their size; free with g_free(). */
static inline guint8 *
kernel_blocks_new_reference (MoeTensorType  type,
                             gsize         *n_values,
                             gsize         *n_bytes)
{
  GRand *rand = g_rand_new_with_seed (100 + type);
  guint block, block_bytes;
  guint8 *w;

  moe_tensor_type_get_block (type, &block, &block_bytes);
  *n_values = (gsize) block * N_REFERENCE_BLOCKS;
  *n_bytes = (gsize) block_bytes * N_REFERENCE_BLOCKS;
  w = g_malloc (*n_bytes);
  kernel_blocks_fill (type, w, *n_values / 2, BLOCKS_NORMAL, rand);
  kernel_blocks_fill (type, w + *n_bytes / 2, *n_values / 2, BLOCKS_MIXED, rand);
  g_rand_free (rand);
  return w;
}

/* At least the size of every part a kernel may add up for weight i of the row at @w: the weight with the
 * largest integer and, where the format has an offset, the offset. amplitude (n). */
static inline void
kernel_blocks_amplitude (const MoeKernel *kernel,
                         const guint8    *w,
                         gsize            n,
                         float           *amplitude)
{
  gsize row_bytes = n / kernel->block * kernel->block_bytes;
  KernelBlockLayout layout = kernel_block_get_layout (kernel->type);
  guint8 *copy = g_memdup2 (w, row_bytes);
  float *lowest = g_new (float, n);

  for (gsize at = 0; at < row_bytes; at += kernel->block_bytes)
    memset (copy + at + layout.begin, kernel->type == MOE_TYPE_Q8_0 ? 0x80 : 0x00, layout.end - layout.begin);
  kernel->expand (copy, n, lowest);
  for (gsize at = 0; at < row_bytes; at += kernel->block_bytes)
    memset (copy + at + layout.begin, 0xff, layout.end - layout.begin);
  kernel->expand (copy, n, amplitude);
  for (gsize i = 0; i < n; i++)
    amplitude[i] = fabsf (amplitude[i]) + 2 * fabsf (lowest[i]);
  g_free (copy);
  g_free (lowest);
}

/* @x: (n_tokens, n) */
static inline void
kernel_activations_fill (float     *x,
                         gsize      n_tokens,
                         gsize      n,
                         BlockKind  kind,
                         GRand     *rand)
{
  for (gsize i = 0; i < n_tokens * n; i++)
    switch (kind)
      {
      case BLOCKS_LARGEST:
        x[i] = i / n % 3 == 0 || (i / n % 3 == 1 && g_rand_boolean (rand)) ? 1e4f : -1e4f;
        break;
      case BLOCKS_DENORMAL:
        x[i] = (float) g_rand_double_range (rand, -1, 1) * 1e-37f;
        break;
      case BLOCKS_ZERO:
        x[i] = i / 32 % 2 == 0 ? 0.f : (float) g_rand_double_range (rand, -1, 1);
        break;
      case BLOCKS_MIXED:
        x[i] = (float) (g_rand_double_range (rand, -1, 1) * g_rand_double_range (rand, 0, 1)
                        * (i / 32 % 3 == 0 ? 1e-6 : i / 32 % 3 == 1 ? 1e4 : 1));
        break;
      default:
        x[i] = (float) g_rand_double_range (rand, -1, 1);
        break;
      }
}
