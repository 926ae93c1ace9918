/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-attribution"

#include "analysis/moe-attribution.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "tests/support/moe-logits-run.h"

static MoeSession *
make_session (MoeModel *model,
              MoeMask  *mask)
{
  const MoeSessionOptions options = { .context = 128, .cache = MOE_CACHE_F32, .kernels = MOE_KERNELS_PLAIN,
                                      .threads = 1 };
  g_autoptr(GError) error = NULL;
  MoeSession *session = moe_session_new (model, &options, &error);

  g_assert_no_error (error);
  g_assert_true (moe_session_set_mask (session, mask, &error));
  return session;
}

/* The sum of the parts is the logit, and the experts of every layer are those that were chosen: k of them. */
static void
check_sum (MoeModel            *model,
           const MoeCheckpoint *checkpoint,
           gint32               token,
           gint32               against)
{
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  g_autoptr(MoeSession) session = make_session (model, NULL);
  g_autoptr(MoeAttribution) attribution = NULL;
  g_autoptr(GError) error = NULL;
  guint counts[MOE_PART_REPLACED + 1] = { 0 };
  double sum = 0;

  attribution = moe_attribution_new (session, tokens, NULL, checkpoint->n_tokens, token, against, 0, NULL,
                                     &error);
  g_assert_no_error (error);
  for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (attribution, i);

      counts[part->part]++;
      sum += part->value;
      g_assert_true (isnan (part->causal));
    }
  g_assert_cmpfloat (sum, ==, moe_attribution_get_sum (attribution));
  g_assert_cmpfloat (fabs (sum - moe_attribution_get_logit (attribution)), <, 1e-3);
  g_assert_cmpuint (counts[MOE_PART_EMBEDDING], ==, 1);
  g_assert_cmpuint (counts[MOE_PART_ATTENTION], ==, info->n_layers);
  g_assert_cmpuint (counts[MOE_PART_EXPERT], ==, info->n_moe_layers * info->n_used);
  g_assert_cmpuint (counts[MOE_PART_SHARED], ==, info->n_shared > 0 ? info->n_moe_layers : 0);
  g_assert_cmpuint (counts[MOE_PART_DENSE], ==, info->n_layers - info->n_moe_layers);
}

static void
test_sum (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = data;
  MoeModel *model = moe_logits_run_open (checkpoint);

  check_sum (model, checkpoint, 7, -1);
  check_sum (model, checkpoint, 300, -1);
  check_sum (model, checkpoint, 7, 300);
  moe_logits_run_close (model);
}

/* Where parts do not add up, nothing is said of them. */
static void
test_no_sum (gconstpointer data)
{
  MoeModel *model = moe_logits_run_open (data);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (data);
  g_autoptr(MoeSession) session = make_session (model, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (moe_attribution_new (session, tokens, NULL, 4, 7, -1, 0, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "gemma4"));
  g_clear_pointer (&session, moe_session_free);
  moe_logits_run_close (model);
}

static MoeMask *
silence (int    layer,
         int    expert,
         guint  from)
{
  const MoeIntervention off = { .layer = layer, .expert = expert, .action = MOE_ACTION_DISABLE,
                                .mode = MOE_MODE_ZERO, .from_token = from };

  return moe_mask_new (&off, 1);
}

/* The causal effect is what a whole run without the expert at that token shows. */
static void
test_causal (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("qwen2moe-f32");
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  guint n = checkpoint->n_tokens, n_measured = 0;
  g_autoptr(MoeSession) session = make_session (model, NULL), other = make_session (model, NULL);
  g_autoptr(MoeAttribution) attribution = NULL;
  g_autoptr(GError) error = NULL;
  double smallest = INFINITY;

  attribution = moe_attribution_new (session, tokens, NULL, n, 7, 300, 4, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (attribution, i);
      g_autoptr(MoeMask) mask = NULL;
      const float *logits;

      if (isnan (part->causal))
        continue;
      n_measured++;
      smallest = MIN (smallest, fabs (part->value));
      mask = silence (part->layer, part->expert, n - 1);
      g_assert_true (moe_session_set_mask (other, mask, NULL));
      moe_session_rewind (other, 0);
      g_assert_true (moe_session_feed (other, tokens, NULL, n, NULL, NULL));
      logits = moe_session_get_logits (other);
      g_assert_cmpfloat (part->causal, ==,
                         moe_attribution_get_logit (attribution) - ((double) logits[7] - logits[300]));
      g_assert_cmpfloat (part->causal, !=, 0);
    }
  g_assert_cmpuint (n_measured, ==, 4);
  /* Those with the largest values were measured. */
  for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (attribution, i);

      if ((part->part == MOE_PART_EXPERT || part->part == MOE_PART_SHARED) && isnan (part->causal))
        g_assert_cmpfloat (fabs (part->value), <=, smallest);
    }
  g_assert_null (moe_session_get_mask (session));
  moe_logits_run_close (model);
}

