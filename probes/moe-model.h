/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-gguf.h"
#include "data/moe-model-info.h"
#include "probes/moe-chat.h"
#include "probes/moe-residency.h"
#include "probes/moe-tokenizer.h"

G_BEGIN_DECLS

/* A loaded checkpoint: mapped, checked, immutable. Any number of sessions, on any threads, share one. */
typedef struct _MoeModel MoeModel;

/* Reads what the file is without touching its weights. Refuses dense models and unknown architectures.
 * Transfer full. */
MoeModelInfo       *moe_model_read_info     (MoeGguf        *gguf,
                                             GError        **error);

/* Errors: as moe_gguf_open, and MOE_ERROR_UNSUPPORTED (architecture, tensor type, tokenizer), _FORMAT (a
 * tensor missing or of the wrong shape); G_IO_ERROR_CANCELLED. */
MoeModel           *moe_model_open          (const char      *path,
                                             MoeProgressFunc  progress,
                                             gpointer         user_data,
                                             GCancellable    *cancellable,
                                             GError         **error);
MoeModel           *moe_model_ref           (MoeModel        *self);
void                moe_model_unref         (MoeModel        *self);

const MoeModelInfo *moe_model_get_info      (const MoeModel  *self);
MoeGguf            *moe_model_get_gguf      (const MoeModel  *self);
const MoeTokenizer *moe_model_get_tokenizer (const MoeModel  *self);
/* NULL when the file's template cannot be rendered; @error then says why. */
const MoeChat      *moe_model_get_chat      (const MoeModel  *self,
                                             GError         **error);

/* The same, to tell it a date or a choice before the first prompt. */
MoeChat            *moe_model_edit_chat     (MoeModel        *self);

/* The router matrix of MoE layer @layer (a model layer number): (n_experts, width) floats, transfer full. */
float              *moe_model_dup_router    (const MoeModel  *self,
                                             guint            layer);
/* The weights into output channel @channel of the down_proj of routed expert @expert in MoE layer @layer (a
 * model layer number): (expert_width) floats, transfer full. */
float              *moe_model_dup_down_row  (const MoeModel  *self,
                                             guint            layer,
                                             guint            expert,
                                             guint            channel);
/* The same of the shared experts, stored as one: (hidden values of all of them) floats. NULL when @layer has
 * none. */
float              *moe_model_dup_shared_down_row (const MoeModel *self,
                                                   guint           layer,
                                                   guint           channel);

/* How the residual stream x (width) after the last layer, at one position, becomes the logit of @token:
 *
 *   logit = direction . x / sqrt (mean (x^2) + epsilon) + constant
 *
 * with the weights of the last norm, the token's row of the output matrix, and their scales and biases in
 * direction and constant. Direction: (width), transfer full. */
double             *moe_model_dup_logit_direction (const MoeModel *self,
                                                   gint32          token,
                                                   double         *epsilon,
                                                   double         *constant);
/* Whether the residual stream is the sum of what the blocks report, and the logit as above: not where it is
 * scaled behind a layer or logits are capped (Gemma 4). */
gboolean            moe_model_is_additive         (const MoeModel *self);
/* What the output of a block is multiplied with before it is added to the residual stream; 1 = nothing. */
float               moe_model_get_residual_scale  (const MoeModel *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeModel, moe_model_unref)

G_END_DECLS
