/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart-view.h"
#include "ui/moe-evaluate-page.h"
#include "ui/moe-evaluation-study.h"
#include "ui/moe-prompt-chooser.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

struct _MoeEvaluatePage
{
  MoePage                parent_instance;

  MoeTable              *table;     /* what is shown, or NULL */
  char                 **pictures;  /* that there are of it */
  MoeEvaluationSettings  running;   /* of the present job */
  MoeEvaluationSettings  shown;     /* of the table */
  char                  *ranking;   /* file of the last contrast's ranking, once it was asked for */
  gboolean               preferred; /* the demo's sets have been chosen once */

  MoePromptChooser      *prompts, *harmless, *text;
  GtkSpinButton         *limit, *max_tokens, *random;
  GtkCheckButton        *reversed, *bottom;
  GtkLabel              *warning;
  GtkButton             *run;
  GtkDropDown           *picture;
  GtkLabel              *note;
  MoeChartView          *chart;
  MoeTableView          *results;
};

G_END_DECLS
