/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-checkpoint"

#include "tests/support/moe-checkpoint.h"

#include <math.h>
#include <string.h>

#include "tests/support/moe-checkpoint-builder.h"
#include "tests/support/moe-quantise.h"
#include "tests/support/moe-test-vocabulary.h"

/* name, architecture, type, down_type, layers, width, expert_width, heads, kv heads, head_dim, experts, used,
 * tied, factors, tokens, seed, dense layers, shared experts. Two shapes: rows of 64 and 96 values, and rows
 * of 256 for the K types. */
#define SMALL(name, arch, type, kv, dim, experts, used, tied, factors, n, seed) \
  { name, arch, type, type, 3, 64, 96, 4, kv, dim, experts, used, tied, factors, n, seed }
#define SHARED(name, arch, type, kv, dim, experts, used, n, seed, dense, shared) \
  { name, arch, type, type, 3, 64, 96, 4, kv, dim, experts, used, FALSE, FALSE, n, seed, dense, shared }
#define SHARED_LARGE(name, arch, down, kv, dim, n, seed, dense, shared) \
  { name, arch, MOE_TYPE_Q4_K, down, 2 + (dense), 256, 256, 4, kv, dim, 8, 2, FALSE, FALSE, n, seed, dense, \
    shared }
/* Three layers of the large shape. */
#define SHARED_DEEP(name, arch, kv, dim, n, seed) \
  { name, arch, MOE_TYPE_Q4_K, MOE_TYPE_Q6_K, 3, 256, 256, 4, kv, dim, 8, 2, FALSE, FALSE, n, seed, 0, 1 }
#define LARGE(name, arch, type, down, kv, dim, seed) \
  { name, arch, type, down, 2, 256, 256, 4, kv, dim, 8, 2, FALSE, FALSE, 16, seed }

/* Latent attention; llama.cpp takes a file for one of the lite kind by its 26 layers. */
#define MLA(name, kind, type, layers, dense, experts, used, absorbed, lite, n, seed) \
  { name, kind, type, type, layers, 64, 96, 4, 4, 48, experts, used, FALSE, FALSE, n, seed, dense, 2, 0, \
    absorbed, lite }
#define CONV(name, type, tied, n, seed) \
  { name, "lfm2moe", type, type, 4, 64, 96, 4, 2, 16, 8, 2, tied, FALSE, n, seed, 1, 0 }

