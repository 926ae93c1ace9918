/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where in a conversation a token stands. Analyses never mix phases unless asked to. */
typedef enum
{
  MOE_PHASE_TEMPLATE,       /* "prompt-template": added by the chat template */
  MOE_PHASE_PROMPT,         /* "prompt": what the person wrote */
  MOE_PHASE_THINKING,       /* "thinking": generated, inside a thinking block */
  MOE_PHASE_ANSWER,         /* "answer": generated */
  MOE_PHASE_TEACHER_FORCED, /* "teacher-forced": given as an answer, not generated */
  MOE_N_PHASES
} MoePhase;

/* Bit sets of phases, for filters. */
#define MOE_PHASE_BIT(phase) (1u << (phase))
#define MOE_PHASES_ALL ((1u << MOE_N_PHASES) - 1u)

const char *moe_phase_get_name   (MoePhase     phase);
gboolean    moe_phase_parse      (const char  *name,
                                  MoePhase    *phase);

/* Parses the argument of --phase: a phase name, "all", or several names joined by commas. */
gboolean    moe_phases_parse     (const char  *text,
                                  guint       *phases,
                                  GError     **error);

/* Storage types of tensors, numbered as in GGUF files. */
typedef enum
{
  MOE_TYPE_F32 = 0,
  MOE_TYPE_F16 = 1,
  MOE_TYPE_Q4_0 = 2,
  MOE_TYPE_Q4_1 = 3,
  MOE_TYPE_Q5_0 = 6,
  MOE_TYPE_Q5_1 = 7,
  MOE_TYPE_Q8_0 = 8,
  MOE_TYPE_Q2_K = 10,
  MOE_TYPE_Q3_K = 11,
  MOE_TYPE_Q4_K = 12,
  MOE_TYPE_Q5_K = 13,
  MOE_TYPE_Q6_K = 14,
  MOE_TYPE_IQ2_XXS = 16,
  MOE_TYPE_IQ2_XS = 17,
  MOE_TYPE_IQ3_XXS = 18,
  MOE_TYPE_IQ4_NL = 20,
  MOE_TYPE_IQ3_S = 21,
  MOE_TYPE_IQ2_S = 22,
  MOE_TYPE_IQ4_XS = 23,
  MOE_TYPE_BF16 = 30,
  MOE_TYPE_MXFP4 = 39,

  /* In no GGUF file; of 8-bit floats with a scale for each 128 values of a row. */
  MOE_TYPE_F8_E4M3 = 0x10000,
} MoeTensorType;

/* "Q8_0" and so on, also for the types that exist but that we don't compute with; NULL for a number
 * that no GGUF version uses. */
const char *moe_tensor_type_get_name (guint32 type);

/* Values and bytes in one block of @type; FALSE for an unknown type. */
gboolean    moe_tensor_type_get_block (guint32  type,
                                       guint   *n_values,
                                       guint   *n_bytes);

typedef enum
{
  MOE_GATING_SOFTMAX = 1,        /* softmax over all experts, then top-k */
  MOE_GATING_SIGMOID = 2,
  MOE_GATING_SOFTMAX_CHOSEN = 3, /* top-k of the logits, then softmax over the chosen */
} MoeGating;

const char *moe_gating_get_name (MoeGating gating);

/* The routed expert number that stands for the shared expert, everywhere. */
#define MOE_EXPERT_SHARED (-1)

/* Written where a routing slot is empty (an expert was dropped and not refilled). */
#define MOE_NO_EXPERT 0xffffu

G_END_DECLS
