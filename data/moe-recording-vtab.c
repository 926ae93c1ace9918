/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-vtab"

#include "data/moe-recording-vtab.h"

#include <stdarg.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-recording-vtab-kinds.h"

#ifdef MOE_SQLITE_EXTENSION
SQLITE_EXTENSION_INIT1
#endif

typedef struct
{
  sqlite3_vtab           base;
  sqlite3               *db;
  const MoeVtabKindInfo *kind;
  MoeRecordingShape      shape;
  guint                 *layers;   /* (n_outer) model layer numbers */
  guint                  n_outer;  /* layers in a token */
  guint                  n_inner;  /* rows of a layer */
} Table;

typedef struct
{
  sqlite3_vtab_cursor base;
  sqlite3_stmt       *statement; /* id, prompt, position, phase, blobs */
  int                 plan;
  gboolean            at_end;
  guint               first_outer, end_outer; /* the layers asked for */
  guint               outer, inner;
  gint64              row;
  const char         *phase;
  const guint8       *blobs[MOE_VTAB_MAX_COLUMNS];     /* by column; NULL when not asked for */
} Cursor;

/* What xBestIndex tells xFilter: which conditions come as arguments, in this order, and which columns are
 * read. */
enum
{
  PLAN_TOKEN_MIN = 1 << 0,
  PLAN_TOKEN_MAX = 1 << 1,
  PLAN_TOKEN_IS = 1 << 2,
  PLAN_PROMPT_IS = 1 << 3,
  PLAN_PHASE_IS = 1 << 4,
  PLAN_LAYER_IS = 1 << 5,
  PLAN_N_CONDITIONS = 6,
  PLAN_COLUMNS_SHIFT = 8,
};

static int fail (sqlite3_vtab *table, int rc, const char *format, ...) G_GNUC_PRINTF (3, 4);

static int
fail (sqlite3_vtab *table,
      int           rc,
      const char   *format,
      ...)
{
  va_list args;

  va_start (args, format);
  sqlite3_free (table->zErrMsg);
  table->zErrMsg = sqlite3_vmprintf (format, args);
  va_end (args);
  return rc;
}

static void
table_free (Table *table)
{
  g_free (table->layers);
  sqlite3_free (table->base.zErrMsg);
  g_free (table);
}

/* What cannot be a size becomes one that moe_recording_shape_check() refuses. */
static guint
column_size (sqlite3_stmt *statement,
             int           column)
{
  gint64 value = sqlite3_column_int64 (statement, column);

  return value < 0 || value > G_MAXUINT ? G_MAXUINT : (guint) value;
}

/* Transfer full: the numbers of the MoE layers. */
static guint *
read_shape (sqlite3            *db,
            MoeRecordingShape  *shape,
            GError            **error)
{
#define SHAPE "SELECT layers, moe_layers, experts, experts_used, shared_experts, heads, width, "
  static const char sql[] = SHAPE "learned_sinks FROM main.run WHERE id = 1";
  static const char sql_1[] = SHAPE "0 FROM main.run WHERE id = 1"; /* a file of version 1 */
#undef SHAPE
  sqlite3_stmt *statement = NULL;
  guint *moe_layers = NULL;

  if ((sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) != SQLITE_OK &&
       sqlite3_prepare_v2 (db, sql_1, -1, &statement, NULL) != SQLITE_OK) ||
      sqlite3_step (statement) != SQLITE_ROW)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "this file is not a Moescope recording");
    }
  else
    {
      *shape = (MoeRecordingShape) {
        .n_layers = column_size (statement, 0),
        .n_experts = column_size (statement, 2),
        .n_slots = column_size (statement, 3),
        .n_shared = column_size (statement, 4),
        .n_heads = column_size (statement, 5),
        .width = column_size (statement, 6),
        .has_sinks = sqlite3_column_int (statement, 7) != 0,
      };
      moe_layers = moe_recording_parse_layers ((const char *) sqlite3_column_text (statement, 1),
                                               shape->n_layers, &shape->n_moe_layers, error);
    }
  sqlite3_finalize (statement);

  if (moe_layers != NULL && !moe_recording_shape_check (shape, error))
    g_clear_pointer (&moe_layers, g_free);
  return moe_layers;
}

