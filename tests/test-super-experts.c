/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-super-experts"

#include <math.h>
#include <string.h>

#include "analysis/moe-super-views.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-recording.h"

static void
test_paper_layers (void)
{
  /* 0.75 n is 0.75, 1.5, 2.25, 4.5, 7.5, 36, 45.75, 70.5 */
  static const guint cases[][2] = { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 2 }, { 6, 4 }, { 10, 8 }, { 48, 36 },
                                    { 61, 46 }, { 94, 70 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (moe_super_count_paper_layers (cases[i][0]), ==, cases[i][1]);
}

static void
test_percentile (void)
{
  double three[] = { 20, 0, 10 };        /* at 1.99 */
  double five[] = { 5, 4, 3, 2, 1 };     /* at 3.98 */
  double equal[] = { 1, 7, 7 };
  g_autofree double *many = g_new (double, 201);
  double one = 42;

  for (guint i = 0; i < 201; i++)
    many[i] = 200 - i;
  g_assert_cmpfloat_with_epsilon (moe_super_percentile (three, 3), 19.9, 1e-12);
  g_assert_cmpfloat_with_epsilon (moe_super_percentile (five, 5), 4.98, 1e-12);
  g_assert_cmpfloat (moe_super_percentile (equal, 3), ==, 7);
  g_assert_cmpfloat (moe_super_percentile (many, 201), ==, 199);
  g_assert_cmpfloat (moe_super_percentile (&one, 1), ==, 42);
  g_assert_true (isnan (moe_super_percentile (&one, 0)));
}

static void
test_layers_option (void)
{
  static const char *const bad[] = { "", ",", "1,", "a", "5-3", "1-2-3", "-1", "0-", "4096", "papers",
                                     "1 2" };
  static const guint wanted[] = { 0, 1, 2, 7, 4 };
  g_auto(MoeSuperOptions) options;
  GError *error = NULL;

  moe_super_options_init (&options);
  g_assert_cmpint (options.rule, ==, MOE_FORMING_PAPER);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (moe_super_options_parse_layers (&options, bad[i], &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
      g_clear_error (&error);
      g_assert_cmpint (options.rule, ==, MOE_FORMING_PAPER);
    }
  g_assert_true (moe_super_options_parse_layers (&options, "growth", &error));
  g_assert_cmpint (options.rule, ==, MOE_FORMING_GROWTH);
  g_assert_true (moe_super_options_parse_layers (&options, "0-2,7,4", &error));
  g_assert_cmpint (options.rule, ==, MOE_FORMING_LIST);
  g_assert_cmpmem (options.list->data, options.list->len * sizeof (guint), wanted, sizeof wanted);
}

/* One expert's output at one token; every token is routed to one expert in one layer. */
typedef struct
{
  guint    prompt, position;
  guint    layer, expert;
  float    max;
  MoePhase phase;
} Output;

/* MoE layers 0 to n_layers - 1 with @n_experts each. */
static MoeModelInfo *
info_new (guint    n_layers,
          guint    n_experts,
          gboolean with_shared)
{
  MoeModelInfo *info = moe_test_info_new (with_shared);

  g_free (info->moe_layers);
  info->moe_layers = g_new (guint, n_layers);
  for (guint i = 0; i < n_layers; i++)
    info->moe_layers[i] = i;
  info->n_layers = info->n_moe_layers = n_layers;
  info->n_experts = n_experts;
  info->n_used = 1;
  info->n_heads = 1;
  info->learned_sinks = FALSE;
  return info;
}

/* The residual after layer l is @residual[l] at every token, with median 1. */
static MoeRecording *
record_outputs (const char         *folder,
                const MoeModelInfo *info,
                const Output       *outputs,
                guint               n,
                const float        *residual,
                float               shared)
{
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autofree char *path = g_build_filename (folder, "outputs.moescope", NULL);
  GError *error = NULL;
  MoeRecording *recording;

  for (guint i = 0; i < n; i++)
    {
      MoeTokenRecord *record = moe_token_record_new (info->n_moe_layers, 1, info->n_layers, 1,
                                                     info->n_shared > 0);

      record->id = i;
      record->prompt = outputs[i].prompt;
      record->position = outputs[i].position;
      record->phase = outputs[i].phase;
      for (guint layer = 0; layer < info->n_moe_layers; layer++)
        {
          record->experts[layer] = MOE_NO_EXPERT;
          record->residual_top[layer * 3] = residual[layer];
          record->residual_median[layer] = 1;
          if (record->has_shared)
            record->shared_max[layer] = layer == 0 ? shared : 0;
        }
      record->experts[outputs[i].layer] = (guint16) outputs[i].expert;
      record->down_max[outputs[i].layer] = outputs[i].max;
      record->down_channel[outputs[i].layer] = (guint16) (i + 1);
      g_ptr_array_add (records, record);
    }
  moe_test_write_records (path, info, records);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  return recording;
}

static MoeSuperExperts *
analyse (const MoeModelInfo *info,
         const Output       *outputs,
         guint               n,
         const float        *residual,
         float               shared,
         const char         *layers,
         gboolean            first_row,
         guint               phases)
{
  char *folder = moe_test_folder_new ();
  g_autoptr(MoeRecording) recording = record_outputs (folder, info, outputs, n, residual, shared);
  g_auto(MoeSuperOptions) options;
  GError *error = NULL;
  MoeSuperExperts *experts;

  moe_super_options_init (&options);
  options.first_row = first_row;
  options.phases = phases;
  g_assert_true (moe_super_options_parse_layers (&options, layers, &error));
  experts = moe_super_experts_new (recording, &options, &error);
  g_assert_no_error (error);
  moe_test_folder_remove (folder);
  return experts;
}

/* "L0E3 L0S": the super experts in the order of the ranks. */
static char *
list_super (MoeSuperExperts *experts)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (experts, i);

      if (expert->is_super)
        g_string_append_printf (text, "%sL%uE%d", text->len > 0 ? " " : "", expert->layer, expert->expert);
    }
  return g_string_free (text, FALSE);
}

