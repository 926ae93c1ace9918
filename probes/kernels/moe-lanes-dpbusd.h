/* SPDX-License-Identifier: MIT */
#pragma once

/* Integer dot products by LANES_DOT (acc, unsigned bytes, signed bytes), the dpbusd instruction of VNNI at
 * the width of the header of lanes included before. The same integers as maddubs makes for AVX2. */

/* Weights stand in columns: lane r of vector s has the values from 4 s of row r. */
#define lanes_read_values(rows, offset, out) lanes_read_columns (rows, offset, out)

/* acc + the dot product of 4 @n_steps values: unsigned bytes @w with signed ones at @x. Two chains hide the
 * latency of the instruction. */
static inline Ints
lanes_dot (Ints         acc,
           const Ints  *w,
           const gint8 *x,
           guint        n_steps)
{
  Ints other = ints_zero ();

#pragma GCC unroll 8
  for (guint s = 0; s < n_steps; s += 2)
    {
      acc = LANES_DOT (acc, w[s], ints_broadcast (x + 4 * s));
      other = LANES_DOT (other, w[s + 1], ints_broadcast (x + 4 * s + 4));
    }
  return ints_add (acc, other);
}

#define lanes_dot_4(w, x) lanes_dot (ints_zero (), w, x, 8)
#define lanes_dot_5(w, x) lanes_dot (ints_zero (), w, x, 8)

/* 32 values in two halves with their own @scale[2] (32 bits). */
static inline Ints
lanes_dot_6 (const Ints   w[8],
             const Ints   scale[2],
             const gint8 *x)
{
  return ints_add (ints_mul (lanes_dot (ints_zero (), w, x, 4), scale[0]),
                   ints_mul (lanes_dot (ints_zero (), w + 4, x + 16, 4), scale[1]));
}

/* scale[k] from byte @first + k of @packed, signed. */
static inline void
lanes_set_scales (Ints  packed,
                  guint first,
                  Ints  scale[2])
{
  scale[0] = ints_shift_signed (ints_shift_left (packed, 24 - 8 * first), 24);
  scale[1] = ints_shift_signed (ints_shift_left (packed, 16 - 8 * first), 24);
}

/* Signed weights are made unsigned by adding 128, which the sum takes back. */
static inline void
lanes_prepare_signed (Ints w[8])
{
#pragma GCC unroll 8
  for (guint s = 0; s < 8; s++)
    w[s] = ints_xor (w[s], ints_set ((gint32) 0x80808080));
}

static inline Ints
lanes_dot_signed (const Ints    w[8],
                  const gint8  *x,
                  const gint32 *minus128)
{
  return lanes_dot (ints_broadcast (minus128), w, x, 8);
}
