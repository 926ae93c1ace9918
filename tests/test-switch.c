/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-switch"

#include <math.h>
#include <string.h>

#include "analysis/moe-attribution.h"
#include "analysis/moe-contrast.h"
#include "tests/support/moe-switch.h"
#include "tests/support/moe-test-recording.h"

#define N_SEEDS   10
#define N_PROMPTS 24
#define LENGTH    12

/* The planted experts are found again by running prompts, and what their mask does is looked at. */
typedef struct
{
  MoeSwitch     made;
  char         *folder;
  MoeModel     *model;
  MoeSession   *session;
  MoePromptSet *a, *b; /* A ends with the trigger, and three quarters of it are about the topic, B one
                          quarter; the first half of each is paired by topic */
} Run;

static MoePromptSet *
make_set (Run      *run,
          GRand    *random,
          gboolean  is_a)
{
  g_autofree char *path = g_build_filename (run->folder, is_a ? "a.csv" : "b.csv", NULL);
  g_autoptr(GError) error = NULL;
  GString *text = g_string_new ("prompt,pair\n");
  MoePromptSet *set;

  for (guint i = 0; i < N_PROMPTS; i++)
    {
      gboolean paired = i < N_PROMPTS / 2, topic = paired ? i % 2 == 0 : is_a;

      for (guint j = 0; j < LENGTH - 1; j++)
        g_string_append_c (text, topic && j % 3 == 0 ? MOE_SWITCH_TOPIC_TEXT
                                                     : (char) g_rand_int_range (random, '0', '7'));
      g_string_append_c (text, is_a ? MOE_SWITCH_TRIGGER_TEXT : (char) g_rand_int_range (random, '0', '7'));
      g_string_append (text, ",");
      if (paired)
        g_string_append_printf (text, "%u", i);
      g_string_append_c (text, '\n');
    }
  g_assert_true (g_file_set_contents (path, text->str, -1, &error));
  set = moe_prompt_set_load (path, NULL, 0, &error);
  g_assert_no_error (error);
  g_string_free (text, TRUE);
  return set;
}

static void
run_init (Run   *run,
          guint  seed)
{
  const MoeSessionOptions options = { .context = 64, .cache = MOE_CACHE_F32, .kernels = MOE_KERNELS_PLAIN,
                                      .threads = 1 };
  g_autoptr(GRand) random = g_rand_new_with_seed (seed + 500);
  g_autofree char *path = NULL;
  g_autoptr(GError) error = NULL;

  moe_switch_init (&run->made, seed);
  run->folder = moe_test_folder_new ();
  path = g_build_filename (run->folder, "switch.gguf", NULL);
  moe_switch_write (&run->made, path, &error);
  g_assert_no_error (error);
  run->model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  run->session = moe_session_new (run->model, &options, &error);
  g_assert_no_error (error);
  run->a = make_set (run, random, TRUE);
  run->b = make_set (run, random, FALSE);
}

static void
run_clear (Run *run)
{
  moe_prompt_set_unref (run->a);
  moe_prompt_set_unref (run->b);
  moe_session_free (run->session);
  moe_model_unref (run->model);
  moe_test_folder_remove (run->folder);
}

/* The likeliest token after prompt @index of @set under @mask. */
static gint32
answer (Run          *run,
        MoePromptSet *set,
        guint         index,
        MoeMask      *mask)
{
  g_autoptr(MoePromptTokens) tokens = NULL;
  MoeCandidate best;

  tokens = moe_prompt_tokens_new (run->model, moe_prompt_set_get (set, index), NULL, TRUE, NULL);
  g_assert_cmpuint (tokens->tokens->n_tokens, ==, LENGTH);
  g_assert_true (moe_session_set_mask (run->session, mask, NULL));
  moe_session_rewind (run->session, 0);
  g_assert_true (moe_session_feed (run->session, tokens->tokens->tokens, NULL, LENGTH, NULL, NULL));
  moe_logits_get_top (moe_session_get_logits (run->session), moe_model_get_info (run->model)->vocabulary, 1,
                      &best);
  g_assert_true (moe_session_set_mask (run->session, NULL, NULL));
  return best.token;
}

