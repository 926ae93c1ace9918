/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-logits"

/* The engine against llama.cpp on the generated checkpoints; see tests/reference/README.md. */

#include <math.h>

#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-logits-distance.h"
#include "tests/support/moe-logits-run.h"
#include "tests/support/moe-reference.h"

/* Absolute, for logits of standard deviation 2. */
#define TOLERANCE 1e-3f

/* Two logits closer than this are a tie: which is first is left to rounding. */
#define TIE 1e-4f

/* What 256 positions leave of chance. Where both sides round alike (Q8_0 and Q4_0: 32 activations to 8 bits),
 * the ratio of the mean differences came out between 0.986 and 1.010 over six checkpoints and two sets of
 * kernels, that of the divergences, which grow with the square, between 0.948 and 1.030: standard deviations
 * of 1 and 2.7 percent, of which these are three. */
#define DIFFERENCE_NOISE 1.03
#define DIVERGENCE_NOISE 1.08

static void
assert_same_top (const float *truth,
                 const float *ours,
                 guint        n)
{
  guint expected = moe_logits_argmax (truth, n);
  guint actual = moe_logits_argmax (ours, n);

  if (truth[expected] - truth[actual] >= TIE)
    g_assert_cmpuint (actual, ==, expected);
}

static void
assert_close (const MoeReference *reference,
              const float        *ours)
{
  gsize n = (gsize) reference->n_tokens * reference->vocabulary;
  float largest = 0.0f;

  for (gsize i = 0; i < n; i++)
    {
      float difference = fabsf (ours[i] - reference->logits[i]);

      if (!(difference <= TOLERANCE))
        g_error ("position %" G_GSIZE_FORMAT ", token %" G_GSIZE_FORMAT ": logit %g, llama.cpp has %g",
                 i / reference->vocabulary, i % reference->vocabulary, (double) ours[i],
                 (double) reference->logits[i]);
      largest = MAX (largest, difference);
    }
  for (guint t = 0; t < reference->n_tokens; t++)
    assert_same_top (reference->logits + (gsize) t * reference->vocabulary,
                     ours + (gsize) t * reference->vocabulary, reference->vocabulary);
  g_test_message ("largest difference %g", (double) largest);
}

/* Continues from @session token by token and meets llama.cpp's greedy choices; a tie ends the comparison. */
static void
assert_same_continuation (const MoeReference *reference,
                          MoeSession         *session)
{
  for (guint i = 0; i < reference->n_greedy; i++)
    {
      const float *logits = moe_session_get_logits (session);
      guint best = moe_logits_argmax (logits, reference->vocabulary);
      g_autoptr (GError) error = NULL;

      if (logits[best] - logits[reference->greedy[i]] < TIE && (gint32) best != reference->greedy[i])
        return;
      g_assert_cmpint (best, ==, reference->greedy[i]);
      moe_session_feed (session, &reference->greedy[i], NULL, 1, NULL, &error);
      g_assert_no_error (error);
    }
}

/* The experts in their order, and what they are weighted with. */
static void
assert_same_routing (const MoeReference    *reference,
                     const MoeLogitsResult *ours)
{
  gsize n = (gsize) reference->n_layers * reference->n_tokens * reference->n_used;

  g_assert_cmpmem (ours->chosen, n * sizeof (guint32), reference->chosen, n * sizeof (guint32));
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (ours->weights[i], reference->weights[i], TOLERANCE);
}

/* Relative to the largest channel that is compared of its token. */
static void
assert_same_residual (const MoeReference    *reference,
                      const MoeLogitsResult *ours,
                      guint                  width)
{
  gsize n_rows = (gsize) reference->n_all_layers * reference->n_tokens;

  for (gsize row = 0; row < n_rows; row++)
    {
      const float *truth = reference->residual + row * reference->n_channels;
      float size = 0;

      for (guint c = 0; c < reference->n_channels; c++)
        size = MAX (size, fabsf (truth[c]));
      for (guint c = 0; c < reference->n_channels; c++)
        g_assert_cmpfloat_with_epsilon (ours->residual[row * width + c * width / reference->n_channels],
                                        truth[c], TOLERANCE * size);
    }
}

/* Float activations, whatever the weights are stored in: the logits of the F32 copy, the same experts in the
 * same order, the same greedy continuation. */
