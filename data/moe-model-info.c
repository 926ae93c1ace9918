/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-model-info"

#include "data/moe-model-info.h"

MoeModelInfo *
moe_model_info_new (void)
{
  MoeModelInfo *self = g_new0 (MoeModelInfo, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->name = g_strdup ("");
  self->path = g_strdup ("");
  self->architecture = g_strdup ("");
  self->quantisation = g_strdup ("");
  self->tokenizer = g_strdup ("");
  self->fingerprint = g_strdup ("");
  self->gating = MOE_GATING_SOFTMAX;
  return self;
}

MoeModelInfo *
moe_model_info_ref (MoeModelInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_model_info_unref (MoeModelInfo *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_free (self->name);
  g_free (self->path);
  g_free (self->architecture);
  g_free (self->quantisation);
  g_free (self->tokenizer);
  g_free (self->fingerprint);
  g_free (self->moe_layers);
  g_free (self);
}

int
moe_model_info_find_moe_layer (const MoeModelInfo *self,
                               guint               layer)
{
  guint low = 0, high;

  g_return_val_if_fail (self != NULL, -1);

  high = self->n_moe_layers;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (self->moe_layers[middle] < layer)
        low = middle + 1;
      else
        high = middle;
    }

  return low < self->n_moe_layers && self->moe_layers[low] == layer ? (int) low : -1;
}
