/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-hf-deepseek"

/* What folders of DeepSeek's models say and no GGUF file can. */

#include <math.h>
#include <string.h>

#include "probes/moe-session.h"
#include "tests/support/moe-hf-pair.h"
#include "tests/support/moe-hf-twin.h"
#include "tests/support/moe-logits-run.h"

/* Of the checkpoints. */
#define KV_RANK 32
#define FACTOR 4
#define N_EXPERTS 8
#define N_GROUPS 4
#define N_GROUPS_USED 1
#define N_USED 2

static const MoeHfCase v3 = { "deepseek2-f32", MOE_TYPE_F32, 1 };
static const MoeHfCase v2 = { "deepseek2-lite-q8_0", MOE_TYPE_F32, 1 };

static MoeModel *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  MoeModel *model = moe_model_open (path, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return model;
}

/* The logits of the model at @path after each of the checkpoint's tokens, and their number. */
static float *
run_model (const char      *path,
           const MoeHfCase *this,
           gsize           *n)
{
  MoeCheckpoint checkpoint = moe_hf_pair_get_checkpoint (this);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (&checkpoint);
  MoeLogitsRun run = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32 };
  MoeModel *model = open_model (path);
  float *logits = moe_logits_run (model, &run, tokens, checkpoint.n_tokens, NULL, NULL);

  *n = (gsize) checkpoint.n_tokens * moe_model_get_info (model)->vocabulary;
  moe_model_unref (model);
  return logits;
}

static float
get_largest_difference (const float *a,
                        const float *b,
                        gsize        n)
{
  float largest = 0;

  for (gsize i = 0; i < n; i++)
    largest = MAX (largest, fabsf (a[i] - b[i]));
  return largest;
}

/* Multiplies what is rotated of the keys by *@factor. */
static void
scale_rotated_keys (const char *name,
                    float      *x,
                    gsize       n,
                    gpointer    factor)
{
  gsize n_in = n / (KV_RANK + 16);

  if (!g_str_has_suffix (name, ".attn_kv_a_mqa.weight"))
    return;
  for (gsize i = KV_RANK * n_in; i < n; i++)
    x[i] *= *(const float *) factor;
}

static double
get_temperature (double multiplier)
{
  return 0.1 * multiplier * log (FACTOR) + 1;
}

/* Cosines and sines times r are rotated queries and keys times r, so scores' rotated part times r^2, as if
 * the rotated keys had been stored times r^2. The multiplier of the scores stays, as the file has it. */
static void
test_angles (void)
{
  MoeCheckpoint checkpoint = moe_hf_pair_get_checkpoint (&v3);
  g_auto (MoeHfPair) pair = { NULL };
  g_autoptr (MoeGguf) gguf = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *plain = NULL, *folder = NULL, *scaled = NULL;
  float of_scores = 0, factor = 0;
  gsize n;

  moe_hf_pair_make (&pair, &v3);
  gguf = moe_gguf_open (pair.gguf, &error);
  g_assert_no_error (error);
  g_assert_true (moe_gguf_get_float (gguf, "deepseek2.rope.scaling.yarn_log_multiplier", &of_scores, NULL));
  g_assert_true (moe_gguf_get_float (gguf, "deepseek2.rope.scaling.factor", &factor, NULL));
  g_assert_cmpfloat (factor, ==, FACTOR);
  of_scores *= 10;
  plain = run_model (pair.gguf, &v3, &n);

  moe_hf_pair_replace (pair.folder, "config.json", "\"mscale\": ", "\"mscale\": 2.5, \"was\": ");
  folder = run_model (pair.folder, &v3, &n);
  g_assert_cmpfloat (get_largest_difference (folder, plain, n), >, 0.01f);

  factor = (float) pow (get_temperature (2.5) / get_temperature ((double) of_scores), 2);
  moe_checkpoint_write_edited (&checkpoint, scale_rotated_keys, &factor, pair.gguf, &error);
  g_assert_no_error (error);
  scaled = run_model (pair.gguf, &v3, &n);
  g_assert_cmpfloat (get_largest_difference (folder, scaled, n), <, 1e-4f);
}

/* No multipliers at all are mscale 1 and mscale_all_dim 0. */
static void
test_missing (void)
{
  g_auto (MoeHfPair) pair = { NULL };
  g_autofree float *both = NULL, *none = NULL, *first = NULL;
  gsize n;

  moe_hf_pair_make (&pair, &v3);
  moe_hf_pair_replace (pair.folder, "config.json", "\"mscale\": ", "\"mscale\": 1, \"was\": ");
  moe_hf_pair_replace (pair.folder, "config.json", "\"mscale_all_dim\": ",
                       "\"mscale_all_dim\": 0.0000001, \"also\": ");
  both = run_model (pair.folder, &v3, &n);
  moe_hf_pair_replace (pair.folder, "config.json", "\"mscale_all_dim\": ", "\"mscale_all\": ");
  first = run_model (pair.folder, &v3, &n);
  moe_hf_pair_replace (pair.folder, "config.json", "\"mscale\": ", "\"scale\": ");
  none = run_model (pair.folder, &v3, &n);
  g_assert_cmpfloat (get_largest_difference (both, none, n), <, 1e-4f);
  g_assert_cmpfloat (get_largest_difference (first, none, n), ==, 0);
}

