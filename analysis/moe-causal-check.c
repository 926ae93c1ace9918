/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-causal-check"

#include "analysis/moe-causal-check.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"

typedef struct
{
  MoeCausalKind  kind;
  int            draw;    /* -1 when nothing was drawn */
  GArray        *experts; /* of MoeCausalExpert */
  MoeMaskedRun  *run;
} Condition;

struct _MoeCausalCheck
{
  MoeModelInfo *info;
  MoeMode       mode;
  guint64       seed;
  GPtrArray    *conditions; /* of Condition, the plain one first */
};

const char *
moe_causal_kind_get_name (MoeCausalKind kind)
{
  static const char *const names[] = { "plain", "one", "all", "random", "random-same-layers" };

  g_return_val_if_fail ((guint) kind < G_N_ELEMENTS (names), "");
  return names[kind];
}

static void
condition_free (gpointer data)
{
  Condition *self = data;

  g_array_unref (self->experts);
  moe_masked_run_free (self->run);
  g_free (self);
}

static Condition *
add_condition (MoeCausalCheck *self,
               MoeCausalKind   kind,
               int             draw)
{
  Condition *condition = g_new0 (Condition, 1);

  condition->kind = kind;
  condition->draw = draw;
  condition->experts = g_array_new (FALSE, FALSE, sizeof (MoeCausalExpert));
  g_ptr_array_add (self->conditions, condition);
  return condition;
}

static gboolean
is_same (const MoeCausalExpert *a,
         const MoeCausalExpert *b)
{
  return a->layer == b->layer && a->expert == b->expert;
}

static gboolean
check_candidates (const MoeCausalOptions  *options,
                  const MoeModelInfo      *info,
                  GError                 **error)
{
  if (options->n_experts == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "there are no experts to check");
      return FALSE;
    }
  for (guint i = 0; i < options->n_experts; i++)
    {
      const MoeCausalExpert *expert = &options->experts[i];
      g_autofree char *name = moe_expert_format ((int) expert->layer, expert->expert);
      gboolean there = expert->expert == MOE_EXPERT_SHARED
                       ? info->n_shared > 0 : expert->expert >= 0 && expert->expert < (int) info->n_experts;

      if (!there || moe_model_info_find_moe_layer (info, expert->layer) < 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "the model has no expert %s", name);
          return FALSE;
        }
      for (guint j = 0; j < i; j++)
        {
          if (is_same (expert, &options->experts[j]))
            {
              g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s is named twice", name);
              return FALSE;
            }
        }
    }
  return TRUE;
}

/* Appends an expert to @chosen that is in neither list; of @layer, or of any MoE layer when it is -1. */
static gboolean
draw_expert (const MoeCausalOptions  *options,
             const MoeModelInfo      *info,
             int                      layer,
             GRand                   *random,
             GArray                  *chosen,
             GError                 **error)
{
  g_autoptr(GArray) pool = g_array_new (FALSE, FALSE, sizeof (MoeCausalExpert));

  for (guint m = 0; m < info->n_moe_layers; m++)
    {
      for (guint e = 0; (layer < 0 || info->moe_layers[m] == (guint) layer) && e < info->n_experts; e++)
        {
          MoeCausalExpert expert = { info->moe_layers[m], (int) e };
          gboolean taken = FALSE;

          for (guint i = 0; i < options->n_experts && !taken; i++)
            taken = is_same (&expert, &options->experts[i]);
          for (guint i = 0; i < chosen->len && !taken; i++)
            taken = is_same (&expert, &g_array_index (chosen, MoeCausalExpert, i));
          if (!taken)
            g_array_append_val (pool, expert);
        }
    }
  if (pool->len == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "too few other experts are left to draw random ones from");
      return FALSE;
    }
  g_array_append_val (chosen, g_array_index (pool, MoeCausalExpert,
                                             g_rand_int_range (random, 0, (gint32) pool->len)));
  return TRUE;
}

