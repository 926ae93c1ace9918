/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-routes-overlap"

#include <math.h>

#include "analysis/moe-routes-overlap.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-routes.h"

#define PROMPT MOE_PHASE_PROMPT
#define ANSWER MOE_PHASE_ANSWER
#define NONE   MOE_NO_EXPERT

/* Layers 1 and 3 of 8 experts, @n_used used: prompts of one token, and one of an answer. */
static MoeRecording *
record (MoeTestRoutes *routes,
        guint          n_used,
        const guint16 *experts,
        guint          n,
        gint32         answer)
{
  moe_test_routes_init (routes, 2, 8, n_used);
  for (guint i = 0; i < n; i++)
    moe_test_routes_add (routes, i, PROMPT, experts + 2 * i * n_used)->token_id = (gint32) (100 + i);
  moe_test_routes_add (routes, n - 1, ANSWER, experts)->token_id = answer;
  return moe_test_routes_open (routes);
}

static const guint16 before[] = { 0, 1, 4, 5, /**/ 2, 3, 4, 5, /**/ 0, NONE, NONE, NONE, /**/ 6, 7, 0, 1 };
static const guint16 after[] = { 1, 0, 4, 5, /**/ 2, 5, 4, 5, /**/ 0, 1, NONE, NONE, /**/ 1, 2, 0, 1 };

/* In layer 1: the same in another order, one of two, one of one or two, none. */
static void
test_known (void)
{
  g_auto(MoeTestRoutes) one;
  g_auto(MoeTestRoutes) two;
  g_autoptr(MoeRecording) a = record (&one, 2, before, 4, 1);
  g_autoptr(MoeRecording) b = record (&two, 2, after, 4, 2);
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeTable) table = moe_routes_overlap (a, b, MOE_PHASE_BIT (PROMPT), -1, NULL, &error);
  g_autoptr(MoeTable) layer = NULL;
  g_autoptr(MoeTable) back = NULL;
  g_autoptr(MoeTable) self = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 2);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "layer"), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "tokens"), ==, 4);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "overlap"), ==, (1 + 0.5 + 0.5 + 0) / 4);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "same_strongest"), ==, 0.5);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "same_set"), ==, 0.25);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "by_chance"), ==, (2 + 2 + 1 + 2) / 8.0 / 4);
  /* The token without experts in either does not count. */
  g_assert_cmpfloat (moe_test_routes_get (table, 1, "tokens"), ==, 3);
  g_assert_cmpfloat (moe_test_routes_get (table, 1, "overlap"), ==, 1);

  layer = moe_routes_overlap (a, b, MOE_PHASE_BIT (PROMPT), 3, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (layer), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (layer, 0, "layer"), ==, 3);
  back = moe_routes_overlap (b, a, MOE_PHASE_BIT (PROMPT), -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (moe_test_routes_get (back, 0, "overlap"), ==, 0.5);
  self = moe_routes_overlap (a, a, MOE_PHASES_ALL, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (moe_test_routes_get (self, 0, "same_set"), ==, 1);
  g_assert_cmpfloat (moe_test_routes_get (self, 0, "tokens"), ==, 5);
}

/* One recording has as many experts again for each token: half of them are the other's. */
static void
test_more_used (void)
{
  static const guint16 few[] = { 0, 4, /**/ 1, 5 }, many[] = { 0, 1, 4, 5, /**/ 2, 1, 6, 5 };
  g_auto(MoeTestRoutes) one;
  g_auto(MoeTestRoutes) two;
  g_autoptr(MoeRecording) a = record (&one, 1, few, 2, 1);
  g_autoptr(MoeRecording) b = record (&two, 2, many, 2, 1);
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeTable) table = moe_routes_overlap (a, b, MOE_PHASE_BIT (PROMPT), 1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "overlap"), ==, 0.5);
  g_assert_cmpfloat (moe_test_routes_get (table, 0, "same_strongest"), ==, 0.5);
}

static void
check_refused (MoeRecording *a,
               MoeRecording *b,
               guint         phases,
               int           layer,
               const char   *message)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (moe_routes_overlap (a, b, phases, layer, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_true (g_pattern_match_simple (message, error->message));
}

static void
test_refused (void)
{
  g_auto(MoeTestRoutes) one;
  g_auto(MoeTestRoutes) two;
  g_auto(MoeTestRoutes) three;
  g_auto(MoeTestRoutes) other;
  g_autoptr(MoeRecording) a = record (&one, 2, before, 4, 1);
  g_autoptr(MoeRecording) b = record (&two, 2, after, 4, 2);
  g_autoptr(MoeRecording) c = record (&three, 2, after, 3, 2);
  g_autoptr(MoeRecording) d = NULL;

  moe_test_routes_init (&other, 2, 9, 2);
  moe_test_routes_add (&other, 0, PROMPT, before);
  d = moe_test_routes_open (&other);
  check_refused (a, b, MOE_PHASES_ALL, -1, "*token 4 is another one than token 4 of *");
  check_refused (a, c, MOE_PHASE_BIT (PROMPT), -1, "*has 4 tokens of these phases and * has 3: only *");
  check_refused (a, d, MOE_PHASE_BIT (PROMPT), -1, "*its MoE layers or experts are not those of *");
  check_refused (a, b, MOE_PHASE_BIT (PROMPT), 2, "*layer 2 is not an MoE layer");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/routes-overlap/known", test_known);
  g_test_add_func ("/routes-overlap/more-used", test_more_used);
  g_test_add_func ("/routes-overlap/refused", test_refused);
  return g_test_run ();
}
