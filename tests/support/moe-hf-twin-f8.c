/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-twin-f8"

#include "tests/support/moe-hf-twin-private.h"

#include <math.h>
#include <string.h>

#include "data/moe-safetensors.h"

#define SHARD "model.safetensors"
#define TILE 128
#define LARGEST 448.f

/* A matrix of n_rows x n_in floats. */
typedef struct
{
  float *x;
  gsize  n_rows, n_in;
} Matrix;

float
moe_hf_twin_get_f8 (guint8 code)
{
  guint exponent = code >> 3 & 15, mantissa = code & 7;
  float value = exponent == 0 ? (float) mantissa / 512
                : (float) (8 + mantissa) * exp2f ((float) exponent - 10);

  return code < 128 ? value : -value;
}

/* The nearest 8-bit float: 0x00 to 0x7e and their negatives. */
static guint8
get_code (float x)
{
  guint8 sign = x < 0 ? 0x80 : 0;
  float magnitude = fabsf (x), mantissa;
  int exponent;

  if (magnitude == 0)
    return sign;
  frexpf (magnitude, &exponent);
  exponent = MAX (exponent - 1, -6);
  mantissa = rintf (ldexpf (magnitude, 3 - exponent));
  /* 16 is the first step of the next exponent, which follows by itself; below 8 there is no exponent. */
  return sign | (guint8) MIN ((exponent + 6) * 8 + (int) mantissa, 0x7e);
}

/* The scale of the tile from @row and @column on: one that its largest value fits in, no power of two, and
 * another one for each tile. */
static float
get_scale (const Matrix *m,
           gsize         row,
           gsize         column)
{
  float largest = 0;
  int exponent;

  for (gsize r = row; r < MIN (row + TILE, m->n_rows); r++)
    for (gsize i = column; i < MIN (column + TILE, m->n_in); i++)
      largest = MAX (largest, fabsf (m->x[r * m->n_in + i]));
  frexpf (largest / (LARGEST * 1.25f), &exponent);
  return ldexpf (1.25f, exponent + (int) (row / TILE % 2 + 2 * (column / TILE % 2)) % 3);
}

/* A tensor to be stored; n_rows 0 for a vector. */
typedef struct
{
  char       *name;
  const char *type;
  gsize       n_rows, n_in, size; /* size: of a value */
  GBytes     *values;
} Entry;

static void
entry_clear (gpointer entry)
{
  g_free (((Entry *) entry)->name);
  g_bytes_unref (((Entry *) entry)->values);
}

static GArray *
shard_new (void)
{
  GArray *shard = g_array_new (FALSE, FALSE, sizeof (Entry));

  g_array_set_clear_func (shard, entry_clear);
  return shard;
}

static void
append (GArray     *shard,
        const char *name,
        const char *type,
        gsize       n_rows,
        gsize       n_in,
        gsize       size,
        const void *values)
{
  Entry entry = {
    g_strdup (name), type, n_rows, n_in, size, g_bytes_new (values, MAX (n_rows, 1) * n_in * size),
  };

  g_array_append_val (shard, entry);
}

/* The values of @m as 8 bits, and their scales; of the second layer these are BF16. Leaves in @m what they
 * stand for. */
static void
append_f8 (GArray              *shard,
           const MoeSafetensor *tensor,
           Matrix              *m)
{
  gboolean bf16 = strstr (tensor->name, ".layers.1.") != NULL;
  g_autofree char *scale_name = g_strconcat (tensor->name, "_scale_inv", NULL);
  g_autoptr (GByteArray) scales = g_byte_array_new ();
  g_autofree guint8 *codes = g_malloc (m->n_rows * m->n_in);

  for (gsize row = 0; row < m->n_rows; row += TILE)
    for (gsize column = 0; column < m->n_in; column += TILE)
      {
        float scale = get_scale (m, row, column);
        guint32 bits;
        guint16 upper;

        memcpy (&bits, &scale, sizeof bits);
        upper = (guint16) (bits >> 16);
        for (gsize r = row; r < MIN (row + TILE, m->n_rows); r++)
          for (gsize i = column; i < MIN (column + TILE, m->n_in); i++)
            {
              float *x = &m->x[r * m->n_in + i];

              codes[r * m->n_in + i] = get_code (*x / scale);
              *x = moe_hf_twin_get_f8 (codes[r * m->n_in + i]) * scale;
            }
        g_byte_array_append (scales, bf16 ? (const guint8 *) &upper : (const guint8 *) &bits, bf16 ? 2 : 4);
      }
  append (shard, tensor->name, "F8_E4M3", m->n_rows, m->n_in, 1, codes);
  append (shard, scale_name, bf16 ? "BF16" : "F32", (m->n_rows + TILE - 1) / TILE,
          (m->n_in + TILE - 1) / TILE, bf16 ? 2 : 4, scales->data);
}

