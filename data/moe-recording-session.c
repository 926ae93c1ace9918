/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-session"

#include "data/moe-recording-session.h"

#include <sqlite3.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-recording-schema.h"
#include "data/moe-sqlite.h"

/* The window waits for it. */
#define BUSY_MS 200

#define CANNOT_KEEP "the session cannot be kept"

/* Nothing of the file's schema is run. NULL with @error set. */
static sqlite3 *
open_file (const char  *path,
           int          flags,
           GError     **error)
{
  /* "file:" in front of a name would be taken for a URI. */
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  sqlite3 *db = NULL;
  gint64 id;

  if (sqlite3_open_v2 (absolute, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      moe_sqlite_set_error (error, db, path, CANNOT_KEEP);
      sqlite3_close (db);
      return NULL;
    }
  sqlite3_busy_timeout (db, BUSY_MS);
  sqlite3_limit (db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  if (moe_sqlite_get_int (db, "PRAGMA application_id", path, CANNOT_KEEP, &id, error))
    {
      if (id == MOE_RECORDING_APPLICATION_ID)
        return db;
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: not a Moescope recording", path);
    }
  sqlite3_close (db);
  return NULL;
}

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
  db = open_file (path, SQLITE_OPEN_READWRITE, error);
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

  db = open_file (path, SQLITE_OPEN_READONLY, NULL);
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
