/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include <math.h>
#include <string.h>

#include "analysis/moe-contrast-private.h"
#include "data/moe-error.h"

/* A run of the prompts that make r, then one of those that are measured with it. */
typedef struct
{
  MoeContrastCounts *counts;
  MoeSession        *session;
  MoeProbe           probe;
  gboolean          *chosen;    /* (n_chosen) of the present prompt's tokens that are known beforehand */
  gsize              n_chosen;
  guint              n_taken;   /* tokens of the present prompt in the span, so far */
  gboolean          *batch;     /* (its tokens) those of the present micro-batch in the span */
  double            *sums;      /* (M, width) of the present prompt's residual stream over the span */
  double            *means[2];  /* (M, width) of each side: sums over prompts of their means */
  double            *direction; /* (M, width) r */
  MoeContrastPrompt *prompt;    /* that is measured */
  MoeContrastSide    side;
} Projector;

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  Projector *self = user_data;

  self->batch = g_renew (gboolean, self->batch, batch->n);
  for (guint i = 0; i < batch->n; i++)
    {
      gsize position = (gsize) batch->first + i;

      self->batch[i] = position < self->n_chosen
                       ? self->chosen[position]
                       : moe_span_takes_next (&self->counts->span, self->n_taken, batch->phases[i]);
      self->n_taken += self->batch[i] ? 1 : 0;
    }
}

static void
on_residual (const MoeProbeBatch *batch,
             guint                layer,
             MoeResidualPoint     point,
             guint                width,
             const float         *x,
             gpointer             user_data)
{
  Projector *self = user_data;
  int at = moe_model_info_find_moe_layer (self->counts->info, layer);

  if (point != MOE_RESIDUAL_POST || at < 0)
    return;
  for (guint i = 0; i < batch->n; i++)
    for (guint c = 0; c < width && self->batch[i]; c++)
      self->sums[(gsize) at * width + c] += x[(gsize) i * width + c];
}

static void
on_vectors (const MoeProbeBatch    *batch,
            guint                   layer,
            const MoeExpertVectors *event,
            gpointer                user_data)
{
  Projector *self = user_data;
  gsize at = (gsize) moe_model_info_find_moe_layer (self->counts->info, layer);
  const double *r = self->direction + at * event->width;

  for (guint row = 0; row < event->n_rows; row++)
    {
      const float *down = event->down + (gsize) row * event->width;
      double dot = 0;

      if (!self->batch[event->rows[row]])
        continue;
      for (guint c = 0; c < event->width; c++)
        dot += down[c] * r[c];
      self->prompt->projections[at * self->counts->info->n_experts + event->expert] += dot;
    }
}

static gsize
get_n_values (const Projector *self)
{
  return (gsize) self->counts->info->n_moe_layers * self->counts->info->width;
}

/* The counts of the prompt with that key and side; NULL when it was left out. */
static MoeContrastPrompt *
find_counts (const Projector *self,
             const char      *key)
{
  for (guint i = 0; i < self->counts->prompts->len; i++)
    {
      MoeContrastPrompt *prompt = self->counts->prompts->pdata[i];

      if (prompt->side == self->side && g_str_equal (prompt->key, key) && prompt->projections == NULL)
        return prompt;
    }
  return NULL;
}

static gboolean
on_begin (const MoePromptRun *run,
          gpointer            user_data,
          GError            **error)
{
  Projector *self = user_data;
  const MoePromptTokens *tokens = run->tokens;

  self->n_chosen = tokens->tokens->n_tokens;
  self->chosen = g_renew (gboolean, self->chosen, self->n_chosen);
  moe_span_select (&self->counts->span, tokens->tokens->phases, self->n_chosen, tokens->target_first,
                   tokens->target_end, self->chosen);
  self->n_taken = 0;
  if (self->direction == NULL)
    {
      memset (self->sums, 0, get_n_values (self) * sizeof *self->sums);
    }
  else
    {
      const MoeModelInfo *info = self->counts->info;
      g_autofree char *key = moe_contrast_make_key (run->prompt);

      self->prompt = find_counts (self, key);
      g_return_val_if_fail (self->prompt != NULL, TRUE);
      self->prompt->projections = g_new0 (double, (gsize) info->n_moe_layers * info->n_experts);
    }
  return TRUE;
}

static gboolean
on_end (const MoePromptRun *run,
        gpointer            user_data,
        GError            **error)
{
  Projector *self = user_data;
  gsize n = get_n_values (self);

  for (gsize i = 0; self->direction == NULL && self->n_taken > 0 && i < n; i++)
    self->means[self->side][i] += self->sums[i] / self->n_taken;
  return TRUE;
}