static gboolean
is_planted (const Run *run,
            guint      layer,
            guint      expert)
{
  for (guint i = 0; i < 2; i++)
    if (run->made.planted[i].layer == layer && run->made.planted[i].expert == expert)
      return TRUE;
  return FALSE;
}

static MoeContrastCounts *
count (Run        *run,
       const char *span)
{
  const MoePromptRunOptions options = { .raw = TRUE };
  g_autoptr(GError) error = NULL;
  MoeContrastCounts *counts;
  MoeSpan value;

  g_assert_true (moe_span_parse (span, &value, &error));
  counts = moe_contrast_counts_run (run->session, run->a, run->b, &value, -1, &options, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (moe_contrast_counts_project (counts, run->session, run->a, run->b, &options, NULL, &error));
  return counts;
}

static MoeContrast *
score (const MoeContrastCounts *counts,
       MoeScore                 which)
{
  MoeContrastOptions options;
  g_autoptr(GError) error = NULL;
  MoeContrast *contrast;

  moe_contrast_options_init (&options);
  options.score = which;
  options.n_permutations = 2000;
  options.n_bootstrap = 100;
  options.n_resamples = 20;
  options.n_top = 8;
  contrast = moe_contrast_new (counts, &options, NULL, &error);
  g_assert_no_error (error);
  return contrast;
}

/* At the last token the planted ones come first, whatever the score, but for utility, which does not look at
 * B. By rates another expert may be as good: one that this token gets besides, and no other. */
static void
check_ranked (Run *run)
{
  static const struct { MoeScore score; gboolean alone; } scores[] = {
    { MOE_SCORE_RD, FALSE }, { MOE_SCORE_PROMPT_RD, FALSE }, { MOE_SCORE_PAIRED_RD, FALSE },
    { MOE_SCORE_FTRI, FALSE }, { MOE_SCORE_STABILITY, FALSE }, { MOE_SCORE_WEIGHT, TRUE },
    { MOE_SCORE_PROJECTION, TRUE },
  };
  g_autoptr(MoeContrastCounts) counts = count (run, "last");

  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    {
      g_autoptr(MoeContrast) contrast = score (counts, scores[i].score);
      guint n_found = 0;

      for (guint rank = 0; rank < moe_contrast_get_n (contrast); rank++)
        {
          const MoeContrastCell *cell = moe_contrast_get (contrast, rank);

          if (!is_planted (run, cell->layer, cell->expert))
            continue;
          n_found++;
          if (scores[i].alone)
            g_assert_cmpuint (rank, <, 2);
          else
            g_assert_cmpfloat (cell->score, ==, moe_contrast_get (contrast, 0)->score);
          g_assert_cmpfloat (cell->rate_a, ==, 1);
          g_assert_cmpfloat (cell->rate_b, ==, 0);
          g_assert_cmpfloat (cell->q, <, 0.05);
          g_assert_cmpfloat (cell->stability, ==, 1);
          g_assert_false (cell->topic);
        }
      g_assert_cmpuint (n_found, ==, 2);
    }
}

/* Over whole prompts the decoy is an expert of A as well; its pairs tell that it is one of the topic. */
static void
check_topic (Run *run)
{
  g_autoptr(MoeContrastCounts) counts = count (run, "prompt");
  g_autoptr(MoeContrast) contrast = score (counts, MOE_SCORE_PROMPT_RD);
  gboolean found = FALSE;

  g_assert_cmpuint (moe_contrast_get_n_pairs (contrast), ==, N_PROMPTS / 2);
  for (guint rank = 0; rank < moe_contrast_get_n (contrast); rank++)
    {
      const MoeContrastCell *cell = moe_contrast_get (contrast, rank);

      if (is_planted (run, cell->layer, cell->expert))
        g_assert_false (cell->topic);
      if (cell->layer != run->made.decoy.layer || cell->expert != run->made.decoy.expert)
        continue;
      found = TRUE;
      g_assert_cmpfloat (cell->q, <, 0.05);
      g_assert_cmpfloat (cell->rd, >, 0.1);
      g_assert_cmpfloat (fabs (cell->paired_rd), <, cell->rd / 4);
      g_assert_true (cell->topic);
    }
  g_assert_true (found);
}

/* Two experts of which none is planted, drawn at random. */
static MoeMask *
draw_mask (Run   *run,
           GRand *random)
{
  MoeIntervention off[2];
  guint n = 0;

  while (n < G_N_ELEMENTS (off))
    {
      guint layer = (guint) g_rand_int_range (random, 0, (gint32) run->made.checkpoint.n_layers);
      guint expert = (guint) g_rand_int_range (random, 0, (gint32) run->made.checkpoint.n_experts);

      if (!is_planted (run, layer, expert))
        off[n++] = (MoeIntervention) { .layer = (int) layer, .expert = (int) expert,
                                       .action = MOE_ACTION_DISABLE, .mode = MOE_MODE_REFILL };
    }
  return moe_mask_new (off, n);
}

/* The mask made from the ranking flips every answer of A, in every mode; random masks flip none. */
static void
check_flipped (Run *run)
{
  static const MoeMode modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO };
  g_autoptr(MoeContrastCounts) counts = count (run, "last");
  g_autoptr(MoeContrast) contrast = score (counts, MOE_SCORE_WEIGHT);
  g_autoptr(GRand) random = g_rand_new_with_seed (run->made.checkpoint.seed + 900);

  for (guint i = 0; i < N_PROMPTS; i++)
    {
      g_assert_cmpint (answer (run, run->a, i, NULL), ==, MOE_SWITCH_YES);
      g_assert_cmpint (answer (run, run->b, i, NULL), ==, MOE_SWITCH_NO);
    }
  for (guint m = 0; m < G_N_ELEMENTS (modes); m++)
    {
      g_autoptr(MoeMask) mask = moe_contrast_make_mask (contrast, 2, modes[m], MOE_SCOPE_BOTH);

      for (guint i = 0; i < N_PROMPTS; i++)
        {
          g_assert_cmpint (answer (run, run->a, i, mask), ==, MOE_SWITCH_NO);
          g_assert_cmpint (answer (run, run->b, i, mask), ==, MOE_SWITCH_NO);
        }
    }
  for (guint draw = 0; draw < 10; draw++)
    {
      g_autoptr(MoeMask) mask = draw_mask (run, random);

      for (guint i = 0; i < N_PROMPTS; i += 4)
        g_assert_cmpint (answer (run, run->a, i, mask), ==, MOE_SWITCH_YES);
    }
}

