/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-router-scores"

#include <math.h>

#include "analysis/moe-router-scores.h"
#include "tests/support/moe-planted-run.h"

/* The first planted expert is chosen for the first token alone, by its flag; the busy decoy for all. */
static void
test_planted (MoePlantedRun *self,
              gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeTable) table = moe_router_scores_report (self->session, self->prompts, NULL, NULL, &error);
  guint n_experts = self->planted.checkpoint.n_experts;
  guint planted = self->planted.planted[0].layer * n_experts + (guint) self->planted.planted[0].expert;
  guint busy = self->planted.busy_layer * n_experts + self->planted.busy_expert;

  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, self->planted.checkpoint.n_layers * n_experts);
  g_assert_cmpfloat (moe_table_get_double (table, planted, 2), >, 0.9);
  g_assert_cmpfloat (moe_table_get_double (table, planted, 3), <, 0.5);
  g_assert_cmpfloat (moe_table_get_double (table, planted, 6), ==, 1);
  g_assert_cmpfloat (moe_table_get_double (table, busy, 7), >, 0.9);
}

/* The same sums in the plainest way. */
typedef struct
{
  guint  layer, expert;
  double logit, prob;
  guint  n, chosen;
} Other;

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Other *self = user_data;

  for (guint i = 0; i < batch->n; i++)
    {
      if (layer != self->layer || batch->first + i == 0)
        continue;
      self->n++;
      self->logit += event->logits[i * event->n_experts + self->expert];
      self->prob += event->probs[i * event->n_experts + self->expert];
      for (guint slot = 0; slot < event->k; slot++)
        self->chosen += event->chosen[i * event->k + slot] == self->expert ? 1 : 0;
    }
}

static void
test_means (MoePlantedRun *self,
            gconstpointer  data)
{
  static const MoeProbe probe = { .router = on_router };
  GError *error = NULL;
  g_autoptr(MoeTable) table = moe_router_scores_report (self->session, self->prompts, NULL, NULL, &error);
  double scores = 0, shares = 0;

  g_assert_no_error (error);
  for (guint expert = 0; expert < self->planted.checkpoint.n_experts; expert++)
    {
      Other other = { .layer = 5, .expert = expert };
      guint row = 5 * self->planted.checkpoint.n_experts + expert;

      moe_planted_run_watch (self, &probe, &other);
      g_assert_cmpint (moe_table_get_int (table, row, 0), ==, 5);
      g_assert_cmpint (moe_table_get_int (table, row, 1), ==, expert);
      g_assert_cmpfloat_with_epsilon (moe_table_get_double (table, row, 3), other.prob / other.n, 1e-9);
      g_assert_cmpfloat_with_epsilon (moe_table_get_double (table, row, 5), other.logit / other.n, 1e-9);
      g_assert_cmpfloat_with_epsilon (moe_table_get_double (table, row, 7), (double) other.chosen / other.n,
                                      1e-12);
      scores += moe_table_get_double (table, row, 2);
      shares += moe_table_get_double (table, row, 6);
    }
  g_assert_cmpfloat_with_epsilon (scores, 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (shares, self->planted.checkpoint.n_used, 1e-9);
}

/* A token alone has no others after it. */
static void
test_one_token (MoePlantedRun *self,
                gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeTable) table = NULL;

  g_ptr_array_set_size (self->prompts, 1);
  ((MoeChatPrompt *) g_ptr_array_index (self->prompts, 0))->n_tokens = 1;
  table = moe_router_scores_report (self->session, self->prompts, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint other = 0; other < 2; other++)
    for (guint column = 2; column < 8; column += 2)
      g_assert_cmpint (moe_table_is_missing (table, 0, column + other), ==, other == 1);
}

int
main (int    argc,
      char **argv)
{
  const gpointer single = GUINT_TO_POINTER (MOE_PLANTED_SINGLE);

  g_test_init (&argc, &argv, NULL);
  g_test_add ("/router-scores/planted", MoePlantedRun, single, moe_planted_run_set_up, test_planted,
              moe_planted_run_tear_down);
  g_test_add ("/router-scores/means", MoePlantedRun, single, moe_planted_run_set_up, test_means,
              moe_planted_run_tear_down);
  g_test_add ("/router-scores/one-token", MoePlantedRun, single, moe_planted_run_set_up, test_one_token,
              moe_planted_run_tear_down);
  return g_test_run ();
}
