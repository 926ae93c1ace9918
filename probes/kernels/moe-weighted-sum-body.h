/* SPDX-License-Identifier: MIT */

/* The weighted sum of MoeVectorOps for one type of values, included once per type by moe-weighted-sum-avx2.c
 * with
 *
 *   VALUE                  the type of a value
 *   LOAD (v)               8 values as floats
 *   LOAD_REST (v, n)       n < 8 values, the other lanes 0
 *   NAME (suffix)          the name of a function
 *
 * Whatever the tile, an output value starts from what was there and takes one fused multiply-add per key, in
 * order: its bits depend on its row only. */

static inline __attribute__ ((always_inline)) void
NAME (tile) (const float *const *p,
             const guint         rows,
             const guint         vectors,
             const VALUE        *v,
             gsize               n_keys,
             gsize               n,
             gsize               first,
             float *const       *y)
{
  __m256 sums[8];

  for (guint r = 0; r < rows; r++)
    for (guint i = 0; i < vectors; i++)
      sums[r * vectors + i] = _mm256_loadu_ps (y[r] + first + i * 8);
  for (gsize j = 0; j < n_keys; j++)
    {
      const VALUE *row = v + j * n + first;

      for (guint i = 0; i < vectors; i++)
        {
          __m256 value = LOAD (row + i * 8);

          for (guint r = 0; r < rows; r++)
            sums[r * vectors + i] = _mm256_fmadd_ps (_mm256_broadcast_ss (&p[r][j]), value,
                                                     sums[r * vectors + i]);
        }
    }
  for (guint r = 0; r < rows; r++)
    for (guint i = 0; i < vectors; i++)
      _mm256_storeu_ps (y[r] + first + i * 8, sums[r * vectors + i]);
}

static inline void
NAME (rest) (const float *p,
             const VALUE *v,
             gsize        n_keys,
             gsize        n,
             gsize        first,
             float       *y)
{
  __m256 sum = load_rest (y + first, n - first);

  for (gsize j = 0; j < n_keys; j++)
    sum = _mm256_fmadd_ps (_mm256_broadcast_ss (&p[j]), LOAD_REST (v + j * n + first, n - first), sum);
  store_rest (y + first, sum, n - first);
}

void
NAME (avx2) (const float *const *p,
             gsize               n_rows,
             const VALUE        *v,
             gsize               n_keys,
             gsize               n,
             float *const       *y)
{
  gsize r = 0;

  for (; r + 4 <= n_rows; r += 4)
    {
      gsize i = 0;

      for (; i + 16 <= n; i += 16)
        NAME (tile) (p + r, 4, 2, v, n_keys, n, i, y + r);
      for (; i + 8 <= n; i += 8)
        NAME (tile) (p + r, 4, 1, v, n_keys, n, i, y + r);
      for (guint k = 0; i < n && k < 4; k++)
        NAME (rest) (p[r + k], v, n_keys, n, i, y[r + k]);
    }
  for (; r < n_rows; r++)
    {
      gsize i = 0;

      for (; i + 64 <= n; i += 64)
        NAME (tile) (p + r, 1, 8, v, n_keys, n, i, y + r);
      for (; i + 8 <= n; i += 8)
        NAME (tile) (p + r, 1, 1, v, n_keys, n, i, y + r);
      if (i < n)
        NAME (rest) (p[r], v, n_keys, n, i, y[r]);
    }
}

#undef VALUE
#undef LOAD
#undef LOAD_REST
#undef NAME
