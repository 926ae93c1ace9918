/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "tests/support/moe-logits-run.h"

/* Models with shared experts and layers without experts: what probes see of them, and what a mask does. */

/* Of one MoE layer, all tokens. */
typedef struct
{
  guint    layer;
  GArray  *moe_out;     /* (n, width) */
  GArray  *chosen;      /* (n, k) */
  GArray  *max, *norm, *weights; /* (n) of the shared expert */
  GString *layers;      /* numbers of the layers of which each event told */
} Seen;

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Seen *seen = user_data;

  g_string_append_printf (seen->layers, "r%u ", layer);
  if (layer == seen->layer)
    g_array_append_vals (seen->chosen, event->chosen, batch->n * event->k);
}

static void
on_expert (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeExpertEvent *event,
           gpointer              user_data)
{
  Seen *seen = user_data;

  g_string_append_printf (seen->layers, "e%u ", layer);
  if (layer != seen->layer)
    return;
  g_array_append_vals (seen->max, event->shared_max, batch->n);
  g_array_append_vals (seen->norm, event->shared_norm, batch->n);
  g_array_append_vals (seen->weights, event->shared_weights, batch->n);
}

static void
on_moe_out (const MoeProbeBatch *batch,
            guint                layer,
            guint                width,
            const float         *x,
            gpointer             user_data)
{
  Seen *seen = user_data;

  g_string_append_printf (seen->layers, "o%u ", layer);
  if (layer == seen->layer)
    g_array_append_vals (seen->moe_out, x, batch->n * width);
}

static void
seen_clear (Seen *self)
{
  g_clear_pointer (&self->moe_out, g_array_unref);
  g_clear_pointer (&self->chosen, g_array_unref);
  g_clear_pointer (&self->max, g_array_unref);
  g_clear_pointer (&self->norm, g_array_unref);
  g_clear_pointer (&self->weights, g_array_unref);
  if (self->layers != NULL)
    g_string_free (g_steal_pointer (&self->layers), TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Seen, seen_clear)

static const MoeCheckpoint *
get_checkpoint (MoeModel *model)
{
  return moe_checkpoint_find (moe_model_get_info (model)->name);
}

/* Runs the checkpoint's tokens under one intervention or none; returns how often it changed something. */
static guint64
run (MoeModel              *model,
     const MoeIntervention *intervention,
     const MoePhase        *phases,
     guint                  layer,
     Seen                  *seen)
{
  static const MoeProbe probe = { .router = on_router, .expert = on_expert, .moe_out = on_moe_out };
  MoeSessionOptions options = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32, .threads = 2 };
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (get_checkpoint (model));
  g_autoptr (MoeMask) mask = moe_mask_new (intervention, intervention != NULL ? 1 : 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeSession) session = moe_session_new (model, &options, &error);
  guint64 changed = 0, n_seen = 0;

  g_assert_no_error (error);
  *seen = (Seen) {
    layer, g_array_new (FALSE, FALSE, sizeof (float)), g_array_new (FALSE, FALSE, sizeof (guint16)),
    g_array_new (FALSE, FALSE, sizeof (float)), g_array_new (FALSE, FALSE, sizeof (float)),
    g_array_new (FALSE, FALSE, sizeof (float)), g_string_new (NULL),
  };
  moe_session_set_mask (session, mask, &error);
  g_assert_no_error (error);
  moe_session_add_probe (session, &probe, seen);
  moe_session_feed (session, tokens, phases, get_checkpoint (model)->n_tokens, NULL, &error);
  g_assert_no_error (error);
  if (intervention != NULL)
    {
      moe_session_get_mask_hits (session, 0, &changed, &n_seen);
      g_assert_cmpuint (changed, <=, n_seen);
    }
  return changed;
}

static float
get (GArray *array,
     guint   index)
{
  g_assert_cmpuint (index, <, array->len);
  return g_array_index (array, float, index);
}

