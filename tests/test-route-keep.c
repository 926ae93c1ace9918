/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-route-keep"

#include <math.h>

#include "analysis/moe-route-keep.h"
#include "data/moe-table-export.h"
#include "tests/support/moe-test-routes.h"

#define NEAR 1e-9
#define PROMPT MOE_PHASE_PROMPT
#define ANSWER MOE_PHASE_ANSWER

static MoeRouteKeep *
keep (MoeTestRoutes      *routes,
      MoeRouteKeepRanking ranking,
      guint               phases,
      int                 layer)
{
  g_autoptr(MoeRecording) recording = moe_test_routes_open (routes);
  g_autoptr(GError) error = NULL;
  MoeRouteKeep *self = moe_route_keep_new (recording, ranking, phases, layer, NULL, &error);

  g_assert_no_error (error);
  return self;
}

static void
add (MoeTestRoutes *routes,
     guint16        first,
     guint16        second,
     float          weight)
{
  MoeTokenRecord *record = moe_test_routes_add (routes, 0, PROMPT, (const guint16[]) { first, second });

  record->weights[0] = moe_half_from_float (weight);
  record->weights[1] = moe_half_from_float (second == MOE_NO_EXPERT ? 0 : 1 - weight);
}

/* Four experts: 2 three times, 0 twice, 1 once, 3 never; weights 2: 1.25, 0: 1, 1: 0.75. One token chose
 * nothing. */
static void
make_known (MoeTestRoutes *routes)
{
  moe_test_routes_init (routes, 1, 4, 2);
  add (routes, 2, 0, 0.5f);
  add (routes, 2, 0, 0.5f);
  add (routes, 1, 2, 0.75f);
  add (routes, MOE_NO_EXPERT, MOE_NO_EXPERT, 0);
}

static void
test_known (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRouteKeep) self = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *csv = NULL;

  make_known (&routes);
  self = keep (&routes, MOE_ROUTE_KEEP_HITS, MOE_PHASES_ALL, -1);
  table = moe_route_keep_to_table (self);
  csv = moe_table_to_string (table, MOE_TABLE_CSV, FALSE);
  g_assert_cmpstr (csv, ==,
                   "layer,kept,expert,score,hits_kept,weight_kept,tokens_intact,n_tokens\n"
                   "1,1,2,3,0.5,0.4166666666666667,0,4\n"
                   "1,2,0,2,0.8333333333333334,0.75,0.6666666666666666,4\n"
                   "1,3,1,1,1,1,1,4\n"
                   "1,4,3,0,1,1,1,4\n");
}

static void
test_rankings (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRouteKeep) weight = NULL;
  g_autoptr(MoeRouteKeep) reap = NULL;

  make_known (&routes);
  /* REAP is the mean of weight times norm: 1 has 0.75 * 4, 2 has (0.5 + 0.5) / 3, 0 none; 3 is unknown. */
  for (guint i = 0; i < 3; i++)
    {
      MoeTokenRecord *record = g_ptr_array_index (routes.records, i);

      record->down_norm[0] = moe_half_from_float (i == 2 ? 4 : 1);
    }
  weight = keep (&routes, MOE_ROUTE_KEEP_WEIGHT, MOE_PHASES_ALL, 1);
  g_assert_cmpuint (weight->experts[0], ==, 2);
  g_assert_cmpfloat_with_epsilon (weight->scores[0], 1.25, NEAR);
  g_assert_cmpfloat_with_epsilon (weight->scores[1], 1, NEAR);
  g_assert_cmpfloat (weight->scores[3], ==, 0);

  reap = keep (&routes, MOE_ROUTE_KEEP_REAP, MOE_PHASES_ALL, 1);
  g_assert_cmpuint (reap->experts[0], ==, 1);
  g_assert_cmpuint (reap->experts[1], ==, 2);
  g_assert_cmpuint (reap->experts[3], ==, 3);
  g_assert_true (isnan (reap->scores[3]));
  g_assert_cmpfloat_with_epsilon (reap->hits_kept[0], 1 / 6.0, NEAR);
}

/* The share of tokens whose experts are all among the first @m, asked one by one. */
static double
count_intact (MoeTestRoutes      *routes,
              const MoeRouteKeep *self,
              guint               layer,
              guint               m)
{
  guint n = self->info->n_experts, intact = 0, routed = 0;

  for (guint token = 0; token < routes->records->len; token++)
    {
      guint chosen = 0, kept = 0;

      for (guint rank = 0; rank < n; rank++)
        if (moe_test_routes_has (routes, token, layer, self->experts[layer * n + rank]))
          {
            chosen++;
            kept += rank < m ? 1 : 0;
          }
      routed += chosen > 0 ? 1 : 0;
      intact += chosen > 0 && kept == chosen ? 1 : 0;
    }
  return (double) intact / routed;
}

/* (experts, used): some, one and all; curves rise to 1, and the order of tokens does not matter. */
static void
test_random (void)
{
  static const guint shapes[][2] = { { 9, 3 }, { 6, 1 }, { 4, 4 } };
  g_autoptr(GRand) random = g_rand_new_with_seed (5);

  for (guint shape = 0; shape < G_N_ELEMENTS (shapes); shape++)
    {
      g_auto(MoeTestRoutes) routes;
      g_auto(MoeTestRoutes) turned;
      g_autoptr(MoeRouteKeep) self = NULL;
      g_autoptr(MoeRouteKeep) again = NULL;
      guint n = shapes[shape][0];

      moe_test_routes_init (&routes, 2, n, shapes[shape][1]);
      moe_test_routes_init (&turned, 2, n, shapes[shape][1]);
      for (guint i = 0; i < 80; i++)
        moe_test_routes_add_random (&routes, random, i / 8, PROMPT);
      for (guint i = 0; i < 80; i++)
        moe_test_routes_add (&turned, i / 5, ANSWER,
                             ((MoeTokenRecord *) g_ptr_array_index (routes.records, 79 - i))->experts);
      self = keep (&routes, MOE_ROUTE_KEEP_HITS, MOE_PHASES_ALL, -1);
      again = keep (&turned, MOE_ROUTE_KEEP_HITS, MOE_PHASE_BIT (ANSWER), -1);
      g_assert_cmpmem (self->experts, 2 * n * sizeof (guint16), again->experts, 2 * n * sizeof (guint16));
      for (guint layer = 0; layer < 2; layer++)
        for (guint m = 0; m < n; m++)
          {
            gsize at = layer * n + m;

            g_assert_cmpfloat_with_epsilon (self->tokens_intact[at],
                                            count_intact (&routes, self, layer, m + 1), NEAR);
            g_assert_cmpfloat (self->hits_kept[at], ==, again->hits_kept[at]);
            g_assert_true (m == 0 || self->hits_kept[at] >= self->hits_kept[at - 1]);
          }
      g_assert_cmpfloat (self->hits_kept[n - 1], ==, 1);
    }
}

static void
test_empty (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRouteKeep) self = NULL;

  make_known (&routes);
  self = keep (&routes, MOE_ROUTE_KEEP_HITS, MOE_PHASE_BIT (ANSWER), -1);
  for (guint m = 0; m < 4; m++)
    {
      g_assert_true (isnan (self->hits_kept[m]));
      g_assert_true (isnan (self->weight_kept[m]));
      g_assert_true (isnan (self->tokens_intact[m]));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/route-keep/known", test_known);
  g_test_add_func ("/route-keep/rankings", test_rankings);
  g_test_add_func ("/route-keep/random", test_random);
  g_test_add_func ("/route-keep/empty", test_empty);
  return g_test_run ();
}
