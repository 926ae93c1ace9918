/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <math.h>

#include "probes/moe-session.h"
#include "tests/support/moe-checkpoint.h"

/* Interventions on a running model: a disabled expert is really left out, hits are counted, and a mask may be
 * swapped at any moment. */

#define CHECKPOINT "qwen3moe-f32"

static char *
write_checkpoint (char **dir)
{
  g_autoptr(GError) error = NULL;
  char *path;

  *dir = g_dir_make_tmp ("moescope-test-XXXXXX", &error);
  g_assert_no_error (error);
  path = g_build_filename (*dir, "model.gguf", NULL);
  moe_checkpoint_write (moe_checkpoint_find (CHECKPOINT), FALSE, path, &error);
  g_assert_no_error (error);
  return path;
}

static void
remove_checkpoint (char *path,
                   char *dir)
{
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
  g_free (path);
  g_free (dir);
}

static MoeSession *
open_session (const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = moe_model_open (path, NULL, NULL, NULL, &error);
  MoeSessionOptions options = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32, .threads = 2 };
  MoeSession *session;

  g_assert_no_error (error);
  session = moe_session_new (model, &options, &error);
  g_assert_no_error (error);
  return session;
}

static void
feed (MoeSession *session)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (CHECKPOINT);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  g_autoptr(GError) error = NULL;

  moe_session_feed (session, tokens, NULL, checkpoint->n_tokens, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
logits_are_finite (MoeSession *session)
{
  const float *logits = moe_session_get_logits (session);

  for (guint i = 0; i < moe_model_get_info (moe_session_get_model (session))->vocabulary; i++)
    if (!isfinite (logits[i]))
      return FALSE;
  return TRUE;
}

/* Overwrites all weights of one expert of layer 1 with NaN, in the file. */
static void
poison (const char *path,
        guint       expert)
{
  static const char *const names[] = { "blk.1.ffn_gate_exps.weight", "blk.1.ffn_up_exps.weight",
                                       "blk.1.ffn_down_exps.weight" };
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeGguf) gguf = moe_gguf_open (path, &error);
  FILE *file = g_fopen (path, "r+b");
  float nan_value = NAN;

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_find_tensor (gguf, names[i]);
      guint64 bytes = tensor->n_bytes / tensor->ne[2];

      g_assert_cmpint (tensor->type, ==, MOE_TYPE_F32);
      g_assert_cmpint (fseek (file, (long) (tensor->offset + expert * bytes), SEEK_SET), ==, 0);
      for (guint64 n = 0; n < bytes / sizeof (float); n++)
        g_assert_cmpuint (fwrite (&nan_value, sizeof nan_value, 1, file), ==, 1);
    }
  fclose (file);
}

static void
test_poisoned_expert (void)
{
  static const MoeMode modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO, MOE_MODE_COPY };
  char *dir, *path = write_checkpoint (&dir);
  const MoeModelInfo *info;
  guint expert, n_experts;

  /* The expert must be in use, or leaving it out proves nothing: find one by poisoning. */
  {
    g_autoptr(MoeSession) session = open_session (path);

    feed (session);
    g_assert_true (logits_are_finite (session));
    info = moe_model_get_info (moe_session_get_model (session));
    n_experts = info->n_experts;
  }
  for (expert = 0; expert < n_experts; expert++)
    {
      g_autoptr(MoeSession) session = NULL;

      poison (path, expert);
      session = open_session (path);
      feed (session);
      if (!logits_are_finite (session))
        break;
    }
  g_assert_cmpuint (expert, <, n_experts);

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr(MoeSession) session = open_session (path);
      g_autoptr(GError) error = NULL;
      g_autoptr(MoeMask) mask = NULL;
      g_autoptr(GArray) all = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
      guint64 changed, seen;

      for (guint e = 0; e <= expert; e++)
        {
          MoeIntervention iv = { 1, (int) e, MOE_ACTION_DISABLE, modes[i] };

          g_array_append_val (all, iv);
        }
      mask = moe_mask_new ((MoeIntervention *) (gpointer) all->data, all->len);
      moe_session_set_mask (session, mask, &error);
      g_assert_no_error (error);
      feed (session);
      g_assert_true (logits_are_finite (session));
      moe_session_get_mask_hits (session, expert, &changed, &seen);
      g_assert_cmpuint (changed, >, 0);
      g_assert_cmpuint (seen, ==, moe_checkpoint_find (CHECKPOINT)->n_tokens);
    }
  remove_checkpoint (path, dir);
}

