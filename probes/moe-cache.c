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

/* What the layers of one kind remember. */
typedef struct
{
  gsize n_keys, n_values; /* of all planes, at one position */
  guint n_conv, n_nets;
} Counts;

static gboolean
has (const MoeCache *self,
     guint           layer,
     MoeLayerFlags   kind)
{
  return (self->kinds[layer] & kind) != 0;
}

static void
add_planes (MoeCache       *self,
            const MoeModel *model,
            guint           layer,
            Counts         *counts)
{
  const MoeHparams *h = &model->h;
  const MoeLayer *l = &model->layers[layer];
  MoePlaneShape *shape = &self->planes[layer];

  /* MLA with its matrices absorbed has what all heads share, see moe-mla.c. */
  if (h->absorbed)
    *shape = (MoePlaneShape) { 1, h->rope_dims, h->kv_rank };
  else
    *shape = (MoePlaneShape) { l->n_kv_heads, l->head_dim, l->value_dim };
  shape->first_key = counts->n_keys;
  shape->first_value = counts->n_values;
  counts->n_keys += shape->n_heads * shape->key_dim;
  counts->n_values += shape->n_heads * shape->value_dim;
}

/* Sorts the layers by what they remember. */
static void
set_shape (MoeCache       *self,
           const MoeModel *model,
           Counts         *counts)
{
  const MoeHparams *h = &model->h;

  self->n_layers = h->n_layers;
  self->places = g_new (guint, h->n_layers);
  self->kinds = g_memdup2 (h->layers, h->n_layers);
  self->state_lengths = g_new0 (guint, h->n_layers);
  self->planes = g_new0 (MoePlaneShape, h->n_layers);
  for (guint layer = 0; layer < h->n_layers; layer++)
    {
      if (has (self, layer, MOE_LAYER_CONV))
        self->places[layer] = counts->n_conv++;
      else if (has (self, layer, MOE_LAYER_DELTA_NET))
        self->places[layer] = counts->n_nets++;
      else
        add_planes (self, model, layer, counts);
    }
  self->conv_dim = h->width;
  self->net_heads = h->gdn_value_heads;
  self->net_dim = (gsize) (2 * h->gdn_key_heads + h->gdn_value_heads) * h->gdn_dim;
  self->state_size = (gsize) h->gdn_value_heads * h->gdn_dim * h->gdn_dim;
  self->n_states = 1 + self->context / MOE_STATE_INTERVAL;
}

gboolean
moe_cache_init (MoeCache        *self,
                const MoeModel  *model,
                MoeCacheType     type,
                guint            context,
                GError         **error)
{
  double memory = (double) sysconf (_SC_PHYS_PAGES) * (double) sysconf (_SC_PAGESIZE);
  double positions, net_positions, sum = 0;
  Counts counts = { 0 };
  double sizes[6];
  struct { gsize *bytes; guint8 **memory; } parts[6] = {
    { &self->key_bytes, &self->k }, { &self->value_bytes, &self->v }, { &self->conv_bytes, &self->conv },
    { &self->net_bytes, &self->net }, { &self->gate_bytes, &self->gates },
    { &self->state_bytes, &self->states },
  };
  gboolean fits;

  *self = (MoeCache) { .type = type, .context = context };
  set_shape (self, model, &counts);
  positions = (double) context * (double) get_value_bytes (self);
  net_positions = (double) counts.n_nets * context;
  sizes[0] = positions * (double) counts.n_keys;
  sizes[1] = positions * (double) counts.n_values;
  sizes[2] = (double) counts.n_conv * context * (double) (self->conv_dim * sizeof (float));
  sizes[3] = net_positions * (double) (self->net_dim * get_value_bytes (self));
  sizes[4] = net_positions * (double) (2 * self->net_heads * sizeof (float));
  sizes[5] = (double) counts.n_nets * self->n_states * (double) (self->state_size * sizeof (float));
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    sum += sizes[i];
  fits = sum < memory;
  for (guint i = 0; fits && i < G_N_ELEMENTS (parts); i++)
    {
      *parts[i].bytes = (gsize) sizes[i];
      fits = map_bytes (*parts[i].bytes, parts[i].memory);
    }
  if (fits)
    return TRUE;

  moe_cache_clear (self);
  g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
               "a context of %u tokens needs %.1f GB for the KV cache, more than this machine has; choose a "
               "smaller "
               "context", context, sum / 1e9);
  return FALSE;
}

static void
unmap_bytes (guint8 *memory,
             gsize   bytes)
{
  if (memory != NULL)
    munmap (memory, bytes);
}

