/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-super-experts.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* The super weight W_down[j,m] of every expert of @self above both thresholds (arXiv 2507.23279, section 3;
 * arXiv 2411.07191): j is the output channel of its largest |o|, m the input channel with the largest |input
 * of down_proj| at that token. That input is in no recording, so the prompts of the peak tokens are run again
 * up to them, under the masks that were in force.
 *
 * @session belongs to the model that made @recording and has no mask; it is rewound. Where the second run
 * does not give the recorded output to within 1 % (other kernels, another cache type), the weight stays
 * unknown. Shared experts that are stored as one count input channels over all of them. Errors:
 * those of moe_session_feed(), moe_session_set_mask() and moe_recording_foreach(). */
gboolean moe_super_experts_find_weights (MoeSuperExperts  *self,
                                         MoeRecording     *recording,
                                         MoeSession       *session,
                                         GCancellable     *cancellable,
                                         GError          **error);

G_END_DECLS
