/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "analysis/moe-sinks.h"
#include "data/moe-mask.h"
#include "probes/moe-session.h"
#include "ui/moe-sink-plot.h"

G_BEGIN_DECLS

/* The work of the Sinks page, for threads: reading the sinks of a recording, and running its tokens again
 * under a mask. The command line uses the second too. No GTK. */

typedef struct
{
  MoeModelInfo *info;
  MoeTable     *heads, *layers;
} MoeSinkScan;

/* by_head of @options does not matter. */
MoeSinkScan *moe_sink_scan_new   (const char            *path,
                                  const MoeSinkOptions  *options,
                                  GError               **error);
void         moe_sink_scan_free  (MoeSinkScan           *self);
MoeExport   *moe_sink_export_new (const MoeSinkOptions  *options);

/* A comparison that several may hold, also on other threads. */
typedef struct
{
  MoeModelInfo *info;
  MoeSinkStats *before, *after;
  MoeMask      *mask;
  gint64        n_tokens; /* of the recording */
} MoeSinkChange;

/* Runs the tokens of @recording again on @session, without a mask and with @mask. Transfer full. */
MoeSinkChange *moe_sink_change_new        (MoeRecording         *recording,
                                           MoeSession           *session,
                                           MoeMask              *mask,
                                           const MoeProgress    *progress,
                                           GError              **error);
MoeSinkChange *moe_sink_change_ref        (MoeSinkChange        *self);
void           moe_sink_change_unref      (MoeSinkChange        *self);
/* With where the tokens are from. Errors: those of moe_report_add_source(). Transfer full. */
MoeTable      *moe_sink_change_to_table   (const MoeSinkChange  *self,
                                           MoeRecording         *recording,
                                           gboolean              by_head,
                                           GError              **error);
MoeExhibit    *moe_sink_change_to_exhibit (const MoeSinkChange  *self,
                                           MoeRecording         *recording,
                                           gboolean              by_head,
                                           GError              **error);
MoeExport     *moe_sink_change_export_new (MoeSinkChange        *self,
                                           gboolean              by_head);

/* "L2E30 disable zero + ...", "none": as provenance says it. Transfer full. */
char          *moe_mask_to_provenance     (const MoeMask        *mask);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSinkScan, moe_sink_scan_free)

G_END_DECLS
