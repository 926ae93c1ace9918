/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"
#include "probes/moe-arch.h"
#include "probes/moe-probe.h"

G_BEGIN_DECLS

/* A mask made ready for one model: its interventions by MoE layer, "all experts" written out, and counters of
 * what they did. Shared between the thread that runs the model and those that read the counters. */
typedef struct _MoeMaskPlan MoeMaskPlan;

MoeMaskPlan *moe_mask_plan_new      (MoeMask            *mask,
                                     const MoeModelInfo *info);
MoeMaskPlan *moe_mask_plan_ref      (MoeMaskPlan        *self);
void         moe_mask_plan_unref    (MoeMaskPlan        *self);
MoeMask     *moe_mask_plan_get_mask (MoeMaskPlan        *self);
void         moe_mask_plan_get_hits (MoeMaskPlan        *self,
                                     guint               index,
                                     guint64            *changed,
                                     guint64            *seen);
/* Adds what moe_route_token() counted; @changed and @seen: (number of interventions). */
void         moe_mask_plan_add_hits (MoeMaskPlan        *self,
                                     const guint64      *changed,
                                     const guint64      *seen);

/* What stands in a slot of the chosen set. */
enum
{
  MOE_SLOT_COMPUTED, /* the expert's output */
  MOE_SLOT_SILENT,   /* zeros: dropped, zeroed or empty */
  MOE_SLOT_MEAN,     /* the expert's mean output */
  MOE_SLOT_COPY,     /* the input of the block */
};

/* Whether anything in @self (may be NULL) clips expert outputs of @layer. */
gboolean     moe_mask_plan_clamps   (const MoeMaskPlan  *self,
                                     guint               layer);
/* Clips the outputs of one token's experts where @self says so and counts the interventions that did
 * something. @chosen, @silent: (k); @down: (k, width), before the gate weight; @changed: (number of
 * interventions). */
void         moe_mask_plan_clamp    (const MoeMaskPlan  *self,
                                     guint               layer,
                                     MoePhase            phase,
                                     guint               position,
                                     const guint16      *chosen,
                                     const guint8       *silent,
                                     guint               k,
                                     float              *down,
                                     guint               width,
                                     guint64            *changed);
/* The same for the shared expert's output, @down: (width). */
void         moe_mask_plan_clamp_shared (const MoeMaskPlan  *self,
                                         guint               layer,
                                         MoePhase            phase,
                                         guint               position,
                                         float              *down,
                                         guint               width,
                                         guint64            *changed);
/* What the shared expert's output is multiplied with for one token: 1 unless @self (may be NULL) disables (0)
 * or scales it. 0 = it must not be computed. That they were seen is counted by moe_route_token(). */
float        moe_mask_plan_scale_shared (const MoeMaskPlan  *self,
                                         guint               layer,
                                         MoePhase            phase,
                                         guint               position,
                                         guint64            *changed);
/* (width) what a slot of MOE_SLOT_MEAN contributes. */
const float *moe_mask_plan_get_mean (const MoeMaskPlan  *self,
                                     guint               layer,
                                     guint               expert);

/* One token's routing in one layer. */
typedef struct
{
  float   *probs;   /* (E) out: router probabilities before any intervention */
  guint16 *chosen;  /* (k) out: experts by descending selection score, MOE_NO_EXPERT in empty slots */
  float   *weights; /* (k) out: gate weights as used */
  guint8  *silent;  /* (k) out: MOE_SLOT_*; unless it is 0 the slot's expert must not be computed */
  float   *scratch; /* (4 * E) */
  const float *selection_bias; /* (E) in: added to the probabilities that choose, not to weights; or NULL */
} MoeRouting;

/* Router probabilities, top-k and gate weights from router logits (E), with the interventions of @plan (may
 * be NULL) that act on @layer, @phase and @position. Formulas: DESIGN.md, "Routing" and "Interventions".
 * Without an acting intervention the same operations run as without a plan. */
void         moe_route_token        (const MoeHparams   *h,
                                     const float        *logits,
                                     MoeMaskPlan        *plan,
                                     guint               layer,
                                     MoePhase            phase,
                                     guint               position,
                                     MoeRouting         *routing,
                                     guint64            *changed,
                                     guint64            *seen);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMaskPlan, moe_mask_plan_unref)

G_END_DECLS
