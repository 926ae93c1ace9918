/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-checkpoint-family"

#include "tests/support/moe-checkpoint-family.h"

static const MoeFamily families[] = {
  { "qwen3moe", "qwen2", 1000000, 0, MOE_FAMILY_QK_NORM_HEAD | MOE_FAMILY_EXPERT_WIDTH },
  { "olmoe", "olmo", 10000, 0, MOE_FAMILY_QK_NORM_VECTOR },
  { "llama", NULL, 10000, 0, MOE_FAMILY_ROPE_DIMS },
  { "qwen2moe", "qwen2", 1000000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_WIDTH | MOE_FAMILY_SHARED_GATE },
  { "deepseek", "deepseek-v3", 10000, 1.5f,
    MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_SHARED_COUNT | MOE_FAMILY_DENSE_LEAD | MOE_FAMILY_ROPE_DIMS },
  { "gpt-oss", "gpt-4o", 150000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_OUTPUT_BIAS | MOE_FAMILY_EXPERT_WIDTH | MOE_FAMILY_EXPERT_BIAS |
    MOE_FAMILY_POST_NORM | MOE_FAMILY_SINKS | MOE_FAMILY_YARN },
  { "phimoe", NULL, 10000, 0,
    MOE_FAMILY_QKV_BIAS | MOE_FAMILY_OUTPUT_BIAS | MOE_FAMILY_NORM_BIAS | MOE_FAMILY_LONGROPE |
    MOE_FAMILY_ROPE_DIMS },
};

const MoeFamily *
moe_family_get (const char *architecture)
{
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    if (g_str_equal (families[i].architecture, architecture))
      return &families[i];
  g_error ("no test checkpoint of the architecture %s", architecture);
}
