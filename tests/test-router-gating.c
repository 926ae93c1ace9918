/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "probes/moe-router.h"

/* Gating other than softmax, selection biases and groups of experts, against answers worked out by hand. */

#define E 8
#define K 2

/* Groups of two: sigmoids are 0.88 0.12 | 0.73 0.73 | 0.95 0.02 | 0.62 0.5. */
static const float logits[E] = { 2, -2, 1, 1, 3, -4, 0.5f, 0 };

typedef struct
{
  float    probs[E], weights[K], scratch[4 * E];
  guint16  chosen[K];
  guint8   silent[K];
  guint64  changed[2], seen[2];
} Routed;

static void
route (MoeHparams             h,
       const float           *bias,
       const MoeIntervention *interventions,
       guint                  n,
       Routed                *routed)
{
  g_autoptr (MoeModelInfo) info = moe_model_info_new ();
  g_autoptr (MoeMask) mask = moe_mask_new (interventions, n);
  g_autoptr (MoeMaskPlan) plan = NULL;
  MoeRouting routing = {
    routed->probs, routed->chosen, routed->weights, routed->silent, routed->scratch, bias,
  };

  info->n_layers = info->n_moe_layers = 1;
  info->moe_layers = g_new0 (guint, 1);
  info->n_experts = E;
  info->n_used = K;
  plan = n > 0 ? moe_mask_plan_new (mask, info) : NULL;
  memset (routed, 0, sizeof *routed);
  h.n_experts = E;
  h.n_used = K;
  moe_route_token (&h, logits, plan, 0, MOE_PHASE_PROMPT, 0, &routing, routed->changed, routed->seen);
}

static double
sigmoid (int expert)
{
  return 1 / (1 + exp (-logits[expert]));
}

static void
assert_slot (const Routed *routed,
             guint         slot,
             int           expert,
             double        weight)
{
  g_assert_cmpint (routed->chosen[slot], ==, expert);
  g_assert_cmpfloat_with_epsilon (routed->weights[slot], weight, 1e-6);
}

static void
test_sigmoid (void)
{
  MoeHparams h = { .gating = MOE_GATING_SIGMOID, .n_groups = 1, .weights_scale = 1 };
  Routed r;

  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, sigmoid (4));
  assert_slot (&r, 1, 0, sigmoid (0));
  for (int e = 0; e < E; e++)
    g_assert_cmpfloat_with_epsilon (r.probs[e], sigmoid (e), 1e-6);

  /* First divided by the sum, then multiplied. */
  h.norm_weights = TRUE;
  h.weights_scale = 2.5f;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 2.5 * sigmoid (4) / (sigmoid (4) + sigmoid (0)));
  assert_slot (&r, 1, 0, 2.5 * sigmoid (0) / (sigmoid (4) + sigmoid (0)));
}

static void
test_softmax_chosen (void)
{
  MoeHparams h = { .gating = MOE_GATING_SOFTMAX_CHOSEN, .n_groups = 1, .weights_scale = 1 };
  Routed r;

  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 1 / (1 + exp (-1)));
  assert_slot (&r, 1, 0, exp (-1) / (1 + exp (-1)));
}

/* A share among those not far below, in proportion to the larger of both sizes; what was chosen is out. */
static void
test_sparse_mixer (void)
{
  MoeHparams h = { .gating = MOE_GATING_SOFTMAX, .norm_weights = TRUE, .n_groups = 1, .weights_scale = 1 };
  const MoeIntervention off = { 0, 0, MOE_ACTION_DISABLE, MOE_MODE_REFILL };
  Routed r;

  /* 2 is a third below 3; 1 and 1 are half below 2, the others more. */
  h.mixer_width = 0.5f;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 1 / (1 + exp (-1)));
  assert_slot (&r, 1, 0, 1 / (1 + 2 * exp (-1)));

  h.mixer_width = 0.02f;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 1);
  assert_slot (&r, 1, 0, 1);

  /* Seven below 3 is 7/4 of -4's size, six below 2 is 6/4. */
  h.mixer_width = 1.5f;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 1 / (1 + exp (-1) + 2 * exp (-2) + exp (-2.5) + exp (-3)));
  assert_slot (&r, 1, 0, 1 / (1 + 2 * exp (-1) + exp (-1.5) + exp (-2) + exp (-6)));

  /* Of equal ones both count, though only one is chosen. */
  h.mixer_width = 0.02f;
  route (h, NULL, &off, 1, &r);
  assert_slot (&r, 0, 4, 1);
  assert_slot (&r, 1, 2, 0.5);
}

/* The bias chooses, the weights know nothing of it. */
static void
test_selection_bias (void)
{
  const float bias[E] = { -1, 0, 0, 0, 0, 1, 0, 0 };
  MoeHparams h = { .gating = MOE_GATING_SIGMOID, .n_groups = 1, .weights_scale = 1 };
  Routed r;

  route (h, bias, NULL, 0, &r);
  assert_slot (&r, 0, 5, sigmoid (5));
  assert_slot (&r, 1, 4, sigmoid (4));
  g_assert_cmpfloat_with_epsilon (r.probs[5], sigmoid (5), 1e-6);
}

