/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-safetensors"

#include "data/moe-safetensors.h"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-json.h"
#include "data/moe-mapped-file.h"

/* A tensor takes some 130 bytes of the header, and the largest models have some thousand in a file. */
#define MAX_HEADER (16u << 20)
#define PREAMBLE 8u

struct _MoeSafetensors
{
  MoeMappedFile *file;
  guint64        data_start;
  guint          n_tensors;
  MoeSafetensor *tensors;
  GStringChunk  *strings;
};

#define fail(self, code, error, ...) moe_error_fail (error, code, (self)->file->path, __VA_ARGS__)

/* The elements of @array as numbers that are not negative; FALSE when there are others. */
static gboolean
read_numbers (JsonNode *node,
              guint     maximum,
              guint64  *numbers,
              guint    *n)
{
  JsonArray *array;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  array = json_node_get_array (node);
  *n = json_array_get_length (array);
  if (*n > maximum)
    return FALSE;
  for (guint i = 0; i < *n; i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_INT64 ||
          json_node_get_int (element) < 0)
        return FALSE;
      numbers[i] = (guint64) json_node_get_int (element);
    }
  return TRUE;
}

static gboolean
read_type (MoeSafetensors *self,
           JsonObject     *object,
           MoeSafetensor  *tensor,
           GError        **error)
{
  JsonNode *node = json_object_get_member (object, "dtype");
  const char *name = node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

  if (name == NULL)
    return fail (self, MOE_ERROR_FORMAT, error, "tensor '%s' has no type", tensor->name);
  if (g_str_equal (name, "F32"))
    tensor->type = MOE_TYPE_F32;
  else if (g_str_equal (name, "F16"))
    tensor->type = MOE_TYPE_F16;
  else if (g_str_equal (name, "BF16"))
    tensor->type = MOE_TYPE_BF16;
  else if (g_str_equal (name, "U8"))
    tensor->type = MOE_SAFETENSORS_BYTES;
  else if (g_str_equal (name, "F8_E4M3"))
    tensor->type = MOE_TYPE_F8_E4M3;
  else
    return fail (self, MOE_ERROR_UNSUPPORTED, error,
                 "tensor '%s' is stored as %.20s; F32, F16, BF16 and F8_E4M3 are supported", tensor->name,
                 name);
  return TRUE;
}

static gboolean
read_tensor (MoeSafetensors *self,
             JsonObject     *object,
             MoeSafetensor  *tensor,
             GError        **error)
{
  guint64 shape[4], offsets[2], available = self->file->n_bytes - self->data_start;
  guint n;

  if (!read_type (self, object, tensor, error))
    return FALSE;
  if (!read_numbers (json_object_get_member (object, "shape"), G_N_ELEMENTS (shape), shape,
                     &tensor->n_dims) || tensor->n_dims == 0)
    return fail (self, MOE_ERROR_FORMAT, error, "tensor '%s' does not have a shape of 1 to 4 dimensions",
                 tensor->name);
  tensor->n_bytes = tensor->type == MOE_TYPE_F32 ? 4
                    : tensor->type == MOE_SAFETENSORS_BYTES || tensor->type == MOE_TYPE_F8_E4M3 ? 1 : 2;
  for (guint i = 0; i < G_N_ELEMENTS (shape); i++)
    {
      tensor->ne[i] = i < tensor->n_dims ? shape[tensor->n_dims - 1 - i] : 1;
      if (tensor->ne[i] == 0)
        return fail (self, MOE_ERROR_FORMAT, error, "tensor '%s' has a dimension of 0", tensor->name);
      if (__builtin_mul_overflow (tensor->n_bytes, tensor->ne[i], &tensor->n_bytes))
        return fail (self, MOE_ERROR_FORMAT, error, "tensor '%s' has impossibly large dimensions",
                     tensor->name);
    }

  if (!read_numbers (json_object_get_member (object, "data_offsets"), 2, offsets, &n) || n != 2 ||
      offsets[0] > offsets[1])
    return fail (self, MOE_ERROR_FORMAT, error, "tensor '%s' does not say where its values are",
                 tensor->name);
  if (offsets[1] > available)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "the file is cut off or damaged: the values of tensor '%s' end after its last byte",
                 tensor->name);
  if (offsets[1] - offsets[0] != tensor->n_bytes)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "tensor '%s' has %" G_GUINT64_FORMAT " bytes where its shape needs %" G_GUINT64_FORMAT,
                 tensor->name, offsets[1] - offsets[0], tensor->n_bytes);
  tensor->offset = self->data_start + offsets[0];
  tensor->data = self->file->data + tensor->offset;
  return TRUE;
}

