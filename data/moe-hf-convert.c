/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-convert"

#include <string.h>

#include "data/moe-hf-private.h"

/* Values of a tile that is transposed at once, so that neither side leaves the caches. */
#define TILE 32

/* y[j][r] = x[r][first + j * step], values of @size bytes. */
static void
transpose (const guint8 *x,
           guint64       n_rows,
           guint64       n_in,
           guint64       first,
           guint64       step,
           gsize         size,
           guint8       *y)
{
  guint64 n_out = n_in / step;

  for (guint64 r0 = 0; r0 < n_rows; r0 += TILE)
    for (guint64 j0 = 0; j0 < n_out; j0 += TILE)
      for (guint64 r = r0; r < MIN (r0 + TILE, n_rows); r++)
        for (guint64 j = j0; j < MIN (j0 + TILE, n_out); j++)
          memcpy (y + (j * n_rows + r) * size, x + (r * n_in + first + j * step) * size, size);
}

static void
copy_heads (const MoeHfConversion *from,
            gsize                  size,
            guint8                *y)
{
  guint64 n_rows = from->n_keys + from->n_values;
  gsize row = from->n_in * size;
  gboolean keys = from->kind == MOE_HF_COPY_KEYS;
  g_autofree float *expanded = NULL;

  if (from->scales != NULL)
    {
      expanded = g_new (float, from->n_rows * from->n_in);
      moe_hf_f8_expand (from, expanded);
    }
  for (guint64 head = 0; head < from->n_heads; head++)
    {
      const guint8 *x = (expanded != NULL ? (const guint8 *) expanded : from->data) + head * n_rows * row;

      if (keys)
        transpose (x, from->n_keys, from->n_in, 0, 1, size, y + head * from->n_keys * row);
      else
        memcpy (y + head * from->n_values * row, x + from->n_keys * row, from->n_values * row);
    }
}

/* A block of 32 values: there, 16 bytes with neighbours in one byte, and the scale elsewhere; here, the scale
 * and 16 bytes, of which each has a value of the first and one of the second half. */
static void
join_block (const guint8 *x,
            guint8        scale,
            guint8       *y)
{
  y[0] = scale;
  for (guint i = 0; i < 8; i++)
    {
      guint8 low = x[i], high = x[i + 8];

      y[1 + 2 * i] = (guint8) ((low & 15) | high << 4);
      y[2 + 2 * i] = (guint8) (low >> 4 | (high & 0xf0));
    }
}

static void
convert (const MoeHfConversion *from,
         const MoeGgufTensor   *to,
         guint8                *y)
{
  gsize size = to->type == MOE_TYPE_F32 ? 4 : 2;
  guint64 n_blocks = from->n_in / 32;

  switch (from->kind)
    {
    case MOE_HF_COPY_KEYS:
    case MOE_HF_COPY_VALUES:
      copy_heads (from, size, y);
      break;
    case MOE_HF_TRANSPOSE:
      for (guint64 e = 0; e < to->ne[2]; e++)
        transpose (from->data + e * from->n_rows * from->n_in * size, from->n_rows, from->n_in, from->first,
                   from->step, size, y + e * to->ne[0] * to->ne[1] * size);
      break;
    case MOE_HF_JOIN_F8:
      moe_hf_f8_join (from, y);
      break;
    case MOE_HF_JOIN_MXFP4:
      for (guint64 e = 0; e < to->ne[2]; e++)
        for (guint64 row = from->first; row < from->n_rows; row += from->step)
          for (guint64 b = 0; b < n_blocks; b++, y += 17)
            {
              guint64 at = (e * from->n_rows + row) * n_blocks + b;

              join_block (from->data + at * 16, from->scales[at], y);
            }
      break;
    }
}

void
moe_hf_folder_convert (MoeHfFolder   *self,
                       MoeGgufTensor *tensors)
{
  for (guint i = 0; i < self->conversions->len; i++)
    {
      const MoeHfConversion *conversion = &g_array_index (self->conversions, MoeHfConversion, i);
      MoeGgufTensor *tensor = &tensors[conversion->tensor];
      guint8 *values = g_malloc (tensor->slices != NULL ? tensor->n_bytes / tensor->ne[2] : tensor->n_bytes);

      g_ptr_array_add (self->allocations, values);
      convert (conversion, tensor, values);
      if (tensor->slices != NULL)
        ((const guint8 **) tensor->slices)[conversion->slice] = values;
      else
        tensor->data = values;
    }
}
