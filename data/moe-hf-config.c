/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-config"

#include "data/moe-hf-private.h"

#define fail moe_hf_fail_config

static const MoeHfFamily families[] = {
  { "qwen3_moe", "qwen3moe", MOE_HF_QWEN3 },
  { "olmoe", "olmoe", MOE_HF_OLMOE },
  { "qwen2_moe", "qwen2moe", MOE_HF_QWEN2 },
  { "mixtral", "llama", MOE_HF_MIXTRAL },
  { "deepseek_v2", "deepseek2", MOE_HF_DEEPSEEK2 },
  { "deepseek_v3", "deepseek2", MOE_HF_DEEPSEEK3 },
  { "kimi_k2", "deepseek2", MOE_HF_DEEPSEEK3 },
  { "gpt_oss", "gpt-oss", MOE_HF_GPT_OSS },
  { "phimoe", "phimoe", MOE_HF_PHIMOE },
  { "granitemoe", "granitemoe", MOE_HF_GRANITE },
  { "granitemoeshared", "granitemoe", MOE_HF_GRANITE_SHARED },
};

/* Copied as they are; the GGUF side checks their ranges. */
static const struct { const char *name, *key; guint families; gboolean required; } numbers[] = {
  { "num_hidden_layers", "block_count", MOE_HF_ALL, TRUE },
  { "hidden_size", "embedding_length", MOE_HF_ALL, TRUE },
  { "max_position_embeddings", "context_length", MOE_HF_ALL, TRUE },
  { "num_attention_heads", "attention.head_count", MOE_HF_ALL, TRUE },
  { "num_key_value_heads", "attention.head_count_kv", MOE_HF_ALL & ~MOE_HF_MLA, TRUE },
  { "head_dim", "attention.key_length", MOE_HF_ALL & ~MOE_HF_MLA, FALSE },
  { "head_dim", "attention.value_length", MOE_HF_ALL & ~MOE_HF_MLA, FALSE },
  { "num_experts", "expert_count", MOE_HF_QWEN3 | MOE_HF_OLMOE | MOE_HF_QWEN2, TRUE },
  { "num_local_experts", "expert_count", MOE_HF_MIXTRAL | MOE_HF_GPT_OSS | MOE_HF_GRANITES |
    MOE_HF_PHIMOE, TRUE },
  { "n_routed_experts", "expert_count", MOE_HF_MLA, TRUE },
  { "num_experts_per_tok", "expert_used_count", MOE_HF_ALL, TRUE },
  { "intermediate_size", "feed_forward_length", MOE_HF_ALL, TRUE },
  { "moe_intermediate_size", "expert_feed_forward_length", MOE_HF_QWEN3 | MOE_HF_QWEN2, FALSE },
  { "moe_intermediate_size", "expert_feed_forward_length", MOE_HF_MLA, TRUE },
  { "shared_expert_intermediate_size", "expert_shared_feed_forward_length", MOE_HF_QWEN2, FALSE },
  { "shared_intermediate_size", "expert_shared_feed_forward_length", MOE_HF_GRANITE_SHARED, TRUE },
  { "n_shared_experts", "expert_shared_count", MOE_HF_MLA, TRUE },
  { "first_k_dense_replace", "leading_dense_block_count", MOE_HF_MLA, TRUE },
  { "q_lora_rank", "attention.q_lora_rank", MOE_HF_MLA, FALSE },
  { "kv_lora_rank", "attention.kv_lora_rank", MOE_HF_MLA, TRUE },
  { "qk_rope_head_dim", "rope.dimension_count", MOE_HF_MLA, TRUE },
  { "sliding_window", "attention.sliding_window", MOE_HF_GPT_OSS, TRUE },
  { "sliding_window", "attention.sliding_window", MOE_HF_MIXTRAL, FALSE },
};

