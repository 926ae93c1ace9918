/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-boundary"

#include "analysis/moe-boundary.h"

#include <math.h>

#include "analysis/moe-masked-run.h"
#include "analysis/moe-report.h"
#include "data/moe-error.h"

#define MAX_VALUES (1u << 28)
/* Logits closer than this may become equal probabilities, of which the lower expert is chosen. */
#define TIE 1e-3f

/* One expert that is looked at. */
typedef struct
{
  guint   layer, expert;
  GArray *pushes; /* of float, a token each */
  guint64 n_before, n_after, n_entered, n_left;
} Watched;

typedef struct
{
  const MoeModelInfo       *info;
  const MoeBoundaryOptions *options;
  GArray                   *watched;  /* of Watched, by layer and expert */
  guint                    *starts;   /* (n_layers + 1) into watched */
  GArray                  **gaps;     /* (n_layers) of float, a token each */
  float                    *biased;   /* (E) */
  float                    *top;      /* (k + 1) */
  guint64                   n_values;
  gboolean                  other_choice, too_many;
} Boundary;

static void
watched_clear (gpointer data)
{
  g_array_unref (((Watched *) data)->pushes);
}

static void
boundary_clear (Boundary *self)
{
  for (guint layer = 0; self->gaps != NULL && layer < self->info->n_layers; layer++)
    g_clear_pointer (&self->gaps[layer], g_array_unref);
  g_clear_pointer (&self->gaps, g_free);
  g_clear_pointer (&self->watched, g_array_unref);
  g_clear_pointer (&self->starts, g_free);
  g_clear_pointer (&self->biased, g_free);
  g_clear_pointer (&self->top, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Boundary, boundary_clear)

static gboolean
names (const MoeIntervention *intervention,
       guint                  layer,
       guint                  expert)
{
  return (intervention->layer == MOE_LAYER_ALL || intervention->layer == (int) layer)
         && (intervention->expert == MOE_EXPERT_ALL || intervention->expert == (int) expert);
}

/* Sum of the biases on an expert for a token at @position, which is no generated one; FALSE without any. */
static gboolean
get_bias (MoeMask *biases,
          guint    layer,
          guint    expert,
          guint    position,
          float   *bias)
{
  gboolean any = FALSE;

  *bias = 0;
  for (guint i = 0; i < moe_mask_get_n (biases); i++)
    {
      const MoeIntervention *intervention = moe_mask_get (biases, i);

      if (!names (intervention, layer, expert))
        continue;
      any = TRUE;
      if (intervention->scope != MOE_SCOPE_ANSWER && position >= intervention->from_token)
        *bias += intervention->value;
    }
  return any;
}

/* The k-th largest logit and the one after it. @top: (k + 1) scratch. */
static void
find_boundary (const float *logits,
               guint        n,
               guint        k,
               float       *top,
               float       *kth,
               float       *next)
{
  for (guint i = 0; i <= k; i++)
    top[i] = -INFINITY;
  for (guint e = 0; e < n; e++)
    {
      guint at = k + 1;

      while (at > 0 && logits[e] > top[at - 1])
        at--;
      for (guint i = k; i > at; i--)
        top[i] = top[i - 1];
      if (at <= k)
        top[at] = logits[e];
    }
  *kth = top[k - 1];
  *next = top[k];
}

static gboolean
is_among (const float *logits,
          guint        n,
          guint        k,
          guint        expert)
{
  guint better = 0;

  for (guint e = 0; e < n; e++)
    better += logits[e] > logits[expert] || (logits[e] == logits[expert] && e < expert) ? 1 : 0;
  return better < k;
}

static void
add_token (Boundary    *self,
           guint        layer,
           guint        position,
           const float *logits,
           guint        n,
           guint        k,
           float        kth,
           float        next)
{
  float gap = kth - next;

  g_array_append_val (self->gaps[layer], gap);
  for (guint e = 0; e < n; e++)
    {
      float bias;

      get_bias (self->options->biases, layer, e, position, &bias);
      self->biased[e] = logits[e] + bias;
    }
  for (guint i = self->starts[layer]; i < self->starts[layer + 1]; i++)
    {
      Watched *watched = &g_array_index (self->watched, Watched, i);
      gboolean before = is_among (logits, n, k, watched->expert);
      gboolean after = is_among (self->biased, n, k, watched->expert);
      float push = (before ? next : kth) - logits[watched->expert];

      g_array_append_val (watched->pushes, push);
      watched->n_before += before ? 1 : 0;
      watched->n_after += after ? 1 : 0;
      watched->n_entered += after && !before ? 1 : 0;
      watched->n_left += before && !after ? 1 : 0;
      self->n_values++;
    }
}

/* Whether the router chose an expert whose logit is not among the largest. */
static gboolean
is_other_choice (const MoeRouterEvent *event,
                 guint                 token,
                 const float          *logits,
                 float                 kth)
{
  for (guint slot = 0; slot < event->k; slot++)
    if (logits[event->chosen[(gsize) token * event->k + slot]] < kth - TIE)
      return TRUE;
  return FALSE;
}

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Boundary *self = user_data;

  for (guint i = 0; i < batch->n && self->starts[layer] < self->starts[layer + 1]; i++)
    {
      const float *logits = event->logits + (gsize) i * event->n_experts;
      float kth, next;

      if ((self->options->phases & MOE_PHASE_BIT (batch->phases[i])) == 0)
        continue;
      self->too_many = self->too_many || self->n_values >= MAX_VALUES;
      if (self->too_many)
        return;
      find_boundary (logits, event->n_experts, event->k, self->top, &kth, &next);
      self->other_choice = self->other_choice || is_other_choice (event, i, logits, kth);
      add_token (self, layer, batch->first + i, logits, event->n_experts, event->k, kth, next);
    }
}

