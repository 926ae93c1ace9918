/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-massive-activations"

#include <math.h>

#include "analysis/moe-massive-activations.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-recording.h"

/* The first layer's hidden state of a token. */
typedef struct
{
  guint    prompt, position;
  MoePhase phase;
  float    top[3], median;
  guint    channel;
} Row;

/* A recording of @rows; all other layers are 0. */
static MoeRecording *
record_rows (const char *folder,
             const Row  *rows,
             guint       n)
{
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autofree char *path = g_build_filename (folder, "rows.moescope", NULL);
  GError *error = NULL;
  MoeRecording *recording;

  for (guint i = 0; i < n; i++)
    {
      MoeTokenRecord *record = moe_token_record_new (info->n_moe_layers, info->n_used, info->n_layers,
                                                     info->n_heads, FALSE);

      record->id = i;
      record->prompt = rows[i].prompt;
      record->position = rows[i].position;
      record->phase = rows[i].phase;
      for (guint j = 0; j < 3; j++)
        record->residual_top[j] = rows[i].top[j];
      record->residual_median[0] = rows[i].median;
      record->residual_channel[0] = (guint16) rows[i].channel;
      g_ptr_array_add (records, record);
    }
  moe_test_write_records (path, info, records);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  return recording;
}

#define PROMPT MOE_PHASE_PROMPT
#define ANSWER MOE_PHASE_ANSWER

static MoeTable *
report (const Row *rows,
        guint      n,
        guint      phases,
        double     ratio)
{
  char *folder = moe_test_folder_new ();
  g_autoptr(MoeRecording) recording = record_rows (folder, rows, n);
  GError *error = NULL;
  MoeTable *table = moe_massive_activations_report (recording, phases, ratio, &error);

  g_assert_no_error (error);
  moe_test_folder_remove (folder);
  return table;
}

/* Prompt 0 peaks at its second token, prompt 1 at its first (of two equal ones), prompt 2 at its only one. */
static void
test_curve (void)
{
  static const Row rows[] = {
    { 0, 0, PROMPT, { 50, 9, 8 }, 7, 1 },
    { 0, 1, PROMPT, { 60, 30, 20 }, 2, 2 },
    { 1, 0, PROMPT, { 90, 5, 4 }, 3, 3 },
    { 1, 1, ANSWER, { 90, 80, 70 }, 9, 4 },
    { 2, 0, PROMPT, { 30, 10, 6 }, 1, 5 },
  };
  g_autoptr(MoeTable) table = report (rows, G_N_ELEMENTS (rows), MOE_PHASES_ALL, MOE_MASSIVE_RATIO);
  g_autoptr(MoeTable) answers = report (rows, G_N_ELEMENTS (rows), MOE_PHASE_BIT (ANSWER), MOE_MASSIVE_RATIO);
  g_autoptr(MoeTable) nothing = report (rows, G_N_ELEMENTS (rows), MOE_PHASE_BIT (MOE_PHASE_THINKING), 1000);
  static const char *const names[] = { "layer", "top1", "top2", "top3", "median", "channel", "position",
                                       "token", "is_massive" };

  g_assert_cmpuint (moe_table_get_n_columns (table), ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (moe_table_get_column_name (table, i), ==, names[i]);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 5);
  g_assert_cmpfloat (moe_table_get_double (table, 0, 1), ==, (60 + 90 + 30) / 3.0);
  g_assert_cmpfloat (moe_table_get_double (table, 0, 2), ==, (30 + 5 + 10) / 3.0);
  g_assert_cmpfloat (moe_table_get_double (table, 0, 3), ==, (20 + 4 + 6) / 3.0);
  g_assert_cmpfloat (moe_table_get_double (table, 0, 4), ==, (2 + 3 + 1) / 3.0);
  g_assert_cmpint (moe_table_get_int (table, 0, 5), ==, 3);
  g_assert_cmpint (moe_table_get_int (table, 0, 6), ==, 0);
  g_assert_cmpstr (moe_table_get_text (table, 0, 7), ==, "t2");
  g_assert_cmpint (moe_table_get_int (table, 0, 8), ==, 0);

  g_assert_cmpfloat (moe_table_get_double (answers, 0, 2), ==, 80);
  g_assert_cmpstr (moe_table_get_text (answers, 0, 7), ==, "t3");
  g_assert_true (moe_table_is_missing (nothing, 0, 1));
  g_assert_true (moe_table_is_missing (nothing, 0, 8));
}

/* Over 100, strictly; at least 1000 times the median; by any token, not only the largest. */
static void
test_limits (void)
{
  static const struct { float top[2], median[2]; double ratio; int massive; } cases[] = {
    { { 100, 1 }, { 0.01f, 1 }, 1000, 0 },
    { { 100.5f, 1 }, { 0.01f, 1 }, 1000, 1 },
    { { 4000, 1 }, { 4, 1 }, 1000, 1 },
    { { 3999, 1 }, { 4, 1 }, 1000, 0 },
    { { 5000, 2000 }, { 50, 1 }, 1000, 1 },
    { { 5000, 2000 }, { 50, 20 }, 1000, 0 },
    { { 5000, 2000 }, { 50, 20 }, 100, 1 },
    { { 200, 1 }, { 0, 1 }, 1000, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Row rows[] = {
        { 0, 0, PROMPT, { cases[i].top[0], 0, 0 }, cases[i].median[0], 0 },
        { 0, 1, PROMPT, { cases[i].top[1], 0, 0 }, cases[i].median[1], 0 },
      };
      g_autoptr(MoeTable) table = report (rows, 2, MOE_PHASES_ALL, cases[i].ratio);

      g_assert_cmpint (moe_table_get_int (table, 0, 8), ==, cases[i].massive);
    }
}

static void
test_no_number (void)
{
  static const Row rows[] = { { 0, 0, PROMPT, { 1, 1, 1 }, 1, 0 }, { 0, 1, PROMPT, { NAN, 1, 1 }, 1, 0 } };
  char *folder = moe_test_folder_new ();
  g_autoptr(MoeRecording) recording = record_rows (folder, rows, 2);
  g_autoptr(GError) error = NULL;

  g_assert_null (moe_massive_activations_report (recording, MOE_PHASES_ALL, 1000, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_true (g_str_has_prefix (error->message, moe_recording_get_path (recording)));
  moe_test_folder_remove (folder);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/massive-activations/curve", test_curve);
  g_test_add_func ("/massive-activations/limits", test_limits);
  g_test_add_func ("/massive-activations/no-number", test_no_number);
  return g_test_run ();
}
