/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-oss"

#include <string.h>

#include "data/moe-hf-tensors-private.h"

/* gpt-oss has all experts of a layer in one parameter, in which the gate's and up's outputs take turns. Its
 * own checkpoints are in MXFP4: gate_up_proj_blocks (E, 2 F, D / 32, 16) and gate_up_proj_scales
 * (E, 2 F, D / 32), down_proj_blocks (E, D, F / 32, 16) and so on. Without quantisation parameters are laid
 * out the other way round: gate_up_proj (E, D, 2 F), down_proj (E, F, D). */

#define MXFP4_BLOCK 17u /* bytes of 32 values */

static gboolean
fail_shape (MoeHfPlacer          *self,
            const MoeSafetensor  *from,
            GError              **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s is not of the shape or type of experts",
               self->folder, from->name);
  return FALSE;
}

static const char *
get_name (gboolean fused,
          guint    part)
{
  return !fused ? "ffn_down_exps" : part == 0 ? "ffn_gate_exps" : "ffn_up_exps";
}

static gboolean
place_blocks (MoeHfPlacer          *self,
              const MoeSafetensor  *blocks,
              guint                 layer,
              gboolean              fused,
              GError              **error)
{
  g_autofree char *name = g_strdup_printf ("model.layers.%u.mlp.experts.%s_scales", layer,
                                           fused ? "gate_up_proj" : "down_proj");
  const MoeSafetensor *scales = g_hash_table_lookup (self->all, name);
  guint n = fused ? 2 : 1;

  if (scales == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s is missing", self->folder, name);
      return FALSE;
    }
  if (blocks->n_dims != 4 || scales->n_dims != 3 || blocks->type != MOE_SAFETENSORS_BYTES ||
      scales->type != MOE_SAFETENSORS_BYTES || blocks->ne[0] != 16 || blocks->ne[1] != scales->ne[0] ||
      blocks->ne[2] != scales->ne[1] || blocks->ne[3] != scales->ne[2] || blocks->ne[2] % n != 0)
    return fail_shape (self, blocks, error);
  for (guint i = 0; i < n; i++)
    moe_hf_convert_later (self, g_strdup_printf ("blk.%u.%s.weight", layer, get_name (fused, i)),
                          MOE_TYPE_MXFP4, blocks->ne[1] * 32, blocks->ne[2] / n, blocks->ne[3],
                          blocks->n_bytes / 16 / n * MXFP4_BLOCK,
                          (MoeHfConversion) {
      .kind = MOE_HF_JOIN_MXFP4, .data = blocks->data, .scales = scales->data, .n_rows = blocks->ne[2],
      .n_in = blocks->ne[1] * 32, .first = i, .step = n,
    });
  return TRUE;
}

static gboolean
place_floats (MoeHfPlacer          *self,
              const MoeSafetensor  *from,
              guint                 layer,
              gboolean              fused,
              GError              **error)
{
  guint n = fused ? 2 : 1;

  if (from->n_dims != 3 || !moe_hf_is_float (from) || from->ne[0] % n != 0)
    return fail_shape (self, from, error);
  for (guint i = 0; i < n; i++)
    moe_hf_convert_later (self, g_strdup_printf ("blk.%u.%s.weight", layer, get_name (fused, i)), from->type,
                          from->ne[1], from->ne[0] / n, from->ne[2], from->n_bytes / n,
                          (MoeHfConversion) {
      .kind = MOE_HF_TRANSPOSE, .data = from->data, .n_rows = from->ne[1], .n_in = from->ne[0], .first = i,
      .step = n,
    });
  return TRUE;
}

static gboolean
place_bias (MoeHfPlacer          *self,
            const MoeSafetensor  *from,
            guint                 layer,
            gboolean              fused,
            GError              **error)
{
  guint n = fused ? 2 : 1;

  if (from->n_dims != 2 || !moe_hf_is_float (from) || from->ne[0] % n != 0)
    return fail_shape (self, from, error);
  for (guint i = 0; i < n; i++)
    {
      MoeGgufTensor tensor = {
        .name = moe_hf_keep_name (self, g_strdup_printf ("blk.%u.%s.bias", layer, get_name (fused, i))),
        .type = from->type, .n_dims = 2, .ne = { from->ne[0] / n, from->ne[1], 1, 1 },
        .offset = from->offset, .n_bytes = from->n_bytes, .data = from->data,
      };

      moe_hf_convert_to_floats (self, from, i, n, &tensor);
      g_array_append_val (self->target->tensors, tensor);
    }
  return TRUE;
}

gboolean
moe_hf_place_oss_experts (MoeHfPlacer          *self,
                          const MoeSafetensor  *from,
                          guint                 layer,
                          const char           *rest,
                          GError              **error)
{
  gboolean fused = g_str_has_prefix (rest, "gate_up_proj");
  const char *kind = fused ? rest + strlen ("gate_up_proj")
                     : g_str_has_prefix (rest, "down_proj") ? rest + strlen ("down_proj") : "?";

  if (g_str_equal (kind, "_blocks"))
    return place_blocks (self, from, layer, fused, error);
  if (g_str_equal (kind, "_bias"))
    return place_bias (self, from, layer, fused, error);
  if (*kind == '\0')
    return place_floats (self, from, layer, fused, error);
  if (g_str_equal (kind, "_scales"))
    {
      g_autofree char *blocks = g_strdup_printf ("model.layers.%u.mlp.experts.%.*s_blocks", layer,
                                                 (int) (kind - rest), rest);

      if (g_hash_table_contains (self->all, blocks))
        return TRUE;
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s: the tensor %s is not part of gpt_oss's experts",
               self->folder, from->name);
  return FALSE;
}
