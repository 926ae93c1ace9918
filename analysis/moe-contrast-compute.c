/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include <math.h>
#include <string.h>

#include "analysis/moe-contrast-private.h"
#include "analysis/moe-resample.h"
#include "data/moe-error.h"

/* Cells that are worked on together: their planes, with some hundred items, stay in the second level cache.
 * */
#define TILE 256u

/* Permutations that are drawn at a time: memory does not grow with their number. */
#define CHUNK 1000u

#define SUBSET_SHARE 0.8

enum
{
  STREAM_PERMUTATIONS = 1,
  STREAM_BOOTSTRAP,
  STREAM_STABILITY,
};

/* Draws of the items, ready to be summed up. */
typedef struct
{
  guint   n;
  double *weights; /* (n, n_sums, n_items) */
  double *totals;  /* (n, 2) */
} Draws;

typedef struct
{
  const MoeContrastOptions *options;
  MoeContrastProblem       *problem;
  Draws                     plain, permuted, bootstrap, subsets; /* permuted: a chunk of them */
  guint                     n_permutations;
  double                   *planes;     /* (n_sums, n_items, TILE) */
  double                   *sums;       /* (n_sums, TILE) */
  double                   *scores;     /* (most draws, TILE) */
  double                   *column;     /* (most draws) */
  double                   *resampled;  /* (n_resamples, n_cells) */
  guint                    *extreme;    /* (n_cells) permutations with a score at least as large */
  MoeContrastCell          *cells;      /* (n_cells) */
} Work;

static void
draws_init (Draws                    *self,
            const MoeContrastProblem *problem,
            guint                     n)
{
  self->n = n;
  self->weights = g_new (double, MAX ((gsize) n * problem->n_sums * problem->n_items, 1));
  self->totals = g_new (double, MAX (2 * (gsize) n, 1));
}

static void
draws_clear (Draws *self)
{
  g_free (self->weights);
  g_free (self->totals);
}

static void
draws_set (Draws                    *self,
           const MoeContrastProblem *problem,
           guint                     draw,
           const guint              *labels,
           const guint              *times,
           const gint8              *signs)
{
  moe_contrast_problem_weigh (problem, labels, times, signs,
                              self->weights + (gsize) draw * problem->n_sums * problem->n_items,
                              self->totals + 2 * (gsize) draw);
}

gboolean
moe_contrast_has_null (MoeScore score,
                       gboolean marker)
{
  return score != MOE_SCORE_UTILITY && !(score == MOE_SCORE_NPMI && marker);
}

static void
draw_all (Work *self)
{
  const MoeContrastProblem *problem = self->problem;
  const MoeContrastOptions *options = self->options;
  guint n = problem->n_items;
  g_autofree guint *times = g_new (guint, n);
  GRand *random;

  for (guint i = 0; i < n; i++)
    times[i] = 1;
  draws_init (&self->plain, problem, 1);
  draws_set (&self->plain, problem, 0, problem->labels, times, NULL);
  if (moe_contrast_has_null (problem->score, problem->marker))
    self->n_permutations = options->n_permutations;
  draws_init (&self->permuted, problem, MIN (self->n_permutations, CHUNK));

  random = moe_resample_random (options->seed, STREAM_BOOTSTRAP);
  draws_init (&self->bootstrap, problem, options->score == MOE_SCORE_STABILITY ? 0 : options->n_bootstrap);
  for (guint i = 0; i < self->bootstrap.n; i++)
    {
      moe_resample_bootstrap (random, problem->labels, n, times);
      draws_set (&self->bootstrap, problem, i, problem->labels, times, NULL);
    }
  g_rand_free (random);

  random = moe_resample_random (options->seed, STREAM_STABILITY);
  draws_init (&self->subsets, problem, options->n_resamples);
  for (guint i = 0; i < self->subsets.n; i++)
    {
      moe_resample_subset (random, problem->labels, n, SUBSET_SHARE, times);
      draws_set (&self->subsets, problem, i, problem->labels, times, NULL);
    }
  g_rand_free (random);
}

/* The scores of @n cells under every draw, into self->scores (draws->n, @n). Items are added in their
 * order, so that the bits don't depend on anything else. */
static void
score_tile (Work        *self,
            const Draws *draws,
            guint        n)
{
  const MoeContrastProblem *problem = self->problem;

  for (guint draw = 0; draw < draws->n; draw++)
    {
      const double *weights = draws->weights + (gsize) draw * problem->n_sums * problem->n_items;

      memset (self->sums, 0, (gsize) problem->n_sums * n * sizeof *self->sums);
      for (guint sum = 0; sum < problem->n_sums; sum++)
        for (guint i = 0; i < problem->n_items; i++)
          {
            double weight = weights[(gsize) sum * problem->n_items + i];
            const double *row = self->planes + ((gsize) sum * problem->n_items + i) * n;
            double *to = self->sums + (gsize) sum * n;

            if (weight == 0)
              continue;
            for (guint cell = 0; cell < n; cell++)
              to[cell] += weight * row[cell];
          }
      moe_contrast_problem_score (problem, self->sums, draws->totals + 2 * (gsize) draw, n,
                                  self->scores + (gsize) draw * n);
    }
}

