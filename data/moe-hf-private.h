/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>

#include "data/moe-error.h"
#include "data/moe-gguf.h"
#include "data/moe-safetensors.h"

G_BEGIN_DECLS

/* A model as Hugging Face's transformers stores it: a folder with config.json, tokenizer.json and safetensors
 * files. It is presented as a GGUF file that llama.cpp's converter would make of it: the keys are composed in
 * memory, and the tensors point into the safetensors files. */
typedef struct
{
  GByteArray *header;      /* a GGUF file without tensors */
  GArray     *tensors;     /* MoeGgufTensor */
  GPtrArray  *shards;      /* MoeSafetensors */
  GPtrArray  *allocations; /* what tensors point to that is not in a shard */
  GArray     *conversions; /* MoeHfConversion */
  guint64     file_bytes;  /* of all shards */
} MoeHfFolder;

/* Errors: MOE_ERROR_IO, _FORMAT, _UNSUPPORTED, _LIMIT; all name a file, or the folder. */
MoeHfFolder *moe_hf_folder_open            (const char   *path,
                                            GError      **error);
void         moe_hf_folder_free            (MoeHfFolder  *self);
gboolean     moe_hf_folder_check_unchanged (MoeHfFolder  *self,
                                            GError      **error);

/* A tensor whose values are laid out in another way than in its shard. It has no data until
 * moe_hf_folder_convert(), since reading what a model is must not take the time and memory of its weights. */
typedef enum
{
  MOE_HF_COPY_KEYS,       /* the rows of attn_kv_b that make keys, transposed head by head: attn_k_b */
  MOE_HF_COPY_VALUES,     /* those that make values: attn_v_b */
  MOE_HF_TRANSPOSE,       /* each matrix; every @step-th column from @first */
  MOE_HF_JOIN_F8,         /* each row's values with the scales of their tiles; @slice of a stack */
  MOE_HF_EXPAND_F8,       /* the same as floats */
  MOE_HF_JOIN_MXFP4,      /* blocks and scales of every @step-th row from @first */
} MoeHfConversionKind;

typedef struct
{
  MoeHfConversionKind  kind;
  guint                tensor;          /* index in tensors */
  const guint8        *data, *scales;   /* in a shard; with scales, other kinds expand F8_E4M3 first */
  MoeTensorType        scale_type;      /* of F8_E4M3: F32 or BF16 */
  guint64              slice;
  guint64              n_rows, n_in;    /* of one matrix as it is stored there */
  guint64              n_heads, n_keys, n_values; /* rows of each head */
  guint                first, step;
} MoeHfConversion;

/* Adds the names and parts of the values of all tensors as they are stored. */
void         moe_hf_folder_add_to_checksum (MoeHfFolder   *self,
                                            GChecksum     *checksum);
/* Fills the data of the tensors @tensors (those of moe_hf_folder_open(), or a copy) that need it, on all
 * processors. See moe_gguf_load(). */
gboolean     moe_hf_folder_convert         (MoeHfFolder      *self,
                                            MoeGgufTensor    *tensors,
                                            MoeProgressFunc   progress,
                                            gpointer          user_data,
                                            GCancellable     *cancellable,
                                            GError          **error);
/* What conversion @index of @self takes of memory. */
guint64      moe_hf_conversion_get_bytes   (const MoeHfFolder *self,
                                            guint              index);

/* The keys of a GGUF file in the making. */
typedef struct
{
  GByteArray *bytes;
  guint64     n;
} MoeHfKeys;

void moe_hf_keys_add_uint    (MoeHfKeys         *self,
                              const char        *key,
                              guint32            value);
void moe_hf_keys_add_float   (MoeHfKeys         *self,
                              const char        *key,
                              float              value);
void moe_hf_keys_add_bool    (MoeHfKeys         *self,
                              const char        *key,
                              gboolean           value);
void moe_hf_keys_add_string  (MoeHfKeys         *self,
                              const char        *key,
                              const char        *value);
/* @values: (n), none NULL. */
void moe_hf_keys_add_strings (MoeHfKeys         *self,
                              const char        *key,
                              const char *const *values,
                              gsize              n);
void moe_hf_keys_add_ints    (MoeHfKeys         *self,
                              const char        *key,
                              const gint32      *values,
                              gsize              n);

/* The object in the JSON file @name of @folder, of at most @max_bytes. NULL without @error when there is no
 * such file and it is not @required. Transfer full. */
JsonNode   *moe_hf_read_json   (const char  *folder,
                                const char  *name,
                                gsize        max_bytes,
                                gboolean     required,
                                GError     **error);
/* NULL when @object (which may be NULL) has no such member or another kind of value than meant. */
JsonObject *moe_hf_get_object  (JsonObject  *object,
                                const char  *name);
JsonArray  *moe_hf_get_array   (JsonObject  *object,
                                const char  *name);
const char *moe_hf_get_string  (JsonObject  *object,
                                const char  *name);
gboolean    moe_hf_get_bool    (JsonObject  *object,
                                const char  *name);
/* FALSE when it is not a whole number from 0 to 2^32 - 1. */
gboolean    moe_hf_get_uint    (JsonObject  *object,
                                const char  *name,
                                guint32     *value);
