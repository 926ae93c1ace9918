/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-arch"

#include "probes/moe-arch.h"

#include "data/moe-error.h"

static const MoeArch archs[] = {
  { "qwen3moe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, MOE_GATING_SOFTMAX, TRUE },
  { "olmoe", MOE_ROPE_HALVES, MOE_QK_NORM_VECTOR, MOE_GATING_SOFTMAX, FALSE },
  { "llama", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, TRUE },
};

/* Mixture-of-experts architectures that exist but cannot be computed here, to be refused by name. */
static const char *const other_moe_archs[] = {
  "afmoe", "arctic", "bailingmoe", "bailingmoe2", "bailingmoe3", "cohere2moe", "dbrx", "deepseek",
  "deepseek2", "deepseek32", "deepseek4", "dots1", "dots3note", "ernie4_5-moe", "exaone-moe", "gemma4",
  "glm-dsa", "glm4moe", "gpt-oss", "granitehybrid", "granitemoe", "grok", "grovemoe", "hunyuan-moe", "hy_v3",
  "hy_v4", "jamba", "kimi-k3", "kimi-linear", "laguna", "lfm2moe", "llada-moe", "llama4", "maple", "mellum",
  "mimo2", "minimax-01", "minimax-m2", "minimax-m3", "mistral3", "mistral4", "nemotron_h_moe",
  "nomic-bert-moe", "phimoe", "qwen2moe", "qwen35moe", "qwen3next", "qwen3vlmoe", "qwen4exp", "rnd1",
  "smallthinker", "step35",
};

/* Bounds far above any published model; they keep products of shapes inside 64 bits. */
#define MAX_LAYERS 4096u
#define MAX_WIDTH (1u << 20)
#define MAX_CHANNELS 65536u /* records hold channels in 16 bits */
#define MAX_EXPERTS 4096u
#define MAX_USED 256u
#define MAX_CONTEXT (1u << 30)

const MoeArch *
moe_arch_find (const char  *name,
               GError     **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (archs); i++)
    if (g_str_equal (archs[i].name, name))
      return &archs[i];

  for (guint i = 0; i < G_N_ELEMENTS (other_moe_archs); i++)
    if (g_str_equal (other_moe_archs[i], name))
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                     "the architecture %s is a mixture of experts that this version cannot run", name);
        return NULL;
      }
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "the architecture \"%s\" is not a mixture of experts known here", name);
  return NULL;
}

/* A key that was not read: an error of its own (taken) wins, then being required and absent. */
static gboolean
accept_missing (MoeGguf     *gguf,
                const char  *key,
                gboolean     required,
                GError      *read_error,
                GError     **error)
{
  if (read_error != NULL)
    g_propagate_error (error, read_error);
  else if (required)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the key %s is missing",
                 moe_gguf_get_path (gguf), key);
  return read_error == NULL && !required;
}

/* Reads "ARCH.KEY" with bounds. A missing key leaves the value when @required is FALSE. */
static gboolean
read_uint (MoeGguf        *gguf,
           const MoeArch  *arch,
           const char     *key,
           gboolean        required,
           guint32         minimum,
           guint32         maximum,
           guint32        *value,
           GError        **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", arch->name, key);
  GError *local = NULL;

  if (!moe_gguf_get_uint (gguf, full, value, &local))
    return accept_missing (gguf, full, required, local, error);
  if (*value >= minimum && *value <= maximum)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s is %u, not between %u and %u",
               moe_gguf_get_path (gguf), full, *value, minimum, maximum);
  return FALSE;
}

static gboolean
read_float (MoeGguf        *gguf,
            const MoeArch  *arch,
            const char     *key,
            gboolean        required,
            float           minimum,
            float           maximum,
            float          *value,
            GError        **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", arch->name, key);
  GError *local = NULL;

  if (!moe_gguf_get_float (gguf, full, value, &local))
    return accept_missing (gguf, full, required, local, error);
  /* NaN is between nothing. */
  if (*value >= minimum && *value <= maximum)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s is %g, not between %g and %g",
               moe_gguf_get_path (gguf), full, *value, minimum, maximum);
  return FALSE;
}

