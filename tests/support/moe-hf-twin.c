/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-twin"

#include "tests/support/moe-hf-twin-private.h"

#include <string.h>

/* A tensor in the layers of some architectures, or of all. */
static const struct { const char *architectures, *gguf, *hf; } names[] = {
  { "*", "token_embd.weight", "model.embed_tokens.weight" },
  { "*", "output_norm.weight", "model.norm.weight" },
  { "*", "output.weight", "lm_head.weight" },
  { "*", "attn_norm.weight", "input_layernorm.weight" },
  { "*", "ffn_norm.weight", "post_attention_layernorm.weight" },
  { "*", "attn_q.weight", "self_attn.q_proj.weight" },
  { "*", "attn_k.weight", "self_attn.k_proj.weight" },
  { "*", "attn_v.weight", "self_attn.v_proj.weight" },
  { "*", "attn_q.bias", "self_attn.q_proj.bias" },
  { "*", "attn_k.bias", "self_attn.k_proj.bias" },
  { "*", "attn_v.bias", "self_attn.v_proj.bias" },
  { "*", "attn_output.weight", "self_attn.o_proj.weight" },
  { "*", "attn_output.bias", "self_attn.o_proj.bias" },
  { "*", "attn_q_norm.weight", "self_attn.q_norm.weight" },
  { "*", "attn_k_norm.weight", "self_attn.k_norm.weight" },
  { "phimoe", "attn_norm.bias", "input_layernorm.bias" },
  { "phimoe", "ffn_norm.bias", "post_attention_layernorm.bias" },
  { "phimoe", "output_norm.bias", "model.norm.bias" },
  { "phimoe", "output.bias", "lm_head.bias" },
  { "phimoe", "ffn_gate_inp.weight", "block_sparse_moe.gate.weight" },
  { "phimoe", "ffn_gate_exps.weight", "block_sparse_moe.experts.%u.w1.weight" },
  { "phimoe", "ffn_up_exps.weight", "block_sparse_moe.experts.%u.w3.weight" },
  { "phimoe", "ffn_down_exps.weight", "block_sparse_moe.experts.%u.w2.weight" },
  { "llama", "ffn_gate_inp.weight", "block_sparse_moe.gate.weight" },
  { "llama", "ffn_gate_exps.weight", "block_sparse_moe.experts.%u.w1.weight" },
  { "llama", "ffn_up_exps.weight", "block_sparse_moe.experts.%u.w3.weight" },
  { "llama", "ffn_down_exps.weight", "block_sparse_moe.experts.%u.w2.weight" },
  { "granitemoe", "ffn_gate_inp.weight", "block_sparse_moe.router.layer.weight" },
  { "granitemoe", "ffn_gate_exps.weight", "block_sparse_moe.input_linear.weight" },
  { "granitemoe", "ffn_down_exps.weight", "block_sparse_moe.output_linear.weight" },
  { "granitemoe", "ffn_gate_shexp.weight", "shared_mlp.input_linear.weight" },
  { "granitemoe", "ffn_down_shexp.weight", "shared_mlp.output_linear.weight" },
  { "gpt-oss", "post_attention_norm.weight", "post_attention_layernorm.weight" },
  { "gpt-oss", "attn_sinks.weight", "self_attn.sinks" },
  { "gpt-oss", "ffn_gate_inp.weight", "mlp.router.weight" },
  { "gpt-oss", "ffn_gate_inp.bias", "mlp.router.bias" },
  { "gpt-oss", "ffn_gate_exps.weight", "mlp.experts.gate_up_proj" },
  { "gpt-oss", "ffn_gate_exps.bias", "mlp.experts.gate_up_proj_bias" },
  { "gpt-oss", "ffn_down_exps.weight", "mlp.experts.down_proj" },
  { "gpt-oss", "ffn_down_exps.bias", "mlp.experts.down_proj_bias" },
  { "deepseek2", "attn_q_a.weight", "self_attn.q_a_proj.weight" },
  { "deepseek2", "attn_q_a_norm.weight", "self_attn.q_a_layernorm.weight" },
  { "deepseek2", "attn_q_b.weight", "self_attn.q_b_proj.weight" },
  { "deepseek2", "attn_kv_a_mqa.weight", "self_attn.kv_a_proj_with_mqa.weight" },
  { "deepseek2", "attn_kv_a_norm.weight", "self_attn.kv_a_layernorm.weight" },
  { "deepseek2", "attn_k_b.weight", "self_attn.kv_b_proj.weight" },
  { "deepseek2", "exp_probs_b.bias", "mlp.gate.e_score_correction_bias" },
  { "deepseek2", "ffn_gate.weight", "mlp.gate_proj.weight" },
  { "deepseek2", "ffn_up.weight", "mlp.up_proj.weight" },
  { "deepseek2", "ffn_down.weight", "mlp.down_proj.weight" },
  { "deepseek2", "ffn_gate_shexp.weight", "mlp.shared_experts.gate_proj.weight" },
  { "deepseek2", "ffn_up_shexp.weight", "mlp.shared_experts.up_proj.weight" },
  { "deepseek2", "ffn_down_shexp.weight", "mlp.shared_experts.down_proj.weight" },
  { "deepseek2", "nextn.eh_proj.weight", "eh_proj.weight" },
  { "deepseek2", "nextn.enorm.weight", "enorm.weight" },
  { "deepseek2", "nextn.hnorm.weight", "hnorm.weight" },
  { "*", "ffn_gate_inp.weight", "mlp.gate.weight" },
  { "*", "ffn_gate_inp_shexp.weight", "mlp.shared_expert_gate.weight" },
  { "*", "ffn_gate_shexp.weight", "mlp.shared_expert.gate_proj.weight" },
  { "*", "ffn_up_shexp.weight", "mlp.shared_expert.up_proj.weight" },
  { "*", "ffn_down_shexp.weight", "mlp.shared_expert.down_proj.weight" },
  { "*", "ffn_gate_exps.weight", "mlp.experts.%u.gate_proj.weight" },
  { "*", "ffn_up_exps.weight", "mlp.experts.%u.up_proj.weight" },
  { "*", "ffn_down_exps.weight", "mlp.experts.%u.down_proj.weight" },
};

