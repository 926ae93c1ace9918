/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-bit-identity"

/* The same file, tokens and kernels give the same bits, however the work is cut up and whoever watches. */

#include <string.h>

#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-logits-run.h"

/* One of each storage type, each architecture, grouped queries or not. */
static const char *const names[] = {
  "qwen3moe-f32", "olmoe-f32", "llama-rope-f32", "olmoe-f16", "llama-bf16", "qwen3moe-q8_0", "llama-q4_0",
  "qwen3moe-q5_k", "olmoe-q6_k", "llama-q4_k_m", "qwen2moe-q8_0", "deepseek-f32", "deepseek-q4_k_m",
  "gpt-oss-f32", "gpt-oss-mxfp4", "phimoe-q4_0",
  "glm4moe-q8_0", "granitemoe-q8_0", "bailingmoe2-q4_k_m",
  "deepseek2-old-f32", "deepseek2-f32", "deepseek2-merged-q4_0",
  "deepseek2-lite-q8_0", "lfm2moe-f32", "lfm2moe-q4_0",
  "gemma4-f32", "gemma4-q4_0",
  "qwen3next-f32", "qwen3next-old-f32", "qwen35moe-merged-f32", "qwen35moe-q4_k_m",
};

/* One of each kind of memory: keys and values, windows, latent vectors, convolutions, recurrent states. */
static const char *const rewound[] = {
  "olmoe-f16", "gpt-oss-q8_0", "deepseek2-q8_0", "lfm2moe-f32", "qwen3next-q8_0", "gemma4-q8_0",
};

typedef struct
{
  MoeModel     *model;
  gint32       *tokens; /* (n) */
  gsize         n;
  MoeLogitsRun  base;
  float        *logits; /* (n, vocabulary) of the base run */
} Fixture;

static void
assert_same_bits (Fixture            *fixture,
                  const MoeLogitsRun *run,
                  const char         *what)
{
  gsize vocabulary = moe_model_get_info (fixture->model)->vocabulary;
  g_autofree float *logits = moe_logits_run (fixture->model, run, fixture->tokens, fixture->n, NULL, NULL);

  for (gsize t = 0; t < fixture->n; t++)
    if (memcmp (logits + t * vocabulary, fixture->logits + t * vocabulary, vocabulary * sizeof (float)) != 0)
      g_error ("%s: other logits than at once on one thread, first at position %" G_GSIZE_FORMAT, what, t);
}

static void
check_all_ways (Fixture *fixture)
{
  static const gsize splits[] = { 1, 3, 7, 512 };
  g_autoptr (MoeMask) empty = moe_mask_new (NULL, 0);
  MoeLogitsRun run;

  fixture->logits = moe_logits_run (fixture->model, &fixture->base, fixture->tokens, fixture->n, NULL, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (splits); i++)
    {
      g_autofree char *what = g_strdup_printf ("split %" G_GSIZE_FORMAT, splits[i]);

      run = fixture->base;
      run.split = splits[i];
      assert_same_bits (fixture, &run, what);
    }
  for (guint threads = 2; threads <= 3; threads++)
    {
      g_autofree char *what = g_strdup_printf ("%u threads", threads);

      run = fixture->base;
      run.threads = threads;
      assert_same_bits (fixture, &run, what);
      run.split = 7;
      assert_same_bits (fixture, &run, what);
    }
  run = fixture->base;
  run.all_probes = TRUE;
  assert_same_bits (fixture, &run, "all probes");
  run.threads = 2;
  run.split = 3;
  assert_same_bits (fixture, &run, "all probes, 2 threads, split 3");

  run = fixture->base;
  run.mask = empty;
  assert_same_bits (fixture, &run, "empty mask");
  g_clear_pointer (&fixture->logits, g_free);
}

static void
test_ways (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (data);
  Fixture fixture = { 0 };

  fixture.model = moe_logits_run_open (checkpoint);
  fixture.tokens = moe_checkpoint_get_tokens (checkpoint);
  fixture.n = checkpoint->n_tokens;
  fixture.base.threads = 1;

  fixture.base.kernels = MOE_KERNELS_AUTO;
  fixture.base.cache = MOE_CACHE_F16;
  check_all_ways (&fixture);
  fixture.base.kernels = MOE_KERNELS_PLAIN;
  fixture.base.cache = MOE_CACHE_F32;
  check_all_ways (&fixture);

  g_free (fixture.tokens);
  moe_logits_run_close (fixture.model);
}

/* More tokens than any micro-batch holds. */
static void
test_long (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("qwen3moe-q8_0");
  g_autofree gint32 *some = moe_checkpoint_get_tokens (checkpoint);
  Fixture fixture = { .n = 530 };

  fixture.model = moe_logits_run_open (checkpoint);
  fixture.tokens = g_new (gint32, fixture.n);
  for (gsize i = 0; i < fixture.n; i++)
    fixture.tokens[i] = some[i * i % checkpoint->n_tokens];
  fixture.base.threads = 1;
  fixture.base.context = 544;

  fixture.base.kernels = MOE_KERNELS_AUTO;
  fixture.base.cache = MOE_CACHE_F32;
  check_all_ways (&fixture);

  g_free (fixture.tokens);
  moe_logits_run_close (fixture.model);
}

