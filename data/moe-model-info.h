/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* What a model is, without its weights: read from a model file, and stored in every recording and mask
 * file. Reference counted and immutable once filled in. Strings are never NULL. */
typedef struct
{
  gatomicrefcount ref_count;

  char      *name;         /* general.name, or the file's base name */
  char      *path;         /* as given by the person */
  char      *architecture; /* general.architecture */
  char      *quantisation; /* of most of the expert bytes, e.g. "Q4_K"; "Q4_K + Q6_K" for a mix */
  char      *tokenizer;    /* "bpe/qwen2", "spm" */
  char      *fingerprint;  /* 64 hex digits, see moe_gguf_get_fingerprint */
  guint      n_layers;
  guint      n_moe_layers;
  guint     *moe_layers;   /* (n_moe_layers) model layer numbers, ascending */
  guint      n_experts;    /* routed experts of a layer */
  guint      n_used;       /* k, experts chosen per token */
  guint      n_shared;     /* shared experts of a layer, 0 when there are none */
  MoeGating  gating;
  gboolean   norm_weights; /* gate weights are renormalised over the chosen */
  guint      n_heads;
  guint      n_kv_heads;
  guint      head_dim;
  guint      width;        /* residual stream */
  guint      expert_width; /* hidden values of one routed expert */
  guint      vocabulary;
  guint      context;      /* tokens the model was trained for */
  guint64    file_bytes;
  guint64    active_bytes_per_token; /* weight bytes read to decode one token */
  gboolean   learned_sinks; /* attention heads have a learned score that no token belongs to (gpt-oss) */
} MoeModelInfo;

MoeModelInfo *moe_model_info_new          (void);
MoeModelInfo *moe_model_info_ref          (MoeModelInfo *self);
void          moe_model_info_unref        (MoeModelInfo *self);

/* Index of model layer @layer among the MoE layers, or -1 for a dense layer. */
int           moe_model_info_find_moe_layer (const MoeModelInfo *self,
                                             guint               layer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeModelInfo, moe_model_info_unref)

G_END_DECLS
