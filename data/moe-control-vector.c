/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-control-vector"

#include "data/moe-control-vector.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-gguf.h"

#define PREFIX "direction."
#define MAX_LAYERS 65535u

struct _MoeControlVector
{
  gatomicrefcount ref_count;

  guint      width;
  GPtrArray *layers;   /* of (width) floats, by layer; NULL without a direction */
};

static gboolean
fail (const char  *path,
      const char  *name,
      const char  *what,
      GError     **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s%s%s", path, name, *name != '\0' ? ": " : "", what);
  return FALSE;
}

static MoeControlVector *
vector_new (const MoeControlVector *base)
{
  MoeControlVector *self = g_new0 (MoeControlVector, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->layers = g_ptr_array_new_with_free_func (g_free);
  if (base == NULL)
    return self;
  self->width = base->width;
  for (guint i = 0; i < base->layers->len; i++)
    g_ptr_array_add (self->layers, base->layers->pdata[i] == NULL ? NULL
                     : g_memdup2 (base->layers->pdata[i], base->width * sizeof (float)));
  return self;
}

/* @x: (width). */
static void
add (MoeControlVector *self,
     guint             layer,
     double            scale,
     const float      *x)
{
  float *sum;

  if (layer >= self->layers->len)
    g_ptr_array_set_size (self->layers, (int) layer + 1);
  if (self->layers->pdata[layer] == NULL)
    self->layers->pdata[layer] = g_new0 (float, self->width);
  sum = self->layers->pdata[layer];
  for (guint i = 0; i < self->width; i++)
    sum[i] += (float) (scale * (double) x[i]);
}

static gboolean
add_tensor (MoeControlVector     *self,
            const char           *path,
            const MoeGgufTensor  *tensor,
            double                scale,
            guint                 first,
            guint                 last,
            GError              **error)
{
  g_autofree float *x = NULL;
  guint64 layer;

  if (!g_str_has_prefix (tensor->name, PREFIX) ||
      !g_ascii_string_to_unsigned (tensor->name + strlen (PREFIX), 10, 1, MAX_LAYERS, &layer, NULL))
    return fail (path, tensor->name, "is not a direction.N with N from 1 on", error);
  if (tensor->type != MOE_TYPE_F32 || tensor->ne[1] != 1 || tensor->ne[2] != 1 || tensor->ne[3] != 1)
    return fail (path, tensor->name, "is not a row of F32 values", error);
  if (self->width == 0 && tensor->ne[0] <= G_MAXUINT16)
    self->width = (guint) tensor->ne[0];
  if (tensor->ne[0] != self->width || self->width == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "%s: %s: has %" G_GUINT64_FORMAT " values, not %u as the others", path, tensor->name,
                   tensor->ne[0], self->width);
      return FALSE;
    }

  x = g_new (float, self->width);
  for (guint i = 0; i < self->width; i++)
    {
      guint32 bits;

      memcpy (&bits, tensor->data + (gsize) i * sizeof bits, sizeof bits);
      bits = GUINT32_FROM_LE (bits);
      memcpy (&x[i], &bits, sizeof bits);
      if (!isfinite (x[i]))
        return fail (path, tensor->name, "holds a value that is no number", error);
    }
  if (layer >= first && layer <= last)
    add (self, (guint) layer, scale, x);
  return TRUE;
}

MoeControlVector *
moe_control_vector_load (const char              *path,
                         double                   scale,
                         guint                    first,
                         guint                    last,
                         const MoeControlVector  *base,
                         GError                 **error)
{
  g_autoptr (MoeControlVector) self = NULL;
  g_autoptr (MoeGguf) gguf = NULL;
  const char *architecture = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  gguf = moe_gguf_open (path, error);
  if (gguf == NULL)
    return NULL;
  if (!moe_gguf_get_string (gguf, "general.architecture", &architecture, NULL) ||
      !g_str_equal (architecture, "controlvector"))
    {
      fail (path, "", "is not a control vector", error);
      return NULL;
    }
  self = vector_new (base);
  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    if (!add_tensor (self, path, moe_gguf_get_tensor (gguf, i), scale, first, last, error))
      return NULL;
  if (self->layers->len == 0)
    {
      fail (path, "", "has no direction in these layers", error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

MoeControlVector *
moe_control_vector_ref (MoeControlVector *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_control_vector_unref (MoeControlVector *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_ptr_array_unref (self->layers);
  g_free (self);
}

const float *
moe_control_vector_get (const MoeControlVector *self,
                        guint                   layer)
{
  return self != NULL && layer < self->layers->len ? self->layers->pdata[layer] : NULL;
}

gboolean
moe_control_vector_check (const MoeControlVector *self,
                          const MoeModelInfo     *info,
                          GError                **error)
{
  if (self == NULL)
    return TRUE;
  if (self->width != info->width)
    g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                 "the control vector has %u channels, but the model's residual stream %u", self->width,
                 info->width);
  else if (self->layers->len > info->n_layers)
    g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                 "the control vector is for layer %u too, but the model has %u layers", self->layers->len - 1,
                 info->n_layers);
  else
    return TRUE;
  return FALSE;
}
