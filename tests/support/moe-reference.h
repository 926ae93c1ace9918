/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The stored answers of llama.cpp for one checkpoint; the format is described in
 * tests/reference/README.md. */
typedef struct
{
  guint    n_tokens, vocabulary, n_greedy, n_used, n_long;
  guint    n_layers;     /* MoE layers */
  guint    n_all_layers;
  guint    n_channels;
  gint32  *tokens;   /* (n_long), of which the first (n_tokens) have logits */
  gint32  *greedy;   /* (n_greedy) the continuation of the first n_tokens */
  guint32 *chosen;   /* (n_layers, n_tokens, n_used) */
  float   *weights;  /* (n_layers, n_tokens, n_used) gate weights */
  float   *residual; /* (n_all_layers, n_tokens, n_channels) of the stream after each layer: channels
                      * i * width / n_channels */
  float   *logits;   /* (n_tokens, vocabulary) of the F32 copy of the weights */
  float   *rounding; /* (n_long, 2) llama.cpp on the stored file against the F32 copy: mean |difference| of
                      * the position's logits, and Kullback-Leibler divergence; NULL for F32 checkpoints */
} MoeReference;

/* Reads tests/reference/NAME.logits below G_TEST_SRCDIR; a missing or damaged file ends the test program. */
MoeReference *moe_reference_load (const char   *name);
void          moe_reference_free (MoeReference *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeReference, moe_reference_free)

G_END_DECLS