static int
table_connect (sqlite3            *db,
               void               *aux,
               int                 argc,
               const char * const *argv,
               sqlite3_vtab      **table,
               char              **message)
{
  g_autoptr(GError) error = NULL;
  Table *self = g_new0 (Table, 1);
  MoeVtabKind kind;
  int rc;

  self->db = db;
  self->kind = aux;
  kind = (MoeVtabKind) (self->kind - moe_vtab_kinds);
  self->layers = read_shape (db, &self->shape, &error);
  if (self->layers == NULL)
    {
      *message = sqlite3_mprintf ("%s", error->message);
      table_free (self);
      return SQLITE_ERROR;
    }

  if (kind == MOE_VTAB_RESIDUAL || kind == MOE_VTAB_ATTENTION)
    {
      self->n_outer = self->shape.n_layers;
      self->layers = g_renew (guint, self->layers, self->n_outer);
      for (guint i = 0; i < self->n_outer; i++)
        self->layers[i] = i;
    }
  else
    {
      self->n_outer = kind == MOE_VTAB_SHARED && self->shape.n_shared == 0 ? 0 : self->shape.n_moe_layers;
    }
  self->n_inner = kind == MOE_VTAB_ROUTING ? self->shape.n_slots : kind == MOE_VTAB_ATTENTION
  ? self->shape.n_heads : 1;

  rc = sqlite3_declare_vtab (db, self->kind->declaration);
  if (rc != SQLITE_OK)
    {
      *message = sqlite3_mprintf ("%s", sqlite3_errmsg (db));
      table_free (self);
      return rc;
    }
  sqlite3_vtab_config (db, SQLITE_VTAB_INNOCUOUS);
  *table = &self->base;
  return SQLITE_OK;
}

static int
table_disconnect (sqlite3_vtab *table)
{
  table_free ((Table *) table);
  return SQLITE_OK;
}

/* Which of our conditions @constraint is, or 0. */
static int
get_condition (sqlite3_index_info                         *info,
               int                                         index)
{
  const struct sqlite3_index_constraint *constraint = &info->aConstraint[index];

  if (!constraint->usable)
    return 0;

  switch (constraint->iColumn)
    {
    case MOE_VTAB_TOKEN:
      switch (constraint->op)
        {
        case SQLITE_INDEX_CONSTRAINT_EQ:
          return PLAN_TOKEN_IS;
        case SQLITE_INDEX_CONSTRAINT_GT:
        case SQLITE_INDEX_CONSTRAINT_GE:
          return PLAN_TOKEN_MIN;
        case SQLITE_INDEX_CONSTRAINT_LT:
        case SQLITE_INDEX_CONSTRAINT_LE:
          return PLAN_TOKEN_MAX;
        default:
          return 0;
        }
    case MOE_VTAB_PROMPT:
      return constraint->op == SQLITE_INDEX_CONSTRAINT_EQ ? PLAN_PROMPT_IS : 0;
    case MOE_VTAB_PHASE:
      return constraint->op == SQLITE_INDEX_CONSTRAINT_EQ &&
             strcmp (sqlite3_vtab_collation (info, index), "BINARY") == 0 ? PLAN_PHASE_IS : 0;
    case MOE_VTAB_LAYER:
      return constraint->op == SQLITE_INDEX_CONSTRAINT_EQ ? PLAN_LAYER_IS : 0;
    default:
      return 0;
    }
}

/* Rows come in the order of token, layer, slot (or head). */
static gboolean
is_our_order (const Table              *self,
              const sqlite3_index_info *info)
{
  static const int order[] = { MOE_VTAB_TOKEN, MOE_VTAB_LAYER, MOE_VTAB_N_COMMON_COLUMNS };
  int n = self->kind->columns[0].kind == MOE_VTAB_INNER ? 3 : 2;

  if (info->nOrderBy > n)
    return FALSE;
  for (int i = 0; i < info->nOrderBy; i++)
    {
      if (info->aOrderBy[i].desc || info->aOrderBy[i].iColumn != order[i])
        return FALSE;
    }
  return TRUE;
}

