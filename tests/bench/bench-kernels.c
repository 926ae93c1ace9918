/* SPDX-License-Identifier: MIT */
/* How fast each kernel is on one thread: GOP/s (two operations a weight and token) and GB/s of weights,
 * best of many short runs, on the matrices of an expert with model width 2048 and expert width 1024. With
 * one token the weights are spread over more memory than the caches hold, as in decoding; and, in the lines
 * that say so, a few rows in the cache again and again. Arguments: a type's name, an instruction set's name,
 * and a number of tokens (0: one, in the cache), to run only these. */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "probes/kernels/moe-kernel-sets.h"
#include "tests/kernel-blocks.h"

#define MAX_TOKENS 512
#define DECODE_BYTES (128u << 20)
#define CACHED_BYTES (128u << 10)
#define HUGE_PAGE    (2u << 20)

static double
get_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* Seconds of the first @n_run rows of one of @n_matrices, taken in turn. */
static double
best_seconds (const MoeKernel *kernel,
              const guint8    *w,
              gsize            n,
              gsize            n_rows,
              gsize            n_run,
              gsize            n_matrices,
              gsize            n_tokens,
              const float     *x,
              float           *y_values)
{
  gsize bytes = kernel->prepared_bytes (n);
  gsize matrix_bytes = n_rows * n / kernel->block * kernel->block_bytes;
  guint8 *prepared = g_aligned_alloc (n_tokens, bytes, 64);
  const void **rows = g_new (const void *, n_tokens);
  float **y = g_new (float *, n_tokens);
  double best = G_MAXDOUBLE;
  double begin = get_seconds ();
  gsize matrix = 0;

  for (gsize t = 0; t < n_tokens; t++)
    {
      kernel->prepare (x + t * n, n, prepared + t * bytes);
      rows[t] = prepared + t * bytes;
      y[t] = y_values + t * n_rows;
    }
  for (guint run = 0; run < 4 || get_seconds () - begin < 0.2; run++)
    {
      gsize n_calls = n_tokens == 1 ? 8 : 1;
      double start = get_seconds ();
      double seconds;

      for (gsize i = 0; i < n_calls; i++)
        {
          kernel->matmul (w + matrix * matrix_bytes, n, 0, n_run, rows, y, n_tokens);
          matrix = (matrix + 1) % n_matrices;
        }
      seconds = (get_seconds () - start) / (double) n_calls;
      best = MIN (best, seconds);
    }
  g_aligned_free (prepared);
  g_free (rows);
  g_free (y);
  return best;
}

int
main (int   argc,
      char *argv[])
{
  static const gsize shapes[][2] = { { 2048, 1024 }, { 1024, 2048 } };
  /* 0: one token, cached weights. */
  static const gsize token_counts[] = { 0, 1, 2, 4, 8, 16, 32, 64, MAX_TOKENS };
  GRand *rand = g_rand_new_with_seed (5);
  float *x = g_new (float, MAX_TOKENS * 2048);
  float *y = g_new (float, MAX_TOKENS * 2048);
  const MoeKernelSet *const *sets;
  guint n_sets;

  sets = moe_kernel_sets_get (&n_sets);
  kernel_activations_fill (x, MAX_TOKENS, 2048, BLOCKS_NORMAL, rand);
  for (guint i = 0; i < N_KERNEL_TYPES; i++)
    {
      const MoeKernel *plain = moe_kernel_get (kernel_types[i], MOE_KERNELS_PLAIN);
      g_autofree char *type_name = g_strndup (plain->name, strcspn (plain->name, "/"));
      gsize matrix_bytes = 2048 * 1024 / plain->block * plain->block_bytes;
      gsize n_matrices = DECODE_BYTES / matrix_bytes;
      guint8 *w;

      if (argc > 1 && strcmp (argv[1], type_name) != 0)
        continue;
      w = g_aligned_alloc (n_matrices, matrix_bytes, HUGE_PAGE);
      madvise (w, n_matrices * matrix_bytes, MADV_HUGEPAGE);
      kernel_blocks_fill (kernel_types[i], w, 2048 * 1024, BLOCKS_NORMAL, rand);
      for (gsize m = 1; m < n_matrices; m++)
        memcpy (w + m * matrix_bytes, w, matrix_bytes);
      for (guint s = 0; s < G_N_ELEMENTS (shapes); s++)
        for (guint t = 0; t < G_N_ELEMENTS (token_counts); t++)
          {
            gsize n = shapes[s][0], n_rows = shapes[s][1], n_tokens = MAX (token_counts[t], 1);
            gboolean cached = token_counts[t] == 0;
            /* A run must end within a time slice to be the best of many on a busy machine. */
            gsize n_run = n_tokens >= 64 ? 128 : n_rows;
            double plain_seconds = 0;

            if (argc > 3 && g_ascii_strtoull (argv[3], NULL, 10) != token_counts[t])
              continue;
            if (cached)
              n_run = CACHED_BYTES / (matrix_bytes / n_rows) / 8 * 8;
            for (guint set = n_sets; set-- > 0;)
              for (guint k = 0; k < sets[set]->n_kernels && sets[set]->is_usable (); k++)
                {
                  const MoeKernel *kernel = &sets[set]->kernels[k];
                  double seconds;

                  if (kernel->type != kernel_types[i]
                      || (argc > 2 && strcmp (argv[2], sets[set]->isa) != 0 && set != n_sets - 1))
                    continue;
                  seconds = best_seconds (kernel, w, n, n_rows, n_run, cached ? 1 : n_matrices, n_tokens, x,
                                          y);
                  if (set == n_sets - 1)
                    plain_seconds = seconds;
                  g_print ("%-16s %4zux%-4zu %3zu tokens  %7.1f GOP/s  %6.2f GB/s  %5.2f x plain%s\n",
                           kernel->name, n_rows, n, n_tokens,
                           2e-9 * (double) (n * n_run * n_tokens) / seconds,
                           1e-9 * (double) (matrix_bytes / n_rows * n_run) / seconds,
                           plain_seconds / seconds, cached ? ", in the cache" : "");
                }
          }
      g_aligned_free (w);
    }
  g_free (x);
  g_free (y);
  g_rand_free (rand);
  return 0;
}