static gboolean
add_draws (MoeCausalCheck          *self,
           const MoeCausalOptions  *options,
           GError                 **error)
{
  const guint32 seed[2] = { (guint32) options->seed, (guint32) (options->seed >> 32) };
  g_autoptr(GRand) random = g_rand_new_with_seed_array (seed, G_N_ELEMENTS (seed));

  for (guint same = 0; same < 2; same++)
    {
      for (guint draw = 0; draw < options->n_draws; draw++)
        {
          Condition *condition = add_condition (self, same ? MOE_CAUSAL_RANDOM_LAYER : MOE_CAUSAL_RANDOM,
                                                (int) draw);

          for (guint i = 0; i < options->n_experts; i++)
            {
              int layer = same ? (int) options->experts[i].layer : -1;

              if (!draw_expert (options, self->info, layer, random, condition->experts, error))
                return FALSE;
            }
        }
    }
  return TRUE;
}

static MoeMask *
make_mask (const Condition *condition,
           MoeMode          mode)
{
  g_autoptr(GArray) interventions = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));

  for (guint i = 0; i < condition->experts->len; i++)
    {
      const MoeCausalExpert *expert = &g_array_index (condition->experts, MoeCausalExpert, i);
      MoeIntervention one = { .layer = (int) expert->layer, .expert = expert->expert,
                              .action = MOE_ACTION_DISABLE, .mode = mode, .scope = MOE_SCOPE_BOTH };

      /* Nothing is routed to a shared expert: switching it off has only one meaning. */
      if (expert->expert == MOE_EXPERT_SHARED)
        one.mode = MOE_MODE_ZERO;
      g_array_append_val (interventions, one);
    }
  return moe_mask_new ((const MoeIntervention *) interventions->data, interventions->len);
}

/* One condition's part of the whole work. */
typedef struct
{
  const MoeProgress *whole;
  guint              index, n;
} Part;

static void
report_part (double      fraction,
             const char *what,
             gpointer    user_data)
{
  const Part *part = user_data;
  g_autofree char *text = g_strdup_printf ("condition %u of %u", part->index + 1, part->n);

  if (part->whole->report != NULL)
    part->whole->report ((part->index + fraction) / part->n, text, part->whole->user_data);
}

static gboolean
run_conditions (MoeCausalCheck     *self,
                MoeSession         *session,
                GPtrArray          *prompts,
                const MoeProgress  *progress,
                GError            **error)
{
  for (guint i = 0; i < self->conditions->len; i++)
    {
      Condition *condition = g_ptr_array_index (self->conditions, i);
      g_autoptr(MoeMask) mask = make_mask (condition, self->mode);
      Part part = { progress, i, self->conditions->len };
      const MoeProgress step = { progress != NULL ? progress->cancellable : NULL, report_part, &part };

      condition->run = moe_masked_run_new (session, prompts, mask, progress != NULL ? &step : NULL, error);
      if (condition->run == NULL)
        return FALSE;
    }
  return moe_progress_step (progress, 1, "done", error);
}

