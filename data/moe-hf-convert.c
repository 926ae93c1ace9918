/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-convert"

#include <string.h>

#include "data/moe-hf-private.h"

/* Values of a tile that is transposed at once, so that neither side leaves the caches. */
#define TILE 32

/* y[j][r] = x[r][first + j * step], values of @size bytes. */
static void
transpose (const guint8 *x,
           guint64       n_rows,
           guint64       n_in,
           guint64       first,
           guint64       step,
           gsize         size,
           guint8       *y)
{
  guint64 n_out = n_in / step;

  for (guint64 r0 = 0; r0 < n_rows; r0 += TILE)
    for (guint64 j0 = 0; j0 < n_out; j0 += TILE)
      for (guint64 r = r0; r < MIN (r0 + TILE, n_rows); r++)
        for (guint64 j = j0; j < MIN (j0 + TILE, n_out); j++)
          memcpy (y + (j * n_rows + r) * size, x + (r * n_in + first + j * step) * size, size);
}

static void
copy_heads (const MoeHfConversion *from,
            gsize                  size,
            guint8                *y)
{
  guint64 n_rows = from->n_keys + from->n_values;
  gsize row = from->n_in * size;
  gboolean keys = from->kind == MOE_HF_COPY_KEYS;
  g_autofree float *expanded = NULL;

  if (from->scales != NULL)
    {
      expanded = g_new (float, from->n_rows * from->n_in);
      moe_hf_f8_expand (from, expanded);
    }
  for (guint64 head = 0; head < from->n_heads; head++)
    {
      const guint8 *x = (expanded != NULL ? (const guint8 *) expanded : from->data) + head * n_rows * row;

      if (keys)
        transpose (x, from->n_keys, from->n_in, 0, 1, size, y + head * from->n_keys * row);
      else
        memcpy (y + head * from->n_values * row, x + from->n_keys * row, from->n_values * row);
    }
}

/* A block of 32 values: there, 16 bytes with neighbours in one byte, and the scale elsewhere; here, the scale
 * and 16 bytes, of which each has a value of the first and one of the second half. */
static void
join_block (const guint8 *x,
            guint8        scale,
            guint8       *y)
{
  y[0] = scale;
  for (guint i = 0; i < 8; i++)
    {
      guint8 low = x[i], high = x[i + 8];

      y[1 + 2 * i] = (guint8) ((low & 15) | high << 4);
      y[2 + 2 * i] = (guint8) (low >> 4 | (high & 0xf0));
    }
}

/* Whether matrices are laid out one by one. */
static gboolean
is_stack (const MoeHfConversion *from)
{
  return from->kind == MOE_HF_TRANSPOSE || from->kind == MOE_HF_JOIN_MXFP4;
}

/* @y: of matrix @e, or of all of them unless is_stack(). */
static void
convert (const MoeHfConversion *from,
         const MoeGgufTensor   *to,
         guint64                e,
         guint8                *y)
{
  gsize size = to->type == MOE_TYPE_F32 ? 4 : 2;
  guint64 n_blocks = from->n_in / 32;

  switch (from->kind)
    {
    case MOE_HF_COPY_KEYS:
    case MOE_HF_COPY_VALUES:
      copy_heads (from, size, y);
      break;
    case MOE_HF_TRANSPOSE:
      transpose (from->data + e * from->n_rows * from->n_in * size, from->n_rows, from->n_in, from->first,
                 from->step, size, y);
      break;
    case MOE_HF_JOIN_F8:
      moe_hf_f8_join (from, y);
      break;
    case MOE_HF_EXPAND_F8:
      moe_hf_f8_expand (from, (float *) (gpointer) y);
      break;
    case MOE_HF_JOIN_MXFP4:
      for (guint64 row = from->first; row < from->n_rows; row += from->step)
        for (guint64 b = 0; b < n_blocks; b++, y += 17)
          {
            guint64 at = (e * from->n_rows + row) * n_blocks + b;

            join_block (from->data + at * 16, from->scales[at], y);
          }
      break;
    }
}

