/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-routes"

#include <math.h>

#include <glib.h>

#include "analysis/moe-routes.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-recording.h"

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

static MoeTable *
report (MoeRecording    *recording,
        MoeRoutesMetric  metric,
        int              layer)
{
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;
  MoeTable *table;

  moe_routes_options_init (&options);
  options.metric = metric;
  options.layer = layer;
  table = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  return table;
}

static double
get (const MoeTable *table,
     guint           row,
     const char     *column)
{
  int index = moe_table_find_column (table, column);

  g_assert_cmpint (index, >=, 0);
  return moe_table_get_double (table, row, (guint) index);
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
    if (get (table, row, one) == a && get (table, row, other) == b)
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
  g_autoptr(MoeTable) together = report (recording, MOE_ROUTES_COACTIVATION, 1);
  g_autoptr(MoeTable) flow = report (recording, MOE_ROUTES_AFFINITY, 1);
  g_autoptr(MoeTable) top1 = NULL;
  g_autoptr(MoeTable) answer = NULL;
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;
  guint row;

  /* 0 in three tokens, 1 in three, both in two of the four. */
  g_assert_cmpuint (moe_table_get_n_rows (together), ==, 12);
  row = find (together, "expert", 0, "other", 1);
  g_assert_cmpfloat (get (together, row, "layer"), ==, 1);
  g_assert_cmpfloat (get (together, row, "tokens"), ==, 2);
  g_assert_cmpfloat (get (together, row, "share"), ==, 2.0 / 3);
  g_assert_cmpfloat (get (together, row, "lift"), ==, 2.0 * 4 / 9);
  row = find (together, "expert", 2, "other", 0);
  g_assert_cmpfloat (get (together, row, "share"), ==, 1);
  row = find (together, "expert", 3, "other", 0);
  g_assert_cmpfloat (get (together, row, "tokens"), ==, 0);
  g_assert_true (isnan (get (together, row, "share")));
  row = find (together, "expert", 0, "other", 3);
  g_assert_cmpfloat (get (together, row, "share"), ==, 0);
  g_assert_true (isnan (get (together, row, "lift")));

  /* Of the three tokens with 1, three go to 2, which three of four do. */
  row = find (flow, "expert", 1, "next_expert", 2);
  g_assert_cmpfloat (get (flow, row, "next_layer"), ==, 2);
  g_assert_cmpfloat (get (flow, row, "share"), ==, 1);
  g_assert_cmpfloat (get (flow, row, "lift"), ==, 4.0 / 3);

  moe_routes_options_init (&options);
  options.metric = MOE_ROUTES_AFFINITY;
  options.top1 = TRUE;
  top1 = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  row = find (top1, "expert", 0, "next_expert", 2);
  g_assert_cmpfloat (get (top1, row, "share"), ==, 2.0 / 3);
  g_assert_true (isnan (get (top1, find (top1, "expert", 2, "next_expert", 2), "share")));

  options.phases = MOE_PHASE_BIT (MOE_PHASE_ANSWER);
  options.metric = MOE_ROUTES_COACTIVATION;
  answer = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (get (answer, find (answer, "expert", 0, "other", 1), "tokens"), ==, 0);
  g_assert_cmpfloat (get (answer, find (answer, "expert", 0, "other", 2), "share"), ==, 1);
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
  table = report (recording, MOE_ROUTES_RECALL, -1);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 8);
  g_assert_cmpfloat (get (table, 0, "recall"), ==, 0.5);
  g_assert_cmpfloat (get (table, 1, "recall"), ==, 1);
  /* Without its own token an expert is one less loaded than all others, so it comes last. */
  g_assert_cmpfloat (get (table, 5, "recall_by_load"), ==, 0);
  g_assert_cmpfloat (get (table, 7, "recall_by_load"), ==, 1);
}

/* Expert 0 has 4 and 1 hits in the two windows of the first prompt; the third is not whole, and that
 * of the second prompt begins anew. */