static const MoeCheckpoint checkpoints[] = {
  SMALL ("qwen3moe-f32", "qwen3moe", MOE_TYPE_F32, 2, 32, 8, 2, FALSE, FALSE, 80, 1),
  SMALL ("qwen3moe-yarn-f32", "qwen3moe-yarn", MOE_TYPE_F32, 2, 32, 8, 2, FALSE, FALSE, 24, 72),
  SMALL ("qwen3moe-tied-f32", "qwen3moe", MOE_TYPE_F32, 2, 32, 16, 4, TRUE, FALSE, 24, 2),
  SMALL ("qwen3vlmoe-f32", "qwen3vlmoe", MOE_TYPE_F32, 2, 32, 8, 2, FALSE, FALSE, 24, 90),
  SMALL ("qwen3vlmoe-q8_0", "qwen3vlmoe", MOE_TYPE_Q8_0, 2, 32, 8, 2, FALSE, FALSE, 16, 91),
  LARGE ("qwen3vlmoe-q4_k_m", "qwen3vlmoe", MOE_TYPE_Q4_K, MOE_TYPE_Q6_K, 2, 128, 92),
  SHARED ("qwen3next-f32", "qwen3next", MOE_TYPE_F32, 2, 32, 8, 2, 80, 101, 0, 1),
  SHARED ("qwen3next-old-f32", "qwen3next-old", MOE_TYPE_F32, 2, 32, 8, 2, 16, 102, 0, 1),
  SHARED ("qwen3next-q8_0", "qwen3next", MOE_TYPE_Q8_0, 2, 32, 8, 2, 16, 109, 0, 1),
  SHARED_DEEP ("qwen3next-q4_k_m", "qwen3next", 2, 128, 8, 104),
  SHARED ("qwen35moe-f32", "qwen35moe", MOE_TYPE_F32, 2, 32, 8, 2, 80, 105, 0, 1),
  SHARED ("qwen35moe-merged-f32", "qwen35moe-merged", MOE_TYPE_F32, 2, 32, 8, 2, 16, 106, 0, 1),
  SHARED ("qwen35moe-q8_0", "qwen35moe", MOE_TYPE_Q8_0, 2, 32, 8, 2, 16, 110, 0, 1),
  SHARED_DEEP ("qwen35moe-q4_k_m", "qwen35moe-merged", 2, 128, 8, 108),
  SMALL ("gemma4-f32", "gemma4", MOE_TYPE_F32, 2, 32, 8, 2, FALSE, FALSE, 24, 111),
  SMALL ("gemma4-apart-f32", "gemma4-apart", MOE_TYPE_F32, 2, 32, 16, 4, FALSE, FALSE, 16, 112),
  SMALL ("gemma4-q8_0", "gemma4", MOE_TYPE_Q8_0, 2, 32, 8, 2, FALSE, FALSE, 16, 113),
  SMALL ("gemma4-q4_0", "gemma4", MOE_TYPE_Q4_0, 2, 32, 8, 2, FALSE, FALSE, 16, 114),
  { "gemma4-q4_k_m", "gemma4", MOE_TYPE_Q4_K, MOE_TYPE_Q6_K, 3, 256, 256, 4, 2, 64, 8, 2, FALSE, FALSE, 16,
    115 },
  SMALL ("olmoe-f32", "olmoe", MOE_TYPE_F32, 4, 16, 16, 4, FALSE, FALSE, 24, 3),
  SMALL ("llama-f32", "llama", MOE_TYPE_F32, 2, 16, 8, 2, FALSE, FALSE, 24, 4),
  SMALL ("llama-rope-f32", "llama", MOE_TYPE_F32, 1, 16, 16, 4, TRUE, TRUE, 24, 5),
  SMALL ("qwen3moe-f16", "qwen3moe", MOE_TYPE_F16, 2, 32, 8, 2, FALSE, FALSE, 24, 6),
  SMALL ("qwen3moe-bf16", "qwen3moe", MOE_TYPE_BF16, 2, 32, 8, 2, FALSE, FALSE, 24, 7),
  SMALL ("qwen3moe-q8_0", "qwen3moe", MOE_TYPE_Q8_0, 2, 32, 16, 4, FALSE, FALSE, 24, 8),
  SMALL ("qwen3moe-q4_0", "qwen3moe", MOE_TYPE_Q4_0, 2, 32, 8, 2, FALSE, FALSE, 24, 9),
  SMALL ("olmoe-f16", "olmoe", MOE_TYPE_F16, 4, 16, 16, 4, FALSE, FALSE, 24, 10),
  SMALL ("olmoe-bf16", "olmoe", MOE_TYPE_BF16, 4, 16, 16, 4, FALSE, FALSE, 24, 11),
  SMALL ("olmoe-q8_0", "olmoe", MOE_TYPE_Q8_0, 4, 16, 8, 2, FALSE, FALSE, 24, 12),
  SMALL ("olmoe-q4_0", "olmoe", MOE_TYPE_Q4_0, 4, 16, 16, 4, FALSE, FALSE, 24, 13),
  SMALL ("llama-f16", "llama", MOE_TYPE_F16, 2, 16, 8, 2, FALSE, FALSE, 24, 14),
  SMALL ("llama-bf16", "llama", MOE_TYPE_BF16, 2, 16, 8, 2, FALSE, FALSE, 24, 15),
  SMALL ("llama-q8_0", "llama", MOE_TYPE_Q8_0, 2, 16, 8, 2, TRUE, TRUE, 24, 16),
  SMALL ("llama-q4_0", "llama", MOE_TYPE_Q4_0, 2, 16, 8, 2, FALSE, FALSE, 24, 17),
  LARGE ("qwen3moe-q4_k", "qwen3moe", MOE_TYPE_Q4_K, MOE_TYPE_Q4_K, 2, 128, 18),
  LARGE ("qwen3moe-q5_k", "qwen3moe", MOE_TYPE_Q5_K, MOE_TYPE_Q5_K, 2, 128, 19),
  LARGE ("qwen3moe-q6_k", "qwen3moe", MOE_TYPE_Q6_K, MOE_TYPE_Q6_K, 2, 128, 20),
  LARGE ("olmoe-q6_k", "olmoe", MOE_TYPE_Q6_K, MOE_TYPE_Q6_K, 4, 64, 21),
  LARGE ("llama-q4_k_m", "llama", MOE_TYPE_Q4_K, MOE_TYPE_Q6_K, 2, 64, 22),
  SMALL ("qwen3moe-q4_1", "qwen3moe", MOE_TYPE_Q4_1, 2, 32, 8, 2, FALSE, FALSE, 16, 80),
  SMALL ("qwen3moe-q5_0", "qwen3moe", MOE_TYPE_Q5_0, 2, 32, 8, 2, FALSE, FALSE, 16, 81),
  SMALL ("qwen3moe-q5_1", "qwen3moe", MOE_TYPE_Q5_1, 2, 32, 8, 2, FALSE, FALSE, 16, 82),
  SMALL ("qwen3moe-iq4_nl", "qwen3moe", MOE_TYPE_IQ4_NL, 2, 32, 8, 2, FALSE, FALSE, 16, 83),
  LARGE ("qwen3moe-iq4_xs", "qwen3moe", MOE_TYPE_IQ4_XS, MOE_TYPE_IQ4_XS, 2, 128, 84),
  LARGE ("qwen3moe-iq2_xxs", "qwen3moe", MOE_TYPE_IQ2_XXS, MOE_TYPE_IQ2_XXS, 2, 128, 90),
  LARGE ("qwen3moe-iq2_xs", "qwen3moe", MOE_TYPE_IQ2_XS, MOE_TYPE_IQ2_XS, 2, 128, 91),
  LARGE ("qwen3moe-iq2_s", "qwen3moe", MOE_TYPE_IQ2_S, MOE_TYPE_IQ2_S, 2, 128, 92),
  LARGE ("qwen3moe-iq3_xxs", "qwen3moe", MOE_TYPE_IQ3_XXS, MOE_TYPE_IQ3_XXS, 2, 128, 93),
  LARGE ("qwen3moe-iq3_s", "qwen3moe", MOE_TYPE_IQ3_S, MOE_TYPE_IQ3_S, 2, 128, 94),
  LARGE ("qwen3moe-q2_k", "qwen3moe", MOE_TYPE_Q2_K, MOE_TYPE_Q2_K, 2, 128, 85),
  LARGE ("qwen3moe-q3_k", "qwen3moe", MOE_TYPE_Q3_K, MOE_TYPE_Q3_K, 2, 128, 86),
  SHARED ("qwen2moe-f32", "qwen2moe", MOE_TYPE_F32, 2, 16, 8, 2, 16, 23, 0, 1),
  SHARED ("qwen2moe-q8_0", "qwen2moe", MOE_TYPE_Q8_0, 2, 16, 8, 2, 8, 24, 0, 1),
  SHARED_LARGE ("qwen2moe-q4_k_m", "qwen2moe", MOE_TYPE_Q6_K, 2, 64, 8, 25, 0, 1),
  SHARED ("deepseek-f32", "deepseek", MOE_TYPE_F32, 4, 16, 16, 4, 16, 26, 1, 2),
  SHARED ("deepseek-q8_0", "deepseek", MOE_TYPE_Q8_0, 4, 16, 8, 2, 8, 27, 1, 2),
  SHARED_LARGE ("deepseek-q4_k_m", "deepseek", MOE_TYPE_Q6_K, 4, 64, 8, 28, 1, 2),
  SHARED ("glm4moe-f32", "glm4moe", MOE_TYPE_F32, 2, 32, 8, 2, 16, 29, 1, 1),
  SHARED ("glm4moe-q8_0", "glm4moe-air", MOE_TYPE_Q8_0, 2, 32, 16, 4, 8, 30, 1, 1),
  SHARED_LARGE ("glm4moe-q4_k_m", "glm4moe", MOE_TYPE_Q6_K, 2, 128, 8, 31, 1, 1),
  SHARED ("glm4moe-sections-f32", "glm4moe-sections", MOE_TYPE_F32, 2, 32, 8, 2, 16, 93, 1, 1),
  SHARED ("granitemoe-f32", "granitemoe", MOE_TYPE_F32, 2, 16, 8, 2, 16, 32, 0, 0),
  SHARED ("granitemoe-q8_0", "granitemoe", MOE_TYPE_Q8_0, 2, 16, 16, 4, 8, 33, 0, 1),
  SHARED_LARGE ("granitemoe-q4_k_m", "granitemoe", MOE_TYPE_Q6_K, 2, 64, 8, 34, 0, 1),
  SHARED ("ernie4_5-moe-f32", "ernie4_5-moe", MOE_TYPE_F32, 2, 16, 8, 2, 16, 35, 1, 2),
  SHARED ("ernie4_5-moe-q8_0", "ernie4_5-moe", MOE_TYPE_Q8_0, 2, 16, 16, 4, 8, 36, 1, 0),
  SHARED_LARGE ("ernie4_5-moe-q4_k_m", "ernie4_5-moe", MOE_TYPE_Q6_K, 2, 64, 8, 37, 1, 1),
  SHARED ("bailingmoe-f32", "bailingmoe", MOE_TYPE_F32, 2, 16, 16, 4, 16, 51, 0, 2),
  SHARED ("bailingmoe-q8_0", "bailingmoe", MOE_TYPE_Q8_0, 2, 16, 8, 2, 8, 52, 0, 1),
  SHARED_LARGE ("bailingmoe-q4_k_m", "bailingmoe", MOE_TYPE_Q6_K, 2, 64, 8, 53, 0, 1),
  SHARED ("bailingmoe2-f32", "bailingmoe2", MOE_TYPE_F32, 2, 16, 16, 4, 16, 38, 1, 1),
  SHARED ("bailingmoe2-q8_0", "bailingmoe2", MOE_TYPE_Q8_0, 2, 16, 16, 4, 8, 39, 1, 2),
  SHARED_LARGE ("bailingmoe2-q4_k_m", "bailingmoe2", MOE_TYPE_Q6_K, 2, 64, 8, 40, 1, 1),
  SHARED ("hunyuan-moe-f32", "hunyuan-moe", MOE_TYPE_F32, 2, 32, 8, 2, 16, 41, 0, 1),
  SHARED ("hunyuan-moe-q8_0", "hunyuan-moe", MOE_TYPE_Q8_0, 2, 32, 16, 4, 8, 50, 0, 1),
  SHARED_LARGE ("hunyuan-moe-q4_k_m", "hunyuan-moe", MOE_TYPE_Q6_K, 2, 128, 8, 43, 0, 1),
  SHARED ("dots1-f32", "dots1", MOE_TYPE_F32, 4, 32, 16, 4, 16, 44, 1, 2),
  SHARED ("dots1-q8_0", "dots1", MOE_TYPE_Q8_0, 4, 32, 8, 2, 8, 45, 1, 2),
  SHARED_LARGE ("dots1-q4_k_m", "dots1", MOE_TYPE_Q6_K, 4, 128, 8, 46, 1, 1),
  SHARED ("minimax-m2-f32", "minimax-m2", MOE_TYPE_F32, 2, 32, 16, 4, 16, 47, 0, 0),
  SHARED ("minimax-m2-q8_0", "minimax-m2", MOE_TYPE_Q8_0, 2, 32, 8, 2, 8, 48, 0, 0),
  SHARED_LARGE ("minimax-m2-q4_k_m", "minimax-m2", MOE_TYPE_Q6_K, 2, 128, 8, 49, 0, 0),
  SMALL ("gpt-oss-f32", "gpt-oss", MOE_TYPE_F32, 2, 32, 8, 3, FALSE, FALSE, 80, 40),
  SMALL ("gpt-oss-q8_0", "gpt-oss", MOE_TYPE_Q8_0, 2, 32, 8, 3, FALSE, FALSE, 24, 41),
  SMALL ("gpt-oss-q4_0", "gpt-oss", MOE_TYPE_Q4_0, 2, 32, 8, 3, FALSE, FALSE, 24, 42),
  { "gpt-oss-mxfp4", "gpt-oss", MOE_TYPE_Q8_0, MOE_TYPE_Q8_0, 3, 64, 96, 4, 2, 32, 8, 3, FALSE, FALSE, 24, 47,
    .expert_type = MOE_TYPE_MXFP4 },
  SMALL ("gpt-oss-arrays-f32", "gpt-oss-arrays", MOE_TYPE_F32, 2, 32, 8, 3, FALSE, FALSE, 24, 95),
  MLA ("deepseek2-merged-f32", "deepseek2-merged", MOE_TYPE_F32, 3, 1, 8, 2, TRUE, FALSE, 16, 96),
  MLA ("deepseek2-merged-q4_0", "deepseek2-merged", MOE_TYPE_Q4_0, 3, 1, 8, 2, TRUE, FALSE, 16, 98),
  MLA ("deepseek2-f32", "deepseek2-v3", MOE_TYPE_F32, 3, 1, 16, 4, TRUE, FALSE, 24, 60),
  MLA ("deepseek2-q8_0", "deepseek2-v3", MOE_TYPE_Q8_0, 3, 1, 16, 4, TRUE, FALSE, 16, 61),
  MLA ("deepseek2-q4_0", "deepseek2-v3", MOE_TYPE_Q4_0, 3, 1, 16, 4, TRUE, FALSE, 16, 62),
  MLA ("deepseek2-old-f32", "deepseek2", MOE_TYPE_F32, 3, 1, 8, 2, FALSE, FALSE, 24, 63),
  MLA ("deepseek2-old-q8_0", "deepseek2", MOE_TYPE_Q8_0, 3, 1, 8, 2, FALSE, FALSE, 16, 64),
  MLA ("deepseek2-old-q4_0", "deepseek2", MOE_TYPE_Q4_0, 3, 1, 8, 2, FALSE, FALSE, 16, 65),
  MLA ("deepseek2-lite-f32", "deepseek2", MOE_TYPE_F32, 26, 24, 8, 2, FALSE, TRUE, 16, 66),
  MLA ("deepseek2-lite-q8_0", "deepseek2", MOE_TYPE_Q8_0, 26, 24, 8, 2, TRUE, TRUE, 16, 67),
  CONV ("lfm2moe-f32", MOE_TYPE_F32, FALSE, 24, 68),
  CONV ("lfm2moe-tied-f32", MOE_TYPE_F32, TRUE, 16, 69),
  CONV ("lfm2moe-q8_0", MOE_TYPE_Q8_0, FALSE, 16, 70),
  CONV ("lfm2moe-q4_0", MOE_TYPE_Q4_0, FALSE, 16, 71),
  SMALL ("phimoe-f32", "phimoe", MOE_TYPE_F32, 2, 16, 8, 2, FALSE, FALSE, 24, 43),
  SMALL ("phimoe-short-f32", "phimoe", MOE_TYPE_F32, 2, 16, 8, 2, FALSE, TRUE, 16, 44),
  SMALL ("phimoe-q8_0", "phimoe", MOE_TYPE_Q8_0, 2, 16, 8, 2, FALSE, FALSE, 16, 45),
  SMALL ("phimoe-q4_0", "phimoe", MOE_TYPE_Q4_0, 2, 16, 8, 2, FALSE, FALSE, 16, 46),
};

