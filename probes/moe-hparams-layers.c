/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hparams-layers"

#include "probes/moe-hparams-private.h"

#include "data/moe-error.h"

gint32 *
moe_hparams_read_array (MoeGguf        *gguf,
                        const MoeArch  *arch,
                        const char     *key,
                        guint32         n,
                        GError        **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", arch->name, key);
  g_autofree gint32 *values = NULL;
  gsize length = 0;

  if (!moe_gguf_get_array_length (gguf, full, NULL, &length))
    return NULL;
  values = moe_gguf_get_int_array (gguf, full, &length, error);
  if (values == NULL || length == n)
    return g_steal_pointer (&values);
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s has %" G_GSIZE_FORMAT " numbers for %u layers",
               moe_gguf_get_path (gguf), full, length, n);
  return NULL;
}

gboolean
moe_hparams_read_equal (MoeGguf          *gguf,
                        const MoeArch    *arch,
                        const char       *key,
                        gboolean          required,
                        guint32           minimum,
                        guint32           maximum,
                        const MoeHparams *h,
                        guint32          *value,
                        GError          **error)
{
  guint32 n = h->n_layers + h->n_skipped;
  GError *local = NULL;
  g_autofree gint32 *values = moe_hparams_read_array (gguf, arch, key, n, &local);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (values == NULL)
    return moe_hparams_read_uint (gguf, arch, key, required, minimum, maximum, value, error);
  for (guint i = 1; i < n; i++)
    if (values[i] != values[0])
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                     "%s: layers that differ in %s.%s (%d and %d) are not supported",
                     moe_gguf_get_path (gguf), arch->name, key, values[0], values[i]);
        return FALSE;
      }
  if (values[0] >= 0 && (guint32) values[0] >= minimum && (guint32) values[0] <= maximum)
    {
      *value = (guint32) values[0];
      return TRUE;
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s.%s is %d, not between %u and %u",
               moe_gguf_get_path (gguf), arch->name, key, values[0], minimum, maximum);
  return FALSE;
}

/* Which layers have a gated DeltaNet, and its sizes. */
static gboolean
read_delta_nets (MoeGguf        *gguf,
                 const MoeArch  *arch,
                 MoeHparams     *h,
                 GError        **error)
{
  guint32 interval = 4, inner = 0, n = h->n_layers + h->n_skipped, n_nets = 0;
  GError *local = NULL;
  g_autofree gint32 *recurrent = moe_hparams_read_array (gguf, arch, "attention.recurrent_layers", n, &local);
  const char *path = moe_gguf_get_path (gguf);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (!moe_hparams_read_uint (gguf, arch, "full_attention_interval", FALSE, 1, MOE_MAX_LAYERS, &interval,
                              error) ||
      !moe_hparams_read_uint (gguf, arch, "ssm.conv_kernel", TRUE, 2, 65536, &h->conv_length, error) ||
      !moe_hparams_read_uint (gguf, arch, "ssm.state_size", TRUE, 1, 4096, &h->gdn_dim, error) ||
      !moe_hparams_read_uint (gguf, arch, "ssm.group_count", TRUE, 1, 4096, &h->gdn_key_heads, error) ||
      !moe_hparams_read_uint (gguf, arch, "ssm.time_step_rank", TRUE, 1, 4096, &h->gdn_value_heads, error) ||
      !moe_hparams_read_uint (gguf, arch, "ssm.inner_size", TRUE, 1, G_MAXINT32, &inner, error))
    return FALSE;
  for (guint layer = 0; layer < h->n_layers; layer++)
    if (recurrent != NULL ? recurrent[layer] != 0 : (layer + 1) % interval != 0)
      {
        h->layers[layer] |= MOE_LAYER_DELTA_NET;
        n_nets++;
      }
  if (h->gdn_value_heads % h->gdn_key_heads != 0 || inner != h->gdn_value_heads * h->gdn_dim)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                 "%s: %u value heads and %u key heads of %u values do not make an inner size of %u", path,
                 h->gdn_value_heads, h->gdn_key_heads, h->gdn_dim, inner);
  else if (n_nets == h->n_layers)
    g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                 "%s: a model without any attention is not supported", path);
  else
    return TRUE;
  return FALSE;
}

gboolean
moe_hparams_read_layers (MoeGguf        *gguf,
                         const MoeArch  *arch,
                         MoeHparams     *h,
                         GError        **error)
{
  guint32 lead = 0, step = 1;

  if (!moe_hparams_read_uint (gguf, arch, "block_count", TRUE, 1, MOE_MAX_LAYERS, &h->n_layers, error) ||
      ((arch->flags & MOE_ARCH_NEXTN) != 0 &&
       !moe_hparams_read_uint (gguf, arch, "nextn_predict_layers", FALSE, 0, h->n_layers - 1, &h->n_skipped,
                               error)) ||
      ((arch->flags & MOE_ARCH_DENSE_LEAD) != 0 &&
       !moe_hparams_read_uint (gguf, arch, "leading_dense_block_count", FALSE, 0, MOE_MAX_LAYERS, &lead,
                               error)) ||
      ((arch->flags & MOE_ARCH_INTERLEAVED) != 0 &&
       !moe_hparams_read_uint (gguf, arch, "interleave_moe_layer_step", TRUE, 1, MOE_MAX_LAYERS, &step,
                               error)))
    return FALSE;
  if (step != 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: experts in one of %u layers are not supported", moe_gguf_get_path (gguf), step);
      return FALSE;
    }
  h->n_layers -= h->n_skipped;
  for (guint layer = 0; layer < h->n_layers; layer++)
    if (layer < lead)
      {
        h->layers[layer] |= MOE_LAYER_DENSE;
        h->n_dense++;
      }
  if (h->n_dense < h->n_layers)
    return (arch->flags & MOE_ARCH_DELTA_NET) == 0 || read_delta_nets (gguf, arch, h, error);
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u of the %u layers have no experts",
               moe_gguf_get_path (gguf), MAX (lead, h->n_dense), h->n_layers);
  return FALSE;
}
