/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-routing-stats"

#include <math.h>

#include <glib.h>

#include "analysis/moe-routing-stats.h"
#include "data/moe-error.h"
#include "data/moe-table-export.h"
#include "tests/support/moe-test-recording.h"

/* Layers 0 (dense) and 1 with 4 experts, 2 used. */
static MoeModelInfo *
tiny_info_new (gboolean with_shared)
{
  static const guint moe_layers[] = { 1 };
  MoeModelInfo *info = moe_model_info_new ();

  g_free (info->name);
  info->name = g_strdup ("tiny");
  info->n_layers = 2;
  info->n_moe_layers = 1;
  info->moe_layers = g_memdup2 (moe_layers, sizeof moe_layers);
  info->n_experts = 4;
  info->n_used = 2;
  info->n_shared = with_shared ? 1 : 0;
  info->n_heads = 1;
  info->width = 8;
  info->vocabulary = 10;
  return info;
}

typedef struct
{
  MoePhase phase;
  guint16  experts[2];
  float    weights[2];
  float    down_max[2];
  float    down_norm[2];
  float    turn;
  float    shared_max, shared_norm;
} Row;

/* All values are exact as halves. Two answer tokens and one prompt token; an empty slot in the third. */
static const Row rows[] =
{
  { MOE_PHASE_ANSWER, { 2, 0 }, { 0.75f, 0.25f }, { 5, 1 }, { 2, 4 }, 0.5f, 3, 1 },
  { MOE_PHASE_ANSWER, { 2, 1 }, { 0.5f, 0.5f }, { 7.25f, 2 }, { 8, 1 }, 0.25f, 2, 4 },
  { MOE_PHASE_PROMPT, { 1, MOE_NO_EXPERT }, { 1, 0 }, { 9, 0 }, { 3, 0 }, 1, 11, 7 },
};

static void
add_rows (MoeRoutingStats    *stats,
          const MoeModelInfo *info)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(MoeTokenRecord) record = moe_token_record_new (1, 2, 2, 1, info->n_shared > 0);

      record->id = i;
      record->phase = rows[i].phase;
      for (guint slot = 0; slot < 2; slot++)
        {
          record->experts[slot] = rows[i].experts[slot];
          record->weights[slot] = moe_half_from_float (rows[i].weights[slot]);
          record->down_max[slot] = rows[i].down_max[slot];
          record->down_norm[slot] = moe_half_from_float (rows[i].down_norm[slot]);
        }
      record->moe_turn[0] = moe_half_from_float (rows[i].turn);
      if (info->n_shared > 0)
        {
          record->shared_max[0] = rows[i].shared_max;
          record->shared_norm[0] = moe_half_from_float (rows[i].shared_norm);
        }
      moe_routing_stats_add (stats, record);
    }
}

static void
check_map (const MoeRoutingStats *stats,
           MoeMetric              metric,
           guint                  phases,
           double                 e0,
           double                 e1,
           double                 e2,
           double                 e3)
{
  const double wanted[] = { e0, e1, e2, e3 };
  g_autofree double *map = moe_routing_stats_get_map (stats, metric, phases);

  for (guint i = 0; i < 4; i++)
    {
      if (isnan (wanted[i]))
        g_assert_true (isnan (map[i]));
      else
        g_assert_cmpfloat (map[i], ==, wanted[i]);
    }
}

