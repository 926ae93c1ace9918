/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-sink-vectors"

#include <math.h>
#include <string.h>

#include "analysis/moe-sink-vectors.h"
#include "tests/support/moe-planted-run.h"

/* All that one layer's attention gets and gives, of all prompts. */
typedef struct
{
  guint      layer;
  guint      n_heads, group, dim;
  GArray    *q, *k, *v;    /* of float: (n, H or G, dim) */
  GArray    *h;            /* of float: (n, width) */
  GArray    *first;        /* of float: (n, H) attention to position 0 */
  GArray    *positions;    /* of guint */
} Seen;

static void
on_residual (const MoeProbeBatch *batch,
             guint                layer,
             MoeResidualPoint     point,
             guint                width,
             const float         *x,
             gpointer             user_data)
{
  Seen *self = user_data;

  if (layer == self->layer && point == MOE_RESIDUAL_PRE)
    g_array_append_vals (self->h, x, batch->n * width);
}

static void
on_projections (const MoeProbeBatch      *batch,
                guint                     layer,
                const MoeProjectionEvent *event,
                gpointer                  user_data)
{
  Seen *self = user_data;

  if (layer != self->layer)
    return;
  self->n_heads = event->n_heads;
  self->group = event->n_heads / event->n_kv_heads;
  self->dim = event->head_dim;
  g_array_append_vals (self->q, event->q, batch->n * event->n_heads * self->dim);
  g_array_append_vals (self->k, event->k, batch->n * event->n_kv_heads * self->dim);
  g_array_append_vals (self->v, event->v, batch->n * event->n_kv_heads * event->value_dim);
  for (guint i = 0; i < batch->n; i++)
    {
      guint position = batch->first + i;

      g_array_append_val (self->positions, position);
    }
}

static void
on_attention (const MoeProbeBatch     *batch,
              guint                    layer,
              const MoeAttentionEvent *event,
              gpointer                 user_data)
{
  Seen *self = user_data;

  if (layer == self->layer)
    g_array_append_vals (self->first, event->first, batch->n * event->n_heads);
}

static void
seen_init (Seen          *self,
           MoePlantedRun *run,
           guint          layer)
{
  static const MoeProbe probe = { .residual = on_residual, .projections = on_projections,
                                  .attention = on_attention };
  GArray **floats[] = { &self->q, &self->k, &self->v, &self->h, &self->first };

  *self = (Seen) { .layer = layer };
  for (guint i = 0; i < G_N_ELEMENTS (floats); i++)
    *floats[i] = g_array_new (FALSE, FALSE, sizeof (float));
  self->positions = g_array_new (FALSE, FALSE, sizeof (guint));
  moe_planted_run_watch (run, &probe, self);
}

static void
seen_clear (Seen *self)
{
  GArray *arrays[] = { self->q, self->k, self->v, self->h, self->first, self->positions };

  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_array_unref (arrays[i]);
}

static const float *
get_q (const Seen *self,
       guint       token,
       guint       head)
{
  return &g_array_index (self->q, float, (token * self->n_heads + head) * self->dim);
}

/* Of @array k or v, the row of the key-value head that @head reads. */
static const float *
get_kv (const Seen   *self,
        const GArray *array,
        guint         token,
        guint         head)
{
  guint n_kv_heads = self->n_heads / self->group;

  return &g_array_index (array, float, (token * n_kv_heads + head / self->group) * self->dim);
}

static double
dot (const float *x,
     const float *y,
     guint        n)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += (double) x[i] * y[i];
  return sum;
}

static double
cosine (const float *x,
        const float *y,
        guint        n)
{
  return dot (x, y, n) / sqrt (dot (x, x, n) * dot (y, y, n));
}

/* The vectors are those that attention uses: their soft-max is what the attention probe tells. */
static void
test_attention (MoePlantedRun *run,
                gconstpointer  data)
{
  for (guint layer = 0; layer < run->planted.checkpoint.n_layers; layer++)
    {
      Seen seen;

      seen_init (&seen, run, layer);
      for (guint t = 0; t < seen.positions->len; t++)
        {
          guint position = g_array_index (seen.positions, guint, t);

          for (guint head = 0; head < seen.n_heads; head++)
            {
              double sum = 0, first = 0;

              for (guint j = t - position; j <= t; j++)
                {
                  double e = exp (dot (get_q (&seen, t, head), get_kv (&seen, seen.k, j, head), seen.dim)
                                  / sqrt (seen.dim));

                  sum += e;
                  first = j == t - position ? e : first;
                }
              g_assert_cmpfloat_with_epsilon (g_array_index (seen.first, float, t * seen.n_heads + head),
                                              first / sum, 1e-5);
            }
        }
      seen_clear (&seen);
    }
}

static void
check_cell (MoeTable   *table,
            guint       row,
            const char *column,
            double      wanted)
{
  double found = moe_table_get_double (table, row, (guint) moe_table_find_column (table, column));

  if (!(fabs (found - wanted) <= 1e-6 * MAX (1, fabs (wanted))))
    g_error ("row %u: %s is %g, not %g", row, column, found, wanted);
}

