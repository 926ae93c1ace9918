/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-planted"

#include <string.h>

#include "analysis/moe-sinks.h"
#include "analysis/moe-super-weights.h"
#include "analysis/moe-routing-stats.h"
#include "probes/moe-recorder.h"
#include "tests/support/moe-planted.h"
#include "tests/support/moe-test-recording.h"

#define N_SEEDS   20
#define N_PROMPTS 3
#define N_TOKENS  24

/* The planted experts are found again by running the model, recording it and analysing the recording. */
typedef struct
{
  MoePlanted    planted;
  char         *folder;
  MoeModel     *model;
  MoeSession   *session;
  MoeRecording *recording;
} Run;

static gint32
random_token (GRand *random,
              guint  vocabulary)
{
  gint32 token;

  do
    token = g_rand_int_range (random, 0, (gint32) vocabulary);
  while (token == MOE_PLANTED_FIRST);
  return token;
}

/* Prompts of random tokens after the first one, under @mask. */
static MoeRecording *
record_prompts (Run        *run,
                MoeMask    *mask,
                const char *name)
{
  const MoeModelInfo *info = moe_model_get_info (run->model);
  g_autoptr(GRand) random = g_rand_new_with_seed (run->planted.checkpoint.seed + 1000);
  g_autofree char *path = g_build_filename (run->folder, name, NULL);
  GError *error = NULL;
  MoeRecordingWriter *writer = moe_test_writer_new (path, info, FALSE, &error);
  MoeRecorder *recorder;
  MoeRecording *recording;

  g_assert_no_error (error);
  recorder = moe_recorder_new (run->session, writer, FALSE, NULL, NULL);
  g_assert_true (moe_session_set_mask (run->session, mask, &error));
  for (guint prompt = 0; prompt < N_PROMPTS; prompt++)
    {
      gint32 tokens[N_TOKENS] = { MOE_PLANTED_FIRST };

      for (guint i = 1; i < N_TOKENS; i++)
        tokens[i] = random_token (random, info->vocabulary);
      moe_session_rewind (run->session, 0);
      moe_recorder_begin_prompt (recorder, prompt);
      moe_recording_writer_begin_prompt (writer, "tokens");
      if (mask != NULL)
        moe_recording_writer_add_mask (writer, moe_recorder_get_next_id (recorder), mask);
      moe_session_feed (run->session, tokens, NULL, N_TOKENS, NULL, &error);
      g_assert_no_error (error);
      moe_recording_writer_end_prompt (writer);
    }
  moe_recorder_free (recorder);
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (moe_session_set_mask (run->session, NULL, &error));
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  return recording;
}

static void
run_init (Run             *run,
          MoePlantedShape  shape,
          guint            seed)
{
  const MoeSessionOptions options = { .context = 64, .kernels = MOE_KERNELS_PLAIN, .threads = 1 };
  g_autofree char *path = NULL;
  GError *error = NULL;

  moe_planted_init (&run->planted, shape, seed);
  run->folder = moe_test_folder_new ();
  path = g_build_filename (run->folder, "planted.gguf", NULL);
  moe_planted_write (&run->planted, path, &error);
  g_assert_no_error (error);
  run->model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  run->session = moe_session_new (run->model, &options, &error);
  g_assert_no_error (error);
  run->recording = record_prompts (run, NULL, "plain.moescope");
}

static void
run_clear (Run *run)
{
  moe_recording_free (run->recording);
  moe_session_free (run->session);
  moe_model_unref (run->model);
  moe_test_folder_remove (run->folder);
}

static MoeSuperExperts *
analyse (Run          *run,
         MoeRecording *recording,
         const char   *layers)
{
  g_auto(MoeSuperOptions) options;
  GError *error = NULL;
  MoeSuperExperts *experts;

  moe_super_options_init (&options);
  g_assert_true (moe_super_options_parse_layers (&options, layers, &error));
  experts = moe_super_experts_new (recording, &options, &error);
  g_assert_no_error (error);
  moe_super_experts_find_weights (experts, recording, run->session, NULL, &error);
  g_assert_no_error (error);
  return experts;
}

static const MoePlantedExpert *
find_planted (const MoePlanted     *planted,
              const MoeSuperExpert *expert)
{
  for (guint i = 0; i < planted->n_planted; i++)
    {
      if (planted->planted[i].layer == expert->layer && planted->planted[i].expert == expert->expert)
        return &planted->planted[i];
    }
  return NULL;
}

/* Exactly the planted experts, each with its weight's coordinates. */
static void
check_found (const MoePlanted *planted,
             MoeSuperExperts  *experts)
{
  guint n = 0;

  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (experts, i);
      const MoePlantedExpert *wanted = find_planted (planted, expert);

      g_assert_cmpint (expert->is_super, ==, wanted != NULL);
      if (wanted == NULL)
        continue;
      n++;
      g_assert_cmpuint (expert->channel, ==, planted->channel);
      g_assert_cmpint (expert->position, ==, 0);
      g_assert_cmpint (expert->input_channel, ==, wanted->input_channel);
      g_assert_cmpfloat (expert->weight, ==, wanted->weight);
    }
  g_assert_cmpuint (n, ==, planted->n_planted);
}

