/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hparams-attention"

#include "probes/moe-hparams-private.h"

#include <math.h>

#include "data/moe-error.h"

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

/* RoPE in sections (M-RoPE, arXiv 2409.12191): a pair turns by the token's place in time, height or width,
 * which are the same in text, or by a fourth number, which is 0 there. Files whose sections leave nothing for
 * that one are computed as any others. */
static gboolean
check_sections (MoeGguf           *gguf,
                const MoeArch     *arch,
                const MoeHparams  *h,
                GError           **error)
{
  g_autofree char *key = g_strdup_printf ("%s.rope.dimension_sections", arch->name);
  gboolean in_turn = (arch->flags & MOE_ARCH_SECTIONS_INTERLEAVED) != 0;
  const char *path = moe_gguf_get_path (gguf);
  GError *local = NULL;
  g_autofree gint32 *s = NULL;
  gsize n = 0;
  gint64 sum = 0;
  guint n_covered = 0;

  if (!moe_gguf_has_key (gguf, key))
    return !in_turn || moe_hparams_accept_missing (gguf, key, TRUE, NULL, error);
  if ((arch->flags & (MOE_ARCH_SECTIONS | MOE_ARCH_SECTIONS_INTERLEAVED)) == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: RoPE in sections (%s), for pictures, is not supported", path, key);
      return FALSE;
    }
  s = moe_gguf_get_int_array (gguf, key, &n, &local);
  if (s == NULL)
    return moe_hparams_accept_missing (gguf, key, TRUE, local, error);
  for (gsize i = 0; i < n; i++)
    sum += s[i] < 0 ? G_MAXINT32 : s[i];
  if (n != 4 || sum < 1 || sum > h->head_dim)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: %s does not divide a head of %u values into four sections", path, key, h->head_dim);
      return FALSE;
    }
  /* These files mean nothing by it. */
  if (!in_turn && (s[0] == 0 || s[1] == 0))
    return TRUE;
  for (gint64 i = 0; i < h->rope_dims / 2; i++)
    {
      gint64 at = i % sum;

      n_covered += in_turn ? at < 3 * (gint64) s[at % 3] : at < sum - s[3];
    }
  if (n_covered == h->rope_dims / 2)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "%s: RoPE with a fourth section (%s), for pictures, is not supported", path, key);
  return FALSE;
}

/* What only folders say. */
static gboolean
read_folder_rope (MoeGguf        *gguf,
                  const MoeArch  *arch,
                  MoeHparams     *h,
                  GError        **error)
{
  GError *local = NULL;
  gboolean halves = FALSE;

  if ((!moe_gguf_get_bool (gguf, MOE_GGUF_KEY_ROPE_HALVES, &halves, &local) && local != NULL) ||
      (!moe_gguf_get_bool (gguf, MOE_GGUF_KEY_ROPE_FRACTIONS, &h->rope.fractions, &local) && local != NULL) ||
      (!moe_gguf_get_float (gguf, MOE_GGUF_KEY_ROPE_ANGLES, &h->rope.angle_scale, &local) && local != NULL) ||
      (!moe_gguf_get_float (gguf, MOE_GGUF_KEY_ROPE_SCORES, &h->rope.score_scale, &local) && local != NULL))
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  h->rope_kind = halves ? MOE_ROPE_HALVES : arch->rope;
  if (h->rope.angle_scale >= 0 && h->rope.angle_scale <= 1e6f && h->rope.score_scale >= 0 &&
      h->rope.score_scale <= 1e6f)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the scales of YaRN are %g and %g, which is too much",
               moe_gguf_get_path (gguf), h->rope.angle_scale, h->rope.score_scale);
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
  if (!read_folder_rope (gguf, arch, h, error) ||
      !check_sections (gguf, arch, h, error) ||
      !read_rope_kind (gguf, arch, rope, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scale_linear", FALSE, 0, 1e6f, &factor, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scaling.factor", FALSE, 0, 1e6f, &factor, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scaling.attn_factor", FALSE, 1e-6f, 1e6f, &rope->magnitude,
                               error) ||
      !moe_hparams_read_uint (gguf, arch, "rope.scaling.original_context_length", FALSE, 1, MOE_MAX_CONTEXT,
                              &rope->original_context, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scaling.yarn_beta_fast", FALSE, 1e-6f, 1e6f,
                               &rope->beta_fast, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scaling.yarn_beta_slow", FALSE, 1e-6f, 1e6f,
                               &rope->beta_slow, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scaling.yarn_ext_factor", FALSE, -1e6f, 1e6f,
                               &extrapolation, error))
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

