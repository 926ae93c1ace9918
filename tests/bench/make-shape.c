/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "make-shape"

/* Writes a checkpoint of a real model's shape with seeded random weights, straight in the storage type: speed
 * depends on shapes, types and an even spread of the routing, not on what the weights mean.
 *
 *   make-shape olmoe-1b-7b q4_k_m OUT.gguf      shapes and types: see below, or --help */

#include <math.h>
#include <stdio.h>

#include "data/moe-token-record.h"
#include "tests/support/moe-gguf-writer.h"

typedef struct
{
  const char *name, *architecture;
  guint       n_layers, width, n_heads, n_kv_heads, head_dim, n_experts, n_used, expert_width, vocabulary;
  gboolean    head_norm; /* QK norm per head, else over the whole vector */
} Shape;

static const Shape shapes[] = {
  { "olmoe-1b-7b", "olmoe", 16, 2048, 16, 16, 128, 64, 8, 1024, 50304, FALSE },
  /* The same sizes for engines that do not know olmoe. */
  { "olmoe-as-qwen3moe", "qwen3moe", 16, 2048, 16, 16, 128, 64, 8, 1024, 50304, TRUE },
  { "olmoe-4-layers", "qwen3moe", 4, 2048, 16, 16, 128, 64, 8, 1024, 50304, TRUE },
  { "qwen3-30b-a3b", "qwen3moe", 48, 2048, 32, 4, 128, 128, 8, 768, 151936, TRUE },
  { "qwen3-60b", "qwen3moe", 98, 2048, 32, 4, 128, 128, 8, 768, 151936, TRUE },
  { "small", "olmoe", 2, 2048, 16, 16, 128, 64, 8, 1024, 50304, FALSE },
};

typedef struct
{
  char          *name;
  MoeTensorType  type;
  guint          n_dims;
  guint64        ne[3];
  guint64        n_bytes;
  float          deviation; /* of the weights; 0 = all ones */
} Tensor;

#define ALIGNMENT 32

static guint64 state = 42;

