/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-attribution-study.h"
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

  MoeAttributionStudy *study;    /* or NULL */
  char           *followed;      /* the conversation's prompt that was filled in, or NULL */

  GtkSearchEntry *filter;
  MoeTableView   *table;
  GtkStack       *stack;
  GtkLabel       *title;
  MoeTableView   *examples;
  GtkEntry       *prompt, *token, *against, *system, *answer;
  GtkCheckButton *raw, *history;
  GtkSpinButton  *causal, *top;
  GtkButton      *attribute, *disable;
  GtkLabel       *sum;
  MoeTableView   *parts;
};

/* Starts the job with what is written. */
void moe_experts_page_attribute           (MoeExpertsPage *self);
/* The attribution is another one, or none. */
void moe_experts_page_show_attribution    (MoeExpertsPage *self);
/* Part of the page's refresh. */
void moe_experts_page_refresh_attribution (MoeExpertsPage *self);
/* A row of the attribution was selected. */
void moe_experts_page_on_part             (MoeTableView   *view,
                                           int             row,
                                           MoeExpertsPage *self);
/* Makes the mask that disables the experts with the largest values: one step of the history. */
void moe_experts_page_disable_top         (MoeExpertsPage *self);

G_END_DECLS