/* One number for each layer, 0 where there is a convolution; the others must be equal. */
static gboolean
read_kv_heads_of_layers (MoeGguf        *gguf,
                         const MoeArch  *arch,
                         MoeHparams     *h,
                         GError        **error)
{
  guint32 n = h->n_layers + h->n_skipped;
  GError *local = NULL;
  g_autofree gint32 *heads = moe_hparams_read_array (gguf, arch, "attention.head_count_kv", n, &local);
  g_autofree char *key = g_strdup_printf ("%s.attention.head_count_kv", arch->name);
  gint32 most = 0;

  if (heads == NULL)
    return moe_hparams_accept_missing (gguf, key, TRUE, local, error);
  for (guint i = 0; i < n; i++)
    most = MAX (most, heads[i]);
  for (guint i = 0; i < n; i++)
    if (heads[i] != 0 && heads[i] != most)
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                     "%s: layers with %d and with %d key-value heads in one model are not supported",
                     moe_gguf_get_path (gguf), heads[i], most);
        return FALSE;
      }
  if (most < 1 || most > 65536)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: no layer has attention, or %d key-value heads",
                   moe_gguf_get_path (gguf), most);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    if (heads[i] == 0)
      h->layers[i] |= MOE_LAYER_CONV;
  h->n_kv_heads = (guint32) most;
  return moe_hparams_read_uint (gguf, arch, "shortconv.l_cache", TRUE, 2, 65536, &h->conv_length, error);
}

/* sliding_window_pattern: 1 or 0 for each layer, or every how many layers one sees all tokens (0: none). */
static gboolean
read_window_layers (MoeGguf        *gguf,
                    const MoeArch  *arch,
                    guint32         period,
                    MoeHparams     *h,
                    GError        **error)
{
  const char *key = "attention.sliding_window_pattern";
  GError *local = NULL;
  g_autofree gint32 *pattern = moe_hparams_read_array (gguf, arch, key, h->n_layers + h->n_skipped, &local);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (pattern == NULL && (arch->flags & MOE_ARCH_WINDOW_HEADS) != 0)
    return moe_hparams_accept_missing (gguf, "gemma4.attention.sliding_window_pattern", TRUE, NULL, error);
  if (pattern == NULL &&
      !moe_hparams_read_uint (gguf, arch, key, FALSE, 0, MOE_MAX_LAYERS, &period, error))
    return FALSE;
  for (guint layer = 0; layer < h->n_layers; layer++)
    if (pattern != NULL ? pattern[layer] != 0 : period == 0 || layer % period < period - 1)
      h->layers[layer] |= MOE_LAYER_WINDOW;
  return TRUE;
}

