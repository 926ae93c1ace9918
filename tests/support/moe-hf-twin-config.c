/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-twin-config"

#include "tests/support/moe-hf-twin-private.h"

#include <string.h>

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

static const struct { const char *architectures, *key, *name; } uints[] = {
  { "*", "embedding_length", "hidden_size" },
  { "*", "context_length", "max_position_embeddings" },
  { "*", "attention.head_count", "num_attention_heads" },
  { "*", "expert_used_count", "num_experts_per_tok" },
  { "* but gpt-oss", "feed_forward_length", "intermediate_size" },
  { "gpt-oss", "expert_feed_forward_length", "intermediate_size" },
  { "* but deepseek2", "attention.head_count_kv", "num_key_value_heads" },
  { "* but deepseek2", "attention.key_length", "head_dim" },
  { "qwen3moe qwen2moe olmoe", "expert_count", "num_experts" },
  { "llama granitemoe gpt-oss phimoe", "expert_count", "num_local_experts" },
  { "deepseek2", "expert_count", "n_routed_experts" },
  { "qwen3moe qwen2moe deepseek2", "expert_feed_forward_length", "moe_intermediate_size" },
  { "qwen2moe", "expert_shared_feed_forward_length", "shared_expert_intermediate_size" },
  { "granitemoe", "expert_shared_feed_forward_length", "shared_intermediate_size" },
  { "deepseek2", "expert_shared_count", "n_shared_experts" },
  { "deepseek2", "leading_dense_block_count", "first_k_dense_replace" },
  { "deepseek2", "attention.q_lora_rank", "q_lora_rank" },
  { "deepseek2", "attention.kv_lora_rank", "kv_lora_rank" },
  { "deepseek2", "rope.dimension_count", "qk_rope_head_dim" },
  { "deepseek2", "attention.value_length_mla", "v_head_dim" },
  { "deepseek2", "expert_group_count", "n_group" },
  { "deepseek2", "expert_group_used_count", "topk_group" },
  { "deepseek2", "nextn_predict_layers", "num_nextn_predict_layers" },
  { "gpt-oss", "attention.sliding_window", "sliding_window" },
};

static const struct { const char *key, *name; } floats[] = {
  { "rope.freq_base", "rope_theta" },
  { "attention.layer_norm_rms_epsilon", "rms_norm_eps" },
  { "embedding_scale", "embedding_multiplier" },
  { "residual_scale", "residual_multiplier" },
  { "attention.scale", "attention_multiplier" },
  { "logit_scale", "logits_scaling" },
  { "expert_weights_scale", "routed_scaling_factor" },
  { "attention.layer_norm_epsilon", "rms_norm_eps" },
  { "router_jitter_noise", "router_jitter_noise" },
};

static guint32
get_uint (MoeGguf    *gguf,
          const char *architecture,
          const char *key)
{
  g_autofree char *full = g_strconcat (architecture, ".", key, NULL);
  guint32 value = 0;

  moe_gguf_get_uint (gguf, full, &value, NULL);
  return value;
}

const char *
moe_hf_twin_get_model_type (MoeGguf *gguf)
{
  static const struct { const char *architecture, *model_type; } types[] = {
    { "qwen3moe", "qwen3_moe" }, { "qwen2moe", "qwen2_moe" }, { "olmoe", "olmoe" }, { "llama", "mixtral" },
    { "gpt-oss", "gpt_oss" }, { "phimoe", "phimoe" },
  };
  const char *architecture = NULL;

  g_assert_true (moe_gguf_get_string (gguf, "general.architecture", &architecture, NULL));
  if (g_str_equal (architecture, "granitemoe"))
    return get_uint (gguf, architecture, "expert_shared_feed_forward_length") > 0 ? "granitemoeshared"
           : "granitemoe";
  if (g_str_equal (architecture, "deepseek2"))
    return get_uint (gguf, architecture, "expert_gating_func") == 2 ? "deepseek_v3" : "deepseek_v2";
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (types[i].architecture, architecture))
      return types[i].model_type;
  g_error ("no transformers model is like %s", architecture);
}

static void
append_factors (GString    *text,
                MoeGguf    *gguf,
                const char *tensor_name,
                const char *name)
{
  const MoeGgufTensor *tensor = moe_gguf_find_tensor (gguf, tensor_name);

  g_string_append_printf (text, "  \"%s\": [", name);
  for (guint64 i = 0; i < tensor->ne[0]; i++)
    {
      char number[G_ASCII_DTOSTR_BUF_SIZE];
      float x;

      memcpy (&x, tensor->data + i * sizeof x, sizeof x);
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
                              g_ascii_dtostr (number, sizeof number, (double) x));
    }
  g_string_append (text, "],\n");
}