static void
test_locality (MoeTestRecording *fixture,
               gconstpointer     data)
{
  Token tokens[14];
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) layers = NULL;
  g_autoptr(MoeTable) experts = NULL;
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;
  guint row;

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    tokens[i] = (Token) { i < 10 ? 0 : 1, { i < 5 ? 0 : 1, NONE }, { 3, 2 }, { 1, 0 }, MOE_PHASE_PROMPT };
  recording = record (fixture, 4, tokens, G_N_ELEMENTS (tokens));
  moe_routes_options_init (&options);
  options.metric = MOE_ROUTES_SRP_EXPERTS;
  options.window = 4;
  experts = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  row = find (experts, "layer", 1, "expert", 0);
  g_assert_cmpfloat (get (experts, row, "hits"), ==, 5);
  g_assert_cmpfloat (get (experts, row, "srp"), ==, 8.0 / 9);
  row = find (experts, "layer", 1, "expert", 1); /* 3 and 4: all of both windows, 7 of 8 */
  g_assert_cmpfloat (get (experts, row, "hits"), ==, 7);
  g_assert_cmpfloat (get (experts, row, "srp"), ==, 2.0 * 7 / (8 + 7));
  g_assert_true (isnan (get (experts, find (experts, "layer", 1, "expert", 2), "srp")));
  g_assert_cmpfloat (get (experts, find (experts, "layer", 2, "expert", 3), "srp"), ==, 1);

  layers = report (recording, MOE_ROUTES_SRP, -1);
  row = find (layers, "layer", 1, "window", 4);
  g_assert_cmpfloat (get (layers, row, "n_windows"), ==, 3);
  /* One alpha, 3: windows with 4, 3 and 4 hits of 12 in all. */
  g_assert_cmpfloat (get (layers, row, "srp"), ==, 2.0 * 11 / (12 + 12));
  g_assert_cmpfloat (get (layers, find (layers, "layer", 2, "window", 4), "srp"), ==, 1);
  row = find (layers, "layer", 1, "window", 256);
  g_assert_cmpfloat (get (layers, row, "n_windows"), ==, 0);
  g_assert_true (isnan (get (layers, row, "srp")));
}

/* --- caches, against the plainest way of doing it ------------------------------------------------------ */

#define N_CACHED  240
#define N_EXPERTS 9
#define AHEAD     5

/* What a cache of @size does with the accesses (@n), two a token. */
static guint
simulate (const char    *policy,
          const guint16 *accesses,
          guint          n,
          guint          size)
{
  g_autoptr(GArray) cache = g_array_new (FALSE, FALSE, sizeof (guint16));
  guint hits = 0;

  for (guint i = 0; i < n; i++)
    {
      guint found = cache->len, worst = 0;
      double least = G_MAXDOUBLE;

      /* From the least to the most recently used. */
      for (guint j = 0; j < cache->len; j++)
        if (g_array_index (cache, guint16, j) == accesses[i])
          found = j;
      if (found < cache->len)
        {
          hits++;
          g_array_remove_index (cache, found);
        }
      else if (cache->len == size)
        {
          for (guint j = 0; j < cache->len; j++)
            {
              guint16 expert = g_array_index (cache, guint16, j);
              double worth = 0;

              for (guint k = 0; g_str_equal (policy, "lfu") && k < i; k++)
                worth += accesses[k] == expert;
              for (guint k = n; g_str_equal (policy, "belady") && k-- > i + 1;)
                if (accesses[k] == expert)
                  worth = n - k;
              for (guint k = i + 1; g_str_equal (policy, "sch") && k < n; k++)
                worth += k / 2 > i / 2 && k / 2 <= i / 2 + AHEAD && accesses[k] == expert;
              if (worth < least)
                {
                  least = worth;
                  worst = j;
                }
            }
          g_array_remove_index (cache, worst);
        }
      g_array_append_val (cache, accesses[i]);
    }
  return hits;
}

