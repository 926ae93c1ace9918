/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "probes/moe-kernels.h"

G_BEGIN_DECLS

/* Constants of swiglu_oai (OpenAI, "gpt-oss-120b & gpt-oss-20b Model Card", arXiv 2508.10925). */
#define MOE_SWIGLU_OAI_ALPHA 1.702f
#define MOE_SWIGLU_OAI_LIMIT 7.f

/* The inner loops of attention, norms and activations, per instruction set like the matrix kernels. Every
 * result depends on the arguments only (never on alignment or on which thread runs it). F16 values are IEEE
 * halves as their 16 bits. */
typedef struct
{
  /* Sum of a[i] * b[i]; (n) each. */
  float (*dot)         (const float *a, const float *b, gsize n);
  float (*dot_f16)     (const float *a, const guint16 *b, gsize n);
  /* y += a * x; (n) each. */
  void  (*axpy)        (float *y, float a, const float *x, gsize n);
  void  (*axpy_f16)    (float *y, float a, const guint16 *x, gsize n);
  /* (n) F16 of x (n), round to nearest even. */
  void  (*to_f16)      (guint16 *y, const float *x, gsize n);
  /* Sum of x[i]^2. */
  float (*sum_squares) (const float *x, gsize n);
  /* Largest |x[i]| and the first index that has it; NaN counts as largest. n >= 1. */
  float (*max_abs)     (const float *x, gsize n, guint *index);
  /* gate[i] = gate[i] / (1 + exp (-gate[i])) * up[i]; exp within 2 ulp. */
  void  (*silu_mul)    (float *gate, const float *up, gsize n);
  /* gate[i] = g / (1 + exp (-1.702 g)) * (clamp (up[i], -7, 7) + 1) with g = min (gate[i], 7), of gpt-oss;
   * what is not a number stays so. */
  void  (*swiglu_oai)  (float *gate, const float *up, gsize n);
  /* x = exp (x - max x), not divided by the sum, which is returned; -inf gives 0. @max, unless NULL, gets
   * what was subtracted: the largest x, 0 when all are -inf. n >= 1. */
  float (*soft_max)    (float *x, gsize n, float *max);
  /* y[i] = x[i] * scale * w[i] */
  void  (*scale_mul)   (float *y, const float *x, float scale, const float *w, gsize n);
  /* y[t] += sum over keys j of p[t][j] * v[j], added in the order of the keys; @p: (n_rows) pointers to
   * (n_keys) weights, @v: (n_keys, n), @y: (n_rows) pointers to (n). A row's bits do not depend on the other
   * rows, nor on how the keys are split into calls. */
  void  (*weighted_sum)     (const float *const *p, gsize n_rows, const float *v, gsize n_keys, gsize n,
                             float *const *y);
  void  (*weighted_sum_f16) (const float *const *p, gsize n_rows, const guint16 *v, gsize n_keys, gsize n,
                             float *const *y);
} MoeVectorOps;

const MoeVectorOps *moe_vector_ops_get (MoeKernelChoice choice);

G_END_DECLS
