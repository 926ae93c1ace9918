/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The tokens of a recording as CSV, as `moescope-cli export --layout tokens` writes them: the columns prompt,
 * position, token_id, and where there are, text, logprob and entropy; others are ignored. */
typedef struct
{
  guint  prompt, position;
  gint32 token_id;
  char  *text;    /* "" when it is missing */
  float  logprob; /* nats; NaN when missing */
  float  entropy; /* likewise */
} MoeFileToken;

/* An array of MoeFileToken that frees them, in the order of the file. @path is only for messages. Errors:
 * MOE_ERROR_FORMAT naming file and line. Transfer full. */
GArray *moe_token_file_parse (const char  *path,
                              const char  *data,
                              gsize        length,
                              GError     **error);

G_END_DECLS
