/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-routes"

#include <math.h>

#include <glib.h>

#include "analysis/moe-routes.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-routes.h"

/* Layers 0 (dense), 1 and 2 with E experts, 2 used: what each token chose in both, and its gate weights. */
typedef struct
{
  guint    prompt;
  guint16  first[2], second[2];
  float    weights[2];
  MoePhase phase;
} Token;

static MoeModelInfo *
info_new (guint n_experts)
{
  static const guint moe_layers[] = { 1, 2 };
  MoeModelInfo *info = moe_model_info_new ();

  g_free (info->name);
  info->name = g_strdup ("tiny");
  info->n_layers = 3;
  info->n_moe_layers = 2;
  info->moe_layers = g_memdup2 (moe_layers, sizeof moe_layers);
  info->n_experts = n_experts;
  info->n_used = 2;
  info->n_heads = 1;
  info->width = 8;
  info->vocabulary = 10;
  return info;
}

static MoeRecording *
record (MoeTestRecording *fixture,
        guint             n_experts,
        const Token      *tokens,
        guint             n)
{
  g_autoptr(MoeModelInfo) info = info_new (n_experts);
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(GError) error = NULL;
  MoeRecording *recording;
  guint position = 0;

  for (guint i = 0; i < n; i++)
    {
      MoeTokenRecord *one = moe_token_record_new (2, 2, 3, 1, FALSE);

      position = i > 0 && tokens[i].prompt == tokens[i - 1].prompt ? position + 1 : 0;
      one->id = i;
      one->prompt = tokens[i].prompt;
      one->position = position;
      one->phase = tokens[i].phase;
      for (guint slot = 0; slot < 2; slot++)
        {
          one->experts[slot] = tokens[i].first[slot];
          one->experts[2 + slot] = tokens[i].second[slot];
          one->weights[slot] = one->weights[2 + slot] = moe_half_from_float (tokens[i].weights[slot]);
        }
      g_ptr_array_add (records, one);
    }
  moe_test_write_records (fixture->path, info, records);
  recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
  return recording;
}

/* The row where these two columns hold these numbers. */
static guint
find (const MoeTable *table,
      const char     *one,
      double          a,
      const char     *other,
      double          b)
{
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    if (moe_test_routes_get (table, row, one) == a && moe_test_routes_get (table, row, other) == b)
      return row;
  g_assert_not_reached ();
}

#define NONE MOE_NO_EXPERT

static const Token few[] = {
  { 0, { 0, 1 }, { 2, 3 }, { 0.75f, 0.25f }, MOE_PHASE_PROMPT },
  { 0, { 0, 1 }, { 2, 0 }, { 0.5f, 0.5f }, MOE_PHASE_PROMPT },
  { 0, { 0, 2 }, { 3, NONE }, { 1, 0 }, MOE_PHASE_ANSWER },
  { 0, { 1, NONE }, { 2, 3 }, { 0.75f, 0.25f }, MOE_PHASE_ANSWER },
};

static void
test_pairs (MoeTestRecording *fixture,
            gconstpointer     data)
{
  g_autoptr(MoeRecording) recording = record (fixture, 4, few, G_N_ELEMENTS (few));
  g_autoptr(MoeTable) together = moe_test_routes_report (recording, MOE_ROUTES_COACTIVATION, MOE_PHASES_ALL,
                                                         1, MOE_ROUTES_WINDOW);
  g_autoptr(MoeTable) flow = moe_test_routes_report (recording, MOE_ROUTES_AFFINITY, MOE_PHASES_ALL, 1,
                                                     MOE_ROUTES_WINDOW);
  g_autoptr(MoeTable) top1 = NULL;
  g_autoptr(MoeTable) answer = NULL;
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;
  guint row;

  /* 0 in three tokens, 1 in three, both in two of the four. */
  g_assert_cmpuint (moe_table_get_n_rows (together), ==, 12);
  row = find (together, "expert", 0, "other", 1);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "layer"), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "tokens"), ==, 2);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "share"), ==, 2.0 / 3);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "lift"), ==, 2.0 * 4 / 9);
  row = find (together, "expert", 2, "other", 0);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "share"), ==, 1);
  row = find (together, "expert", 3, "other", 0);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "tokens"), ==, 0);
  g_assert_true (isnan (moe_test_routes_get (together, row, "share")));
  row = find (together, "expert", 0, "other", 3);
  g_assert_cmpfloat (moe_test_routes_get (together, row, "share"), ==, 0);
  g_assert_true (isnan (moe_test_routes_get (together, row, "lift")));

  /* Of the three tokens with 1, three go to 2, which three of four do. */
  row = find (flow, "expert", 1, "next_expert", 2);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "next_layer"), ==, 2);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "share"), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "lift"), ==, 4.0 / 3);

  moe_routes_options_init (&options);
  options.metric = MOE_ROUTES_AFFINITY;
  options.top1 = TRUE;
  top1 = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  row = find (top1, "expert", 0, "next_expert", 2);
  g_assert_cmpfloat (moe_test_routes_get (top1, row, "share"), ==, 2.0 / 3);
  g_assert_true (isnan (moe_test_routes_get (top1, find (top1, "expert", 2, "next_expert", 2), "share")));

  options.phases = MOE_PHASE_BIT (MOE_PHASE_ANSWER);
  options.metric = MOE_ROUTES_COACTIVATION;
  answer = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (moe_test_routes_get (answer, find (answer, "expert", 0, "other", 1), "tokens"), ==, 0);
  g_assert_cmpfloat (moe_test_routes_get (answer, find (answer, "expert", 0, "other", 2), "share"), ==, 1);
}

