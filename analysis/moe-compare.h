/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-mask.h"
#include "data/moe-table.h"
#include "probes/moe-chat.h"
#include "probes/moe-sampler.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* A plain and a steered answer to the same prompt under the same seed. */
typedef struct
{
  gint32 token;     /* -1 after the end of the answer */
  char  *text;      /* its bytes as UTF-8; NULL after the end */
  float  logprob;   /* nats, in its own run */
} MoeComparisonToken;

typedef struct
{
  MoeComparisonToken plain, steered;
  float  kl;              /* KL (steered || plain), nats, of the distributions from which the steered token
                             was picked, both after the steered answer's tokens; NaN after its end */
  guint  experts_changed; /* of the steered token: (layer, expert) pairs that are chosen in one run and not in
                             the other, both reading the steered answer; 0 after its end */
} MoeComparisonRow;

typedef struct
{
  guint    position;         /* of the first token of the answers */
  guint    n;                /* rows; the longer answer */
  MoeComparisonRow *rows;    /* (n) */
  int      first_divergence; /* row in which the answers differ first, or -1 */
  char    *plain, *steered;  /* the answers, without control tokens */
  guint    n_moe_layers, n_experts;
  gint32  *changed;          /* (n, M) experts_changed by layer */
} MoeComparison;

/* @mask and the control vector of @session act in the steered run.
 * Errors: what running a model can give, those of moe_session_set_mask();
 * G_IO_ERROR_CANCELLED. */
MoeComparison *moe_compare          (MoeModel                 *model,
                                     const MoeSessionOptions  *session,
                                     const MoeChatPrompt      *prompt,
                                     MoeMask                  *mask,
                                     const MoeSamplerOptions  *sampling,
                                     guint                     max_tokens,
                                     const MoeProgress        *progress,
                                     GError                  **error);
void           moe_comparison_free  (MoeComparison            *self);

/* position,plain,steered,kl,first_divergence,experts_changed,plain_id,steered_id,plain_logprob,
 * steered_logprob, a row a token. first_divergence is 1 in one row at most. Provenance: model, mask, version.
 * Transfer full. */
MoeTable      *moe_comparison_to_table (const MoeComparison   *self,
                                        const MoeModelInfo    *info,
                                        const MoeMask         *mask);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeComparison, moe_comparison_free)

G_END_DECLS
