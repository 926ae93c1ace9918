/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-cache"

#include "probes/moe-forward.h"

#include <sys/mman.h>
#include <unistd.h>

#include "data/moe-error.h"

/* Pages come from the system zeroed and only when touched, so a large context costs nothing until used.
 * Leaves NULL for 0 bytes. */
static gboolean
map_bytes (gsize    bytes,
           guint8 **memory)
{
  void *p;

  if (bytes == 0)
    return TRUE;
  p = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  *memory = p != MAP_FAILED ? p : NULL;
  return *memory != NULL;
}

static gsize
get_value_bytes (const MoeCache *self)
{
  return self->type == MOE_CACHE_F16 ? sizeof (guint16) : sizeof (float);
}

/* Sorts the layers by what they remember. */
static void
set_shape (MoeCache       *self,
           const MoeModel *model,
           guint          *n_attention,
           guint          *n_conv)
{
  const MoeHparams *h = &model->h;

  self->n_layers = h->n_layers;
  self->places = g_new (guint, h->n_layers);
  self->is_conv = g_new (gboolean, h->n_layers);
  for (guint layer = 0; layer < h->n_layers; layer++)
    {
      self->is_conv[layer] = model->layers[layer].conv != NULL;
      self->places[layer] = self->is_conv[layer] ? (*n_conv)++ : (*n_attention)++;
    }
  /* MLA with its matrices absorbed has what all heads share, see moe-mla.c. */
  self->n_heads = h->absorbed ? 1 : h->n_kv_heads;
  self->key_dim = h->absorbed ? h->rope_dims : h->head_dim;
  self->value_dim = h->absorbed ? h->kv_rank : h->value_dim;
  self->conv_dim = h->width;
}

gboolean
moe_cache_init (MoeCache        *self,
                const MoeModel  *model,
                MoeCacheType     type,
                guint            context,
                GError         **error)
{
  double memory = (double) sysconf (_SC_PHYS_PAGES) * (double) sysconf (_SC_PAGESIZE);
  double positions, keys, values, convs;
  guint n_attention = 0, n_conv = 0;

  *self = (MoeCache) { .type = type, .context = context };
  set_shape (self, model, &n_attention, &n_conv);
  positions = (double) n_attention * self->n_heads * context * (double) get_value_bytes (self);
  keys = positions * (double) self->key_dim;
  values = positions * (double) self->value_dim;
  convs = (double) n_conv * context * (double) (self->conv_dim * sizeof (float));
  if (keys + values + convs < memory)
    {
      self->key_bytes = (gsize) keys;
      self->value_bytes = (gsize) values;
      self->conv_bytes = (gsize) convs;
      if (map_bytes (self->key_bytes, &self->k) && map_bytes (self->value_bytes, &self->v) &&
          map_bytes (self->conv_bytes, &self->conv))
        return TRUE;
    }

  moe_cache_clear (self);
  g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
               "a context of %u tokens needs %.1f GB for the KV cache, more than this machine has; choose a "
               "smaller "
               "context", context, (keys + values + convs) / 1e9);
  return FALSE;
}

void
moe_cache_clear (MoeCache *self)
{
  if (self->k != NULL)
    munmap (self->k, self->key_bytes);
  if (self->v != NULL)
    munmap (self->v, self->value_bytes);
  if (self->conv != NULL)
    munmap (self->conv, self->conv_bytes);
  g_free (self->places);
  g_free (self->is_conv);
  memset (self, 0, sizeof *self);
}

/* Of a position in the planes of @head. */
static gsize
get_index (const MoeCache *self,
           guint           layer,
           guint           head,
           guint           position)
{
  return ((gsize) self->places[layer] * self->n_heads + head) * self->context + position;
}

guint8 *
moe_cache_key (const MoeCache *self,
               guint           layer,
               guint           head,
               guint           position)
{
  return self->k + get_index (self, layer, head, position) * self->key_dim * get_value_bytes (self);
}

guint8 *
moe_cache_value (const MoeCache *self,
                 guint           layer,
                 guint           head,
                 guint           position)
{
  return self->v + get_index (self, layer, head, position) * self->value_dim * get_value_bytes (self);
}

float *
moe_cache_conv (const MoeCache *self,
                guint           layer,
                guint           position)
{
  return (float *) (gpointer) self->conv + ((gsize) self->places[layer] * self->context + position) *
         self->conv_dim;
}

void
moe_cache_store (MoeCache           *self,
                 const MoeVectorOps *ops,
                 guint               layer,
                 guint               head,
                 guint               position,
                 const float        *k,
                 const float        *v)
{
  guint8 *k_to = moe_cache_key (self, layer, head, position);
  guint8 *v_to = moe_cache_value (self, layer, head, position);

  if (self->type == MOE_CACHE_F16)
    {
      ops->to_f16 ((guint16 *) k_to, k, self->key_dim);
      ops->to_f16 ((guint16 *) v_to, v, self->value_dim);
    }
  else
    {
      memcpy (k_to, k, self->key_dim * sizeof *k);
      memcpy (v_to, v, self->value_dim * sizeof *v);
    }
}

void
moe_cache_copy (MoeCache       *self,
                const MoeCache *source,
                guint           length)
{
  gsize bytes = (gsize) length * get_value_bytes (self);

  g_assert (self->type == source->type && length <= self->context && length <= source->context);
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      if (self->is_conv[layer])
        {
          memcpy (moe_cache_conv (self, layer, 0), moe_cache_conv (source, layer, 0),
                  length * self->conv_dim * sizeof (float));
          continue;
        }
      for (guint head = 0; head < self->n_heads; head++)
        {
          memcpy (moe_cache_key (self, layer, head, 0), moe_cache_key (source, layer, head, 0),
                  bytes * self->key_dim);
          memcpy (moe_cache_value (self, layer, head, 0), moe_cache_value (source, layer, head, 0),
                  bytes * self->value_dim);
        }
    }
}
