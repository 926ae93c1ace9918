/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include <math.h>
#include <string.h>

#include "analysis/moe-contrast-private.h"
#include "data/moe-error.h"

/* RICE asks for as many tokens behind an nPMI. */
#define MIN_TOGETHER 5
#define MAX_HIT_RATIO 3

static int
compare_prompts (gconstpointer a,
                 gconstpointer b,
                 gpointer      user_data)
{
  const MoeContrastPrompt *x = *(const MoeContrastPrompt * const *) a;
  const MoeContrastPrompt *y = *(const MoeContrastPrompt * const *) b;
  gsize n_bytes = GPOINTER_TO_SIZE (user_data);
  int order = strcmp (x->key, y->key);

  if (order == 0)
    order = (int) x->side - (int) y->side;
  /* The same prompt twice differs only when it was run in two ways. */
  if (order == 0)
    order = memcmp (x->hits, y->hits, n_bytes);
  return order;
}

GPtrArray *
moe_contrast_sort_prompts (const MoeContrastCounts *counts)
{
  GPtrArray *prompts = g_ptr_array_new ();
  gsize n_cells = (gsize) counts->info->n_moe_layers * counts->info->n_experts;

  for (guint i = 0; i < counts->prompts->len; i++)
    g_ptr_array_add (prompts, counts->prompts->pdata[i]);
  g_ptr_array_sort_with_data (prompts, compare_prompts, GSIZE_TO_POINTER (n_cells * sizeof (guint32)));
  return prompts;
}

static void
pair_free (gpointer data)
{
  MoeContrastPair *self = data;

  for (guint side = 0; side < 2; side++)
    g_ptr_array_unref (self->sides[side]);
  g_free (self);
}

/* By what their prompts say, A's first; their names may be no more than places in a file. */
static int
compare_pairs (gconstpointer a,
               gconstpointer b)
{
  const MoeContrastPair *x = *(const MoeContrastPair * const *) a, *y = *(const MoeContrastPair * const *) b;
  int order = 0;

  for (guint side = 0; side < 2 && order == 0; side++)
    {
      GPtrArray *p = x->sides[side], *q = y->sides[side];

      for (guint i = 0; i < MIN (p->len, q->len) && order == 0; i++)
        order = strcmp (((MoeContrastPrompt *) p->pdata[i])->key, ((MoeContrastPrompt *) q->pdata[i])->key);
      if (order == 0)
        order = (int) p->len - (int) q->len;
    }
  return order;
}

GPtrArray *
moe_contrast_find_pairs (GPtrArray *prompts)
{
  GPtrArray *pairs = g_ptr_array_new_with_free_func (pair_free);
  g_autoptr(GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < prompts->len; i++)
    {
      MoeContrastPrompt *prompt = prompts->pdata[i];
      MoeContrastPair *pair;

      if (prompt->pair == NULL)
        continue;
      pair = g_hash_table_lookup (names, prompt->pair);
      if (pair == NULL)
        {
          pair = g_new (MoeContrastPair, 1);
          for (guint side = 0; side < 2; side++)
            pair->sides[side] = g_ptr_array_new ();
          g_hash_table_insert (names, prompt->pair, pair);
          g_ptr_array_add (pairs, pair);
        }
      g_ptr_array_add (pair->sides[prompt->side], prompt);
    }
  for (guint i = pairs->len; i-- > 0;)
    {
      MoeContrastPair *pair = pairs->pdata[i];

      if (pair->sides[0]->len == 0 || pair->sides[1]->len == 0)
        g_ptr_array_remove_index (pairs, i);
    }
  g_ptr_array_sort (pairs, compare_pairs);
  return pairs;
}

static int
compare_texts (gconstpointer a,
               gconstpointer b)
{
  return g_strcmp0 (*(const char * const *) a, *(const char * const *) b);
}

/* The number of @label among the classes of B, from 1. */
static guint
find_class (GPtrArray  *classes,
            const char *label)
{
  for (guint i = 0; i < classes->len; i++)
    if (g_strcmp0 (classes->pdata[i], label) == 0)
      return i + 1;
  return 0;
}

