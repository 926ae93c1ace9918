/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/kernels/moe-lanes-256.h"
#include "probes/kernels/moe-int8-heads.h"

/* What the integer kernels for AVX2 share. They make the integers and the order of floats described in
 * moe-int8-body.h, arranged for a processor without VNNI. maddubs adds two products of bytes in 16 bits and
 * saturates, so sums are ordered such that no 16 bits overflow. */

/* Sets step, offset and scales of group @g of the blocks at rows[]. */
typedef void (*ReadStepsFunc) (const guint8 *const rows[LANES],
                               const Head         *head,
                               guint               g,
                               Group              *group);

static inline __attribute__ ((always_inline)) void
read_steps_q8_0 (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  group->step = lanes_read_halves (rows, g * sizeof (MoeBlockQ8_0));
}

static inline __attribute__ ((always_inline)) void
read_steps_q4_0 (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  group->step = lanes_read_halves (rows, g * sizeof (MoeBlockQ4_0));
  group->offset = floats_mul (group->step, floats_set (8.f));
}

static inline __attribute__ ((always_inline)) void
read_steps_mxfp4 (const guint8 *const rows[LANES],
                  const Head         *head,
                  guint               g,
                  Group              *group)
{
  guint32 steps[LANES];

  for (guint r = 0; r < LANES; r++)
    steps[r] = moe_mxfp4_step_bits (rows[r][g * sizeof (MoeBlockMxfp4)]);
  group->step = floats_load (steps);
}

/* The 32 signed integers of the block at @block. */
static inline __attribute__ ((always_inline)) Ints
read_mxfp4 (const guint8 *block)
{
  const Ints values = ints_set4 (MOE_MXFP4_VALUES_0, MOE_MXFP4_VALUES_4, MOE_MXFP4_VALUES_8,
                                 MOE_MXFP4_VALUES_12);
  __m128i packed = _mm_loadu_si128 ((const __m128i *) (block + 1));
  Ints both = _mm256_inserti128_si256 (_mm256_castsi128_si256 (packed), _mm_srli_epi16 (packed, 4), 1);

  return ints_shuffle (values, ints_and (both, ints_set (0x0f0f0f0f)));
}

static inline __attribute__ ((always_inline)) void
read_steps_k (const guint8 *const rows[LANES],
              const Head         *head,
              guint               g,
              Group              *group)
{
  set_k_steps (head, g, group);
}

static inline __attribute__ ((always_inline)) void
read_steps_q6_k (const guint8 *const rows[LANES],
                 const Head         *head,
                 guint               g,
                 Group              *group)
{
  set_q6_k_steps (head, g, group);
}