/* Values that BF16 holds. */
static void
append_bf16 (GArray              *shard,
             const MoeSafetensor *tensor,
             Matrix              *m)
{
  gsize n = m->n_rows * m->n_in;
  g_autofree guint16 *halves = g_new (guint16, n);
  MoeTensorType type = MOE_TYPE_BF16;

  moe_hf_twin_round (tensor->name, m->x, n, &type);
  for (gsize i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, &m->x[i], sizeof bits);
      halves[i] = (guint16) (bits >> 16);
    }
  append (shard, tensor->name, "BF16", tensor->n_dims > 1 ? m->n_rows : 0, m->n_in, sizeof *halves, halves);
}

/* The largest values first, as the library safetensors has them: so all are aligned. */
static void
save (GArray     *shard,
      const char *folder)
{
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GByteArray) data = g_byte_array_new (), all = g_byte_array_new ();
  guint64 length;

  for (gsize size = 4; size > 0; size /= 2)
    for (guint i = 0; i < shard->len; i++)
      {
        const Entry *entry = &g_array_index (shard, Entry, i);
        guint begin = data->len;

        if (entry->size != size)
          continue;
        g_byte_array_append (data, g_bytes_get_data (entry->values, NULL),
                             (guint) g_bytes_get_size (entry->values));
        g_string_append_printf (header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header->len > 1 ? "," : "",
                                entry->name, entry->type);
        if (entry->n_rows > 0)
          g_string_append_printf (header, "%" G_GSIZE_FORMAT ",", entry->n_rows);
        g_string_append_printf (header, "%" G_GSIZE_FORMAT "],\"data_offsets\":[%u,%u]}", entry->n_in, begin,
                                data->len);
      }
  g_string_append (header, "}");
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  length = GUINT64_TO_LE (header->len);
  g_byte_array_append (all, (const guint8 *) &length, sizeof length);
  g_byte_array_append (all, (const guint8 *) header->str, (guint) header->len);
  g_byte_array_append (all, data->data, data->len);
  moe_hf_twin_save (folder, SHARD, all->data, all->len);
}

/* DeepSeek keeps the embedding, the logits, norms and routers in BF16, and the routers' biases in floats. */
static void
append_tensor (GArray              *rounded,
               GArray              *plain,
               const MoeSafetensor *tensor)
{
  gsize n_rows = tensor->n_dims > 1 ? tensor->ne[1] : 1;
  g_autofree float *x = g_memdup2 (tensor->data, (gsize) tensor->n_bytes);
  Matrix m = { x, n_rows, tensor->ne[0] };

  if (g_str_has_suffix (tensor->name, "_proj.weight") || g_str_has_suffix (tensor->name, "_with_mqa.weight"))
    append_f8 (rounded, tensor, &m);
  else if (g_str_has_suffix (tensor->name, "_bias"))
    append (rounded, tensor->name, "F32", 0, m.n_in, sizeof *x, x);
  else
    append_bf16 (rounded, tensor, &m);
  append (plain, tensor->name, "F32", tensor->n_dims > 1 ? n_rows : 0, m.n_in, sizeof *x, x);
}

/* A MoeCheckpointEdit: the values of the folder @data, where it has the tensor. */
static void
copy_values (const char *name,
             float      *x,
             gsize       n,
             gpointer    data)
{
  const MoeGgufTensor *tensor = moe_gguf_find_tensor (data, name);
  guint64 n_slices = tensor != NULL && tensor->slices != NULL ? tensor->ne[2] : 1;

  if (tensor == NULL)
    return;
  g_assert_cmpuint (tensor->n_bytes, ==, n * sizeof *x);
  g_assert_cmpint (tensor->type, ==, MOE_TYPE_F32);
  for (guint64 e = 0; e < n_slices; e++)
    memcpy (x + e * (n / n_slices), tensor->slices != NULL ? tensor->slices[e] : tensor->data,
            n / n_slices * sizeof *x);
}

void
moe_hf_twin_store_f8 (const MoeCheckpoint *checkpoint,
                      const char          *folder,
                      const char          *gguf)
{
  g_autofree char *path = g_build_filename (folder, SHARD, NULL);
  g_autofree char *config_path = g_build_filename (folder, "config.json", NULL);
  g_autofree char *config = NULL, *fresh = NULL;
  g_autoptr (GArray) rounded = shard_new (), plain = shard_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeSafetensors) shard = moe_safetensors_open (path, &error);
  g_autoptr (MoeGguf) weights = NULL;

  g_assert_no_error (error);
  for (guint i = 0; i < moe_safetensors_get_n_tensors (shard); i++)
    append_tensor (rounded, plain, moe_safetensors_get_tensor (shard, i));
  save (plain, folder);
  weights = moe_gguf_open (folder, &error);
  g_assert_no_error (error);
  g_assert_true (moe_gguf_load (weights, NULL, NULL, NULL, NULL));
  moe_checkpoint_write_edited (checkpoint, copy_values, weights, gguf, &error);
  g_assert_no_error (error);
  save (rounded, folder);
  g_file_get_contents (config_path, &config, NULL, &error);
  g_assert_no_error (error);
  fresh = g_strconcat ("{\"quantization_config\": {\"activation_scheme\": \"dynamic\", \"fmt\": \"e4m3\", "
                       "\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]},",
                       strchr (config, '{') + 1, NULL);
  moe_hf_twin_save (folder, "config.json", fresh, strlen (fresh));
}
