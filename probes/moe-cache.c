/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-cache"

#include "probes/moe-forward.h"

#include <sys/mman.h>
#include <unistd.h>

#include "data/moe-error.h"

/* Pages come from the system zeroed and only when touched, so a large context costs nothing until used. */
static guint8 *
map_bytes (gsize bytes)
{
  void *p = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  return p != MAP_FAILED ? p : NULL;
}

gboolean
moe_cache_init (MoeCache         *self,
                const MoeHparams *h,
                MoeCacheType      type,
                guint             context,
                GError          **error)
{
  gsize value = type == MOE_CACHE_F16 ? sizeof (guint16) : sizeof (float);
  double memory = (double) sysconf (_SC_PHYS_PAGES) * (double) sysconf (_SC_PAGESIZE);
  double bytes = (double) h->n_layers * h->n_kv_heads * h->head_dim * context * (double) value;

  memset (self, 0, sizeof *self);
  self->type = type;
  self->context = context;
  if (bytes * 2 < memory)
    {
      self->bytes = (gsize) bytes;
      self->k = map_bytes (self->bytes);
      self->v = map_bytes (self->bytes);
    }
  if (self->k != NULL && self->v != NULL)
    return TRUE;

  moe_cache_clear (self);
  g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
               "a context of %u tokens needs %.1f GB for the KV cache, more than this machine has; choose a "
               "smaller "
               "context", context, bytes * 2 / 1e9);
  return FALSE;
}

void
moe_cache_clear (MoeCache *self)
{
  if (self->k != NULL)
    munmap (self->k, self->bytes);
  if (self->v != NULL)
    munmap (self->v, self->bytes);
  memset (self, 0, sizeof *self);
}

gsize
moe_cache_index (const MoeCache   *self,
                 const MoeHparams *h,
                 guint             layer,
                 guint             kv_head,
                 guint             position)
{
  return (((gsize) layer * h->n_kv_heads + kv_head) * self->context + position) * h->head_dim;
}

void
moe_cache_copy (MoeCache         *self,
                const MoeCache   *source,
                const MoeHparams *h,
                guint             length)
{
  gsize value = self->type == MOE_CACHE_F16 ? sizeof (guint16) : sizeof (float);

  g_assert (self->type == source->type && length <= self->context && length <= source->context);
  for (guint layer = 0; layer < h->n_layers; layer++)
    for (guint head = 0; head < h->n_kv_heads; head++)
      {
        gsize to = moe_cache_index (self, h, layer, head, 0) * value;
        gsize from = moe_cache_index (source, h, layer, head, 0) * value;
        gsize bytes = (gsize) length * h->head_dim * value;

        memcpy (self->k + to, source->k + from, bytes);
        memcpy (self->v + to, source->v + from, bytes);
      }
}
