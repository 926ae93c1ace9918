/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-experts-page.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

struct _MoeExpertsPage
{
  MoePage         parent_instance;

  /* What the shown table was made of: it is made again only when that is something else. */
  gconstpointer   stats;
  gint64          n_tokens;
  guint           phases;
  gboolean        showing;   /* what the program selects is no choice of the person */

  GtkSearchEntry *filter;
  MoeTableView   *table;
  GtkLabel       *title;
  MoeTableView   *examples;
};

G_END_DECLS