static void
test_plain (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeLogitsRun run = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32 };
  g_autoptr (MoeReference) reference = moe_reference_load (checkpoint->name);
  MoeModel *model = moe_logits_run_open (checkpoint);
  const MoeModelInfo *info = moe_model_get_info (model);
  MoeSession *session = NULL;
  g_auto (MoeLogitsResult) ours = { 0 };

  g_assert_cmpuint (info->vocabulary, ==, reference->vocabulary);
  g_assert_cmpuint (info->n_moe_layers, ==, reference->n_layers);
  moe_logits_run_all (model, &run, reference->tokens, reference->n_tokens, &ours, &session);
  assert_same_routing (reference, &ours);
  assert_same_residual (reference, &ours, info->width);
  assert_close (reference, ours.logits);
  assert_same_continuation (reference, session);

  moe_session_free (session);
  moe_logits_run_close (model);
}

/* The F32 kernels that a user would get. */
static void
test_float (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeLogitsRun run = { .kernels = MOE_KERNELS_AUTO, .cache = MOE_CACHE_F32 };
  g_autoptr (MoeReference) reference = moe_reference_load (checkpoint->name);
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree float *logits = moe_logits_run (model, &run, reference->tokens, reference->n_tokens, NULL, NULL);

  assert_close (reference, logits);
  moe_logits_run_close (model);
}

/* Kernels that round activations are no further from the F32 copy than llama.cpp is on the same file. The
 * copy's logits are those of the plain kernels, which test_plain holds against llama.cpp's. */
static void
test_rounding (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeLogitsRun run = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32 };
  g_autoptr (MoeReference) reference = moe_reference_load (checkpoint->name);
  MoeModel *model = moe_logits_run_open (checkpoint);
  gsize n = reference->n_long, vocabulary = reference->vocabulary;
  g_autofree float *exact = moe_logits_run (model, &run, reference->tokens, n, NULL, NULL);
  g_autofree float *rounded = NULL;
  double difference = 0, their_difference = 0, divergence = 0, their_divergence = 0;

  run.kernels = MOE_KERNELS_AUTO;
  rounded = moe_logits_run (model, &run, reference->tokens, n, NULL, NULL);
  g_assert_nonnull (reference->rounding);
  for (gsize t = 0; t < n; t++)
    {
      moe_logits_add_distances (exact + t * vocabulary, rounded + t * vocabulary, reference->vocabulary,
                                &difference, &divergence);
      their_difference += reference->rounding[2 * t];
      their_divergence += reference->rounding[2 * t + 1];
    }
  g_test_message ("mean |difference| %.6f, ratio to llama.cpp's %.3f; divergence %.7f, ratio %.3f",
                  difference / (double) n, difference / their_difference, divergence / (double) n,
                  divergence / their_divergence);
  g_assert_cmpfloat (difference, <=, their_difference * DIFFERENCE_NOISE);
  g_assert_cmpfloat (divergence, <=, their_divergence * DIVERGENCE_NOISE);
  moe_logits_run_close (model);
}

/* The table that people read is of these very checkpoints. */
static void
test_results (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "conformance", "RESULTS.md", NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;
  guint n;
  const MoeCheckpoint *list = moe_checkpoint_list (&n);

  g_file_get_contents (path, &contents, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *row = g_strdup_printf ("\n| %s |", list[i].name);

      if (strstr (contents, row) == NULL)
        g_error ("tests/conformance/RESULTS.md has no row for %s: make it again", list[i].name);
    }
}

int
main (int    argc,
      char **argv)
{
  guint n;
  const MoeCheckpoint *list = moe_checkpoint_list (&n);

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *plain = g_strdup_printf ("/logits/plain/%s", list[i].name);
      g_autofree char *fast = g_strdup_printf ("/logits/float/%s", list[i].name);
      g_autofree char *rounding = g_strdup_printf ("/logits/rounding/%s", list[i].name);

      g_test_add_data_func (plain, &list[i], test_plain);
      if (list[i].type == MOE_TYPE_F32)
        g_test_add_data_func (fast, &list[i], test_float);
      else
        g_test_add_data_func (rounding, &list[i], test_rounding);
    }
  g_test_add_func ("/logits/results", test_results);
  return g_test_run ();
}
