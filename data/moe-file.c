/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-file"

#include "data/moe-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-error.h"

#define CHUNK (64u << 10)

static gboolean
fail_errno (const char  *path,
            int          code,
            GError     **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", path, g_strerror (code));
  return FALSE;
}

static gboolean
read_all (int           fd,
          const char   *path,
          gsize         max_bytes,
          GByteArray   *bytes,
          GError      **error)
{
  for (;;)
    {
      guint used = bytes->len;
      gssize n;

      g_byte_array_set_size (bytes, used + CHUNK);
      n = read (fd, bytes->data + used, CHUNK);
      g_byte_array_set_size (bytes, used + (guint) MAX (n, 0));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return fail_errno (path, errno, error);
      if (n == 0)
        return TRUE;
      if (bytes->len > max_bytes)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                       "%s: is larger than the %" G_GSIZE_FORMAT " bytes allowed", path, max_bytes);
          return FALSE;
        }
    }
}

gboolean
moe_file_read (const char  *path,
               gsize        max_bytes,
               char       **data,
               gsize       *length,
               GError     **error)
{
  GByteArray *bytes;
  gboolean done;
  int fd;

  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (data != NULL, FALSE);
  g_return_val_if_fail (length != NULL, FALSE);
  g_return_val_if_fail (max_bytes < G_MAXUINT - 2 * CHUNK, FALSE);

  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail_errno (path, errno, error);

  bytes = g_byte_array_new ();
  done = read_all (fd, path, max_bytes, bytes, error);
  close (fd);
  if (!done)
    {
      g_byte_array_unref (bytes);
      return FALSE;
    }

  *length = bytes->len;
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  *data = (char *) g_byte_array_free (bytes, FALSE);
  return TRUE;
}

/* Closes @fd whatever happens. 0 or the errno of the first thing that went wrong. */
static int
write_and_close (int         fd,
                 const char *data,
                 gsize       length,
                 gboolean    sync)
{
  int code = 0;

  while (length > 0)
    {
      gssize n = write (fd, data, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          code = errno;
          break;
        }
      data += n;
      length -= (gsize) n;
    }

  if (code == 0 && sync && fsync (fd) != 0)
    code = errno;
  if (close (fd) != 0 && code == 0)
    code = errno;
  return code;
}

static int
replace (const char  *target,
         mode_t       mode,
         const char  *data,
         gsize        length)
{
  g_autofree char *folder = g_path_get_dirname (target);
  g_autofree char *temporary = g_build_filename (folder, ".moescope-XXXXXX", NULL);
  int code, fd, folder_fd;

  fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    return errno;

  if (mode != 0 && fchmod (fd, mode) != 0)
    {
      code = errno;
      close (fd);
    }
  else
    {
      code = write_and_close (fd, data, length, TRUE);
    }

  if (code == 0 && g_rename (temporary, target) != 0)
    code = errno;
  if (code != 0)
    {
      g_unlink (temporary);
      return code;
    }

  /* The file is in place; that its name survives a power cut too is as far as the file system goes. */
  folder_fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0)
    {
      fsync (folder_fd);
      close (folder_fd);
    }
  return 0;
}

gboolean
moe_file_replace (const char  *path,
                  const char  *data,
                  gsize        length,
                  GError     **error)
{
  struct stat status;
  char *resolved;
  g_autofree char *target = NULL;
  mode_t mode = 0;
  int code;

  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (data != NULL, FALSE);

  resolved = realpath (path, NULL);
  target = g_strdup (resolved != NULL ? resolved : path);
  free (resolved);

  if (stat (target, &status) == 0)
    {
      if (S_ISDIR (status.st_mode))
        return fail_errno (path, EISDIR, error);

      if (!S_ISREG (status.st_mode))
        {
          int fd = open (target, O_WRONLY | O_CLOEXEC);

          code = fd < 0 ? errno : write_and_close (fd, data, length, FALSE);
          return code == 0 ? TRUE : fail_errno (path, code, error);
        }

      /* A rename would not ask. */
      if (faccessat (AT_FDCWD, target, W_OK, AT_EACCESS) != 0)
        return fail_errno (path, errno, error);
      mode = status.st_mode & 07777;
    }

  code = replace (target, mode, data, length);
  return code == 0 ? TRUE : fail_errno (path, code, error);
}
