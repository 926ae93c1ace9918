/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-rope"

#include <math.h>

#include "data/moe-hf-private.h"

#define MAX_FACTORS 65536u
#define MAX_MULTIPLIER 1000

/* rope_scaling, or (since transformers 5) rope_parameters, which has rope_theta besides. */
static gboolean
find_scaling (const char   *folder,
              JsonObject   *object,
              JsonObject  **scaling,
              const char  **kind,
              GError      **error)
{
  const char *const names[] = { "rope_scaling", "rope_parameters" };

  *kind = "default";
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      JsonObject *found = moe_hf_get_object (object, names[i]);
      const char *type = moe_hf_get_string (found, "rope_type");

      if (!moe_hf_is_set (object, names[i]))
        continue;
      if (type == NULL)
        type = moe_hf_get_string (found, "type");
      if (type == NULL)
        return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error, "%s does not say of which kind it is",
                                   names[i]);
      if (g_str_equal (type, "default"))
        continue;
      if (*scaling != NULL && !g_str_equal (*kind, type))
        return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error,
                                   "rope_scaling and rope_parameters are of two kinds");
      *scaling = found;
      *kind = type;
    }
  return TRUE;
}

/* YaRN's temperature (arXiv 2309.00071, equation 22) with DeepSeek's multiplier. */
static float
get_temperature (float factor,
                 float multiplier)
{
  return factor <= 1 ? 1 : 0.1f * multiplier * logf (factor) + 1;
}

/* Latent attention multiplies scores by a temperature of its own beside that of the cosines and sines. With
 * t (m) = get_temperature (factor, m), angles get t (mscale) / t (mscale_all_dim), where a missing
 * mscale_all_dim is 0 and t (0) = 1, and scores t (mscale_all_dim)^2: DeepSeek's modeling_deepseek.py, class
 * DeepseekV3YarnRotaryEmbedding and DeepseekV3Attention. transformers takes mscale only where both are given;
 * where the two would differ the folder is refused. */
static gboolean
read_latent_temperature (const char         *folder,
                         JsonObject         *scaling,
                         float               factor,
                         const MoeHfConfig  *config,
                         MoeHfKeys          *keys,
                         GError            **error)
{
  float of_scores = 0, of_angles = 1, temperature;

  if ((moe_hf_is_set (scaling, "mscale_all_dim") &&
       !moe_hf_get_float (scaling, "mscale_all_dim", &of_scores)) ||
      (moe_hf_is_set (scaling, "mscale") && !moe_hf_get_float (scaling, "mscale", &of_angles)) ||
      !(of_scores >= 0 && of_scores <= MAX_MULTIPLIER && of_angles >= 0 && of_angles <= MAX_MULTIPLIER))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error,
                               "mscale or mscale_all_dim is not a number from 0 to %d", MAX_MULTIPLIER);
  if (moe_hf_is_set (scaling, "attention_factor"))
    return moe_hf_fail_config (folder, MOE_ERROR_UNSUPPORTED, error,
                               "attention_factor of yarn is not supported in latent attention");
  if (of_scores == of_angles && of_scores != 0 && moe_hf_is_set (scaling, "mscale"))
    {
      /* Files have it multiplied with the 0.1 of the formula. */
      moe_hf_config_add_float (config, keys, "rope.scaling.yarn_log_multiplier", 0.1f * of_scores);
      return TRUE;
    }
  if (of_scores == 0 ? of_angles != 1 : of_angles == 0 || !moe_hf_is_set (scaling, "mscale"))
    return moe_hf_fail_config (folder, MOE_ERROR_UNSUPPORTED, error,
                               "yarn with only one of mscale and mscale_all_dim is not supported");
  temperature = get_temperature (factor, of_scores);
  moe_hf_keys_add_float (keys, MOE_GGUF_KEY_ROPE_ANGLES, get_temperature (factor, of_angles) / temperature);
  moe_hf_keys_add_float (keys, MOE_GGUF_KEY_ROPE_SCORES, temperature * temperature);
  return TRUE;
}

static gboolean
read_yarn (const char         *folder,
           JsonObject         *scaling,
           const MoeHfConfig  *config,
           MoeHfKeys          *keys,
           GError            **error)
{
  float factor, beta_fast = 32, beta_slow = 1, magnitude;
  guint32 original = 0;

  if (!moe_hf_get_float (scaling, "factor", &factor))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error, "the factor of yarn is missing");
  if ((moe_hf_is_set (scaling, "beta_fast") && !moe_hf_get_float (scaling, "beta_fast", &beta_fast)) ||
      (moe_hf_is_set (scaling, "beta_slow") && !moe_hf_get_float (scaling, "beta_slow", &beta_slow)))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error, "beta_fast or beta_slow is not a number");
  moe_hf_config_add_string (config, keys, "rope.scaling.type", "yarn");
  moe_hf_config_add_float (config, keys, "rope.scaling.factor", factor);
  moe_hf_config_add_float (config, keys, "rope.scaling.yarn_beta_fast", beta_fast);
  moe_hf_config_add_float (config, keys, "rope.scaling.yarn_beta_slow", beta_slow);
  if (moe_hf_get_uint (scaling, "original_max_position_embeddings", &original))
    moe_hf_config_add_uint (config, keys, "rope.scaling.original_context_length", original);
  else if (moe_hf_is_set (scaling, "original_max_position_embeddings"))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error,
                               "original_max_position_embeddings is not a whole number");
  if (moe_hf_is_set (scaling, "truncate") && !moe_hf_get_bool (scaling, "truncate"))
    moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_ROPE_FRACTIONS, TRUE);

  if ((config->family->bit & MOE_HF_MLA) != 0)
    return read_latent_temperature (folder, scaling, factor, config, keys, error);
  if (moe_hf_is_set (scaling, "mscale") || moe_hf_is_set (scaling, "mscale_all_dim"))
    return moe_hf_fail_config (folder, MOE_ERROR_UNSUPPORTED, error, "mscale of yarn is not supported");
  if (!moe_hf_is_set (scaling, "attention_factor"))
    return TRUE;
  if (!moe_hf_get_float (scaling, "attention_factor", &magnitude))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error, "attention_factor is not a number");
  /* In place of the temperature, which is multiplied with what the key says. */
  moe_hf_config_add_float (config, keys, "rope.scaling.attn_factor",
                           magnitude / get_temperature (factor, 1));
  return TRUE;
}

