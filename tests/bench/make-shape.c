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

/* What attention is made of, and what goes with it. */
typedef enum
{
  NORM_WHOLE, /* QK norm over the whole vector */
  NORM_HEAD,  /* QK norm per head */
  MLA,        /* latent attention, queries without a bottleneck; shared experts; the first layer dense */
  SINKS,      /* learned sinks, biases everywhere, every other layer with a window */
} Kind;

typedef struct
{
  const char *name, *architecture;
  guint       n_layers, width, n_heads, n_kv_heads, head_dim, n_experts, n_used, expert_width, vocabulary;
  Kind        kind;
} Shape;

static const Shape shapes[] = {
  { "olmoe-1b-7b", "olmoe", 16, 2048, 16, 16, 128, 64, 8, 1024, 50304, NORM_WHOLE },
  /* The same sizes for engines that do not know olmoe. */
  { "olmoe-as-qwen3moe", "qwen3moe", 16, 2048, 16, 16, 128, 64, 8, 1024, 50304, NORM_HEAD },
  { "olmoe-4-layers", "qwen3moe", 4, 2048, 16, 16, 128, 64, 8, 1024, 50304, NORM_HEAD },
  { "qwen3-30b-a3b", "qwen3moe", 48, 2048, 32, 4, 128, 128, 8, 768, 151936, NORM_HEAD },
  { "qwen3-60b", "qwen3moe", 98, 2048, 32, 4, 128, 128, 8, 768, 151936, NORM_HEAD },
  { "deepseek2-lite", "deepseek2", 27, 2048, 16, 1, 192, 64, 6, 1408, 102400, MLA },
  { "gpt-oss-20b", "gpt-oss", 24, 2880, 64, 8, 64, 32, 4, 2880, 201088, SINKS },
  { "small", "olmoe", 2, 2048, 16, 16, 128, 64, 8, 1024, 50304, NORM_WHOLE },
};

/* DeepSeek-V2-Lite. */
#define KV_RANK 512
#define ROPE_DIMS 64
#define VALUE_DIM 128
#define N_SHARED 2
#define DENSE_WIDTH 10944

/* gpt-oss-20b. */
#define WINDOW 128
#define ORIGINAL_CONTEXT 4096

/* The types of a file: of most matrices, of those that get more bits, and of rows that are no whole number of
 * blocks of those two. */
typedef struct
{
  const char    *name;
  MoeTensorType  most, finer, other, other_finer;
} Types;

