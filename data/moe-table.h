/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The one result type: named, typed columns with a unit and a role, and where they come from. Every
 * analysis returns one; plots, column views, CSV, JSON and tests read the same table. A cell may be missing,
 * which is an empty CSV field and never 0. */
typedef struct _MoeTable MoeTable;

typedef enum
{
  MOE_COLUMN_INT,    /* gint64 */
  MOE_COLUMN_FLOAT,  /* measured in single precision: written with the digits that round-trip a float */
  MOE_COLUMN_DOUBLE, /* likewise for a double */
  MOE_COLUMN_BOOL,   /* written 0 or 1 */
  MOE_COLUMN_TEXT,   /* UTF-8; bytes that are not become U+FFFD when set */
} MoeColumnType;

typedef enum
{
  MOE_ROLE_INDEX,
  MOE_ROLE_VALUE,
  MOE_ROLE_INTERVAL,
  MOE_ROLE_LABEL,
} MoeColumnRole;

MoeTable      *moe_table_new             (const char     *title);
MoeTable      *moe_table_ref             (MoeTable       *self);
void           moe_table_unref           (MoeTable       *self);
const char    *moe_table_get_title       (const MoeTable *self);

/* Columns are added before the first row. @unit is "" for a plain number. Returns the column's index. */
guint          moe_table_add_column      (MoeTable       *self,
                                          const char     *name,
                                          MoeColumnType   type,
                                          const char     *unit,
                                          MoeColumnRole   role);
guint          moe_table_get_n_columns   (const MoeTable *self);
const char    *moe_table_get_column_name (const MoeTable *self,
                                          guint           column);
MoeColumnType  moe_table_get_column_type (const MoeTable *self,
                                          guint           column);
const char    *moe_table_get_column_unit (const MoeTable *self,
                                          guint           column);
MoeColumnRole  moe_table_get_column_role (const MoeTable *self,
                                          guint           column);
/* -1 when there is no such column. */
int            moe_table_find_column     (const MoeTable *self,
                                          const char     *name);

/* Appends a row of missing cells and returns its index. Setting NaN or a NULL text makes a cell missing. */
guint          moe_table_append_row      (MoeTable       *self);
guint          moe_table_get_n_rows      (const MoeTable *self);
void           moe_table_set_int         (MoeTable       *self,
                                          guint           row,
                                          guint           column,
                                          gint64          value);
void           moe_table_set_double      (MoeTable       *self,
                                          guint           row,
                                          guint           column,
                                          double          value);
void           moe_table_set_text        (MoeTable       *self,
                                          guint           row,
                                          guint           column,
                                          const char     *value);
/* The number in the column @name; NaN when it is missing, or there is no such column. */
double         moe_table_get_by_name     (const MoeTable *self,
                                          guint           row,
                                          const char     *name);
/* From a column of the same type; a missing cell is left alone. */
void           moe_table_copy_cell       (MoeTable       *self,
                                          guint           row,
                                          guint           column,
                                          const MoeTable *from,
                                          guint           from_row,
                                          guint           from_column);

gboolean       moe_table_is_missing      (const MoeTable *self,
                                          guint           row,
                                          guint           column);
gint64         moe_table_get_int         (const MoeTable *self,
                                          guint           row,
                                          guint           column);
/* Any numeric column; NaN when missing. */
double         moe_table_get_double      (const MoeTable *self,
                                          guint           row,
                                          guint           column);
const char    *moe_table_get_text        (const MoeTable *self,
                                          guint           row,
                                          guint           column);
/* The cell as it is written to CSV ("" when missing). Transfer full. */
char          *moe_table_format_cell     (const MoeTable *self,
                                          guint           row,
                                          guint           column);

/* Provenance: ordered "key: value" pairs (model, recording, mask, phase, seed, version ...), written as
 * leading '#' lines. Setting a key again replaces its value. */
void           moe_table_set_provenance  (MoeTable       *self,
                                          const char     *key,
                                          const char     *value);
/* Adds what @from has and @self has not. */
void           moe_table_copy_provenance (MoeTable       *self,
                                          const MoeTable *from);
guint          moe_table_get_n_provenance (const MoeTable *self);
void           moe_table_get_provenance  (const MoeTable *self,
                                          guint           index,
                                          const char    **key,
                                          const char    **value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeTable, moe_table_unref)

G_END_DECLS
