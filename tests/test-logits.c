/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-logits"

/* The engine against llama.cpp on the generated checkpoints; see tests/reference/README.md. */

#include <math.h>

#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-logits-run.h"
#include "tests/support/moe-reference.h"

/* Absolute, for logits of standard deviation 2. */
#define TOLERANCE 1e-3f

/* Two logits closer than this are a tie: which is first is left to rounding. */
#define TIE 1e-4f

static guint
argmax (const float *logits,
        guint        n)
{
  guint best = 0;

  for (guint i = 1; i < n; i++)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

static void
assert_same_top (const float *truth,
                 const float *ours,
                 guint        n)
{
  guint expected = argmax (truth, n);
  guint actual = argmax (ours, n);

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
      float difference = fabsf (ours[i] - reference->copy[i]);

      if (!(difference <= TOLERANCE))
        g_error ("position %" G_GSIZE_FORMAT ", token %" G_GSIZE_FORMAT ": logit %g, llama.cpp has %g",
                 i / reference->vocabulary, i % reference->vocabulary, (double) ours[i], (double) reference->copy[i]);
      largest = MAX (largest, difference);
    }
  for (guint t = 0; t < reference->n_tokens; t++)
    assert_same_top (reference->copy + (gsize) t * reference->vocabulary, ours + (gsize) t * reference->vocabulary,
                     reference->vocabulary);
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
      guint best = argmax (logits, reference->vocabulary);
      g_autoptr (GError) error = NULL;

      if (logits[best] - logits[reference->greedy[i]] < TIE && (gint32) best != reference->greedy[i])
        return;
      g_assert_cmpint (best, ==, reference->greedy[i]);
      moe_session_feed (session, &reference->greedy[i], NULL, 1, NULL, &error);
      g_assert_no_error (error);
    }
}

/* Float activations, whatever the weights are stored in: the logits of the F32 copy, the same experts in the same order, the
 * same greedy continuation. */
static void
test_plain (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeLogitsRun run = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32 };
  g_autoptr (MoeReference) reference = moe_reference_load (checkpoint->name);
  MoeModel *model = moe_logits_run_open (checkpoint, FALSE);
  MoeSession *session = NULL;
  g_autofree guint32 *chosen = NULL;
  g_autofree float *logits = NULL;
  gsize n_chosen = (gsize) reference->n_layers * reference->n_tokens * reference->n_used * sizeof (guint32);

  g_assert_cmpuint (moe_model_get_info (model)->vocabulary, ==, reference->vocabulary);
  logits = moe_logits_run (model, &run, reference->tokens, reference->n_tokens, &chosen, &session);
  assert_close (reference, logits);
  g_assert_cmpmem (chosen, n_chosen, reference->chosen, n_chosen);
  assert_same_continuation (reference, session);

  moe_session_free (session);
  moe_logits_run_close (model);
}

/* The copy itself, through the F32 kernels that a user would get. */
static void
test_copy (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeLogitsRun run = { .kernels = MOE_KERNELS_AUTO, .cache = MOE_CACHE_F32 };
  g_autoptr (MoeReference) reference = moe_reference_load (checkpoint->name);
  MoeModel *model = moe_logits_run_open (checkpoint, TRUE);
  g_autofree float *logits = moe_logits_run (model, &run, reference->tokens, reference->n_tokens, NULL, NULL);

  assert_close (reference, logits);
  moe_logits_run_close (model);
}

/* Mean |a - b| over all positions and tokens. */
static double
mean_difference (const MoeReference *reference,
                 const float        *logits)
{
  gsize n = (gsize) reference->n_tokens * reference->vocabulary;
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += fabs ((double) logits[i] - (double) reference->copy[i]);
  return sum / (double) n;
}

/* log of the sum of exp over one row. */
static double
log_sum_exp (const float *logits,
             guint        n)
{
  double top = logits[argmax (logits, n)], sum = 0;

  for (guint i = 0; i < n; i++)
    sum += exp ((double) logits[i] - top);
  return top + log (sum);
}

/* Mean over positions of the Kullback-Leibler divergence of @logits' distribution from the copy's, nats. */
static double
mean_divergence (const MoeReference *reference,
                 const float        *logits)
{
  double sum = 0;

  for (guint t = 0; t < reference->n_tokens; t++)
    {
      const float *p = reference->copy + (gsize) t * reference->vocabulary;
      const float *q = logits + (gsize) t * reference->vocabulary;
      double p_norm = log_sum_exp (p, reference->vocabulary);
      double q_norm = log_sum_exp (q, reference->vocabulary);

      for (guint i = 0; i < reference->vocabulary; i++)
        sum += exp (p[i] - p_norm) * ((p[i] - p_norm) - (q[i] - q_norm));
    }
  return sum / reference->n_tokens;
}

/* Kernels that round activations are no further from the F32 copy than llama.cpp is on the same file. */
static void
test_rounding (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeLogitsRun run = { .kernels = MOE_KERNELS_AUTO, .cache = MOE_CACHE_F32 };
  g_autoptr (MoeReference) reference = moe_reference_load (checkpoint->name);
  MoeModel *model = moe_logits_run_open (checkpoint, FALSE);
  g_autofree float *logits = moe_logits_run (model, &run, reference->tokens, reference->n_tokens, NULL, NULL);
  double difference = mean_difference (reference, logits), their_difference;
  double divergence = mean_divergence (reference, logits), their_divergence;

  g_assert_nonnull (reference->stored);
  their_difference = mean_difference (reference, reference->stored);
  their_divergence = mean_divergence (reference, reference->stored);
  g_test_message ("mean |difference| %g, %.3f of llama.cpp's; mean divergence %g, %.3f of llama.cpp's", difference,
                  difference / their_difference, divergence, divergence / their_divergence);
  g_assert_cmpfloat (difference, <=, their_difference);
  g_assert_cmpfloat (divergence, <=, their_divergence);
  moe_logits_run_close (model);
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
      g_autofree char *copy = g_strdup_printf ("/logits/copy/%s", list[i].name);
      g_autofree char *rounding = g_strdup_printf ("/logits/rounding/%s", list[i].name);

      g_test_add_data_func (plain, &list[i], test_plain);
      g_test_add_data_func (copy, &list[i], test_copy);
      if (list[i].type != MOE_TYPE_F32)
        g_test_add_data_func (rounding, &list[i], test_rounding);
    }
  return g_test_run ();
}
