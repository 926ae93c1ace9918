/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-int8-heads.h"
#include "probes/kernels/moe-kernel-sets.h"

/* The integer kernels, compiled once for each instruction set: include a header of lanes first.
 *
 * LANES weight rows are multiplied side by side, a group of 32 values a time. It is unpacked once, with
 * four neighbouring values of a row in a lane, and every token multiplies with it; the sum of row r comes
 * out in lane r. So each output is one lane's work and is never split: over the groups in rising order,
 *
 *   acc[group % 2] = fma (-offset, activation sum, acc[group % 2])      (formats with an offset; in Q2_K the
 *                    offset's step and the activation scale times the integer sum of mins and activations)
 *   acc[group % 2] = fma (integer dot product, step * activation scale, acc[group % 2])
 *
 * and at the end acc[0] + acc[1]. The integers are exact whichever instructions make them. */

#define TOKEN_TILE 64

/* Unpacks the groups of one part of a block: the parts of a format hold one group each or two. */
typedef void (*UnpackFunc)   (const guint8 *const rows[LANES],
                              guint               part,
                              Head               *head,
                              Group               groups[2]);

typedef struct
{
  GroupKind    kind;
  guint        n_parts;     /* of 256 values */
  guint        part_groups; /* 1 or 2 */
  gsize        chunk_bytes; /* of 256 values */
  ReadHeadFunc read_head;
  UnpackFunc   unpack;
} Format;

/* The first group of a part; the second, if there is one, is the next or, in Q6_K, the next but one. */
static inline __attribute__ ((always_inline)) guint
part_first_group (const Format *format,
                  guint         part)
{
  if (format->kind == GROUP_6)
    return part / 2 * 4 + part % 2;
  return part * format->part_groups;
}

static inline __attribute__ ((always_inline)) Ints
dot_group (GroupKind             kind,
           const Group          *group,
           const MoeInt8Chunk   *x,
           guint                 g)
{
  const gint8 *q = x->q + 32 * g;
  Ints sum, sums16;

  switch (kind)
    {
    case GROUP_4:
      return lanes_dot_4 (group->w, q);
    case GROUP_5:
      return lanes_dot_5 (group->w, q);
    case GROUP_2:
      return lanes_dot_6 (group->w, group->scale, q);
    case GROUP_3:
    case GROUP_6:
    case GROUP_SIGNED_16: /* signed values have 128 added */
      sum = lanes_dot_6 (group->w, group->scale, q);
      sums16 = ints_madd16 (group->scales, ints_broadcast (x->sum16 + 2 * g));
      return ints_sub (sum, ints_shift_left (sums16, kind == GROUP_3 ? 2 : kind == GROUP_6 ? 5 : 7));
    default:
      return lanes_dot_signed (group->w, q, x->minus128 + g);
    }
}

/* Adds group @g of chunk @chunk of each token to acc[t][g % 2]; acc (n_tokens, 2). */
static inline __attribute__ ((always_inline)) void
multiply_group (GroupKind           kind,
                const Group        *group,
                guint               g,
                const void *const  *x,
                gsize               chunk,
                gsize               n_tokens,
                Floats            (*acc)[2])
{
  for (gsize t = 0; t < n_tokens; t++)
    {
      const MoeInt8Chunk *a = (const MoeInt8Chunk *) x[t] + chunk;
      Floats total = acc[t][g % 2];

      if (kind == GROUP_4 || kind == GROUP_5)
        total = floats_fnma (group->offset, floats_set (a->sum[g]), total);
      if (kind == GROUP_2)
        total = floats_fnma (floats_mul (group->offset, floats_set (a->scale[g])),
                             ints_to_floats (ints_madd16 (group->mins, ints_broadcast (a->sum16 + 2 * g))),
                             total);
      acc[t][g % 2] = floats_fma (ints_to_floats (dot_group (kind, group, a, g)),
                                  floats_mul (group->step, floats_set (a->scale[g])), total);
    }
}

/* Part @part of the block at rows[] with every token. */
static inline __attribute__ ((always_inline)) void
multiply_part (const Format        *format,
               const guint8 *const  rows[LANES],
               Head                *head,
               guint                part,
               const void   *const *x,
               gsize                chunk,
               gsize                n_tokens,
               Floats             (*acc)[2])
{
  guint g = part_first_group (format, part);
  guint second = format->kind == GROUP_6 ? g + 2 : g + 1;
  Group groups[2];

  format->unpack (rows, part, head, groups);
  multiply_group (format->kind, &groups[0], g, x, chunk, n_tokens, acc);
  if (format->part_groups == 2)
    multiply_group (format->kind, &groups[1], second, x, chunk, n_tokens, acc);
}

/* LANES rows from rows[] with @n_tokens <= TOKEN_TILE tokens; leaves the sums in acc (n_tokens, 2).
 * Inlined with a constant @n_tokens of 1, nothing is stored on the way. */