/* A leading layer without experts is no MoE layer anywhere. */
static void
test_layers (void)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find ("deepseek-f32"));
  const MoeModelInfo *info = moe_model_get_info (model);
  g_auto (Seen) seen = { 0 };

  g_assert_cmpuint (info->n_layers, ==, 3);
  g_assert_cmpuint (info->n_moe_layers, ==, 2);
  g_assert_cmpuint (info->moe_layers[0], ==, 1);
  g_assert_cmpuint (info->moe_layers[1], ==, 2);
  g_assert_cmpuint (info->n_shared, ==, 2);
  run (model, NULL, NULL, 1, &seen);
  g_assert_cmpstr (seen.layers->str, ==, "o0 r1 e1 o1 r2 e2 o2 ");
  moe_logits_run_close (model);
}

static void
assert_scaled (const char *name,
               guint       layer)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find (name));
  guint width = moe_model_get_info (model)->width, n = get_checkpoint (model)->n_tokens;
  MoeIntervention zero = { (int) layer, MOE_EXPERT_SHARED, MOE_ACTION_DISABLE, MOE_MODE_ZERO };
  MoeIntervention half = { (int) layer, MOE_EXPERT_SHARED, MOE_ACTION_SCALE, MOE_MODE_NONE, 0.5f };
  g_auto (Seen) plain = { 0 }, without = { 0 }, halved = { 0 };

  run (model, NULL, NULL, layer, &plain);
  g_assert_cmpuint (run (model, &zero, NULL, layer, &without), ==, n);
  g_assert_cmpuint (run (model, &half, NULL, layer, &halved), ==, n);
  g_assert_cmpmem (plain.chosen->data, plain.chosen->len * sizeof (guint16), without.chosen->data,
                   without.chosen->len * sizeof (guint16));
  for (guint t = 0; t < n; t++)
    {
      double sum = 0, largest = 0, weight = get (plain.weights, t);

      g_assert_cmpfloat (get (without.weights, t), ==, 0);
      g_assert_cmpfloat (get (without.norm, t), ==, 0);
      g_assert_cmpfloat (get (without.max, t), ==, 0);
      g_assert_cmpfloat (get (halved.weights, t), ==, weight / 2);
      g_assert_cmpfloat (get (halved.norm, t), ==, get (plain.norm, t));
      for (guint i = t * width; i < (t + 1) * width; i++)
        {
          double own = get (plain.moe_out, i) - get (without.moe_out, i);

          sum += own * own;
          largest = MAX (largest, fabs (own));
          g_assert_cmpfloat_with_epsilon (get (halved.moe_out, i), get (without.moe_out, i) + own / 2, 1e-5);
        }
      g_assert_cmpfloat (weight, >, 0);
      g_assert_cmpfloat_with_epsilon (sqrt (sum) / weight, get (plain.norm, t), 1e-3);
      g_assert_cmpfloat_with_epsilon (largest / weight, get (plain.max, t), 1e-3);
    }
  moe_logits_run_close (model);
}

/* What is reported of the shared expert is what is missing without it; half of it is half of that. */
static void
test_scale (void)
{
  assert_scaled ("deepseek-f32", 1);
}

/* The same with a gate of its own, below 1 for every token. */
static void
test_gate (void)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find ("qwen2moe-f32"));
  g_auto (Seen) seen = { 0 };

  run (model, NULL, NULL, 0, &seen);
  for (guint t = 1; t < seen.weights->len; t++)
    {
      g_assert_cmpfloat (get (seen.weights, t), <, 1);
      g_assert_cmpfloat (get (seen.weights, t), !=, get (seen.weights, t - 1));
    }
  moe_logits_run_close (model);
  assert_scaled ("qwen2moe-f32", 0);
}

/* Tokens of one batch that the mask does not act on keep their shared expert. */
static void
test_scope (void)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find ("deepseek-f32"));
  guint n = get_checkpoint (model)->n_tokens, width = moe_model_get_info (model)->width;
  MoeIntervention zero = { 1, MOE_EXPERT_SHARED, MOE_ACTION_DISABLE, MOE_MODE_ZERO, 0, MOE_SCOPE_ANSWER };
  g_autofree MoePhase *phases = g_new (MoePhase, n);
  g_auto (Seen) plain = { 0 }, without = { 0 };

  for (guint t = 0; t < n; t++)
    phases[t] = t % 2 == 0 ? MOE_PHASE_PROMPT : MOE_PHASE_ANSWER;
  run (model, NULL, phases, 1, &plain);
  g_assert_cmpuint (run (model, &zero, phases, 1, &without), ==, n / 2);
  for (guint t = 0; t < n; t++)
    {
      gsize bytes = width * sizeof (float);
      gboolean same = memcmp (plain.moe_out->data + t * bytes, without.moe_out->data + t * bytes, bytes) == 0;

      g_assert_true (same == (t % 2 == 0));
      g_assert_cmpfloat (get (without.weights, t), ==, t % 2 == 0 ? 1 : 0);
    }
  moe_logits_run_close (model);
}

