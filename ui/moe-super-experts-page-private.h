/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart-view.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-super-experts-page.h"
#include "ui/moe-super-scan.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

typedef enum
{
  /* as MoeSuperPlot */
  MOE_SUPER_VIEW_RANKING,
  MOE_SUPER_VIEW_EXPERTS,
  MOE_SUPER_VIEW_LAYERS,
  MOE_SUPER_VIEW_TAIL,
  MOE_SUPER_VIEW_MASSIVE,
  MOE_SUPER_VIEW_PUBLISHED, /* the map, with the comparison as the table */
  MOE_SUPER_VIEW_RESIDUAL,
  MOE_SUPER_VIEW_SINKS,
  MOE_SUPER_VIEW_HEADS,
  MOE_SUPER_VIEW_PERPLEXITY,
  MOE_SUPER_VIEW_SINK_SHARE,
  MOE_SUPER_VIEW_MAX_H,
  MOE_N_SUPER_VIEWS
} MoeSuperView;

struct _MoeSuperExpertsPage
{
  MoePage           parent_instance;

  MoeDocument      *document;   /* of the page */
  MoeSuperView      shown;
  char             *rule;       /* as --layers */
  guint             read_phases;
  MoeModel         *read_model;
  MoeSuperScan     *scan;       /* or NULL */
  MoeCausalResult  *causal;     /* or NULL */
  guint             ratio_timeout;

  GtkDropDown      *view;
  GtkDropDown      *layers;
  GtkDropDown      *reduction;
  GtkSpinButton    *ratio;
  GtkStack         *plots;
  MoeHeatmapView   *map;
  MoeChartView     *chart;
  GtkInscription   *verdict;
  GtkLabel         *published;
  GtkButton        *check;
  MoeTableView     *table;
};

#define MOE_N_SUPER_RULES 3
/* As --layers, in the order of the choices; ends with NULL. */
extern const char *const moe_super_layer_rules[MOE_N_SUPER_RULES + 1];

/* moe-super-experts-page.c */
const char           *moe_super_view_get_name            (MoeSuperView          view);
const MoeSuperExpert *moe_super_experts_page_find        (MoeSuperExpertsPage  *self,
                                                          int                   layer,
                                                          int                   expert);
/* Selects an expert with its trigger token; none with @expert -1. */
void                  moe_super_experts_page_select      (MoeSuperExpertsPage  *self,
                                                          int                   layer,
                                                          int                   expert);
char                 *moe_super_experts_page_describe    (const MoeSuperExpert *expert);
/* Of that expert, or of the selected one when @layer is -1. */
void                  moe_super_experts_page_update_status (MoeSuperExpertsPage *self,
                                                          int                   layer,
                                                          int                   expert);
void                  moe_super_experts_page_set_view    (MoeSuperExpertsPage  *self,
                                                          MoeSuperView          view);
/* @experts: as in "L2E30,L7E20"; NULL or "" chooses. */
gboolean              moe_super_experts_page_start_check (MoeSuperExpertsPage  *self,
                                                          const char           *experts,
                                                          GError              **error);

/* moe-super-experts-page-input.c */
gboolean              moe_super_experts_page_set_option  (MoePage              *page,
                                                          const char           *name,
                                                          const char           *value,
                                                          GError              **error);
void                  moe_super_experts_page_init_input  (MoeSuperExpertsPage  *self);

G_END_DECLS