#define P MOE_PHASE_PROMPT
#define A MOE_PHASE_ANSWER

/* 401 experts: P99.5 is the third largest value exactly, 0 here as nobody else is routed. */
static void
test_thresholds (void)
{
  static const struct { float second; const char *super; } cases[] = {
    { 100, "L0E7" },        /* a tenth of the largest is not above it */
    { 100.5f, "L0E7 L0E9" },
    { 1000, "L0E7 L0E9" },  /* equal ones by number */
  };
  static const float residual[] = { 5000 };
  g_autoptr(MoeModelInfo) info = info_new (1, 401, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Output outputs[] = { { 0, 0, 0, 7, 1000, P }, { 0, 1, 0, 9, cases[i].second, P } };
      g_autoptr(MoeSuperExperts) experts = analyse (info, outputs, 2, residual, 0, "all", FALSE,
                                                    MOE_PHASES_ALL);
      g_autofree char *super = list_super (experts);

      g_assert_cmpstr (super, ==, cases[i].super);
      g_assert_cmpfloat (moe_super_experts_get_percentile (experts), ==, 0);
      g_assert_cmpfloat (moe_super_experts_get_largest (experts), ==, 1000);
      g_assert_cmpint (moe_super_experts_get (experts, 0)->channel, ==, 1);
      g_assert_cmpstr (moe_super_experts_get (experts, 1)->token, ==, "t1");
      g_assert_false (moe_super_experts_get (experts, 2)->seen);
    }
}

/* Of 8 experts with two equal largest, P99.5 is that value and nothing is above it. With one largest, it is
 * at 6.965 of 0, ..., 40, 80. */
static void
test_percentile_is_strict (void)
{
  static const Output equal[] = { { 0, 0, 0, 7, 80, P }, { 0, 1, 0, 3, 80, P } };
  static const Output single[] = { { 0, 0, 0, 7, 80, P }, { 0, 1, 0, 3, 40, P } };
  static const float residual[] = { 5000 };
  g_autoptr(MoeModelInfo) info = info_new (1, 8, FALSE);
  g_autoptr(MoeSuperExperts) none = analyse (info, equal, 2, residual, 0, "all", FALSE, MOE_PHASES_ALL);
  g_autoptr(MoeSuperExperts) one = analyse (info, single, 2, residual, 0, "all", FALSE, MOE_PHASES_ALL);
  g_autofree char *none_super = list_super (none), *one_super = list_super (one);

  g_assert_cmpstr (none_super, ==, "");
  g_assert_true (g_str_has_prefix (moe_super_experts_get_verdict (none), "none: there are massive"));
  g_assert_cmpstr (one_super, ==, "L0E7");
  g_assert_cmpfloat_with_epsilon (moe_super_experts_get_percentile (one), 40 + 40 * 0.965, 1e-12);
  g_assert_cmpstr (moe_super_experts_get_verdict (one), ==, "1 super expert: L0E7");
}

/* The shared expert is one more value, so that N is 9 and the position 7.96. */
static void
test_shared (void)
{
  static const Output outputs[] = { { 0, 0, 0, 7, 80, P }, { 0, 1, 0, 3, 40, P } };
  static const float residual[] = { 5000 };
  g_autoptr(MoeModelInfo) info = info_new (1, 8, TRUE);
  g_autoptr(MoeSuperExperts) quiet = analyse (info, outputs, 2, residual, 1, "all", FALSE, MOE_PHASES_ALL);
  g_autoptr(MoeSuperExperts) loud = analyse (info, outputs, 2, residual, 700, "all", FALSE, MOE_PHASES_ALL);
  g_autofree char *super = list_super (loud);

  g_assert_cmpfloat_with_epsilon (moe_super_experts_get_percentile (quiet), 40 + 40 * 0.96, 1e-12);
  g_assert_cmpstr (super, ==, "L0E-1");
  g_assert_cmpstr (moe_super_experts_get_verdict (loud), ==, "1 super expert: L0S");
}

