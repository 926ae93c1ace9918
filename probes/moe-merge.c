/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-merge"

#include "probes/moe-merge.h"

typedef struct
{
  double  key;
  gint32  left, right; /* symbols */
  guint32 length;      /* of both when the pair was found: tells whether they have changed since */
  guint32 id;
} Pair;

void
moe_merger_init (MoeMerger *self)
{
  self->symbols = g_array_new (FALSE, FALSE, sizeof (MoeSymbol));
  self->heap = g_array_new (FALSE, FALSE, sizeof (Pair));
}

void
moe_merger_clear (MoeMerger *self)
{
  g_clear_pointer (&self->symbols, g_array_unref);
  g_clear_pointer (&self->heap, g_array_unref);
}

void
moe_merger_reset (MoeMerger *self)
{
  g_array_set_size (self->symbols, 0);
  g_array_set_size (self->heap, 0);
}

void
moe_merger_add (MoeMerger *self,
                guint32    start,
                guint32    length,
                guint32    source,
                guint32    id)
{
  const gint32 n = (gint32) self->symbols->len;
  const MoeSymbol symbol = { start, length, source, id, n - 1, -1 };

  g_return_if_fail (self->symbols->len < G_MAXINT32);

  if (n > 0)
    g_array_index (self->symbols, MoeSymbol, n - 1).next = n;
  g_array_append_val (self->symbols, symbol);
}

static inline gboolean
comes_before (const Pair *a,
              const Pair *b)
{
  return a->key < b->key || (a->key == b->key && a->left < b->left);
}

static void
push (GArray     *heap,
      const Pair *pair)
{
  guint i = heap->len;
  Pair *pairs;

  g_array_append_val (heap, *pair);
  pairs = (Pair *) heap->data;

  while (i > 0)
    {
      const guint parent = (i - 1) / 2;

      if (!comes_before (pair, &pairs[parent]))
        break;
      pairs[i] = pairs[parent];
      i = parent;
    }
  pairs[i] = *pair;
}

static Pair
pop (GArray *heap)
{
  Pair *pairs = (Pair *) heap->data;
  const Pair best = pairs[0];
  const Pair last = pairs[heap->len - 1];
  const guint n = heap->len - 1;
  guint i = 0;

  g_array_set_size (heap, n);
  while (2 * i + 1 < n)
    {
      guint child = 2 * i + 1;

      if (child + 1 < n && comes_before (&pairs[child + 1], &pairs[child]))
        child++;
      if (!comes_before (&pairs[child], &last))
        break;
      pairs[i] = pairs[child];
      i = child;
    }
  if (n > 0)
    pairs[i] = last;

  return best;
}

static void
consider (MoeMerger    *self,
          gint32        left,
          gint32        right,
          MoeMergeFunc  func,
          gpointer      user_data)
{
  const MoeSymbol *symbols = (const MoeSymbol *) self->symbols->data;
  Pair pair = { 0, left, right, 0, 0 };

  if (left < 0 || right < 0)
    return;
  if (!func (&symbols[left], &symbols[right], user_data, &pair.key, &pair.id))
    return;

  pair.length = symbols[left].length + symbols[right].length;
  push (self->heap, &pair);
}

void
moe_merger_run (MoeMerger    *self,
                MoeMergeFunc  func,
                gpointer      user_data)
{
  MoeSymbol *symbols = (MoeSymbol *) self->symbols->data;

  for (guint i = 1; i < self->symbols->len; i++)
    consider (self, (gint32) i - 1, (gint32) i, func, user_data);

  while (self->heap->len > 0)
    {
      const Pair pair = pop (self->heap);
      MoeSymbol *left = &symbols[pair.left];
      MoeSymbol *right = &symbols[pair.right];

      if (left->length == 0 || right->length == 0 || left->length + right->length != pair.length)
        continue;

      left->length = pair.length;
      left->id = pair.id;
      left->next = right->next;
      right->length = 0;
      if (right->next >= 0)
        symbols[right->next].prev = pair.left;

      consider (self, left->prev, pair.left, func, user_data);
      consider (self, pair.left, left->next, func, user_data);
    }
}
