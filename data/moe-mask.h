/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-model-info.h"

G_BEGIN_DECLS

/* What is done to an expert; the formulas are in DESIGN.md, "Interventions". */
typedef enum
{
  MOE_ACTION_DISABLE,
  MOE_ACTION_FORCE,
  MOE_ACTION_BIAS,  /* router logit z' = z + value, before top-k */
  MOE_ACTION_SCALE, /* gate weight multiplied by value, after renormalising */
} MoeAction;

typedef enum
{
  MOE_MODE_NONE,   /* bias and scale have no mode */
  MOE_MODE_REFILL, /* disable: logit -> -inf before top-k, the next expert enters
                      (SteerMoE, arXiv 2509.09660) */
  MOE_MODE_DROP,   /* disable: removed after top-k, the survivors' weights renormalised
                      (MoTE, arXiv 2502.11096) */
  MOE_MODE_ZERO,   /* disable: stays chosen, contributes zeros, nothing renormalised (arXiv 2507.23279) */
  MOE_MODE_MAX,    /* force: log-softmax score = max + 0.01 (SteerMoE) */
  MOE_MODE_ADD,    /* force: always chosen, evicting the weakest; weight = its own probability,
                      renormalised */
} MoeMode;

typedef enum
{
  MOE_SCOPE_BOTH,
  MOE_SCOPE_PROMPT, /* prompt-template, prompt and teacher-forced tokens */
  MOE_SCOPE_ANSWER, /* thinking and answer tokens */
} MoeScope;

#define MOE_EXPERT_ALL (-2) /* written L3E*: every routed expert of the layer */

typedef struct
{
  int       layer;      /* model layer */
  int       expert;     /* routed expert, MOE_EXPERT_SHARED or MOE_EXPERT_ALL */
  MoeAction action;
  MoeMode   mode;
  float     value;      /* bias or scale */
  MoeScope  scope;
  guint     from_token; /* position from which it acts */
} MoeIntervention;

/* An immutable, reference counted, ordered set of interventions. Each (layer, expert) is named at most once
 * per action. NULL and the empty mask both mean: change nothing, bit for bit. Safe to share between
 * threads. */
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
 * that is not finite. */
gboolean               moe_mask_validate         (const MoeMask         *self,
                                                  const MoeModelInfo    *info,
                                                  GError               **error);

/* The command line's notation (docs: --disable, --force, --bias, --scale): "L3E17:drop", "L3E17=+2.5",
 * "L3E17,L4E2:zero" (a set), "L3E*", "L3S". Without a mode: refill (zero for a shared
 * expert) and max. Appends to @interventions (GArray of MoeIntervention).
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
/* "L3E17", "L3S", "L3E*". Transfer full. */
char                  *moe_expert_format         (int                    layer,
                                                  int                    expert);
/* Parses one "L3E17" or "L3S"; the whole text must match. */
gboolean               moe_expert_parse          (const char            *text,
                                                  int                   *layer,
                                                  int                   *expert);

const char            *moe_action_get_name       (MoeAction              action);
const char            *moe_mode_get_name         (MoeMode                mode); /* "" for MOE_MODE_NONE */
const char            *moe_scope_get_name        (MoeScope               scope);
gboolean               moe_scope_parse           (const char            *name,
                                                  MoeScope              *scope);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMask, moe_mask_unref)

G_END_DECLS
