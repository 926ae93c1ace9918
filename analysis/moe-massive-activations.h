/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* Massive activations (Sun et al., arXiv 2402.17762, section 2) of the residual stream h after each decoder
 * layer, before the final norm: a channel with |h| > 100 and |h| >= 1000 times the median of |h| over the
 * channels of that token's hidden state. A recording keeps the three largest |h| and the median of every
 * token, so the test is exact.
 *
 * The layer curve. A prompt's peak token at a layer is its token with the largest |h| there (the first of
 * equal ones); top1, top2, top3 and median are those of its hidden state, and are averaged over prompts. */

#define MOE_MASSIVE_MIN   100.0
#define MOE_MASSIVE_RATIO 1000.0

typedef struct
{
  guint     n_prompts;  /* with tokens; 0 leaves all below 0 */
  double    top[3];     /* means over prompts */
  double    median;
  float     peak;       /* largest |h| of all tokens */
  guint     channel;
  gint64    position;
  char     *token;      /* as moe_text_from_bytes() */
  double    ratio;      /* largest |h| / median of all tokens whose largest |h| is over 100; 0 without any */
  gboolean  is_massive; /* some token passes the test */
} MoeMassiveLayer;

typedef struct _MoeMassiveActivations MoeMassiveActivations;

/* @ratio: MOE_MASSIVE_RATIO, or another factor over the median. */
MoeMassiveActivations *moe_massive_activations_new  (const MoeModelInfo     *info,
                                                     double                  ratio);
void                   moe_massive_activations_free (MoeMassiveActivations  *self);
/* Tokens come in the order of the recording. @text: its bytes. Errors: MOE_ERROR_INVALID for a hidden state
 * that holds something that is no number. */
gboolean               moe_massive_activations_add  (MoeMassiveActivations  *self,
                                                     const MoeTokenRecord   *record,
                                                     const char             *text,
                                                     gsize                   text_length,
                                                     GError                **error);
/* What was added until now. Valid until the next add. */
const MoeMassiveLayer *moe_massive_activations_get_layer (MoeMassiveActivations *self,
                                                          guint                  layer);

/* layer,top1,top2,top3,median,channel,position,token,is_massive: the curve of the tokens of @recording in
 * @phases, a row a layer; channel, position and token are those of the largest |h| over all tokens. Missing
 * when there are no tokens. Provenance with all thresholds. Errors: those of moe_recording_foreach(), and of
 * the function above after the recording's path. Transfer full. */
MoeTable              *moe_massive_activations_report (MoeRecording         *recording,
                                                       guint                 phases,
                                                       double                ratio,
                                                       GError              **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMassiveActivations, moe_massive_activations_free)

G_END_DECLS
