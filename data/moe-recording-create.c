/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-create"

#include "data/moe-recording-create.h"

#include "data/moe-error.h"
#include "data/moe-recording-schema.h"
#include "data/moe-sqlite.h"

/* Longer than any commit of another connection takes. */
#define BUSY_MS 5000

#define CANNOT_WRITE "cannot be written"

static char *
format_moe_layers (const MoeModelInfo *info)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < info->n_moe_layers; i++)
    g_string_append_printf (text, "%s%u", i > 0 ? "," : "", info->moe_layers[i]);
  return g_string_free (g_string_append_c (text, ']'), FALSE);
}

static void
bind_text (sqlite3_stmt *statement,
           int           column,
           const char   *text)
{
  sqlite3_bind_text (statement, column + 1, text, -1, SQLITE_TRANSIENT);
}

static void
bind_int (sqlite3_stmt *statement,
          int           column,
          guint64       value)
{
  sqlite3_bind_int64 (statement, column + 1, (gint64) value);
}

static gboolean
insert_run (sqlite3               *db,
            const char            *path,
            const MoeModelInfo    *info,
            const MoeRunSettings  *settings,
            GError               **error)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *created = g_date_time_format (now, "%Y-%m-%dT%H:%M:%S.%fZ");
  g_autofree char *moe_layers = format_moe_layers (info);
  g_autoptr(GString) sql = g_string_new ("INSERT INTO run (id, finished, " MOE_RUN_COLUMNS ") VALUES (1, 0");
  sqlite3_stmt *statement;
  gboolean ok;

  for (guint i = 0; i < MOE_N_RUN_COLUMNS; i++)
    g_string_append (sql, ", ?");
  g_string_append_c (sql, ')');

  statement = moe_sqlite_prepare (db, sql->str, path, CANNOT_WRITE, error);
  if (statement == NULL)
    return FALSE;

  bind_text (statement, MOE_RUN_PROGRAM, "moescope " MOE_VERSION);
  bind_text (statement, MOE_RUN_CREATED, created);
  bind_text (statement, MOE_RUN_MODEL, info->name);
  bind_text (statement, MOE_RUN_PATH, info->path);
  bind_text (statement, MOE_RUN_ARCHITECTURE, info->architecture);
  bind_text (statement, MOE_RUN_QUANTISATION, info->quantisation);
  bind_text (statement, MOE_RUN_TOKENIZER, info->tokenizer);
  bind_text (statement, MOE_RUN_FINGERPRINT, info->fingerprint);
  bind_int (statement, MOE_RUN_LAYERS, info->n_layers);
  bind_text (statement, MOE_RUN_MOE_LAYERS, moe_layers);
  bind_int (statement, MOE_RUN_EXPERTS, info->n_experts);
  bind_int (statement, MOE_RUN_EXPERTS_USED, info->n_used);
  bind_int (statement, MOE_RUN_SHARED_EXPERTS, info->n_shared);
  bind_text (statement, MOE_RUN_GATING, moe_gating_get_name (info->gating));
  bind_int (statement, MOE_RUN_NORM_WEIGHTS, info->norm_weights ? 1 : 0);
  bind_int (statement, MOE_RUN_HEADS, info->n_heads);
  bind_int (statement, MOE_RUN_KV_HEADS, info->n_kv_heads);
  bind_int (statement, MOE_RUN_HEAD_DIM, info->head_dim);
  bind_int (statement, MOE_RUN_WIDTH, info->width);
  bind_int (statement, MOE_RUN_EXPERT_WIDTH, info->expert_width);
  bind_int (statement, MOE_RUN_VOCABULARY, info->vocabulary);
  bind_int (statement, MOE_RUN_MODEL_CONTEXT, info->context);
  bind_int (statement, MOE_RUN_FILE_BYTES, info->file_bytes);
  bind_int (statement, MOE_RUN_ACTIVE_BYTES, info->active_bytes_per_token);
  bind_int (statement, MOE_RUN_CONTEXT, settings->context);
  bind_text (statement, MOE_RUN_CACHE, settings->cache);
  bind_text (statement, MOE_RUN_KERNELS, settings->kernels);
  bind_int (statement, MOE_RUN_SEED, settings->seed);
  bind_text (statement, MOE_RUN_SETTINGS, settings->settings != NULL ? settings->settings : "{}");
  bind_int (statement, MOE_RUN_LEARNED_SINKS, info->learned_sinks ? 1 : 0);

  ok = sqlite3_step (statement) == SQLITE_DONE;
  if (!ok)
    moe_sqlite_set_error (error, db, path, CANNOT_WRITE);
  sqlite3_finalize (statement);
  return ok;
}

