/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The first of the largest of @logits (n). */
guint moe_logits_argmax        (const float *logits,
                                guint        n);
/* Adds to @difference the mean |q - p| of one position's logits and to @divergence the Kullback-Leibler
 * divergence of q's distribution from p's, nats. */
void  moe_logits_add_distances (const float *p,
                                const float *q,
                                guint        n,
                                double      *difference,
                                double      *divergence);

G_END_DECLS
