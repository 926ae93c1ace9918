/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-arch"

#include "probes/moe-arch.h"

#include "data/moe-error.h"

#define QWEN3_NEXT_FLAGS \
  (MOE_ARCH_SHARED_GATE | MOE_ARCH_EXPERT_SPLIT | MOE_ARCH_POST_NORM | MOE_ARCH_NEXTN | \
   MOE_ARCH_MERGED_GATE_UP | MOE_ARCH_DELTA_NET | MOE_ARCH_QUERY_GATE)

/* name, RoPE, QK norm, gating, renormalised, shared experts, activation, flags */
static const MoeArch archs[] = {
  { "qwen3moe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, MOE_GATING_SOFTMAX, TRUE },
  { "qwen3vlmoe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_NONE,
    MOE_ACTIVATION_SILU, MOE_ARCH_SECTIONS_INTERLEAVED },
  { "qwen3next", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_LENGTH,
    MOE_ACTIVATION_SILU, QWEN3_NEXT_FLAGS },
  { "qwen35moe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_LENGTH,
    MOE_ACTIVATION_SILU, QWEN3_NEXT_FLAGS | MOE_ARCH_DELTA_TILED | MOE_ARCH_SECTIONS_INTERLEAVED },
  { "olmoe", MOE_ROPE_HALVES, MOE_QK_NORM_VECTOR, MOE_GATING_SOFTMAX, FALSE },
  { "llama", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, TRUE },
  { "qwen2moe", MOE_ROPE_HALVES, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, FALSE, MOE_SHARED_LENGTH,
    MOE_ACTIVATION_SILU, MOE_ARCH_QKV_BIAS | MOE_ARCH_SHARED_GATE | MOE_ARCH_EXPERT_SPLIT },
  { "deepseek", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, FALSE, MOE_SHARED_COUNT,
    MOE_ACTIVATION_SILU, MOE_ARCH_DENSE_LEAD },
  { "gpt-oss", MOE_ROPE_HALVES, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX_CHOSEN, FALSE, MOE_SHARED_NONE,
    MOE_ACTIVATION_SWIGLU_OAI, MOE_ARCH_QKV_BIAS | MOE_ARCH_OUTPUT_BIAS | MOE_ARCH_ROUTER_BIAS |
    MOE_ARCH_EXPERT_BIAS | MOE_ARCH_POST_NORM | MOE_ARCH_SINKS | MOE_ARCH_WINDOW },
  { "deepseek2", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, FALSE, MOE_SHARED_COUNT,
    MOE_ACTIVATION_SILU, MOE_ARCH_GATING_KEY | MOE_ARCH_NORM_KEY | MOE_ARCH_SELECTION_BIAS |
    MOE_ARCH_DENSE_LEAD | MOE_ARCH_NEXTN | MOE_ARCH_MLA | MOE_ARCH_MERGED_GATE_UP },
  { "lfm2moe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, 0, TRUE, MOE_SHARED_NONE, MOE_ACTIVATION_SILU,
    MOE_ARCH_GATING_KEY | MOE_ARCH_SELECTION_BIAS_REQUIRED | MOE_ARCH_DENSE_LEAD | MOE_ARCH_SHORT_CONV },
  { "phimoe", MOE_ROPE_HALVES, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_NONE,
    MOE_ACTIVATION_SILU, MOE_ARCH_QKV_BIAS | MOE_ARCH_OUTPUT_BIAS | MOE_ARCH_NORM_BIAS |
    MOE_ARCH_WINDOW_UNUSED },
  { "glm4moe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, MOE_GATING_SIGMOID, FALSE, MOE_SHARED_COUNT,
    MOE_ACTIVATION_SILU,
    MOE_ARCH_GATING_KEY | MOE_ARCH_NORM_KEY | MOE_ARCH_SELECTION_BIAS_REQUIRED | MOE_ARCH_DENSE_LEAD |
    MOE_ARCH_QKV_BIAS | MOE_ARCH_QK_NORM_OPTIONAL | MOE_ARCH_POST_NORM | MOE_ARCH_NEXTN |
    MOE_ARCH_SECTIONS },
  { "granitemoe", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_OPTIONAL,
    MOE_ACTIVATION_SILU, MOE_ARCH_SCALES },
  { "ernie4_5-moe", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_OPTIONAL,
    MOE_ACTIVATION_SILU, MOE_ARCH_SELECTION_BIAS | MOE_ARCH_DENSE_LEAD | MOE_ARCH_INTERLEAVED },
  { "bailingmoe", MOE_ROPE_PAIRS, MOE_QK_NORM_NONE, MOE_GATING_SOFTMAX, FALSE, MOE_SHARED_COUNT,
    MOE_ACTIVATION_SILU, MOE_ARCH_NORM_KEY },
  { "bailingmoe2", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, 0, FALSE, MOE_SHARED_COUNT_LENGTH,
    MOE_ACTIVATION_SILU,
    MOE_ARCH_GATING_KEY | MOE_ARCH_NORM_KEY | MOE_ARCH_SELECTION_BIAS | MOE_ARCH_DENSE_LEAD |
    MOE_ARCH_FUSED_QKV | MOE_ARCH_NEXTN },
  { "hunyuan-moe", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD_AFTER, MOE_GATING_SOFTMAX, TRUE, MOE_SHARED_LENGTH,
    MOE_ACTIVATION_SILU, 0 },
  { "dots1", MOE_ROPE_HALVES, MOE_QK_NORM_HEAD, 0, FALSE, MOE_SHARED_COUNT, MOE_ACTIVATION_SILU,
    MOE_ARCH_GATING_KEY | MOE_ARCH_NORM_KEY | MOE_ARCH_SELECTION_BIAS | MOE_ARCH_DENSE_LEAD },
  { "minimax-m2", MOE_ROPE_HALVES, MOE_QK_NORM_VECTOR, 0, TRUE, MOE_SHARED_NONE, MOE_ACTIVATION_SILU,
    MOE_ARCH_GATING_KEY | MOE_ARCH_SELECTION_BIAS_REQUIRED },
};

/* Mixture-of-experts architectures that exist but cannot be computed here, to be refused by name. */
static const char *const other_moe_archs[] = {
  "afmoe", "arctic", "bailingmoe3", "cohere2moe", "dbrx", "deepseek2-ocr", "deepseek32", "deepseek4",
  "dots3note", "exaone-moe", "gemma4", "glm-dsa", "granite_swa", "granitehybrid", "grok", "grovemoe",
  "hy_v3", "hy_v4", "jamba", "kimi-k3", "kimi-linear", "laguna", "llada-moe", "llama4", "maple", "mellum",
  "mimo2", "minimax-01", "minimax-m3", "mistral3", "mistral4", "nemotron_h_moe", "nomic-bert-moe",
  "qwen4exp", "rnd1", "smallthinker", "step35",
};

const MoeArch *
moe_arch_find (const char  *name,
               GError     **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (archs); i++)
    if (g_str_equal (archs[i].name, name))
      return &archs[i];

  for (guint i = 0; i < G_N_ELEMENTS (other_moe_archs); i++)
    if (g_str_equal (other_moe_archs[i], name))
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                     "the architecture %s is a mixture of experts that this version cannot run", name);
        return NULL;
      }
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "the architecture \"%s\" is not a mixture of experts known here", name);
  return NULL;
}
