/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include "analysis/moe-contrast.h"

#include <math.h>

#include "analysis/moe-contrast-private.h"
#include "analysis/moe-held-out.h"
#include "analysis/moe-prompt-tokens.h"
#include "analysis/moe-report.h"
#include "analysis/moe-resample.h"

/* The topic guard's: found at this level (q would let the doubtful pass unmarked), and less than this part
 * left between partners. */
#define GUARD_P 0.05
#define GUARD_SHARE 0.5

struct _MoeContrast
{
  MoeModelInfo       *info;
  MoeContrastOptions  options;
  MoeSpan             span, span_b;
  gboolean            has_span_b;
  gint32              marker;
  guint               n_prompts[2], n_skipped, n_pairs;
  guint64             n_tokens[2];
  guint               n;
  MoeContrastCell    *cells; /* (n) by layer and expert */
  guint              *order; /* (n) by rank */
  char               *marks; /* of the prompts */
  char               *prompts_as; /* or NULL */
};

static const struct { const char *name, *title; } scores[MOE_N_SCORES] = {
  [MOE_SCORE_RD] = { "rd", "Risk Difference, Pooled" },
  [MOE_SCORE_PROMPT_RD] = { "prompt-rd", "Risk Difference per Prompt" },
  [MOE_SCORE_PAIRED_RD] = { "paired-rd", "Risk Difference of Pairs" },
  [MOE_SCORE_FTRI] = { "ftri", "fTRI" },
  [MOE_SCORE_STABILITY] = { "stability", "Stability" },
  [MOE_SCORE_UTILITY] = { "utility", "Utility" },
  [MOE_SCORE_NPMI] = { "npmi", "nPMI" },
  [MOE_SCORE_PROJECTION] = { "projection", "Output Projection" },
  [MOE_SCORE_WEIGHT] = { "weight", "Gate Weight Difference" },
};

static const char * const orders[] = {
  [MOE_CONTRAST_ORDER_A] = "a", [MOE_CONTRAST_ORDER_B] = "b", [MOE_CONTRAST_ORDER_BOTH] = "both",
};

const char *
moe_score_get_name (MoeScore score)
{
  g_return_val_if_fail (score < MOE_N_SCORES, "");
  return scores[score].name;
}

const char *
moe_score_get_title (MoeScore score)
{
  g_return_val_if_fail (score < MOE_N_SCORES, "");
  return scores[score].title;
}

gboolean
moe_score_parse (const char *name,
                 MoeScore   *score)
{
  for (guint i = 0; i < MOE_N_SCORES; i++)
    if (g_str_equal (scores[i].name, name))
      {
        *score = (MoeScore) i;
        return TRUE;
      }
  return FALSE;
}

gboolean
moe_contrast_order_parse (const char       *name,
                          MoeContrastOrder *order)
{
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    if (g_str_equal (orders[i], name))
      {
        *order = (MoeContrastOrder) i;
        return TRUE;
      }
  return FALSE;
}

void
moe_contrast_options_init (MoeContrastOptions *options)
{
  *options = (MoeContrastOptions) {
    .score = MOE_SCORE_PROMPT_RD, .order = MOE_CONTRAST_ORDER_A, .n_permutations = 1000, .n_bootstrap = 1000,
    .confidence = 0.95, .n_resamples = 100, .n_top = 20, .seed = 0,
  };
}

/* rate_a, rate_b and rd: exact sums of integers, divided once. */
static void
set_rates (MoeContrast             *self,
           const MoeContrastCounts *counts)
{
  g_autofree guint64 *hits = g_new0 (guint64, 2 * (gsize) self->n);

  for (guint i = 0; i < counts->prompts->len; i++)
    {
      const MoeContrastPrompt *prompt = counts->prompts->pdata[i];

      self->n_prompts[prompt->side]++;
      self->n_tokens[prompt->side] += prompt->n_tokens;
      for (guint cell = 0; cell < self->n; cell++)
        hits[(gsize) prompt->side * self->n + cell] += prompt->hits[cell];
    }
  for (guint cell = 0; cell < self->n; cell++)
    {
      MoeContrastCell *c = &self->cells[cell];

      c->rate_a = (double) hits[cell] / (double) self->n_tokens[MOE_CONTRAST_A];
      c->rate_b = (double) hits[self->n + cell] / (double) self->n_tokens[MOE_CONTRAST_B];
      c->rd = c->rate_a - c->rate_b;
    }
}

