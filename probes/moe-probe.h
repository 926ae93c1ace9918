/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* Probes: optional callbacks on every quantity the model computes. All are called on the thread that feeds
 * the session, layer by layer within a micro-batch of n consecutive tokens (n depends on how the session
 * was fed; token i of the call has position first + i). Pointers are valid during the call only. An unset
 * callback costs nothing. Names used by other tools are listed in DESIGN.md, "Hook points". */

typedef enum
{
  MOE_RESIDUAL_PRE,  /* input of the layer */
  MOE_RESIDUAL_MID,  /* after attention was added */
  MOE_RESIDUAL_POST, /* after the MoE or feed-forward block was added */
} MoeResidualPoint;

typedef struct
{
  guint           first;    /* position of the first token */
  guint           n;        /* tokens in this micro-batch */
  const gint32   *tokens;   /* (n) */
  const MoePhase *phases;   /* (n) */
} MoeProbeBatch;

/* Routing of one MoE layer, after the mask acted. E routed experts, k slots ordered by selection score. */
typedef struct
{
  guint          n_experts, k;
  const float   *logits;  /* (n, E) router logits before any intervention */
  const float   *probs;   /* (n, E) router probabilities before any intervention */
  const guint16 *chosen;  /* (n, k) expert numbers; MOE_NO_EXPERT in a slot emptied by `drop` */
  const float   *weights; /* (n, k) gate weights as used; 0 in empty slots */
} MoeRouterEvent;

/* What the chosen experts wrote, per token and slot, computed where the values are produced. "down" is the
 * down_proj output before the gate weight, after a clamp. Slots that are empty or zeroed by the mask hold
 * zeros, those of an expert disabled by mean or copy what stands in its place. */
typedef struct
{
  guint          k;
  const guint16 *chosen;  /* (n, k) */
  const float   *weights; /* (n, k) */
  const float   *max;     /* (n, k) max over channels of |down| */
  const guint16 *channel; /* (n, k) the first channel that has it */
  const float   *norm;    /* (n, k) L2 norm of down */
  const float   *turn;    /* (n) max(1 - cos(x, x + routed), 0), x = residual mid */
  const float   *shared_max;     /* (n) of the shared expert's down_proj output, before its gate; or NULL */
  const guint16 *shared_channel; /* (n) */
  const float   *shared_norm;    /* (n) */
  const float   *shared_weights; /* (n) what that output is multiplied with: its gate, and the mask */
} MoeExpertEvent;

/* The whole vectors of one expert in one micro-batch. */
typedef struct
{
  guint        expert;
  guint        n_rows;   /* tokens of the micro-batch routed to it */
  const guint *rows;     /* (n_rows) index of each token in the micro-batch, ascending */
  const guint *slots;    /* (n_rows) */
  guint        width, hidden_width;
  const float *hidden;   /* (n_rows, hidden_width) input of down_proj */
  const float *down;     /* (n_rows, width) output of down_proj before the gate weight */
} MoeExpertVectors;

/* The same of the shared experts, for the tokens for which the mask lets them act. */
typedef struct
{
  guint        n_rows;
  const guint *rows;     /* (n_rows) index of each token in the micro-batch, ascending */
  guint        width, hidden_width; /* of all shared experts together */
  const float *hidden;   /* (n_rows, hidden_width) input of down_proj */
  const float *down;     /* (n, width) output of down_proj before the gate, by token of the micro-batch */
} MoeSharedVectors;

/* Summaries of the attention rows of one layer; H heads. Where heads have a learned sink (gpt-oss), the rows
 * sum to less than 1 by its mass, and it is one more outcome in the entropy. Keys outside a sliding window
 * have no attention. */
typedef struct
{
  guint        n_heads;
  const float *first;    /* (n, H) attention to position 0 */
  const float *entropy;  /* (n, H) entropy of the row, nats */
  const float *top;      /* (n, H) largest attention of the row */
  const guint *top_key;  /* (n, H) its position */
  const float *sink;     /* (n, H) attention to the learned sink, or NULL when the layer has none */
} MoeAttentionEvent;

/* Queries, keys and values of one layer as attention takes them: after norms and rotation. H heads, of which
 * H / G share a key-value head. Layers with latent attention, whose keys are not formed one by one, give
 * none. */
typedef struct
{
  guint        n_heads, n_kv_heads; /* H, G */
  guint        head_dim, value_dim;
  const float *q;        /* (n, H, head_dim) */
  const float *k;        /* (n, G, head_dim) */
  const float *v;        /* (n, G, value_dim) */
} MoeProjectionEvent;

/* The residual after a layer (MOE_RESIDUAL_POST) in short, computed where it is added up. */
typedef struct
{
  const float   *top;     /* (n, 3) largest |x|, descending */
  const guint16 *channel; /* (n, 3) their channels */
  const float   *median;  /* (n) median |x| */
} MoeResidualEvent;

typedef struct
{
  void (*batch)          (const MoeProbeBatch *batch, gpointer user_data);
  /* @x: (n, width) */
  void (*embedding)      (const MoeProbeBatch *batch, guint width, const float *x, gpointer user_data);
  void (*residual)       (const MoeProbeBatch *batch, guint layer, MoeResidualPoint point, guint width,
                          const float *x, gpointer user_data);
  void (*residual_summary) (const MoeProbeBatch *batch, guint layer, const MoeResidualEvent *event,
                            gpointer user_data);
  void (*attention)      (const MoeProbeBatch *batch, guint layer, const MoeAttentionEvent *event,
                          gpointer user_data);
  /* One row of attention after softmax; token @index of the batch, @row: (position + 1), zeros outside the
   * window. */
  void (*attention_row)  (const MoeProbeBatch *batch, guint layer, guint index, guint head, guint n_keys,
                          const float *row, gpointer user_data);
  void (*router)         (const MoeProbeBatch *batch, guint layer, const MoeRouterEvent *event,
                          gpointer user_data);
  void (*expert)         (const MoeProbeBatch *batch, guint layer, const MoeExpertEvent *event,
                          gpointer user_data);
  void (*expert_vectors) (const MoeProbeBatch *batch, guint layer, const MoeExpertVectors *event,
                          gpointer user_data);
  /* The output of the experts, shared ones included, or of a layer's dense block, which is added to the
   * residual (times residual_scale in a model that has one). @x: (n, width) */
  void (*moe_out)        (const MoeProbeBatch *batch, guint layer, guint width, const float *x,
                          gpointer user_data);
  /* Logits after token @index of the batch, (vocabulary). Setting this makes the session compute the logits
   * of every token. */
  void (*logits)         (const MoeProbeBatch *batch, guint index, guint vocabulary, const float *logits,
                          gpointer user_data);
  /* The micro-batch is done. */
  void (*batch_end)      (const MoeProbeBatch *batch, gpointer user_data);
  void (*projections)    (const MoeProbeBatch *batch, guint layer, const MoeProjectionEvent *event,
                          gpointer user_data);
  void (*shared_vectors) (const MoeProbeBatch *batch, guint layer, const MoeSharedVectors *event,
                          gpointer user_data);
} MoeProbe;

G_END_DECLS
