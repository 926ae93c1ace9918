/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-sinks"

#include <math.h>

#include "analysis/moe-sinks.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-recording.h"

/* Two layers with two heads; the attention to position 0 of a token: L0H0, L0H1, L1H0, L1H1. */
typedef struct
{
  guint prompt, position;
  float attention[4];
} Row;

/* Prompts of 3, 2 and 1 tokens. Values are exact as halves. */
static const Row rows[] = {
  { 0, 0, { 1, 1, 1, 1 } },
  { 0, 1, { 0.5f, 0, 0.25f, 0 } },
  { 0, 2, { 0.25f, 0.5f, 0, 0.125f } },
  { 1, 0, { 1, 1, 1, 1 } },
  { 1, 1, { 0.75f, 0.25f, 0, 0 } },
  { 2, 0, { 1, 1, 1, 1 } },
};

static MoeRecording *
write_rows (const char  *folder,
            const char  *name,
            const Row   *with,
            guint        n)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  MoeRecording *recording;
  GError *error = NULL;

  info->n_layers = 2;
  info->n_moe_layers = 1;
  info->n_heads = 2;
  for (guint i = 0; i < n; i++)
    {
      MoeTokenRecord *record = moe_token_record_new (1, info->n_used, 2, 2, FALSE);

      record->id = i;
      record->prompt = with[i].prompt;
      record->position = with[i].position;
      record->phase = MOE_PHASE_PROMPT;
      for (guint j = 0; j < 4; j++)
        record->attention_first[j] = moe_half_from_float (with[i].attention[j]);
      g_ptr_array_add (records, record);
    }
  moe_test_write_records (path, info, records);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  return recording;
}

/* @before: (n_before), or NULL. */
static MoeTable *
report_against (const Row             *with,
                guint                  n,
                const Row             *before,
                guint                  n_before,
                const MoeSinkOptions  *options,
                GError               **error)
{
  char *folder = moe_test_folder_new ();
  MoeRecording *recording = write_rows (folder, "rows.moescope", with, n);
  MoeRecording *other = before != NULL ? write_rows (folder, "before.moescope", before, n_before) : NULL;
  MoeTable *table = moe_sinks_report_against (recording, other, options, error);

  moe_recording_free (recording);
  moe_recording_free (other);
  moe_test_folder_remove (folder);
  return table;
}

static MoeTable *
report (const Row             *with,
        guint                  n,
        const MoeSinkOptions  *options,
        GError               **error)
{
  return report_against (with, n, NULL, 0, options, error);
}

static void
check_cell (MoeTable *table,
            guint     row,
            guint     column,
            double    wanted)
{
  if (isnan (wanted))
    g_assert_true (moe_table_is_missing (table, row, column));
  else
    g_assert_cmpfloat_with_epsilon (moe_table_get_double (table, row, column), wanted, 1e-12);
}

/* The share is over the three queries t >= 1: L0H0 (0.5 + 0.25 + 0.75) / 3 and so on. */
static void
test_share (void)
{
  static const double by_head[] = { 1.5 / 3, 0.75 / 3, 0.25 / 3, 0.125 / 3 };
  const MoeSinkOptions heads = { 0.3, 64, TRUE }, layers = { 0.3, 64, FALSE };
  GError *error = NULL;
  g_autoptr(MoeTable) h = report (rows, G_N_ELEMENTS (rows), &heads, &error);
  g_autoptr(MoeTable) l = report (rows, G_N_ELEMENTS (rows), &layers, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (h), ==, 4);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpint (moe_table_get_int (h, i, 0), ==, i / 2);
      g_assert_cmpint (moe_table_get_int (h, i, 1), ==, i % 2);
      check_cell (h, i, 2, by_head[i]);
      /* No prompt has 64 tokens. */
      check_cell (h, i, 3, NAN);
    }
  g_assert_cmpuint (moe_table_get_n_rows (l), ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      check_cell (l, i, 1, NAN);
      check_cell (l, i, 2, (by_head[2 * i] + by_head[2 * i + 1]) / 2);
    }
}

/* With T = 2, prompts 0 and 1 count, and the first token's attention to itself does too. alpha: L0H0 0.75 and
 * 0.875, L0H1 0.5 and 0.625, L1H0 0.625 and 0.5, L1H1 0.5 and 0.5. */
