/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-hf-f8"

/* Folders whose matrices are 8-bit floats with a scale for each 128 x 128 of them. */

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-hf-private.h"
#include "data/moe-safetensors.h"
#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-formats.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-hf-twin.h"
#include "tests/support/moe-logits-run.h"

#define CHECKPOINT "qwen3moe-q4_k" /* rows of 256 and 512 values */
#define LARGEST 448.f

/* The scale of the tile of @n x @n values from @x on, @stride apart: one that their largest fits in, no power
 * of two, and another one for each tile. */
static float
get_scale (const float *x,
           gsize        stride,
           gsize        row_tile,
           gsize        column_tile)
{
  float largest = 0;
  int exponent;

  for (gsize r = 0; r < 128; r++)
    for (gsize i = 0; i < 128; i++)
      largest = MAX (largest, fabsf (x[r * stride + i]));
  frexpf (largest / (LARGEST * 1.25f), &exponent);
  return ldexpf (1.25f, exponent + (int) (row_tile % 2 + 2 * (column_tile % 2)) % 3);
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

static float
get_value (guint8 code)
{
  return moe_f8_to_float (code);
}

/* Rounds the matrices that the folder has in 8 bits to what these can hold; @name is llama.cpp's. */
static void
round_matrix (const char *name,
              float      *x,
              gsize       n,
              gpointer    data)
{
  gsize n_in = strstr (name, "attn_output") != NULL ? 512 : 256;

  if (!g_str_has_prefix (name, "blk.") || strstr (name, "norm") != NULL || strstr (name, "gate_inp") != NULL)
    return;
  for (gsize row = 0; row < n / n_in; row += 128)
    for (gsize column = 0; column < n_in; column += 128)
      {
        float *tile = x + row * n_in + column;
        float scale = get_scale (tile, n_in, row / 128, column / 128);

        for (gsize r = 0; r < 128; r++)
          for (gsize i = 0; i < 128; i++)
            tile[r * n_in + i] = get_value (get_code (tile[r * n_in + i] / scale)) * scale;
      }
}

static void
describe (GString    *header,
          const char *name,
          const char *type,
          guint64     n_rows,
          guint64     n_in,
          gsize       begin,
          gsize       end)
{
  g_string_append_printf (header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header->len > 1 ? "," : "", name,
                          type);
  if (n_rows > 0)
    g_string_append_printf (header, "%" G_GUINT64_FORMAT ",", n_rows);
  g_string_append_printf (header, "%" G_GUINT64_FORMAT "],\"data_offsets\":[%" G_GSIZE_FORMAT
                          ",%" G_GSIZE_FORMAT "]}", n_in, begin, end);
}

/* The values of @tensor, which is F32, as 8 bits, and their scales; of the second layer these are BF16. */
static void
put_matrix (GString             *header,
            GByteArray          *data,
            const MoeSafetensor *tensor)
{
  const gsize n_in = tensor->ne[0], n_rows = tensor->ne[1];
  gboolean bf16 = strstr (tensor->name, ".layers.1.") != NULL;
  g_autofree float *x = g_memdup2 (tensor->data, n_in * n_rows * sizeof *x);
  g_autofree char *scale_name = g_strconcat (tensor->name, "_scale_inv", NULL);
  g_autoptr (GByteArray) scales = g_byte_array_new ();
  guint begin = data->len;

  g_byte_array_set_size (data, begin + (guint) (n_in * n_rows));
  for (gsize row = 0; row < n_rows; row += 128)
    for (gsize column = 0; column < n_in; column += 128)
      {
        const float *tile = x + row * n_in + column;
        float scale = get_scale (tile, n_in, row / 128, column / 128);
        guint32 bits = moe_float_to_bits (scale);
        guint16 upper = (guint16) (bits >> 16);

        for (gsize r = 0; r < 128; r++)
          for (gsize i = 0; i < 128; i++)
            {
              guint8 code = get_code (tile[r * n_in + i] / scale);

              g_assert_cmpfloat (get_value (code) * scale, ==, tile[r * n_in + i]);
              data->data[begin + (row + r) * n_in + column + i] = code;
            }
        g_byte_array_append (scales, bf16 ? (const guint8 *) &upper : (const guint8 *) &bits, bf16 ? 2 : 4);
      }
  describe (header, tensor->name, "F8_E4M3", n_rows, n_in, begin, data->len);
  begin = data->len;
  g_byte_array_append (data, scales->data, scales->len);
  describe (header, scale_name, bf16 ? "BF16" : "F32", n_rows / 128, n_in / 128, begin, data->len);
}

/* Replaces the first @from in file @name of @folder, which must be there. */
static void
replace (const char *folder,
         const char *name,
         const char *from,
         const char *to)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *data = NULL;
  g_autoptr (GByteArray) fresh = g_byte_array_new ();
  gsize length, at = 0, n = strlen (from);

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  while (at + n <= length && memcmp (data + at, from, n) != 0)
    at++;
  g_assert_cmpuint (at + n, <=, length);
  g_byte_array_append (fresh, (const guint8 *) data, (guint) at);
  g_byte_array_append (fresh, (const guint8 *) to, (guint) strlen (to));
  g_byte_array_append (fresh, (const guint8 *) data + at + n, (guint) (length - at - n));
  g_assert_true (g_file_set_contents (path, (const char *) fresh->data, fresh->len, NULL));
}

