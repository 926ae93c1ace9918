/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-edit"

#include "data/moe-recording-edit.h"

#include "data/moe-error.h"
#include "data/moe-recording-schema.h"
#include "data/moe-sqlite.h"

sqlite3 *
moe_recording_edit_open (const char  *path,
                         int          flags,
                         int          busy_ms,
                         const char  *what,
                         GError     **error)
{
  /* "file:" in front of a name would be taken for a URI. */
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  sqlite3 *db = NULL;
  gint64 id;

  if (sqlite3_open_v2 (absolute, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      moe_sqlite_set_error (error, db, path, what);
      sqlite3_close (db);
      return NULL;
    }
  sqlite3_busy_timeout (db, busy_ms);
  sqlite3_limit (db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  if (moe_sqlite_get_int (db, "PRAGMA application_id", path, what, &id, error))
    {
      if (id == MOE_RECORDING_APPLICATION_ID)
        return db;
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: not a Moescope recording", path);
    }
  sqlite3_close (db);
  return NULL;
}
