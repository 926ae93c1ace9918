/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "data/moe-table.h"

G_BEGIN_DECLS

/* A MoeTable as rows and columns: a click on a column's title sorts (missing cells always come last), a
 * filter leaves rows out. Columns called layer and expert become one, "L3E17", when both are there.
 *
 * Signals:
 *   row-selected (row)   of the table; -1 when nothing is selected any more
 *   row-activated (row)  a double click or Enter */
#define MOE_TYPE_TABLE_VIEW (moe_table_view_get_type ())
G_DECLARE_FINAL_TYPE (MoeTableView, moe_table_view, MOE, TABLE_VIEW, GtkWidget)

GtkWidget *moe_table_view_new        (void);

/* Takes a reference; NULL for none. Sorting and filter stay when the columns are the same. @empty_text says
 * what to do when there is no row; may be NULL. */
void       moe_table_view_set_table  (MoeTableView    *self,
                                      MoeTable        *table,
                                      const char      *empty_text);
MoeTable  *moe_table_view_get_table  (MoeTableView    *self);
/* Shows only the rows that match @text, see moe_table_filter_new(); "" shows all. FALSE with its @error, and
 * the filter as before, for one that makes no sense. */
gboolean   moe_table_view_set_filter (MoeTableView    *self,
                                      const char      *text,
                                      GError         **error);
guint      moe_table_view_get_n_shown (MoeTableView   *self);
/* The table's row that is shown in that place; @place < get_n_shown(). */
guint      moe_table_view_get_shown  (MoeTableView    *self,
                                      guint            place);
/* Without a signal; -1 for none. Scrolls there. */
void       moe_table_view_select     (MoeTableView    *self,
                                      int              row);
/* The row of an expert, or -1. */
int        moe_table_view_find_expert (MoeTableView   *self,
                                       int             layer,
                                       int             expert);
/* As if its title had been clicked. FALSE when there is no such column. */
gboolean   moe_table_view_sort       (MoeTableView    *self,
                                      const char      *column,
                                      GtkSortType      order);

G_END_DECLS
