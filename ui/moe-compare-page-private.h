/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart-view.h"
#include "ui/moe-compare-page.h"
#include "ui/moe-comparison-study.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

struct _MoeComparePage
{
  MoePage             parent_instance;

  MoeComparisonStudy *study;  /* or NULL */
  int                 row;    /* selected, or -1 */

  GtkEntry           *prompt;
  GtkSpinButton      *max_tokens;
  GtkButton          *run, *fork;
  GtkLabel           *plain, *steered;
  GtkStack           *stack;
  MoeChartView       *kl, *experts;
  MoeTableView       *table;
};

G_END_DECLS
