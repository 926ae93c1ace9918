/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* Multiplying stored (quantised) weight rows with activations. One MoeKernel per storage type and choice.
 *
 * Bit rule: each output value depends only on its weight row and its activation row. How many rows or tokens
 * are in one call, and which thread runs it, changes no bit. */
typedef enum
{
  MOE_KERNELS_AUTO,  /* the fastest for this processor; may round activations to 8 bits, see DESIGN.md */
  MOE_KERNELS_PLAIN, /* the reference: weights expanded block by block, float activations, portable C */
} MoeKernelChoice;

typedef struct
{
  MoeTensorType type;
  const char   *name;    /* "Q4_K/plain", "Q4_K/avx2": for info and bench */
  guint         block;   /* values in a block; every row length is a multiple of it */
  guint         block_bytes;

  /* Bytes of one prepared activation row of @n values (a multiple of 64), and its preparation from
   * @x (n) floats. Plain kernels copy the floats. @prepared is 64-byte aligned. */
  gsize (*prepared_bytes) (gsize n);
  void  (*prepare)        (const float *x,
                           gsize        n,
                           void        *prepared);

  /* y[t][r] = sum over i of W[r, i] * x[t][i] for rows r in [row_begin, row_end) and t in [0, n_tokens).
   * @w: (rows, n) in blocks, row r at w + r * n / block * block_bytes. @x: (n_tokens) prepared rows of n
   * values. @y: (n_tokens) pointers, y[t][r] is written with r counted from 0, not from row_begin. */
  void  (*matmul)         (const void         *w,
                           gsize               n,
                           gsize               row_begin,
                           gsize               row_end,
                           const void *const  *x,
                           float       *const *y,
                           gsize               n_tokens);

  /* Expands one row of @n values to floats: x (n). The truth about the format. */
  void  (*expand)         (const void *w,
                           gsize       n,
                           float      *x);
} MoeKernel;

/* NULL when this program cannot compute with @type. Never NULL for F32, F16, BF16, F8_E4M3, Q8_0, Q4_0, Q4_1,
 * Q5_0, Q5_1, MXFP4, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ4_NL, IQ4_XS, Q2_K to Q6_K. */
const MoeKernel *moe_kernel_get (guint32         type,
                                 MoeKernelChoice choice);

/* The instruction set that AUTO uses here: "avx512vnni", "avx2", "portable" ... */
const char      *moe_kernels_get_isa (void);

G_END_DECLS
