/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-boundary"

#include <math.h>

#include "analysis/moe-boundary.h"
#include "analysis/moe-masked-run.h"
#include "data/moe-error.h"
#include "tests/support/moe-planted-run.h"

/* The preview of a bias says what the bias does. */

#define LAYER 4

enum { COLUMN_EXPERT = 1, COLUMN_SHARE, COLUMN_BIAS, COLUMN_BIASED, COLUMN_ENTERED, COLUMN_LEFT,
       COLUMN_WANTED, COLUMN_PUSH, COLUMN_GAP, COLUMN_TOKENS };

/* How often each expert of LAYER is chosen, with the routing of every token in turn. */
typedef struct
{
  GArray *chosen; /* of gboolean: tokens x experts */
  guint   n_tokens;
} Counts;

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Counts *self = user_data;

  for (guint i = 0; layer == LAYER && i < batch->n; i++)
    {
      guint start = self->chosen->len;

      self->n_tokens++;
      g_array_set_size (self->chosen, start + event->n_experts);
      for (guint slot = 0; slot < event->k; slot++)
        g_array_index (self->chosen, gboolean, start + event->chosen[i * event->k + slot]) = TRUE;
    }
}

static Counts
count (MoePlantedRun *self,
       MoeMask       *mask)
{
  static const MoeProbe probe = { .router = on_router };
  Counts counts = { g_array_new (FALSE, TRUE, sizeof (gboolean)), 0 };
  GError *error = NULL;

  moe_masked_run_watch (self->session, self->prompts, mask, &probe, &counts, NULL, &error);
  g_assert_no_error (error);
  return counts;
}

static gboolean
is_chosen (const Counts *counts,
           guint         n_experts,
           guint         token,
           guint         expert)
{
  return g_array_index (counts->chosen, gboolean, token * n_experts + expert);
}

static double
get_share (const Counts *counts,
           guint         n_experts,
           guint         expert)
{
  guint n = 0;

  for (guint token = 0; token < counts->n_tokens; token++)
    n += is_chosen (counts, n_experts, token, expert) ? 1 : 0;
  return (double) n / counts->n_tokens;
}

static MoeMask *
make_biases (const char *text)
{
  g_autoptr(GArray) interventions = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));

  g_assert_true (moe_intervention_parse (text, MOE_ACTION_BIAS, MOE_SCOPE_BOTH, interventions, NULL));
  return moe_mask_new ((const MoeIntervention *) (gpointer) interventions->data, interventions->len);
}

static void
test_biases (MoePlantedRun *self,
             gconstpointer  data)
{
  static const char *const texts[] = { "L4E3=+0.5", "L4E1=-0.4", "L4E0=3", "L4E2,L4E5,L4E6=0.7", "L4E*=1" };
  guint n_experts = self->planted.checkpoint.n_experts;
  Counts plain = count (self, NULL);
  guint moved = 0;

  for (guint t = 0; t < G_N_ELEMENTS (texts); t++)
    {
      g_autoptr(MoeMask) biases = make_biases (texts[t]);
      const MoeBoundaryOptions options = { biases, -1, MOE_PHASES_ALL, 0.5 };
      GError *error = NULL;
      g_autoptr(MoeTable) table = moe_boundary_report (self->session, self->prompts, &options, NULL, &error);
      Counts biased = count (self, biases);

      g_assert_no_error (error);
      g_assert_cmpuint (moe_table_get_n_rows (table), ==, t == 4 ? n_experts : t == 3 ? 3 : 1);
      for (guint row = 0; row < moe_table_get_n_rows (table); row++)
        {
          guint expert = (guint) moe_table_get_int (table, row, COLUMN_EXPERT), entered = 0, left = 0;

          for (guint token = 0; token < plain.n_tokens; token++)
            {
              gboolean before = is_chosen (&plain, n_experts, token, expert);
              gboolean after = is_chosen (&biased, n_experts, token, expert);

              entered += after && !before ? 1 : 0;
              left += before && !after ? 1 : 0;
            }
          moved += entered + left;
          g_assert_cmpint (moe_table_get_int (table, row, 0), ==, LAYER);
          g_assert_cmpint (moe_table_get_int (table, row, COLUMN_TOKENS), ==, plain.n_tokens);
          g_assert_cmpfloat (moe_table_get_double (table, row, COLUMN_SHARE), ==,
                             get_share (&plain, n_experts, expert));
          g_assert_cmpfloat (moe_table_get_double (table, row, COLUMN_BIASED), ==,
                             get_share (&biased, n_experts, expert));
          g_assert_cmpfloat (moe_table_get_double (table, row, COLUMN_ENTERED), ==,
                             (double) entered / plain.n_tokens);
          g_assert_cmpfloat (moe_table_get_double (table, row, COLUMN_LEFT), ==,
                             (double) left / plain.n_tokens);
        }
      g_array_unref (biased.chosen);
    }
  g_assert_cmpuint (moved, >, 20);
  g_array_unref (plain.chosen);
}

