/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-residency"

/* Which weights stay in memory: the limits of control groups, the sums over a file, and that a model whose
 * experts are fetched when they are chosen gives the same logits. */

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-machine.h"
#include "probes/moe-model-private.h"
#include "tests/support/moe-logits-run.h"

static void
write_limit (const char *root,
             const char *group,
             const char *name,
             const char *text)
{
  g_autofree char *folder = g_build_filename (root, group, NULL);
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_limits (void)
{
  g_autofree char *root = g_dir_make_tmp ("moescope-XXXXXX", NULL);
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", root);

  write_limit (root, "", "memory.max", "max\n");
  write_limit (root, "a", "memory.max", "3000\n");
  write_limit (root, "a/b", "memory.max", "max\n");
  write_limit (root, "a/c", "memory.max", "2000\n");
  write_limit (root, "memory/box", "memory.limit_in_bytes", "500\n");
  write_limit (root, "memory", "memory.limit_in_bytes", "9223372036854771712\n");
  write_limit (root, "odd", "memory.max", "-5 bytes\n");

  g_assert_cmpuint (moe_machine_read_limit (root, "0::/\n"), ==, G_MAXUINT64);
  g_assert_cmpuint (moe_machine_read_limit (root, "0::/a/b\n"), ==, 3000);
  g_assert_cmpuint (moe_machine_read_limit (root, "0::/a/c\n"), ==, 2000);
  g_assert_cmpuint (moe_machine_read_limit (root, "0::/gone/below\n"), ==, G_MAXUINT64);
  g_assert_cmpuint (moe_machine_read_limit (root, "0::/odd\n"), ==, G_MAXUINT64);
  g_assert_cmpuint (moe_machine_read_limit (root, "0::/gone/../a\n"), ==, G_MAXUINT64);
  g_assert_cmpuint (moe_machine_read_limit (root, "5:cpu,memory:/box\n3:cpuset:/a/c\n0::/\n"), ==, 500);
  g_assert_cmpuint (moe_machine_read_limit (root, "5:memory:/\n0::/a/c\n"), ==, 2000);
  g_assert_cmpuint (moe_machine_read_limit (root, "no memberships"), ==, G_MAXUINT64);
  g_assert_cmpuint (moe_machine_get_memory (), >, 1 << 20);

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
}

static void
test_sums (void)
{
  MoeModel *model = moe_logits_run_open (moe_checkpoint_find ("qwen3moe-q8_0"));
  MoeGguf *gguf = moe_model_get_gguf (model);
  guint64 bytes = moe_gguf_get_file_bytes (gguf);
  MoeResidency all = moe_residency_read (gguf, 10 * bytes), some = moe_residency_read (gguf, bytes),
               few = moe_residency_read (gguf, 1000);
  const struct { const MoeResidency *residency; const char *start; } texts[] = {
    { &all, "everything" }, { &some, "what every token reads and about " }, { &few, "too little" },
  };

  g_assert_true (all.fits && !some.fits && !few.fits);
  g_assert_cmpuint (all.expert_bytes + all.other_bytes, <, bytes);
  /* The rest is keys, names and padding. */
  g_assert_cmpuint (all.expert_bytes, >, 0);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = moe_residency_describe (texts[i].residency);

      g_assert_true (g_str_has_prefix (text, texts[i].start));
    }
  moe_logits_run_close (model);
}

static void
count (double   fraction,
       gpointer last)
{
  g_assert_cmpfloat (fraction, >=, *(double *) last);
  *(double *) last = fraction;
}

static void
test_same_logits (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find ("qwen3moe-q8_0");
  MoeModel *model = moe_logits_run_open (checkpoint);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  MoeLogitsRun run = { .split = 5 };
  gsize n_bytes = checkpoint->n_tokens * (gsize) moe_checkpoint_get_vocabulary (checkpoint) * sizeof (float);
  g_autofree float *mapped = moe_logits_run (model, &run, tokens, checkpoint->n_tokens, NULL, NULL);
  g_autofree float *fetched = NULL;
  double last = 0;

  g_assert_true (model->residency.fits);
  model->residency.fits = FALSE;
  g_assert_true (moe_residency_read_ahead (&model->residency, model->gguf, count, &last, NULL, NULL));
  g_assert_cmpfloat (last, ==, 1);
  fetched = moe_logits_run (model, &run, tokens, checkpoint->n_tokens, NULL, NULL);
  g_assert_cmpmem (mapped, n_bytes, fetched, n_bytes);
  moe_logits_run_close (model);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/residency/limits", test_limits);
  g_test_add_func ("/residency/sums", test_sums);
  g_test_add_func ("/residency/same-logits", test_same_logits);
  return g_test_run ();
}
