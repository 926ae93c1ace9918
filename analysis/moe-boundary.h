/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-table.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* How far experts are from being chosen, and what a bias would do, from the router logits z of a plain run.
 * An expert is chosen when z_e is above the k-th largest logit of the others; what it lacks is its push,
 * which is negative for one that is chosen. */
typedef struct
{
  MoeMask *biases; /* of MOE_ACTION_BIAS only; or NULL */
  int      layer;  /* model layer, or -1 for all */
  guint    phases; /* bits of the tokens looked at */
  double   share;  /* of tokens, above 0 to 1, for which the push is wanted */
} MoeBoundaryOptions;

/* layer,expert,share,bias,share_biased,entered,left,wanted_share,push,median_gap,tokens, a row for each
 * expert that is given a bias or, without biases, for each one of the layers asked for:
 *
 *   share         of the tokens for which it is chosen
 *   share_biased  the same with all biases of its layer in force; missing without biases
 *   entered, left shares of the tokens for which the biases bring it in, and put it out
 *   push          any bias above this, on this expert alone, has it chosen for wanted_share or more
 *   median_gap    of the layer: the k-th largest logit less the next
 *
 * Exact for biases on one layer; those on several act on inputs that the lower ones have changed, which a
 * preview does not know. @prompts: of MoeChatPrompt, run as by moe_masked_run_watch(). The caller adds where
 * they are from to the provenance. Errors: MOE_ERROR_INVALID (something else than a bias, no such layer, no
 * tokens of these phases), _UNSUPPORTED (a router that chooses by more than its logits: a selection bias
 * or groups), _LIMIT (more than 1 GiB of logits to keep), those of moe_masked_run_watch(). Transfer full. */
MoeTable *moe_boundary_report (MoeSession                *session,
                               GPtrArray                 *prompts,
                               const MoeBoundaryOptions  *options,
                               const MoeProgress         *progress,
                               GError                   **error);

/* The pushes of all experts of one layer, kept so that a dial can be turned. Immutable, may be shared by
 * threads; free with moe_boundary_layer_free(). */
typedef struct
{
  guint     layer;     /* model layer */
  guint     n_experts;
  guint     n_tokens;
  float    *pushes;    /* (n_tokens, n_experts): a bias above it has the expert chosen for the token */
  MoePhase *phases;    /* (n_tokens) */
} MoeBoundaryLayer;

typedef struct
{
  guint n_tokens;                   /* that the bias acts on */
  guint n_before, n_after;          /* for which the expert is chosen, without and with it */
  float half;                       /* any bias above this has it chosen for half of the tokens; NaN without
                                       tokens */
} MoeBoundaryPreview;

/* As moe_boundary_report(), whose errors it has. @layer: an MoE layer. Transfer full. */
MoeBoundaryLayer *moe_boundary_layer_new     (MoeSession               *session,
                                              GPtrArray                *prompts,
                                              guint                     layer,
                                              const MoeProgress        *progress,
                                              GError                  **error);
void              moe_boundary_layer_free    (MoeBoundaryLayer         *self);
/* What @bias on @expert alone does to the tokens of @phases (bits). */
void              moe_boundary_layer_preview (const MoeBoundaryLayer   *self,
                                              guint                     expert,
                                              float                     bias,
                                              guint                     phases,
                                              MoeBoundaryPreview       *preview);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeBoundaryLayer, moe_boundary_layer_free)

G_END_DECLS