/* SQLite checks every row again, so a condition need only never leave out a row that meets it. */
static int
table_best_index (sqlite3_vtab       *table,
                  sqlite3_index_info *info)
{
  const Table *self = (const Table *) table;
  int plan = 0, n_arguments = 0;
  double rows = 1e5 * self->n_outer * self->n_inner;

  for (int bit = 0; bit < PLAN_N_CONDITIONS; bit++)
    {
      for (int i = 0; i < info->nConstraint; i++)
        {
          if (get_condition (info, i) != 1 << bit)
            continue;
          plan |= 1 << bit;
          info->aConstraintUsage[i].argvIndex = ++n_arguments;
          break;
        }
    }

  if (plan & PLAN_TOKEN_IS)
    rows /= 1e5;
  else if (plan & PLAN_PROMPT_IS)
    rows /= 1e3;
  else if (plan & (PLAN_TOKEN_MIN | PLAN_TOKEN_MAX))
    rows /= 10;
  if (plan & PLAN_PHASE_IS)
    rows /= 2;
  if (plan & PLAN_LAYER_IS)
    rows /= MAX (self->n_outer, 1);

  info->estimatedRows = (sqlite3_int64) rows + 1;
  info->estimatedCost = rows + 1;
  info->orderByConsumed = is_our_order (self, info);
  info->idxNum = plan | (int) (info->colUsed & ((1u << (MOE_VTAB_N_COMMON_COLUMNS + MOE_VTAB_MAX_COLUMNS)) -
                                                1))
                        << PLAN_COLUMNS_SHIFT;
  return SQLITE_OK;
}

static int
cursor_open (sqlite3_vtab         *table,
             sqlite3_vtab_cursor **cursor)
{
  Cursor *self = g_new0 (Cursor, 1);

  self->plan = -1;
  *cursor = &self->base;
  return SQLITE_OK;
}

static int
cursor_close (sqlite3_vtab_cursor *cursor)
{
  Cursor *self = (Cursor *) cursor;

  sqlite3_finalize (self->statement);
  g_free (self);
  return SQLITE_OK;
}

/* Whether the blob of @column is fetched. */
static gboolean
is_read (const Cursor *self,
         const Table  *table,
         guint         column)
{
  const MoeVtabKindInfo *kind = table->kind;

  /* A blob that this model's records do not have is NULL, or its column is not even there. */
  if (kind->columns[column].kind == MOE_VTAB_INNER ||
      moe_recording_blob_count (kind->columns[column].blob, &table->shape) == 0)
    return FALSE;
  if (kind == &moe_vtab_kinds[MOE_VTAB_ROUTING] && column == MOE_VTAB_EXPERT_COLUMN)
    return TRUE;
  return (self->plan >> PLAN_COLUMNS_SHIFT >> (MOE_VTAB_N_COMMON_COLUMNS + column)) & 1;
}

static gboolean
is_empty_slot (const Cursor *self,
               const Table  *table)
{
  gsize slot = (gsize) self->outer * table->n_inner + self->inner;
  guint16 expert;

  if (table->kind != &moe_vtab_kinds[MOE_VTAB_ROUTING])
    return FALSE;
  moe_recording_copy_values (&expert, self->blobs[MOE_VTAB_EXPERT_COLUMN] + 2 * slot, 1, 2);
  return expert == MOE_NO_EXPERT;
}

/* All of them, not only those asked for: a damaged row is damaged for every query. */
static int
check_experts (const Cursor *self,
               Table        *table)
{
  gsize n = (gsize) table->shape.n_moe_layers * table->shape.n_slots;

  for (gsize i = 0; i < n; i++)
    {
      guint16 expert;

      moe_recording_copy_values (&expert, self->blobs[MOE_VTAB_EXPERT_COLUMN] + 2 * i, 1, 2);
      if (expert >= table->shape.n_experts && expert != MOE_NO_EXPERT)
        return fail (&table->base, SQLITE_CORRUPT, "token %lld names expert %u of %u",
                     sqlite3_column_int64 (self->statement, 0), expert, table->shape.n_experts);
    }
  return SQLITE_OK;
}

/* Takes the blobs of the statement's row; they stay where they are until the next step. */
static int
take_token (Cursor *self,
            Table  *table)
{
  const char *name = (const char *) sqlite3_column_text (self->statement, 3);
  MoePhase phase;

  if (!moe_phase_parse (name != NULL ? name : "", &phase))
    return fail (&table->base, SQLITE_CORRUPT, "token %lld has an unknown phase",
                 sqlite3_column_int64 (self->statement, 0));
  self->phase = moe_phase_get_name (phase);

  for (guint i = 0; i < table->kind->n_columns; i++)
    {
      const MoeVtabColumn *column = &table->kind->columns[i];
      gsize wanted;

      self->blobs[i] = NULL;
      if (!is_read (self, table, i))
        continue;
      wanted = moe_recording_blob_count (column->blob,
                                         &table->shape) * moe_recording_blob_get_size (column->blob);
      self->blobs[i] = sqlite3_column_blob (self->statement, 4 + (int) i);
      if (sqlite3_column_type (self->statement, 4 + (int) i) != SQLITE_BLOB || self->blobs[i] == NULL ||
          (gsize) sqlite3_column_bytes (self->statement, 4 + (int) i) != wanted)
        return fail (&table->base, SQLITE_CORRUPT, "token %lld: the size of %s is wrong",
                     sqlite3_column_int64 (self->statement, 0), moe_recording_blob_get_name (column->blob));
    }

  return table->kind == &moe_vtab_kinds[MOE_VTAB_ROUTING] ? check_experts (self, table) : SQLITE_OK;
}