static gboolean
read_rope_kind (MoeGguf         *gguf,
                const MoeArch   *arch,
                MoeRopeScaling  *rope,
                GError         **error)
{
  g_autofree char *key = g_strdup_printf ("%s.rope.scaling.type", arch->name);
  GError *local = NULL;
  const char *type = NULL;

  if (!moe_gguf_get_string (gguf, key, &type, &local) && local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  /* A factor without a type is linear, as in the first files that had one. */
  if (type == NULL || g_str_equal (type, "linear"))
    rope->kind = MOE_ROPE_LINEAR;
  else if (g_str_equal (type, "none"))
    rope->kind = MOE_ROPE_UNSCALED;
  else if (g_str_equal (type, "yarn"))
    rope->kind = MOE_ROPE_YARN;
  else if (g_str_equal (type, "longrope"))
    rope->kind = MOE_ROPE_LONGROPE;
  else
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s: rope scaling \"%s\" is not supported",
                   moe_gguf_get_path (gguf), type);
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_rope_scaling (MoeGguf        *gguf,
                   const MoeArch  *arch,
                   MoeHparams     *h,
                   GError        **error)
{
  MoeRopeScaling *rope = &h->rope;
  float factor = 0, extrapolation = 1;

  *rope = (MoeRopeScaling) {
    .factor = 1, .magnitude = 1, .original_context = h->context, .beta_fast = 32, .beta_slow = 1,
  };
  if (!read_rope_kind (gguf, arch, rope, error) ||
      !read_float (gguf, arch, "rope.scale_linear", FALSE, 0, 1e6f, &factor, error) ||
      !read_float (gguf, arch, "rope.scaling.factor", FALSE, 0, 1e6f, &factor, error) ||
      !read_float (gguf, arch, "rope.scaling.attn_factor", FALSE, 1e-6f, 1e6f, &rope->magnitude, error) ||
      !read_uint (gguf, arch, "rope.scaling.original_context_length", FALSE, 1, MAX_CONTEXT,
                  &rope->original_context, error) ||
      !read_float (gguf, arch, "rope.scaling.yarn_beta_fast", FALSE, 1e-6f, 1e6f, &rope->beta_fast, error) ||
      !read_float (gguf, arch, "rope.scaling.yarn_beta_slow", FALSE, 1e-6f, 1e6f, &rope->beta_slow, error) ||
      !read_float (gguf, arch, "rope.scaling.yarn_ext_factor", FALSE, -1e6f, 1e6f, &extrapolation, error))
    return FALSE;

  if (factor != 0 && rope->kind != MOE_ROPE_UNSCALED)
    rope->factor = factor;
  if (rope->kind == MOE_ROPE_YARN && extrapolation != 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: YaRN with an extrapolation factor of %g is not supported", moe_gguf_get_path (gguf),
                   extrapolation);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_shapes (MoeGguf           *gguf,
              const MoeHparams  *h,
              GError           **error)
{
  const char *path = moe_gguf_get_path (gguf);

  if (h->n_heads % h->n_kv_heads != 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u attention heads cannot share %u key-value heads",
                 path, h->n_heads, h->n_kv_heads);
  else if (h->rope_dims % 2 != 0 || h->rope_dims > h->head_dim)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u rotary dimensions do not fit heads of %u",
                 path, h->rope_dims, h->head_dim);
  else if (h->n_used > h->n_experts)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u experts are used but there are only %u",
                 path, h->n_used, h->n_experts);
  else
    return TRUE;
  return FALSE;
}

gboolean
moe_hparams_read (MoeGguf        *gguf,
                  const MoeArch  *arch,
                  MoeHparams     *h,
                  GError        **error)
{
  guint32 feed_forward = 0, swa = 0;

  memset (h, 0, sizeof *h);
  h->context = 4096;
  h->rope_base = 10000;
  h->weights_scale = 1;

  if (!read_uint (gguf, arch, "expert_count", FALSE, 0, MAX_EXPERTS, &h->n_experts, error))
    return FALSE;
  if (h->n_experts == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: a dense %s model: it has no experts to look into", moe_gguf_get_path (gguf),
                   arch->name);
      return FALSE;
    }
  if (!read_uint (gguf, arch, "expert_used_count", TRUE, 1, MAX_USED, &h->n_used, error) ||
      !read_uint (gguf, arch, "block_count", TRUE, 1, MAX_LAYERS, &h->n_layers, error) ||
      !read_uint (gguf, arch, "embedding_length", TRUE, 4, MAX_CHANNELS, &h->width, error) ||
      !read_uint (gguf, arch, "context_length", FALSE, 1, MAX_CONTEXT, &h->context, error) ||
      !read_uint (gguf, arch, "attention.head_count", TRUE, 1, 65536, &h->n_heads, error))
    return FALSE;

  h->n_kv_heads = h->n_heads;
  h->head_dim = h->width / h->n_heads;
  if (!read_uint (gguf, arch, "attention.head_count_kv", FALSE, 1, 65536, &h->n_kv_heads, error) ||
      !read_uint (gguf, arch, "attention.key_length", h->head_dim == 0, 1, 65536, &h->head_dim, error))
    return FALSE;
  h->value_dim = h->head_dim;
  h->rope_dims = h->head_dim;
  if (!read_uint (gguf, arch, "attention.value_length", FALSE, 1, 65536, &h->value_dim, error) ||
      !read_uint (gguf, arch, "rope.dimension_count", FALSE, 2, 65536, &h->rope_dims, error) ||
      !read_uint (gguf, arch, "attention.sliding_window", FALSE, 0, G_MAXUINT32, &swa, error) ||
      !read_uint (gguf, arch, "feed_forward_length", FALSE, 1, MAX_WIDTH, &feed_forward, error))
    return FALSE;
  if (swa != 0 && swa < h->context)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: attention with a sliding window of %u tokens is not supported",
                   moe_gguf_get_path (gguf), swa);
      return FALSE;
    }

  h->expert_width = feed_forward;
  if (!read_uint (gguf, arch, "expert_feed_forward_length", feed_forward == 0, 1, MAX_WIDTH, &h->expert_width,
                  error) ||
      !read_float (gguf, arch, "attention.layer_norm_rms_epsilon", TRUE, 0, 1, &h->norm_epsilon, error) ||
      !read_float (gguf, arch, "rope.freq_base", FALSE, 1, 1e12f, &h->rope_base, error) ||
      !read_float (gguf, arch, "expert_weights_scale", FALSE, 0, 1e6f, &h->weights_scale, error) ||
      !read_rope_scaling (gguf, arch, h, error))
    return FALSE;
  if (h->weights_scale == 0)
    h->weights_scale = 1;
  return check_shapes (gguf, h, error);
}
