/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-bind"

#include "probes/moe-model-private.h"

#include "data/moe-error.h"

/* Finds a model's tensors and checks them. Names are those of llama.cpp's GGUF files. */
typedef struct
{
  MoeModel   *model;
  MoeGguf    *gguf;
  GHashTable *used;  /* set of MoeGgufTensor: what is left over is refused */
  int         layer; /* -1 outside of the layers */
} Binder;

typedef enum
{
  PRESENCE_ABSENT,   /* not part of the architecture: refused if it is there */
  PRESENCE_OPTIONAL,
  PRESENCE_REQUIRED,
} Presence;

/* The tensor @name of the present layer; NULL with @error unset when it need not be there. */
static const MoeGgufTensor *
find (Binder      *self,
      const char  *name,
      Presence     presence,
      GError     **error)
{
  g_autofree char *full = self->layer >= 0 ? g_strdup_printf ("blk.%d.%s", self->layer, name)
                                            : g_strdup (name);
  const MoeGgufTensor *tensor = presence != PRESENCE_ABSENT ? moe_gguf_find_tensor (self->gguf, full) : NULL;

  if (tensor != NULL)
    g_hash_table_add (self->used, (gpointer) tensor);
  else if (presence == PRESENCE_REQUIRED)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s is missing",
                 moe_gguf_get_path (self->gguf), full);
  return tensor;
}

/* Values are read in place, so they must lie where the processor may read them. */
static gboolean
check_aligned (Binder               *self,
               const MoeGgufTensor  *tensor,
               GError              **error)
{
  gsize n = tensor->slices != NULL ? (gsize) tensor->ne[2] : 1, aligned = 0;
  gsize size = tensor->type == MOE_TYPE_F16 || tensor->type == MOE_TYPE_BF16 ? 2 : sizeof (float);

  for (gsize i = 0; i < n; i++)
    if ((guintptr) (tensor->slices != NULL ? tensor->slices[i] : tensor->data) % size == 0)
      aligned++;
  if (aligned == n)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s starts at an odd offset",
               moe_gguf_get_path (self->gguf), tensor->name);
  return FALSE;
}

/* @n_matrices matrices of (@n_rows, @n_in) in a type there is a kernel for. */
static gboolean
bind_matrix (Binder      *self,
             const char  *name,
             Presence     presence,
             guint64      n_in,
             guint64      n_rows,
             guint64      n_matrices,
             MoeMatrix   *matrix,
             GError     **error)
{
  const MoeGgufTensor *tensor = find (self, name, presence, error);
  guint block, block_bytes;

  if (tensor == NULL)
    return presence != PRESENCE_REQUIRED;
  if (tensor->ne[0] != n_in || tensor->ne[1] != n_rows || tensor->ne[2] != n_matrices || tensor->ne[3] != 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tensor %s has the shape %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                   " x %" G_GUINT64_FORMAT " where %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                   " x %" G_GUINT64_FORMAT
                   " is expected", moe_gguf_get_path (self->gguf), tensor->name,
                   tensor->ne[0], tensor->ne[1], tensor->ne[2], n_in, n_rows, n_matrices);
      return FALSE;
    }
  if (moe_kernel_get (tensor->type, MOE_KERNELS_PLAIN) == NULL ||
      !moe_tensor_type_get_block (tensor->type, &block, &block_bytes))
    {
      const char *type = moe_tensor_type_get_name (tensor->type);

      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is stored as %s, which this version cannot compute with",
                   moe_gguf_get_path (self->gguf), tensor->name, type != NULL ? type : "an unknown type");
      return FALSE;
    }
  if (!check_aligned (self, tensor, error))
    return FALSE;
  matrix->tensor = tensor;
  matrix->data = tensor->data;
  matrix->slices = tensor->slices;
  matrix->type = tensor->type;
  matrix->n_in = n_in;
  matrix->n_rows = n_rows;
  matrix->n_matrices = n_matrices;
  matrix->row_bytes = n_in / block * block_bytes;
  return TRUE;
}

