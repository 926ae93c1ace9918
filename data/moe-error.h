/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the world can do to us. Messages are lower-case phrases without a full stop. A function that is
 * given a path starts its message with "PATH: ", so that a caller can print it as it is. Cancelling is
 * reported as G_IO_ERROR_CANCELLED. */
#define MOE_ERROR (moe_error_quark ())

typedef enum
{
  MOE_ERROR_IO,          /* the file system said no */
  MOE_ERROR_FORMAT,      /* the bytes are damaged or are not what they claim to be */
  MOE_ERROR_UNSUPPORTED, /* well formed, but this program cannot do it */
  MOE_ERROR_INVALID,     /* an argument that came from a person does not make sense */
  MOE_ERROR_LIMIT,       /* larger than a documented limit */
  MOE_ERROR_MISMATCH,    /* two files that do not belong together */
} MoeError;

GQuark   moe_error_quark (void);

/* Sets @error to the message, after "@place: " unless that is NULL, and returns FALSE. */
gboolean moe_error_fail  (GError     **error,
                          MoeError     code,
                          const char  *place,
                          const char  *format,
                          ...) G_GNUC_PRINTF (4, 5);
/* The same after "@path:@line: ". */
gboolean moe_error_fail_line (GError     **error,
                              MoeError     code,
                              const char  *path,
                              guint        line,
                              const char  *format,
                              ...) G_GNUC_PRINTF (5, 6);

G_END_DECLS
