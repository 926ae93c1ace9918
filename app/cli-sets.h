/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "analysis/moe-prompt-runner.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* --a, --b and what says how they are read and run: two prompt sets that are compared. */
typedef struct
{
  char     *a, *b;
  char     *a_label, *b_label;
  char     *column, *label_column, *pair_column, *answer_column, *target_column;
  gboolean  pairs;
  gboolean  by_answer; /* the sides are how the answers to A, or those of a recording, turned out */
  gboolean  by_span;   /* set by others: the sides are parts of a recording, and there are no sets */
  gint      limit, skip;
  gboolean  raw;
  char     *system;
  gint      generate; /* -1 = not given */

  MoePromptSet *set_a, *set_b; /* from moe_cli_sets_load() */
} MoeCliSets;

void      moe_cli_sets_add   (MoeCliSets        *self,
                              GOptionContext    *context);
/* FALSE after a message (wrong usage). */
gboolean  moe_cli_sets_check (const MoeCliSets  *self,
                              const char        *command);
/* Reads the files; with --by-answer only A's, where there is one. A file of pairs without --b is both sets.
 * With --pairs, prompts without a column of pairs are matched by their place. */
gboolean  moe_cli_sets_load  (MoeCliSets        *self,
                              GError           **error);
/* Where the sets come from, as provenance. */
void      moe_cli_sets_add_provenance (const MoeCliSets *self,
                                       MoeTable         *table);
void      moe_cli_sets_clear (MoeCliSets        *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliSets, moe_cli_sets_clear)

G_END_DECLS
