/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-gguf.h"

G_BEGIN_DECLS

/* Writes small GGUF files for tests. It checks nothing about what it is told to write, so that damaged files
 * can be made with it too; keys and tensors appear in the order of the calls. Everything given is copied. */
typedef struct _MoeGgufWriter MoeGgufWriter;

/* @version 2 or 3 (the layouts are the same), or another number for a file that must be refused. */
MoeGgufWriter *moe_gguf_writer_new              (guint32            version);
void           moe_gguf_writer_free             (MoeGgufWriter     *self);

/* Bytes between the starts of tensors are a multiple of @alignment (a power of two, 32 at first). Writes
 * general.alignment. Before any tensor. */
void           moe_gguf_writer_set_alignment    (MoeGgufWriter     *self,
                                                 guint32            alignment);

void           moe_gguf_writer_add_uint         (MoeGgufWriter     *self,
                                                 const char        *key,
                                                 guint32            value);
void           moe_gguf_writer_add_float        (MoeGgufWriter     *self,
                                                 const char        *key,
                                                 float              value);
void           moe_gguf_writer_add_bool         (MoeGgufWriter     *self,
                                                 const char        *key,
                                                 gboolean           value);
void           moe_gguf_writer_add_string       (MoeGgufWriter     *self,
                                                 const char        *key,
                                                 const char        *value);
/* A number of any width: @value points at a value of that C type (a guint8 for booleans). */
void           moe_gguf_writer_add_number       (MoeGgufWriter     *self,
                                                 const char        *key,
                                                 MoeGgufValueType   type,
                                                 gconstpointer      value);
/* @values: (n) C values of the width of @type, a number or boolean. */
void           moe_gguf_writer_add_array        (MoeGgufWriter     *self,
                                                 const char        *key,
                                                 MoeGgufValueType   type,
                                                 gconstpointer      values,
                                                 gsize              n);
void           moe_gguf_writer_add_string_array (MoeGgufWriter       *self,
                                                 const char          *key,
                                                 const MoeGgufString *values,
                                                 gsize                n);

/* @ne: (n_dims), ne[0] contiguous. @data: @n_bytes in @type's blocks; any number of bytes is taken as it is.
 * With @data NULL the place is only reserved: the caller appends the bytes to the file itself, padded to the
 * alignment. A file has reserved tensors only, or none. */
void           moe_gguf_writer_add_tensor       (MoeGgufWriter     *self,
                                                 const char        *name,
                                                 guint32            type,
                                                 guint              n_dims,
                                                 const guint64     *ne,
                                                 gconstpointer      data,
                                                 gsize              n_bytes);

/* The whole file. Transfer full. */
GBytes        *moe_gguf_writer_to_bytes         (MoeGgufWriter     *self);
gboolean       moe_gguf_writer_save             (MoeGgufWriter     *self,
                                                 const char        *path,
                                                 GError           **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeGgufWriter, moe_gguf_writer_free)

G_END_DECLS
