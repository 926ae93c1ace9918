/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* Where the table of an analysis comes from, as provenance: model, fingerprint, phase. */
void      moe_report_add_model  (MoeTable            *table,
                                 const MoeModelInfo  *info,
                                 guint                phases);
/* Where a table comes from that was made while a model ran: model, fingerprint, mask ("none", or every
 * intervention), tokens (how many), version. */
void      moe_report_add_run    (MoeTable            *table,
                                 const MoeModelInfo  *info,
                                 const MoeMask       *mask,
                                 gint64               n_tokens);
/* recording (the file's base name), recording-hash, seed, mask ("none", or every change of the mask with the
 * token from which it acts), version. Errors: those of moe_recording_foreach_mask(). */
gboolean  moe_report_add_source (MoeTable            *table,
                                 MoeRecording        *recording,
                                 GError             **error);

G_END_DECLS
