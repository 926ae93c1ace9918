/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "probes/moe-router.h"

/* Routing and interventions of one token, against answers worked out by hand from the formulas. */

#define E 6
#define K 3
#define LAYER 1

/* Descending: experts 4, 1, 0, 5, 2, 3. */
static const float logits[E] = { 1.0f, 2.0f, -0.5f, -1.0f, 3.0f, 0.25f };

static const MoeArch normed_arch = { "test", MOE_ROPE_HALVES, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, TRUE };
static const MoeArch plain_arch = { "test", MOE_ROPE_HALVES, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, FALSE };

typedef struct
{
  float    probs[E], weights[K], scratch[4 * E];
  guint16  chosen[K];
  guint8   silent[K];
  guint64  changed[8], seen[8];
} Routed;

static MoeModelInfo *
make_info (void)
{
  MoeModelInfo *info = moe_model_info_new ();

  info->n_layers = info->n_moe_layers = 3;
  info->moe_layers = g_new (guint, 3);
  for (guint i = 0; i < 3; i++)
    info->moe_layers[i] = i;
  info->n_experts = E;
  info->n_used = K;
  return info;
}

static void
route (const MoeArch         *arch,
       const float           *z,
       const MoeIntervention *interventions,
       guint                  n,
       MoePhase               phase,
       guint                  position,
       Routed                *routed)
{
  g_autoptr(MoeModelInfo) info = make_info ();
  g_autoptr(MoeMask) mask = moe_mask_new (interventions, n);
  g_autoptr(MoeMaskPlan) plan = n > 0 ? moe_mask_plan_new (mask, info) : NULL;
  MoeHparams h = {
    .n_experts = E, .n_used = K, .n_groups = 1, .weights_scale = 1, .norm_weights = arch->norm_weights,
    .gating = arch->gating,
  };
  MoeRouting routing = { routed->probs, routed->chosen, routed->weights, routed->silent, routed->scratch };

  memset (routed, 0, sizeof *routed);
  moe_route_token (&h, z, plan, LAYER, phase, position, &routing, routed->changed, routed->seen);
}

/* exp (z) of the three experts over the sum of @over: the textbook softmax, in double. */
static double
ratio (int         expert,
       const int  *over,
       guint       n)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += exp (logits[over[i]]);
  return exp (logits[expert]) / sum;
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

static const int all[] = { 0, 1, 2, 3, 4, 5 };

static void
test_plain (void)
{
  Routed r;

  route (&normed_arch, logits, NULL, 0, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1, 0 }, 3));
  assert_slot (&r, 1, 1, ratio (1, (int[]) { 4, 1, 0 }, 3));
  assert_slot (&r, 2, 0, ratio (0, (int[]) { 4, 1, 0 }, 3));
  for (int e = 0; e < E; e++)
    g_assert_cmpfloat_with_epsilon (r.probs[e], ratio (e, all, E), 1e-6);

  route (&plain_arch, logits, NULL, 0, MOE_PHASE_PROMPT, 0, &r);
  for (guint s = 0; s < K; s++)
    assert_slot (&r, s, ((int[]) { 4, 1, 0 })[s], ratio (((int[]) { 4, 1, 0 })[s], all, E));
}

static void
test_ties (void)
{
  const float equal[E] = { 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f };
  Routed r;

  route (&normed_arch, equal, NULL, 0, MOE_PHASE_PROMPT, 0, &r);
  for (guint s = 0; s < K; s++)
    assert_slot (&r, s, (int) s, 1.0 / K);
}

static void
test_refill (void)
{
  const MoeIntervention iv = { LAYER, 4, MOE_ACTION_DISABLE, MOE_MODE_REFILL };
  const int left[] = { 0, 1, 2, 3, 5 };
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  for (guint s = 0; s < K; s++)
    assert_slot (&r, s, ((int[]) { 1, 0, 5 })[s], ratio (((int[]) { 1, 0, 5 })[s], (int[]) { 1, 0, 5 }, 3));
  g_assert_cmpuint (r.changed[0], ==, 1);
  g_assert_cmpuint (r.seen[0], ==, 1);
  /* What is reported as probabilities is before the intervention. */
  g_assert_cmpfloat_with_epsilon (r.probs[4], ratio (4, all, E), 1e-6);

  route (&plain_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 1, ratio (1, left, 5));
  assert_slot (&r, 2, 5, ratio (5, left, 5));
}

static void
test_refill_of_unused (void)
{
  const MoeIntervention iv = { LAYER, 3, MOE_ACTION_DISABLE, MOE_MODE_REFILL };
  Routed r, plain;

  route (&normed_arch, logits, NULL, 0, MOE_PHASE_PROMPT, 0, &plain);
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  g_assert_cmpmem (r.chosen, sizeof r.chosen, plain.chosen, sizeof plain.chosen);
  for (guint s = 0; s < K; s++)
    g_assert_cmpfloat_with_epsilon (r.weights[s], plain.weights[s], 1e-6);
  g_assert_cmpuint (r.changed[0], ==, 0);
  g_assert_cmpuint (r.seen[0], ==, 1);
}

