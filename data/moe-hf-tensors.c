/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-tensors"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-hf-tensors-private.h"
#include "data/moe-safetensors.h"

/* Bounds far above any published model, before memory is taken for them. */
#define MAX_EXPERTS 4096u
#define MAX_LAYERS 4096u

/* The names of transformers' parameters and those of llama.cpp's tensors. */
static const struct { const char *hf, *gguf; } outer_names[] = {
  { "model.embed_tokens.weight", "token_embd.weight" },
  { "model.norm.weight", "output_norm.weight" },
  { "lm_head.weight", "output.weight" },
  { "model.norm.bias", "output_norm.bias" },
  { "lm_head.bias", "output.bias" },
};

static const struct { const char *hf, *gguf; guint families; } layer_names[] = {
  { "input_layernorm.weight", "attn_norm.weight", MOE_HF_ALL },
  { "post_attention_layernorm.weight", "ffn_norm.weight", MOE_HF_ALL & ~MOE_HF_GPT_OSS },
  { "post_attention_layernorm.weight", "post_attention_norm.weight", MOE_HF_GPT_OSS },
  { "self_attn.q_proj.weight", "attn_q.weight", MOE_HF_ALL },
  { "self_attn.k_proj.weight", "attn_k.weight", MOE_HF_ALL },
  { "self_attn.v_proj.weight", "attn_v.weight", MOE_HF_ALL },
  { "self_attn.q_proj.bias", "attn_q.bias", MOE_HF_ALL },
  { "self_attn.k_proj.bias", "attn_k.bias", MOE_HF_ALL },
  { "self_attn.v_proj.bias", "attn_v.bias", MOE_HF_ALL },
  { "self_attn.o_proj.weight", "attn_output.weight", MOE_HF_ALL },
  { "self_attn.o_proj.bias", "attn_output.bias", MOE_HF_ALL },
  { "self_attn.q_norm.weight", "attn_q_norm.weight", MOE_HF_ALL },
  { "self_attn.k_norm.weight", "attn_k_norm.weight", MOE_HF_ALL },
  { "self_attn.q_a_proj.weight", "attn_q_a.weight", MOE_HF_MLA },
  { "self_attn.q_a_layernorm.weight", "attn_q_a_norm.weight", MOE_HF_MLA },
  { "self_attn.q_b_proj.weight", "attn_q_b.weight", MOE_HF_MLA },
  { "self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_mqa.weight", MOE_HF_MLA },
  { "self_attn.kv_a_layernorm.weight", "attn_kv_a_norm.weight", MOE_HF_MLA },
  { "self_attn.sinks", "attn_sinks.weight", MOE_HF_GPT_OSS },
  { "mlp.gate.weight", "ffn_gate_inp.weight", MOE_HF_ALL },
  { "mlp.gate.e_score_correction_bias", "exp_probs_b.bias", MOE_HF_MLA },
  { "mlp.router.weight", "ffn_gate_inp.weight", MOE_HF_GPT_OSS },
  { "mlp.router.bias", "ffn_gate_inp.bias", MOE_HF_GPT_OSS },
  { "block_sparse_moe.gate.weight", "ffn_gate_inp.weight", MOE_HF_MIXTRAL | MOE_HF_PHIMOE },
  { "input_layernorm.bias", "attn_norm.bias", MOE_HF_PHIMOE },
  { "post_attention_layernorm.bias", "ffn_norm.bias", MOE_HF_PHIMOE },
  { "block_sparse_moe.router.layer.weight", "ffn_gate_inp.weight", MOE_HF_GRANITES },
  { "block_sparse_moe.output_linear.weight", "ffn_down_exps.weight", MOE_HF_GRANITES },
  { "shared_mlp.output_linear.weight", "ffn_down_shexp.weight", MOE_HF_GRANITES },
  { "mlp.gate_proj.weight", "ffn_gate.weight", MOE_HF_MLA },
  { "mlp.up_proj.weight", "ffn_up.weight", MOE_HF_MLA },
  { "mlp.down_proj.weight", "ffn_down.weight", MOE_HF_MLA },
  { "mlp.shared_expert_gate.weight", "ffn_gate_inp_shexp.weight", MOE_HF_QWEN2 },
  { "mlp.shared_expert.gate_proj.weight", "ffn_gate_shexp.weight", MOE_HF_QWEN2 },
  { "mlp.shared_expert.up_proj.weight", "ffn_up_shexp.weight", MOE_HF_QWEN2 },
  { "mlp.shared_expert.down_proj.weight", "ffn_down_shexp.weight", MOE_HF_QWEN2 },
  { "mlp.shared_experts.gate_proj.weight", "ffn_gate_shexp.weight", MOE_HF_MLA },
  { "mlp.shared_experts.up_proj.weight", "ffn_up_shexp.weight", MOE_HF_MLA },
  { "mlp.shared_experts.down_proj.weight", "ffn_down_shexp.weight", MOE_HF_MLA },
  /* transformers 5 puts experts together when it loads them, and may have been told to keep them so. */
  { "mlp.experts.down_proj", "ffn_down_exps.weight", MOE_HF_ALL & ~MOE_HF_GPT_OSS },
};