static void
test_clamp (void)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find ("deepseek-f32"));
  MoeIntervention clamp = { 1, MOE_EXPERT_SHARED, MOE_ACTION_CLAMP, MOE_MODE_NONE, 0 };
  g_auto (Seen) plain = { 0 }, clamped = { 0 };
  guint n_beyond = 0;

  run (model, NULL, NULL, 1, &plain);
  clamp.value = get (plain.max, 3);
  for (guint t = 0; t < plain.max->len; t++)
    n_beyond += get (plain.max, t) > clamp.value;
  g_assert_cmpuint (n_beyond, >, 0);
  g_assert_cmpuint (run (model, &clamp, NULL, 1, &clamped), ==, n_beyond);
  for (guint t = 0; t < plain.max->len; t++)
    g_assert_cmpfloat (get (clamped.max, t), ==, MIN (get (plain.max, t), clamp.value));
  moe_logits_run_close (model);
}

static void
poison (const char *name,
        float      *x,
        gsize       n,
        gpointer    user_data)
{
  if (!g_str_has_prefix (name, "blk.1.") || !g_str_has_suffix (name, "_shexp.weight"))
    return;
  for (gsize i = 0; i < n; i++)
    x[i] = NAN;
}

/* A shared expert that is disabled is not computed: damaged weights in it reach nothing. */
static void
test_poisoned (void)
{
  MoeIntervention zero = { 1, MOE_EXPERT_SHARED, MOE_ACTION_DISABLE, MOE_MODE_ZERO };
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("deepseek-f32");
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moe-test-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "model.gguf", NULL);
  MoeModel *model;
  g_auto (Seen) without = { 0 }, with = { 0 };

  moe_checkpoint_write_edited (checkpoint, poison, NULL, path, &error);
  g_assert_no_error (error);
  model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  run (model, &zero, NULL, 1, &without);
  run (model, NULL, NULL, 1, &with);
  for (guint i = 0; i < without.moe_out->len; i++)
    g_assert_true (isfinite (get (without.moe_out, i)));
  g_assert_true (isnan (get (with.moe_out, 0)));
  moe_logits_run_close (model);
}

static void
assert_refused (MoeModel              *model,
                const MoeIntervention *intervention,
                const char            *why)
{
  MoeSessionOptions options = { .threads = 1 };
  g_autoptr (MoeMask) mask = moe_mask_new (intervention, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeSession) session = moe_session_new (model, &options, &error);

  g_assert_no_error (error);
  g_assert_false (moe_session_set_mask (session, mask, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, why));
}

static void
test_refused (void)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find ("deepseek-f32"));
  MoeModel *other = moe_logits_run_open (moe_checkpoint_find ("qwen3moe-f32"));
  MoeIntervention zero = { 0, MOE_EXPERT_SHARED, MOE_ACTION_DISABLE, MOE_MODE_ZERO };
  MoeIntervention force = { 1, MOE_EXPERT_SHARED, MOE_ACTION_FORCE, MOE_MODE_MAX };

  assert_refused (model, &zero, "layer 0 is not an MoE layer");
  assert_refused (model, &force, "the shared expert is not routed");
  assert_refused (other, &zero, "no shared experts");
  moe_logits_run_close (model);
  moe_logits_run_close (other);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shared-experts/layers", test_layers);
  g_test_add_func ("/shared-experts/scale", test_scale);
  g_test_add_func ("/shared-experts/gate", test_gate);
  g_test_add_func ("/shared-experts/scope", test_scope);
  g_test_add_func ("/shared-experts/clamp", test_clamp);
  g_test_add_func ("/shared-experts/poisoned", test_poisoned);
  g_test_add_func ("/shared-experts/refused", test_refused);
  return g_test_run ();
}