/* @n_rows rows of @n_in floats, one after the other; one row for a vector. */
static gboolean
bind_floats (Binder       *self,
             const char   *name,
             Presence      presence,
             guint64       n_in,
             guint64       n_rows,
             const float **floats,
             GError      **error)
{
  const MoeGgufTensor *tensor = find (self, name, presence, error);

  if (tensor == NULL)
    return presence != PRESENCE_REQUIRED;
  if (tensor->ne[0] != n_in || tensor->ne[1] != n_rows || tensor->ne[2] != 1 || tensor->ne[3] != 1)
    {
      if (n_rows == 1)
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                     "%s: the tensor %s does not have %" G_GUINT64_FORMAT " values",
                     moe_gguf_get_path (self->gguf), tensor->name, n_in);
      else
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                     "%s: the tensor %s does not have %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT " values",
                     moe_gguf_get_path (self->gguf), tensor->name, n_in, n_rows);
      return FALSE;
    }
  if (tensor->type != MOE_TYPE_F32)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is stored as %s instead of F32",
                   moe_gguf_get_path (self->gguf), tensor->name, moe_tensor_type_get_name (tensor->type));
      return FALSE;
    }
  *floats = (const float *) (gconstpointer) tensor->data;
  return check_aligned (self, tensor, error);
}

/* A part if the architecture has the flag. */
static Presence
optional_if (Binder       *self,
             MoeArchFlags  flag)
{
  return (self->model->arch->flags & flag) != 0 ? PRESENCE_OPTIONAL : PRESENCE_ABSENT;
}

static Presence
required_if (Binder       *self,
             MoeArchFlags  flag)
{
  return (self->model->arch->flags & flag) != 0 ? PRESENCE_REQUIRED : PRESENCE_ABSENT;
}

/* Rows @first to @first + @n of @whole as a matrix of their own. */
static MoeMatrix
slice_rows (const MoeMatrix *whole,
            gsize            first,
            gsize            n)
{
  MoeMatrix part = *whole;

  part.data += first * whole->row_bytes;
  part.n_rows = n;
  return part;
}

static gboolean
bind_qkv (Binder    *self,
          MoeLayer  *l,
          GError   **error)
{
  const MoeHparams *h = &self->model->h;
  guint64 d = h->width, q = h->n_heads * l->head_dim, k = l->n_kv_heads * l->head_dim;
  guint64 v = l->n_kv_heads * l->value_dim;
  Presence values = optional_if (self, MOE_ARCH_WINDOW_HEADS);
  MoeMatrix fused = { 0 };
  gboolean gated = (self->model->arch->flags & MOE_ARCH_QUERY_GATE) != 0;

  if ((self->model->arch->flags & MOE_ARCH_FUSED_QKV) == 0)
    return bind_matrix (self, "attn_q.weight", PRESENCE_REQUIRED, d, gated ? 2 * q : q, 1, &l->q, error) &&
           bind_matrix (self, "attn_k.weight", PRESENCE_REQUIRED, d, k, 1, &l->k, error) &&
           bind_matrix (self, "attn_v.weight", values == PRESENCE_ABSENT ? PRESENCE_REQUIRED : values, d, v,
                        1, &l->v, error);
  if (!bind_matrix (self, "attn_qkv.weight", PRESENCE_REQUIRED, d, q + k + v, 1, &fused, error))
    return FALSE;
  l->q = slice_rows (&fused, 0, q);
  l->k = slice_rows (&fused, q, k);
  l->v = slice_rows (&fused, q + k, v);
  return TRUE;
}

/* Only files of an older layout have attn_kv_b. */
static gboolean
bind_mla (Binder    *self,
          MoeLayer  *l,
          GError   **error)
{
  const MoeHparams *h = &self->model->h;
  guint64 d = h->width, heads = h->n_heads, own = h->head_dim - h->rope_dims;
  Presence low = h->q_rank > 0 ? PRESENCE_REQUIRED : PRESENCE_ABSENT;
  Presence absorbed = h->absorbed ? PRESENCE_REQUIRED : PRESENCE_ABSENT;
  Presence whole = h->absorbed ? PRESENCE_ABSENT : PRESENCE_REQUIRED;

  return bind_matrix (self, "attn_q_a.weight", low, d, h->q_rank, 1, &l->q_a, error) &&
         bind_floats (self, "attn_q_a_norm.weight", low, h->q_rank, 1, &l->q_a_norm, error) &&
         bind_matrix (self, h->q_rank > 0 ? "attn_q_b.weight" : "attn_q.weight", PRESENCE_REQUIRED,
                      h->q_rank > 0 ? h->q_rank : d, heads * h->head_dim, 1, &l->q, error) &&
         bind_matrix (self, "attn_kv_a_mqa.weight", PRESENCE_REQUIRED, d, h->kv_rank + h->rope_dims, 1,
                      &l->kv_a, error) &&
         bind_floats (self, "attn_kv_a_norm.weight", PRESENCE_REQUIRED, h->kv_rank, 1, &l->kv_a_norm,
                      error) &&
         bind_matrix (self, "attn_kv_b.weight", whole, h->kv_rank, heads * (own + h->value_dim), 1, &l->kv_b,
                      error) &&
         bind_matrix (self, "attn_k_b.weight", absorbed, own, h->kv_rank, heads, &l->k_b, error) &&
         bind_matrix (self, "attn_v_b.weight", absorbed, h->kv_rank, h->value_dim, heads, &l->v_b, error) &&
         bind_matrix (self, "attn_output.weight", PRESENCE_REQUIRED, heads * h->value_dim, d, 1, &l->output,
                      error);
}

