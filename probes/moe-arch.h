/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"
#include "data/moe-types.h"

G_BEGIN_DECLS

/* What differs between architectures. A further one is an entry in the table of moe-arch.c, and code only
 * for what none of the present ones does. */
typedef enum
{
  MOE_QK_NORM_NONE,
  MOE_QK_NORM_HEAD,   /* RMS norm of every head's q and k, before RoPE */
  MOE_QK_NORM_VECTOR, /* RMS norm over the whole q and the whole k, before RoPE */
  MOE_QK_NORM_HEAD_AFTER, /* as _HEAD, but after RoPE */
} MoeQkNorm;

typedef enum
{
  MOE_ROPE_PAIRS,  /* rotates consecutive values (0, 1), (2, 3) ... */
  MOE_ROPE_HALVES, /* rotates value i with value i + dims / 2 ("neox") */
} MoeRopeKind;

/* Whether there are shared experts, and where their width is said. Several are stored as one wider one. */
typedef enum
{
  MOE_SHARED_NONE,
  MOE_SHARED_COUNT,        /* expert_shared_count experts as wide as the routed ones */
  MOE_SHARED_LENGTH,       /* expert_shared_feed_forward_length wide, without the key feed_forward_length */
  MOE_SHARED_OPTIONAL,     /* expert_shared_feed_forward_length wide, without the key there is none */
  MOE_SHARED_COUNT_LENGTH, /* expert_shared_count experts of expert_shared_feed_forward_length, without the
                            * key as wide as the routed ones */
  MOE_SHARED_DENSE,        /* one, feed_forward_length wide, which files call the dense block */
} MoeSharedKind;

/* What experts do between their two matrix products. */
typedef enum
{
  MOE_ACTIVATION_SILU,       /* silu (gate) * up */
  MOE_ACTIVATION_SWIGLU_OAI, /* min (gate, 7) * sigmoid (1.702 * min (gate, 7)) * (clamp (up, -7, 7) + 1) */
  MOE_ACTIVATION_GELU,       /* gelu (gate) * up, see moe-gelu.h */
} MoeActivation;

