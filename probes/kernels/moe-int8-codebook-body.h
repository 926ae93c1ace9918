/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-int8-body.h"
#include "probes/kernels/moe-int8-codebook.h"

/* The formats with codebooks in the scheme of moe-int8-body.h. */

#define DEFINE_CODEBOOK_UNPACK(name)                                                    \
  static inline __attribute__ ((always_inline)) void                                    \
  unpack_values_##name (const guint8 *const rows[LANES],                                \
                        guint               part,                                       \
                        guint32             scales[LANES],                              \
                        Ints                w[8])                                       \
  {                                                                                     \
    guint8 values[LANES][32];                                                           \
    const guint8 *at[LANES];                                                            \
                                                                                        \
    for (guint r = 0; r < LANES; r++)                                                   \
      {                                                                                 \
        MoeCodebookGroup group = moe_##name##_read (rows[r], part);                     \
        __m256i w32 = codebook_put_signs (codebook_magnitudes (&group), codebook_minus (&group)); \
                                                                                        \
        _mm256_storeu_si256 ((__m256i *) values[r], w32);                               \
        at[r] = values[r];                                                              \
        scales[r] = group.scales[0] | (guint32) group.scales[1] << 16;                  \
      }                                                                                 \
    lanes_read_values (at, 0, w);                                                       \
    lanes_read_values (at, 16, w + 4);                                                  \
    lanes_prepare_signed (w);                                                           \
  }

#define DEFINE_CODEBOOK(name)                                                           \
  DEFINE_CODEBOOK_UNPACK (name)                                                         \
                                                                                        \
  static inline __attribute__ ((always_inline)) void                                    \
  unpack_##name (const guint8 *const rows[LANES],                                       \
                 guint               part,                                              \
                 Head               *head,                                              \
                 Group               groups[2])                                         \
  {                                                                                     \
    guint32 scales[LANES];                                                              \
                                                                                        \
    unpack_values_##name (rows, part, scales, groups[0].w);                             \
    read_steps_##name (rows, head, part, &groups[0]);                                   \
  }

#define DEFINE_CODEBOOK_OF_HALVES(name)                                                 \
  DEFINE_CODEBOOK_UNPACK (name)                                                         \
                                                                                        \
  static inline __attribute__ ((always_inline)) void                                    \
  unpack_##name (const guint8 *const rows[LANES],                                       \
                 guint               part,                                              \
                 Head               *head,                                              \
                 Group               groups[2])                                         \
  {                                                                                     \
    guint32 scales[LANES];                                                              \
                                                                                        \
    unpack_values_##name (rows, part, scales, groups[0].w);                             \
    groups[0].scales = ints_load (scales);                                              \
    groups[0].scale[0] = ints_and (groups[0].scales, ints_set (0xffff));                \
    groups[0].scale[1] = ints_shift_right (groups[0].scales, 16);                       \
    groups[0].step = head->d;                                                           \
  }

DEFINE_CODEBOOK (iq2_xxs)
DEFINE_CODEBOOK_OF_HALVES (iq2_xs)
DEFINE_CODEBOOK_OF_HALVES (iq2_s)
DEFINE_CODEBOOK (iq3_xxs)
DEFINE_CODEBOOK (iq3_s)

DEFINE_INT8_KERNEL (iq2_xxs, GROUP_SIGNED, 8, 1, sizeof (MoeBlockIq2Xxs), read_head_iq2_xxs)
DEFINE_INT8_KERNEL (iq2_xs, GROUP_SIGNED_16, 8, 1, sizeof (MoeBlockIq2Xs), read_head_iq2_xs)
DEFINE_INT8_KERNEL (iq2_s, GROUP_SIGNED_16, 8, 1, sizeof (MoeBlockIq2S), read_head_iq2_s)
DEFINE_INT8_KERNEL (iq3_xxs, GROUP_SIGNED, 8, 1, sizeof (MoeBlockIq3Xxs), read_head_iq3_xxs)
DEFINE_INT8_KERNEL (iq3_s, GROUP_SIGNED, 8, 1, sizeof (MoeBlockIq3S), read_head_iq3_s)
