/* SPDX-License-Identifier: MIT */
#pragma once

#include <immintrin.h>

#include "probes/kernels/moe-codebook-formats.h"
#include "probes/kernels/moe-int8-heads.h"

/* What the integer kernels of the formats with codebooks share: include a header of lanes first. A group's
 * entries are looked up row by row. */

/* -1 where the sign of a value is minus. */
static inline __attribute__ ((always_inline)) __m256i
codebook_minus (const MoeCodebookGroup *group)
{
  /* Byte i of the result has byte i / 8 of the signs, of which it looks at bit i % 8. */
  const __m256i which = _mm256_setr_epi64x (0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x ((gint64) 0x8040201008040201);
  __m256i bytes = _mm256_shuffle_epi8 (_mm256_set1_epi32 ((gint32) group->signs), which);

  return _mm256_cmpeq_epi8 (_mm256_and_si256 (bytes, bit), bit);
}

static inline __attribute__ ((always_inline)) __m256i
codebook_magnitudes (const MoeCodebookGroup *group)
{
  return _mm256_setr_epi64x ((gint64) group->magnitudes[0], (gint64) group->magnitudes[1],
                             (gint64) group->magnitudes[2], (gint64) group->magnitudes[3]);
}

/* 32 values with the signs of a group put on them. */
static inline __attribute__ ((always_inline)) __m256i
codebook_put_signs (__m256i values,
                    __m256i minus)
{
  return _mm256_sub_epi8 (_mm256_xor_si256 (values, minus), minus);
}

/* The step of a format is @part of the half at the start of its blocks. */
static inline __attribute__ ((always_inline)) void
read_part_head (const guint8 *const rows[LANES],
                float               part,
                Head               *head)
{
  head->d = floats_mul (lanes_read_halves (rows, 0), floats_set (part));
}

#define DEFINE_CODEBOOK_HEAD(name, part)                                                \
  static inline __attribute__ ((always_inline)) void                                    \
  read_head_##name (const guint8 *const rows[LANES],                                    \
                    Head               *head)                                           \
  {                                                                                     \
    read_part_head (rows, part, head);                                                  \
  }

DEFINE_CODEBOOK_HEAD (iq2_xxs, 0.125f)
DEFINE_CODEBOOK_HEAD (iq2_xs, 0.125f)
DEFINE_CODEBOOK_HEAD (iq2_s, 0.125f)
DEFINE_CODEBOOK_HEAD (iq3_xxs, 0.25f)
DEFINE_CODEBOOK_HEAD (iq3_s, 1.f)

/* Sets the step of a format with one scale for 32 values. */
#define DEFINE_CODEBOOK_STEPS(name)                                                     \
  static inline __attribute__ ((always_inline)) void                                    \
  read_steps_##name (const guint8 *const rows[LANES],                                   \
                     const Head         *head,                                          \
                     guint               g,                                             \
                     Group              *group)                                         \
  {                                                                                     \
    guint32 scales[LANES];                                                              \
                                                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      scales[r] = moe_##name##_read (rows[r], g).scales[0];                             \
    group->step = floats_mul (head->d, ints_to_floats (ints_load (scales)));            \
  }

DEFINE_CODEBOOK_STEPS (iq2_xxs)
DEFINE_CODEBOOK_STEPS (iq3_xxs)
DEFINE_CODEBOOK_STEPS (iq3_s)
