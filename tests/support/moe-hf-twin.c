/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-twin"

#include "tests/support/moe-hf-twin.h"

#include <json-glib/json-glib.h>
#include <string.h>

enum { CONTROL = 3, USER_DEFINED = 4 };

#define QWEN2_REGEX \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" \
  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct { const char *gguf, *hf; } names[] = {
  { "token_embd.weight", "model.embed_tokens.weight" }, { "output_norm.weight", "model.norm.weight" },
  { "output.weight", "lm_head.weight" },
  { "attn_norm.weight", "input_layernorm.weight" }, { "ffn_norm.weight", "post_attention_layernorm.weight" },
  { "attn_q.weight", "self_attn.q_proj.weight" }, { "attn_k.weight", "self_attn.k_proj.weight" },
  { "attn_v.weight", "self_attn.v_proj.weight" }, { "attn_q.bias", "self_attn.q_proj.bias" },
  { "attn_k.bias", "self_attn.k_proj.bias" }, { "attn_v.bias", "self_attn.v_proj.bias" },
  { "attn_output.weight", "self_attn.o_proj.weight" }, { "attn_q_norm.weight", "self_attn.q_norm.weight" },
  { "attn_k_norm.weight", "self_attn.k_norm.weight" }, { "ffn_gate_inp.weight", "mlp.gate.weight" },
  { "ffn_gate_inp_shexp.weight", "mlp.shared_expert_gate.weight" },
  { "ffn_gate_shexp.weight", "mlp.shared_expert.gate_proj.weight" },
  { "ffn_up_shexp.weight", "mlp.shared_expert.up_proj.weight" },
  { "ffn_down_shexp.weight", "mlp.shared_expert.down_proj.weight" },
  { "ffn_gate_exps.weight", "gate_proj.weight" }, { "ffn_up_exps.weight", "up_proj.weight" },
  { "ffn_down_exps.weight", "down_proj.weight" },
};

typedef struct
{
  GString    *header;
  GByteArray *data;
  char       *file;
} Shard;

static void
save (const char *folder,
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

/* Values that moe_hf_twin_round() has made. */
static void
put_floats (GByteArray    *data,
            const guint8  *from,
            guint64        n,
            MoeTensorType  type)
{
  for (guint64 i = 0; i < n; i++)
    {
      float x;
      guint32 bits;
      guint16 half;

      memcpy (&x, from + i * sizeof x, sizeof x);
      bits = get_bits (x);
      half = (guint16) (bits >> 16);
      if (type == MOE_TYPE_F16)
        half = bits << 1 == 0 ? half & 0x8000
               : (guint16) ((bits >> 16 & 0x8000) | ((bits >> 23 & 255) - 112) << 10 | (bits >> 13 & 0x3ff));
      if (type == MOE_TYPE_F32)
        g_byte_array_append (data, (const guint8 *) &bits, sizeof bits);
      else
        g_byte_array_append (data, (const guint8 *) &half, sizeof half);
    }
}

/* One tensor, or one matrix of a stack. */
static void
put_tensor (Shard               *shard,
            const char          *name,
            const MoeGgufTensor *tensor,
            guint64              index,
            MoeTensorType        type)
{
  guint64 n = tensor->ne[0] * tensor->ne[1];
  guint begin = shard->data->len;
  gsize slice = (gsize) (tensor->n_bytes / tensor->ne[2]);
  const guint8 *from = tensor->data + index * slice;
  /* transformers has this one as a matrix of one row. */
  gboolean flat = tensor->n_dims == 1 && !g_str_has_suffix (name, "shared_expert_gate.weight");

  if (tensor->type == type)
    g_byte_array_append (shard->data, from, (guint) slice);
  else
    {
      g_assert_cmpint (tensor->type, ==, MOE_TYPE_F32);
      put_floats (shard->data, from, n, type);
    }
  g_string_append_printf (shard->header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                          shard->header->len > 1 ? "," : "", name, moe_tensor_type_get_name (type));
  if (!flat)
    g_string_append_printf (shard->header, "%" G_GUINT64_FORMAT ",", tensor->ne[1]);
  g_string_append_printf (shard->header, "%" G_GUINT64_FORMAT "],\"data_offsets\":[%u,%u]}", tensor->ne[0],
                          begin, shard->data->len);
}

static const char *
find_name (const char *gguf)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i].gguf, gguf))
      return names[i].hf;
  g_error ("no transformers model has the tensor %s", gguf);
}