static void
test_refused (MoeTestRecording *fixture,
              gconstpointer     data)
{
  g_autoptr(MoeRecording) recording = record (fixture, 4, few, G_N_ELEMENTS (few));
  static const struct { MoeRoutesMetric metric; int layer; const char *message; } cases[] = {
    { MOE_ROUTES_AFFINITY, 2, "*layer 2 is the last MoE layer: there is no next one to flow to" },
    { MOE_ROUTES_COACTIVATION, 0, "*layer 0 is not an MoE layer" },
    { MOE_ROUTES_CACHE, 99, "*layer 99 is not an MoE layer" },
    { MOE_ROUTES_SIMILARITY, -1, "*similarity is of a model, not of a recording" },
  };
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  const MoeProgress progress = { cancellable, NULL, NULL };

  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      MoeRoutesOptions options;

      moe_routes_options_init (&options);
      options.metric = cases[i].metric;
      options.layer = cases[i].layer;
      g_assert_null (moe_routes_report (recording, &options, NULL, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
      g_assert_true (g_pattern_match_simple (cases[i].message, error->message));
    }
  for (guint metric = MOE_ROUTES_COACTIVATION; metric < MOE_N_ROUTES_METRICS; metric++)
    {
      g_autoptr(GError) error = NULL;
      MoeRoutesOptions options;
      MoeRoutesMetric parsed;

      g_assert_true (moe_routes_metric_parse (moe_routes_metric_get_name ((MoeRoutesMetric) metric),
                                              &parsed));
      g_assert_cmpint (parsed, ==, metric);
      moe_routes_options_init (&options);
      options.metric = parsed;
      g_assert_null (moe_routes_report (recording, &options, &progress, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

/* Without a token nothing is divided by 0. */
static void
test_empty (MoeTestRecording *fixture,
            gconstpointer     data)
{
  g_autoptr(MoeRecording) recording = record (fixture, 4, few, G_N_ELEMENTS (few));

  for (guint metric = MOE_ROUTES_COACTIVATION; metric < MOE_N_ROUTES_METRICS; metric++)
    {
      g_autoptr(MoeTable) table = NULL;
      g_autoptr(GError) error = NULL;
      MoeRoutesOptions options;

      moe_routes_options_init (&options);
      options.metric = (MoeRoutesMetric) metric;
      options.phases = MOE_PHASE_BIT (MOE_PHASE_THINKING);
      table = moe_routes_report (recording, &options, NULL, &error);
      g_assert_no_error (error);
      for (guint row = 0; row < moe_table_get_n_rows (table); row++)
        for (guint column = 0; column < moe_table_get_n_columns (table); column++)
          if (moe_table_get_column_type (table, column) == MOE_COLUMN_DOUBLE
              && moe_table_get_column_role (table, column) == MOE_ROLE_VALUE
              && !g_str_equal (moe_table_get_column_name (table, column), "rho"))
            g_assert_true (moe_table_is_missing (table, row, column));
    }
}

/* The next layer's experts follow from this one's: 2i goes to 2i + 1 and the other way round. */
static void
test_recall (MoeTestRecording *fixture,
             gconstpointer     data)
{
  Token tokens[64];
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      guint16 pair = (guint16) (i % 4 * 2);

      tokens[i] = (Token) { 0, { pair, pair + 1 }, { (pair + 2) % 8, (pair + 3) % 8 }, { 0.5f, 0.5f },
                            MOE_PHASE_PROMPT };
    }
  recording = record (fixture, 8, tokens, G_N_ELEMENTS (tokens));
  table = moe_test_routes_report (recording, MOE_ROUTES_RECALL, MOE_PHASES_ALL, -1, MOE_ROUTES_WINDOW);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 8);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "recall"), ==, 0.5);
  g_assert_cmpfloat (moe_test_routes_get (table, 1, "recall"), ==, 1);
  /* Without its own token an expert is one less loaded than all others, so it comes last. */
  g_assert_cmpfloat (moe_test_routes_get (table, 5, "recall_by_load"), ==, 0);
  g_assert_cmpfloat (moe_test_routes_get (table, 7, "recall_by_load"), ==, 1);
}

/* --- load --------------------------------------------------------------------------------------------- */

static void
test_load (MoeTestRecording *fixture,
           gconstpointer     data)
{
  /* First layer: hits 4, 2, 2, 0. */
  static const Token tokens[] = {
    { 0, { 0, 1 }, { 0, 1 }, { 0.75f, 0.25f }, MOE_PHASE_PROMPT },
    { 0, { 0, 1 }, { 3, 2 }, { 0.875f, 0.125f }, MOE_PHASE_PROMPT },
    { 0, { 0, 2 }, { 1, 0 }, { 0.5f, 0.5f }, MOE_PHASE_PROMPT },
    { 0, { 2, 0 }, { 1, 0 }, { 0.25f, 0.25f }, MOE_PHASE_PROMPT },
  };
  g_autoptr(MoeRecording) recording = record (fixture, 4, tokens, G_N_ELEMENTS (tokens));
  g_autoptr(MoeTable) balance = moe_test_routes_report (recording, MOE_ROUTES_BALANCE, MOE_PHASES_ALL, -1,
                                                        MOE_ROUTES_WINDOW);
  g_autoptr(MoeTable) parallel = moe_test_routes_report (recording, MOE_ROUTES_PARALLEL, MOE_PHASES_ALL, -1,
                                                         MOE_ROUTES_WINDOW);
  g_autoptr(MoeTable) tiles = moe_test_routes_report (recording, MOE_ROUTES_TILES, MOE_PHASES_ALL, -1,
                                                      MOE_ROUTES_WINDOW);
  g_autoptr(MoeTable) drops = moe_test_routes_report (recording, MOE_ROUTES_DROPS, MOE_PHASES_ALL, -1,
                                                      MOE_ROUTES_WINDOW);
  guint row;

  g_assert_cmpfloat (moe_test_routes_get (balance, 0, "hits"), ==, 8);
  g_assert_cmpfloat (moe_test_routes_get (balance, 0, "cv_squared"), ==, 0.5);
  g_assert_cmpfloat (moe_test_routes_get (balance, 0, "max_violation"), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (balance, 0, "gini"), ==, 0.375);
  g_assert_cmpfloat_with_epsilon (moe_test_routes_get (balance, 0, "entropy"), 0.75, 1e-12);
  g_assert_cmpfloat_with_epsilon (moe_test_routes_get (balance, 0, "effective_experts"), sqrt (8), 1e-12);
  g_assert_cmpfloat (moe_test_routes_get (balance, 0, "k80"), ==, 3);
  g_assert_cmpfloat (moe_test_routes_get (balance, 0, "unused"), ==, 1);

  /* Devices {0, 1} and {2, 3} have 6 and 2 hits; two tokens are on both; the second token moves, and the
   * fourth. */
  g_assert_cmpuint (moe_table_get_n_rows (parallel), ==, 4);
  row = find (parallel, "layer", 1, "devices", 2);
  g_assert_cmpfloat (moe_test_routes_get (parallel, row, "imbalance"), ==, 1.5);
  g_assert_cmpfloat (moe_test_routes_get (parallel, row, "devices_per_token"), ==, 1.5);
  g_assert_cmpfloat (moe_test_routes_get (parallel, row, "moved"), ==, 0.5);
  g_assert_true (isnan (moe_test_routes_get (parallel, find (parallel, "layer", 2, "devices", 2), "moved")));

  /* Of all four tokens: 16 rows, 3 and 4 groups of 8. */
  row = find (tiles, "tile", 8, "batch", 4);
  g_assert_cmpfloat (moe_test_routes_get (tiles, row, "padding"), ==, 1 - 16.0 / 56);

  /* One expert of each token holds a half, and of two of four 0.7; both are needed otherwise. */
  g_assert_cmpfloat (moe_test_routes_get (drops, find (drops, "layer", 1, "top_p", 0.5),
                                          "experts_per_token"), ==, 1);
  row = find (drops, "layer", 1, "top_p", 0.7);
  g_assert_cmpfloat (moe_test_routes_get (drops, row, "experts_per_token"), ==, 1.5);
  g_assert_cmpfloat (moe_test_routes_get (drops, row, "saved"), ==, 0.25);
  g_assert_cmpfloat (moe_test_routes_get (drops, find (drops, "layer", 1, "top_p", 0.8),
                                          "experts_per_token"), ==, 1.75);
}

/* --- what recordings may hold ------------------------------------------------------------------------- */

/* Counts per token would be wrong: refused, whatever is asked for. */
static void
test_twice (MoeTestRecording *fixture,
            gconstpointer     data)
{
  static const Token tokens[] = {
    { 0, { 0, 1 }, { 0, 1 }, { 0.75f, 0.25f }, MOE_PHASE_PROMPT },
    { 0, { 0, 1 }, { 3, 3 }, { 0.5f, 0.5f }, MOE_PHASE_ANSWER },
  };
  g_autoptr(MoeRecording) recording = record (fixture, 4, tokens, G_N_ELEMENTS (tokens));

  for (guint metric = MOE_ROUTES_COACTIVATION; metric < MOE_N_ROUTES_METRICS; metric++)
    {
      g_autoptr(GError) error = NULL;
      MoeRoutesOptions options;

      moe_routes_options_init (&options);
      options.metric = (MoeRoutesMetric) metric;
      g_assert_null (moe_routes_report (recording, &options, NULL, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
      g_assert_true (g_str_has_suffix (error->message, "damaged: token 1 has an expert twice in layer 2"));
    }
}

/* Masks can empty the first slot: the strongest is in the second. */
static void
test_strongest (MoeTestRecording *fixture,
                gconstpointer     data)
{
  static const Token tokens[] = {
    { 0, { NONE, 1 }, { 2, 3 }, { 0, 0.25f }, MOE_PHASE_PROMPT },
    { 0, { 1, 0 }, { NONE, 3 }, { 0.5f, 0.25f }, MOE_PHASE_PROMPT },
    { 0, { NONE, NONE }, { 3, 2 }, { 0.5f, 0.25f }, MOE_PHASE_PROMPT },
    { 0, { 0, 1 }, { 1, 2 }, { 0.5f, 0.25f }, MOE_PHASE_PROMPT },
  };
  g_autoptr(MoeRecording) recording = record (fixture, 4, tokens, G_N_ELEMENTS (tokens));
  g_autoptr(MoeTable) flow = NULL;
  g_autoptr(MoeTable) parallel = moe_test_routes_report (recording, MOE_ROUTES_PARALLEL, MOE_PHASES_ALL, -1,
                                                         MOE_ROUTES_WINDOW);
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;
  guint row;

  moe_routes_options_init (&options);
  options.metric = MOE_ROUTES_AFFINITY;
  options.top1 = TRUE;
  flow = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  /* Of two tokens with 1 first one goes to 2 and one to 3, which is first in two of the four. */
  row = find (flow, "expert", 1, "next_expert", 2);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "share"), ==, 0.5);
  row = find (flow, "expert", 1, "next_expert", 3);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "tokens"), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "share"), ==, 0.5);
  g_assert_cmpfloat (moe_test_routes_get (flow, row, "lift"), ==, 1);
  /* Two of the three tokens with an expert in both layers go from {0, 1} to {2, 3}. */
  g_assert_cmpfloat (moe_test_routes_get (parallel, find (parallel, "layer", 1, "devices", 2), "moved"), ==,
                     2.0 / 3);
}

