/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-routes-time"

#include <math.h>

#include "analysis/moe-routes.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-routes.h"

/* What looks at tokens one after the other: windows and caches, each against the plainest way of doing it. */

#define PROMPT MOE_PHASE_PROMPT
#define ANSWER MOE_PHASE_ANSWER
#define NONE   MOE_NO_EXPERT

/* Prompts of 30 tokens, of which 11 in the middle are of another phase. */
static void
add_tokens (MoeTestRoutes *routes,
            guint          n)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (7);

  for (guint i = 0; i < n; i++)
    moe_test_routes_add_random (routes, random, i / 30, i % 30 >= 9 && i % 30 < 20 ? ANSWER : PROMPT);
}

/* --- windows ------------------------------------------------------------------------------------------ */

/* Expert 0 is in the first 5 tokens of a prompt of 10 and then 1, also in the second prompt, of 4. In windows
 * of 4 tokens expert 0 has 4, 4, 3, 2 and 1 hits, expert 1 has 1, 2, 3, 4, 4 and then 4. */
static void
test_known (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) layers = NULL;
  g_autoptr(MoeTable) experts = NULL;

  moe_test_routes_init (&routes, 1, 3, 1);
  for (guint i = 0; i < 14; i++)
    moe_test_routes_add (&routes, i < 10 ? 0 : 1, PROMPT, (const guint16[]) { i < 5 ? 0 : 1 });
  recording = moe_test_routes_open (&routes);
  experts = moe_test_routes_report (recording, MOE_ROUTES_SRP_EXPERTS, MOE_PHASES_ALL, -1, 4);
  g_assert_cmpuint (moe_table_get_n_rows (experts), ==, 3);
  g_assert_cmpfloat (moe_test_routes_get (experts, 0, "hits"), ==, 5);
  g_assert_cmpfloat (moe_test_routes_get (experts, 0, "srp"), ==,
                     2.0 * 13 / (4 * 4 + 14)); /* from 2 hits on */
  g_assert_cmpfloat (moe_test_routes_get (experts, 1, "hits"), ==, 9);
  g_assert_cmpfloat (moe_test_routes_get (experts, 1, "srp"), ==, 2.0 * 17 / (4 * 5 + 18));
  g_assert_cmpfloat (moe_test_routes_get (experts, 2, "hits"), ==, 0);
  g_assert_true (isnan (moe_test_routes_get (experts, 2, "srp")));

  layers = moe_test_routes_report (recording, MOE_ROUTES_SRP, MOE_PHASES_ALL, -1, 1);
  g_assert_cmpfloat (moe_test_routes_get (layers, 0, "window"), ==, 4);
  g_assert_cmpfloat (moe_test_routes_get (layers, 0, "n_windows"), ==, 8);
  g_assert_cmpfloat (moe_test_routes_get (layers, 0, "srp"), ==, 2.0 * 30 / (4 * 9 + 32));
  g_assert_cmpfloat (moe_test_routes_get (layers, 1, "n_windows"), ==, 0); /* of 16 */
  g_assert_true (isnan (moe_test_routes_get (layers, 1, "srp")));
}

static gboolean
is_wanted (MoeTestRoutes *routes,
           guint          token,
           guint          phases)
{
  const MoeTokenRecord *one = g_ptr_array_index (routes->records, token);

  return (phases & MOE_PHASE_BIT (one->phase)) != 0;
}

/* Hits of @expert in the @window tokens from @first on, or -1 when these are not all there in a row. */
static int
count_hits (MoeTestRoutes *routes,
            guint          phases,
            guint          layer,
            guint          first,
            guint          window,
            guint          expert)
{
  int hits = 0;

  for (guint token = first; token < first + window; token++)
    {
      if (token >= routes->records->len || !is_wanted (routes, token, phases) || token / 30 != first / 30)
        return -1;
      hits += moe_test_routes_has (routes, token, layer, expert);
    }
  return hits;
}

/* The best F1 over alpha of the experts from @begin to before @end. */
static double
get_srp (MoeTestRoutes *routes,
         guint          phases,
         guint          layer,
         guint          window,
         guint          begin,
         guint          end)
{
  double best = NAN;

  for (guint alpha = 1; alpha <= window; alpha++)
    {
      double kept = 0, missed = 0, idle = 0;

      for (guint first = 0; first < routes->records->len; first++)
        for (guint expert = begin; expert < end; expert++)
          {
            int hits = count_hits (routes, phases, layer, first, window, expert);

            if (hits < 0)
              continue;
            if (hits >= (int) alpha)
              {
                kept += hits;
                idle += window - hits;
              }
            else
              missed += hits;
          }
      if (kept + missed > 0)
        best = fmax (isnan (best) ? 0 : best, 2 * kept / (2 * kept + idle + missed));
    }
  return best;
}

