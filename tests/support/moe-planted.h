/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/support/moe-checkpoint.h"

G_BEGIN_DECLS

/* Checkpoints in which the super experts are known because they were put there.
 *
 * The first token (MOE_PLANTED_FIRST, which must occur nowhere else) alone carries a flag in one channel of
 * the residual stream. The first planted expert is chosen by that flag and writes a massive activation into
 * `channel`; the next ones are chosen by that activation and add to it. Everything of this goes through one
 * hidden value and one weight of each. A head of the layer after the last one turns the activation into an
 * attention sink. The rest of the model is random, and never writes into these channels.
 *
 * Decoys: an expert that every token is routed to, and one of the last layer that writes large values into
 * another channel at ordinary tokens. */

#define MOE_PLANTED_FIRST 3
#define MOE_PLANTED_MAX   3

typedef enum
{
  MOE_PLANTED_SEVERAL, /* three of 72 a layer, in different layers */
  MOE_PLANTED_SINGLE,  /* one among 8 a layer */
  MOE_PLANTED_NONE,    /* decoys only */
  MOE_PLANTED_SHARED,  /* three, of which the second is the shared expert of its layer (qwen2moe) */
  MOE_PLANTED_DENSE,   /* two of 64 a layer, behind two dense layers, with shared experts (deepseek) */
  MOE_N_PLANTED_SHAPES
} MoePlantedShape;

typedef struct
{
  guint layer;
  int   expert;        /* or MOE_EXPERT_SHARED */
  guint input_channel; /* of down_proj */
  float weight;        /* W_down[channel, input_channel] */
} MoePlantedExpert;

typedef struct
{
  MoeCheckpoint    checkpoint;
  guint            n_planted;
  MoePlantedExpert planted[MOE_PLANTED_MAX]; /* by layer */
  guint            channel;                  /* of the massive activation */
  guint            sink_layer, sink_head;
  guint            busy_layer, busy_expert;
  guint            late_layer, late_expert, late_channel;
  guint            flag, one;                /* channels: of the first token; 1 in every embedding */
} MoePlanted;

/* All places come from @seed. */
void      moe_planted_init  (MoePlanted        *self,
                             MoePlantedShape    shape,
                             guint              seed);
gboolean  moe_planted_write (const MoePlanted  *self,
                             const char        *path,
                             GError           **error);

G_END_DECLS
