/* SPDX-License-Identifier: MIT */
#include "analysis/moe-answer-metrics.h"
#include "analysis/moe-refusal.h"

#include <glib/gstdio.h>
#include <math.h>

#include "data/moe-error.h"

/* Figures of answers, against values worked out by hand. */

static void
test_kl (void)
{
  /* Softmax of (0, ln 3) is (1/4, 3/4); a constant added changes nothing. */
  const float p[] = { 5, 5 + logf (3) }, q[] = { 0, 0 };

  g_assert_cmpfloat_with_epsilon (moe_logits_get_kl (p, q, 2), 0.25 * log (0.5) + 0.75 * log (1.5), 1e-6);
  g_assert_cmpfloat_with_epsilon (moe_logits_get_kl (q, p, 2), 0.5 * log (2) + 0.5 * log (2.0 / 3), 1e-6);
  g_assert_cmpfloat (moe_logits_get_kl (p, p, 2), ==, 0);
}

static void
test_repetition (void)
{
  const gint32 different[] = { 1, 2, 3, 4, 5 }, same[] = { 7, 7, 7, 7, 7, 7 };
  const gint32 twice[] = { 1, 2, 3, 4, 9, 1, 2, 3, 4 };

  g_assert_true (isnan (moe_tokens_get_repetition (different, 3)));
  g_assert_cmpfloat (moe_tokens_get_repetition (different, 5), ==, 0);
  /* Three 4-grams, one of them new. */
  g_assert_cmpfloat_with_epsilon (moe_tokens_get_repetition (same, 6), 2.0 / 3, 1e-12);
  /* 1234 2349 3491 4912 9123 1234: one of six was there before. */
  g_assert_cmpfloat_with_epsilon (moe_tokens_get_repetition (twice, 9), 1.0 / 6, 1e-12);
}

static void
test_loop (void)
{
  const gint32 none[] = { 1, 2, 3, 1, 4 }, one[] = { 1, 5, 5, 2 }, two[] = { 9, 1, 2, 1, 2, 1, 3 };
  const gint32 apart[] = { 1, 2, 3, 9, 1, 2, 3 };

  g_assert_cmpuint (moe_tokens_get_loop (none, 5), ==, 0);
  g_assert_cmpuint (moe_tokens_get_loop (one, 4), ==, 2);
  g_assert_cmpuint (moe_tokens_get_loop (two, 7), ==, 5);
  g_assert_cmpuint (moe_tokens_get_loop (apart, 7), ==, 0);
  g_assert_cmpuint (moe_tokens_get_loop (NULL, 0), ==, 0);
}

static void
test_divergence (void)
{
  const gint32 a[] = { 1, 2, 3 }, b[] = { 1, 2, 4 };

  g_assert_cmpint (moe_tokens_get_divergence (a, 3, a, 3), ==, -1);
  g_assert_cmpint (moe_tokens_get_divergence (a, 3, b, 3), ==, 2);
  g_assert_cmpint (moe_tokens_get_divergence (a, 2, b, 3), ==, 2);
  g_assert_cmpint (moe_tokens_get_divergence (NULL, 0, b, 3), ==, 0);
}

static void
test_match (void)
{
  g_assert_true (moe_answer_is (" Paris. ", "paris"));
  g_assert_true (moe_answer_is ("17", "17."));
  g_assert_false (moe_answer_is ("It is Paris.", "Paris"));
  g_assert_true (moe_answer_contains ("It is Paris.", "paris"));
  g_assert_true (moe_answer_contains ("117 and 17", "17"));
  g_assert_false (moe_answer_contains ("117", "17"));
  g_assert_false (moe_answer_contains ("17th", "17"));
  g_assert_false (moe_answer_contains ("anything", "."));
}

