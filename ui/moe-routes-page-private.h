/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-chart-view.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-routes-exhibit.h"
#include "ui/moe-routes-page.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

/* What was read, and for which choice. */
typedef struct
{
  MoeRoutesOptions  options;
  MoeModelInfo     *info;
  MoeModel         *model; /* of similarity, or NULL */
  MoeTable         *table;
} MoeRoutesFound;

struct _MoeRoutesPage
{
  MoePage          parent_instance;

  MoeDocument     *document;  /* of the page */
  MoeRoutesChoice  choice;    /* the phases are the document's */
  MoeRoutesFound  *found;     /* or NULL */
  gboolean         showing;   /* what the program chooses is no choice of the person */
  int              followed;  /* the layer of the selection that was looked at last, or -1 */
  int              clicked;   /* row of the table, or -1 */
  int              partner, partner_of; /* column and row of the cell that was clicked on, or -1 */
  guint            dial_timeout;

  GtkDropDown     *metric;
  GtkDropDown     *layer;
  GtkWidget       *window_label;
  GtkSpinButton   *window;
  GtkDropDown     *pairs;
  GtkDropDown     *value;
  GtkDropDown     *scale;
  GtkStack        *plots;
  MoeHeatmapView  *map;
  MoeChartView    *chart;
  GtkInscription  *summary;
  MoeTableView    *table;
};

/* moe-routes-page.c */
/* Whether what was read is what is chosen now. */
gboolean moe_routes_page_is_current   (MoeRoutesPage  *self);
void     moe_routes_page_show_found   (MoeRoutesPage  *self);

/* moe-routes-page-choices.c */
/* Layers that can be chosen, or 0 where there is nothing to choose. */
guint    moe_routes_page_get_n_layers (MoeRoutesPage  *self);
/* Whether it can be of all layers. */
gboolean moe_routes_page_can_have_all (MoeRoutesPage  *self);
/* The layer that is chosen becomes one that there is. */
void     moe_routes_page_settle_layer (MoeRoutesPage  *self);
/* The bar shows what can be chosen now. */
void     moe_routes_page_show_choices (MoeRoutesPage  *self);
/* The choice is another one: shows it, and reads what is not known. */
void     moe_routes_page_choose_again (MoeRoutesPage  *self);
gboolean moe_routes_page_set_option   (MoePage        *page,
                                       const char     *name,
                                       const char     *value,
                                       GError        **error);
void     moe_routes_page_init_choices (MoeRoutesPage  *self);

G_END_DECLS
