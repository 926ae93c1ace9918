/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How the files of one architecture are written: which keys and tensors they have. */
typedef enum
{
  MOE_FAMILY_QK_NORM_HEAD = 1 << 0,   /* attn_q_norm and attn_k_norm of a head's size */
  MOE_FAMILY_QK_NORM_VECTOR = 1 << 1, /* of the whole vector's */
  MOE_FAMILY_QKV_BIAS = 1 << 2,
  MOE_FAMILY_EXPERT_WIDTH = 1 << 3,   /* expert_feed_forward_length; feed_forward_length is another number */
  MOE_FAMILY_SHARED_GATE = 1 << 4,    /* ffn_gate_inp_shexp */
  MOE_FAMILY_SHARED_COUNT = 1 << 5,   /* expert_shared_count */
  MOE_FAMILY_SHARED_WIDTH = 1 << 6,   /* expert_shared_feed_forward_length */
  MOE_FAMILY_DENSE_LEAD = 1 << 7,     /* leading_dense_block_count */
  MOE_FAMILY_ROPE_DIMS = 1 << 8,      /* rope.dimension_count, all of the head */
  MOE_FAMILY_SHARED_EACH = 1 << 9,    /* expert_shared_feed_forward_length is of one shared expert */
  MOE_FAMILY_FUSED_QKV = 1 << 10,
  MOE_FAMILY_EXPERT_WIDTH_TOO = 1 << 11, /* expert_feed_forward_length repeats feed_forward_length */
  MOE_FAMILY_SCALES = 1 << 12,        /* embedding_scale, residual_scale, attention.scale, logit_scale */
  MOE_FAMILY_NORM_KEY = 1 << 13,      /* expert_weights_norm = true */
  MOE_FAMILY_INTERLEAVE = 1 << 14,    /* interleave_moe_layer_step = 1 */
  MOE_FAMILY_NEXTN = 1 << 15,         /* one layer more, for the token after the next */
  MOE_FAMILY_OUTPUT_BIAS = 1 << 16,   /* attn_output.bias */
  MOE_FAMILY_EXPERT_BIAS = 1 << 17,   /* ffn_gate_inp.bias and ffn_*_exps.bias */
  MOE_FAMILY_POST_NORM = 1 << 18,     /* post_attention_norm instead of ffn_norm */
  MOE_FAMILY_SINKS = 1 << 19,         /* attn_sinks, and a sliding window of 8 tokens */
  MOE_FAMILY_YARN = 1 << 20,          /* from a context of 16 tokens to four times that */
  MOE_FAMILY_NORM_BIAS = 1 << 21,     /* attn_norm.bias, ffn_norm.bias, output_norm.bias, output.bias */
  MOE_FAMILY_LONGROPE = 1 << 22,      /* rope_factors_short and _long, attn_factor */
  MOE_FAMILY_MLA = 1 << 23,           /* latent attention */
  MOE_FAMILY_SHORT_CONV = 1 << 24,    /* a convolution in every layer but the second of three */
  MOE_FAMILY_ROPE_HALF = 1 << 25,     /* rope.dimension_count, half of the head */
  MOE_FAMILY_SECTIONS = 1 << 26,      /* rope.dimension_sections, none of them the fourth */
  MOE_FAMILY_MERGED = 1 << 27,        /* ffn_gate_up_exps */
  MOE_FAMILY_ARRAYS = 1 << 28,        /* numbers that may be given for each layer are */
  MOE_FAMILY_DELTA_NET = 1 << 29,     /* a gated DeltaNet in two of three layers; gated queries */
  MOE_FAMILY_GEMMA = 1 << 30,
} MoeFamilyFlags;

typedef struct
{
  const char     *name;           /* the architecture's, or of one of its kinds of files */
  const char     *pre;            /* of its byte-level BPE vocabulary; NULL for SentencePiece */
  float           rope_base;
  float           weights_scale;  /* expert_weights_scale; 0 = no key */
  MoeFamilyFlags  flags;
  const char     *architecture;   /* general.architecture; NULL = the name */
  guint           gating;         /* expert_gating_func; 0 = no key */
  float           selection_bias; /* standard deviation of exp_probs_b; 0 = no tensor */
  guint           n_groups;       /* expert_group_count, of which half are used; 0 = no key */
} MoeFamily;

/* Ends the program for a name that is not in the table. */
const MoeFamily *moe_family_get              (const char      *name);
const char      *moe_family_get_architecture (const MoeFamily *self);

G_END_DECLS
