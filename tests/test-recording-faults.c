/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-recording-faults"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <sqlite3.h>

#include "data/moe-error.h"
#include "data/moe-recording-writer.h"
#include "data/moe-recording.h"
#include "tests/support/moe-test-recording.h"

typedef MoeTestRecording Fixture;

static void
check_open_fails (const char *path,
                  int         code,
                  const char *part)
{
  g_autoptr(GError) error = NULL;
  MoeRecording *recording = moe_recording_open (path, &error);

  g_assert_null (recording);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_true (error->domain == MOE_ERROR);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, part));
  g_assert_cmpint (error->code, ==, code);
}

static void
check_new_fails (const char *path,
                 gboolean    resume,
                 int         code,
                 const char *part)
{
  g_autoptr(MoeModelInfo) info = moe_test_info_new (TRUE);
  g_autoptr(GError) error = NULL;
  MoeRecordingWriter *writer = moe_test_writer_new (path, info, resume, &error);

  g_assert_null (writer);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, part));
  g_assert_error (error, MOE_ERROR, code);
}

static void
run_sql (const char *path,
         const char *sql)
{
  sqlite3 *db = NULL;
  char *message = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, sql, NULL, NULL, &message);
  g_assert_cmpstr (message, ==, NULL);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

static void
test_foreign_files (Fixture       *fixture,
                    gconstpointer  data)
{
  GError *error = NULL;

  check_open_fails (fixture->path, MOE_ERROR_IO, "No such file");
  check_open_fails (fixture->folder, MOE_ERROR_IO, "not a file");
  check_open_fails ("/dev/zero", MOE_ERROR_IO, "not a file");

  g_file_set_contents (fixture->path, "", 0, &error);
  g_assert_no_error (error);
  check_open_fails (fixture->path, MOE_ERROR_FORMAT, "not a Moescope recording");
  g_file_set_contents (fixture->path, "This is a letter to a friend. It is no database at all.", -1, &error);
  check_open_fails (fixture->path, MOE_ERROR_FORMAT, "not a Moescope recording");
  g_unlink (fixture->path);
  run_sql (fixture->path, "CREATE TABLE token (id INTEGER PRIMARY KEY); PRAGMA user_version = 1;");
  check_open_fails (fixture->path, MOE_ERROR_FORMAT, "not a Moescope recording");
  check_new_fails (fixture->path, TRUE, MOE_ERROR_MISMATCH, "not a Moescope recording");
}

static gboolean
count_record (MoeTokenRecord *record,
              const char     *text,
              gsize           text_length,
              gpointer        user_data)
{
  (*(guint *) user_data)++;
  return TRUE;
}

static void
ignore_mask (gint64         token_id,
             const MoeMask *mask,
             gpointer       user_data)
{
}

/* Whatever was done to the file, it is read or refused, never more. */
static void
use (const char *path)
{
  static const char * const queries[] =
  {
    "SELECT sum(expert), sum(weight), sum(channel) FROM routing",
    "SELECT sum(top1), sum(median) FROM residual",
    "SELECT sum(to_first) FROM attention",
    "SELECT sum(max_down) FROM shared",
    "SELECT * FROM prompt",
  };
  g_autoptr(MoeRecording) recording = moe_recording_open (path, NULL);
  guint n = 0;

  if (recording == NULL)
    return;
  moe_recording_foreach (recording, 0, -1, count_record, &n, NULL);
  moe_recording_foreach_mask (recording, ignore_mask, NULL, NULL);
  g_free (moe_recording_dup_prompt (recording, 0));
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      MoeTable *table = moe_recording_query (recording, queries[i], NULL);

      if (table != NULL)
        moe_table_unref (table);
    }
}

