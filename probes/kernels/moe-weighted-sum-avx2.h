/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The weighted sums of MoeVectorOps. Need AVX2, FMA and F16C. */
void moe_weighted_sum_avx2     (const float *const *p,
                                gsize               n_rows,
                                const float        *v,
                                gsize               n_keys,
                                gsize               n,
                                float *const       *y);
void moe_weighted_sum_f16_avx2 (const float *const *p,
                                gsize               n_rows,
                                const guint16      *v,
                                gsize               n_keys,
                                gsize               n,
                                float *const       *y);

G_END_DECLS
