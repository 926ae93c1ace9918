/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-folder"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-hf-private.h"
#include "data/moe-json.h"
#include "data/moe-safetensors.h"

#define MAX_CONFIG (1u << 20)
#define MAX_INDEX (64u << 20)
#define MAX_SHARDS 4096u

JsonNode *
moe_hf_read_json (const char  *folder,
                  const char  *name,
                  gsize        max_bytes,
                  gboolean     required,
                  GError     **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  g_autoptr(JsonNode) root = NULL;
  gsize length;

  if (!required && !g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  if (!moe_file_read (path, max_bytes, &text, &length, error))
    return NULL;
  root = moe_json_parse (text, length, error);
  if (root == NULL)
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  if (JSON_NODE_HOLDS_OBJECT (root))
    return g_steal_pointer (&root);
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: is not a JSON object", path);
  return NULL;
}

static JsonNode *
get_member (JsonObject *object,
            const char *name)
{
  return object != NULL ? json_object_get_member (object, name) : NULL;
}

JsonObject *
moe_hf_get_object (JsonObject *object,
                   const char *name)
{
  JsonNode *node = get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
moe_hf_get_array (JsonObject *object,
                  const char *name)
{
  JsonNode *node = get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

const char *
moe_hf_get_string (JsonObject *object,
                   const char *name)
{
  JsonNode *node = get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

gboolean
moe_hf_get_bool (JsonObject *object,
                 const char *name)
{
  JsonNode *node = get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_boolean (node);
}

gboolean
moe_hf_get_uint (JsonObject *object,
                 const char *name,
                 guint32    *value)
{
  JsonNode *node = get_member (object, name);
  gint64 number;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  number = json_node_get_int (node);
  if (number < 0 || number > G_MAXUINT32)
    return FALSE;
  *value = (guint32) number;
  return TRUE;
}

gboolean
moe_hf_get_float (JsonObject *object,
                  const char *name,
                  float      *value)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      (json_node_get_value_type (node) != G_TYPE_DOUBLE && json_node_get_value_type (node) != G_TYPE_INT64))
    return FALSE;
  *value = (float) json_node_get_double (node);
  return TRUE;
}

gboolean
moe_hf_is_set (JsonObject *object,
               const char *name)
{
  JsonNode *node = get_member (object, name);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node);
}

static gboolean
open_shard (const char   *folder,
            const char   *name,
            MoeHfFolder  *self,
            GError      **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  MoeSafetensors *shard = moe_safetensors_open (path, error);

  if (shard == NULL)
    return FALSE;
  g_ptr_array_add (self->shards, shard);
  self->file_bytes += moe_safetensors_get_file_bytes (shard);
  return TRUE;
}

/* Each tensor must be in the file that the index names, and no other tensor may be there. */
static gboolean
check_index (const char   *folder,
             JsonObject   *map,
             MoeHfFolder  *self,
             GError      **error)
{
  guint n = 0;

  for (guint i = 0; i < self->shards->len; i++)
    {
      MoeSafetensors *shard = g_ptr_array_index (self->shards, i);
      g_autofree char *file = g_path_get_basename (moe_safetensors_get_path (shard));

      for (guint j = 0; j < moe_safetensors_get_n_tensors (shard); j++, n++)
        {
          const char *name = moe_safetensors_get_tensor (shard, j)->name;

          if (g_strcmp0 (moe_hf_get_string (map, name), file) != 0)
            {
              g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                           "%s: the index does not say that the tensor %s is in %s", folder, name, file);
              return FALSE;
            }
        }
    }
  if (n == json_object_get_size (map))
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the index names %u tensors, the files have %u",
               folder, json_object_get_size (map), n);
  return FALSE;
}

