/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-expert-means.h"
#include "data/moe-model-info.h"

G_BEGIN_DECLS

/* What is done to an expert; the formulas are in DESIGN.md, "Interventions". */
typedef enum
{
  MOE_ACTION_DISABLE,
  MOE_ACTION_FORCE,
  MOE_ACTION_BIAS,  /* router logit z' = z + value, before top-k */
  MOE_ACTION_SCALE, /* gate weight multiplied by value, after renormalising */
  MOE_ACTION_CLAMP, /* down_proj output clipped to +-value in every channel, before the gate weight */
  MOE_ACTION_ROUTER, /* how a layer's router chooses, whatever the expert */
  MOE_N_ACTIONS
} MoeAction;

typedef enum
{
  MOE_MODE_NONE,   /* bias, scale and clamp have no mode */
  MOE_MODE_REFILL, /* disable: logit -> -inf before top-k, the next expert enters
                      (SteerMoE, arXiv 2509.09660) */
  MOE_MODE_DROP,   /* disable: removed after top-k, the survivors' weights renormalised
                      (MoTE, arXiv 2502.11096) */
  MOE_MODE_ZERO,   /* disable: stays chosen, contributes zeros, nothing renormalised (arXiv 2507.23279) */
  MOE_MODE_MAX,    /* force: log-softmax score = max + 0.01 (SteerMoE) */
  MOE_MODE_ADD,    /* force: always chosen, evicting the weakest; weight = its own probability,
                      renormalised */
  MOE_MODE_MEAN,   /* disable: stays chosen, contributes its mean output over a calibration run */
  MOE_MODE_COPY,   /* disable: stays chosen, contributes its input h (the copy expert of MoE++,
                      arXiv 2410.07348) */

  MOE_MODE_TEMPERATURE,  /* router: logits divided by value, before biases */
  MOE_MODE_TOP_K,        /* router: value experts instead of k, at most k; weights as in a model with
                            that k */
  MOE_MODE_TOP_P,        /* router: the strongest whose probabilities reach value (arXiv 2403.07652); the
                            others' weight is lost */
  MOE_MODE_TOP_P_RENORM, /* router: the same, and the others' weight goes to those that stay */
  MOE_MODE_RANDOM,       /* router: any k experts with equal chance, in the places and with the weights of
                            the chosen ones (a control); value is the seed */
  MOE_MODE_RANK,         /* router: only the expert of rank value among the chosen, 1 the strongest, with the
                            weight as in a model with k = 1 (arXiv 2405.14507) */
  MOE_N_MODES
} MoeMode;

typedef enum
{
  MOE_SCOPE_BOTH,
  MOE_SCOPE_PROMPT, /* prompt-template, prompt and teacher-forced tokens */
  MOE_SCOPE_ANSWER, /* thinking and answer tokens */
} MoeScope;

#define MOE_EXPERT_ALL (-2)    /* written L3E*: every routed expert of the layer */
#define MOE_EXPERT_ROUTER (-3) /* written L3: the layer's router, for MOE_ACTION_ROUTER only */
#define MOE_LAYER_ALL (-1)     /* written L*: every MoE layer */

typedef struct
{
  int       layer;      /* model layer or MOE_LAYER_ALL */
  int       expert;     /* routed expert, MOE_EXPERT_SHARED, MOE_EXPERT_ALL or MOE_EXPERT_ROUTER */
  MoeAction action;
  MoeMode   mode;
  float     value;      /* of bias, scale, clamp and router */
  MoeScope  scope;
  guint     from_token; /* position from which it acts */
} MoeIntervention;

/* An immutable, reference counted, ordered set of interventions. Each (layer, expert) is named at most once
 * per action (a router once per mode). NULL and the empty mask both mean: change nothing, bit for bit. Safe
 * to share between threads. */
typedef struct _MoeMask MoeMask;

/* Of two interventions on the same layer, expert and action the later takes the earlier's place. */
MoeMask               *moe_mask_new              (const MoeIntervention *interventions,
                                                  guint                  n_interventions);