MoeCausalCheck *
moe_causal_check_new (MoeSession              *session,
                      GPtrArray               *prompts,
                      const MoeCausalOptions  *options,
                      const MoeProgress       *progress,
                      GError                 **error)
{
  g_autoptr(MoeCausalCheck) self = NULL;
  const MoeModelInfo *info;

  g_return_val_if_fail (session != NULL && prompts != NULL && options != NULL, NULL);
  g_return_val_if_fail (options->mode == MOE_MODE_ZERO || options->mode == MOE_MODE_REFILL
                        || options->mode == MOE_MODE_DROP, NULL);

  info = moe_model_get_info (moe_session_get_model (session));
  if (!check_candidates (options, info, error))
    return NULL;

  self = g_new0 (MoeCausalCheck, 1);
  self->info = moe_model_info_ref ((MoeModelInfo *) info);
  self->mode = options->mode;
  self->seed = options->seed;
  self->conditions = g_ptr_array_new_with_free_func (condition_free);
  add_condition (self, MOE_CAUSAL_PLAIN, -1);
  for (guint i = 0; i < options->n_experts; i++)
    g_array_append_val (add_condition (self, MOE_CAUSAL_ONE, -1)->experts, options->experts[i]);
  if (options->n_experts > 1)
    g_array_append_vals (add_condition (self, MOE_CAUSAL_ALL, -1)->experts, options->experts,
                         options->n_experts);
  if (!add_draws (self, options, error) || !run_conditions (self, session, prompts, progress, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
moe_causal_check_free (MoeCausalCheck *self)
{
  if (self == NULL)
    return;

  g_ptr_array_unref (self->conditions);
  moe_model_info_unref (self->info);
  g_free (self);
}

/* The tables */

static char *
describe_experts (const Condition *condition)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < condition->experts->len; i++)
    {
      const MoeCausalExpert *expert = &g_array_index (condition->experts, MoeCausalExpert, i);
      g_autofree char *one = moe_expert_format ((int) expert->layer, expert->expert);

      g_string_append_printf (text, "%s%s", i > 0 ? "," : "", one);
    }
  return g_string_free (text, FALSE);
}

static MoeTable *
make_table (MoeCausalCheck *self,
            const char     *title,
            gboolean        with_draws)
{
  const Condition *plain = g_ptr_array_index (self->conditions, 0);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, self->seed);
  g_autofree char *tokens = g_strdup_printf ("%" G_GINT64_FORMAT, plain->run->n_tokens);
  g_autofree char *predicted = g_strdup_printf ("%" G_GINT64_FORMAT, plain->run->n_predicted);
  MoeTable *table = moe_table_new (title);

  moe_table_add_column (table, "condition", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  if (with_draws)
    moe_table_add_column (table, "draw", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "experts", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_report_add_model (table, self->info, MOE_PHASES_ALL);
  moe_table_set_provenance (table, "mode", moe_mode_get_name (self->mode));
  moe_table_set_provenance (table, "draw-seed", seed);
  moe_table_set_provenance (table, "tokens", tokens);
  moe_table_set_provenance (table, "tokens-predicted", predicted);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return table;
}

static guint
append_row (MoeTable        *table,
            const Condition *condition)
{
  guint row = moe_table_append_row (table);

  moe_table_set_text (table, row, 0, moe_causal_kind_get_name (condition->kind));
  if (condition->draw >= 0)
    moe_table_set_int (table, row, 1, condition->draw);
  if (condition->experts->len > 0)
    {
      g_autofree char *experts = describe_experts (condition);

      moe_table_set_text (table, row, 2, experts);
    }
  return row;
}

MoeTable *
moe_causal_check_to_table (MoeCausalCheck *self)
{
  const Condition *plain;
  MoeTable *table;

  g_return_val_if_fail (self != NULL, NULL);

  plain = g_ptr_array_index (self->conditions, 0);
  table = make_table (self, "Causal Check", TRUE);
  moe_table_add_column (table, "perplexity", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "sink_share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "max_h", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "decay", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "max_h_layer", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "max_h_channel", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "routings_changed", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);

  for (guint i = 0; i < self->conditions->len; i++)
    {
      const Condition *condition = g_ptr_array_index (self->conditions, i);
      guint row = append_row (table, condition), layer;
      const MoeMassiveLayer *peak = moe_masked_run_get_peak (condition->run, &layer);

      moe_table_set_double (table, row, 3, moe_masked_run_get_perplexity (condition->run));
      moe_table_set_double (table, row, 4, moe_sink_stats_get_share (condition->run->sinks, -1, -1));
      if (peak != NULL)
        {
          moe_table_set_double (table, row, 5, peak->peak);
          moe_table_set_int (table, row, 7, layer);
          moe_table_set_int (table, row, 8, peak->channel);
        }
      if (condition != plain)
        {
          moe_table_set_double (table, row, 6, moe_sink_stats_get_decay (plain->run->sinks,
                                                                         condition->run->sinks, -1, -1));
          moe_table_set_int (table, row, 9, (gint64) condition->run->n_changed);
        }
    }
  return table;
}

MoeTable *
moe_causal_check_to_layers (MoeCausalCheck *self)
{
  const Condition *plain;
  MoeTable *table;

  g_return_val_if_fail (self != NULL, NULL);

  plain = g_ptr_array_index (self->conditions, 0);
  table = make_table (self, "Causal Check by Layer", TRUE);
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "top1", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "median", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "sink_share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "decay", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);

  for (guint i = 0; i < self->conditions->len; i++)
    {
      const Condition *condition = g_ptr_array_index (self->conditions, i);

      for (guint layer = 0; layer < self->info->n_layers; layer++)
        {
          const MoeMassiveLayer *after = moe_massive_activations_get_layer (condition->run->massive, layer);
          guint row = append_row (table, condition);

          moe_table_set_int (table, row, 3, layer);
          if (after->n_prompts > 0)
            {
              moe_table_set_double (table, row, 4, after->top[0]);
              moe_table_set_double (table, row, 5, after->median);
            }
          moe_table_set_double (table, row, 6,
                                moe_sink_stats_get_share (condition->run->sinks, (int) layer, -1));
          if (condition != plain)
            moe_table_set_double (table, row, 7, moe_sink_stats_get_decay (plain->run->sinks,
                                                                           condition->run->sinks,
                                                                           (int) layer, -1));
        }
    }
  return table;
}

typedef struct
{
  guint  layer, head;
  double loss; /* NaN when there is no query */
} Head;

/* The largest loss first, then by number; what is not known last. */
static int
compare_heads (gconstpointer a,
               gconstpointer b)
{
  const Head *x = a, *y = b;

  if (isnan (x->loss) != isnan (y->loss))
    return isnan (x->loss) ? 1 : -1;
  if (x->loss != y->loss && !isnan (x->loss))
    return x->loss > y->loss ? -1 : 1;
  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  return x->head < y->head ? -1 : x->head > y->head;
}

static double
get_loss (const Condition *plain,
          const Condition *condition,
          guint            layer,
          guint            head)
{
  return moe_sink_stats_get_share (plain->run->sinks, (int) layer, (int) head)
         - moe_sink_stats_get_share (condition->run->sinks, (int) layer, (int) head);
}

/* NaN without draws. */
static double
get_control_loss (MoeCausalCheck *self,
                  guint           layer,
                  guint           head)
{
  double largest = NAN;

  for (guint i = 0; i < self->conditions->len; i++)
    {
      const Condition *condition = g_ptr_array_index (self->conditions, i);

      if (condition->draw >= 0)
        largest = fmax (largest, get_loss (g_ptr_array_index (self->conditions, 0), condition, layer, head));
    }
  return largest;
}

static void
add_heads (MoeCausalCheck  *self,
           const Condition *condition,
           MoeTable        *table)
{
  const Condition *plain = g_ptr_array_index (self->conditions, 0);
  const MoeSinkStats *before = plain->run->sinks, *after = condition->run->sinks;
  g_autofree char *experts = describe_experts (condition);
  guint n = self->info->n_layers * self->info->n_heads;
  g_autofree Head *heads = g_new (Head, n);

  for (guint i = 0; i < n; i++)
    {
      guint layer = i / self->info->n_heads, head = i % self->info->n_heads;

      heads[i] = (Head) { layer, head, get_loss (plain, condition, layer, head) };
    }
  qsort (heads, n, sizeof *heads, compare_heads);
  for (guint i = 0; i < n; i++)
    {
      int layer = (int) heads[i].layer, head = (int) heads[i].head;
      guint row = moe_table_append_row (table);

      moe_table_set_text (table, row, 0, moe_causal_kind_get_name (condition->kind));
      moe_table_set_text (table, row, 1, experts);
      moe_table_set_int (table, row, 2, layer);
      moe_table_set_int (table, row, 3, head);
      moe_table_set_double (table, row, 4, moe_sink_stats_get_share (before, layer, head));
      moe_table_set_double (table, row, 5, moe_sink_stats_get_share (after, layer, head));
      moe_table_set_double (table, row, 6, heads[i].loss);
      moe_table_set_double (table, row, 7, moe_sink_stats_get_decay (before, after, layer, head));
      moe_table_set_double (table, row, 8, get_control_loss (self, heads[i].layer, heads[i].head));
    }
}

MoeTable *
moe_causal_check_to_heads (MoeCausalCheck *self)
{
  static const char *const values[] = { "plain_share", "sink_share", "loss", "decay", "control_loss" };
  MoeTable *table;

  g_return_val_if_fail (self != NULL, NULL);

  table = make_table (self, "Causal Check by Head", FALSE);
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "head", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    moe_table_add_column (table, values[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 1; i < self->conditions->len; i++)
    {
      const Condition *condition = g_ptr_array_index (self->conditions, i);

      if (condition->kind == MOE_CAUSAL_ALL)
        add_heads (self, condition, table);
    }
  for (guint i = 1; i < self->conditions->len; i++)
    {
      const Condition *condition = g_ptr_array_index (self->conditions, i);

      if (condition->kind == MOE_CAUSAL_ONE)
        add_heads (self, condition, table);
    }
  return table;
}