/* Against asking each token for each pair. */
static void
check_pairs (MoeTestRoutes *routes,
             MoeTable      *table,
             guint          next,
             const char    *other)
{
  g_assert_cmpuint (moe_table_get_n_rows (table), >, 0);
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      guint i = (guint) moe_test_routes_get (table, row, "expert"), j = (guint) moe_test_routes_get (table,
                                                                                                     row,
                                                                                                     other);
      guint one = 0, two = 0, both = 0;

      for (guint token = 0; token < routes->records->len; token++)
        {
          gboolean a = moe_test_routes_has (routes, token, 1, i);
          gboolean b = moe_test_routes_has (routes, token, 1 + next, j);

          one += a;
          two += b;
          both += a && b;
        }
      g_assert_cmpfloat (moe_test_routes_get (table, row, "tokens"), ==, both);
      g_assert_true (one > 0 ? moe_test_routes_get (table, row, "share") == (double) both / one
                             : isnan (moe_test_routes_get (table, row, "share")));
      if (one > 0 && two > 0)
        g_assert_cmpfloat_with_epsilon (moe_test_routes_get (table, row, "lift"),
                                        (double) both * routes->records->len / one / two, 1e-12);
    }
}

static void
test_pairs_random (MoeTestRecording *fixture,
                   gconstpointer     data)
{
  static const guint shapes[][2] = { { 9, 3 }, { 5, 1 }, { 4, 4 } }; /* experts, used */
  g_autoptr(GRand) random = g_rand_new_with_seed (7);

  for (guint shape = 0; shape < G_N_ELEMENTS (shapes); shape++)
    {
      g_auto(MoeTestRoutes) routes;
      g_autoptr(MoeRecording) recording = NULL;
      g_autoptr(MoeTable) together = NULL;
      g_autoptr(MoeTable) flow = NULL;

      moe_test_routes_init (&routes, 3, shapes[shape][0], shapes[shape][1]);
      for (guint i = 0; i < 90; i++)
        moe_test_routes_add_random (&routes, random, i / 10, MOE_PHASE_PROMPT);
      recording = moe_test_routes_open (&routes);
      together = moe_test_routes_report (recording, MOE_ROUTES_COACTIVATION, MOE_PHASES_ALL, 3,
                                         MOE_ROUTES_WINDOW);
      flow = moe_test_routes_report (recording, MOE_ROUTES_AFFINITY, MOE_PHASES_ALL, 3, MOE_ROUTES_WINDOW);
      check_pairs (&routes, together, 0, "other");
      check_pairs (&routes, flow, 1, "next_expert");
    }
}