/* A little more than the push is enough, a little less is not. */
static void
test_push (MoePlantedRun *self,
           gconstpointer  data)
{
  static const double wanted[] = { 0.12, 0.5, 1 };
  guint n_experts = self->planted.checkpoint.n_experts;

  for (guint w = 0; w < G_N_ELEMENTS (wanted); w++)
    {
      const MoeBoundaryOptions options = { NULL, LAYER, MOE_PHASES_ALL, wanted[w] };
      GError *error = NULL;
      g_autoptr(MoeTable) table = moe_boundary_report (self->session, self->prompts, &options, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (moe_table_get_n_rows (table), ==, n_experts);
      for (guint expert = 0; expert < n_experts; expert++)
        {
          double push = moe_table_get_double (table, expert, COLUMN_PUSH), step = 1e-4;

          g_assert_true (moe_table_is_missing (table, expert, COLUMN_BIASED));
          g_assert_cmpfloat (moe_table_get_double (table, expert, COLUMN_GAP), >=, 0);
          for (int side = -1; side <= 1; side += 2)
            {
              const MoeIntervention bias = { LAYER, (int) expert, MOE_ACTION_BIAS, MOE_MODE_NONE,
                                             (float) (push + side * step) };
              g_autoptr(MoeMask) mask = moe_mask_new (&bias, 1);
              Counts biased = count (self, mask);

              g_assert_true ((get_share (&biased, n_experts, expert) >= wanted[w]) == (side > 0));
              g_array_unref (biased.chosen);
            }
        }
    }
}

/* What a dial shows is what the report counts, at every place of it. */
static void
test_layer (MoePlantedRun *self,
            gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeBoundaryLayer) layer = moe_boundary_layer_new (self->session, self->prompts, LAYER, NULL,
                                                              &error);
  guint moved = 0;

  g_assert_no_error (error);
  g_assert_cmpuint (layer->n_experts, ==, self->planted.checkpoint.n_experts);
  for (int step = -8; step <= 8; step++)
    for (guint expert = 0; expert < layer->n_experts; expert++)
      {
        const MoeIntervention bias = { LAYER, (int) expert, MOE_ACTION_BIAS, MOE_MODE_NONE, step / 4.0f };
        g_autoptr(MoeMask) mask = moe_mask_new (&bias, 1);
        const MoeBoundaryOptions options = { mask, -1, MOE_PHASES_ALL, 0.5 };
        g_autoptr(MoeTable) table = NULL;
        MoeBoundaryPreview preview;

        table = moe_boundary_report (self->session, self->prompts, &options, NULL, &error);
        g_assert_no_error (error);
        moe_boundary_layer_preview (layer, expert, bias.value, MOE_PHASES_ALL, &preview);
        g_assert_cmpuint (preview.n_tokens, ==, moe_table_get_int (table, 0, COLUMN_TOKENS));
        g_assert_cmpfloat ((double) preview.n_before / preview.n_tokens, ==,
                           moe_table_get_double (table, 0, COLUMN_SHARE));
        g_assert_cmpfloat ((double) preview.n_after / preview.n_tokens, ==,
                           moe_table_get_double (table, 0, COLUMN_BIASED));
        g_assert_cmpfloat ((double) preview.half, ==, moe_table_get_double (table, 0, COLUMN_PUSH));
        moved += preview.n_after != preview.n_before;
        moe_boundary_layer_preview (layer, expert, bias.value, 0, &preview);
        g_assert_cmpuint (preview.n_tokens, ==, 0);
        g_assert_true (isnan (preview.half));
      }
  g_assert_cmpuint (moved, >, 20);
}

static void
test_refused (MoePlantedRun *self,
              gconstpointer  data)
{
  const MoeIntervention disable = { LAYER, 3, MOE_ACTION_DISABLE, MOE_MODE_REFILL };
  g_autoptr(MoeMask) mask = moe_mask_new (&disable, 1);
  const MoeBoundaryOptions wrong[] = {
    { mask, -1, MOE_PHASES_ALL, 0.5 },
    { NULL, 99, MOE_PHASES_ALL, 0.5 },
    { NULL, -1, MOE_PHASE_BIT (MOE_PHASE_ANSWER), 0.5 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (moe_boundary_report (self->session, self->prompts, &wrong[i], NULL, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
    }
}

int
main (int    argc,
      char **argv)
{
  const gpointer single = GUINT_TO_POINTER (MOE_PLANTED_SINGLE);

  g_test_init (&argc, &argv, NULL);
  g_test_add ("/boundary/biases", MoePlantedRun, single, moe_planted_run_set_up, test_biases,
              moe_planted_run_tear_down);
  g_test_add ("/boundary/layer", MoePlantedRun, single, moe_planted_run_set_up, test_layer,
              moe_planted_run_tear_down);
  g_test_add ("/boundary/push", MoePlantedRun, single, moe_planted_run_set_up, test_push,
              moe_planted_run_tear_down);
  g_test_add ("/boundary/refused", MoePlantedRun, single, moe_planted_run_set_up, test_refused,
              moe_planted_run_tear_down);
  return g_test_run ();
}
