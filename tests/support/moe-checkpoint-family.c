/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-checkpoint-family"

#include "tests/support/moe-checkpoint-family.h"

#define GLM_FLAGS \
  (MOE_FAMILY_QKV_BIAS | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD | \
   MOE_FAMILY_POST_NORM | MOE_FAMILY_NORM_KEY | MOE_FAMILY_NEXTN | MOE_FAMILY_ROPE_HALF)

#define QWEN3_NEXT_FLAGS \
  (MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_WIDTH | MOE_FAMILY_SHARED_GATE | \
   MOE_FAMILY_POST_NORM | MOE_FAMILY_ROPE_HALF | MOE_FAMILY_DELTA_NET)

/* name, pre-tokenizer, RoPE base, weights' scale, flags. Values differ from those of real files where theirs
 * would hide a mistake. */
static const MoeFamily families[] = {
  { "qwen3moe", "qwen2", 1000000, 0, MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH },
  { "qwen3moe-yarn", "qwen2", 10000, 0,
    MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_YARN, "qwen3moe" },
  { "qwen3vlmoe", "qwen2", 1000000, 0,
    MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SECTIONS | MOE_FAMILY_ARRAYS },
  { "qwen3next", "qwen2", 1000000, 0, QWEN3_NEXT_FLAGS | MOE_FAMILY_NEXTN },
  { "qwen3next-old", "qwen2", 1000000, 0, QWEN3_NEXT_FLAGS, "qwen3next" },
  { "qwen35moe", "qwen35", 1000000, 0, QWEN3_NEXT_FLAGS | MOE_FAMILY_SECTIONS },
  { "qwen35moe-merged", "qwen35", 1000000, 0,
    QWEN3_NEXT_FLAGS | MOE_FAMILY_SECTIONS | MOE_FAMILY_MERGED | MOE_FAMILY_NEXTN, "qwen35moe" },
  { "gemma4", "qwen2", 1000000, 0, MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_GEMMA | MOE_FAMILY_MERGED },
  { "gemma4-apart", "qwen2", 1000000, 0, MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_GEMMA, "gemma4" },
  { "olmoe", "olmo", 10000, 0, MOE_FAMILY_QK_NORM_VECTOR },
  { "llama", NULL, 10000, 0, MOE_FAMILY_ROPE_DIMS },
  { "qwen2moe", "qwen2", 1000000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_WIDTH | MOE_FAMILY_SHARED_GATE },
  { "deepseek", "deepseek-v3", 10000, 1.5f,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_ROPE_DIMS },
  { "gpt-oss", "gpt-4o", 150000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_OUTPUT_BIAS | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_EXPERT_BIAS |
    MOE_FAMILY_POST_NORM | MOE_FAMILY_SINKS | MOE_FAMILY_YARN },
  { "gpt-oss-arrays", "gpt-4o", 150000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_OUTPUT_BIAS | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_EXPERT_BIAS |
    MOE_FAMILY_POST_NORM | MOE_FAMILY_SINKS | MOE_FAMILY_YARN | MOE_FAMILY_ARRAYS, "gpt-oss" },
  { "deepseek2", "deepseek-v3", 10000, 1.5f,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_MLA |
    MOE_FAMILY_YARN },
  { "deepseek2-merged", "deepseek-v3", 10000, 1.5f,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_MLA |
    MOE_FAMILY_YARN | MOE_FAMILY_MERGED, "deepseek2" },
  { "deepseek2-v3", "deepseek-v3", 10000, 2.5f,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_MLA |
    MOE_FAMILY_YARN | MOE_FAMILY_NORM_KEY | MOE_FAMILY_NEXTN, "deepseek2", .gating = 2,
    .selection_bias = 0.1f, .n_groups = 4 },
  { "lfm2moe", "lfm2", 1000000, 0,
    MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_SHORT_CONV,
    .gating = 2, .selection_bias = 0.1f },
  { "phimoe", NULL, 10000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_OUTPUT_BIAS | MOE_FAMILY_NORM_BIAS | MOE_FAMILY_LONGROPE |
    MOE_FAMILY_ROPE_DIMS },
  { "glm4moe", "glm4", 1000000, 1.5f, GLM_FLAGS | MOE_FAMILY_QK_NORM_HEAD, .gating = 2,
    .selection_bias = 0.1f, .n_groups = 1 },
  { "glm4moe-air", "glm4", 1000000, 1.0f, GLM_FLAGS, "glm4moe", .selection_bias = 0.1f, .n_groups = 1 },
  { "glm4moe-sections", "glm4", 1000000, 1.0f, GLM_FLAGS | MOE_FAMILY_SECTIONS, "glm4moe",
    .selection_bias = 0.1f, .n_groups = 1 },
  { "granitemoe", "refact", 10000, 0, MOE_FAMILY_SCALES | MOE_FAMILY_ROPE_DIMS },
  { "ernie4_5-moe", NULL, 500000, 0,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_SHARED_WIDTH | MOE_FAMILY_DENSE_LEAD |
    MOE_FAMILY_INTERLEAVE, .selection_bias = 0.05f },
  { "bailingmoe", "bailingmoe", 600000, 0,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_NORM_KEY | MOE_FAMILY_ROPE_DIMS },
  { "bailingmoe2", "bailingmoe2", 600000, 2.5f,
    MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_SHARED_EACH |
    MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_FUSED_QKV | MOE_FAMILY_NORM_KEY | MOE_FAMILY_NEXTN |
    MOE_FAMILY_ROPE_HALF, .gating = 2, .selection_bias = 0.1f, .n_groups = 4 },
  { "hunyuan-moe", "hunyuan", 10000, 0,
    MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH_TOO | MOE_FAMILY_SHARED_COUNT |
    MOE_FAMILY_SHARED_WIDTH },
  { "dots1", "qwen2", 10000, 2.5f,
    MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD |
    MOE_FAMILY_NORM_KEY, .gating = 2, .selection_bias = 0.1f },
  { "minimax-m2", "minimax-m2", 5000000, 0,
    MOE_FAMILY_QK_NORM_VECTOR | MOE_FAMILY_EXPERT_WIDTH_TOO | MOE_FAMILY_ROPE_HALF, .gating = 2,
    .selection_bias = 0.1f },
};

const MoeFamily *
moe_family_get (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_str_equal (families[i].name, name))
      return &families[i];
  g_error ("no test checkpoint is of the kind %s", name);
}

const char *
moe_family_get_architecture (const MoeFamily *self)
{
  return self->architecture != NULL ? self->architecture : self->name;
}
