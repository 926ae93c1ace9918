/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "One writer at a time": an advisory lock on PATH-lock, a file beside PATH. The kernel releases it when the
 * process ends in whatever way; what is left of the file then is harmless. The lock is not taken on PATH
 * itself, because closing a second descriptor of an SQLite file drops SQLite's own locks. */
typedef struct _MoeFileLock MoeFileLock;

/* Errors: MOE_ERROR_IO, naming @path, when somebody holds it or the folder cannot be written. */
MoeFileLock *moe_file_lock_take    (const char   *path,
                                    GError      **error);
void         moe_file_lock_release (MoeFileLock  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeFileLock, moe_file_lock_release)

G_END_DECLS
