/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <glib/gstdio.h>

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

/* The column that only --probes both has. */
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

/* Sorts @rates (n). */
static void
add_row (MoeTable   *table,
         const char *test,
         gint        threads,
         gboolean    probes,
         guint       tokens,
         double     *rates,
         guint       n)
{
  guint row = moe_table_append_row (table);

  qsort (rates, n, sizeof *rates, compare_doubles);
  moe_table_set_text (table, row, 0, test);
  moe_table_set_int (table, row, 1, threads);
  moe_table_set_text (table, row, 2, probes ? "all" : "none");
  moe_table_set_int (table, row, 3, tokens);
  moe_table_set_double (table, row, 4, median (rates, n));
  moe_table_set_double (table, row, 5, rates[0]);
  moe_table_set_double (table, row, 6, rates[n - 1]);
  moe_table_set_int (table, row, 7, peak_rss ());
}

/* Feeds @n_prefill tokens at once and then @n_decode token by token; tokens per second of both. */
static gboolean
measure (const Bench  *self,
         MoeSession   *session,
         guint         n_prefill,
         guint         n_decode,
         double       *rates, /* (N_TESTS) */
         GError      **error)
{
  GCancellable *cancellable = moe_cli_get_cancellable ();
  gint64 begin, middle, end;

  moe_session_rewind (session, 0);
  begin = g_get_monotonic_time ();
  if (!moe_session_feed (session, self->tokens, self->phases, n_prefill, cancellable, error))
    return FALSE;
  middle = g_get_monotonic_time ();
  for (guint i = 0; i < n_decode; i++)
    {
      guint at = n_prefill + i;

      if (!moe_session_feed (session, self->tokens + at, self->phases + at, 1, cancellable, error))
        return FALSE;
    }
  end = g_get_monotonic_time ();
  rates[TEST_PREFILL] = n_prefill * (double) G_USEC_PER_SEC / (double) MAX (middle - begin, 1);
  rates[TEST_DECODE] = n_decode * (double) G_USEC_PER_SEC / (double) MAX (end - middle, 1);
  return TRUE;
}

/* A session that is timed, with the recording it writes when it has probes, and its tokens per second. */
typedef struct
{
  MoeSession         *session;
  MoeRecorder        *recorder; /* NULL without probes */
  MoeRecordingWriter *writer;
  double             *rates[N_TESTS]; /* (repeat) each */
} Subject;

static gboolean
subject_open (Subject          *self,
              const Bench      *bench,
              const MoeCliRun  *run,
              MoeModel         *model,
              gboolean          probes,
              GError          **error)
{
  g_autofree char *name = g_strdup_printf ("%d.moescope", run->threads);
  g_autofree char *path = NULL;
  MoeRunSettings settings;

  for (guint test = 0; test < N_TESTS; test++)
    self->rates[test] = g_new0 (double, bench->repeat);
  self->session = moe_cli_run_session (run, model, error);
  if (self->session == NULL)
    return FALSE;
  if (!probes)
    return TRUE;

  path = g_build_filename (bench->folder, name, NULL);
  moe_cli_run_settings (run, self->session, NULL, &settings);
  self->writer = moe_recording_writer_new (path, moe_model_get_info (model), &settings, FALSE, error);
  if (self->writer == NULL)
    return FALSE;
  self->recorder = moe_recorder_new (self->session, self->writer, FALSE, NULL, NULL);
  return TRUE;
}

/* Frees it; FALSE when @ok but the recording could not be finished. */
static gboolean
subject_close (Subject   *self,
               gboolean   ok,
               GError   **error)
{
  g_autoptr(GError) close_error = NULL;

  g_clear_pointer (&self->recorder, moe_recorder_free);
  if (self->writer != NULL)
    moe_recording_writer_close (self->writer, ok, &close_error);
  g_clear_pointer (&self->session, moe_session_free);
  for (guint test = 0; test < N_TESTS; test++)
    g_free (self->rates[test]);
  if (!ok || close_error == NULL)
    return ok;
  g_propagate_error (error, g_steal_pointer (&close_error));
  return FALSE;
}

/* Round @round of @self; round 0 is short and not counted: it fills buffers and caches. */
static gboolean
run_round (const Bench  *bench,
           Subject      *self,
           guint         round,
           GError      **error)
{
  double rates[N_TESTS];

  if (self->recorder != NULL)
    {
      moe_recorder_begin_prompt (self->recorder, round);
      moe_recording_writer_begin_prompt (self->writer, "bench");
    }
  if (!measure (bench, self->session,
                round > 0 ? bench->prefill : MIN (bench->prefill, WARM_UP_TOKENS),
                round > 0 ? bench->decode : MIN (bench->decode, WARM_UP_TOKENS / 8), rates, error))
    return FALSE;
  if (self->writer != NULL)
    moe_recording_writer_end_prompt (self->writer);
  for (guint test = 0; round > 0 && test < N_TESTS; test++)
    self->rates[test][round - 1] = rates[test];
  return TRUE;
}

/* What probes cost: the median over the rounds of the percentage that @with (n) is slower than @without. */
static double
get_cost (const double *without,
          const double *with,
          guint         n)
{
  g_autofree double *costs = g_new (double, n);

  for (guint i = 0; i < n; i++)
    costs[i] = 100 * (without[i] / with[i] - 1);
  qsort (costs, n, sizeof *costs, compare_doubles);
  return median (costs, n);
}

static void
report (const Bench  *bench,
        gint          threads,
        Subject      *subjects,
        guint         n_subjects,
        MoeTable     *table)
{
  const guint tokens[N_TESTS] = { bench->prefill, bench->decode };

  for (guint test = 0; test < N_TESTS; test++)
    {
      double cost = n_subjects < 2 ? 0 : get_cost (subjects[0].rates[test], subjects[1].rates[test],
                                                   bench->repeat);

      for (guint i = 0; tokens[test] > 0 && i < n_subjects; i++)
        {
          add_row (table, test_names[test], threads, subjects[i].recorder != NULL, tokens[test],
                   subjects[i].rates[test], bench->repeat);
          if (i > 0)
            moe_table_set_double (table, moe_table_get_n_rows (table) - 1, COST_COLUMN, cost);
        }
    }
}

static gboolean
run_threads (const Bench  *self,
             MoeModel     *model,
             gint          threads,
             MoeTable     *table,
             GError      **error)
{
  MoeCliRun run = *self->run;
  Subject subjects[2] = { 0 };
  guint n = 0;
  gboolean ok = TRUE;

  run.threads = threads;
  run.context = (gint) (self->prefill + self->decode);
  if (self->which != PROBES_ALL)
    ok = subject_open (&subjects[n++], self, &run, model, FALSE, error);
  if (ok && self->which != PROBES_NONE)
    ok = subject_open (&subjects[n++], self, &run, model, TRUE, error);
  /* Each of a pair comes first in every other round, so that a drift of the machine meets both. */
  for (guint round = 0; ok && round <= self->repeat; round++)
    for (guint i = 0; ok && i < n; i++)
      ok = run_round (self, &subjects[(round + i) % n], round, error);
  if (ok)
    report (self, threads, subjects, n, table);
  for (guint i = 0; i < n; i++)
    ok = subject_close (&subjects[i], ok, error);
  return ok;
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
    moe_table_add_column (table, "cost_percent", MOE_COLUMN_FLOAT, "%", MOE_ROLE_VALUE);
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