static gboolean
read_window (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  gboolean windows = (arch->flags & MOE_ARCH_WINDOW) != 0;
  float base = h->rope_base;

  if ((arch->flags & MOE_ARCH_WINDOW_UNUSED) != 0)
    return TRUE;
  if (!moe_hparams_read_uint (gguf, arch, "attention.sliding_window", windows, windows, G_MAXUINT32,
                              &h->window, error))
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
  if (!read_window_layers (gguf, arch, 2, h, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.freq_base_swa", FALSE, 1, 1e12f, &base, error))
    return FALSE;
  if (base == h->rope_base || (arch->flags & MOE_ARCH_WINDOW_HEADS) != 0)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "%s: layers with a sliding window and a RoPE of their own are not supported",
               moe_gguf_get_path (gguf));
  return FALSE;
}

/* The heads of layers with a window and of the others, and what is not computed. */
static gboolean
read_window_heads (MoeGguf        *gguf,
                   const MoeArch  *arch,
                   MoeHparams     *h,
                   GError        **error)
{
  const char *path = moe_gguf_get_path (gguf), *unsupported = NULL;
  guint32 n = h->n_layers + h->n_skipped, value = h->value_dim, n_shared = 0, per_layer = 0;
  GError *local = NULL;
  g_autofree gint32 *heads = moe_hparams_read_array (gguf, arch, "attention.head_count_kv", n, &local);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  h->window_head_dim = h->head_dim;
  h->window_rope_dims = h->rope_dims;
  h->window_rope_base = 10000;
  h->attention_scale = 1;
  if ((heads == NULL && !moe_hparams_read_uint (gguf, arch, "attention.head_count_kv", FALSE, 1, 65535,
                                                &h->n_kv_heads, error)) ||
      !moe_hparams_read_uint (gguf, arch, "attention.key_length_swa", FALSE, 1, 65536, &h->window_head_dim,
                              error) ||
      !moe_hparams_read_uint (gguf, arch, "attention.value_length_swa", FALSE, 1, 65536, &value, error) ||
      !moe_hparams_read_uint (gguf, arch, "rope.dimension_count_swa", FALSE, 2, 65536, &h->window_rope_dims,
                              error) ||
      !moe_hparams_read_float (gguf, arch, "rope.freq_base_swa", FALSE, 1, 1e12f, &h->window_rope_base,
                               error) ||
      !moe_hparams_read_uint (gguf, arch, "attention.shared_kv_layers", FALSE, 0, G_MAXUINT32, &n_shared,
                              error) ||
      !moe_hparams_read_uint (gguf, arch, "embedding_length_per_layer_input", FALSE, 0, G_MAXUINT32,
                              &per_layer, error))
    return FALSE;
  for (guint layer = 0; layer < h->n_layers; layer++)
    {
      gint32 count = heads != NULL ? heads[layer] : (gint32) h->n_kv_heads;

      if (count < 1 || count > 65535 || h->n_heads % (guint32) count != 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s: %u attention heads cannot share %d key-value heads", path, h->n_heads, count);
          return FALSE;
        }
      h->kv_heads[layer] = (guint16) count;
    }
  h->n_kv_heads = h->kv_heads[h->n_layers - 1];
  if (h->value_dim != h->head_dim || value != h->window_head_dim || h->window_rope_dims % 2 != 0 ||
      h->window_rope_dims > h->window_head_dim)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: keys of %u and %u values, of which %u and %u turn, do not fit values of %u and %u",
                   path, h->head_dim, h->window_head_dim, h->rope_dims, h->window_rope_dims, h->value_dim,
                   value);
      return FALSE;
    }
  if (n_shared != 0)
    unsupported = "layers that share keys and values with others";
  else if (per_layer != 0)
    unsupported = "embeddings of each layer";
  else if (h->rope.factor != 1 || (h->rope.kind != MOE_ROPE_LINEAR && h->rope.kind != MOE_ROPE_UNSCALED))
    unsupported = "a scaled RoPE beside windows";
  if (unsupported == NULL)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s: %s (%s) are not supported", path, unsupported,
               arch->name);
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

  if (!moe_hparams_read_uint (gguf, arch, "attention.q_lora_rank", FALSE, 0, 65536, &h->q_rank, error) ||
      !moe_hparams_read_uint (gguf, arch, "attention.kv_lora_rank", TRUE, 1, 65536, &h->kv_rank, error) ||
      !moe_hparams_read_uint (gguf, arch, "attention.key_length_mla", FALSE, 0, 65536, &key, error) ||
      !moe_hparams_read_uint (gguf, arch, "attention.value_length_mla", key != 0, key != 0, 65536, &value,
                              error) ||
      !moe_hparams_read_float (gguf, arch, "rope.scaling.yarn_log_multiplier", FALSE, 0, 1e3f, &multiplier,
                               error) ||
      !moe_hparams_read_float (gguf, arch, "attention.temperature_scale", FALSE, -1e6f, 1e6f, &temperature,
                               error))
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

gboolean
moe_hparams_read_attention (MoeGguf        *gguf,
                            const MoeArch  *arch,
                            MoeHparams     *h,
                            GError        **error)
{
  if (!moe_hparams_read_equal (gguf, arch, "attention.head_count", TRUE, 1, 65536, h, &h->n_heads, error))
    return FALSE;
  h->n_kv_heads = h->n_heads;
  h->head_dim = h->width / h->n_heads;
  if (!((arch->flags & MOE_ARCH_SHORT_CONV) != 0
        ? read_kv_heads_of_layers (gguf, arch, h, error)
        : (arch->flags & MOE_ARCH_WINDOW_HEADS) != 0 ||
          moe_hparams_read_equal (gguf, arch, "attention.head_count_kv", FALSE, 1, 65536, h, &h->n_kv_heads,
                                  error)) ||
      !moe_hparams_read_uint (gguf, arch, "attention.key_length", h->head_dim == 0, 1, 65536, &h->head_dim,
                              error))
    return FALSE;
  h->value_dim = h->head_dim;
  h->rope_dims = h->head_dim;
  if (!moe_hparams_read_uint (gguf, arch, "attention.value_length", FALSE, 1, 65536, &h->value_dim, error) ||
      !moe_hparams_read_uint (gguf, arch, "rope.dimension_count", FALSE, 2, 65536, &h->rope_dims, error) ||
      !moe_hparams_read_float (gguf, arch, "rope.freq_base", FALSE, 1, 1e12f, &h->rope_base, error) ||
      !read_rope_scaling (gguf, arch, h, error) ||
      !read_window (gguf, arch, h, error) ||
      ((arch->flags & MOE_ARCH_MLA) != 0 && !read_mla (gguf, arch, h, error)))
    return FALSE;
  if ((arch->flags & MOE_ARCH_WINDOW_HEADS) != 0)
    return read_window_heads (gguf, arch, h, error);
  h->attention_scale = 1 / sqrtf ((float) h->head_dim);
  if ((arch->flags & MOE_ARCH_QUERY_GATE) == 0 || h->value_dim == h->head_dim)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: gates of %u values cannot act on values of %u",
               moe_gguf_get_path (gguf), h->head_dim, h->value_dim);
  return FALSE;
}