static void
test_intervals (void)
{
  const double values[] = { 0, 10 }, weights[] = { 1, 4 };
  double low, high, again_low, again_high;

  /* Wilson 1927: 1 of 10 at 95 % is 0.0179 to 0.4042; 0 of 10 is 0 to 0.2775. */
  moe_interval_wilson (1, 10, 0.95, &low, &high);
  g_assert_cmpfloat_with_epsilon (low, 0.0179, 1e-4);
  g_assert_cmpfloat_with_epsilon (high, 0.4042, 1e-4);
  moe_interval_wilson (0, 10, 0.95, &low, &high);
  g_assert_cmpfloat (low, ==, 0);
  g_assert_cmpfloat_with_epsilon (high, 0.2775, 1e-4);
  moe_interval_wilson (0, 0, 0.95, &low, &high);
  g_assert_true (isnan (low) && isnan (high));

  /* Both drawn, or one twice: 0, 5 or 10; a ratio 0, 10/5 or 20/8. */
  moe_interval_bootstrap (values, NULL, 2, 1000, 0.95, 3, &low, &high);
  g_assert_cmpfloat (low, ==, 0);
  g_assert_cmpfloat (high, ==, 10);
  moe_interval_bootstrap (values, weights, 2, 1000, 0.95, 3, &low, &high);
  g_assert_cmpfloat (high, ==, 2.5);
  moe_interval_bootstrap (values, weights, 2, 1000, 0.95, 3, &again_low, &again_high);
  g_assert_true (low == again_low && high == again_high);
  moe_interval_bootstrap (values, NULL, 1, 1000, 0.95, 3, &low, &high);
  g_assert_true (low == 0 && high == 0);
  moe_interval_bootstrap (NULL, NULL, 0, 1000, 0.95, 3, &low, &high);
  g_assert_true (isnan (low));
}

static void
test_refusals (void)
{
  g_autoptr (MoeRefusalList) list = moe_refusal_list_new_default ();
  g_autofree char *spaces = g_strnfill (288, '.');
  g_autofree char *inside = g_strconcat (spaces, " I cannot.", NULL);
  g_autofree char *beyond = g_strconcat (spaces, ".... I cannot.....", NULL);

  g_assert_cmpuint (moe_refusal_list_get_n (list), ==, 12);
  g_assert_true (moe_refusal_list_match (list, "I'm sorry, but no."));
  g_assert_true (moe_refusal_list_match (list, "  i\u2019M SORRY"));
  g_assert_true (moe_refusal_list_match (list, "Well. As an AI, I decline."));
  g_assert_false (moe_refusal_list_match (list, "I'm, a walk or a puzzle is a good"));
  g_assert_false (moe_refusal_list_match (list, ""));
  g_assert_true (moe_refusal_list_match (list, inside));
  g_assert_false (moe_refusal_list_match (list, beyond));
  /* Only what follows the thinking block counts, and only when it is closed. */
  g_assert_false (moe_refusal_list_match (list, "<think>I can't say</think>Sure, here it is."));
  g_assert_true (moe_refusal_list_match (list, "<think>Sure</think>\n\nI can't."));
  g_assert_false (moe_refusal_list_match (list, "<think>I can't"));
}

static void
test_refusal_file (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moescope-refusals-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "openers.txt", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeRefusalList) list = NULL;

  g_assert_true (g_file_set_contents (path, "# French\n\n  Je suis d\u00e9sol\u00e9 \r\nJe ne peux pas", -1,
                                      NULL));
  list = moe_refusal_list_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_refusal_list_get_n (list), ==, 2);
  g_assert_cmpstr (moe_refusal_list_get (list, 0), ==, "Je suis d\u00e9sol\u00e9");
  g_assert_true (moe_refusal_list_match (list, "JE SUIS D\u00c9SOL\u00c9."));

  g_assert_true (g_file_set_contents (path, "# nothing\n", -1, NULL));
  g_assert_null (moe_refusal_list_load (path, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "\xff", 1, NULL));
  g_assert_null (moe_refusal_list_load (path, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_score (void)
{
  const float logits[] = { 0, logf (2), 0 };
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  const gint32 first = 1, second = 2;

  g_assert_cmpfloat (moe_refusal_get_probability (tokens, logits, 3), ==, 0);
  g_array_append_val (tokens, first);
  g_assert_cmpfloat_with_epsilon (moe_refusal_get_probability (tokens, logits, 3), 0.5, 1e-6);
  g_array_append_val (tokens, second);
  g_assert_cmpfloat_with_epsilon (moe_refusal_get_probability (tokens, logits, 3), 0.75, 1e-6);
  g_assert_cmpfloat_with_epsilon (moe_refusal_get_score (0.75), log (3), 1e-6);
  g_assert_cmpfloat_with_epsilon (moe_refusal_get_score (0), log (1e-8 / (1 + 1e-8)), 1e-9);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/answer-metrics/kl", test_kl);
  g_test_add_func ("/answer-metrics/repetition", test_repetition);
  g_test_add_func ("/answer-metrics/loop", test_loop);
  g_test_add_func ("/answer-metrics/divergence", test_divergence);
  g_test_add_func ("/answer-metrics/match", test_match);
  g_test_add_func ("/answer-metrics/intervals", test_intervals);
  g_test_add_func ("/answer-metrics/refusals", test_refusals);
  g_test_add_func ("/answer-metrics/refusal-file", test_refusal_file);
  g_test_add_func ("/answer-metrics/score", test_score);
  return g_test_run ();
}
