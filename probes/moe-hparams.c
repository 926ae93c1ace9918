/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hparams"

#include "probes/moe-arch.h"

#include <math.h>

#include "data/moe-error.h"

/* Bounds far above any published model; they keep products of shapes inside 64 bits. */
#define MAX_LAYERS 4096u
#define MAX_WIDTH (1u << 20)
#define MAX_CHANNELS 65536u /* records hold channels in 16 bits */
#define MAX_EXPERTS 4096u
#define MAX_USED 256u
#define MAX_CONTEXT (1u << 30)

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
read_bool (MoeGguf        *gguf,
           const MoeArch  *arch,
           const char     *key,
           gboolean       *value,
           GError        **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", arch->name, key);
  GError *local = NULL;

  return moe_gguf_get_bool (gguf, full, value, &local) || accept_missing (gguf, full, FALSE, local, error);
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

/* Rotary dimensions split between the axes of a picture; without pictures the file has no such key. */
static gboolean
check_no_sections (MoeGguf        *gguf,
                   const MoeArch  *arch,
                   GError        **error)
{
  g_autofree char *key = g_strdup_printf ("%s.rope.dimension_sections", arch->name);

  if (!moe_gguf_has_key (gguf, key))
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "%s: RoPE in sections (%s), for pictures, is not supported", moe_gguf_get_path (gguf), key);
  return FALSE;
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
  if (!check_no_sections (gguf, arch, error) ||
      !read_rope_kind (gguf, arch, rope, error) ||
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
  else if (h->n_dense >= h->n_layers)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u of the %u layers have no experts",
                 path, h->n_dense, h->n_layers);
  else if (h->n_groups > 1 && (h->n_experts % h->n_groups != 0 || h->n_experts / h->n_groups < 2 ||
                               h->n_groups_used >= h->n_groups))
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                 "%s: %u experts cannot be chosen in %u of %u groups", path, h->n_experts, h->n_groups_used,
                 h->n_groups);
  else if (h->n_groups > 1 && h->n_used > h->n_experts / h->n_groups * h->n_groups_used)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                 "%s: %u of %u groups have fewer than the %u experts used", path, h->n_groups_used,
                 h->n_groups, h->n_used);
  else
    return TRUE;
  return FALSE;
}

/* One number for each layer, 0 where there is a convolution; the others must be equal. */
static gboolean
read_kv_heads_of_layers (MoeGguf        *gguf,
                         const MoeArch  *arch,
                         MoeHparams     *h,
                         GError        **error)
{
  g_autofree char *key = g_strdup_printf ("%s.attention.head_count_kv", arch->name);
  gsize n = 0;
  g_autofree gint32 *heads = moe_gguf_get_int_array (gguf, key, &n, error);
  gint32 most = 0;

  if (heads == NULL)
    {
      if (error != NULL && *error == NULL)
        accept_missing (gguf, key, TRUE, NULL, error);
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    most = MAX (most, heads[i]);
  for (gsize i = 0; i < n; i++)
    if (heads[i] != 0 && heads[i] != most)
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                     "%s: layers with %d and with %d key-value heads in one model are not supported",
                     moe_gguf_get_path (gguf), heads[i], most);
        return FALSE;
      }
  if (n != h->n_layers || most < 1 || most > 65536)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: %s has %" G_GSIZE_FORMAT " numbers for %u layers, or none above 0",
                   moe_gguf_get_path (gguf), key, n, h->n_layers);
      return FALSE;
    }
  h->n_kv_heads = (guint32) most;
  return read_uint (gguf, arch, "shortconv.l_cache", TRUE, 2, 65536, &h->conv_length, error);
}