static gboolean
bind_short_conv (Binder    *self,
                 MoeLayer  *l,
                 GError   **error)
{
  guint64 d = self->model->h.width;

  return bind_matrix (self, "shortconv.in_proj.weight", PRESENCE_REQUIRED, d, 3 * d, 1, &l->conv_in, error) &&
         bind_floats (self, "shortconv.conv.weight", PRESENCE_REQUIRED, self->model->h.conv_length, d,
                      &l->conv, error) &&
         bind_matrix (self, "shortconv.out_proj.weight", PRESENCE_REQUIRED, d, d, 1, &l->conv_out, error);
}

static gboolean
bind_delta_net (Binder       *self,
                MoeDeltaNet  *net,
                GError      **error)
{
  const MoeHparams *h = &self->model->h;
  guint64 d = h->width, heads = h->gdn_value_heads, v = heads * h->gdn_dim;
  guint64 k = (guint64) h->gdn_key_heads * h->gdn_dim;
  gboolean tiled = (self->model->arch->flags & MOE_ARCH_DELTA_TILED) != 0;
  Presence apart = tiled ? PRESENCE_REQUIRED : PRESENCE_ABSENT;
  Presence together = tiled ? PRESENCE_ABSENT : PRESENCE_REQUIRED, split;

  if (!bind_matrix (self, "ssm_in.weight", tiled ? PRESENCE_ABSENT : PRESENCE_OPTIONAL, d, 2 * (k + v), 1,
                    &net->qkvz, error))
    return FALSE;
  split = net->qkvz.data != NULL ? PRESENCE_ABSENT : PRESENCE_REQUIRED;
  return bind_matrix (self, "attn_qkv.weight", split, d, 2 * k + v, 1, &net->qkv, error) &&
         bind_matrix (self, "attn_gate.weight", split, d, v, 1, &net->z, error) &&
         bind_matrix (self, "ssm_ba.weight", together, d, 2 * heads, 1, &net->ba, error) &&
         bind_matrix (self, "ssm_beta.weight", apart, d, heads, 1, &net->beta, error) &&
         bind_matrix (self, "ssm_alpha.weight", apart, d, heads, 1, &net->alpha, error) &&
         bind_floats (self, "ssm_conv1d.weight", PRESENCE_REQUIRED, h->conv_length, 2 * k + v, &net->conv,
                      error) &&
         bind_floats (self, "ssm_dt.bias", PRESENCE_REQUIRED, heads, 1, &net->dt, error) &&
         bind_floats (self, "ssm_a", PRESENCE_REQUIRED, heads, 1, &net->a, error) &&
         bind_floats (self, "ssm_norm.weight", PRESENCE_REQUIRED, h->gdn_dim, 1, &net->norm, error) &&
         bind_matrix (self, "ssm_out.weight", PRESENCE_REQUIRED, v, d, 1, &net->out, error);
}

