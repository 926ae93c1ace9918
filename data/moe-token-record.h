/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* Everything that is recorded of one token, in the precision in which it is stored, so that what is shown
 * live equals what is read back from a file. Immutable once handed out; reference counted; any thread.
 *
 * A slot is the index of an expert in the chosen order (0 = strongest). Below, M = n_moe_layers, K = n_slots
 * (k), L = n_layers, H = n_heads; F16 means an IEEE half as its 16 bits (moe_half_to_float). */
typedef struct
{
  gatomicrefcount ref_count;

  guint     n_moe_layers, n_slots, n_layers, n_heads;
  gboolean  has_shared;

  gint64    id;        /* 0-based over the whole recording */
  guint     prompt;    /* 0-based number of the prompt it belongs to */
  guint     position;  /* in its prompt */
  gint32    token_id;
  MoePhase  phase;
  float     logprob;   /* of this token given those before it, nats, no temperature; NaN for the first */
  float     entropy;   /* of the distribution after this token, nats; NaN when its logits were not computed */

  guint16  *experts;   /* (M, K) expert numbers, MOE_NO_EXPERT for an empty slot */
  guint16  *weights;   /* (M, K) F16 gate weights as used */
  float    *down_max;     /* (M, K) max over channels of |down_proj output| before the gate weight;
                             0 in empty slots */
  guint16  *down_channel; /* (M, K) the channel of that maximum */
  guint16  *down_norm;    /* (M, K) F16 L2 norm of the down_proj output */
  guint16  *moe_turn;     /* (M) F16 max(1 - cos(x, x + routed), 0): how far the routed experts turn
                             the residual */
  guint16  *router_entropy; /* (M) F16 entropy of the full router distribution, nats */

  float    *shared_max;     /* (M) of the shared expert, or NULL when the model has none */
  guint16  *shared_channel; /* (M) */
  guint16  *shared_norm;    /* (M) F16 */

  float    *residual_top;     /* (L, 3) largest |h| after each layer, descending */
  guint16  *residual_channel; /* (L, 3) their channels */
  float    *residual_median;  /* (L) median |h| */

  guint16  *attention_first;   /* (L, H) F16 attention of this token to position 0; here and in the next two
                                * NaN in layers without attention */
  guint16  *attention_entropy; /* (L, H) F16 entropy of its attention row, nats */
  guint16  *attention_sink;    /* (L, H) F16 attention to the learned sink, by which the row sums to less than
                                  1; NULL when the model has none */
} MoeTokenRecord;

/* One allocation holds all arrays, zero-filled. */
MoeTokenRecord *moe_token_record_new   (guint           n_moe_layers,
                                        guint           n_slots,
                                        guint           n_layers,
                                        guint           n_heads,
                                        gboolean        has_shared);
/* As moe_token_record_new(), with attention_sink where @has_sinks. */
MoeTokenRecord *moe_token_record_new_full (guint     n_moe_layers,
                                           guint     n_slots,
                                           guint     n_layers,
                                           guint     n_heads,
                                           gboolean  has_shared,
                                           gboolean  has_sinks);
MoeTokenRecord *moe_token_record_ref   (MoeTokenRecord *self);
void            moe_token_record_unref (MoeTokenRecord *self);

/* IEEE binary16 <-> binary32, round to nearest even; overflow becomes infinity. */
guint16         moe_half_from_float    (float           value);
float           moe_half_to_float      (guint16         half);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeTokenRecord, moe_token_record_unref)

G_END_DECLS