static void
test_drop (void)
{
  const MoeIntervention iv = { LAYER, 1, MOE_ACTION_DISABLE, MOE_MODE_DROP };
  double sum = ratio (4, all, E) + ratio (1, all, E) + ratio (0, all, E);
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 0 }, 2));
  assert_slot (&r, 1, MOE_NO_EXPERT, 0);
  assert_slot (&r, 2, 0, ratio (0, (int[]) { 4, 0 }, 2));
  g_assert_cmpint (r.silent[1], ==, 1);
  g_assert_cmpuint (r.changed[0], ==, 1);

  /* Without normalised weights the chosen keep the sum they had. */
  route (&plain_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, sum * ratio (4, (int[]) { 4, 0 }, 2));
  assert_slot (&r, 2, 0, sum * ratio (0, (int[]) { 4, 0 }, 2));
}

static void
test_zero (void)
{
  const MoeIntervention iv = { LAYER, 4, MOE_ACTION_DISABLE, MOE_MODE_ZERO };
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  for (guint s = 0; s < K; s++)
    {
      assert_slot (&r, s, ((int[]) { 4, 1, 0 })[s], ratio (((int[]) { 4, 1, 0 })[s], (int[]) { 4, 1, 0 }, 3));
      g_assert_cmpint (r.silent[s], ==, s == 0);
    }
  g_assert_cmpuint (r.changed[0], ==, 1);
}

static void
test_force_max (void)
{
  const MoeIntervention iv = { LAYER, 3, MOE_ACTION_FORCE, MOE_MODE_MAX };
  double top = exp (3.0 + 0.01), sum = top + exp (3.0) + exp (2.0);
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 3, top / sum);
  assert_slot (&r, 1, 4, exp (3.0) / sum);
  assert_slot (&r, 2, 1, exp (2.0) / sum);
  g_assert_cmpuint (r.changed[0], ==, 1);
}

static void
test_force_add (void)
{
  const MoeIntervention two[] = {
    { LAYER, 3, MOE_ACTION_FORCE, MOE_MODE_ADD },
    { LAYER, 2, MOE_ACTION_FORCE, MOE_MODE_ADD },
  };
  const MoeIntervention present = { LAYER, 1, MOE_ACTION_FORCE, MOE_MODE_ADD };
  Routed r;

  /* The weakest of 4, 1, 0 leaves; weights are the experts' own probabilities, renormalised. */
  route (&normed_arch, logits, two, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1, 3 }, 3));
  assert_slot (&r, 1, 1, ratio (1, (int[]) { 4, 1, 3 }, 3));
  assert_slot (&r, 2, 3, ratio (3, (int[]) { 4, 1, 3 }, 3));
  g_assert_cmpuint (r.changed[0], ==, 1);

  /* The second must not evict the first. */
  route (&normed_arch, logits, two, 2, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 3, 2 }, 3));
  assert_slot (&r, 1, 3, ratio (3, (int[]) { 4, 3, 2 }, 3));
  assert_slot (&r, 2, 2, ratio (2, (int[]) { 4, 3, 2 }, 3));

  route (&normed_arch, logits, &present, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 1, 1, ratio (1, (int[]) { 4, 1, 0 }, 3));
  g_assert_cmpuint (r.changed[0], ==, 0);
}

static void
test_bias (void)
{
  const MoeIntervention iv = { LAYER, 2, MOE_ACTION_BIAS, MOE_MODE_NONE, 2.0f };
  double lifted = exp (-0.5 + 2.0), sum = exp (3.0) + exp (2.0) + lifted;
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, exp (3.0) / sum);
  assert_slot (&r, 1, 1, exp (2.0) / sum);
  assert_slot (&r, 2, 2, lifted / sum);
  g_assert_cmpuint (r.changed[0], ==, 1);
}

static void
test_scale (void)
{
  const MoeIntervention iv = { LAYER, 1, MOE_ACTION_SCALE, MOE_MODE_NONE, 0.5f };
  Routed r;

  /* After renormalising: the others keep theirs. */
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1, 0 }, 3));
  assert_slot (&r, 1, 1, 0.5 * ratio (1, (int[]) { 4, 1, 0 }, 3));
  g_assert_cmpuint (r.changed[0], ==, 1);
}