static int
compare_offsets (gconstpointer a,
                 gconstpointer b)
{
  const MoeSafetensor *x = a, *y = b;

  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The format wants each byte to belong to one tensor. This also finds names that are there twice, of which
 * the JSON reader keeps one. */
static gboolean
check_cover (MoeSafetensors *self,
             GError        **error)
{
  guint64 end = self->data_start;

  qsort (self->tensors, self->n_tensors, sizeof *self->tensors, compare_offsets);
  for (guint i = 0; i < self->n_tensors; i++)
    {
      const MoeSafetensor *tensor = &self->tensors[i];

      if (tensor->offset < end)
        return fail (self, MOE_ERROR_FORMAT, error, "the values of tensors '%s' and '%s' overlap",
                     self->tensors[i - 1].name, tensor->name);
      if (tensor->offset > end)
        return fail (self, MOE_ERROR_FORMAT, error,
                     "%" G_GUINT64_FORMAT " bytes before tensor '%s' belong to no tensor",
                     tensor->offset - end, tensor->name);
      end += tensor->n_bytes;
    }
  if (end != self->file->n_bytes)
    return fail (self, MOE_ERROR_FORMAT, error, "%" G_GUINT64_FORMAT " bytes at its end belong to no tensor",
                 self->file->n_bytes - end);
  return TRUE;
}

static gboolean
read_header (MoeSafetensors *self,
             GError        **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(JsonNode) root = NULL;
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  guint64 length;

  if (self->file->n_bytes < PREAMBLE)
    return fail (self, MOE_ERROR_FORMAT, error, "is too short for a safetensors file");
  memcpy (&length, self->file->data, sizeof length);
  length = GUINT64_FROM_LE (length);
  if (length > self->file->n_bytes - PREAMBLE)
    return fail (self, MOE_ERROR_FORMAT, error, "is not a safetensors file, or is cut off in its header");
  if (length > MAX_HEADER)
    return fail (self, MOE_ERROR_LIMIT, error,
                 "has a header of %" G_GUINT64_FORMAT " bytes, more than the %u allowed", length, MAX_HEADER);
  self->data_start = PREAMBLE + length;
  root = moe_json_parse ((const char *) self->file->data + PREAMBLE, (gsize) length, &local);
  if (root == NULL)
    return fail (self, MOE_ERROR_FORMAT, error, "its header %s", local->message);
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return fail (self, MOE_ERROR_FORMAT, error, "its header is not a JSON object");

  self->tensors = g_new0 (MoeSafetensor, MAX (json_object_get_size (json_node_get_object (root)), 1));
  json_object_iter_init (&iter, json_node_get_object (root));
  while (json_object_iter_next (&iter, &name, &node))
    {
      MoeSafetensor *tensor = &self->tensors[self->n_tensors];

      if (g_str_equal (name, "__metadata__"))
        continue;
      tensor->name = g_string_chunk_insert (self->strings, name);
      if (!JSON_NODE_HOLDS_OBJECT (node))
        return fail (self, MOE_ERROR_FORMAT, error, "tensor '%s' is not described by an object", name);
      if (!read_tensor (self, json_node_get_object (node), tensor, error))
        return FALSE;
      self->n_tensors++;
    }
  if (self->n_tensors == 0)
    return fail (self, MOE_ERROR_FORMAT, error, "has no tensors");
  return check_cover (self, error);
}

MoeSafetensors *
moe_safetensors_open (const char  *path,
                      GError     **error)
{
  g_autoptr(MoeSafetensors) self = NULL;
  g_autofree char *absolute_path = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  absolute_path = g_canonicalize_filename (path, NULL);

  self = g_new0 (MoeSafetensors, 1);
  self->strings = g_string_chunk_new (4096);
  self->file = moe_mapped_file_open (absolute_path, error);
  if (self->file == NULL || !read_header (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
moe_safetensors_free (MoeSafetensors *self)
{
  if (self == NULL)
    return;
  moe_mapped_file_free (self->file);
  g_string_chunk_free (self->strings);
  g_free (self->tensors);
  g_free (self);
}

const char *
moe_safetensors_get_path (MoeSafetensors *self)
{
  return self->file->path;
}

guint64
moe_safetensors_get_file_bytes (MoeSafetensors *self)
{
  return self->file->n_bytes;
}

guint
moe_safetensors_get_n_tensors (MoeSafetensors *self)
{
  return self->n_tensors;
}

const MoeSafetensor *
moe_safetensors_get_tensor (MoeSafetensors *self,
                            guint           index)
{
  g_return_val_if_fail (index < self->n_tensors, NULL);

  return &self->tensors[index];
}

gboolean
moe_safetensors_check_unchanged (MoeSafetensors *self,
                                 GError        **error)
{
  return moe_mapped_file_check_unchanged (self->file, error);
}
