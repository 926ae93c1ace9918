/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gguf"

#include "data/moe-gguf.h"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-gguf-private.h"
#include "data/moe-machine.h"

#define MAGIC "GGUF"
#define DEFAULT_ALIGNMENT 32u

/* The fewest bytes a key with a one-byte value and an empty name, and a tensor with one dimension, take. */
#define MIN_KEY_BYTES 13u
#define MIN_TENSOR_BYTES 32u

#define fail(self, code, error, ...) moe_error_fail (error, code, (self)->path, __VA_ARGS__)

static gboolean
map_file (MoeGguf  *self,
          GError  **error)
{
  self->file = moe_mapped_file_open (self->path, error);
  if (self->file == NULL)
    return FALSE;
  if (self->file->n_bytes == 0)
    return fail (self, MOE_ERROR_FORMAT, error, "the file is empty");

  self->data = self->file->data;
  self->data_bytes = self->file_bytes = self->file->n_bytes;
  return TRUE;
}

static gboolean
read_preamble (MoeGguf        *self,
               MoeGgufCursor  *cursor,
               guint64        *n_keys,
               guint64        *n_tensors,
               GError        **error)
{
  gsize n_compared = MIN (self->data_bytes, strlen (MAGIC));

  if (memcmp (self->data, MAGIC, n_compared) != 0)
    {
      g_autofree char *what = moe_gguf_describe_foreign (self->data, self->data_bytes);

      return fail (self, MOE_ERROR_FORMAT, error, "%s", what);
    }

  cursor->position = n_compared;
  cursor->what = "the version";
  if (!moe_gguf_cursor_read_u32 (cursor, &self->version, error))
    return FALSE;

  if (self->version != 0 && (self->version & 0xffff) == 0)
    return fail (self, MOE_ERROR_UNSUPPORTED, error, "is a big-endian GGUF file, which is not supported");
  if (self->version == 1)
    return fail (self, MOE_ERROR_UNSUPPORTED, error,
                 "is a GGUF file of version 1, which is not supported (2 and 3 are)");
  if (self->version != 2 && self->version != 3)
    return fail (self, MOE_ERROR_UNSUPPORTED, error,
                 "is a GGUF file of the unknown version %u (2 and 3 are known)", self->version);

  cursor->what = "the number of tensors";
  if (!moe_gguf_cursor_read_u64 (cursor, n_tensors, error))
    return FALSE;
  cursor->what = "the number of keys";
  if (!moe_gguf_cursor_read_u64 (cursor, n_keys, error))
    return FALSE;

  if (*n_keys > (self->data_bytes - cursor->position) / MIN_KEY_BYTES)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "claims %" G_GUINT64_FORMAT " keys, more than its %" G_GSIZE_FORMAT " bytes can hold",
                 *n_keys, self->data_bytes);
  if (*n_tensors > (self->data_bytes - cursor->position) / MIN_TENSOR_BYTES)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "claims %" G_GUINT64_FORMAT " tensors, more than its %" G_GSIZE_FORMAT " bytes can hold",
                 *n_tensors, self->data_bytes);
  if (*n_keys > MOE_GGUF_MAX_ENTRIES)
    return fail (self, MOE_ERROR_LIMIT, error, "has %" G_GUINT64_FORMAT " keys, more than the %u allowed",
                 *n_keys, MOE_GGUF_MAX_ENTRIES);
  if (*n_tensors > MOE_GGUF_MAX_ENTRIES)
    return fail (self, MOE_ERROR_LIMIT, error, "has %" G_GUINT64_FORMAT " tensors, more than the %u allowed",
                 *n_tensors, MOE_GGUF_MAX_ENTRIES);

  return TRUE;
}

