/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-router-scores"

#include "analysis/moe-router-scores.h"

#include "analysis/moe-report.h"

/* Of one expert over the first tokens, or over the others. */
typedef struct
{
  double score, logit;
  gint64 n_chosen;
} Sums;

typedef struct
{
  const MoeModelInfo *info;
  Sums               *sums;     /* (M, E, 2): first tokens, others */
  gint64              n[2];     /* tokens */
} Scores;

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  Scores *self = user_data;

  for (guint i = 0; i < batch->n; i++)
    self->n[batch->first + i > 0]++;
}

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Scores *self = user_data;
  gsize n_experts = event->n_experts;
  Sums *sums = self->sums + (gsize) moe_model_info_find_moe_layer (self->info, layer) * n_experts * 2;

  for (guint i = 0; i < batch->n; i++)
    {
      guint other = batch->first + i > 0;

      for (gsize e = 0; e < n_experts; e++)
        {
          sums[2 * e + other].score += event->probs[i * n_experts + e];
          sums[2 * e + other].logit += event->logits[i * n_experts + e];
        }
      for (guint slot = 0; slot < event->k; slot++)
        {
          guint expert = event->chosen[(gsize) i * event->k + slot];

          if (expert != MOE_NO_EXPERT)
            sums[2 * expert + other].n_chosen++;
        }
    }
}

static MoeTable *
make_table (const Scores *self)
{
  static const char *const names[] = {
    "score_first", "score_other", "logit_first", "logit_other", "share_first", "share_other",
  };
  MoeTable *table = moe_table_new ("Router Scores");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    moe_table_add_column (table, names[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);

  for (guint m = 0; m < self->info->n_moe_layers; m++)
    {
      for (guint e = 0; e < self->info->n_experts; e++)
        {
          const Sums *sums = self->sums + ((gsize) m * self->info->n_experts + e) * 2;
          guint row = moe_table_append_row (table);

          moe_table_set_int (table, row, 0, self->info->moe_layers[m]);
          moe_table_set_int (table, row, 1, e);
          for (guint other = 0; other < 2; other++)
            {
              double n = (double) self->n[other];

              if (self->n[other] == 0)
                continue;
              moe_table_set_double (table, row, 2 + other, sums[other].score / n);
              moe_table_set_double (table, row, 4 + other, sums[other].logit / n);
              moe_table_set_double (table, row, 6 + other, (double) sums[other].n_chosen / n);
            }
        }
    }
  return table;
}

MoeTable *
moe_router_scores_report (MoeSession         *session,
                          GPtrArray          *prompts,
                          MoeMask            *mask,
                          const MoeProgress  *progress,
                          GError            **error)
{
  static const MoeProbe probe = { .batch = on_batch, .router = on_router };
  g_autofree Sums *sums = NULL;
  Scores scores;
  MoeTable *table;

  g_return_val_if_fail (session != NULL && prompts != NULL, NULL);

  scores = (Scores) { moe_model_get_info (moe_session_get_model (session)), NULL, { 0, 0 } };
  scores.sums = sums = g_new0 (Sums, (gsize) scores.info->n_moe_layers * scores.info->n_experts * 2);
  if (!moe_masked_run_watch (session, prompts, mask, &probe, &scores, progress, error))
    return NULL;
  table = make_table (&scores);
  moe_report_add_run (table, scores.info, mask, scores.n[0] + scores.n[1]);
  return table;
}
