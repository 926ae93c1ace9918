/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"
#include "data/moe-hf-private.h"
#include "data/moe-mapped-file.h"

G_BEGIN_DECLS

/* Why each cap: a real model has some thousand tensors and some hundred keys; the longest string is a chat
 * template of some ten kB; only arrays of arrays nest, and no known key nests more than once. */
#define MOE_GGUF_MAX_ENTRIES (1u << 20)
#define MOE_GGUF_MAX_STRING (64u << 20)
#define MOE_GGUF_MAX_NAME 65535u
#define MOE_GGUF_MAX_DEPTH 4u
#define MOE_GGUF_MAX_ALIGNMENT (1u << 20)
/* Each part holds a file descriptor; the largest models come in some hundred. */
#define MOE_GGUF_MAX_PARTS 512u

/* Reads forward through the header; every step is checked against the end of the file. @what names the part
 * being read, for the message. */
typedef struct
{
  const char   *path;
  const guint8 *data;
  gsize         size;
  gsize         position;
  const char   *what;
} MoeGgufCursor;

typedef struct
{
  MoeGgufValueType type;
  MoeGgufValueType element_type; /* of an array */
  guint64          n_elements;   /* of an array */
  gsize            position;     /* of the value's, or of the first element's, first byte */
  const char      *string;       /* copy of a string value, owned by the file */
} MoeGgufValue;

struct _MoeGguf
{
  gatomicrefcount  ref_count;
  char            *path;          /* as given */
  MoeMappedFile   *file;
  MoeHfFolder     *folder;        /* instead of a file: then data is its header */
  const guint8    *data;          /* (data_bytes) */
  gsize            data_bytes;
  gsize            file_bytes;    /* of a folder: of all its safetensors files */
  guint32          version;
  gsize            header_bytes;  /* up to the end of the tensor list, without padding */
  guint            n_keys;
  const char     **keys;          /* (n_keys) */
  MoeGgufValue    *values;        /* (n_keys) */
  guint            n_tensors;
  MoeGgufTensor   *tensors;       /* (n_tensors) */
  GStringChunk    *strings;
  GHashTable      *key_index;     /* name -> index + 1 */
  GHashTable      *tensor_index;  /* name -> index + 1 */
  GPtrArray       *parts;         /* of MoeGguf: the second part on, or NULL */
  char            *fingerprint;   /* made when first asked for */
  gboolean         loaded;        /* by moe_gguf_load() */
};

/* The file at @path alone, even if it is a part. */
MoeGguf    *moe_gguf_open_one           (const char     *path,
                                         GError        **error);
/* Opens the other parts when @self is the first of several, and takes their tensors in. */
gboolean    moe_gguf_add_parts          (MoeGguf        *self,
                                         GError        **error);

gboolean    moe_gguf_cursor_read_u32    (MoeGgufCursor  *self,
                                         guint32        *value,
                                         GError        **error);
gboolean    moe_gguf_cursor_read_u64    (MoeGgufCursor  *self,
                                         guint64        *value,
                                         GError        **error);
/* @bytes points into the map. */
gboolean    moe_gguf_cursor_read_string (MoeGgufCursor  *self,
                                         guint64         max_length,
                                         const char    **bytes,
                                         gsize          *length,
                                         GError        **error);
/* Reads a value's type and steps over the value. A string value is left to the caller to copy. */
gboolean    moe_gguf_cursor_read_value  (MoeGgufCursor  *self,
                                         MoeGgufValue   *value,
                                         GError        **error);

/* Bytes of one value of @type, 0 for strings and arrays. */
gsize       moe_gguf_value_type_get_size (MoeGgufValueType type);
const char *moe_gguf_value_type_get_name (MoeGgufValueType type);

/* What a file that does not start with "GGUF" is, as the end of a sentence. Transfer full. */
char       *moe_gguf_describe_foreign   (const guint8   *data,
                                         gsize           size);
/* @name for a message: short, and without bytes that would upset a terminal. Transfer full. */
char       *moe_gguf_quote              (const char     *name,
                                         gsize           length);

G_END_DECLS
