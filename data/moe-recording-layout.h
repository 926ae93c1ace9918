/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"

G_BEGIN_DECLS

/* The routing and the tokens of a recording, in the layouts that other programs read (BigMoeOnEdge's routes,
 * llama.cpp's moe-trace, sglang's counts). */
#define MOE_N_RECORDING_LAYOUTS 4

/* "routes", "trace", "counts", "tokens" */
const char *moe_recording_layout_get_name  (guint           layout);
/* FALSE when there is none of that name. */
gboolean    moe_recording_layout_parse     (const char     *name,
                                            guint          *layout);
/* With provenance. Errors: those of moe_recording_query(). Transfer full. */
MoeTable   *moe_recording_layout_export    (MoeRecording   *recording,
                                            guint           layout,
                                            GCancellable   *cancellable,
                                            GError        **error);

/* The result of a query with its provenance: recording, recording-hash, query, version. Transfer full. */
MoeTable   *moe_recording_query_report     (MoeRecording   *recording,
                                            const char     *sql,
                                            GCancellable   *cancellable,
                                            GError        **error);

G_END_DECLS