/* Reads a name, checks it, and enters it into @table under @index. */
static gboolean
read_name (MoeGguf        *self,
           MoeGgufCursor  *cursor,
           GHashTable     *table,
           guint           index,
           const char    **name,
           GError        **error)
{
  const char *bytes;
  gsize length;
  g_autofree char *quoted = NULL;

  if (!moe_gguf_cursor_read_string (cursor, MOE_GGUF_MAX_NAME, &bytes, &length, error))
    return FALSE;

  if (length == 0)
    return fail (self, MOE_ERROR_FORMAT, error, "%s has an empty name", cursor->what);

  if (!g_utf8_validate_len (bytes, length, NULL))
    {
      quoted = moe_gguf_quote (bytes, length);
      return fail (self, MOE_ERROR_FORMAT, error, "%s has the name %s, which is not valid UTF-8",
                   cursor->what, quoted);
    }

  *name = g_string_chunk_insert_len (self->strings, bytes, (gssize) length);
  if (!g_hash_table_insert (table, (gpointer) *name, GUINT_TO_POINTER (index + 1)))
    {
      quoted = moe_gguf_quote (bytes, length);
      return fail (self, MOE_ERROR_FORMAT, error, "%s has the name %s, which is already taken",
                   cursor->what, quoted);
    }

  return TRUE;
}

static gboolean
read_keys (MoeGguf        *self,
           MoeGgufCursor  *cursor,
           guint           n_keys,
           GError        **error)
{
  self->keys = g_new0 (const char *, n_keys);
  self->values = g_new0 (MoeGgufValue, n_keys);

  for (guint i = 0; i < n_keys; i++)
    {
      g_autofree char *position = g_strdup_printf ("key %u of %u", i + 1, n_keys);
      g_autofree char *quoted = NULL;
      g_autofree char *named = NULL;
      MoeGgufValue *value = &self->values[i];

      cursor->what = position;
      if (!read_name (self, cursor, self->key_index, i, &self->keys[i], error))
        return FALSE;

      quoted = moe_gguf_quote (self->keys[i], strlen (self->keys[i]));
      named = g_strconcat ("key ", quoted, NULL);
      cursor->what = named;
      if (!moe_gguf_cursor_read_value (cursor, value, error))
        return FALSE;

      if (value->type == MOE_GGUF_STRING)
        {
          const char *bytes = (const char *) self->data + value->position + sizeof (guint64);
          gsize length = cursor->position - value->position - sizeof (guint64);

          if (!g_utf8_validate_len (bytes, length, NULL))
            return fail (self, MOE_ERROR_FORMAT, error, "key %s holds text that is not valid UTF-8", quoted);
          value->string = g_string_chunk_insert_len (self->strings, bytes, (gssize) length);
        }
      self->n_keys = i + 1;
    }

  cursor->what = NULL;
  return TRUE;
}

static gboolean
read_alignment (MoeGguf  *self,
                guint32  *alignment,
                GError  **error)
{
  const char *key = "general.alignment";

  *alignment = DEFAULT_ALIGNMENT;
  if (!moe_gguf_has_key (self, key))
    return TRUE;
  if (!moe_gguf_get_uint (self, key, alignment, error))
    return FALSE;

  /* Eight is the least the format allows, and what lets data be read in place. */
  if (*alignment < 8 || *alignment > MOE_GGUF_MAX_ALIGNMENT || (*alignment & (*alignment - 1)) != 0)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "key 'general.alignment' is %u, which is not a power of two from 8 to %u", *alignment,
                 MOE_GGUF_MAX_ALIGNMENT);

  return TRUE;
}

static gboolean
read_shape (MoeGguf        *self,
            MoeGgufCursor  *cursor,
            MoeGgufTensor  *tensor,
            const char     *quoted,
            GError        **error)
{
  guint64 n_values = 1;

  if (!moe_gguf_cursor_read_u32 (cursor, &tensor->n_dims, error))
    return FALSE;
  if (tensor->n_dims < 1 || tensor->n_dims > G_N_ELEMENTS (tensor->ne))
    return fail (self, MOE_ERROR_FORMAT, error, "tensor %s has %u dimensions (1 to 4 are possible)", quoted,
                 tensor->n_dims);

  for (guint i = 0; i < G_N_ELEMENTS (tensor->ne); i++)
    {
      tensor->ne[i] = 1;
      if (i >= tensor->n_dims)
        continue;
      if (!moe_gguf_cursor_read_u64 (cursor, &tensor->ne[i], error))
        return FALSE;
      if (tensor->ne[i] == 0)
        return fail (self, MOE_ERROR_FORMAT, error, "tensor %s has a dimension of 0", quoted);
      if (__builtin_mul_overflow (n_values, tensor->ne[i], &n_values) || n_values > G_MAXINT64)
        return fail (self, MOE_ERROR_FORMAT, error, "tensor %s has impossibly large dimensions", quoted);
    }

  return TRUE;
}

