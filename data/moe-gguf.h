/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* A GGUF file (version 2 or 3), mapped read-only; or a Hugging Face folder in safetensors, which is presented
 * with the keys and tensors of a GGUF file (data/moe-hf-private.h). Every offset, count, string and dimension
 * is checked before it is used; what the getters return is inside the maps or owned by the object, and stays
 * valid while a reference is held. Immutable after opening, so any thread may read it. */
typedef struct _MoeGguf MoeGguf;

typedef struct
{
  const char    *name;
  MoeTensorType  type;     /* may be a type we cannot compute with; its size is known all the same */
  guint          n_dims;   /* 1 to 4 */
  guint64        ne[4];    /* ne[0] is contiguous; unused dimensions are 1 */
  guint64        offset;   /* from the start of its file, bytes */
  guint64        n_bytes;
  const guint8  *data;     /* (ne[3], ne[2], ne[1], ne[0]) in @type's blocks; NULL: see moe_gguf_load() */
  const guint8 *const *slices; /* (ne[2]) when each matrix lies elsewhere, then @data is one of them; else
                                * NULL */
} MoeGgufTensor;

typedef enum
{
  MOE_GGUF_UINT8, MOE_GGUF_INT8, MOE_GGUF_UINT16, MOE_GGUF_INT16, MOE_GGUF_UINT32, MOE_GGUF_INT32,
  MOE_GGUF_FLOAT32, MOE_GGUF_BOOL, MOE_GGUF_STRING, MOE_GGUF_ARRAY, MOE_GGUF_UINT64, MOE_GGUF_INT64,
  MOE_GGUF_FLOAT64,
} MoeGgufValueType;

/* @path: a file, or a Hugging Face folder with config.json. A model in several files
 * (NAME-00001-of-0000N.gguf with the keys split.no, split.count and split.tensors.count) is opened by its
 * first, which has the keys; the others give their tensors. Errors: MOE_ERROR_IO, _FORMAT, _UNSUPPORTED (a
 * version or a tensor type), _LIMIT; all name the file. */
MoeGguf             *moe_gguf_open            (const char  *path,
                                               GError     **error);
MoeGguf             *moe_gguf_ref             (MoeGguf     *self);
void                 moe_gguf_unref           (MoeGguf     *self);

const char          *moe_gguf_get_path        (MoeGguf     *self);
/* Whether it is a folder. */
gboolean             moe_gguf_is_folder       (MoeGguf     *self);
guint32              moe_gguf_get_version     (MoeGguf     *self);
/* Of all parts. */
guint64              moe_gguf_get_file_bytes  (MoeGguf     *self);

/* SHA-256, as 64 hex digits, over the header (metadata and tensor list), the file's size and the first and
 * last 64 bytes of every tensor: the same for every copy of a file and computed without reading it all. */
const char          *moe_gguf_get_fingerprint (MoeGguf     *self);

/* FALSE when the file on disk is no longer the one that was mapped (size or modification time). */
gboolean             moe_gguf_check_unchanged (MoeGguf     *self,
                                               GError     **error);

/* Keys. The typed getters return FALSE without touching @value when the key is absent, and set @error when
 * it is there but of another kind or out of range; integers of any width and sign are accepted. Strings are
 * valid UTF-8 and NUL-terminated copies owned by the file. */
guint                moe_gguf_get_n_keys      (MoeGguf     *self);
const char          *moe_gguf_get_key         (MoeGguf     *self,
                                               guint        index);
gboolean             moe_gguf_has_key         (MoeGguf     *self,
                                               const char  *key);
gboolean             moe_gguf_get_uint        (MoeGguf     *self,
                                               const char  *key,
                                               guint32     *value,
                                               GError     **error);
gboolean             moe_gguf_get_float       (MoeGguf     *self,
                                               const char  *key,
                                               float       *value,
                                               GError     **error);
gboolean             moe_gguf_get_bool        (MoeGguf     *self,
                                               const char  *key,
                                               gboolean    *value,
                                               GError     **error);
gboolean             moe_gguf_get_string      (MoeGguf     *self,
                                               const char  *key,
                                               const char **value,
                                               GError     **error);

