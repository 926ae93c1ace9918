/* SPDX-License-Identifier: MIT */
#include "probes/moe-kernels.h"

#include <math.h>

#include "probes/kernels/moe-int8-rows.h"
#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-formats.h"
#include "probes/kernels/moe-kernel-sets.h"
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
test_expand_mxfp4 (void)
{
  /* The 4-bit floats of the Microscaling formats: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. */
  static const float values[16] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6, 0, -0.5f, -1, -1.5f, -2, -3, -4, -6 };
  static const guint8 exponents[] = { 127, 130, 2, 1, 0 };
  static const float scales[] = { 1, 8, 0x1p-125f, 0x1p-126f, 0x1p-127f };
  MoeBlockMxfp4 block;
  float x[32];

  for (guint j = 0; j < 16; j++)
    block.qs[j] = (guint8) (j | (15 - j) << 4);
  for (guint i = 0; i < G_N_ELEMENTS (exponents); i++)
    {
      block.e = exponents[i];
      moe_expand_mxfp4 (&block, 32, x);
      for (guint j = 0; j < 16; j++)
        {
          g_assert_cmpfloat (x[j], ==, scales[i] * values[j]);
          g_assert_cmpfloat (x[j + 16], ==, scales[i] * values[15 - j]);
        }
    }
}

