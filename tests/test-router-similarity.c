/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <math.h>

#include "analysis/moe-router-similarity.h"
#include "tests/support/moe-checkpoint.h"

static MoeModel *
open_checkpoint (const char *name)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("moescope-test-XXXXXX", &error);
  g_autofree char *path = g_build_filename (dir, "model.gguf", NULL);
  MoeModel *model;

  g_assert_no_error (error);
  moe_checkpoint_write (moe_checkpoint_find (name), FALSE, path, &error);
  g_assert_no_error (error);
  model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  /* The map keeps the contents. */
  g_unlink (path);
  g_rmdir (dir);
  return model;
}

/* The definition, in double. */
static double
cosine (const float *a,
        const float *b,
        guint        n)
{
  double ab = 0, aa = 0, bb = 0;

  for (guint i = 0; i < n; i++)
    {
      ab += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
  return ab / sqrt (aa * bb);
}

static void
test_table (void)
{
  g_autoptr(MoeModel) model = open_checkpoint ("olmoe-f32");
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autoptr(MoeTable) table = moe_router_similarity_to_table (model, -1);
  g_autoptr(MoeTable) one = moe_router_similarity_to_table (model, 1);
  guint pairs = info->n_experts * (info->n_experts - 1) / 2, row = 0;

  g_assert_cmpuint (moe_table_get_n_rows (table), ==, pairs * info->n_layers);
  g_assert_cmpuint (moe_table_get_n_rows (one), ==, pairs);
  for (guint layer = 0; layer < info->n_layers; layer++)
    {
      g_autofree float *router = moe_model_dup_router (model, layer);

      for (guint a = 0; a < info->n_experts; a++)
        for (guint b = a + 1; b < info->n_experts; b++, row++)
          {
            g_assert_cmpint (moe_table_get_int (table, row, 0), ==, layer);
            g_assert_cmpint (moe_table_get_int (table, row, 1), ==, a);
            g_assert_cmpint (moe_table_get_int (table, row, 2), ==, b);
            g_assert_cmpfloat_with_epsilon (moe_table_get_double (table, row, 3),
                                            cosine (router + a * info->width, router + b * info->width,
                                                    info->width),
                                            1e-6);
          }
    }
}

static void
test_matrix (void)
{
  g_autoptr(MoeModel) model = open_checkpoint ("qwen3moe-f32");
  guint n = moe_model_get_info (model)->n_experts;
  g_autofree float *cosines = moe_router_similarity_compute (model, 0);

  for (guint a = 0; a < n; a++)
    {
      g_assert_cmpfloat_with_epsilon (cosines[a * n + a], 1, 1e-6);
      for (guint b = 0; b < n; b++)
        g_assert_cmpfloat (cosines[a * n + b], ==, cosines[b * n + a]);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router-similarity/table", test_table);
  g_test_add_func ("/router-similarity/matrix", test_matrix);
  return g_test_run ();
}