guint64
moe_hf_conversion_get_bytes (const MoeHfFolder *self,
                             guint              index)
{
  const MoeHfConversion *conversion = &g_array_index (self->conversions, MoeHfConversion, index);
  const MoeGgufTensor *tensor = &g_array_index (self->tensors, MoeGgufTensor, conversion->tensor);

  return tensor->slices != NULL ? tensor->n_bytes / tensor->ne[2] : tensor->n_bytes;
}

/* One matrix, or one tensor. */
typedef struct
{
  const MoeHfConversion *conversion;
  guint64                matrix;
  guint8                *values;
} Piece;

/* What the threads share. */
typedef struct
{
  const MoeGgufTensor *tensors;
  GArray              *pieces;    /* Piece */
  gint                 next;      /* piece, atomic */
  gint                 cancelled; /* atomic */
} Work;

static gboolean
convert_next (Work *work)
{
  guint index = (guint) g_atomic_int_add (&work->next, 1);
  const Piece *piece;

  if (index >= work->pieces->len || g_atomic_int_get (&work->cancelled))
    return FALSE;
  piece = &g_array_index (work->pieces, Piece, index);
  convert (piece->conversion, &work->tensors[piece->conversion->tensor], piece->matrix, piece->values);
  return TRUE;
}

static gpointer
run_thread (gpointer data)
{
  while (convert_next (data))
    ;
  return NULL;
}

static GArray *
list_pieces (MoeHfFolder  *self,
             GPtrArray    *buffers)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (Piece));

  for (guint i = 0; i < self->conversions->len; i++)
    {
      const MoeHfConversion *conversion = &g_array_index (self->conversions, MoeHfConversion, i);
      guint64 n_bytes = moe_hf_conversion_get_bytes (self, i);
      guint64 n = is_stack (conversion)
                  ? g_array_index (self->tensors, MoeGgufTensor, conversion->tensor).ne[2] : 1;
      guint8 *values = g_malloc (n_bytes);

      g_ptr_array_add (buffers, values);
      for (guint64 e = 0; e < n; e++)
        {
          Piece piece = { conversion, e, values + e * (n_bytes / n) };

          g_array_append_val (pieces, piece);
        }
    }
  return pieces;
}

gboolean
moe_hf_folder_convert (MoeHfFolder      *self,
                       MoeGgufTensor    *tensors,
                       MoeProgressFunc   progress,
                       gpointer          user_data,
                       GCancellable     *cancellable,
                       GError          **error)
{
  g_autoptr(GPtrArray) buffers = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) threads = g_ptr_array_new ();
  g_autoptr(GArray) pieces = list_pieces (self, buffers);
  Work work = { tensors, pieces, 0, FALSE };
  guint n_threads = MIN (g_get_num_processors (), pieces->len);

  /* One that cannot be started leaves its work to the others. */
  for (guint i = 1; i < n_threads; i++)
    {
      GThread *thread = g_thread_try_new ("layout", run_thread, &work, NULL);

      if (thread != NULL)
        g_ptr_array_add (threads, thread);
    }
  while (convert_next (&work))
    {
      if (progress != NULL)
        progress ((double) MIN ((guint) g_atomic_int_get (&work.next), pieces->len) / pieces->len, user_data);
      if (g_cancellable_is_cancelled (cancellable))
        g_atomic_int_set (&work.cancelled, TRUE);
    }
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (g_ptr_array_index (threads, i));
  if (progress != NULL)
    progress (1, user_data);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  for (guint i = 0; i < self->conversions->len; i++)
    {
      const MoeHfConversion *conversion = &g_array_index (self->conversions, MoeHfConversion, i);
      MoeGgufTensor *tensor = &tensors[conversion->tensor];
      const guint8 *values = g_ptr_array_index (buffers, i);

      if (tensor->slices != NULL)
        ((const guint8 **) tensor->slices)[conversion->slice] = values;
      else
        tensor->data = values;
    }
  g_ptr_array_extend_and_steal (self->allocations, g_steal_pointer (&buffers));
  return TRUE;
}
