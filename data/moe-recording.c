/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording"

#include "data/moe-recording.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "data/moe-error.h"
#include "data/moe-recording-masks.h"
#include "data/moe-recording-query.h"
#include "data/moe-recording-schema.h"
#include "data/moe-recording-vtab.h"
#include "data/moe-sqlite.h"

#define BUSY_MS 5000
/* No string or blob of a recording, and none a query makes, may be longer. */
#define MAX_BYTES (64 << 20)

#define CANNOT_READ "cannot be read"

struct _MoeRecording
{
  char              *path;
  sqlite3           *db;
  MoeModelInfo      *info;
  MoeRecordingShape  shape;
  gboolean           finished;
  gint64             version;
  guint              n_prompts;
  gint64             n_tokens;
  char              *hash;
  char              *settings;
  guint64            seed;
};

static void
set_damaged (MoeRecording  *self,
             GError       **error,
             const char    *what)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: damaged: %s", self->path, what);
}

/* Whatever is in the file's schema, nothing of it is run: no views, no triggers, no virtual tables, and
 * nothing that hides ours. */
static gboolean
check_schema (MoeRecording  *self,
              GError       **error)
{
  static const char foreign[] =
    "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index') "
    "OR lower(name) IN ('routing', 'shared', 'residual', 'attention') "
    "OR rootpage IS NULL OR rootpage = 0";
  gint64 application_id, n_foreign;

  if (!moe_sqlite_get_int (self->db, "PRAGMA application_id", self->path, "not a Moescope recording",
                           &application_id, error) ||
      !moe_sqlite_get_int (self->db, "PRAGMA user_version", self->path, "not a Moescope recording",
                           &self->version, error))
    return FALSE;
  if (application_id != MOE_RECORDING_APPLICATION_ID)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: not a Moescope recording", self->path);
      return FALSE;
    }
  if (self->version > MOE_RECORDING_VERSION)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: made by a newer Moescope: the format is version %" G_GINT64_FORMAT
                   ", this program reads up to %d", self->path, self->version, MOE_RECORDING_VERSION);
      return FALSE;
    }
  if (self->version < 1)
    {
      set_damaged (self, error, "it has no format version");
      return FALSE;
    }
  if (!moe_sqlite_get_int (self->db, foreign, self->path, CANNOT_READ, &n_foreign, error))
    return FALSE;
  if (n_foreign > 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: holds views, triggers or tables that no recording has", self->path);
      return FALSE;
    }
  return TRUE;
}

/* SQLite takes what is missing of a last page for zeros. With a WAL the rest of the file may be there. In
 * this order a writer that closes meanwhile does no harm. */
static gboolean
check_length (MoeRecording  *self,
              GError       **error)
{
  g_autofree char *wal = g_strconcat (self->path, "-wal", NULL);
  gint64 page_size, n_pages;
  GStatBuf status;

  if (!moe_sqlite_get_int (self->db, "PRAGMA page_size", self->path, CANNOT_READ, &page_size, error) ||
      !moe_sqlite_get_int (self->db, "PRAGMA page_count", self->path, CANNOT_READ, &n_pages, error))
    return FALSE;
  if (g_file_test (wal, G_FILE_TEST_EXISTS) || g_stat (self->path, &status) != 0 ||
      status.st_size / page_size >= n_pages)
    return TRUE;
  set_damaged (self, error, "the file is cut short");
  return FALSE;
}

static void
take_text (sqlite3_stmt  *statement,
           int            column,
           char         **text)
{
  const char *value = (const char *) sqlite3_column_text (statement, column);

  g_free (*text);
  *text = g_utf8_make_valid (value != NULL ? value : "", -1);
}

static gboolean
take_guint (sqlite3_stmt *statement,
            int           column,
            guint        *value)
{
  gint64 number = sqlite3_column_int64 (statement, column);

  *value = (guint) number;
  return sqlite3_column_type (statement, column) == SQLITE_INTEGER && number >= 0 && number <= G_MAXUINT;
}

