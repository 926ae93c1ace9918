/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-recording-crash"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "data/moe-error.h"
#include "data/moe-recording-writer.h"
#include "data/moe-recording.h"
#include "tests/support/moe-test-recording.h"

typedef MoeTestRecording Fixture;

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
test_file_deleted (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (1);
  g_autoptr(GError) flush_error = NULL, close_error = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;

  writer = moe_test_writer_new (fixture->path, fixture->info, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_writer_flush (writer, &error));
  g_unlink (fixture->path);
  g_ptr_array_unref (moe_test_write_prompts (writer, fixture->info, random, 1, 100));
  g_assert_false (moe_recording_writer_flush (writer, &flush_error));
  g_assert_error (flush_error, MOE_ERROR, MOE_ERROR_IO);
  /* Told once more, and nobody waits for ever. */
  g_ptr_array_unref (moe_test_write_prompts (writer, fixture->info, random, 1, 1000));
  g_assert_false (moe_recording_writer_close (writer, TRUE, &close_error));
  g_assert_error (close_error, MOE_ERROR, MOE_ERROR_IO);
}

/* The disk is full: files may not grow beyond 600 kB. What fitted is kept, and it is said. */
static void
test_disk_full (Fixture       *fixture,
                gconstpointer  data)
{
  g_autoptr(MoeRecording) recording = NULL;
  GError *error = NULL;
  guint n = 0;
  int status;
  pid_t child = fork ();

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      struct rlimit limit = { 600 * 1024, 600 * 1024 };
      g_autoptr(GRand) random = g_rand_new_with_seed (1);
      g_autoptr(GError) new_error = NULL, flush_error = NULL, close_error = NULL;
      MoeRecordingWriter *writer;

      signal (SIGXFSZ, SIG_IGN);
      setrlimit (RLIMIT_FSIZE, &limit);
      writer = moe_test_writer_new (fixture->path, fixture->info, FALSE, &new_error);
      if (writer == NULL)
        _exit (1);
      for (guint i = 0; i < 30; i++)
        g_ptr_array_unref (moe_test_write_prompts (writer, fixture->info, random, 1, 100));
      if (moe_recording_writer_flush (writer, &flush_error) ||
          !g_error_matches (flush_error, MOE_ERROR, MOE_ERROR_IO) ||
          !g_str_has_prefix (flush_error->message, fixture->path))
        _exit (2);
      if (moe_recording_writer_close (writer, TRUE, &close_error) ||
          g_strcmp0 (close_error->message, flush_error->message) != 0)
        _exit (3);
      _exit (42);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 42);

  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_false (moe_recording_is_finished (recording));
  g_assert_true (moe_recording_foreach (recording, 0, -1, count_record, &n, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n, >=, 64);
  g_assert_cmpuint (n, <, 3000);
}

typedef struct
{
  gint64 id;
  gint64 time; /* after it was handed to the writer */
} Sent;

static void
record_until_killed (Fixture *fixture,
                     int      pipe_end)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (1);
  MoeRecordingWriter *writer = moe_test_writer_new (fixture->path, fixture->info, FALSE, NULL);

  if (writer == NULL)
    _exit (1);
  for (gint64 id = 0; ; id++)
    {
      g_autoptr(MoeTokenRecord) record = NULL;
      guint prompt = (guint) id / 100;
      Sent sent = { id, 0 };

      if (id % 100 == 0)
        {
          if (id > 0)
            moe_recording_writer_end_prompt (writer);
          moe_recording_writer_begin_prompt (writer, "again and again");
        }
      record = moe_test_record_new (fixture->info, random, id, prompt, (guint) id % 100, MOE_PHASE_ANSWER);
      moe_recording_writer_add_token (writer, record, "x", 1);
      sent.time = g_get_monotonic_time ();
      if (write (pipe_end, &sent, sizeof sent) != sizeof sent)
        _exit (1);
      g_usleep (3000);
    }
}

static void
test_killed (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr(MoeRecording) recording = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;
  Sent sent, last = { -1, 0 };
  gint64 first_time = 0, safe = -1;
  g_autoptr(GArray) all = g_array_new (FALSE, FALSE, sizeof (Sent));
  int ends[2], status;
  guint n = 0;
  pid_t child;

  g_assert_cmpint (pipe (ends), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      close (ends[0]);
      record_until_killed (fixture, ends[1]);
    }
  close (ends[1]);

  /* 0.8 seconds into it and in the middle of a prompt. */
  while (read (ends[0], &sent, sizeof sent) == sizeof sent)
    {
      g_array_append_val (all, sent);
      last = sent;
      first_time = first_time == 0 ? sent.time : first_time;
      if (sent.time - first_time > 800 * 1000 && sent.id > 120 && sent.id % 100 == 50)
        kill (child, SIGKILL);
    }
  close (ends[0]);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);

  for (guint i = 0; i < all->len; i++)
    {
      if (g_array_index (all, Sent, i).time <= last.time - 250 * 1000)
        safe = g_array_index (all, Sent, i).id;
    }
  g_assert_cmpint (safe, >, 20);

  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_test_message ("%" G_GINT64_FORMAT " sent, %" G_GINT64_FORMAT " a quarter second old, "
                  "%" G_GINT64_FORMAT " kept",
                  last.id + 1, safe + 1, moe_recording_get_n_tokens (recording));
  g_assert_cmpint (moe_recording_get_n_tokens (recording), >, safe);
  g_assert_cmpint (moe_recording_get_n_tokens (recording), <=, last.id + 1);
  g_assert_false (moe_recording_is_finished (recording));
  g_assert_true (moe_recording_foreach (recording, 0, -1, count_record, &n, &error));
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, moe_recording_get_n_tokens (recording));

  /* The lock died with its owner; the unfinished prompt is taken out. */
  g_clear_pointer (&recording, moe_recording_free);
  writer = moe_test_writer_new (fixture->path, fixture->info, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moe_recording_writer_get_n_tokens (writer), ==,
                   100 * (gint64) moe_recording_writer_get_n_prompts (writer));
  g_assert_cmpint (moe_recording_writer_get_n_tokens (writer), >=, safe / 100 * 100);
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_is_finished (recording));
}

#define ADD(name, func) \
  g_test_add ("/recording-crash/" name, Fixture, NULL, moe_test_set_up, func, moe_test_tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("file-deleted", test_file_deleted);
  ADD ("disk-full", test_disk_full);
  ADD ("killed", test_killed);
  return g_test_run ();
}
