/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-routes.h"

G_BEGIN_DECLS

/* How far two recordings of the same tokens chose the same experts: before and after steering, two
 * quantisations, two checkpoints (router saturation of OLMoE, arXiv 2409.02060, section 5.1).
 *
 * layer,tokens,overlap,same_strongest,same_set,by_chance, a row for each MoE layer, or that of @layer (a
 * model layer, -1 = all). Of one token A and B are what it chose in both: overlap is the mean of |A and B|
 * over the larger of |A| and |B|, by_chance what that would be if B were random, same_strongest the share
 * whose strongest expert is the same, same_set that with A = B. tokens are those that chose an expert in
 * one of the two at least; others do not count.
 *
 * The tokens of @phases, which are what is compared, must be the same in the same order, and so must be the
 * layers and the number of experts. Answers often differ, prompts do not. Provenance as in
 * moe_routes_report(), and with and with-hash, the name and hash of @other.
 * Errors: those of moe_routes_report(); MOE_ERROR_INVALID when they cannot be compared. Transfer full. */
MoeTable *moe_routes_overlap (MoeRecording       *recording,
                              MoeRecording       *other,
                              guint               phases,
                              int                 layer,
                              const MoeProgress  *progress,
                              GError            **error);

G_END_DECLS