/* Four layers, of which the paper's rule keeps three: the largest output of all is in the last. */
static void
test_layers (void)
{
  static const Output outputs[] = { { 0, 0, 1, 2, 900, P }, { 0, 1, 3, 5, 2000, P }, { 0, 2, 2, 4, 50, P } };
  static const struct { const char *layers; float residual[4]; const char *super; } cases[] = {
    { "paper", { 10, 2000, 2000, 2000 }, "L1E2" },
    { "all", { 10, 2000, 2000, 2000 }, "L3E5" },
    { "2", { 10, 2000, 2000, 2000 }, "L2E4" },
    { "growth", { 10, 2000, 6000, 6000 }, "L1E2" },       /* exactly 3 times is not more */
    { "growth", { 10, 2000, 6001, 6000 }, "L1E2" },
    { "growth", { 1001, 3003, 6000, 50000 }, "L3E5" },
    { "growth", { 10, 900, 2800, 2800 }, "L2E4" },        /* layer 1 is not massive yet */
    { "paper", { 10, 90, 90, 5000 }, "" },                /* massive, but after a layer that is not kept */
    { "growth", { 10, 90, 90, 90 }, "" },
  };
  g_autoptr(MoeModelInfo) info = info_new (4, 8, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(MoeSuperExperts) experts = analyse (info, outputs, 3, cases[i].residual, 0, cases[i].layers,
                                                    FALSE, MOE_PHASES_ALL);
      g_autofree char *super = list_super (experts);

      g_assert_cmpstr (super, ==, cases[i].super);
      if (*cases[i].super == '\0')
        g_assert_true (g_str_has_prefix (moe_super_experts_get_verdict (experts),
                                         "none: no massive-activation-forming layers"));
    }
}

/* Of the layer that is not kept, the thresholds are still told. */
static void
test_outlier_is_shown (void)
{
  static const Output outputs[] = { { 0, 0, 1, 2, 900, P }, { 0, 1, 3, 5, 2000, P } };
  static const float residual[] = { 10, 2000, 2000, 2000 };
  g_autoptr(MoeModelInfo) info = info_new (4, 8, FALSE);
  g_autoptr(MoeSuperExperts) experts = analyse (info, outputs, 2, residual, 0, "paper", FALSE,
                                                MOE_PHASES_ALL);
  const MoeSuperExpert *first = moe_super_experts_get (experts, 0);

  g_assert_cmpuint (first->layer, ==, 3);
  g_assert_true (first->above_percentile && first->above_tenth && !first->in_layers && !first->is_super);
  g_assert_cmpfloat (moe_super_experts_get_largest (experts), ==, 900);
}

static void
test_reduction_and_phase (void)
{
  static const Output outputs[] = {
    { 0, 0, 0, 3, 5, P }, { 0, 1, 0, 3, 90, P }, { 0, 2, 0, 4, 8, A },
    { 1, 0, 0, 3, 7, P }, { 1, 1, 0, 3, 60, A },
  };
  static const struct { gboolean first_row; guint phases; float max; const char *token; } cases[] = {
    { FALSE, MOE_PHASES_ALL, 90, "t1" },
    { TRUE, MOE_PHASES_ALL, 7, "t3" },
    { FALSE, MOE_PHASE_BIT (A), 60, "t4" },
    { TRUE, MOE_PHASE_BIT (A), 60, "t4" },
  };
  static const float residual[] = { 5000 };
  g_autoptr(MoeModelInfo) info = info_new (1, 8, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(MoeSuperExperts) experts = analyse (info, outputs, G_N_ELEMENTS (outputs), residual, 0, "all",
                                                    cases[i].first_row, cases[i].phases);
      const MoeSuperExpert *expert = NULL;

      for (guint rank = 0; rank < 8; rank++)
        {
          if (moe_super_experts_get (experts, rank)->expert == 3)
            expert = moe_super_experts_get (experts, rank);
        }
      g_assert_cmpfloat (expert->max, ==, cases[i].max);
      g_assert_cmpstr (expert->token, ==, cases[i].token);
    }
}

