/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-model-info.h"
#include "data/moe-token-record.h"

G_BEGIN_DECLS

/* What a recording file looks like, shared by its writer, its reader and its virtual tables. The tables are
 * described in DESIGN.md, "Recordings". */

#define MOE_RECORDING_APPLICATION_ID 0x4d6f6573 /* "Moes" */
/* PRAGMA user_version. Version 1 had neither run.learned_sinks nor token.attention_sink. */
#define MOE_RECORDING_VERSION 2

/* Everything a new file needs, in one string of statements. */
extern const char moe_recording_schema_sql[];

/* The columns of table `run` in the order in which they are written and read; `finished` is apart, because it
 * is the only one that changes. */
#define MOE_RUN_COLUMNS MOE_RUN_COLUMNS_1 ", learned_sinks"
#define MOE_RUN_COLUMNS_1 \
  "program, created, model, path, architecture, quantisation, tokenizer, fingerprint, layers, moe_layers, " \
  "experts, experts_used, shared_experts, gating, norm_weights, heads, kv_heads, head_dim, width, " \
  "expert_width, vocabulary, model_context, file_bytes, active_bytes_per_token, context, cache, kernels, " \
  "seed, settings"

enum
{
  MOE_RUN_PROGRAM, MOE_RUN_CREATED, MOE_RUN_MODEL, MOE_RUN_PATH, MOE_RUN_ARCHITECTURE,
  MOE_RUN_QUANTISATION, MOE_RUN_TOKENIZER, MOE_RUN_FINGERPRINT, MOE_RUN_LAYERS, MOE_RUN_MOE_LAYERS,
  MOE_RUN_EXPERTS, MOE_RUN_EXPERTS_USED, MOE_RUN_SHARED_EXPERTS, MOE_RUN_GATING, MOE_RUN_NORM_WEIGHTS,
  MOE_RUN_HEADS, MOE_RUN_KV_HEADS, MOE_RUN_HEAD_DIM, MOE_RUN_WIDTH, MOE_RUN_EXPERT_WIDTH,
  MOE_RUN_VOCABULARY, MOE_RUN_MODEL_CONTEXT, MOE_RUN_FILE_BYTES, MOE_RUN_ACTIVE_BYTES, MOE_RUN_CONTEXT,
  MOE_RUN_CACHE, MOE_RUN_KERNELS, MOE_RUN_SEED, MOE_RUN_SETTINGS,
  MOE_N_RUN_COLUMNS_1, MOE_RUN_LEARNED_SINKS = MOE_N_RUN_COLUMNS_1,
  MOE_N_RUN_COLUMNS
};

/* The shape of every token record of a run. */
typedef struct
{
  guint n_layers;
  guint n_moe_layers;
  guint n_experts;
  guint n_slots;
  guint n_shared;
  guint n_heads;
  guint width;
  gboolean has_sinks;
} MoeRecordingShape;

/* The blobs of one row of table `token`: little-endian arrays without padding, in the order and with the
 * names of the arrays of MoeTokenRecord. */
typedef enum
{
  MOE_BLOB_EXPERTS,
  MOE_BLOB_WEIGHTS,
  MOE_BLOB_DOWN_MAX,
  MOE_BLOB_DOWN_CHANNEL,
  MOE_BLOB_DOWN_NORM,
  MOE_BLOB_MOE_TURN,
  MOE_BLOB_ROUTER_ENTROPY,
  MOE_BLOB_SHARED_MAX,
  MOE_BLOB_SHARED_CHANNEL,
  MOE_BLOB_SHARED_NORM,
  MOE_BLOB_RESIDUAL_TOP,
  MOE_BLOB_RESIDUAL_CHANNEL,
  MOE_BLOB_RESIDUAL_MEDIAN,
  MOE_BLOB_ATTENTION_FIRST,
  MOE_BLOB_ATTENTION_ENTROPY,
  MOE_BLOB_ATTENTION_SINK,
  MOE_N_BLOBS
} MoeRecordingBlob;

#define MOE_BLOB_COLUMNS MOE_BLOB_COLUMNS_1 ", attention_sink"
#define MOE_BLOB_COLUMNS_1 \
  "experts, weights, down_max, down_channel, down_norm, moe_turn, router_entropy, shared_max, " \
  "shared_channel, shared_norm, residual_top, residual_channel, residual_median, attention_first, " \
  "attention_entropy"

void        moe_recording_shape_init    (MoeRecordingShape        *shape,
                                         const MoeModelInfo       *info);
/* Refuses (MOE_ERROR_LIMIT, MOE_ERROR_FORMAT) shapes that no model has, before anything is allocated: more
 * than 4,096 layers or heads, more than 65,534 experts, rows of more than a few megabytes. */
gboolean    moe_recording_shape_check   (const MoeRecordingShape  *shape,
                                         GError                  **error);

/* The numbers of the MoE layers from the text of run.moe_layers, "[0,1,2]": ascending, below @n_layers.
 * Transfer full; MOE_ERROR_FORMAT. */
guint      *moe_recording_parse_layers  (const char               *text,
                                         guint                     n_layers,
                                         guint                    *n_moe_layers,
                                         GError                  **error);

const char *moe_recording_blob_get_name (MoeRecordingBlob          blob);
/* Bytes of one value: 2 or 4. */
guint       moe_recording_blob_get_size (MoeRecordingBlob          blob);
/* Values of @blob in a row; 0 where the model has no shared expert or no learned sinks: the column is NULL
 * then. */
gsize       moe_recording_blob_count    (MoeRecordingBlob          blob,
                                         const MoeRecordingShape  *shape);
/* The array of @record that @blob holds. */
gpointer    moe_recording_blob_get_data (MoeRecordingBlob          blob,
                                         const MoeTokenRecord     *record);

/* @n values of @size bytes between the machine's byte order and little-endian, either way. */
void        moe_recording_copy_values   (gpointer                  to,
                                         gconstpointer             from,
                                         gsize                     n,
                                         guint                     size);

G_END_DECLS
