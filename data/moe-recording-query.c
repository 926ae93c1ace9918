/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-query"

#include "data/moe-recording-query.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"

#define MAX_ROWS 10000000u
#define MAX_CELLS (1u << 24)
#define MAX_TEXT_BYTES (256u << 20)

typedef struct
{
  int type; /* SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT or SQLITE_NULL */
  union
  {
    gint64  number;
    double  real;
    char   *text; /* in Result.strings */
  } value;
} Cell;

typedef struct
{
  guint         n_columns;
  guint         n_rows;
  GArray       *cells;   /* of Cell, row after row */
  GStringChunk *strings;
  gsize         n_bytes;
} Result;

/* Called by SQLite for everything a statement would do. Virtual tables read through the same connection, so
 * what they need is what a plain SELECT needs. */
static int
authorize (void       *data,
           int         action,
           const char *first,
           const char *second,
           const char *database,
           const char *trigger)
{
  static const char * const pragmas[] =
    { "table_info", "table_xinfo", "table_list", "index_list", "index_info", "user_version",
      "application_id" };

  switch (action)
    {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;

    case SQLITE_UPDATE:
      /* What declaring a virtual table's columns looks like; SQLite itself refuses statements that do it. */
      return g_strcmp0 (first, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;

    case SQLITE_FUNCTION:
      return g_strcmp0 (second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;

    case SQLITE_PRAGMA:
      for (guint i = 0; i < G_N_ELEMENTS (pragmas); i++)
        {
          if (g_ascii_strcasecmp (first, pragmas[i]) == 0)
            return SQLITE_OK;
        }
      return SQLITE_DENY;

    default:
      return SQLITE_DENY;
    }
}

static gboolean
is_plain_text (const char *data,
               gsize       length)
{
  for (gsize i = 0; i < length; i++)
    {
      if (g_ascii_iscntrl (data[i]) && data[i] != '\t' && data[i] != '\n' && data[i] != '\r')
        return FALSE;
    }
  return g_utf8_validate (data, (gssize) length, NULL);
}

static char *
format_blob (const guint8 *data,
             gsize         length)
{
  GString *text;

  if (length == 0)
    return g_strdup ("");
  if (is_plain_text ((const char *) data, length))
    return g_strndup ((const char *) data, length);

  text = g_string_sized_new (2 * length + 4);
  g_string_append (text, "x'");
  for (gsize i = 0; i < length; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (g_string_append_c (text, '\''), FALSE);
}

static void
take_cell (Result       *result,
           sqlite3_stmt *statement,
           int           column)
{
  Cell cell = { sqlite3_column_type (statement, column), { 0 } };
  g_autofree char *text = NULL;

  switch (cell.type)
    {
    case SQLITE_INTEGER:
      cell.value.number = sqlite3_column_int64 (statement, column);
      break;
    case SQLITE_FLOAT:
      cell.value.real = sqlite3_column_double (statement, column);
      break;
    case SQLITE_TEXT:
      text = g_utf8_make_valid ((const char *) sqlite3_column_text (statement, column), -1);
      break;
    case SQLITE_BLOB:
      cell.type = SQLITE_TEXT;
      text = format_blob (sqlite3_column_blob (statement, column),
                          (gsize) sqlite3_column_bytes (statement, column));
      break;
    }

  if (text != NULL)
    {
      result->n_bytes += strlen (text) + 1;
      cell.value.text = g_string_chunk_insert (result->strings, text);
    }
  g_array_append_val (result->cells, cell);
}

static MoeColumnType
infer_type (const Result *result,
            guint         column)
{
  gboolean has_number = FALSE, all_integer = TRUE, all_single = TRUE;

  for (guint row = 0; row < result->n_rows; row++)
    {
      const Cell *cell = &g_array_index (result->cells, Cell, (gsize) row * result->n_columns + column);
      double value;

      switch (cell->type)
        {
        case SQLITE_TEXT:
          return MOE_COLUMN_TEXT;
        case SQLITE_INTEGER:
          has_number = TRUE;
          value = (double) cell->value.number;
          all_single = all_single && (gint64) value == cell->value.number && (double) (float) value == value;
          break;
        case SQLITE_FLOAT:
          has_number = TRUE;
          all_integer = FALSE;
          all_single = all_single && (double) (float) cell->value.real == cell->value.real;
          break;
        }
    }

  if (!has_number)
    return MOE_COLUMN_TEXT;
  if (all_integer)
    return MOE_COLUMN_INT;
  return all_single ? MOE_COLUMN_FLOAT : MOE_COLUMN_DOUBLE;
}

static void
set_cell (MoeTable   *table,
          guint       row,
          guint       column,
          const Cell *cell)
{
  MoeColumnType type = moe_table_get_column_type (table, column);

  switch (cell->type)
    {
    case SQLITE_TEXT:
      moe_table_set_text (table, row, column, cell->value.text);
      break;

    case SQLITE_INTEGER:
      if (type == MOE_COLUMN_TEXT)
        {
          g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, cell->value.number);

          moe_table_set_text (table, row, column, text);
        }
      else if (type == MOE_COLUMN_INT)
        moe_table_set_int (table, row, column, cell->value.number);
      else
        moe_table_set_double (table, row, column, (double) cell->value.number);
      break;

    case SQLITE_FLOAT:
      if (type == MOE_COLUMN_TEXT)
        {
          char text[G_ASCII_DTOSTR_BUF_SIZE];

          moe_table_set_text (table, row, column, g_ascii_dtostr (text, sizeof text, cell->value.real));
        }
      else
        moe_table_set_double (table, row, column, cell->value.real);
      break;
    }
}

static MoeTable *
make_table (const Result *result,
            sqlite3_stmt *statement,
            const char   *sql)
{
  MoeTable *table = moe_table_new (sql);

  for (guint column = 0; column < result->n_columns; column++)
    {
      const char *name = sqlite3_column_name (statement, (int) column);

      moe_table_add_column (table, name != NULL ? name : "", infer_type (result, column), "", MOE_ROLE_VALUE);
    }
  for (guint row = 0; row < result->n_rows; row++)
    {
      moe_table_append_row (table);
      for (guint column = 0; column < result->n_columns; column++)
        set_cell (table, row, column,
                  &g_array_index (result->cells, Cell, (gsize) row * result->n_columns + column));
    }
  return table;
}

static void
set_query_error (GError     **error,
                 sqlite3     *db,
                 const char  *path)
{
  int rc = sqlite3_errcode (db) & 0xff;
  g_autofree char *message = g_utf8_make_valid (sqlite3_errmsg (db), -1);

  g_set_error (error, MOE_ERROR,
               rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? MOE_ERROR_FORMAT
               : rc == SQLITE_IOERR ? MOE_ERROR_IO : MOE_ERROR_INVALID,
               "%s: %s", path, rc == SQLITE_AUTH ? "only statements that read are allowed" : message);
}

static gboolean
collect (Result        *result,
         sqlite3_stmt  *statement,
         const char    *path,
         GError       **error)
{
  int rc;

  while ((rc = sqlite3_step (statement)) == SQLITE_ROW)
    {
      if (result->n_rows == MAX_ROWS || result->cells->len > MAX_CELLS - result->n_columns ||
          result->n_bytes > MAX_TEXT_BYTES)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                       "%s: the result is larger than %u rows, %u cells or %u MB of text; add a LIMIT or "
                       "aggregate", path, MAX_ROWS, MAX_CELLS, MAX_TEXT_BYTES >> 20);
          return FALSE;
        }
      for (guint column = 0; column < result->n_columns; column++)
        take_cell (result, statement, (int) column);
      result->n_rows++;
    }
  if (rc == SQLITE_DONE)
    return TRUE;
  set_query_error (error, sqlite3_db_handle (statement), path);
  return FALSE;
}

