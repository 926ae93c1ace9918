/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <glib/gstdio.h>

#include "analysis/moe-resample.h"
#include "app/cli-options.h"
#include "data/moe-error.h"
#include "probes/moe-recorder.h"

#define MAX_THREAD_COUNTS 16
#define MAX_TOKENS 1000000
#define WARM_UP_TOKENS 32

/* What is timed. */
enum
{
  TEST_PREFILL, TEST_DECODE, N_TESTS,
};

static const char *const test_names[N_TESTS] = { "prefill", "decode" };

/* The first of the columns that only --probes both has: the cost, and its interval. */
#define COST_COLUMN 8

typedef enum
{
  PROBES_NONE, PROBES_ALL, PROBES_BOTH,
} Probes;

static const char *const probe_names[] = { "none", "all", "both", NULL };

typedef struct
{
  const MoeCliRun *run;
  guint            prefill, decode, repeat;
  Probes           which;
  const char      *folder;   /* of the recordings that probes write */
  gint32          *tokens;   /* (prefill + decode) */
  MoePhase        *phases;   /* (prefill + decode) */
} Bench;

/* "1,2" as numbers. */
static gboolean
parse_threads (const char *text,
               GArray     *counts)
{
  g_auto(GStrv) words = g_strsplit (text != NULL ? text : "0", ",", -1);

  for (guint i = 0; words[i] != NULL; i++)
    {
      guint64 n;
      gint count;

      if (!g_ascii_string_to_unsigned (words[i], 10, text != NULL ? 1 : 0, 1024, &n, NULL)
          || counts->len == MAX_THREAD_COUNTS)
        return FALSE;
      count = n > 0 ? (gint) n : (gint) g_get_num_processors ();
      g_array_append_val (counts, count);
    }
  return counts->len > 0;
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* @sorted (n). */
static double
median (const double *sorted,
        guint         n)
{
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Largest memory of the process until now, mapped weights that were read included. */
static gint64
peak_rss (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (gint64) usage.ru_maxrss * 1024;
}

/* The session that is timed, and the recording it writes when probes are on. One session for both, so that a
 * pair of runs reads and writes the same memory. */
typedef struct
{
  const Bench        *bench;
  MoeSession         *session;
  MoeRecordingWriter *writer;            /* NULL when nothing is recorded */
  guint               n_threads;
  double             *rates[2][N_TESTS]; /* (repeat) each, without and with probes */
  double             *usec[2][N_TESTS];  /* (repeat, steps): of each prefill, of each decoded token */
} Subject;

/* Steps of a test that are timed for themselves: all of a prefill, each token of decoding. */
static guint
count_steps (const Bench *self,
             guint        test)
{
  return test == TEST_PREFILL ? 1 : self->decode;
}

static gboolean
subject_open (Subject          *self,
              const MoeCliRun  *run,
              MoeModel         *model,
              GError          **error)
{
  g_autofree char *name = g_strdup_printf ("%d.moescope", run->threads);
  g_autofree char *path = NULL;
  MoeRunSettings settings;

  for (guint with = 0; with < 2; with++)
    for (guint test = 0; test < N_TESTS; test++)
      {
        self->rates[with][test] = g_new0 (double, self->bench->repeat);
        self->usec[with][test] = g_new0 (double,
                                         self->bench->repeat * (gsize) count_steps (self->bench, test));
      }
  self->n_threads = (guint) run->threads;
  self->session = moe_cli_run_session (run, model, error);
  if (self->session == NULL)
    return FALSE;
  if (self->bench->which == PROBES_NONE)
    return TRUE;

  path = g_build_filename (self->bench->folder, name, NULL);
  moe_cli_run_settings (run, self->session, NULL, &settings);
  self->writer = moe_recording_writer_new (path, moe_model_get_info (model), &settings, FALSE, error);
  return self->writer != NULL;
}

/* Frees it; FALSE when @ok but the recording could not be finished. */
static gboolean
subject_close (Subject   *self,
               gboolean   ok,
               GError   **error)
{
  g_autoptr(GError) close_error = NULL;

  if (self->writer != NULL)
    moe_recording_writer_close (self->writer, ok, &close_error);
  g_clear_pointer (&self->session, moe_session_free);
  for (guint with = 0; with < 2; with++)
    for (guint test = 0; test < N_TESTS; test++)
      {
        g_free (self->rates[with][test]);
        g_free (self->usec[with][test]);
      }
  if (!ok || close_error == NULL)
    return ok;
  g_propagate_error (error, g_steal_pointer (&close_error));
  return FALSE;
}

/* Processor time of this process until now. */
static gint64
processor_usec (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
         + usage.ru_stime.tv_usec;
}

/* Feeds @n tokens from the @first on at once; the microseconds it took into @usec. */
static gboolean
feed (Subject  *self,
      guint     first,
      guint     n,
      gboolean  probes,
      double   *usec,
      GError  **error)
{
  const Bench *bench = self->bench;
  MoeRecorder *recorder = NULL;
  gint64 begin;
  gboolean ok;

  moe_session_rewind (self->session, first);
  if (probes)
    recorder = moe_recorder_new (self->session, self->writer, FALSE, NULL, NULL);
  begin = g_get_monotonic_time ();
  ok = moe_session_feed (self->session, bench->tokens + first, bench->phases + first, n,
                         moe_cli_get_cancellable (), error);
  *usec = (double) (g_get_monotonic_time () - begin);
  moe_recorder_free (recorder);
  return ok;
}

/* Times @n tokens of @test, from the state that a test begins with. With --probes both each step, which is
 * all of a prefill or one token of decoding, is done without and with probes before the next, and who comes
 * first changes with every step, so that a drift of the machine meets both. What the recording's thread still
 * has to write at the end counts with the processor time it takes, spread over the threads, and is not left
 * to the next round. */
static gboolean
run_round (Subject  *self,
           guint     test,
           guint     n,
           guint     round,
           double   *usec[2], /* (n, or 1 of a prefill) without and with probes */
           GError  **error)
{
  const Bench *bench = self->bench;
  const guint first = test == TEST_PREFILL ? 0 : bench->prefill, step = test == TEST_PREFILL ? n : 1;
  gint64 busy;

  if (self->writer != NULL)
    moe_recording_writer_begin_prompt (self->writer, "bench");
  for (guint i = 0; i < n; i += step)
    for (guint turn = 0; turn < 2; turn++)
      {
        gboolean with = (round + i + turn) % 2 == 1;

        if (bench->which == PROBES_BOTH || with == (bench->which == PROBES_ALL))
          if (!feed (self, first + i, step, with, &usec[with][i], error))
            return FALSE;
      }
  if (self->writer == NULL)
    return TRUE;
  moe_recording_writer_end_prompt (self->writer);
  busy = processor_usec ();
  if (!moe_recording_writer_flush (self->writer, error))
    return FALSE;
  busy = processor_usec () - busy;
  for (guint i = 0; i < n; i += step)
    usec[TRUE][i] += (double) busy * step / n / self->n_threads;
  return TRUE;
}

/* All rounds of @test; decoding goes on from the last prefill, in each round anew. Round 0 is short and not
 * counted: it fills buffers and caches. */
static gboolean
run_test (Subject  *self,
          guint     test,
          GError  **error)
{
  const Bench *bench = self->bench;
  const guint n_tokens = test == TEST_PREFILL ? bench->prefill : bench->decode;
  const guint warm_up = test == TEST_PREFILL ? WARM_UP_TOKENS : WARM_UP_TOKENS / 8;

  for (guint round = 0; round <= bench->repeat; round++)
    {
      gsize at = round > 0 ? (round - 1) * (gsize) count_steps (bench, test) : 0;
      double *usec[2] = { self->usec[FALSE][test] + at, self->usec[TRUE][test] + at };

      if (!run_round (self, test, round > 0 ? n_tokens : MIN (n_tokens, warm_up), round, usec, error))
        return FALSE;
      for (guint with = 0; round > 0 && with < 2; with++)
        {
          double sum = 0;

          for (guint i = 0; i < count_steps (bench, test); i++)
            sum += usec[with][i];
          self->rates[with][test][round - 1] = n_tokens * (double) G_USEC_PER_SEC / MAX (sum, 1);
        }
    }
  return TRUE;
}

/* What probes cost: how many percent longer each pair's step @with them takes; the median of the pairs (n),
 * and its interval unless there are too few. */
static void
add_cost (MoeTable     *table,
          const double *without,
          const double *with,
          guint         n)
{
  guint row = moe_table_get_n_rows (table) - 1;
  g_autofree double *costs = g_new (double, n);
  double low, high;

  for (guint i = 0; i < n; i++)
    costs[i] = 100 * (with[i] / MAX (without[i], 1) - 1);
  qsort (costs, n, sizeof *costs, compare_doubles);
  moe_table_set_double (table, row, COST_COLUMN, median (costs, n));
  if (!moe_resample_median_interval (costs, n, &low, &high))
    return;
  moe_table_set_double (table, row, COST_COLUMN + 1, low);
  moe_table_set_double (table, row, COST_COLUMN + 2, high);
}

static void
add_row (MoeTable      *table,
         const Subject *self,
         guint          test,
         gboolean       probes)
{
  const Bench *bench = self->bench;
  guint row = moe_table_append_row (table), n = bench->repeat;
  g_autofree double *sorted = g_memdup2 (self->rates[probes][test], n * sizeof *sorted);

  qsort (sorted, n, sizeof *sorted, compare_doubles);
  moe_table_set_text (table, row, 0, test_names[test]);
  moe_table_set_int (table, row, 1, self->n_threads);
  moe_table_set_text (table, row, 2, probes ? "all" : "none");
  moe_table_set_int (table, row, 3, test == TEST_PREFILL ? bench->prefill : bench->decode);
  moe_table_set_double (table, row, 4, median (sorted, n));
  moe_table_set_double (table, row, 5, sorted[0]);
  moe_table_set_double (table, row, 6, sorted[n - 1]);
  moe_table_set_int (table, row, 7, peak_rss ());
}

static gboolean
run_threads (const Bench  *self,
             MoeModel     *model,
             gint          threads,
             MoeTable     *table,
             GError      **error)
{
  const guint tokens[N_TESTS] = { self->prefill, self->decode };
  MoeCliRun run = *self->run;
  Subject subject = { self };
  gboolean ok;

  run.threads = threads;
  run.context = (gint) (self->prefill + self->decode);
  ok = subject_open (&subject, &run, model, error);
  for (guint test = 0; ok && test < N_TESTS; test++)
    ok = tokens[test] == 0 || run_test (&subject, test, error);
  for (guint test = 0; ok && test < N_TESTS; test++)
    {
      if (tokens[test] == 0)
        continue;
      if (self->which != PROBES_ALL)
        add_row (table, &subject, test, FALSE);
      if (self->which != PROBES_NONE)
        add_row (table, &subject, test, TRUE);
      if (self->which == PROBES_BOTH)
        add_cost (table, subject.usec[FALSE][test], subject.usec[TRUE][test],
                  self->repeat * count_steps (self, test));
    }
  return subject_close (&subject, ok, error);
}

static void
remove_folder (const char *folder,
               GArray     *counts)
{
  for (guint i = 0; i < counts->len; i++)
    {
      g_autofree char *name = g_strdup_printf ("%d.moescope", g_array_index (counts, gint, i));
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *wal = g_strconcat (path, "-wal", NULL);
      g_autofree char *shm = g_strconcat (path, "-shm", NULL);

      g_remove (path);
      g_remove (wal);
      g_remove (shm);
    }
  g_rmdir (folder);
}

/* The same tokens for every model of a vocabulary: spread over it, ids 0 to 2 left out. */
static void
fill_tokens (Bench *self,
             guint  vocabulary)
{
  guint n = self->prefill + self->decode;
  g_autoptr(GRand) rand = g_rand_new_with_seed (20240501);

  self->tokens = g_new0 (gint32, n);
  self->phases = g_new0 (MoePhase, n);
  for (guint i = 0; i < n; i++)
    {
      self->tokens[i] = vocabulary > 3 ? g_rand_int_range (rand, 3, (gint32) vocabulary) : 0;
      self->phases[i] = i < self->prefill ? MOE_PHASE_PROMPT : MOE_PHASE_ANSWER;
    }
}

static MoeTable *
new_table (Probes which)
{
  MoeTable *table = moe_table_new ("Speed");

  moe_table_add_column (table, "test", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "threads", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "probes", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "tokens", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "median_tps", MOE_COLUMN_FLOAT, "tokens/s", MOE_ROLE_VALUE);
  moe_table_add_column (table, "min_tps", MOE_COLUMN_FLOAT, "tokens/s", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "max_tps", MOE_COLUMN_FLOAT, "tokens/s", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "peak_rss_bytes", MOE_COLUMN_INT, "bytes", MOE_ROLE_VALUE);
  if (which == PROBES_BOTH)
    {
      moe_table_add_column (table, "cost_percent", MOE_COLUMN_FLOAT, "%", MOE_ROLE_VALUE);
      moe_table_add_column (table, "cost_low_percent", MOE_COLUMN_FLOAT, "%", MOE_ROLE_INTERVAL);
      moe_table_add_column (table, "cost_high_percent", MOE_COLUMN_FLOAT, "%", MOE_ROLE_INTERVAL);
    }
  return table;
}

static gboolean
run_all (Bench         *self,
         const char    *path,
         GArray        *counts,
         MoeTable      *table,
         GError       **error)
{
  g_autoptr(MoeModel) model = moe_cli_run_open (self->run, path, error);
  g_autofree char *folder = NULL;
  gboolean ok = TRUE;

  if (model == NULL)
    return FALSE;
  if (self->which != PROBES_NONE)
    {
      folder = g_dir_make_tmp ("moescope-XXXXXX", error);
      if (folder == NULL)
        return FALSE;
      self->folder = folder;
    }

  fill_tokens (self, moe_model_get_info (model)->vocabulary);
  for (guint i = 0; i < counts->len && ok; i++)
    ok = run_threads (self, model, g_array_index (counts, gint, i), table, error);
  if (folder != NULL)
    remove_folder (folder, counts);
  g_free (self->tokens);
  g_free (self->phases);
  if (ok)
    {
      moe_cli_add_provenance (table, moe_model_get_info (model), NULL);
      moe_table_set_provenance (table, "isa", moe_kernels_get_isa ());
    }
  return ok;
}

int
moe_cli_bench (int    argc,
               char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_auto(MoeCliRun) run = { 0 };
  g_autofree char *threads = NULL, *probes = NULL;
  gint prefill = 512, decode = 64, repeat = 5;
  const GOptionEntry entries[] = {
    { "prefill", 0, 0, G_OPTION_ARG_INT, &prefill, "Tokens fed at once (default 512)", "N" },
    { "decode", 0, 0, G_OPTION_ARG_INT, &decode, "Tokens fed one by one after them (default 64)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &threads,
      "Thread counts, e.g. 1,2 (default: all cores)", "LIST" },
    { "probes", 0, 0, G_OPTION_ARG_STRING, &probes,
      "none (default); all: record into a temporary file; or both in turn, with what probes cost", "WHICH" },
    { "repeat", 0, 0, G_OPTION_ARG_INT, &repeat, "Times each is measured (default 5)", "N" },
    { "cache", 0, 0, G_OPTION_ARG_STRING, &run.cache, "KV cache: f16 (default) or f32", "TYPE" },
    { "kernels", 0, 0, G_OPTION_ARG_STRING, &run.kernels, "auto (default) or plain", "KIND" },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &run.progress,
      "Show progress also when stderr is no terminal", NULL },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GArray) counts = g_array_new (FALSE, FALSE, sizeof (gint));
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeTable) table = NULL;
  Bench bench = { 0 };
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "Speed in tokens per second, and memory.",
    "moescope-cli bench demo-q8_0.gguf --threads 1,2 --probes all");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0])
      || !moe_cli_run_check (&run, argv[0]))
    return MOE_CLI_USAGE;
  if (!parse_threads (threads, counts))
    return moe_cli_usage (argv[0], "--threads %s is no list of thread counts", threads);
  if (probes != NULL && !g_strv_contains (probe_names, probes))
    return moe_cli_usage (argv[0], "--probes %s is none of none, all and both", probes);
  if (prefill < 0 || decode < 0 || prefill > MAX_TOKENS || decode > MAX_TOKENS || prefill + decode == 0)
    return moe_cli_usage (argv[0], "--prefill and --decode must be 0 to %d tokens and not both 0",
                          MAX_TOKENS);
  if (repeat < 1 || repeat > 1000)
    return moe_cli_usage (argv[0], "--repeat must be 1 to 1000");

  bench.run = &run;
  bench.prefill = (guint) prefill;
  bench.decode = (guint) decode;
  bench.repeat = (guint) repeat;
  for (guint i = 0; probes != NULL && probe_names[i] != NULL; i++)
    if (g_str_equal (probes, probe_names[i]))
      bench.which = i;
  table = new_table (bench.which);
  if (!run_all (&bench, words[0], counts, table, &error) || !moe_cli_output_table (&output, table, &error))
    return moe_cli_fail (error);
  return MOE_CLI_DONE;
}