/* Hits equal a recount from the probe's view of a plain run. */
typedef struct
{
  int   expert;
  guint hits;
} Recount;

static void
recount_router (const MoeProbeBatch  *batch,
                guint                 layer,
                const MoeRouterEvent *event,
                gpointer              user_data)
{
  Recount *recount = user_data;

  for (guint i = 0; layer == 0 && i < batch->n * event->k; i++)
    if (event->chosen[i] == recount->expert)
      recount->hits++;
}

static void
test_hits (void)
{
  const MoeProbe probe = { .router = recount_router };
  char *dir, *path = write_checkpoint (&dir);
  g_autoptr(MoeSession) session = open_session (path);
  Recount recount = { 0 };
  guint total = 0;

  for (recount.expert = 0; recount.expert < 4; recount.expert++)
    {
      MoeIntervention iv = { 0, recount.expert, MOE_ACTION_DISABLE, MOE_MODE_REFILL };
      g_autoptr(MoeMask) mask = moe_mask_new (&iv, 1);
      g_autoptr(GError) error = NULL;
      guint64 changed, seen;

      recount.hits = 0;
      moe_session_set_mask (session, NULL, &error);
      moe_session_rewind (session, 0);
      moe_session_add_probe (session, &probe, &recount);
      feed (session);
      moe_session_remove_probe (session, &probe, &recount);
      total += recount.hits;

      moe_session_set_mask (session, mask, &error);
      g_assert_no_error (error);
      moe_session_rewind (session, 0);
      feed (session);
      moe_session_get_mask_hits (session, 0, &changed, &seen);
      g_assert_cmpuint (changed, ==, recount.hits);
    }
  g_assert_cmpuint (total, >, 0);
  g_clear_pointer (&session, moe_session_free);
  remove_checkpoint (path, dir);
}

