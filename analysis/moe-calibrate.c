/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-calibrate"

#include "analysis/moe-calibrate.h"

#include "analysis/moe-prompt-tokens.h"
#include "data/moe-error.h"

#define MAX_BYTES (4ull << 30)

typedef struct
{
  const MoeModelInfo *info;
  double             *sums;   /* (M, E, width) */
  guint64            *counts; /* (M, E) */
} Sums;

static void
on_vectors (const MoeProbeBatch    *batch,
            guint                   layer,
            const MoeExpertVectors *event,
            gpointer                user_data)
{
  Sums *self = user_data;
  int row = moe_model_info_find_moe_layer (self->info, layer);
  gsize cell = (gsize) row * self->info->n_experts + event->expert;
  double *sum = self->sums + cell * event->width;

  if (row < 0)
    return;
  self->counts[cell] += event->n_rows;
  for (guint r = 0; r < event->n_rows; r++)
    for (guint i = 0; i < event->width; i++)
      sum[i] += (double) event->down[(gsize) r * event->width + i];
}

static MoeExpertMeans *
make_means (const Sums *sums)
{
  const MoeModelInfo *info = sums->info;
  MoeExpertMeans *means = moe_expert_means_new (info->width);
  g_autofree float *mean = g_new (float, info->width);

  for (guint m = 0; m < info->n_moe_layers; m++)
    for (guint e = 0; e < info->n_experts; e++)
      {
        gsize cell = (gsize) m * info->n_experts + e;

        if (sums->counts[cell] == 0)
          continue;
        for (guint i = 0; i < info->width; i++)
          mean[i] = (float) (sums->sums[cell * info->width + i] / (double) sums->counts[cell]);
        moe_expert_means_set (means, (int) info->moe_layers[m], (int) e, mean);
      }
  return means;
}

static gboolean
run_prompts (MoeSession         *session,
             MoePromptSet       *set,
             gboolean            raw,
             const char         *system,
             const MoeProgress  *progress,
             GError            **error)
{
  guint n = moe_prompt_set_get_n (set);

  for (guint i = 0; i < n; i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set, i);
      g_autoptr (MoePromptTokens) tokens = NULL;

      if (!moe_progress_step (progress, (double) i / n, "mean outputs of experts", error))
        return FALSE;
      moe_session_rewind (session, 0);
      tokens = moe_prompt_tokens_new (moe_session_get_model (session), prompt, system, raw, error);
      if (tokens == NULL || !moe_session_feed (session, tokens->tokens->tokens, tokens->tokens->phases,
                                               tokens->tokens->n_tokens,
                                               progress != NULL ? progress->cancellable : NULL, error))
        {
          if (error != NULL && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
            g_prefix_error (error, "%s:%u: ", moe_prompt_set_get_path (set), prompt->line);
          return FALSE;
        }
    }
  return TRUE;
}

MoeExpertMeans *
moe_calibrate_means (MoeModel                 *model,
                     const MoeSessionOptions  *options,
                     MoePromptSet             *set,
                     gboolean                  raw,
                     const char               *system,
                     const MoeProgress        *progress,
                     GError                  **error)
{
  static const MoeProbe probe = { .expert_vectors = on_vectors };
  const MoeModelInfo *info = moe_model_get_info (model);
  guint64 n_cells = (guint64) info->n_moe_layers * info->n_experts;
  g_autoptr (MoeSession) session = NULL;
  g_autofree double *values = NULL;
  g_autofree guint64 *counts = NULL;
  Sums sums = { .info = info };

  g_return_val_if_fail (set != NULL, NULL);

  if (n_cells * info->width > MAX_BYTES / sizeof *values)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "the mean outputs of %" G_GUINT64_FORMAT " experts of %u channels do not fit in memory",
                   n_cells, info->width);
      return NULL;
    }
  session = moe_session_new (model, options, error);
  if (session == NULL)
    return NULL;
  sums.sums = values = g_new0 (double, n_cells * info->width);
  sums.counts = counts = g_new0 (guint64, n_cells);
  moe_session_add_probe (session, &probe, &sums);
  return run_prompts (session, set, raw, system, progress, error) ? make_means (&sums) : NULL;
}

MoeExpertMeans *
moe_calibrate_pick (const MoeExpertMeans *means,
                    const MoeMask        *mask,
                    const MoeModelInfo   *info)
{
  MoeExpertMeans *picked = moe_expert_means_new (moe_expert_means_get_width (means));

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      const MoeIntervention *one = moe_mask_get (mask, i);

      if (one->mode != MOE_MODE_MEAN)
        continue;
      for (guint m = 0; m < info->n_moe_layers; m++)
        for (guint e = 0; e < info->n_experts; e++)
          {
            int layer = (int) info->moe_layers[m];
            const float *mean = moe_expert_means_get (means, layer, (int) e);

            if (mean != NULL && (one->layer == layer || one->layer == MOE_LAYER_ALL) &&
                (one->expert == (int) e || one->expert == MOE_EXPERT_ALL))
              moe_expert_means_set (picked, layer, (int) e, mean);
          }
    }
  return picked;
}