static gboolean
bind_attention (Binder    *self,
                MoeLayer  *l,
                GError   **error)
{
  const MoeHparams *h = &self->model->h;
  const MoeArch *arch = self->model->arch;
  guint64 d = h->width, q = h->n_heads * l->head_dim, k = l->n_kv_heads * l->head_dim;
  guint64 v = l->n_kv_heads * l->value_dim;
  gboolean whole = arch->qk_norm == MOE_QK_NORM_VECTOR;
  Presence norm = arch->qk_norm == MOE_QK_NORM_NONE ? PRESENCE_ABSENT
                  : (arch->flags & MOE_ARCH_QK_NORM_OPTIONAL) != 0 ? PRESENCE_OPTIONAL : PRESENCE_REQUIRED;
  Presence bias = optional_if (self, MOE_ARCH_QKV_BIAS), output = optional_if (self, MOE_ARCH_OUTPUT_BIAS);

  if (!bind_qkv (self, l, error) ||
      !bind_floats (self, "attn_q.bias", bias, q, 1, &l->q_bias, error) ||
      !bind_floats (self, "attn_k.bias", bias, k, 1, &l->k_bias, error) ||
      !bind_floats (self, "attn_v.bias", bias, v, 1, &l->v_bias, error) ||
      !bind_matrix (self, "attn_output.weight", PRESENCE_REQUIRED, h->n_heads * l->value_dim, d, 1,
                    &l->output, error) ||
      !bind_floats (self, "attn_output.bias", output, d, 1, &l->output_bias, error) ||
      !bind_floats (self, "attn_sinks.weight", required_if (self, MOE_ARCH_SINKS), h->n_heads, 1, &l->sinks,
                    error) ||
      !bind_floats (self, "attn_q_norm.weight", norm, whole ? q : l->head_dim, 1, &l->q_norm, error) ||
      !bind_floats (self, "attn_k_norm.weight", norm, whole ? k : l->head_dim, 1, &l->k_norm, error))
    return FALSE;
  if ((l->q_norm != NULL) == (l->k_norm != NULL))
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: layer %d has only one of attn_q_norm and attn_k_norm",
               moe_gguf_get_path (self->gguf), self->layer);
  return FALSE;
}

/* Three matrices, named by @suffix: "" or "_shexp". */
static gboolean
bind_feed_forward (Binder          *self,
                   const char      *suffix,
                   guint64          width,
                   MoeFeedForward  *block,
                   GError         **error)
{
  struct { const char *name; MoeMatrix *matrix; gboolean down; } matrices[] = {
    { "ffn_gate", &block->gate, FALSE }, { "ffn_up", &block->up, FALSE }, { "ffn_down", &block->down, TRUE },
  };
  guint64 d = self->model->h.width;

  for (guint i = 0; i < G_N_ELEMENTS (matrices); i++)
    {
      g_autofree char *name = g_strconcat (matrices[i].name, suffix, ".weight", NULL);

      if (!bind_matrix (self, name, PRESENCE_REQUIRED, matrices[i].down ? width : d,
                        matrices[i].down ? d : width, 1, matrices[i].matrix, error))
        return FALSE;
    }
  return TRUE;
}

/* Each expert's rows from @first on as a matrix of their own. */
static MoeMatrix
slice_experts (Binder          *self,
               const MoeMatrix *whole,
               gsize            first,
               gsize            n)
{
  MoeMatrix part = *whole;
  const guint8 **slices = g_new (const guint8 *, whole->n_matrices);

  for (gsize e = 0; e < whole->n_matrices; e++)
    slices[e] = moe_matrix_get_slice (whole, e) + first * whole->row_bytes;
  g_ptr_array_add (self->model->slices, slices);
  part.slices = slices;
  part.n_rows = n;
  return part;
}

/* Two tensors, or one: the rows of each expert's gate_proj, then those of its up_proj. */
static gboolean
bind_gate_up (Binder    *self,
              MoeLayer  *l,
              GError   **error)
{
  guint64 d = self->model->h.width, f = self->model->h.expert_width, e = self->model->h.n_experts;
  MoeMatrix merged = { 0 };

  if (!bind_matrix (self, "ffn_gate_up_exps.weight", optional_if (self, MOE_ARCH_MERGED_GATE_UP), d, 2 * f, e,
                    &merged, error))
    return FALSE;
  if (merged.tensor == NULL)
    return bind_matrix (self, "ffn_gate_exps.weight", PRESENCE_REQUIRED, d, f, e, &l->gate, error) &&
           bind_matrix (self, "ffn_up_exps.weight", PRESENCE_REQUIRED, d, f, e, &l->up, error);
  l->gate = slice_experts (self, &merged, 0, f);
  l->up = slice_experts (self, &merged, f, f);
  return TRUE;
}

