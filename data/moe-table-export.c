/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-table-export"

#include "data/moe-table-export.h"

#include <csv.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/moe-file.h"

/* Appends @text on one line: what would break the line, and the backslash itself, is written as an escape. */
static void
append_escaped (GString    *out,
                const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    switch (*p)
      {
      case '\n':
        g_string_append (out, "\\n");
        break;
      case '\r':
        g_string_append (out, "\\r");
        break;
      case '\\':
        g_string_append (out, "\\\\");
        break;
      default:
        g_string_append_c (out, *p);
        break;
      }
}

static void
append_provenance (GString        *out,
                   const MoeTable *table)
{
  for (guint i = 0; i < moe_table_get_n_provenance (table); i++)
    {
      const char *key, *value;

      moe_table_get_provenance (table, i, &key, &value);
      g_string_append (out, "# ");
      append_escaped (out, key);
      g_string_append (out, ": ");
      append_escaped (out, value);
      g_string_append_c (out, '\n');
    }
}

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t';
}

static gboolean
needs_quotes (const char *field,
              gboolean    starts_line)
{
  gsize length = strlen (field);

  if (length == 0)
    return FALSE;

  return strpbrk (field, ",\"\r\n") != NULL || is_space (field[0]) || is_space (field[length - 1]) ||
         (starts_line && field[0] == '#');
}

static void
append_quoted (GString    *out,
               const char *field)
{
  gsize length = strlen (field);
  gsize used = out->len;
  gsize n = csv_write (NULL, 0, field, length);

  g_string_set_size (out, used + n);
  csv_write (out->str + used, n, field, length);
}

static void
append_field (GString    *out,
              const char *field,
              guint       column,
              gboolean    force_quotes)
{
  if (column > 0)
    g_string_append_c (out, ',');
  if (force_quotes || needs_quotes (field, column == 0))
    append_quoted (out, field);
  else
    g_string_append (out, field);
}

/* An empty text is quoted to tell it from a missing one; so is a missing cell that would otherwise be a blank
 * line. */
static void
append_csv (GString        *out,
            const MoeTable *table)
{
  guint n_columns = moe_table_get_n_columns (table);
  guint n_rows = moe_table_get_n_rows (table);

  for (guint i = 0; i < n_columns; i++)
    append_field (out, moe_table_get_column_name (table, i), i, FALSE);
  g_string_append_c (out, '\n');

  for (guint row = 0; row < n_rows; row++)
    {
      for (guint i = 0; i < n_columns; i++)
        {
          g_autofree char *cell = moe_table_format_cell (table, row, i);
          gboolean missing = moe_table_is_missing (table, row, i);

          append_field (out, cell, i, cell[0] == '\0' && (!missing || n_columns == 1));
        }
      g_string_append_c (out, '\n');
    }
}

/* Columns of a terminal that @text takes. */
static guint
display_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }

  return width;
}

/* @text with everything that would move a terminal's cursor written as an escape. Transfer full. */
static char *
make_printable (const char *text)
{
  GString *out = g_string_new (NULL);

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == '\n')
        g_string_append (out, "\\n");
      else if (c == '\t')
        g_string_append (out, "\\t");
      else if (g_unichar_iscntrl (c))
        g_string_append_printf (out, "\\x%02x", c);
      else
        g_string_append_unichar (out, c);
    }

  return g_string_free (out, FALSE);
}

static char *
format_for_terminal (const MoeTable *table,
                     guint           row,
                     guint           column)
{
  g_autofree char *cell = NULL;

  if (moe_table_is_missing (table, row, column))
    return g_strdup ("-");

  cell = moe_table_format_cell (table, row, column);
  return make_printable (cell);
}

static void
append_padded (GString    *out,
               const char *text,
               guint       width,
               gboolean    right,
               gboolean    is_last)
{
  guint padding = width - display_width (text);

  if (right)
    g_string_append_printf (out, "%*s", (int) padding, "");
  g_string_append (out, text);
  if (!right && !is_last)
    g_string_append_printf (out, "%*s", (int) padding, "");
  if (!is_last)
    g_string_append (out, "  ");
}