static void
test_rate (void)
{
  static const struct { double epsilon; guint length; double rate[4]; } cases[] = {
    { 0.3, 2, { 1, 1, 1, 1 } },
    { 0.5, 2, { 1, 0.5, 0.5, 0 } },
    { 0.75, 2, { 0.5, 0, 0, 0 } },
    { 0.875, 2, { 0, 0, 0, 0 } },
    /* Only prompt 0: 1.75 / 3, 1.5 / 3, 1.25 / 3, 1.125 / 3 */
    { 0.4, 3, { 1, 1, 1, 0 } },
    { 0.45, 3, { 1, 1, 0, 0 } },
    { 0.3, 4, { NAN, NAN, NAN, NAN } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const MoeSinkOptions heads = { cases[i].epsilon, cases[i].length, TRUE };
      const MoeSinkOptions layers = { cases[i].epsilon, cases[i].length, FALSE };
      GError *error = NULL;
      g_autoptr(MoeTable) h = report (rows, G_N_ELEMENTS (rows), &heads, &error);
      g_autoptr(MoeTable) l = report (rows, G_N_ELEMENTS (rows), &layers, &error);

      g_assert_no_error (error);
      for (guint j = 0; j < 4; j++)
        check_cell (h, j, 3, cases[i].rate[j]);
      for (guint j = 0; j < 2; j++)
        check_cell (l, j, 3, (cases[i].rate[2 * j] + cases[i].rate[2 * j + 1]) / 2);
    }
}

/* The last queries are token 2 of prompt 0 and token 1 of prompt 1; prompt 2 has none. */
static void
test_last_query (void)
{
  static const double by_head[] = { 0.5, 0.375, 0, 0.0625 };
  const MoeSinkOptions heads = { 0.3, 64, TRUE }, layers = { 0.3, 64, FALSE };
  GError *error = NULL;
  g_autoptr(MoeTable) h = report (rows, G_N_ELEMENTS (rows), &heads, &error);
  g_autoptr(MoeTable) l = report (rows, G_N_ELEMENTS (rows), &layers, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < 4; i++)
    {
      check_cell (h, i, 4, by_head[i]);
      check_cell (h, i, 5, NAN);
    }
  for (guint i = 0; i < 2; i++)
    {
      check_cell (l, i, 4, (by_head[2 * i] + by_head[2 * i + 1]) / 2);
      check_cell (l, i, 5, fabs (by_head[2 * i] - by_head[2 * i + 1]) / 2);
    }
}

/* D of a head is 1 - its share now / its share before; of a layer 1 - the mean of the heads' ratios, in which
 * a head without any attention before (L1H0 of the last case) has no part. */
static void
test_decay (void)
{
  static const Row off[] = {
    { 0, 0, { 1, 1, 1, 1 } },
    { 0, 1, { 0.25f, 0, 0.25f, 0 } },
    { 0, 2, { 0, 0.25f, 0.5f, 0 } },
    { 1, 0, { 1, 1, 1, 1 } },
    { 1, 1, { 0.125f, 0.5f, 0, 0 } },
    { 2, 0, { 1, 1, 1, 1 } },
  };
  static const double ratios[] = { 0.375 / 1.5, 1, 3, 0 };
  static const Row none[] = { { 0, 0, { 1, 1, 1, 1 } }, { 0, 1, { 0.5f, 0.5f, 0, 0.5f } } };
  static const Row all[] = { { 0, 0, { 1, 1, 1, 1 } }, { 0, 1, { 0.25f, 0.5f, 0.5f, 0.25f } } };
  const MoeSinkOptions heads = { 0.3, 64, TRUE }, layers = { 0.3, 64, FALSE };
  guint n = G_N_ELEMENTS (rows);
  GError *error = NULL;
  g_autoptr(MoeTable) h = report_against (off, n, rows, n, &heads, &error);
  g_autoptr(MoeTable) l = report_against (off, n, rows, n, &layers, &error);
  g_autoptr(MoeTable) left_out = report_against (all, 2, none, 2, &layers, &error);

  g_assert_no_error (error);
  check_cell (h, 0, 6, 0.5);
  for (guint i = 0; i < 4; i++)
    check_cell (h, i, 7, 1 - ratios[i]);
  for (guint i = 0; i < 2; i++)
    check_cell (l, i, 7, 1 - (ratios[2 * i] + ratios[2 * i + 1]) / 2);
  check_cell (left_out, 0, 7, 0.25);
  check_cell (left_out, 1, 7, 0.5);
}

/* The learned sink's mass is a mean over all queries, the first token's too. */
static void
test_learned (void)
{
  const MoeSinkOptions options = { 0.3, 2, FALSE };
  g_autoptr(MoeModelInfo) info = moe_test_info_new (TRUE);
  MoeSinkStats *stats;

  info->n_layers = info->n_heads = 1;
  stats = moe_sink_stats_new (info, &options);
  g_assert_true (isnan (moe_sink_stats_get_learned (stats, 0, 0)));
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr(MoeTokenRecord) record = moe_token_record_new_full (1, info->n_used, 1, 1, TRUE, TRUE);

      record->position = i;
      record->attention_sink[0] = moe_half_from_float (i == 0 ? 0.5f : 0.125f);
      g_assert_true (moe_sink_stats_add (stats, record, NULL));
    }
  g_assert_cmpfloat_with_epsilon (moe_sink_stats_get_learned (stats, -1, -1), 0.25, 1e-12);
  moe_sink_stats_free (stats);
}

