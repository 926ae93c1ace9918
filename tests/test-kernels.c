/* SPDX-License-Identifier: MIT */
#include "probes/moe-kernels.h"

#include <math.h>

#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-formats.h"
#include "tests/kernel-blocks.h"

/* Scales 1 2 3 4 60 33 17 63 and mins 5 6 7 8 63 32 16 1 packed by hand. */
static const guint8 packed_scales[12] = {
  0xc1, 0x82, 0x43, 0xc4, 0xc5, 0x86, 0x47, 0x08, 0xfc, 0x01, 0x01, 0x1f,
};
static const gint k_scales[8] = { 1, 2, 3, 4, 60, 33, 17, 63 };
static const gint k_mins[8] = { 5, 6, 7, 8, 63, 32, 16, 1 };

static void
test_expand_floats (void)
{
  static const guint16 halves[] = { 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x8000, 0x7c00 };
  static const float half_values[] = { 0x1p-24f, 1023 * 0x1p-24f, 0x1p-14f, 1, -2, 65504, -0.f, INFINITY };
  static const guint16 bfloats[] = { 0x3f80, 0xc000, 0x0001, 0x7f7f };
  static const float bfloat_values[] = { 1, -2, 0x1p-133f, 0x1.fep127f };
  float x[8];

  moe_expand_f16 (halves, 8, x);
  for (guint i = 0; i < 8; i++)
    g_assert_cmphex (moe_float_to_bits (x[i]), ==, moe_float_to_bits (half_values[i]));
  moe_expand_bf16 (bfloats, 4, x);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (x[i], ==, bfloat_values[i]);
  moe_expand_f32 (half_values, 8, x);
  g_assert_cmpmem (x, sizeof x, half_values, sizeof half_values);
}

static void
test_expand_32 (void)
{
  MoeBlockQ8_0 q8[2];
  MoeBlockQ4_0 q4;
  float x[64];

  for (guint b = 0; b < 2; b++)
    {
      q8[b].d = b == 0 ? 0x3800 : 0xc000; /* 0.5 and -2 */
      for (gint j = 0; j < 32; j++)
        q8[b].qs[j] = (gint8) (j * 8 - 128 + (j == 31 ? 7 : 0));
    }
  moe_expand_q8_0 (q8, 64, x);
  g_assert_cmpfloat (x[0], ==, -64);
  g_assert_cmpfloat (x[1], ==, -60);
  g_assert_cmpfloat (x[31], ==, 63.5);
  g_assert_cmpfloat (x[32], ==, 256);
  g_assert_cmpfloat (x[63], ==, -254);

  q4.d = 0xc000;
  for (guint j = 0; j < 16; j++)
    q4.qs[j] = (guint8) (j | (15 - j) << 4);
  moe_expand_q4_0 (&q4, 32, x);
  for (gint j = 0; j < 16; j++)
    {
      g_assert_cmpfloat (x[j], ==, -2 * (j - 8));
      g_assert_cmpfloat (x[j + 16], ==, -2 * (7 - j));
    }
}

static void
test_expand_k (void)
{
  MoeBlockQ4_K q4 = { .d = 0x3c00, .dmin = 0x3800 };
  MoeBlockQ5_K q5 = { .d = 0x3c00, .dmin = 0x3800 };
  MoeBlockQ6_K q6 = { .d = 0x4000 };
  float x[256];

  memcpy (q4.scales, packed_scales, 12);
  memcpy (q5.scales, packed_scales, 12);
  for (guint pair = 0; pair < 4; pair++)
    for (guint j = 0; j < 32; j++)
      {
        q4.qs[32 * pair + j] = (guint8) (j % 16 | (pair + 12) << 4);
        q5.qs[32 * pair + j] = (guint8) (j % 16 | (pair + 12) << 4);
        q5.qh[j] = j % 2 == 0 ? 0x55 : 0xaa;
      }
  moe_expand_q4_k (&q4, 256, x);
  for (gint i = 0; i < 256; i++)
    {
      gint group = i / 32;
      gint q = group % 2 == 0 ? i % 16 : group / 2 + 12;

      g_assert_cmpfloat (x[i], ==, k_scales[group] * q - 0.5 * k_mins[group]);
    }
  moe_expand_q5_k (&q5, 256, x);
  for (gint i = 0; i < 256; i++)
    {
      gint group = i / 32;
      gint q = (group % 2 == 0 ? i % 16 : group / 2 + 12) + (group % 2 == i % 2 ? 16 : 0);

      g_assert_cmpfloat (x[i], ==, k_scales[group] * q - 0.5 * k_mins[group]);
    }

  for (gint j = 0; j < 16; j++)
    q6.scales[j] = (gint8) (j == 15 ? 127 : 16 * j - 128);
  memset (q6.qh, 0xe4, sizeof q6.qh); /* 0, 1, 2, 3 for the four runs */
  for (gint j = 0; j < 128; j++)
    q6.ql[j] = (guint8) (j % 16 | (15 - j % 16) << 4);
  moe_expand_q6_k (&q6, 256, x);
  for (gint i = 0; i < 256; i++)
    {
      gint run = i / 32 % 4;
      gint q = (run < 2 ? i % 16 : 15 - i % 16) + 16 * run - 32;

      g_assert_cmpfloat (x[i], ==, 2 * (i / 16 == 15 ? 127 : 16 * (i / 16) - 128) * q);
    }
}