static void
test_known_answers (void)
{
  g_autoptr(MoeModelInfo) info = tiny_info_new (FALSE);
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (info);
  const guint answer = MOE_PHASE_BIT (MOE_PHASE_ANSWER), prompt = MOE_PHASE_BIT (MOE_PHASE_PROMPT);

  add_rows (stats, info);
  g_assert_cmpint (moe_routing_stats_get_n_tokens (stats, answer), ==, 2);
  g_assert_cmpint (moe_routing_stats_get_n_tokens (stats, prompt), ==, 1);
  g_assert_cmpint (moe_routing_stats_get_n_tokens (stats, MOE_PHASES_ALL), ==, 3);

  check_map (stats, MOE_METRIC_HITS, answer, 1, 1, 2, 0);
  check_map (stats, MOE_METRIC_HITS, MOE_PHASES_ALL, 1, 2, 2, 0);
  check_map (stats, MOE_METRIC_SHARE, answer, 0.5, 0.5, 1, 0);
  check_map (stats, MOE_METRIC_SHARE, MOE_PHASES_ALL, 1 / 3.0, 2 / 3.0, 2 / 3.0, 0);
  check_map (stats, MOE_METRIC_MEAN_WEIGHT, answer, 0.25, 0.5, 0.625, NAN);
  check_map (stats, MOE_METRIC_MEAN_WEIGHT, MOE_PHASES_ALL, 0.25, 0.75, 0.625, NAN);
  check_map (stats, MOE_METRIC_MAX_DOWN, answer, 1, 2, 7.25, NAN);
  check_map (stats, MOE_METRIC_MAX_DOWN, MOE_PHASES_ALL, 1, 9, 7.25, NAN);
  check_map (stats, MOE_METRIC_MEAN_DOWN_NORM, answer, 4, 1, 5, NAN);
  check_map (stats, MOE_METRIC_MEAN_DOWN_NORM, MOE_PHASES_ALL, 4, 2, 5, NAN);
  /* 0.25*4*0.5; 0.5*1*0.25; 0.75*2*0.5 + 0.5*8*0.25; and of the prompt 1*3*1 */
  check_map (stats, MOE_METRIC_IMPORTANCE, answer, 0.5, 0.125, 1.75, 0);
  check_map (stats, MOE_METRIC_IMPORTANCE, prompt, 0, 3, 0, 0);
  check_map (stats, MOE_METRIC_IMPORTANCE, MOE_PHASES_ALL, 0.5, 3.125, 1.75, 0);
  /* (0.75*2 + 0.5*8) / 2 */
  check_map (stats, MOE_METRIC_REAP, answer, 1, 0.5, 2.75, NAN);
  check_map (stats, MOE_METRIC_REAP, MOE_PHASES_ALL, 1, 1.75, 2.75, NAN);
  /* Nothing of that phase was seen. */
  check_map (stats, MOE_METRIC_SHARE, MOE_PHASE_BIT (MOE_PHASE_THINKING), NAN, NAN, NAN, NAN);
  check_map (stats, MOE_METRIC_HITS, MOE_PHASE_BIT (MOE_PHASE_THINKING), 0, 0, 0, 0);
}

/* A number that is not one must show, whatever comes after it. */
static void
test_nan (void)
{
  g_autoptr(MoeModelInfo) info = tiny_info_new (FALSE);
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (info);
  g_autoptr(MoeTokenRecord) record = moe_token_record_new (1, 2, 2, 1, FALSE);

  record->experts[0] = 2;
  record->experts[1] = 3;
  record->down_max[0] = NAN;
  record->phase = MOE_PHASE_ANSWER;
  moe_routing_stats_add (stats, record);
  add_rows (stats, info);
  check_map (stats, MOE_METRIC_MAX_DOWN, MOE_PHASES_ALL, 1, 9, NAN, 0);
}

static char *
to_csv (MoeTable *table)
{
  char *text = moe_table_to_string (table, MOE_TABLE_CSV, TRUE);

  moe_table_unref (table);
  return text;
}

static void
test_tables (void)
{
  g_autoptr(MoeModelInfo) info = tiny_info_new (TRUE);
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (info);
  g_autofree char *max_down = NULL, *norm = NULL, *hits = NULL, *wide = NULL;

  add_rows (stats, info);
  max_down = to_csv (moe_routing_stats_to_table (stats, MOE_METRIC_MAX_DOWN, MOE_PHASES_ALL));
  g_assert_cmpstr (max_down, ==,
                   "# model: tiny\n# fingerprint: \n# phase: all\n"
                   "layer,expert,metric,value,n_tokens\n"
                   "1,-1,max_down,11,3\n"
                   "1,0,max_down,1,3\n"
                   "1,1,max_down,9,3\n"
                   "1,2,max_down,7.25,3\n"
                   "1,3,max_down,,3\n");
  norm = to_csv (moe_routing_stats_to_table (stats, MOE_METRIC_MEAN_DOWN_NORM, MOE_PHASES_ALL));
  g_assert_nonnull (strstr (norm, "\n1,-1,mean_down_norm,4,3\n1,0,mean_down_norm,4,3\n"));
  hits = to_csv (moe_routing_stats_to_table (stats, MOE_METRIC_HITS,
                                             MOE_PHASE_BIT (MOE_PHASE_ANSWER) |
                                             MOE_PHASE_BIT (MOE_PHASE_THINKING)));
  g_assert_cmpstr (hits, ==,
                   "# model: tiny\n# fingerprint: \n# phase: thinking,answer\n"
                   "layer,expert,metric,value,n_tokens\n"
                   "1,0,hits,1,2\n"
                   "1,1,hits,1,2\n"
                   "1,2,hits,2,2\n"
                   "1,3,hits,0,2\n");
  wide = to_csv (moe_routing_stats_to_wide_table (stats, MOE_METRIC_MAX_DOWN, MOE_PHASES_ALL));
  g_assert_nonnull (strstr (wide, "\nlayer,e0,e1,e2,e3\n1,1,9,7.25,\n"));
}

