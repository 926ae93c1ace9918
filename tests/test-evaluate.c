/* SPDX-License-Identifier: MIT */
#include "analysis/moe-evaluate.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "analysis/moe-calibrate.h"
#include "analysis/moe-compare.h"
#include "data/moe-error.h"

/* Evaluations of the demo model: figures that must agree with what is computed another way, and going on with
 * an interrupted one. */

#define TEXT "The cat sat on the mat and looked at the dog in the garden. It was a warm day in the summer."

typedef struct
{
  MoeModel            *model;
  MoeSessionOptions    session;
  char                *folder;
  MoePromptSet        *prompts;
  MoeEvaluationSet     set;
  MoeRefusalList      *refusals;
  MoeEvaluationOptions options;
  GPtrArray           *conditions;
} Setup;

static void
setup_init (Setup      *self,
            const char *disabled)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "data", "demo-model", "demo-q8_0.gguf",
                                                 NULL);
  g_autofree char *prompts = g_test_build_filename (G_TEST_DIST, "..", "data", "demo-model", "prompts",
                                                    "harmful.csv", NULL);
  g_autoptr (GArray) ivs = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
  g_autoptr (GError) error = NULL;
  MoeCondition *condition = g_new0 (MoeCondition, 1);

  self->model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  self->prompts = moe_prompt_set_load (prompts, NULL, 3, &error);
  g_assert_no_error (error);
  self->session = (MoeSessionOptions) { .context = 256, .cache = MOE_CACHE_F32, .threads = 1 };
  self->folder = g_dir_make_tmp ("moescope-evaluate-XXXXXX", &error);
  self->set = (MoeEvaluationSet) { self->prompts, "harmful", FALSE };
  self->refusals = moe_refusal_list_new_default ();
  moe_evaluation_options_init (&self->options);
  self->options.sets = &self->set;
  self->options.n_sets = 1;
  self->options.refusals = self->refusals;
  self->options.max_tokens = 12;
  self->options.text = TEXT;
  self->options.text_length = strlen (TEXT);
  self->options.text_name = "cat";
  self->conditions = moe_conditions_new ();
  moe_intervention_parse (disabled, MOE_ACTION_DISABLE, MOE_SCOPE_BOTH, ivs, &error);
  g_assert_no_error (error);
  condition->name = g_strdup ("mask");
  condition->mask = moe_mask_new ((const MoeIntervention *) (gpointer) ivs->data, ivs->len);
  g_ptr_array_add (self->conditions, condition);
}

static void
setup_clear (Setup *self)
{
  g_rmdir (self->folder);
  g_free (self->folder);
  g_ptr_array_unref (self->conditions);
  moe_refusal_list_unref (self->refusals);
  moe_prompt_set_unref (self->prompts);
  moe_model_unref (self->model);
}

static MoeMask *
get_mask (const Setup *self)
{
  return ((MoeCondition *) self->conditions->pdata[1])->mask;
}

static MoeTable *
evaluate (Setup      *self,
          const char *path)
{
  g_autoptr (GError) error = NULL;
  MoeTable *table = moe_evaluate (self->model, &self->session, self->conditions, &self->options, path, NULL,
                                  &error);

  g_assert_no_error (error);
  return table;
}

static double
get (MoeTable   *table,
     const char *condition,
     const char *set,
     const char *metric,
     const char *column)
{
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    if (g_str_equal (moe_table_get_text (table, row, 0), condition) &&
        g_str_equal (moe_table_get_text (table, row, 1), set) &&
        g_str_equal (moe_table_get_text (table, row, 2), metric))
      return moe_table_get_double (table, row, (guint) moe_table_find_column (table, column));
  return NAN;
}