/* Every cell of one layer by the definition: all pairs of queries and keys. */
static void
test_means (MoePlantedRun *run,
            gconstpointer  data)
{
  const guint layer = run->planted.sink_layer, width = run->planted.checkpoint.width;
  const guint n_heads = run->planted.checkpoint.n_heads;
  GError *error = NULL;
  g_autoptr(MoeTable) heads = moe_sink_vectors_report (run->session, run->prompts, NULL, TRUE, NULL, &error);
  g_autoptr(MoeTable) layers = moe_sink_vectors_report (run->session, run->prompts, NULL, FALSE, NULL,
                                                        &error);
  double layer_cosine = 0;
  Seen seen;

  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (layers), ==, run->planted.checkpoint.n_layers);
  seen_init (&seen, run, layer);
  for (guint head = 0; head < n_heads; head++)
    {
      guint row = layer * n_heads + head, n[2] = { 0, 0 };
      double norms[4][2] = { 0 }, cosines[2] = { 0, 0 };

      for (guint t = 0; t < seen.positions->len; t++)
        {
          guint position = g_array_index (seen.positions, guint, t), other = position > 0;
          const float *q = get_q (&seen, t, head), *k = get_kv (&seen, seen.k, t, head);
          const float *v = get_kv (&seen, seen.v, t, head), *h = &g_array_index (seen.h, float, t * width);
          double mean = 0;

          n[other]++;
          norms[0][other] += sqrt (dot (h, h, width));
          norms[1][other] += sqrt (dot (q, q, seen.dim));
          norms[2][other] += sqrt (dot (k, k, seen.dim));
          norms[3][other] += sqrt (dot (v, v, seen.dim));
          if (position == 0)
            continue;
          cosines[0] += cosine (q, get_kv (&seen, seen.k, t - position, head), seen.dim);
          for (guint j = t - position + 1; j <= t; j++)
            mean += cosine (q, get_kv (&seen, seen.k, j, head), seen.dim) / position;
          cosines[1] += mean;
        }
      g_assert_cmpint (moe_table_get_int (heads, row, 0), ==, layer);
      g_assert_cmpint (moe_table_get_int (heads, row, 1), ==, head);
      for (guint other = 0; other < 2; other++)
        {
          static const char *const names[] = { "h_norm", "q_norm", "k_norm", "v_norm" };

          for (guint i = 0; i < G_N_ELEMENTS (names); i++)
            {
              g_autofree char *name = g_strconcat (names[i], other ? "_other" : "_first", NULL);

              check_cell (heads, row, name, norms[i][other] / n[other]);
            }
        }
      check_cell (heads, row, "cos_first", cosines[0] / n[1]);
      check_cell (heads, row, "cos_other", cosines[1] / n[1]);
      layer_cosine += cosines[0] / n[1] / n_heads;
      if (head == 0)
        check_cell (layers, layer, "h_norm_first", norms[0][0] / n[0]);
    }
  check_cell (layers, layer, "cos_first", layer_cosine);
  g_assert_true (moe_table_is_missing (layers, layer, 1));
  seen_clear (&seen);
}

/* The planted head's queries all look for the first key, whose token has a huge residual. */
static void
test_planted (MoePlantedRun *run,
              gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeTable) heads = moe_sink_vectors_report (run->session, run->prompts, NULL, TRUE, NULL, &error);
  guint row = run->planted.sink_layer * run->planted.checkpoint.n_heads + run->planted.sink_head;

  g_assert_no_error (error);
  g_assert_cmpfloat (moe_table_get_double (heads, row, 2), >, 50 * moe_table_get_double (heads, row, 3));
  g_assert_cmpfloat (moe_table_get_double (heads, row, 10), >, 0.5);
  g_assert_cmpfloat (moe_table_get_double (heads, row, 11), <, 0.4);
}

/* In what pieces tokens come makes no difference. */
static void
test_pieces (MoePlantedRun *run,
             gconstpointer  data)
{
  GError *error = NULL;
  g_autoptr(MoeTable) once = NULL, twice = NULL;
  g_autoptr(GPtrArray) repeated = g_ptr_array_new ();

  for (guint i = 0; i < 2 * run->prompts->len; i++)
    g_ptr_array_add (repeated, g_ptr_array_index (run->prompts, i % run->prompts->len));
  once = moe_sink_vectors_report (run->session, run->prompts, NULL, FALSE, NULL, &error);
  twice = moe_sink_vectors_report (run->session, repeated, NULL, FALSE, NULL, &error);
  g_assert_no_error (error);
  for (guint layer = 0; layer < run->planted.checkpoint.n_layers; layer++)
    {
      for (guint column = 2; column < moe_table_get_n_columns (once); column++)
        check_cell (twice, layer, moe_table_get_column_name (once, column),
                    moe_table_get_double (once, layer, column));
    }
}

int
main (int    argc,
      char **argv)
{
  static const struct { const char *name; void (*run) (MoePlantedRun *, gconstpointer); } tests[] = {
    { "/sink-vectors/attention", test_attention },
    { "/sink-vectors/means", test_means },
    { "/sink-vectors/planted", test_planted },
    { "/sink-vectors/pieces", test_pieces },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, MoePlantedRun, GUINT_TO_POINTER (MOE_PLANTED_SINGLE), moe_planted_run_set_up,
                tests[i].run, moe_planted_run_tear_down);
  return g_test_run ();
}
