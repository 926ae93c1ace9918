/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The mean down_proj output (before the gate weight) of some experts over a calibration run: what an expert
 * that is disabled by `mean` contributes. Reference counted; not changed any more once it is shared. */
typedef struct _MoeExpertMeans MoeExpertMeans;

/* @width: of the residual stream. */
MoeExpertMeans *moe_expert_means_new       (guint                 width);
MoeExpertMeans *moe_expert_means_ref       (MoeExpertMeans       *self);
void            moe_expert_means_unref     (MoeExpertMeans       *self);
guint           moe_expert_means_get_width (const MoeExpertMeans *self);
/* Copies @mean: (width). */
void            moe_expert_means_set       (MoeExpertMeans       *self,
                                            int                   layer,
                                            int                   expert,
                                            const float          *mean);
/* Both together, @b's where both hold one; of the same width. @a may be NULL. Transfer full. */
MoeExpertMeans *moe_expert_means_merge     (const MoeExpertMeans *a,
                                            const MoeExpertMeans *b);
/* (width), or NULL when it holds none of that expert or is NULL itself. */
const float    *moe_expert_means_get       (const MoeExpertMeans *self,
                                            int                   layer,
                                            int                   expert);
/* Whether both hold the same mean of that expert, or both none. */
gboolean        moe_expert_means_equal     (const MoeExpertMeans *a,
                                            const MoeExpertMeans *b,
                                            int                   layer,
                                            int                   expert);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeExpertMeans, moe_expert_means_unref)

G_END_DECLS
