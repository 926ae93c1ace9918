/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-arch.h"

G_BEGIN_DECLS

/* What cosines and sines are multiplied with: the file's own factor, and YaRN's temperature (equation 22)
 * unless there is a log_multiplier; then it is in the scores, moe_rope_get_score_scale(). */
float    moe_rope_get_magnitude    (const MoeRopeScaling  *rope);

/* What scores are multiplied with besides 1 / sqrt (key width) in MLA, where a part of q and k is turned: the
 * square of the temperature. */
float    moe_rope_get_score_scale  (const MoeRopeScaling  *rope);

/* Radians by which position p turns pair i, divided by p: (@dims / 2). @factors: (dims / 2) divisors of the
 * frequencies, or NULL. YaRN (arXiv 2309.00071, section 3.2): pairs that turn more than beta_fast times in
 * the original context keep their frequency, those that turn less than beta_slow times are slowed down by the
 * factor, between them is a ramp over i. */
void     moe_rope_get_frequencies  (const MoeRopeScaling  *rope,
                                    float                  base,
                                    guint                  dims,
                                    const float           *factors,
                                    double                *frequencies);

/* RoPE (arXiv 2104.09864) in place. @x: (dims), @angles: (dims / 2, 2) cosine and sine. */
void     moe_rope_rotate           (MoeRopeKind            kind,
                                    guint                  dims,
                                    const float           *angles,
                                    float                 *x);

G_END_DECLS