/* Classes of B: its labels, sorted; all is one class for the scores that know no classes. */
static void
label_prompts (MoeContrastProblem *self)
{
  g_autoptr(GPtrArray) classes = g_ptr_array_new ();

  for (guint i = 0; i < self->prompts->len; i++)
    {
      MoeContrastPrompt *prompt = self->prompts->pdata[i];

      if (prompt->side == MOE_CONTRAST_B && find_class (classes, prompt->label) == 0)
        g_ptr_array_add (classes, prompt->label);
    }
  g_ptr_array_sort (classes, compare_texts);
  self->n_labels = self->score == MOE_SCORE_FTRI ? classes->len + 1 : 2;
  for (guint i = 0; i < self->prompts->len; i++)
    {
      MoeContrastPrompt *prompt = self->prompts->pdata[i];

      if (prompt->side == MOE_CONTRAST_A)
        self->labels[i] = 0;
      else
        self->labels[i] = self->score == MOE_SCORE_FTRI ? find_class (classes, prompt->label) : 1;
    }
}

static gboolean
by_tokens (MoeScore score)
{
  return score == MOE_SCORE_RD || score == MOE_SCORE_WEIGHT || score == MOE_SCORE_NPMI;
}

/* Only the prompts that did not make r have projections. */
static void
keep_projected (GPtrArray *prompts)
{
  for (guint i = prompts->len; i-- > 0;)
    if (((MoeContrastPrompt *) prompts->pdata[i])->projections == NULL)
      g_ptr_array_remove_index (prompts, i);
}

MoeContrastProblem *
moe_contrast_problem_new (const MoeContrastCounts  *counts,
                          MoeScore                  score,
                          GError                  **error)
{
  g_autoptr(MoeContrastProblem) self = g_new0 (MoeContrastProblem, 1);

  if (!moe_contrast_counts_check (counts, error))
    return NULL;
  self->score = score;
  self->n_cells = counts->info->n_moe_layers * counts->info->n_experts;
  self->n_sums = score == MOE_SCORE_NPMI ? 2 : score == MOE_SCORE_PROJECTION ? 4 : 1;
  self->marker = score == MOE_SCORE_NPMI && counts->marker >= 0;
  self->prompts = moe_contrast_sort_prompts (counts);
  if (score == MOE_SCORE_PROJECTION)
    {
      if (!counts->projected)
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                               "projections have to be measured by running the model for them");
          return NULL;
        }
      keep_projected (self->prompts);
    }
  if (score == MOE_SCORE_PAIRED_RD)
    {
      self->pairs = moe_contrast_find_pairs (self->prompts);
      if (self->pairs->len == 0)
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                               "no prompt of set A has a partner in set B (a column of pairs is needed)");
          return NULL;
        }
    }
  self->n_items = self->pairs != NULL ? self->pairs->len : self->prompts->len;
  self->labels = g_new0 (guint, self->n_items);
  self->sizes = g_new (double, self->n_items);
  self->n_labels = 1;
  if (self->pairs == NULL)
    label_prompts (self);
  for (guint i = 0; i < self->n_items; i++)
    self->sizes[i] = by_tokens (score) ? ((MoeContrastPrompt *) self->prompts->pdata[i])->n_tokens : 1;
  return g_steal_pointer (&self);
}

void
moe_contrast_problem_free (MoeContrastProblem *self)
{
  g_clear_pointer (&self->prompts, g_ptr_array_unref);
  g_clear_pointer (&self->pairs, g_ptr_array_unref);
  g_free (self->labels);
  g_free (self->sizes);
  g_free (self);
}

/* Scores that are one weighted sum: every class counts with 1, its items share it. */
static void
weigh_linear (const MoeContrastProblem *self,
              const guint              *labels,
              const guint              *times,
              const gint8              *signs,
              double                   *weights)
{
  g_autofree double *total = g_new0 (double, self->n_labels);
  guint n_classes = 0;

  for (guint i = 0; i < self->n_items; i++)
    total[labels[i]] += times[i] * self->sizes[i];
  for (guint label = 1; label < self->n_labels; label++)
    n_classes += total[label] > 0 ? 1 : 0;
  for (guint i = 0; i < self->n_items; i++)
    {
      double weight = times[i] > 0 ? times[i] / total[labels[i]] : 0;

      if (labels[i] > 0)
        weight = self->score == MOE_SCORE_UTILITY ? 0 : -weight / n_classes;
      weights[i] = signs != NULL && signs[i] < 0 ? -weight : weight;
    }
}

