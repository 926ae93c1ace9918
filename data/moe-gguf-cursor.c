/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gguf-cursor"

#include "data/moe-gguf-private.h"

#include <string.h>

#include "data/moe-error.h"

gsize
moe_gguf_value_type_get_size (MoeGgufValueType type)
{
  static const guint8 sizes[] = {
    [MOE_GGUF_UINT8] = 1, [MOE_GGUF_INT8] = 1, [MOE_GGUF_UINT16] = 2, [MOE_GGUF_INT16] = 2,
    [MOE_GGUF_UINT32] = 4, [MOE_GGUF_INT32] = 4, [MOE_GGUF_FLOAT32] = 4, [MOE_GGUF_BOOL] = 1,
    [MOE_GGUF_UINT64] = 8, [MOE_GGUF_INT64] = 8, [MOE_GGUF_FLOAT64] = 8,
  };

  return sizes[type];
}

const char *
moe_gguf_value_type_get_name (MoeGgufValueType type)
{
  static const char * const names[] = {
    [MOE_GGUF_UINT8] = "an 8-bit number", [MOE_GGUF_INT8] = "an 8-bit number",
    [MOE_GGUF_UINT16] = "a 16-bit number", [MOE_GGUF_INT16] = "a 16-bit number",
    [MOE_GGUF_UINT32] = "a 32-bit number", [MOE_GGUF_INT32] = "a 32-bit number",
    [MOE_GGUF_FLOAT32] = "a float", [MOE_GGUF_BOOL] = "a truth value", [MOE_GGUF_STRING] = "a string",
    [MOE_GGUF_ARRAY] = "an array", [MOE_GGUF_UINT64] = "a 64-bit number",
    [MOE_GGUF_INT64] = "a 64-bit number", [MOE_GGUF_FLOAT64] = "a double",
  };

  return names[type];
}

char *
moe_gguf_quote (const char *name,
                gsize       length)
{
  const gsize longest = 80;
  g_autofree char *valid = g_utf8_make_valid (name, MIN (length, longest));
  GString *quoted = g_string_new ("'");

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (quoted, g_unichar_isprint (c) ? c : '?');
    }
  g_string_append (quoted, length > longest ? "…'" : "'");
  return g_string_free (quoted, FALSE);
}

static gboolean
require (MoeGgufCursor  *self,
         guint64         n_bytes,
         GError        **error)
{
  if (n_bytes <= self->size - self->position)
    return TRUE;

  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
               "%s: the file is cut off or damaged: %s at byte %" G_GSIZE_FORMAT " needs %" G_GUINT64_FORMAT
               " bytes but %" G_GSIZE_FORMAT " are left", self->path, self->what, self->position, n_bytes,
               self->size - self->position);
  return FALSE;
}

gboolean
moe_gguf_cursor_read_u32 (MoeGgufCursor  *self,
                          guint32        *value,
                          GError        **error)
{
  guint32 raw;

  if (!require (self, sizeof raw, error))
    return FALSE;

  memcpy (&raw, self->data + self->position, sizeof raw);
  self->position += sizeof raw;
  *value = GUINT32_FROM_LE (raw);
  return TRUE;
}

gboolean
moe_gguf_cursor_read_u64 (MoeGgufCursor  *self,
                          guint64        *value,
                          GError        **error)
{
  guint64 raw;

  if (!require (self, sizeof raw, error))
    return FALSE;

  memcpy (&raw, self->data + self->position, sizeof raw);
  self->position += sizeof raw;
  *value = GUINT64_FROM_LE (raw);
  return TRUE;
}

gboolean
moe_gguf_cursor_read_string (MoeGgufCursor  *self,
                             guint64         max_length,
                             const char    **bytes,
                             gsize          *length,
                             GError        **error)
{
  guint64 n;

  if (!moe_gguf_cursor_read_u64 (self, &n, error) || !require (self, n, error))
    return FALSE;

  if (n > max_length)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%s: %s holds a string of %" G_GUINT64_FORMAT " bytes, more than the %" G_GUINT64_FORMAT
                   " allowed", self->path, self->what, n, max_length);
      return FALSE;
    }

  *bytes = (const char *) self->data + self->position;
  *length = (gsize) n;
  self->position += (gsize) n;
  return TRUE;
}

static gboolean
check_bools (MoeGgufCursor  *self,
             guint64         n,
             GError        **error)
{
  for (guint64 i = 0; i < n; i++)
    if (self->data[self->position + i] > 1)
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s holds a truth value of %u",
                     self->path, self->what, self->data[self->position + i]);
        return FALSE;
      }

  return TRUE;
}

static gboolean
read_type (MoeGgufCursor     *self,
           MoeGgufValueType  *type,
           GError           **error)
{
  guint32 number;

  if (!moe_gguf_cursor_read_u32 (self, &number, error))
    return FALSE;

  if (number > MOE_GGUF_FLOAT64)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s has the unknown value type %u",
                   self->path, self->what, number);
      return FALSE;
    }

  *type = (MoeGgufValueType) number;
  return TRUE;
}