static gboolean
read_window (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  gboolean windows = (arch->flags & MOE_ARCH_WINDOW) != 0;
  float base = h->rope_base;

  h->window_period = 2;
  if ((arch->flags & MOE_ARCH_WINDOW_UNUSED) != 0)
    return TRUE;
  if (!read_uint (gguf, arch, "attention.sliding_window", windows, windows, G_MAXUINT32, &h->window, error))
    return FALSE;
  if (!windows && h->window != 0 && h->window < h->context)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: attention with a sliding window of %u tokens is not supported",
                   moe_gguf_get_path (gguf), h->window);
      return FALSE;
    }
  if (!windows)
    {
      h->window = 0;
      return TRUE;
    }
  if (!read_uint (gguf, arch, "attention.sliding_window_pattern", FALSE, 0, MAX_LAYERS, &h->window_period,
                  error) ||
      !read_float (gguf, arch, "rope.freq_base_swa", FALSE, 1, 1e12f, &base, error))
    return FALSE;
  if (base == h->rope_base)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "%s: layers with a sliding window and a RoPE of their own are not supported",
               moe_gguf_get_path (gguf));
  return FALSE;
}

static gboolean
read_mla (MoeGguf        *gguf,
          const MoeArch  *arch,
          MoeHparams     *h,
          GError        **error)
{
  guint32 key = 0, value = 0;
  float multiplier = 0, temperature = 0;
  const char *path = moe_gguf_get_path (gguf);

  if (!read_uint (gguf, arch, "attention.q_lora_rank", FALSE, 0, 65536, &h->q_rank, error) ||
      !read_uint (gguf, arch, "attention.kv_lora_rank", TRUE, 1, 65536, &h->kv_rank, error) ||
      !read_uint (gguf, arch, "attention.key_length_mla", FALSE, 0, 65536, &key, error) ||
      !read_uint (gguf, arch, "attention.value_length_mla", key != 0, key != 0, 65536, &value, error) ||
      !read_float (gguf, arch, "rope.scaling.yarn_log_multiplier", FALSE, 0, 1e3f, &multiplier, error) ||
      !read_float (gguf, arch, "attention.temperature_scale", FALSE, -1e6f, 1e6f, &temperature, error))
    return FALSE;

  /* Files have it multiplied with the 0.1 of the formula. */
  h->rope.log_multiplier = multiplier / 0.1f;
  h->absorbed = key != 0;
  if (h->absorbed)
    {
      /* Without _mla the lengths are those of the cache. */
      h->head_dim = key;
      h->value_dim = value;
      h->n_kv_heads = 1;
    }
  if (h->rope_dims >= h->head_dim)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u rotary dimensions leave nothing of keys of %u",
                 path, h->rope_dims, h->head_dim);
  else if (!h->absorbed && h->n_kv_heads != h->n_heads)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u key-value heads beside %u heads",
                 path, h->n_kv_heads, h->n_heads);
  else if (temperature != 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                 "%s: a temperature of attention that depends on the position is not supported", path);
  else if (h->rope.kind == MOE_ROPE_LINEAR && h->rope.factor != 1)
    g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                 "%s: linear rope scaling of latent attention is not supported", path);
  else
    return TRUE;
  return FALSE;
}

static gboolean
read_attention (MoeGguf        *gguf,
                const MoeArch  *arch,
                MoeHparams     *h,
                GError        **error)
{
  if (!read_uint (gguf, arch, "attention.head_count", TRUE, 1, 65536, &h->n_heads, error))
    return FALSE;
  h->n_kv_heads = h->n_heads;
  h->head_dim = h->width / h->n_heads;
  if (!((arch->flags & MOE_ARCH_SHORT_CONV) != 0
        ? read_kv_heads_of_layers (gguf, arch, h, error)
        : read_uint (gguf, arch, "attention.head_count_kv", FALSE, 1, 65536, &h->n_kv_heads, error)) ||
      !read_uint (gguf, arch, "attention.key_length", h->head_dim == 0, 1, 65536, &h->head_dim, error))
    return FALSE;
  h->value_dim = h->head_dim;
  h->rope_dims = h->head_dim;
  if (!read_uint (gguf, arch, "attention.value_length", FALSE, 1, 65536, &h->value_dim, error) ||
      !read_uint (gguf, arch, "rope.dimension_count", FALSE, 2, 65536, &h->rope_dims, error) ||
      !read_float (gguf, arch, "rope.freq_base", FALSE, 1, 1e12f, &h->rope_base, error) ||
      !read_rope_scaling (gguf, arch, h, error) ||
      !read_window (gguf, arch, h, error) ||
      ((arch->flags & MOE_ARCH_MLA) != 0 && !read_mla (gguf, arch, h, error)))
    return FALSE;
  h->attention_scale = 1 / sqrtf ((float) h->head_dim);
  return TRUE;
}

