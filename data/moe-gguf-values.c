/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gguf-values"

#include "data/moe-gguf.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-gguf-private.h"

guint
moe_gguf_get_n_keys (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_keys;
}

const char *
moe_gguf_get_key (MoeGguf *self,
                  guint    index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->n_keys, NULL);

  return self->keys[index];
}

static const MoeGgufValue *
find (MoeGguf    *self,
      const char *key)
{
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (self->key_index, key));

  return index > 0 ? &self->values[index - 1] : NULL;
}

gboolean
moe_gguf_has_key (MoeGguf    *self,
                  const char *key)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  return find (self, key) != NULL;
}

static gboolean
wrong_kind (MoeGguf           *self,
            const char        *key,
            MoeGgufValueType   type,
            gboolean           in_array,
            const char        *wanted,
            GError           **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: key '%s' is %s%s, not %s", self->path, key,
               in_array ? "an array whose first element is " : "", moe_gguf_value_type_get_name (type),
               wanted);
  return FALSE;
}

static gboolean
out_of_range (MoeGguf     *self,
              const char  *key,
              const char  *wanted,
              GError     **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: key '%s' holds a value that does not fit %s",
               self->path, key, wanted);
  return FALSE;
}

/* An integer of up to 64 bits: @negative says that @bits is a signed number below zero. FALSE for a value
 * of another type. */
static gboolean
load_integer (const guint8     *p,
              MoeGgufValueType  type,
              guint64          *bits,
              gboolean         *negative)
{
  guint64 raw = 0;
  gint64 number;

  switch (type)
    {
    case MOE_GGUF_UINT8:
    case MOE_GGUF_BOOL:
    case MOE_GGUF_UINT16:
    case MOE_GGUF_UINT32:
    case MOE_GGUF_UINT64:
    case MOE_GGUF_INT8:
    case MOE_GGUF_INT16:
    case MOE_GGUF_INT32:
    case MOE_GGUF_INT64:
      for (gsize i = 0; i < moe_gguf_value_type_get_size (type); i++)
        raw |= (guint64) p[i] << (8 * i);
      break;
    default:
      return FALSE;
    }

  switch (type)
    {
    case MOE_GGUF_INT8:
      number = (gint8) raw;
      break;
    case MOE_GGUF_INT16:
      number = (gint16) raw;
      break;
    case MOE_GGUF_INT32:
      number = (gint32) raw;
      break;
    case MOE_GGUF_INT64:
      number = (gint64) raw;
      break;
    default:
      *bits = raw;
      *negative = FALSE;
      return TRUE;
    }

  *bits = (guint64) number;
  *negative = number < 0;
  return TRUE;
}

static gboolean
load_real (const guint8     *p,
           MoeGgufValueType  type,
           double           *number)
{
  if (type == MOE_GGUF_FLOAT32)
    {
      guint32 bits;
      float single;

      memcpy (&bits, p, sizeof bits);
      bits = GUINT32_FROM_LE (bits);
      memcpy (&single, &bits, sizeof single);
      *number = single;
      return TRUE;
    }

  if (type == MOE_GGUF_FLOAT64)
    {
      guint64 bits;

      memcpy (&bits, p, sizeof bits);
      bits = GUINT64_FROM_LE (bits);
      memcpy (number, &bits, sizeof *number);
      return TRUE;
    }

  return FALSE;
}

gboolean
moe_gguf_get_uint (MoeGguf     *self,
                   const char  *key,
                   guint32     *value,
                   GError     **error)
{
  const MoeGgufValue *found;
  guint64 bits;
  gboolean negative;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  found = find (self, key);
  if (found == NULL)
    return FALSE;
  if (found->type == MOE_GGUF_BOOL ||
      !load_integer (self->data + found->position, found->type, &bits, &negative))
    return wrong_kind (self, key, found->type, FALSE, "an integer", error);
  if (negative || bits > G_MAXUINT32)
    return out_of_range (self, key, "a 32-bit number without a sign", error);

  *value = (guint32) bits;
  return TRUE;
}

gboolean
moe_gguf_get_float (MoeGguf     *self,
                    const char  *key,
                    float       *value,
                    GError     **error)
{
  const MoeGgufValue *found;
  guint64 bits;
  gboolean negative;
  double number;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  found = find (self, key);
  if (found == NULL)
    return FALSE;
  if (!load_real (self->data + found->position, found->type, &number))
    {
      if (found->type == MOE_GGUF_BOOL ||
          !load_integer (self->data + found->position, found->type, &bits, &negative))
        return wrong_kind (self, key, found->type, FALSE, "a number", error);
      number = negative ? (double) (gint64) bits : (double) bits;
    }
  if (!isfinite ((float) number))
    return out_of_range (self, key, "a finite float", error);

  *value = (float) number;
  return TRUE;
}

gboolean
moe_gguf_get_bool (MoeGguf     *self,
                   const char  *key,
                   gboolean    *value,
                   GError     **error)
{
  const MoeGgufValue *found;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  found = find (self, key);
  if (found == NULL)
    return FALSE;
  if (found->type != MOE_GGUF_BOOL)
    return wrong_kind (self, key, found->type, FALSE, "a truth value", error);

  *value = self->data[found->position] != 0;
  return TRUE;
}

