/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-table"

#include "data/moe-table.h"

#include <math.h>

#include "data/moe-number.h"

typedef union
{
  gint64  integer; /* INT and BOOL */
  double  real;    /* FLOAT (rounded to one) and DOUBLE */
  char   *text;    /* TEXT; NULL when missing */
} Cell;

typedef struct
{
  char          *name;
  char          *unit;
  MoeColumnType  type;
  MoeColumnRole  role;
  GArray        *cells;   /* (n_rows) Cell */
  GByteArray    *present; /* (n_rows) 0 or 1 */
} Column;

typedef struct
{
  char *key;
  char *value;
} Provenance;

struct _MoeTable
{
  gatomicrefcount  ref_count;
  char            *title;
  GPtrArray       *columns; /* Column */
  GArray          *provenance; /* Provenance */
  guint            n_rows;
};

static void
column_free (gpointer data)
{
  Column *self = data;

  if (self->type == MOE_COLUMN_TEXT)
    for (guint i = 0; i < self->cells->len; i++)
      g_free (g_array_index (self->cells, Cell, i).text);
  g_array_unref (self->cells);
  g_byte_array_unref (self->present);
  g_free (self->name);
  g_free (self->unit);
  g_free (self);
}

static void
provenance_clear (gpointer data)
{
  Provenance *self = data;

  g_free (self->key);
  g_free (self->value);
}

MoeTable *
moe_table_new (const char *title)
{
  MoeTable *self;

  g_return_val_if_fail (title != NULL, NULL);

  self = g_new0 (MoeTable, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->title = g_strdup (title);
  self->columns = g_ptr_array_new_with_free_func (column_free);
  self->provenance = g_array_new (FALSE, FALSE, sizeof (Provenance));
  g_array_set_clear_func (self->provenance, provenance_clear);
  return self;
}

MoeTable *
moe_table_ref (MoeTable *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_table_unref (MoeTable *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_ptr_array_unref (self->columns);
  g_array_unref (self->provenance);
  g_free (self->title);
  g_free (self);
}

const char *
moe_table_get_title (const MoeTable *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->title;
}

guint
moe_table_add_column (MoeTable      *self,
                      const char    *name,
                      MoeColumnType  type,
                      const char    *unit,
                      MoeColumnRole  role)
{
  Column *column;

  g_return_val_if_fail (self != NULL, 0);
  g_return_val_if_fail (name != NULL, 0);
  g_return_val_if_fail (unit != NULL, 0);
  g_return_val_if_fail (self->n_rows == 0, 0);

  column = g_new0 (Column, 1);
  column->name = g_strdup (name);
  column->unit = g_strdup (unit);
  column->type = type;
  column->role = role;
  column->cells = g_array_new (FALSE, TRUE, sizeof (Cell));
  column->present = g_byte_array_new ();
  g_ptr_array_add (self->columns, column);
  return self->columns->len - 1;
}

guint
moe_table_get_n_columns (const MoeTable *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->columns->len;
}

static const Column *
get_column (const MoeTable *self,
            guint           column)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (column < self->columns->len, NULL);

  return g_ptr_array_index (self->columns, column);
}

const char *
moe_table_get_column_name (const MoeTable *self,
                           guint           column)
{
  const Column *found = get_column (self, column);

  return found != NULL ? found->name : NULL;
}

MoeColumnType
moe_table_get_column_type (const MoeTable *self,
                           guint           column)
{
  const Column *found = get_column (self, column);

  return found != NULL ? found->type : MOE_COLUMN_TEXT;
}

const char *
moe_table_get_column_unit (const MoeTable *self,
                           guint           column)
{
  const Column *found = get_column (self, column);

  return found != NULL ? found->unit : NULL;
}

MoeColumnRole
moe_table_get_column_role (const MoeTable *self,
                           guint           column)
{
  const Column *found = get_column (self, column);

  return found != NULL ? found->role : MOE_ROLE_VALUE;
}

int
moe_table_find_column (const MoeTable *self,
                       const char     *name)
{
  g_return_val_if_fail (self != NULL, -1);
  g_return_val_if_fail (name != NULL, -1);

  for (guint i = 0; i < self->columns->len; i++)
    if (g_str_equal (((const Column *) g_ptr_array_index (self->columns, i))->name, name))
      return (int) i;

  return -1;
}

guint
moe_table_append_row (MoeTable *self)
{
  g_return_val_if_fail (self != NULL, 0);

  for (guint i = 0; i < self->columns->len; i++)
    {
      Column *column = g_ptr_array_index (self->columns, i);

      g_array_set_size (column->cells, self->n_rows + 1);
      g_byte_array_append (column->present, (const guint8 *) "", 1);
    }

  return self->n_rows++;
}

guint
moe_table_get_n_rows (const MoeTable *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_rows;
}

/* The cell at (@row, @column), or NULL for one that is not in the table. */
static Cell *
get_cell (const MoeTable  *self,
          guint            row,
          guint            column,
          Column         **found)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (column < self->columns->len, NULL);
  g_return_val_if_fail (row < self->n_rows, NULL);

  *found = g_ptr_array_index (self->columns, column);
  return &g_array_index ((*found)->cells, Cell, row);
}