/* The fork and the rewound session continue like the original, bit for bit. */
static void
test_fork_and_rewind (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (CHECKPOINT);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  char *dir, *path = write_checkpoint (&dir);
  g_autoptr(MoeSession) session = open_session (path);
  g_autoptr(MoeSession) fork = NULL;
  g_autoptr(GError) error = NULL;
  guint vocabulary = moe_model_get_info (moe_session_get_model (session))->vocabulary, half =
    checkpoint->n_tokens / 2;
  g_autofree float *expected = NULL;

  feed (session);
  expected = g_memdup2 (moe_session_get_logits (session), vocabulary * sizeof *expected);
  fork = moe_session_fork (session, half, &error);
  g_assert_no_error (error);
  g_assert_null (moe_session_get_logits (fork));

  /* What the original does meanwhile must not reach the fork. */
  moe_session_rewind (session, 0);
  g_assert_null (moe_session_get_logits (session));
  moe_session_feed (session, tokens + half, NULL, half, NULL, &error);
  g_assert_no_error (error);

  moe_session_feed (fork, tokens + half, NULL, checkpoint->n_tokens - half, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (moe_session_get_logits (fork), vocabulary * sizeof *expected,
                   expected, vocabulary * sizeof *expected);

  moe_session_rewind (session, 0);
  feed (session);
  g_assert_cmpmem (moe_session_get_logits (session), vocabulary * sizeof *expected,
                   expected, vocabulary * sizeof *expected);
  g_clear_pointer (&session, moe_session_free);
  g_clear_pointer (&fork, moe_session_free);
  remove_checkpoint (path, dir);
}

/* What the block of layer 1 adds, and what it was given, for every token. */
typedef struct
{
  GArray *out;      /* (n, width) */
  GArray *down_max; /* (n, k) */
  guint   width;
} BlockView;

static void
view_moe_out (const MoeProbeBatch *batch,
              guint                layer,
              guint                width,
              const float         *x,
              gpointer             user_data)
{
  BlockView *self = user_data;

  self->width = width;
  if (layer == 1)
    g_array_append_vals (self->out, x, batch->n * width);
}

static void
view_expert (const MoeProbeBatch  *batch,
             guint                 layer,
             const MoeExpertEvent *event,
             gpointer              user_data)
{
  BlockView *self = user_data;

  if (layer == 1)
    g_array_append_vals (self->down_max, event->max, batch->n * event->k);
}

static const MoeProbe view_probe = { .moe_out = view_moe_out, .expert = view_expert };

static void
view_block (MoeSession            *session,
            const MoeIntervention *iv,
            MoeExpertMeans        *means,
            BlockView             *view)
{
  g_autoptr(MoeMask) bare = moe_mask_new (iv, iv != NULL ? 1 : 0);
  g_autoptr(MoeMask) mask = moe_mask_with_means (bare, means);
  g_autoptr(GError) error = NULL;

  g_array_set_size (view->out, 0);
  g_array_set_size (view->down_max, 0);
  moe_session_set_mask (session, mask, &error);
  g_assert_no_error (error);
  moe_session_rewind (session, 0);
  moe_session_add_probe (session, &view_probe, view);
  feed (session);
  moe_session_remove_probe (session, &view_probe, view);
}

/* All experts of a layer disabled by mean, each with the same mean: the block adds that mean, because gate
 * weights sum to 1. By copy: it adds its input. Both leave the layers before alone. */
static void
test_mean_and_copy (void)
{
  MoeIntervention iv = { 1, MOE_EXPERT_ALL, MOE_ACTION_DISABLE, MOE_MODE_MEAN };
  char *dir, *path = write_checkpoint (&dir);
  g_autoptr(MoeSession) session = open_session (path);
  const MoeModelInfo *info = moe_model_get_info (moe_session_get_model (session));
  g_autoptr(MoeExpertMeans) means = moe_expert_means_new (info->width);
  g_autofree float *mean = g_new (float, info->width);
  BlockView view = { g_array_new (FALSE, FALSE, sizeof (float)), g_array_new (FALSE, FALSE, sizeof (float)) };
  g_autoptr(MoeMask) bare = moe_mask_new (&iv, 1);
  g_autoptr(GError) error = NULL;
  guint64 changed, seen;
  guint n;

  g_assert_false (moe_session_set_mask (session, bare, &error));
  g_assert_nonnull (strstr (error->message, "L1E0: disabling by mean needs"));
  g_clear_error (&error);

  for (guint i = 0; i < info->width; i++)
    mean[i] = sinf ((float) i);
  for (guint e = 0; e < info->n_experts; e++)
    moe_expert_means_set (means, 1, (int) e, mean);
  view_block (session, &iv, means, &view);
  n = view.out->len / view.width;
  g_assert_cmpuint (n, ==, moe_checkpoint_find (CHECKPOINT)->n_tokens);
  for (guint i = 0; i < view.out->len; i++)
    g_assert_cmpfloat_with_epsilon (g_array_index (view.out, float, i), mean[i % view.width], 1e-5);
  for (guint i = 0; i < view.down_max->len; i++)
    g_assert_cmpfloat_with_epsilon (g_array_index (view.down_max, float, i), 1, 0.01);
  moe_session_get_mask_hits (session, 0, &changed, &seen);
  g_assert_cmpuint (changed, ==, n);

  /* An input of RMS 1 before the norm's weights, which vary around 1. */
  iv.mode = MOE_MODE_COPY;
  view_block (session, &iv, NULL, &view);
  for (guint t = 0; t < n; t++)
    {
      double squares = 0;

      for (guint i = 0; i < view.width; i++)
        squares += pow ((double) g_array_index (view.out, float, t * view.width + i), 2);
      g_assert_cmpfloat_with_epsilon (sqrt (squares / view.width), 1, 0.25);
    }
  g_array_unref (view.out);
  g_array_unref (view.down_max);
  g_clear_pointer (&session, moe_session_free);
  remove_checkpoint (path, dir);
}

/* A clamp below an output's maximum makes this the maximum; one above all changes nothing, bit for bit, and
 * says so. */
static void
test_clamp (void)
{
  MoeIntervention iv = { 1, MOE_EXPERT_ALL, MOE_ACTION_CLAMP, MOE_MODE_NONE, 1e9f };
  char *dir, *path = write_checkpoint (&dir);
  g_autoptr(MoeSession) session = open_session (path);
  BlockView plain = { g_array_new (FALSE, FALSE, sizeof (float)),
                      g_array_new (FALSE, FALSE, sizeof (float)) };
  BlockView view = { g_array_new (FALSE, FALSE, sizeof (float)), g_array_new (FALSE, FALSE, sizeof (float)) };
  guint64 changed, seen, expected = 0;
  guint k = moe_model_get_info (moe_session_get_model (session))->n_used;
  float limit = 0;

  view_block (session, NULL, NULL, &plain);
  view_block (session, &iv, NULL, &view);
  g_assert_cmpmem (view.out->data, view.out->len * sizeof (float), plain.out->data,
                   plain.out->len * sizeof (float));
  moe_session_get_mask_hits (session, 0, &changed, &seen);
  g_assert_cmpuint (changed, ==, 0);
  g_assert_cmpuint (seen, ==, plain.down_max->len / k);

  for (guint i = 0; i < plain.down_max->len; i++)
    limit += g_array_index (plain.down_max, float, i) / (float) plain.down_max->len;
  iv.value = limit;
  view_block (session, &iv, NULL, &view);
  for (guint i = 0; i < plain.down_max->len; i += k)
    {
      gboolean any = FALSE;

      for (guint s = i; s < i + k; s++)
        {
          g_assert_cmpfloat (g_array_index (view.down_max, float, s), ==,
                             MIN (limit, g_array_index (plain.down_max, float, s)));
          any = any || g_array_index (plain.down_max, float, s) > limit;
        }
      expected += any;
    }
  moe_session_get_mask_hits (session, 0, &changed, &seen);
  g_assert_cmpuint (changed, ==, expected);
  g_assert_cmpuint (expected, >, 0);
  g_array_unref (view.out);
  g_array_unref (view.down_max);
  g_array_unref (plain.out);
  g_array_unref (plain.down_max);
  g_clear_pointer (&session, moe_session_free);
  remove_checkpoint (path, dir);
}

typedef struct
{
  MoeSession *session;
  MoeMask    *mask;
  int         stop;
} Swapper;

static gpointer
swap_masks (gpointer data)
{
  Swapper *swapper = data;

  for (guint i = 0; !g_atomic_int_get (&swapper->stop); i++)
    {
      guint64 changed, seen;

      moe_session_set_mask (swapper->session, i % 2 == 0 ? swapper->mask : NULL, NULL);
      moe_session_get_mask_hits (swapper->session, 0, &changed, &seen);
      g_thread_yield ();
    }
  return NULL;
}

/* Every token's logits are those of the one mask or of none, never of half a mask. */
static void
test_swap_while_running (void)
{
  const MoeIntervention ivs[] = {
    { 0, 0, MOE_ACTION_DISABLE, MOE_MODE_REFILL }, { 0, 1, MOE_ACTION_DISABLE, MOE_MODE_ZERO },
    { 1, 2, MOE_ACTION_DISABLE, MOE_MODE_REFILL }, { 2, 3, MOE_ACTION_BIAS, MOE_MODE_NONE, 3 },
    { MOE_LAYER_ALL, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_TEMPERATURE, 1.5f },
    { 1, MOE_EXPERT_ALL, MOE_ACTION_CLAMP, MOE_MODE_NONE, 0.01f },
  };
  char *dir, *path = write_checkpoint (&dir);
  g_autoptr(MoeSession) session = open_session (path);
  g_autoptr(MoeMask) mask = moe_mask_new (ivs, G_N_ELEMENTS (ivs));
  guint vocabulary = moe_model_get_info (moe_session_get_model (session))->vocabulary;
  gsize bytes = vocabulary * sizeof (float);
  g_autofree float *plain = NULL, *masked = NULL;
  Swapper swapper = { session, mask, 0 };
  gint32 token = 65;
  GThread *thread;

  /* One token from an empty context, so that only the mask at that moment matters. */
  moe_session_feed (session, &token, NULL, 1, NULL, NULL);
  plain = g_memdup2 (moe_session_get_logits (session), bytes);
  moe_session_rewind (session, 0);
  g_assert_true (moe_session_set_mask (session, mask, NULL));
  moe_session_feed (session, &token, NULL, 1, NULL, NULL);
  masked = g_memdup2 (moe_session_get_logits (session), bytes);
  g_assert_cmpint (memcmp (plain, masked, bytes), !=, 0);

  thread = g_thread_new ("swapper", swap_masks, &swapper);
  for (guint i = 0; i < 300; i++)
    {
      const float *logits;

      moe_session_rewind (session, 0);
      moe_session_feed (session, &token, NULL, 1, NULL, NULL);
      logits = moe_session_get_logits (session);
      g_assert_true (memcmp (logits, plain, bytes) == 0 || memcmp (logits, masked, bytes) == 0);
    }
  g_atomic_int_set (&swapper.stop, 1);
  g_thread_join (thread);
  g_clear_pointer (&session, moe_session_free);
  remove_checkpoint (path, dir);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/interventions/poisoned-expert", test_poisoned_expert);
  g_test_add_func ("/interventions/hits", test_hits);
  g_test_add_func ("/interventions/mean-and-copy", test_mean_and_copy);
  g_test_add_func ("/interventions/clamp", test_clamp);
  g_test_add_func ("/interventions/fork-and-rewind", test_fork_and_rewind);
  g_test_add_func ("/interventions/swap-while-running", test_swap_while_running);
  return g_test_run ();
}