/* The first half of the rows, of each expert, is gate_proj's, the second up_proj's. */
static const struct { const char *hf, *gate, *up; guint families; } fused_names[] = {
  { "mlp.experts.gate_up_proj", "ffn_gate_exps.weight", "ffn_up_exps.weight", MOE_HF_ALL & ~MOE_HF_GPT_OSS },
  { "block_sparse_moe.input_linear.weight", "ffn_gate_exps.weight", "ffn_up_exps.weight", MOE_HF_GRANITES },
  { "shared_mlp.input_linear.weight", "ffn_gate_shexp.weight", "ffn_up_shexp.weight", MOE_HF_GRANITES },
};

static const char *const expert_prefixes[] = { "mlp.experts.", "block_sparse_moe.experts." };

static const struct { const char *hf, *gguf; } expert_names[] = {
  { "gate_proj.weight", "ffn_gate_exps.weight" },
  { "up_proj.weight", "ffn_up_exps.weight" },
  { "down_proj.weight", "ffn_down_exps.weight" },
  { "w1.weight", "ffn_gate_exps.weight" },
  { "w3.weight", "ffn_up_exps.weight" },
  { "w2.weight", "ffn_down_exps.weight" },
};

typedef MoeHfPlacer Placer;

const char *
moe_hf_keep_name (MoeHfPlacer *self,
                  char        *name)
{
  g_ptr_array_add (self->target->allocations, name);
  return name;
}

/* Reads "NUMBER." at *@text and steps over it. */
static gboolean
read_index (const char **text,
            guint       *index)
{
  char *end = NULL;
  guint64 value;

  if (!g_ascii_isdigit (**text) || (**text == '0' && g_ascii_isdigit ((*text)[1])))
    return FALSE;
  value = g_ascii_strtoull (*text, &end, 10);
  if (*end != '.' || value > G_MAXINT32)
    return FALSE;
  *index = (guint) value;
  *text = end + 1;
  return TRUE;
}

static float
half_to_float (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff, bits;
  float value;

  if (exponent == 0)
    {
      value = (float) mantissa * 0x1p-24f;
      return sign != 0 ? -value : value;
    }
  bits = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13;
  memcpy (&value, &bits, sizeof value);
  return value;
}

/* One value of a tensor of F16, BF16 or F32. */
static float
read_value (const MoeSafetensor *from,
            guint64              index)
{
  guint16 half;
  guint32 bits;
  float value;

  if (from->type == MOE_TYPE_F32)
    {
      memcpy (&value, from->data + index * sizeof value, sizeof value);
      return value;
    }
  memcpy (&half, from->data + index * sizeof half, sizeof half);
  half = GUINT16_FROM_LE (half);
  bits = (guint32) half << 16;
  memcpy (&value, &bits, sizeof value);
  return from->type == MOE_TYPE_F16 ? half_to_float (half) : value;
}

