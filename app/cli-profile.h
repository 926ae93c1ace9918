/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli-options.h"
#include "data/moe-prompt-set.h"

G_BEGIN_DECLS

/* Running a prompt set, or the windows of a text, and recording everything, for `profile` and for a SOURCE
 * that is a model. */
typedef struct
{
  char     *prompts;  /* path */
  char     *column;
  char     *answer_column;
  gint      limit;
  gint      skip;     /* prompts that are left out before those of the limit */
  gboolean  raw;
  char     *system;
  gint      generate; /* tokens of answer to each prompt */
  char     *text;     /* path, in the place of prompts */
  gint      window;   /* tokens */
  gint      windows;  /* how many; 0 = all */
} MoeCliProfile;

void      moe_cli_profile_add   (MoeCliProfile        *self,
                                 GOptionContext       *context);
gboolean  moe_cli_profile_check (const MoeCliProfile  *self,
                                 const char           *command);
void      moe_cli_profile_clear (MoeCliProfile        *self);

/* Whether there is something to run. */
gboolean  moe_cli_profile_wanted (const MoeCliProfile *self);

/* Records the prompt set or the windows into @path, or goes on with an unfinished recording of the same
 * model, prompts and settings there. Greedy. Whatever happens, the prompts that were done stay in the
 * file. */
gboolean  moe_cli_profile_run   (const MoeCliProfile  *self,
                                 const MoeCliRun      *run,
                                 MoeModel             *model,
                                 MoeMask              *mask,
                                 const char           *path,
                                 GError              **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliProfile, moe_cli_profile_clear)

G_END_DECLS