void
moe_table_set_int (MoeTable *self,
                   guint     row,
                   guint     column,
                   gint64    value)
{
  Column *found;
  Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL)
    return;
  g_return_if_fail (found->type != MOE_COLUMN_TEXT);

  switch (found->type)
    {
    case MOE_COLUMN_INT:
      cell->integer = value;
      break;
    case MOE_COLUMN_BOOL:
      cell->integer = value != 0;
      break;
    case MOE_COLUMN_FLOAT:
      cell->real = (float) value;
      break;
    default:
      cell->real = (double) value;
      break;
    }
  found->present->data[row] = 1;
}

void
moe_table_set_double (MoeTable *self,
                      guint     row,
                      guint     column,
                      double    value)
{
  Column *found;
  Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL)
    return;
  g_return_if_fail (found->type != MOE_COLUMN_TEXT);
  g_return_if_fail (isnan (value) || found->type == MOE_COLUMN_FLOAT || found->type == MOE_COLUMN_DOUBLE);

  found->present->data[row] = !isnan (value);
  if (isnan (value))
    cell->integer = 0;
  else
    cell->real = found->type == MOE_COLUMN_FLOAT ? (float) value : value;
}

void
moe_table_set_text (MoeTable   *self,
                    guint       row,
                    guint       column,
                    const char *value)
{
  Column *found;
  Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL)
    return;
  g_return_if_fail (found->type == MOE_COLUMN_TEXT);

  g_free (cell->text);
  cell->text = value != NULL ? g_utf8_make_valid (value, -1) : NULL;
  found->present->data[row] = value != NULL;
}

gboolean
moe_table_is_missing (const MoeTable *self,
                      guint           row,
                      guint           column)
{
  Column *found;

  return get_cell (self, row, column, &found) == NULL || !found->present->data[row];
}

gint64
moe_table_get_int (const MoeTable *self,
                   guint           row,
                   guint           column)
{
  Column *found;
  const Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL)
    return 0;
  g_return_val_if_fail (found->type == MOE_COLUMN_INT || found->type == MOE_COLUMN_BOOL, 0);

  return cell->integer;
}

double
moe_table_get_double (const MoeTable *self,
                      guint           row,
                      guint           column)
{
  Column *found;
  const Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL)
    return NAN;
  g_return_val_if_fail (found->type != MOE_COLUMN_TEXT, NAN);

  if (!found->present->data[row])
    return NAN;
  if (found->type == MOE_COLUMN_INT || found->type == MOE_COLUMN_BOOL)
    return (double) cell->integer;
  return cell->real;
}

const char *
moe_table_get_text (const MoeTable *self,
                    guint           row,
                    guint           column)
{
  Column *found;
  const Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL)
    return NULL;
  g_return_val_if_fail (found->type == MOE_COLUMN_TEXT, NULL);

  return cell->text;
}