static const Types file_types[] = {
  { "q4_k_m", MOE_TYPE_Q4_K, MOE_TYPE_Q6_K, MOE_TYPE_Q5_0, MOE_TYPE_Q8_0 },
  { "q8_0", MOE_TYPE_Q8_0, MOE_TYPE_Q8_0, MOE_TYPE_Q8_0, MOE_TYPE_Q8_0 },
  { "f16", MOE_TYPE_F16, MOE_TYPE_F16, MOE_TYPE_F16, MOE_TYPE_F16 },
  /* Experts in four bits, the rest in eight. */
  { "mxfp4", MOE_TYPE_Q8_0, MOE_TYPE_Q8_0, MOE_TYPE_Q8_0, MOE_TYPE_Q8_0 },
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
    case MOE_TYPE_Q5_0:
      put_half (block, deviation / 9.2f);
      break;
    case MOE_TYPE_MXFP4:
      /* 2^(e - 128); the codes are -12 to 12 in halves, of deviation 6. */
      block[0] = (guint8) (128 + lrintf (log2f (deviation / 6)));
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

/* @wanted, or what stands for it where rows of @n values are no whole number of its blocks. */
static MoeTensorType
fit_type (const Types   *types,
          MoeTensorType  wanted,
          guint64        n)
{
  guint values, bytes;

  g_assert_true (moe_tensor_type_get_block (wanted, &values, &bytes));
  return n % values == 0 ? wanted : wanted == types->finer ? types->other_finer : types->other;
}

typedef struct
{
  const Shape *shape;
  const Types *types;
  GArray      *tensors;
  guint        layer;
} Builder;

/* (@rows, @n_in) weights, or @n_matrices of them when that is not 0, with outputs of about @gain. */
static void
add_matrix (Builder       *self,
            const char    *what,
            MoeTensorType  type,
            float          gain,
            guint64        n_in,
            guint64        rows,
            guint64        n_matrices)
{
  add_tensor (self->tensors, g_strdup_printf ("blk.%u.%s.weight", self->layer, what),
              fit_type (self->types, type, n_in), n_matrices > 0 ? 3 : 2, n_in, rows, MAX (n_matrices, 1),
              gain / sqrtf ((float) n_in));
}

/* Ones, or small numbers for a bias. */
static void
add_vector (Builder    *self,
            const char *what,
            float       deviation,
            guint64     n,
            guint64     rows)
{
  add_tensor (self->tensors, g_strdup_printf ("blk.%u.%s", self->layer, what), MOE_TYPE_F32, rows > 0 ? 2 : 1,
              n, MAX (rows, 1), 1, deviation);
}

static void
add_mla (Builder *self)
{
  const Shape *s = self->shape;
  MoeTensorType most = self->types->most;
  guint own = s->head_dim - ROPE_DIMS;

  add_matrix (self, "attn_q", most, 1, s->width, s->n_heads * s->head_dim, 0);
  add_matrix (self, "attn_kv_a_mqa", most, 1, s->width, KV_RANK + ROPE_DIMS, 0);
  add_vector (self, "attn_kv_a_norm.weight", 0, KV_RANK, 0);
  add_matrix (self, "attn_k_b", most, 1, own, KV_RANK, s->n_heads);
  add_matrix (self, "attn_v_b", most, 1, KV_RANK, VALUE_DIM, s->n_heads);
  add_matrix (self, "attn_output", most, 1, s->n_heads * VALUE_DIM, s->width, 0);
}

static void
add_attention (Builder       *self,
               MoeTensorType  better)
{
  const Shape *s = self->shape;
  MoeTensorType most = self->types->most;
  guint q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;

  add_matrix (self, "attn_q", most, 1, s->width, q, 0);
  add_matrix (self, "attn_k", most, 1, s->width, kv, 0);
  add_matrix (self, "attn_v", better, 1, s->width, kv, 0);
  add_matrix (self, "attn_output", most, 1, q, s->width, 0);
  if (s->kind == SINKS)
    {
      add_vector (self, "attn_q.bias", 0.1f, q, 0);
      add_vector (self, "attn_k.bias", 0.1f, kv, 0);
      add_vector (self, "attn_v.bias", 0.1f, kv, 0);
      add_vector (self, "attn_output.bias", 0.1f, s->width, 0);
      add_vector (self, "attn_sinks.weight", 1, s->n_heads, 0);
      return;
    }
  add_vector (self, "attn_q_norm.weight", 0, s->kind == NORM_HEAD ? s->head_dim : q, 0);
  add_vector (self, "attn_k_norm.weight", 0, s->kind == NORM_HEAD ? s->head_dim : kv, 0);
}

static void
add_experts (Builder       *self,
             MoeTensorType  better)
{
  const Shape *s = self->shape;
  gboolean four_bits = g_str_equal (self->types->name, "mxfp4");
  MoeTensorType type = four_bits ? MOE_TYPE_MXFP4 : self->types->most;

  add_tensor (self->tensors, g_strdup_printf ("blk.%u.ffn_gate_inp.weight", self->layer), MOE_TYPE_F32, 2,
              s->width, s->n_experts, 1, 2 / sqrtf ((float) s->width));
  add_matrix (self, "ffn_gate_exps", type, 1, s->width, s->expert_width, s->n_experts);
  add_matrix (self, "ffn_up_exps", type, 1, s->width, s->expert_width, s->n_experts);
  add_matrix (self, "ffn_down_exps", four_bits ? type : better, 1, s->expert_width, s->width, s->n_experts);
  if (s->kind == MLA)
    {
      add_matrix (self, "ffn_gate_shexp", self->types->most, 1, s->width, N_SHARED * s->expert_width, 0);
      add_matrix (self, "ffn_up_shexp", self->types->most, 1, s->width, N_SHARED * s->expert_width, 0);
      add_matrix (self, "ffn_down_shexp", better, 1, N_SHARED * s->expert_width, s->width, 0);
    }
  if (s->kind == SINKS)
    {
      add_vector (self, "ffn_gate_inp.bias", 0.1f, s->n_experts, 0);
      add_vector (self, "ffn_gate_exps.bias", 0.1f, s->expert_width, s->n_experts);
      add_vector (self, "ffn_up_exps.bias", 0.1f, s->expert_width, s->n_experts);
      add_vector (self, "ffn_down_exps.bias", 0.1f, s->width, s->n_experts);
    }
}

static GArray *
list_tensors (const Shape *s,
              const Types *types)
{
  Builder self = { s, types, g_array_new (FALSE, FALSE, sizeof (Tensor)), 0 };

  add_tensor (self.tensors, g_strdup ("token_embd.weight"), fit_type (types, types->most, s->width), 2,
              s->width, s->vocabulary, 1, 1);
  add_tensor (self.tensors, g_strdup ("output_norm.weight"), MOE_TYPE_F32, 1, s->width, 1, 1, 0);
  add_tensor (self.tensors, g_strdup ("output.weight"), fit_type (types, types->finer, s->width), 2,
              s->width, s->vocabulary, 1, 1 / sqrtf ((float) s->width));
  for (guint l = 0; l < s->n_layers; l++)
    {
      MoeTensorType better = uses_more_bits (l, s->n_layers) ? types->finer : types->most;

      self.layer = l;
      add_vector (&self, "attn_norm.weight", 0, s->width, 0);
      if (s->kind == MLA)
        add_mla (&self);
      else
        add_attention (&self, better);
      add_vector (&self, s->kind == SINKS ? "post_attention_norm.weight" : "ffn_norm.weight", 0, s->width, 0);
      if (s->kind == MLA && l == 0)
        {
          add_matrix (&self, "ffn_gate", types->most, 1, s->width, DENSE_WIDTH, 0);
          add_matrix (&self, "ffn_up", types->most, 1, s->width, DENSE_WIDTH, 0);
          add_matrix (&self, "ffn_down", better, 1, DENSE_WIDTH, s->width, 0);
        }
      else
        add_experts (&self, better);
    }
  return self.tensors;
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

static void
add_uint (MoeGgufWriter *writer,
          const Shape   *shape,
          const char    *what,
          guint          value)
{
  g_autofree char *key = g_strdup_printf ("%s.%s", shape->architecture, what);

  moe_gguf_writer_add_uint (writer, key, value);
}

static void
add_float (MoeGgufWriter *writer,
           const Shape   *shape,
           const char    *what,
           float          value)
{
  g_autofree char *key = g_strdup_printf ("%s.%s", shape->architecture, what);

  moe_gguf_writer_add_float (writer, key, value);
}

static void
add_yarn (MoeGgufWriter *writer,
          const Shape   *shape,
          float          factor)
{
  g_autofree char *type = g_strdup_printf ("%s.rope.scaling.type", shape->architecture);

  moe_gguf_writer_add_string (writer, type, "yarn");
  add_float (writer, shape, "rope.scaling.factor", factor);
  add_uint (writer, shape, "rope.scaling.original_context_length", ORIGINAL_CONTEXT);
}

/* The keys that only some kinds have. */
static void
add_kind (MoeGgufWriter *w,
          const Shape   *s)
{
  gboolean mla = s->kind == MLA;

  add_uint (w, s, "attention.key_length", mla ? KV_RANK + ROPE_DIMS : s->head_dim);
  add_uint (w, s, "attention.value_length", mla ? KV_RANK : s->head_dim);
  add_uint (w, s, "rope.dimension_count", mla ? ROPE_DIMS : s->head_dim);
  add_uint (w, s, "feed_forward_length", mla ? DENSE_WIDTH : s->expert_width);
  if (mla)
    {
      add_uint (w, s, "attention.kv_lora_rank", KV_RANK);
      add_uint (w, s, "attention.key_length_mla", s->head_dim);
      add_uint (w, s, "attention.value_length_mla", VALUE_DIM);
      add_uint (w, s, "expert_shared_count", N_SHARED);
      add_uint (w, s, "leading_dense_block_count", 1);
      add_float (w, s, "expert_weights_scale", 1);
      add_float (w, s, "rope.scaling.yarn_log_multiplier", 0.0707f);
      add_yarn (w, s, 40);
    }
  if (s->kind == SINKS)
    {
      add_uint (w, s, "attention.sliding_window", WINDOW);
      add_float (w, s, "rope.freq_base", 150000);
      add_yarn (w, s, 32);
    }
}

static GBytes *
make_header (const Shape *s,
             GArray      *tensors)
{
  g_autoptr(MoeGgufWriter) w = moe_gguf_writer_new (3);
  g_autofree char *name = g_strdup_printf ("random weights, shape of %s", s->name);
  struct { const char *key; guint value; } numbers[] = {
    { "block_count", s->n_layers }, { "context_length", 32768 }, { "embedding_length", s->width },
    { "expert_feed_forward_length", s->expert_width }, { "attention.head_count", s->n_heads },
    { "attention.head_count_kv", s->n_kv_heads }, { "expert_count", s->n_experts },
    { "expert_used_count", s->n_used }, { "vocab_size", s->vocabulary },
  };

  moe_gguf_writer_add_string (w, "general.architecture", s->architecture);
  moe_gguf_writer_add_string (w, "general.name", name);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    add_uint (w, s, numbers[i].key, numbers[i].value);
  add_float (w, s, "attention.layer_norm_rms_epsilon", 1e-5f);
  add_kind (w, s);
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
  fprintf (stderr, "\n  TYPE:");
  for (guint i = 0; i < G_N_ELEMENTS (file_types); i++)
    fprintf (stderr, " %s", file_types[i].name);
  fprintf (stderr, "\n");
  return 2;
}

int
main (int    argc,
      char **argv)
{
  const Shape *shape = NULL;
  GArray *tensors = NULL;
  g_autoptr(GBytes) header = NULL;
  FILE *file;
  gboolean ok;

  for (guint i = 0; argc == 4 && i < G_N_ELEMENTS (shapes); i++)
    if (g_str_equal (argv[1], shapes[i].name))
      shape = &shapes[i];
  for (guint i = 0; shape != NULL && i < G_N_ELEMENTS (file_types); i++)
    if (g_str_equal (argv[2], file_types[i].name))
      tensors = list_tensors (shape, &file_types[i]);
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
