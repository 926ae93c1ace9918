/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-schema"

#include "data/moe-recording-schema.h"

#include <string.h>

#include "data/moe-error.h"

#define MAX_LAYERS 4096u
#define MAX_HEADS 4096u
#define MAX_EXPERTS 65534u
#define MAX_WIDTH 65536u
/* Values of one blob: 4 MB of f32. The largest models known need 20,000. */
#define MAX_VALUES (1u << 20)

const char moe_recording_schema_sql[] =
  "CREATE TABLE run ("
  "  id INTEGER PRIMARY KEY CHECK (id = 1),"
  "  finished INTEGER NOT NULL,"
  "  program TEXT NOT NULL,"
  "  created TEXT NOT NULL,"
  "  model TEXT NOT NULL,"
  "  path TEXT NOT NULL,"
  "  architecture TEXT NOT NULL,"
  "  quantisation TEXT NOT NULL,"
  "  tokenizer TEXT NOT NULL,"
  "  fingerprint TEXT NOT NULL,"
  "  layers INTEGER NOT NULL,"
  "  moe_layers TEXT NOT NULL,"
  "  experts INTEGER NOT NULL,"
  "  experts_used INTEGER NOT NULL,"
  "  shared_experts INTEGER NOT NULL,"
  "  gating TEXT NOT NULL,"
  "  norm_weights INTEGER NOT NULL,"
  "  heads INTEGER NOT NULL,"
  "  kv_heads INTEGER NOT NULL,"
  "  head_dim INTEGER NOT NULL,"
  "  width INTEGER NOT NULL,"
  "  expert_width INTEGER NOT NULL,"
  "  vocabulary INTEGER NOT NULL,"
  "  model_context INTEGER NOT NULL,"
  "  file_bytes INTEGER NOT NULL,"
  "  active_bytes_per_token INTEGER NOT NULL,"
  "  context INTEGER NOT NULL,"
  "  cache TEXT NOT NULL,"
  "  kernels TEXT NOT NULL,"
  "  seed INTEGER NOT NULL,"
  "  settings TEXT NOT NULL,"
  "  learned_sinks INTEGER NOT NULL"
  ") STRICT;"
  "CREATE TABLE prompt ("
  "  id INTEGER PRIMARY KEY,"
  "  text TEXT NOT NULL,"
  "  finished INTEGER NOT NULL DEFAULT 0"
  ") STRICT;"
  "CREATE TABLE token ("
  "  id INTEGER PRIMARY KEY,"
  "  prompt INTEGER NOT NULL REFERENCES prompt (id),"
  "  position INTEGER NOT NULL,"
  "  token_id INTEGER NOT NULL,"
  "  text BLOB NOT NULL,"
  "  phase TEXT NOT NULL,"
  "  logprob REAL,"
  "  entropy REAL,"
  "  experts BLOB NOT NULL,"
  "  weights BLOB NOT NULL,"
  "  down_max BLOB NOT NULL,"
  "  down_channel BLOB NOT NULL,"
  "  down_norm BLOB NOT NULL,"
  "  moe_turn BLOB NOT NULL,"
  "  router_entropy BLOB NOT NULL,"
  "  shared_max BLOB,"
  "  shared_channel BLOB,"
  "  shared_norm BLOB,"
  "  residual_top BLOB NOT NULL,"
  "  residual_channel BLOB NOT NULL,"
  "  residual_median BLOB NOT NULL,"
  "  attention_first BLOB NOT NULL,"
  "  attention_entropy BLOB NOT NULL,"
  "  attention_sink BLOB"
  ") STRICT;"
  "CREATE INDEX token_prompt ON token (prompt);"
  "CREATE TABLE mask_event ("
  "  id INTEGER PRIMARY KEY,"
  "  token INTEGER NOT NULL"
  ") STRICT;"
  "CREATE TABLE mask_intervention ("
  "  event INTEGER NOT NULL REFERENCES mask_event (id),"
  "  number INTEGER NOT NULL,"
  "  layer INTEGER NOT NULL,"
  "  expert INTEGER NOT NULL,"
  "  action TEXT NOT NULL,"
  "  mode TEXT NOT NULL,"
  "  value REAL NOT NULL,"
  "  scope TEXT NOT NULL,"
  "  from_token INTEGER NOT NULL,"
  "  PRIMARY KEY (event, number)"
  ") STRICT, WITHOUT ROWID;"
  "CREATE TABLE note ("
  "  id INTEGER PRIMARY KEY,"
  "  token INTEGER NOT NULL,"
  "  text TEXT NOT NULL"
  ") STRICT;";

