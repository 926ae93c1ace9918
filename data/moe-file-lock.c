/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-file-lock"

#include "data/moe-file-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "data/moe-error.h"

struct _MoeFileLock
{
  char *lock_path;
  int   fd;
};

/* The holder may have removed the file between our opening and our locking it: then the lock is on a file
 * that nobody else will find. */
static gboolean
is_still_there (int         fd,
                const char *lock_path)
{
  struct stat ours, theirs;

  return fstat (fd, &ours) == 0 && stat (lock_path, &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

MoeFileLock *
moe_file_lock_take (const char  *path,
                    GError     **error)
{
  g_autofree char *lock_path = NULL;
  MoeFileLock *self;
  int fd;

  g_return_val_if_fail (path != NULL, NULL);

  lock_path = g_strconcat (path, "-lock", NULL);
  for (;;)
    {
      fd = g_open (lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (fd < 0)
        {
          int saved = errno;

          g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: cannot be written: %s", path, g_strerror (saved));
          return NULL;
        }
      if (flock (fd, LOCK_EX | LOCK_NB) != 0)
        {
          int saved = errno;

          close (fd);
          if (saved == EINTR)
            continue;
          if (saved == EWOULDBLOCK)
            g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: is being written by another run", path);
          else
            g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: cannot be locked: %s", path,
                         g_strerror (saved));
          return NULL;
        }
      if (is_still_there (fd, lock_path))
        break;
      close (fd);
    }

  self = g_new0 (MoeFileLock, 1);
  self->lock_path = g_steal_pointer (&lock_path);
  self->fd = fd;
  return self;
}

void
moe_file_lock_release (MoeFileLock *self)
{
  if (self == NULL)
    return;

  g_unlink (self->lock_path);
  close (self->fd);
  g_free (self->lock_path);
  g_free (self);
}