static void
test_refused (void)
{
  static const Output good[] = { { 0, 0, 0, 3, 5, P } }, bad[] = { { 0, 0, 0, 3, NAN, P } };
  static const float residual[] = { 5000 };
  static const struct { const Output *outputs; const char *layers, *says; } cases[] = {
    { bad, "all", "the output of expert 3 of layer 0 is no number" },
    { good, "0,1", "there is no layer 1" },
  };
  g_autoptr(MoeModelInfo) info = info_new (1, 8, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char *folder = moe_test_folder_new ();
      g_autoptr(MoeRecording) recording = record_outputs (folder, info, cases[i].outputs, 1, residual, 0);
      g_auto(MoeSuperOptions) options;
      g_autoptr(GError) error = NULL;

      moe_super_options_init (&options);
      g_assert_true (moe_super_options_parse_layers (&options, cases[i].layers, &error));
      g_assert_null (moe_super_experts_new (recording, &options, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, cases[i].says));
      moe_test_folder_remove (folder);
    }
}

/* Two layers of four experts of which two each were routed to; those of layer 1 with the same value. */
static void
test_views (void)
{
  static const Output outputs[] = {
    { 0, 0, 0, 1, 8, P }, { 0, 1, 0, 3, 2, P }, { 0, 2, 1, 2, 4, P }, { 0, 3, 1, 0, 4, P },
  };
  static const float residual[] = { 1, 5000 };
  static const double values[] = { NAN, 8, NAN, 2, 4, NAN, 4, NAN };
  static const double layers[][8] = { { 0, 8, 1, 2, 1, 2 + 6 * 0.985, 4, 1 }, { 1, 4, 0, 4, 2, 4, 4, 1 } };
  static const double tail[][5] = { { 1, 0, 1, 8, 0.25 }, { 2, 1, 0, 4, 0.75 }, { 3, 1, 2, 4, 0.75 },
                                    { 4, 0, 3, 2, 1 } };
  char *folder = moe_test_folder_new ();
  g_autoptr(MoeModelInfo) info = info_new (2, 4, FALSE);
  g_auto(MoeSuperOptions) options;
  GError *error = NULL;
  MoeRecording *recording = record_outputs (folder, info, outputs, G_N_ELEMENTS (outputs), residual, 0);
  g_autoptr(MoeSuperExperts) experts = NULL;
  g_autoptr(MoeTable) by_expert = NULL, by_layer = NULL, by_rank = NULL;

  moe_super_options_init (&options);
  moe_super_options_parse_layers (&options, "all", &error);
  experts = moe_super_experts_new (recording, &options, &error);
  g_assert_no_error (error);
  by_expert = moe_super_view_experts (experts, recording, &error);
  by_layer = moe_super_view_layers (experts, recording, &error);
  by_rank = moe_super_view_tail (experts, recording, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (moe_table_get_n_rows (by_expert), ==, 8);
  for (guint i = 0; i < 8; i++)
    {
      g_assert_cmpint (moe_table_get_int (by_expert, i, 0), ==, i / 4);
      g_assert_cmpint (moe_table_get_int (by_expert, i, 1), ==, i % 4);
      g_assert_cmpint (moe_table_is_missing (by_expert, i, 2), ==, isnan (values[i]));
      if (!isnan (values[i]))
        g_assert_cmpfloat (moe_table_get_double (by_expert, i, 2), ==, values[i]);
    }
  g_assert_cmpuint (moe_table_get_n_rows (by_layer), ==, 2);
  for (guint i = 0; i < 2; i++)
    for (guint column = 0; column < 8; column++)
      g_assert_cmpfloat_with_epsilon (moe_table_get_double (by_layer, i, column), layers[i][column], 1e-12);
  g_assert_cmpuint (moe_table_get_n_rows (by_rank), ==, 4);
  for (guint i = 0; i < 4; i++)
    {
      for (guint column = 0; column < 5; column++)
        g_assert_cmpfloat_with_epsilon (moe_table_get_double (by_rank, i, column), tail[i][column], 1e-12);
      g_assert_true (moe_table_is_missing (by_rank, i, 5));
    }
  moe_recording_free (recording);
  moe_test_folder_remove (folder);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/super-experts/paper-layers", test_paper_layers);
  g_test_add_func ("/super-experts/percentile", test_percentile);
  g_test_add_func ("/super-experts/layers-option", test_layers_option);
  g_test_add_func ("/super-experts/thresholds", test_thresholds);
  g_test_add_func ("/super-experts/percentile-is-strict", test_percentile_is_strict);
  g_test_add_func ("/super-experts/shared", test_shared);
  g_test_add_func ("/super-experts/layers", test_layers);
  g_test_add_func ("/super-experts/outlier-is-shown", test_outlier_is_shown);
  g_test_add_func ("/super-experts/reduction-and-phase", test_reduction_and_phase);
  g_test_add_func ("/super-experts/refused", test_refused);
  g_test_add_func ("/super-experts/views", test_views);
  return g_test_run ();
}