typedef struct
{
  GString    *header;
  GByteArray *data;
  char       *file;
} Shard;

void
moe_hf_twin_save (const char *folder,
                  const char *name,
                  const void *data,
                  gsize       length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, data, (gssize) length, &error);
  g_assert_no_error (error);
}

static guint32
get_bits (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  return bits;
}

void
moe_hf_twin_round (const char *name,
                   float      *x,
                   gsize       n,
                   gpointer    type)
{
  MoeTensorType to = *(MoeTensorType *) type;

  for (gsize i = 0; i < n && to != MOE_TYPE_F32; i++)
    {
      guint32 bits = get_bits (x[i]) & (to == MOE_TYPE_BF16 ? 0xffff0000u : 0xffffe000u);

      /* What is too small for a normal half becomes zero. */
      if (to == MOE_TYPE_F16 && (bits >> 23 & 255) < 113)
        bits = 0;
      memcpy (&x[i], &bits, sizeof bits);
    }
}

/* Appends one value, which moe_hf_twin_round() has made, as @type. */
static void
put_value (GByteArray          *data,
           const MoeGgufTensor *tensor,
           guint64              index,
           MoeTensorType        type)
{
  guint32 bits;
  guint16 half;

  if (tensor->type == MOE_TYPE_F32)
    {
      memcpy (&bits, tensor->data + index * sizeof bits, sizeof bits);
      half = (guint16) (bits >> 16);
      if (type == MOE_TYPE_F16)
        half = bits << 1 == 0 ? half & 0x8000
               : (guint16) ((bits >> 16 & 0x8000) | ((bits >> 23 & 255) - 112) << 10 | (bits >> 13 & 0x3ff));
    }
  else
    {
      g_assert_cmpint (tensor->type, ==, type);
      memcpy (&half, tensor->data + index * sizeof half, sizeof half);
    }
  if (type == MOE_TYPE_F32)
    g_byte_array_append (data, (const guint8 *) &bits, sizeof bits);
  else
    g_byte_array_append (data, (const guint8 *) &half, sizeof half);
}

/* How transformers lays out the values of one or two of llama.cpp's tensors. */
typedef enum
{
  WHOLE,    /* @a, or its matrix @expert */
  HALVES,   /* @a with the rows of each head reordered for rotating halves instead of pairs */
  FUSED,    /* the rows of @a, then those of @b, for each expert */
  KV_B,     /* for each head, the columns of @a as rows, then the rows of @b */
  TURNED,   /* the columns of @a as rows */
  TURNS,    /* the same, with the columns of @a and @b taking turns */
  BIASES,   /* the values of @a and @b taking turns in each row */
} Layout;

typedef struct
{
  Layout               layout;
  const MoeGgufTensor *a, *b;
  guint64              expert;   /* G_MAXUINT64: all */
  guint64              head_dim;
} Source;

