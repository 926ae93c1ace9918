/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rows of each storage format as floats: @w a row of @n values in blocks (any alignment), x (n). These are
 * the definition of the formats for every kernel. */
void moe_expand_f32  (const void *w, gsize n, float *x);
void moe_expand_f16  (const void *w, gsize n, float *x);
void moe_expand_bf16 (const void *w, gsize n, float *x);
void moe_expand_q8_0 (const void *w, gsize n, float *x);
void moe_expand_q4_0 (const void *w, gsize n, float *x);
void moe_expand_mxfp4 (const void *w, gsize n, float *x);
void moe_expand_q4_k (const void *w, gsize n, float *x);
void moe_expand_q5_k (const void *w, gsize n, float *x);
void moe_expand_q6_k (const void *w, gsize n, float *x);

void moe_expand_f8_e4m3 (const void *w, gsize n, float *x);

/* The less common ones, in moe-expand-rare.c. */
void moe_expand_q4_1 (const void *w, gsize n, float *x);
void moe_expand_q5_0 (const void *w, gsize n, float *x);
void moe_expand_q5_1 (const void *w, gsize n, float *x);
void moe_expand_iq4_nl (const void *w, gsize n, float *x);
void moe_expand_iq4_xs (const void *w, gsize n, float *x);
void moe_expand_q2_k (const void *w, gsize n, float *x);
void moe_expand_q3_k (const void *w, gsize n, float *x);

/* Those with codebooks, in moe-expand-codebook.c. */
void moe_expand_iq2_xxs (const void *w, gsize n, float *x);
void moe_expand_iq2_xs (const void *w, gsize n, float *x);
void moe_expand_iq2_s (const void *w, gsize n, float *x);
void moe_expand_iq3_xxs (const void *w, gsize n, float *x);
void moe_expand_iq3_s (const void *w, gsize n, float *x);

G_END_DECLS
