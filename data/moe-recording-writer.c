/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-writer"

#include "data/moe-recording-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "data/moe-error.h"
#include "data/moe-file-lock.h"
#include "data/moe-recording-create.h"
#include "data/moe-recording-schema.h"
#include "data/moe-sqlite.h"

/* Entries of the queue; at 10 to 30 kB a token a few megabytes. */
#define QUEUE_LIMIT 256
#define ROWS_PER_COMMIT 64
/* Of the promised quarter second this leaves 50 ms for the commit itself. */
#define COMMIT_INTERVAL_US (200 * 1000)
/* How long closing waits for readers before it leaves the file in WAL mode. */
#define CLOSE_BUSY_MS 250

#define CANNOT_WRITE "cannot be written"

typedef enum
{
  ENTRY_BEGIN_PROMPT,
  ENTRY_TOKEN,
  ENTRY_END_PROMPT,
  ENTRY_MASK,
  ENTRY_NOTE,
  ENTRY_FLUSH,
  ENTRY_CLOSE,
} EntryKind;

typedef struct
{
  EntryKind       kind;
  gint64          number; /* prompt or token */
  MoeTokenRecord *record;
  MoeMask        *mask;
  GBytes         *text;
  gboolean        finished;
} Entry;

typedef enum
{
  STATEMENT_BEGIN,
  STATEMENT_COMMIT,
  STATEMENT_BEGIN_PROMPT,
  STATEMENT_END_PROMPT,
  STATEMENT_TOKEN,
  STATEMENT_MASK,
  STATEMENT_INTERVENTION,
  STATEMENT_NOTE,
  STATEMENT_FINISH,
  N_STATEMENTS
} Statement;

