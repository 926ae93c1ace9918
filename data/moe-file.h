/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads a whole file, or what comes through a pipe, of at most @max_bytes. @data (transfer full, g_free) has
 * a NUL after its last byte that @length does not count. Errors: MOE_ERROR_IO, _LIMIT. */
gboolean moe_file_read    (const char  *path,
                           gsize        max_bytes,
                           char       **data,
                           gsize       *length,
                           GError     **error);

/* Writes @path whole or not at all: a temporary file beside it is written, synced and renamed. A symbolic
 * link is followed, an existing file's permissions are kept, and a device or pipe is written to directly.
 * Errors: MOE_ERROR_IO. */
gboolean moe_file_replace (const char  *path,
                           const char  *data,
                           gsize        length,
                           GError     **error);

G_END_DECLS