static void
test_scope (void)
{
  MoeIntervention iv = { LAYER, 4, MOE_ACTION_DISABLE, MOE_MODE_REFILL, 0, MOE_SCOPE_ANSWER, 10 };
  struct { MoePhase phase; guint position; gboolean acts; } cases[] = {
    { MOE_PHASE_ANSWER, 10, TRUE },
    { MOE_PHASE_THINKING, 11, TRUE },
    { MOE_PHASE_ANSWER, 9, FALSE },
    { MOE_PHASE_PROMPT, 10, FALSE },
    { MOE_PHASE_TEMPLATE, 10, FALSE },
    { MOE_PHASE_TEACHER_FORCED, 10, FALSE },
  };
  Routed r;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      route (&normed_arch, logits, &iv, 1, cases[i].phase, cases[i].position, &r);
      g_assert_cmpint (r.chosen[0], ==, cases[i].acts ? 1 : 4);
      g_assert_cmpuint (r.seen[0], ==, cases[i].acts);
    }
  iv.scope = MOE_SCOPE_PROMPT;
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_TEACHER_FORCED, 10, &r);
  g_assert_cmpint (r.chosen[0], ==, 1);

  iv.scope = MOE_SCOPE_BOTH;
  iv.layer = LAYER + 1;
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_ANSWER, 10, &r);
  g_assert_cmpint (r.chosen[0], ==, 4);
  g_assert_cmpuint (r.seen[0], ==, 0);
}

/* An intervention on every expert of a layer looks at each routing once. */
static void
test_all_experts (void)
{
  const MoeIntervention iv = { LAYER, MOE_EXPERT_ALL, MOE_ACTION_DISABLE, MOE_MODE_ZERO };
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  for (guint s = 0; s < K; s++)
    g_assert_cmpint (r.silent[s], ==, 1);
  g_assert_cmpuint (r.changed[0], ==, 1);
  g_assert_cmpuint (r.seen[0], ==, 1);
}

/* The expert stays chosen with its weight; only what it contributes is another. */
static void
test_mean_and_copy (void)
{
  const MoeIntervention ivs[] = {
    { LAYER, 4, MOE_ACTION_DISABLE, MOE_MODE_MEAN },
    { LAYER, 0, MOE_ACTION_DISABLE, MOE_MODE_COPY },
    { LAYER, 3, MOE_ACTION_DISABLE, MOE_MODE_COPY },
  };
  Routed r;

  route (&normed_arch, logits, ivs, 3, MOE_PHASE_PROMPT, 0, &r);
  for (guint s = 0; s < K; s++)
    assert_slot (&r, s, ((int[]) { 4, 1, 0 })[s], ratio (((int[]) { 4, 1, 0 })[s], (int[]) { 4, 1, 0 }, 3));
  g_assert_cmpint (r.silent[0], ==, MOE_SLOT_MEAN);
  g_assert_cmpint (r.silent[1], ==, MOE_SLOT_COMPUTED);
  g_assert_cmpint (r.silent[2], ==, MOE_SLOT_COPY);
  g_assert_cmpuint (r.changed[0], ==, 1);
  g_assert_cmpuint (r.changed[2], ==, 0);
}

static void
test_temperature (void)
{
  const MoeIntervention iv = { LAYER, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_TEMPERATURE, 2 };
  const MoeIntervention biased[] = { iv, { LAYER, 2, MOE_ACTION_BIAS, MOE_MODE_NONE, 1 } };
  double sum = exp (1.5) + exp (1.0) + exp (0.5);
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, exp (1.5) / sum);
  assert_slot (&r, 1, 1, exp (1.0) / sum);
  assert_slot (&r, 2, 0, exp (0.5) / sum);
  g_assert_cmpuint (r.changed[0], ==, 1);

  /* The bias is added to the logit that was divided: -0.5 / 2 + 1 = 0.75 beats 0.5. */
  sum = exp (1.5) + exp (1.0) + exp (0.75);
  route (&normed_arch, logits, biased, 2, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 2, 2, exp (0.75) / sum);
}

static void
test_top_k (void)
{
  const MoeIntervention iv = { MOE_LAYER_ALL, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_TOP_K, 2 };
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1 }, 2));
  assert_slot (&r, 1, 1, ratio (1, (int[]) { 4, 1 }, 2));
  assert_slot (&r, 2, MOE_NO_EXPERT, 0);
  g_assert_cmpint (r.silent[2], ==, MOE_SLOT_SILENT);
  g_assert_cmpuint (r.changed[0], ==, 1);
  g_assert_cmpuint (r.seen[0], ==, 1);

  route (&plain_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, all, E));
  assert_slot (&r, 1, 1, ratio (1, all, E));
  assert_slot (&r, 2, MOE_NO_EXPERT, 0);
}

