/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* What SQLite says, as GErrors. @path is the file's; messages start with it. */

/* Sets @error from the last failure on @db: MOE_ERROR_FORMAT for damage, else MOE_ERROR_IO. @what says what
 * could not be done: "PATH: WHAT: reason". */
void          moe_sqlite_set_error (GError     **error,
                                    sqlite3     *db,
                                    const char  *path,
                                    const char  *what);
/* Runs statements that give no rows we want. */
gboolean      moe_sqlite_exec      (sqlite3     *db,
                                    const char  *sql,
                                    const char  *path,
                                    const char  *what,
                                    GError     **error);
/* A statement to be used many times; NULL with @error set. */
sqlite3_stmt *moe_sqlite_prepare   (sqlite3     *db,
                                    const char  *sql,
                                    const char  *path,
                                    const char  *what,
                                    GError     **error);
/* The first column of the first row, which must be an integer. */
gboolean      moe_sqlite_get_int   (sqlite3     *db,
                                    const char  *sql,
                                    const char  *path,
                                    const char  *what,
                                    gint64      *value,
                                    GError     **error);

G_END_DECLS
