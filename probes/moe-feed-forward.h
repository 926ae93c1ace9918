/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-forward.h"

G_BEGIN_DECLS

/* Feed-forward blocks that every token goes through: those of layers without experts, and shared experts.
 * Both read self->normed. */

/* delta = the dense block of @layer. */
void moe_dense_run          (MoeForward          *self,
                             const MoeProbeBatch *batch,
                             guint                layer);
/* shared_down = the shared experts of @layer, for the tokens of @batch, of which those whose shared_weight is
 * 0 are left out. Multiplies shared_weight with the shared expert's gate if it has one. */
void moe_shared_experts_run (MoeForward          *self,
                             const MoeProbeBatch *batch,
                             guint                layer);

G_END_DECLS
