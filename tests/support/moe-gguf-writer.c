/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gguf-writer"

#include "tests/support/moe-gguf-writer.h"

#include <string.h>

struct _MoeGgufWriter
{
  guint32     version;
  guint32     alignment;
  guint64     n_keys;
  guint64     n_tensors;
  GByteArray *keys;    /* the metadata section */
  GByteArray *infos;   /* the tensor list */
  GByteArray *tensors; /* the data section, each tensor padded */
  guint64     reserved; /* bytes of the data section that the caller writes */
};

static void
put (GByteArray    *out,
     gconstpointer  bytes,
     gsize          n)
{
  g_byte_array_append (out, bytes, n);
}

/* Little-endian integers of any width. */
static void
put_uint (GByteArray *out,
          guint64     value,
          guint       n_bytes)
{
  for (guint i = 0; i < n_bytes; i++)
    {
      guint8 byte = (value >> (8 * i)) & 0xff;
      put (out, &byte, 1);
    }
}

static void
put_string (GByteArray *out,
            const char *bytes,
            gsize       length)
{
  put_uint (out, length, 8);
  put (out, bytes, length);
}

static void
pad (GByteArray *out,
     gsize       alignment)
{
  while (out->len % alignment != 0)
    put_uint (out, 0, 1);
}

static guint
value_width (MoeGgufValueType type)
{
  switch (type)
    {
    case MOE_GGUF_UINT8:
    case MOE_GGUF_INT8:
    case MOE_GGUF_BOOL:
      return 1;
    case MOE_GGUF_UINT16:
    case MOE_GGUF_INT16:
      return 2;
    case MOE_GGUF_UINT32:
    case MOE_GGUF_INT32:
    case MOE_GGUF_FLOAT32:
      return 4;
    case MOE_GGUF_UINT64:
    case MOE_GGUF_INT64:
    case MOE_GGUF_FLOAT64:
      return 8;
    case MOE_GGUF_STRING:
    case MOE_GGUF_ARRAY:
    default:
      g_return_val_if_reached (0);
    }
}

static void
put_number (GByteArray    *out,
            guint          width,
            gconstpointer  value)
{
  guint16 v16;
  guint32 v32;
  guint64 v64;

  switch (width)
    {
    case 1:
      put (out, value, 1);
      break;
    case 2:
      memcpy (&v16, value, 2);
      put_uint (out, v16, 2);
      break;
    case 4:
      memcpy (&v32, value, 4);
      put_uint (out, v32, 4);
      break;
    default:
      memcpy (&v64, value, 8);
      put_uint (out, v64, 8);
      break;
    }
}

static void
put_key (MoeGgufWriter    *self,
         const char       *key,
         MoeGgufValueType  type)
{
  self->n_keys++;
  put_string (self->keys, key, strlen (key));
  put_uint (self->keys, type, 4);
}

MoeGgufWriter *
moe_gguf_writer_new (guint32 version)
{
  MoeGgufWriter *self = g_new0 (MoeGgufWriter, 1);

  self->version = version;
  self->alignment = 32;
  self->keys = g_byte_array_new ();
  self->infos = g_byte_array_new ();
  self->tensors = g_byte_array_new ();
  return self;
}

void
moe_gguf_writer_free (MoeGgufWriter *self)
{
  if (self == NULL)
    return;
  g_byte_array_unref (self->keys);
  g_byte_array_unref (self->infos);
  g_byte_array_unref (self->tensors);
  g_free (self);
}

void
moe_gguf_writer_set_alignment (MoeGgufWriter *self,
                               guint32        alignment)
{
  g_return_if_fail (self->n_tensors == 0 && alignment > 0);

  self->alignment = alignment;
  moe_gguf_writer_add_uint (self, "general.alignment", alignment);
}

void
moe_gguf_writer_add_number (MoeGgufWriter    *self,
                            const char       *key,
                            MoeGgufValueType  type,
                            gconstpointer     value)
{
  put_key (self, key, type);
  put_number (self->keys, value_width (type), value);
}

void
moe_gguf_writer_add_uint (MoeGgufWriter *self,
                          const char    *key,
                          guint32        value)
{
  moe_gguf_writer_add_number (self, key, MOE_GGUF_UINT32, &value);
}

void
moe_gguf_writer_add_float (MoeGgufWriter *self,
                           const char    *key,
                           float          value)
{
  moe_gguf_writer_add_number (self, key, MOE_GGUF_FLOAT32, &value);
}

void
moe_gguf_writer_add_bool (MoeGgufWriter *self,
                          const char    *key,
                          gboolean       value)
{
  guint8 byte = value ? 1 : 0;

  moe_gguf_writer_add_number (self, key, MOE_GGUF_BOOL, &byte);
}

void
moe_gguf_writer_add_string (MoeGgufWriter *self,
                            const char    *key,
                            const char    *value)
{
  put_key (self, key, MOE_GGUF_STRING);
  put_string (self->keys, value, strlen (value));
}

void
moe_gguf_writer_add_array (MoeGgufWriter    *self,
                           const char       *key,
                           MoeGgufValueType  type,
                           gconstpointer     values,
                           gsize             n)
{
  guint width = value_width (type);

  put_key (self, key, MOE_GGUF_ARRAY);
  put_uint (self->keys, type, 4);
  put_uint (self->keys, n, 8);
  for (gsize i = 0; i < n; i++)
    put_number (self->keys, width, (const guint8 *) values + i * width);
}

void
moe_gguf_writer_add_string_array (MoeGgufWriter       *self,
                                  const char          *key,
                                  const MoeGgufString *values,
                                  gsize                n)
{
  put_key (self, key, MOE_GGUF_ARRAY);
  put_uint (self->keys, MOE_GGUF_STRING, 4);
  put_uint (self->keys, n, 8);
  for (gsize i = 0; i < n; i++)
    put_string (self->keys, values[i].bytes, values[i].length);
}

void
moe_gguf_writer_add_tensor (MoeGgufWriter *self,
                            const char    *name,
                            guint32        type,
                            guint          n_dims,
                            const guint64 *ne,
                            gconstpointer  data,
                            gsize          n_bytes)
{
  self->n_tensors++;
  put_string (self->infos, name, strlen (name));
  put_uint (self->infos, n_dims, 4);
  for (guint i = 0; i < n_dims; i++)
    put_uint (self->infos, ne[i], 8);
  put_uint (self->infos, type, 4);
  put_uint (self->infos, self->tensors->len + self->reserved, 8);

  if (data == NULL)
    {
      self->reserved += (n_bytes + self->alignment - 1) / self->alignment * self->alignment;
      return;
    }
  put (self->tensors, data, n_bytes);
  pad (self->tensors, self->alignment);
}

GBytes *
moe_gguf_writer_to_bytes (MoeGgufWriter *self)
{
  GByteArray *out = g_byte_array_new ();

  put (out, "GGUF", 4);
  put_uint (out, self->version, 4);
  put_uint (out, self->n_tensors, 8);
  put_uint (out, self->n_keys, 8);
  put (out, self->keys->data, self->keys->len);
  put (out, self->infos->data, self->infos->len);
  pad (out, self->alignment);
  put (out, self->tensors->data, self->tensors->len);
  return g_byte_array_free_to_bytes (out);
}

gboolean
moe_gguf_writer_save (MoeGgufWriter  *self,
                      const char     *path,
                      GError        **error)
{
  g_autoptr (GBytes) bytes = moe_gguf_writer_to_bytes (self);
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);

  return g_file_set_contents (path, data, (gssize) length, error);
}
