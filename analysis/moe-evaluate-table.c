/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluate-table"

#include "analysis/moe-evaluate-private.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-answer-metrics.h"
#include "analysis/moe-prompt-tokens.h"
#include "data/moe-number.h"

enum
{
  COLUMN_CONDITION,
  COLUMN_SET,
  COLUMN_METRIC,
  COLUMN_VALUE,
  COLUMN_LOW,
  COLUMN_HIGH,
  COLUMN_N
};

typedef struct
{
  const MoeEvaluationOptions *options;
  MoeTable                   *table;
  const char                 *condition, *set;
} Writer;

static void
add_row (Writer     *self,
         const char *metric,
         double      value,
         double      low,
         double      high,
         gint64      n)
{
  guint row = moe_table_append_row (self->table);

  moe_table_set_text (self->table, row, COLUMN_CONDITION, self->condition);
  moe_table_set_text (self->table, row, COLUMN_SET, self->set);
  moe_table_set_text (self->table, row, COLUMN_METRIC, metric);
  moe_table_set_double (self->table, row, COLUMN_VALUE, value);
  moe_table_set_double (self->table, row, COLUMN_LOW, low);
  moe_table_set_double (self->table, row, COLUMN_HIGH, high);
  moe_table_set_int (self->table, row, COLUMN_N, n);
}

/* Samples of a figure: a value each and, for ratios, a weight. */
typedef struct
{
  GArray *values, *weights; /* of double */
} Samples;

static void
samples_init (Samples *self)
{
  self->values = g_array_new (FALSE, FALSE, sizeof (double));
  self->weights = g_array_new (FALSE, FALSE, sizeof (double));
}

static void
samples_clear (Samples *self)
{
  g_array_unref (self->values);
  g_array_unref (self->weights);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Samples, samples_clear)

static void
samples_add (Samples *self,
             double   value,
             double   weight)
{
  if (!isfinite (value) || !(weight > 0))
    return;
  g_array_append_val (self->values, value);
  g_array_append_val (self->weights, weight);
}

static double
sum (const GArray *values)
{
  double total = 0;

  for (guint i = 0; i < values->len; i++)
    total += g_array_index (values, double, i);
  return total;
}

/* sum (values) / sum (weights), or exp of it; @n_is_weight: n is the number of tokens instead of samples. */
static void
add_ratio (Writer        *self,
           const char    *metric,
           const Samples *samples,
           gboolean       exponential,
           gboolean       n_is_weight)
{
  guint n = samples->values->len;
  double weight = sum (samples->weights), value = sum (samples->values) / weight, low, high;

  if (n == 0)
    return;
  moe_interval_bootstrap ((const double *) (gpointer) samples->values->data,
                          (const double *) (gpointer) samples->weights->data, n, self->options->n_bootstrap,
                          self->options->confidence, self->options->seed, &low, &high);
  add_row (self, metric, exponential ? exp (value) : value, exponential ? exp (low) : low,
           exponential ? exp (high) : high, n_is_weight ? (gint64) weight : n);
}

static void
add_share (Writer     *self,
           const char *metric,
           guint       hits,
           guint       n)
{
  double low, high;

  if (n == 0)
    return;
  moe_interval_wilson (hits, n, self->options->confidence, &low, &high);
  add_row (self, metric, (double) hits / n, low, high, n);
}

/* The log may come from a file: what is not as it should be is missing. */
static double
get_number (JsonObject *object,
            const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node))
    return NAN;
  switch (json_node_get_value_type (node))
    {
    case G_TYPE_INT64:
      return (double) json_node_get_int (node);
    case G_TYPE_DOUBLE:
      return json_node_get_double (node);
    case G_TYPE_BOOLEAN:
      return json_node_get_boolean (node);
    default:
      return NAN;
    }
}

static GArray *
get_tokens (JsonObject *object)
{
  GArray *tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  JsonNode *node = object != NULL ? json_object_get_member (object, "tokens") : NULL;
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      gint32 token = JSON_NODE_HOLDS_VALUE (element) ? (gint32) json_node_get_int (element) : -1;

      g_array_append_val (tokens, token);
    }
  return tokens;
}

/* Figures of the answers to one set. */
typedef struct
{
  Samples score, probability, kl, nll, repetition, loop, length, divergence;
  guint   n_refused, n_diverged, n;
} Figures;