/* From the present place on to the next row there is, stepping through tokens. */
static int
settle (Cursor *self)
{
  Table *table = (Table *) self->base.pVtab;

  for (;;)
    {
      int rc;

      for (; self->outer < self->end_outer; self->outer++, self->inner = 0)
        {
          while (self->inner < table->n_inner && is_empty_slot (self, table))
            self->inner++;
          if (self->inner < table->n_inner)
            return SQLITE_OK;
        }

      rc = sqlite3_step (self->statement);
      if (rc == SQLITE_DONE)
        {
          self->at_end = TRUE;
          sqlite3_reset (self->statement);
          return SQLITE_OK;
        }
      if (rc != SQLITE_ROW)
        return fail (&table->base, rc, "%s", sqlite3_errmsg (table->db));

      rc = take_token (self, table);
      if (rc != SQLITE_OK)
        return rc;
      self->outer = self->first_outer;
      self->inner = 0;
    }
}

static int
prepare (Cursor *self,
         Table  *table)
{
  g_autoptr(GString) sql = g_string_new ("SELECT id, prompt, position, phase");

  for (guint i = 0; i < table->kind->n_columns; i++)
    {
      if (is_read (self, table, i))
        g_string_append_printf (sql, ", %s", moe_recording_blob_get_name (table->kind->columns[i].blob));
      else
        g_string_append (sql, ", NULL");
    }
  g_string_append (sql, " FROM main.token WHERE id BETWEEN ?1 AND ?2");
  if (self->plan & PLAN_PROMPT_IS)
    g_string_append (sql, " AND prompt = ?3");
  if (self->plan & PLAN_PHASE_IS)
    g_string_append (sql, " AND phase = ?4");
  g_string_append (sql, " ORDER BY id");

  return sqlite3_prepare_v2 (table->db, sql->str, -1, &self->statement, NULL);
}

static void
find_layer (Cursor      *self,
            const Table *table,
            gint64       layer)
{
  guint i = 0;

  while (i < table->n_outer && table->layers[i] != layer)
    i++;
  self->first_outer = i;
  self->end_outer = MIN (i + 1, table->n_outer);
}

static int
cursor_filter (sqlite3_vtab_cursor  *cursor,
               int                   plan,
               const char           *text,
               int                   argc,
               sqlite3_value       **argv)
{
  Cursor *self = (Cursor *) cursor;
  Table *table = (Table *) cursor->pVtab;
  gint64 min = G_MININT64, max = G_MAXINT64;
  int argument = 0;

  if (self->plan != plan)
    {
      sqlite3_finalize (g_steal_pointer (&self->statement));
      self->plan = plan;
      if (prepare (self, table) != SQLITE_OK)
        return fail (&table->base, SQLITE_ERROR, "%s", sqlite3_errmsg (table->db));
    }
  sqlite3_reset (self->statement);
  sqlite3_clear_bindings (self->statement);

  self->first_outer = 0;
  self->end_outer = table->n_outer;
  for (int bit = 0; bit < PLAN_N_CONDITIONS; bit++)
    {
      sqlite3_value *value;
      gboolean is_integer;
      gint64 number;

      if (!(plan & 1 << bit))
        continue;
      value = argv[argument++];
      is_integer = sqlite3_value_type (value) == SQLITE_INTEGER;
      number = sqlite3_value_int64 (value);
      switch (1 << bit)
        {
        case PLAN_TOKEN_MIN:
          min = is_integer ? MAX (min, number) : min;
          break;
        case PLAN_TOKEN_MAX:
          max = is_integer ? MIN (max, number) : max;
          break;
        case PLAN_TOKEN_IS:
          min = is_integer ? MAX (min, number) : min;
          max = is_integer ? MIN (max, number) : max;
          break;
        case PLAN_PROMPT_IS:
          sqlite3_bind_value (self->statement, 3, value);
          break;
        case PLAN_PHASE_IS:
          sqlite3_bind_value (self->statement, 4, value);
          break;
        case PLAN_LAYER_IS:
          if (is_integer)
            find_layer (self, table, number);
          break;
        }
    }
  sqlite3_bind_int64 (self->statement, 1, min);
  sqlite3_bind_int64 (self->statement, 2, max);

  self->row = 0;
  self->outer = self->end_outer;
  self->inner = 0;
  self->at_end = self->first_outer == self->end_outer;
  return self->at_end ? SQLITE_OK : settle (self);
}