static inline __attribute__ ((always_inline)) void
multiply_rows (const Format       *format,
               const guint8       *rows[LANES],
               gsize               n,
               const void *const  *x,
               gsize               n_tokens,
               const guint8       *ahead,
               Floats            (*acc)[2])
{
  for (gsize i = 0; i < n; i += MOE_QK, ahead += LANES * format->chunk_bytes)
    {
      guint n_parts = (guint) MIN (format->n_parts, (n - i) / 32 / format->part_groups);
      Head head;

#pragma GCC unroll 8
      for (gsize line = 0; line < LANES * format->chunk_bytes; line += 64)
        __builtin_prefetch (ahead + line);
      format->read_head (rows, &head);
      if (n_parts == format->n_parts)
        {
#pragma GCC unroll 8
          for (guint part = 0; part < format->n_parts; part++)
            multiply_part (format, rows, &head, part, x, i / MOE_QK, n_tokens, acc);
        }
      else
        {
          for (guint part = 0; part < n_parts; part++)
            multiply_part (format, rows, &head, part, x, i / MOE_QK, n_tokens, acc);
        }
      for (gsize r = 0; r < LANES; r++)
        rows[r] += format->chunk_bytes;
    }
}

static inline __attribute__ ((always_inline)) void
multiply (const Format       *format,
          const guint8       *w,
          gsize               n,
          gsize               row_begin,
          gsize               row_end,
          const void *const  *x,
          float       *const *y,
          gsize               n_tokens)
{
  const gsize row_bytes = n * format->chunk_bytes / MOE_QK;

  for (gsize row = row_begin; row < row_end; row += LANES)
    {
      gsize n_rows = MIN (LANES, row_end - row);
      /* The next LANES rows lie behind these: fetched ahead, evenly. */
      const guint8 *ahead = w + (row + LANES) * row_bytes;

      for (gsize t = 0; t < n_tokens; t += TOKEN_TILE)
        {
          gsize n_tile = MIN (TOKEN_TILE, n_tokens - t);
          const guint8 *rows[LANES];

          /* Lanes beyond the last row repeat it; they are not stored. */
          for (gsize r = 0; r < LANES; r++)
            rows[r] = w + (row + MIN (r, n_rows - 1)) * row_bytes;
          if (n_tile == 1)
            {
              Floats acc[1][2] = { { floats_zero (), floats_zero () } };

              multiply_rows (format, rows, n, x + t, 1, ahead, acc);
              lanes_store (y[t] + row, floats_add (acc[0][0], acc[0][1]), n_rows);
            }
          else
            {
              Floats acc[TOKEN_TILE][2];

              for (gsize i = 0; i < n_tile; i++)
                acc[i][0] = acc[i][1] = floats_zero ();
              multiply_rows (format, rows, n, x + t, n_tile, ahead, acc);
              for (gsize i = 0; i < n_tile; i++)
                lanes_store (y[t + i] + row, floats_add (acc[i][0], acc[i][1]), n_rows);
            }
        }
    }
}

static inline __attribute__ ((always_inline)) void
unpack_q8_0 (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  gsize at = part * sizeof (MoeBlockQ8_0);

  lanes_read_values (rows, at + 2, groups[0].w);
  lanes_read_values (rows, at + 18, groups[0].w + 4);
  lanes_prepare_signed (groups[0].w);
  groups[0].step = lanes_read_halves (rows, at);
}

static inline __attribute__ ((always_inline)) void
unpack_q4_0 (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  const Ints low = ints_set (0x0f0f0f0f);
  gsize at = part * sizeof (MoeBlockQ4_0);
  Ints packed[4];

  lanes_read_values (rows, at + 2, packed);
#pragma GCC unroll 4
  for (guint s = 0; s < 4; s++)
    {
      groups[0].w[s] = ints_and (packed[s], low);
      groups[0].w[s + 4] = ints_and (ints_shift_right (packed[s], 4), low);
    }
  groups[0].step = lanes_read_halves (rows, at);
  groups[0].offset = floats_mul (groups[0].step, floats_set (8.f));
}

static inline __attribute__ ((always_inline)) void
unpack_mxfp4 (const guint8 *const rows[LANES],
              guint               part,
              Head               *head,
              Group               groups[2])
{
  const Ints low = ints_set (0x0f0f0f0f);
  const Ints values = ints_set4 (MOE_MXFP4_VALUES_0, MOE_MXFP4_VALUES_4, MOE_MXFP4_VALUES_8,
                                 MOE_MXFP4_VALUES_12);
  gsize at = part * sizeof (MoeBlockMxfp4);
  guint32 steps[LANES];
  Ints packed[4];

  lanes_read_values (rows, at + 1, packed);
#pragma GCC unroll 4
  for (guint s = 0; s < 4; s++)
    {
      groups[0].w[s] = ints_shuffle (values, ints_and (packed[s], low));
      groups[0].w[s + 4] = ints_shuffle (values, ints_and (ints_shift_right (packed[s], 4), low));
    }
  lanes_prepare_signed (groups[0].w);
  for (guint r = 0; r < LANES; r++)
    steps[r] = moe_mxfp4_step_bits (rows[r][at]);
  groups[0].step = floats_load (steps);
}

