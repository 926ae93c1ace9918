/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-model-info.h"

G_BEGIN_DECLS

/* Directions that are added to the residual stream after layers, for every token (representation engineering,
 * arXiv 2310.01405), from GGUF files in llama.cpp's layout: general.architecture "controlvector" and an F32
 * tensor direction.N of the width of the residual stream for layer N from 1 on; layer 0 has none. Reference
 * counted and immutable once shared. */
typedef struct _MoeControlVector MoeControlVector;

/* Adds @scale times the directions in @path to those of @base (may be NULL), for layers @first to @last.
 * Errors: those of moe_gguf_open(); MOE_ERROR_FORMAT (not a control vector, a damaged name, values that are
 * no numbers), _MISMATCH (another width than @base). Transfer full. */
MoeControlVector *moe_control_vector_load   (const char              *path,
                                             double                   scale,
                                             guint                    first,
                                             guint                    last,
                                             const MoeControlVector  *base,
                                             GError                 **error);
MoeControlVector *moe_control_vector_ref    (MoeControlVector        *self);
void              moe_control_vector_unref  (MoeControlVector        *self);
/* (width) what is added after model layer @layer; NULL for nothing, and when @self is NULL. */
const float      *moe_control_vector_get    (const MoeControlVector  *self,
                                             guint                    layer);
/* Refuses (MOE_ERROR_MISMATCH) a width or a layer that the model does not have. NULL fits. */
gboolean          moe_control_vector_check  (const MoeControlVector  *self,
                                             const MoeModelInfo      *info,
                                             GError                 **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeControlVector, moe_control_vector_unref)

G_END_DECLS