/* @n: set, or to be equalled when it is not 0. */
static float *
read_factors (const char  *folder,
              JsonObject  *scaling,
              const char  *name,
              guint       *n,
              GError     **error)
{
  JsonArray *array = moe_hf_get_array (scaling, name);
  guint length = array != NULL ? json_array_get_length (array) : 0;
  g_autofree float *factors = g_new (float, MAX (length, 1));

  if (length == 0 || length > MAX_FACTORS || (*n != 0 && *n != length))
    {
      moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error,
                          "short_factor and long_factor are not lists of one length up to %u", MAX_FACTORS);
      return NULL;
    }
  *n = length;
  for (guint i = 0; i < length; i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      double value = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_double (node) : 0;

      if (!(value >= 1e-6 && value <= 1e6))
        {
          moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error, "%s has something else than divisors", name);
          return NULL;
        }
      factors[i] = (float) value;
    }
  return g_steal_pointer (&factors);
}

/* Divisors of the frequencies, one list up to the original context and one beyond (arXiv 2402.13753). */
static gboolean
read_longrope (const char   *folder,
               JsonObject   *object,
               JsonObject   *scaling,
               MoeHfConfig  *config,
               MoeHfKeys    *keys,
               GError      **error)
{
  float of_short, of_long;
  guint32 original;

  if (!moe_hf_get_uint (scaling, "original_max_position_embeddings", &original) &&
      !moe_hf_get_uint (object, "original_max_position_embeddings", &original))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error,
                               "original_max_position_embeddings is missing or not a whole number");
  if (!moe_hf_get_float (scaling, "short_mscale", &of_short) ||
      !moe_hf_get_float (scaling, "long_mscale", &of_long) || of_short != of_long)
    return moe_hf_fail_config (folder, MOE_ERROR_UNSUPPORTED, error,
                               "longrope is supported where short_mscale and long_mscale are equal");
  config->short_factors = read_factors (folder, scaling, "short_factor", &config->n_factors, error);
  if (config->short_factors == NULL)
    return FALSE;
  config->long_factors = read_factors (folder, scaling, "long_factor", &config->n_factors, error);
  if (config->long_factors == NULL)
    return FALSE;
  moe_hf_config_add_string (config, keys, "rope.scaling.type", "longrope");
  moe_hf_config_add_uint (config, keys, "rope.scaling.original_context_length", original);
  moe_hf_config_add_float (config, keys, "rope.scaling.attn_factor", of_short);
  /* The factors become tensors; here they tell this model from one with others. */
  moe_hf_keys_add_ints (keys, "moescope.rope.short", (const gint32 *) (gpointer) config->short_factors,
                        config->n_factors);
  moe_hf_keys_add_ints (keys, "moescope.rope.long", (const gint32 *) (gpointer) config->long_factors,
                        config->n_factors);
  return TRUE;
}

gboolean
moe_hf_read_rope (const char   *folder,
                  JsonObject   *object,
                  MoeHfConfig  *config,
                  MoeHfKeys    *keys,
                  GError      **error)
{
  JsonObject *parameters = moe_hf_get_object (object, "rope_parameters"), *scaling = NULL;
  const char *kind;
  float share = 1, base, factor;

  if (!find_scaling (folder, object, &scaling, &kind, error))
    return FALSE;
  if ((moe_hf_get_float (parameters, "partial_rotary_factor", &share) && share != 1) ||
      (moe_hf_get_float (object, "partial_rotary_factor", &share) && share != 1))
    return moe_hf_fail_config (folder, MOE_ERROR_UNSUPPORTED, error,
                               "partial_rotary_factor is not supported");
  if (!moe_hf_get_float (object, "rope_theta", &base) && !moe_hf_get_float (parameters, "rope_theta", &base))
    return moe_hf_fail_config (folder, MOE_ERROR_FORMAT, error, "rope_theta is missing or not a number");
  moe_hf_config_add_float (config, keys, "rope.freq_base", base);

  if (g_str_equal (kind, "default"))
    return TRUE;
  if (g_str_equal (kind, "yarn"))
    return read_yarn (folder, scaling, config, keys, error);
  if (g_str_equal (kind, "longrope") && config->family->bit == MOE_HF_PHIMOE)
    return read_longrope (folder, object, scaling, config, keys, error);
  if (!g_str_equal (kind, "linear") || !moe_hf_get_float (scaling, "factor", &factor))
    return moe_hf_fail_config (folder, MOE_ERROR_UNSUPPORTED, error,
                               "rope scaling of the kind \"%.40s\" is not supported", kind);
  moe_hf_config_add_string (config, keys, "rope.scaling.type", "linear");
  moe_hf_config_add_float (config, keys, "rope.scaling.factor", factor);
  return TRUE;
}
