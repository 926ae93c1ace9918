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

static MoeTable *
report (const Row             *with,
        guint                  n,
        const MoeSinkOptions  *options,
        GError               **error)
{
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "rows.moescope", NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(MoeRecording) recording = NULL;
  MoeTable *table;

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
  recording = moe_recording_open (path, error);
  g_assert_nonnull (recording);
  table = moe_sinks_report (recording, options, error);
  moe_test_folder_remove (folder);
  return table;
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

static void
test_no_number (void)
{
  static const Row bad[] = { { 0, 0, { 1, 1, 1, 1 } }, { 0, 1, { 0, 0, NAN, 0 } } };
  const MoeSinkOptions options = { 0.3, 2, FALSE };
  g_autoptr(GError) error = NULL;

  g_assert_null (report (bad, 2, &options, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sinks/share", test_share);
  g_test_add_func ("/sinks/rate", test_rate);
  g_test_add_func ("/sinks/no-number", test_no_number);
  return g_test_run ();
}
