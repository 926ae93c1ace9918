/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-mask.h"
#include "data/moe-table.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* Direct logit attribution: what each part of the model wrote into the logit of a token. With x the residual
 * stream after the last layer at one position, sigma = sqrt (mean (x^2) + epsilon) held fixed, gamma the
 * weights of the final norm and W_U the output matrix, a part that adds u to the residual stream adds
 *
 *   W_U[token] . (gamma * u / sigma)
 *
 * to the logit of the token; the parts add up to the logit (the final norm is linear once sigma is fixed).
 * With a second token, the difference of the two logits is attributed, which removes what raises all logits
 * alike. u of a routed expert is its gate weight times its down_proj output, all scales included. */
typedef enum
{
  MOE_PART_EMBEDDING,
  MOE_PART_ATTENTION,
  MOE_PART_EXPERT,    /* routed */
  MOE_PART_SHARED,    /* all shared experts of a layer */
  MOE_PART_DENSE,     /* the feed-forward block of a dense layer */
  MOE_PART_BIAS,      /* constants after the last layer, where an architecture has them */
  MOE_PART_REPLACED,  /* what stands in the place of experts disabled by mean or copy (with the shared experts
                         of the layer, if there are) */
} MoePart;

const char *moe_part_get_name (MoePart part); /* "embedding", "attention", "expert", "shared", "dense",
                                                 "bias", "replaced" */

typedef struct
{
  int     layer;   /* model layer, -1 for the embedding and the bias */
  MoePart part;
  int     expert;  /* routed number, MOE_EXPERT_SHARED for shared, -2 for the others */
  double  value;   /* logits */
  double  causal;  /* NaN when not asked for: logit with the mask minus logit with the expert silent (zero)
                      too, at the attributed token: its direct and indirect effect, in the same units and
                      sign */
} MoeAttributionPart;

typedef struct _MoeAttribution MoeAttribution;

/* Attributes at the last of @tokens (n), which are run from an empty context under the session's mask.
 * @against: token id or -1. @n_causal: of how many experts, by |value|, the causal effect is measured (one
 * token each). Errors: those of feeding; MOE_ERROR_INVALID for a token outside the vocabulary;
 * MOE_ERROR_UNSUPPORTED for a model of which moe_model_is_additive() is not true. Transfer
 * full. */
MoeAttribution           *moe_attribution_new       (MoeSession         *session,
                                                     const gint32       *tokens,
                                                     const MoePhase     *phases,
                                                     gsize               n,
                                                     gint32              token,
                                                     gint32              against,
                                                     guint               n_causal,
                                                     const MoeProgress  *progress,
                                                     GError            **error);
void                      moe_attribution_free      (MoeAttribution     *self);
/* In the order of the model: embedding, then by layer attention, routed experts by number, shared. */
guint                     moe_attribution_get_n     (const MoeAttribution *self);
const MoeAttributionPart *moe_attribution_get       (const MoeAttribution *self,
                                                     guint                 index);
/* The logit (difference) that the session computed, and the sum of the parts. */
double                    moe_attribution_get_logit (const MoeAttribution *self);
double                    moe_attribution_get_sum   (const MoeAttribution *self);

/* layer,part,expert,value,causal. Provenance: model, token, against, logit, sum, version. Transfer full. */
MoeTable                 *moe_attribution_to_table  (const MoeAttribution *self);
/* Disables the @n routed experts with the largest positive value. Transfer full. */
MoeMask                  *moe_attribution_make_mask (const MoeAttribution *self,
                                                     guint                 n,
                                                     MoeMode               mode,
                                                     MoeScope              scope);

/* The token that @text is ("Sorry"), or "#123" by its number. Errors: MOE_ERROR_INVALID when it is not one
 * token. */
gboolean                  moe_attribution_find_token (const MoeModel *model,
                                                      const char     *text,
                                                      gint32         *token,
                                                      GError        **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeAttribution, moe_attribution_free)

G_END_DECLS
