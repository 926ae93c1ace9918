/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-control"

#include "analysis/moe-contrast-control.h"

#include <math.h>

#include "analysis/moe-contrast-private.h"
#include "analysis/moe-resample.h"

/* Draws for the controls are others than those for p, interval and stability. */
#define STREAM 101

/* The prompts in an order that does not depend on the files, copied: sides and labels are to be changed, what
 * they point to stays that of @counts. */
static GPtrArray *
copy_prompts (const MoeContrastCounts *counts)
{
  g_autoptr(GPtrArray) sorted = moe_contrast_sort_prompts (counts);
  GPtrArray *prompts = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < sorted->len; i++)
    g_ptr_array_add (prompts, g_memdup2 (g_ptr_array_index (sorted, i), sizeof (MoeContrastPrompt)));
  return prompts;
}

/* Deals sides and labels out anew: @from keeps the true ones. */
static void
shuffle (GRand     *random,
         GPtrArray *from,
         GPtrArray *prompts)
{
  g_autofree guint *order = g_new (guint, prompts->len);

  for (guint i = 0; i < prompts->len; i++)
    order[i] = i;
  moe_resample_shuffle (random, order, prompts->len);
  for (guint i = 0; i < prompts->len; i++)
    {
      const MoeContrastPrompt *source = g_ptr_array_index (from, order[i]);
      MoeContrastPrompt *prompt = g_ptr_array_index (prompts, i);

      prompt->side = source->side;
      prompt->label = source->label;
    }
}

/* Each pair changes its sides or does not. */
static void
flip (GRand     *random,
      GPtrArray *from,
      GPtrArray *prompts)
{
  g_autoptr(GHashTable) signs = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < prompts->len; i++)
    {
      const MoeContrastPrompt *source = g_ptr_array_index (from, i);
      MoeContrastPrompt *prompt = g_ptr_array_index (prompts, i);
      gint8 sign = 1;

      prompt->side = source->side;
      if (source->pair == NULL)
        continue;
      if (!g_hash_table_contains (signs, source->pair))
        {
          moe_resample_flip (random, &sign, 1);
          g_hash_table_insert (signs, source->pair, GINT_TO_POINTER (sign));
        }
      if (GPOINTER_TO_INT (g_hash_table_lookup (signs, source->pair)) < 0)
        prompt->side = source->side == MOE_CONTRAST_A ? MOE_CONTRAST_B : MOE_CONTRAST_A;
    }
}

MoeTable *
moe_contrast_control (const MoeContrastCounts   *counts,
                      const MoeContrastOptions  *options,
                      guint                      n_draws,
                      guint                      n_ranks,
                      const MoeProgress         *progress,
                      GError                   **error)
{
  g_autoptr(GPtrArray) from = copy_prompts (counts);
  g_autoptr(GPtrArray) prompts = copy_prompts (counts);
  g_autoptr(GRand) random = moe_resample_random (options->seed, STREAM);
  MoeContrastCounts drawn = *counts;
  MoeContrastOptions plain = *options;
  g_autofree double *scores = NULL;
  MoeTable *table;

  g_return_val_if_fail (counts != NULL && options != NULL && n_draws > 0, NULL);

  drawn.prompts = prompts;
  plain.n_permutations = plain.n_bootstrap = 0;
  /* Stability is the score here, and then needs its resamples. */
  if (plain.score != MOE_SCORE_STABILITY)
    plain.n_resamples = 0;
  n_ranks = MIN (n_ranks, counts->info->n_moe_layers * counts->info->n_experts);
  scores = g_new (double, (gsize) n_ranks * n_draws);
  for (guint draw = 0; draw < n_draws; draw++)
    {
      g_autoptr(MoeContrast) contrast = NULL;

      if (!moe_progress_step (progress, (double) draw / n_draws, "Shuffling labels", error))
        return NULL;
      if (plain.score == MOE_SCORE_PAIRED_RD)
        flip (random, from, prompts);
      else
        shuffle (random, from, prompts);
      contrast = moe_contrast_new (&drawn, &plain, NULL, error);
      if (contrast == NULL)
        return NULL;
      for (guint rank = 0; rank < n_ranks; rank++)
        scores[(gsize) rank * n_draws + draw] = moe_contrast_get (contrast, rank)->score;
    }

  table = moe_table_new ("Scores under shuffled labels");
  moe_table_add_column (table, "rank", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "control_low", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "control_middle", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "control_high", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  for (guint rank = 0; rank < n_ranks; rank++)
    {
      double *row = scores + (gsize) rank * n_draws;
      guint n = 0;

      for (guint i = 0; i < n_draws; i++)
        if (!isnan (row[i]))
          row[n++] = row[i];
      moe_table_append_row (table);
      moe_table_set_int (table, rank, 0, rank + 1);
      if (n == 0)
        continue;
      moe_table_set_double (table, rank, 1, moe_resample_quantile (row, n, 0.025));
      moe_table_set_double (table, rank, 2, moe_resample_quantile (row, n, 0.5));
      moe_table_set_double (table, rank, 3, moe_resample_quantile (row, n, 0.975));
    }
  return table;
}
