/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The prepared_bytes and prepare of all kernels with float activations: the values, with zeros up to a
 * multiple of 16. */
#define MOE_FLOAT_ROW_STEP 16

gsize moe_float_row_get_bytes (gsize        n);
void  moe_float_row_prepare   (const float *x,
                               gsize        n,
                               void        *prepared);

G_END_DECLS