static void
test_damaged_bytes (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (11);
  g_autofree char *bytes = NULL;
  GError *error = NULL;
  gsize length;

  g_ptr_array_unref (moe_test_write_recording (fixture->path, fixture->info, 1, 2, 20));
  g_file_get_contents (fixture->path, &bytes, &length, &error);
  g_assert_no_error (error);

  for (gsize n = 0; n < length; n += length / 23)
    {
      g_file_set_contents (fixture->path, bytes, (gssize) n, &error);
      g_assert_no_error (error);
      if (n >= 16384)
        check_open_fails (fixture->path, MOE_ERROR_FORMAT, "damaged");
      else
        use (fixture->path);
    }

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *copy = g_memdup2 (bytes, length);
      guint n_changes = 1 + g_rand_int_range (random, 0, 20);

      for (guint j = 0; j < n_changes; j++)
        {
          /* Half of the changes in the first page, where the schema and the run row's page are found. */
          gsize at = (gsize) g_rand_int_range (random, 0,
                                               (gint32) (g_rand_boolean (random) ? 16384 : length));

          copy[at] = (char) g_rand_int (random);
        }
      g_file_set_contents (fixture->path, copy, (gssize) length, &error);
      g_assert_no_error (error);
      use (fixture->path);
    }
}

/* What opening refuses. */
static void
test_damaged_run (Fixture       *fixture,
                  gconstpointer  data)
{
  static const struct { const char *sql; int code; const char *part; } cases[] =
  {
    { "PRAGMA user_version = 3", MOE_ERROR_UNSUPPORTED, "newer" },
    { "PRAGMA user_version = 0", MOE_ERROR_FORMAT, "version" },
    { "PRAGMA application_id = 7", MOE_ERROR_FORMAT, "not a Moescope recording" },
    { "DELETE FROM run", MOE_ERROR_FORMAT, "run row" },
    { "UPDATE run SET layers = 5000", MOE_ERROR_LIMIT, "5000 layers" },
    { "UPDATE run SET layers = -1", MOE_ERROR_FORMAT, "run row" },
    { "UPDATE run SET layers = 99999999999", MOE_ERROR_FORMAT, "run row" },
    { "UPDATE run SET experts = 65535", MOE_ERROR_LIMIT, "65535 experts" },
    { "UPDATE run SET experts_used = 12", MOE_ERROR_FORMAT, "12 of 11 experts" },
    { "UPDATE run SET experts_used = 0", MOE_ERROR_FORMAT, "0 of 11 experts" },
    { "UPDATE run SET heads = 5000", MOE_ERROR_LIMIT, "5000 heads" },
    { "UPDATE run SET width = 70000", MOE_ERROR_LIMIT, "70000 channels" },
    { "UPDATE run SET layers = 4096, heads = 4096", MOE_ERROR_LIMIT, "heads in all layers" },
    { "UPDATE run SET moe_layers = '[1,2,5]'", MOE_ERROR_FORMAT, "MoE layers" },
    { "UPDATE run SET moe_layers = '[2,1]'", MOE_ERROR_FORMAT, "MoE layers" },
    { "UPDATE run SET moe_layers = '[]'", MOE_ERROR_FORMAT, "MoE layers" },
    { "UPDATE run SET moe_layers = '[1,2'", MOE_ERROR_FORMAT, "MoE layers" },
    { "UPDATE run SET moe_layers = '[1, 2]'", MOE_ERROR_FORMAT, "MoE layers" },
    { "UPDATE run SET moe_layers = ''", MOE_ERROR_FORMAT, "MoE layers" },
    { "UPDATE run SET gating = 'guess'", MOE_ERROR_FORMAT, "run row" },
    { "DELETE FROM token WHERE id = 7", MOE_ERROR_FORMAT, "gaps" },
    { "UPDATE token SET id = 4611686018427387904 WHERE id = 39", MOE_ERROR_FORMAT, "gaps" },
    { "DELETE FROM prompt WHERE id = 0", MOE_ERROR_FORMAT, "gaps" },
    { "CREATE VIEW v AS SELECT 1", MOE_ERROR_FORMAT, "views" },
    { "CREATE TRIGGER t AFTER INSERT ON note BEGIN SELECT 1; END", MOE_ERROR_FORMAT, "triggers" },
    { "CREATE TABLE Routing (layer, expert)", MOE_ERROR_FORMAT, "tables" },
    { "CREATE VIRTUAL TABLE f USING fts5 (a)", MOE_ERROR_FORMAT, "tables" },
    { "DROP TABLE prompt", MOE_ERROR_FORMAT, "no such table" },
  };
  g_autofree char *bytes = NULL;
  GError *error = NULL;
  gsize length;

  g_ptr_array_unref (moe_test_write_recording (fixture->path, fixture->info, 1, 2, 20));
  g_file_get_contents (fixture->path, &bytes, &length, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].sql);
      g_file_set_contents (fixture->path, bytes, (gssize) length, &error);
      g_assert_no_error (error);
      run_sql (fixture->path, cases[i].sql);
      check_open_fails (fixture->path, cases[i].code, cases[i].part);
      use (fixture->path);
    }
}