static void
add_answer (Figures    *self,
            JsonObject *object,
            JsonObject *plain)
{
  g_autoptr (GArray) tokens = get_tokens (object);
  g_autoptr (GArray) plain_tokens = get_tokens (plain);
  double probability = get_number (object, "p_refusal");
  gssize at = moe_tokens_get_divergence ((const gint32 *) (gpointer) tokens->data, tokens->len,
                                         (const gint32 *) (gpointer) plain_tokens->data, plain_tokens->len);

  self->n++;
  self->n_refused += get_number (object, "refused") == 1;
  samples_add (&self->score, moe_refusal_get_score (probability), 1);
  samples_add (&self->probability, probability, 1);
  samples_add (&self->kl, get_number (object, "kl"), tokens->len);
  samples_add (&self->nll, get_number (object, "nll"), tokens->len);
  samples_add (&self->repetition, get_number (object, "repetition"), 1);
  samples_add (&self->loop, get_number (object, "loop"), 1);
  samples_add (&self->length, tokens->len, 1);
  if (at >= 0)
    {
      self->n_diverged++;
      samples_add (&self->divergence, (double) at, 1);
    }
}

static void
write_set (Writer                 *self,
           MoeEvaluator           *evaluator,
           const MoeEvaluationSet *set,
           const char             *plain)
{
  Figures figures = { .n = 0 };
  Samples *all[] = { &figures.score, &figures.probability, &figures.kl, &figures.nll, &figures.repetition,
                     &figures.loop, &figures.length, &figures.divergence };
  gboolean generated = self->options->max_tokens > 0;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    samples_init (all[i]);
  for (guint i = 0; i < moe_prompt_set_get_n (set->set); i++)
    add_answer (&figures, moe_evaluation_log_find (evaluator->log, self->condition, set->name, i),
                moe_evaluation_log_find (evaluator->log, plain, set->name, i));

  self->set = set->name;
  if (generated)
    add_share (self, set->harmless ? "over_refusal" : "refusal", figures.n_refused, figures.n);
  add_ratio (self, "refusal_score", &figures.score, FALSE, FALSE);
  add_ratio (self, "refusal_probability", &figures.probability, FALSE, FALSE);
  if (generated)
    {
      add_ratio (self, "kl", &figures.kl, FALSE, TRUE);
      add_ratio (self, "answer_perplexity", &figures.nll, TRUE, TRUE);
      add_ratio (self, "repetition", &figures.repetition, FALSE, FALSE);
      add_ratio (self, "longest_loop", &figures.loop, FALSE, FALSE);
      add_ratio (self, "answer_tokens", &figures.length, FALSE, FALSE);
      add_share (self, "diverged", figures.n_diverged, figures.n);
      add_ratio (self, "first_divergence", &figures.divergence, FALSE, FALSE);
    }
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    samples_clear (all[i]);
}

static void
write_text (Writer       *self,
            MoeEvaluator *evaluator)
{
  g_auto (Samples) nll;

  samples_init (&nll);
  for (guint i = 0; i < moe_evaluate_count_windows (evaluator); i++)
    {
      JsonObject *object = moe_evaluation_log_find (evaluator->log, self->condition, MOE_EVALUATION_TEXT, i);

      samples_add (&nll, get_number (object, "nll"), get_number (object, "n"));
    }
  self->set = self->options->text_name;
  add_ratio (self, "perplexity", &nll, TRUE, TRUE);
}

static void
write_tasks (Writer       *self,
             MoeEvaluator *evaluator)
{
  MoeTaskSet *tasks = self->options->tasks;
  guint right = 0, n_choice = 0, is = 0, contains = 0, n_free = 0;
  g_autofree char *name = NULL;

  if (tasks == NULL)
    return;
  for (guint i = 0; i < moe_task_set_get_n (tasks); i++)
    {
      JsonObject *object = moe_evaluation_log_find (evaluator->log, self->condition, MOE_EVALUATION_TASKS, i);

      if (moe_task_set_get (tasks, i)->choices != NULL)
        {
          n_choice++;
          right += get_number (object, "right") == 1;
          continue;
        }
      n_free++;
      is += get_number (object, "is") == 1;
      contains += get_number (object, "contains") == 1;
    }
  name = g_path_get_basename (moe_task_set_get_path (tasks));
  self->set = name;
  add_share (self, "accuracy", right, n_choice);
  add_share (self, "exact_match", is, n_free);
  add_share (self, "contains", contains, n_free);
}

