/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording-schema.h"

G_BEGIN_DECLS

/* The virtual tables over a recording, described: what their columns are made of. */

typedef enum
{
  MOE_VTAB_ROUTING,
  MOE_VTAB_SHARED,
  MOE_VTAB_RESIDUAL,
  MOE_VTAB_ATTENTION,
  MOE_VTAB_N_KINDS
} MoeVtabKind;

/* The first columns of every table. */
enum
{
  MOE_VTAB_TOKEN,
  MOE_VTAB_PROMPT,
  MOE_VTAB_POSITION,
  MOE_VTAB_PHASE,
  MOE_VTAB_LAYER,
  MOE_VTAB_N_COMMON_COLUMNS
};

typedef enum
{
  MOE_VTAB_INNER, /* index of the row within its layer: slot or head */
  MOE_VTAB_U16,
  MOE_VTAB_F16,
  MOE_VTAB_F32,
} MoeVtabValue;

typedef struct
{
  MoeVtabValue     kind;
  MoeRecordingBlob blob;
  guint            stride; /* values of the blob for each row of the table; 0: one for each layer */
  guint            offset;
} MoeVtabColumn;

#define MOE_VTAB_MAX_COLUMNS 8
/* The column of MOE_VTAB_ROUTING that says which slots are empty. */
#define MOE_VTAB_EXPERT_COLUMN 1

typedef struct
{
  const char    *name;
  const char    *declaration;
  guint          n_columns; /* after the common ones */
  MoeVtabColumn  columns[MOE_VTAB_MAX_COLUMNS];
} MoeVtabKindInfo;

extern const MoeVtabKindInfo moe_vtab_kinds[MOE_VTAB_N_KINDS];

G_END_DECLS