char *
moe_table_format_cell (const MoeTable *self,
                       guint           row,
                       guint           column)
{
  char buffer[MOE_NUMBER_BUFFER];
  Column *found;
  const Cell *cell = get_cell (self, row, column, &found);

  if (cell == NULL || !found->present->data[row])
    return g_strdup ("");

  switch (found->type)
    {
    case MOE_COLUMN_INT:
    case MOE_COLUMN_BOOL:
      return g_strdup_printf ("%" G_GINT64_FORMAT, cell->integer);
    case MOE_COLUMN_FLOAT:
      return g_strdup (moe_number_format_float (buffer, (float) cell->real));
    case MOE_COLUMN_DOUBLE:
      return g_strdup (moe_number_format_double (buffer, cell->real));
    default:
      return g_strdup (cell->text);
    }
}

double
moe_table_get_by_name (const MoeTable *self,
                       guint           row,
                       const char     *name)
{
  int column = moe_table_find_column (self, name);

  return column >= 0 ? moe_table_get_double (self, row, (guint) column) : NAN;
}

void
moe_table_copy_cell (MoeTable       *self,
                     guint           row,
                     guint           column,
                     const MoeTable *from,
                     guint           from_row,
                     guint           from_column)
{
  if (moe_table_is_missing (from, from_row, from_column))
    return;
  switch (moe_table_get_column_type (from, from_column))
    {
    case MOE_COLUMN_INT:
    case MOE_COLUMN_BOOL:
      moe_table_set_int (self, row, column, moe_table_get_int (from, from_row, from_column));
      break;
    case MOE_COLUMN_FLOAT:
    case MOE_COLUMN_DOUBLE:
      moe_table_set_double (self, row, column, moe_table_get_double (from, from_row, from_column));
      break;
    case MOE_COLUMN_TEXT:
    default:
      moe_table_set_text (self, row, column, moe_table_get_text (from, from_row, from_column));
      break;
    }
}

void
moe_table_set_provenance (MoeTable   *self,
                          const char *key,
                          const char *value)
{
  Provenance added;

  g_return_if_fail (self != NULL);
  g_return_if_fail (key != NULL && key[0] != '\0');
  g_return_if_fail (value != NULL);

  for (guint i = 0; i < self->provenance->len; i++)
    {
      Provenance *pair = &g_array_index (self->provenance, Provenance, i);

      if (g_str_equal (pair->key, key))
        {
          g_free (pair->value);
          pair->value = g_utf8_make_valid (value, -1);
          return;
        }
    }

  added.key = g_strdup (key);
  added.value = g_utf8_make_valid (value, -1);
  g_array_append_val (self->provenance, added);
}

static gboolean
has_provenance (const MoeTable *self,
                const char     *key)
{
  for (guint i = 0; i < self->provenance->len; i++)
    if (g_str_equal (g_array_index (self->provenance, Provenance, i).key, key))
      return TRUE;
  return FALSE;
}

void
moe_table_copy_provenance (MoeTable       *self,
                           const MoeTable *from)
{
  g_return_if_fail (self != NULL && from != NULL);

  for (guint i = 0; i < from->provenance->len; i++)
    {
      const Provenance *pair = &g_array_index (from->provenance, Provenance, i);

      if (!has_provenance (self, pair->key))
        moe_table_set_provenance (self, pair->key, pair->value);
    }
}

guint
moe_table_get_n_provenance (const MoeTable *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->provenance->len;
}

void
moe_table_get_provenance (const MoeTable  *self,
                          guint            index,
                          const char     **key,
                          const char     **value)
{
  const Provenance *pair;

  g_return_if_fail (self != NULL);
  g_return_if_fail (index < self->provenance->len);

  pair = &g_array_index (self->provenance, Provenance, index);
  if (key != NULL)
    *key = pair->key;
  if (value != NULL)
    *value = pair->value;
}