/* Arrays. _get_array_length returns FALSE when the key is absent or not an array. The element getters
 * fill a new array (transfer full, g_free; NULL without @error when the key is absent); integers are
 * range-checked to 32 bits signed. Array strings may hold any bytes (token texts of damaged vocabularies do):
 * a string is a pointer into the map and a length. */
typedef struct { const char *bytes; gsize length; } MoeGgufString;

gboolean             moe_gguf_get_array_length (MoeGguf           *self,
                                                const char        *key,
                                                MoeGgufValueType  *type,
                                                gsize             *length);
gint32              *moe_gguf_get_int_array    (MoeGguf           *self,
                                                const char        *key,
                                                gsize             *length,
                                                GError           **error);
float               *moe_gguf_get_float_array  (MoeGguf           *self,
                                                const char        *key,
                                                gsize             *length,
                                                GError           **error);
MoeGgufString       *moe_gguf_get_string_array (MoeGguf           *self,
                                                const char        *key,
                                                gsize             *length,
                                                GError           **error);

guint                moe_gguf_get_n_tensors   (MoeGguf     *self);
const MoeGgufTensor *moe_gguf_get_tensor      (MoeGguf     *self,
                                               guint        index);
const MoeGgufTensor *moe_gguf_find_tensor     (MoeGguf     *self,
                                               const char  *name);

/* Called with 0..1 while weights are brought in, from the thread that opens. */
typedef void (*MoeProgressFunc) (double fraction, gpointer user_data);

/* A folder's tensors whose values must be laid out anew have no data before this call, which takes the time
 * and memory for it once, on all processors; nothing to do for files. @progress may be NULL. Errors:
 * MOE_ERROR_LIMIT (memory), G_IO_ERROR_CANCELLED; then it may be called again. */
gboolean             moe_gguf_load            (MoeGguf          *self,
                                               MoeProgressFunc   progress,
                                               gpointer          user_data,
                                               GCancellable     *cancellable,
                                               GError          **error);
/* How many bytes that call lays out. */
guint64              moe_gguf_get_load_bytes  (MoeGguf     *self);

/* Keys that no file has, but that a folder is presented with where its model says more than a file can:
 * BOOL, RoPE rotates halves, whatever the architecture does in files; and */
#define MOE_GGUF_KEY_ROPE_HALVES "moescope.rope.halves"
/* BOOL, YaRN's range of pairs is not widened to whole pairs. */
#define MOE_GGUF_KEY_ROPE_FRACTIONS "moescope.rope.fractions"
/* FLOAT, with YaRN in latent attention: what cosines and sines are multiplied with, and what scores are, in
 * place of what follows from yarn_log_multiplier. */
#define MOE_GGUF_KEY_ROPE_ANGLES "moescope.rope.angles"
#define MOE_GGUF_KEY_ROPE_SCORES "moescope.rope.scores"
/* BOOL, groups of experts are as good as their best one. */
#define MOE_GGUF_KEY_GROUPS_BY_BEST "moescope.expert_groups_by_best"
/* Array of STRING, regular expressions in place of those that tokenizer.ggml.pre means; and
 * BOOL, with them: a piece that is a token as it stands is not built from merges. */
#define MOE_GGUF_KEY_SPLITS "moescope.tokenizer.splits"
#define MOE_GGUF_KEY_IGNORE_MERGES "moescope.tokenizer.ignore_merges"
/* Array of STRING, "left right": merges of a SentencePiece vocabulary, in place of scores. */
#define MOE_GGUF_KEY_MERGES "moescope.tokenizer.merges"
/* BOOL, a space is put only before the very start of a text, and not before a space. */
#define MOE_GGUF_KEY_METASPACE "moescope.tokenizer.metaspace"
/* Arrays of INT32: all tokens that end a turn; special tokens that take in the white space before them, after
 * them. */
#define MOE_GGUF_KEY_ENDS "moescope.tokenizer.ends"
#define MOE_GGUF_KEY_LSTRIP "moescope.tokenizer.lstrip"
#define MOE_GGUF_KEY_RSTRIP "moescope.tokenizer.rstrip"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeGguf, moe_gguf_unref)

G_END_DECLS
