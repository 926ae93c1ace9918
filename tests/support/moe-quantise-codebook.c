/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-quantise-codebook"

#include <math.h>

#include "data/moe-codebooks.h"
#include "tests/support/moe-quantise-private.h"

/* The formats with codebooks. Their files are made with a search that tests don't need: a block here has the
 * size of the values, but its signs, entries and scales are any. */

static guint
load_16 (const guint8 *in)
{
  return in[0] | (guint) in[1] << 8;
}

static guint32
load_32 (const guint8 *in)
{
  return load_16 (in) | (guint32) load_16 (in + 2) << 16;
}

/* Whether value @i of eight is negative: seven bits are stored, and the eighth is set where their number is
 * odd. */
static gboolean
is_minus_of_seven (guint sevens,
                   int   i)
{
  guint count = 0;

  if (i < 7)
    return (sevens >> i & 1) != 0;
  for (int bit = 0; bit < 7; bit++)
    count += sevens >> bit & 1;
  return count % 2 != 0;
}

static int
entry_value (guint64 entry,
             int     i)
{
  return (int) (entry >> 8 * i & 0xff);
}

/* Value @i of the block at @in as an integer, and its scale: 2 s + 1 of a 4-bit s. */
static int
get_integer (MoeTensorType  type,
             const guint8  *in,
             int            i,
             guint         *scale)
{
  int group = i / 32, eighth = i / 8, quarter = i / 4;
  guint index;
  gboolean minus;
  int value;

  switch ((int) type)
    {
    case MOE_TYPE_IQ2_XXS: /* half, then a group: four bytes of indices, 32 bits of signs and scale */
      value = entry_value (moe_codebook_iq2_xxs[in[2 + 8 * group + eighth % 4]], i % 8);
      index = load_32 (in + 2 + 8 * group + 4);
      *scale = 2 * (index >> 28) + 1;
      minus = is_minus_of_seven (index >> (7 * (eighth % 4)) & 127, i % 8);
      break;
    case MOE_TYPE_IQ2_XS: /* half, 32 times nine bits of index and seven of signs, nibbles of scales */
      index = load_16 (in + 2 + 2 * eighth);
      value = entry_value (moe_codebook_iq2_xs[index % 512], i % 8);
      *scale = 2 * (guint) (in[66 + group] >> (i % 32 / 16 * 4) & 15) + 1;
      minus = is_minus_of_seven (index / 512, i % 8);
      break;
    case MOE_TYPE_IQ2_S: /* half, 32 bytes of indices, 32 of signs, 8 of upper bits, 8 of scales */
      index = in[2 + eighth] + 256 * (guint) (in[66 + group] >> (eighth % 4 * 2) & 3);
      value = entry_value (moe_codebook_iq2_s[index], i % 8);
      *scale = 2 * (guint) (in[74 + group] >> (i % 32 / 16 * 4) & 15) + 1;
      minus = (in[34 + eighth] >> i % 8 & 1) != 0;
      break;
    case MOE_TYPE_IQ3_XXS: /* half, 64 bytes of indices, 32 bits of signs and scale for each group */
      value = entry_value (moe_codebook_iq3_xxs[in[2 + quarter]], i % 4);
      index = load_32 (in + 66 + 4 * group);
      *scale = 2 * (index >> 28) + 1;
      minus = is_minus_of_seven (index >> (7 * (eighth % 4)) & 127, i % 8);
      break;
    case MOE_TYPE_IQ3_S: /* half, 64 bytes of indices, 8 of upper bits, 32 of signs, 4 of scales */
      index = in[2 + quarter] + 256 * (guint) (in[66 + group] >> quarter % 8 & 1);
      value = entry_value (moe_codebook_iq3_s[index], i % 4);
      *scale = 2 * (guint) (in[106 + group / 2] >> (group % 2 * 4) & 15) + 1;
      minus = (in[74 + eighth] >> i % 8 & 1) != 0;
      break;
    default:
      g_assert_not_reached ();
    }
  return minus ? -value : value;
}

void
moe_dequantise_codebook (MoeTensorType  type,
                         const guint8  *in,
                         float         *x)
{
  float part = type == MOE_TYPE_IQ3_S ? 1.0f : type == MOE_TYPE_IQ3_XXS ? 0.25f : 0.125f;

  for (int i = 0; i < 256; i++)
    {
      guint scale;
      int value = get_integer (type, in, i, &scale);

      x[i] = load_half (in) * part * (float) scale * (float) value;
    }
}

void
moe_quantise_codebook (MoeTensorType  type,
                       gsize          n_bytes,
                       const float   *x,
                       guint8        *out)
{
  float squares = 0.0f, stored = 0.0f, values[256];
  guint32 state = 2463534242u;

  for (int i = 0; i < 256; i++)
    {
      squares += x[i] * x[i];
      state = (state ^ float_bits (x[i])) * 16777619u;
    }
  state |= 1;
  for (gsize b = 0; b < n_bytes; b++)
    {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      out[b] = state >> 11 & 0xff;
    }
  store_half (out, 1.0f);
  moe_dequantise_codebook (type, out, values);
  for (int i = 0; i < 256; i++)
    stored += values[i] * values[i];
  store_half (out, sqrtf (squares / stored));
}