static int
cursor_next (sqlite3_vtab_cursor *cursor)
{
  Cursor *self = (Cursor *) cursor;

  self->row++;
  self->inner++;
  return settle (self);
}

static int
cursor_eof (sqlite3_vtab_cursor *cursor)
{
  return ((Cursor *) cursor)->at_end;
}

static int
cursor_column (sqlite3_vtab_cursor *cursor,
               sqlite3_context     *context,
               int                  index)
{
  Cursor *self = (Cursor *) cursor;
  Table *table = (Table *) cursor->pVtab;
  const MoeVtabColumn *column;
  const guint8 *at;
  guint16 half;
  float single;

  switch (index)
    {
    case MOE_VTAB_TOKEN:
    case MOE_VTAB_PROMPT:
    case MOE_VTAB_POSITION:
      sqlite3_result_int64 (context, sqlite3_column_int64 (self->statement, index));
      return SQLITE_OK;
    case MOE_VTAB_PHASE:
      sqlite3_result_text (context, self->phase, -1, SQLITE_STATIC);
      return SQLITE_OK;
    case MOE_VTAB_LAYER:
      sqlite3_result_int64 (context, table->layers[self->outer]);
      return SQLITE_OK;
    }

  column = &table->kind->columns[index - MOE_VTAB_N_COMMON_COLUMNS];
  at = self->blobs[index - MOE_VTAB_N_COMMON_COLUMNS];
  if (column->kind == MOE_VTAB_INNER)
    {
      sqlite3_result_int64 (context, self->inner);
      return SQLITE_OK;
    }
  if (at == NULL)
    return SQLITE_OK;
  at += moe_recording_blob_get_size (column->blob) *
        (column->stride == 0 ? (gsize) self->outer
                             : ((gsize) self->outer * table->n_inner + self->inner) * column->stride +
                               column->offset);

  switch (column->kind)
    {
    case MOE_VTAB_U16:
      moe_recording_copy_values (&half, at, 1, 2);
      sqlite3_result_int64 (context, half);
      break;
    case MOE_VTAB_F16:
      moe_recording_copy_values (&half, at, 1, 2);
      sqlite3_result_double (context, moe_half_to_float (half));
      break;
    case MOE_VTAB_F32:
      moe_recording_copy_values (&single, at, 1, 4);
      sqlite3_result_double (context, single);
      break;
    case MOE_VTAB_INNER:
      break;
    }
  return SQLITE_OK;
}

static int
cursor_rowid (sqlite3_vtab_cursor *cursor,
              sqlite3_int64       *rowid)
{
  *rowid = ((Cursor *) cursor)->row;
  return SQLITE_OK;
}

/* Without xCreate a table exists from the start and cannot be made again. */
static const sqlite3_module module =
{
  .xConnect = table_connect,
  .xBestIndex = table_best_index,
  .xDisconnect = table_disconnect,
  .xOpen = cursor_open,
  .xClose = cursor_close,
  .xFilter = cursor_filter,
  .xNext = cursor_next,
  .xEof = cursor_eof,
  .xColumn = cursor_column,
  .xRowid = cursor_rowid,
};

int
moe_recording_register_tables (sqlite3 *db)
{
  for (guint i = 0; i < MOE_VTAB_N_KINDS; i++)
    {
      int rc = sqlite3_create_module (db, moe_vtab_kinds[i].name, &module, (gpointer) &moe_vtab_kinds[i]);

      if (rc != SQLITE_OK)
        return rc;
    }
  return SQLITE_OK;
}

#ifdef MOE_SQLITE_EXTENSION
/* The name is made by SQLite from the file's: moescope-sqlite.so. */
int sqlite3_moescopesqlite_init (sqlite3                     *db,
                                 char                       **message,
                                 const sqlite3_api_routines  *api);

int
sqlite3_moescopesqlite_init (sqlite3                     *db,
                             char                       **message,
                             const sqlite3_api_routines  *api)
{
  SQLITE_EXTENSION_INIT2 (api);
  return moe_recording_register_tables (db);
}
#endif
