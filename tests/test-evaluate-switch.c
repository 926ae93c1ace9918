/* SPDX-License-Identifier: MIT */
#include "analysis/moe-evaluate.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "tests/support/moe-switch.h"
#include "tests/support/moe-test-recording.h"

/* Checkpoints in which two experts alone switch between two answers: a mask that disables one of
 * them flips every answer, and its random controls flip none. "Yes" counts as the refusal. */

#define N_SEEDS   5
#define N_PROMPTS 8
#define N_RANDOM  6

static double
get (MoeTable   *table,
     const char *condition,
     const char *metric)
{
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    if (g_str_equal (moe_table_get_text (table, row, 0), condition) &&
        g_str_equal (moe_table_get_text (table, row, 2), metric))
      return moe_table_get_double (table, row, 3);
  return NAN;
}

static MoePromptSet *
make_prompts (const char *folder,
              guint       seed)
{
  g_autofree char *path = g_build_filename (folder, "prompts.txt", NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  MoePromptSet *set;

  for (guint i = 0; i < N_PROMPTS; i++)
    {
      for (guint j = 0; j < 9; j++)
        g_string_append_c (text, (char) g_rand_int_range (random, '0', '7'));
      g_string_append_c (text, MOE_SWITCH_TRIGGER_TEXT);
      g_string_append_c (text, '\n');
    }
  g_assert_true (g_file_set_contents (path, text->str, -1, &error));
  set = moe_prompt_set_load (path, NULL, 0, &error);
  g_assert_no_error (error);
  return set;
}

/* One opener: how the answer yes is spelled. */
static MoeRefusalList *
make_refusals (const char     *folder,
               const MoeModel *model)
{
  g_autofree char *path = g_build_filename (folder, "openers.txt", NULL);
  gsize length;
  const char *yes = moe_tokenizer_get_text (moe_model_get_tokenizer (model), MOE_SWITCH_YES, &length);
  g_autoptr (GError) error = NULL;
  MoeRefusalList *refusals;

  g_assert_true (g_file_set_contents (path, yes, (gssize) length, &error));
  refusals = moe_refusal_list_load (path, &error);
  g_assert_no_error (error);
  return refusals;
}

static void
check_mode (const MoeSwitch            *made,
            guint                       planted,
            MoeMode                     mode,
            MoeModel                   *model,
            const MoeEvaluationOptions *options)
{
  const MoeSessionOptions session = { .context = 64, .cache = MOE_CACHE_F32, .threads = 1 };
  const MoeIntervention iv = { (int) made->planted[planted].layer, (int) made->planted[planted].expert,
                               MOE_ACTION_DISABLE, mode };
  const MoeControls controls = { .n_random = N_RANDOM };
  g_autoptr (MoeMask) mask = moe_mask_new (&iv, 1);
  g_autoptr (GPtrArray) conditions = moe_conditions_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint64 *loads = moe_evaluate_count_loads (model, &session, options, NULL, &error);
  g_autoptr (MoeTable) table = NULL;

  g_assert_no_error (error);
  g_assert_true (moe_conditions_add (conditions, "mask", mask, &controls, NULL, moe_model_get_info (model),
                                     loads, made->checkpoint.seed, &error));
  table = moe_evaluate (model, &session, conditions, options, NULL, NULL, &error);
  g_assert_no_error (error);

  g_assert_cmpfloat (get (table, "plain", "refusal"), ==, 1);
  g_assert_cmpfloat (get (table, "plain", "diverged"), ==, 0);
  g_assert_cmpfloat (get (table, "mask", "refusal"), ==, 0);
  /* The score does without an answer: it must tell the mask from every control. */
  g_assert_cmpfloat (get (table, "mask", "refusal_score"), <, get (table, "plain", "refusal_score"));
  g_assert_cmpfloat (get (table, "mask", "diverged"), ==, 1);
  g_assert_cmpfloat (get (table, "mask", "first_divergence"), ==, 0);
  g_assert_cmpfloat (get (table, "mask", "kl"), >, get (table, "random", "kl"));
  g_assert_cmpfloat (get (table, "mask", "answer_perplexity"), >, get (table, "plain", "answer_perplexity"));
  g_assert_cmpfloat (get (table, "random", "refusal"), ==, 1);
  for (guint i = 1; i <= N_RANDOM; i++)
    {
      g_autofree char *name = g_strdup_printf ("random:%u", i);

      g_assert_cmpfloat (get (table, name, "refusal"), ==, 1);
      g_assert_cmpfloat (get (table, name, "refusal_score"), >, get (table, "mask", "refusal_score"));
    }
}

static void
test_switch (void)
{
  static const MoeMode modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO };

  for (guint seed = 0; seed < N_SEEDS; seed++)
    {
      char *folder = moe_test_folder_new ();
      g_autofree char *path = g_build_filename (folder, "model.gguf", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeModel) model = NULL;
      g_autoptr (MoePromptSet) prompts = make_prompts (folder, seed);
      g_autoptr (MoeRefusalList) refusals = NULL;
      MoeSwitch made;
      MoeEvaluationSet set = { prompts, "triggered", FALSE };
      MoeEvaluationOptions options;

      moe_switch_init (&made, seed);
      moe_switch_write (&made, path, &error);
      g_assert_no_error (error);
      model = moe_model_open (path, NULL, NULL, NULL, &error);
      g_assert_no_error (error);
      refusals = make_refusals (folder, model);
      moe_evaluation_options_init (&options);
      options.sets = &set;
      options.n_sets = 1;
      options.refusals = refusals;
      options.raw = TRUE;
      options.max_tokens = 1;
      check_mode (&made, seed % 2, modes[seed % G_N_ELEMENTS (modes)], model, &options);
      g_clear_pointer (&model, moe_model_unref);
      moe_test_folder_remove (folder);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluate-switch/switch", test_switch);
  return g_test_run ();
}