/* The numbers of shared experts and their width. Some files count experts that are stored as one. */
static gboolean
read_shared (MoeGguf        *gguf,
             const MoeArch  *arch,
             guint32         feed_forward,
             MoeHparams     *h,
             GError        **error)
{
  gboolean counted = arch->shared == MOE_SHARED_COUNT || arch->shared == MOE_SHARED_COUNT_LENGTH;
  guint32 width = 0;
  guint64 sum;

  if (arch->shared == MOE_SHARED_NONE)
    return TRUE;
  if (!read_uint (gguf, arch, "expert_shared_count", counted, 0, MAX_EXPERTS, &h->n_shared, error) ||
      (arch->shared != MOE_SHARED_COUNT &&
       !read_uint (gguf, arch, "expert_shared_feed_forward_length", FALSE, 0, MAX_WIDTH, &width, error)))
    return FALSE;

  if (!counted)
    {
      h->shared_width = width == 0 && arch->shared == MOE_SHARED_LENGTH ? feed_forward : width;
      h->n_shared = h->shared_width > 0 ? MAX (h->n_shared, 1) : 0;
      return TRUE;
    }
  sum = (guint64) h->n_shared * (width > 0 ? width : h->expert_width);
  h->shared_width = (guint32) MIN (sum, MAX_WIDTH);
  if (sum <= MAX_WIDTH)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
               "%s: %u shared experts have %" G_GUINT64_FORMAT " hidden values together, more than %u",
               moe_gguf_get_path (gguf), h->n_shared, sum, MAX_WIDTH);
  return FALSE;
}

static gboolean
read_gating (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  guint32 gating = arch->gating;
  const char *path = moe_gguf_get_path (gguf);

  h->norm_weights = arch->norm_weights;
  h->n_groups = 1;
  h->weights_scale = 1;
  if (((arch->flags & MOE_ARCH_GATING_KEY) != 0 &&
       !read_uint (gguf, arch, "expert_gating_func", arch->gating == 0, 0, G_MAXUINT32, &gating, error)) ||
      ((arch->flags & MOE_ARCH_NORM_KEY) != 0 &&
       !read_bool (gguf, arch, "expert_weights_norm", &h->norm_weights, error)) ||
      !read_float (gguf, arch, "expert_weights_scale", FALSE, 0, 1e6f, &h->weights_scale, error) ||
      !read_uint (gguf, arch, "expert_group_count", FALSE, 0, MAX_EXPERTS, &h->n_groups, error) ||
      !read_uint (gguf, arch, "expert_group_used_count", h->n_groups > 1, h->n_groups > 1 ? 1 : 0,
                  MAX_EXPERTS, &h->n_groups_used, error))
    return FALSE;
  h->n_groups = MAX (h->n_groups, 1);
  if (h->weights_scale == 0)
    h->weights_scale = 1;
  if (gating == 0)
    gating = arch->gating;
  if (gating == MOE_GATING_SOFTMAX || gating == MOE_GATING_SIGMOID || gating == MOE_GATING_SOFTMAX_CHOSEN)
    {
      h->gating = gating;
      return TRUE;
    }
  if (gating == 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s.expert_gating_func is 0, which says nothing",
                 path, arch->name);
  else
    g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                 "%s: experts gated by function number %u are not supported", path, gating);
  return FALSE;
}

