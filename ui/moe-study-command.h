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
/* Appends the options that make @mask, with --mask-phase and --mask-from where all its interventions share
 * them. */
void moe_command_add_mask   (GString            *line,
                             const MoeMask      *mask);

/* Adds where the table of a run under @mask comes from, as the command line does: model, fingerprint, mask,
 * version. */
void moe_command_add_provenance (MoeTable           *table,
                                 const MoeModelInfo *info,
                                 const MoeMask      *mask);

G_END_DECLS