/* A folder with the same weights as the file twin.gguf in it. */
static char *
make_folder (void)
{
  MoeCheckpoint checkpoint = *moe_checkpoint_find (CHECKPOINT);
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("moe-test-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "twin.gguf", NULL);
  g_autofree char *shard_path = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (MoeGguf) gguf = NULL;
  g_autoptr (MoeSafetensors) shard = NULL;
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GByteArray) data = g_byte_array_new (), all = g_byte_array_new ();
  guint64 length;

  checkpoint.type = checkpoint.down_type = MOE_TYPE_F32;
  moe_checkpoint_write_edited (&checkpoint, round_matrix, NULL, path, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (path, &error);
  g_assert_no_error (error);
  moe_hf_twin_write (gguf, MOE_TYPE_F32, 1, folder);
  shard = moe_safetensors_open (shard_path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < moe_safetensors_get_n_tensors (shard); i++)
    {
      const MoeSafetensor *tensor = moe_safetensors_get_tensor (shard, i);
      guint begin = data->len;

      if (g_str_has_suffix (tensor->name, "_proj.weight"))
        {
          put_matrix (header, data, tensor);
          continue;
        }
      g_byte_array_append (data, tensor->data, (guint) tensor->n_bytes);
      describe (header, tensor->name, "F32", tensor->n_dims > 1 ? tensor->ne[1] : 0, tensor->ne[0], begin,
                data->len);
    }
  g_string_append (header, "}");
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  length = GUINT64_TO_LE (header->len);
  g_byte_array_append (all, (const guint8 *) &length, sizeof length);
  g_byte_array_append (all, (const guint8 *) header->str, (guint) header->len);
  g_byte_array_append (all, data->data, data->len);
  g_clear_pointer (&shard, moe_safetensors_free);
  g_file_set_contents (shard_path, (const char *) all->data, all->len, &error);
  g_assert_no_error (error);
  replace (folder, "config.json", "{",
           "{\"quantization_config\": {\"activation_scheme\": \"dynamic\", \"fmt\": \"e4m3\", "
           "\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]},");
  return folder;
}

static void
remove_folder (char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
}

static void
test_same (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (CHECKPOINT);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  char *path = make_folder ();
  g_autofree char *gguf = g_build_filename (path, "twin.gguf", NULL);
  g_autoptr (GError) error = NULL;
  MoeModel *file = moe_model_open (gguf, NULL, NULL, NULL, &error), *folder;
  g_autofree float *row = NULL, *same_row = NULL;

  g_assert_no_error (error);
  folder = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (moe_model_get_info (folder)->quantisation, "F8_E4M3"));
  for (guint plain = 0; plain < 2; plain++)
    {
      MoeLogitsRun run = {
        .kernels = plain ? MOE_KERNELS_PLAIN : MOE_KERNELS_AUTO, .cache = MOE_CACHE_F32,
      };
      gsize n = (gsize) checkpoint->n_tokens * moe_model_get_info (file)->vocabulary;
      g_autofree float *logits = moe_logits_run (file, &run, tokens, checkpoint->n_tokens, NULL, NULL);
      g_autofree float *same = moe_logits_run (folder, &run, tokens, checkpoint->n_tokens, NULL, NULL);

      for (gsize i = 0; i < n; i++)
        g_assert_cmpfloat (logits[i], ==, same[i]);
    }
  row = moe_model_dup_down_row (file, 1, 3, 130);
  same_row = moe_model_dup_down_row (folder, 1, 3, 130);
  g_assert_cmpmem (row, 256 * sizeof *row, same_row, 256 * sizeof *row);
  moe_model_unref (file);
  moe_model_unref (folder);
  remove_folder (path);
}

