/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-arch.h"
#include "probes/moe-linear.h"
#include "probes/moe-model.h"

G_BEGIN_DECLS

/* One decoder layer. Below d = width, H = n_heads, G = n_kv_heads, D = head_dim, V = value_dim, E =
 * n_experts, F = expert_width; shapes are (rows, values in a row). Vectors are F32 and point into the
 * file. */
typedef struct
{
  const float *attention_norm; /* (d) */
  MoeMatrix    q;              /* (H * D, d) */
  MoeMatrix    k;              /* (G * D, d) */
  MoeMatrix    v;              /* (G * V, d) */
  MoeMatrix    output;         /* (d, H * V) */
  const float *q_norm;         /* (D) or (H * D), NULL without QK norm */
  const float *k_norm;         /* (D) or (G * D) */
  const float *sinks;          /* (H) learned score of no key, or NULL */
  guint        window;         /* tokens that a query sees, itself included; 0 = all */
  const float *moe_norm;       /* (d) */
  MoeMatrix    router;         /* (E, d) */
  MoeMatrix    gate;           /* E matrices (F, d) */
  MoeMatrix    up;             /* E matrices (F, d) */
  MoeMatrix    down;           /* E matrices (d, F) */
} MoeLayer;

struct _MoeModel
{
  gatomicrefcount ref_count;

  MoeGguf        *gguf;
  const MoeArch  *arch;
  MoeHparams      h;
  MoeModelInfo   *info;
  MoeTokenizer   *tokenizer;
  MoeChat        *chat;       /* NULL when it can't be rendered */
  GError         *chat_error; /* then: why */

  MoeMatrix       embedding;    /* (vocabulary, d) */
  MoeMatrix       logits;       /* (vocabulary, d); the embedding when tied */
  const float    *output_norm;  /* (d) */
  const float    *rope_short;   /* (rope_dims / 2) divisors of the rotary frequencies, or NULL */
  const float    *rope_long;    /* the same, for contexts beyond the original one */
  MoeLayer       *layers;       /* (n_layers) */
};

G_END_DECLS