static gboolean
choose_watched (Boundary  *self,
                GError   **error)
{
  const MoeBoundaryOptions *options = self->options;

  for (guint i = 0; i < moe_mask_get_n (options->biases); i++)
    if (moe_mask_get (options->biases, i)->action != MOE_ACTION_BIAS)
      {
        g_autofree char *text = moe_intervention_describe (moe_mask_get (options->biases, i));

        g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s is not a bias, which is all that has a preview",
                     text);
        return FALSE;
      }
  if (options->layer >= 0 && moe_model_info_find_moe_layer (self->info, (guint) options->layer) < 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "layer %d is not an MoE layer", options->layer);
      return FALSE;
    }
  for (guint layer = 0; layer < self->info->n_layers; layer++)
    {
      self->starts[layer] = self->watched->len;
      if (moe_model_info_find_moe_layer (self->info, layer) >= 0
          && (options->layer < 0 || options->layer == (int) layer))
        for (guint e = 0; e < self->info->n_experts; e++)
          {
            Watched watched = { .layer = layer, .expert = e };
            float bias;

            if (moe_mask_get_n (options->biases) > 0 && !get_bias (options->biases, layer, e, 0, &bias))
              continue;
            watched.pushes = g_array_new (FALSE, FALSE, sizeof (float));
            g_array_append_val (self->watched, watched);
          }
    }
  self->starts[self->info->n_layers] = self->watched->len;
  return TRUE;
}

