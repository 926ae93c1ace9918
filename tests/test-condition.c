/* SPDX-License-Identifier: MIT */
#include "analysis/moe-condition.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-task-set.h"

/* Controls of a mask, rankings and task files. */

#define E 16
#define K 2

/* Layers 1 and 2 of 3 are MoE layers. */
static MoeModelInfo *
new_info (void)
{
  MoeModelInfo *info = moe_model_info_new ();

  info->n_layers = 3;
  info->n_moe_layers = 2;
  info->moe_layers = g_new (guint, 2);
  info->moe_layers[0] = 1;
  info->moe_layers[1] = 2;
  info->n_experts = E;
  info->n_used = K;
  return info;
}

static MoeMask *
parse (MoeAction   action,
       const char *text)
{
  g_autoptr (GArray) ivs = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
  g_autoptr (GError) error = NULL;

  moe_intervention_parse (text, action, MOE_SCOPE_BOTH, ivs, &error);
  g_assert_no_error (error);
  return moe_mask_new ((const MoeIntervention *) (gpointer) ivs->data, ivs->len);
}

static char *
describe (const MoeMask *mask)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? "; " : "", one);
    }
  return g_string_free (text, FALSE);
}

static void
test_controls (void)
{
  static const char * const wrong[] = { "", "random", "random:0", "random:x", "random:5000", "reversed,",
                                        "all" };
  MoeControls controls;

  g_assert_true (moe_controls_parse ("random:5, reversed,bottom", &controls, NULL));
  g_assert_cmpuint (controls.n_random, ==, 5);
  g_assert_true (controls.reversed && controls.bottom);
  g_assert_true (moe_controls_parse ("none", &controls, NULL));
  g_assert_true (controls.n_random == 0 && !controls.reversed && !controls.bottom);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (moe_controls_parse (wrong[i], &controls, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
    }
}

/* Each is replaced in its layer, by one of those that are about as busy, never by one of the mask, and never
 * two by the same. */
static void
test_random (void)
{
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (MoeMask) mask = parse (MOE_ACTION_DISABLE, "L1E3,L1E4,L2E3:zero");
  guint64 loads[2 * E];
  guint drawn[E] = { 0 };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2 * E; i++)
    loads[i] = i % E * 100;
  for (guint seed = 0; seed < 200; seed++)
    {
      g_autoptr (MoeMask) random = moe_mask_draw_random (mask, info, loads, seed, &error);
      g_autoptr (MoeMask) again = moe_mask_draw_random (mask, info, loads, seed, &error);
      int first, second, third;

      g_assert_no_error (error);
      g_assert_true (moe_mask_equal (random, again));
      g_assert_cmpuint (moe_mask_get_n (random), ==, 3);
      first = moe_mask_get (random, 0)->expert;
      second = moe_mask_get (random, 1)->expert;
      third = moe_mask_get (random, 2)->expert;
      g_assert_cmpint (moe_mask_get (random, 0)->layer, ==, 1);
      g_assert_cmpint (moe_mask_get (random, 2)->layer, ==, 2);
      g_assert_cmpint (moe_mask_get (random, 2)->mode, ==, MOE_MODE_ZERO);
      g_assert_true (first != 3 && first != 4 && second != 3 && second != 4 && first != second && third != 3);
      drawn[third]++;
    }
  /* The four nearest of expert 3 in layer 2 are 2, 4, 1 and 5. */
  g_assert_cmpuint (drawn[1] + drawn[2] + drawn[4] + drawn[5], ==, 200);
  g_assert_true (drawn[1] > 20 && drawn[2] > 20 && drawn[4] > 20 && drawn[5] > 20);

  {
    g_autoptr (MoeMask) most = parse (MOE_ACTION_BIAS, "L1E0,L1E1,L1E2,L1E3,L1E4,L1E5,L1E6,L1E7,L1E8=1");

    g_assert_null (moe_mask_draw_random (most, info, loads, 0, &error));
    g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  }
}