/* FALSE when it is not a number. */
gboolean    moe_hf_get_float   (JsonObject  *object,
                                const char  *name,
                                float       *value);
/* Whether it is there and not null. */
gboolean    moe_hf_is_set      (JsonObject  *object,
                                const char  *name);

/* transformers' classes that are known, as bits. */
typedef enum
{
  MOE_HF_QWEN3 = 1 << 0,
  MOE_HF_OLMOE = 1 << 1,
  MOE_HF_QWEN2 = 1 << 2,
  MOE_HF_MIXTRAL = 1 << 3,
  MOE_HF_DEEPSEEK2 = 1 << 4,
  MOE_HF_DEEPSEEK3 = 1 << 5,
  MOE_HF_GPT_OSS = 1 << 6,
  MOE_HF_GRANITE = 1 << 7,
  MOE_HF_GRANITE_SHARED = 1 << 8,
  MOE_HF_PHIMOE = 1 << 9,
} MoeHfFamilies;

#define MOE_HF_MLA (MOE_HF_DEEPSEEK2 | MOE_HF_DEEPSEEK3)
#define MOE_HF_GRANITES (MOE_HF_GRANITE | MOE_HF_GRANITE_SHARED)
#define MOE_HF_ALL (~0u)

typedef struct
{
  const char    *model_type;
  const char    *architecture; /* general.architecture */
  MoeHfFamilies  bit;
} MoeHfFamily;

/* What config.json says beside the keys. */
typedef struct
{
  const MoeHfFamily *family;
  guint32            n_layers, n_experts, vocabulary;
  guint32            n_skipped;       /* layers after them, for tokens after the next */
  guint32            n_heads, kv_rank, key_dim, value_dim; /* latent attention: of a head, key_dim without the
                                                            * rotated part */
  gboolean           tied;            /* the embedding serves as the output */
  float             *short_factors, *long_factors; /* (n_factors) of longrope, or NULL */
  guint              n_factors;
} MoeHfConfig;

void     moe_hf_config_clear      (MoeHfConfig       *config);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeHfConfig, moe_hf_config_clear)

/* Keys "ARCHITECTURE.KEY". */
void     moe_hf_config_add_uint   (const MoeHfConfig *config,
                                   MoeHfKeys         *keys,
                                   const char        *key,
                                   guint32            value);
void     moe_hf_config_add_float  (const MoeHfConfig *config,
                                   MoeHfKeys         *keys,
                                   const char        *key,
                                   float              value);
void     moe_hf_config_add_string (const MoeHfConfig *config,
                                   MoeHfKeys         *keys,
                                   const char        *key,
                                   const char        *value);

/* rope_theta and how positions are stretched. */
gboolean moe_hf_read_rope         (const char         *folder,
                                   JsonObject         *object,
                                   MoeHfConfig        *config,
                                   MoeHfKeys          *keys,
                                   GError            **error);

gboolean moe_hf_read_config    (const char         *folder,
                                JsonObject         *object,
                                MoeHfKeys          *keys,
                                MoeHfConfig        *config,
                                GError            **error);
/* @object is config.json's. */
gboolean moe_hf_read_tokenizer (const char         *folder,
                                JsonObject         *object,
                                const MoeHfConfig  *config,
                                MoeHfKeys          *keys,
                                GError            **error);
/* Whether @name is that of the scales of a matrix in F8_E4M3; @all: names to MoeSafetensor. */
gboolean moe_hf_f8_is_scale    (GHashTable             *all,
                                const char             *name);
/* The scales of @matrix, which is stored as F8_E4M3; both are checked. NULL with @error. */
const MoeSafetensor *moe_hf_f8_find_scales (const char           *folder,
                                            GHashTable           *all,
                                            const MoeSafetensor  *matrix,
                                            GError              **error);
/* Gives @matrix, which is stored as F8_E4M3, the type and size that it is computed with: F32 if @as_floats,
 * or if its rows end in a part of a tile, of which there are no blocks. */
void         moe_hf_f8_present (MoeSafetensor          *matrix,
                                gboolean                as_floats);
/* @from's n_rows rows of n_in values, a multiple of 128, as blocks of MOE_TYPE_F8_E4M3. */
void     moe_hf_f8_join        (const MoeHfConversion  *from,
                                guint8                 *out);
/* The same as floats: out (n_rows, n_in). */
void     moe_hf_f8_expand      (const MoeHfConversion  *from,
                                float                  *out);
/* Fills @self->tensors from @self->shards. */
gboolean moe_hf_place_tensors  (const char         *folder,
                                MoeHfFolder        *self,
                                const MoeHfConfig  *config,
                                GError            **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeHfFolder, moe_hf_folder_free)

#define moe_hf_fail_config(folder, code, error, ...) \
  moe_hf_blame_file (moe_error_fail (error, code, NULL, __VA_ARGS__), error, folder, "config.json")

/* Puts the file of @folder before the message of a call that failed; returns FALSE as that did. */
static inline gboolean
moe_hf_blame_file (gboolean     result,
                   GError     **error,
                   const char  *folder,
                   const char  *file)
{
  g_prefix_error (error, "%s/%s: ", folder, file);
  return result;
}

G_END_DECLS