static gboolean
create_tables (sqlite3               *db,
               const char            *path,
               const MoeModelInfo    *info,
               const MoeRunSettings  *settings,
               GError               **error)
{
  g_autofree char *numbers = g_strdup_printf ("PRAGMA application_id=%d; PRAGMA user_version=%d;",
                                              MOE_RECORDING_APPLICATION_ID, MOE_RECORDING_VERSION);

  return moe_sqlite_exec (db, "BEGIN IMMEDIATE", path, CANNOT_WRITE, error) &&
         moe_sqlite_exec (db, numbers, path, CANNOT_WRITE, error) &&
         moe_sqlite_exec (db, moe_recording_schema_sql, path, CANNOT_WRITE, error) &&
         insert_run (db, path, info, settings, error) &&
         moe_sqlite_exec (db, "COMMIT", path, CANNOT_WRITE, error);
}

static gboolean
check_text (sqlite3_stmt  *statement,
            int            column,
            const char    *wanted,
            const char    *what,
            const char    *path,
            GError       **error)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  if (g_strcmp0 (text, wanted) == 0)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: cannot be resumed: it was made with another %s",
               path, what);
  return FALSE;
}

static gboolean
check_int (sqlite3_stmt  *statement,
           int            column,
           guint64        wanted,
           const char    *what,
           const char    *path,
           GError       **error)
{
  if ((guint64) sqlite3_column_int64 (statement, column) == wanted)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: cannot be resumed: it was made with another %s",
               path, what);
  return FALSE;
}

/* Tokens of two different runs must not end up in one file. */
static gboolean
check_run (sqlite3               *db,
           const char            *path,
           const MoeModelInfo    *info,
           const MoeRunSettings  *settings,
           GError               **error)
{
  sqlite3_stmt *statement;
  gboolean ok = FALSE;

  statement = moe_sqlite_prepare (db, "SELECT " MOE_RUN_COLUMNS ", finished FROM run WHERE id = 1", path,
                                  "cannot be resumed", error);
  if (statement == NULL)
    return FALSE;

  if (sqlite3_step (statement) != SQLITE_ROW)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: cannot be resumed: its run row is missing", path);
  else if (sqlite3_column_int (statement, MOE_N_RUN_COLUMNS) != 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: cannot be resumed: it is finished", path);
  else
    ok = check_text (statement, MOE_RUN_FINGERPRINT, info->fingerprint, "model", path, error) &&
         check_int (statement, MOE_RUN_CONTEXT, settings->context, "context length", path, error) &&
         check_text (statement, MOE_RUN_CACHE, settings->cache, "cache type", path, error) &&
         check_text (statement, MOE_RUN_KERNELS, settings->kernels, "choice of kernels", path, error) &&
         check_int (statement, MOE_RUN_SEED, settings->seed, "seed", path, error) &&
         check_text (statement, MOE_RUN_SETTINGS, settings->settings != NULL ? settings->settings : "{}",
                     "set of options", path, error);
  sqlite3_finalize (statement);
  return ok;
}

static gboolean
resume (sqlite3               *db,
        const char            *path,
        const MoeModelInfo    *info,
        const MoeRunSettings  *settings,
        guint                 *n_prompts,
        gint64                *n_tokens,
        GError               **error)
{
  static const char what[] = "cannot be resumed";
  gint64 prompts, tokens;

  if (!moe_sqlite_exec (db, "BEGIN IMMEDIATE", path, what, error) ||
      !moe_sqlite_exec (db, "DELETE FROM token WHERE prompt IN (SELECT id FROM prompt WHERE NOT finished);"
                            "DELETE FROM prompt WHERE NOT finished;", path, what, error) ||
      !moe_sqlite_get_int (db, "SELECT coalesce(max(id) + 1, 0) FROM token", path, what, &tokens, error) ||
      !moe_sqlite_get_int (db, "SELECT coalesce(max(id) + 1, 0) FROM prompt", path, what, &prompts, error))
    return FALSE;

  if (prompts < 0 || prompts > G_MAXINT32 || tokens < 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: cannot be resumed: its prompts are not numbered "
                   "from 0", path);
      return FALSE;
    }

  {
    /* What took effect after the last token kept acts on nothing any more; who resumes sets it again. */
    g_autofree char *sql = g_strdup_printf (
      "DELETE FROM mask_intervention WHERE event IN (SELECT id FROM mask_event WHERE token >= %"
      G_GINT64_FORMAT "); DELETE FROM mask_event WHERE token >= %" G_GINT64_FORMAT
      "; DELETE FROM note WHERE token >= %" G_GINT64_FORMAT "; COMMIT", tokens, tokens, tokens);

    if (!moe_sqlite_exec (db, sql, path, what, error))
      return FALSE;
  }

  *n_prompts = (guint) prompts;
  *n_tokens = tokens;
  return TRUE;
}

