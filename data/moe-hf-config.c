/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-config"

#include "data/moe-error.h"
#include "data/moe-hf-private.h"

/* What transformers' classes of these names compute, as far as config.json can change it. */
typedef struct
{
  const char *model_type;
  const char *architecture; /* general.architecture */
  gboolean    norm_weights; /* the one value of norm_topk_prob that is computed here */
} Family;

static const Family families[] = {
  { "qwen3_moe", "qwen3moe", TRUE },
  { "olmoe", "olmoe", FALSE },
  { "qwen2_moe", "qwen2moe", FALSE },
};

/* Copied as they are; the GGUF side checks their ranges. */
static const struct { const char *name, *key; gboolean required; } numbers[] = {
  { "num_hidden_layers", "block_count", TRUE },
  { "hidden_size", "embedding_length", TRUE },
  { "max_position_embeddings", "context_length", TRUE },
  { "num_attention_heads", "attention.head_count", TRUE },
  { "num_key_value_heads", "attention.head_count_kv", TRUE },
  { "head_dim", "attention.key_length", FALSE },
  { "head_dim", "attention.value_length", FALSE },
  { "num_experts", "expert_count", TRUE },
  { "num_experts_per_tok", "expert_used_count", TRUE },
  { "intermediate_size", "feed_forward_length", TRUE },
  { "moe_intermediate_size", "expert_feed_forward_length", FALSE },
  { "shared_expert_intermediate_size", "expert_shared_feed_forward_length", FALSE },
};

#define fail(folder, code, error, ...) \
  moe_hf_blame_file (moe_error_fail (error, code, NULL, __VA_ARGS__), error, folder, "config.json")

static gboolean
is_set (JsonObject *object,
        const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node);
}

static const Family *
find_family (const char  *folder,
             JsonObject  *object,
             GError     **error)
{
  const char *name = moe_hf_get_string (object, "model_type");

  if (name == NULL)
    {
      fail (folder, MOE_ERROR_FORMAT, error, "has no model_type");
      return NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_str_equal (families[i].model_type, name))
      return &families[i];
  fail (folder, MOE_ERROR_UNSUPPORTED, error,
        "folders of the model type \"%.60s\" are not supported (qwen3_moe, olmoe and qwen2_moe are)", name);
  return NULL;
}

/* Options that would change the result and that are not computed. */
static gboolean
check_options (const char    *folder,
               JsonObject    *object,
               const Family  *family,
               GError       **error)
{
  const char *activation = moe_hf_get_string (object, "hidden_act");
  JsonArray *dense = moe_hf_get_array (object, "mlp_only_layers");
  JsonObject *quantisation = moe_hf_get_object (object, "quantization_config");
  guint32 step = 1;

  if (quantisation != NULL)
    {
      const char *method = moe_hf_get_string (quantisation, "quant_method");

      return fail (folder, MOE_ERROR_UNSUPPORTED, error, "weights quantised by %.40s are not supported",
                   method != NULL ? method : "an unnamed method");
    }
  if (activation == NULL || !g_str_equal (activation, "silu"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "the activation \"%.40s\" is not supported",
                 activation != NULL ? activation : "");
  if (moe_hf_get_bool (object, "norm_topk_prob") != family->norm_weights)
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "%s with norm_topk_prob %s is not supported",
                 family->model_type, family->norm_weights ? "false" : "true");
  if ((is_set (object, "decoder_sparse_step") &&
       (!moe_hf_get_uint (object, "decoder_sparse_step", &step) || step != 1)) ||
      (dense != NULL && json_array_get_length (dense) > 0))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "layers without experts are not supported");
  if (moe_hf_get_bool (object, "use_sliding_window"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "use_sliding_window is not supported");
  if (is_set (object, "clip_qkv"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "clip_qkv is not supported");
  return TRUE;
}

static gboolean
get_float (JsonObject *object,
           const char *name,
           float      *value)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      (json_node_get_value_type (node) != G_TYPE_DOUBLE && json_node_get_value_type (node) != G_TYPE_INT64))
    return FALSE;
  *value = (float) json_node_get_double (node);
  return TRUE;
}

