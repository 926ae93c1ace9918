/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-checkpoint-gemma"

#include "tests/support/moe-checkpoint-builder.h"

#include <math.h>

/* Gemma 4: the second of three layers sees everything, with heads twice as wide, one key-value head, and no
 * attn_v; the others see a window. */

#define WINDOW 8

static gboolean
is_wide (guint layer)
{
  return layer % 3 == 1;
}

static guint
get_head_dim (const MoeCheckpointBuilder *self,
              guint                       layer)
{
  return is_wide (layer) ? 2 * self->checkpoint->head_dim : self->checkpoint->head_dim;
}

#define KEY(what) (g_snprintf (key, sizeof key, "gemma4." what), key)

void
moe_checkpoint_add_gemma_keys (MoeCheckpointBuilder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeGgufWriter *w = self->writer;
  g_autofree gint32 *heads = g_new (gint32, c->n_layers);
  g_autofree guint8 *windows = g_new (guint8, c->n_layers);
  char key[80];

  for (guint layer = 0; layer < c->n_layers; layer++)
    {
      heads[layer] = is_wide (layer) ? 1 : (gint32) c->n_kv_heads;
      windows[layer] = !is_wide (layer);
    }
  moe_gguf_writer_add_array (w, KEY ("attention.head_count_kv"), MOE_GGUF_INT32, heads, c->n_layers);
  moe_gguf_writer_add_array (w, KEY ("attention.sliding_window_pattern"), MOE_GGUF_BOOL, windows,
                             c->n_layers);
  moe_gguf_writer_add_uint (w, KEY ("attention.sliding_window"), WINDOW);
  moe_gguf_writer_add_uint (w, KEY ("attention.key_length"), 2 * c->head_dim);
  moe_gguf_writer_add_uint (w, KEY ("attention.value_length"), 2 * c->head_dim);
  moe_gguf_writer_add_uint (w, KEY ("attention.key_length_swa"), c->head_dim);
  moe_gguf_writer_add_uint (w, KEY ("attention.value_length_swa"), c->head_dim);
  moe_gguf_writer_add_uint (w, KEY ("rope.dimension_count"), 2 * c->head_dim);
  moe_gguf_writer_add_uint (w, KEY ("rope.dimension_count_swa"), c->head_dim);
  moe_gguf_writer_add_float (w, KEY ("rope.freq_base_swa"), 5000.0f);
  moe_gguf_writer_add_uint (w, KEY ("embedding_length_per_layer_input"), 0);
  /* Of the size of a few logits, so that it shows. */
  moe_gguf_writer_add_float (w, KEY ("final_logit_softcapping"), 6.0f);
}
#undef KEY

#define NAME(what) (g_snprintf (name, sizeof name, "blk.%u." what, layer), name)

static void
add_norm (MoeCheckpointBuilder *self,
          const char           *name)
{
  moe_checkpoint_add_values (self, name, 1.0f, 0.2f, self->checkpoint->width, 0);
}

static void
add_attention (MoeCheckpointBuilder *self,
               guint                 layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  guint dim = get_head_dim (self, layer), q = c->n_heads * dim;
  guint kv = (is_wide (layer) ? 1 : c->n_kv_heads) * dim;
  char name[64];

  add_norm (self, NAME ("attn_norm.weight"));
  moe_checkpoint_add_matrix (self, NAME ("attn_q.weight"), c->type, 1.0f, c->width, q, 0);
  moe_checkpoint_add_matrix (self, NAME ("attn_k.weight"), c->type, 1.0f, c->width, kv, 0);
  if (!is_wide (layer))
    moe_checkpoint_add_matrix (self, NAME ("attn_v.weight"), c->down_type, 1.0f, c->width, kv, 0);
  moe_checkpoint_add_matrix (self, NAME ("attn_output.weight"), c->type, 1.0f, q, c->width, 0);
  /* Scores are not divided by anything. */
  moe_checkpoint_add_values (self, NAME ("attn_q_norm.weight"), 0.5f, 0.1f, dim, 0);
  moe_checkpoint_add_values (self, NAME ("attn_k_norm.weight"), 0.5f, 0.1f, dim, 0);
  add_norm (self, NAME ("post_attention_norm.weight"));
}

void
moe_checkpoint_add_gemma_layer (MoeCheckpointBuilder *self,
                                guint                 layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  guint dense = 3 * c->width;
  char name[64];

  add_attention (self, layer);
  moe_checkpoint_add_values (self, NAME ("layer_output_scale.weight"), 0.8f, 0.1f, 1, 0);
  add_norm (self, NAME ("ffn_norm.weight"));
  moe_checkpoint_add_matrix (self, NAME ("ffn_gate.weight"), c->type, 1.0f, c->width, dense, 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_up.weight"), c->type, 1.0f, c->width, dense, 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_down.weight"), c->down_type, 2.0f, dense, c->width, 0);
  add_norm (self, NAME ("post_ffw_norm_1.weight"));
  add_norm (self, NAME ("pre_ffw_norm_2.weight"));
  add_norm (self, NAME ("post_ffw_norm_2.weight"));
  /* GELU is rounded to halves on both sides, but not of the same floats: that shows in the logits. */
  moe_checkpoint_add_values (self, NAME ("post_ffw_norm.weight"), 0.3f, 0.06f, c->width, 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_gate_inp.weight"), MOE_TYPE_F32, 3.0f, c->width, c->n_experts,
                             0);
  /* The router's input is divided by the square root of the width. */
  moe_checkpoint_add_values (self, NAME ("ffn_gate_inp.scale"), sqrtf ((float) c->width),
                             0.2f * sqrtf ((float) c->width), c->width, 0);
  if ((self->family->flags & MOE_FAMILY_MERGED) != 0)
    moe_checkpoint_add_matrix (self, NAME ("ffn_gate_up_exps.weight"), c->type, 1.0f, c->width,
                               2 * c->expert_width, c->n_experts);
  else
    {
      moe_checkpoint_add_matrix (self, NAME ("ffn_gate_exps.weight"), c->type, 1.0f, c->width,
                                 c->expert_width, c->n_experts);
      moe_checkpoint_add_matrix (self, NAME ("ffn_up_exps.weight"), c->type, 1.0f, c->width, c->expert_width,
                                 c->n_experts);
    }
  moe_checkpoint_add_matrix (self, NAME ("ffn_down_exps.weight"), c->down_type, 2.0f, c->expert_width,
                             c->width, c->n_experts);
  moe_checkpoint_add_values (self, NAME ("ffn_down_exps.scale"), 1.0f, 0.3f, c->n_experts, 0);
}

void
moe_checkpoint_add_gemma_rest (MoeCheckpointBuilder *self)
{
  moe_checkpoint_add_values (self, "rope_freqs.weight", 2.0f, 0.5f, self->checkpoint->head_dim, 0);
}