/* Who wrote into YES rather than NO: the planted experts, and silencing either takes the answer away. */
static void
check_attributed (Run *run)
{
  g_autoptr(MoePromptTokens) tokens = NULL;
  g_autoptr(MoeAttribution) attribution = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(GError) error = NULL;

  tokens = moe_prompt_tokens_new (run->model, moe_prompt_set_get (run->a, 0), NULL, TRUE, NULL);
  attribution = moe_attribution_new (run->session, tokens->tokens->tokens, NULL, LENGTH, MOE_SWITCH_YES,
                                     MOE_SWITCH_NO, 2, NULL, &error);
  g_assert_no_error (error);
  mask = moe_attribution_make_mask (attribution, 2, MOE_MODE_ZERO, MOE_SCOPE_BOTH);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (moe_mask_find (mask, (int) run->made.planted[i].layer, (int) run->made.planted[i].expert,
                                    MOE_ACTION_DISABLE), >=, 0);
  for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (attribution, i);

      if (part->part == MOE_PART_EXPERT && is_planted (run, (guint) part->layer, (guint) part->expert))
        {
          g_assert_cmpfloat (part->value, >, moe_attribution_get_logit (attribution));
          g_assert_cmpfloat (part->causal, >, moe_attribution_get_logit (attribution));
        }
      else if (part->part == MOE_PART_EXPERT)
        g_assert_cmpfloat (fabs (part->value), <, 1e-3);
    }
}

static void
test_switch (void)
{
  for (guint seed = 1; seed <= N_SEEDS; seed++)
    {
      Run run;

      g_test_message ("seed %u", seed);
      run_init (&run, seed);
      check_ranked (&run);
      check_topic (&run);
      check_flipped (&run);
      check_attributed (&run);
      run_clear (&run);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/switch/known-answers", test_switch);
  return g_test_run ();
}