static int
compare_floats (gconstpointer a,
                gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

static double
get_median (GArray *values)
{
  g_array_sort (values, compare_floats);
  return (g_array_index (values, float, (values->len - 1) / 2)
          + g_array_index (values, float, values->len / 2)) / 2.0;
}

static MoeTable *
make_table (Boundary *self)
{
  static const char *const shares[] = { "share", "bias", "share_biased", "entered", "left", "wanted_share",
                                        "push", "median_gap" };
  gboolean biased = moe_mask_get_n (self->options->biases) > 0;
  MoeTable *table = moe_table_new ("Distance to the Chosen Experts");
  double median = 0;

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    moe_table_add_column (table, shares[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "tokens", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);

  for (guint i = 0; i < self->watched->len; i++)
    {
      Watched *watched = &g_array_index (self->watched, Watched, i);
      double n = watched->pushes->len;
      guint wanted = (guint) ceil (self->options->share * n - 1e-9);
      guint row = moe_table_append_row (table);
      float bias;

      if (i == 0 || watched->layer != g_array_index (self->watched, Watched, i - 1).layer)
        median = get_median (self->gaps[watched->layer]);
      g_array_sort (watched->pushes, compare_floats);
      moe_table_set_int (table, row, 0, watched->layer);
      moe_table_set_int (table, row, 1, watched->expert);
      moe_table_set_double (table, row, 2, (double) watched->n_before / n);
      if (biased)
        {
          get_bias (self->options->biases, watched->layer, watched->expert, G_MAXUINT, &bias);
          moe_table_set_double (table, row, 3, (double) bias);
          moe_table_set_double (table, row, 4, (double) watched->n_after / n);
          moe_table_set_double (table, row, 5, (double) watched->n_entered / n);
          moe_table_set_double (table, row, 6, (double) watched->n_left / n);
        }
      moe_table_set_double (table, row, 7, self->options->share);
      moe_table_set_double (table, row, 8,
                            (double) g_array_index (watched->pushes, float, MAX (wanted, 1) - 1));
      moe_table_set_double (table, row, 9, median);
      moe_table_set_int (table, row, 10, watched->pushes->len);
    }
  return table;
}

static gboolean
check_run (gboolean  too_many,
           gboolean  other_choice,
           guint64   n_values,
           GError  **error)
{
  if (too_many)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_LIMIT,
                         "there are more than 2^28 router logits to keep; take fewer prompts or one layer");
  else if (other_choice)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                         "its routers choose by more than their logits (a selection bias or groups of "
                         "experts), for which there is no preview");
  else if (n_values == 0)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "there are no tokens of these phases");
  else
    return TRUE;
  return FALSE;
}

MoeTable *
moe_boundary_report (MoeSession                *session,
                     GPtrArray                 *prompts,
                     const MoeBoundaryOptions  *options,
                     const MoeProgress         *progress,
                     GError                   **error)
{
  static const MoeProbe probe = { .router = on_router };
  g_auto(Boundary) self = { NULL };
  MoeTable *table;

  g_return_val_if_fail (session != NULL && prompts != NULL, NULL);
  g_return_val_if_fail (options->share > 0 && options->share <= 1, NULL);

  self.info = moe_model_get_info (moe_session_get_model (session));
  self.options = options;
  self.watched = g_array_new (FALSE, FALSE, sizeof (Watched));
  g_array_set_clear_func (self.watched, watched_clear);
  self.starts = g_new0 (guint, self.info->n_layers + 1);
  self.biased = g_new (float, self.info->n_experts);
  self.top = g_new (float, self.info->n_used + 1);
  self.gaps = g_new0 (GArray *, self.info->n_layers);
  for (guint layer = 0; layer < self.info->n_layers; layer++)
    self.gaps[layer] = g_array_new (FALSE, FALSE, sizeof (float));

  if (!choose_watched (&self, error)
      || !moe_masked_run_watch (session, prompts, NULL, &probe, &self, progress, error))
    return NULL;
  if (!check_run (self.too_many, self.other_choice, self.n_values, error))
    return NULL;
  table = make_table (&self);
  moe_report_add_run (table, self.info, NULL, g_array_index (self.watched, Watched, 0).pushes->len);
  return table;
}

/* --- one layer ---------------------------------------------------------------------------------------- */

typedef struct
{
  guint    layer;
  GArray  *pushes; /* of float */
  GArray  *phases; /* of MoePhase */
  float   *top;    /* (k + 1) */
  gboolean other_choice, too_many;
} OneLayer;