/* What is found when the tokens are read: by foreach, and by the virtual table that unpacks the blob. */
static void
test_damaged_tokens (Fixture       *fixture,
                     gconstpointer  data)
{
  static const struct { const char *sql, *part, *query; } cases[] =
  {
    { "UPDATE token SET experts = zeroblob(17) WHERE id = 33", "experts", "SELECT sum(weight) FROM routing" },
    { "UPDATE token SET experts = x'' WHERE id = 33", "experts", "SELECT sum(slot) FROM routing" },
    { "UPDATE token SET weights = zeroblob(20) WHERE id = 33", "weights", "SELECT sum(weight) FROM routing" },
    { "UPDATE token SET shared_norm = NULL WHERE id = 33", "shared_norm",
      "SELECT sum(down_norm) FROM shared" },
    { "UPDATE token SET residual_top = zeroblob(4) WHERE id = 33", "residual_top",
      "SELECT sum(top2) FROM residual" },
    { "UPDATE token SET residual_median = zeroblob(1000) WHERE id = 33", "residual_median",
      "SELECT sum(median) FROM residual" },
    { "UPDATE token SET attention_entropy = zeroblob(58) WHERE id = 33", "attention_entropy",
      "SELECT sum(entropy) FROM attention" },
    { "UPDATE token SET attention_sink = NULL WHERE id = 33", "attention_sink",
      "SELECT sum(to_sink) FROM attention" },
    { "UPDATE token SET experts = CAST(x'0b00' || substr(experts, 3) AS BLOB) WHERE id = 33", "expert number",
      "SELECT count(*) FROM routing" },
    { "UPDATE token SET down_channel = CAST(x'2800' || substr(down_channel, 3) AS BLOB) WHERE id = 33",
      "channel", NULL },
    { "UPDATE token SET shared_channel = CAST(x'ffff' || substr(shared_channel, 3) AS BLOB) WHERE id = 33",
      "channel", NULL },
    { "UPDATE token SET residual_channel = CAST(x'2800' || substr(residual_channel, 3) AS BLOB) WHERE id = "
      "33", "channel", NULL },
    { "UPDATE token SET phase = 'asleep' WHERE id = 33", "phase", "SELECT count(*) FROM residual" },
    { "UPDATE token SET token_id = 1000 WHERE id = 33", "token number", NULL },
    { "UPDATE token SET token_id = -1 WHERE id = 33", "token number", NULL },
    { "UPDATE token SET position = -1 WHERE id = 33", "position", NULL },
    { "UPDATE token SET position = 5000000000 WHERE id = 33", "position", NULL },
    { "UPDATE token SET prompt = -1 WHERE id = 33", "prompt number", NULL },
    { "UPDATE token SET prompt = 2 WHERE id = 33", "prompt number", NULL },
  };
  g_autofree char *bytes = NULL;
  GError *error = NULL;
  gsize length;

  g_ptr_array_unref (moe_test_write_recording (fixture->path, fixture->info, 1, 2, 20));
  g_file_get_contents (fixture->path, &bytes, &length, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(MoeRecording) recording = NULL;
      g_autoptr(GError) read_error = NULL, query_error = NULL;
      guint n = 0;

      g_test_message ("%s", cases[i].sql);
      g_file_set_contents (fixture->path, bytes, (gssize) length, &error);
      g_assert_no_error (error);
      run_sql (fixture->path, cases[i].sql);

      recording = moe_recording_open (fixture->path, &error);
      g_assert_no_error (error);
      g_assert_false (moe_recording_foreach (recording, 0, -1, count_record, &n, &read_error));
      g_assert_error (read_error, MOE_ERROR, MOE_ERROR_FORMAT);
      g_assert_nonnull (strstr (read_error->message, cases[i].part));
      g_assert_nonnull (strstr (read_error->message, "token 33"));
      g_assert_cmpuint (n, ==, 33);
      if (cases[i].query == NULL)
        continue;
      g_assert_null (moe_recording_query (recording, cases[i].query, &query_error));
      g_assert_error (query_error, MOE_ERROR, MOE_ERROR_FORMAT);
    }
}