gboolean
moe_hf_is_float (const MoeSafetensor *tensor)
{
  return tensor->type == MOE_TYPE_F32 || tensor->type == MOE_TYPE_F16 || tensor->type == MOE_TYPE_BF16;
}

void
moe_hf_convert_to_floats (MoeHfPlacer         *self,
                          const MoeSafetensor *from,
                          guint                first,
                          guint                step,
                          MoeGgufTensor       *to)
{
  gsize n = (gsize) (from->ne[0] * from->ne[1] * from->ne[2] * from->ne[3] / step);
  float *values;

  if (!moe_hf_is_float (from) || (from->type == MOE_TYPE_F32 && step == 1))
    return;
  values = g_new (float, n);
  g_ptr_array_add (self->target->allocations, values);
  for (gsize i = 0; i < n; i++)
    values[i] = read_value (from, first + i * step);
  to->type = MOE_TYPE_F32;
  to->n_bytes = n * sizeof *values;
  to->data = (const guint8 *) values;
}

/* Tensor @index, or @slice of it, is @from with its scales. */
static void
lay_out_f8_later (Placer              *self,
                  const MoeSafetensor *from,
                  guint                index,
                  guint64              slice)
{
  MoeHfConversion how = {
    .kind = from->type == MOE_TYPE_F32 ? MOE_HF_EXPAND_F8 : MOE_HF_JOIN_F8, .tensor = index,
    .data = from->data, .scales = self->scales->data, .scale_type = self->scales->type, .slice = slice,
    .n_rows = from->ne[1], .n_in = from->ne[0],
  };

  g_array_append_val (self->target->conversions, how);
}

/* Vectors, biases and routers are computed with as floats, as in converted files. */
static gboolean
is_always_float (const MoeSafetensor *from,
                 const char          *name)
{
  return from->n_dims == 1 || g_str_has_suffix (name, ".ffn_gate_inp.weight") ||
         g_str_has_suffix (name, ".ffn_gate_inp_shexp.weight") || g_str_has_suffix (name, ".bias");
}

static void
place_one (Placer              *self,
           const MoeSafetensor *from,
           char                *name)
{
  MoeSafetensor shown = *from;
  MoeGgufTensor tensor = { .name = moe_hf_keep_name (self, name), .n_dims = from->n_dims };

  if (self->scales != NULL)
    {
      moe_hf_f8_present (&shown, is_always_float (from, name));
      lay_out_f8_later (self, &shown, self->target->tensors->len, 0);
      shown.data = NULL;
    }
  tensor.type = shown.type;
  tensor.offset = shown.offset;
  tensor.n_bytes = shown.n_bytes;
  tensor.data = shown.data;
  memcpy (tensor.ne, from->ne, sizeof tensor.ne);
  if (self->scales == NULL && is_always_float (from, name))
    moe_hf_convert_to_floats (self, from, 0, 1, &tensor);
  g_array_append_val (self->target->tensors, tensor);
}

static gboolean
place_expert (Placer              *self,
              const MoeSafetensor *from,
              const char          *kind,
              guint                layer,
              guint                expert,
              GError             **error)
{
  g_autofree char *name = g_strdup_printf ("blk.%u.%s", layer, kind);
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (self->stacks, name)), n = self->config->n_experts;
  MoeGgufTensor *stack;

  if (expert >= n || from->n_dims != 2)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s is not one of %u experts' matrices",
                   self->folder, from->name, n);
      return FALSE;
    }
  if (index == 0)
    {
      const guint8 **slices = g_new0 (const guint8 *, n);
      MoeGgufTensor fresh = {
        .name = moe_hf_keep_name (self, g_strdup (name)), .type = from->type, .n_dims = 3,
        .ne = { from->ne[0], from->ne[1], n, 1 }, .offset = from->offset, .data = from->data,
        .slices = slices,
      };

      g_ptr_array_add (self->target->allocations, slices);
      g_array_append_val (self->target->tensors, fresh);
      index = self->target->tensors->len;
      g_hash_table_insert (self->stacks, (gpointer) fresh.name, GUINT_TO_POINTER (index));
    }
  stack = &g_array_index (self->target->tensors, MoeGgufTensor, index - 1);
  if (from->type != stack->type || from->ne[0] != stack->ne[0] || from->ne[1] != stack->ne[1])
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tensor %s has another shape or type than those of the layer's other experts",
                   self->folder, from->name);
      return FALSE;
    }
  if (self->scales != NULL)
    lay_out_f8_later (self, from, index - 1, expert);
  ((const guint8 **) stack->slices)[expert] = from->data;
  stack->n_bytes += from->n_bytes;
  return TRUE;
}

