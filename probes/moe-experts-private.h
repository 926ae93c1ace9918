/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-forward.h"

G_BEGIN_DECLS

/* The micro-batch's (token, slot) pairs ordered by expert, then by token, so that an expert's weights are
 * read once for all its tokens. Row r of gate, up and hidden belongs to pair r. */
typedef struct
{
  MoeForward          *forward;
  const MoeProbeBatch *batch;
  MoeMaskPlan         *plan;
  const MoeLayer      *layer;
  guint                layer_index;
  gboolean             clamps;       /* the mask clips outputs of this layer */

  guint        n_active;     /* experts with at least one row */
  guint       *experts;      /* (n_active) */
  guint       *starts;       /* (n_active + 1) first row of each */
  guint       *tokens;       /* (rows) */
  guint       *slots;        /* (rows) */
  const void **inputs;       /* (rows) prepared input rows */
  const void *const *hidden; /* (rows) prepared hidden rows */
  guint        n_chunks;     /* of the present stage, per expert */
  gboolean     has_shared;
} MoeExpertJob;

/* delta = sum over slots, strongest first, of gate weight times down, then the shared expert; and the
 * statistics of each down row. */
void moe_experts_combine (MoeExpertJob *job);
/* Tells the probes. */
void moe_experts_emit    (MoeExpertJob *job);

G_END_DECLS
