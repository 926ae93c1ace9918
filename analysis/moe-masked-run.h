/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-massive-activations.h"
#include "analysis/moe-progress.h"
#include "analysis/moe-sink-stats.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* What given tokens, teacher-forced, do to a model under one mask. Values are rounded as in a recording, so
 * that both give the same figures. */
typedef struct
{
  MoeSinkStats          *sinks;
  MoeMassiveActivations *massive;
  gint64                 n_tokens;
  gint64                 n_predicted; /* that are no part of a chat template, and not first in their prompt */
  double                 log_loss;    /* sum of minus their log-probabilities, nats */
  guint64                n_changed;   /* routings (token and layer) that the mask changed, over all its
                                         interventions */
} MoeMaskedRun;

/* Runs @prompts (of MoeChatPrompt; the text is not needed), each from an empty context. @session is rewound,
 * and has no mask afterwards. Errors: those of moe_session_set_mask(), moe_session_feed() and
 * moe_massive_activations_add(); G_IO_ERROR_CANCELLED. */
MoeMaskedRun *moe_masked_run_new            (MoeSession         *session,
                                             GPtrArray          *prompts,
                                             MoeMask            *mask,
                                             const MoeProgress  *progress,
                                             GError            **error);
void          moe_masked_run_free           (MoeMaskedRun       *self);
/* exp of the mean log-loss; NaN when nothing was predicted. */
double        moe_masked_run_get_perplexity (const MoeMaskedRun *self);
/* The largest |h| after any layer, the first of equal ones. NULL when there are no tokens. */
const MoeMassiveLayer *moe_masked_run_get_peak (MoeMaskedRun    *self,
                                                guint           *layer);

/* The run without the sums: only @probe looks on. A batch that begins at position 0 begins a prompt. */
gboolean      moe_masked_run_watch          (MoeSession         *session,
                                             GPtrArray          *prompts,
                                             MoeMask            *mask,
                                             const MoeProbe     *probe,
                                             gpointer            user_data,
                                             const MoeProgress  *progress,
                                             GError            **error);

/* The tokens of every prompt of @recording, to be run again. What continues a conversation that is in it
 * becomes one prompt with that, and what was asked again stands in it as it was answered last. Transfer full
 * (of MoeChatPrompt without text). Errors: those of moe_recording_foreach(); MOE_ERROR_INVALID when the
 * beginning of a conversation was not recorded. */
GPtrArray    *moe_masked_run_load_prompts   (MoeRecording       *recording,
                                             GError            **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMaskedRun, moe_masked_run_free)

G_END_DECLS
