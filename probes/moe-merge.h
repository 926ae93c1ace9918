/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Joining neighbouring symbols, best pair first, until no pair may be joined: the common core of byte-level
 * BPE (Sennrich et al. 2016, section 3.2) and of SentencePiece's BPE mode. A linked list and a heap, so that
 * a piece of n characters takes O(n log n). */
typedef struct
{
  guint32 start;   /* bytes from the start of the text being merged */
  guint32 length;  /* bytes; 0 when it was joined to its left neighbour */
  guint32 source;  /* where it starts in the text that was given to the tokenizer, bytes */
  guint32 id;      /* the caller's number for it */
  gint32  prev, next; /* index of the neighbours, -1 at the ends */
} MoeSymbol;

/* TRUE when @left and @right may be joined: then the symbol's id and the key (smaller is joined first; at
 * equal keys the one further left). */
typedef gboolean (*MoeMergeFunc) (const MoeSymbol *left, const MoeSymbol *right, gpointer user_data,
                                  double *key, guint32 *id);

typedef struct
{
  GArray *symbols; /* MoeSymbol */
  GArray *heap;
} MoeMerger;

void moe_merger_init  (MoeMerger    *self);
void moe_merger_clear (MoeMerger    *self);

/* Forgets all symbols. */
void moe_merger_reset (MoeMerger    *self);
/* Appends a symbol. At most G_MAXINT32 of them. */
void moe_merger_add   (MoeMerger    *self,
                       guint32       start,
                       guint32       length,
                       guint32       source,
                       guint32       id);
/* Afterwards symbol 0 and those reached from it by next are the result. */
void moe_merger_run   (MoeMerger    *self,
                       MoeMergeFunc  func,
                       gpointer      user_data);

G_END_DECLS