static const struct { const char *name, *key; guint families; } factors[] = {
  { "rms_norm_eps", "attention.layer_norm_rms_epsilon", MOE_HF_ALL & ~MOE_HF_PHIMOE },
  /* Whatever it is called, it is that of norms that take the mean off. Files have the former key. */
  { "rms_norm_eps", "attention.layer_norm_epsilon", MOE_HF_PHIMOE },
  { "router_jitter_noise", "router_jitter_noise", MOE_HF_PHIMOE },
  { "embedding_multiplier", "embedding_scale", MOE_HF_GRANITES },
  { "residual_multiplier", "residual_scale", MOE_HF_GRANITES },
  { "attention_multiplier", "attention.scale", MOE_HF_GRANITES },
  { "logits_scaling", "logit_scale", MOE_HF_GRANITES },
  { "routed_scaling_factor", "expert_weights_scale", MOE_HF_MLA },
};

/* Options that have to have the one value that is computed, if they are there. */
static const struct { const char *name; guint families; gboolean value; } switches[] = {
  { "norm_topk_prob", MOE_HF_OLMOE | MOE_HF_QWEN2 | MOE_HF_DEEPSEEK2, FALSE },
  { "use_sliding_window", MOE_HF_ALL, FALSE },
};

static const struct { const char *name; guint families; const char *value; } choices[] = {
  { "hidden_act", MOE_HF_ALL, "silu" },
  { "scoring_func", MOE_HF_DEEPSEEK2, "softmax" },
  { "scoring_func", MOE_HF_DEEPSEEK3, "sigmoid" },
  { "topk_method", MOE_HF_DEEPSEEK3, "noaux_tc" },
  { "position_embedding_type", MOE_HF_GRANITES, "rope" },
};

void
moe_hf_config_add_uint (const MoeHfConfig *config,
                        MoeHfKeys         *keys,
                        const char        *key,
                        guint32            value)
{
  g_autofree char *full = g_strconcat (config->family->architecture, ".", key, NULL);

  moe_hf_keys_add_uint (keys, full, value);
}

void
moe_hf_config_add_float (const MoeHfConfig *config,
                         MoeHfKeys         *keys,
                         const char        *key,
                         float              value)
{
  g_autofree char *full = g_strconcat (config->family->architecture, ".", key, NULL);

  moe_hf_keys_add_float (keys, full, value);
}

void
moe_hf_config_add_string (const MoeHfConfig *config,
                          MoeHfKeys         *keys,
                          const char        *key,
                          const char        *value)
{
  g_autofree char *full = g_strconcat (config->family->architecture, ".", key, NULL);

  moe_hf_keys_add_string (keys, full, value);
}

void
moe_hf_config_clear (MoeHfConfig *config)
{
  g_clear_pointer (&config->short_factors, g_free);
  g_clear_pointer (&config->long_factors, g_free);
}

static const MoeHfFamily *
find_family (const char  *folder,
             JsonObject  *object,
             GError     **error)
{
  const char *name = moe_hf_get_string (object, "model_type");
  g_autoptr(GString) known = g_string_new (NULL);

  if (name == NULL)
    {
      fail (folder, MOE_ERROR_FORMAT, error, "has no model_type");
      return NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      if (g_str_equal (families[i].model_type, name))
        return &families[i];
      g_string_append_printf (known, "%s%s", i == 0 ? "" : i + 1 < G_N_ELEMENTS (families) ? ", " : " and ",
                              families[i].model_type);
    }
  fail (folder, MOE_ERROR_UNSUPPORTED, error,
        "folders of the model type \"%.60s\" are not supported (%s are)", name, known->str);
  return NULL;
}