static gboolean
read_type (MoeGguf        *self,
           MoeGgufCursor  *cursor,
           MoeGgufTensor  *tensor,
           const char     *quoted,
           GError        **error)
{
  guint32 number;
  guint block_values, block_bytes;
  guint64 n_rows;

  if (!moe_gguf_cursor_read_u32 (cursor, &number, error))
    return FALSE;
  if (number == MOE_TYPE_F8_E4M3 || !moe_tensor_type_get_block (number, &block_values, &block_bytes))
    return fail (self, MOE_ERROR_UNSUPPORTED, error, "tensor %s has the unknown type number %u", quoted,
                 number);
  tensor->type = (MoeTensorType) number;

  if (tensor->ne[0] % block_values != 0)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "tensor %s has rows of %" G_GUINT64_FORMAT " values, not a multiple of the %u in a %s block",
                 quoted, tensor->ne[0], block_values, moe_tensor_type_get_name (number));

  n_rows = tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
  if (__builtin_mul_overflow (tensor->ne[0] / block_values, (guint64) block_bytes, &tensor->n_bytes) ||
      __builtin_mul_overflow (tensor->n_bytes, n_rows, &tensor->n_bytes))
    return fail (self, MOE_ERROR_FORMAT, error, "tensor %s has impossibly large dimensions", quoted);

  return TRUE;
}

static gboolean
read_tensors (MoeGguf        *self,
              MoeGgufCursor  *cursor,
              guint           n_tensors,
              GError        **error)
{
  self->tensors = g_new0 (MoeGgufTensor, n_tensors);

  for (guint i = 0; i < n_tensors; i++)
    {
      g_autofree char *position = g_strdup_printf ("tensor %u of %u", i + 1, n_tensors);
      g_autofree char *quoted = NULL;
      g_autofree char *named = NULL;
      MoeGgufTensor *tensor = &self->tensors[i];

      cursor->what = position;
      if (!read_name (self, cursor, self->tensor_index, i, &tensor->name, error))
        return FALSE;

      quoted = moe_gguf_quote (tensor->name, strlen (tensor->name));
      named = g_strconcat ("tensor ", quoted, NULL);
      cursor->what = named;
      if (!read_shape (self, cursor, tensor, quoted, error) ||
          !read_type (self, cursor, tensor, quoted, error) ||
          !moe_gguf_cursor_read_u64 (cursor, &tensor->offset, error))
        return FALSE;
      self->n_tensors = i + 1;
    }

  cursor->what = NULL;
  self->header_bytes = cursor->position;
  return TRUE;
}

static int
compare_offsets (gconstpointer a,
                 gconstpointer b)
{
  const MoeGgufTensor *first = *(const MoeGgufTensor * const *) a;
  const MoeGgufTensor *second = *(const MoeGgufTensor * const *) b;

  return (first->offset > second->offset) - (first->offset < second->offset);
}

static gboolean
check_overlaps (MoeGguf  *self,
                GError  **error)
{
  g_autofree const MoeGgufTensor **sorted = g_new (const MoeGgufTensor *, self->n_tensors + 1);

  /* A file with a tokenizer only; qsort() takes no NULL. */
  if (self->n_tensors == 0)
    return TRUE;
  for (guint i = 0; i < self->n_tensors; i++)
    sorted[i] = &self->tensors[i];
  qsort (sorted, self->n_tensors, sizeof *sorted, compare_offsets);

  for (guint i = 1; i < self->n_tensors; i++)
    if (sorted[i]->offset - sorted[i - 1]->offset < sorted[i - 1]->n_bytes)
      {
        g_autofree char *first = moe_gguf_quote (sorted[i - 1]->name, strlen (sorted[i - 1]->name));
        g_autofree char *second = moe_gguf_quote (sorted[i]->name, strlen (sorted[i]->name));

        return fail (self, MOE_ERROR_FORMAT, error, "the data of tensors %s and %s overlap", first, second);
      }

  return TRUE;
}

