/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How a person left a recording: one text (JSON) in a table of its own, which a recording may have or not and
 * other readers pass over. Nothing else in the file is touched. */

#define MOE_RECORDING_SESSION_MAX (1u << 20) /* bytes */

/* Errors: MOE_ERROR_IO (also of a file or folder that may not be written), _FORMAT for what is no recording,
 * _LIMIT. */
gboolean  moe_recording_session_save (const char  *path,
                                      const char  *text,
                                      GError     **error);
/* NULL when there is none, or none that could be one: not UTF-8, too long. Transfer full. */
char     *moe_recording_session_load (const char  *path);

G_END_DECLS