/* rope_theta beside the other options, or (since transformers 5) in rope_parameters. @factor: of linear
 * scaling; 1 = none. */
static gboolean
read_rope (const char  *folder,
           JsonObject  *object,
           float       *base,
           float       *factor,
           GError     **error)
{
  const char *const names[] = { "rope_scaling", "rope_parameters" };
  float share = 1;

  *factor = 1;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      JsonObject *scaling = moe_hf_get_object (object, names[i]);
      const char *kind = moe_hf_get_string (scaling, "rope_type");

      if (kind == NULL)
        kind = moe_hf_get_string (scaling, "type");
      if (g_strcmp0 (kind, "linear") == 0 && get_float (scaling, "factor", factor))
        continue;
      if (is_set (object, names[i]) && (kind == NULL || !g_str_equal (kind, "default")))
        return fail (folder, MOE_ERROR_UNSUPPORTED, error, "%s of the kind \"%.40s\" is not supported",
                     names[i], kind != NULL ? kind : "");
      if (get_float (scaling, "partial_rotary_factor", &share) && share != 1)
        break;
    }
  if (share != 1 || (get_float (object, "partial_rotary_factor", &share) && share != 1))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "partial_rotary_factor is not supported");
  if (!get_float (object, "rope_theta", base) &&
      !get_float (moe_hf_get_object (object, "rope_parameters"), "rope_theta", base))
    return fail (folder, MOE_ERROR_FORMAT, error, "rope_theta is missing or not a number");
  return TRUE;
}

gboolean
moe_hf_read_config (const char   *folder,
                    JsonObject   *object,
                    MoeHfKeys    *keys,
                    MoeHfConfig  *config,
                    GError      **error)
{
  const Family *family = find_family (folder, object, error);
  g_autofree char *name = g_path_get_basename (folder);
  float base = 0, factor = 1, epsilon = 0;

  if (family == NULL || !check_options (folder, object, family, error) ||
      !read_rope (folder, object, &base, &factor, error))
    return FALSE;
  if (!get_float (object, "rms_norm_eps", &epsilon))
    return fail (folder, MOE_ERROR_FORMAT, error, "rms_norm_eps is missing or not a number");

  moe_hf_keys_add_string (keys, "general.architecture", family->architecture);
  if (g_utf8_validate (name, -1, NULL))
    moe_hf_keys_add_string (keys, "general.name", name);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *key = g_strconcat (family->architecture, ".", numbers[i].key, NULL);
      guint32 value;

      if (!numbers[i].required && !is_set (object, numbers[i].name))
        continue;
      if (!moe_hf_get_uint (object, numbers[i].name, &value))
        return fail (folder, MOE_ERROR_FORMAT, error, "%s is missing or not a whole number", numbers[i].name);
      moe_hf_keys_add_uint (keys, key, value);
    }
  {
    g_autofree char *base_key = g_strconcat (family->architecture, ".rope.freq_base", NULL);
    g_autofree char *epsilon_key = g_strconcat (family->architecture, ".attention.layer_norm_rms_epsilon",
                                                NULL);
    g_autofree char *scaling_key = g_strconcat (family->architecture, ".rope.scaling.type", NULL);
    g_autofree char *factor_key = g_strconcat (family->architecture, ".rope.scaling.factor", NULL);

    moe_hf_keys_add_float (keys, base_key, base);
    if (factor != 1)
      {
        moe_hf_keys_add_string (keys, scaling_key, "linear");
        moe_hf_keys_add_float (keys, factor_key, factor);
      }
    moe_hf_keys_add_float (keys, epsilon_key, epsilon);
  }

  moe_hf_get_uint (object, "num_hidden_layers", &config->n_layers);
  moe_hf_get_uint (object, "num_experts", &config->n_experts);
  if (!moe_hf_get_uint (object, "vocab_size", &config->vocabulary))
    return fail (folder, MOE_ERROR_FORMAT, error, "vocab_size is missing or not a whole number");
  config->tied = moe_hf_get_bool (object, "tie_word_embeddings");
  return TRUE;
}