/* transformers' route_tokens_to_experts() for "group_limited_greedy", from the router's logits; and how many
 * tokens would have gone elsewhere without groups, or with groups by the sum of their two best. */
typedef struct
{
  guint n_tokens, n_moved, n_moved_by_sums;
} Routes;

static void
choose (const double *scores,
        const double *of_groups,
        guint         chosen[N_USED])
{
  double left[N_EXPERTS];

  for (guint e = 0; e < N_EXPERTS; e++)
    {
      guint group = e / (N_EXPERTS / N_GROUPS), better = 0;

      for (guint g = 0; g < N_GROUPS; g++)
        better += of_groups[g] > of_groups[group];
      left[e] = better < N_GROUPS_USED ? scores[e] : 0;
    }
  for (guint i = 0; i < N_USED; i++)
    {
      chosen[i] = 0;
      for (guint e = 1; e < N_EXPERTS; e++)
        if (left[e] > left[chosen[i]])
          chosen[i] = e;
      left[chosen[i]] = -1;
    }
}

static void
check_router (const MoeProbeBatch  *batch,
              guint                 layer,
              const MoeRouterEvent *event,
              gpointer              user_data)
{
  Routes *routes = user_data;

  g_assert_cmpuint (event->n_experts, ==, N_EXPERTS);
  for (guint t = 0; t < batch->n; t++)
    {
      const float *logits = event->logits + (gsize) t * N_EXPERTS;
      double best[N_GROUPS] = { 0 }, sums[N_GROUPS] = { 0 }, same[N_GROUPS] = { 0 };
      double scores[N_EXPERTS], sum = 0;
      guint chosen[N_USED], freely[N_USED], by_sums[N_USED];

      for (guint e = 0; e < N_EXPERTS; e++)
        sum += exp ((double) logits[e]);
      for (guint e = 0; e < N_EXPERTS; e++)
        {
          guint group = e / (N_EXPERTS / N_GROUPS);

          scores[e] = exp ((double) logits[e]) / sum;
          best[group] = MAX (best[group], scores[e]);
          sums[group] += scores[e];
        }
      choose (scores, best, chosen);
      choose (scores, same, freely);
      choose (scores, sums, by_sums);
      routes->n_tokens++;
      routes->n_moved += memcmp (chosen, freely, sizeof chosen) != 0;
      routes->n_moved_by_sums += memcmp (chosen, by_sums, sizeof chosen) != 0;
      for (guint i = 0; i < N_USED; i++)
        {
          g_assert_cmpuint (event->chosen[t * N_USED + i], ==, chosen[i]);
          g_assert_cmpfloat_with_epsilon (event->weights[t * N_USED + i], 1.5 * scores[chosen[i]], 1e-5);
        }
    }
}

static void
test_groups (void)
{
  MoeCheckpoint checkpoint = moe_hf_pair_get_checkpoint (&v2);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (&checkpoint);
  g_auto (MoeHfPair) pair = { NULL };
  g_autoptr (GError) error = NULL;
  MoeSessionOptions options = { .cache = MOE_CACHE_F32, .kernels = MOE_KERNELS_PLAIN };
  MoeProbe probe = { .router = check_router };
  Routes routes = { 0 };
  MoeSession *session;
  MoeModel *model;

  moe_hf_pair_make (&pair, &v2);
  moe_hf_pair_replace (pair.folder, "config.json", "\"greedy\"",
                       "\"group_limited_greedy\", \"n_group\": 4, \"topk_group\": 1");
  model = open_model (pair.folder);
  session = moe_session_new (model, &options, &error);
  g_assert_no_error (error);
  moe_session_add_probe (session, &probe, &routes);
  moe_session_feed (session, tokens, NULL, checkpoint.n_tokens, NULL, &error);
  g_assert_no_error (error);
  moe_session_remove_probe (session, &probe, &routes);
  moe_session_free (session);
  moe_model_unref (model);
  g_test_message ("%u tokens in layers: %u elsewhere without groups, %u by sums", routes.n_tokens,
                  routes.n_moved, routes.n_moved_by_sums);
  g_assert_cmpuint (routes.n_moved, >, 0);
  g_assert_cmpuint (routes.n_moved_by_sums, >, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hf-deepseek/yarn-angles", test_angles);
  g_test_add_func ("/hf-deepseek/yarn-missing", test_missing);
  g_test_add_func ("/hf-deepseek/groups", test_groups);
  return g_test_run ();
}
