/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-hf-f8"

/* Folders whose matrices are 8-bit floats with a scale for each 128 x 128 of them. */

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-hf-private.h"
#include "data/moe-safetensors.h"
#include "probes/kernels/moe-expand.h"
#include "probes/kernels/moe-formats.h"
#include "probes/moe-model.h"
#include "tests/support/moe-hf-pair.h"
#include "tests/support/moe-hf-twin.h"

static const MoeHfCase qwen3 = { "qwen3moe-f32-wide", MOE_TYPE_F8_E4M3, 1 };
static const MoeHfCase deepseek = { "deepseek2-f32-wide", MOE_TYPE_F8_E4M3, 1 };

/* A matrix and its scales, as they are stored. */
typedef struct
{
  MoeSafetensors      *shard;
  const MoeSafetensor *values, *scales;
} Stored;

static const MoeSafetensor *
find_stored (MoeSafetensors *shard,
             const char     *name)
{
  for (guint i = 0; i < moe_safetensors_get_n_tensors (shard); i++)
    if (g_str_equal (moe_safetensors_get_tensor (shard, i)->name, name))
      return moe_safetensors_get_tensor (shard, i);
  g_error ("there is no tensor %s", name);
}

static Stored
stored_find (MoeSafetensors *shard,
             const char     *name)
{
  g_autofree char *scale_name = g_strconcat (name, "_scale_inv", NULL);
  Stored self = { shard, find_stored (shard, name), find_stored (shard, scale_name) };

  g_assert_cmpint (self.values->type, ==, MOE_TYPE_F8_E4M3);
  return self;
}

/* DeepSeek's definition: the value times the scale of its tile. */
static float
stored_get (const Stored *self,
            guint64       row,
            guint64       column)
{
  guint64 tile = row / 128 * self->scales->ne[0] + column / 128;
  float scale;

  if (self->scales->type == MOE_TYPE_BF16)
    {
      guint32 bits = (guint32) self->scales->data[2 * tile] << 16 |
                     (guint32) self->scales->data[2 * tile + 1] << 24;

      memcpy (&scale, &bits, sizeof scale);
    }
  else
    memcpy (&scale, self->scales->data + tile * sizeof scale, sizeof scale);
  return moe_hf_twin_get_f8 (self->values->data[row * self->values->ne[0] + column]) * scale;
}

static const MoeGgufTensor *
find_loaded (MoeGguf       *gguf,
             const char    *name,
             MoeTensorType  type)
{
  const MoeGgufTensor *tensor = moe_gguf_find_tensor (gguf, name);

  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->type, ==, (gint) type);
  return tensor;
}

/* Keys' and values' matrices of all heads out of one whose tiles are cut by heads (of 40 and 32 rows), in the
 * layer whose scales are @scale_type. */
static void
assert_heads (MoeGguf        *gguf,
              MoeSafetensors *shard,
              guint           layer,
              MoeTensorType   scale_type)
{
  enum { N_KEYS = 40, N_VALUES = 32, RANK = 32, N_HEADS = 4 };
  g_autofree char *name = g_strdup_printf ("model.layers.%u.self_attn.kv_b_proj.weight", layer);
  g_autofree char *key_name = g_strdup_printf ("blk.%u.attn_k_b.weight", layer);
  g_autofree char *value_name = g_strdup_printf ("blk.%u.attn_v_b.weight", layer);
  Stored stored = stored_find (shard, name);
  const float *keys = (const float *) (gconstpointer) find_loaded (gguf, key_name, MOE_TYPE_F32)->data;
  const float *values = (const float *) (gconstpointer) find_loaded (gguf, value_name, MOE_TYPE_F32)->data;

  g_assert_cmpint (stored.scales->type, ==, (gint) scale_type);
  g_assert_cmpuint (stored.values->ne[1], ==, N_HEADS * (N_KEYS + N_VALUES));
  g_assert_cmpuint (stored.scales->ne[1], ==, 3);
  for (guint head = 0; head < N_HEADS; head++)
    for (guint rank = 0; rank < RANK; rank++)
      {
        guint64 row = head * (N_KEYS + N_VALUES);

        for (guint i = 0; i < N_KEYS; i++)
          g_assert_cmpfloat (keys[(head * RANK + rank) * N_KEYS + i], ==,
                             stored_get (&stored, row + i, rank));
        for (guint i = 0; i < N_VALUES; i++)
          g_assert_cmpfloat (values[(head * N_VALUES + i) * RANK + rank], ==,
                             stored_get (&stored, row + N_KEYS + i, rank));
      }
}

/* Every weight of DeepSeek-V3's layout: blocks where rows are made of whole tiles, floats where they are not,
 * what is not stored in 8 bits as it is, and nothing of the layer for the tokens after the next. */