/* KL, divergence and lengths equal those of moe_compare(), which goes another way. */
static void
test_against_compare (void)
{
  Setup setup;
  const MoeSamplerOptions greedy = { .top_p = 1 };
  g_autoptr (MoeTable) table = NULL;
  double kl = 0, divergence = 0;
  guint n_tokens = 0, n_diverged = 0;

  setup_init (&setup, "L4E*,L5E*,L6E*,L7E*:zero");
  table = evaluate (&setup, NULL);
  for (guint i = 0; i < moe_prompt_set_get_n (setup.prompts); i++)
    {
      const char *text = moe_prompt_set_get (setup.prompts, i)->text;
      const MoeChatMessage message = { "user", text };
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeChatPrompt) prompt = moe_chat_render (moe_model_get_chat (setup.model, NULL),
                                                          moe_model_get_tokenizer (setup.model), &message, 1,
                                                          &error);
      g_autoptr (MoeComparison) comparison = moe_compare (setup.model, &setup.session, prompt,
                                                          get_mask (&setup), &greedy,
                                                          setup.options.max_tokens, NULL, &error);

      g_assert_no_error (error);
      for (guint row = 0; row < comparison->n; row++)
        if (comparison->rows[row].steered.token >= 0)
          {
            kl += (double) comparison->rows[row].kl;
            n_tokens++;
          }
      if (comparison->first_divergence >= 0)
        {
          divergence += comparison->first_divergence;
          n_diverged++;
        }
    }
  g_assert_cmpuint (n_diverged, >, 0);
  g_assert_cmpfloat_with_epsilon (get (table, "mask", "harmful", "kl", "value"), kl / n_tokens, 1e-5);
  g_assert_cmpfloat (get (table, "mask", "harmful", "kl", "n"), ==, n_tokens);
  g_assert_cmpfloat_with_epsilon (get (table, "mask", "harmful", "first_divergence", "value"),
                                  divergence / n_diverged, 1e-9);
  g_assert_cmpfloat (get (table, "mask", "harmful", "first_divergence", "n"), ==, n_diverged);
  g_assert_cmpfloat (get (table, "plain", "harmful", "kl", "value"), ==, 0);
  g_assert_cmpfloat (get (table, "plain", "harmful", "diverged", "value"), ==, 0);
  setup_clear (&setup);
}

typedef struct
{
  const gint32 *tokens;
  guint         n;
  double        nll;
} Likelihood;

static void
on_logits (const MoeProbeBatch *batch,
           guint                index,
           guint                vocabulary,
           const float         *logits,
           gpointer             user_data)
{
  Likelihood *self = user_data;

  if (batch->first + index + 1 < self->n)
    self->nll -= (double) moe_logits_get_logprob (logits, vocabulary, self->tokens[batch->first + index + 1]);
}

/* The refusal score and the perplexity equal those from the logits of a session. */
static void
test_scores (void)
{
  static const MoeProbe probe = { .logits = on_logits };
  Setup setup;
  const MoeTokenizer *tokenizer;
  g_autoptr (MoeTable) table = NULL;
  g_autoptr (MoeSession) session = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeChatPrompt) raw = NULL;
  Likelihood likelihood = { NULL, 0, 0 };
  g_autofree gint32 *others = NULL;
  gsize n_others;
  gint32 first;
  double score = 0;

  setup_init (&setup, "L2E30");
  tokenizer = moe_model_get_tokenizer (setup.model);
  setup.options.max_tokens = 0;
  table = evaluate (&setup, NULL);
  session = moe_session_new (setup.model, &setup.session, &error);
  moe_session_set_mask (session, get_mask (&setup), &error);
  g_assert_no_error (error);

  /* With this tokenizer nine of the twelve openers begin with I, the others as "As an AI" does. */
  first = moe_tokenizer_find (tokenizer, "I");
  others = moe_tokenizer_encode (tokenizer, "As an AI", strlen ("As an AI"), MOE_TOKENIZE_DEFAULT, &n_others);
  g_assert_true (first >= 0 && n_others > 0);
  for (guint i = 0; i < 3; i++)
    {
      const MoeChatMessage message = { "user", moe_prompt_set_get (setup.prompts, i)->text };
      g_autoptr (MoeChatPrompt) prompt = moe_chat_render (moe_model_get_chat (setup.model, NULL), tokenizer,
                                                          &message, 1, &error);
      const float *logits;
      double p;

      moe_session_rewind (session, 0);
      moe_session_feed (session, prompt->tokens, prompt->phases, prompt->n_tokens, NULL, &error);
      g_assert_no_error (error);
      logits = moe_session_get_logits (session);
      p = exp ((double) moe_logits_get_logprob (logits, moe_model_get_info (setup.model)->vocabulary,
                                                first)) +
        exp ((double) moe_logits_get_logprob (logits, moe_model_get_info (setup.model)->vocabulary,
                                              others[0]));
      score += log ((p + 1e-8) / (1 - p + 1e-8)) / 3;
    }
  g_assert_cmpfloat_with_epsilon (get (table, "mask", "harmful", "refusal_score", "value"), score, 1e-3);
  g_assert_true (isnan (get (table, "mask", "harmful", "refusal", "value")));

  raw = moe_chat_prompt_raw (tokenizer, TEXT, strlen (TEXT));
  likelihood.tokens = raw->tokens;
  likelihood.n = (guint) raw->n_tokens;
  moe_session_rewind (session, 0);
  moe_session_add_probe (session, &probe, &likelihood);
  moe_session_feed (session, raw->tokens, NULL, raw->n_tokens, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat_with_epsilon (get (table, "mask", "cat", "perplexity", "value"),
                                  exp (likelihood.nll / (likelihood.n - 1)), 1e-3);
  g_assert_cmpfloat (get (table, "mask", "cat", "perplexity", "n"), ==, likelihood.n - 1);
  g_clear_pointer (&session, moe_session_free);
  setup_clear (&setup);
}

