/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/support/moe-checkpoint-family.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-gguf-writer.h"

G_BEGIN_DECLS

/* What the files that write checkpoints share. */
typedef struct
{
  const MoeCheckpoint *checkpoint;
  const MoeFamily     *family;
  gboolean             as_f32;
  MoeGgufWriter       *writer;
  MoeCheckpointEdit    edit;
  gpointer             edit_data;
} MoeCheckpointBuilder;

/* @x: the values of all of @ne, stored as @type or as the floats which that stands for. */
void     moe_checkpoint_add_tensor         (MoeCheckpointBuilder *self,
                                            const char           *name,
                                            MoeTensorType         type,
                                            guint                 n_dims,
                                            const guint64        *ne,
                                            const float          *x);
/* Weights of standard deviation @gain / sqrt (inputs), so that inputs of size 1 give outputs of size @gain.
 * @n_matrices 0 makes a two-dimensional tensor. */
void     moe_checkpoint_add_matrix         (MoeCheckpointBuilder *self,
                                            const char           *name,
                                            MoeTensorType         type,
                                            float                 gain,
                                            guint                 n_in,
                                            guint                 n_out,
                                            guint                 n_matrices);
/* Floats of standard deviation @scale around @mean; @n_rows 0 makes a one-dimensional tensor. */
void     moe_checkpoint_add_values         (MoeCheckpointBuilder *self,
                                            const char           *name,
                                            float                 mean,
                                            float                 scale,
                                            guint                 n,
                                            guint                 n_rows);

/* "ARCH.KEY", a number or one number for each layer, as the family has it. */
void     moe_checkpoint_add_layer_key      (MoeCheckpointBuilder *self,
                                            const char           *key,
                                            guint                 value);

/* moe-checkpoint-attention.c: what families have beside queries, keys and values of one size. */
void     moe_checkpoint_add_attention_keys (MoeCheckpointBuilder *self);
/* The tensors of the layer's attention but for its norm. FALSE: it is an ordinary one, nothing was added. */
gboolean moe_checkpoint_add_other_mixer    (MoeCheckpointBuilder *self,
                                            guint                 layer);
/* What an ordinary one has besides. */
void     moe_checkpoint_add_attention_rest (MoeCheckpointBuilder *self,
                                            guint                 layer);
void     moe_checkpoint_add_rope_factors   (MoeCheckpointBuilder *self);

/* moe-checkpoint-gemma.c: all of a layer, the keys besides, and tensors of no layer. */
void     moe_checkpoint_add_gemma_keys     (MoeCheckpointBuilder *self);
void     moe_checkpoint_add_gemma_layer    (MoeCheckpointBuilder *self,
                                            guint                 layer);
void     moe_checkpoint_add_gemma_rest     (MoeCheckpointBuilder *self);

G_END_DECLS
