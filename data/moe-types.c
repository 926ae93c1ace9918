/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-types"

#include "data/moe-types.h"

#include <string.h>

#include "data/moe-error.h"

static const char * const phase_names[MOE_N_PHASES] = {
  [MOE_PHASE_TEMPLATE] = "prompt-template",
  [MOE_PHASE_PROMPT] = "prompt",
  [MOE_PHASE_THINKING] = "thinking",
  [MOE_PHASE_ANSWER] = "answer",
  [MOE_PHASE_TEACHER_FORCED] = "teacher-forced",
};

const char *
moe_phase_get_name (MoePhase phase)
{
  g_return_val_if_fail ((guint) phase < MOE_N_PHASES, "");

  return phase_names[phase];
}

gboolean
moe_phase_parse (const char *name,
                 MoePhase   *phase)
{
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (phase != NULL, FALSE);

  for (guint i = 0; i < MOE_N_PHASES; i++)
    if (g_str_equal (name, phase_names[i]))
      {
        *phase = (MoePhase) i;
        return TRUE;
      }

  return FALSE;
}

gboolean
moe_phases_parse (const char  *text,
                  guint       *phases,
                  GError     **error)
{
  g_auto (GStrv) names = NULL;
  guint bits = 0;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (phases != NULL, FALSE);

  if (g_str_equal (text, "all"))
    {
      *phases = MOE_PHASES_ALL;
      return TRUE;
    }

  names = g_strsplit (text, ",", -1);
  for (guint i = 0; names[i] != NULL; i++)
    {
      MoePhase phase;

      if (!moe_phase_parse (g_strstrip (names[i]), &phase))
        {
          g_autofree char *known = g_strjoinv (", ", (char **) (const char * const []) {
            phase_names[0], phase_names[1], phase_names[2], phase_names[3], phase_names[4], NULL });

          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "unknown phase '%s' (known are all, %s)",
                       names[i], known);
          return FALSE;
        }
      bits |= MOE_PHASE_BIT (phase);
    }

  if (bits == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "no phase is named");
      return FALSE;
    }

  *phases = bits;
  return TRUE;
}

/* Numbers, names and block sizes as in ggml; the repacked types 31 to 33 and 36 to 38 were written by
 * some 2024 converters and have the block of the type they repack. Numbers 4 and 5 never were in a GGUF. */
static const struct
{
  const char *name;
  guint16     n_values;
  guint16     n_bytes;
} tensor_types[] = {
  [0] = { "F32", 1, 4 },
  [1] = { "F16", 1, 2 },
  [2] = { "Q4_0", 32, 18 },
  [3] = { "Q4_1", 32, 20 },
  [6] = { "Q5_0", 32, 22 },
  [7] = { "Q5_1", 32, 24 },
  [8] = { "Q8_0", 32, 34 },
  [9] = { "Q8_1", 32, 36 },
  [10] = { "Q2_K", 256, 84 },
  [11] = { "Q3_K", 256, 110 },
  [12] = { "Q4_K", 256, 144 },
  [13] = { "Q5_K", 256, 176 },
  [14] = { "Q6_K", 256, 210 },
  [15] = { "Q8_K", 256, 292 },
  [16] = { "IQ2_XXS", 256, 66 },
  [17] = { "IQ2_XS", 256, 74 },
  [18] = { "IQ3_XXS", 256, 98 },
  [19] = { "IQ1_S", 256, 50 },
  [20] = { "IQ4_NL", 32, 18 },
  [21] = { "IQ3_S", 256, 110 },
  [22] = { "IQ2_S", 256, 82 },
  [23] = { "IQ4_XS", 256, 136 },
  [24] = { "I8", 1, 1 },
  [25] = { "I16", 1, 2 },
  [26] = { "I32", 1, 4 },
  [27] = { "I64", 1, 8 },
  [28] = { "F64", 1, 8 },
  [29] = { "IQ1_M", 256, 56 },
  [30] = { "BF16", 1, 2 },
  [31] = { "Q4_0_4_4", 32, 18 },
  [32] = { "Q4_0_4_8", 32, 18 },
  [33] = { "Q4_0_8_8", 32, 18 },
  [34] = { "TQ1_0", 256, 54 },
  [35] = { "TQ2_0", 256, 66 },
  [36] = { "IQ4_NL_4_4", 32, 18 },
  [37] = { "IQ4_NL_4_8", 32, 18 },
  [38] = { "IQ4_NL_8_8", 32, 18 },
  [39] = { "MXFP4", 32, 17 },
  [40] = { "NVFP4", 64, 36 },
  [41] = { "Q1_0", 128, 18 },
  [42] = { "Q2_0", 64, 18 },
};

const char *
moe_tensor_type_get_name (guint32 type)
{
  if (type == MOE_TYPE_F8_E4M3)
    return "F8_E4M3";
  return type < G_N_ELEMENTS (tensor_types) ? tensor_types[type].name : NULL;
}

gboolean
moe_tensor_type_get_block (guint32  type,
                           guint   *n_values,
                           guint   *n_bytes)
{
  if (moe_tensor_type_get_name (type) == NULL)
    return FALSE;

  if (n_values != NULL)
    *n_values = type == MOE_TYPE_F8_E4M3 ? 128 : tensor_types[type].n_values;
  if (n_bytes != NULL)
    *n_bytes = type == MOE_TYPE_F8_E4M3 ? 4 + 128 : tensor_types[type].n_bytes;
  return TRUE;
}

const char *
moe_gating_get_name (MoeGating gating)
{
  switch (gating)
    {
    case MOE_GATING_SOFTMAX:
      return "softmax";
    case MOE_GATING_SIGMOID:
      return "sigmoid";
    case MOE_GATING_SOFTMAX_CHOSEN:
      return "softmax-chosen";
    default:
      g_return_val_if_reached ("");
    }
}
