/* SPDX-License-Identifier: MIT */
#pragma once

#include <sqlite3.h>

#include "data/moe-recording.h"

G_BEGIN_DECLS

/* The work of moe_recording_foreach_mask(). A mask that cannot act on a model of @info's shape is damage. */
gboolean moe_recording_read_masks (sqlite3             *db,
                                   const char          *path,
                                   const MoeModelInfo  *info,
                                   MoeMaskEventFunc     func,
                                   gpointer             user_data,
                                   GError             **error);

G_END_DECLS