static gboolean
bind_experts (Binder    *self,
              MoeLayer  *l,
              GError   **error)
{
  const MoeHparams *h = &self->model->h;
  guint64 d = h->width, e = h->n_experts, f = h->expert_width;
  Presence bias = required_if (self, MOE_ARCH_EXPERT_BIAS), selection = required_if (
    self, MOE_ARCH_SELECTION_BIAS_REQUIRED);

  gboolean dense = self->model->arch->shared == MOE_SHARED_DENSE;

  if (selection == PRESENCE_ABSENT)
    selection = optional_if (self, MOE_ARCH_SELECTION_BIAS);
  if (!bind_matrix (self, "ffn_gate_inp.weight", PRESENCE_REQUIRED, d, e, 1, &l->router, error) ||
      !bind_floats (self, "ffn_gate_inp.bias", required_if (self, MOE_ARCH_ROUTER_BIAS), e, 1,
                    &l->router_bias, error) ||
      !bind_floats (self, "exp_probs_b.bias", selection, e, 1, &l->selection_bias, error) ||
      !bind_gate_up (self, l, error) ||
      !bind_matrix (self, "ffn_down_exps.weight", PRESENCE_REQUIRED, f, d, e, &l->down, error) ||
      !bind_floats (self, "ffn_gate_exps.bias", bias, f, e, &l->gate_bias, error) ||
      !bind_floats (self, "ffn_up_exps.bias", bias, f, e, &l->up_bias, error) ||
      !bind_floats (self, "ffn_down_exps.bias", bias, d, e, &l->down_bias, error))
    return FALSE;
  return h->shared_width == 0 ||
         (bind_feed_forward (self, dense ? "" : "_shexp", h->shared_width, &l->shared, error) &&
          bind_floats (self, "ffn_gate_inp_shexp.weight", required_if (self, MOE_ARCH_SHARED_GATE), d, 1,
                       &l->shared_gate, error));
}

/* What Gemma 4 has besides; its dense block is the shared expert here. */
static gboolean
bind_post_norms (Binder    *self,
                 MoeLayer  *l,
                 GError   **error)
{
  guint64 d = self->model->h.width;

  return bind_floats (self, "post_attention_norm.weight", PRESENCE_REQUIRED, d, 1, &l->attention_post_norm,
                      error) &&
         bind_floats (self, "ffn_norm.weight", PRESENCE_REQUIRED, d, 1, &l->shared_norm, error) &&
         bind_floats (self, "post_ffw_norm_1.weight", PRESENCE_REQUIRED, d, 1, &l->shared_post_norm, error) &&
         bind_floats (self, "post_ffw_norm_2.weight", PRESENCE_REQUIRED, d, 1, &l->routed_post_norm, error) &&
         bind_floats (self, "post_ffw_norm.weight", PRESENCE_REQUIRED, d, 1, &l->moe_post_norm, error) &&
         bind_floats (self, "ffn_gate_inp.scale", PRESENCE_REQUIRED, d, 1, &l->router_scale, error) &&
         bind_floats (self, "ffn_down_exps.scale", PRESENCE_OPTIONAL, self->model->h.n_experts, 1,
                      &l->down_scale, error) &&
         bind_floats (self, "layer_output_scale.weight", PRESENCE_OPTIONAL, 1, 1, &l->output_scale, error);
}

static void
set_heads (Binder   *self,
           MoeLayer *l)
{
  const MoeHparams *h = &self->model->h;
  gboolean own = (self->model->arch->flags & MOE_ARCH_WINDOW_HEADS) != 0;

  l->n_kv_heads = own ? h->kv_heads[self->layer] : h->n_kv_heads;
  l->head_dim = own && l->window != 0 ? h->window_head_dim : h->head_dim;
  l->value_dim = own ? l->head_dim : h->value_dim;
  l->rope_dims = own && l->window != 0 ? h->window_rope_dims : h->rope_dims;
}

static gboolean
bind_layer (Binder    *self,
            GError   **error)
{
  const MoeHparams *h = &self->model->h;
  MoeLayer *l = &self->model->layers[self->layer];
  gboolean post = (self->model->arch->flags & MOE_ARCH_POST_NORM) != 0;
  gboolean norms = (self->model->arch->flags & MOE_ARCH_POST_NORMS) != 0;
  Presence bias = required_if (self, MOE_ARCH_NORM_BIAS);
  MoeLayerFlags kind = h->layers[self->layer];

  if ((kind & MOE_LAYER_WINDOW) != 0)
    l->window = h->window;
  set_heads (self, l);
  return bind_floats (self, "attn_norm.weight", PRESENCE_REQUIRED, h->width, 1, &l->attention_norm, error) &&
         bind_floats (self, "attn_norm.bias", bias, h->width, 1, &l->attention_norm_bias, error) &&
         (h->kv_rank > 0 ? bind_mla (self, l, error)
          : (kind & MOE_LAYER_DELTA_NET) != 0 ? bind_delta_net (self, &l->delta_net, error)
          : (kind & MOE_LAYER_CONV) != 0 ? bind_short_conv (self, l, error)
          : bind_attention (self, l, error)) &&
         bind_floats (self, norms ? "pre_ffw_norm_2.weight" : post ? "post_attention_norm.weight"
                      : "ffn_norm.weight", PRESENCE_REQUIRED, h->width, 1, &l->moe_norm, error) &&
         (!norms || bind_post_norms (self, l, error)) &&
         bind_floats (self, "ffn_norm.bias", bias, h->width, 1, &l->moe_norm_bias, error) &&
         ((kind & MOE_LAYER_DENSE) != 0 ? bind_feed_forward (self, "", h->dense_width, &l->dense, error)
                                        : bind_experts (self, l, error));
}