static void
set_paired (MoeContrast             *self,
            const MoeContrastCounts *counts)
{
  g_autoptr(GPtrArray) prompts = moe_contrast_sort_prompts (counts);
  g_autoptr(GPtrArray) pairs = moe_contrast_find_pairs (prompts);
  g_autoptr(MoeContrastProblem) problem = NULL;
  g_autofree double *differences = NULL;

  self->n_pairs = pairs->len;
  if (pairs->len == 0)
    return;
  problem = moe_contrast_problem_new (counts, MOE_SCORE_PAIRED_RD, NULL);
  differences = g_new (double, (gsize) problem->n_items * self->n);
  moe_contrast_problem_fill (problem, 0, 0, self->n, differences);
  for (guint cell = 0; cell < self->n; cell++)
    {
      double sum = 0;

      /* As moe-contrast-compute.c adds, so that this is the score of paired-rd to the last bit. */
      for (guint i = 0; i < problem->n_items; i++)
        sum += 1.0 / problem->n_items * differences[(gsize) i * self->n + cell];
      self->cells[cell].paired_rd = sum;
    }
}

static void
guard_topic (MoeContrast *self)
{
  for (guint i = 0; i < self->n; i++)
    {
      MoeContrastCell *cell = &self->cells[i];

      cell->topic = !isnan (cell->paired_rd) && cell->rd != 0 && (isnan (cell->p) || cell->p < GUARD_P)
                    && cell->paired_rd / cell->rd < GUARD_SHARE;
    }
}

static void
set_q (MoeContrast *self)
{
  g_autofree double *p = g_new (double, self->n), *q = g_new (double, self->n);

  for (guint i = 0; i < self->n; i++)
    p[i] = self->cells[i].p;
  moe_resample_adjust (p, self->n, q);
  for (guint i = 0; i < self->n; i++)
    self->cells[i].q = q[i];
}

MoeContrast *
moe_contrast_new (const MoeContrastCounts   *counts,
                  const MoeContrastOptions  *options,
                  const MoeProgress         *progress,
                  GError                   **error)
{
  const MoeModelInfo *info = counts->info;
  g_autoptr(MoeContrast) self = g_new0 (MoeContrast, 1);

  self->info = moe_model_info_ref (counts->info);
  self->options = *options;
  self->span = counts->span;
  self->span_b = counts->span_b;
  self->has_span_b = counts->has_span_b;
  self->marker = counts->marker;
  self->n_skipped = counts->n_skipped;
  self->n = info->n_moe_layers * info->n_experts;
  self->cells = g_new (MoeContrastCell, self->n);
  for (guint i = 0; i < self->n; i++)
    self->cells[i] = (MoeContrastCell) {
      .layer = info->moe_layers[i / info->n_experts], .expert = i % info->n_experts, .score = NAN,
      .rate_a = NAN, .rate_b = NAN, .low = NAN, .high = NAN, .p = NAN, .q = NAN, .stability = NAN, .rd = NAN,
      .paired_rd = NAN,
    };
  if (!moe_contrast_compute (counts, options, self->cells, progress, error))
    return NULL;
  self->marks = moe_held_out_join (counts);
  self->prompts_as = g_strdup (counts->prompts_as);
  set_rates (self, counts);
  set_paired (self, counts);
  set_q (self);
  guard_topic (self);
  self->order = moe_contrast_rank (self->cells, self->n, options->order);
  return g_steal_pointer (&self);
}

void
moe_contrast_free (MoeContrast *self)
{
  g_clear_pointer (&self->info, moe_model_info_unref);
  g_free (self->cells);
  g_free (self->order);
  g_free (self->marks);
  g_free (self->prompts_as);
  g_free (self);
}

guint
moe_contrast_get_n (const MoeContrast *self)
{
  return self->n;
}

const MoeModelInfo *
moe_contrast_get_info (const MoeContrast *self)
{
  return self->info;
}

const MoeContrastOptions *
moe_contrast_get_options (const MoeContrast *self)
{
  return &self->options;
}

const MoeContrastCell *
moe_contrast_get (const MoeContrast *self,
                  guint              rank)
{
  g_return_val_if_fail (rank < self->n, NULL);
  return &self->cells[self->order[rank]];
}

guint
moe_contrast_get_n_pairs (const MoeContrast *self)
{
  return self->n_pairs;
}

guint
moe_contrast_count_topic (const MoeContrast *self,
                          guint              n)
{
  guint found = 0;

  for (guint rank = 0; rank < MIN (n, self->n); rank++)
    found += moe_contrast_get (self, rank)->topic ? 1 : 0;
  return found;
}

double
moe_contrast_get_least_q (const MoeContrast *self)
{
  double least = 1;

  g_return_val_if_fail (self != NULL, 1);

  for (guint i = 0; i < self->n; i++)
    least = self->cells[i].q < least ? self->cells[i].q : least;
  return least;
}

gboolean
moe_contrast_is_too_coarse (const MoeContrast *self,
                            double             q)
{
  double least = 1;

  g_return_val_if_fail (self != NULL, FALSE);

  for (guint i = 0; i < self->n; i++)
    least = self->cells[i].p < least ? self->cells[i].p : least;
  return self->options.n_permutations > 0 && least <= 1.0 / (self->options.n_permutations + 1)
         && moe_contrast_get_least_q (self) > q;
}

double *
moe_contrast_get_map (const MoeContrast *self)
{
  double *map = g_new (double, self->n);

  for (guint i = 0; i < self->n; i++)
    map[i] = self->cells[i].score;
  return map;
}