static void
test_damaged_mask (Fixture       *fixture,
                   gconstpointer  data)
{
  static const char * const values[] =
  {
    "99, 0, 'disable', 'refill', 0, 'both', 0",
    "1, 11, 'disable', 'refill', 0, 'both', 0",
    "-5000000000, 0, 'disable', 'refill', 0, 'both', 0",
    "1, 0, 'explode', 'refill', 0, 'both', 0",
    "1, 0, 'disable', 'gently', 0, 'both', 0",
    "1, 0, 'bias', '', 9e999, 'both', 0",
    "1, 0, 'disable', 'refill', 0, 'elsewhere', 0",
    "1, 0, 'disable', 'refill', 0, 'both', -1",
  };
  GError *error = NULL;

  g_ptr_array_unref (moe_test_write_recording (fixture->path, fixture->info, 1, 1, 2));
  run_sql (fixture->path, "INSERT INTO mask_event (id, token) VALUES (1, 0)");
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr(MoeRecording) recording = NULL;
      g_autoptr(GError) mask_error = NULL;
      g_autofree char *sql = g_strdup_printf ("DELETE FROM mask_intervention; INSERT INTO mask_intervention "
                                              "VALUES (1, 0, %s)", values[i]);

      g_test_message ("%s", values[i]);
      run_sql (fixture->path, sql);
      recording = moe_recording_open (fixture->path, &error);
      g_assert_no_error (error);
      g_assert_false (moe_recording_foreach_mask (recording, ignore_mask, NULL, &mask_error));
      g_assert_error (mask_error, MOE_ERROR, MOE_ERROR_FORMAT);
    }
}

static void
test_no_place (Fixture       *fixture,
               gconstpointer  data)
{
  g_autofree char *file = g_build_filename (fixture->folder, "plain", NULL);
  g_autofree char *below_file = g_build_filename (file, "a.moescope", NULL);
  g_autofree char *nowhere = g_build_filename (fixture->folder, "none", "a.moescope", NULL);

  g_file_set_contents (file, "x", 1, NULL);
  check_new_fails (below_file, FALSE, MOE_ERROR_IO, "Not a directory");
  check_new_fails (below_file, TRUE, MOE_ERROR_IO, "Not a directory");
  check_new_fails (nowhere, FALSE, MOE_ERROR_IO, "No such file");
  check_new_fails ("/proc/a.moescope", FALSE, MOE_ERROR_IO, "cannot be written");
  check_new_fails (fixture->folder, TRUE, MOE_ERROR_IO, "not a file");

  /* What was there stays as it was. */
  check_new_fails (file, FALSE, MOE_ERROR_IO, "already exists");
  check_new_fails (file, TRUE, MOE_ERROR_MISMATCH, "not a Moescope recording");
  {
    g_autofree char *contents = NULL;

    g_file_get_contents (file, &contents, NULL, NULL);
    g_assert_cmpstr (contents, ==, "x");
  }
  {
    g_autofree char *text = g_strnfill (3000, 'x');
    g_autofree char *contents = NULL;

    g_file_set_contents (file, text, -1, NULL);
    check_new_fails (file, TRUE, MOE_ERROR_FORMAT, "not a database");
    g_file_get_contents (file, &contents, NULL, NULL);
    g_assert_cmpstr (contents, ==, text);
  }
}

