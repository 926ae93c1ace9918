/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-contrast"

#include "analysis/moe-contrast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/moe-resample.h"
#include "data/moe-error.h"

#define CLOSE(a, b) g_assert_cmpfloat (fabs ((a) - (b)), <, 1e-9)

/* The draws of the three ends, as moe-contrast-compute.c numbers them. */
enum { PERMUTATIONS = 1, BOOTSTRAP, STABILITY };

static MoeModelInfo *
make_info (guint n_layers,
           guint n_experts,
           guint n_used)
{
  MoeModelInfo *info = moe_model_info_new ();

  info->n_layers = n_layers + 1;
  info->n_moe_layers = n_layers;
  info->moe_layers = g_new (guint, n_layers);
  for (guint i = 0; i < n_layers; i++)
    info->moe_layers[i] = i + 1;
  info->n_experts = n_experts;
  info->n_used = n_used;
  return info;
}

static MoeContrastCounts *
make_counts (guint  n_layers,
             guint  n_experts,
             guint  n_used,
             gint32 marker)
{
  g_autoptr(MoeModelInfo) info = make_info (n_layers, n_experts, n_used);
  const MoeSpan span = { MOE_SPAN_PROMPT, 0 };

  return moe_contrast_counts_new (info, &span, marker);
}

static MoeContrastPrompt *
add_prompt (MoeContrastCounts *counts,
            const char        *key,
            MoeContrastSide    side,
            guint              n_tokens)
{
  gsize n = (gsize) counts->info->n_moe_layers * counts->info->n_experts;
  MoeContrastPrompt *prompt = g_new0 (MoeContrastPrompt, 1);

  prompt->key = g_strdup (key);
  prompt->side = side;
  prompt->n_tokens = n_tokens;
  prompt->hits = g_new0 (guint32, n);
  prompt->weights = g_new0 (double, n);
  if (counts->marker >= 0)
    prompt->marked_hits = g_new0 (guint32, n);
  g_ptr_array_add (counts->prompts, prompt);
  return prompt;
}

/* Random prompts; nothing tells A from B but what @shift adds to the rate of cell 0 in A. */
static MoeContrastCounts *
make_random (guint    seed,
             guint    n_a,
             guint    n_b,
             guint    n_cells,
             gboolean marker,
             double   shift)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (seed);
  MoeContrastCounts *counts = make_counts (1, n_cells, 1, marker ? 7 : -1);

  counts->projected = TRUE;
  for (guint i = 0; i < n_a + n_b; i++)
    {
      g_autofree char *key = g_strdup_printf ("%08x", g_rand_int (random));
      MoeContrastPrompt *prompt = add_prompt (counts, key, i < n_a ? MOE_CONTRAST_A : MOE_CONTRAST_B,
                                              (guint) g_rand_int_range (random, 30, 90));

      prompt->pair = g_strdup_printf ("%u", i < n_a ? i : i - n_a);
      prompt->label = g_strdup_printf ("%u", i % 3);
      prompt->projections = g_new0 (double, n_cells);
      prompt->n_marked = marker ? prompt->n_tokens / 2 : 0;
      for (guint cell = 0; cell < n_cells; cell++)
        {
          double rate = g_rand_double_range (random, 0.2, 0.6) + (cell == 0 && i < n_a ? shift : 0);

          prompt->hits[cell] = (guint32) lround (rate * prompt->n_tokens);
          prompt->weights[cell] = prompt->hits[cell] * g_rand_double (random);
          prompt->projections[cell] = prompt->hits[cell] * g_rand_double_range (random, -1, 1);
          if (marker)
            prompt->marked_hits[cell] = prompt->hits[cell] / 4;
        }
    }
  return counts;
}

static MoeContrast *
contrast (const MoeContrastCounts *counts,
          MoeScore                 score,
          guint                    n_permutations,
          guint                    n_bootstrap,
          guint                    n_resamples)
{
  MoeContrastOptions options;
  g_autoptr(GError) error = NULL;
  MoeContrast *result;

  moe_contrast_options_init (&options);
  options.score = score;
  options.n_permutations = n_permutations;
  options.n_bootstrap = n_bootstrap;
  options.n_resamples = n_resamples;
  options.n_top = 2;
  options.seed = 11;
  result = moe_contrast_new (counts, &options, NULL, &error);
  g_assert_no_error (error);
  return result;
}