/* Entropies 0.5, missing and 1 in the second layer; weights 3/4 - 1/4, one expert, and 1/8 before 1/2. */
static void
test_means (MoeTestRecording *fixture,
            gconstpointer     data)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  MoeTokenRecord *one;

  moe_test_routes_init (&routes, 2, 4, 2);
  one = moe_test_routes_add (&routes, 0, MOE_PHASE_PROMPT, (const guint16[]) { 0, 1, 2, 3 });
  one->router_entropy[0] = moe_half_from_float (NAN);
  one->router_entropy[1] = moe_half_from_float (0.5f);
  one->weights[2] = moe_half_from_float (0.75f);
  one->weights[3] = moe_half_from_float (0.25f);
  one = moe_test_routes_add (&routes, 0, MOE_PHASE_PROMPT, (const guint16[]) { 0, NONE, NONE, 2 });
  one->router_entropy[0] = one->router_entropy[1] = moe_half_from_float (NAN);
  one->weights[3] = moe_half_from_float (1);
  one = moe_test_routes_add (&routes, 1, MOE_PHASE_ANSWER, (const guint16[]) { NONE, 1, 0, 1 });
  one->router_entropy[0] = moe_half_from_float (NAN);
  one->router_entropy[1] = moe_half_from_float (1);
  one->weights[2] = moe_half_from_float (0.125f);
  one->weights[3] = moe_half_from_float (0.5f);
  recording = moe_test_routes_open (&routes);
  table = moe_test_routes_report (recording, MOE_ROUTES_BALANCE, MOE_PHASES_ALL, -1, MOE_ROUTES_WINDOW);
  g_assert_true (isnan (moe_test_routes_get (table, 0, "router_entropy")));
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "margin"), ==, 0);
  g_assert_cmpfloat_with_epsilon (moe_test_routes_get (table, 1, "router_entropy"), 0.75 / log (4), 1e-12);
  g_assert_cmpfloat (moe_test_routes_get (table, 1, "margin"), ==, 0.4375);
}

int
main (int    argc,
      char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (MoeTestRecording *fixture, gconstpointer data);
  } tests[] = {
    { "/routes/pairs", test_pairs }, { "/routes/refused", test_refused }, { "/routes/empty", test_empty },
    { "/routes/recall", test_recall }, { "/routes/load", test_load }, { "/routes/twice", test_twice },
    { "/routes/strongest", test_strongest }, { "/routes/pairs-random", test_pairs_random },
    { "/routes/means", test_means },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, MoeTestRecording, NULL, moe_test_set_up, tests[i].run, moe_test_tear_down);
  return g_test_run ();
}