static void
append_longrope (GString    *text,
                 MoeGguf    *gguf,
                 const char *architecture)
{
  g_string_append (text, "  \"rope_scaling\": {\n");
  append_float (text, gguf, architecture, "rope.scaling.attn_factor", "short_mscale");
  append_float (text, gguf, architecture, "rope.scaling.attn_factor", "long_mscale");
  append_factors (text, gguf, "rope_factors_short.weight", "short_factor");
  append_factors (text, gguf, "rope_factors_long.weight", "long_factor");
  append_uint (text, gguf, architecture, "rope.scaling.original_context_length",
               "original_max_position_embeddings");
  g_string_append (text, "  \"type\": \"longrope\"},\n");
}

static void
append_rope_scaling (GString    *text,
                     MoeGguf    *gguf,
                     const char *architecture)
{
  g_autofree char *kind_key = g_strconcat (architecture, ".rope.scaling.type", NULL);
  g_autofree char *multiplier_key = g_strconcat (architecture, ".rope.scaling.yarn_log_multiplier", NULL);
  const char *kind;
  float multiplier;

  if (!moe_gguf_get_string (gguf, kind_key, &kind, NULL))
    return;
  g_string_append (text, "  \"rope_scaling\": {\n");
  append_float (text, gguf, architecture, "rope.scaling.factor", "factor");
  append_uint (text, gguf, architecture, "rope.scaling.original_context_length",
               "original_max_position_embeddings");
  if (moe_gguf_get_float (gguf, multiplier_key, &multiplier, NULL))
    {
      char number[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_dtostr (number, sizeof number, (double) multiplier * 10);
      g_string_append_printf (text, "  \"mscale\": %s, \"mscale_all_dim\": %s,\n", number, number);
    }
  g_string_append_printf (text, "  \"rope_type\": \"%s\"},\n", kind);
}

void
moe_hf_twin_write_config (MoeGguf    *gguf,
                          guint       n_tokens,
                          const char *folder)
{
  g_autoptr (GString) text = g_string_new ("{\n");
  const char *architecture = NULL, *type = moe_hf_twin_get_model_type (gguf);

  g_assert_true (moe_gguf_get_string (gguf, "general.architecture", &architecture, NULL));
  g_string_append_printf (text, "  \"num_hidden_layers\": %u,\n",
                          get_uint (gguf, architecture, "block_count") -
                          get_uint (gguf, architecture, "nextn_predict_layers"));
  for (gsize i = 0; i < G_N_ELEMENTS (uints); i++)
    if (*uints[i].architectures == '*' ? strstr (uints[i].architectures, architecture) == NULL
                                       : strstr (uints[i].architectures, architecture) != NULL)
      append_uint (text, gguf, architecture, uints[i].key, uints[i].name);
  for (gsize i = 0; i < G_N_ELEMENTS (floats); i++)
    append_float (text, gguf, architecture, floats[i].key, floats[i].name);
  if (g_str_equal (architecture, "phimoe"))
    append_longrope (text, gguf, architecture);
  append_rope_scaling (text, gguf, architecture);
  if (g_str_equal (architecture, "gpt-oss"))
    {
      const MoeGgufTensor *experts = moe_gguf_find_tensor (gguf, "blk.0.ffn_gate_exps.weight");

      g_string_append (text, "  \"swiglu_limit\": 7.0,\n  \"layer_types\": [\"sliding_attention\", "
                       "\"full_attention\", \"sliding_attention\"],\n");
      if (experts->type == MOE_TYPE_MXFP4)
        g_string_append (text, "  \"quantization_config\": {\"quant_method\": \"mxfp4\"},\n");
    }
  if (g_str_equal (architecture, "deepseek2"))
    g_string_append_printf (text, "  \"qk_nope_head_dim\": %u,\n  \"topk_method\": \"%s\",\n"
                            "  \"scoring_func\": \"%s\",\n",
                            get_uint (gguf, architecture, "attention.key_length_mla") -
                            get_uint (gguf, architecture, "rope.dimension_count"),
                            g_str_equal (type, "deepseek_v3") ? "noaux_tc" : "greedy",
                            g_str_equal (type, "deepseek_v3") ? "sigmoid" : "softmax");
  g_string_append_printf (text, "  \"hidden_act\": \"silu\",\n  \"norm_topk_prob\": %s,\n"
                          "  \"tie_word_embeddings\": %s,\n  \"vocab_size\": %u,\n"
                          "  \"model_type\": \"%s\"\n}\n",
                          g_str_equal (type, "qwen3_moe") || g_str_equal (type, "deepseek_v3") ? "true"
                          : "false",
                          moe_gguf_find_tensor (gguf, "output.weight") == NULL ? "true" : "false", n_tokens,
                          type);
  moe_hf_twin_save (folder, "config.json", text->str, text->len);
}