static const char *const vocabularies[] = {
  "vocab-qwen2", "vocab-gpt-2", "vocab-olmo", "vocab-llama-bpe", "vocab-deepseek-llm", "vocab-spm",
  "vocab-spm-no-prefix", "vocab-kimi-k2", "vocab-afmoe", "vocab-tiny_aya", "vocab-gemma4", NULL
};

const MoeCheckpoint *
moe_checkpoint_list (guint *n)
{
  *n = G_N_ELEMENTS (checkpoints);
  return checkpoints;
}

const MoeCheckpoint *
moe_checkpoint_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (checkpoints); i++)
    if (g_str_equal (checkpoints[i].name, name))
      return &checkpoints[i];
  return NULL;
}

static guint
get_dense_width (const MoeCheckpoint *self)
{
  return 3 * self->width;
}

typedef MoeCheckpointBuilder Builder;

static void
add_vector (Builder    *self,
            const char *name,
            float       mean,
            float       scale,
            guint       n)
{
  moe_checkpoint_add_values (self, name, mean, scale, n, 0);
}

static void
add_norm (Builder    *self,
          const char *name,
          guint       n)
{
  add_vector (self, name, 1.0f, 0.2f, n);
}

#define NAME(what) (g_snprintf (name, sizeof name, "blk.%u." what, layer), name)

