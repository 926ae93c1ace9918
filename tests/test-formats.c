/* SPDX-License-Identifier: MIT */
#include "probes/moe-kernels.h"

#include "probes/kernels/moe-codebook-formats.h"
#include "tests/kernel-blocks.h"
#include "tests/support/moe-quantise.h"

/* Random blocks of every storage type, expanded, against what llama.cpp makes of them: equal in every bit, 0
 * and -0 apart. tests/reference/README.md says how the sums were made. */

static char *
get_sum (float *x,
         gsize  n)
{
  for (gsize i = 0; i < n; i++)
    {
      guint32 bits = GUINT32_TO_LE (moe_float_to_bits (x[i] + 0.f));

      memcpy (&x[i], &bits, sizeof bits);
    }
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) x, n * sizeof *x);
}

static char *
read_reference (MoeTensorType type)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "reference", "expansions.txt", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", 2);

      if (words[0] != NULL && words[1] != NULL
          && g_ascii_strcasecmp (words[0], moe_tensor_type_get_name (type)) == 0)
        return g_strdup (words[1]);
    }
  g_test_message ("no sum of %s", moe_tensor_type_get_name (type));
  g_assert_not_reached ();
}

static void
test_values (gconstpointer data)
{
  const MoeTensorType type = *(const MoeTensorType *) data;
  const MoeKernel *kernels[2] = {
    moe_kernel_get (type, MOE_KERNELS_PLAIN), moe_kernel_get (type, MOE_KERNELS_AUTO),
  };
  gsize n, n_bytes;
  g_autofree guint8 *w = kernel_blocks_new_reference (type, &n, &n_bytes);
  g_autofree float *x = g_new (float, n);
  g_autofree char *reference = read_reference (type), *twin = NULL;

  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *sum = NULL;

      kernels[i]->expand (w, n, x);
      sum = get_sum (x, n);
      g_assert_cmpstr (sum, ==, reference);
    }
  /* What the generated checkpoints are made with. */
  moe_dequantise (type, w, n, x);
  twin = get_sum (x, n);
  g_assert_cmpstr (twin, ==, reference);
}

typedef MoeCodebookGroup (*ReadFunc) (const guint8 *bytes,
                                      guint         g);

/* The blocks of test_values() meet every entry, so it checks the whole codebook. */
static void
check_entries (MoeTensorType type,
               ReadFunc      read,
               guint         n_entries,
               gboolean      of_four)
{
  gsize n, n_bytes;
  g_autofree guint8 *w = kernel_blocks_new_reference (type, &n, &n_bytes);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  gsize block_bytes = n_bytes / N_REFERENCE_BLOCKS;

  for (gsize at = 0; at < n_bytes; at += block_bytes)
    for (guint g = 0; g < 8; g++)
      {
        MoeCodebookGroup group = read (w + at, g);

        for (guint i = 0; i < 4; i++)
          {
            guint64 entries[2] = { group.magnitudes[i], 0 };

            if (of_four)
              {
                entries[0] = group.magnitudes[i] & 0xffffffff;
                entries[1] = group.magnitudes[i] >> 32;
              }
            for (guint k = 0; k < (of_four ? 2 : 1); k++)
              g_hash_table_add (seen, g_memdup2 (&entries[k], sizeof entries[k]));
          }
      }
  g_assert_cmpuint (g_hash_table_size (seen), ==, n_entries);
}

static void
test_entries (void)
{
  check_entries (MOE_TYPE_IQ2_XXS, moe_iq2_xxs_read, G_N_ELEMENTS (moe_codebook_iq2_xxs), FALSE);
  check_entries (MOE_TYPE_IQ2_XS, moe_iq2_xs_read, G_N_ELEMENTS (moe_codebook_iq2_xs), FALSE);
  check_entries (MOE_TYPE_IQ2_S, moe_iq2_s_read, G_N_ELEMENTS (moe_codebook_iq2_s), FALSE);
  check_entries (MOE_TYPE_IQ3_XXS, moe_iq3_xxs_read, G_N_ELEMENTS (moe_codebook_iq3_xxs), TRUE);
  check_entries (MOE_TYPE_IQ3_S, moe_iq3_s_read, G_N_ELEMENTS (moe_codebook_iq3_s), TRUE);
}

/* The eighth sign, counted one by one. */
static void
test_signs (void)
{
  for (guint32 bits = 0; bits < 128; bits++)
    {
      guint count = 0;
      guint32 eight;

      for (guint i = 0; i < 7; i++)
        count += bits >> i & 1;
      eight = bits | (count % 2) << 7;
      for (guint at = 0; at < 4; at++)
        {
          guint32 others = (bits * 77 + at * 13) & 127 & ~1u; /* something in the other three */
          guint32 signs = moe_signs_from_28 (bits << 7 * at | others << (at + 1) % 4 * 7);

          g_assert_cmphex (signs >> 8 * at & 0xff, ==, eight);
        }
    }
}

/* Blocks are as large for the reader of files as for the kernels, and what has no kernel has a name to refuse
 * it by. */
static void
test_table (void)
{
  guint n_known = 0, n_computed = 0;

  for (guint32 type = 0; type < 100; type++)
    {
      const MoeKernel *kernel = moe_kernel_get (type, MOE_KERNELS_PLAIN);
      guint n_values = 0, n_bytes = 0;

      if (!moe_tensor_type_get_block (type, &n_values, &n_bytes))
        {
          g_assert_null (kernel);
          g_assert_null (moe_tensor_type_get_name (type));
          continue;
        }
      g_assert_cmpuint (strlen (moe_tensor_type_get_name (type)), >=, 2);
      n_known++;
      if (kernel == NULL)
        continue;
      n_computed++;
      g_assert_cmpuint (kernel->block, ==, n_values);
      g_assert_cmpuint (kernel->block_bytes, ==, n_bytes);
    }
  g_assert_cmpuint (n_known, ==, 41);
  g_assert_cmpuint (n_computed, ==, N_REFERENCE_TYPES);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < N_REFERENCE_TYPES; i++)
    {
      const char *name = moe_tensor_type_get_name (kernel_types[i]);
      g_autofree char *path = g_strdup_printf ("/formats/values/%s", name);

      g_test_add_data_func (path, &kernel_types[i], test_values);
    }
  g_test_add_func ("/formats/codebook-entries", test_entries);
  g_test_add_func ("/formats/signs", test_signs);
  g_test_add_func ("/formats/table", test_table);
  return g_test_run ();
}
