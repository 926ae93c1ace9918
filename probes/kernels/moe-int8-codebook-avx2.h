/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-one-avx2.h"
#include "probes/kernels/moe-int8-tile-avx2.h"
#include "probes/kernels/moe-int8-codebook.h"

/* The formats with codebooks for AVX2: one token, and several. Where each 16 values have a scale, it is
 * multiplied into the integers. */

static inline __attribute__ ((always_inline)) void
read_steps_of_halves (const guint8 *const rows[LANES],
                      const Head         *head,
                      guint               g,
                      Group              *group)
{
  group->step = head->d;
}

/* @has_halves: a constant, whether halves of groups have their own scales. */
#define DEFINE_CODEBOOK(name, has_halves)                                               \
  static inline __attribute__ ((always_inline)) Ints                                    \
  row_sums_##name (const guint8 *block,                                                 \
                   const gint8  *q)                                                     \
  {                                                                                     \
    Ints p[8];                                                                          \
                                                                                        \
    for (guint g = 0; g < 8; g++)                                                       \
      {                                                                                 \
        MoeCodebookGroup group = moe_##name##_read (block, g);                          \
        Ints x = codebook_put_signs (load_ints (q + 32 * g), codebook_minus (&group));  \
        Ints scales = _mm256_set1_epi16 (has_halves ? group.scales[0] : 1);             \
                                                                                        \
        if (has_halves)                                                                 \
          scales = _mm256_inserti128_si256 (scales, _mm_set1_epi16 (group.scales[1]), 1); \
        p[g] = _mm256_madd_epi16 (_mm256_maddubs_epi16 (codebook_magnitudes (&group), x), scales); \
      }                                                                                 \
    return one_sum_ints (p);                                                            \
  }                                                                                     \
                                                                                        \
  static inline __attribute__ ((always_inline)) void                                    \
  tile_unpack_##name (const guint8 *const rows[LANES],                                  \
                      guint               part,                                         \
                      Ints                bits[LANES],                                  \
                      Ints                out[16])                                      \
  {                                                                                     \
    guint32 scales[2][LANES];                                                           \
    Ints v[LANES];                                                                      \
                                                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      {                                                                                 \
        MoeCodebookGroup group = moe_##name##_read (rows[r], part);                     \
                                                                                        \
        v[r] = codebook_put_signs (codebook_magnitudes (&group), codebook_minus (&group));\
        for (guint half = 0; half < 2 && has_halves; half++)                            \
          scales[half][r] = (guint32) group.scales[half] * 0x10001;                     \
      }                                                                                 \
    tile_words (v, out);                                                                \
    for (guint k = 0; k < 16 && has_halves; k++)                                        \
      out[k] = _mm256_mullo_epi16 (out[k], load_ints (scales[k / 4 % 2]));              \
  }

DEFINE_CODEBOOK (iq2_xxs, FALSE)
DEFINE_CODEBOOK (iq2_xs, TRUE)
DEFINE_CODEBOOK (iq2_s, TRUE)
DEFINE_CODEBOOK (iq3_xxs, FALSE)
DEFINE_CODEBOOK (iq3_s, FALSE)