static void
test_layout (void)
{
  g_auto (MoeHfPair) pair = { NULL };
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = NULL;
  g_autoptr (MoeSafetensors) shard = NULL;
  const MoeGgufTensor *tensor;
  Stored stored;
  float x[256];

  moe_hf_pair_make (&pair, &deepseek);
  path = g_build_filename (pair.folder, "model.safetensors", NULL);
  shard = moe_safetensors_open (path, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (pair.folder, &error);
  g_assert_no_error (error);
  g_assert_true (moe_gguf_load (gguf, NULL, NULL, NULL, &error));
  g_assert_no_error (error);

  assert_heads (gguf, shard, 0, MOE_TYPE_F32);
  assert_heads (gguf, shard, 1, MOE_TYPE_BF16);

  /* 32 + 16 rows of two tiles each. */
  tensor = find_loaded (gguf, "blk.0.attn_kv_a_mqa.weight", MOE_TYPE_F8_E4M3);
  stored = stored_find (shard, "model.layers.0.self_attn.kv_a_proj_with_mqa.weight");
  g_assert_cmpuint (tensor->ne[1], ==, 48);
  for (guint row = 0; row < 48; row++)
    {
      moe_expand_f8_e4m3 (tensor->data + row * 2 * sizeof (MoeBlockF8), 256, x);
      for (guint i = 0; i < 256; i++)
        g_assert_cmpfloat (x[i], ==, stored_get (&stored, row, i));
    }
  /* Rows of 128 + 32 values. */
  tensor = find_loaded (gguf, "blk.1.ffn_down_exps.weight", MOE_TYPE_F32);
  stored = stored_find (shard, "model.layers.1.mlp.experts.5.down_proj.weight");
  for (guint row = 0; row < 256; row++)
    for (guint i = 0; i < 160; i++)
      {
        memcpy (&x[i], tensor->slices[5] + (row * 160 + i) * sizeof *x, sizeof *x);
        g_assert_cmpfloat (x[i], ==, stored_get (&stored, row, i));
      }
  /* 128 + 32 rows of two tiles. */
  tensor = find_loaded (gguf, "blk.1.ffn_gate_exps.weight", MOE_TYPE_F8_E4M3);
  stored = stored_find (shard, "model.layers.1.mlp.experts.7.gate_proj.weight");
  for (guint row = 0; row < 160; row++)
    {
      moe_expand_f8_e4m3 (tensor->slices[7] + row * 2 * sizeof (MoeBlockF8), 256, x);
      for (guint i = 0; i < 256; i++)
        g_assert_cmpfloat (x[i], ==, stored_get (&stored, row, i));
    }
  find_loaded (gguf, "token_embd.weight", MOE_TYPE_BF16);
  find_loaded (gguf, "output.weight", MOE_TYPE_BF16);
  find_loaded (gguf, "blk.1.ffn_gate_inp.weight", MOE_TYPE_F32);
  find_loaded (gguf, "blk.1.exp_probs_b.bias", MOE_TYPE_F32);
  find_stored (shard, "model.layers.2.eh_proj.weight_scale_inv");
  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    g_assert_null (strstr (moe_gguf_get_tensor (gguf, i)->name, "layers.2."));
}

/* Progress only grows, up to 1. */
static void
count_call (double   fraction,
            gpointer user_data)
{
  double *last = user_data;

  g_assert_cmpfloat (fraction, >=, *last);
  *last = fraction;
}

/* Everything is done or nothing, and a cancelled one can be done again. */
static void
test_cancel (void)
{
  g_auto (MoeHfPair) pair = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  double last = 0;

  moe_hf_pair_make (&pair, &qwen3);
  gguf = moe_gguf_open (pair.folder, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_gguf_get_load_bytes (gguf), >, 0);
  g_cancellable_cancel (cancellable);
  g_assert_false (moe_gguf_load (gguf, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (moe_gguf_find_tensor (gguf, "blk.0.attn_q.weight")->data);
  g_assert_true (moe_gguf_load (gguf, count_call, &last, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (last, ==, 1);
  g_assert_nonnull (moe_gguf_find_tensor (gguf, "blk.0.attn_q.weight")->data);
}

/* Something of a good folder replaced, and what is said then; texts of the header keep their length. */
static const struct
{
  const MoeHfCase *folder;
  const char *file, *from, *to;
  MoeError    code;
  const char *fragment;
} damages[] = {
  { &qwen3, "config.json", "[128, 128]", "[64, 128]", MOE_ERROR_UNSUPPORTED, "128 x 128" },
  { &qwen3, "config.json", "[128, 128]", "[128]", MOE_ERROR_UNSUPPORTED, "128 x 128" },
  { &qwen3, "config.json", "\"weight_block_size\"", "\"block_size\"", MOE_ERROR_UNSUPPORTED, "128 x 128" },
  { &qwen3, "config.json", "\"e4m3\"", "\"e5m2\"", MOE_ERROR_UNSUPPORTED, "e5m2" },
  { &qwen3, "config.json", "\"fp8\"", "\"gptq\"", MOE_ERROR_UNSUPPORTED, "quantised by gptq" },
  { &qwen3, "model.safetensors", "q_proj.weight_scale_inv", "q_proj.weight_scale_xxx", MOE_ERROR_UNSUPPORTED,
    "without a tensor of scales" },
  { &qwen3, "model.safetensors", "\"F32\",\"shape\":[1,2]", "\"F32\",\"shape\":[2,1]", MOE_ERROR_FORMAT,
    "does not have a float for each 128 x 128" },
  { &qwen3, "model.safetensors", "\"F8_E4M3\",\"shape\":[256,256]", "\"F8_E4M3\",\"shape\":[65536,1]",
    MOE_ERROR_FORMAT, "does not have a float for each 128 x 128" },
  { &qwen3, "model.safetensors", "\"F8_E4M3\",\"shape\":[256,256]", "\"F8_E5M2\",\"shape\":[256,256]",
    MOE_ERROR_UNSUPPORTED, "is stored as F8_E5M2" },
  { &qwen3, "model.safetensors", "\"BF16\",\"shape\":[1,2]", "\"F16\", \"shape\":[1,2]", MOE_ERROR_FORMAT,
    "does not have a float for each 128 x 128" },
  { &deepseek, "model.safetensors", "kv_b_proj.weight_scale_inv", "kv_b_proj.weight_scale_xxx",
    MOE_ERROR_UNSUPPORTED, "without a tensor of scales" },
  { &deepseek, "model.safetensors", "\"F32\",\"shape\":[3,1]", "\"F32\",\"shape\":[1,3]", MOE_ERROR_FORMAT,
    "does not have a float for each 128 x 128" },
  { &deepseek, "model.safetensors", "\"F8_E4M3\",\"shape\":[288,32]", "\"F8_E4M3\",\"shape\":[32,288]",
    MOE_ERROR_FORMAT, "does not have a float for each 128 x 128" },
  { &deepseek, "model.safetensors", "\"F8_E4M3\",\"shape\":[288,32]", "\"F8_E4M3\",\"shape\":[9216]  ",
    MOE_ERROR_UNSUPPORTED, "without being a matrix" },
  { &deepseek, "model.safetensors", "\"F8_E4M3\",\"shape\":[288,32]", "\"BF16\",\"shape\":[288,16]   ",
    MOE_ERROR_FORMAT, "does not have 4 heads' 40 + 32 rows of 32 floats" },
};

static void
assert_damaged (const MoeHfPair *pair,
                guint            index)
{
  g_autofree char *path = g_build_filename (pair->folder, damages[index].file, NULL);
  g_autofree char *good = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &good, &length, NULL));
  moe_hf_pair_replace (pair->folder, damages[index].file, damages[index].from, damages[index].to);
  g_assert_null (moe_model_open (pair->folder, NULL, NULL, NULL, &error));
  g_test_message ("%u: %s", index, error->message);
  g_assert_error (error, MOE_ERROR, (gint) damages[index].code);
  g_assert_nonnull (strstr (error->message, damages[index].fragment));
  g_assert_true (g_file_set_contents (path, good, (gssize) length, NULL));
}

static void
test_damage (gconstpointer data)
{
  g_auto (MoeHfPair) pair = { NULL };
  g_autoptr (GError) error = NULL;
  MoeModel *model;

  moe_hf_pair_make (&pair, data);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    if (damages[i].folder == data)
      assert_damaged (&pair, i);
  model = moe_model_open (pair.folder, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  moe_model_unref (model);
}

/* Both ways to lay out a matrix whose last tiles have less rows, and the one for rows that end in a tile. */
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
      g_assert_cmpfloat (x[i], ==, moe_hf_twin_get_f8 (q[i]) * scales[i / N_IN / 128 * 3 + i % N_IN / 128]);
    }
  /* 300 rows of 257 values are as many tiles. */
  how.n_in = 257;
  moe_hf_f8_expand (&how, x);
  for (guint i = 0; i < N_ROWS * 257; i++)
    g_assert_cmpfloat (x[i], ==, moe_hf_twin_get_f8 (q[i]) * scales[i / 257 / 128 * 3 + i % 257 / 128]);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hf-f8/layout", test_layout);
  g_test_add_func ("/hf-f8/cancel", test_cancel);
  g_test_add_data_func ("/hf-f8/damage/qwen3", &qwen3, test_damage);
  g_test_add_data_func ("/hf-f8/damage/deepseek", &deepseek, test_damage);
  g_test_add_func ("/hf-f8/edges", test_edges);
  return g_test_run ();
}
