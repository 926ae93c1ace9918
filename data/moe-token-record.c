/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-token-record"

#include "data/moe-token-record.h"

#include <math.h>
#include <string.h>

/* Hands out the places of the arrays in one block; with a NULL block it only adds up their size. */
typedef struct
{
  guint8   *block;
  gsize     used;
  gboolean  overflow;
} Layout;

static gpointer
place (Layout *layout,
       guint   rows,
       guint   columns,
       gsize   size)
{
  gsize start = layout->used;
  gsize n_bytes;

  if (__builtin_mul_overflow ((gsize) rows, (gsize) columns, &n_bytes) ||
      __builtin_mul_overflow (n_bytes, size, &n_bytes) ||
      __builtin_add_overflow (start, n_bytes, &layout->used))
    layout->overflow = TRUE;

  return layout->block != NULL ? layout->block + start : NULL;
}

/* Floats before halves, so that each array is aligned. */
static void
place_arrays (MoeTokenRecord *self,
              Layout         *layout,
              gboolean        has_sinks)
{
  guint m = self->n_moe_layers, k = self->n_slots, l = self->n_layers, h = self->n_heads;

  self->down_max = place (layout, m, k, sizeof (float));
  if (self->has_shared)
    self->shared_max = place (layout, m, 1, sizeof (float));
  self->residual_top = place (layout, l, 3, sizeof (float));
  self->residual_median = place (layout, l, 1, sizeof (float));

  self->experts = place (layout, m, k, sizeof (guint16));
  self->weights = place (layout, m, k, sizeof (guint16));
  self->down_channel = place (layout, m, k, sizeof (guint16));
  self->down_norm = place (layout, m, k, sizeof (guint16));
  self->moe_turn = place (layout, m, 1, sizeof (guint16));
  self->router_entropy = place (layout, m, 1, sizeof (guint16));
  if (self->has_shared)
    {
      self->shared_channel = place (layout, m, 1, sizeof (guint16));
      self->shared_norm = place (layout, m, 1, sizeof (guint16));
    }
  self->residual_channel = place (layout, l, 3, sizeof (guint16));
  self->attention_first = place (layout, l, h, sizeof (guint16));
  self->attention_entropy = place (layout, l, h, sizeof (guint16));
  if (has_sinks)
    self->attention_sink = place (layout, l, h, sizeof (guint16));
}

MoeTokenRecord *
moe_token_record_new (guint    n_moe_layers,
                      guint    n_slots,
                      guint    n_layers,
                      guint    n_heads,
                      gboolean has_shared)
{
  return moe_token_record_new_full (n_moe_layers, n_slots, n_layers, n_heads, has_shared, FALSE);
}

MoeTokenRecord *
moe_token_record_new_full (guint    n_moe_layers,
                           guint    n_slots,
                           guint    n_layers,
                           guint    n_heads,
                           gboolean has_shared,
                           gboolean has_sinks)
{
  MoeTokenRecord shape = {
    .n_moe_layers = n_moe_layers, .n_slots = n_slots, .n_layers = n_layers, .n_heads = n_heads,
    .has_shared = has_shared != FALSE, .logprob = NAN, .entropy = NAN,
  };
  Layout layout = { .used = sizeof shape };
  MoeTokenRecord *self;

  place_arrays (&shape, &layout, has_sinks);
  g_return_val_if_fail (!layout.overflow, NULL);

  layout.block = g_malloc0 (layout.used);
  layout.used = sizeof shape;
  place_arrays (&shape, &layout, has_sinks);

  self = (MoeTokenRecord *) layout.block;
  *self = shape;
  g_atomic_ref_count_init (&self->ref_count);
  return self;
}

MoeTokenRecord *
moe_token_record_ref (MoeTokenRecord *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_token_record_unref (MoeTokenRecord *self)
{
  if (self != NULL && g_atomic_ref_count_dec (&self->ref_count))
    g_free (self);
}

static guint32
float_bits (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static float
bits_float (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* The magnitudes below are the bits of the float: its exponent's bias is 127 and a half's 15, and a half
 * keeps 10 of the 23 bits of the fraction. */
guint16
moe_half_from_float (float value)
{
  guint32 bits = float_bits (value);
  guint16 sign = (guint16) (bits >> 16 & 0x8000);
  guint32 magnitude = bits & 0x7fffffff;

  /* 65536 and more, infinity and NaN, which stays quiet whatever of its payload is cut off. */
  if (magnitude >= 0x47800000)
    {
      if (magnitude > 0x7f800000)
        return (guint16) (sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
      return sign | 0x7c00;
    }

  /* A carry out of the fraction goes into the exponent, up to that of infinity. */
  if (magnitude >= 0x38800000)
    {
      magnitude += 0xfff + (magnitude >> 13 & 1);
      return (guint16) (sign | ((magnitude - 0x38000000) >> 13));
    }

  /* Below 2^-14 a half counts in steps of 2^-24, which is what a float does from 0.5 on: the addition
   * rounds. */
  return (guint16) (sign | (float_bits (bits_float (magnitude) + 0.5f) - 0x3f000000));
}

float
moe_half_to_float (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16;
  guint32 magnitude = half & 0x7fff;

  if (magnitude >= 0x7c00)
    return bits_float (sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x0400)
    return bits_float (sign | ((magnitude << 13) + 0x38000000));

  return bits_float (sign | float_bits ((float) magnitude * 0x1p-24f));
}
