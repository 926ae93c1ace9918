/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart-view.h"
#include "ui/moe-contrast-page.h"
#include "ui/moe-contrast-study.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-prompt-chooser.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

#define MOE_N_CONTRAST_SPANS 7

struct _MoeContrastPage
{
  MoePage           parent_instance;

  MoeContrastStudy *study;     /* or NULL */
  gboolean          showing;   /* what the program changes is no choice of the person */
  gboolean          turning;   /* the slider: its steps are one step of the history */
  gboolean          preferred; /* the demo's sets have been chosen once */

  GtkDropDown      *sides;
  MoePromptChooser *a, *b;
  GtkLabel         *a_label, *b_label, *span_label, *span_b_label;
  GtkSpinButton    *limit, *skip, *permutations;
  GtkButton        *run;
  GtkDropDown      *score, *span, *span_b, *order, *mode;
  GtkLabel         *warning;
  GtkStack         *stack;
  MoeHeatmapView   *map;
  MoeChartView     *scatter, *ranks;
  GtkScale         *top;
  GtkSearchEntry   *filter;
  MoeTableView     *table;
};

/* The modes offered. */
#define MOE_N_CONTRAST_MODES 4
extern const MoeMode moe_contrast_modes[MOE_N_CONTRAST_MODES];

/* The spans offered, as moe_span_parse() takes them. */
extern const char *const moe_contrast_spans[MOE_N_CONTRAST_SPANS];

/* What is to be compared with what. */
MoeContrastSides moe_contrast_page_get_sides (MoeContrastPage *self);

/* MoePageClass.set_option */
gboolean moe_contrast_page_set_option    (MoePage          *page,
                                          const char       *name,
                                          const char       *value,
                                          GError          **error);

/* Shows the study, or what to do when there is none. */
void moe_contrast_page_show_study (MoeContrastPage *self);

/* Scores what was run or read as chosen now; runs the model or reads the recording for it when that is needed
 * and @may_run. */
void moe_contrast_page_start      (MoeContrastPage *self,
                                   gboolean         may_run);

G_END_DECLS