static guint64
next_random (void)
{
  guint64 z = state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* In -1..1, of variance 1/3. */
static float
next_uniform (void)
{
  return (float) ((double) (gint64) next_random () / 9223372036854775808.0);
}

static void
put_half (guint8 *at,
          float   value)
{
  guint16 half = moe_half_from_float (value);

  memcpy (at, &half, sizeof half);
}

/* Random bits for everything but the block scales, which are set so that the weights get @deviation and a
 * mean of about zero. */
static void
fill_block (MoeTensorType  type,
            guint          bytes,
            float          deviation,
            guint8        *block)
{
  for (guint i = 0; i < bytes; i += 8)
    {
      guint64 bits = next_random ();

      memcpy (block + i, &bits, MIN (8, bytes - i));
    }
  switch ((guint) type)
    {
    case MOE_TYPE_F32:
      memcpy (block, &(float) { deviation == 0 ? 1 : deviation * sqrtf (3) * next_uniform () }, 4);
      break;
    case MOE_TYPE_F16:
      put_half (block, deviation * sqrtf (3) * next_uniform ());
      break;
    case MOE_TYPE_Q8_0:
      put_half (block, deviation / 74);
      break;
    case MOE_TYPE_Q4_K:
      put_half (block, deviation / 250);
      put_half (block + 2, deviation / 250 * 7.5f);
      break;
    case MOE_TYPE_Q6_K:
      put_half (block + 208, deviation / 1369);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
add_tensor (GArray        *tensors,
            char          *name, /* taken */
            MoeTensorType  type,
            guint          n_dims,
            guint64        ne0,
            guint64        ne1,
            guint64        ne2,
            float          deviation)
{
  Tensor t = { name, type, n_dims, { ne0, ne1, ne2 }, 0, deviation };
  guint values, bytes;

  g_assert_true (moe_tensor_type_get_block (type, &values, &bytes));
  t.n_bytes = ne0 / values * bytes * ne1 * ne2;
  g_array_append_val (tensors, t);
}

/* Layers whose attn_v and ffn_down_exps get the finer type in a Q4_K_M file: the first and last eighth and
 * every third between. */
static gboolean
uses_more_bits (guint layer,
                guint n_layers)
{
  return layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
}

static GArray *
list_tensors (const Shape   *s,
              MoeTensorType  type,
              MoeTensorType  finer)
{
  GArray *tensors = g_array_new (FALSE, FALSE, sizeof (Tensor));
  guint q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
  float by_width = 1 / sqrtf ((float) s->width), by_q = 1 / sqrtf ((float) q);

  add_tensor (tensors, g_strdup ("token_embd.weight"), type, 2, s->width, s->vocabulary, 1, 1);
  add_tensor (tensors, g_strdup ("output_norm.weight"), MOE_TYPE_F32, 1, s->width, 1, 1, 0);
  add_tensor (tensors, g_strdup ("output.weight"), finer, 2, s->width, s->vocabulary, 1, by_width);
  for (guint l = 0; l < s->n_layers; l++)
    {
      MoeTensorType better = uses_more_bits (l, s->n_layers) ? finer : type;

#define NAME(suffix) g_strdup_printf ("blk.%u." suffix ".weight", l)
      add_tensor (tensors, NAME ("attn_norm"), MOE_TYPE_F32, 1, s->width, 1, 1, 0);
      add_tensor (tensors, NAME ("attn_q"), type, 2, s->width, q, 1, by_width);
      add_tensor (tensors, NAME ("attn_k"), type, 2, s->width, kv, 1, by_width);
      add_tensor (tensors, NAME ("attn_v"), better, 2, s->width, kv, 1, by_width);
      add_tensor (tensors, NAME ("attn_q_norm"), MOE_TYPE_F32, 1, s->head_norm ? s->head_dim : q, 1, 1, 0);
      add_tensor (tensors, NAME ("attn_k_norm"), MOE_TYPE_F32, 1, s->head_norm ? s->head_dim : kv, 1, 1, 0);
      add_tensor (tensors, NAME ("attn_output"), type, 2, q, s->width, 1, by_q);
      add_tensor (tensors, NAME ("ffn_norm"), MOE_TYPE_F32, 1, s->width, 1, 1, 0);
      add_tensor (tensors, NAME ("ffn_gate_inp"), MOE_TYPE_F32, 2, s->width, s->n_experts, 1, 2 * by_width);
      add_tensor (tensors, NAME ("ffn_gate_exps"), type, 3, s->width, s->expert_width, s->n_experts,
                  by_width);
      add_tensor (tensors, NAME ("ffn_up_exps"), type, 3, s->width, s->expert_width, s->n_experts, by_width);
      add_tensor (tensors, NAME ("ffn_down_exps"), better, 3, s->expert_width, s->width, s->n_experts,
                  1 / sqrtf ((float) s->expert_width));
#undef NAME
    }
  return tensors;
}

/* A byte-level vocabulary without merges, filled up with tokens that no text reaches. */
static void
add_vocabulary (MoeGgufWriter *writer,
                guint          n)
{
  g_autofree MoeGgufString *tokens = g_new (MoeGgufString, n);
  g_autofree gint32 *types = g_new (gint32, n);
  g_autoptr(GStringChunk) chunk = g_string_chunk_new (1 << 16);
  gunichar extra = 256;

  for (guint i = 0; i < n; i++)
    {
      char text[32];
      gsize length;

      if (i < 256)
        {
          gboolean visible = (i >= '!' && i <= '~') || (i >= 0xa1 && i <= 0xac) || i >= 0xae;

          length = (gsize) g_unichar_to_utf8 (visible ? i : extra++, text);
        }
      else
        length = (gsize) g_snprintf (text, sizeof text, i == n - 1 ? "<|end|>" : "<filler %u>", i);
      tokens[i] = (MoeGgufString) { g_string_chunk_insert_len (chunk, text, (gssize) length), length };
      types[i] = i == n - 1 ? 3 : 1;
    }
  tokens[256] = (MoeGgufString) { "ab", 2 }; /* what the one merge makes */
  moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", "gpt2");
  moe_gguf_writer_add_string (writer, "tokenizer.ggml.pre", "qwen2");
  moe_gguf_writer_add_string_array (writer, "tokenizer.ggml.tokens", tokens, n);
  moe_gguf_writer_add_array (writer, "tokenizer.ggml.token_type", MOE_GGUF_INT32, types, n);
  moe_gguf_writer_add_string_array (writer, "tokenizer.ggml.merges", (MoeGgufString[]) { { "a b", 3 } }, 1);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.eos_token_id", n - 1);
  moe_gguf_writer_add_bool (writer, "tokenizer.ggml.add_bos_token", FALSE);
}

static GBytes *
make_header (const Shape *s,
             GArray      *tensors)
{
  g_autoptr(MoeGgufWriter) w = moe_gguf_writer_new (3);
  g_autofree char *name = g_strdup_printf ("random weights, shape of %s", s->name);
  struct { const char *key; guint value; } numbers[] = {
    { "block_count", s->n_layers }, { "context_length", 32768 }, { "embedding_length", s->width },
    { "feed_forward_length", s->expert_width }, { "expert_feed_forward_length", s->expert_width },
    { "attention.head_count", s->n_heads }, { "attention.head_count_kv", s->n_kv_heads },
    { "attention.key_length", s->head_dim }, { "attention.value_length", s->head_dim },
    { "rope.dimension_count", s->head_dim }, { "expert_count", s->n_experts },
    { "expert_used_count", s->n_used },
  };
  g_autofree char *epsilon = g_strdup_printf ("%s.attention.layer_norm_rms_epsilon", s->architecture);

  moe_gguf_writer_add_string (w, "general.architecture", s->architecture);
  moe_gguf_writer_add_string (w, "general.name", name);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *key = g_strdup_printf ("%s.%s", s->architecture, numbers[i].key);

      moe_gguf_writer_add_uint (w, key, numbers[i].value);
    }
  moe_gguf_writer_add_float (w, epsilon, 1e-5f);
  add_vocabulary (w, s->vocabulary);
  for (guint i = 0; i < tensors->len; i++)
    {
      const Tensor *t = &g_array_index (tensors, Tensor, i);

      moe_gguf_writer_add_tensor (w, t->name, t->type, t->n_dims, t->ne, NULL, t->n_bytes);
    }
  return moe_gguf_writer_to_bytes (w);
}

static gboolean
write_tensor (const Tensor *t,
              FILE         *file)
{
  static const guint8 zeros[ALIGNMENT];
  guint values, bytes;
  gsize padding = (ALIGNMENT - t->n_bytes % ALIGNMENT) % ALIGNMENT;
  g_autofree guint8 *row = NULL;
  gsize row_bytes;

  g_assert_true (moe_tensor_type_get_block (t->type, &values, &bytes));
  row_bytes = t->ne[0] / values * bytes;
  row = g_malloc (row_bytes);
  for (guint64 at = 0; at < t->n_bytes; at += row_bytes)
    {
      for (gsize b = 0; b < row_bytes; b += bytes)
        fill_block (t->type, bytes, t->deviation, row + b);
      if (fwrite (row, 1, row_bytes, file) != row_bytes)
        return FALSE;
    }
  return fwrite (zeros, 1, padding, file) == padding;
}

static int
usage (const char *program)
{
  fprintf (stderr, "usage: %s SHAPE TYPE OUT.gguf\n  SHAPE:", program);
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    fprintf (stderr, " %s", shapes[i].name);
  fprintf (stderr, "\n  TYPE: q4_k_m q8_0 f16\n");
  return 2;
}

int
main (int    argc,
      char **argv)
{
  static const struct { const char *name; MoeTensorType type, finer; } types[] = {
    { "q4_k_m", MOE_TYPE_Q4_K, MOE_TYPE_Q6_K }, { "q8_0", MOE_TYPE_Q8_0, MOE_TYPE_Q8_0 },
    { "f16", MOE_TYPE_F16, MOE_TYPE_F16 },
  };
  const Shape *shape = NULL;
  GArray *tensors = NULL;
  g_autoptr(GBytes) header = NULL;
  FILE *file;
  gboolean ok;

  for (guint i = 0; argc == 4 && i < G_N_ELEMENTS (shapes); i++)
    if (g_str_equal (argv[1], shapes[i].name))
      shape = &shapes[i];
  for (guint i = 0; shape != NULL && i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (argv[2], types[i].name))
      tensors = list_tensors (shape, types[i].type, types[i].finer);
  if (tensors == NULL)
    return usage (argv[0]);

  header = make_header (shape, tensors);
  file = fopen (argv[3], "wb");
  ok = file != NULL &&
       fwrite (g_bytes_get_data (header, NULL), 1, g_bytes_get_size (header),
               file) == g_bytes_get_size (header);
  for (guint i = 0; ok && i < tensors->len; i++)
    ok = write_tensor (&g_array_index (tensors, Tensor, i), file);
  if (file != NULL && fclose (file) != 0)
    ok = FALSE;
  if (!ok)
    fprintf (stderr, "make-shape: %s could not be written\n", argv[3]);
  return ok ? 0 : 1;
}
