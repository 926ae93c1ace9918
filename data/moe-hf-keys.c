/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-keys"

#include <string.h>

#include "data/moe-hf-private.h"

/* The numbers of value types in a GGUF file. */
enum { TYPE_UINT32 = 4, TYPE_INT32 = 5, TYPE_FLOAT32 = 6, TYPE_BOOL = 7, TYPE_STRING = 8, TYPE_ARRAY = 9 };

static void
put_u32 (MoeHfKeys *self,
         guint32    value)
{
  guint32 bytes = GUINT32_TO_LE (value);

  g_byte_array_append (self->bytes, (const guint8 *) &bytes, sizeof bytes);
}

static void
put_u64 (MoeHfKeys *self,
         guint64    value)
{
  guint64 bytes = GUINT64_TO_LE (value);

  g_byte_array_append (self->bytes, (const guint8 *) &bytes, sizeof bytes);
}

static void
put_string (MoeHfKeys  *self,
            const char *text)
{
  gsize length = strlen (text);

  put_u64 (self, length);
  g_byte_array_append (self->bytes, (const guint8 *) text, (guint) length);
}

static void
put_key (MoeHfKeys  *self,
         const char *key,
         guint32     type)
{
  put_string (self, key);
  put_u32 (self, type);
  self->n++;
}

void
moe_hf_keys_add_uint (MoeHfKeys  *self,
                      const char *key,
                      guint32     value)
{
  put_key (self, key, TYPE_UINT32);
  put_u32 (self, value);
}

void
moe_hf_keys_add_float (MoeHfKeys  *self,
                       const char *key,
                       float       value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  put_key (self, key, TYPE_FLOAT32);
  put_u32 (self, bits);
}

void
moe_hf_keys_add_bool (MoeHfKeys  *self,
                      const char *key,
                      gboolean    value)
{
  guint8 byte = value ? 1 : 0;

  put_key (self, key, TYPE_BOOL);
  g_byte_array_append (self->bytes, &byte, 1);
}

void
moe_hf_keys_add_string (MoeHfKeys  *self,
                        const char *key,
                        const char *value)
{
  put_key (self, key, TYPE_STRING);
  put_string (self, value);
}

void
moe_hf_keys_add_strings (MoeHfKeys         *self,
                         const char        *key,
                         const char *const *values,
                         gsize              n)
{
  put_key (self, key, TYPE_ARRAY);
  put_u32 (self, TYPE_STRING);
  put_u64 (self, n);
  for (gsize i = 0; i < n; i++)
    put_string (self, values[i]);
}

void
moe_hf_keys_add_ints (MoeHfKeys    *self,
                      const char   *key,
                      const gint32 *values,
                      gsize         n)
{
  put_key (self, key, TYPE_ARRAY);
  put_u32 (self, TYPE_INT32);
  put_u64 (self, n);
  for (gsize i = 0; i < n; i++)
    put_u32 (self, (guint32) values[i]);
}
