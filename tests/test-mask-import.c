/* SPDX-License-Identifier: MIT */
#include "data/moe-mask-import.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"

/* Masks from files of other programs. */

/* Layers 1 and 2 of 3 are MoE layers of 4 experts, 2 used, and one shared expert. */
static MoeModelInfo *
new_info (void)
{
  MoeModelInfo *info = moe_model_info_new ();

  info->n_layers = 3;
  info->n_moe_layers = 2;
  info->moe_layers = g_new (guint, 2);
  info->moe_layers[0] = 1;
  info->moe_layers[1] = 2;
  info->n_experts = 4;
  info->n_used = 2;
  info->n_shared = 1;
  return info;
}

static char *
describe (const MoeMask *mask)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? "; " : "", one);
    }
  return g_string_free (text, FALSE);
}

static void
check (MoeMask    *mask,
       GError     *error,
       const char *expected, /* the mask, or NULL for a refusal */
       const char *fragment)
{
  g_autofree char *text = describe (mask);

  if (expected != NULL)
    {
      g_assert_no_error (error);
      g_assert_cmpstr (text, ==, expected);
    }
  else
    {
      g_assert_null (mask);
      g_assert_nonnull (strstr (error->message, fragment));
      g_error_free (error);
    }
  moe_mask_unref (mask);
}

static void
test_steer_table (void)
{
  static const struct
  {
    const char *text;
    MoeSteerTableOptions options;
    const char *mask, *fragment;
  } cases[] = {
    { "layer,expert,a,risk_diff\n1,0,x,0.5\n2,3,,-0.25\n1,2,,0.75\n2,1,,0.5\n", { 2, 0, 0, 1 },
      "L1E2 disable refill; L1E0 disable refill; L2E3 force max", NULL },
    { "layer,expert,risk_diff\n1,0,0.5\n", { 2 }, NULL, "has 1 rows, fewer than the 2 asked for" },
    { "layer,expert,rd\n1,0,0.5\n", { 1 }, NULL, "has no column risk_diff" },
    { "layer,expert,risk_diff\n1,x,0.5\n", { 1 }, NULL, ":2: 'x' is no expert" },
    { "layer,expert,risk_diff\n1,1,nan\n", { 1 }, NULL, ":2: 'nan' is no risk_diff" },
    { "layer,expert,risk_diff\n0,1,1\n", { 1 }, NULL, "layer 0 is not an MoE layer" },
    { "layer,expert,risk_diff\n1,9,1\n", { 1 }, NULL, "there is no expert 9" },
    { "layer,expert,risk_diff\n1,0,1\n1,1,2\n1,2,3\n", { 3 }, NULL, "which leaves fewer" },
  };
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autofree char *folder = g_dir_make_tmp ("moescope-import-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "table.csv", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MoeSteerTableOptions options = cases[i].options;
      GError *error = NULL;
      MoeMask *mask;

      options.disable_mode = MOE_MODE_REFILL;
      options.force_mode = MOE_MODE_MAX;
      g_assert_true (g_file_set_contents (path, cases[i].text, -1, NULL));
      mask = moe_mask_import_steer_table (path, info, &options, &error);
      check (mask, error, cases[i].mask, cases[i].fragment);
    }
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_map (void)
{
  static const guint8 one[4] = { 0, 0, 0x80, 0x3f }, minus[4] = { 0, 0, 0x80, 0xbf };
  guint8 map[12 * 4] = { 0 };
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autofree char *folder = g_dir_make_tmp ("moescope-import-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "map.f32", NULL);
  GError *error = NULL;
  MoeMask *mask;

  /* Cells 1 and 6: of MoE layers only, or with the dense layer 0 before them. */
  memcpy (map + 1 * 4, one, 4);
  memcpy (map + 6 * 4, minus, 4);
  g_assert_true (g_file_set_contents (path, (char *) map, 8 * 4, NULL));
  mask = moe_mask_import_map (path, info, 0, &error);
  check (mask, error, "L1E1 force max; L2E2 disable refill", NULL);
  mask = moe_mask_import_map (path, info, 2.5, &error);
  check (mask, error, "L1E1 bias +2.5; L2E2 bias -2.5", NULL);

  memset (map + 4, 0, 4);
  g_assert_true (g_file_set_contents (path, (char *) map, 12 * 4, NULL));
  mask = moe_mask_import_map (path, info, 0, &error);
  check (mask, error, "L1E2 disable refill", NULL);

  g_assert_true (g_file_set_contents (path, (char *) map, 9 * 4, NULL));
  mask = moe_mask_import_map (path, info, 0, &error);
  check (mask, error, NULL, "has 36 bytes, not 4 for each of 4 experts in 2 layers");
  error = NULL;
  map[3] = 0x41;
  g_assert_true (g_file_set_contents (path, (char *) map, 8 * 4, NULL));
  mask = moe_mask_import_map (path, info, 0, &error);
  check (mask, error, NULL, "number 0 is none of 1, 0 and -1");
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_super (void)
{
  static const struct { const char *text, *mask, *fragment; } cases[] = {
    { "1,-1;2,3", "L1S disable zero; L2E3 disable zero", NULL },
    { " 2 , 0 ;", "L2E0 disable zero", NULL },
    { "", NULL, "'' is no layer and expert" },
    { "1", NULL, "'1' is no layer and expert" },
    { "1,2,3", NULL, "'1,2,3' is no layer and expert" },
    { "1,-2", NULL, "is no layer and expert" },
    { "0,1", NULL, "layer 0 is not an MoE layer" },
  };
  g_autoptr (MoeModelInfo) info = new_info ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      GError *error = NULL;
      MoeMask *mask = moe_mask_import_super (cases[i].text, info, &error);

      check (mask, error, cases[i].mask, cases[i].fragment);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mask-import/steer-table", test_steer_table);
  g_test_add_func ("/mask-import/map", test_map);
  g_test_add_func ("/mask-import/super", test_super);
  return g_test_run ();
}
