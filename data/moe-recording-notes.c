/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-notes"

#include "data/moe-recording-notes.h"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-recording-edit.h"
#include "data/moe-sqlite.h"

/* A recorder's transaction is done long before. */
#define BUSY_MS 5000

#define CANNOT_KEEP "the note cannot be kept"

/* One statement with @text (or NULL) as its first parameter and @number as its second. */
static gboolean
run (const char  *path,
     const char  *sql,
     const char  *text,
     gint64       number,
     GError     **error)
{
  sqlite3 *db;
  sqlite3_stmt *statement;
  gboolean ok = FALSE;

  if (text != NULL && (strlen (text) > MOE_RECORDING_NOTE_MAX || !g_utf8_validate (text, -1, NULL)))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: " CANNOT_KEEP ": it is too large", path);
      return FALSE;
    }
  db = moe_recording_edit_open (path, SQLITE_OPEN_READWRITE, BUSY_MS, CANNOT_KEEP, error);
  if (db == NULL)
    return FALSE;
  statement = moe_sqlite_prepare (db, sql, path, CANNOT_KEEP, error);
  if (statement != NULL)
    {
      if (text != NULL)
        sqlite3_bind_text (statement, 1, text, -1, SQLITE_TRANSIENT);
      sqlite3_bind_int64 (statement, 2, number);
      ok = sqlite3_step (statement) == SQLITE_DONE;
      if (!ok)
        moe_sqlite_set_error (error, db, path, CANNOT_KEEP);
      else if (sqlite3_changes (db) == 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: there is no such note any more", path);
          ok = FALSE;
        }
      sqlite3_finalize (statement);
    }
  sqlite3_close (db);
  return ok;
}

gboolean
moe_recording_note_add (const char  *path,
                        gint64       token,
                        const char  *text,
                        GError     **error)
{
  g_return_val_if_fail (path != NULL && text != NULL, FALSE);

  return run (path, "INSERT INTO note (text, token) VALUES (?1, ?2)", text, token, error);
}

gboolean
moe_recording_note_change (const char  *path,
                           gint64       id,
                           const char  *text,
                           GError     **error)
{
  g_return_val_if_fail (path != NULL && text != NULL, FALSE);

  return run (path, "UPDATE note SET text = ?1 WHERE id = ?2", text, id, error);
}

gboolean
moe_recording_note_remove (const char  *path,
                           gint64       id,
                           GError     **error)
{
  g_return_val_if_fail (path != NULL, FALSE);

  return run (path, "DELETE FROM note WHERE id = ?2", NULL, id, error);
}