/* The prompts of @set that were counted, by key, every second one: from number 0 those that make r, from 1
 * the measured ones. */
static MoePromptSet *
pick_half (const Projector *self,
           MoePromptSet    *set,
           guint            first)
{
  g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GArray) indices = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr(GPtrArray) counted = moe_contrast_sort_prompts (self->counts);
  g_autoptr(GHashTable) where = g_hash_table_new (g_str_hash, g_str_equal);
  guint number = 0;

  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    {
      g_ptr_array_add (keys, moe_contrast_make_key (moe_prompt_set_get (set, i)));
      g_hash_table_insert (where, keys->pdata[i], GUINT_TO_POINTER (i));
    }
  for (guint i = 0; i < counted->len; i++)
    {
      const MoeContrastPrompt *prompt = counted->pdata[i];
      guint index;

      if (prompt->side != self->side || number++ % 2 != first
          || !g_hash_table_lookup_extended (where, prompt->key, NULL, NULL))
        continue;
      index = GPOINTER_TO_UINT (g_hash_table_lookup (where, prompt->key));
      g_array_append_val (indices, index);
    }
  return moe_prompt_set_pick (set, (const guint *) (gpointer) indices->data, indices->len);
}

static gboolean
run_half (Projector                  *self,
          MoePromptSet               *a,
          MoePromptSet               *b,
          guint                       first,
          const MoePromptRunOptions  *options,
          const MoeProgress          *progress,
          GError                    **error)
{
  static const MoePromptRunFuncs funcs = { on_begin, NULL, on_end };
  MoePromptSet * const sets[] = { a, b };

  for (guint side = 0; side < 2; side++)
    {
      g_autoptr(MoePromptSet) half = NULL;
      MoeProgressPart part;
      double from = first / 2.0 + side / 4.0;

      self->side = (MoeContrastSide) side;
      half = pick_half (self, sets[side], first);
      if (moe_prompt_set_get_n (half) == 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       "set %s needs two prompts, one to make a direction and one to measure",
                       side == 0 ? "A" : "B");
          return FALSE;
        }
      if (!moe_prompt_runner_run (self->session, half, 0, options, NULL, &funcs, self,
                                  moe_progress_part_init (&part, progress, from, from + 0.25), error))
        return FALSE;
      for (gsize i = 0; first == 0 && i < get_n_values (self); i++)
        self->means[side][i] /= moe_prompt_set_get_n (half);
    }
  return TRUE;
}

static void
make_direction (Projector *self)
{
  guint width = self->counts->info->width;

  self->direction = g_new (double, get_n_values (self));
  for (guint layer = 0; layer < self->counts->info->n_moe_layers; layer++)
    {
      double *r = self->direction + (gsize) layer * width, sum = 0;

      for (guint c = 0; c < width; c++)
        {
          r[c] = self->means[0][(gsize) layer * width + c] - self->means[1][(gsize) layer * width + c];
          sum += r[c] * r[c];
        }
      for (guint c = 0; c < width && sum > 0; c++)
        r[c] /= sqrt (sum);
    }
}

gboolean
moe_contrast_counts_project (MoeContrastCounts         *self,
                             MoeSession                *session,
                             MoePromptSet              *a,
                             MoePromptSet              *b,
                             const MoePromptRunOptions *options,
                             const MoeProgress         *progress,
                             GError                   **error)
{
  Projector *projector = g_new0 (Projector, 1);
  gsize n;
  gboolean done;

  projector->counts = self;
  projector->session = session;
  n = get_n_values (projector);
  projector->sums = g_new0 (double, n);
  for (guint side = 0; side < 2; side++)
    projector->means[side] = g_new0 (double, n);
  for (guint i = 0; i < self->prompts->len; i++)
    g_clear_pointer (&((MoeContrastPrompt *) self->prompts->pdata[i])->projections, g_free);

  projector->probe = (MoeProbe) { .batch = on_batch, .residual = on_residual };
  moe_session_add_probe (session, &projector->probe, projector);
  done = run_half (projector, a, b, 0, options, progress, error);
  moe_session_remove_probe (session, &projector->probe, projector);
  if (done)
    {
      make_direction (projector);
      projector->probe = (MoeProbe) { .batch = on_batch, .expert_vectors = on_vectors };
      moe_session_add_probe (session, &projector->probe, projector);
      done = run_half (projector, a, b, 1, options, progress, error);
      moe_session_remove_probe (session, &projector->probe, projector);
    }
  self->projected = done;

  g_free (projector->chosen);
  g_free (projector->batch);
  g_free (projector->sums);
  for (guint side = 0; side < 2; side++)
    g_free (projector->means[side]);
  g_free (projector->direction);
  g_free (projector);
  return done;
}
