/* SPDX-License-Identifier: MIT */
#pragma once

#include <sqlite3.h>

#include "data/moe-recording-writer.h"

G_BEGIN_DECLS

/* Opening a recording file for writing: the part of the writer that runs before its thread does. */

/* A connection to @path, set up for writing, with all tables and the run row in place. @exists says that the
 * file was there and is to be resumed: an unfinished prompt is taken out of it. */
sqlite3 *moe_recording_create (const char            *path,
                               gboolean               exists,
                               const MoeModelInfo    *info,
                               const MoeRunSettings  *settings,
                               guint                 *n_prompts,
                               gint64                *n_tokens,
                               GError               **error);

G_END_DECLS
