/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-causal-check"

#include <math.h>

#include "analysis/moe-causal-check.h"
#include "data/moe-error.h"
#include "tests/support/moe-planted-run.h"

#define N_DRAWS 4

typedef struct
{
  MoePlantedRun   run;
  MoeCausalExpert experts[MOE_PLANTED_MAX];
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  moe_planted_run_set_up (&self->run, data);
  for (guint i = 0; i < self->run.planted.n_planted; i++)
    self->experts[i] = (MoeCausalExpert) { self->run.planted.planted[i].layer,
                                           self->run.planted.planted[i].expert };
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  moe_planted_run_tear_down (&self->run, data);
}

static MoeCausalCheck *
check (Fixture           *self,
       guint64            seed,
       const MoeProgress *progress,
       GError           **error)
{
  const MoeCausalOptions options = { self->experts, self->run.planted.n_planted, MOE_MODE_ZERO, N_DRAWS,
                                     seed };

  return moe_causal_check_new (self->run.session, self->run.prompts, &options, progress, error);
}

/* The same figures by the plainest way: from the probes, in double precision. */
typedef struct
{
  GPtrArray *prompts;
  guint      prompt;  /* after the one that runs */
  double     loss, attention, largest;
  guint      n_predicted, n_attention;
} Plain;

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  ((Plain *) user_data)->prompt += batch->first == 0 ? 1 : 0;
}

static void
on_logits (const MoeProbeBatch *batch,
           guint                index,
           guint                vocabulary,
           const float         *logits,
           gpointer             user_data)
{
  Plain *self = user_data;
  const MoeChatPrompt *prompt = g_ptr_array_index (self->prompts, self->prompt - 1);
  guint next = batch->first + index + 1;
  double sum = 0;

  if (next >= prompt->n_tokens || prompt->phases[next] == MOE_PHASE_TEMPLATE)
    return;
  for (guint i = 0; i < vocabulary; i++)
    sum += exp (logits[i]);
  self->loss += log (sum) - logits[prompt->tokens[next]];
  self->n_predicted++;
}

static void
on_attention_row (const MoeProbeBatch *batch,
                  guint                layer,
                  guint                index,
                  guint                head,
                  guint                n_keys,
                  const float         *row,
                  gpointer             user_data)
{
  Plain *self = user_data;

  if (batch->first + index == 0)
    return;
  self->attention += row[0];
  self->n_attention++;
}

static void
on_residual (const MoeProbeBatch *batch,
             guint                layer,
             MoeResidualPoint     point,
             guint                width,
             const float         *x,
             gpointer             user_data)
{
  Plain *self = user_data;

  for (gsize i = 0; point == MOE_RESIDUAL_POST && i < (gsize) batch->n * width; i++)
    self->largest = MAX (self->largest, fabs (x[i]));
}

static void
test_figures (Fixture       *self,
              gconstpointer  data)
{
  static const MoeProbe probe = { .batch = on_batch, .logits = on_logits, .attention_row = on_attention_row,
                                  .residual = on_residual };
  Plain plain = { self->run.prompts };
  GError *error = NULL;
  g_autoptr(MoeMaskedRun) run = moe_masked_run_new (self->run.session, self->run.prompts, NULL, NULL, &error);
  guint layer;

  g_assert_no_error (error);
  moe_planted_run_watch (&self->run, &probe, &plain);

  g_assert_cmpint (run->n_predicted, ==, plain.n_predicted);
  g_assert_cmpfloat_with_epsilon (log (moe_masked_run_get_perplexity (run)), plain.loss / plain.n_predicted,
                                  1e-5);
  /* Records hold halves. */
  g_assert_cmpfloat_with_epsilon (moe_sink_stats_get_share (run->sinks, -1, -1),
                                  plain.attention / plain.n_attention, 1e-4);
  g_assert_cmpfloat (moe_masked_run_get_peak (run, &layer)->peak, ==, (float) plain.largest);
  g_assert_cmpuint (run->n_changed, ==, 0);
}

static guint
count_rows (MoeTable   *table,
            const char *condition)
{
  guint n = 0;

  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    n += g_str_equal (moe_table_get_text (table, row, 0), condition) ? 1 : 0;
  return n;
}

/* As many experts as are planted, none of them planted or twice; of the planted ones' layers in draws of the
 * same layers. */
static void
check_draw (Fixture    *self,
            const char *experts,
            gboolean    same_layers)
{
  g_auto(GStrv) names = g_strsplit (experts, ",", -1);

  g_assert_cmpuint (g_strv_length (names), ==, self->run.planted.n_planted);
  for (guint i = 0; names[i] != NULL; i++)
    {
      int layer, expert;

      g_assert_true (moe_expert_parse (names[i], &layer, &expert));
      for (guint j = 0; j < self->run.planted.n_planted; j++)
        g_assert_false ((int) self->experts[j].layer == layer && self->experts[j].expert == expert);
      for (guint j = 0; j < i; j++)
        g_assert_cmpstr (names[i], !=, names[j]);
      if (same_layers)
        g_assert_cmpint (layer, ==, self->experts[i].layer);
    }
}

