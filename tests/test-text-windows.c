/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-text-windows"

#include <string.h>

#include "analysis/moe-text-windows.h"
#include "data/moe-error.h"
#include "data/moe-recording.h"
#include "tests/support/moe-planted-run.h"
#include "tests/support/moe-test-recording.h"

#define LENGTH 16

typedef struct
{
  MoePlantedRun  run;
  char          *path;   /* of the text */
  gint32        *tokens; /* (n_tokens) of the whole text */
  gsize          n_tokens;
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  g_autoptr(GString) text = g_string_new (NULL);

  moe_planted_run_set_up (&self->run, data);
  for (guint i = 0; i < 100; i++)
    g_string_append_printf (text, "the %u. line of a long text\n", i * i);
  self->path = g_build_filename (self->run.folder, "text.txt", NULL);
  g_assert_true (g_file_set_contents (self->path, text->str, (gssize) text->len, NULL));
  self->tokens = moe_tokenizer_encode (moe_model_get_tokenizer (self->run.model), text->str, text->len,
                                       MOE_TOKENIZE_DEFAULT, &self->n_tokens);
  g_assert_cmpuint (self->n_tokens, >, 12 * LENGTH);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  g_free (self->path);
  g_free (self->tokens);
  moe_planted_run_tear_down (&self->run, data);
}

static MoeTextWindows *
cut (Fixture *self,
     guint    length,
     guint    n)
{
  GError *error = NULL;
  MoeTextWindows *windows = moe_text_windows_new (moe_model_get_tokenizer (self->run.model), self->path,
                                                  length, n, &error);

  g_assert_no_error (error);
  return windows;
}

/* All windows are the text in its order; fewer are the middles of as many parts. */
static void
test_places (Fixture       *self,
             gconstpointer  data)
{
  guint n_whole = (guint) (self->n_tokens / LENGTH);
  const guint counts[] = { 0, 1, 3, 7, n_whole };

  for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
    {
      g_autoptr(MoeTextWindows) windows = cut (self, LENGTH, counts[c]);
      guint n = counts[c] > 0 ? counts[c] : n_whole;

      g_assert_cmpuint (moe_text_windows_get_n (windows), ==, n);
      for (guint i = 0; i < n; i++)
        {
          guint place = n == n_whole ? i : (guint) ((i + 0.5) * n_whole / n);

          g_assert_cmpmem (moe_text_windows_get (windows, i), LENGTH * sizeof (gint32),
                           self->tokens + (gsize) place * LENGTH, LENGTH * sizeof (gint32));
        }
    }
}

/* Cancels after some windows. */
typedef struct
{
  GCancellable *cancellable;
  guint         n;
} Patience;

static void
on_report (double      fraction,
           const char *what,
           gpointer    user_data)
{
  Patience *self = user_data;

  if (self->n-- == 0)
    g_cancellable_cancel (self->cancellable);
}

/* Runs into @path, going on with what is there; gives up after @n windows. */
static void
record (Fixture        *self,
        MoeTextWindows *windows,
        const char     *path,
        gboolean        resume,
        guint           n)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Patience patience = { cancellable, n };
  const MoeProgress progress = { cancellable, on_report, &patience };
  MoeRecordingWriter *writer = moe_test_writer_new (path, moe_model_get_info (self->run.model), resume,
                                                    &error);
  gboolean done;

  g_assert_no_error (error);
  done = moe_text_windows_run (windows, self->run.session, moe_recording_writer_get_n_prompts (writer),
                               writer, &progress, &error);
  g_assert_cmpint (done, ==, n >= moe_text_windows_get_n (windows));
  if (!done)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (moe_recording_writer_close (writer, done, NULL));
}

static gboolean
collect (MoeTokenRecord *record,
         const char     *text,
         gsize           text_length,
         gpointer        user_data)
{
  g_ptr_array_add (user_data, moe_token_record_ref (record));
  return TRUE;
}

static GPtrArray *
read_all (const char *path)
{
  GPtrArray *records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(MoeRecording) recording = moe_recording_open (path, NULL);

  g_assert_true (moe_recording_is_finished (recording));
  g_assert_true (moe_recording_foreach (recording, 0, -1, collect, records, NULL));
  return records;
}

/* A run that broke off and went on is the run that did not. */
static void
test_resume (Fixture       *self,
             gconstpointer  data)
{
  g_autoptr(MoeTextWindows) windows = cut (self, LENGTH, 6);
  g_autofree char *whole = g_build_filename (self->run.folder, "whole.moescope", NULL);
  g_autofree char *parts = g_build_filename (self->run.folder, "parts.moescope", NULL);
  g_autoptr(GPtrArray) a = NULL, b = NULL;

  record (self, windows, whole, FALSE, 100);
  record (self, windows, parts, FALSE, 2);
  record (self, windows, parts, TRUE, 1);
  record (self, windows, parts, TRUE, 100);
  a = read_all (whole);
  b = read_all (parts);
  g_assert_cmpuint (a->len, ==, 6 * LENGTH);
  g_assert_cmpuint (b->len, ==, a->len);
  for (guint i = 0; i < a->len; i++)
    {
      const MoeTokenRecord *token = g_ptr_array_index (a, i);

      moe_test_record_check_equal (token, g_ptr_array_index (b, i));
      g_assert_cmpuint (token->prompt, ==, i / LENGTH);
      g_assert_cmpuint (token->position, ==, i % LENGTH);
      g_assert_cmpint (token->token_id, ==, moe_text_windows_get (windows, i / LENGTH)[i % LENGTH]);
      g_assert_cmpint (token->phase, ==, MOE_PHASE_PROMPT);
    }
}

static void
test_refused (Fixture       *self,
              gconstpointer  data)
{
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (self->run.model);
  guint n_whole = (guint) (self->n_tokens / LENGTH);
  g_autofree char *missing = g_build_filename (self->run.folder, "missing.txt", NULL);
  g_autofree char *binary = g_build_filename (self->run.folder, "binary.txt", NULL);
  const struct { const char *path; guint length, n; int code; } cases[] = {
    { self->path, LENGTH, n_whole + 1, MOE_ERROR_INVALID },
    { self->path, (guint) self->n_tokens + 1, 0, MOE_ERROR_INVALID },
    { missing, LENGTH, 0, MOE_ERROR_IO },
    { binary, LENGTH, 0, MOE_ERROR_FORMAT },
  };

  g_assert_true (g_file_set_contents (binary, "ab\xff\n", 4, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (moe_text_windows_new (tokenizer, cases[i].path, cases[i].length, cases[i].n, &error));
      g_assert_error (error, MOE_ERROR, cases[i].code);
      g_assert_true (g_str_has_prefix (error->message, cases[i].path));
    }
}

int
main (int    argc,
      char **argv)
{
  const gpointer single = GUINT_TO_POINTER (MOE_PLANTED_SINGLE);

  g_test_init (&argc, &argv, NULL);
  g_test_add ("/text-windows/places", Fixture, single, set_up, test_places, tear_down);
  g_test_add ("/text-windows/resume", Fixture, single, set_up, test_resume, tear_down);
  g_test_add ("/text-windows/refused", Fixture, single, set_up, test_refused, tear_down);
  return g_test_run ();
}
