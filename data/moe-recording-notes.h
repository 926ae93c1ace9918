/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Notes of a person in a recording, each of a token; also while the recording is written. Errors:
 * MOE_ERROR_IO (also of a file that may not be written), _FORMAT for what is no recording, _INVALID for a
 * note that there is not, _LIMIT. */

#define MOE_RECORDING_NOTE_MAX (1u << 16) /* bytes */

gboolean moe_recording_note_add    (const char  *path,
                                    gint64       token,
                                    const char  *text,
                                    GError     **error);
/* @id: note.id. */
gboolean moe_recording_note_change (const char  *path,
                                    gint64       id,
                                    const char  *text,
                                    GError     **error);
gboolean moe_recording_note_remove (const char  *path,
                                    gint64       id,
                                    GError     **error);

G_END_DECLS
