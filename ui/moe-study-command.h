/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"
#include "data/moe-model-info.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* What the pages that run a model need for "Copy as Command". */

/* Appends " --option 'value'"; nothing when @value is NULL. */
void moe_command_add_option (GString            *line,
                             const char         *option,
                             const char         *value);
/* Appends the options that make @mask. One that they cannot say exactly (other tokens or phases for some
 * interventions, mean outputs, an order that is not that of the options) is written to a file in the cache
 * folder, named by its content, and appended as --mask; a file that cannot be written is missed by whoever
 * runs the line. @info: the model it acts on. */
void moe_command_add_mask   (GString            *line,
                             const MoeMask      *mask,
                             const MoeModelInfo *info);

/* Adds where the table of a run under @mask comes from, as the command line does: model, fingerprint, mask,
 * version. */
void moe_command_add_provenance (MoeTable           *table,
                                 const MoeModelInfo *info,
                                 const MoeMask      *mask);

G_END_DECLS