/* Every 8-bit float by its definition, by both kernels. */
static void
test_expand_f8 (void)
{
  const MoeKernel *kernels[] = {
    moe_kernel_get (MOE_TYPE_F8_E4M3, MOE_KERNELS_PLAIN), moe_kernel_get (MOE_TYPE_F8_E4M3, MOE_KERNELS_AUTO),
  };

  for (guint q = 0; q < 256; q++)
    {
      MoeBlockF8 block = { .scale = 0.75f };
      float one[MOE_F8_VALUES] = { 0 }, x[MOE_F8_VALUES], y = 0, *y_row = &y;
      guint exponent = q >> 3 & 15, mantissa = q & 7;
      float value = exponent == 0 ? ldexpf ((float) mantissa, -9)
                    : ldexpf ((float) (8 + mantissa), (int) exponent - 10);

      block.qs[5] = (guint8) q;
      one[5] = q < 128 ? 1.f : -1.f;
      moe_expand_f8_e4m3 (&block, MOE_F8_VALUES, x);
      for (guint k = 0; k < G_N_ELEMENTS (kernels); k++)
        {
          g_autofree guint8 *buffer = g_malloc (kernels[k]->prepared_bytes (MOE_F8_VALUES) + 64);
          guint8 *prepared = (guint8 *) (((guintptr) buffer + 63) / 64 * 64);

          kernels[k]->prepare (one, MOE_F8_VALUES, prepared);
          kernels[k]->matmul (&block, MOE_F8_VALUES, 0, 1, (const void *const *) &prepared, &y_row, 1);
          if ((q & 127) == 127)
            g_assert_true (isnan (y) && isnan (x[5]));
          else
            {
              g_assert_cmpfloat (y, ==, 0.75f * value);
              g_assert_cmpfloat (x[5], ==, 0.75f * (q < 128 ? value : -value));
            }
        }
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

/* Values by hand: of each field one that differs from all its neighbours. */
static void
test_expand_rare_32 (void)
{
  static const float table[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
  MoeBlockQ4_1 q41 = { .d = 0x4000, .m = 0xc200 };                                       /* 2 and -3 */
  MoeBlockQ5_0 q50 = { .d = 0x3800, .qh = { 0x01, 0x80, 0x02, 0x40 } };                  /* 0.5 */
  MoeBlockQ5_1 q51 = { .d = 0x3c00, .m = 0x4900, .qh = { 0x01, 0x80, 0x02, 0x40 } };     /* 1 and 10 */
  MoeBlockIq4Nl nl = { .d = 0xc000 };
  float x[32], y[32];

  for (guint j = 0; j < 16; j++)
    q41.qs[j] = q50.qs[j] = q51.qs[j] = nl.qs[j] = (guint8) (j | (15 - j) << 4);
  moe_expand_q4_1 (&q41, 32, x);
  for (gint i = 0; i < 32; i++)
    g_assert_cmpfloat (x[i], ==, 2 * (i < 16 ? i : 31 - i) - 3);
  moe_expand_q5_0 (&q50, 32, x);
  moe_expand_q5_1 (&q51, 32, y);
  for (gint i = 0; i < 32; i++)
    {
      gint q = (i < 16 ? i : 31 - i) + (i == 0 || i == 15 || i == 17 || i == 30 ? 16 : 0);

      g_assert_cmpfloat (x[i], ==, 0.5f * (float) (q - 16));
      g_assert_cmpfloat (y[i], ==, q + 10);
    }
  moe_expand_iq4_nl (&nl, 32, x);
  for (gint i = 0; i < 32; i++)
    g_assert_cmpfloat (x[i], ==, -2 * table[i < 16 ? i : 31 - i]);
}

static void
test_expand_rare_256 (void)
{
  /* Scales 1 + 4 g of the eight groups: 1 5 9 13 17 21 25 29, the upper bits 0 0 0 0 1 1 1 1. */
  MoeBlockIq4Xs xs = { .d = 0x3c00, .scales_h = 0x5500, .scales_l = { 0x51, 0xd9, 0x51, 0xd9 } };
  MoeBlockQ2_K q2 = { .d = 0x3c00, .dmin = 0x4000 };
  /* Scales 4 g of 16 groups: lower 0 4 8 12 four times, upper 0 0 0 0, 1 1 1 1, 2 2 2 2, 3 3 3 3. */
  MoeBlockQ3_K q3 = {
    .d = 0x3c00,
    .scales = { 0x00, 0x44, 0x88, 0xcc, 0x00, 0x44, 0x88, 0xcc, 0xe4, 0xe4, 0xe4, 0xe4 },
  };
  float x[256];

  memset (xs.qs, 0xf0, sizeof xs.qs); /* -127 and 113 */
  moe_expand_iq4_xs (&xs, 256, x);
  for (gint i = 0; i < 256; i++)
    g_assert_cmpfloat (x[i], ==, (1 + i / 32 * 4 - 32) * (i % 32 < 16 ? -127 : 113));

  for (guint j = 0; j < 16; j++)
    q2.scales[j] = (guint8) (j | (15 - j) << 4);
  /* Runs of 32 values: 0 1 2 3 in the first half, 3 2 1 0 in the second. */
  memset (q2.qs, 0xe4, 32);
  memset (q2.qs + 32, 0x1b, 32);
  q2.qs[5] = 0xe7;
  moe_expand_q2_k (&q2, 256, x);
  for (gint i = 0; i < 256; i++)
    {
      gint q = i < 128 ? i / 32 : 7 - i / 32;

      g_assert_cmpfloat (x[i], ==, i / 16 * (i == 5 ? 3 : q) - 2 * (15 - i / 16));
    }

  memcpy (q3.qs, q2.qs, sizeof q3.qs);
  memset (q3.hmask, 0x5a, sizeof q3.hmask); /* the upper bit of runs 1, 3, 4, 6 */
  q3.hmask[7] = 0xff;
  moe_expand_q3_k (&q3, 256, x);
  for (gint i = 0; i < 256; i++)
    {
      gint run = i / 32;
      gint q = i == 5 ? 3 : run < 4 ? run : 7 - run;

      q -= run == 1 || run == 3 || run == 4 || run == 6 || i % 32 == 7 ? 0 : 4;
      g_assert_cmpfloat (x[i], ==, (4 * (i / 16) - 32) * q);
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
                 : kernel->block < 256 ? kernel->block * blocks_32[i] : 256 * blocks_256[i];
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

/* The values that the prepared row @t of @c stands for: x (n). */
static void
case_get_values (Case     *c,
                 gsize     t,
                 gboolean  rounded,
                 float    *x)
{
  const MoeInt8Chunk *chunks = c->prepared[t];

  memcpy (x, c->x + t * c->n, c->n * sizeof (float));
  for (gsize i = 0; rounded && i < c->n; i++)
    x[i] = chunks[i / 256].q[i % 256] * chunks[i / 256].scale[i % 256 / 32];
}

/* Each output of @c against a sum in double precision over the expanded weights. */
static void
case_check (Case     *c,
            gboolean  rounded)
{
  gsize row_bytes = c->n / c->kernel->block * c->kernel->block_bytes;
  float *row = g_new (float, c->n);
  float *amplitude = g_new (float, c->n);
  float *x = g_new (float, c->n);

  for (gsize t = 0; t < c->n_tokens; t++)
    {
      case_get_values (c, t, rounded, x);
      for (gsize r = 0; r < c->n_rows; r++)
        {
          double sum = 0, magnitude = 0;

          c->kernel->expand (c->w + r * row_bytes, c->n, row);
          memcpy (amplitude, row, c->n * sizeof (float));
          if (rounded)
            kernel_blocks_amplitude (c->kernel, c->w + r * row_bytes, c->n, amplitude);
          for (gsize i = 0; i < c->n; i++)
            {
              sum += (double) row[i] * x[i];
              magnitude += fabs ((double) amplitude[i] * x[i]);
            }
          /* A lane adds up n / 8 parts at most; each addition rounds by half an ulp of at most the
           * magnitude. */
          g_assert_cmpfloat (fabs (c->y[t][r] - sum), <=, magnitude * (c->n / 8. + 8.) * 0x1p-24 + 1e-37);
        }
    }
  g_free (row);
  g_free (amplitude);
  g_free (x);
}

static gboolean
is_rounding (const MoeKernel *kernel)
{
  return kernel->block > 1 && kernel->type != MOE_TYPE_F8_E4M3 && !g_str_has_suffix (kernel->name, "/plain");
}

static void
test_matmul (gconstpointer data)
{
  const MoeKernel *kernel = data;
  GRand *rand = g_rand_new_with_seed (7);
  gsize lengths[6];

  for (guint i = 0; i < row_lengths (kernel, lengths); i++)
    for (guint kind = 0; kind < N_BLOCK_KINDS; kind++)
      for (gsize n_tokens = 1; n_tokens <= 17; n_tokens += 4)
        {
          Case *c = case_new (kernel, lengths[i], 1 + (i * 5 + kind) % 19, n_tokens, kind, rand);

          case_run (c);
          case_check (c, is_rounding (kernel));
          case_free (c);
        }
  g_rand_free (rand);
}

/* The rounding of activations: every 32 values to multiples of a 127th of their largest, at most half of that
 * away, with their sums. */
static void
test_prepare (gconstpointer data)
{
  const MoeKernel *kernel = data;
  GRand *rand = g_rand_new_with_seed (23);
  gsize lengths[6];

  for (guint i = 0; i < row_lengths (kernel, lengths); i++)
    for (guint kind = 0; kind < N_BLOCK_KINDS; kind++)
      {
        gsize n = lengths[i];
        Case *c = case_new (kernel, n, 1, 4, kind, rand);

        for (gsize t = 0; t < 4; t++)
          for (gsize group = 0; group < (n + 255) / 256 * 8; group++)
            {
              const MoeInt8Chunk *chunk = (const MoeInt8Chunk *) c->prepared[t] + group / 8;
              const gint8 *q = chunk->q + group % 8 * 32;
              const float *x = c->x + t * n + group * 32;
              double scale = chunk->scale[group % 8], largest = 0;
              gint sums[2] = { 0, 0 };

              for (guint j = 0; j < 32; j++)
                {
                  sums[j / 16] += q[j];
                  if (group * 32 >= n)
                    g_assert_cmpint (q[j], ==, 0);
                  else
                    largest = MAX (largest, fabs ((double) x[j]));
                }
              for (guint j = 0; j < 32 && group * 32 < n; j++)
                {
                  g_assert_cmpint (q[j], >=, -127);
                  if (largest >= 0x1p-100)
                    g_assert_cmpfloat (fabs (x[j] - scale * q[j]), <=, largest / 254 * (1 + 1e-5));
                  else
                    g_assert_cmpfloat (scale * q[j], ==, 0);
                }
              g_assert_cmpint (chunk->sum16[group % 8 * 2], ==, sums[0]);
              g_assert_cmpint (chunk->sum16[group % 8 * 2 + 1], ==, sums[1]);
              g_assert_cmpint (chunk->minus128[group % 8], ==, -128 * (sums[0] + sums[1]));
              g_assert_cmpfloat (chunk->sum[group % 8], ==,
                                 chunk->scale[group % 8] * (float) (sums[0] + sums[1]));
            }
        case_free (c);
      }
  g_rand_free (rand);
}

/* More tokens, rows and values than a tile of any kernel holds, against one token and row at a time. */
static void
test_many (gconstpointer data)
{
  static const struct { gsize n, n_rows, n_tokens; } shapes[] = {
    { 512, 9, 150 }, { 256, 300, 3 }, { 33 * 256, 9, 3 },
  };
  const MoeKernel *kernel = data;
  GRand *rand = g_rand_new_with_seed (17);

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      Case *c = case_new (kernel, shapes[i].n, shapes[i].n_rows, shapes[i].n_tokens, BLOCKS_MIXED, rand);
      g_autofree float *alone = g_new (float, c->n_rows);

      case_run (c);
      for (gsize t = 0; t < c->n_tokens; t++)
        {
          for (gsize r = 0; r < c->n_rows; r++)
            kernel->matmul (c->w, c->n, r, r + 1, c->prepared + t, &alone, 1);
          g_assert_cmpmem (c->y[t], c->n_rows * sizeof *alone, alone, c->n_rows * sizeof *alone);
        }
      case_free (c);
    }
  g_rand_free (rand);
}

/* All kernels that round activations make the same integers and add them up in the same order, so they
 * agree in every bit, whatever the instruction set. */
static void
test_same_bits (gconstpointer data)
{
  const MoeKernel *kernel = data;
  GRand *rand = g_rand_new_with_seed (29);
  const MoeKernelSet *const *sets;
  gsize lengths[6];
  guint n_sets;

  sets = moe_kernel_sets_get (&n_sets);
  for (guint i = 0; i < row_lengths (kernel, lengths); i++)
    for (guint kind = 0; kind < N_BLOCK_KINDS; kind++)
      {
        Case *c = case_new (kernel, lengths[i], 21, 5, kind, rand);
        float *y;

        case_run (c);
        y = g_memdup2 (c->y_values, 5 * 23 * sizeof (float));
        for (guint s = 0; s < n_sets; s++)
          for (guint k = 0; k < sets[s]->n_kernels && sets[s]->is_usable (); k++)
            if (sets[s]->kernels[k].type == kernel->type && is_rounding (&sets[s]->kernels[k]))
              {
                c->kernel = &sets[s]->kernels[k];
                case_run (c);
                g_assert_cmpmem (c->y_values, 5 * 23 * sizeof (float), y, 5 * 23 * sizeof (float));
              }
        g_free (y);
        case_free (c);
      }
  g_rand_free (rand);
}

/* What is not a number stays visible: every output of that token is a NaN, the others are untouched. */
static void
test_not_finite (gconstpointer data)
{
  const MoeKernel *kernel = data;
  GRand *rand = g_rand_new_with_seed (19);
  Case *c = case_new (kernel, 512, 9, 3, BLOCKS_NORMAL, rand);
  gsize bytes = kernel->prepared_bytes (512);

  c->x[512 + 300] = NAN;
  kernel->prepare (c->x + 512, 512, c->storage + bytes);
  case_run (c);
  for (gsize r = 0; r < c->n_rows; r++)
    {
      g_assert_true (isfinite (c->y[0][r]));
      g_assert_true (isnan (c->y[1][r]));
      g_assert_true (isfinite (c->y[2][r]));
    }
  case_free (c);
  g_rand_free (rand);
}

/* The same bits whatever the split into calls by rows and tokens. */
static void
test_splits (gconstpointer data)
{
  const MoeKernel *kernel = data;
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
      for (gsize row_step = 1; row_step <= n_rows; row_step += row_step < 4 ? 1 : 3)
        for (gsize token_step = 1; token_step <= n_tokens; token_step += token_step < 7 ? 1 : 5)
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
test_get (void)
{
  g_assert_null (moe_kernel_get (19, MOE_KERNELS_PLAIN)); /* IQ1_S */
  g_assert_null (moe_kernel_get (19, MOE_KERNELS_AUTO));
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

static void
add_tests (const MoeKernel *kernel)
{
  static const struct
  {
    const char *name;
    void      (*run) (gconstpointer);
  } tests[] = {
    { "matmul", test_matmul },
    { "splits", test_splits },
    { "many", test_many },
    { "not-finite", test_not_finite },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/kernels/%s/%s", tests[i].name, kernel->name);

      g_test_add_data_func (path, kernel, tests[i].run);
    }
  if (is_rounding (kernel))
    {
      g_autofree char *path = g_strdup_printf ("/kernels/prepare/%s", kernel->name);
      g_autofree char *same = g_strdup_printf ("/kernels/same-bits/%s", kernel->name);

      g_test_add_data_func (path, kernel, test_prepare);
      g_test_add_data_func (same, kernel, test_same_bits);
    }
}

int
main (int   argc,
      char *argv[])
{
  const MoeKernelSet *const *sets;
  guint n_sets;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/expand/floats", test_expand_floats);
  g_test_add_func ("/kernels/expand/blocks-of-32", test_expand_32);
  g_test_add_func ("/kernels/expand/mxfp4", test_expand_mxfp4);
  g_test_add_func ("/kernels/expand/f8", test_expand_f8);
  g_test_add_func ("/kernels/expand/super-blocks", test_expand_k);
  g_test_add_func ("/kernels/expand/rare-blocks-of-32", test_expand_rare_32);
  g_test_add_func ("/kernels/expand/rare-super-blocks", test_expand_rare_256);
  g_test_add_func ("/kernels/get", test_get);
  sets = moe_kernel_sets_get (&n_sets);
  for (guint s = 0; s < n_sets; s++)
    for (guint k = 0; k < sets[s]->n_kernels && sets[s]->is_usable (); k++)
      add_tests (&sets[s]->kernels[k]);
  return g_test_run ();
}