static inline __attribute__ ((always_inline)) void
read_head_q5_k (const guint8 *const rows[LANES],
                Head               *head)
{
  read_head_k (rows, head);
  lanes_read_values (rows, 16, head->bits);
  lanes_read_values (rows, 32, head->bits + 4);
}

static inline __attribute__ ((always_inline)) void
unpack_q4_k (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  const Ints low = ints_set (0x0f0f0f0f);
  Ints packed[8];

  lanes_read_values (rows, 16 + 32 * part, packed);
  lanes_read_values (rows, 32 + 32 * part, packed + 4);
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      groups[0].w[s] = ints_and (packed[s], low);
      groups[1].w[s] = ints_and (ints_shift_right (packed[s], 4), low);
    }
  set_k_steps (head, 2 * part, &groups[0]);
  set_k_steps (head, 2 * part + 1, &groups[1]);
}

static inline __attribute__ ((always_inline)) void
unpack_q5_k (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  const Ints low = ints_set (0x0f0f0f0f), fifth = ints_set (0x10101010);
  Ints packed[8];

  lanes_read_values (rows, 48 + 32 * part, packed);
  lanes_read_values (rows, 64 + 32 * part, packed + 4);
  /* The two bits of these groups are the lowest of each byte: they go to bit 4. */
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      groups[0].w[s] = ints_or (ints_and (packed[s], low),
                                ints_and (ints_shift_left (head->bits[s], 4), fifth));
      groups[1].w[s] = ints_or (ints_and (ints_shift_right (packed[s], 4), low),
                                ints_and (ints_shift_left (head->bits[s], 3), fifth));
      head->bits[s] = ints_shift_right (head->bits[s], 2);
    }
  set_k_steps (head, 2 * part, &groups[0]);
  set_k_steps (head, 2 * part + 1, &groups[1]);
}

static inline __attribute__ ((always_inline)) void
unpack_q6_k (const guint8 *const rows[LANES],
             guint               part,
             Head               *head,
             Group               groups[2])
{
  const Ints low = ints_set (0x0f0f0f0f), high = ints_set (0x30303030);
  const gsize half = part / 2, run = part % 2;
  Ints packed[8];

  if (run == 0)
    {
      lanes_read_values (rows, 128 + 32 * half, head->bits);
      lanes_read_values (rows, 144 + 32 * half, head->bits + 4);
    }
  lanes_read_values (rows, 64 * half + 32 * run, packed);
  lanes_read_values (rows, 64 * half + 32 * run + 16, packed + 4);
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    {
      groups[0].w[s] = ints_or (ints_and (packed[s], low),
                                ints_and (ints_shift_left (head->bits[s], 4), high));
      groups[1].w[s] = ints_or (ints_and (ints_shift_right (packed[s], 4), low),
                                ints_and (head->bits[s], high));
      head->bits[s] = ints_shift_right (head->bits[s], 2);
    }
#pragma GCC unroll 2
  for (guint i = 0; i < 2; i++)
    {
      const guint g = (guint) (4 * half + run + 2 * i);

      set_q6_k_steps (head, g, &groups[i]);
      lanes_set_scales (head->scales[g / 2], g % 2 * 2, groups[i].scale);
    }
}

#define DEFINE_INT8_KERNEL(name, kind, n_parts, part_groups, chunk_bytes, read_head)    \
  static void                                                                           \
  matmul_##name (const void         *w,                                                 \
                 gsize               n,                                                 \
                 gsize               row_begin,                                         \
                 gsize               row_end,                                           \
                 const void *const  *x,                                                 \
                 float       *const *y,                                                 \
                 gsize               n_tokens)                                          \
  {                                                                                     \
    static const Format format = { kind, n_parts, part_groups, chunk_bytes, read_head, unpack_##name }; \
                                                                                        \
    multiply (&format, w, n, row_begin, row_end, x, y, n_tokens);                       \
  }

DEFINE_INT8_KERNEL (q8_0, GROUP_SIGNED, 8, 1, 8 * sizeof (MoeBlockQ8_0), read_no_head)
DEFINE_INT8_KERNEL (q4_0, GROUP_4, 8, 1, 8 * sizeof (MoeBlockQ4_0), read_no_head)
DEFINE_INT8_KERNEL (mxfp4, GROUP_SIGNED, 8, 1, 8 * sizeof (MoeBlockMxfp4), read_no_head)
DEFINE_INT8_KERNEL (q4_k, GROUP_4, 4, 2, sizeof (MoeBlockQ4_K), read_head_k)
DEFINE_INT8_KERNEL (q5_k, GROUP_5, 4, 2, sizeof (MoeBlockQ5_K), read_head_q5_k)
DEFINE_INT8_KERNEL (q6_k, GROUP_6, 4, 2, sizeof (MoeBlockQ6_K), read_head_q6_k)