static void
test_windows (void)
{
  static const guint phases[] = { MOE_PHASES_ALL, MOE_PHASE_BIT (PROMPT), MOE_PHASE_BIT (ANSWER) };
  static const guint n_windows[][2] = { { 270, 150 }, { 6 * 10 + 7 * 10, 0 }, { 8 * 10, 0 } }; /* of 4, 16 */
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;

  moe_test_routes_init (&routes, 2, 7, 2);
  add_tokens (&routes, 300);
  recording = moe_test_routes_open (&routes);
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      g_autoptr(MoeTable) layers = moe_test_routes_report (recording, MOE_ROUTES_SRP, phases[i], -1, 1);
      g_autoptr(MoeTable) experts = moe_test_routes_report (recording, MOE_ROUTES_SRP_EXPERTS, phases[i], -1,
                                                            5);

      for (guint row = 0; row < 2; row++)
        {
          guint window = (guint) moe_test_routes_get (layers, row, "window");
          double srp = get_srp (&routes, phases[i], 0, window, 0, 7);

          g_assert_cmpfloat (moe_test_routes_get (layers, row, "n_windows"), ==, n_windows[i][row]);
          g_assert_true (isnan (srp) ? isnan (moe_test_routes_get (layers, row, "srp"))
                                     : fabs (moe_test_routes_get (layers, row, "srp") - srp) < 1e-12);
        }
      for (guint expert = 0; expert < 7; expert++)
        {
          guint hits = 0;

          for (guint token = 0; token < 300; token++)
            hits += is_wanted (&routes, token, phases[i]) && moe_test_routes_has (&routes, token, 1, expert);
          g_assert_cmpfloat (moe_test_routes_get (experts, 7 + expert, "hits"), ==, hits);
          g_assert_cmpfloat_with_epsilon (moe_test_routes_get (experts, 7 + expert, "srp"),
                                          get_srp (&routes, phases[i], 1, 5, expert, expert + 1), 1e-12);
        }
    }
}

/* --- caches ------------------------------------------------------------------------------------------- */

/* What an expert is worth to a policy when token @now was run. */
static double
get_worth (MoeTestRoutes *routes,
           const char    *policy,
           guint          layer,
           guint          window,
           guint          now,
           guint          expert)
{
  double worth = 0;

  for (guint token = 0; token < routes->records->len; token++)
    if (moe_test_routes_has (routes, token, layer, expert))
      {
        if (g_str_equal (policy, "lfu") && token <= now)
          worth++;
        if (g_str_equal (policy, "belady") && token > now)
          worth = fmax (worth, routes->records->len - token);
        if (g_str_equal (policy, "sch") && token > now && token <= now + window)
          worth++;
      }
  return worth;
}

/* How often what tokens of @phases ask for is in a cache of @size, in which experts are ordered from the
 * least to the most recently used. */
static guint
simulate (MoeTestRoutes *routes,
          const char    *policy,
          guint          phases,
          guint          layer,
          guint          window,
          guint          size)
{
  g_autoptr(GArray) cache = g_array_new (FALSE, FALSE, sizeof (guint16));
  guint hits = 0;

  for (guint token = 0; token < routes->records->len; token++)
    {
      const MoeTokenRecord *one = g_ptr_array_index (routes->records, token);
      const guint16 *experts = one->experts + layer * one->n_slots;
      guint n = 0;

      for (guint slot = 0; slot < one->n_slots; slot++)
        n += experts[slot] != NONE;
      /* Others only. */
      for (guint i = cache->len; i-- > 0;)
        if (moe_test_routes_has (routes, token, layer, g_array_index (cache, guint16, i)))
          {
            hits += is_wanted (routes, token, phases);
            g_array_remove_index (cache, i);
          }
      while (cache->len + n > size)
        {
          guint worst = 0;

          for (guint i = 1; i < cache->len; i++)
            if (get_worth (routes, policy, layer, window, token, g_array_index (cache, guint16, i))
                < get_worth (routes, policy, layer, window, token, g_array_index (cache, guint16, worst)))
              worst = i;
          g_array_remove_index (cache, worst);
        }
      for (guint slot = 0; slot < one->n_slots; slot++)
        if (experts[slot] != NONE)
          g_array_append_val (cache, experts[slot]);
    }
  return hits;
}