/* Sums of the two best: 1.00, 1.46, 0.97, 1.12. The expert with the largest score is in the worst group. */
static void
test_groups (void)
{
  MoeHparams h = { .gating = MOE_GATING_SIGMOID, .n_groups = 4, .n_groups_used = 2, .weights_scale = 1 };
  const float bias[E] = { 0, 0, 0, 0, 0, 0.5f, 0, 0 };
  Routed r;

  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 2, sigmoid (2));
  assert_slot (&r, 1, 3, sigmoid (3));

  h.n_groups_used = 1;
  h.n_groups = 2;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 0, sigmoid (0));
  assert_slot (&r, 1, 2, sigmoid (2));

  /* Groups are compared with their biases: the third now has 1.47. */
  h.n_groups = 4;
  route (h, bias, NULL, 0, &r);
  assert_slot (&r, 0, 4, sigmoid (4));
  assert_slot (&r, 1, 5, sigmoid (5));
}

/* DeepSeek-V2: softmax over all experts; of the best of each group, 2, 1, 3, 0.5, the two largest decide
 * which groups stay; gate weights are the softmax times the scale. */
static void
test_groups_by_best (void)
{
  MoeHparams h = {
    .gating = MOE_GATING_SOFTMAX, .n_groups = 4, .n_groups_used = 2, .groups_by_best = TRUE,
    .weights_scale = 16,
  };
  double sum = 0;
  Routed r;

  for (int e = 0; e < E; e++)
    sum += exp (logits[e]);
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 16 * exp (3) / sum);
  assert_slot (&r, 1, 0, 16 * exp (2) / sum);

  /* Only the third stays, and its second is the worst expert of all. */
  h.n_groups_used = 1;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 16 * exp (3) / sum);
  assert_slot (&r, 1, 5, 16 * exp (-4) / sum);

  /* Of each expert alone: no limit but the number used. */
  h.n_groups = 8;
  h.n_groups_used = 2;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, 16 * exp (3) / sum);
  assert_slot (&r, 1, 0, 16 * exp (2) / sum);

  /* With sigmoids the sums and the best differ in what they choose: 0.73 + 0.73 against 0.95 + 0.02. */
  h = (MoeHparams) { .gating = MOE_GATING_SIGMOID, .n_groups = 4, .n_groups_used = 1, .weights_scale = 1 };
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 2, sigmoid (2));
  h.groups_by_best = TRUE;
  route (h, NULL, NULL, 0, &r);
  assert_slot (&r, 0, 4, sigmoid (4));
  assert_slot (&r, 1, 5, sigmoid (5));
}

/* A mask acts whatever biases and groups say. */
static void
test_mask (void)
{
  const MoeIntervention refill = { 0, 5, MOE_ACTION_DISABLE, MOE_MODE_REFILL };
  const MoeIntervention force = { 0, 1, MOE_ACTION_FORCE, MOE_MODE_MAX };
  const float bias[E] = { 0, 0, 0, 0, 0, 5, 0, 0 };
  MoeHparams h = { .gating = MOE_GATING_SIGMOID, .n_groups = 1, .weights_scale = 1 };
  Routed r;

  route (h, bias, NULL, 0, &r);
  g_assert_cmpint (r.chosen[0], ==, 5);
  route (h, bias, &refill, 1, &r);
  assert_slot (&r, 0, 4, sigmoid (4));
  assert_slot (&r, 1, 0, sigmoid (0));
  g_assert_cmpuint (r.changed[0], ==, 1);

  /* The group of expert 5 is left with one expert that may be chosen, and others fill the places. */
  h.n_groups = 4;
  h.n_groups_used = 1;
  route (h, bias, &refill, 1, &r);
  g_assert_cmpint (r.chosen[0], !=, 5);
  g_assert_cmpint (r.chosen[1], !=, 5);

  /* Expert 1 is the worst but one and outside of the best group; its logit is the largest plus 0.01. */
  route (h, NULL, &force, 1, &r);
  assert_slot (&r, 0, 1, 1 / (1 + exp (-3.01)));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router-gating/sigmoid", test_sigmoid);
  g_test_add_func ("/router-gating/softmax-chosen", test_softmax_chosen);
  g_test_add_func ("/router-gating/sparse-mixer", test_sparse_mixer);
  g_test_add_func ("/router-gating/selection-bias", test_selection_bias);
  g_test_add_func ("/router-gating/groups", test_groups);
  g_test_add_func ("/router-gating/groups-by-best", test_groups_by_best);
  g_test_add_func ("/router-gating/mask", test_mask);
  return g_test_run ();
}