static void
test_impossible_model (Fixture       *fixture,
                       gconstpointer  data)
{
  g_autoptr(GError) error = NULL;

  fixture->info->n_used = 12;
  g_assert_null (moe_test_writer_new (fixture->path, fixture->info, FALSE, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
}

static void
test_two_writers (Fixture       *fixture,
                  gconstpointer  data)
{
  g_autofree char *lock = g_strconcat (fixture->path, "-lock", NULL);
  g_autoptr(GRand) random = g_rand_new_with_seed (1);
  g_autoptr(MoeRecording) recording = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;
  int status;
  pid_t child;

  writer = moe_test_writer_new (fixture->path, fixture->info, FALSE, &error);
  g_assert_no_error (error);
  check_new_fails (fixture->path, TRUE, MOE_ERROR_IO, "another run");

  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      g_autoptr(GError) child_error = NULL;
      MoeRecordingWriter *second = moe_test_writer_new (fixture->path, fixture->info, TRUE, &child_error);

      _exit (second == NULL && g_error_matches (child_error, MOE_ERROR, MOE_ERROR_IO) ? 42 : 1);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 42);

  /* The one that was there first did not notice. */
  g_ptr_array_unref (moe_test_write_prompts (writer, fixture->info, random, 1, 5));
  moe_recording_writer_close (writer, FALSE, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (lock, G_FILE_TEST_EXISTS));
  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moe_recording_get_n_tokens (recording), ==, 5);
}

static void
test_resume (Fixture       *fixture,
             gconstpointer  data)
{
  static const MoeIntervention intervention = { 1, 1, MOE_ACTION_DISABLE, MOE_MODE_ZERO, 0, MOE_SCOPE_BOTH,
                                                0 };
  g_autoptr(MoeMask) mask = moe_mask_new (&intervention, 1);
  g_autoptr(GRand) random = g_rand_new_with_seed (1);
  g_autoptr(GPtrArray) before = NULL, after = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GError) mismatch = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;
  guint n = 0;

  /* Two prompts, and a third that is not finished. */
  writer = moe_test_writer_new (fixture->path, fixture->info, TRUE, &error);
  g_assert_no_error (error);
  moe_recording_writer_add_mask (writer, 0, mask);
  before = moe_test_write_prompts (writer, fixture->info, random, 2, 10);
  moe_recording_writer_begin_prompt (writer, "unfinished");
  moe_recording_writer_add_mask (writer, 20, NULL);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr(MoeTokenRecord) record = moe_test_record_new (fixture->info, random, 20 + i, 2, i,
                                                              MOE_PHASE_PROMPT);

      moe_recording_writer_add_token (writer, record, "x", 1);
    }
  moe_recording_writer_add_note (writer, 22, "gone");
  moe_recording_writer_add_note (writer, 19, "kept");
  moe_recording_writer_close (writer, FALSE, &error);
  g_assert_no_error (error);

  /* Not with another model or other settings. */
  {
    g_autoptr(MoeModelInfo) other = moe_test_info_new (TRUE);
    MoeRunSettings settings = { 512, "f32", "auto", G_MAXUINT64 - 6, "{\"max_tokens\": 7}" };

    other->fingerprint[0] = 'f';
    g_assert_null (moe_test_writer_new (fixture->path, other, TRUE, &mismatch));
    g_assert_error (mismatch, MOE_ERROR, MOE_ERROR_MISMATCH);
    g_clear_error (&mismatch);
    g_assert_null (moe_recording_writer_new (fixture->path, fixture->info, &settings, TRUE, &mismatch));
    g_assert_error (mismatch, MOE_ERROR, MOE_ERROR_MISMATCH);
    g_assert_nonnull (strstr (mismatch->message, "cache"));
  }

  writer = moe_test_writer_new (fixture->path, fixture->info, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_recording_writer_get_n_prompts (writer), ==, 2);
  g_assert_cmpint (moe_recording_writer_get_n_tokens (writer), ==, 20);
  moe_recording_writer_add_mask (writer, 20, mask);
  after = moe_test_write_prompts (writer, fixture->info, random, 2, 10);
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);

  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moe_recording_get_n_tokens (recording), ==, 40);
  g_assert_cmpuint (moe_recording_get_n_prompts (recording), ==, 4);
  g_assert_true (moe_recording_foreach (recording, 0, -1, count_record, &n, &error));
  g_assert_cmpuint (n, ==, 40);
  table = moe_recording_query (recording,
                               "SELECT (SELECT group_concat(text) FROM note), "
                               "(SELECT group_concat(token || ':' || (SELECT count(*) FROM mask_intervention "
                               "WHERE event = id)) FROM mask_event), "
                               "(SELECT group_concat(text) FROM prompt)", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (moe_table_get_text (table, 0, 0), ==, "kept");
  g_assert_cmpstr (moe_table_get_text (table, 0, 1), ==, "0:1,20:1");
  g_assert_cmpstr (moe_table_get_text (table, 0, 2), ==, "prompt 0,prompt 1,prompt 2,prompt 3");

  check_new_fails (fixture->path, TRUE, MOE_ERROR_MISMATCH, "finished");
  check_new_fails (fixture->path, FALSE, MOE_ERROR_IO, "already exists");
}

