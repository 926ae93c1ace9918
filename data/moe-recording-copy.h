/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Copies a recording, also one that is being written (what is committed by then). @target is replaced, whole
 * or not at all: a temporary file beside it, synced, then a rename. Errors: MOE_ERROR_IO, _FORMAT, naming the
 * file. */
gboolean moe_recording_copy (const char  *source,
                             const char  *target,
                             GError     **error);

G_END_DECLS