/* Row lengths to try for a type: whole blocks, odd counts of them, and for the float formats odd lengths. */
static guint
row_lengths (const MoeKernel *kernel,
             gsize            lengths[6])
{
  static const gsize float_lengths[] = { 1, 3, 31, 256, 300, 1029 };
  static const gsize blocks_32[] = { 1, 2, 3, 8, 9, 41 };
  static const gsize blocks_256[] = { 1, 2, 3, 5, 8, 9 };

  for (guint i = 0; i < 6; i++)
    lengths[i] = kernel->block == 1 ? float_lengths[i]
                 : kernel->block == 32 ? 32 * blocks_32[i] : 256 * blocks_256[i];
  return 6;
}

/* Everything a matmul needs, with guards around the rows of y. */
typedef struct
{
  const MoeKernel *kernel;
  gsize            n, n_rows, n_tokens;
  guint8          *w;        /* (n_rows, n) blocks, at an odd address */
  float           *x;        /* (n_tokens, n) */
  guint8          *storage;
  const void     **prepared; /* (n_tokens) */
  float          **y;        /* (n_tokens) rows in y_values */
  float           *y_values; /* (n_tokens, n_rows + 2) */
} Case;

static Case *
case_new (const MoeKernel *kernel,
          gsize            n,
          gsize            n_rows,
          gsize            n_tokens,
          BlockKind        kind,
          GRand           *rand)
{
  Case *c = g_new0 (Case, 1);
  gsize row_bytes = n / kernel->block * kernel->block_bytes;
  gsize bytes = kernel->prepared_bytes (n);

  g_assert_cmpuint (bytes % 64, ==, 0);
  c->kernel = kernel;
  c->n = n;
  c->n_rows = n_rows;
  c->n_tokens = n_tokens;
  c->w = (guint8 *) g_malloc (n_rows * row_bytes + 1) + 1;
  kernel_blocks_fill (kernel->type, c->w, n_rows * n, kind, rand);
  c->x = g_new (float, n_tokens * n);
  kernel_activations_fill (c->x, n_tokens, n, kind, rand);
  c->storage = g_aligned_alloc (n_tokens, bytes, 64);
  c->prepared = g_new (const void *, n_tokens);
  c->y = g_new (float *, n_tokens);
  c->y_values = g_new (float, n_tokens * (n_rows + 2));
  for (gsize t = 0; t < n_tokens; t++)
    {
      c->prepared[t] = c->storage + t * bytes;
      kernel->prepare (c->x + t * n, n, c->storage + t * bytes);
      c->y[t] = c->y_values + t * (n_rows + 2) + 1;
      c->y[t][-1] = c->y[t][n_rows] = 12345.f;
    }
  return c;
}

static void
case_run (Case *c)
{
  c->kernel->matmul (c->w, c->n, 0, c->n_rows, c->prepared, c->y, c->n_tokens);
  for (gsize t = 0; t < c->n_tokens; t++)
    g_assert_true (c->y[t][-1] == 12345.f && c->y[t][c->n_rows] == 12345.f);
}

static void
case_free (Case *c)
{
  g_free (c->w - 1);
  g_free (c->x);
  g_aligned_free (c->storage);
  g_free (c->prepared);
  g_free (c->y);
  g_free (c->y_values);
  g_free (c);
}

/* Each output of @c against a sum in double precision over the expanded weights. */
static void
case_check_plain (Case *c)
{
  gsize row_bytes = c->n / c->kernel->block * c->kernel->block_bytes;
  float *row = g_new (float, c->n);

  for (gsize r = 0; r < c->n_rows; r++)
    {
      c->kernel->expand (c->w + r * row_bytes, c->n, row);
      for (gsize t = 0; t < c->n_tokens; t++)
        {
          const float *x = c->x + t * c->n;
          double sum = 0, magnitude = 0;

          for (gsize i = 0; i < c->n; i++)
            {
              sum += (double) row[i] * x[i];
              magnitude += fabs ((double) row[i] * x[i]);
            }
          /* Each lane adds n / 16 products, each addition rounds by half an ulp of at most the magnitude. */
          g_assert_cmpfloat (fabs (c->y[t][r] - sum), <=, magnitude * (c->n / 16 + 8.) * 0x1p-24 + 1e-37);
        }
    }
  g_free (row);
}

