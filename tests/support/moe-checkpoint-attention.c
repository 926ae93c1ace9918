/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-checkpoint-attention"

#include "tests/support/moe-checkpoint-builder.h"

/* Small enough for every prompt to cross. */
#define WINDOW 8
#define ORIGINAL_CONTEXT 16

/* Of a short convolution, in tokens. */
#define CONV_LENGTH 3

/* Of gated DeltaNets, with values of NET_DIM or, in the larger shape, twice that. */
#define NET_CONV_LENGTH 4
#define NET_KEY_HEADS 2
#define NET_VALUE_HEADS 4
#define NET_DIM 32

/* Of latent attention. */
#define Q_RANK 64
#define KV_RANK 32
#define ROPE_DIMS 16
#define VALUE_DIM 32

static gboolean
has (const MoeCheckpointBuilder *self,
     MoeFamilyFlags              flag)
{
  return (self->family->flags & flag) != 0;
}

/* The layers between have attention. */
static gboolean
is_conv (const MoeCheckpointBuilder *self,
         guint                       layer)
{
  return has (self, MOE_FAMILY_SHORT_CONV) && layer % 3 != 1;
}

/* The second of three layers has attention; one more at the end, which nobody runs, has it too. */
static gboolean
is_net (const MoeCheckpointBuilder *self,
        guint                       layer)
{
  return has (self, MOE_FAMILY_DELTA_NET) && layer < self->checkpoint->n_layers && layer % 3 != 1;
}

static guint
get_net_dim (const MoeCheckpointBuilder *self)
{
  return self->checkpoint->width > 64 ? 2 * NET_DIM : NET_DIM;
}

#define KEY(what) (g_snprintf (key, sizeof key, "%s." what, moe_family_get_architecture (self->family)), key)

static void
add_rope_keys (MoeCheckpointBuilder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeGgufWriter *w = self->writer;
  char key[80];

  if (has (self, MOE_FAMILY_YARN))
    {
      moe_gguf_writer_add_string (w, KEY ("rope.scaling.type"), "yarn");
      moe_gguf_writer_add_float (w, KEY ("rope.scaling.factor"), 4.0f);
      moe_gguf_writer_add_uint (w, KEY ("rope.scaling.original_context_length"), ORIGINAL_CONTEXT);
    }
  if (has (self, MOE_FAMILY_SECTIONS))
    {
      gint32 pairs = (gint32) c->head_dim / (has (self, MOE_FAMILY_ROPE_HALF) ? 4 : 2);
      gint32 sections[4] = { (pairs + 2) / 3, (pairs + 1) / 3, pairs / 3, 0 };

      moe_gguf_writer_add_array (w, KEY ("rope.dimension_sections"), MOE_GGUF_INT32, sections, 4);
    }
  if (has (self, MOE_FAMILY_LONGROPE))
    {
      /* One file is meant for the context it runs with, another was stretched to it. */
      moe_gguf_writer_add_uint (w, KEY ("rope.scaling.original_context_length"),
                                self->checkpoint->rope_factors ? 4096 : ORIGINAL_CONTEXT);
      moe_gguf_writer_add_float (w, KEY ("rope.scaling.attn_factor"), 1.19f);
    }
}

static void
add_mla_keys (MoeCheckpointBuilder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeGgufWriter *w = self->writer;
  char key[80];

  moe_gguf_writer_add_float (w, KEY ("rope.scaling.yarn_log_multiplier"), 0.0707f);
  moe_gguf_writer_add_uint (w, KEY ("rope.dimension_count"), ROPE_DIMS);
  moe_gguf_writer_add_uint (w, KEY ("attention.kv_lora_rank"), KV_RANK);
  if (!c->lite)
    moe_gguf_writer_add_uint (w, KEY ("attention.q_lora_rank"), Q_RANK);
  if (c->absorbed)
    {
      moe_gguf_writer_add_uint (w, KEY ("attention.key_length_mla"), c->head_dim);
      moe_gguf_writer_add_uint (w, KEY ("attention.value_length_mla"), VALUE_DIM);
    }
  moe_gguf_writer_add_uint (w, KEY ("attention.key_length"), c->absorbed ? KV_RANK + ROPE_DIMS : c->head_dim);
  moe_gguf_writer_add_uint (w, KEY ("attention.value_length"), c->absorbed ? KV_RANK : VALUE_DIM);
  moe_gguf_writer_add_uint (w, KEY ("attention.head_count_kv"), c->absorbed ? 1 : c->n_heads);
}