/* Turns the offsets in the file, which count from the start of the data, into places in the map. */
static gboolean
place_tensors (MoeGguf  *self,
               guint32   alignment,
               GError  **error)
{
  guint64 data_start = ((guint64) self->header_bytes + alignment - 1) / alignment * alignment;

  for (guint i = 0; i < self->n_tensors; i++)
    {
      MoeGgufTensor *tensor = &self->tensors[i];
      g_autofree char *quoted = moe_gguf_quote (tensor->name, strlen (tensor->name));
      guint64 end;

      if (tensor->offset % alignment != 0)
        return fail (self, MOE_ERROR_FORMAT, error,
                     "the data of tensor %s is at offset %" G_GUINT64_FORMAT ", not a multiple of %u", quoted,
                     tensor->offset, alignment);
      if (__builtin_add_overflow (tensor->offset, data_start, &tensor->offset) ||
          __builtin_add_overflow (tensor->offset, tensor->n_bytes, &end) || end > self->file_bytes)
        return fail (self, MOE_ERROR_FORMAT, error,
                     "the file is cut off or damaged: the data of tensor %s ends after its last byte",
                     quoted);
      tensor->data = self->data + tensor->offset;
    }

  return check_overlaps (self, error);
}

static gboolean
parse (MoeGguf  *self,
       GError  **error)
{
  MoeGgufCursor cursor = { .path = self->path, .data = self->data, .size = self->data_bytes };
  guint64 n_keys, n_tensors;
  guint32 alignment;

  return read_preamble (self, &cursor, &n_keys, &n_tensors, error) &&
         read_keys (self, &cursor, (guint) n_keys, error) &&
         read_alignment (self, &alignment, error) &&
         read_tensors (self, &cursor, (guint) n_tensors, error) &&
         place_tensors (self, alignment, error);
}

static gboolean
is_hf_folder (const char *path)
{
  g_autofree char *config = g_build_filename (path, "config.json", NULL);

  return g_file_test (path, G_FILE_TEST_IS_DIR) && g_file_test (config, G_FILE_TEST_EXISTS);
}

static gboolean
open_folder (MoeGguf  *self,
             GError  **error)
{
  self->folder = moe_hf_folder_open (self->path, error);
  if (self->folder == NULL)
    return FALSE;
  self->data = self->folder->header->data;
  self->data_bytes = self->folder->header->len;
  self->file_bytes = self->folder->file_bytes;
  if (!parse (self, error))
    return FALSE;

  g_free (self->tensors);
  self->n_tensors = self->folder->tensors->len;
  self->tensors = g_memdup2 (self->folder->tensors->data, self->n_tensors * sizeof *self->tensors);
  for (guint i = 0; i < self->n_tensors; i++)
    if (!g_hash_table_insert (self->tensor_index, (gpointer) self->tensors[i].name, GUINT_TO_POINTER (i + 1)))
      return fail (self, MOE_ERROR_FORMAT, error, "has two tensors that stand for %s", self->tensors[i].name);
  return TRUE;
}

