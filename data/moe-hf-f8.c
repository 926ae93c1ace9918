/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-f8"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-hf-private.h"

/* Weights of 8 bits as DeepSeek-V3 introduced them ("DeepSeek-V3 Technical Report", section 3.3.2; "weight
 * dequantization" in its README_WEIGHTS): a matrix NAME of E4M3 values, and NAME_scale_inv with the factor of
 * each tile of 128 x 128 of them, those at the far edges cut off. */
#define TILE 128u

#define SCALE_SUFFIX "_scale_inv"

static guint64
count_tiles (guint64 n)
{
  return n / TILE + (n % TILE != 0);
}

gboolean
moe_hf_f8_is_scale (GHashTable *all,
                    const char *name)
{
  g_autofree char *owner = NULL;
  const MoeSafetensor *tensor;

  if (!g_str_has_suffix (name, SCALE_SUFFIX))
    return FALSE;
  owner = g_strndup (name, strlen (name) - strlen (SCALE_SUFFIX));
  tensor = g_hash_table_lookup (all, owner);
  return tensor != NULL && tensor->type == MOE_TYPE_F8_E4M3;
}

const MoeSafetensor *
moe_hf_f8_find_scales (const char           *folder,
                       GHashTable           *all,
                       const MoeSafetensor  *matrix,
                       GError              **error)
{
  g_autofree char *name = g_strconcat (matrix->name, SCALE_SUFFIX, NULL);
  const MoeSafetensor *scales = g_hash_table_lookup (all, name);

  if (scales == NULL || matrix->n_dims != 2)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is stored as F8_E4M3 without %s", folder, matrix->name,
                   scales == NULL ? "a tensor of scales beside it" : "being a matrix");
      return NULL;
    }
  if ((scales->type != MOE_TYPE_F32 && scales->type != MOE_TYPE_BF16) || scales->n_dims != 2 ||
      scales->ne[0] != count_tiles (matrix->ne[0]) || scales->ne[1] != count_tiles (matrix->ne[1]))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tensor %s does not have a float for each %u x %u values of the matrix", folder,
                   scales->name, TILE, TILE);
      return NULL;
    }
  return scales;
}

void
moe_hf_f8_present (MoeSafetensor *matrix,
                   gboolean       as_floats)
{
  guint64 n = matrix->ne[0] * matrix->ne[1];

  as_floats = as_floats || matrix->ne[0] % TILE != 0;
  matrix->type = as_floats ? MOE_TYPE_F32 : MOE_TYPE_F8_E4M3;
  matrix->n_bytes = as_floats ? n * sizeof (float) : n / TILE * (TILE + sizeof (float));
}

static float
read_scale (const guint8  *scales,
            MoeTensorType  type,
            guint64        index)
{
  guint32 bits;
  guint16 upper;
  float scale;

  if (type == MOE_TYPE_F32)
    {
      memcpy (&bits, scales + index * sizeof bits, sizeof bits);
      bits = GUINT32_FROM_LE (bits);
    }
  else
    {
      memcpy (&upper, scales + index * sizeof upper, sizeof upper);
      bits = (guint32) GUINT16_FROM_LE (upper) << 16;
    }
  memcpy (&scale, &bits, sizeof scale);
  return scale;
}

void
moe_hf_f8_join (const MoeHfConversion *from,
                guint8                *out)
{
  guint64 n_tiles = from->n_in / TILE;

  for (guint64 row = 0; row < from->n_rows; row++)
    for (guint64 tile = 0; tile < n_tiles; tile++, out += sizeof (float) + TILE)
      {
        float scale = read_scale (from->scales, from->scale_type, row / TILE * n_tiles + tile);

        memcpy (out, &scale, sizeof scale);
        memcpy (out + sizeof scale, from->data + row * from->n_in + tile * TILE, TILE);
      }
}

/* 0x7f and 0xff are not numbers; there are no infinities. */
static float
get_value (guint8 q)
{
  guint exponent = q >> 3 & 15, mantissa = q & 7;
  float value = exponent == 0 ? ldexpf ((float) mantissa, -9)
                : ldexpf ((float) (8 + mantissa), (int) exponent - 10);

  if ((q & 127) == 127)
    return NAN;
  return q < 128 ? value : -value;
}

void
moe_hf_f8_expand (const MoeHfConversion *from,
                  float                 *out)
{
  guint64 n_tiles = count_tiles (from->n_in);
  const guint8 *q = from->data;
  float values[256];

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = get_value ((guint8) i);
  for (guint64 row = 0; row < from->n_rows; row++)
    for (guint64 tile = 0; tile < n_tiles; tile++)
      {
        float scale = read_scale (from->scales, from->scale_type, row / TILE * n_tiles + tile);
        guint64 n = MIN (TILE, from->n_in - tile * TILE);

        for (guint64 i = 0; i < n; i++)
          *out++ = values[*q++] * scale;
      }
}