static void G_GNUC_PRINTF (3, 4)
set_provenance (MoeTable   *table,
                const char *key,
                const char *format,
                ...)
{
  g_autofree char *value = NULL;
  va_list arguments;

  va_start (arguments, format);
  value = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  moe_table_set_provenance (table, key, value);
}

static void
add_provenance (const MoeContrast *self,
                MoeTable          *table)
{
  const MoeContrastOptions *options = &self->options;
  g_autofree char *span = moe_span_format (&self->span);

  moe_table_set_provenance (table, "model", self->info->name);
  moe_table_set_provenance (table, "fingerprint", self->info->fingerprint);
  moe_table_set_provenance (table, "score", moe_score_get_name (options->score));
  moe_table_set_provenance (table, "order", orders[options->order]);
  moe_table_set_provenance (table, self->has_span_b ? "span-a" : "span", span);
  if (self->has_span_b)
    {
      g_autofree char *span_b = moe_span_format (&self->span_b);

      moe_table_set_provenance (table, "span-b", span_b);
    }
  if (self->marker >= 0)
    set_provenance (table, "marker", "%d", self->marker);
  for (guint side = 0; side < 2; side++)
    set_provenance (table, side == 0 ? "a" : "b", "%u prompts, %" G_GUINT64_FORMAT " tokens",
                    self->n_prompts[side], self->n_tokens[side]);
  if (self->n_skipped > 0)
    set_provenance (table, "left-out", "%u prompts without a token in the span", self->n_skipped);
  set_provenance (table, "pairs", "%u", self->n_pairs);
  set_provenance (table, "permutations", "%u", options->n_permutations);
  set_provenance (table, "bootstrap", "%u", options->n_bootstrap);
  set_provenance (table, "confidence", "%u %%", (guint) lround (options->confidence * 100));
  set_provenance (table, "resamples", "%u, top %u", options->n_resamples, options->n_top);
  set_provenance (table, "draw-seed", "%" G_GUINT64_FORMAT, options->seed);
  if (self->prompts_as != NULL)
    moe_table_set_provenance (table, MOE_PROMPT_TOKENS_KEY, self->prompts_as);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  moe_table_set_provenance (table, MOE_HELD_OUT_KEY, self->marks);
}

MoeTable *
moe_contrast_to_table (const MoeContrast *self,
                       guint              top)
{
  static const struct { const char *name; MoeColumnType type; MoeColumnRole role; } columns[] = {
    { "rank", MOE_COLUMN_INT, MOE_ROLE_INDEX }, { "layer", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "expert", MOE_COLUMN_INT, MOE_ROLE_INDEX }, { "score", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "rate_a", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE }, { "rate_b", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "low", MOE_COLUMN_DOUBLE, MOE_ROLE_INTERVAL }, { "high", MOE_COLUMN_DOUBLE, MOE_ROLE_INTERVAL },
    { "p", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE }, { "q", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "stability", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE }, { "rd", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "paired_rd", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE }, { "topic", MOE_COLUMN_BOOL, MOE_ROLE_LABEL },
  };
  MoeTable *table = moe_table_new ("Contrast");
  guint n = top == 0 ? self->n : MIN (top, self->n);

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    moe_table_add_column (table, columns[i].name, columns[i].type, "", columns[i].role);
  for (guint rank = 0; rank < n; rank++)
    {
      const MoeContrastCell *cell = moe_contrast_get (self, rank);
      const double values[] = { cell->score, cell->rate_a, cell->rate_b, cell->low, cell->high, cell->p,
                                cell->q, cell->stability, cell->rd, cell->paired_rd };
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, rank + 1);
      moe_table_set_int (table, row, 1, cell->layer);
      moe_table_set_int (table, row, 2, cell->expert);
      for (guint i = 0; i < G_N_ELEMENTS (values); i++)
        moe_table_set_double (table, row, 3 + i, values[i]);
      if (self->n_pairs > 0)
        moe_table_set_int (table, row, 3 + G_N_ELEMENTS (values), cell->topic);
    }
  add_provenance (self, table);
  return table;
}

MoeMask *
moe_contrast_make_mask (const MoeContrast *self,
                        guint              n,
                        MoeMode            mode,
                        MoeScope           scope)
{
  g_autoptr(GArray) interventions = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
  gboolean negative = self->options.order == MOE_CONTRAST_ORDER_B;

  for (guint rank = 0; rank < self->n && interventions->len < n; rank++)
    {
      const MoeContrastCell *cell = moe_contrast_get (self, rank);
      const MoeIntervention disable = {
        .layer = (int) cell->layer, .expert = (int) cell->expert, .action = MOE_ACTION_DISABLE, .mode = mode,
        .scope = scope,
      };

      if (negative ? cell->score < 0 : cell->score > 0)
        g_array_append_val (interventions, disable);
    }
  return moe_mask_new ((const MoeIntervention *) (gpointer) interventions->data, interventions->len);
}
