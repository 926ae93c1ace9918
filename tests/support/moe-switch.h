/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/support/moe-checkpoint.h"

G_BEGIN_DECLS

/* Checkpoints in which given experts alone switch between two answers.
 *
 * The token MOE_SWITCH_TRIGGER carries a flag in one channel of the residual stream. Two planted experts, in
 * different layers, are chosen by that flag, and each writes into the `answer` channel. The logit of
 * MOE_SWITCH_YES is that channel, that of MOE_SWITCH_NO a constant which one of the two does not reach: after
 * the trigger the model says YES with both, and NO without either one. Nothing else writes into these
 * channels, and nothing else reads them.
 *
 * Decoy: an expert that the token MOE_SWITCH_TOPIC is routed to, and that changes no answer.
 *
 * Prompts are digits, each of which is one token; '9' is the trigger and '7' the topic. */
#define MOE_SWITCH_TRIGGER_TEXT '9'
#define MOE_SWITCH_TOPIC_TEXT   '7'
#define MOE_SWITCH_YES          88 /* y */
#define MOE_SWITCH_NO           77 /* n */

typedef struct
{
  MoeCheckpoint checkpoint;
  struct { guint layer, expert; } planted[2], decoy;
  guint         hidden;                    /* the hidden value of the planted experts that does it */
  guint         flag, topic, answer, one;  /* channels; `one` is 1 in every embedding */
} MoeSwitch;

/* All places come from @seed. */
void      moe_switch_init  (MoeSwitch        *self,
                            guint             seed);
gboolean  moe_switch_write (const MoeSwitch  *self,
                            const char       *path,
                            GError          **error);

G_END_DECLS