static void
test_cache (MoeTestRecording *fixture,
            gconstpointer     data)
{
  g_autofree Token *tokens = g_new0 (Token, N_CACHED);
  g_autoptr(GRand) random = g_rand_new_with_seed (7);
  guint16 accesses[2][N_CACHED * 2];
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) one = NULL;
  g_autoptr(MoeTable) all = NULL;
  g_autoptr(GError) error = NULL;
  MoeRoutesOptions options;

  for (guint i = 0; i < N_CACHED; i++)
    {
      /* What is wanted moves on slowly, so that policies differ. */
      guint around = i / 40 % N_EXPERTS;

      tokens[i] = (Token) { i / 100, { 0 }, { 0 }, { 0.5f, 0.5f }, MOE_PHASE_PROMPT };
      for (guint layer = 0; layer < 2; layer++)
        {
          guint16 *experts = layer == 0 ? tokens[i].first : tokens[i].second;

          experts[0] = (guint16) ((around + (guint) g_rand_int_range (random, 0, 3)) % N_EXPERTS);
          do
            experts[1] = (guint16) g_rand_int_range (random, 0, N_EXPERTS);
          while (experts[1] == experts[0]);
          accesses[layer][2 * i] = experts[0];
          accesses[layer][2 * i + 1] = experts[1];
        }
    }
  recording = record (fixture, N_EXPERTS, tokens, N_CACHED);
  moe_routes_options_init (&options);
  options.metric = MOE_ROUTES_CACHE;
  options.window = AHEAD;
  options.layer = 2;
  one = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  options.layer = -1;
  all = moe_routes_report (recording, &options, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (one), ==, 4 * N_EXPERTS);
  for (guint row = 0; row < moe_table_get_n_rows (one); row++)
    {
      const char *policy = moe_table_get_text (one, row, 1);
      guint size = (guint) get (one, row, "experts");
      guint hits = simulate (policy, accesses[1], 2 * N_CACHED, size);

      g_assert_cmpfloat (get (one, row, "hits"), ==, hits);
      g_assert_cmpfloat (get (one, row, "hit_rate"), ==, hits / (2.0 * N_CACHED));
      g_assert_cmpfloat (get (one, row, "fetched_per_token"), ==, (2.0 * N_CACHED - hits) / N_CACHED);
      g_assert_cmpfloat (get (one, row, "rho"), ==, size / 2.0);
      g_assert_cmpfloat (get (one, row, "cold"), ==, N_EXPERTS);
      if (size == N_EXPERTS)
        g_assert_cmpuint (hits, ==, 2 * N_CACHED - N_EXPERTS);
      g_assert_true (moe_table_is_missing (all, row, 0));
      g_assert_cmpfloat (get (all, row, "hits"), ==,
                         hits + simulate (policy, accesses[0], 2 * N_CACHED, size));
    }
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
  g_autoptr(MoeTable) balance = report (recording, MOE_ROUTES_BALANCE, -1);
  g_autoptr(MoeTable) parallel = report (recording, MOE_ROUTES_PARALLEL, -1);
  g_autoptr(MoeTable) tiles = report (recording, MOE_ROUTES_TILES, -1);
  g_autoptr(MoeTable) drops = report (recording, MOE_ROUTES_DROPS, -1);
  guint row;

  g_assert_cmpfloat (get (balance, 0, "hits"), ==, 8);
  g_assert_cmpfloat (get (balance, 0, "cv_squared"), ==, 0.5);
  g_assert_cmpfloat (get (balance, 0, "max_violation"), ==, 1);
  g_assert_cmpfloat (get (balance, 0, "gini"), ==, 0.375);
  g_assert_cmpfloat_with_epsilon (get (balance, 0, "entropy"), 0.75, 1e-12);
  g_assert_cmpfloat_with_epsilon (get (balance, 0, "effective_experts"), sqrt (8), 1e-12);
  g_assert_cmpfloat (get (balance, 0, "k80"), ==, 3);
  g_assert_cmpfloat (get (balance, 0, "unused"), ==, 1);

  /* Devices {0, 1} and {2, 3} have 6 and 2 hits; two tokens are on both; the second token moves, and the
   * fourth. */
  g_assert_cmpuint (moe_table_get_n_rows (parallel), ==, 4);
  row = find (parallel, "layer", 1, "devices", 2);
  g_assert_cmpfloat (get (parallel, row, "imbalance"), ==, 1.5);
  g_assert_cmpfloat (get (parallel, row, "devices_per_token"), ==, 1.5);
  g_assert_cmpfloat (get (parallel, row, "moved"), ==, 0.5);
  g_assert_true (isnan (get (parallel, find (parallel, "layer", 2, "devices", 2), "moved")));

  /* Of all four tokens: 16 rows, 3 and 4 groups of 8. */
  row = find (tiles, "tile", 8, "batch", 4);
  g_assert_cmpfloat (get (tiles, row, "padding"), ==, 1 - 16.0 / 56);

  /* One expert of each token holds a half, and of two of four 0.7; both are needed otherwise. */
  g_assert_cmpfloat (get (drops, find (drops, "layer", 1, "top_p", 0.5), "experts_per_token"), ==, 1);
  row = find (drops, "layer", 1, "top_p", 0.7);
  g_assert_cmpfloat (get (drops, row, "experts_per_token"), ==, 1.5);
  g_assert_cmpfloat (get (drops, row, "saved"), ==, 0.25);
  g_assert_cmpfloat (get (drops, find (drops, "layer", 1, "top_p", 0.8), "experts_per_token"), ==, 1.75);
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
    { "/routes/recall", test_recall }, { "/routes/locality", test_locality }, { "/routes/cache", test_cache },
    { "/routes/load", test_load },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, MoeTestRecording, NULL, moe_test_set_up, tests[i].run, moe_test_tear_down);
  return g_test_run ();
}