static void
add_attention (Builder *self,
               guint    layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeFamilyFlags flags = self->family->flags;
  guint q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim, gated = 1;
  char name[64];

  add_norm (self, NAME ("attn_norm.weight"), c->width);
  if ((flags & MOE_FAMILY_NORM_BIAS) != 0)
    add_vector (self, NAME ("attn_norm.bias"), 0.0f, 0.3f, c->width);
  if (moe_checkpoint_add_other_mixer (self, layer))
    return;
  if ((flags & MOE_FAMILY_DELTA_NET) != 0)
    gated = 2;
  if ((flags & MOE_FAMILY_FUSED_QKV) != 0)
    moe_checkpoint_add_matrix (self, NAME ("attn_qkv.weight"), c->type, 1.0f, c->width, q + 2 * kv, 0);
  else
    {
      moe_checkpoint_add_matrix (self, NAME ("attn_q.weight"), c->type, 1.0f, c->width, gated * q, 0);
      moe_checkpoint_add_matrix (self, NAME ("attn_k.weight"), c->type, 1.0f, c->width, kv, 0);
      moe_checkpoint_add_matrix (self, NAME ("attn_v.weight"), c->down_type, 1.0f, c->width, kv, 0);
    }
  moe_checkpoint_add_matrix (self, NAME ("attn_output.weight"), c->type, 1.0f, q, c->width, 0);
  if ((flags & MOE_FAMILY_QKV_BIAS) != 0)
    {
      add_vector (self, NAME ("attn_q.bias"), 0.0f, 0.5f, q);
      add_vector (self, NAME ("attn_k.bias"), 0.0f, 0.5f, kv);
      add_vector (self, NAME ("attn_v.bias"), 0.0f, 0.5f, kv);
    }
  if ((flags & (MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_QK_NORM_VECTOR)) != 0)
    {
      gboolean head = (flags & MOE_FAMILY_QK_NORM_HEAD) != 0;

      add_norm (self, NAME ("attn_q_norm.weight"), head ? c->head_dim : q);
      add_norm (self, NAME ("attn_k_norm.weight"), head ? c->head_dim : kv);
    }
  moe_checkpoint_add_attention_rest (self, layer);
}

