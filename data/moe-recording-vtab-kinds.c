/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-vtab-kinds"

#include "data/moe-recording-vtab-kinds.h"

#define COMMON "CREATE TABLE x (token INTEGER, prompt INTEGER, position INTEGER, phase TEXT, layer INTEGER, "

const MoeVtabKindInfo moe_vtab_kinds[MOE_VTAB_N_KINDS] =
{
  [MOE_VTAB_ROUTING] =
  {
    "routing",
    COMMON "slot INTEGER, expert INTEGER, weight REAL, max_down REAL, channel INTEGER, down_norm REAL, "
    "turn REAL, router_entropy REAL)",
    8,
    {
      { MOE_VTAB_INNER, 0, 1, 0 },
      { MOE_VTAB_U16, MOE_BLOB_EXPERTS, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_WEIGHTS, 1, 0 },
      { MOE_VTAB_F32, MOE_BLOB_DOWN_MAX, 1, 0 },
      { MOE_VTAB_U16, MOE_BLOB_DOWN_CHANNEL, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_DOWN_NORM, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_MOE_TURN, 0, 0 },
      { MOE_VTAB_F16, MOE_BLOB_ROUTER_ENTROPY, 0, 0 },
    },
  },
  [MOE_VTAB_SHARED] =
  {
    "shared",
    COMMON "max_down REAL, channel INTEGER, down_norm REAL)",
    3,
    {
      { MOE_VTAB_F32, MOE_BLOB_SHARED_MAX, 1, 0 },
      { MOE_VTAB_U16, MOE_BLOB_SHARED_CHANNEL, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_SHARED_NORM, 1, 0 },
    },
  },
  [MOE_VTAB_RESIDUAL] =
  {
    "residual",
    COMMON "top1 REAL, top2 REAL, top3 REAL, channel1 INTEGER, channel2 INTEGER, channel3 INTEGER, "
    "median REAL)",
    7,
    {
      { MOE_VTAB_F32, MOE_BLOB_RESIDUAL_TOP, 3, 0 },
      { MOE_VTAB_F32, MOE_BLOB_RESIDUAL_TOP, 3, 1 },
      { MOE_VTAB_F32, MOE_BLOB_RESIDUAL_TOP, 3, 2 },
      { MOE_VTAB_U16, MOE_BLOB_RESIDUAL_CHANNEL, 3, 0 },
      { MOE_VTAB_U16, MOE_BLOB_RESIDUAL_CHANNEL, 3, 1 },
      { MOE_VTAB_U16, MOE_BLOB_RESIDUAL_CHANNEL, 3, 2 },
      { MOE_VTAB_F32, MOE_BLOB_RESIDUAL_MEDIAN, 1, 0 },
    },
  },
  [MOE_VTAB_ATTENTION] =
  {
    "attention",
    COMMON "head INTEGER, to_first REAL, entropy REAL, to_sink REAL)",
    4,
    {
      { MOE_VTAB_INNER, 0, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_ATTENTION_FIRST, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_ATTENTION_ENTROPY, 1, 0 },
      { MOE_VTAB_F16, MOE_BLOB_ATTENTION_SINK, 1, 0 },
    },
  },
};
