/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-masked-run.h"

G_BEGIN_DECLS

/* What a model loses without its super experts, beside what it loses without as many random ones
 * (arXiv 2507.23279, sections 4 and 5): the same tokens are run, teacher-forced, under each condition. */

#define MOE_CAUSAL_DRAWS 5

typedef struct
{
  guint layer; /* model layer */
  int   expert; /* routed expert or MOE_EXPERT_SHARED */
} MoeCausalExpert;

typedef struct
{
  const MoeCausalExpert *experts; /* the candidates */
  guint                  n_experts;
  MoeMode                mode;    /* of disabling: MOE_MODE_ZERO as in the paper, or _REFILL or _DROP */
  guint                  n_draws; /* of random experts: MOE_CAUSAL_DRAWS in the paper */
  guint64                seed;
} MoeCausalOptions;

typedef enum
{
  MOE_CAUSAL_PLAIN,        /* "plain": nothing disabled */
  MOE_CAUSAL_ONE,          /* "one": a candidate alone */
  MOE_CAUSAL_ALL,          /* "all": all candidates together */
  MOE_CAUSAL_RANDOM,       /* "random": as many others of the whole model */
  MOE_CAUSAL_RANDOM_LAYER, /* "random-same-layers": as many others of the candidates' layers */
} MoeCausalKind;

const char *moe_causal_kind_get_name (MoeCausalKind kind);

typedef struct _MoeCausalCheck MoeCausalCheck;

/* Runs all conditions: plain, each candidate, all of them (when there are several), then the draws. Random
 * experts are routed ones that are no candidates, none twice in a draw. @prompts as moe_masked_run_new().
 * Errors: its errors; MOE_ERROR_INVALID when there are no candidates, one does not exist or is named twice,
 * or too few other experts are left to draw from. */
MoeCausalCheck *moe_causal_check_new      (MoeSession              *session,
                                           GPtrArray               *prompts,
                                           const MoeCausalOptions  *options,
                                           const MoeProgress       *progress,
                                           GError                 **error);
void            moe_causal_check_free     (MoeCausalCheck          *self);

/* condition,draw,experts,perplexity,sink_share,max_h,decay,max_h_layer,max_h_channel,routings_changed, a row
 * a condition: draw is missing but for random ones, decay (moe_sink_stats_get_decay(), mean over layers) in
 * the plain one. Provenance: model, mode, draw-seed, tokens; the caller adds where the prompts are from.
 * Transfer full. */
MoeTable       *moe_causal_check_to_table (MoeCausalCheck          *self);
/* condition,draw,experts,layer,top1,median,sink_share,decay, a row a condition and layer; top1 and median as
 * in moe-massive-activations.h. Transfer full. */
MoeTable       *moe_causal_check_to_layers (MoeCausalCheck         *self);
/* condition,experts,layer,head,plain_share,sink_share,loss,decay,control_loss: which heads lose their sink
 * without the candidates. A row a head for all candidates (when there are several) and then for each, the
 * largest loss first. loss:
 * plain_share - sink_share; decay: moe_sink_stats_get_decay() of the head; control_loss: the largest loss of
 * that head in any of the draws. Transfer full. */
MoeTable       *moe_causal_check_to_heads  (MoeCausalCheck         *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeCausalCheck, moe_causal_check_free)

G_END_DECLS