/* One of two halves of the rows of each matrix, without copying them. */
static void
place_half (Placer              *self,
            const MoeSafetensor *from,
            char                *name,
            guint                half)
{
  gsize bytes = (gsize) (from->n_bytes / from->ne[2] / 2);
  MoeGgufTensor tensor = {
    .name = moe_hf_keep_name (self, name), .type = from->type, .n_dims = from->n_dims, .offset = from->offset,
    .ne = { from->ne[0], from->ne[1] / 2, from->ne[2], 1 }, .n_bytes = from->n_bytes / 2,
    .data = from->data + half * bytes,
  };

  if (from->n_dims == 3)
    {
      const guint8 **slices = g_new (const guint8 *, from->ne[2]);

      g_ptr_array_add (self->target->allocations, slices);
      for (guint64 e = 0; e < from->ne[2]; e++)
        slices[e] = from->data + (2 * e + half) * bytes;
      tensor.slices = slices;
    }
  g_array_append_val (self->target->tensors, tensor);
}

void
moe_hf_convert_later (MoeHfPlacer     *self,
                      char            *name,
                      MoeTensorType    type,
                      guint64          ne0,
                      guint64          ne1,
                      guint64          ne2,
                      guint64          n_bytes,
                      MoeHfConversion  how)
{
  MoeGgufTensor tensor = {
    .name = moe_hf_keep_name (self, name), .type = type, .n_dims = 3, .ne = { ne0, ne1, ne2, 1 },
    .n_bytes = n_bytes,
  };

  how.tensor = self->target->tensors->len;
  g_array_append_val (self->target->tensors, tensor);
  g_array_append_val (self->target->conversions, how);
}

/* Keys and values of all heads from what is cached. The engine wants them apart, and the keys' transposed:
 * see moe-mla.c. */
static gboolean
place_kv_b (Placer               *self,
            const MoeSafetensor  *from,
            guint                 layer,
            GError              **error)
{
  const MoeHfConfig *c = self->config;
  MoeTensorType type = self->scales != NULL ? MOE_TYPE_F32 : from->type;
  guint64 n_rows = (guint64) c->n_heads * (c->key_dim + c->value_dim);
  guint64 row = from->ne[0] * (type == MOE_TYPE_F32 ? 4 : 2);
  MoeHfConversion how = {
    .scales = self->scales != NULL ? self->scales->data : NULL,
    .scale_type = self->scales != NULL ? self->scales->type : MOE_TYPE_F32,
    .data = from->data, .n_rows = n_rows, .n_in = c->kv_rank, .n_heads = c->n_heads, .n_keys = c->key_dim,
    .n_values = c->value_dim,
  };

  if (from->n_dims != 2 || from->ne[0] != c->kv_rank || from->ne[1] != n_rows || n_rows == 0 ||
      c->key_dim == 0 || c->value_dim == 0 || (self->scales == NULL && !moe_hf_is_float (from)))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tensor %s does not have %u heads' %u + %u rows of %u floats", self->folder,
                   from->name, c->n_heads, c->key_dim, c->value_dim, c->kv_rank);
      return FALSE;
    }
  how.kind = MOE_HF_COPY_KEYS;
  moe_hf_convert_later (self, g_strdup_printf ("blk.%u.attn_k_b.weight", layer), type, c->key_dim,
                        c->kv_rank, c->n_heads, row * c->n_heads * c->key_dim, how);
  how.kind = MOE_HF_COPY_VALUES;
  moe_hf_convert_later (self, g_strdup_printf ("blk.%u.attn_v_b.weight", layer), type, c->kv_rank,
                        c->value_dim, c->n_heads, row * c->n_heads * c->value_dim, how);
  return TRUE;
}