static gboolean
is_only_space (const char *text)
{
  return text[strspn (text, " \t\r\n;")] == '\0';
}

/* One statement that reads. */
static sqlite3_stmt *
prepare (sqlite3     *db,
         const char  *path,
         const char  *sql,
         GError     **error)
{
  sqlite3_stmt *statement = NULL;
  const char *tail = NULL;

  if (sqlite3_prepare_v2 (db, sql, -1, &statement, &tail) != SQLITE_OK)
    set_query_error (error, db, path);
  else if (statement == NULL)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: the query is empty", path);
  else if (!is_only_space (tail))
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: one statement at a time", path);
  else if (!sqlite3_stmt_readonly (statement) || sqlite3_column_count (statement) == 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: only statements that read are allowed", path);
  else
    return statement;

  sqlite3_finalize (statement);
  return NULL;
}

MoeTable *
moe_recording_run_query (sqlite3     *db,
                         const char  *path,
                         const char  *sql,
                         GError     **error)
{
  MoeTable *table = NULL;
  sqlite3_stmt *statement;

  sqlite3_set_authorizer (db, authorize, NULL);
  statement = prepare (db, path, sql, error);
  if (statement != NULL)
    {
      Result result = { .n_columns = (guint) sqlite3_column_count (statement) };

      result.cells = g_array_new (FALSE, FALSE, sizeof (Cell));
      result.strings = g_string_chunk_new (4096);
      if (collect (&result, statement, path, error))
        table = make_table (&result, statement, sql);
      g_array_unref (result.cells);
      g_string_chunk_free (result.strings);
      sqlite3_finalize (statement);
    }
  sqlite3_set_authorizer (db, NULL, NULL);
  return table;
}