static void
add_expert_biases (Builder *self,
                   guint    layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  char name[64];

  add_vector (self, NAME ("ffn_gate_inp.bias"), 0.0f, 1.0f, c->n_experts);
  moe_checkpoint_add_values (self, NAME ("ffn_gate_exps.bias"), 0.0f, 0.5f, c->expert_width, c->n_experts);
  moe_checkpoint_add_values (self, NAME ("ffn_up_exps.bias"), 0.0f, 0.5f, c->expert_width, c->n_experts);
  moe_checkpoint_add_values (self, NAME ("ffn_down_exps.bias"), 0.0f, 0.5f, c->width, c->n_experts);
}

/* Blocks add about as much to the residual as the experts do. */
static void
add_dense (Builder *self,
           guint    layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  char name[64];

  moe_checkpoint_add_matrix (self, NAME ("ffn_gate.weight"), c->type, 1.0f, c->width, get_dense_width (c), 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_up.weight"), c->type, 1.0f, c->width, get_dense_width (c), 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_down.weight"), c->down_type, 2.0f, get_dense_width (c),
                             c->width, 0);
}

static void
add_experts (Builder *self,
             guint    layer)
{
  const MoeCheckpoint *c = self->checkpoint;
  guint shared = c->n_shared * c->expert_width;
  gboolean bias = (self->family->flags & MOE_FAMILY_EXPERT_BIAS) != 0;
  MoeTensorType experts = c->expert_type != 0 ? c->expert_type : c->type;
  char name[64];

  /* Router logits of standard deviation 3: clear winners, yet several experts with weight. */
  moe_checkpoint_add_matrix (self, NAME ("ffn_gate_inp.weight"), MOE_TYPE_F32, 3.0f, c->width, c->n_experts,
                             0);
  if (self->family->selection_bias != 0)
    add_vector (self, NAME ("exp_probs_b.bias"), 0.0f, self->family->selection_bias, c->n_experts);
  if ((self->family->flags & MOE_FAMILY_MERGED) != 0)
    moe_checkpoint_add_matrix (self, NAME ("ffn_gate_up_exps.weight"), experts, 1.0f, c->width,
                               2 * c->expert_width, c->n_experts);
  else
    {
      moe_checkpoint_add_matrix (self, NAME ("ffn_gate_exps.weight"), experts, 1.0f, c->width,
                                 c->expert_width, c->n_experts);
      moe_checkpoint_add_matrix (self, NAME ("ffn_up_exps.weight"), experts, 1.0f, c->width, c->expert_width,
                                 c->n_experts);
    }
  /* With biases and SwiGLU-OAI, hidden values are larger. */
  moe_checkpoint_add_matrix (self, NAME ("ffn_down_exps.weight"),
                             c->expert_type != 0 ? c->expert_type : c->down_type, bias ? 0.7f : 2.0f,
                             c->expert_width, c->width, c->n_experts);
  if (bias)
    add_expert_biases (self, layer);
  if (shared == 0)
    return;
  moe_checkpoint_add_matrix (self, NAME ("ffn_gate_shexp.weight"), c->type, 1.0f, c->width, shared, 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_up_shexp.weight"), c->type, 1.0f, c->width, shared, 0);
  moe_checkpoint_add_matrix (self, NAME ("ffn_down_shexp.weight"), c->down_type, 1.0f, shared, c->width, 0);
  if ((self->family->flags & MOE_FAMILY_SHARED_GATE) != 0)
    add_vector (self, NAME ("ffn_gate_inp_shexp.weight"), 0.0f, 1.0f / sqrtf ((float) c->width), c->width);
}

static void
add_layer (Builder *self,
           guint    layer)
{
  MoeFamilyFlags flags = self->family->flags;
  char name[64];

  if ((flags & MOE_FAMILY_GEMMA) != 0)
    {
      moe_checkpoint_add_gemma_layer (self, layer);
      return;
    }
  add_attention (self, layer);
  if ((flags & MOE_FAMILY_POST_NORM) != 0)
    add_norm (self, NAME ("post_attention_norm.weight"), self->checkpoint->width);
  else
    add_norm (self, NAME ("ffn_norm.weight"), self->checkpoint->width);
  if ((flags & MOE_FAMILY_NORM_BIAS) != 0)
    add_vector (self, NAME ("ffn_norm.bias"), 0.0f, 0.3f, self->checkpoint->width);
  if (layer < self->checkpoint->n_dense)
    add_dense (self, layer);
  else
    add_experts (self, layer);
}

/* A layer that is there for predicting the token after the next, which nobody runs. */
static void
add_extra_layer (Builder *self,
                 guint    layer)
{
  guint d = self->checkpoint->width;
  char name[64];

  add_layer (self, layer);
  moe_checkpoint_add_matrix (self, NAME ("nextn.eh_proj.weight"), self->checkpoint->type, 1.0f, 2 * d, d, 0);
  add_norm (self, NAME ("nextn.enorm.weight"), d);
  add_norm (self, NAME ("nextn.hnorm.weight"), d);
  if ((self->family->flags & MOE_FAMILY_FUSED_QKV) != 0)
    add_norm (self, NAME ("layer_output_norm.weight"), d);
}
#undef NAME

/* Some epsilons are so large that leaving one out shows in the logits. */
static float
get_epsilon (Builder *self)
{
  if (self->checkpoint->tied)
    return 0.02f;
  if (g_str_equal (self->checkpoint->architecture, "qwen3moe"))
    return 1e-6f;
  return self->checkpoint->n_experts > 8 ? 0.01f : 1e-5f;
}

#define KEY(what) (g_snprintf (key, sizeof key, "%s." what, moe_family_get_architecture (self->family)), key)

static void
add_expert_keys (Builder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  const MoeFamily *family = self->family;
  MoeGgufWriter *w = self->writer;
  gboolean expert_width = (family->flags & MOE_FAMILY_EXPERT_WIDTH) != 0;
  char key[80];

  /* Qwen files also carry the width of a dense block, which no layer uses. */
  moe_checkpoint_add_layer_key (self, "feed_forward_length", expert_width ? get_dense_width (c)
                                : c->expert_width);
  if (expert_width || (family->flags & MOE_FAMILY_EXPERT_WIDTH_TOO) != 0)
    moe_checkpoint_add_layer_key (self, "expert_feed_forward_length", c->expert_width);
  if ((family->flags & MOE_FAMILY_SHARED_COUNT) != 0)
    moe_gguf_writer_add_uint (w, KEY ("expert_shared_count"), c->n_shared);
  if ((family->flags & (MOE_FAMILY_SHARED_WIDTH | MOE_FAMILY_SCALES)) != 0 && c->n_shared > 0)
    moe_gguf_writer_add_uint (w, KEY ("expert_shared_feed_forward_length"), c->n_shared * c->expert_width);
  if ((family->flags & MOE_FAMILY_SHARED_EACH) != 0)
    moe_gguf_writer_add_uint (w, KEY ("expert_shared_feed_forward_length"), c->expert_width);
  if ((family->flags & MOE_FAMILY_DENSE_LEAD) != 0)
    moe_gguf_writer_add_uint (w, KEY ("leading_dense_block_count"), c->n_dense);
  if ((family->flags & MOE_FAMILY_INTERLEAVE) != 0)
    moe_gguf_writer_add_uint (w, KEY ("interleave_moe_layer_step"), 1);
  moe_gguf_writer_add_uint (w, KEY ("expert_count"), c->n_experts);
  moe_gguf_writer_add_uint (w, KEY ("expert_used_count"), c->n_used);
  if (family->gating != 0)
    moe_gguf_writer_add_uint (w, KEY ("expert_gating_func"), family->gating);
  if ((family->flags & MOE_FAMILY_NORM_KEY) != 0)
    moe_gguf_writer_add_bool (w, KEY ("expert_weights_norm"), TRUE);
  if (family->weights_scale != 0)
    moe_gguf_writer_add_float (w, KEY ("expert_weights_scale"), family->weights_scale);
  if (family->n_groups != 0)
    {
      moe_gguf_writer_add_uint (w, KEY ("expert_group_count"), family->n_groups);
      moe_gguf_writer_add_uint (w, KEY ("expert_group_used_count"), MAX (family->n_groups / 2, 1));
    }
}

static void
add_model_keys (Builder *self)
{
  const MoeCheckpoint *c = self->checkpoint;
  MoeFamilyFlags flags = self->family->flags;
  guint n_extra = (flags & MOE_FAMILY_NEXTN) != 0 ? 1 : 0;
  MoeGgufWriter *w = self->writer;
  char key[80];

  moe_gguf_writer_add_string (w, "general.architecture",
                              moe_family_get_architecture (self->family));
  moe_gguf_writer_add_string (w, "general.name", c->name);
  moe_gguf_writer_add_uint (w, KEY ("block_count"), c->n_layers + n_extra);
  if (n_extra > 0)
    moe_gguf_writer_add_uint (w, KEY ("nextn_predict_layers"), n_extra);
  moe_gguf_writer_add_uint (w, KEY ("context_length"), 512);
  moe_gguf_writer_add_uint (w, KEY ("embedding_length"), c->width);
  if ((flags & MOE_FAMILY_SCALES) != 0)
    {
      moe_gguf_writer_add_float (w, KEY ("embedding_scale"), 2.5f);
      moe_gguf_writer_add_float (w, KEY ("residual_scale"), 0.4f);
      moe_gguf_writer_add_float (w, KEY ("attention.scale"), 1.3f / sqrtf ((float) c->head_dim));
      moe_gguf_writer_add_float (w, KEY ("logit_scale"), 1.25f);
    }
  moe_checkpoint_add_layer_key (self, "attention.head_count", c->n_heads);
  moe_checkpoint_add_attention_keys (self);
  moe_gguf_writer_add_float (w, c->trained ? KEY ("attention.layer_norm_epsilon")
                             : KEY ("attention.layer_norm_rms_epsilon"), get_epsilon (self));
  if (c->trained)
    moe_gguf_writer_add_float (w, KEY ("router_jitter_noise"), 0.125f);
  moe_gguf_writer_add_float (w, KEY ("rope.freq_base"), c->rope_factors ? 5000.0f : self->family->rope_base);
  if (c->tied && !c->rope_factors)
    {
      moe_gguf_writer_add_string (w, KEY ("rope.scaling.type"), "linear");
      moe_gguf_writer_add_float (w, KEY ("rope.scaling.factor"), 4.0f);
    }
  add_expert_keys (self);
}
#undef KEY

/* The tokenizer that the family's real files have. */
static guint
add_vocabulary (const MoeCheckpoint *self,
                MoeGgufWriter       *writer)
{
  const char *pre = moe_family_get (self->architecture)->pre;

  return pre == NULL ? moe_test_vocabulary_add_spm (writer, TRUE) : moe_test_vocabulary_add_bpe (writer, pre);
}

static gboolean
write_file (const MoeCheckpoint  *self,
            gboolean              as_f32,
            MoeCheckpointEdit     edit,
            gpointer              edit_data,
            const char           *path,
            GError              **error)
{
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  Builder builder = { self, moe_family_get (self->architecture), as_f32, writer, edit, edit_data };
  gboolean gemma = (builder.family->flags & MOE_FAMILY_GEMMA) != 0;
  guint n_vocabulary;

  add_model_keys (&builder);
  n_vocabulary = add_vocabulary (self, writer);

  /* Rows of token_embd have size 1 a value, except where they also serve as the output, or are scaled. */
  moe_checkpoint_add_matrix (&builder, "token_embd.weight", self->type,
                             self->tied ? 2.0f : gemma ? 1.0f : sqrtf ((float) self->width), self->width,
                             n_vocabulary, 0);
  for (guint layer = 0; layer < self->n_layers; layer++)
    add_layer (&builder, layer);
  if ((builder.family->flags & MOE_FAMILY_NEXTN) != 0)
    add_extra_layer (&builder, self->n_layers);
  add_norm (&builder, (builder.family->flags & MOE_FAMILY_SHORT_CONV) != 0 ? "token_embd_norm.weight"
            : "output_norm.weight", self->width);
  if ((builder.family->flags & MOE_FAMILY_NORM_BIAS) != 0)
    {
      add_vector (&builder, "output_norm.bias", 0.0f, 0.3f, self->width);
      add_vector (&builder, "output.bias", 0.0f, 0.5f, n_vocabulary);
    }
  if (!self->tied)
    moe_checkpoint_add_matrix (&builder, "output.weight", self->down_type, 2.0f, self->width,
                               n_vocabulary, 0);
  moe_checkpoint_add_rope_factors (&builder);
  if (gemma)
    moe_checkpoint_add_gemma_rest (&builder);
  if (self->rope_factors && (builder.family->flags & MOE_FAMILY_LONGROPE) == 0)
    {
      guint64 ne[1] = { self->head_dim / 2 };
      g_autofree float *factors = g_new (float, ne[0]);

      for (guint i = 0; i < ne[0]; i++)
        factors[i] = 1.0f + 0.75f * (float) i;
      moe_checkpoint_add_tensor (&builder, "rope_freqs.weight", MOE_TYPE_F32, 1, ne, factors);
    }
  return moe_gguf_writer_save (writer, path, error);
}

gboolean
moe_checkpoint_write (const MoeCheckpoint  *self,
                      gboolean              as_f32,
                      const char           *path,
                      GError              **error)
{
  return write_file (self, as_f32, NULL, NULL, path, error);
}

gboolean
moe_checkpoint_write_edited (const MoeCheckpoint  *self,
                             MoeCheckpointEdit     edit,
                             gpointer              user_data,
                             const char           *path,
                             GError              **error)
{
  return write_file (self, FALSE, edit, user_data, path, error);
}

guint
moe_checkpoint_get_vocabulary (const MoeCheckpoint *self)
{
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);

  return add_vocabulary (self, writer);
}

const char *const *
moe_checkpoint_list_vocabularies (void)
{
  return vocabularies;
}

gboolean
moe_checkpoint_write_vocabulary (const char  *name,
                                 const char  *path,
                                 GError     **error)
{
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  const char *architecture = g_str_has_prefix (name, "vocab-spm") ? "llama" : "qwen3moe";

  moe_gguf_writer_add_string (writer, "general.architecture", architecture);
  moe_gguf_writer_add_string (writer, "general.name", name);
  if (g_str_has_prefix (name, "vocab-spm"))
    moe_test_vocabulary_add_spm (writer, !g_str_has_suffix (name, "-no-prefix"));
  else
    moe_test_vocabulary_add_default (writer, name + strlen ("vocab-"));
  return moe_gguf_writer_save (writer, path, error);
}