gboolean
moe_gguf_get_string (MoeGguf     *self,
                     const char  *key,
                     const char **value,
                     GError     **error)
{
  const MoeGgufValue *found;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  found = find (self, key);
  if (found == NULL)
    return FALSE;
  if (found->type != MOE_GGUF_STRING)
    return wrong_kind (self, key, found->type, FALSE, "a string", error);

  *value = found->string;
  return TRUE;
}

gboolean
moe_gguf_get_array_length (MoeGguf          *self,
                           const char       *key,
                           MoeGgufValueType *type,
                           gsize            *length)
{
  const MoeGgufValue *found;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (key != NULL, FALSE);

  found = find (self, key);
  if (found == NULL || found->type != MOE_GGUF_ARRAY)
    return FALSE;

  if (type != NULL)
    *type = found->element_type;
  if (length != NULL)
    *length = (gsize) found->n_elements;
  return TRUE;
}

/* The array under @key, or NULL, with @error set unless the key is absent. */
static const MoeGgufValue *
find_array (MoeGguf     *self,
            const char  *key,
            const char  *wanted,
            GError     **error)
{
  const MoeGgufValue *found = find (self, key);

  if (found != NULL && found->type != MOE_GGUF_ARRAY)
    {
      wrong_kind (self, key, found->type, FALSE, wanted, error);
      return NULL;
    }

  return found;
}

gint32 *
moe_gguf_get_int_array (MoeGguf     *self,
                        const char  *key,
                        gsize       *length,
                        GError     **error)
{
  const char *wanted = "an array of integers";
  g_autofree gint32 *numbers = NULL;
  const MoeGgufValue *found;
  gsize size;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (length != NULL, NULL);

  found = find_array (self, key, wanted, error);
  if (found == NULL)
    return NULL;

  /* One element more than needed, so that an empty array is not NULL. */
  numbers = g_new (gint32, (gsize) found->n_elements + 1);
  size = moe_gguf_value_type_get_size (found->element_type);
  for (gsize i = 0; i < found->n_elements; i++)
    {
      guint64 bits;
      gboolean negative;

      if (!load_integer (self->data + found->position + i * size, found->element_type, &bits, &negative))
        {
          wrong_kind (self, key, found->element_type, TRUE, wanted, error);
          return NULL;
        }
      if (negative ? (gint64) bits < G_MININT32 : bits > G_MAXINT32)
        {
          out_of_range (self, key, "32 bits", error);
          return NULL;
        }
      numbers[i] = (gint32) bits;
    }

  *length = (gsize) found->n_elements;
  return g_steal_pointer (&numbers);
}

float *
moe_gguf_get_float_array (MoeGguf     *self,
                          const char  *key,
                          gsize       *length,
                          GError     **error)
{
  const char *wanted = "an array of floats";
  g_autofree float *numbers = NULL;
  const MoeGgufValue *found;
  gsize size;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (length != NULL, NULL);

  found = find_array (self, key, wanted, error);
  if (found == NULL)
    return NULL;

  numbers = g_new (float, (gsize) found->n_elements + 1);
  size = moe_gguf_value_type_get_size (found->element_type);
  for (gsize i = 0; i < found->n_elements; i++)
    {
      double number;

      if (!load_real (self->data + found->position + i * size, found->element_type, &number))
        {
          wrong_kind (self, key, found->element_type, TRUE, wanted, error);
          return NULL;
        }
      numbers[i] = (float) number;
    }

  *length = (gsize) found->n_elements;
  return g_steal_pointer (&numbers);
}

MoeGgufString *
moe_gguf_get_string_array (MoeGguf     *self,
                           const char  *key,
                           gsize       *length,
                           GError     **error)
{
  const char *wanted = "an array of strings";
  g_autofree MoeGgufString *strings = NULL;
  const MoeGgufValue *found;
  MoeGgufCursor cursor = { 0 };

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (length != NULL, NULL);

  found = find_array (self, key, wanted, error);
  if (found == NULL)
    return NULL;
  if (found->n_elements > 0 && found->element_type != MOE_GGUF_STRING)
    {
      wrong_kind (self, key, found->element_type, TRUE, wanted, error);
      return NULL;
    }

  /* The lengths were checked on opening, and are again: the file may have been written to since. */
  cursor = (MoeGgufCursor) { .path = self->path, .data = self->data, .size = self->data_bytes,
                             .position = found->position, .what = key };
  strings = g_new (MoeGgufString, (gsize) found->n_elements + 1);
  for (gsize i = 0; i < found->n_elements; i++)
    if (!moe_gguf_cursor_read_string (&cursor, MOE_GGUF_MAX_STRING, &strings[i].bytes, &strings[i].length,
                                      error))
      return NULL;

  *length = (gsize) found->n_elements;
  return g_steal_pointer (&strings);
}
