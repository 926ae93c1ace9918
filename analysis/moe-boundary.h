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

G_END_DECLS