/* A run killed while it made its file. */
static void
test_resume_empty (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (1);
  MoeRecordingWriter *writer;
  GError *error = NULL;

  g_file_set_contents (fixture->path, "", 0, &error);
  writer = moe_test_writer_new (fixture->path, fixture->info, TRUE, &error);
  g_assert_no_error (error);
  g_ptr_array_unref (moe_test_write_prompts (writer, fixture->info, random, 1, 3));
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
}

typedef struct
{
  GPtrArray *records; /* of MoeTokenRecord */
  guint      at;
} Walk;

static gboolean
check_record (MoeTokenRecord *record,
              const char     *text,
              gsize           text_length,
              gpointer        user_data)
{
  Walk *walk = user_data;

  moe_test_record_check_equal (g_ptr_array_index (walk->records, walk->at++), record);
  return TRUE;
}

/* A file of version 1, which could not hold learned sinks, is read as it was written. */
static void
test_version_1 (Fixture       *fixture,
                gconstpointer  data)
{
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GPtrArray) records = moe_test_write_recording (fixture->path, info, 1, 2, 20);
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  Walk walk = { records };
  GError *error = NULL;

  run_sql (fixture->path, "ALTER TABLE token DROP COLUMN attention_sink;"
                          "ALTER TABLE run DROP COLUMN learned_sinks; PRAGMA user_version = 1;");
  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_false (moe_recording_get_info (recording)->learned_sinks);
  g_assert_true (moe_recording_foreach (recording, 0, -1, check_record, &walk, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (walk.at, ==, records->len);

  table = moe_recording_query (recording, "SELECT count(entropy), count(to_sink) FROM attention", &error);
  g_assert_no_error (error);
  g_assert_cmpint (moe_table_get_int (table, 0, 0), ==, records->len * info->n_layers * info->n_heads);
  g_assert_cmpint (moe_table_get_int (table, 0, 1), ==, 0);
}

static void
test_sinks (Fixture       *fixture,
            gconstpointer  data)
{
  g_autoptr(GPtrArray) records = moe_test_write_recording (fixture->path, fixture->info, 1, 1, 5);
  const MoeTokenRecord *record = g_ptr_array_index (records, 3);
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  GError *error = NULL;

  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_get_info (recording)->learned_sinks);
  table = moe_recording_query (recording, "SELECT to_sink FROM attention WHERE token = 3", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, fixture->info->n_layers * fixture->info->n_heads);
  for (guint i = 0; i < moe_table_get_n_rows (table); i++)
    g_assert_cmpfloat (moe_table_get_double (table, i, 0), ==, moe_half_to_float (record->attention_sink[i]));
}

#define ADD(name, func) \
  g_test_add ("/recording-faults/" name, Fixture, NULL, moe_test_set_up, func, moe_test_tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("foreign-files", test_foreign_files);
  ADD ("damaged-bytes", test_damaged_bytes);
  ADD ("damaged-run", test_damaged_run);
  ADD ("damaged-tokens", test_damaged_tokens);
  ADD ("damaged-mask", test_damaged_mask);
  ADD ("no-place", test_no_place);
  ADD ("impossible-model", test_impossible_model);
  ADD ("two-writers", test_two_writers);
  ADD ("resume", test_resume);
  ADD ("resume-empty", test_resume_empty);
  ADD ("version-1", test_version_1);
  ADD ("sinks", test_sinks);
  return g_test_run ();
}