static gboolean
read_scales (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  float embedding = 0, residual = 0, attention = 0, logit = 1;

  h->embedding_scale = h->residual_scale = h->logit_scale = 1;
  if ((arch->flags & MOE_ARCH_SCALES) == 0)
    return TRUE;
  if (!read_float (gguf, arch, "logit_scale", TRUE, 1e-6f, 1e6f, &logit, error) ||
      !read_float (gguf, arch, "embedding_scale", FALSE, 0, 1e6f, &embedding, error) ||
      !read_float (gguf, arch, "residual_scale", FALSE, 0, 1e6f, &residual, error) ||
      !read_float (gguf, arch, "attention.scale", FALSE, 0, 1e6f, &attention, error))
    return FALSE;
  h->logit_scale = 1 / logit;
  if (embedding != 0)
    h->embedding_scale = embedding;
  if (residual != 0)
    h->residual_scale = residual;
  if (attention != 0)
    h->attention_scale = attention;
  return TRUE;
}

/* block_count, and which of the layers are run and have experts. */
static gboolean
read_layers (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  guint32 step = 1;

  if (!read_uint (gguf, arch, "block_count", TRUE, 1, MAX_LAYERS, &h->n_layers, error) ||
      ((arch->flags & MOE_ARCH_NEXTN) != 0 &&
       !read_uint (gguf, arch, "nextn_predict_layers", FALSE, 0, h->n_layers - 1, &h->n_skipped, error)) ||
      ((arch->flags & MOE_ARCH_DENSE_LEAD) != 0 &&
       !read_uint (gguf, arch, "leading_dense_block_count", FALSE, 0, MAX_LAYERS, &h->n_dense, error)))
    return FALSE;
  h->n_layers -= h->n_skipped;
  if ((arch->flags & MOE_ARCH_INTERLEAVED) == 0)
    return TRUE;
  if (!read_uint (gguf, arch, "interleave_moe_layer_step", TRUE, 1, MAX_LAYERS, &step, error))
    return FALSE;
  if (step == 1)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "%s: experts in one of %u layers are not supported", moe_gguf_get_path (gguf), step);
  return FALSE;
}

gboolean
moe_hparams_read (MoeGguf        *gguf,
                  const MoeArch  *arch,
                  MoeHparams     *h,
                  GError        **error)
{
  guint32 feed_forward = 0;

  memset (h, 0, sizeof *h);
  h->context = 4096;
  h->rope_base = 10000;

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
      !read_layers (gguf, arch, h, error) ||
      !read_uint (gguf, arch, "embedding_length", TRUE, 4, MAX_CHANNELS, &h->width, error) ||
      !read_uint (gguf, arch, "context_length", FALSE, 1, MAX_CONTEXT, &h->context, error) ||
      !read_attention (gguf, arch, h, error) ||
      !read_uint (gguf, arch, "feed_forward_length", h->n_dense > 0, 1, MAX_WIDTH, &feed_forward, error))
    return FALSE;

  h->dense_width = h->n_dense > 0 ? feed_forward : 0;
  h->expert_width = (arch->flags & MOE_ARCH_EXPERT_SPLIT) != 0 ? feed_forward / h->n_used : feed_forward;
  if (!read_uint (gguf, arch, "expert_feed_forward_length", h->expert_width == 0, 1, MAX_WIDTH,
                  &h->expert_width, error) ||
      !read_shared (gguf, arch, feed_forward, h, error) ||
      !read_float (gguf, arch, "attention.layer_norm_rms_epsilon", TRUE, 0, 1, &h->norm_epsilon, error) ||
      !read_gating (gguf, arch, h, error) ||
      !read_scales (gguf, arch, h, error))
    return FALSE;
  return check_shapes (gguf, h, error);
}