static void
add_net_keys (MoeCheckpointBuilder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeGgufWriter *w = self->writer;
  guint n = c->n_layers + (has (self, MOE_FAMILY_NEXTN) ? 1 : 0);
  g_autofree guint8 *recurrent = g_new (guint8, n);
  char key[80];

  for (guint layer = 0; layer < n; layer++)
    recurrent[layer] = is_net (self, layer);
  moe_gguf_writer_add_array (w, KEY ("attention.recurrent_layers"), MOE_GGUF_BOOL, recurrent, n);
  moe_gguf_writer_add_uint (w, KEY ("ssm.conv_kernel"), NET_CONV_LENGTH);
  moe_gguf_writer_add_uint (w, KEY ("ssm.state_size"), get_net_dim (self));
  moe_gguf_writer_add_uint (w, KEY ("ssm.group_count"), NET_KEY_HEADS);
  moe_gguf_writer_add_uint (w, KEY ("ssm.time_step_rank"), NET_VALUE_HEADS);
  moe_gguf_writer_add_uint (w, KEY ("ssm.inner_size"), NET_VALUE_HEADS * get_net_dim (self));
}

void
moe_checkpoint_add_attention_keys (MoeCheckpointBuilder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeGgufWriter *w = self->writer;
  char key[80];

  if (has (self, MOE_FAMILY_GEMMA))
    {
      moe_checkpoint_add_gemma_keys (self);
      return;
    }
  add_rope_keys (self);
  if (has (self, MOE_FAMILY_DELTA_NET))
    add_net_keys (self);
  if (has (self, MOE_FAMILY_SINKS))
    moe_gguf_writer_add_uint (w, KEY ("attention.sliding_window"), WINDOW);
  /* The other way round than without it. */
  if (has (self, MOE_FAMILY_SINKS) && has (self, MOE_FAMILY_ARRAYS))
    {
      static const guint8 pattern[] = { 0, 1, 1 };

      g_assert (c->n_layers == G_N_ELEMENTS (pattern));
      moe_gguf_writer_add_array (w, KEY ("attention.sliding_window_pattern"), MOE_GGUF_BOOL, pattern,
                                 c->n_layers);
    }
  if (has (self, MOE_FAMILY_MLA))
    {
      add_mla_keys (self);
      return;
    }
  if (c->head_dim * c->n_heads != c->width)
    {
      moe_gguf_writer_add_uint (w, KEY ("attention.key_length"), c->head_dim);
      moe_gguf_writer_add_uint (w, KEY ("attention.value_length"), c->head_dim);
    }
  if (has (self, MOE_FAMILY_ROPE_DIMS))
    moe_gguf_writer_add_uint (w, KEY ("rope.dimension_count"), c->head_dim);
  if (has (self, MOE_FAMILY_ROPE_HALF))
    moe_gguf_writer_add_uint (w, KEY ("rope.dimension_count"), c->head_dim / 2);
  if (has (self, MOE_FAMILY_SHORT_CONV))
    {
      g_autofree gint32 *heads = g_new (gint32, c->n_layers);

      for (guint layer = 0; layer < c->n_layers; layer++)
        heads[layer] = is_conv (self, layer) ? 0 : (gint32) c->n_kv_heads;
      moe_gguf_writer_add_array (w, KEY ("attention.head_count_kv"), MOE_GGUF_INT32, heads, c->n_layers);
      moe_gguf_writer_add_uint (w, KEY ("shortconv.l_cache"), CONV_LENGTH);
    }
  else
    moe_checkpoint_add_layer_key (self, "attention.head_count_kv", c->n_kv_heads);
}
#undef KEY

#define NAME(what) (g_snprintf (name, sizeof name, "blk.%u." what, layer), name)

static void
add_mla (MoeCheckpointBuilder *self,
         guint                 layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  guint q = c->n_heads * c->head_dim, own = c->head_dim - ROPE_DIMS;
  char name[64];

  if (c->lite)
    moe_checkpoint_add_matrix (self, NAME ("attn_q.weight"), c->type, 1.0f, c->width, q, 0);
  else
    {
      moe_checkpoint_add_matrix (self, NAME ("attn_q_a.weight"), c->type, 1.0f, c->width, Q_RANK, 0);
      moe_checkpoint_add_values (self, NAME ("attn_q_a_norm.weight"), 1.0f, 0.2f, Q_RANK, 0);
      moe_checkpoint_add_matrix (self, NAME ("attn_q_b.weight"), c->type, 1.0f, Q_RANK, q, 0);
    }
  moe_checkpoint_add_matrix (self, NAME ("attn_kv_a_mqa.weight"), c->type, 1.0f, c->width,
                             KV_RANK + ROPE_DIMS, 0);
  moe_checkpoint_add_values (self, NAME ("attn_kv_a_norm.weight"), 1.0f, 0.2f, KV_RANK, 0);
  if (c->absorbed)
    {
      moe_checkpoint_add_matrix (self, NAME ("attn_k_b.weight"), c->type, 1.0f, own, KV_RANK, c->n_heads);
      moe_checkpoint_add_matrix (self, NAME ("attn_v_b.weight"), c->type, 1.0f, KV_RANK, VALUE_DIM,
                                 c->n_heads);
    }
  else
    moe_checkpoint_add_matrix (self, NAME ("attn_kv_b.weight"), c->type, 1.0f, KV_RANK,
                               c->n_heads * (own + VALUE_DIM), 0);
  moe_checkpoint_add_matrix (self, NAME ("attn_output.weight"), c->type, 1.0f, c->n_heads * VALUE_DIM,
                             c->width, 0);
}