/* Equal arrangements may add up to values that differ in the last bits; a null score that does not exist
 * counts as extreme, which errs on the side of no finding. */
static void
count_extremes (Work  *self,
                guint  first,
                guint  n)
{
  score_tile (self, &self->permuted, n);
  for (guint cell = 0; cell < n; cell++)
    {
      double least = fabs (self->cells[first + cell].score) * (1 - 1e-9) - 1e-12;

      for (guint draw = 0; draw < self->permuted.n; draw++)
        if (!(fabs (self->scores[(gsize) draw * n + cell]) < least))
          self->extreme[first + cell]++;
    }
}

/* Missing when the score is missing in more than half of the samples. */
static void
set_interval (Work            *self,
              guint            cell,
              guint            n,
              MoeContrastCell *result)
{
  double tail = (1 - self->options->confidence) / 2;
  guint found = 0;

  for (guint draw = 0; draw < self->bootstrap.n; draw++)
    {
      double score = self->scores[(gsize) draw * n + cell];

      if (!isnan (score))
        self->column[found++] = score;
    }
  if (2 * found < self->bootstrap.n || found == 0)
    return;
  result->low = moe_resample_quantile (self->column, found, tail);
  result->high = moe_resample_quantile (self->column, found, 1 - tail);
}

static void
fill_tile (Work  *self,
           guint  first,
           guint  n)
{
  const MoeContrastProblem *problem = self->problem;

  for (guint sum = 0; sum < problem->n_sums; sum++)
    moe_contrast_problem_fill (problem, sum, first, n, self->planes + (gsize) sum * problem->n_items * n);
}

static void
run_tile (Work  *self,
          guint  first,
          guint  n)
{
  const MoeContrastProblem *problem = self->problem;

  fill_tile (self, first, n);
  score_tile (self, &self->plain, n);
  for (guint cell = 0; cell < n; cell++)
    self->cells[first + cell].score = self->scores[cell];

  score_tile (self, &self->bootstrap, n);
  for (guint cell = 0; cell < n; cell++)
    if (!isnan (self->cells[first + cell].score))
      set_interval (self, cell, n, &self->cells[first + cell]);

  score_tile (self, &self->subsets, n);
  for (guint draw = 0; draw < self->subsets.n; draw++)
    memcpy (self->resampled + (gsize) draw * problem->n_cells + first, self->scores + (gsize) draw * n,
            n * sizeof *self->scores);
}

/* What is ranked: larger comes first. */
static double
get_rank_value (MoeContrastOrder order,
                double           score)
{
  if (isnan (score))
    return -INFINITY;
  return order == MOE_CONTRAST_ORDER_A ? score : order == MOE_CONTRAST_ORDER_B ? -score : fabs (score);
}

static int
compare_values (gconstpointer a,
                gconstpointer b,
                gpointer      user_data)
{
  const double *values = user_data;
  guint x = *(const guint *) a, y = *(const guint *) b;

  if (values[x] != values[y])
    return values[x] > values[y] ? -1 : 1;
  return (x > y) - (x < y);
}

/* The cells by rank; (n), transfer full. @values: (n). */
static guint *
rank_cells (const double *values,
            guint         n)
{
  guint *order = g_new (guint, n);

  for (guint cell = 0; cell < n; cell++)
    order[cell] = cell;
  g_qsort_with_data (order, (gint) n, sizeof *order, compare_values, (gpointer) values);
  return order;
}

static void
set_stability (Work *self)
{
  guint n_cells = self->problem->n_cells, n_draws = self->subsets.n;
  guint n_top = MIN (self->options->n_top, n_cells);

  for (guint cell = 0; cell < n_cells && n_draws > 0; cell++)
    self->cells[cell].stability = 0;
  for (guint draw = 0; draw < n_draws; draw++)
    {
      double *values = self->resampled + (gsize) draw * n_cells;
      g_autofree guint *order = NULL;

      for (guint cell = 0; cell < n_cells; cell++)
        values[cell] = get_rank_value (self->options->order, values[cell]);
      order = rank_cells (values, n_cells);
      for (guint i = 0; i < n_top; i++)
        if (values[order[i]] > -INFINITY)
          self->cells[order[i]].stability += 1;
    }
  for (guint cell = 0; cell < n_cells && n_draws > 0; cell++)
    self->cells[cell].stability /= n_draws;
}

/* Only the 3 k experts of each layer that are used most have a utility. */
static void
keep_useful (MoeContrastCell    *cells,
             const MoeModelInfo *info)
{
  g_autofree double *values = g_new (double, info->n_experts);

  for (guint layer = 0; layer < info->n_moe_layers; layer++)
    {
      MoeContrastCell *row = cells + (gsize) layer * info->n_experts;
      g_autofree guint *order = NULL;

      for (guint expert = 0; expert < info->n_experts; expert++)
        values[expert] = row[expert].score;
      order = rank_cells (values, info->n_experts);
      for (guint i = MIN (3 * info->n_used, info->n_experts); i < info->n_experts; i++)
        row[order[i]].score = row[order[i]].low = row[order[i]].high = NAN;
    }
}

