/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast.h"

G_BEGIN_DECLS

/* What the files of the contrast share. */

/* SHA-256 of all that the prompt says. Transfer full. */
char     *moe_contrast_make_key     (const MoePrompt          *prompt);
/* FALSE when a side has no prompt. */
gboolean  moe_contrast_counts_check (const MoeContrastCounts  *self,
                                     GError                  **error);

/* A score over the prompts (or pairs) as sums that can be drawn again with other labels and multiplicities:
 *
 *   sum k of cell c = sum over items i of weight[k][i] * plane[k][i][c],   score c = f (sums)
 *
 * Items are sorted by what they are, so that nothing depends on the order in which prompts came. */
#define MOE_CONTRAST_MAX_SUMS 4

typedef struct
{
  MoeScore   score;
  guint      n_items, n_cells, n_sums;
  GPtrArray *prompts;  /* of MoeContrastPrompt, sorted; not owned */
  GPtrArray *pairs;    /* of MoeContrastPair, the items of paired-rd; else NULL */
  guint     *labels;   /* (n_items) 0 = A, 1, 2, ... = B or its classes */
  guint      n_labels;
  double    *sizes;    /* (n_items) what an item counts in the denominators: tokens, or 1 */
  gboolean   marker;   /* npmi of the marker token */
} MoeContrastProblem;

typedef struct
{
  GPtrArray *sides[2]; /* of MoeContrastPrompt, not owned */
} MoeContrastPair;

/* Pairs that have prompts on both sides, sorted. Transfer full. @prompts: sorted. */
GPtrArray          *moe_contrast_find_pairs    (GPtrArray                *prompts);
/* Sorted; the prompts are not owned. Transfer full. */
GPtrArray          *moe_contrast_sort_prompts  (const MoeContrastCounts  *counts);

MoeContrastProblem *moe_contrast_problem_new   (const MoeContrastCounts  *counts,
                                                MoeScore                  score,
                                                GError                  **error);
void                moe_contrast_problem_free  (MoeContrastProblem       *self);

/* The weights (n_sums, n_items) of a draw: @labels (n_items), how often each item was drawn (n_items), and
 * for pairs their signs (n_items) or NULL for all +1. @totals (2): denominators of the two halves. */
void                moe_contrast_problem_weigh (const MoeContrastProblem *self,
                                                const guint              *labels,
                                                const guint              *times,
                                                const gint8              *signs,
                                                double                   *weights,
                                                double                   *totals);
/* Plane @sum of cells [@first, @first + @n) into @to (n_items, n). */
void                moe_contrast_problem_fill  (const MoeContrastProblem *self,
                                                guint                     sum,
                                                guint                     first,
                                                guint                     n,
                                                double                   *to);
/* Scores from @sums (n_sums, n), into @scores (n); NaN where there is none. */
void                moe_contrast_problem_score (const MoeContrastProblem *self,
                                                const double             *sums,
                                                const double             *totals,
                                                guint                     n,
                                                double                   *scores);

/* Whether labels can be shuffled: the score compares A with B. */
gboolean            moe_contrast_has_null      (MoeScore                  score,
                                                gboolean                  marker);
/* Fills score, low, high, p and stability of @cells (n_cells, by layer and expert), which are NaN before. */
gboolean            moe_contrast_compute       (const MoeContrastCounts   *counts,
                                                const MoeContrastOptions  *options,
                                                MoeContrastCell           *cells,
                                                const MoeProgress         *progress,
                                                GError                   **error);
/* The cells by rank; (n), transfer full. */
guint              *moe_contrast_rank          (const MoeContrastCell     *cells,
                                                guint                      n,
                                                MoeContrastOrder           order);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrastProblem, moe_contrast_problem_free)

G_END_DECLS