/* Divisors of the rotary frequencies: one set, or two between which the context decides. */
static gboolean
bind_rope_factors (Binder  *self,
                   GError **error)
{
  MoeModel *model = self->model;
  guint half = model->h.rope_dims / 2;
  Presence longrope = model->h.rope.kind == MOE_ROPE_LONGROPE ? PRESENCE_REQUIRED : PRESENCE_OPTIONAL;

  if (!bind_floats (self, "rope_freqs.weight", PRESENCE_OPTIONAL, half, 1, &model->rope_short, error))
    return FALSE;
  if (model->rope_short != NULL)
    {
      model->rope_long = model->rope_short;
      return TRUE;
    }
  return bind_floats (self, "rope_factors_short.weight", PRESENCE_OPTIONAL, half, 1, &model->rope_short,
                      error) &&
         bind_floats (self, "rope_factors_long.weight", longrope, half, 1, &model->rope_long, error);
}

gboolean
moe_hparams_skip_tensor (const MoeHparams *h,
                         const char       *name)
{
  char *end = NULL;
  guint64 layer;

  if (h->n_skipped == 0 || !g_str_has_prefix (name, "blk.") || !g_ascii_isdigit (name[4]))
    return FALSE;
  layer = g_ascii_strtoull (name + 4, &end, 10);
  return *end == '.' && layer >= h->n_layers && layer < (guint64) h->n_layers + h->n_skipped;
}

/* A tensor that nothing here uses would change the result in the program it was made for: better refused
 * than ignored. */
static gboolean
check_all_used (Binder  *self,
                GError **error)
{
  for (guint i = 0; i < moe_gguf_get_n_tensors (self->gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (self->gguf, i);

      if (g_hash_table_contains (self->used, tensor) ||
          moe_hparams_skip_tensor (&self->model->h, tensor->name))
        continue;
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is not part of the architecture %s as it is known here",
                   moe_gguf_get_path (self->gguf), tensor->name, self->model->arch->name);
      return FALSE;
    }
  return TRUE;
}

gboolean
moe_model_bind (MoeModel  *self,
                GError   **error)
{
  const MoeHparams *h = &self->h;
  g_autoptr(GHashTable) used = g_hash_table_new (NULL, NULL);
  Binder binder = { self, self->gguf, used, -1 };
  Presence bias = required_if (&binder, MOE_ARCH_NORM_BIAS);
  gboolean conv = (self->arch->flags & MOE_ARCH_SHORT_CONV) != 0;

  if (!bind_matrix (&binder, "token_embd.weight", PRESENCE_REQUIRED, h->width, h->vocabulary, 1,
                    &self->embedding, error) ||
      !bind_matrix (&binder, "output.weight", PRESENCE_OPTIONAL, h->width, h->vocabulary, 1, &self->logits,
                    error) ||
      !bind_floats (&binder, conv ? "token_embd_norm.weight" : "output_norm.weight", PRESENCE_REQUIRED,
                    h->width, 1, &self->output_norm, error) ||
      !bind_floats (&binder, "output_norm.bias", bias, h->width, 1, &self->output_norm_bias, error) ||
      !bind_floats (&binder, "output.bias", bias, h->vocabulary, 1, &self->logit_bias, error) ||
      !bind_rope_factors (&binder, error))
    return FALSE;
  if (self->logits.data == NULL)
    self->logits = self->embedding;

  /* Each layer needs several tensors: a layer count far above the file's must not make us allocate for it. */
  if (h->n_layers > moe_gguf_get_n_tensors (self->gguf))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u layers but only %u tensors",
                   moe_gguf_get_path (self->gguf), h->n_layers, moe_gguf_get_n_tensors (self->gguf));
      return FALSE;
    }
  self->layers = g_new0 (MoeLayer, h->n_layers);
  for (binder.layer = 0; binder.layer < (int) h->n_layers; binder.layer++)
    if (!bind_layer (&binder, error))
      return FALSE;
  return check_all_used (&binder, error);
}