typedef enum
{
  MOE_ARCH_GATING_KEY = 1 << 0,     /* expert_gating_func says how it is gated; the table has the default */
  MOE_ARCH_NORM_KEY = 1 << 1,       /* expert_weights_norm says whether weights are renormalised */
  MOE_ARCH_SELECTION_BIAS = 1 << 2, /* exp_probs_b.bias may be there: added to the scores that choose */
  MOE_ARCH_SELECTION_BIAS_REQUIRED = 1 << 3,
  MOE_ARCH_SHARED_GATE = 1 << 4,    /* ffn_gate_inp_shexp: the shared expert times sigmoid (w . x) */
  MOE_ARCH_DENSE_LEAD = 1 << 5,     /* leading_dense_block_count layers without experts come first */
  MOE_ARCH_EXPERT_SPLIT = 1 << 6,   /* without expert_feed_forward_length, an expert's width is
                                     * feed_forward_length / expert_used_count */
  MOE_ARCH_QKV_BIAS = 1 << 7,       /* attn_q.bias, attn_k.bias and attn_v.bias may be there */
  MOE_ARCH_OUTPUT_BIAS = 1 << 8,    /* attn_output.bias may be there */
  MOE_ARCH_ROUTER_BIAS = 1 << 9,    /* ffn_gate_inp.bias */
  MOE_ARCH_EXPERT_BIAS = 1 << 10,   /* ffn_{gate,up,down}_exps.bias */
  MOE_ARCH_FUSED_QKV = 1 << 11,     /* attn_qkv in place of attn_q, attn_k and attn_v */
  MOE_ARCH_QK_NORM_OPTIONAL = 1 << 12, /* a layer may come without its two QK norms */
  MOE_ARCH_POST_NORM = 1 << 13,     /* the norm before the experts is called post_attention_norm */
  MOE_ARCH_SCALES = 1 << 14,        /* embedding_scale, residual_scale, attention.scale, and logit_scale,
                                     * by which logits are divided */
  MOE_ARCH_NEXTN = 1 << 15,         /* nextn_predict_layers of block_count predict further tokens: unused */
  MOE_ARCH_SINKS = 1 << 16,         /* attn_sinks: every head has a learned score that no key belongs to */
  MOE_ARCH_WINDOW = 1 << 17,        /* layers see attention.sliding_window tokens, but for every second one
                                     * (or as attention.sliding_window_pattern says) */
  MOE_ARCH_WINDOW_UNUSED = 1 << 18, /* the key attention.sliding_window means nothing */
  MOE_ARCH_MLA = 1 << 19,           /* multi-head latent attention, see moe-mla.c */
  MOE_ARCH_SHORT_CONV = 1 << 20,    /* layers without key-value heads have a short convolution instead of
                                     * attention; the last norm is called token_embd_norm */
  MOE_ARCH_NORM_BIAS = 1 << 21,     /* norms and logits have a bias */
  MOE_ARCH_INTERLEAVED = 1 << 22,   /* interleave_moe_layer_step: only 1, every layer, is computed here */
  MOE_ARCH_SECTIONS = 1 << 23,      /* rope.dimension_sections may be there: rotary pairs turn by the place in
                                     * time, height or width; for text these are equal */
  MOE_ARCH_SECTIONS_INTERLEAVED = 1 << 24, /* they are there, and take turns */
  MOE_ARCH_MERGED_GATE_UP = 1 << 25, /* ffn_gate_up_exps may stand for ffn_gate_exps and ffn_up_exps */
  MOE_ARCH_DELTA_NET = 1 << 26,     /* a gated DeltaNet in place of attention in all layers but one of
                                     * full_attention_interval, see moe-delta-net.c */
  MOE_ARCH_DELTA_TILED = 1 << 27,   /* its value head i belongs to key head i mod their number, not to one of
                                     * consecutive heads; ssm_beta and ssm_alpha in place of ssm_ba */
  MOE_ARCH_QUERY_GATE = 1 << 28,    /* attn_q has a gate of the output behind each head's query */
  MOE_ARCH_WINDOW_HEADS = 1 << 29,  /* layers with a window have heads and a RoPE of their own, by keys that
                                     * end in _swa; key-value heads are given for each layer; values are
                                     * normed, and are the keys where there is no attn_v */
  MOE_ARCH_POST_NORMS = 1 << 30,    /* Gemma 4's blocks, see moe-experts.c */
} MoeArchFlags;

typedef struct
{
  const char    *name;         /* general.architecture */
  MoeRopeKind    rope;
  MoeQkNorm      qk_norm;
  MoeGating      gating;       /* 0 = only the key says it */
  gboolean       norm_weights; /* gate weights renormalised over the chosen */
  MoeSharedKind  shared;
  MoeActivation  activation;
  MoeArchFlags   flags;
} MoeArch;

/* NULL with MOE_ERROR_UNSUPPORTED when @name cannot be computed: says whether it is a dense architecture, a
 * known MoE architecture, or unknown. */
const MoeArch *moe_arch_find (const char *name,
                              GError    **error);

typedef enum
{
  MOE_ROPE_UNSCALED,
  MOE_ROPE_LINEAR,   /* positions divided by the factor */
  MOE_ROPE_YARN,     /* arXiv 2309.00071 */
  MOE_ROPE_LONGROPE, /* arXiv 2402.13753: divisors of the frequencies, tensors of the file */
} MoeRopeScalingKind;

/* How RoPE was stretched beyond the context that a model was first trained for. */
typedef struct
{
  MoeRopeScalingKind kind;
  float              factor;           /* longer context / original context; 1 = none */
  float              magnitude;        /* cosines and sines are multiplied with it, besides YaRN's own */
  guint32            original_context; /* tokens */
  float              beta_fast, beta_slow; /* YaRN: turns in the original context, see moe-rope.h */
  gboolean           fractions;        /* YaRN: its range of pairs is not widened to whole pairs */
  float              log_multiplier;   /* YaRN in MLA: of the scores' temperature; 0 = none */
  float              angle_scale, score_scale; /* YaRN in MLA: of cosines and sines, and of scores, in place
                                                * of what follows from the others; 0 = not given */
} MoeRopeScaling;