/* Something of a good folder replaced, and what is said then; texts of the header keep their length. */
static const struct
{
  const char *file, *from, *to;
  MoeError    code;
  const char *fragment;
} damages[] = {
  { "config.json", "[128, 128]", "[64, 128]", MOE_ERROR_UNSUPPORTED, "128 x 128" },
  { "config.json", "[128, 128]", "[128]", MOE_ERROR_UNSUPPORTED, "128 x 128" },
  { "config.json", "\"weight_block_size\"", "\"block_size\"", MOE_ERROR_UNSUPPORTED, "128 x 128" },
  { "config.json", "\"e4m3\"", "\"e5m2\"", MOE_ERROR_UNSUPPORTED, "e5m2" },
  { "config.json", "\"fp8\"", "\"gptq\"", MOE_ERROR_UNSUPPORTED, "quantised by gptq" },
  { "model.safetensors", "q_proj.weight_scale_inv", "q_proj.weight_scale_xxx", MOE_ERROR_UNSUPPORTED,
    "without a tensor of scales" },
  { "model.safetensors", "\"F32\",\"shape\":[2,2]", "\"F32\",\"shape\":[4,1]", MOE_ERROR_FORMAT,
    "does not have a float for each 128 x 128" },
  { "model.safetensors", "\"F8_E4M3\",\"shape\":[256,256]", "\"F8_E4M3\",\"shape\":[65536,1]",
    MOE_ERROR_UNSUPPORTED, "no multiples of 128" },
  { "model.safetensors", "\"F8_E4M3\",\"shape\":[256,256]", "\"F8_E5M2\",\"shape\":[256,256]",
    MOE_ERROR_UNSUPPORTED, "is stored as F8_E5M2" },
};

static void
test_damage (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      char *path = make_folder ();
      g_autoptr (GError) error = NULL;
      MoeModel *model;

      replace (path, damages[i].file, damages[i].from, damages[i].to);
      model = moe_model_open (path, NULL, NULL, NULL, &error);
      g_assert_null (model);
      g_assert_error (error, MOE_ERROR, (gint) damages[i].code);
      if (strstr (error->message, damages[i].fragment) == NULL)
        g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, damages[i].fragment));
      remove_folder (path);
    }
}

/* Both ways to lay out a matrix whose last tiles are cut off. */
static void
test_edges (void)
{
  enum { N_ROWS = 300, N_IN = 384, N_TILES = 3 * 3 };
  g_autofree guint8 *q = g_malloc (N_ROWS * N_IN);
  float scales[N_TILES];
  MoeHfConversion how = {
    .data = q, .scales = (const guint8 *) scales, .scale_type = MOE_TYPE_F32, .n_rows = N_ROWS, .n_in = N_IN,
  };
  g_autofree guint8 *blocks = g_malloc (N_ROWS * N_IN / 128 * sizeof (MoeBlockF8));
  g_autofree float *x = g_new (float, N_ROWS * N_IN), *y = g_new (float, N_ROWS * N_IN);

  for (guint i = 0; i < N_TILES; i++)
    scales[i] = 0.1f + (float) i;
  for (guint i = 0; i < N_ROWS * N_IN; i++)
    q[i] = (guint8) (i * 7 % 251 == 127 ? 1 : i * 7 % 251);
  moe_hf_f8_join (&how, blocks);
  moe_hf_f8_expand (&how, x);
  moe_expand_f8_e4m3 (blocks, N_ROWS * N_IN, y);
  for (guint i = 0; i < N_ROWS * N_IN; i++)
    {
      g_assert_cmpfloat (x[i], ==, y[i]);
      g_assert_cmpfloat (x[i], ==, get_value (q[i]) * scales[i / N_IN / 128 * 3 + i % N_IN / 128]);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hf-f8/same-logits", test_same);
  g_test_add_func ("/hf-f8/damage", test_damage);
  g_test_add_func ("/hf-f8/edges", test_edges);
  return g_test_run ();
}
