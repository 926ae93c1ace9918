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

  MoePromptChooser      *prompts, *harmless, *text, *tasks, *refusals, *calibrate;
  GtkSpinButton         *limit, *skip, *max_tokens, *temperature, *seed, *random, *text_window;
  GtkCheckButton        *reversed, *bottom, *raw;
  GtkEntry              *system, *top, *strengths, *column;
  GtkDropDown           *mode;
  GtkLabel              *warning;
  GtkButton             *run;
  GtkDropDown           *picture;
  GtkLabel              *note;
  MoeChartView          *chart;
  MoeTableView          *results;
};

/* The modes offered. */
#define MOE_N_EVALUATE_MODES 5
extern const MoeMode moe_evaluate_modes[MOE_N_EVALUATE_MODES];

/* moe-evaluate-page-run.c */
MoeContrastStudy *moe_evaluate_page_get_contrast (MoeEvaluatePage *self);
/* Whether a run that was cancelled would be gone on with. */
gboolean          moe_evaluate_page_resumes      (MoeEvaluatePage *self);
void              moe_evaluate_page_start        (MoeEvaluatePage *self);

/* moe-evaluate-page.c: @table (transfer full) is the result of what is running. */
void              moe_evaluate_page_take_result  (MoeEvaluatePage *self,
                                                  MoeTable        *table);

G_END_DECLS