static gboolean
parse_gating (const char *name,
              MoeGating  *gating)
{
  static const MoeGating all[] = { MOE_GATING_SOFTMAX, MOE_GATING_SIGMOID, MOE_GATING_SOFTMAX_CHOSEN };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      if (g_strcmp0 (name, moe_gating_get_name (all[i])) == 0)
        {
          *gating = all[i];
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
take_info (MoeRecording  *self,
           sqlite3_stmt  *statement,
           GError       **error)
{
  MoeModelInfo *info = self->info;
  guint norm_weights;

  take_text (statement, MOE_RUN_MODEL, &info->name);
  take_text (statement, MOE_RUN_PATH, &info->path);
  take_text (statement, MOE_RUN_ARCHITECTURE, &info->architecture);
  take_text (statement, MOE_RUN_QUANTISATION, &info->quantisation);
  take_text (statement, MOE_RUN_TOKENIZER, &info->tokenizer);
  take_text (statement, MOE_RUN_FINGERPRINT, &info->fingerprint);
  take_text (statement, MOE_RUN_SETTINGS, &self->settings);
  info->file_bytes = (guint64) sqlite3_column_int64 (statement, MOE_RUN_FILE_BYTES);
  info->active_bytes_per_token = (guint64) sqlite3_column_int64 (statement, MOE_RUN_ACTIVE_BYTES);
  self->seed = (guint64) sqlite3_column_int64 (statement, MOE_RUN_SEED);

  if (!take_guint (statement, MOE_RUN_LAYERS, &info->n_layers) ||
      !take_guint (statement, MOE_RUN_EXPERTS, &info->n_experts) ||
      !take_guint (statement, MOE_RUN_EXPERTS_USED, &info->n_used) ||
      !take_guint (statement, MOE_RUN_SHARED_EXPERTS, &info->n_shared) ||
      !take_guint (statement, MOE_RUN_NORM_WEIGHTS, &norm_weights) ||
      !take_guint (statement, MOE_RUN_HEADS, &info->n_heads) ||
      !take_guint (statement, MOE_RUN_KV_HEADS, &info->n_kv_heads) ||
      !take_guint (statement, MOE_RUN_HEAD_DIM, &info->head_dim) ||
      !take_guint (statement, MOE_RUN_WIDTH, &info->width) ||
      !take_guint (statement, MOE_RUN_EXPERT_WIDTH, &info->expert_width) ||
      !take_guint (statement, MOE_RUN_VOCABULARY, &info->vocabulary) ||
      !take_guint (statement, MOE_RUN_MODEL_CONTEXT, &info->context) ||
      !parse_gating ((const char *) sqlite3_column_text (statement, MOE_RUN_GATING), &info->gating))
    {
      set_damaged (self, error, "its run row does not describe a model");
      return FALSE;
    }
  info->norm_weights = norm_weights != 0;
  info->learned_sinks = self->version > 1 && sqlite3_column_int (statement, MOE_RUN_LEARNED_SINKS) != 0;

  info->moe_layers = moe_recording_parse_layers (
    (const char *) sqlite3_column_text (statement, MOE_RUN_MOE_LAYERS), info->n_layers, &info->n_moe_layers,
    error);
  if (info->moe_layers != NULL)
    {
      moe_recording_shape_init (&self->shape, info);
      if (moe_recording_shape_check (&self->shape, error))
        return TRUE;
    }
  g_prefix_error (error, "%s: damaged: ", self->path);
  return FALSE;
}

static void
add_to_hash (GChecksum  *checksum,
             const char *text)
{
  /* With its end, so that no two rows give the same bytes. */
  g_checksum_update (checksum, (const guchar *) text, (gssize) strlen (text) + 1);
}

static gboolean
read_run (MoeRecording  *self,
          GError       **error)
{
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *count = g_strdup_printf ("%" G_GINT64_FORMAT, self->n_tokens);
  int n_columns = self->version > 1 ? MOE_N_RUN_COLUMNS : MOE_N_RUN_COLUMNS_1;
  sqlite3_stmt *statement;
  gboolean ok = FALSE;
  int rc;

  statement = moe_sqlite_prepare (self->db, self->version > 1
                                  ? "SELECT " MOE_RUN_COLUMNS ", finished FROM run WHERE id = 1"
                                  : "SELECT " MOE_RUN_COLUMNS_1 ", finished FROM run WHERE id = 1",
                                  self->path, CANNOT_READ, error);
  if (statement == NULL)
    return FALSE;

  rc = sqlite3_step (statement);
  if (rc == SQLITE_ROW)
    {
      for (int i = 0; i < n_columns; i++)
        {
          const char *text = (const char *) sqlite3_column_text (statement, i);

          add_to_hash (checksum, text != NULL ? text : "");
        }
      add_to_hash (checksum, count);
      self->hash = g_strdup (g_checksum_get_string (checksum));
    }

  if (rc == SQLITE_ROW)
    {
      /* Reading a number as text has turned it into text. */
      sqlite3_reset (statement);
      rc = sqlite3_step (statement);
    }
  if (rc == SQLITE_ROW)
    {
      self->finished = sqlite3_column_int (statement, n_columns) != 0;
      ok = take_info (self, statement, error);
    }
  else if (rc == SQLITE_DONE)
    set_damaged (self, error, "it has no run row");
  else
    moe_sqlite_set_error (error, self->db, self->path, CANNOT_READ);
  sqlite3_finalize (statement);
  return ok;
}

/* Rows are numbered from 0 without gaps, so that a number read here is bounded by the size of the file. */
static gboolean
count_rows (MoeRecording  *self,
            const char    *sql,
            const char    *sql_max,
            gint64        *n,
            GError       **error)
{
  gint64 max;

  if (!moe_sqlite_get_int (self->db, sql, self->path, CANNOT_READ, n, error) ||
      !moe_sqlite_get_int (self->db, sql_max, self->path, CANNOT_READ, &max, error))
    return FALSE;
  if (max == *n - 1)
    return TRUE;
  set_damaged (self, error, "its rows are not numbered from 0 without gaps");
  return FALSE;
}

static gboolean
read_counts (MoeRecording  *self,
             GError       **error)
{
  gint64 n_prompts = 0;

  if (!count_rows (self, "SELECT count(*) FROM token", "SELECT coalesce(max(id), -1) FROM token",
                   &self->n_tokens, error) ||
      !count_rows (self, "SELECT count(*) FROM prompt", "SELECT coalesce(max(id), -1) FROM prompt",
                   &n_prompts, error))
    return FALSE;
  if (n_prompts > G_MAXINT32)
    {
      set_damaged (self, error, "too many prompts");
      return FALSE;
    }
  self->n_prompts = (guint) n_prompts;
  return TRUE;
}

static gboolean
open_database (MoeRecording  *self,
               GError       **error)
{
  /* An absolute name is never taken for a URI or for ":memory:". */
  g_autofree char *absolute = g_canonicalize_filename (self->path, NULL);
  GStatBuf status;

  if (g_stat (self->path, &status) != 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: " CANNOT_READ ": %s", self->path, g_strerror (errno));
      return FALSE;
    }
  if (!S_ISREG (status.st_mode))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: is not a file", self->path);
      return FALSE;
    }

  if (sqlite3_open_v2 (absolute, &self->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      moe_sqlite_set_error (error, self->db, self->path, CANNOT_READ);
      return FALSE;
    }
  sqlite3_busy_timeout (self->db, BUSY_MS);
  sqlite3_limit (self->db, SQLITE_LIMIT_LENGTH, MAX_BYTES);
  sqlite3_limit (self->db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  return moe_sqlite_exec (self->db, "PRAGMA cell_size_check=ON", self->path, CANNOT_READ, error);
}

MoeRecording *
moe_recording_open (const char  *path,
                    GError     **error)
{
  g_autoptr(MoeRecording) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  self = g_new0 (MoeRecording, 1);
  self->path = g_strdup (path);
  self->info = moe_model_info_new ();
  if (!open_database (self, error) || !check_schema (self, error) || !check_length (self, error))
    return NULL;

  /* One view of the file for the counts and the hash, while somebody may be writing. */
  if (!moe_sqlite_exec (self->db, "BEGIN", path, CANNOT_READ, error) ||
      !read_counts (self, error) || !read_run (self, error) ||
      !moe_sqlite_exec (self->db, "COMMIT", path, CANNOT_READ, error))
    return NULL;

  if (moe_recording_register_tables (self->db) != SQLITE_OK)
    {
      moe_sqlite_set_error (error, self->db, path, CANNOT_READ);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
moe_recording_free (MoeRecording *self)
{
  if (self == NULL)
    return;

  sqlite3_close (self->db);
  moe_model_info_unref (self->info);
  g_free (self->hash);
  g_free (self->settings);
  g_free (self->path);
  g_free (self);
}

const char *
moe_recording_get_path (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->path;
}

const MoeModelInfo *
moe_recording_get_info (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->info;
}

gboolean
moe_recording_is_finished (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, FALSE);
  return self->finished;
}

guint
moe_recording_get_n_prompts (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->n_prompts;
}

gint64
moe_recording_get_n_tokens (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->n_tokens;
}

const char *
moe_recording_get_hash (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->hash;
}

const char *
moe_recording_get_settings (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->settings;
}

guint64
moe_recording_get_seed (MoeRecording *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->seed;
}

/* Columns of the statement of moe_recording_foreach(). */
enum
{
  TOKEN_ID,
  TOKEN_PROMPT,
  TOKEN_POSITION,
  TOKEN_TOKEN_ID,
  TOKEN_TEXT,
  TOKEN_PHASE,
  TOKEN_LOGPROB,
  TOKEN_ENTROPY,
  TOKEN_BLOBS
};

static gboolean
take_float (sqlite3_stmt *statement,
            int           column,
            float        *value)
{
  int type = sqlite3_column_type (statement, column);

  *value = type == SQLITE_NULL ? NAN : (float) sqlite3_column_double (statement, column);
  return type == SQLITE_NULL || type == SQLITE_FLOAT;
}

static gboolean
take_blobs (MoeRecording   *self,
            sqlite3_stmt   *statement,
            MoeTokenRecord *record,
            const char    **what)
{
  for (guint i = 0; i < MOE_N_BLOBS; i++)
    {
      int column = TOKEN_BLOBS + (int) i;
      guint size = moe_recording_blob_get_size (i);
      gsize n = moe_recording_blob_count (i, &self->shape);
      gconstpointer blob = sqlite3_column_blob (statement, column);

      *what = moe_recording_blob_get_name (i);
      if (n == 0 && sqlite3_column_type (statement, column) == SQLITE_NULL)
        continue;
      if (n == 0 || blob == NULL || sqlite3_column_type (statement, column) != SQLITE_BLOB ||
          (gsize) sqlite3_column_bytes (statement, column) != n * size)
        return FALSE;
      moe_recording_copy_values (moe_recording_blob_get_data (i, record), blob, n, size);
    }
  return TRUE;
}

static gboolean
are_below (const guint16 *values,
           gsize          n,
           guint          limit,
           gboolean       may_be_empty)
{
  for (gsize i = 0; i < n; i++)
    {
      if (values[i] >= limit && !(may_be_empty && values[i] == MOE_NO_EXPERT))
        return FALSE;
    }
  return TRUE;
}

/* Numbers that others use as indices. */
static gboolean
check_numbers (MoeRecording          *self,
               const MoeTokenRecord  *record,
               const char           **what)
{
  gsize n_slots = moe_recording_blob_count (MOE_BLOB_EXPERTS, &self->shape);
  gsize n_top = moe_recording_blob_count (MOE_BLOB_RESIDUAL_CHANNEL, &self->shape);
  gsize n_shared = moe_recording_blob_count (MOE_BLOB_SHARED_CHANNEL, &self->shape);

  *what = "expert number";
  if (!are_below (record->experts, n_slots, self->shape.n_experts, TRUE))
    return FALSE;
  *what = "channel";
  return are_below (record->down_channel, n_slots, self->shape.width, FALSE) &&
         are_below (record->residual_channel, n_top, self->shape.width, FALSE) &&
         are_below (record->shared_channel, n_shared, self->shape.width, FALSE);
}

/* The record of the statement's row; NULL with @what set. */
static MoeTokenRecord *
read_token (MoeRecording  *self,
            sqlite3_stmt  *statement,
            const char   **what)
{
  g_autoptr(MoeTokenRecord) record = NULL;
  const char *phase = (const char *) sqlite3_column_text (statement, TOKEN_PHASE);
  guint token_id;

  record = moe_token_record_new_full (self->shape.n_moe_layers, self->shape.n_slots, self->shape.n_layers,
                                      self->shape.n_heads, self->shape.n_shared > 0, self->shape.has_sinks);
  record->id = sqlite3_column_int64 (statement, TOKEN_ID);

  *what = "prompt number";
  if (!take_guint (statement, TOKEN_PROMPT, &record->prompt) || record->prompt >= self->n_prompts)
    return NULL;
  *what = "position";
  if (!take_guint (statement, TOKEN_POSITION, &record->position) || record->position > G_MAXINT32)
    return NULL;
  *what = "token number";
  if (!take_guint (statement, TOKEN_TOKEN_ID, &token_id) || token_id >= self->info->vocabulary ||
      token_id > G_MAXINT32)
    return NULL;
  record->token_id = (gint32) token_id;
  *what = "phase";
  if (phase == NULL || !moe_phase_parse (phase, &record->phase))
    return NULL;
  *what = "log-probability";
  if (!take_float (statement, TOKEN_LOGPROB, &record->logprob))
    return NULL;
  *what = "entropy";
  if (!take_float (statement, TOKEN_ENTROPY, &record->entropy))
    return NULL;
  if (!take_blobs (self, statement, record, what) || !check_numbers (self, record, what))
    return NULL;
  return g_steal_pointer (&record);
}

gboolean
moe_recording_foreach (MoeRecording   *self,
                       gint64          first,
                       gint64          end,
                       MoeRecordFunc   func,
                       gpointer        user_data,
                       GError        **error)
{
  g_autofree char *sql = NULL;
  sqlite3_stmt *statement;
  gboolean ok = TRUE;
  int rc = SQLITE_OK;

  g_return_val_if_fail (self != NULL && func != NULL, FALSE);
  g_return_val_if_fail (first >= 0, FALSE);

  if (end < 0 || end > self->n_tokens)
    end = self->n_tokens;
  sql = g_strdup_printf ("SELECT id, prompt, position, token_id, text, phase, logprob, entropy, %s "
                         "FROM token WHERE id >= ? AND id < ? ORDER BY id",
                         self->version > 1 ? MOE_BLOB_COLUMNS : MOE_BLOB_COLUMNS_1 ", NULL");
  statement = moe_sqlite_prepare (self->db, sql, self->path, CANNOT_READ, error);
  if (statement == NULL)
    return FALSE;

  sqlite3_bind_int64 (statement, 1, first);
  sqlite3_bind_int64 (statement, 2, end);
  for (gint64 id = first; id < end && ok; id++)
    {
      g_autoptr(MoeTokenRecord) record = NULL;
      const char *what = NULL, *text;

      rc = sqlite3_step (statement);
      if (rc != SQLITE_ROW)
        break;
      if (sqlite3_column_int64 (statement, TOKEN_ID) != id)
        {
          rc = SQLITE_DONE;
          break;
        }

      record = read_token (self, statement, &what);
      if (record == NULL)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: damaged: the %s of token %" G_GINT64_FORMAT
                       " is wrong", self->path, what, id);
          ok = FALSE;
          break;
        }
      text = sqlite3_column_blob (statement, TOKEN_TEXT);
      ok = func (record, text != NULL ? text : "", (gsize) sqlite3_column_bytes (statement, TOKEN_TEXT),
                 user_data);
    }

  if (ok && rc == SQLITE_DONE)
    {
      set_damaged (self, error, "a token is missing");
      ok = FALSE;
    }
  else if (ok && rc != SQLITE_ROW && rc != SQLITE_OK)
    {
      moe_sqlite_set_error (error, self->db, self->path, CANNOT_READ);
      ok = FALSE;
    }
  sqlite3_finalize (statement);
  return ok;
}

char *
moe_recording_dup_prompt (MoeRecording *self,
                          guint         prompt)
{
  sqlite3_stmt *statement;
  char *text = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  statement = moe_sqlite_prepare (self->db, "SELECT text FROM prompt WHERE id = ?", self->path, CANNOT_READ,
                                  NULL);
  if (statement == NULL)
    return NULL;
  sqlite3_bind_int64 (statement, 1, prompt);
  if (sqlite3_step (statement) == SQLITE_ROW)
    take_text (statement, 0, &text);
  sqlite3_finalize (statement);
  return text;
}

gboolean
moe_recording_foreach_mask (MoeRecording      *self,
                            MoeMaskEventFunc   func,
                            gpointer           user_data,
                            GError           **error)
{
  g_return_val_if_fail (self != NULL && func != NULL, FALSE);
  return moe_recording_read_masks (self->db, self->path, self->info, func, user_data, error);
}

MoeTable *
moe_recording_query (MoeRecording  *self,
                     const char    *sql,
                     GError       **error)
{
  return moe_recording_query_cancellable (self, sql, NULL, error);
}

/* SQLite asks now and then whether to stop. */
static int
is_cancelled (void *cancellable)
{
  return g_cancellable_is_cancelled (cancellable);
}

MoeTable *
moe_recording_query_cancellable (MoeRecording  *self,
                                 const char    *sql,
                                 GCancellable  *cancellable,
                                 GError       **error)
{
  g_autoptr(GError) problem = NULL;
  MoeTable *table;

  g_return_val_if_fail (self != NULL && sql != NULL, NULL);

  if (cancellable != NULL)
    sqlite3_progress_handler (self->db, 10000, is_cancelled, cancellable);
  table = moe_recording_run_query (self->db, self->path, sql, &problem);
  sqlite3_progress_handler (self->db, 0, NULL, NULL);
  if (table == NULL && !g_cancellable_set_error_if_cancelled (cancellable, error))
    g_propagate_error (error, g_steal_pointer (&problem));
  return table;
}
