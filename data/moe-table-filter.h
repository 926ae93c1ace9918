/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-table.h"

G_BEGIN_DECLS

/* Which rows of a table are wanted: conditions with spaces between them, which must all hold.
 *
 * - "share>0.1", "p<=0.05", "layer=3", "label!=refused": a column (its name), an operator (< <= > >= = !=),
 *   and a number or text. A missing cell fulfils none of them but "!=".
 * - "L3E17", "L3": the row's expert or layer, where the table has such columns.
 * - anything else: a text that some cell holds, whatever its case. */
typedef struct _MoeTableFilter MoeTableFilter;

/* Errors: MOE_ERROR_INVALID for a column that there is not, and for text compared with < or >. Transfer
 * full. */
MoeTableFilter *moe_table_filter_new   (const MoeTable        *table,
                                        const char            *text,
                                        GError               **error);
void            moe_table_filter_free  (MoeTableFilter        *self);
/* @table: with the columns of that which the filter was made for. */
gboolean        moe_table_filter_match (const MoeTableFilter  *self,
                                        const MoeTable        *table,
                                        guint                  row);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeTableFilter, moe_table_filter_free)

G_END_DECLS