void
moe_contrast_problem_weigh (const MoeContrastProblem *self,
                            const guint              *labels,
                            const guint              *times,
                            const gint8              *signs,
                            double                   *weights,
                            double                   *totals)
{
  totals[0] = totals[1] = 0;
  if (self->n_sums == 1)
    {
      weigh_linear (self, labels, times, signs, weights);
      return;
    }
  for (guint i = 0; i < self->n_items; i++)
    {
      const MoeContrastPrompt *prompt = self->prompts->pdata[i];
      gboolean is_a = labels[i] == 0;

      for (guint sum = 0; sum < self->n_sums; sum++)
        weights[sum * self->n_items + i] = self->marker || is_a == (sum % 2 == 0) ? times[i] : 0;
      if (self->marker)
        {
          totals[0] += times[i] * (double) prompt->n_marked;
          totals[1] += times[i] * (double) (prompt->n_tokens - prompt->n_marked);
        }
      else
        totals[is_a ? 0 : 1] += times[i] * self->sizes[i];
    }
}

static double
get_value (const MoeContrastProblem *self,
           const MoeContrastPrompt  *prompt,
           guint                     sum,
           guint                     cell)
{
  switch (self->score)
    {
    case MOE_SCORE_RD:
    case MOE_SCORE_FTRI:
      return prompt->hits[cell];
    case MOE_SCORE_WEIGHT:
      return prompt->weights[cell];
    case MOE_SCORE_NPMI:
      return self->marker && sum == 0 ? prompt->marked_hits[cell] : prompt->hits[cell];
    case MOE_SCORE_PROJECTION:
      return sum < 2 ? prompt->projections[cell] : prompt->hits[cell];
    default:
      return (double) prompt->hits[cell] / prompt->n_tokens;
    }
}

static double
get_mean (const MoeContrastProblem *self,
          GPtrArray                *prompts,
          guint                     cell)
{
  double sum = 0;

  for (guint i = 0; i < prompts->len; i++)
    sum += get_value (self, prompts->pdata[i], 0, cell);
  return sum / prompts->len;
}

void
moe_contrast_problem_fill (const MoeContrastProblem *self,
                           guint                     sum,
                           guint                     first,
                           guint                     n,
                           double                   *to)
{
  for (guint i = 0; i < self->n_items; i++)
    for (guint cell = 0; cell < n; cell++)
      {
        if (self->pairs != NULL)
          {
            const MoeContrastPair *pair = self->pairs->pdata[i];

            to[(gsize) i * n + cell] = get_mean (self, pair->sides[0], first + cell)
                                       - get_mean (self, pair->sides[1], first + cell);
          }
        else
          to[(gsize) i * n + cell] = get_value (self, self->prompts->pdata[i], sum, first + cell);
      }
}

/* @together: tokens with x and y; @x, @y: tokens with each; @all tokens. */
static double
get_npmi (double together,
          double x,
          double y,
          double all)
{
  double joint = together / all;

  if (together < MIN_TOGETHER)
    return NAN;
  /* Every token has both: there is nothing to be learned from one about the other. */
  if (joint >= 1)
    return 0;
  return log2 (together / x / (y / all)) / -log2 (joint);
}

static double
get_projection (double a,
                double b,
                double hits_a,
                double hits_b)
{
  double difference = (hits_a > 0 ? a / hits_a : 0) - (hits_b > 0 ? b / hits_b : 0);

  if (hits_a == 0)
    return 0;
  return fabs (difference) * (hits_b * MAX_HIT_RATIO > hits_a ? hits_a / hits_b : MAX_HIT_RATIO);
}

void
moe_contrast_problem_score (const MoeContrastProblem *self,
                            const double             *sums,
                            const double             *totals,
                            guint                     n,
                            double                   *scores)
{
  for (guint cell = 0; cell < n; cell++)
    {
      double a = sums[cell], b = self->n_sums > 1 ? sums[n + cell] : 0;

      if (self->score == MOE_SCORE_NPMI)
        scores[cell] = get_npmi (a, totals[0], self->marker ? b : a + b, totals[0] + totals[1]);
      else if (self->score == MOE_SCORE_PROJECTION)
        scores[cell] = get_projection (a, b, sums[2 * n + cell], sums[3 * n + cell]);
      else
        scores[cell] = a;
    }
}
