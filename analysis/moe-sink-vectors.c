/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sink-vectors"

#include "analysis/moe-sink-vectors.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-report.h"

enum
{
  NORM_H,
  NORM_Q,
  NORM_K,
  NORM_V,
  N_NORMS,
};

/* Sums of one head. */
typedef struct
{
  double norms[N_NORMS][2]; /* first tokens, others */
  double cosines[2];        /* to the first key, mean over the others */
} Sums;

typedef struct
{
  gboolean seen;  /* the layer gives projections */
  guint    n_heads, n_kv_heads, head_dim;
  double  *first; /* (G, head_dim) k_0 / |k_0| of the prompt that is running */
  double  *keys;  /* (G, head_dim) sum of k_j / |k_j| over its tokens j >= 1 */
} Layer;

typedef struct
{
  const MoeModelInfo *info;
  Sums               *sums;   /* (L, H); h is summed under head 0 */
  Layer              *layers; /* (L) */
  gint64              n[2];   /* first tokens, others */
} Vectors;

static double
get_norm (const float *x,
          gsize        n)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += (double) x[i] * x[i];
  return sqrt (sum);
}

static double
get_dot (const float  *x,
         const double *y,
         gsize         n)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  Vectors *self = user_data;

  for (guint i = 0; i < batch->n; i++)
    self->n[batch->first + i > 0]++;
}

static void
on_residual (const MoeProbeBatch *batch,
             guint                layer,
             MoeResidualPoint     point,
             guint                width,
             const float         *x,
             gpointer             user_data)
{
  Vectors *self = user_data;
  Sums *sums = self->sums + (gsize) layer * self->info->n_heads;

  for (guint i = 0; point == MOE_RESIDUAL_PRE && i < batch->n; i++)
    sums->norms[NORM_H][batch->first + i > 0] += get_norm (x + (gsize) i * width, width);
}

static void
begin_layer (Layer                    *self,
             const MoeProjectionEvent *event)
{
  gsize n = (gsize) event->n_kv_heads * event->head_dim;

  if (!self->seen)
    {
      *self = (Layer) { TRUE, event->n_heads, event->n_kv_heads, event->head_dim,
                        g_new (double, n), g_new (double, n) };
    }
  memset (self->keys, 0, n * sizeof *self->keys);
}

/* Key @k, of norm @norm, joins those that later queries see. */
static void
add_key (Layer       *layer,
         guint        kv_head,
         const float *k,
         double       norm,
         gboolean     first)
{
  double *to = (first ? layer->first : layer->keys) + (gsize) kv_head * layer->head_dim;

  for (guint d = 0; d < layer->head_dim; d++)
    {
      double part = norm > 0 ? k[d] / norm : 0;

      to[d] = first ? part : to[d] + part;
    }
}

static void
add_query (const Layer *layer,
           guint        kv_head,
           const float *q,
           double       norm,
           guint        position,
           Sums        *sums)
{
  gsize at = (gsize) kv_head * layer->head_dim;

  if (norm == 0)
    return;
  sums->cosines[0] += get_dot (q, layer->first + at, layer->head_dim) / norm;
  sums->cosines[1] += get_dot (q, layer->keys + at, layer->head_dim) / (norm * position);
}

static void
on_projections (const MoeProbeBatch      *batch,
                guint                     layer_number,
                const MoeProjectionEvent *event,
                gpointer                  user_data)
{
  Vectors *self = user_data;
  Layer *layer = &self->layers[layer_number];
  guint group = event->n_heads / event->n_kv_heads;
  gsize dim = event->head_dim;

  if (batch->first == 0)
    begin_layer (layer, event);
  for (guint i = 0; i < batch->n; i++)
    {
      guint position = batch->first + i;

      for (guint g = 0; g < event->n_kv_heads; g++)
        {
          gsize row = (gsize) i * event->n_kv_heads + g;
          double k_norm = get_norm (event->k + row * dim, dim);
          double v_norm = get_norm (event->v + row * event->value_dim, event->value_dim);

          add_key (layer, g, event->k + row * dim, k_norm, position == 0);
          for (guint head = g * group; head < (g + 1) * group; head++)
            {
              const float *q = event->q + ((gsize) i * event->n_heads + head) * dim;
              Sums *sums = self->sums + (gsize) layer_number * self->info->n_heads + head;
              double q_norm = get_norm (q, dim);

              sums->norms[NORM_Q][position > 0] += q_norm;
              sums->norms[NORM_K][position > 0] += k_norm;
              sums->norms[NORM_V][position > 0] += v_norm;
              if (position > 0)
                add_query (layer, g, q, q_norm, position, sums);
            }
        }
    }
}