static void
test_conditions (Fixture       *self,
                 gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeCausalCheck) first = check (self, 1, NULL, &error);
  g_autoptr(MoeCausalCheck) again = check (self, 1, NULL, &error);
  g_autoptr(MoeCausalCheck) other = check (self, 2, NULL, &error);
  g_autoptr(MoeTable) table = moe_causal_check_to_table (first);
  g_autoptr(MoeTable) table_again = moe_causal_check_to_table (again);
  g_autoptr(MoeTable) table_other = moe_causal_check_to_table (other);
  gboolean differs = FALSE;
  double plain_h = moe_table_get_double (table, 0, 5), plain_share = moe_table_get_double (table, 0, 4);

  g_assert_no_error (error);
  g_assert_cmpuint (count_rows (table, "plain"), ==, 1);
  g_assert_cmpuint (count_rows (table, "one"), ==, self->run.planted.n_planted);
  g_assert_cmpuint (count_rows (table, "all"), ==, self->run.planted.n_planted > 1 ? 1 : 0);
  g_assert_cmpuint (count_rows (table, "random"), ==, N_DRAWS);
  g_assert_cmpuint (count_rows (table, "random-same-layers"), ==, N_DRAWS);
  g_assert_true (moe_table_is_missing (table, 0, 2) && moe_table_is_missing (table, 0, 6));

  for (guint row = 1; row < moe_table_get_n_rows (table); row++)
    {
      const char *kind = moe_table_get_text (table, row, 0), *experts = moe_table_get_text (table, row, 2);
      double h = moe_table_get_double (table, row, 5), decay = moe_table_get_double (table, row, 6);

      g_assert_cmpstr (experts, ==, moe_table_get_text (table_again, row, 2));
      for (guint column = 3; column < 7; column++)
        g_assert_cmpfloat (moe_table_get_double (table, row, column), ==,
                           moe_table_get_double (table_again, row, column));
      differs = differs || !g_str_equal (experts, moe_table_get_text (table_other, row, 2));
      if (g_str_has_prefix (kind, "random"))
        {
          check_draw (self, experts, g_str_equal (kind, "random-same-layers"));
          /* A draw may hit the decoy. */
          g_assert_cmpfloat (fabs (h / plain_h - 1), <, 0.5);
          g_assert_cmpfloat (fabs (decay), <, 0.05);
        }
      /* The first planted expert makes the others' trigger, so without it alone nothing is left either. */
      else if (g_str_equal (kind, "all") || row == 1)
        {
          /* What is left is the decoy of the last layer. */
          g_assert_cmpint (moe_table_get_int (table, row, 8), !=, self->run.planted.channel);
          g_assert_cmpfloat (moe_table_get_double (table, row, 4), <, plain_share);
          g_assert_cmpint (moe_table_get_int (table, row, 9), >=, MOE_PLANTED_PROMPTS);
        }
    }
  g_assert_true (differs);
  g_assert_null (moe_session_get_mask (self->run.session));
}

/* The layer after which the activation is there, and the one whose head makes it a sink. */
static void
test_layers (Fixture       *self,
             gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeCausalCheck) found = check (self, 1, NULL, &error);
  g_autoptr(MoeTable) table = moe_causal_check_to_layers (found);
  guint n_layers = self->run.planted.checkpoint.n_layers, planted = self->experts[0].layer;
  guint off = n_layers; /* first row of the first candidate */

  g_assert_no_error (error);
  g_assert_cmpint (moe_table_get_int (table, off, 3), ==, 0);
  g_assert_cmpstr (moe_table_get_text (table, off, 0), ==, "one");
  g_assert_cmpfloat (moe_table_get_double (table, planted, 4), >, 1000);
  g_assert_cmpfloat (moe_table_get_double (table, off + planted, 4), <, 100);
  g_assert_true (moe_table_is_missing (table, self->run.planted.sink_layer, 7));
  for (guint layer = 0; layer <= planted; layer++)
    g_assert_cmpfloat (moe_table_get_double (table, off + layer, 7), ==, 0);
  g_assert_cmpfloat (moe_table_get_double (table, off + self->run.planted.sink_layer, 7), >, 0.1);
}