static void
add_conv (MoeCheckpointBuilder *self,
          guint                 layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  char name[64];

  moe_checkpoint_add_matrix (self, NAME ("shortconv.in_proj.weight"), c->type, 1.0f, c->width, 3 * c->width,
                             0);
  moe_checkpoint_add_matrix (self, NAME ("shortconv.conv.weight"), MOE_TYPE_F32, 1.0f, CONV_LENGTH, c->width,
                             0);
  moe_checkpoint_add_matrix (self, NAME ("shortconv.out_proj.weight"), c->type, 1.0f, c->width, c->width, 0);
}

static void
add_net (MoeCheckpointBuilder *self,
         guint                 layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  guint dim = get_net_dim (self), k = NET_KEY_HEADS * dim, v = NET_VALUE_HEADS * dim;
  gboolean old = g_str_equal (self->family->name, "qwen3next-old");
  char name[64];

  if (old)
    moe_checkpoint_add_matrix (self, NAME ("ssm_in.weight"), c->type, 1.0f, c->width, 2 * (k + v), 0);
  else
    {
      moe_checkpoint_add_matrix (self, NAME ("attn_qkv.weight"), c->type, 1.0f, c->width, 2 * k + v, 0);
      moe_checkpoint_add_matrix (self, NAME ("attn_gate.weight"), c->type, 1.0f, c->width, v, 0);
    }
  if (g_str_equal (moe_family_get_architecture (self->family), "qwen3next"))
    moe_checkpoint_add_matrix (self, NAME ("ssm_ba.weight"), c->type, 1.0f, c->width, 2 * NET_VALUE_HEADS, 0);
  else
    {
      moe_checkpoint_add_matrix (self, NAME ("ssm_beta.weight"), c->type, 1.0f, c->width, NET_VALUE_HEADS, 0);
      moe_checkpoint_add_matrix (self, NAME ("ssm_alpha.weight"), c->type, 1.0f, c->width, NET_VALUE_HEADS,
                                 0);
    }
  moe_checkpoint_add_matrix (self, NAME ("ssm_conv1d.weight"), MOE_TYPE_F32, 1.0f, NET_CONV_LENGTH, 2 * k + v,
                             0);
  moe_checkpoint_add_values (self, NAME ("ssm_dt.bias"), -2.0f, 1.0f, NET_VALUE_HEADS, 0);
  /* Some heads remember a few tokens, others many. */
  moe_checkpoint_add_values (self, NAME ("ssm_a"), -0.6f, 0.25f, NET_VALUE_HEADS, 0);
  moe_checkpoint_add_values (self, NAME ("ssm_norm.weight"), 1.0f, 0.2f, dim, 0);
  moe_checkpoint_add_matrix (self, NAME ("ssm_out.weight"), c->type, 1.0f, v, c->width, 0);
}

gboolean
moe_checkpoint_add_other_mixer (MoeCheckpointBuilder *self,
                                guint                 layer)
{
  if (has (self, MOE_FAMILY_MLA))
    add_mla (self, layer);
  else if (is_conv (self, layer))
    add_conv (self, layer);
  else if (is_net (self, layer))
    add_net (self, layer);
  else
    return FALSE;
  return TRUE;
}

void
moe_checkpoint_add_attention_rest (MoeCheckpointBuilder *self,
                                   guint                 layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  char name[64];

  if (has (self, MOE_FAMILY_OUTPUT_BIAS))
    moe_checkpoint_add_values (self, NAME ("attn_output.bias"), 0.0f, 0.3f, c->width, 0);
  /* Of the size of the scores: some sinks take most of a row, others little. */
  if (has (self, MOE_FAMILY_SINKS))
    moe_checkpoint_add_values (self, NAME ("attn_sinks.weight"), 1.0f, 1.5f, c->n_heads, 0);
}

void
moe_checkpoint_add_rope_factors (MoeCheckpointBuilder *self)
{
  guint half = self->checkpoint->head_dim / 2;

  if (!has (self, MOE_FAMILY_LONGROPE))
    return;
  moe_checkpoint_add_values (self, "rope_factors_short.weight", 1.1f, 0.05f, half, 0);
  moe_checkpoint_add_values (self, "rope_factors_long.weight", 3.0f, 1.0f, half, 0);
}
