/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gguf-parts"

#include "data/moe-gguf-private.h"

#include <string.h>

#include "data/moe-error.h"

/* Models in several files. Every part is a GGUF file of its own, checked as such. */

#define fail(part, code, error, ...) moe_error_fail (error, code, (part)->path, __VA_ARGS__)

/* "-00002-of-00003.gguf" for part 1 of 3; parts count from 0 in the keys, from 1 in names. */
static char *
make_ending (guint32 part,
             guint32 n_parts)
{
  return g_strdup_printf ("-%05u-of-%05u.gguf", part + 1, n_parts);
}

/* The keys of a part; @n_parts is 1 in a file that is whole. */
static gboolean
read_split_keys (MoeGguf  *self,
                 guint32  *part,
                 guint32  *n_parts,
                 GError  **error)
{
  *part = 0;
  *n_parts = 1;
  if (!moe_gguf_has_key (self, "split.count"))
    return TRUE;
  if (!moe_gguf_get_uint (self, "split.count", n_parts, error))
    return FALSE;
  if (*n_parts <= 1)
    {
      *n_parts = 1;
      return TRUE;
    }
  if (*n_parts > MOE_GGUF_MAX_PARTS)
    return fail (self, MOE_ERROR_LIMIT, error, "is one of %u parts of a model, more than the %u allowed",
                 *n_parts, MOE_GGUF_MAX_PARTS);
  if (!moe_gguf_has_key (self, "split.no"))
    return fail (self, MOE_ERROR_FORMAT, error,
                 "is one of %u parts of a model, but the key 'split.no' that says which is missing",
                 *n_parts);
  if (!moe_gguf_get_uint (self, "split.no", part, error))
    return FALSE;
  if (*part >= *n_parts)
    return fail (self, MOE_ERROR_FORMAT, error, "claims to be part %u of %u parts of a model", *part + 1,
                 *n_parts);
  return TRUE;
}

static gboolean
take_tensors (MoeGguf  *self,
              MoeGguf  *part,
              GError  **error)
{
  if (part->n_tensors > MOE_GGUF_MAX_ENTRIES - self->n_tensors)
    return fail (part, MOE_ERROR_LIMIT, error, "the parts have more than the %u tensors allowed",
                 MOE_GGUF_MAX_ENTRIES);
  self->tensors = g_renew (MoeGgufTensor, self->tensors, self->n_tensors + part->n_tensors);
  for (guint i = 0; i < part->n_tensors; i++)
    {
      const MoeGgufTensor *tensor = &part->tensors[i];

      if (g_hash_table_contains (self->tensor_index, tensor->name))
        {
          g_autofree char *quoted = moe_gguf_quote (tensor->name, strlen (tensor->name));

          return fail (part, MOE_ERROR_FORMAT, error, "the tensor %s is in an earlier part too", quoted);
        }
      self->tensors[self->n_tensors++] = *tensor;
      /* The name lives as long as the part. */
      g_hash_table_insert (self->tensor_index, (gpointer) tensor->name, GUINT_TO_POINTER (self->n_tensors));
    }
  return TRUE;
}

static gboolean
add_part (MoeGguf     *self,
          const char  *path,
          guint32      expected,
          guint32      n_expected,
          GError     **error)
{
  g_autoptr (MoeGguf) part = moe_gguf_open_one (path, error);
  guint32 number, n_parts;

  if (part == NULL)
    {
      g_prefix_error (error, "%s: part %u of %u of the model cannot be opened: ", self->path, expected + 1,
                      n_expected);
      return FALSE;
    }
  if (!read_split_keys (part, &number, &n_parts, error))
    return FALSE;
  if (n_parts != n_expected || number != expected)
    return fail (part, MOE_ERROR_FORMAT, error,
                 "should be part %u of %u of a model by its name, but is part %u of %u by its keys",
                 expected + 1, n_expected, number + 1, n_parts);
  if (!take_tensors (self, part, error))
    return FALSE;
  g_ptr_array_add (self->parts, g_steal_pointer (&part));
  return TRUE;
}

gboolean
moe_gguf_add_parts (MoeGguf  *self,
                    GError  **error)
{
  guint32 number, n_parts, n_tensors = 0;
  g_autofree char *ending = NULL;
  g_autofree char *first = NULL;

  if (!read_split_keys (self, &number, &n_parts, error))
    return FALSE;
  if (n_parts == 1)
    return TRUE;

  first = make_ending (0, n_parts);
  if (number != 0)
    return fail (self, MOE_ERROR_INVALID, error,
                 "is part %u of %u parts of a model: open the first, whose name ends in %s", number + 1,
                 n_parts, first);
  if (!g_str_has_suffix (self->path, first))
    return fail (self, MOE_ERROR_FORMAT, error,
                 "is the first of %u parts of a model, but its name does not end in %s, by which the others "
                 "are found", n_parts, first);

  self->parts = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_gguf_unref);
  for (guint32 i = 1; i < n_parts; i++)
    {
      g_autofree char *stem = g_strndup (self->path, strlen (self->path) - strlen (first));
      g_autofree char *path = NULL;

      g_free (ending);
      ending = make_ending (i, n_parts);
      path = g_strconcat (stem, ending, NULL);
      if (!add_part (self, path, i, n_parts, error))
        return FALSE;
    }

  if (!moe_gguf_has_key (self, "split.tensors.count"))
    return TRUE;
  if (!moe_gguf_get_uint (self, "split.tensors.count", &n_tensors, error))
    return FALSE;
  if (n_tensors != self->n_tensors)
    return fail (self, MOE_ERROR_FORMAT, error,
                 "the %u parts of the model have %u tensors, not the %u promised", n_parts,
                 self->n_tensors, n_tensors);
  return TRUE;
}
