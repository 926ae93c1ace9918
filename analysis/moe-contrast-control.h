/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast.h"

G_BEGIN_DECLS

/* What the ranking of a contrast looks like when labels mean nothing: @n_draws times the prompts are dealt
 * out to A and B anew (with their labels; for paired-rd the two sides of each pair change places or not),
 * scored and ranked. rank,control_low,control_middle,control_high: the 2.5 %, 50 % and 97.5 % quantiles of
 * the scores that stand in each of the first @n_ranks places. A real score above that band is more than the
 * best of as many cells gives by chance.
 *
 * The same counts, in whatever order their prompts are, and seed give the same table. Errors: those of
 * moe_contrast_new(). Transfer full. */
MoeTable *moe_contrast_control (const MoeContrastCounts   *counts,
                                const MoeContrastOptions  *options,
                                guint                      n_draws,
                                guint                      n_ranks,
                                const MoeProgress         *progress,
                                GError                   **error);

G_END_DECLS