static gboolean
open_shards (const char   *folder,
             MoeHfFolder  *self,
             GError      **error)
{
  const char *index_name = "model.safetensors.index.json";
  g_autoptr(GError) local = NULL;
  g_autoptr(JsonNode) index = moe_hf_read_json (folder, index_name, MAX_INDEX, FALSE, &local);
  g_autoptr(GHashTable) files = g_hash_table_new (g_str_hash, g_str_equal);
  JsonObject *map;
  JsonObjectIter iter;
  JsonNode *node;

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (index == NULL)
    return open_shard (folder, "model.safetensors", self, error);
  map = moe_hf_get_object (json_node_get_object (index), "weight_map");
  if (map == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s/%s: has no weight_map", folder, index_name);
      return FALSE;
    }
  json_object_iter_init (&iter, map);
  while (json_object_iter_next (&iter, NULL, &node))
    {
      const char *file = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

      /* Files of this folder only. */
      if (file == NULL || !g_str_has_suffix (file, ".safetensors") || strchr (file, '/') != NULL ||
          g_hash_table_size (files) >= MAX_SHARDS)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s/%s: weight_map names something that is not a safetensors file of the folder",
                       folder, index_name);
          return FALSE;
        }
      if (g_hash_table_add (files, (gpointer) file) && !open_shard (folder, file, self, error))
        return FALSE;
    }
  return check_index (folder, map, self, error);
}

/* A GGUF header without tensors in front of the keys. */
static GByteArray *
make_header (const MoeHfKeys *keys)
{
  GByteArray *header = g_byte_array_new ();
  guint32 version = GUINT32_TO_LE (3);
  guint64 counts[2] = { 0, GUINT64_TO_LE (keys->n) };

  g_byte_array_append (header, (const guint8 *) "GGUF", 4);
  g_byte_array_append (header, (const guint8 *) &version, sizeof version);
  g_byte_array_append (header, (const guint8 *) counts, sizeof counts);
  g_byte_array_append (header, keys->bytes->data, keys->bytes->len);
  return header;
}

MoeHfFolder *
moe_hf_folder_open (const char  *path,
                    GError     **error)
{
  g_autoptr(MoeHfFolder) self = g_new0 (MoeHfFolder, 1);
  g_autoptr(JsonNode) root = NULL;
  g_autoptr(GByteArray) bytes = g_byte_array_new ();
  MoeHfKeys keys = { bytes, 0 };
  g_auto(MoeHfConfig) config = { 0 };
  JsonObject *object;

  g_return_val_if_fail (path != NULL, NULL);

  self->tensors = g_array_new (FALSE, FALSE, sizeof (MoeGgufTensor));
  self->shards = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_safetensors_free);
  self->allocations = g_ptr_array_new_with_free_func (g_free);
  self->conversions = g_array_new (FALSE, FALSE, sizeof (MoeHfConversion));
  root = moe_hf_read_json (path, "config.json", MAX_CONFIG, TRUE, error);
  if (root == NULL)
    return NULL;
  object = json_node_get_object (root);
  if (!moe_hf_read_config (path, object, &keys, &config, error) ||
      !moe_hf_read_tokenizer (path, object, &config, &keys, error) ||
      !open_shards (path, self, error) ||
      !moe_hf_place_tensors (path, self, &config, error))
    return NULL;
  self->header = make_header (&keys);
  return g_steal_pointer (&self);
}

void
moe_hf_folder_free (MoeHfFolder *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->header, g_byte_array_unref);
  g_clear_pointer (&self->tensors, g_array_unref);
  g_clear_pointer (&self->shards, g_ptr_array_unref);
  g_clear_pointer (&self->allocations, g_ptr_array_unref);
  g_clear_pointer (&self->conversions, g_array_unref);
  g_free (self);
}

void
moe_hf_folder_add_to_checksum (MoeHfFolder *self,
                               GChecksum   *checksum)
{
  for (guint i = 0; i < self->shards->len; i++)
    for (guint j = 0; j < moe_safetensors_get_n_tensors (g_ptr_array_index (self->shards, i)); j++)
      {
        const MoeSafetensor *tensor = moe_safetensors_get_tensor (g_ptr_array_index (self->shards, i), j);
        gsize n = (gsize) MIN (tensor->n_bytes, 64);

        g_checksum_update (checksum, (const guchar *) tensor->name, (gssize) strlen (tensor->name));
        g_checksum_update (checksum, tensor->data, (gssize) n);
        g_checksum_update (checksum, tensor->data + tensor->n_bytes - n, (gssize) n);
      }
}

gboolean
moe_hf_folder_check_unchanged (MoeHfFolder  *self,
                               GError      **error)
{
  for (guint i = 0; i < self->shards->len; i++)
    if (!moe_safetensors_check_unchanged (g_ptr_array_index (self->shards, i), error))
      return FALSE;
  return TRUE;
}
