/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli-source.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* The metrics of `routes` with options of their own: domains (--labels, --label-column), keep (--ranking),
 * overlap (--with). */
typedef struct
{
  char **labels;
  char  *label_column;
  char  *ranking;
  char  *with;
} MoeCliRoutes;

void        moe_cli_routes_add   (MoeCliRoutes        *self,
                                  GOptionContext      *context);
/* Whether @metric, which may be NULL, is one of them. */
gboolean    moe_cli_routes_knows (const char          *metric);
/* FALSE after a message (wrong usage): also when an option is given to another metric. */
gboolean    moe_cli_routes_check (const MoeCliRoutes  *self,
                                  const char          *command,
                                  const char          *metric,
                                  gboolean             wide);
/* @source was opened. Transfer full. */
MoeExhibit *moe_cli_routes_run   (const MoeCliRoutes  *self,
                                  MoeCliSource        *source,
                                  const char          *metric,
                                  guint                phases,
                                  int                  layer,
                                  GError             **error);
void        moe_cli_routes_clear (MoeCliRoutes        *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliRoutes, moe_cli_routes_clear)

G_END_DECLS