/* What is summed while tokens arrive is, byte for byte, what is summed from the file; and the long form, the
 * wide form and plain SQL agree. */
static void
test_live_equals_file (void)
{
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "a.moescope", NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (TRUE);
  g_autoptr(GPtrArray) records = moe_test_write_recording (path, info, 5, 3, 40);
  g_autoptr(MoeRoutingStats) live = moe_routing_stats_new (info);
  g_autoptr(MoeRoutingStats) stored = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  GError *error = NULL;

  for (guint i = 0; i < records->len; i++)
    moe_routing_stats_add (live, g_ptr_array_index (records, i));
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  stored = moe_routing_stats_new (moe_recording_get_info (recording));
  g_assert_true (moe_routing_stats_add_recording (stored, recording, &error));
  g_assert_no_error (error);

  for (guint metric = 0; metric < MOE_N_METRICS; metric++)
    {
      for (guint phases = 1; phases <= MOE_PHASES_ALL; phases += 3)
        {
          g_autoptr(MoeTable) table = moe_routing_stats_to_table (live, metric, phases);
          g_autoptr(MoeTable) wide = moe_routing_stats_to_wide_table (live, metric, phases);
          g_autofree char *a = to_csv (moe_table_ref (table));
          g_autofree char *b = to_csv (moe_routing_stats_to_table (stored, metric, phases));
          g_autofree char *c = to_csv (moe_table_ref (wide));
          g_autofree char *d = to_csv (moe_routing_stats_to_wide_table (stored, metric, phases));

          g_assert_cmpstr (a, ==, b);
          g_assert_cmpstr (c, ==, d);
          for (guint row = 0; row < moe_table_get_n_rows (table); row++)
            {
              gint64 layer = moe_table_get_int (table, row, 0), expert = moe_table_get_int (table, row, 1);
              guint wide_row = layer == 1 ? 0 : layer == 2 ? 1 : 2;
              g_autofree char *cell = NULL, *wide_cell = NULL;

              if (expert < 0)
                continue;
              cell = moe_table_format_cell (table, row, 3);
              wide_cell = moe_table_format_cell (wide, wide_row, (guint) expert + 1);
              g_assert_cmpint (moe_table_get_int (wide, wide_row, 0), ==, layer);
              g_assert_cmpstr (cell, ==, wide_cell);
            }
        }
    }

  {
    g_autofree double *hits = moe_routing_stats_get_map (live, MOE_METRIC_HITS,
                                                         MOE_PHASE_BIT (MOE_PHASE_ANSWER));
    g_autofree double *max = moe_routing_stats_get_map (live, MOE_METRIC_MAX_DOWN,
                                                        MOE_PHASE_BIT (MOE_PHASE_ANSWER));
    g_autoptr(MoeTable) table = moe_recording_query (recording,
                                                     "SELECT layer, expert, count(*), max(max_down) "
                                                     "FROM routing WHERE phase='answer' GROUP BY 1,2",
                                                     &error);

    g_assert_no_error (error);
    g_assert_cmpuint (moe_table_get_n_rows (table), >, 20);
    for (guint row = 0; row < moe_table_get_n_rows (table); row++)
      {
        int layer = moe_model_info_find_moe_layer (info, (guint) moe_table_get_int (table, row, 0));
        gsize at = (gsize) layer * 11 + (gsize) moe_table_get_int (table, row, 1);

        g_assert_cmpfloat (moe_table_get_double (table, row, 2), ==, hits[at]);
        g_assert_cmpfloat (moe_table_get_double (table, row, 3), ==, max[at]);
      }
  }
  moe_test_folder_remove (folder);
}

static void
test_names (void)
{
  for (guint i = 0; i < MOE_N_METRICS; i++)
    {
      MoeMetric metric;

      g_assert_true (moe_metric_parse (moe_metric_get_name (i), &metric));
      g_assert_cmpint (metric, ==, i);
    }
  g_assert_cmpstr (moe_metric_get_name (MOE_METRIC_MEAN_DOWN_NORM), ==, "mean_down_norm");
  g_assert_cmpstr (moe_metric_get_title (MOE_METRIC_SHARE), ==, "Share of Tokens");
  g_assert_false (moe_metric_parse ("Share", &(MoeMetric) { 0 }));
  g_assert_false (moe_metric_parse ("", &(MoeMetric) { 0 }));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/routing-stats/known-answers", test_known_answers);
  g_test_add_func ("/routing-stats/nan", test_nan);
  g_test_add_func ("/routing-stats/tables", test_tables);
  g_test_add_func ("/routing-stats/live-equals-file", test_live_equals_file);
  g_test_add_func ("/routing-stats/names", test_names);
  return g_test_run ();
}