static void
test_reverse (void)
{
  static const struct { MoeAction action; const char *text; const char *reversed; } known[] = {
    { MOE_ACTION_DISABLE, "L1E1,L2E2", "L1E1 force max; L2E2 force max" },
    { MOE_ACTION_DISABLE, "L1E1,L1E2,L1E3", "L1E1 force max; L1E2 force max" }, /* no more than k */
    { MOE_ACTION_FORCE, "L1E1:add", "L1E1 disable refill" },
    { MOE_ACTION_BIAS, "L1E1=-2", "L1E1 bias +2" },
    { MOE_ACTION_SCALE, "L1E1=4", "L1E1 scale 0.25" },
    { MOE_ACTION_SCALE, "L1E1=0", "L1E1 scale 2" },
    { MOE_ACTION_CLAMP, "L1E1=4", NULL },
    { MOE_ACTION_ROUTER, "L1:random", NULL },
  };
  g_autoptr (MoeModelInfo) info = new_info ();

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autoptr (MoeMask) mask = parse (known[i].action, known[i].text);
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeMask) reversed = moe_mask_reverse (mask, info, &error);
      g_autofree char *text = describe (reversed);

      if (known[i].reversed != NULL)
        g_assert_cmpstr (text, ==, known[i].reversed);
      else
        g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
    }
}

