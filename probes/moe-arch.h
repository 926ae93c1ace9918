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
} MoeQkNorm;

typedef enum
{
  MOE_ROPE_PAIRS,  /* rotates consecutive values (0, 1), (2, 3) ... */
  MOE_ROPE_HALVES, /* rotates value i with value i + dims / 2 ("neox") */
} MoeRopeKind;

typedef struct
{
  const char  *name;         /* general.architecture */
  MoeRopeKind  rope;
  MoeQkNorm    qk_norm;
  MoeGating    gating;
  gboolean     norm_weights; /* gate weights renormalised over the chosen */
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
  float              log_multiplier;   /* YaRN in MLA: of the scores' temperature; 0 = none */
} MoeRopeScaling;

/* The numbers of one model, read from the metadata and checked against each other. */
typedef struct
{
  guint32 n_layers, width, vocabulary, context;
  guint32 n_heads, n_kv_heads, head_dim; /* head_dim of q and k */
  guint32 value_dim;                     /* of v */
  guint32 rope_dims;
  guint32 n_experts, n_used, expert_width;
  float   norm_epsilon, rope_base;
  float   weights_scale;                 /* 1 = none */
  MoeRopeScaling rope;
} MoeHparams;

/* Errors: MOE_ERROR_FORMAT (a key missing or absurd), MOE_ERROR_UNSUPPORTED (a dense model, a kind of rope
 * scaling, ...); messages start with the file's path. */
gboolean       moe_hparams_read (MoeGguf        *gguf,
                                 const MoeArch  *arch,
                                 MoeHparams     *hparams,
                                 GError        **error);

G_END_DECLS
