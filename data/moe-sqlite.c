/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sqlite"

#include "data/moe-sqlite.h"

#include "data/moe-error.h"

void
moe_sqlite_set_error (GError    **error,
                      sqlite3    *db,
                      const char *path,
                      const char *what)
{
  int rc = sqlite3_errcode (db) & 0xff;
  int code = MOE_ERROR_IO;
  int system_errno = sqlite3_system_errno (db);
  /* It quotes the file, whose schema may hold any bytes. */
  g_autofree char *message = g_utf8_make_valid (sqlite3_errmsg (db), -1);

  /* SQLITE_ERROR: a table or column that our statements name is not there. */
  if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT || rc == SQLITE_ERROR)
    code = MOE_ERROR_FORMAT;
  if (rc == SQLITE_CORRUPT)
    what = "damaged";

  if ((rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN) && system_errno != 0)
    g_set_error (error, MOE_ERROR, code, "%s: %s: %s (%s)", path, what, message,
                 g_strerror (system_errno));
  else
    g_set_error (error, MOE_ERROR, code, "%s: %s: %s", path, what, message);
}

gboolean
moe_sqlite_exec (sqlite3    *db,
                 const char *sql,
                 const char *path,
                 const char *what,
                 GError    **error)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  moe_sqlite_set_error (error, db, path, what);
  return FALSE;
}

sqlite3_stmt *
moe_sqlite_prepare (sqlite3    *db,
                    const char *sql,
                    const char *path,
                    const char *what,
                    GError    **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v3 (db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK)
    return statement;
  moe_sqlite_set_error (error, db, path, what);
  return NULL;
}

gboolean
moe_sqlite_get_int (sqlite3    *db,
                    const char *sql,
                    const char *path,
                    const char *what,
                    gint64     *value,
                    GError    **error)
{
  sqlite3_stmt *statement = moe_sqlite_prepare (db, sql, path, what, error);
  gboolean ok = FALSE;

  if (statement == NULL)
    return FALSE;

  switch (sqlite3_step (statement))
    {
    case SQLITE_ROW:
      ok = sqlite3_column_type (statement, 0) == SQLITE_INTEGER;
      *value = sqlite3_column_int64 (statement, 0);
      if (!ok)
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s: damaged", path, what);
      break;
    case SQLITE_DONE:
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s: a row is missing", path, what);
      break;
    default:
      moe_sqlite_set_error (error, db, path, what);
      break;
    }
  sqlite3_finalize (statement);
  return ok;
}