/* Of all probability expert 4 has 0.62 and 1 has 0.23. */
static void
test_top_p (void)
{
  MoeIntervention iv = { LAYER, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_TOP_P, 0.7f };
  const MoeIntervention forced[] = { { LAYER, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_TOP_P, 0.1f },
                                     { LAYER, 3, MOE_ACTION_FORCE, MOE_MODE_ADD } };
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1, 0 }, 3));
  assert_slot (&r, 1, 1, ratio (1, (int[]) { 4, 1, 0 }, 3));
  assert_slot (&r, 2, MOE_NO_EXPERT, 0);
  g_assert_cmpuint (r.changed[0], ==, 1);

  iv.mode = MOE_MODE_TOP_P_RENORM;
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1 }, 2));
  assert_slot (&r, 1, 1, ratio (1, (int[]) { 4, 1 }, 2));
  assert_slot (&r, 2, MOE_NO_EXPERT, 0);

  /* One expert reaches it; and all of them when it cannot be reached. */
  iv.value = 0.6f;
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, 1);
  assert_slot (&r, 1, MOE_NO_EXPERT, 0);
  iv.value = 1;
  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  g_assert_cmpint (r.chosen[2], ==, 0);
  g_assert_cmpuint (r.changed[0], ==, 0);

  /* What is forced stays. */
  route (&normed_arch, logits, forced, 2, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 4, ratio (4, (int[]) { 4, 1, 3 }, 3));
  assert_slot (&r, 1, MOE_NO_EXPERT, 0);
  assert_slot (&r, 2, 3, ratio (3, (int[]) { 4, 1, 3 }, 3));
}

static void
test_rank (void)
{
  const MoeIntervention iv = { LAYER, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_RANK, 2 };
  Routed r;

  route (&normed_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 1, 1);
  assert_slot (&r, 1, MOE_NO_EXPERT, 0);
  assert_slot (&r, 2, MOE_NO_EXPERT, 0);
  route (&plain_arch, logits, &iv, 1, MOE_PHASE_PROMPT, 0, &r);
  assert_slot (&r, 0, 1, ratio (1, all, E));
}

static void
test_random (void)
{
  const MoeIntervention ivs[] = {
    { LAYER, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_RANDOM, 5 },
    { LAYER, 1, MOE_ACTION_DISABLE, MOE_MODE_REFILL },
  };
  guint hits[E] = { 0 }, same = 0;
  const guint n = 6000;
  Routed r, again;

  for (guint position = 0; position < n; position++)
    {
      route (&normed_arch, logits, ivs, 1, MOE_PHASE_PROMPT, position, &r);
      route (&normed_arch, logits, ivs, 1, MOE_PHASE_ANSWER, position, &again);
      g_assert_cmpmem (r.chosen, sizeof r.chosen, again.chosen, sizeof again.chosen);
      for (guint s = 0; s < K; s++)
        {
          hits[r.chosen[s]]++;
          same += r.chosen[s] == (guint16[]) { 4, 1, 0 }[s];
          assert_slot (&r, s, r.chosen[s], ratio (((int[]) { 4, 1, 0 })[s], (int[]) { 4, 1, 0 }, 3));
        }
      g_assert_true (r.chosen[0] != r.chosen[1] && r.chosen[1] != r.chosen[2] && r.chosen[0] != r.chosen[2]);
    }
  /* Each is drawn by half of the tokens: standard deviation sqrt (n / 4) = 39. */
  for (guint e = 0; e < E; e++)
    {
      g_assert_cmpuint (hits[e], >, n / 2 - 5 * 39);
      g_assert_cmpuint (hits[e], <, n / 2 + 5 * 39);
    }
  g_assert_cmpuint (same, <, n);

  for (guint position = 0; position < 200; position++)
    {
      route (&normed_arch, logits, ivs, 2, MOE_PHASE_PROMPT, position, &r);
      for (guint s = 0; s < K; s++)
        g_assert_cmpuint (r.chosen[s], !=, 1);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router/plain", test_plain);
  g_test_add_func ("/router/ties", test_ties);
  g_test_add_func ("/router/refill", test_refill);
  g_test_add_func ("/router/refill-of-unused", test_refill_of_unused);
  g_test_add_func ("/router/drop", test_drop);
  g_test_add_func ("/router/zero", test_zero);
  g_test_add_func ("/router/force-max", test_force_max);
  g_test_add_func ("/router/force-add", test_force_add);
  g_test_add_func ("/router/bias", test_bias);
  g_test_add_func ("/router/scale", test_scale);
  g_test_add_func ("/router/mean-and-copy", test_mean_and_copy);
  g_test_add_func ("/router/temperature", test_temperature);
  g_test_add_func ("/router/top-k", test_top_k);
  g_test_add_func ("/router/top-p", test_top_p);
  g_test_add_func ("/router/rank", test_rank);
  g_test_add_func ("/router/random", test_random);
  g_test_add_func ("/router/scope", test_scope);
  g_test_add_func ("/router/all-experts", test_all_experts);
  return g_test_run ();
}