/* Layers without experts, or with another attention than the rest. */
static gboolean
check_layers (const char         *folder,
              JsonObject         *object,
              const MoeHfFamily  *family,
              GError            **error)
{
  JsonArray *dense = moe_hf_get_array (object, "mlp_only_layers");
  JsonArray *types = moe_hf_get_array (object, "layer_types");
  const char *step_name = (family->bit & MOE_HF_MLA) != 0 ? "moe_layer_freq" : "decoder_sparse_step";
  guint32 step = 1;

  if ((moe_hf_is_set (object, step_name) &&
       (!moe_hf_get_uint (object, step_name, &step) || step != 1)) ||
      (dense != NULL && json_array_get_length (dense) > 0))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "layers without experts are not supported");
  for (guint i = 0; types != NULL && i < json_array_get_length (types); i++)
    {
      JsonNode *node = json_array_get_element (types, i);
      const char *type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
      gboolean sliding = family->bit == MOE_HF_GPT_OSS && i % 2 == 0;

      if (g_strcmp0 (type, sliding ? "sliding_attention" : "full_attention") != 0)
        return fail (folder, MOE_ERROR_UNSUPPORTED, error, "layer %u with the attention \"%.40s\" is not "
                     "supported", i, type != NULL ? type : "");
    }
  return TRUE;
}

/* Of F8_E4M3, the one layout that is read. */
static gboolean
check_f8 (const char  *folder,
          JsonObject  *quantisation,
          GError     **error)
{
  const char *format = moe_hf_get_string (quantisation, "fmt");
  JsonArray *tile = moe_hf_get_array (quantisation, "weight_block_size");

  if (format != NULL && !g_str_equal (format, "e4m3"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error,
                 "8-bit floats of the format \"%.40s\" are not supported", format);
  for (guint i = 0; i < 2; i++)
    {
      JsonNode *node = tile != NULL && json_array_get_length (tile) == 2 ? json_array_get_element (tile, i)
                       : NULL;

      if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64 ||
          json_node_get_int (node) != 128)
        return fail (folder, MOE_ERROR_UNSUPPORTED, error,
                     "8-bit floats are supported with a scale for each 128 x 128 of them only");
    }
  return TRUE;
}

/* Options that would change the result and that are not computed. */
static gboolean
check_options (const char         *folder,
               JsonObject         *object,
               const MoeHfFamily  *family,
               GError            **error)
{
  JsonObject *quantisation = moe_hf_get_object (object, "quantization_config");
  float limit;

  if (quantisation != NULL)
    {
      const char *method = moe_hf_get_string (quantisation, "quant_method");

      if (g_strcmp0 (method, "fp8") == 0)
        {
          if (!check_f8 (folder, quantisation, error))
            return FALSE;
        }
      else if (family->bit != MOE_HF_GPT_OSS || g_strcmp0 (method, "mxfp4") != 0)
        return fail (folder, MOE_ERROR_UNSUPPORTED, error, "weights quantised by %.40s are not supported",
                     method != NULL ? method : "an unnamed method");
    }
  for (guint i = 0; i < G_N_ELEMENTS (switches); i++)
    if ((switches[i].families & family->bit) != 0 && moe_hf_is_set (object, switches[i].name) &&
        moe_hf_get_bool (object, switches[i].name) != switches[i].value)
      return fail (folder, MOE_ERROR_UNSUPPORTED, error, "%s with %s %s is not supported",
                   family->model_type, switches[i].name, switches[i].value ? "false" : "true");
  /* Without the option, transformers does not normalise. */
  if (family->bit == MOE_HF_QWEN3 && !moe_hf_get_bool (object, "norm_topk_prob"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "%s with norm_topk_prob false is not supported",
                 family->model_type);
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    {
      const char *value = moe_hf_get_string (object, choices[i].name);

      if ((choices[i].families & family->bit) != 0 && moe_hf_is_set (object, choices[i].name) &&
          g_strcmp0 (value, choices[i].value) != 0)
        return fail (folder, MOE_ERROR_UNSUPPORTED, error, "%s \"%.40s\" is not supported", choices[i].name,
                     value != NULL ? value : "");
    }
  if (family->bit == MOE_HF_GPT_OSS && moe_hf_is_set (object, "swiglu_limit") &&
      (!moe_hf_get_float (object, "swiglu_limit", &limit) || limit != 7))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "a swiglu_limit other than 7 is not supported");
  if (moe_hf_is_set (object, "clip_qkv"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "clip_qkv is not supported");
  return check_layers (folder, object, family, error);
}

/* What transformers' phimoe takes for granted. */
static gboolean
check_phimoe (const char  *folder,
              JsonObject  *object,
              GError     **error)
{
  guint32 n_used = 0, window = G_MAXUINT32, context = 0;

  if (!moe_hf_get_uint (object, "num_experts_per_tok", &n_used) || n_used != 2)
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "phimoe with other than 2 experts for a token is not "
                 "supported");
  moe_hf_get_uint (object, "max_position_embeddings", &context);
  if (moe_hf_is_set (object, "sliding_window") &&
      (!moe_hf_get_uint (object, "sliding_window", &window) || window < context))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "a sliding_window is not supported");
  return TRUE;
}