/* A bound far above any published model. */
#define MOE_MAX_LAYERS 1024u

/* What a layer is, where the layers of a model differ. */
typedef enum
{
  MOE_LAYER_DENSE = 1 << 0,  /* a feed-forward block without experts */
  MOE_LAYER_CONV = 1 << 1,   /* a short convolution in place of attention */
  MOE_LAYER_WINDOW = 1 << 2, /* attention sees MoeHparams.window tokens */
  MOE_LAYER_DELTA_NET = 1 << 3, /* a gated DeltaNet in place of attention */
} MoeLayerFlags;

/* The numbers of one model, read from the metadata and checked against each other. */
typedef struct
{
  guint32   n_layers, width, vocabulary, context; /* n_layers: those that are run */
  guint32   n_skipped;                            /* stored after them and not used (see MOE_ARCH_NEXTN) */
  guint32   n_heads, n_kv_heads, head_dim;        /* head_dim of q and k */
  guint32   value_dim;                            /* of v */
  guint32   window;                               /* tokens that layers with a window see */
  guint32   window_head_dim, window_rope_dims;    /* their heads, with MOE_ARCH_WINDOW_HEADS */
  float     window_rope_base;
  guint16   kv_heads[MOE_MAX_LAYERS];             /* with MOE_ARCH_WINDOW_HEADS */
  guint32   q_rank, kv_rank;                      /* of MLA; 0 = none */
  gboolean  absorbed;                             /* MLA with attn_k_b and attn_v_b, see moe-mla.c */
  guint32   conv_length;                          /* tokens of a short convolution; 0 = none */
  guint32   gdn_key_heads, gdn_value_heads;       /* of gated DeltaNets; 0 = none */
  guint32   gdn_dim;                              /* values of one of their keys, and of a value */
  guint32   rope_dims;
  MoeRopeKind rope_kind;                          /* the architecture's, unless MOE_GGUF_KEY_ROPE_HALVES */
  guint32   n_dense;                              /* layers without experts */
  guint32   n_experts, n_used, expert_width;
  guint32   n_shared;                             /* shared experts of an MoE layer */
  guint32   shared_width, dense_width;            /* hidden values: of all shared experts, of a dense layer */
  guint32   n_groups, n_groups_used;              /* experts are chosen within the best groups; 1 = off */
  gboolean  groups_by_best;                       /* a group is as good as its best expert, not its two */
  MoeGating gating;
  gboolean  norm_weights;                         /* gate weights renormalised over the chosen */
  float     norm_epsilon, rope_base;
  gboolean  layer_norm;                           /* blocks and logits read (x - mean) / deviation, not RMS
                                                   * norms; key attention.layer_norm_epsilon */
  float     mixer_width;                          /* gate weights by SparseMixer, see moe_router_weigh(); 0 =
                                                   * as gating says */
  MoeRopeScaling rope;
  float     weights_scale;                        /* of gate weights; 1 = none */
  float     attention_scale;                      /* of q . k */
  float     embedding_scale, residual_scale;      /* residual_scale: of what a block adds; 1 = none */
  float     logit_scale;                          /* multiplies the logits; 1 = none */
  float     logit_cap;                            /* c * tanh (logit / c); 0 = none */
  guint8    layers[MOE_MAX_LAYERS];               /* MoeLayerFlags of each */
} MoeHparams;

/* Errors: MOE_ERROR_FORMAT (a key missing or absurd), MOE_ERROR_UNSUPPORTED (a dense model, a kind of rope
 * scaling, ...); messages start with the file's path. */
gboolean       moe_hparams_read (MoeGguf        *gguf,
                                 const MoeArch  *arch,
                                 MoeHparams     *hparams,
                                 GError        **error);

G_END_DECLS