static const char * const statement_sql[N_STATEMENTS] =
{
  [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
  [STATEMENT_COMMIT] = "COMMIT",
  [STATEMENT_BEGIN_PROMPT] = "INSERT INTO prompt (id, text) VALUES (?, ?)",
  [STATEMENT_END_PROMPT] = "UPDATE prompt SET finished = 1 WHERE id = ?",
  [STATEMENT_TOKEN] =
    "INSERT INTO token (id, prompt, position, token_id, text, phase, logprob, entropy, " MOE_BLOB_COLUMNS
    ") VALUES (?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?, ?)",
  [STATEMENT_MASK] = "INSERT INTO mask_event (token) VALUES (?)",
  [STATEMENT_INTERVENTION] =
    "INSERT INTO mask_intervention (event, number, layer, expert, action, mode, value, scope, from_token) "
    "VALUES (?,?,?,?,?,?,?,?,?)",
  [STATEMENT_NOTE] = "INSERT INTO note (token, text) VALUES (?, ?)",
  [STATEMENT_FINISH] = "UPDATE run SET finished = ? WHERE id = 1",
};

struct _MoeRecordingWriter
{
  char              *path;
  MoeFileLock       *lock;
  MoeRecordingShape  shape;
  GThread           *thread;

  /* The thread that records. */
  guint              n_prompts;
  gint64             n_tokens;
  gboolean           in_prompt;

  /* Both threads. */
  GMutex             mutex;
  GCond              changed; /* the queue, or n_done */
  GQueue             queue;   /* of Entry */
  guint64            n_queued;
  guint64            n_done;
  GError            *error;   /* the first */

  /* The writing thread, once it runs. */
  sqlite3           *db;
  sqlite3_stmt      *statements[N_STATEMENTS];
  guint8            *buffer;  /* one row of blobs */
  gboolean           in_transaction;
  guint              n_rows;
  gint64             deadline;
};

static void
entry_free (Entry *entry)
{
  g_clear_pointer (&entry->record, moe_token_record_unref);
  g_clear_pointer (&entry->mask, moe_mask_unref);
  g_clear_pointer (&entry->text, g_bytes_unref);
  g_free (entry);
}

static gboolean
run_statement (MoeRecordingWriter  *self,
               Statement            number,
               GError             **error)
{
  sqlite3_stmt *statement = self->statements[number];
  gboolean ok = sqlite3_step (statement) == SQLITE_DONE;

  if (!ok)
    moe_sqlite_set_error (error, self->db, self->path, CANNOT_WRITE);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return ok;
}

static void
bind_bytes (sqlite3_stmt *statement,
            int           column,
            GBytes       *text,
            gboolean      is_text)
{
  gsize length;
  const char *data = g_bytes_get_data (text, &length);

  /* The entry outlives the step. NULL would be bound as NULL. */
  if (data == NULL)
    data = "";
  if (is_text)
    sqlite3_bind_text64 (statement, column, data, length, SQLITE_STATIC, SQLITE_UTF8);
  else
    sqlite3_bind_blob64 (statement, column, data, length, SQLITE_STATIC);
}

static void
bind_float (sqlite3_stmt *statement,
            int           column,
            float         value)
{
  if (isnan (value))
    sqlite3_bind_null (statement, column);
  else
    sqlite3_bind_double (statement, column, value);
}

static gboolean
write_token (MoeRecordingWriter  *self,
             const Entry         *entry,
             GError             **error)
{
  const MoeTokenRecord *record = entry->record;
  sqlite3_stmt *statement = self->statements[STATEMENT_TOKEN];
  guint8 *at = self->buffer;

  sqlite3_bind_int64 (statement, 1, record->id);
  sqlite3_bind_int64 (statement, 2, record->prompt);
  sqlite3_bind_int64 (statement, 3, record->position);
  sqlite3_bind_int64 (statement, 4, record->token_id);
  bind_bytes (statement, 5, entry->text, FALSE);
  sqlite3_bind_text (statement, 6, moe_phase_get_name (record->phase), -1, SQLITE_STATIC);
  bind_float (statement, 7, record->logprob);
  bind_float (statement, 8, record->entropy);

  for (guint i = 0; i < MOE_N_BLOBS; i++)
    {
      guint size = moe_recording_blob_get_size (i);
      gsize n = moe_recording_blob_count (i, &self->shape);

      if (n == 0)
        continue;
      moe_recording_copy_values (at, moe_recording_blob_get_data (i, record), n, size);
      sqlite3_bind_blob64 (statement, 9 + (int) i, at, n * size, SQLITE_STATIC);
      at += n * size;
    }

  return run_statement (self, STATEMENT_TOKEN, error);
}

static gboolean
write_mask (MoeRecordingWriter  *self,
            const Entry         *entry,
            GError             **error)
{
  gint64 event;

  sqlite3_bind_int64 (self->statements[STATEMENT_MASK], 1, entry->number);
  if (!run_statement (self, STATEMENT_MASK, error))
    return FALSE;
  event = sqlite3_last_insert_rowid (self->db);

  for (guint i = 0; i < moe_mask_get_n (entry->mask); i++)
    {
      const MoeIntervention *intervention = moe_mask_get (entry->mask, i);
      sqlite3_stmt *statement = self->statements[STATEMENT_INTERVENTION];

      sqlite3_bind_int64 (statement, 1, event);
      sqlite3_bind_int64 (statement, 2, i);
      sqlite3_bind_int (statement, 3, intervention->layer);
      sqlite3_bind_int (statement, 4, intervention->expert);
      sqlite3_bind_text (statement, 5, moe_action_get_name (intervention->action), -1, SQLITE_STATIC);
      sqlite3_bind_text (statement, 6, moe_mode_get_name (intervention->mode), -1, SQLITE_STATIC);
      sqlite3_bind_double (statement, 7, intervention->value);
      sqlite3_bind_text (statement, 8, moe_scope_get_name (intervention->scope), -1, SQLITE_STATIC);
      sqlite3_bind_int64 (statement, 9, intervention->from_token);
      if (!run_statement (self, STATEMENT_INTERVENTION, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
begin (MoeRecordingWriter  *self,
       GError             **error)
{
  if (self->in_transaction)
    return TRUE;
  if (!run_statement (self, STATEMENT_BEGIN, error))
    return FALSE;
  self->in_transaction = TRUE;
  self->n_rows = 0;
  self->deadline = g_get_monotonic_time () + COMMIT_INTERVAL_US;
  return TRUE;
}

static gboolean
commit (MoeRecordingWriter  *self,
        GError             **error)
{
  if (!self->in_transaction)
    return TRUE;
  if (!run_statement (self, STATEMENT_COMMIT, error))
    return FALSE;
  self->in_transaction = FALSE;
  return TRUE;
}

/* SQLite goes on writing into a file that was deleted or replaced; nobody would ever see it. */
static gboolean
check_not_moved (MoeRecordingWriter  *self,
                 GError             **error)
{
  int moved = 0;

  if (sqlite3_file_control (self->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: was moved or deleted while it was written", self->path);
  return FALSE;
}

/* In WAL mode with synchronous=NORMAL a commit outlives the process, a checkpoint outlives the machine. */
static gboolean
flush (MoeRecordingWriter  *self,
       GError             **error)
{
  int rc;

  if (!commit (self, error) || !check_not_moved (self, error))
    return FALSE;

  rc = sqlite3_wal_checkpoint_v2 (self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
    return TRUE;
  moe_sqlite_set_error (error, self->db, self->path, CANNOT_WRITE);
  return FALSE;
}

static gboolean
write_entry (MoeRecordingWriter  *self,
             const Entry         *entry,
             GError             **error)
{
  sqlite3_stmt *statement;

  if (entry->kind == ENTRY_FLUSH)
    return flush (self, error);
  if (!begin (self, error))
    return FALSE;

  self->n_rows++;
  switch (entry->kind)
    {
    case ENTRY_BEGIN_PROMPT:
      statement = self->statements[STATEMENT_BEGIN_PROMPT];
      sqlite3_bind_int64 (statement, 1, entry->number);
      bind_bytes (statement, 2, entry->text, TRUE);
      return run_statement (self, STATEMENT_BEGIN_PROMPT, error);

    case ENTRY_TOKEN:
      return write_token (self, entry, error);

    case ENTRY_END_PROMPT:
      sqlite3_bind_int64 (self->statements[STATEMENT_END_PROMPT], 1, entry->number);
      return run_statement (self, STATEMENT_END_PROMPT, error);

    case ENTRY_MASK:
      return write_mask (self, entry, error);

    case ENTRY_NOTE:
      statement = self->statements[STATEMENT_NOTE];
      sqlite3_bind_int64 (statement, 1, entry->number);
      bind_bytes (statement, 2, entry->text, TRUE);
      return run_statement (self, STATEMENT_NOTE, error);

    case ENTRY_CLOSE:
      sqlite3_bind_int (self->statements[STATEMENT_FINISH], 1, entry->finished ? 1 : 0);
      return run_statement (self, STATEMENT_FINISH, error) && flush (self, error);

    case ENTRY_FLUSH:
      break;
    }
  g_return_val_if_reached (TRUE);
}

/* What is committed stays, also after an error: folds the WAL into the file, so that it can be copied alone.
 * A reader that is in the way leaves a file in WAL mode, which is as good. */
static void
close_database (MoeRecordingWriter *self)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    sqlite3_finalize (g_steal_pointer (&self->statements[i]));

  if (self->db == NULL)
    return;
  sqlite3_busy_timeout (self->db, CLOSE_BUSY_MS);
  sqlite3_wal_checkpoint_v2 (self->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  sqlite3_exec (self->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
  sqlite3_close (g_steal_pointer (&self->db));
}

static void
fail (MoeRecordingWriter *self,
      GError             *error)
{
  /* The transaction may be gone already: SQLite rolls back by itself when the disk is full. */
  if (!sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
  self->in_transaction = FALSE;

  g_mutex_lock (&self->mutex);
  self->error = error;
  g_mutex_unlock (&self->mutex);
}

/* The next entry, or NULL when it is time to commit. */
static Entry *
wait_for_entry (MoeRecordingWriter *self)
{
  Entry *entry;

  g_mutex_lock (&self->mutex);
  while (g_queue_is_empty (&self->queue))
    {
      if (!self->in_transaction)
        g_cond_wait (&self->changed, &self->mutex);
      else if (!g_cond_wait_until (&self->changed, &self->mutex, self->deadline))
        break;
    }
  entry = g_queue_pop_head (&self->queue);
  g_mutex_unlock (&self->mutex);
  return entry;
}

static gpointer
write_thread (gpointer data)
{
  MoeRecordingWriter *self = data;
  gboolean failed = FALSE, closed = FALSE;

  while (!closed)
    {
      Entry *entry = wait_for_entry (self);
      GError *error = NULL;

      closed = entry != NULL && entry->kind == ENTRY_CLOSE;
      if (!failed &&
          ((entry != NULL && !write_entry (self, entry, &error)) ||
           (self->in_transaction &&
            (self->n_rows >= ROWS_PER_COMMIT || g_get_monotonic_time () >= self->deadline) &&
            !commit (self, &error))))
        {
          failed = TRUE;
          fail (self, error);
        }

      if (entry != NULL)
        {
          entry_free (entry);
          g_mutex_lock (&self->mutex);
          self->n_done++;
          g_cond_broadcast (&self->changed);
          g_mutex_unlock (&self->mutex);
        }
    }

  close_database (self);
  return NULL;
}

/* Takes @entry; blocks while the queue is full. Returns the number to wait for. */
static guint64
push (MoeRecordingWriter *self,
      Entry               entry)
{
  guint64 ticket;

  g_mutex_lock (&self->mutex);
  while (g_queue_get_length (&self->queue) >= QUEUE_LIMIT)
    g_cond_wait (&self->changed, &self->mutex);
  g_queue_push_tail (&self->queue, g_memdup2 (&entry, sizeof entry));
  ticket = ++self->n_queued;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
  return ticket;
}

static void
writer_free (MoeRecordingWriter *self)
{
  close_database (self);
  g_clear_error (&self->error);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  moe_file_lock_release (self->lock);
  g_free (self->buffer);
  g_free (self->path);
  g_free (self);
}

static gboolean
prepare_statements (MoeRecordingWriter  *self,
                    GError             **error)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    {
      self->statements[i] = moe_sqlite_prepare (self->db, statement_sql[i], self->path, CANNOT_WRITE, error);
      if (self->statements[i] == NULL)
        return FALSE;
    }
  return TRUE;
}

static void
remove_files (const char *path)
{
  static const char * const suffixes[] = { "", "-wal", "-shm", "-journal" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (path, suffixes[i], NULL);

      g_unlink (name);
    }
}

/* Bytes of the smallest SQLite file; SQLite would take a shorter one for an empty one and write over it. */
#define SMALLEST_FILE 512

/* Makes @path as an empty file; @exists is set when it was there and may be resumed. */
static gboolean
make_file (const char  *path,
           gboolean     may_resume,
           gboolean    *exists,
           GError     **error)
{
  int fd = g_open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  int saved = errno;
  GStatBuf status;

  *exists = fd < 0 && saved == EEXIST;
  if (fd >= 0)
    {
      close (fd);
      return TRUE;
    }
  if (*exists && !may_resume)
    g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: already exists", path);
  else if (!*exists || g_stat (path, &status) != 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: " CANNOT_WRITE ": %s", path, g_strerror (saved));
  else if (!S_ISREG (status.st_mode))
    g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: is not a file", path);
  else if (status.st_size > 0 && status.st_size < SMALLEST_FILE)
    g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: exists and is not a Moescope recording", path);
  else
    return TRUE;
  return FALSE;
}

MoeRecordingWriter *
moe_recording_writer_new (const char            *path,
                          const MoeModelInfo    *info,
                          const MoeRunSettings  *settings,
                          gboolean               resume,
                          GError               **error)
{
  MoeRecordingWriter *self;
  MoeRecordingShape shape;
  gboolean exists;
  gsize row_bytes = 0;

  g_return_val_if_fail (path != NULL && info != NULL && settings != NULL, NULL);
  g_return_val_if_fail (settings->cache != NULL && settings->kernels != NULL, NULL);

  moe_recording_shape_init (&shape, info);
  if (!moe_recording_shape_check (&shape, error))
    {
      g_prefix_error (error, "%s: cannot hold ", path);
      return NULL;
    }
  for (guint i = 0; i < MOE_N_BLOBS; i++)
    row_bytes += moe_recording_blob_count (i, &shape) * moe_recording_blob_get_size (i);

  self = g_new0 (MoeRecordingWriter, 1);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  g_queue_init (&self->queue);
  self->path = g_strdup (path);
  self->shape = shape;
  self->buffer = g_malloc (row_bytes);

  /* Not opened before the lock is ours. */
  if (!resume && g_file_test (path, G_FILE_TEST_EXISTS))
    g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: already exists", path);
  else
    self->lock = moe_file_lock_take (path, error);
  if (self->lock == NULL || !make_file (path, resume, &exists, error))
    {
      writer_free (self);
      return NULL;
    }

  self->db = moe_recording_create (path, exists, info, settings, &self->n_prompts, &self->n_tokens, error);
  if (self->db == NULL || !prepare_statements (self, error))
    {
      if (!exists)
        remove_files (path);
      writer_free (self);
      return NULL;
    }

  self->thread = g_thread_new ("recording", write_thread, self);
  return self;
}

guint
moe_recording_writer_get_n_prompts (MoeRecordingWriter *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->n_prompts;
}

gint64
moe_recording_writer_get_n_tokens (MoeRecordingWriter *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->n_tokens;
}

void
moe_recording_writer_begin_prompt (MoeRecordingWriter *self,
                                   const char         *text)
{
  g_return_if_fail (self != NULL && text != NULL);
  g_return_if_fail (!self->in_prompt);

  self->in_prompt = TRUE;
  push (self, (Entry) {
    .kind = ENTRY_BEGIN_PROMPT,
    .number = self->n_prompts,
    .text = g_bytes_new (text, strlen (text)),
  });
}

void
moe_recording_writer_add_token (MoeRecordingWriter *self,
                                MoeTokenRecord     *record,
                                const char         *token_text,
                                gsize               token_text_length)
{
  g_return_if_fail (self != NULL && record != NULL);
  g_return_if_fail (token_text != NULL || token_text_length == 0);
  g_return_if_fail (self->in_prompt);
  g_return_if_fail (record->id == self->n_tokens && record->prompt == self->n_prompts);
  g_return_if_fail (record->n_moe_layers == self->shape.n_moe_layers &&
                    record->n_slots == self->shape.n_slots &&
                    record->n_layers == self->shape.n_layers &&
                    record->n_heads == self->shape.n_heads &&
                    (record->has_shared != FALSE) == (self->shape.n_shared > 0) &&
                    (record->attention_sink != NULL) == (self->shape.has_sinks != FALSE));

  self->n_tokens++;
  push (self, (Entry) {
    .kind = ENTRY_TOKEN,
    .record = moe_token_record_ref (record),
    .text = g_bytes_new (token_text, token_text_length),
  });
}

void
moe_recording_writer_end_prompt (MoeRecordingWriter *self)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (self->in_prompt);

  push (self, (Entry) { .kind = ENTRY_END_PROMPT, .number = self->n_prompts });
  self->in_prompt = FALSE;
  self->n_prompts++;
}

void
moe_recording_writer_add_mask (MoeRecordingWriter *self,
                               gint64              token_id,
                               const MoeMask      *mask)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (token_id >= self->n_tokens);

  push (self, (Entry) {
    .kind = ENTRY_MASK,
    .number = token_id,
    .mask = mask != NULL ? moe_mask_ref ((MoeMask *) mask) : NULL,
  });
}

void
moe_recording_writer_add_note (MoeRecordingWriter *self,
                               gint64              token_id,
                               const char         *note)
{
  g_return_if_fail (self != NULL && note != NULL);
  g_return_if_fail (token_id >= 0);

  push (self, (Entry) {
    .kind = ENTRY_NOTE,
    .number = token_id,
    .text = g_bytes_new (note, strlen (note)),
  });
}

gboolean
moe_recording_writer_flush (MoeRecordingWriter  *self,
                            GError             **error)
{
  guint64 ticket;
  gboolean ok;

  g_return_val_if_fail (self != NULL, FALSE);

  ticket = push (self, (Entry) { .kind = ENTRY_FLUSH });
  g_mutex_lock (&self->mutex);
  while (self->n_done < ticket)
    g_cond_wait (&self->changed, &self->mutex);
  ok = self->error == NULL;
  if (!ok)
    g_propagate_error (error, g_error_copy (self->error));
  g_mutex_unlock (&self->mutex);
  return ok;
}

gboolean
moe_recording_writer_close (MoeRecordingWriter  *self,
                            gboolean             finished,
                            GError             **error)
{
  gboolean ok;

  g_return_val_if_fail (self != NULL, FALSE);

  push (self, (Entry) { .kind = ENTRY_CLOSE, .finished = finished });
  g_thread_join (self->thread);

  ok = self->error == NULL;
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&self->error));
  writer_free (self);
  return ok;
}