static void
test_plain (gconstpointer data)
{
  const MoeKernel *kernel = moe_kernel_get (GPOINTER_TO_UINT (data), MOE_KERNELS_PLAIN);
  GRand *rand = g_rand_new_with_seed (7);
  gsize lengths[6];

  g_assert_nonnull (kernel);
  for (guint i = 0; i < row_lengths (kernel, lengths); i++)
    for (guint kind = 0; kind < N_BLOCK_KINDS; kind++)
      for (gsize n_tokens = 1; n_tokens <= 17; n_tokens += 4)
        {
          Case *c = case_new (kernel, lengths[i], 1 + (i * 2 + kind) % 7, n_tokens, kind, rand);

          case_run (c);
          case_check_plain (c);
          case_free (c);
        }
  g_rand_free (rand);
}

/* The same bits whatever the split into calls by rows and tokens. */
static void
check_splits (const MoeKernel *kernel)
{
  GRand *rand = g_rand_new_with_seed (11);
  gsize lengths[6];

  for (guint i = 0; i < row_lengths (kernel, lengths); i++)
    {
      const gsize n_rows = 13, n_tokens = 17;
      Case *c = case_new (kernel, lengths[i], n_rows, n_tokens, BLOCKS_NORMAL, rand);
      float whole[17][13];

      case_run (c);
      for (gsize t = 0; t < n_tokens; t++)
        memcpy (whole[t], c->y[t], sizeof whole[t]);
      for (gsize row_step = 1; row_step <= n_rows; row_step++)
        for (gsize token_step = 1; token_step <= n_tokens; token_step++)
          {
            memset (c->y_values, 0xff, n_tokens * (n_rows + 2) * sizeof (float));
            for (gsize r = 0; r < n_rows; r += row_step)
              for (gsize t = 0; t < n_tokens; t += token_step)
                kernel->matmul (c->w, c->n, r, MIN (r + row_step, n_rows), c->prepared + t, c->y + t,
                                MIN (token_step, n_tokens - t));
            for (gsize t = 0; t < n_tokens; t++)
              g_assert_cmpmem (c->y[t], sizeof whole[t], whole[t], sizeof whole[t]);
          }
      case_free (c);
    }
  g_rand_free (rand);
}

static void
test_plain_splits (gconstpointer data)
{
  check_splits (moe_kernel_get (GPOINTER_TO_UINT (data), MOE_KERNELS_PLAIN));
}

static void
test_get (void)
{
  g_assert_null (moe_kernel_get (MOE_TYPE_Q5_0, MOE_KERNELS_PLAIN));
  g_assert_null (moe_kernel_get (MOE_TYPE_Q5_0, MOE_KERNELS_AUTO));
  g_assert_null (moe_kernel_get (12345, MOE_KERNELS_AUTO));
  for (guint i = 0; i < N_KERNEL_TYPES; i++)
    {
      const MoeKernel *plain = moe_kernel_get (kernel_types[i], MOE_KERNELS_PLAIN);
      const MoeKernel *fast = moe_kernel_get (kernel_types[i], MOE_KERNELS_AUTO);

      g_assert_true (g_str_has_suffix (plain->name, "/plain"));
      g_assert_cmpuint (plain->type, ==, kernel_types[i]);
      g_assert_cmpuint (fast->type, ==, kernel_types[i]);
      g_assert_cmpuint (fast->block_bytes, ==, plain->block_bytes);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/expand/floats", test_expand_floats);
  g_test_add_func ("/kernels/expand/blocks-of-32", test_expand_32);
  g_test_add_func ("/kernels/expand/super-blocks", test_expand_k);
  g_test_add_func ("/kernels/get", test_get);
  for (guint i = 0; i < N_KERNEL_TYPES; i++)
    {
      const char *name = moe_kernel_get (kernel_types[i], MOE_KERNELS_PLAIN)->name;
      g_autofree char *path = g_strdup_printf ("/kernels/matmul/%s", name);
      g_autofree char *splits = g_strdup_printf ("/kernels/splits/%s", name);

      g_test_add_data_func (path, GUINT_TO_POINTER (kernel_types[i]), test_plain);
      g_test_add_data_func (splits, GUINT_TO_POINTER (kernel_types[i]), test_plain_splits);
    }
  return g_test_run ();
}
