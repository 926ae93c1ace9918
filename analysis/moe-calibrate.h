/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-expert-means.h"
#include "data/moe-prompt-set.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* The mean down_proj output (before the gate weight) of every expert over the tokens of @set that chose it,
 * the template's included: what `disable mean` contributes. Experts that no token chose have none. Errors:
 * what running a prompt can give; MOE_ERROR_LIMIT for more than 4 GB of sums; G_IO_ERROR_CANCELLED. Transfer
 * full. */
MoeExpertMeans *moe_calibrate_means (MoeModel                 *model,
                                     const MoeSessionOptions  *session,
                                     MoePromptSet             *set,
                                     gboolean                  raw,
                                     const char               *system,
                                     const MoeProgress        *progress,
                                     GError                  **error);

/* A copy of @means with only the experts that @mask disables by mean. Transfer full. */
MoeExpertMeans *moe_calibrate_pick  (const MoeExpertMeans     *means,
                                     const MoeMask            *mask,
                                     const MoeModelInfo       *info);

G_END_DECLS