/* The head that was planted loses most, more than in any draw; every figure is of that head. */
static void
test_heads (Fixture       *self,
            gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeCausalCheck) found = check (self, 1, NULL, &error);
  g_autoptr(MoeTable) table = moe_causal_check_to_heads (found);
  g_autoptr(MoeMaskedRun) plain = moe_masked_run_new (self->run.session, self->run.prompts, NULL, NULL, NULL);
  guint n = self->run.planted.checkpoint.n_layers * self->run.planted.checkpoint.n_heads;
  guint n_conditions = self->run.planted.n_planted > 1 ? self->run.planted.n_planted + 1 : 1;

  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, n * n_conditions);
  g_assert_cmpint (moe_table_get_int (table, 0, 2), ==, self->run.planted.sink_layer);
  g_assert_cmpfloat (moe_table_get_double (table, 0, 6), >, 10 * fabs (moe_table_get_double (table, 0, 8)));
  for (guint row = 0; row < n; row++)
    {
      int layer = (int) moe_table_get_int (table, row, 2), head = (int) moe_table_get_int (table, row, 3);
      double before = moe_table_get_double (table, row, 4), after = moe_table_get_double (table, row, 5);

      g_assert_cmpstr (moe_table_get_text (table, row, 0), ==, n_conditions > 1 ? "all" : "one");
      g_assert_cmpfloat (before, ==, moe_sink_stats_get_share (plain->sinks, layer, head));
      g_assert_cmpfloat_with_epsilon (moe_table_get_double (table, row, 7), 1 - after / before, 1e-9);
      g_assert_cmpfloat (moe_table_get_double (table, row, 6), ==, before - after);
      if (row > 0)
        g_assert_cmpfloat (moe_table_get_double (table, row - 1, 6), >=, before - after);
    }
}

static void
check_refused (Fixture                *self,
               const MoeCausalOptions *options,
               const char             *message)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (moe_causal_check_new (self->run.session, self->run.prompts, options, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_refused (Fixture       *self,
              gconstpointer  data)
{
  const MoeCausalExpert twice[] = { { 1, 2 }, { 1, 2 } }, shared = { 0, MOE_EXPERT_SHARED }, none = { 8, 0 };
  MoeCausalExpert layer[8];

  check_refused (self, &(MoeCausalOptions) { NULL, 0, MOE_MODE_ZERO, 1, 0 }, "there are no experts to check");
  check_refused (self, &(MoeCausalOptions) { twice, 2, MOE_MODE_ZERO, 1, 0 }, "L1E2 is named twice");
  check_refused (self, &(MoeCausalOptions) { &shared, 1, MOE_MODE_ZERO, 1, 0 },
                 "the model has no expert L0S");
  check_refused (self, &(MoeCausalOptions) { &none, 1, MOE_MODE_ZERO, 1, 0 },
                 "the model has no expert L8E0");
  for (guint i = 0; i < G_N_ELEMENTS (layer); i++)
    layer[i] = (MoeCausalExpert) { 3, (int) i };
  check_refused (self, &(MoeCausalOptions) { layer, 5, MOE_MODE_ZERO, 1, 0 },
                 "too few other experts are left to draw random ones from");
}

typedef struct
{
  GCancellable *cancellable;
  double        last;
  guint         n;
} Watcher;

static void
on_report (double      fraction,
           const char *what,
           gpointer    user_data)
{
  Watcher *self = user_data;

  g_assert_cmpfloat (fraction, >=, self->last);
  self->last = fraction;
  if (++self->n == 5 && self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}

static void
test_progress (Fixture       *self,
               gconstpointer  data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  Watcher patient = { NULL }, impatient = { cancellable };
  const MoeProgress whole = { NULL, on_report, &patient }, stopped = { cancellable, on_report, &impatient };
  g_autoptr(MoeCausalCheck) done = check (self, 1, &whole, &error);

  g_assert_no_error (error);
  g_assert_cmpfloat (patient.last, ==, 1);
  g_assert_null (check (self, 1, &stopped, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (impatient.n, ==, 5);
  g_assert_null (moe_session_get_mask (self->run.session));
}

int
main (int    argc,
      char **argv)
{
  const gpointer several = GUINT_TO_POINTER (MOE_PLANTED_SEVERAL);
  const gpointer shared = GUINT_TO_POINTER (MOE_PLANTED_SHARED);
  const gpointer single = GUINT_TO_POINTER (MOE_PLANTED_SINGLE);

  g_test_init (&argc, &argv, NULL);
  g_test_add ("/causal-check/figures", Fixture, single, set_up, test_figures, tear_down);
  g_test_add ("/causal-check/single", Fixture, single, set_up, test_conditions, tear_down);
  g_test_add ("/causal-check/several", Fixture, several, set_up, test_conditions, tear_down);
  g_test_add ("/causal-check/shared", Fixture, shared, set_up, test_conditions, tear_down);
  g_test_add ("/causal-check/layers", Fixture, single, set_up, test_layers, tear_down);
  g_test_add ("/causal-check/heads", Fixture, single, set_up, test_heads, tear_down);
  g_test_add ("/causal-check/heads-several", Fixture, several, set_up, test_heads, tear_down);
  g_test_add ("/causal-check/layers-several", Fixture, several, set_up, test_layers, tear_down);
  g_test_add ("/causal-check/refused", Fixture, single, set_up, test_refused, tear_down);
  g_test_add ("/causal-check/progress", Fixture, single, set_up, test_progress, tear_down);
  return g_test_run ();
}
