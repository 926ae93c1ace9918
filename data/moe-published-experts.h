/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-model-info.h"

G_BEGIN_DECLS

/* Super experts that others have published, from a CSV file with the columns model, layer, expert,
 * max_down_proj (empty where it was not given), source, n_layers, n_experts. Immutable. */
typedef struct _MoePublishedExperts MoePublishedExperts;

typedef struct
{
  char   *model;
  guint   layer;
  int     expert;    /* or MOE_EXPERT_SHARED */
  double  max;       /* largest |down_proj output|; NaN when not given */
  char   *source;
  guint   n_layers, n_experts; /* of the model */
} MoePublishedExpert;

/* The file that comes with the program, or @path when that is not NULL. Errors: MOE_ERROR_IO, _FORMAT (with
 * the line). */
MoePublishedExperts      *moe_published_experts_load  (const char           *path,
                                                       GError              **error);
void                      moe_published_experts_free  (MoePublishedExperts  *self);
guint                     moe_published_experts_get_n (const MoePublishedExperts *self);
const MoePublishedExpert *moe_published_experts_get   (const MoePublishedExperts *self,
                                                       guint                      index);
/* The published model that @info describes, or NULL: of those with as many layers and experts whose name is
 * within @info's (letters and digits alone count, in any case), the one with the longest name. Fine-tunes
 * that keep the name are thus compared with the model they come from. */
const char               *moe_published_experts_find  (const MoePublishedExperts *self,
                                                       const MoeModelInfo        *info);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoePublishedExperts, moe_published_experts_free)

G_END_DECLS