static void
on_one_router (const MoeProbeBatch  *batch,
               guint                 layer,
               const MoeRouterEvent *event,
               gpointer              user_data)
{
  OneLayer *self = user_data;

  for (guint i = 0; layer == self->layer && i < batch->n; i++)
    {
      const float *logits = event->logits + (gsize) i * event->n_experts;
      float kth, next;

      self->too_many = self->too_many || self->pushes->len >= MAX_VALUES;
      if (self->too_many)
        return;
      find_boundary (logits, event->n_experts, event->k, self->top, &kth, &next);
      self->other_choice = self->other_choice || is_other_choice (event, i, logits, kth);
      for (guint e = 0; e < event->n_experts; e++)
        {
          float push = (is_among (logits, event->n_experts, event->k, e) ? next : kth) - logits[e];

          g_array_append_val (self->pushes, push);
        }
      g_array_append_val (self->phases, batch->phases[i]);
    }
}

MoeBoundaryLayer *
moe_boundary_layer_new (MoeSession         *session,
                        GPtrArray          *prompts,
                        guint               layer,
                        const MoeProgress  *progress,
                        GError            **error)
{
  static const MoeProbe probe = { .router = on_one_router };
  const MoeModelInfo *info;
  g_autoptr(GArray) pushes = g_array_new (FALSE, FALSE, sizeof (float));
  g_autoptr(GArray) phases = g_array_new (FALSE, FALSE, sizeof (MoePhase));
  g_autofree float *top = NULL;
  MoeBoundaryLayer *self;
  OneLayer run;

  g_return_val_if_fail (session != NULL && prompts != NULL, NULL);

  info = moe_model_get_info (moe_session_get_model (session));
  g_return_val_if_fail (moe_model_info_find_moe_layer (info, layer) >= 0, NULL);
  top = g_new (float, info->n_used + 1);
  run = (OneLayer) { layer, pushes, phases, top, FALSE, FALSE };
  if (!moe_masked_run_watch (session, prompts, NULL, &probe, &run, progress, error)
      || !check_run (run.too_many, run.other_choice, pushes->len, error))
    return NULL;
  self = g_new (MoeBoundaryLayer, 1);
  *self = (MoeBoundaryLayer) { .layer = layer, .n_experts = info->n_experts, .n_tokens = phases->len };
  self->pushes = (float *) (gpointer) g_array_free (g_steal_pointer (&pushes), FALSE);
  self->phases = (MoePhase *) (gpointer) g_array_free (g_steal_pointer (&phases), FALSE);
  return self;
}

void
moe_boundary_layer_free (MoeBoundaryLayer *self)
{
  if (self == NULL)
    return;
  g_free (self->pushes);
  g_free (self->phases);
  g_free (self);
}

void
moe_boundary_layer_preview (const MoeBoundaryLayer *self,
                            guint                   expert,
                            float                   bias,
                            guint                   phases,
                            MoeBoundaryPreview     *preview)
{
  g_autoptr(GArray) sorted = g_array_new (FALSE, FALSE, sizeof (float));

  g_return_if_fail (self != NULL && expert < self->n_experts && preview != NULL);

  *preview = (MoeBoundaryPreview) { .half = NAN };
  for (guint token = 0; token < self->n_tokens; token++)
    {
      float push = self->pushes[(gsize) token * self->n_experts + expert];

      if ((phases & MOE_PHASE_BIT (self->phases[token])) == 0)
        continue;
      g_array_append_val (sorted, push);
      preview->n_tokens++;
      preview->n_before += push < 0 ? 1 : 0;
      preview->n_after += push < bias ? 1 : 0;
    }
  if (sorted->len == 0)
    return;
  g_array_sort (sorted, compare_floats);
  preview->half = g_array_index (sorted, float, (sorted->len + 1) / 2 - 1);
}