/* Cancels after a number of steps. */
typedef struct
{
  GCancellable *cancellable;
  guint         left;
} Stopper;

static void
stop_later (double      fraction,
            const char *what,
            gpointer    user_data)
{
  Stopper *self = user_data;

  g_assert_true (fraction >= 0 && fraction <= 1);
  if (self->left-- == 0)
    g_cancellable_cancel (self->cancellable);
}

static void
test_resume (void)
{
  Setup setup;
  g_autofree char *path = NULL, *whole = NULL, *text = NULL, *full_text = NULL;
  g_autoptr (MoeTable) expected = NULL;
  gsize length;

  setup_init (&setup, "L7E20");
  path = g_build_filename (setup.folder, "answers.jsonl", NULL);
  whole = g_build_filename (setup.folder, "whole.jsonl", NULL);
  expected = evaluate (&setup, whole);
  g_assert_true (g_file_get_contents (whole, &full_text, NULL, NULL));
  for (guint steps = 1; steps < 8; steps += 3)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Stopper stopper = { cancellable, steps };
      const MoeProgress progress = { cancellable, stop_later, &stopper };
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeTable) table = NULL;

      g_assert_null (moe_evaluate (setup.model, &setup.session, setup.conditions, &setup.options, path,
                                   &progress, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      /* What a killed program had begun to write is cut off. */
      g_assert_true (g_file_get_contents (path, &text, &length, NULL));
      g_assert_true (g_file_set_contents (path, text, (gssize) length - 3, NULL));
      g_clear_pointer (&text, g_free);
      table = evaluate (&setup, path);
      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      g_assert_cmpstr (text, ==, full_text);
      for (guint row = 0; row < moe_table_get_n_rows (expected); row++)
        {
          g_autofree char *a = moe_table_format_cell (expected, row, 3);
          g_autofree char *b = moe_table_format_cell (table, row, 3);

          g_assert_cmpstr (a, ==, b);
        }
      g_clear_pointer (&text, g_free);
      g_unlink (path);
    }

  {
    g_autoptr (GError) error = NULL;

    setup.options.max_tokens++;
    g_assert_null (moe_evaluate (setup.model, &setup.session, setup.conditions, &setup.options, whole, NULL,
                                 &error));
    g_assert_error (error, MOE_ERROR, MOE_ERROR_MISMATCH);
    g_clear_error (&error);
    g_assert_true (g_file_set_contents (whole, "{\"a\":1}\n", -1, NULL));
    g_assert_null (moe_evaluate (setup.model, &setup.session, setup.conditions, &setup.options, whole, NULL,
                                 &error));
    g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  }
  g_unlink (whole);
  setup_clear (&setup);
}

