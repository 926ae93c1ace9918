/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-session"

#include "data/moe-recording-session.h"

#include <sqlite3.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-recording-edit.h"
#include "data/moe-sqlite.h"

/* The window waits for it. */
#define BUSY_MS 200

#define CANNOT_KEEP "the session cannot be kept"

static gboolean
write_text (sqlite3     *db,
            const char  *path,
            const char  *text,
            GError     **error)
{
  sqlite3_stmt *statement;
  gboolean ok;

  if (!moe_sqlite_exec (db, "CREATE TABLE IF NOT EXISTS session "
                            "(id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL) STRICT",
                        path, CANNOT_KEEP, error))
    return FALSE;
  statement = moe_sqlite_prepare (db, "INSERT OR REPLACE INTO session (id, state) VALUES (1, ?)", path,
                                  CANNOT_KEEP, error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, text, -1, SQLITE_TRANSIENT);
  ok = sqlite3_step (statement) == SQLITE_DONE;
  if (!ok)
    moe_sqlite_set_error (error, db, path, CANNOT_KEEP);
  sqlite3_finalize (statement);
  return ok;
}

gboolean
moe_recording_session_save (const char  *path,
                            const char  *text,
                            GError     **error)
{
  sqlite3 *db;
  gboolean ok;

  g_return_val_if_fail (path != NULL && text != NULL, FALSE);

  if (strlen (text) > MOE_RECORDING_SESSION_MAX)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: " CANNOT_KEEP ": it is too large", path);
      return FALSE;
    }
  db = moe_recording_edit_open (path, SQLITE_OPEN_READWRITE, BUSY_MS, CANNOT_KEEP, error);
  if (db == NULL)
    return FALSE;
  ok = moe_sqlite_exec (db, "BEGIN IMMEDIATE", path, CANNOT_KEEP, error) && write_text (db, path, text, error)
       && moe_sqlite_exec (db, "COMMIT", path, CANNOT_KEEP, error);
  /* What was begun and not committed is undone by closing. */
  sqlite3_close (db);
  return ok;
}

char *
moe_recording_session_load (const char *path)
{
  sqlite3 *db;
  sqlite3_stmt *statement;
  char *text = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  db = moe_recording_edit_open (path, SQLITE_OPEN_READONLY, BUSY_MS, CANNOT_KEEP, NULL);
  if (db == NULL)
    return NULL;
  sqlite3_limit (db, SQLITE_LIMIT_LENGTH, MOE_RECORDING_SESSION_MAX);
  statement = moe_sqlite_prepare (db, "SELECT state FROM session WHERE id = 1", path, CANNOT_KEEP, NULL);
  if (statement != NULL && sqlite3_step (statement) == SQLITE_ROW
      && sqlite3_column_type (statement, 0) == SQLITE_TEXT)
    {
      const char *value = (const char *) sqlite3_column_text (statement, 0);

      if (value != NULL && g_utf8_validate_len (value, (gsize) sqlite3_column_bytes (statement, 0), NULL))
        text = g_strdup (value);
    }
  sqlite3_finalize (statement);
  sqlite3_close (db);
  return text;
}