/* Only runs of the same tokens can be compared. */
static void
test_other_tokens (void)
{
  const MoeSinkOptions options = { 0.3, 64, FALSE };
  g_autoptr(GError) error = NULL;

  g_assert_null (report_against (rows, G_N_ELEMENTS (rows), rows, G_N_ELEMENTS (rows) - 1, &options, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_MISMATCH);
}

static void
test_no_number (void)
{
  static const Row bad[] = { { 0, 0, { 1, 1, 1, 1 } }, { 0, 1, { 0, 0, NAN, 0 } } };
  const MoeSinkOptions options = { 0.3, 2, FALSE };
  g_autoptr(GError) error = NULL;

  g_assert_null (report (bad, 2, &options, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

/* A layer without attention has missing values, and no part in what is said of the model. */
static void
test_missing_layer (void)
{
  static const Row with[] = {
    { 0, 0, { 1, 1, NAN, NAN } }, { 0, 1, { 0.5f, 0, NAN, NAN } }, { 0, 2, { 0.25f, 0.5f, NAN, NAN } },
  };
  static const Row late[] = { { 0, 0, { 1, 1, NAN, NAN } }, { 0, 1, { 0, 0, 0.5f, NAN } } };
  const MoeSinkOptions options = { 0.3, 2, FALSE };
  GError *error = NULL;
  g_autoptr(MoeTable) table = report (with, 3, &options, &error);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  MoeSinkStats *stats;

  g_assert_no_error (error);
  check_cell (table, 0, 2, 1.25 / 4);
  check_cell (table, 0, 3, 1);
  for (guint column = 2; column < 6; column++)
    check_cell (table, 1, column, NAN);
  for (guint i = 0; i < moe_table_get_n_provenance (table); i++)
    {
      const char *key, *value;

      moe_table_get_provenance (table, i, &key, &value);
      if (g_str_equal (key, "sink-rate"))
        g_assert_cmpfloat (g_ascii_strtod (value, NULL), ==, 1);
    }

  g_assert_null (report (late, 2, &options, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_clear_error (&error);

  info->n_layers = info->n_heads = 2;
  stats = moe_sink_stats_new (info, &options);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr(MoeTokenRecord) record = moe_token_record_new (1, info->n_used, 2, 2, FALSE);

      record->position = i;
      for (guint j = 0; j < 4; j++)
        record->attention_first[j] = moe_half_from_float (with[i].attention[j]);
      g_assert_true (moe_sink_stats_add (stats, record, NULL));
    }
  g_assert_cmpfloat (moe_sink_stats_get_share (stats, -1, -1), ==, 0.25);
  g_assert_cmpfloat (moe_sink_stats_get_last (stats, -1, -1), ==, 0.25);
  moe_sink_stats_free (stats);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sinks/share", test_share);
  g_test_add_func ("/sinks/rate", test_rate);
  g_test_add_func ("/sinks/last-query", test_last_query);
  g_test_add_func ("/sinks/decay", test_decay);
  g_test_add_func ("/sinks/learned", test_learned);
  g_test_add_func ("/sinks/other-tokens", test_other_tokens);
  g_test_add_func ("/sinks/no-number", test_no_number);
  g_test_add_func ("/sinks/missing-layer", test_missing_layer);
  return g_test_run ();
}
