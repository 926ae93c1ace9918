/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-contrast-control"

#include <math.h>

#include "analysis/moe-contrast-control.h"

#define N_EXPERTS 40
#define N_PROMPTS 30 /* a side */
#define N_RANKS 10

/* Prompts of random rates; expert 7 is chosen more often in A by @shift. */
static MoeContrastCounts *
make_counts (double shift)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (5);
  g_autoptr(MoeModelInfo) info = moe_model_info_new ();
  const MoeSpan span = { MOE_SPAN_PROMPT, 0 };
  MoeContrastCounts *counts;

  info->n_layers = info->n_moe_layers = 1;
  info->moe_layers = g_new0 (guint, 1);
  info->n_experts = N_EXPERTS;
  info->n_used = 1;
  counts = moe_contrast_counts_new (info, &span, -1);
  for (guint i = 0; i < 2 * N_PROMPTS; i++)
    {
      MoeContrastPrompt *prompt = g_new0 (MoeContrastPrompt, 1);

      prompt->key = g_strdup_printf ("%u", i * 7919 % 1000);
      prompt->side = i < N_PROMPTS ? MOE_CONTRAST_A : MOE_CONTRAST_B;
      prompt->pair = g_strdup_printf ("%u", i % N_PROMPTS);
      prompt->n_tokens = 100;
      prompt->hits = g_new0 (guint32, N_EXPERTS);
      prompt->weights = g_new0 (double, N_EXPERTS);
      for (guint e = 0; e < N_EXPERTS; e++)
        prompt->hits[e] = (guint32) (g_rand_int_range (random, 10, 50) +
                                     (e == 7 && i < N_PROMPTS ? (int) (shift * 100) : 0));
      g_ptr_array_add (counts->prompts, prompt);
    }
  return counts;
}

static MoeTable *
control (const MoeContrastCounts *counts,
         MoeScore                 score)
{
  g_autoptr(GError) error = NULL;
  MoeContrastOptions options;
  MoeTable *table;

  moe_contrast_options_init (&options);
  options.score = score;
  options.seed = 3;
  table = moe_contrast_control (counts, &options, 60, N_RANKS, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, N_RANKS);
  return table;
}

static double
get_first_score (const MoeContrastCounts *counts,
                 MoeScore                 score)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeContrast) contrast = NULL;
  MoeContrastOptions options;

  moe_contrast_options_init (&options);
  options.score = score;
  options.n_permutations = options.n_bootstrap = options.n_resamples = 0;
  contrast = moe_contrast_new (counts, &options, NULL, &error);
  g_assert_no_error (error);
  return moe_contrast_get (contrast, 0)->score;
}

/* Without a difference the best score is in the band of what chance gives; a planted one is above it. */
static void
test_band (void)
{
  static const MoeScore scores[] = { MOE_SCORE_RD, MOE_SCORE_PROMPT_RD, MOE_SCORE_PAIRED_RD };

  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    {
      g_autoptr(MoeContrastCounts) nothing = make_counts (0);
      g_autoptr(MoeContrastCounts) planted = make_counts (0.3);
      g_autoptr(MoeTable) chance = control (nothing, scores[i]);
      g_autoptr(MoeTable) band = control (planted, scores[i]);
      double score = get_first_score (nothing, scores[i]);

      g_assert_cmpfloat (score, >, moe_table_get_double (chance, 0, 1) * 0.8);
      g_assert_cmpfloat (score, <, moe_table_get_double (chance, 0, 3) * 1.2);
      g_assert_cmpfloat (get_first_score (planted, scores[i]), >, 1.5 * moe_table_get_double (band, 0, 3));
      for (guint rank = 0; rank < N_RANKS; rank++)
        {
          g_assert_cmpint (moe_table_get_int (chance, rank, 0), ==, rank + 1);
          for (guint column = 1; column < 3; column++)
            g_assert_cmpfloat (moe_table_get_double (chance, rank, column), <=,
                               moe_table_get_double (chance, rank, column + 1));
          if (rank > 0)
            g_assert_cmpfloat (moe_table_get_double (chance, rank, 2), <=,
                               moe_table_get_double (chance, rank - 1, 2));
        }
    }
}

static void
test_order (void)
{
  g_autoptr(MoeContrastCounts) one = make_counts (0.1);
  g_autoptr(MoeContrastCounts) other = make_counts (0.1);
  g_autoptr(MoeTable) first = control (one, MOE_SCORE_PROMPT_RD);
  g_autoptr(MoeTable) second = NULL;

  for (guint i = 0, n = other->prompts->len; i < n / 2; i++)
    {
      gpointer kept = other->prompts->pdata[i];

      other->prompts->pdata[i] = other->prompts->pdata[n - 1 - i];
      other->prompts->pdata[n - 1 - i] = kept;
    }
  second = control (other, MOE_SCORE_PROMPT_RD);
  for (guint rank = 0; rank < N_RANKS; rank++)
    for (guint column = 1; column < 4; column++)
      g_assert_cmpfloat (moe_table_get_double (first, rank, column), ==,
                         moe_table_get_double (second, rank, column));
}

static void
test_cancel (void)
{
  g_autoptr(MoeContrastCounts) counts = make_counts (0);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  const MoeProgress progress = { .cancellable = cancellable };
  g_autoptr(GError) error = NULL;
  MoeContrastOptions options;

  moe_contrast_options_init (&options);
  g_cancellable_cancel (cancellable);
  g_assert_null (moe_contrast_control (counts, &options, 10, N_RANKS, &progress, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/contrast-control/band", test_band);
  g_test_add_func ("/contrast-control/order", test_order);
  g_test_add_func ("/contrast-control/cancel", test_cancel);

  return g_test_run ();
}