static const MoeContrastCell *
find_cell (const MoeContrast *result,
           guint              layer,
           guint              expert)
{
  for (guint i = 0; i < moe_contrast_get_n (result); i++)
    {
      const MoeContrastCell *cell = moe_contrast_get (result, i);

      if (cell->layer == layer && cell->expert == expert)
        return cell;
    }
  g_assert_not_reached ();
}

/* Two prompts a side of 10, 30 and 20, 20 tokens, one layer of 8 experts of which 1 is used. */
static MoeContrastCounts *
make_small (gint32 marker)
{
  static const struct
  {
    const char     *key;
    MoeContrastSide side;
    guint           n_tokens;
    guint           hits[2];
    const char     *label;
  } prompts[] = {
    { "a1", MOE_CONTRAST_A, 10, { 5, 1 }, NULL },
    { "a2", MOE_CONTRAST_A, 30, { 3, 3 }, NULL },
    { "b1", MOE_CONTRAST_B, 20, { 1, 8 }, "x" },
    { "b2", MOE_CONTRAST_B, 20, { 2, 4 }, "y" },
    { "b3", MOE_CONTRAST_B, 20, { 6, 3 }, "y" },
  };
  MoeContrastCounts *counts = make_counts (1, 8, 1, marker);

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    {
      MoeContrastPrompt *prompt = add_prompt (counts, prompts[i].key, prompts[i].side, prompts[i].n_tokens);

      prompt->label = g_strdup (prompts[i].label);
      prompt->pair = i < 4 ? g_strdup (i % 2 == 0 ? "p" : "q") : NULL;
      for (guint e = 0; e < 2; e++)
        {
          prompt->hits[e] = prompts[i].hits[e];
          prompt->weights[e] = 0.5 * (e + 1) * prompts[i].hits[e];
        }
    }
  return counts;
}

static double
score_small (MoeScore score,
             guint    expert)
{
  g_autoptr(MoeContrastCounts) counts = make_small (-1);
  g_autoptr(MoeContrast) result = contrast (counts, score, 0, 0, score == MOE_SCORE_STABILITY ? 5 : 0);

  return find_cell (result, 1, expert)->score;
}

static void
test_formulas (void)
{
  g_autoptr(MoeContrastCounts) marked = make_small (42);
  g_autoptr(MoeContrast) result = NULL;

  CLOSE (score_small (MOE_SCORE_RD, 0), 8 / 40.0 - 9 / 60.0);
  CLOSE (score_small (MOE_SCORE_RD, 1), 4 / 40.0 - 15 / 60.0);
  CLOSE (score_small (MOE_SCORE_PROMPT_RD, 0), (0.5 + 0.1) / 2 - (0.05 + 0.1 + 0.3) / 3);
  CLOSE (score_small (MOE_SCORE_PAIRED_RD, 0), ((0.5 - 0.05) + (0.1 - 0.1)) / 2);
  /* Classes x and y count alike, though y has two prompts. */
  CLOSE (score_small (MOE_SCORE_FTRI, 0), (5 + 3) / 2.0 - (1 + (2 + 6) / 2.0) / 2);
  CLOSE (score_small (MOE_SCORE_WEIGHT, 1), 4 / 40.0 - 15 / 60.0);
  CLOSE (score_small (MOE_SCORE_UTILITY, 0), 0.3);
  g_assert_true (isnan (score_small (MOE_SCORE_UTILITY, 5)));
  /* p(y|x) = 8/40, p(y) = 17/100, p(x,y) = 8/100; the other has less than five tokens in A. */
  CLOSE (score_small (MOE_SCORE_NPMI, 0), log2 (0.2 / 0.17) / -log2 (0.08));
  g_assert_true (isnan (score_small (MOE_SCORE_NPMI, 1)));

  for (guint i = 0; i < 5; i++)
    {
      MoeContrastPrompt *prompt = marked->prompts->pdata[i];

      prompt->n_marked = 4;
      prompt->marked_hits[0] = 1;
      prompt->projections = g_new0 (double, 8);
      prompt->projections[0] = i < 2 ? 4 : -3;
      prompt->projections[1] = i < 2 ? 2 : 5;
    }
  marked->projected = TRUE;
  result = contrast (marked, MOE_SCORE_NPMI, 100, 0, 0);
  CLOSE (find_cell (result, 1, 0)->score, log2 (5 / 20.0 / 0.17) / -log2 (5 / 100.0));
  g_assert_true (isnan (find_cell (result, 1, 0)->p));
  g_clear_pointer (&result, moe_contrast_free);
  result = contrast (marked, MOE_SCORE_PROJECTION, 0, 0, 0);
  CLOSE (find_cell (result, 1, 0)->score, fabs (8 / 8.0 - -9 / 9.0) * 8 / 9);
  CLOSE (find_cell (result, 1, 1)->score, fabs (4 / 4.0 - 15 / 15.0) * 4 / 15);
  g_assert_cmpfloat (find_cell (result, 1, 2)->score, ==, 0);
}