typedef enum
{
  DIM_SLOTS,         /* (M, K) */
  DIM_MOE_LAYERS,    /* (M) */
  DIM_SHARED,        /* (M), or nothing */
  DIM_LAYERS,        /* (L) */
  DIM_LAYERS_TOP,    /* (L, 3) */
  DIM_HEADS,         /* (L, H) */
  DIM_SINKS,         /* (L, H), or nothing */
} Dimensions;

typedef struct
{
  const char *name;
  guint       size;
  Dimensions  dimensions;
  gsize       offset; /* of the pointer in MoeTokenRecord */
} Layout;

static const Layout layouts[MOE_N_BLOBS] =
{
  [MOE_BLOB_EXPERTS] = { "experts", 2, DIM_SLOTS, G_STRUCT_OFFSET (MoeTokenRecord, experts) },
  [MOE_BLOB_WEIGHTS] = { "weights", 2, DIM_SLOTS, G_STRUCT_OFFSET (MoeTokenRecord, weights) },
  [MOE_BLOB_DOWN_MAX] = { "down_max", 4, DIM_SLOTS, G_STRUCT_OFFSET (MoeTokenRecord, down_max) },
  [MOE_BLOB_DOWN_CHANNEL] = { "down_channel", 2, DIM_SLOTS, G_STRUCT_OFFSET (MoeTokenRecord, down_channel) },
  [MOE_BLOB_DOWN_NORM] = { "down_norm", 2, DIM_SLOTS, G_STRUCT_OFFSET (MoeTokenRecord, down_norm) },
  [MOE_BLOB_MOE_TURN] = { "moe_turn", 2, DIM_MOE_LAYERS, G_STRUCT_OFFSET (MoeTokenRecord, moe_turn) },
  [MOE_BLOB_ROUTER_ENTROPY] = { "router_entropy", 2, DIM_MOE_LAYERS,
                                G_STRUCT_OFFSET (MoeTokenRecord, router_entropy) },
  [MOE_BLOB_SHARED_MAX] = { "shared_max", 4, DIM_SHARED, G_STRUCT_OFFSET (MoeTokenRecord, shared_max) },
  [MOE_BLOB_SHARED_CHANNEL] = { "shared_channel", 2, DIM_SHARED,
                                G_STRUCT_OFFSET (MoeTokenRecord, shared_channel) },
  [MOE_BLOB_SHARED_NORM] = { "shared_norm", 2, DIM_SHARED, G_STRUCT_OFFSET (MoeTokenRecord, shared_norm) },
  [MOE_BLOB_RESIDUAL_TOP] = { "residual_top", 4, DIM_LAYERS_TOP,
                              G_STRUCT_OFFSET (MoeTokenRecord, residual_top) },
  [MOE_BLOB_RESIDUAL_CHANNEL] = { "residual_channel", 2, DIM_LAYERS_TOP,
                                  G_STRUCT_OFFSET (MoeTokenRecord, residual_channel) },
  [MOE_BLOB_RESIDUAL_MEDIAN] = { "residual_median", 4, DIM_LAYERS,
                                 G_STRUCT_OFFSET (MoeTokenRecord, residual_median) },
  [MOE_BLOB_ATTENTION_FIRST] = { "attention_first", 2, DIM_HEADS,
                                 G_STRUCT_OFFSET (MoeTokenRecord, attention_first) },
  [MOE_BLOB_ATTENTION_ENTROPY] = { "attention_entropy", 2, DIM_HEADS,
                                   G_STRUCT_OFFSET (MoeTokenRecord, attention_entropy) },
  [MOE_BLOB_ATTENTION_SINK] = { "attention_sink", 2, DIM_SINKS,
                                G_STRUCT_OFFSET (MoeTokenRecord, attention_sink) },
};

void
moe_recording_shape_init (MoeRecordingShape  *shape,
                          const MoeModelInfo *info)
{
  *shape = (MoeRecordingShape) {
    .n_layers = info->n_layers,
    .n_moe_layers = info->n_moe_layers,
    .n_experts = info->n_experts,
    .n_slots = info->n_used,
    .n_shared = info->n_shared,
    .n_heads = info->n_heads,
    .width = info->width,
    .has_sinks = info->learned_sinks,
  };
}

static gboolean
check_at_most (guint       value,
               guint       limit,
               const char *what,
               GError    **error)
{
  if (value <= limit)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "a model with %u %s; the limit is %u", value, what, limit);
  return FALSE;
}