/* "top:5/random" for "top:5/random:2", or NULL. Transfer full. */
static char *
get_random_group (const char *condition)
{
  const char *at = g_strrstr (condition, "random:");

  return at != NULL ? g_strndup (condition, (gsize) (at - condition) + strlen ("random")) : NULL;
}

static gboolean
is_row (MoeTable   *table,
        guint       row,
        const char *group,
        guint       like)
{
  g_autofree char *of = get_random_group (moe_table_get_text (table, row, COLUMN_CONDITION));

  return g_strcmp0 (of, group) == 0 &&
         g_str_equal (moe_table_get_text (table, row, COLUMN_SET),
                      moe_table_get_text (table, like, COLUMN_SET)) &&
         g_str_equal (moe_table_get_text (table, row, COLUMN_METRIC),
                      moe_table_get_text (table, like, COLUMN_METRIC));
}

/* Mean, smallest and largest of what the draws of a random control gave. */
static void
summarise_draws (Writer *self)
{
  guint n_rows = moe_table_get_n_rows (self->table);

  for (guint row = 0; row < n_rows; row++)
    {
      g_autofree char *name = g_strdup (moe_table_get_text (self->table, row, COLUMN_CONDITION));
      g_autofree char *group = get_random_group (name);
      g_autofree char *set = g_strdup (moe_table_get_text (self->table, row, COLUMN_SET));
      g_autofree char *metric = g_strdup (moe_table_get_text (self->table, row, COLUMN_METRIC));
      double total = 0, low = INFINITY, high = -INFINITY;
      guint n = 0;

      if (group == NULL || !g_str_has_suffix (name, "random:1"))
        continue;
      for (guint other = 0; other < n_rows; other++)
        if (is_row (self->table, other, group, row))
          {
            double value = moe_table_get_double (self->table, other, COLUMN_VALUE);

            total += value;
            low = MIN (low, value);
            high = MAX (high, value);
            n++;
          }
      self->condition = group;
      self->set = set;
      add_row (self, metric, total / n, low, high, n);
    }
}

/* What the figures depend on besides the model, the prompts and the conditions. */
static void
add_settings (MoeTable           *table,
              const MoeEvaluator *evaluator)
{
  const MoeEvaluationOptions *options = evaluator->options;
  g_autofree char *prompts_as = moe_prompt_tokens_describe (evaluator->model, options->system, options->raw);
  g_autofree char *max_tokens = g_strdup_printf ("%u", options->max_tokens);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, options->seed);
  char temperature[MOE_NUMBER_BUFFER];

  moe_table_set_provenance (table, MOE_PROMPT_TOKENS_KEY, prompts_as);
  moe_table_set_provenance (table, "max-tokens", max_tokens);
  moe_table_set_provenance (table, "temperature",
                            moe_number_format_float (temperature, options->temperature));
  moe_table_set_provenance (table, "seed", seed);
}

MoeTable *
moe_evaluate_make_table (MoeEvaluator *evaluator)
{
  const MoeModelInfo *info = moe_model_get_info (evaluator->model);
  const MoeEvaluationOptions *options = evaluator->options;
  const char *plain = ((const MoeCondition *) evaluator->conditions->pdata[0])->name;
  Writer writer = { .options = options, .table = moe_table_new ("Evaluation") };
  MoeTable *table = writer.table;

  moe_table_add_column (table, "condition", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "set", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "metric", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "value", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "low", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "high", MOE_COLUMN_DOUBLE, "", MOE_ROLE_INTERVAL);
  moe_table_add_column (table, "n", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_set_provenance (table, "model", info->name);
  moe_table_set_provenance (table, "fingerprint", info->fingerprint);
  for (guint i = 0; i < options->n_sets; i++)
    moe_table_set_provenance (table, options->sets[i].name, moe_prompt_set_get_hash (options->sets[i].set));
  add_settings (table, evaluator);
  moe_table_set_provenance (table, "version", MOE_VERSION);

  for (guint c = 0; c < evaluator->conditions->len; c++)
    {
      writer.condition = ((const MoeCondition *) evaluator->conditions->pdata[c])->name;
      for (guint s = 0; s < options->n_sets; s++)
        write_set (&writer, evaluator, &options->sets[s], plain);
      write_text (&writer, evaluator);
      write_tasks (&writer, evaluator);
    }
  summarise_draws (&writer);
  return table;
}