static gboolean
create_or_resume (sqlite3               *db,
                  const char            *path,
                  gboolean               exists,
                  const MoeModelInfo    *info,
                  const MoeRunSettings  *settings,
                  guint                 *n_prompts,
                  gint64                *n_tokens,
                  GError               **error)
{
  gint64 application_id = 0, version = 0, n_objects = 0;

  if (exists &&
      (!moe_sqlite_get_int (db, "PRAGMA application_id", path, "not a recording", &application_id, error) ||
       !moe_sqlite_get_int (db, "PRAGMA user_version", path, "not a recording", &version, error) ||
       !moe_sqlite_get_int (db, "SELECT count(*) FROM sqlite_schema", path, "not a recording", &n_objects,
                            error)))
    return FALSE;

  /* A run killed before its tables were committed leaves an empty file. */
  exists = exists && (application_id != 0 || version != 0 || n_objects != 0);
  if (exists && application_id != MOE_RECORDING_APPLICATION_ID)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: exists and is not a Moescope recording", path);
      return FALSE;
    }
  if (exists && version != MOE_RECORDING_VERSION)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "%s: cannot be resumed: its format is version %" G_GINT64_FORMAT ", this program writes "
                                                                                    "%d",
                   path, version, MOE_RECORDING_VERSION);
      return FALSE;
    }

  /* Before anything is changed: what is refused stays as it is. */
  if (exists && !check_run (db, path, info, settings, error))
    return FALSE;

  /* The page size must be set before anything is in the file; rows are 2 to 16 kB. */
  if (!exists && !moe_sqlite_exec (db, "PRAGMA page_size=16384", path, CANNOT_WRITE, error))
    return FALSE;
  if (!moe_sqlite_exec (db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=OFF; "
                            "PRAGMA foreign_keys=ON", path, CANNOT_WRITE, error))
    return FALSE;

  *n_prompts = 0;
  *n_tokens = 0;
  if (!exists)
    return create_tables (db, path, info, settings, error);
  return resume (db, path, info, settings, n_prompts, n_tokens, error);
}

sqlite3 *
moe_recording_create (const char            *path,
                      gboolean               exists,
                      const MoeModelInfo    *info,
                      const MoeRunSettings  *settings,
                      guint                 *n_prompts,
                      gint64                *n_tokens,
                      GError               **error)
{
  /* An absolute name is never taken for a URI or for ":memory:". */
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  sqlite3 *db = NULL;

  if (sqlite3_open_v2 (absolute, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      moe_sqlite_set_error (error, db, path, CANNOT_WRITE);
      sqlite3_close (db);
      return NULL;
    }

  sqlite3_busy_timeout (db, BUSY_MS);
  sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);

  if (!create_or_resume (db, path, exists, info, settings, n_prompts, n_tokens, error))
    {
      sqlite3_close (db);
      return NULL;
    }
  return db;
}
