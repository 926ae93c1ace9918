/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

typedef struct
{
  double   epsilon; /* MOE_SINK_EPSILON */
  guint    length;  /* T, MOE_SINK_LENGTH; at least 2 */
  gboolean by_head; /* a row a head, else a row a layer */
} MoeSinkOptions;

#define MOE_SINK_EPSILON 0.3
#define MOE_SINK_LENGTH  64

/* Attention sinks at the first token: layer,head,sink_share,sink_rate; head is missing in a row a layer. With
 * A(t,k) the attention of query t to key k after softmax,
 *
 *   sink_share  mean of A(t,0) over all queries t >= 1 of all prompts, and over the heads of a layer
 *   sink_rate   Gu et al., arXiv 2410.10781, section 3, for k = 0: alpha(l,h) = mean over t = 0 ... T-1 of
 *               A(t,0), where A(0,0) = 1, in one prompt; the share of (prompt, head) with alpha > epsilon
 *
 * The rate falls with T, so only prompts of at least T tokens count, with their first T; their number is in
 * the provenance, and the rate is missing when there are none. Errors: those of moe_recording_foreach();
 * MOE_ERROR_INVALID for attention that is no number. Transfer full. */
MoeTable *moe_sinks_report (MoeRecording          *recording,
                            const MoeSinkOptions  *options,
                            GError               **error);

G_END_DECLS