/* Draws of random controls are summed up. */
static void
test_draws (void)
{
  Setup setup;
  const MoeControls controls = { .n_random = 3 };
  g_autofree guint64 *loads = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeTable) table = NULL;
  double sum = 0, low = INFINITY, high = -INFINITY;
  guint64 total = 0;

  setup_init (&setup, "L7E20");
  setup.options.max_tokens = 0;
  loads = moe_evaluate_count_loads (setup.model, &setup.session, &setup.options, NULL, &error);
  g_assert_no_error (error);
  for (guint e = 0; e < 32; e++)
    total += loads[e];
  for (guint e = 32; e < 64; e++)
    total -= loads[e];
  g_assert_cmpuint (total, ==, 0); /* as many hits in every layer */
  g_assert_true (moe_conditions_add (setup.conditions, "top:1", get_mask (&setup), &controls, NULL,
                                     moe_model_get_info (setup.model), loads, 0, &error));
  table = evaluate (&setup, NULL);
  for (guint i = 1; i <= 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("top:1/random:%u", i);
      double value = get (table, name, "cat", "perplexity", "value");

      sum += value;
      low = MIN (low, value);
      high = MAX (high, value);
    }
  g_assert_cmpfloat_with_epsilon (get (table, "top:1/random", "cat", "perplexity", "value"), sum / 3, 1e-9);
  g_assert_cmpfloat (get (table, "top:1/random", "cat", "perplexity", "low"), ==, low);
  g_assert_cmpfloat (get (table, "top:1/random", "cat", "perplexity", "high"), ==, high);
  g_assert_cmpfloat (get (table, "top:1/random", "cat", "perplexity", "n"), ==, 3);
  setup_clear (&setup);
}

/* A mean taken over the very tokens at which the expert acts: what it contributes sums to the same. */
static void
sum_down (const MoeProbeBatch    *batch,
          guint                   layer,
          const MoeExpertVectors *event,
          gpointer                user_data)
{
  double *sums = user_data; /* count, then the sum of channel 0 */

  if (layer != 7 || event->expert != 20)
    return;
  for (guint r = 0; r < event->n_rows; r++)
    {
      sums[0]++;
      sums[1] += (double) event->down[(gsize) r * event->width];
    }
}

static void
test_calibrate (void)
{
  static const MoeProbe probe = { .expert_vectors = sum_down };
  Setup setup;
  g_autoptr (MoeExpertMeans) means = NULL;
  g_autoptr (MoeExpertMeans) picked = NULL;
  g_autoptr (MoeMask) complete = NULL;
  g_autoptr (MoeSession) session = NULL;
  g_autoptr (GError) error = NULL;
  double sums[2] = { 0, 0 };

  setup_init (&setup, "L7E20:mean");
  means = moe_calibrate_means (setup.model, &setup.session, setup.prompts, FALSE, NULL, NULL, &error);
  g_assert_no_error (error);
  session = moe_session_new (setup.model, &setup.session, &error);
  moe_session_add_probe (session, &probe, sums);
  for (guint i = 0; i < 3; i++)
    {
      const MoeChatMessage message = { "user", moe_prompt_set_get (setup.prompts, i)->text };
      g_autoptr (MoeChatPrompt) prompt = moe_chat_render (moe_model_get_chat (setup.model, NULL),
                                                          moe_model_get_tokenizer (setup.model), &message, 1,
                                                          &error);

      moe_session_rewind (session, 0);
      moe_session_feed (session, prompt->tokens, prompt->phases, prompt->n_tokens, NULL, &error);
    }
  g_assert_cmpfloat (sums[0], >, 0);
  g_assert_cmpfloat_with_epsilon ((double) moe_expert_means_get (means, 7, 20)[0], sums[1] / sums[0], 1e-3);

  picked = moe_calibrate_pick (means, get_mask (&setup), moe_model_get_info (setup.model));
  g_assert_nonnull (moe_expert_means_get (picked, 7, 20));
  g_assert_null (moe_expert_means_get (picked, 7, 10));
  complete = moe_mask_with_means (get_mask (&setup), picked);
  g_assert_true (moe_session_set_mask (session, complete, &error));
  g_assert_false (moe_session_set_mask (session, get_mask (&setup), NULL));
  g_clear_pointer (&session, moe_session_free);
  setup_clear (&setup);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluate/against-compare", test_against_compare);
  g_test_add_func ("/evaluate/scores", test_scores);
  g_test_add_func ("/evaluate/resume", test_resume);
  g_test_add_func ("/evaluate/draws", test_draws);
  g_test_add_func ("/evaluate/calibrate", test_calibrate);
  return g_test_run ();
}