/* p of every cell that has a score. */
static gboolean
run_permutations (Work               *self,
                  const MoeProgress  *progress,
                  GError            **error)
{
  const MoeContrastProblem *problem = self->problem;
  guint n = problem->n_items, n_cells = problem->n_cells;
  g_autofree guint *labels = g_memdup2 (problem->labels, n * sizeof *labels);
  g_autofree guint *once = g_new (guint, n);
  g_autofree gint8 *signs = g_new (gint8, n);
  g_autoptr(GRand) random = moe_resample_random (self->options->seed, STREAM_PERMUTATIONS);

  for (guint i = 0; i < n; i++)
    once[i] = 1;
  for (guint done = 0; done < self->n_permutations; done += self->permuted.n)
    {
      self->permuted.n = MIN (CHUNK, self->n_permutations - done);
      for (guint i = 0; i < self->permuted.n; i++)
        {
          if (problem->pairs != NULL)
            moe_resample_flip (random, signs, n);
          else
            moe_resample_shuffle (random, labels, n);
          draws_set (&self->permuted, problem, i, labels, once, problem->pairs != NULL ? signs : NULL);
        }
      for (guint first = 0; first < n_cells; first += TILE)
        {
          double fraction = (done + (double) self->permuted.n * first / n_cells) / self->n_permutations;

          if (!moe_progress_step (progress, 0.5 + 0.5 * fraction, "shuffling labels", error))
            return FALSE;
          fill_tile (self, first, MIN (TILE, n_cells - first));
          count_extremes (self, first, MIN (TILE, n_cells - first));
        }
    }
  for (guint cell = 0; cell < n_cells && self->n_permutations > 0; cell++)
    if (!isnan (self->cells[cell].score))
      self->cells[cell].p = (1.0 + self->extreme[cell]) / (1.0 + self->n_permutations);
  return TRUE;
}

static void
work_clear (Work *self)
{
  draws_clear (&self->plain);
  draws_clear (&self->permuted);
  draws_clear (&self->bootstrap);
  draws_clear (&self->subsets);
  g_free (self->planes);
  g_free (self->sums);
  g_free (self->scores);
  g_free (self->column);
  g_free (self->resampled);
  g_free (self->extreme);
}

static gboolean
work_run (Work               *self,
          const MoeProgress  *progress,
          GError            **error)
{
  const MoeContrastProblem *problem = self->problem;
  guint most = MAX (MAX (self->permuted.n, self->bootstrap.n), MAX (self->subsets.n, 1));

  self->planes = g_new (double, (gsize) problem->n_sums * problem->n_items * TILE);
  self->sums = g_new (double, (gsize) problem->n_sums * TILE);
  self->scores = g_new (double, (gsize) most * TILE);
  self->column = g_new (double, most);
  self->extreme = g_new0 (guint, problem->n_cells);
  self->resampled = g_new (double, MAX ((gsize) self->subsets.n * problem->n_cells, 1));
  for (guint first = 0; first < problem->n_cells; first += TILE)
    {
      if (!moe_progress_step (progress, 0.5 * first / problem->n_cells, "scoring experts", error))
        return FALSE;
      run_tile (self, first, MIN (TILE, problem->n_cells - first));
    }
  set_stability (self);
  return run_permutations (self, progress, error);
}

gboolean
moe_contrast_compute (const MoeContrastCounts   *counts,
                      const MoeContrastOptions  *options,
                      MoeContrastCell           *cells,
                      const MoeProgress         *progress,
                      GError                   **error)
{
  gboolean by_stability = options->score == MOE_SCORE_STABILITY;
  MoeScore base = by_stability ? MOE_SCORE_PROMPT_RD : options->score;
  g_autoptr(MoeContrastProblem) problem = NULL;
  Work work = { .options = options, .cells = cells };
  gboolean done;

  if (by_stability && options->n_resamples == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "the stability needs resamples");
      return FALSE;
    }
  problem = moe_contrast_problem_new (counts, base, error);
  if (problem == NULL)
    return FALSE;
  work.problem = problem;
  draw_all (&work);
  done = work_run (&work, progress, error);
  if (done && options->score == MOE_SCORE_UTILITY)
    keep_useful (cells, counts->info);
  for (guint cell = 0; cell < problem->n_cells && done && by_stability; cell++)
    cells[cell].score = cells[cell].stability;
  work_clear (&work);
  return done;
}

guint *
moe_contrast_rank (const MoeContrastCell *cells,
                   guint                  n,
                   MoeContrastOrder       order)
{
  g_autofree double *values = g_new (double, n);

  for (guint cell = 0; cell < n; cell++)
    values[cell] = get_rank_value (order, cells[cell].score);
  return rank_cells (values, n);
}