static gboolean
place_fused (Placer               *self,
             const MoeSafetensor  *from,
             guint                 layer,
             guint                 index,
             GError              **error)
{
  gboolean experts = g_str_has_suffix (fused_names[index].gate, "_exps.weight");

  if (from->n_dims != (experts ? 3 : 2) || from->ne[1] % 2 != 0 || self->scales != NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the rows of the tensor %s cannot be halved",
                   self->folder, from->name);
      return FALSE;
    }
  place_half (self, from, g_strdup_printf ("blk.%u.%s", layer, fused_names[index].gate), 0);
  place_half (self, from, g_strdup_printf ("blk.%u.%s", layer, fused_names[index].up), 1);
  return TRUE;
}

/* FALSE without @error when it is not the name of an expert's matrix. */
static gboolean
place_numbered (Placer               *self,
                const MoeSafetensor  *from,
                guint                 layer,
                const char           *rest,
                GError              **error)
{
  guint expert;

  for (guint p = 0; p < G_N_ELEMENTS (expert_prefixes); p++)
    if (g_str_has_prefix (rest, expert_prefixes[p]))
      {
        rest += strlen (expert_prefixes[p]);
        if (!read_index (&rest, &expert))
          return FALSE;
        for (guint i = 0; i < G_N_ELEMENTS (expert_names); i++)
          if (g_str_equal (rest, expert_names[i].hf))
            return place_expert (self, from, expert_names[i].gguf, layer, expert, error);
        return FALSE;
      }
  return FALSE;
}

static gboolean
place_in_layer (Placer               *self,
                const MoeSafetensor  *from,
                guint                 layer,
                const char           *rest,
                GError              **error)
{
  guint family = self->config->family->bit;
  GError *local = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (layer_names); i++)
    if ((layer_names[i].families & family) != 0 && g_str_equal (rest, layer_names[i].hf))
      {
        place_one (self, from, g_strdup_printf ("blk.%u.%s", layer, layer_names[i].gguf));
        return TRUE;
      }
  for (guint i = 0; i < G_N_ELEMENTS (fused_names); i++)
    if ((fused_names[i].families & family) != 0 && g_str_equal (rest, fused_names[i].hf))
      return place_fused (self, from, layer, i, error);
  if ((family & MOE_HF_MLA) != 0 && g_str_equal (rest, "self_attn.kv_b_proj.weight"))
    return place_kv_b (self, from, layer, error);
  if (family == MOE_HF_GPT_OSS && g_str_has_prefix (rest, "mlp.experts."))
    return moe_hf_place_oss_experts (self, from, layer, rest + strlen ("mlp.experts."), error);
  if (place_numbered (self, from, layer, rest, &local))
    return TRUE;
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  place_one (self, from, g_strdup (from->name));
  return TRUE;
}

/* The number of the layer that @name belongs to, and what follows it in @rest; FALSE for others, and for
 * layers that the model does not have. */
static gboolean
read_layer (const Placer  *self,
            const char    *name,
            guint         *layer,
            const char   **rest)
{
  *rest = name;
  if (!g_str_has_prefix (name, "model.layers."))
    return FALSE;
  *rest += strlen ("model.layers.");
  return read_index (rest, layer) && *layer < self->config->n_layers + self->config->n_skipped;
}

/* What is not computed with by itself: scales; layers for the tokens after the next; rotary frequencies,
 * which old checkpoints store although they follow from rope_theta; an output that is the embedding. */
static gboolean
is_left_out (const Placer *self,
             const char   *name)
{
  const char *rest;
  guint layer;

  return moe_hf_f8_is_scale (self->all, name) ||
         (read_layer (self, name, &layer, &rest) && layer >= self->config->n_layers) ||
         g_str_has_suffix (name, ".rotary_emb.inv_freq") ||
         (self->config->tied && g_str_equal (name, "lm_head.weight"));
}

