/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hparams"

#include "probes/moe-hparams-private.h"

#include <math.h>

#include "data/moe-error.h"

/* Bounds like MOE_MAX_CONTEXT. */
#define MAX_WIDTH (1u << 20)
#define MAX_CHANNELS 65536u /* records hold channels in 16 bits */
#define MAX_EXPERTS 4096u
#define MAX_USED 256u

gboolean
moe_hparams_accept_missing (MoeGguf     *gguf,
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

gboolean
moe_hparams_read_uint (MoeGguf        *gguf,
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
    return moe_hparams_accept_missing (gguf, full, required, local, error);
  if (*value >= minimum && *value <= maximum)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s is %u, not between %u and %u",
               moe_gguf_get_path (gguf), full, *value, minimum, maximum);
  return FALSE;
}

gboolean
moe_hparams_read_float (MoeGguf        *gguf,
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
    return moe_hparams_accept_missing (gguf, full, required, local, error);
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

  return moe_gguf_get_bool (gguf, full, value, &local) ||
         moe_hparams_accept_missing (gguf, full, FALSE, local, error);
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
  else if (h->n_groups > 1 && (h->n_experts % h->n_groups != 0 || h->n_groups_used >= h->n_groups ||
                               h->n_experts / h->n_groups < (h->groups_by_best ? 1 : 2)))
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
  if (arch->shared == MOE_SHARED_DENSE)
    {
      h->n_shared = 1;
      h->shared_width = feed_forward;
      return TRUE;
    }
  if (!moe_hparams_read_uint (gguf, arch, "expert_shared_count", counted, 0, MAX_EXPERTS, &h->n_shared,
                              error) ||
      (arch->shared != MOE_SHARED_COUNT &&
       !moe_hparams_read_uint (gguf, arch, "expert_shared_feed_forward_length", FALSE, 0, MAX_WIDTH, &width,
                               error)))
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

/* What is meant when the key says nothing. Early files of GLM-4.7-Flash lack it: like llama.cpp, these are
 * told from the others of the architecture deepseek2 by their size. */
static MoeGating
get_default_gating (MoeGguf          *gguf,
                    const MoeArch    *arch,
                    const MoeHparams *h)
{
  const MoeGgufTensor *embedding = moe_gguf_find_tensor (gguf, "token_embd.weight");

  if ((arch->flags & MOE_ARCH_MLA) != 0 && (h->n_layers == 47 || h->n_layers == 48) && embedding != NULL &&
      embedding->ne[1] == 154880)
    return MOE_GATING_SIGMOID;
  return arch->gating;
}

static gboolean
read_gating (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  guint32 gating = get_default_gating (gguf, arch, h);
  const char *path = moe_gguf_get_path (gguf);
  GError *local = NULL;

  h->norm_weights = arch->norm_weights;
  h->n_groups = 1;
  h->weights_scale = 1;
  if (((arch->flags & MOE_ARCH_GATING_KEY) != 0 &&
       !moe_hparams_read_uint (gguf, arch, "expert_gating_func", arch->gating == 0, 0, G_MAXUINT32, &gating,
                               error)) ||
      ((arch->flags & MOE_ARCH_NORM_KEY) != 0 &&
       !read_bool (gguf, arch, "expert_weights_norm", &h->norm_weights, error)) ||
      ((arch->flags & MOE_ARCH_POST_NORMS) == 0 &&
       !moe_hparams_read_float (gguf, arch, "expert_weights_scale", FALSE, 0, 1e6f, &h->weights_scale,
                                error)) ||
      !moe_hparams_read_uint (gguf, arch, "expert_group_count", FALSE, 0, MAX_EXPERTS, &h->n_groups,
                              error) ||
      !moe_hparams_read_uint (gguf, arch, "expert_group_used_count", h->n_groups > 1,
                              h->n_groups > 1 ? 1 : 0, MAX_EXPERTS, &h->n_groups_used, error))
    return FALSE;
  if (!moe_gguf_get_bool (gguf, MOE_GGUF_KEY_GROUPS_BY_BEST, &h->groups_by_best, &local) && local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  h->n_groups = MAX (h->n_groups, 1);
  if (h->weights_scale == 0)
    h->weights_scale = 1;
  if (gating == 0)
    gating = get_default_gating (gguf, arch, h);
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

/* Files of phimoe are computed with RMS norms and renormalised gate weights; folders say what the model was
 * trained with (see moe-hf-config.c). */
static gboolean
read_norms (MoeGguf        *gguf,
            const MoeArch  *arch,
            MoeHparams     *h,
            GError        **error)
{
  float jitter = 0;

  h->norm_epsilon = -1;
  if ((arch->flags & MOE_ARCH_NORM_BIAS) != 0 &&
      (!moe_hparams_read_float (gguf, arch, "attention.layer_norm_epsilon", FALSE, 0, 1, &h->norm_epsilon,
                                error) ||
       !moe_hparams_read_float (gguf, arch, "router_jitter_noise", FALSE, 0, 1, &jitter, error)))
    return FALSE;
  h->layer_norm = h->norm_epsilon >= 0;
  h->mixer_width = 2 * jitter;
  return moe_hparams_read_float (gguf, arch, "attention.layer_norm_rms_epsilon", !h->layer_norm, 0, 1,
                                 &h->norm_epsilon, error);
}

static gboolean
read_scales (MoeGguf        *gguf,
             const MoeArch  *arch,
             MoeHparams     *h,
             GError        **error)
{
  float embedding = 0, residual = 0, attention = 0, logit = 1;

  h->embedding_scale = h->residual_scale = h->logit_scale = 1;
  if ((arch->flags & MOE_ARCH_POST_NORMS) != 0)
    {
      h->embedding_scale = sqrtf ((float) h->width);
      return moe_hparams_read_float (gguf, arch, "final_logit_softcapping", FALSE, 0, 1e6f, &h->logit_cap,
                                     error);
    }
  if ((arch->flags & MOE_ARCH_SCALES) == 0)
    return TRUE;
  if (!moe_hparams_read_float (gguf, arch, "logit_scale", TRUE, 1e-6f, 1e6f, &logit, error) ||
      !moe_hparams_read_float (gguf, arch, "embedding_scale", FALSE, 0, 1e6f, &embedding, error) ||
      !moe_hparams_read_float (gguf, arch, "residual_scale", FALSE, 0, 1e6f, &residual, error) ||
      !moe_hparams_read_float (gguf, arch, "attention.scale", FALSE, 0, 1e6f, &attention, error))
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

  if (!moe_hparams_read_uint (gguf, arch, "expert_count", FALSE, 0, MAX_EXPERTS, &h->n_experts, error))
    return FALSE;
  if (h->n_experts == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: a dense %s model: it has no experts to look into", moe_gguf_get_path (gguf),
                   arch->name);
      return FALSE;
    }
  if (!moe_hparams_read_layers (gguf, arch, h, error) ||
      !moe_hparams_read_equal (gguf, arch, "expert_used_count", TRUE, 1, MAX_USED, h, &h->n_used, error) ||
      !moe_hparams_read_uint (gguf, arch, "embedding_length", TRUE, 4, MAX_CHANNELS, &h->width, error) ||
      !moe_hparams_read_uint (gguf, arch, "context_length", FALSE, 1, MOE_MAX_CONTEXT, &h->context, error) ||
      !moe_hparams_read_attention (gguf, arch, h, error) ||
      !moe_hparams_read_equal (gguf, arch, "feed_forward_length",
                               h->n_dense > 0 || arch->shared == MOE_SHARED_DENSE, 1, MAX_WIDTH, h,
                               &feed_forward, error))
    return FALSE;

  h->dense_width = h->n_dense > 0 ? feed_forward : 0;
  h->expert_width = (arch->flags & MOE_ARCH_EXPERT_SPLIT) != 0 ? feed_forward / h->n_used : feed_forward;
  if (!moe_hparams_read_equal (gguf, arch, "expert_feed_forward_length", h->expert_width == 0, 1, MAX_WIDTH,
                               h, &h->expert_width, error) ||
      !read_shared (gguf, arch, feed_forward, h, error) ||
      !read_norms (gguf, arch, h, error) ||
      !read_gating (gguf, arch, h, error) ||
      !read_scales (gguf, arch, h, error))
    return FALSE;
  return check_shapes (gguf, h, error);
}