/* Going back and copying a timeline leave nothing behind. */
static void
test_rewind_and_fork (gconstpointer data)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (data);
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  gsize n = checkpoint->n_tokens, row = moe_model_get_info (model)->vocabulary * sizeof (float);
  MoeLogitsRun run = { .threads = 2 };
  MoeSession *session = NULL, *fork;
  g_autofree float *logits = moe_logits_run (model, &run, tokens, n, NULL, &session);
  g_autofree float *expected = g_memdup2 (moe_session_get_logits (session), row);
  g_autoptr (GError) error = NULL;
  gint32 others[3] = { 5, 6, 7 };

  fork = moe_session_fork (session, 10, &error);
  g_assert_no_error (error);
  moe_session_rewind (session, 10);
  g_assert_cmpuint (moe_session_get_length (session), ==, 10);
  moe_session_feed (session, others, NULL, 3, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (memcmp (moe_session_get_logits (session), logits + 12 * (row / sizeof (float)), row), !=,
                   0);
  moe_session_rewind (session, 10);
  moe_session_feed (session, tokens + 10, NULL, n - 10, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (moe_session_get_logits (session), row, expected, row);

  moe_session_feed (fork, tokens + 10, NULL, n - 10, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (moe_session_get_logits (fork), row, expected, row);

  moe_session_free (fork);
  moe_session_free (session);
  moe_logits_run_close (model);
}

/* Feeds (@n) tokens from position @first on, of which the last must give @logits again. */
static void
assert_same_from (MoeSession   *session,
                  const gint32 *tokens,
                  guint         first,
                  guint         n,
                  const float  *logits, /* (positions, vocabulary) */
                  gsize         vocabulary)
{
  g_autoptr (GError) error = NULL;

  moe_session_feed (session, tokens + first, NULL, n, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (moe_session_get_logits (session), vocabulary * sizeof (float),
                   logits + (first + n - 1) * vocabulary, vocabulary * sizeof (float));
}

/* A recurrent state is only kept now and then: going back anywhere else runs tokens again. */
static void
test_recurrent_states (gconstpointer data)
{
  static const guint lengths[] = { 590, 512, 511, 513, 300, 257, 256, 255, 64, 1, 0 };
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("qwen35moe-f32");
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree gint32 *some = moe_checkpoint_get_tokens (checkpoint);
  gsize n = 600, vocabulary = moe_model_get_info (model)->vocabulary;
  g_autofree gint32 *tokens = g_new (gint32, n);
  MoeLogitsRun run = { .threads = 2, .context = 640, .cache = *(const MoeCacheType *) data };
  MoeSession *session = NULL;
  g_autofree float *logits = NULL;
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < n; i++)
    tokens[i] = some[i * i % checkpoint->n_tokens];
  logits = moe_logits_run (model, &run, tokens, n, NULL, &session);
  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      guint length = lengths[i];
      gint32 others[3] = { 5, 6, 7 };
      MoeSession *fork;

      g_test_message ("back to %u", length);
      moe_session_rewind (session, length);
      fork = moe_session_fork (session, length, &error);
      g_assert_no_error (error);
      moe_session_feed (session, others, NULL, 3, NULL, &error);
      g_assert_no_error (error);
      moe_session_rewind (session, length);
      assert_same_from (session, tokens, length, 5, logits, vocabulary);
      assert_same_from (session, tokens, length + 5, (guint) n - length - 5, logits, vocabulary);
      assert_same_from (fork, tokens, length, 9, logits, vocabulary);
      moe_session_free (fork);
      fork = moe_session_fork (session, (guint) n, &error);
      g_assert_no_error (error);
      moe_session_rewind (fork, (guint) n - 1);
      assert_same_from (fork, tokens, (guint) n - 1, 1, logits, vocabulary);
      moe_session_free (fork);
    }
  moe_session_free (session);
  moe_logits_run_close (model);
}

int
main (int    argc,
      char **argv)
{
  static const MoeCacheType caches[] = { MOE_CACHE_F32, MOE_CACHE_F16 };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_strconcat ("/bit-identity/ways/", names[i], NULL);
      g_test_add_data_func (path, names[i], test_ways);
    }
  g_test_add_func ("/bit-identity/long", test_long);
  g_test_add_data_func ("/bit-identity/recurrent-states/f32", &caches[0], test_recurrent_states);
  g_test_add_data_func ("/bit-identity/recurrent-states/f16", &caches[1], test_recurrent_states);
  for (gsize i = 0; i < G_N_ELEMENTS (rewound); i++)
    {
      g_autofree char *path = g_strconcat ("/bit-identity/rewind-and-fork/", rewound[i], NULL);
      g_test_add_data_func (path, rewound[i], test_rewind_and_fork);
    }
  return g_test_run ();
}