/* A name that is not known stays as it is: whoever uses the tensors refuses what is left over. */
static gboolean
place_tensor (Placer               *self,
              const MoeSafetensor  *from,
              GError              **error)
{
  const char *rest;
  guint layer;
  MoeSafetensor shown = *from;

  self->scales = NULL;
  if (is_left_out (self, from->name))
    return TRUE;
  if (from->type == MOE_TYPE_F8_E4M3)
    {
      self->scales = moe_hf_f8_find_scales (self->folder, self->all, from, error);
      if (self->scales == NULL)
        return FALSE;
      moe_hf_f8_present (&shown, FALSE);
      from = &shown;
    }
  for (guint i = 0; i < G_N_ELEMENTS (outer_names); i++)
    if (g_str_equal (from->name, outer_names[i].hf))
      {
        place_one (self, from, g_strdup (outer_names[i].gguf));
        return TRUE;
      }
  if (read_layer (self, from->name, &layer, &rest))
    return place_in_layer (self, from, layer, rest, error);
  place_one (self, from, g_strdup (from->name));
  return TRUE;
}

/* The lists of longrope as the tensors that files have. */
static void
place_factors (Placer *self)
{
  const MoeHfConfig *c = self->config;
  const struct { const char *name; const float *factors; } lists[] = {
    { "rope_factors_short.weight", c->short_factors }, { "rope_factors_long.weight", c->long_factors },
  };

  for (guint i = 0; c->n_factors > 0 && i < G_N_ELEMENTS (lists); i++)
    {
      MoeGgufTensor tensor = {
        .name = lists[i].name, .type = MOE_TYPE_F32, .n_dims = 1, .ne = { c->n_factors, 1, 1, 1 },
        .n_bytes = c->n_factors * sizeof (float),
      };

      tensor.data = g_memdup2 (lists[i].factors, (gsize) tensor.n_bytes);
      g_ptr_array_add (self->target->allocations, (gpointer) tensor.data);
      g_array_append_val (self->target->tensors, tensor);
    }
}

static gboolean
check_complete (Placer  *self,
                GError **error)
{
  if (!self->config->tied && !g_hash_table_contains (self->all, "lm_head.weight"))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor lm_head.weight is missing",
                   self->folder);
      return FALSE;
    }
  for (guint i = 0; i < self->target->tensors->len; i++)
    {
      const MoeGgufTensor *tensor = &g_array_index (self->target->tensors, MoeGgufTensor, i);

      for (guint e = 0; tensor->slices != NULL && e < tensor->ne[2]; e++)
        if (tensor->slices[e] == NULL)
          {
            g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s of expert %u is missing", self->folder,
                         tensor->name, e);
            return FALSE;
          }
    }
  return TRUE;
}

gboolean
moe_hf_place_tensors (const char         *folder,
                      MoeHfFolder        *target,
                      const MoeHfConfig  *config,
                      GError            **error)
{
  g_autoptr(GHashTable) all = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr(GHashTable) stacks = g_hash_table_new (g_str_hash, g_str_equal);
  Placer placer = { folder, target, config, all, stacks, NULL };

  if (config->n_experts > MAX_EXPERTS || config->n_layers > MAX_LAYERS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s/config.json: %u layers of %u experts are too many",
                   folder, config->n_layers, config->n_experts);
      return FALSE;
    }
  for (guint i = 0; i < target->shards->len; i++)
    for (guint j = 0; j < moe_safetensors_get_n_tensors (g_ptr_array_index (target->shards, i)); j++)
      {
        const MoeSafetensor *tensor = moe_safetensors_get_tensor (g_ptr_array_index (target->shards, i), j);

        if (g_hash_table_insert (all, (gpointer) tensor->name, (gpointer) tensor))
          continue;
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s is in two files", folder,
                     tensor->name);
        return FALSE;
      }
  for (guint i = 0; i < target->shards->len; i++)
    for (guint j = 0; j < moe_safetensors_get_n_tensors (g_ptr_array_index (target->shards, i)); j++)
      if (!place_tensor (&placer, moe_safetensors_get_tensor (g_ptr_array_index (target->shards, i), j),
                         error))
        return FALSE;
  place_factors (&placer);
  return check_complete (&placer, error);
}