/* The tensor and the index in it of the value at @row, @column of matrix @e. */
static const MoeGgufTensor *
find_value (const Source *self,
            guint64       e,
            guint64       row,
            guint64       column,
            guint64      *index)
{
  const MoeGgufTensor *a = self->a, *from = a;
  guint64 half = self->head_dim / 2, in_head;

  if (self->expert != G_MAXUINT64)
    e = self->expert;
  switch (self->layout)
    {
    case WHOLE:
      break;
    case HALVES:
      in_head = row % self->head_dim;
      row = row - in_head + in_head % half * 2 + in_head / half;
      break;
    case FUSED:
      if (row >= a->ne[1])
        from = self->b;
      row %= a->ne[1];
      break;
    case KV_B:
      e = row / (a->ne[0] + self->b->ne[1]);
      row %= a->ne[0] + self->b->ne[1];
      if (row < a->ne[0])
        {
          *index = (e * a->ne[1] + column) * a->ne[0] + row;
          return a;
        }
      row -= a->ne[0];
      from = self->b;
      break;
    case TURNED:
      *index = (e * a->ne[1] + column) * a->ne[0] + row;
      return a;
    case TURNS:
      from = column % 2 == 0 ? a : self->b;
      *index = (e * a->ne[1] + column / 2) * a->ne[0] + row;
      return from;
    case BIASES:
      from = column % 2 == 0 ? a : self->b;
      column /= 2;
      break;
    }
  *index = (e * from->ne[1] + row) * from->ne[0] + column;
  return from;
}

typedef struct
{
  MoeGguf       *gguf;
  const char    *architecture;
  MoeTensorType  type;
  Shard         *shards;
  guint          n_shards, n;  /* n: tensors so far */
  GString       *index;
} Writer;

static void
put_tensor (Writer       *self,
            const char   *name,
            const Source *source,
            guint64       n_matrices,
            guint64       n_rows,
            guint64       n_columns)
{
  Shard *shard = &self->shards[self->n % self->n_shards];
  guint begin = shard->data->len;

  for (guint64 e = 0; e < MAX (n_matrices, 1); e++)
    for (guint64 row = 0; row < MAX (n_rows, 1); row++)
      for (guint64 column = 0; column < n_columns; column++)
        {
          guint64 index;
          const MoeGgufTensor *from = find_value (source, e, row, column, &index);

          put_value (shard->data, from, index, self->type);
        }
  g_string_append_printf (shard->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                          shard->header->len > 1 ? "," : "", name, moe_tensor_type_get_name (self->type));
  if (n_matrices > 0)
    g_string_append_printf (shard->header, "%" G_GUINT64_FORMAT ",", n_matrices);
  if (n_rows > 0)
    g_string_append_printf (shard->header, "%" G_GUINT64_FORMAT ",", n_rows);
  g_string_append_printf (shard->header, "%" G_GUINT64_FORMAT "],\"data_offsets\":[%u,%u]}", n_columns,
                          begin, shard->data->len);
  g_string_append_printf (self->index, "%s\"%s\":\"%s\"", self->n++ > 0 ? "," : "", name, shard->file);
}

static void
put_bytes (Writer       *self,
           const char   *name,
           const char   *end,
           const char   *shape,
           GByteArray   *bytes)
{
  Shard *shard = &self->shards[self->n % self->n_shards];
  guint begin = shard->data->len;

  g_byte_array_append (shard->data, bytes->data, bytes->len);
  g_string_append_printf (shard->header, "%s\"%s%s\":{\"dtype\":\"U8\",\"shape\":[%s],"
                          "\"data_offsets\":[%u,%u]}", shard->header->len > 1 ? "," : "", name, end, shape,
                          begin, shard->data->len);
  g_string_append_printf (self->index, "%s\"%s%s\":\"%s\"", self->n++ > 0 ? "," : "", name, end,
                          shard->file);
}

/* Experts in MXFP4, of which llama.cpp's blocks are a scale and 16 bytes with the values i and i + 16 each;
 * the rows of @a and @b (which may be NULL) take turns. */
