/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* Plain conversions between floats and the stored types, written apart from the engine's kernels so that each
 * can be held against the other. The layouts are those of GGUF files; the rounding is the simplest that uses
 * every field's whole range. Types: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, MXFP4, IQ4_NL,
 * IQ4_XS, Q2_K to Q6_K; and IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, which keep nothing of the values but
 * their size. Same bits on every machine. */

/* Bytes of @n values, a multiple of the type's block. */
gsize   moe_quantise_get_bytes (MoeTensorType  type,
                                gsize          n);
/* @x: (n) finite; @out: moe_quantise_get_bytes (type, n) bytes. */
void    moe_quantise           (MoeTensorType  type,
                                const float   *x,
                                gsize          n,
                                guint8        *out);
/* @x: (n) */
void    moe_dequantise         (MoeTensorType  type,
                                const guint8  *in,
                                gsize          n,
                                float         *x);

G_END_DECLS