gboolean
moe_recording_shape_check (const MoeRecordingShape *shape,
                           GError                 **error)
{
  if (!check_at_most (shape->n_layers, MAX_LAYERS, "layers", error) ||
      !check_at_most (shape->n_heads, MAX_HEADS, "heads", error) ||
      !check_at_most (shape->n_experts, MAX_EXPERTS, "experts", error) ||
      !check_at_most (shape->n_shared, MAX_EXPERTS, "shared experts", error) ||
      !check_at_most (shape->width, MAX_WIDTH, "channels", error))
    return FALSE;

  if (shape->n_moe_layers < 1 || shape->n_moe_layers > shape->n_layers || shape->n_heads < 1 ||
      shape->width < 1 || shape->n_slots < 1 || shape->n_slots > shape->n_experts)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "no model has this shape: %u of %u layers with experts, %u of %u experts used, %u heads, "
                   "width %u", shape->n_moe_layers, shape->n_layers, shape->n_slots, shape->n_experts,
                   shape->n_heads, shape->width);
      return FALSE;
    }

  return check_at_most (shape->n_moe_layers * shape->n_slots, MAX_VALUES, "routing slots", error) &&
         check_at_most (shape->n_layers * shape->n_heads, MAX_VALUES, "heads in all layers", error);
}

guint *
moe_recording_parse_layers (const char  *text,
                            guint        n_layers,
                            guint       *n_moe_layers,
                            GError     **error)
{
  g_autoptr(GArray) layers = g_array_new (FALSE, FALSE, sizeof (guint));
  const char *at = text != NULL ? text : "";
  char separator = '[';

  /* Ascending numbers below the limit also bound how many there are. */
  while (*at == separator)
    {
      char *end;
      guint64 number;
      guint layer;

      if (!g_ascii_isdigit (*++at))
        break;
      number = g_ascii_strtoull (at, &end, 10);
      if (number >= MIN (n_layers, MAX_LAYERS) ||
          (layers->len > 0 && number <= g_array_index (layers, guint, layers->len - 1)))
        break;
      layer = (guint) number;
      g_array_append_val (layers, layer);
      at = end;
      separator = ',';
    }
  if (strcmp (at, "]") != 0 || layers->len == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "the list of MoE layers is damaged");
      return NULL;
    }

  *n_moe_layers = layers->len;
  return (guint *) g_array_free (g_steal_pointer (&layers), FALSE);
}

const char *
moe_recording_blob_get_name (MoeRecordingBlob blob)
{
  g_return_val_if_fail (blob < MOE_N_BLOBS, NULL);
  return layouts[blob].name;
}

guint
moe_recording_blob_get_size (MoeRecordingBlob blob)
{
  g_return_val_if_fail (blob < MOE_N_BLOBS, 0);
  return layouts[blob].size;
}

gsize
moe_recording_blob_count (MoeRecordingBlob         blob,
                          const MoeRecordingShape *shape)
{
  g_return_val_if_fail (blob < MOE_N_BLOBS, 0);

  switch (layouts[blob].dimensions)
    {
    case DIM_SLOTS:
      return (gsize) shape->n_moe_layers * shape->n_slots;
    case DIM_MOE_LAYERS:
      return shape->n_moe_layers;
    case DIM_SHARED:
      return shape->n_shared > 0 ? shape->n_moe_layers : 0;
    case DIM_LAYERS:
      return shape->n_layers;
    case DIM_LAYERS_TOP:
      return (gsize) shape->n_layers * 3;
    case DIM_HEADS:
      return (gsize) shape->n_layers * shape->n_heads;
    case DIM_SINKS:
      return shape->has_sinks ? (gsize) shape->n_layers * shape->n_heads : 0;
    }
  g_return_val_if_reached (0);
}

gpointer
moe_recording_blob_get_data (MoeRecordingBlob      blob,
                             const MoeTokenRecord *record)
{
  g_return_val_if_fail (blob < MOE_N_BLOBS, NULL);
  return G_STRUCT_MEMBER (gpointer, record, layouts[blob].offset);
}

void
moe_recording_copy_values (gpointer      to,
                           gconstpointer from,
                           gsize         n,
                           guint         size)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
  memcpy (to, from, n * size);
#else
  guint8 *out = to;
  const guint8 *in = from;

  for (gsize i = 0; i < n * size; i++)
    out[i] = in[i - i % size + (size - 1 - i % size)];
#endif
}