/* Of the experts of @layer, how many a token of @phases is the first to ask for. */
static guint
count_cold (MoeTestRoutes *routes,
            guint          phases,
            guint          layer)
{
  guint n = 0;

  for (guint expert = 0; expert < routes->info->n_experts; expert++)
    for (guint token = 0; token < routes->records->len; token++)
      if (moe_test_routes_has (routes, token, layer, expert))
        {
          n += is_wanted (routes, token, phases);
          break;
        }
  return n;
}

/* Caches go on over prompts and phases; only hits of the chosen phases count. */
static void
test_cache (void)
{
  static const guint phases[] = { MOE_PHASES_ALL, MOE_PHASE_BIT (ANSWER) };
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;

  moe_test_routes_init (&routes, 2, 9, 3);
  add_tokens (&routes, 150);
  recording = moe_test_routes_open (&routes);
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      g_autoptr(MoeTable) one = moe_test_routes_report (recording, MOE_ROUTES_CACHE, phases[i], 3, 5);
      g_autoptr(MoeTable) all = moe_test_routes_report (recording, MOE_ROUTES_CACHE, phases[i], -1, 5);
      guint accesses = 0, n_tokens = 0, cold = count_cold (&routes, phases[i], 1);

      for (guint token = 0; token < 150; token++)
        if (is_wanted (&routes, token, phases[i]))
          {
            n_tokens++;
            for (guint expert = 0; expert < 9; expert++)
              accesses += moe_test_routes_has (&routes, token, 1, expert);
          }
      g_assert_cmpuint (moe_table_get_n_rows (one), ==, 4 * 7);
      for (guint row = 0; row < moe_table_get_n_rows (one); row++)
        {
          const char *policy = moe_table_get_text (one, row, 1);
          guint size = 3 + row % 7, hits = simulate (&routes, policy, phases[i], 1, 5, size);

          g_assert_cmpfloat (moe_test_routes_get (one, row, "layer"), ==, 3);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "experts"), ==, size);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "rho"), ==, size / 3.0);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "hits"), ==, hits);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "accesses"), ==, accesses);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "hit_rate"), ==, (double) hits / accesses);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "fetched_per_token"), ==,
                             (double) (accesses - hits) / n_tokens);
          g_assert_cmpfloat (moe_test_routes_get (one, row, "cold"), ==, cold);
          if (size == 9)
            g_assert_cmpuint (hits, ==, accesses - cold);
          g_assert_true (moe_table_is_missing (all, row, 0));
          g_assert_cmpfloat (moe_test_routes_get (all, row, "hits"), ==,
                             hits + simulate (&routes, policy, phases[i], 0, 5, size));
        }
    }
}

/* One token's experts are there at once: with k experts in the cache, and the same ones wanted in another
 * order, nothing is missed after the first token, in the next prompt too. */
static void
test_together (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;

  moe_test_routes_init (&routes, 1, 40, 2);
  for (guint i = 0; i < 10; i++)
    moe_test_routes_add (&routes, i / 5, PROMPT, i % 2 == 0 ? (const guint16[]) { 30, 7 }
                                                            : (const guint16[]) { 7, 30 });
  recording = moe_test_routes_open (&routes);
  table = moe_test_routes_report (recording, MOE_ROUTES_CACHE, MOE_PHASES_ALL, -1, 4);
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      g_assert_cmpfloat (moe_test_routes_get (table, row, "experts"), >=, 2);
      g_assert_cmpfloat (moe_test_routes_get (table, row, "experts"), <=, 40);
      g_assert_cmpfloat (moe_test_routes_get (table, row, "hits"), ==, 18);
      g_assert_cmpfloat (moe_test_routes_get (table, row, "cold"), ==, 2);
    }
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "experts"), ==, 2);
  g_assert_cmpuint (moe_table_get_n_rows (table), <=, 4 * 16);
  g_assert_cmpfloat (moe_test_routes_get (table, moe_table_get_n_rows (table) - 1, "experts"), ==, 40);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/routes-time/known", test_known);
  g_test_add_func ("/routes-time/windows", test_windows);
  g_test_add_func ("/routes-time/cache", test_cache);
  g_test_add_func ("/routes-time/together", test_together);
  return g_test_run ();
}
