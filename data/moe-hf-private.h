/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>

#include "data/moe-gguf.h"

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
  guint64     file_bytes;  /* of all shards */
} MoeHfFolder;

/* Errors: MOE_ERROR_IO, _FORMAT, _UNSUPPORTED, _LIMIT; all name a file, or the folder. */
MoeHfFolder *moe_hf_folder_open            (const char   *path,
                                            GError      **error);
void         moe_hf_folder_free            (MoeHfFolder  *self);
gboolean     moe_hf_folder_check_unchanged (MoeHfFolder  *self,
                                            GError      **error);

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

/* What config.json says beside the keys. */
typedef struct
{
  guint32  n_layers, n_experts, vocabulary;
  gboolean tied;    /* the embedding serves as the output */
} MoeHfConfig;

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
/* Fills @self->tensors from @self->shards. */
gboolean moe_hf_place_tensors  (const char         *folder,
                                MoeHfFolder        *self,
                                const MoeHfConfig  *config,
                                GError            **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeHfFolder, moe_hf_folder_free)

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
