/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-router.h"

G_BEGIN_DECLS

/* The smallest sum that gate weights are divided by: 2^-14, the smallest normal half, as in the models'
 * reference code. */
#define MIN_WEIGHT_SUM 6.103515625e-5f

typedef struct
{
  MoeIntervention intervention; /* names one expert, never all */
  guint           index;        /* in the mask */
} PlanEntry;

struct _MoeMaskPlan
{
  gatomicrefcount ref_count;

  MoeMask   *mask;
  guint      n_layers;
  GArray   **layers;  /* (n_layers) of PlanEntry, or NULL where nothing acts */
  guint      n;
  GMutex     mutex;
  guint64   *changed; /* (n) */
  guint64   *seen;    /* (n) */
};

/* The steps of a routing without a mask, for the one with it. */
void     moe_router_gate       (const MoeHparams      *h,
                                const float           *logits,
                                float                 *probs);
/* What experts are chosen by: probabilities, plus @bias (E) or NULL, only the best groups. @scores: (E) out;
 * @sums: (n_groups) scratch. Experts whose logit is -inf, which a mask has taken out, come last whatever
 * their bias and group. */
void     moe_router_get_scores (const MoeHparams      *h,
                                const float           *bias,
                                const float           *logits,
                                const float           *probs,
                                float                 *scores,
                                float                 *sums);
/* The @k largest scores, descending; of equal ones the lower expert first. */
void     moe_router_choose_top (const float           *scores,
                                guint                  n,
                                guint                  k,
                                guint16               *chosen);
/* Gate weights of the first @k of @chosen. With h->mixer_width as SparseMixer has them (arXiv 2409.12136, and
 * transformers' phimoe): of each expert in turn, its share of a softmax over those not chosen before it whose
 * logits are below its own by no more than that share of them; so that weights do not sum to 1. */
void     moe_router_weigh      (const MoeHparams      *h,
                                const float           *logits,
                                const float           *probs,
                                const guint16         *chosen,
                                guint                  k,
                                float                 *weights);

/* Whether @intervention is for a token of @phase at @position. */
gboolean moe_mask_entry_acts   (const MoeIntervention *intervention,
                                MoePhase               phase,
                                guint                  position);

/* Changes a routing that was made without a mask by the interventions in @entries (of PlanEntry). */
void     moe_router_apply_mask (const MoeHparams      *h,
                                const float           *logits,
                                const GArray          *entries,
                                MoePhase               phase,
                                guint                  position,
                                MoeRouting            *routing,
                                guint64               *changed,
                                guint64               *seen);

G_END_DECLS
