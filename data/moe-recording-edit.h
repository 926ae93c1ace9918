/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* Opens a recording for what a person adds to it (notes, how it was left). Nothing of the file's schema is
 * run. @busy_ms: how long to wait for who writes it; @what: "the note cannot be kept". NULL with @error. */
sqlite3 *moe_recording_edit_open (const char  *path,
                                  int          flags,
                                  int          busy_ms,
                                  const char  *what,
                                  GError     **error);

G_END_DECLS