static void
put_mxfp4 (Writer              *self,
           const char          *name,
           const MoeGgufTensor *a,
           const MoeGgufTensor *b)
{
  g_autoptr (GByteArray) blocks = g_byte_array_new ();
  g_autoptr (GByteArray) scales = g_byte_array_new ();
  guint64 n_blocks = a->ne[0] / 32, n = b != NULL ? 2 : 1;
  g_autofree char *shape = g_strdup_printf ("%d,%d,%d", (int) a->ne[2], (int) (a->ne[1] * n), (int) n_blocks);
  g_autofree char *block_shape = g_strconcat (shape, ",16", NULL);

  for (guint64 row = 0; row < a->ne[2] * a->ne[1] * n; row++)
    for (guint64 i = 0; i < n_blocks; i++)
      {
        const guint8 *from = (row % n == 0 ? a : b)->data + (row / n * n_blocks + i) * 17;

        g_byte_array_append (scales, from, 1);
        for (guint value = 0; value < 32; value += 2)
          {
            guint8 low = value < 16 ? from[1 + value] & 15 : from[1 + value - 16] >> 4;
            guint8 high = value < 16 ? from[2 + value] & 15 : from[2 + value - 16] >> 4;
            guint8 both = (guint8) (low | high << 4);

            g_byte_array_append (blocks, &both, 1);
          }
      }
  put_bytes (self, name, "_blocks", block_shape, blocks);
  put_bytes (self, name, "_scales", shape, scales);
}

static const char *
find_name (const Writer *self,
           const char   *gguf)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i].gguf, gguf) &&
        (*names[i].architectures == '*' || g_str_equal (names[i].architectures, self->architecture)))
      return names[i].hf;
  g_error ("no transformers model has the tensor %s", gguf);
}

/* The tensor of the same layer that ends in @ending where @tensor ends in "_k_b.weight" or so. */
static const MoeGgufTensor *
find_partner (const Writer        *self,
              const MoeGgufTensor *tensor,
              const char          *from,
              const char          *to)
{
  const char *place = strstr (tensor->name, from);
  g_autofree char *name = g_strdup_printf ("%.*s%s%s", (int) (place - tensor->name), tensor->name, to,
                                           place + strlen (from));

  return moe_gguf_find_tensor (self->gguf, name);
}

static guint64
get_head_dim (MoeGguf    *gguf,
              const char *architecture)
{
  g_autofree char *key = g_strconcat (architecture, ".rope.dimension_count", NULL);
  guint32 value = 0;

  moe_gguf_get_uint (gguf, key, &value, NULL);
  return value;
}

/* gpt-oss's experts, for which gate's tensors write up's too. */
static void
write_oss_experts (Writer              *self,
                   const MoeGgufTensor *tensor,
                   const char          *name)
{
  gboolean gate = strstr (tensor->name, "ffn_gate_exps") != NULL;
  const MoeGgufTensor *up = gate ? find_partner (self, tensor, "ffn_gate_", "ffn_up_") : NULL;
  Source source = { gate ? TURNS : TURNED, tensor, up, G_MAXUINT64, 0 };

  if (tensor->type == MOE_TYPE_MXFP4)
    put_mxfp4 (self, name, tensor, up);
  else if (tensor->n_dims == 3)
    put_tensor (self, name, &source, tensor->ne[2], tensor->ne[0], tensor->ne[1] * (gate ? 2 : 1));
  else
    {
      source.layout = gate ? BIASES : WHOLE;
      put_tensor (self, name, &source, 0, tensor->ne[1], tensor->ne[0] * (gate ? 2 : 1));
    }
}

