/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mapped-file"

#include "data/moe-mapped-file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-error.h"
#include "data/moe-machine.h"

#define fail(self, code, error, ...) moe_error_fail (error, code, (self)->path, __VA_ARGS__)

static guint64
modification_time (const struct stat *status)
{
  return (guint64) status->st_mtim.tv_sec * 1000000000u + (guint64) status->st_mtim.tv_nsec;
}

/* What is not in memory yet is then read in pieces of a huge page and mapped as such, which makes decoding a
 * fifth faster. Not for a file that memory does not hold: there each piece would be read for the few rows of
 * it that are needed, and push others out. Where the kernel or the file system cannot, nothing is lost. */
static void
use_huge_pages (MoeMappedFile *self)
{
#ifdef MADV_HUGEPAGE
  if (self->data != NULL && self->n_bytes <= moe_machine_get_memory () / 4 * 3)
    madvise ((void *) self->data, self->n_bytes, MADV_HUGEPAGE);
#endif
}

static gboolean
map (MoeMappedFile  *self,
     GError        **error)
{
  g_autoptr (GError) local = NULL;
  struct stat status;

  /* Not to hang on a named pipe. */
  self->fd = open (self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (self->fd < 0 || fstat (self->fd, &status) != 0)
    return fail (self, MOE_ERROR_IO, error, "%s", g_strerror (errno));

  if (S_ISDIR (status.st_mode))
    return fail (self, MOE_ERROR_IO, error, "is a folder, not a model file");
  if (!S_ISREG (status.st_mode))
    return fail (self, MOE_ERROR_IO, error, "is not a regular file");
  if ((guint64) status.st_size > G_MAXSIZE)
    return fail (self, MOE_ERROR_LIMIT, error, "is too large for this machine's address space");

  self->device = status.st_dev;
  self->inode = status.st_ino;
  self->modified_ns = modification_time (&status);
  self->n_bytes = (gsize) status.st_size;

  self->map = g_mapped_file_new_from_fd (self->fd, FALSE, &local);
  if (self->map == NULL)
    return fail (self, MOE_ERROR_IO, error, "cannot be mapped: %s", local->message);
  if (g_mapped_file_get_length (self->map) != self->n_bytes)
    return fail (self, MOE_ERROR_IO, error, "changed while it was opened");

  self->data = (const guint8 *) g_mapped_file_get_contents (self->map);
  use_huge_pages (self);
  return TRUE;
}

MoeMappedFile *
moe_mapped_file_open (const char  *path,
                      GError     **error)
{
  g_autoptr (MoeMappedFile) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  self = g_new0 (MoeMappedFile, 1);
  self->path = g_strdup (path);
  self->absolute_path = g_canonicalize_filename (path, NULL);
  self->fd = -1;
  if (!map (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
moe_mapped_file_free (MoeMappedFile *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->map, g_mapped_file_unref);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->absolute_path);
  g_free (self->path);
  g_free (self);
}

gboolean
moe_mapped_file_check_unchanged (MoeMappedFile  *self,
                                 GError        **error)
{
  struct stat status;

  g_return_val_if_fail (self != NULL, FALSE);

  if (fstat (self->fd, &status) != 0)
    return fail (self, MOE_ERROR_IO, error, "%s", g_strerror (errno));
  if ((guint64) status.st_size != self->n_bytes || modification_time (&status) != self->modified_ns)
    return fail (self, MOE_ERROR_IO, error, "the file was changed since it was opened");

  if (stat (self->absolute_path, &status) != 0)
    return fail (self, MOE_ERROR_IO, error, "the file went away since it was opened: %s", g_strerror (errno));
  if (status.st_dev != self->device || status.st_ino != self->inode)
    return fail (self, MOE_ERROR_IO, error, "the file was replaced by another since it was opened");
  return TRUE;
}

static const char *program_name;

/* Only what a signal handler may call. SA_RESETHAND has put the default action back: when this returns, the
 * same read ends the program. */
static void
on_bus_error (int number)
{
  static const char text[] = ": a file that is in use was cut short or cannot be read any more; "
                             "what was recorded up to now is kept\n";

  if (write (STDERR_FILENO, program_name, strlen (program_name)) < 0
      || write (STDERR_FILENO, text, sizeof text - 1) < 0)
    return;
}

void
moe_mapped_file_explain_faults (const char *program)
{
  struct sigaction action = { .sa_handler = on_bus_error, .sa_flags = (int) SA_RESETHAND };

  g_return_if_fail (program != NULL);

  program_name = program;
  sigemptyset (&action.sa_mask);
  sigaction (SIGBUS, &action, NULL);
}