/* Under a mask it is the masked run that is attributed: what stands in the place of an expert is a part. */
static void
test_masked (void)
{
  static const MoeMode modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO, MOE_MODE_COPY };
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("olmoe-f32");
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  int expert = -1;

  {
    g_autoptr(MoeSession) session = make_session (model, NULL);
    g_autoptr(MoeAttribution) plain = NULL;

    plain = moe_attribution_new (session, tokens, NULL, checkpoint->n_tokens, 7, -1, 0, NULL, NULL);
    for (guint i = 0; i < moe_attribution_get_n (plain) && expert < 0; i++)
      expert = moe_attribution_get (plain, i)->layer == 0 && moe_attribution_get (plain, i)->expert >= 0
               ? moe_attribution_get (plain, i)->expert : -1;
  }
  for (guint m = 0; m < G_N_ELEMENTS (modes); m++)
    {
      const MoeIntervention off = { .layer = 0, .expert = expert, .action = MOE_ACTION_DISABLE,
                                    .mode = modes[m] };
      g_autoptr(MoeMask) mask = moe_mask_new (&off, 1);
      g_autoptr(MoeSession) session = make_session (model, mask);
      g_autoptr(MoeAttribution) attribution = NULL;
      guint n_experts = 0, n_replaced = 0;
      double sum;

      attribution = moe_attribution_new (session, tokens, NULL, checkpoint->n_tokens, 7, -1, 0, NULL, NULL);
      sum = moe_attribution_get_sum (attribution);
      g_assert_cmpfloat (fabs (sum - moe_attribution_get_logit (attribution)), <, 1e-3);
      for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
        {
          const MoeAttributionPart *part = moe_attribution_get (attribution, i);

          n_replaced += part->part == MOE_PART_REPLACED && fabs (part->value) > 1e-4;
          n_experts += part->part == MOE_PART_EXPERT && part->layer == 0;
          g_assert_false (part->part == MOE_PART_EXPERT && part->layer == 0 && part->expert == expert);
        }
      g_assert_cmpuint (n_experts, ==, checkpoint->n_used - (modes[m] == MOE_MODE_REFILL ? 0 : 1));
      g_assert_cmpuint (n_replaced, ==, modes[m] == MOE_MODE_COPY ? 1 : 0);
    }
  moe_logits_run_close (model);
}

static void
test_mask (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("qwen3moe-f32");
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  g_autoptr(MoeSession) session = make_session (model, NULL);
  g_autoptr(MoeAttribution) attribution = NULL;
  g_autoptr(MoeMask) mask = NULL, all = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GError) error = NULL;
  guint n_positive = 0;

  attribution = moe_attribution_new (session, tokens, NULL, checkpoint->n_tokens, 7, -1, 0, NULL, &error);
  g_assert_no_error (error);
  mask = moe_attribution_make_mask (attribution, 1, MOE_MODE_DROP, MOE_SCOPE_BOTH);
  all = moe_attribution_make_mask (attribution, 1000, MOE_MODE_ZERO, MOE_SCOPE_ANSWER);
  for (guint i = 0; i < moe_attribution_get_n (attribution); i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (attribution, i);

      if (part->part != MOE_PART_EXPERT || part->value <= 0)
        continue;
      n_positive++;
      g_assert_cmpint (moe_mask_find (all, part->layer, part->expert, MOE_ACTION_DISABLE), >=, 0);
      for (guint j = 0; j < moe_attribution_get_n (attribution); j++)
        {
          const MoeAttributionPart *first = moe_attribution_get (attribution, j);

          if (moe_mask_find (mask, first->layer, first->expert, MOE_ACTION_DISABLE) >= 0)
            g_assert_cmpfloat (first->value, >=, part->value);
        }
    }
  g_assert_cmpuint (moe_mask_get_n (mask), ==, 1);
  g_assert_cmpuint (moe_mask_get_n (all), ==, n_positive);

  table = moe_attribution_to_table (attribution);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, moe_attribution_get_n (attribution));
  g_assert_true (moe_table_is_missing (table, 0, 0));
  g_assert_cmpstr (moe_table_get_text (table, 0, 1), ==, "embedding");
  g_assert_true (moe_table_is_missing (table, 1, 2));
  g_assert_true (moe_table_is_missing (table, 2, 4));

  g_clear_pointer (&attribution, moe_attribution_free);
  attribution = moe_attribution_new (session, tokens, NULL, checkpoint->n_tokens, 7, 1 << 20, 0, NULL,
                                     &error);
  g_assert_null (attribution);
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  moe_logits_run_close (model);
}

int
main (int    argc,
      char **argv)
{
  const MoeCheckpoint *checkpoints;
  guint n;

  g_test_init (&argc, &argv, NULL);
  checkpoints = moe_checkpoint_list (&n);
  for (guint i = 0; i < n; i++)
    if (g_str_has_suffix (checkpoints[i].name, "-f32") || g_str_has_suffix (checkpoints[i].name, "-q8_0"))
      {
        g_autofree char *name = g_strdup_printf ("/attribution/sum/%s", checkpoints[i].name);

        gboolean additive = !g_str_has_prefix (checkpoints[i].architecture, "gemma4");

        g_test_add_data_func (name, &checkpoints[i], additive ? test_sum : test_no_sum);
      }
  g_test_add_func ("/attribution/causal", test_causal);
  g_test_add_func ("/attribution/masked", test_masked);
  g_test_add_func ("/attribution/mask", test_mask);
  return g_test_run ();
}