static void
write_tensor (Writer              *self,
              const MoeGgufTensor *tensor)
{
  const char *dot = g_str_has_prefix (tensor->name, "blk.") ? strchr (tensor->name + 4, '.') + 1 : NULL;
  const char *rest = dot != NULL ? dot : tensor->name, *hf;
  g_autofree char *prefix = dot == NULL ? g_strdup ("")
                            : g_strdup_printf ("model.layers.%d.", (int) g_ascii_strtoull (tensor->name + 4,
                                                                                           NULL, 10));
  g_autofree char *name = NULL;
  gboolean granite = g_str_equal (self->architecture, "granitemoe");
  gboolean oss = g_str_equal (self->architecture, "gpt-oss");
  Source source = { WHOLE, tensor, NULL, G_MAXUINT64, get_head_dim (self->gguf, self->architecture) };
  guint64 n_matrices = tensor->n_dims == 3 ? tensor->ne[2] : 0;
  guint64 n_rows = tensor->n_dims > 1 ? tensor->ne[1] : 0;

  /* Numbers of config.json. */
  if (g_str_has_prefix (rest, "rope_factors_"))
    return;
  /* Their partners write these. */
  if (((granite || oss) && g_str_has_prefix (rest, "ffn_up_")) || g_str_equal (rest, "attn_v_b.weight"))
    return;
  hf = find_name (self, rest);
  name = g_strconcat (prefix, hf, NULL);
  if (oss && strstr (rest, "_exps.") != NULL)
    {
      write_oss_experts (self, tensor, name);
      return;
    }
  if (strstr (hf, "%u") != NULL)
    {
      g_auto (GStrv) parts = g_strsplit (name, "%u", 2);

      /* The matrices of a stack come last to first, so that they do not lie as in the other file. */
      for (guint64 e = tensor->ne[2]; e-- > 0;)
        {
          g_autofree char *full = g_strdup_printf ("%s%u%s", parts[0], (guint) e, parts[1]);

          source.expert = e;
          put_tensor (self, full, &source, 0, tensor->ne[1], tensor->ne[0]);
        }
      return;
    }
  /* transformers has this one as a matrix of one row. */
  if (g_str_equal (rest, "ffn_gate_inp_shexp.weight"))
    n_rows = 1;
  if ((granite || g_str_equal (self->architecture, "llama")) &&
      (g_str_equal (rest, "attn_q.weight") || g_str_equal (rest, "attn_k.weight")))
    source.layout = HALVES;
  if (granite && g_str_has_prefix (rest, "ffn_gate_") && !g_str_equal (rest, "ffn_gate_inp.weight"))
    {
      source.layout = FUSED;
      source.b = find_partner (self, tensor, "ffn_gate_", "ffn_up_");
      n_rows *= 2;
    }
  if (g_str_equal (rest, "attn_k_b.weight"))
    {
      source.layout = KV_B;
      source.b = find_partner (self, tensor, "_k_b", "_v_b");
      put_tensor (self, name, &source, 0, tensor->ne[2] * (tensor->ne[0] + source.b->ne[1]), tensor->ne[1]);
      return;
    }
  put_tensor (self, name, &source, n_matrices, n_rows, tensor->ne[0]);
}

static void
write_shard (Shard      *shard,
             const char *folder)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint64 length;

  g_string_append (shard->header, "}");
  while (shard->header->len % 8 != 0)
    g_string_append_c (shard->header, ' ');
  length = GUINT64_TO_LE (shard->header->len);
  g_byte_array_append (all, (const guint8 *) &length, sizeof length);
  g_byte_array_append (all, (const guint8 *) shard->header->str, (guint) shard->header->len);
  g_byte_array_append (all, shard->data->data, shard->data->len);
  moe_hf_twin_save (folder, shard->file, all->data, all->len);
  g_string_free (shard->header, TRUE);
  g_byte_array_unref (shard->data);
  g_free (shard->file);
}

static void
write_tensors (MoeGguf       *gguf,
               MoeTensorType  type,
               guint          n_shards,
               const char    *folder)
{
  g_autofree Shard *shards = g_new0 (Shard, n_shards);
  g_autoptr (GString) index = g_string_new ("{\"metadata\":{},\"weight_map\":{");
  Writer writer = { gguf, NULL, type, shards, n_shards, 0, index };

  g_assert_true (moe_gguf_get_string (gguf, "general.architecture", &writer.architecture, NULL));
  for (guint i = 0; i < n_shards; i++)
    shards[i] = (Shard) {
      g_string_new ("{"), g_byte_array_new (),
      n_shards == 1 ? g_strdup ("model.safetensors")
      : g_strdup_printf ("model-%05u-of-%05u.safetensors", i + 1, n_shards),
    };
  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    write_tensor (&writer, moe_gguf_get_tensor (gguf, i));
  g_string_append (index, "}}");
  if (n_shards > 1)
    moe_hf_twin_save (folder, "model.safetensors.index.json", index->str, index->len);
  for (guint i = 0; i < n_shards; i++)
    write_shard (&shards[i], folder);
}

void
moe_hf_twin_write_safetensors (const char *path,
                               const char *header,
                               gsize       n_bytes)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE (strlen (header));
  g_autofree guint8 *zeros = g_malloc0 (n_bytes + 1);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);

  g_byte_array_append (all, (const guint8 *) &length, sizeof length);
  g_byte_array_append (all, (const guint8 *) header, (guint) strlen (header));
  g_byte_array_append (all, zeros, (guint) n_bytes);
  moe_hf_twin_save (folder, name, all->data, all->len);
}

void
moe_hf_twin_write (MoeGguf       *gguf,
                   MoeTensorType  type,
                   guint          n_shards,
                   const char    *folder)
{
  guint n_tokens = moe_hf_twin_write_tokenizer (gguf, folder);

  moe_hf_twin_write_config (gguf, n_tokens, folder);
  write_tensors (gguf, type, n_shards, folder);
}
