/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* Small checkpoints with seeded random weights, the same bytes on every machine. Weights have the scale of
 * trained ones (1 / sqrt of the inputs), router logits differ clearly between experts, norm weights vary
 * around 1. The reference logits in tests/reference were computed from these files: a change here means
 * renewing them. */
typedef struct
{
  const char    *name;         /* "qwen3moe-q4_k" */
  const char    *architecture; /* "qwen3moe": any name that moe-checkpoint-family.c lists */
  MoeTensorType  type;         /* of all matrices but the router, which is F32 */
  MoeTensorType  down_type;    /* of ffn_down_exps, attn_v and output: files named *_m mix two types */
  guint          n_layers;
  guint          width;
  guint          expert_width;
  guint          n_heads;
  guint          n_kv_heads;
  guint          head_dim;
  guint          n_experts;
  guint          n_used;
  gboolean       tied;         /* no output tensor: token_embd serves */
  gboolean       rope_factors; /* rope_freqs tensor */
  guint          n_tokens;     /* length of the token sequence */
  guint          seed;
  guint          n_dense;      /* leading layers without experts */
  guint          n_shared;     /* shared experts, stored as one of n_shared * expert_width */
  MoeTensorType  expert_type;  /* of ffn_*_exps, where it is another; else 0 */
  gboolean       absorbed;     /* latent attention: attn_k_b and attn_v_b instead of attn_kv_b */
  gboolean       lite;         /* latent attention: attn_q instead of attn_q_a and attn_q_b */
  gboolean       trained;      /* phimoe: norms and gate weights as in training, which llama.cpp leaves out */
} MoeCheckpoint;

/* All of them; and the one called @name, or NULL. */
const MoeCheckpoint *moe_checkpoint_list       (guint                *n);
const MoeCheckpoint *moe_checkpoint_find       (const char           *name);

/* Writes the GGUF file. With @as_f32 every matrix is stored as the floats its quantised form stands for. */
gboolean             moe_checkpoint_write      (const MoeCheckpoint  *self,
                                                gboolean              as_f32,
                                                const char           *path,
                                                GError              **error);

/* Calls @edit with the floats of every weight tensor, in the file's order (ne[0] contiguous), before they are
 * stored. */
typedef void (*MoeCheckpointEdit) (const char *name,
                                   float      *x,
                                   gsize       n,
                                   gpointer    user_data);
gboolean             moe_checkpoint_write_edited (const MoeCheckpoint  *self,
                                                  MoeCheckpointEdit     edit,
                                                  gpointer              user_data,
                                                  const char           *path,
                                                  GError              **error);

/* A pseudo-random token sequence, (self->n_tokens), transfer full. The reference logits start from it, but
 * have their own tokens: see tests/reference/README.md. */
gint32              *moe_checkpoint_get_tokens (const MoeCheckpoint  *self);
guint                moe_checkpoint_get_vocabulary (const MoeCheckpoint *self);

/* Files with a tokenizer and no weights whose ids are all kept: "vocab-qwen2", "vocab-spm", ...
 * NULL-terminated. Any other "vocab-" and the name of a pre-tokenizer can be written, too. */
const char *const   *moe_checkpoint_list_vocabularies (void);
gboolean             moe_checkpoint_write_vocabulary  (const char           *name,
                                                       const char           *path,
                                                       GError              **error);

G_END_DECLS
