/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-residency"

#include "probes/moe-residency.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes read ahead between two progress reports. */
#define READ_AHEAD_STEP (64u << 20)

/* The rest is for the KV cache, the buffers and the system: a file of more than this share of memory would
 * push itself out while it is read ahead. */
#define LARGEST_SHARE 0.85

gboolean
moe_residency_is_expert (const MoeGgufTensor *tensor)
{
  return strstr (tensor->name, "_exps.") != NULL;
}

MoeResidency
moe_residency_read (MoeGguf *gguf,
                    guint64  machine_bytes)
{
  MoeResidency self = { .machine_bytes = machine_bytes };

  g_return_val_if_fail (gguf != NULL, self);

  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);

      *(moe_residency_is_expert (tensor) ? &self.expert_bytes : &self.other_bytes) += tensor->n_bytes;
    }
  self.fits = (double) moe_gguf_get_file_bytes (gguf) <= (double) machine_bytes * LARGEST_SHARE;
  return self;
}

char *
moe_residency_describe (const MoeResidency *self)
{
  double room = (double) self->machine_bytes * LARGEST_SHARE - (double) self->other_bytes;

  if (self->fits)
    return g_strdup ("everything: the file fits in memory");
  if (room <= 0)
    return g_strdup ("too little: not even what every token reads fits in memory");
  return g_strdup_printf ("what every token reads and about %.0f %% of the experts; the others are read from "
                          "the disk when they are chosen", 100 * room / (double) self->expert_bytes);
}

/* What is @at bytes into the tensor's values; slices have one size. */
static const guint8 *
find_bytes (const MoeGgufTensor *tensor,
            guint64              at,
            guint64             *n_left)
{
  guint64 n_bytes = tensor->slices != NULL ? tensor->n_bytes / tensor->ne[2] : tensor->n_bytes;

  *n_left = n_bytes - at % n_bytes;
  return (tensor->slices != NULL ? tensor->slices[at / n_bytes] : tensor->data) + at % n_bytes;
}

/* A failure only means that the pages come later. */
static void
advise (const void *data,
        gsize       n_bytes,
        int         advice)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  guintptr start = (guintptr) data / page * page;

  (void) madvise ((void *) start, (guintptr) data + n_bytes - start, advice);
}

gboolean
moe_residency_read_ahead (const MoeResidency  *self,
                          MoeGguf             *gguf,
                          MoeProgressFunc      progress,
                          gpointer             user_data,
                          GCancellable        *cancellable,
                          GError             **error)
{
  guint64 total = self->other_bytes + (self->fits ? self->expert_bytes : 0), done = 0;

  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);

      if (!self->fits && moe_residency_is_expert (tensor))
        continue;
      for (guint64 at = 0, bytes; at < tensor->n_bytes; at += bytes)
        {
          const guint8 *data = find_bytes (tensor, at, &bytes);

          if (g_cancellable_set_error_if_cancelled (cancellable, error))
            return FALSE;
          bytes = MIN (bytes, READ_AHEAD_STEP);
          advise (data, bytes, MADV_POPULATE_READ);
          done += bytes;
          progress (MIN (1, (double) done / (double) MAX (total, 1)), user_data);
        }
    }
  progress (1, user_data);
  return TRUE;
}

void
moe_residency_fetch (const void *data,
                     gsize       n_bytes)
{
  advise (data, n_bytes, MADV_WILLNEED);
}