static double
get_sink_share (MoeRecording     *recording,
                const MoePlanted *planted)
{
  const MoeSinkOptions options = { MOE_SINK_EPSILON, N_TOKENS, TRUE };
  GError *error = NULL;
  g_autoptr(MoeTable) table = moe_sinks_report (recording, &options, &error);

  g_assert_no_error (error);
  return moe_table_get_double (table, planted->sink_layer * planted->checkpoint.n_heads + planted->sink_head,
                               2);
}

static MoeMask *
disable_planted (const MoePlanted *planted)
{
  MoeIntervention interventions[MOE_PLANTED_MAX];

  for (guint i = 0; i < planted->n_planted; i++)
    interventions[i] = (MoeIntervention) { .layer = (int) planted->planted[i].layer,
                                           .expert = planted->planted[i].expert,
                                           .action = MOE_ACTION_DISABLE, .mode = MOE_MODE_ZERO };
  return moe_mask_new (interventions, planted->n_planted);
}

/* Without the planted experts neither the massive activation nor the sink is left, and what the rule then
 * finds is an outlier. */
static void
check_disabled (Run *run)
{
  g_autoptr(MoeMask) mask = disable_planted (&run->planted);
  g_autoptr(MoeRecording) off = record_prompts (run, mask, "off.moescope");
  g_autoptr(MoeSuperExperts) experts = analyse (run, off, "paper");
  double plain_share = get_sink_share (run->recording, &run->planted);

  g_assert_cmpfloat (plain_share, >, 0.5);
  g_assert_cmpfloat (get_sink_share (off, &run->planted), <, plain_share / 2);
  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    g_assert_false (moe_super_experts_get (experts, i)->is_super);
  g_assert_true (g_str_has_prefix (moe_super_experts_get_verdict (experts), "none: no massive-activation"));
}

/* The decoys are what they are meant to be: one expert that everything goes through, and one that the raw
 * thresholds would name. */
static void
check_decoys (Run             *run,
              MoeSuperExperts *experts)
{
  const MoePlanted *planted = &run->planted;
  g_autoptr(MoeRoutingStats) stats = moe_routing_stats_new (moe_model_get_info (run->model));
  g_autofree double *share = NULL;
  GError *error = NULL;
  gboolean seen = FALSE;
  gsize busy;

  g_assert_true (moe_routing_stats_add_recording (stats, run->recording, &error));
  share = moe_routing_stats_get_map (stats, MOE_METRIC_SHARE, MOE_PHASES_ALL);
  busy = (planted->busy_layer - planted->checkpoint.n_dense) * planted->checkpoint.n_experts
         + planted->busy_expert;
  g_assert_cmpfloat (share[busy], >, 0.9);

  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (experts, i);

      if (expert->layer != planted->late_layer || expert->expert != (int) planted->late_expert)
        continue;
      seen = TRUE;
      g_assert_true (expert->above_percentile && expert->above_tenth && !expert->in_layers);
      g_assert_cmpuint (expert->channel, ==, planted->late_channel);
      g_assert_cmpint (expert->position, >, 0);
    }
  g_assert_true (seen);
}

static void
test_shape (gconstpointer data)
{
  MoePlantedShape shape = GPOINTER_TO_UINT (data);

  for (guint seed = 1; seed <= N_SEEDS; seed++)
    {
      Run run;
      g_autoptr(MoeSuperExperts) paper = NULL;

      run_init (&run, shape, seed);
      g_test_message ("seed %u", seed);
      paper = analyse (&run, run.recording, "paper");
      check_found (&run.planted, paper);
      check_decoys (&run, paper);
      if (run.planted.n_planted > 0)
        check_disabled (&run);
      else
        g_assert_true (g_str_has_prefix (moe_super_experts_get_verdict (paper), "none: no massive-act"));
      run_clear (&run);
    }
}

/* A recording under a mask is run again under that mask: without it the late expert writes something else,
 * and its weight would stay unknown. */
static void
test_weights_under_mask (void)
{
  Run run;
  MoeIntervention louder;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeSuperExperts) experts = NULL;
  gboolean found = FALSE;

  run_init (&run, MOE_PLANTED_NONE, 7);
  louder = (MoeIntervention) { .layer = (int) run.planted.busy_layer, .expert = (int) run.planted.busy_expert,
                               .action = MOE_ACTION_SCALE, .value = 5 };
  mask = moe_mask_new (&louder, 1);
  recording = record_prompts (&run, mask, "masked.moescope");
  experts = analyse (&run, recording, "all");
  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (experts, i);

      if (expert->layer == run.planted.late_layer && expert->expert == (int) run.planted.late_expert)
        {
          found = TRUE;
          g_assert_cmpint (expert->input_channel, >=, 0);
        }
    }
  g_assert_true (found);
  g_assert_null (moe_session_get_mask (run.session));
  g_clear_pointer (&recording, moe_recording_free);
  run_clear (&run);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/planted/several", GUINT_TO_POINTER (MOE_PLANTED_SEVERAL), test_shape);
  g_test_add_data_func ("/planted/single", GUINT_TO_POINTER (MOE_PLANTED_SINGLE), test_shape);
  g_test_add_data_func ("/planted/none", GUINT_TO_POINTER (MOE_PLANTED_NONE), test_shape);
  g_test_add_data_func ("/planted/shared", GUINT_TO_POINTER (MOE_PLANTED_SHARED), test_shape);
  g_test_add_data_func ("/planted/dense", GUINT_TO_POINTER (MOE_PLANTED_DENSE), test_shape);
  g_test_add_func ("/planted/weights-under-mask", test_weights_under_mask);
  return g_test_run ();
}
