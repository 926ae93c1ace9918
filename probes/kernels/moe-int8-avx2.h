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

/* What each nibble of MXFP4 stands for, with 12 added: 0 to 24. */
static inline __attribute__ ((always_inline)) Ints
mxfp4_table (void)
{
  const Ints values = ints_set4 (MOE_MXFP4_VALUES_0, MOE_MXFP4_VALUES_4, MOE_MXFP4_VALUES_8,
                                 MOE_MXFP4_VALUES_12);

  return _mm256_add_epi8 (values, _mm256_set1_epi8 (12));
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