/* Experts are chosen within the groups whose two best make the largest sum (V3), whose best one is best (V2,
 * "group_limited_greedy"), or not in groups at all. */
static gboolean
read_groups (const char         *folder,
             JsonObject         *object,
             const MoeHfConfig  *config,
             MoeHfKeys          *keys,
             GError            **error)
{
  const char *method = moe_hf_get_string (object, "topk_method");
  gboolean second = config->family->bit == MOE_HF_DEEPSEEK2;
  guint32 n = 1, used = 1;

  if ((moe_hf_is_set (object, "n_group") && !moe_hf_get_uint (object, "n_group", &n)) ||
      (moe_hf_is_set (object, "topk_group") && !moe_hf_get_uint (object, "topk_group", &used)))
    return fail (folder, MOE_ERROR_FORMAT, error, "n_group or topk_group is not a whole number");
  if (second && (method == NULL ? !moe_hf_is_set (object, "topk_method") : g_str_equal (method, "greedy")))
    return TRUE;
  if (second && g_strcmp0 (method, "group_limited_greedy") != 0)
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "topk_method \"%.40s\" is not supported",
                 method != NULL ? method : "");
  if (second && (!moe_hf_is_set (object, "n_group") || !moe_hf_is_set (object, "topk_group")))
    return fail (folder, MOE_ERROR_FORMAT, error, "n_group or topk_group is missing");
  if (n <= 1 || used == n)
    return TRUE;
  moe_hf_config_add_uint (config, keys, "expert_group_count", n);
  moe_hf_config_add_uint (config, keys, "expert_group_used_count", used);
  if (second)
    moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_GROUPS_BY_BEST, TRUE);
  return TRUE;
}

/* Latent attention: the keys that follow from several numbers, and the routing of DeepSeek's models. */
static gboolean
read_deepseek (const char   *folder,
               JsonObject   *object,
               MoeHfConfig  *config,
               MoeHfKeys    *keys,
               GError      **error)
{
  guint32 rotated = 0;

  if (!moe_hf_get_uint (object, "qk_nope_head_dim", &config->key_dim) ||
      !moe_hf_get_uint (object, "v_head_dim", &config->value_dim))
    return fail (folder, MOE_ERROR_FORMAT, error,
                 "qk_nope_head_dim or v_head_dim is missing or not a whole number");
  moe_hf_get_uint (object, "num_attention_heads", &config->n_heads);
  moe_hf_get_uint (object, "kv_lora_rank", &config->kv_rank);
  moe_hf_get_uint (object, "qk_rope_head_dim", &rotated);
  if (config->key_dim > 65536 || config->value_dim > 65536 || config->kv_rank > 65536 || rotated > 65536 ||
      config->n_heads > 65536)
    return fail (folder, MOE_ERROR_LIMIT, error, "the sizes of its attention are impossibly large");
  /* Without _mla the lengths are those of the cache. */
  moe_hf_config_add_uint (config, keys, "attention.head_count_kv", 1);
  moe_hf_config_add_uint (config, keys, "attention.key_length", config->kv_rank + rotated);
  moe_hf_config_add_uint (config, keys, "attention.value_length", config->kv_rank);
  moe_hf_config_add_uint (config, keys, "attention.key_length_mla", config->key_dim + rotated);
  moe_hf_config_add_uint (config, keys, "attention.value_length_mla", config->value_dim);
  moe_hf_config_add_uint (config, keys, "expert_gating_func",
                          config->family->bit == MOE_HF_DEEPSEEK3 ? MOE_GATING_SIGMOID : MOE_GATING_SOFTMAX);
  {
    g_autofree char *key = g_strconcat (config->family->architecture, ".expert_weights_norm", NULL);

    moe_hf_keys_add_bool (keys, key, moe_hf_get_bool (object, "norm_topk_prob"));
  }
  if (moe_hf_is_set (object, "num_nextn_predict_layers") &&
      (!moe_hf_get_uint (object, "num_nextn_predict_layers", &config->n_skipped) || config->n_skipped > 64))
    return fail (folder, MOE_ERROR_FORMAT, error, "num_nextn_predict_layers is not a small whole number");
  if (moe_hf_is_set (object, "rope_interleave") && !moe_hf_get_bool (object, "rope_interleave"))
    moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_ROPE_HALVES, TRUE);
  return read_groups (folder, object, config, keys, error);
}