MoeGguf *
moe_gguf_open_one (const char  *path,
                   GError     **error)
{
  g_autoptr (MoeGguf) self = NULL;

  self = g_new0 (MoeGguf, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->path = g_strdup (path);
  self->strings = g_string_chunk_new (4096);
  self->key_index = g_hash_table_new (g_str_hash, g_str_equal);
  self->tensor_index = g_hash_table_new (g_str_hash, g_str_equal);

  if (is_hf_folder (path) ? !open_folder (self, error) : !map_file (self, error) || !parse (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

MoeGguf *
moe_gguf_open (const char  *path,
               GError     **error)
{
  g_autoptr (MoeGguf) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  self = moe_gguf_open_one (path, error);
  if (self == NULL || !moe_gguf_add_parts (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

MoeGguf *
moe_gguf_ref (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_gguf_unref (MoeGguf *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->parts, g_ptr_array_unref);
  g_clear_pointer (&self->key_index, g_hash_table_unref);
  g_clear_pointer (&self->tensor_index, g_hash_table_unref);
  g_clear_pointer (&self->strings, g_string_chunk_free);
  g_clear_pointer (&self->file, moe_mapped_file_free);
  g_clear_pointer (&self->folder, moe_hf_folder_free);
  g_free (self->keys);
  g_free (self->values);
  g_free (self->tensors);
  g_free (self->fingerprint);
  g_free (self->path);
  g_free (self);
}

const char *
moe_gguf_get_fingerprint (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (g_once_init_enter (&self->fingerprint))
    {
      g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
      guint64 size = GUINT64_TO_LE ((guint64) self->file_bytes);

      g_checksum_update (checksum, self->data, (gssize) self->header_bytes);
      g_checksum_update (checksum, (const guchar *) &size, sizeof size);
      for (guint i = 0; self->parts != NULL && i < self->parts->len; i++)
        {
          const MoeGguf *part = g_ptr_array_index (self->parts, i);

          size = GUINT64_TO_LE ((guint64) part->file_bytes);
          g_checksum_update (checksum, part->data, (gssize) part->header_bytes);
          g_checksum_update (checksum, (const guchar *) &size, sizeof size);
        }
      /* A folder's header lists no tensors. */
      if (self->folder != NULL)
        moe_hf_folder_add_to_checksum (self->folder, checksum);
      for (guint i = 0; self->folder == NULL && i < self->n_tensors; i++)
        {
          const MoeGgufTensor *tensor = &self->tensors[i];
          gsize n = (gsize) MIN (tensor->n_bytes, 64);

          g_checksum_update (checksum, tensor->data, (gssize) n);
          g_checksum_update (checksum, tensor->data + tensor->n_bytes - n, (gssize) n);
        }
      g_once_init_leave (&self->fingerprint, g_strdup (g_checksum_get_string (checksum)));
    }

  return self->fingerprint;
}

guint64
moe_gguf_get_load_bytes (MoeGguf *self)
{
  guint64 n_bytes = 0;

  g_return_val_if_fail (self != NULL, 0);

  for (guint i = 0; self->folder != NULL && i < self->folder->conversions->len; i++)
    n_bytes += moe_hf_conversion_get_bytes (self->folder, i);
  return n_bytes;
}

/* Only before weights are loaded, so that what a folder is can be read on any machine. */
static gboolean
check_memory (MoeGguf  *self,
              GError  **error)
{
  guint64 n_bytes = moe_gguf_get_load_bytes (self), memory = moe_machine_get_memory ();
  g_autofree char *needed = g_format_size (n_bytes);
  g_autofree char *there = g_format_size (memory);

  return n_bytes <= memory ||
         fail (self, MOE_ERROR_LIMIT, error, "needs %s of memory for weights that are laid out anew, and the "
               "machine has %s", needed, there);
}

gboolean
moe_gguf_load (MoeGguf          *self,
               MoeProgressFunc   progress,
               gpointer          user_data,
               GCancellable     *cancellable,
               GError          **error)
{
  static GMutex lock;
  g_autoptr(GMutexLocker) locker = NULL;

  g_return_val_if_fail (self != NULL, FALSE);

  if (self->folder == NULL)
    return TRUE;
  locker = g_mutex_locker_new (&lock);
  if (!self->loaded)
    self->loaded = check_memory (self, error) &&
                   moe_hf_folder_convert (self->folder, self->tensors, progress, user_data,
                                          cancellable, error);
  return self->loaded;
}

gboolean
moe_gguf_check_unchanged (MoeGguf  *self,
                          GError  **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  if (self->folder != NULL)
    return moe_hf_folder_check_unchanged (self->folder, error);
  if (!moe_mapped_file_check_unchanged (self->file, error))
    return FALSE;

  for (guint i = 0; self->parts != NULL && i < self->parts->len; i++)
    if (!moe_gguf_check_unchanged (g_ptr_array_index (self->parts, i), error))
      return FALSE;
  return TRUE;
}

const char *
moe_gguf_get_path (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->path;
}

gboolean
moe_gguf_is_folder (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->folder != NULL;
}

guint32
moe_gguf_get_version (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->version;
}

guint64
moe_gguf_get_file_bytes (MoeGguf *self)
{
  guint64 bytes;

  g_return_val_if_fail (self != NULL, 0);

  bytes = self->file_bytes;
  for (guint i = 0; self->parts != NULL && i < self->parts->len; i++)
    bytes += ((const MoeGguf *) g_ptr_array_index (self->parts, i))->file_bytes;
  return bytes;
}

guint
moe_gguf_get_n_tensors (MoeGguf *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_tensors;
}

const MoeGgufTensor *
moe_gguf_get_tensor (MoeGguf *self,
                     guint    index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->n_tensors, NULL);

  return &self->tensors[index];
}

const MoeGgufTensor *
moe_gguf_find_tensor (MoeGguf    *self,
                      const char *name)
{
  guint index;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  index = GPOINTER_TO_UINT (g_hash_table_lookup (self->tensor_index, name));
  return index > 0 ? &self->tensors[index - 1] : NULL;
}