/* What every formula says, written down again over prompts drawn @times with @labels; @signs for pairs. */
static double
plain_score (const MoeContrastCounts *counts,
             MoeScore                 score,
             guint                    cell,
             const guint             *labels,
             const guint             *times,
             const gint8             *signs)
{
  double hits[4] = { 0 }, tokens[4] = { 0 }, prompts[4] = { 0 }, rates[4] = { 0 }, weights[4] = { 0 };
  double projections[4] = { 0 }, marked_hits = 0, marked = 0, paired = 0, n_pairs = 0;
  double others = 0, n_others = 0;
  double n_b, hits_b, a, b, x, y, xy, all;

  for (guint i = 0; i < counts->prompts->len; i++)
    {
      const MoeContrastPrompt *p = counts->prompts->pdata[i];
      guint l = labels[i];

      hits[l] += times[i] * p->hits[cell];
      tokens[l] += times[i] * p->n_tokens;
      prompts[l] += times[i];
      rates[l] += times[i] * (double) p->hits[cell] / p->n_tokens;
      weights[l] += times[i] * p->weights[cell];
      projections[l] += times[i] * p->projections[cell];
      marked += times[i] * p->n_marked;
      marked_hits += p->marked_hits != NULL ? times[i] * p->marked_hits[cell] : 0;
    }
  n_b = tokens[1] + tokens[2] + tokens[3];
  hits_b = hits[1] + hits[2] + hits[3];
  switch (score)
    {
    case MOE_SCORE_RD:
      return hits[0] / tokens[0] - hits_b / n_b;
    case MOE_SCORE_PROMPT_RD:
      return rates[0] / prompts[0] - rates[1] / prompts[1];
    case MOE_SCORE_FTRI:
      for (guint l = 1; l < 4; l++)
        if (prompts[l] > 0)
          {
            others += hits[l] / prompts[l];
            n_others++;
          }
      return hits[0] / prompts[0] - others / n_others;
    case MOE_SCORE_WEIGHT:
      return weights[0] / tokens[0] - weights[1] / tokens[1];
    case MOE_SCORE_NPMI:
      x = counts->marker >= 0 ? marked : tokens[0];
      xy = counts->marker >= 0 ? marked_hits : hits[0];
      y = hits[0] + hits_b;
      all = tokens[0] + n_b;
      return xy < 5 ? NAN : log2 (xy * all / (x * y)) / -log2 (xy / all);
    case MOE_SCORE_PROJECTION:
      a = projections[0] / hits[0];
      b = projections[1] / hits[1];
      return fabs (a - b) * MIN (hits[0] / hits[1], 3);
    case MOE_SCORE_PAIRED_RD:
      for (guint i = 0; i < counts->prompts->len / 2; i++)
        {
          const MoeContrastPrompt *p = counts->prompts->pdata[2 * i], *q = counts->prompts->pdata[2 * i + 1];

          paired += signs[i] * (double) times[i] * ((double) p->hits[cell] / p->n_tokens
                                                    - (double) q->hits[cell] / q->n_tokens);
          n_pairs += times[i];
        }
      return paired / n_pairs;
    default:
      g_assert_not_reached ();
    }
}

static int
compare_keys (gconstpointer a,
              gconstpointer b)
{
  const MoeContrastPrompt *x = *(const MoeContrastPrompt * const *) a;
  const MoeContrastPrompt *y = *(const MoeContrastPrompt * const *) b;

  return strcmp (x->key, y->key);
}

static int
compare_sides (gconstpointer a,
               gconstpointer b)
{
  const MoeContrastPrompt *x = *(const MoeContrastPrompt * const *) a;
  const MoeContrastPrompt *y = *(const MoeContrastPrompt * const *) b;

  return x->side != y->side ? (int) x->side - (int) y->side : strcmp (x->key, y->key);
}

/* Everything again without tiles, weights and matrices. @counts is brought into the order of the draws: by
 * key, or for pairs: partners side by side, pairs by the key of A's. */