static void
test_strength (void)
{
  g_autoptr (MoeMask) disabled = parse (MOE_ACTION_DISABLE, "L1E1:drop");
  g_autoptr (MoeMask) biased = parse (MOE_ACTION_BIAS, "L1E1=2");
  g_autoptr (MoeMask) scaled = parse (MOE_ACTION_SCALE, "L1E1=3");
  g_autoptr (MoeMask) forced = parse (MOE_ACTION_FORCE, "L1E1");
  const struct { const MoeMask *mask; double strength; const char *text; } known[] = {
    { disabled, 1, "L1E1 disable drop" }, { disabled, 0.25, "L1E1 scale 0.75" },
    { disabled, 0, "L1E1 scale 1" },
    { biased, 0.5, "L1E1 bias +1" }, { biased, -1, "L1E1 bias -2" }, { scaled, 0.5, "L1E1 scale 2" },
    { forced, 0.5, "L1E1 force max" }, { forced, 0, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autoptr (MoeMask) graded = moe_mask_at_strength (known[i].mask, known[i].strength);
      g_autofree char *text = describe (graded);

      g_assert_cmpstr (text, ==, known[i].text);
    }
}

static MoeRanking *
load_ranking (const char  *text,
              GError     **error)
{
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autofree char *folder = g_dir_make_tmp ("moescope-ranking-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "ranking.csv", NULL);
  MoeRanking *ranking;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  ranking = moe_ranking_load (path, info, error);
  g_unlink (path);
  g_rmdir (folder);
  return ranking;
}

static void
test_ranking (void)
{
  static const struct { const char *text; const char *fragment; } wrong[] = {
    { "layer,expert\n", "names no expert" },
    { "layer,expert\n1,1\n1,1\n", "names an expert twice" },
    { "a,b\n1,1\n", "has no columns layer and expert" },
    { "layer,expert\n1,16\n", ":2: '16' is not a whole number from 0 to 15" },
    { "layer,expert\n0,1\n", ":2: layer 0 is not an MoE layer" },
    { "layer,expert\n1\n", ":2: '' is not a whole number" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeRanking) ranking = load_ranking ("# comment\nscore,rank,expert,layer\n0.1,2,5,1\n0.9,1,7,2\n"
                                                 "0,3,9,1\n", &error);
  g_autoptr (MoeMask) top = NULL;
  g_autoptr (MoeMask) bottom = NULL;
  g_autofree char *top_text = NULL, *bottom_text = NULL;

  g_assert_no_error (error);
  top = moe_ranking_make_mask (ranking, 2, FALSE, MOE_MODE_ZERO, MOE_SCOPE_BOTH);
  bottom = moe_ranking_make_mask (ranking, 1, TRUE, MOE_MODE_DROP, MOE_SCOPE_PROMPT);
  top_text = describe (top);
  bottom_text = describe (bottom);
  g_assert_cmpstr (top_text, ==, "L2E7 disable zero; L1E5 disable zero");
  g_assert_cmpstr (bottom_text, ==, "L1E9 disable drop, prompt only");

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) refused = NULL;

      g_assert_null (load_ranking (wrong[i].text, &refused));
      g_assert_error (refused, MOE_ERROR, MOE_ERROR_FORMAT);
      g_assert_nonnull (strstr (refused->message, wrong[i].fragment));
    }
}

static void
test_conditions (void)
{
  const guint64 loads[2 * E] = { 0 };
  const double one = 1, half = 0.5;
  static const char * const names[] = {
    "plain", "mask", "random:1", "random:2", "reversed", "bottom", "top:1", "top:1/random:1",
    "top:1/random:2", "top:1/reversed", "top:1/bottom", "strength:0.5", "strength:0.5/random:1",
    "strength:0.5/random:2", "strength:0.5/reversed", "strength:0.5/bottom",
  };
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (GPtrArray) conditions = moe_conditions_new ();
  g_autoptr (MoeMask) mask = parse (MOE_ACTION_DISABLE, "L1E5");
  g_autoptr (MoeRanking) ranking = load_ranking ("layer,expert\n1,5\n2,7\n", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) counts = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) strengths = g_array_new (FALSE, FALSE, sizeof (double));
  g_autofree char *bottom = NULL, *top = NULL;
  MoeSweep sweep = {
    .mask = mask, .ranking = ranking, .counts = counts, .top_mode = MOE_MODE_DROP, .strengths = strengths,
    .controls = { 2, TRUE, TRUE }, .loads = loads,
  };

  g_array_append_val (counts, one);
  g_array_append_val (strengths, half);
  g_assert_true (moe_conditions_add_sweep (conditions, &sweep, info, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (conditions->len, ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < conditions->len; i++)
    g_assert_cmpstr (((MoeCondition *) conditions->pdata[i])->name, ==, names[i]);
  bottom = describe (((MoeCondition *) conditions->pdata[5])->mask);
  g_assert_cmpstr (bottom, ==, "L2E7 disable refill");
  top = describe (((MoeCondition *) conditions->pdata[6])->mask);
  g_assert_cmpstr (top, ==, "L1E5 disable drop");
  g_array_set_size (counts, 0);
  sweep.ranking = NULL;
  g_assert_false (moe_conditions_add_sweep (conditions, &sweep, info, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

/* The random experts of every strength are those of the mask. */
static void
test_strengths (void)
{
  static const struct { double strength; const char *texts; } known[] = {
    { 0.5, "strength:0.5: L1E5 scale 0.5 | strength:0.5/random:1: L1E? scale 0.5 | "
           "strength:0.5/reversed: L1E5 scale 1.5 | strength:0.5/bottom: L2E7 scale 0.5 | " },
    { 1, "strength:1: L1E5 disable zero | strength:1/random:1: L1E? disable zero | "
         "strength:1/reversed: L1E5 scale 2 | strength:1/bottom: L2E7 disable zero | " },
    { 0, "strength:0: L1E5 scale 1 | " },
  };
  const MoeControls controls = { 1, TRUE, TRUE }, reversed = { 0, TRUE, FALSE };
  const guint64 loads[2 * E] = { 0 };
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (MoeMask) mask = parse (MOE_ACTION_DISABLE, "L1E5:zero");
  g_autoptr (MoeMask) random = moe_mask_draw_random (mask, info, loads, 7 * 1000, NULL);
  g_autoptr (MoeMask) forced = parse (MOE_ACTION_FORCE, "L1E5");
  g_autoptr (MoeMask) clamped = parse (MOE_ACTION_CLAMP, "L1E5=3");
  g_autoptr (MoeRanking) ranking = load_ranking ("layer,expert\n1,5\n2,7\n", NULL);
  g_autofree char *drawn = moe_expert_format (1, moe_mask_get (random, 0)->expert);
  g_autoptr (GPtrArray) others = moe_conditions_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *disabled = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autoptr (GPtrArray) conditions = moe_conditions_new ();
      g_autoptr (GString) texts = g_string_new (NULL);

      g_assert_true (moe_conditions_add_strength (conditions, mask, known[i].strength, &controls, ranking,
                                                  info, loads, 7, &error));
      g_assert_no_error (error);
      for (guint c = 1; c < conditions->len; c++)
        {
          const MoeCondition *condition = conditions->pdata[c];
          g_autofree char *text = describe (condition->mask);

          g_string_append_printf (texts, "%s: %s | ", condition->name, text);
        }
      g_string_replace (texts, drawn, "L1E?", 0);
      g_assert_cmpstr (texts->str, ==, known[i].texts);
    }

  g_assert_true (moe_conditions_add_strength (others, forced, 2, &reversed, NULL, info, loads, 7, &error));
  disabled = describe (((MoeCondition *) others->pdata[2])->mask);
  g_assert_cmpstr (disabled, ==, "L1E5 disable refill");
  g_assert_false (moe_conditions_add_strength (others, clamped, 2, &reversed, NULL, info, loads, 7, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

static MoeTaskSet *
load_tasks (const char  *text,
            guint        limit,
            GError     **error)
{
  g_autofree char *folder = g_dir_make_tmp ("moescope-tasks-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "tasks.jsonl", NULL);
  MoeTaskSet *tasks;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  tasks = moe_task_set_load (path, limit, error);
  g_unlink (path);
  g_rmdir (folder);
  return tasks;
}

static void
test_tasks (void)
{
  static const struct { const char *text; const char *fragment; } wrong[] = {
    { "", "holds no task" },
    { "\n[1]\n", "line 2: is not a JSON object" },
    { "{\"prompt\": \"a\"}", "line 1: " },
    { "{\"answer\": \"a\"}", "line 1: " },
    { "{\"prompt\": \"a\", \"answer\": \"\"}", "has an empty answer" },
    { "{\"prompt\": \"a\", \"choices\": [\"b\"], \"answer\": 0}", "'choices' holds 1 choices" },
    { "{\"prompt\": \"a\", \"choices\": [\"b\", 2], \"answer\": 0}", "choice 1 is not a text" },
    { "{\"prompt\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 2}",
      "not the number of a choice, 0 to 1" },
    { "{\"prompt\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": \"b\"}",
      "not the number of a choice" },
    { "{\"prompt\": \"a\"", "line 1: is not JSON" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeTaskSet) tasks = load_tasks ("{\"prompt\": \"a\", \"choices\": [\"b\", \"c\"], "
                                             "\"answer\": 1, \"id\": 7}\n\n"
                                             "{\"prompt\": \"d\", \"answer\": 17}\n", 0, &error);
  g_autoptr (MoeTaskSet) one = load_tasks ("{\"prompt\": \"a\", \"answer\": \"b\"}\nbroken\n", 1, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (moe_task_set_get_n (one), ==, 1);
  g_assert_cmpuint (moe_task_set_get_n (tasks), ==, 2);
  g_assert_cmpuint (moe_task_set_get (tasks, 0)->n_choices, ==, 2);
  g_assert_cmpuint (moe_task_set_get (tasks, 0)->right, ==, 1);
  g_assert_cmpstr (moe_task_set_get (tasks, 0)->choices[1], ==, "c");
  g_assert_null (moe_task_set_get (tasks, 1)->choices);
  g_assert_cmpstr (moe_task_set_get (tasks, 1)->answer, ==, "17");
  g_assert_cmpuint (moe_task_set_get (tasks, 1)->line, ==, 3);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) refused = NULL;

      g_assert_null (load_tasks (wrong[i].text, 0, &refused));
      g_assert_error (refused, MOE_ERROR, MOE_ERROR_FORMAT);
      g_assert_nonnull (strstr (refused->message, wrong[i].fragment));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/condition/controls", test_controls);
  g_test_add_func ("/condition/random", test_random);
  g_test_add_func ("/condition/reverse", test_reverse);
  g_test_add_func ("/condition/strength", test_strength);
  g_test_add_func ("/condition/ranking", test_ranking);
  g_test_add_func ("/condition/conditions", test_conditions);
  g_test_add_func ("/condition/strengths", test_strengths);
  g_test_add_func ("/condition/tasks", test_tasks);
  return g_test_run ();
}
