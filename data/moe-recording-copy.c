/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-copy"

#include "data/moe-recording-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <unistd.h>

#include "data/moe-error.h"

/* How long a writer may hold the file before the copy gives up. */
#define BUSY_MILLISECONDS 5000

static gboolean
fail (sqlite3     *db,
      int          code,
      const char  *path,
      GError     **error)
{
  g_autofree char *message = g_utf8_make_valid (db != NULL ? sqlite3_errmsg (db) : sqlite3_errstr (code), -1);

  g_set_error (error, MOE_ERROR, code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? MOE_ERROR_FORMAT
               : MOE_ERROR_IO, "%s: %s", path, message);
  return FALSE;
}

/* All pages in one step, so that a writer in between cannot make the copy start over. */
static gboolean
copy_pages (const char  *source,
            const char  *target,
            GError     **error)
{
  sqlite3 *from = NULL, *to = NULL;
  sqlite3_backup *backup;
  gboolean ok = FALSE;
  int code;

  code = sqlite3_open_v2 (source, &from, SQLITE_OPEN_READONLY, NULL);
  if (code != SQLITE_OK)
    {
      fail (from, code, source, error);
      goto out;
    }
  sqlite3_busy_timeout (from, BUSY_MILLISECONDS);

  code = sqlite3_open_v2 (target, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
  if (code != SQLITE_OK)
    {
      fail (to, code, target, error);
      goto out;
    }

  backup = sqlite3_backup_init (to, "main", from, "main");
  if (backup == NULL)
    {
      fail (to, sqlite3_errcode (to), target, error);
      goto out;
    }
  code = sqlite3_backup_step (backup, -1);
  if (code == SQLITE_DONE)
    code = sqlite3_backup_finish (backup);
  else
    sqlite3_backup_finish (backup);
  if (code != SQLITE_OK)
    {
      /* A damaged source and a full disk both come out here; the code tells which file to name. */
      fail (to, code, code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_BUSY ? source
            : target, error);
      goto out;
    }

  /* The source is in WAL mode and the copy inherits that; a file that is to stand alone should not be. */
  code = sqlite3_exec (to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
  ok = code == SQLITE_OK || fail (to, code, target, error);

out:
  sqlite3_close (from);
  if (sqlite3_close (to) != SQLITE_OK && ok)
    ok = fail (to, SQLITE_ERROR, target, error);
  return ok;
}

static gboolean
sync_file (const char  *path,
           GError     **error)
{
  int fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  gboolean ok = fd >= 0 && fsync (fd) == 0;
  int saved = errno;

  if (!ok)
    g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", path, g_strerror (saved));
  if (fd >= 0)
    close (fd);
  return ok;
}

gboolean
moe_recording_copy (const char  *source,
                    const char  *target,
                    GError     **error)
{
  g_autofree char *temporary = NULL;
  g_autoptr(GError) local_error = NULL;
  int fd;

  g_return_val_if_fail (source != NULL, FALSE);
  g_return_val_if_fail (target != NULL, FALSE);

  if (g_strcmp0 (source, target) == 0)
    return TRUE;

  temporary = g_strdup_printf ("%s.XXXXXX", target);
  fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0666);
  if (fd < 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", target, g_strerror (errno));
      return FALSE;
    }
  close (fd);

  if (!copy_pages (source, temporary, &local_error) || !sync_file (temporary, &local_error))
    {
      g_unlink (temporary);
      /* The person knows the file by the name it was to have. */
      if (g_str_has_prefix (local_error->message, temporary))
        g_set_error (error, local_error->domain, local_error->code, "%s%s", target,
                     local_error->message + strlen (temporary));
      else
        g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  if (g_rename (temporary, target) != 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", target, g_strerror (errno));
      g_unlink (temporary);
      return FALSE;
    }

  return TRUE;
}