static void
check_plain (MoeContrastCounts *counts,
             MoeScore           score)
{
  enum { N_DRAWS = 60 };
  g_autoptr(MoeContrast) result = contrast (counts, score, N_DRAWS, N_DRAWS, N_DRAWS);
  GPtrArray *prompts = counts->prompts;
  gboolean pairs = score == MOE_SCORE_PAIRED_RD;
  guint n = prompts->len, n_items = pairs ? n / 2 : n, n_cells = counts->info->n_experts;
  g_autofree guint *labels = g_new0 (guint, n), *shuffled = g_new (guint, n), *once = g_new (guint, n);
  g_autofree guint *times = g_new (guint, n), *in_top = g_new0 (guint, n_cells);
  g_autofree guint *tied = g_new0 (guint, n_cells);
  g_autofree gint8 *signs = g_new (gint8, n), *plus = g_new (gint8, n);
  gboolean has_null = !(score == MOE_SCORE_NPMI && counts->marker >= 0);

  /* The first of two partners in this order is A's. */
  g_ptr_array_sort (prompts, pairs ? compare_sides : compare_keys);
  for (guint i = 0; pairs && i + 1 < n; i += 2)
    for (guint j = i + 1; j < n; j++)
      {
        MoeContrastPrompt *p = prompts->pdata[i], *q = prompts->pdata[j];

        if (!g_str_equal (p->pair, q->pair))
          continue;
        g_ptr_array_steal_index (prompts, j);
        g_ptr_array_insert (prompts, (gint) i + 1, q);
        break;
      }
  for (guint i = 0; i < n; i++)
    {
      const MoeContrastPrompt *p = prompts->pdata[i];

      once[i] = 1;
      plus[i] = 1;
      if (!pairs && p->side == MOE_CONTRAST_B)
        labels[i] = score == MOE_SCORE_FTRI ? (guint) (p->label[0] - '0') + 1 : 1;
    }

  for (guint cell = 0; cell < n_cells; cell++)
    {
      const MoeContrastCell *found = find_cell (result, 1, cell);
      GRand *random = moe_resample_random (11, PERMUTATIONS);
      double samples[N_DRAWS];
      guint extreme = 1;

      CLOSE (found->score, plain_score (counts, score, cell, labels, once, plus));
      memcpy (shuffled, labels, n * sizeof *labels);
      for (guint draw = 0; draw < N_DRAWS; draw++)
        {
          if (pairs)
            moe_resample_flip (random, signs, n_items);
          else
            moe_resample_shuffle (random, shuffled, n_items);
          extreme += fabs (plain_score (counts, score, cell, shuffled, once, signs))
                     >= fabs (found->score) - 1e-10;
        }
      g_rand_free (random);
      if (has_null)
        CLOSE (found->p, extreme / (N_DRAWS + 1.0));
      else
        g_assert_true (isnan (found->p));

      random = moe_resample_random (11, BOOTSTRAP);
      for (guint draw = 0; draw < N_DRAWS; draw++)
        {
          moe_resample_bootstrap (random, labels, n_items, times);
          samples[draw] = plain_score (counts, score, cell, labels, times, plus);
        }
      g_rand_free (random);
      CLOSE (found->low, moe_resample_quantile (samples, N_DRAWS, 0.025));
      CLOSE (found->high, moe_resample_quantile (samples, N_DRAWS, 0.975));
    }

  {
    GRand *random = moe_resample_random (11, STABILITY);

    for (guint draw = 0; draw < N_DRAWS; draw++)
      {
        moe_resample_subset (random, labels, n_items, 0.8, times);
        for (guint cell = 0; cell < n_cells; cell++)
          {
            double mine = plain_score (counts, score, cell, labels, times, plus);
            guint better = 0, equal = 0;

            for (guint other = 0; other < n_cells; other++)
              {
                double theirs = plain_score (counts, score, other, labels, times, plus);

                better += theirs > mine;
                equal += other != cell && fabs (theirs - mine) < 1e-9;
              }
            /* Which of two equal ones is above the other depends on their last bits. */
            tied[cell] += equal > 0;
            in_top[cell] += better < 2 && !isnan (mine);
          }
      }
    g_rand_free (random);
    for (guint cell = 0; cell < n_cells; cell++)
      g_assert_cmpfloat (fabs (find_cell (result, 1, cell)->stability * N_DRAWS - in_top[cell]), <,
                         tied[cell] + 1e-9);
  }
}

