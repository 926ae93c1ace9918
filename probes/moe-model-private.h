/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-arch.h"
#include "probes/moe-linear.h"
#include "probes/moe-model.h"

G_BEGIN_DECLS

/* A feed-forward block without routing: a dense layer's, or a shared expert. */
typedef struct
{
  MoeMatrix gate; /* (width, d) */
  MoeMatrix up;   /* (width, d) */
  MoeMatrix down; /* (d, width) */
} MoeFeedForward;

/* A gated DeltaNet. K = gdn_key_heads * gdn_dim, V = gdn_value_heads * gdn_dim, H = gdn_value_heads, L =
 * conv_length. Files of the first layout have qkvz in place of qkv and z. */
typedef struct
{
  MoeMatrix    qkv;  /* (2 * K + V, d) queries, keys, values */
  MoeMatrix    z;    /* (V, d) gate of the output */
  MoeMatrix    qkvz; /* (2 * K + 2 * V, d) for each key head its query, key, values and gates */
  MoeMatrix    ba;   /* (2 * H, d) for each key head its betas, then its alphas; or */
  MoeMatrix    beta; /* (H, d) and */
  MoeMatrix    alpha; /* (H, d) */
  const float *conv; /* (2 * K + V, L), the present token last; NULL when the layer has none */
  const float *dt;   /* (H) */
  const float *a;    /* (H) */
  const float *norm; /* (gdn_dim) */
  MoeMatrix    out;  /* (d, V) */
} MoeDeltaNet;

/* One decoder layer. Below d = width, H = n_heads, G = n_kv_heads, D = head_dim, V = value_dim, E =
 * n_experts, F = expert_width; shapes are (rows, values in a row). Vectors are F32 and point into the file;
 * what the layer does not have is NULL, and has NULL data. */
typedef struct
{
  const float *attention_norm; /* (d) */
  const float *attention_norm_bias; /* (d) */
  MoeMatrix    q;              /* (H * D, d), or (H * D, q_rank) behind q_a; with a gate behind each query
                                * (2 * H * D, d) */
  MoeMatrix    k;              /* (G * D, d) */
  MoeMatrix    v;              /* (G * V, d) */
  const float *q_bias;         /* (H * D) */
  const float *k_bias;         /* (G * D) */
  const float *v_bias;         /* (G * V) */
  MoeMatrix    output;         /* (d, H * V) */
  const float *output_bias;    /* (d) */
  const float *q_norm;         /* (D) or (H * D), NULL without QK norm */
  const float *k_norm;         /* (D) or (G * D) */
  const float *sinks;          /* (H) learned score of no key, or NULL */
  guint        window;         /* tokens that a query sees, itself included; 0 = all */
  guint        n_kv_heads;     /* G, D, V and the rotary dimensions of this layer */
  gsize        head_dim, value_dim, rope_dims;
  const float *attention_post_norm; /* (d) of what attention adds */

  /* MLA, in place of k and v; R = rope_dims. */
  MoeMatrix    q_a;            /* (q_rank, d) */
  const float *q_a_norm;       /* (q_rank) */
  MoeMatrix    kv_a;           /* (kv_rank + R, d) */
  const float *kv_a_norm;      /* (kv_rank) */
  MoeMatrix    kv_b;           /* (H * (D - R + V), kv_rank); absorbed: none, but */
  MoeMatrix    k_b;            /* H matrices (kv_rank, D - R) and */
  MoeMatrix    v_b;            /* H matrices (V, kv_rank) */

  /* A short convolution, in place of attention. */
  MoeMatrix    conv_in;        /* (3 * d, d) */
  const float *conv;           /* (d, conv_length), the present token last */
  MoeMatrix    conv_out;       /* (d, d) */

  MoeDeltaNet  delta_net;      /* in place of attention */

  const float *moe_norm;       /* (d) before the experts or the dense block */
  const float *moe_norm_bias;  /* (d) */

  MoeFeedForward dense;        /* of a layer without experts, which has nothing of what follows */

  MoeMatrix    router;         /* (E, d) */
  const float *router_bias;    /* (E) of the router's logits */
  const float *selection_bias; /* (E) of the scores that choose */
  MoeMatrix    gate;           /* E matrices (F, d) */
  MoeMatrix    up;             /* E matrices (F, d) */
  MoeMatrix    down;           /* E matrices (d, F) */
  const float *gate_bias;      /* (E, F) */
  const float *up_bias;        /* (E, F) */
  const float *down_bias;      /* (E, d) */
  MoeFeedForward shared;       /* all shared experts as one of shared_width */
  const float *shared_gate;    /* (d) */

  /* Gemma 4, see moe-experts.c. */
  const float *router_scale;   /* (d) */
  const float *down_scale;     /* (E) of the experts' outputs, or NULL */
  const float *shared_norm;    /* (d) before the shared expert */
  const float *routed_post_norm; /* (d) of the routed experts' sum */
  const float *shared_post_norm; /* (d) of the shared expert's output */
  const float *moe_post_norm;  /* (d) of both together */
  const float *output_scale;   /* (1) of the residual stream behind the layer, or NULL */
} MoeLayer;

struct _MoeModel
{
  gatomicrefcount ref_count;

  MoeGguf        *gguf;
  const MoeArch  *arch;
  MoeHparams      h;
  MoeModelInfo   *info;
  MoeResidency    residency;
  MoeTokenizer   *tokenizer;
  MoeChat        *chat;       /* NULL when it can't be rendered */
  GError         *chat_error; /* then: why */

  MoeMatrix       embedding;    /* (vocabulary, d) */
  MoeMatrix       logits;       /* (vocabulary, d); the embedding when tied */
  const float    *output_norm;  /* (d) */
  const float    *output_norm_bias; /* (d), or NULL */
  const float    *logit_bias;   /* (vocabulary), or NULL */
  const float    *rope_short;   /* (rope_dims / 2) divisors of the rotary frequencies, or NULL */
  const float    *rope_long;    /* the same, for contexts beyond the original one */
  MoeLayer       *layers;       /* (n_layers) */
  GPtrArray      *slices;       /* where matrices start of which the file has two in one tensor */
};

/* Points everything from @self->embedding on into @self->gguf, by @self->arch and @self->h. Refuses tensors
 * that are missing, have another shape than those say, or are not used. */
gboolean moe_model_bind          (MoeModel          *self,
                                  GError           **error);
/* Whether the tensor called @name belongs to a layer stored after those that are run. */
gboolean moe_hparams_skip_tensor (const MoeHparams  *h,
                                  const char        *name);

G_END_DECLS
