/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast-counts.h"
#include "analysis/moe-evaluate.h"

G_BEGIN_DECLS

/* A mask that is measured on the prompts by which its experts were found looks better than it is. So a
 * ranking says which prompts it was made from, and an evaluation can tell whether its own are others. */

/* The line of a ranking's provenance that holds them. */
#define MOE_HELD_OUT_KEY "ranked-on"

/* The marks (moe_prompt_get_mark()) of the prompts, ascending, each once, with spaces between; "too many" for
 * more than 10,000. Transfer full. */
char *moe_held_out_join (const MoeContrastCounts *counts);

/* A sentence when prompts of @sets (n_sets) are among those from which the ranking in @path was made, with
 * how many of which set; NULL when none are, or when the file does not tell (with @error set when it cannot
 * be read: MOE_ERROR_IO, _LIMIT). Transfer full. */
char *moe_held_out_warn (const char              *path,
                         const MoeEvaluationSet  *sets,
                         guint                    n_sets,
                         GError                 **error);

G_END_DECLS