void
moe_cache_clear (MoeCache *self)
{
  unmap_bytes (self->k, self->key_bytes);
  unmap_bytes (self->v, self->value_bytes);
  unmap_bytes (self->conv, self->conv_bytes);
  unmap_bytes (self->net, self->net_bytes);
  unmap_bytes (self->gates, self->gate_bytes);
  unmap_bytes (self->states, self->state_bytes);
  g_free (self->places);
  g_free (self->planes);
  g_free (self->kinds);
  g_free (self->state_lengths);
  memset (self, 0, sizeof *self);
}

guint8 *
moe_cache_key (const MoeCache *self,
               guint           layer,
               guint           head,
               guint           position)
{
  const MoePlaneShape *shape = &self->planes[layer];
  gsize at = (shape->first_key + head * shape->key_dim) * self->context + position * shape->key_dim;

  return self->k + at * get_value_bytes (self);
}

guint8 *
moe_cache_value (const MoeCache *self,
                 guint           layer,
                 guint           head,
                 guint           position)
{
  const MoePlaneShape *shape = &self->planes[layer];
  gsize at = (shape->first_value + head * shape->value_dim) * self->context + position * shape->value_dim;

  return self->v + at * get_value_bytes (self);
}

float *
moe_cache_conv (const MoeCache *self,
                guint           layer,
                guint           position)
{
  return (float *) (gpointer) self->conv + ((gsize) self->places[layer] * self->context + position) *
         self->conv_dim;
}

guint8 *
moe_cache_net (const MoeCache *self,
               guint           layer,
               guint           position)
{
  return self->net + ((gsize) self->places[layer] * self->context + position) * self->net_dim *
         get_value_bytes (self);
}

float *
moe_cache_gates (const MoeCache *self,
                 guint           layer,
                 guint           position)
{
  return (float *) (gpointer) self->gates + ((gsize) self->places[layer] * self->context + position) * 2 *
         self->net_heads;
}

float *
moe_cache_state (const MoeCache *self,
                 guint           layer,
                 guint           index)
{
  return (float *) (gpointer) self->states + ((gsize) self->places[layer] * self->n_states + index) *
         self->state_size;
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
  const MoePlaneShape *shape = &self->planes[layer];
  guint8 *k_to = moe_cache_key (self, layer, head, position);
  guint8 *v_to = moe_cache_value (self, layer, head, position);

  if (self->type == MOE_CACHE_F16)
    {
      ops->to_f16 ((guint16 *) k_to, k, shape->key_dim);
      ops->to_f16 ((guint16 *) v_to, v, shape->value_dim);
    }
  else
    {
      memcpy (k_to, k, shape->key_dim * sizeof *k);
      memcpy (v_to, v, shape->value_dim * sizeof *v);
    }
}

/* The present state comes too if it is that after @length tokens; else it is found again when needed. */
static void
copy_net (MoeCache       *self,
          const MoeCache *source,
          guint           layer,
          guint           length)
{
  gboolean present = source->state_lengths[layer] == length;

  memcpy (moe_cache_net (self, layer, 0), moe_cache_net (source, layer, 0),
          length * self->net_dim * get_value_bytes (self));
  memcpy (moe_cache_gates (self, layer, 0), moe_cache_gates (source, layer, 0),
          (gsize) length * 2 * self->net_heads * sizeof (float));
  for (guint i = present ? 0 : 1; i <= length / MOE_STATE_INTERVAL; i++)
    memcpy (moe_cache_state (self, layer, i), moe_cache_state (source, layer, i),
            self->state_size * sizeof (float));
  self->state_lengths[layer] = present ? length : G_MAXUINT;
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
      if (has (self, layer, MOE_LAYER_DELTA_NET))
        {
          copy_net (self, source, layer, length);
          continue;
        }
      if (has (self, layer, MOE_LAYER_CONV))
        {
          memcpy (moe_cache_conv (self, layer, 0), moe_cache_conv (source, layer, 0),
                  length * self->conv_dim * sizeof (float));
          continue;
        }
      for (guint head = 0; head < self->planes[layer].n_heads; head++)
        {
          memcpy (moe_cache_key (self, layer, head, 0), moe_cache_key (source, layer, head, 0),
                  bytes * self->planes[layer].key_dim);
          memcpy (moe_cache_value (self, layer, head, 0), moe_cache_value (source, layer, head, 0),
                  bytes * self->planes[layer].value_dim);
        }
    }
}
