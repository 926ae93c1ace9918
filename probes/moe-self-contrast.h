/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-session.h"

G_BEGIN_DECLS

/* Self-contrast decoding (SCMoE, arXiv 2405.14507): the next token is picked from
 *
 *   z = (1 + beta) z_strong - beta z_weak  over  V = { i : z_strong,i >= log (alpha) + max z_strong },
 *   z = -inf elsewhere,
 *
 * where the weak logits are those of the same model under another mask, after the same tokens. */
typedef struct
{
  MoeSession *weak;  /* of the same model, at the same position as the strong one; it has its mask */
  double      alpha; /* 0.1; above 0, at most 1 */
  double      beta;  /* 0.5; not negative */
} MoeSelfContrast;

/* @strong, @weak, @combined: (vocabulary). */
void     moe_self_contrast_combine (const MoeSelfContrast  *self,
                                    const float            *strong,
                                    const float            *weak,
                                    guint                   vocabulary,
                                    float                  *combined);
/* "rank=2,alpha=0.1,beta=0.5"; what is left out has these values. @rank: of the weak pass's experts; 0 for
 * "weak=reversed", where the weak pass has the mask of the strong one reversed. Errors: MOE_ERROR_INVALID. */
gboolean moe_self_contrast_parse   (const char             *text,
                                    MoeSelfContrast        *self,
                                    guint                  *rank,
                                    GError                **error);

G_END_DECLS