MoeMask               *moe_mask_ref              (MoeMask               *self);
void                   moe_mask_unref            (MoeMask               *self);
guint                  moe_mask_get_n            (const MoeMask         *self); /* 0 for NULL */
const MoeIntervention *moe_mask_get              (const MoeMask         *self,
                                                  guint                  index);
gboolean               moe_mask_equal            (const MoeMask         *a,
                                                  const MoeMask         *b);

/* What MOE_MODE_MEAN contributes; NULL unless set. moe_mask_with() and moe_mask_without() keep it. */
MoeMask               *moe_mask_with_means       (const MoeMask         *self,
                                                  MoeExpertMeans        *means);
MoeExpertMeans        *moe_mask_get_means        (const MoeMask         *self);
/* Refuses (MOE_ERROR_INVALID) a mask that disables by mean an expert whose mean output it does not hold, or
 * holds of another width than @info's: it is complete but for that when moe_mask_validate() passes. */
gboolean               moe_mask_check_means      (const MoeMask         *self,
                                                  const MoeModelInfo    *info,
                                                  GError               **error);

/* A new mask in which @intervention replaces the one of the same layer, expert and action (or is added at
 * the end); or in which the one at @index is left out. */
MoeMask               *moe_mask_with             (const MoeMask         *self,
                                                  const MoeIntervention *intervention);
MoeMask               *moe_mask_without          (const MoeMask         *self,
                                                  guint                  index);
/* Index of the intervention on (@layer, @expert) with @action, or -1. */
int                    moe_mask_find             (const MoeMask         *self,
                                                  int                    layer,
                                                  int                    expert,
                                                  MoeAction              action);

/* Refuses, with one sentence (MOE_ERROR_INVALID), what cannot act on a model of this shape: a layer that is
 * not an MoE layer, an expert out of range, more than k experts of a layer forced, so many disabled by refill
 * that fewer than k remain, all of a layer's experts dropped, an expert both forced and disabled, a value
 * that is not finite or that makes no sense (a router's temperature of 0), a random router that is also told
 * what to choose. */
gboolean               moe_mask_validate         (const MoeMask         *self,
                                                  const MoeModelInfo    *info,
                                                  GError               **error);

/* The command line's notation (docs: --disable, --force, --bias, --scale, --clamp, --router): "L3E17:drop",
 * "L3E17=+2.5", "L3E17,L4E2:zero" (a set), "L3E*", "L*E3", "L3S"; of a router "L3:temperature=2",
 * "L*:top_k=1", "L3,L4:random" or ":random=SEED". Without a mode: refill (zero for a shared expert) and max.
 * Appends to @interventions (GArray of MoeIntervention).
 * Errors: MOE_ERROR_INVALID quoting the text. */
gboolean               moe_intervention_parse    (const char            *text,
                                                  MoeAction              action,
                                                  MoeScope               scope,
                                                  GArray                *interventions,
                                                  GError               **error);
/* "L3E17 disable refill", "L3E17 bias +2.5", with ", prompt only" and ", from token 12" where they apply.
 * Transfer full. */
char                  *moe_intervention_describe (const MoeIntervention *intervention);
/* The option that would make it: "--disable L3E17:refill". Transfer full. */
char                  *moe_intervention_to_option (const MoeIntervention *intervention);
/* "L3E17", "L3S", "L3E*", "L3" (the router), with "L*" for every layer. Transfer full. */
char                  *moe_expert_format         (int                    layer,
                                                  int                    expert);
/* Parses one "L3E17" or "L3S"; the whole text must match. */
gboolean               moe_expert_parse          (const char            *text,
                                                  int                   *layer,
                                                  int                   *expert);

const char            *moe_action_get_name       (MoeAction              action);
/* Of router both; of disable and force the mode; of the others the value. */
gboolean               moe_action_has_mode       (MoeAction              action);
gboolean               moe_action_has_value      (MoeAction              action);
const char            *moe_mode_get_name         (MoeMode                mode); /* "" for MOE_MODE_NONE */
const char            *moe_scope_get_name        (MoeScope               scope);
gboolean               moe_scope_parse           (const char            *name,
                                                  MoeScope              *scope);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMask, moe_mask_unref)

G_END_DECLS
