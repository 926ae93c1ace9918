/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* Mask files: one self-describing JSON object,
 *
 *   {"format": "moescope-mask", "version": 1,
 *    "model": {"name", "architecture", "fingerprint", "layers", "experts", "experts_used"},
 *    "interventions": [{"layer", "expert", "action", "mode"?, "value"?, "phase"?, "from_token"?,
 *                       "mean"?}, ...]}
 *
 * "layer" is a number or "*"; "expert" a number, -1 for the shared expert or "*", and absent for a router;
 * "mean", of an expert disabled by mean, its mean output: base64 of little-endian floats. Unknown members are
 * refused, so that nothing a newer version meant is dropped silently. */

/* The mask and, when @info is given (transfer full), the model it was made for: only the members above are
 * filled in. Errors: MOE_ERROR_IO, _FORMAT (with line and column), _UNSUPPORTED (a newer version). */
MoeMask  *moe_mask_file_load      (const char          *path,
                                   MoeModelInfo       **info,
                                   GError             **error);
MoeMask  *moe_mask_from_json      (const char          *json,
                                   gssize               length,
                                   MoeModelInfo       **info,
                                   GError             **error);

/* Whole or not at all. */
gboolean  moe_mask_file_save      (const MoeMask       *mask,
                                   const MoeModelInfo  *info,
                                   const char          *path,
                                   GError             **error);
/* Transfer full. */
char     *moe_mask_to_json        (const MoeMask       *mask,
                                   const MoeModelInfo  *info);

/* Refuses (MOE_ERROR_MISMATCH) a mask made for another model than @info: first by shape (layers, experts, k),
 * which is always refused, then by fingerprint, which @allow_other_weights lets pass. */
gboolean  moe_mask_check_model    (const MoeModelInfo  *made_for,
                                   const MoeModelInfo  *info,
                                   gboolean             allow_other_weights,
                                   GError             **error);

/* Columns layer,expert,action,mode,value,phase,from_token, a row an intervention; no layer is every layer, no
 * expert the router. */
MoeTable *moe_mask_to_table       (const MoeMask       *mask);

G_END_DECLS