static gboolean
skip_values (MoeGgufCursor     *self,
             MoeGgufValueType   type,
             guint64            n,
             guint              depth,
             GError           **error)
{
  gsize size = moe_gguf_value_type_get_size (type);

  if (size > 0)
    {
      guint64 n_bytes;

      if (__builtin_mul_overflow (n, (guint64) size, &n_bytes))
        n_bytes = G_MAXUINT64;
      if (!require (self, n_bytes, error) ||
          (type == MOE_GGUF_BOOL && !check_bools (self, n, error)))
        return FALSE;
      self->position += (gsize) n_bytes;
      return TRUE;
    }

  /* Each of these takes eight bytes or more of the file, so the loops end where the file does. */
  for (guint64 i = 0; i < n; i++)
    {
      if (type == MOE_GGUF_STRING)
        {
          const char *bytes;
          gsize length;

          if (!moe_gguf_cursor_read_string (self, MOE_GGUF_MAX_STRING, &bytes, &length, error))
            return FALSE;
        }
      else
        {
          MoeGgufValueType element_type;
          guint64 n_elements;

          if (depth >= MOE_GGUF_MAX_DEPTH)
            {
              g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: %s nests arrays more than %u deep",
                           self->path, self->what, MOE_GGUF_MAX_DEPTH);
              return FALSE;
            }
          if (!read_type (self, &element_type, error) ||
              !moe_gguf_cursor_read_u64 (self, &n_elements, error) ||
              !skip_values (self, element_type, n_elements, depth + 1, error))
            return FALSE;
        }
    }

  return TRUE;
}

gboolean
moe_gguf_cursor_read_value (MoeGgufCursor  *self,
                            MoeGgufValue   *value,
                            GError        **error)
{
  memset (value, 0, sizeof *value);
  if (!read_type (self, &value->type, error))
    return FALSE;

  if (value->type == MOE_GGUF_ARRAY)
    {
      if (!read_type (self, &value->element_type, error) ||
          !moe_gguf_cursor_read_u64 (self, &value->n_elements, error))
        return FALSE;
      value->position = self->position;
      return skip_values (self, value->element_type, value->n_elements, 1, error);
    }

  value->position = self->position;
  return skip_values (self, value->type, 1, 0, error);
}

static gboolean
starts_with_ignoring_case (const guint8 *data,
                           gsize         size,
                           const char   *text)
{
  gsize length = strlen (text);

  return size >= length && g_ascii_strncasecmp ((const char *) data, text, length) == 0;
}

char *
moe_gguf_describe_foreign (const guint8 *data,
                           gsize         size)
{
  static const struct
  {
    const char *start;
    const char *description;
  } formats[] = {
    { "PK\003\004", "is a zip archive (a PyTorch checkpoint, perhaps), not a GGUF model" },
    { "\037\213", "is gzip-compressed, not a GGUF model" },
    { "version https://git-lfs", "is only the Git LFS pointer to a model that was not downloaded" },
    { "SQLite format 3", "is an SQLite database (a recording, perhaps), not a GGUF model" },
    { "tjgg", "is a GGML file from before GGUF, which has to be converted" },
    { "fmgg", "is a GGML file from before GGUF, which has to be converted" },
    { "lmgg", "is a GGML file from before GGUF, which has to be converted" },
  };
  gsize start = 0;
  guint64 header_length;
  GString *hex;

  if (size == 0)
    return g_strdup ("the file is empty");

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    if (size >= strlen (formats[i].start) &&
        memcmp (data, formats[i].start, strlen (formats[i].start)) == 0)
      return g_strdup (formats[i].description);

  if (size > 9)
    {
      memcpy (&header_length, data, sizeof header_length);
      header_length = GUINT64_FROM_LE (header_length);
      if (header_length >= 2 && header_length <= size - 8 && data[8] == '{')
        return g_strdup ("is a safetensors file, not a GGUF model");
    }

  while (start < size && start < 64 && g_ascii_isspace (data[start]))
    start++;
  if (starts_with_ignoring_case (data + start, size - start, "<!doctype html") ||
      starts_with_ignoring_case (data + start, size - start, "<html"))
    return g_strdup ("is an HTML page (a failed download, perhaps), not a GGUF model");
  if (start < size && data[start] == '{')
    return g_strdup ("is JSON text, not a GGUF model");

  hex = g_string_new ("is not a GGUF model (it starts with the bytes");
  for (gsize i = 0; i < MIN (size, 4); i++)
    g_string_append_printf (hex, " %02x", data[i]);
  g_string_append_c (hex, ')');
  return g_string_free (hex, FALSE);
}