static void
test_plain (void)
{
  static const MoeScore scores[] = { MOE_SCORE_RD, MOE_SCORE_PROMPT_RD, MOE_SCORE_PAIRED_RD, MOE_SCORE_FTRI,
                                     MOE_SCORE_NPMI, MOE_SCORE_PROJECTION, MOE_SCORE_WEIGHT };
  g_autoptr(MoeContrastCounts) marked = make_random (99, 9, 9, 6, TRUE, 0.1);

  for (guint i = 0; i < G_N_ELEMENTS (scores); i++)
    {
      g_autoptr(MoeContrastCounts) counts = make_random (i + 1, 11, 11, 6, FALSE, 0.1);

      g_test_message ("%s", moe_score_get_name (scores[i]));
      check_plain (counts, scores[i]);
    }
  check_plain (marked, MOE_SCORE_NPMI);
}

/* Prompts in another order: every number has the same bits. More cells than one tile. */
static void
test_order (void)
{
  for (guint score = 0; score < MOE_N_SCORES; score++)
    {
      g_autoptr(MoeContrastCounts) counts = make_random (5, 8, 7, 300, FALSE, 0.1);
      g_autoptr(MoeContrast) first = contrast (counts, (MoeScore) score, 50, 50, 10), second = NULL;

      for (guint i = 0; i < counts->prompts->len; i++)
        g_ptr_array_insert (counts->prompts, (gint) (i * 7 % (i + 1)),
                            g_ptr_array_steal_index (counts->prompts, i));
      second = contrast (counts, (MoeScore) score, 50, 50, 10);
      for (guint i = 0; i < 300; i++)
        g_assert_cmpmem (moe_contrast_get (first, i), sizeof (MoeContrastCell), moe_contrast_get (second, i),
                         sizeof (MoeContrastCell));
    }
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov: where nothing tells A from B, p is uniform. The limit is that of 1 %, and the seeds are
 * fixed. */
static void
check_uniform (MoeScore score)
{
  enum { N = 300 };
  double p[N], distance = 0;

  for (guint i = 0; i < N; i++)
    {
      g_autoptr(MoeContrastCounts) counts = make_random (1000 * score + i, 14, 14, 1, FALSE, 0);
      g_autoptr(MoeContrast) result = contrast (counts, score, 499, 0, 0);

      p[i] = find_cell (result, 1, 0)->p;
    }
  qsort (p, N, sizeof *p, compare_doubles);
  for (guint i = 0; i < N; i++)
    distance = MAX (distance, MAX (fabs (p[i] - (double) i / N), fabs (p[i] - (i + 1.0) / N)));
  g_test_message ("%s: distance %.4f", moe_score_get_name (score), distance);
  g_assert_cmpfloat (distance, <, 1.63 / sqrt (N));
}

static void
test_uniform (void)
{
  check_uniform (MOE_SCORE_RD);
  check_uniform (MOE_SCORE_PROMPT_RD);
  check_uniform (MOE_SCORE_PAIRED_RD);
  check_uniform (MOE_SCORE_FTRI);
  check_uniform (MOE_SCORE_NPMI);
  check_uniform (MOE_SCORE_PROJECTION);
  check_uniform (MOE_SCORE_WEIGHT);
}

/* With a real difference it is found, and its interval holds the true value. */
static void
test_power (void)
{
  guint covered = 0;

  for (guint seed = 0; seed < 100; seed++)
    {
      g_autoptr(MoeContrastCounts) counts = make_random (seed, 25, 25, 40, FALSE, 0.2);
      g_autoptr(MoeContrast) result = contrast (counts, MOE_SCORE_PROMPT_RD, 499, 400, 5);
      const MoeContrastCell *cell = moe_contrast_get (result, 0);

      g_assert_cmpuint (cell->expert, ==, 0);
      g_assert_cmpfloat (cell->p, <=, 0.01);
      g_assert_cmpfloat (cell->stability, >=, 0.8);
      covered += cell->low < 0.2 && 0.2 < cell->high;
    }
  /* 95 of 100 are expected; a binomial of 0.95 falls below 86 once in 10,000 times. */
  g_assert_cmpuint (covered, >=, 86);
}

static void
test_ranking (void)
{
  g_autoptr(MoeContrastCounts) counts = make_small (-1);
  MoeContrastOptions options;

  moe_contrast_options_init (&options);
  options.n_permutations = options.n_bootstrap = options.n_resamples = 0;
  for (guint i = 0; i < 3; i++)
    {
      static const guint first[] = { 0, 1, 0 }, in_mask[] = { 1, 1, 1 };
      g_autoptr(MoeContrast) result = NULL;
      g_autoptr(MoeTable) table = NULL;
      g_autoptr(MoeMask) mask = NULL;

      options.order = (MoeContrastOrder) i;
      result = moe_contrast_new (counts, &options, NULL, NULL);
      table = moe_contrast_to_table (result, 3);
      mask = moe_contrast_make_mask (result, 5, MOE_MODE_DROP, MOE_SCOPE_ANSWER);
      g_assert_cmpuint (moe_table_get_n_rows (table), ==, 3);
      g_assert_cmpint (moe_table_get_int (table, 0, 0), ==, 1);
      g_assert_cmpint (moe_table_get_int (table, 0, 1), ==, 1);
      g_assert_cmpuint (moe_contrast_get (result, 0)->expert, ==, first[i]);
      g_assert_true (moe_table_is_missing (table, 0, (guint) moe_table_find_column (table, "p")));
      g_assert_true (moe_table_is_missing (table, 0, (guint) moe_table_find_column (table, "low")));
      /* Experts that tell nothing are not switched off to fill the number. */
      g_assert_cmpuint (moe_mask_get_n (mask), ==, in_mask[i]);
      g_assert_cmpint (moe_mask_get (mask, 0)->expert, ==, (int) first[i]);
      g_assert_cmpint (moe_mask_get (mask, 0)->mode, ==, MOE_MODE_DROP);
      g_assert_cmpint (moe_mask_get (mask, 0)->scope, ==, MOE_SCOPE_ANSWER);
    }
}

/* An expert of the topic, which half of the prompts on either side share by pairs but A has more of, and one
 * of the behaviour. */
static void
test_topic (void)
{
  g_autoptr(MoeContrastCounts) counts = make_counts (1, 2, 1, -1);
  g_autoptr(MoeContrast) result = NULL;

  for (guint i = 0; i < 40; i++)
    {
      gboolean a = i < 20, topic = a ? i < 15 : i < 25;
      g_autofree char *key = g_strdup_printf ("%02u", i);
      MoeContrastPrompt *prompt = add_prompt (counts, key, a ? MOE_CONTRAST_A : MOE_CONTRAST_B, 20);

      prompt->hits[0] = topic ? 15 + i % 3 : i % 2;
      prompt->hits[1] = a ? 12 : 3;
      /* On-topic prompts have an on-topic partner. */
      if (i < 5 || (i >= 15 && i < 25))
        prompt->pair = g_strdup_printf ("%u", i < 20 ? i % 10 : (i - 20) % 10);
    }
  result = contrast (counts, MOE_SCORE_RD, 200, 0, 0);
  g_assert_cmpuint (moe_contrast_get_n_pairs (result), ==, 5);
  g_assert_cmpfloat (find_cell (result, 1, 0)->rd, >, 0.3);
  g_assert_true (find_cell (result, 1, 0)->topic);
  CLOSE (find_cell (result, 1, 1)->paired_rd, 0.45);
  g_assert_false (find_cell (result, 1, 1)->topic);
  g_assert_cmpuint (moe_contrast_count_topic (result, 2), ==, 1);
}

static void
test_refused (void)
{
  g_autoptr(MoeContrastCounts) counts = make_counts (1, 2, 1, -1);
  MoeContrastOptions options;
  g_autoptr(GError) error = NULL;

  moe_contrast_options_init (&options);
  add_prompt (counts, "a", MOE_CONTRAST_A, 3);
  counts->n_skipped = 4;
  g_assert_null (moe_contrast_new (counts, &options, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "no prompt of set B has a token in the span 'prompt'");
  g_clear_error (&error);
  add_prompt (counts, "b", MOE_CONTRAST_B, 3);
  options.score = MOE_SCORE_PAIRED_RD;
  g_assert_null (moe_contrast_new (counts, &options, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_clear_error (&error);
  options.score = MOE_SCORE_PROJECTION;
  g_assert_null (moe_contrast_new (counts, &options, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/contrast/formulas", test_formulas);
  g_test_add_func ("/contrast/plain", test_plain);
  g_test_add_func ("/contrast/order", test_order);
  g_test_add_func ("/contrast/uniform", test_uniform);
  g_test_add_func ("/contrast/power", test_power);
  g_test_add_func ("/contrast/ranking", test_ranking);
  g_test_add_func ("/contrast/topic", test_topic);
  g_test_add_func ("/contrast/refused", test_refused);
  return g_test_run ();
}