/* @head: -1 for the means over all of @layer. */
static void
add_row (const Vectors *self,
         MoeTable      *table,
         guint          layer,
         int            head)
{
  guint row = moe_table_append_row (table), n_heads = head < 0 ? self->info->n_heads : 1;
  const Sums *first = self->sums + (gsize) layer * self->info->n_heads;

  moe_table_set_int (table, row, 0, layer);
  if (head >= 0)
    moe_table_set_int (table, row, 1, head);
  for (guint other = 0; other < 2; other++)
    {
      double norms[N_NORMS] = { 0 }, cosine = 0;

      if (self->n[other] == 0)
        continue;
      for (guint i = 0; i < n_heads; i++)
        {
          const Sums *sums = &first[(guint) MAX (head, 0) + i];

          for (guint norm = NORM_Q; norm < N_NORMS; norm++)
            norms[norm] += sums->norms[norm][other] / n_heads;
          cosine += sums->cosines[other] / n_heads;
        }
      norms[NORM_H] = first->norms[NORM_H][other];
      for (guint norm = 0; norm < (self->layers[layer].seen ? N_NORMS : NORM_Q); norm++)
        moe_table_set_double (table, row, 2 + 2 * norm + other, norms[norm] / (double) self->n[other]);
      if (self->layers[layer].seen && self->n[1] > 0)
        moe_table_set_double (table, row, 2 + 2 * N_NORMS + other, cosine / (double) self->n[1]);
    }
}

static MoeTable *
make_table (const Vectors *self,
            gboolean       by_head)
{
  static const char *const names[] = {
    "h_norm_first", "h_norm_other", "q_norm_first", "q_norm_other", "k_norm_first", "k_norm_other",
    "v_norm_first", "v_norm_other", "cos_first", "cos_other",
  };
  MoeTable *table = moe_table_new ("Queries and Keys at the Sink");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "head", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    moe_table_add_column (table, names[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint layer = 0; layer < self->info->n_layers; layer++)
    {
      if (!by_head)
        add_row (self, table, layer, -1);
      for (guint head = 0; by_head && head < self->info->n_heads; head++)
        add_row (self, table, layer, (int) head);
    }
  return table;
}

MoeTable *
moe_sink_vectors_report (MoeSession         *session,
                         GPtrArray          *prompts,
                         MoeMask            *mask,
                         gboolean            by_head,
                         const MoeProgress  *progress,
                         GError            **error)
{
  static const MoeProbe probe = { .batch = on_batch, .residual = on_residual,
                                  .projections = on_projections };
  MoeTable *table = NULL;
  Vectors self;

  g_return_val_if_fail (session != NULL && prompts != NULL, NULL);

  self = (Vectors) { moe_model_get_info (moe_session_get_model (session)) };
  self.sums = g_new0 (Sums, (gsize) self.info->n_layers * self.info->n_heads);
  self.layers = g_new0 (Layer, self.info->n_layers);
  if (moe_masked_run_watch (session, prompts, mask, &probe, &self, progress, error))
    {
      table = make_table (&self, by_head);
      moe_report_add_run (table, self.info, mask, self.n[0] + self.n[1]);
    }
  for (guint layer = 0; layer < self.info->n_layers; layer++)
    {
      g_free (self.layers[layer].first);
      g_free (self.layers[layer].keys);
    }
  g_free (self.layers);
  g_free (self.sums);
  return table;
}
