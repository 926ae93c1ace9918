/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-expert-means"

#include "data/moe-expert-means.h"

#include <string.h>

struct _MoeExpertMeans
{
  gatomicrefcount ref_count;

  guint       width;
  GHashTable *means; /* gint64 of layer and expert -> (width) floats */
};

MoeExpertMeans *
moe_expert_means_new (guint width)
{
  MoeExpertMeans *self;

  g_return_val_if_fail (width > 0, NULL);

  self = g_new0 (MoeExpertMeans, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->width = width;
  self->means = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  return self;
}

MoeExpertMeans *
moe_expert_means_ref (MoeExpertMeans *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_expert_means_unref (MoeExpertMeans *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_hash_table_unref (self->means);
  g_free (self);
}

guint
moe_expert_means_get_width (const MoeExpertMeans *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->width;
}

static gint64
make_key (int layer,
          int expert)
{
  return (gint64) layer * G_MAXINT32 + expert;
}

void
moe_expert_means_set (MoeExpertMeans *self,
                      int             layer,
                      int             expert,
                      const float    *mean)
{
  gint64 key = make_key (layer, expert);

  g_return_if_fail (self != NULL && mean != NULL);

  g_hash_table_insert (self->means, g_memdup2 (&key, sizeof key),
                       g_memdup2 (mean, self->width * sizeof *mean));
}

static void
copy_all (MoeExpertMeans       *self,
          const MoeExpertMeans *source)
{
  GHashTableIter iter;
  gpointer key, mean;

  g_hash_table_iter_init (&iter, source->means);
  while (g_hash_table_iter_next (&iter, &key, &mean))
    g_hash_table_insert (self->means, g_memdup2 (key, sizeof (gint64)),
                         g_memdup2 (mean, self->width * sizeof (float)));
}

MoeExpertMeans *
moe_expert_means_merge (const MoeExpertMeans *a,
                        const MoeExpertMeans *b)
{
  MoeExpertMeans *self;

  g_return_val_if_fail (b != NULL, NULL);
  g_return_val_if_fail (a == NULL || a->width == b->width, NULL);

  self = moe_expert_means_new (b->width);
  if (a != NULL)
    copy_all (self, a);
  copy_all (self, b);
  return self;
}

const float *
moe_expert_means_get (const MoeExpertMeans *self,
                      int                   layer,
                      int                   expert)
{
  gint64 key = make_key (layer, expert);

  return self != NULL ? g_hash_table_lookup (self->means, &key) : NULL;
}

gboolean
moe_expert_means_equal (const MoeExpertMeans *a,
                        const MoeExpertMeans *b,
                        int                   layer,
                        int                   expert)
{
  const float *first = moe_expert_means_get (a, layer, expert);
  const float *second = moe_expert_means_get (b, layer, expert);

  if (first == NULL || second == NULL)
    return first == second;
  return a->width == b->width && memcmp (first, second, a->width * sizeof *first) == 0;
}
