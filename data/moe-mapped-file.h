/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A regular file mapped for reading, kept open to notice when it is changed or replaced. */
typedef struct
{
  char         *path;          /* as given */
  char         *absolute_path;
  int           fd;
  guint64       device, inode, modified_ns;
  GMappedFile  *map;
  const guint8 *data;          /* (n_bytes); NULL when the file is empty */
  gsize         n_bytes;
} MoeMappedFile;

/* Errors: MOE_ERROR_IO, MOE_ERROR_LIMIT; they start with @path. */
MoeMappedFile *moe_mapped_file_open            (const char     *path,
                                                GError        **error);
void           moe_mapped_file_free            (MoeMappedFile  *self);
/* FALSE with MOE_ERROR_IO when the file isn't the one that was opened any more. */
gboolean       moe_mapped_file_check_unchanged (MoeMappedFile  *self,
                                                GError        **error);

/* Reading a mapped page that a file has lost since (somebody cut it short, its disk failed) ends a program
 * with SIGBUS; from here on with a sentence on standard error first, after @program (a literal) and ": ".
 * Once, before there are threads. */
void           moe_mapped_file_explain_faults  (const char     *program);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeMappedFile, moe_mapped_file_free)

G_END_DECLS