static void
write_tensors (MoeGguf       *gguf,
               MoeTensorType  type,
               guint          n_shards,
               const char    *folder)
{
  g_autofree Shard *shards = g_new0 (Shard, n_shards);
  g_autoptr (GString) index = g_string_new ("{\"metadata\":{},\"weight_map\":{");
  guint n = 0;

  for (guint i = 0; i < n_shards; i++)
    shards[i] = (Shard) {
      g_string_new ("{"), g_byte_array_new (),
      n_shards == 1 ? g_strdup ("model.safetensors")
      : g_strdup_printf ("model-%05u-of-%05u.safetensors", i + 1, n_shards),
    };
  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);
      const char *dot = g_str_has_prefix (tensor->name, "blk.") ? strchr (tensor->name + 4, '.') : NULL;
      const char *last = find_name (dot != NULL ? dot + 1 : tensor->name);
      int layer = dot != NULL ? (int) g_ascii_strtoull (tensor->name + 4, NULL, 10) : 0;

      /* The matrices of a stack come last to first, so that they do not lie as in the other file. */
      for (guint64 e = tensor->ne[2]; e-- > 0; n++)
        {
          Shard *shard = &shards[n % n_shards];
          g_autofree char *name =
            tensor->n_dims == 3
            ? g_strdup_printf ("model.layers.%d.mlp.experts.%u.%s", layer, (guint) e, last)
            : dot != NULL ? g_strdup_printf ("model.layers.%d.%s", layer, last) : g_strdup (last);

          put_tensor (shard, name, tensor, e, type);
          g_string_append_printf (index, "%s\"%s\":\"%s\"", n > 0 ? "," : "", name, shard->file);
        }
    }
  g_string_append (index, "}}");
  if (n_shards > 1)
    save (folder, "model.safetensors.index.json", index->str, index->len);
  for (guint i = 0; i < n_shards; i++)
    {
      g_autoptr (GByteArray) all = g_byte_array_new ();
      guint64 length;

      g_string_append (shards[i].header, "}");
      while (shards[i].header->len % 8 != 0)
        g_string_append_c (shards[i].header, ' ');
      length = GUINT64_TO_LE (shards[i].header->len);
      g_byte_array_append (all, (const guint8 *) &length, sizeof length);
      g_byte_array_append (all, (const guint8 *) shards[i].header->str, (guint) shards[i].header->len);
      g_byte_array_append (all, shards[i].data->data, shards[i].data->len);
      save (folder, shards[i].file, all->data, all->len);
      g_string_free (shards[i].header, TRUE);
      g_byte_array_unref (shards[i].data);
      g_free (shards[i].file);
    }
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
  save (folder, name, all->data, all->len);
}

static void
append_uint (GString    *text,
             MoeGguf    *gguf,
             const char *architecture,
             const char *key,
             const char *name)
{
  g_autofree char *full = g_strconcat (architecture, ".", key, NULL);
  guint32 value;

  if (moe_gguf_get_uint (gguf, full, &value, NULL))
    g_string_append_printf (text, "  \"%s\": %u,\n", name, value);
}

static void
append_float (GString    *text,
              MoeGguf    *gguf,
              const char *architecture,
              const char *key,
              const char *name)
{
  g_autofree char *full = g_strconcat (architecture, ".", key, NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  float value;

  if (moe_gguf_get_float (gguf, full, &value, NULL))
    g_string_append_printf (text, "  \"%s\": %s,\n", name,
                            g_ascii_dtostr (number, sizeof number, (double) value));
}

static void
write_config (MoeGguf    *gguf,
              guint       n_tokens,
              const char *folder)
{
  static const struct { const char *key, *name; } uints[] = {
    { "block_count", "num_hidden_layers" }, { "embedding_length", "hidden_size" },
    { "context_length", "max_position_embeddings" }, { "attention.head_count", "num_attention_heads" },
    { "attention.head_count_kv", "num_key_value_heads" }, { "attention.key_length", "head_dim" },
    { "expert_count", "num_experts" }, { "expert_used_count", "num_experts_per_tok" },
    { "feed_forward_length", "intermediate_size" },
    { "expert_feed_forward_length", "moe_intermediate_size" },
    { "expert_shared_feed_forward_length", "shared_expert_intermediate_size" },
  };
  g_autoptr (GString) text = g_string_new ("{\n");
  const char *architecture = NULL;
  g_autofree char *factor = NULL;

  g_assert_true (moe_gguf_get_string (gguf, "general.architecture", &architecture, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (uints); i++)
    append_uint (text, gguf, architecture, uints[i].key, uints[i].name);
  append_float (text, gguf, architecture, "rope.freq_base", "rope_theta");
  append_float (text, gguf, architecture, "attention.layer_norm_rms_epsilon", "rms_norm_eps");
  factor = g_strconcat (architecture, ".rope.scaling.factor", NULL);
  if (moe_gguf_has_key (gguf, factor))
    {
      g_string_append (text, "  \"rope_scaling\": {\n");
      append_float (text, gguf, architecture, "rope.scaling.factor", "factor");
      g_string_append (text, "  \"rope_type\": \"linear\"},\n");
    }
  g_string_append_printf (text, "  \"hidden_act\": \"silu\",\n  \"norm_topk_prob\": %s,\n"
                          "  \"tie_word_embeddings\": %s,\n  \"vocab_size\": %u,\n"
                          "  \"model_type\": \"%s\"\n}\n",
                          g_str_equal (architecture, "qwen3moe") ? "true" : "false",
                          moe_gguf_find_tensor (gguf, "output.weight") == NULL ? "true" : "false", n_tokens,
                          g_str_equal (architecture, "qwen3moe") ? "qwen3_moe"
                          : g_str_equal (architecture, "qwen2moe") ? "qwen2_moe" : architecture);
  save (folder, "config.json", text->str, text->len);
}

static void
append_quoted (GString    *text,
               const char *bytes,
               gsize       length)
{
  g_autofree char *copy = g_strndup (bytes, length);
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), copy);
  g_autofree char *quoted = json_to_string (node, FALSE);

  g_string_append (text, quoted);
}