static gboolean
read_numbers (const char   *folder,
              JsonObject   *object,
              MoeHfConfig  *config,
              MoeHfKeys    *keys,
              GError      **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      guint32 value;

      if ((numbers[i].families & config->family->bit) == 0 ||
          (!numbers[i].required && !moe_hf_is_set (object, numbers[i].name)))
        continue;
      if (!moe_hf_get_uint (object, numbers[i].name, &value))
        return fail (folder, MOE_ERROR_FORMAT, error, "%s is missing or not a whole number", numbers[i].name);
      moe_hf_config_add_uint (config, keys, numbers[i].key, value);
      if (g_str_equal (numbers[i].key, "block_count"))
        config->n_layers = value;
      if (g_str_equal (numbers[i].key, "expert_count"))
        config->n_experts = value;
    }
  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      float value;

      if ((factors[i].families & config->family->bit) == 0)
        continue;
      if (!moe_hf_get_float (object, factors[i].name, &value))
        return fail (folder, MOE_ERROR_FORMAT, error, "%s is missing or not a number", factors[i].name);
      moe_hf_config_add_float (config, keys, factors[i].key, value);
    }
  return TRUE;
}

gboolean
moe_hf_read_config (const char   *folder,
                    JsonObject   *object,
                    MoeHfKeys    *keys,
                    MoeHfConfig  *config,
                    GError      **error)
{
  g_autofree char *name = g_path_get_basename (folder);

  config->family = find_family (folder, object, error);
  if (config->family == NULL || !check_options (folder, object, config->family, error))
    return FALSE;

  moe_hf_keys_add_string (keys, "general.architecture", config->family->architecture);
  if (g_utf8_validate (name, -1, NULL))
    moe_hf_keys_add_string (keys, "general.name", name);
  if (!moe_hf_read_rope (folder, object, config, keys, error) ||
      !read_numbers (folder, object, config, keys, error) ||
      ((config->family->bit & MOE_HF_MLA) != 0 && !read_deepseek (folder, object, config, keys, error)) ||
      (config->family->bit == MOE_HF_PHIMOE && !check_phimoe (folder, object, error)))
    return FALSE;
  /* Converters reorder the rows of q and k for these architectures; here their rotation differs. */
  if ((config->family->bit & (MOE_HF_MIXTRAL | MOE_HF_GRANITES)) != 0)
    moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_ROPE_HALVES, TRUE);

  if (!moe_hf_get_uint (object, "vocab_size", &config->vocabulary))
    return fail (folder, MOE_ERROR_FORMAT, error, "vocab_size is missing or not a whole number");
  config->tied = moe_hf_get_bool (object, "tie_word_embeddings");
  return TRUE;
}