static void
append_text (GString        *out,
             const MoeTable *table)
{
  guint n_columns = moe_table_get_n_columns (table);
  guint n_rows = moe_table_get_n_rows (table);
  g_autofree guint *widths = g_new0 (guint, n_columns + 1);
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n_columns; i++)
    {
      const char *unit = moe_table_get_column_unit (table, i);
      const char *name = moe_table_get_column_name (table, i);

      g_ptr_array_add (cells, unit[0] != '\0' ? g_strdup_printf ("%s [%s]", name, unit) : g_strdup (name));
    }
  for (guint row = 0; row < n_rows; row++)
    for (guint i = 0; i < n_columns; i++)
      g_ptr_array_add (cells, format_for_terminal (table, row, i));

  for (guint i = 0; i < cells->len; i++)
    widths[i % n_columns] = MAX (widths[i % n_columns], display_width (g_ptr_array_index (cells, i)));

  for (guint i = 0; i < cells->len; i++)
    {
      guint column = i % n_columns;
      gboolean is_last = column == n_columns - 1;

      append_padded (out, g_ptr_array_index (cells, i), widths[column],
                     moe_table_get_column_type (table, column) != MOE_COLUMN_TEXT, is_last);
      if (is_last)
        g_string_append_c (out, '\n');
    }
}

static const char *
type_name (MoeColumnType type)
{
  static const char * const names[] = {
    [MOE_COLUMN_INT] = "int", [MOE_COLUMN_FLOAT] = "float", [MOE_COLUMN_DOUBLE] = "double",
    [MOE_COLUMN_BOOL] = "bool", [MOE_COLUMN_TEXT] = "text",
  };

  return names[type];
}

static void
add_json_cell (JsonArray      *cells,
               const MoeTable *table,
               guint           row,
               guint           column)
{
  double value;

  if (moe_table_is_missing (table, row, column))
    {
      json_array_add_null_element (cells);
      return;
    }

  switch (moe_table_get_column_type (table, column))
    {
    case MOE_COLUMN_INT:
      json_array_add_int_element (cells, moe_table_get_int (table, row, column));
      break;
    case MOE_COLUMN_BOOL:
      json_array_add_boolean_element (cells, moe_table_get_int (table, row, column) != 0);
      break;
    case MOE_COLUMN_TEXT:
      json_array_add_string_element (cells, moe_table_get_text (table, row, column));
      break;
    default:
      value = moe_table_get_double (table, row, column);
      /* JSON has no infinity. */
      if (isinf (value))
        json_array_add_string_element (cells, value > 0 ? "inf" : "-inf");
      else
        json_array_add_double_element (cells, value);
      break;
    }
}

static void
append_json (GString        *out,
             const MoeTable *table,
             gboolean        with_provenance)
{
  guint n_columns = moe_table_get_n_columns (table);
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;
  JsonObject *object = json_object_new ();
  JsonArray *columns = json_array_new ();
  JsonArray *rows = json_array_new ();

  json_node_take_object (root, object);
  json_object_set_string_member (object, "title", moe_table_get_title (table));

  if (with_provenance)
    {
      JsonObject *provenance = json_object_new ();

      for (guint i = 0; i < moe_table_get_n_provenance (table); i++)
        {
          const char *key, *value;

          moe_table_get_provenance (table, i, &key, &value);
          json_object_set_string_member (provenance, key, value);
        }
      json_object_set_object_member (object, "provenance", provenance);
    }

  for (guint i = 0; i < n_columns; i++)
    {
      JsonObject *column = json_object_new ();

      json_object_set_string_member (column, "name", moe_table_get_column_name (table, i));
      json_object_set_string_member (column, "type", type_name (moe_table_get_column_type (table, i)));
      json_object_set_string_member (column, "unit", moe_table_get_column_unit (table, i));
      json_array_add_object_element (columns, column);
    }
  json_object_set_array_member (object, "columns", columns);

  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      JsonArray *cells = json_array_sized_new (n_columns);

      for (guint i = 0; i < n_columns; i++)
        add_json_cell (cells, table, row, i);
      json_array_add_array_element (rows, cells);
    }
  json_object_set_array_member (object, "rows", rows);

  text = json_to_string (root, FALSE);
  g_string_append (out, text);
  g_string_append_c (out, '\n');
}

char *
moe_table_to_string (const MoeTable *table,
                     MoeTableFormat  format,
                     gboolean        with_provenance)
{
  GString *out;

  g_return_val_if_fail (table != NULL, NULL);

  out = g_string_new (NULL);
  if (format == MOE_TABLE_JSON)
    {
      append_json (out, table, with_provenance);
    }
  else
    {
      if (with_provenance)
        append_provenance (out, table);
      if (format == MOE_TABLE_CSV)
        append_csv (out, table);
      else
        append_text (out, table);
    }

  return g_string_free (out, FALSE);
}

gboolean
moe_table_write (const MoeTable  *table,
                 MoeTableFormat   format,
                 gboolean         with_provenance,
                 const char      *path,
                 GError         **error)
{
  g_autofree char *text = NULL;

  g_return_val_if_fail (table != NULL, FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  text = moe_table_to_string (table, format, with_provenance);
  return moe_file_replace (path, text, strlen (text), error);
}