static guint
write_tokenizer (MoeGguf    *gguf,
                 const char *folder)
{
  g_autoptr (GString) text = g_string_new ("{\"version\":\"1.0\",\"normalizer\":{\"type\":\"NFC\"},"
                                           "\"added_tokens\":[");
  gsize n, n_types, n_merges, n_added = 0, n_plain = 0;
  g_autofree MoeGgufString *tokens = moe_gguf_get_string_array (gguf, "tokenizer.ggml.tokens", &n, NULL);
  g_autofree gint32 *types = moe_gguf_get_int_array (gguf, "tokenizer.ggml.token_type", &n_types, NULL);
  g_autofree MoeGgufString *merges = moe_gguf_get_string_array (gguf, "tokenizer.ggml.merges", &n_merges,
                                                                NULL);
  const char *pre = NULL;
  guint32 bos = 0, eos = 0;

  g_assert_true (moe_gguf_get_string (gguf, "tokenizer.ggml.pre", &pre, NULL));
  for (gsize i = 0; i < n; i++)
    if (types[i] == CONTROL || types[i] == USER_DEFINED)
      {
        g_string_append_printf (text, "%s{\"id\":%" G_GSIZE_FORMAT ",\"special\":%s,\"lstrip\":false,",
                                n_added++ > 0 ? "," : "", i, types[i] == CONTROL ? "true" : "false");
        g_string_append (text, "\"content\":");
        append_quoted (text, tokens[i].bytes, tokens[i].length);
        g_string_append_c (text, '}');
      }
  g_string_append (text, "],\"post_processor\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":");
  if (g_str_equal (pre, "qwen2"))
    {
      g_string_append (text, "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"behavior\":"
                       "\"Isolated\",\"invert\":false,\"pattern\":{\"Regex\":");
      append_quoted (text, QWEN2_REGEX, strlen (QWEN2_REGEX));
      g_string_append (text, "}},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}");
    }
  else
    g_string_append (text, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}");
  g_string_append (text, ",\"model\":{\"type\":\"BPE\",\"unk_token\":null,\"vocab\":{");
  for (gsize i = 0; i < n; i++)
    if (types[i] != CONTROL && types[i] != USER_DEFINED)
      {
        g_string_append (text, n_plain++ > 0 ? "," : "");
        append_quoted (text, tokens[i].bytes, tokens[i].length);
        g_string_append_printf (text, ":%" G_GSIZE_FORMAT, i);
      }
  g_string_append (text, "},\"merges\":[");
  for (gsize i = 0; i < n_merges; i++)
    {
      const char *space = memchr (merges[i].bytes, ' ', merges[i].length);

      /* Both forms that there are. */
      g_string_append (text, i > 0 ? "," : "");
      if (g_str_equal (pre, "qwen2"))
        append_quoted (text, merges[i].bytes, merges[i].length);
      else
        {
          g_string_append_c (text, '[');
          append_quoted (text, merges[i].bytes, (gsize) (space - merges[i].bytes));
          g_string_append_c (text, ',');
          append_quoted (text, space + 1, merges[i].length - (gsize) (space + 1 - merges[i].bytes));
          g_string_append_c (text, ']');
        }
    }
  g_string_append (text, "]}}");
  save (folder, "tokenizer.json", text->str, text->len);

  g_assert_true (moe_gguf_get_uint (gguf, "tokenizer.ggml.bos_token_id", &bos, NULL));
  g_assert_true (moe_gguf_get_uint (gguf, "tokenizer.ggml.eos_token_id", &eos, NULL));
  g_string_assign (text, "{\"bos_token\":");
  append_quoted (text, tokens[bos].bytes, tokens[bos].length);
  g_string_append (text, ",\"eos_token\":{\"content\":");
  append_quoted (text, tokens[eos].bytes, tokens[eos].length);
  g_string_append (text, "},\"chat_template\":\"{{ messages[0].content }}\"}");
  save (folder, "tokenizer_config.json", text->str, text->len);
  g_string_printf (text, "{\"eos_token_id\":[%u,%u]}", eos, bos);
  save (folder, "generation_config.json", text->str, text->len);
  return (guint) n;
}

void
moe_hf_twin_write (MoeGguf       *gguf,
                   MoeTensorType  type,
                   guint          n_shards,
                   const char    *folder)
{
  guint n_tokens = write_tokenizer (gguf, folder);

  write_config (gguf, n_tokens, folder);
  write_tensors (gguf, type, n_shards, folder);
}
