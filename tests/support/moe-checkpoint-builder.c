/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-checkpoint-builder"

#include "tests/support/moe-checkpoint-builder.h"

#include <math.h>

#include "tests/support/moe-quantise.h"

/* SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). */
static guint64
next_random (guint64 *state)
{
  guint64 z = *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Every tensor has its own stream (by FNV-1a of its name), so that adding one leaves the others as they
 * are. */
static guint64
seed_random (guint       seed,
             const char *name)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (const char *p = name; *p != '\0'; p++)
    hash = (hash ^ (guint8) *p) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash ^ ((guint64) seed << 32);
}

/* Close to normal with mean 0 and standard deviation @scale: the sum of four uniform 16-bit numbers, whose
 * standard deviation is 65536 / sqrt (3). */
static void
fill_normal (float   *x,
             gsize    n,
             guint64  state,
             float    scale)
{
  float factor = scale * 1.7320508f / 65536.0f;

  for (gsize i = 0; i < n; i++)
    {
      guint64 r = next_random (&state);
      int sum = (int) (r & 0xffff) + (int) (r >> 16 & 0xffff) + (int) (r >> 32 & 0xffff) + (int) (r >> 48);

      x[i] = (float) (sum - 131070) * factor;
    }
}

void
moe_checkpoint_add_tensor (MoeCheckpointBuilder *self,
                           const char           *name,
                           MoeTensorType         type,
                           guint                 n_dims,
                           const guint64        *ne,
                           const float          *x)
{
  gsize n = 1;
  gsize n_bytes;
  g_autofree guint8 *stored = NULL;

  for (guint i = 0; i < n_dims; i++)
    n *= ne[i];
  n_bytes = moe_quantise_get_bytes (type, n);
  stored = g_malloc (n_bytes);
  moe_quantise (type, x, n, stored);
  if (self->as_f32 && type != MOE_TYPE_F32)
    {
      g_autofree float *expanded = g_new (float, n);

      moe_dequantise (type, stored, n, expanded);
      g_free (stored);
      n_bytes = n * sizeof (float);
      stored = g_malloc (n_bytes);
      moe_quantise (MOE_TYPE_F32, expanded, n, stored);
      type = MOE_TYPE_F32;
    }
  moe_gguf_writer_add_tensor (self->writer, name, type, n_dims, ne, stored, n_bytes);
}

void
moe_checkpoint_add_matrix (MoeCheckpointBuilder *self,
                           const char           *name,
                           MoeTensorType         type,
                           float                 gain,
                           guint                 n_in,
                           guint                 n_out,
                           guint                 n_matrices)
{
  guint64 ne[3] = { n_in, n_out, n_matrices };
  gsize n = (gsize) n_in * n_out * MAX (n_matrices, 1);
  g_autofree float *x = g_new (float, n);

  fill_normal (x, n, seed_random (self->checkpoint->seed, name), gain / sqrtf ((float) n_in));
  if (self->edit != NULL)
    self->edit (name, x, n, self->edit_data);
  moe_checkpoint_add_tensor (self, name, type, n_matrices > 0 ? 3 : 2, ne, x);
}

void
moe_checkpoint_add_values (MoeCheckpointBuilder *self,
                           const char           *name,
                           float                 mean,
                           float                 scale,
                           guint                 n,
                           guint                 n_rows)
{
  guint64 ne[2] = { n, n_rows };
  gsize count = (gsize) n * MAX (n_rows, 1);
  g_autofree float *x = g_new (float, count);

  fill_normal (x, count, seed_random (self->checkpoint->seed, name), scale);
  for (gsize i = 0; i < count; i++)
    x[i] += mean;
  if (self->edit != NULL)
    self->edit (name, x, count, self->edit_data);
  moe_checkpoint_add_tensor (self, name, MOE_TYPE_F32, n_rows > 0 ? 2 : 1, ne, x);
}

void
moe_checkpoint_add_layer_key (MoeCheckpointBuilder *self,
                              const char           *key,
                              guint                 value)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", moe_family_get_architecture (self->family), key);
  guint n = self->checkpoint->n_layers;
  g_autofree gint32 *values = g_new (gint32, n);

  if ((self->family->flags & MOE_FAMILY_ARRAYS) == 0)
    {
      moe_gguf_writer_add_uint (self->writer, full, value);
      return;
    }
  for (guint i = 0; i < n; i++)
    values[i] = (gint32) value;
  moe_gguf_writer_add_array (self->writer, full, MOE_GGUF_INT32, values, n);
}

gint32 *
moe_checkpoint_get_tokens (const MoeCheckpoint *self)
{
  guint64 state = seed_random (self->seed, "tokens");
  guint n_vocabulary = moe_checkpoint_get_vocabulary (self);
  gint32 *tokens = g_new (gint32, self->n_tokens);

  for (guint i = 0; i < self->n_tokens; i++)
    tokens[i] = (gint32) (next_random (&state) % n_vocabulary);
  if (moe_family_get (self->architecture)->pre == NULL)
    tokens[0] = 1;
  return tokens;
}
