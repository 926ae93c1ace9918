/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "app/cli-source.h"

G_BEGIN_DECLS

/* What analyses need that run the tokens of a recording again: a session, the tokens, the mask that the
 * command line asked for, and a progress line. Begin from { NULL }; stays where it is until it is ended. */
typedef struct
{
  MoeSession     *session;
  GPtrArray      *prompts;  /* of MoeChatPrompt */
  MoeMask        *mask;     /* or NULL */
  MoeCliProgress  line;
  MoeProgress     progress;
} MoeCliRerun;

/* @model made the recording of @source. */
gboolean  moe_cli_rerun_begin (MoeCliRerun   *self,
                               MoeCliSource  *source,
                               MoeModel      *model,
                               GError       **error);
/* Ends the progress line and adds to @table (transfer full; NULL after a failure) where the tokens come from.
 * Returns it, or NULL with @error set. */
MoeTable *moe_cli_rerun_end   (MoeCliRerun   *self,
                               MoeCliSource  *source,
                               MoeTable      *table,
                               GError       **error);
void      moe_cli_rerun_clear (MoeCliRerun   *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliRerun, moe_cli_rerun_clear)

G_END_DECLS
