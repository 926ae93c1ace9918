/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli-options.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* --csv, --json, --svg, --pdf and --png, for the commands that make a picture too, and --wide for those with
 * a wide table. */
typedef struct
{
  char     *csv, *json, *svg, *pdf, *png;
  gboolean  wide;
} MoeCliFiles;

void      moe_cli_files_add   (MoeCliFiles         *self,
                               GOptionContext      *context,
                               gboolean             has_wide);
/* Writes the files that were asked for; and the table as @output says when it says so, or when there are no
 * files. */
gboolean  moe_cli_files_write (const MoeCliFiles   *self,
                               const MoeCliOutput  *output,
                               const MoeExhibit    *exhibit,
                               GError             **error);
void      moe_cli_files_clear (MoeCliFiles         *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliFiles, moe_cli_files_clear)

G_END_DECLS
