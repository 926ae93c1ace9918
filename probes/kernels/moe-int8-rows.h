/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "probes/kernels/moe-formats.h"

G_BEGIN_DECLS

/* 256 values of an activation row rounded to 8 bits, the prepared form of all integer kernels. Each 32
 * values have their own scale, max |x| / 127, so that x = scale * q within scale / 2. Values beyond the
 * end of the row are 0. Groups whose largest value is below 2^-100 round to 0; one with an infinity or a
 * NaN has a NaN scale, which makes every product with it NaN. */
typedef struct
{
  gint8  q[MOE_QK];
  float  scale[MOE_QK / 32];   /* (8) */
  float  sum[MOE_QK / 32];     /* (8) scale times the sum of q */
  gint16 sum16[MOE_QK / 16];   /* (16) sums of 16 q */
  gint32 minus128[MOE_QK / 32]; /* (8) -128 times the sum of 32 q */
} MoeInt8Chunk;

G_STATIC_ASSERT (sizeof (MoeInt8Chunk) == 384);

/* The prepared_bytes and prepare of MoeKernel; needs AVX2. n is a multiple of 32. */
gsize moe_int8_row_get_bytes (gsize        n);
void  moe_int8_row_prepare   (const float *x,
                                 gsize        n,
                                 void        *prepared);

G_END_DECLS
