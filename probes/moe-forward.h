/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-linear.h"
#include "probes/moe-model-private.h"
#include "probes/moe-probe.h"
#include "probes/moe-router.h"
#include "probes/moe-session.h"
#include "probes/moe-vector-ops.h"

G_BEGIN_DECLS

/* Tokens of one micro-batch: enough for every expert to see a few, small enough for the buffers. */
#define MOE_MICRO_BATCH 512

/* Query rows that attend to the same keys in one work item. */
#define MOE_ATTENTION_ROWS 16

/* Keys and values of all tokens so far, one plane per layer and key-value head so that a head reads one
 * stretch of memory: element (layer, head, position, i) of (n_layers, n_kv_heads, context, head_dim). */
typedef struct
{
  MoeCacheType type;
  guint        context;
  gsize        bytes;  /* of each of @k and @v */
  guint8      *k, *v;  /* F16 or F32 */
} MoeCache;

gboolean moe_cache_init  (MoeCache         *self,
                          const MoeHparams *h,
                          MoeCacheType      type,
                          guint             context,
                          GError          **error);
void     moe_cache_clear (MoeCache         *self);
/* Copies the first @length positions of @source, which has the same shape. */
void     moe_cache_copy  (MoeCache         *self,
                          const MoeCache   *source,
                          const MoeHparams *h,
                          guint             length);
/* Index of the first value of (@layer, @kv_head, @position). */
gsize    moe_cache_index (const MoeCache   *self,
                          const MoeHparams *h,
                          guint             layer,
                          guint             kv_head,
                          guint             position);

typedef struct
{
  const MoeProbe *probe;
  gpointer        user_data;
} MoeProbeEntry;

/* Calls @callback of every attached probe that has set it. */
#define MOE_PROBE_EMIT(forward, callback, ...) \
  G_STMT_START \
    { \
      for (guint probe_ = 0; probe_ < (forward)->probes->len; probe_++) \
        { \
          const MoeProbeEntry *entry_ = &g_array_index ((forward)->probes, MoeProbeEntry, probe_); \
          if (entry_->probe->callback != NULL) \
            entry_->probe->callback (__VA_ARGS__, entry_->user_data); \
        } \
    } \
  G_STMT_END

#define MOE_PROBE_WANTED(forward, callback) \
  (moe_forward_wants ((forward), G_STRUCT_OFFSET (MoeProbe, callback)))

/* Everything one run of the network needs besides the model: buffers for a micro-batch of n tokens. Below d =
 * width, k = experts used, E = experts, F = expert_width. Grown on demand, reused ever after. */
typedef struct
{
  const MoeModel     *model;
  const MoeHparams   *h;
  MoeKernelChoice     choice;
  const MoeVectorOps *ops;
  guint               threads;
  MoePool            *pool;   /* of that many threads */
  MoePool            *alone;  /* of one: for what must be done in order, or inside a work item */
  GArray             *probes; /* of MoeProbeEntry */

  gsize          n_allocated; /* tokens the buffers below hold */
  float         *x;           /* (n, d) residual stream */
  float         *normed;      /* (n, d) */
  float         *q;           /* (n, H * D) */
  float         *k;           /* (n, G * D) */
  float         *v;           /* (n, G * D) */
  float         *attended;    /* (n, H * D) */
  float         *delta;       /* (n, d) what a block adds to the residual */
  float         *angles;      /* (n, rope_dims / 2, 2) cosine and sine */
  float         *router_logits; /* (n, E) */
  float         *router_probs;  /* (n, E) */
  guint16       *chosen;      /* (n, k) */
  float         *weights;     /* (n, k) */
  guint8        *silent;      /* (n, k) */
  float         *gate;        /* (n * k, F), rows grouped by expert; then the hidden values */
  float         *up;          /* (n * k, F) */
  float         *down;        /* (n, k, d) */
  float         *down_max;    /* (n, k) */
  guint16       *down_channel; /* (n, k) */
  float         *down_norm;   /* (n, k) */
  float         *turn;        /* (n) */
  float         *attention_first, *attention_entropy, *attention_top; /* (n, H) */
  guint         *attention_top_key; /* (n, H) */

  float         *residual_top;      /* (n, 3) */
  guint16       *residual_channel;  /* (n, 3) */
  float         *residual_median;   /* (n) */

  float        **scores;       /* (threads) of (MOE_ATTENTION_ROWS + 1, scores_allocated) */
  gsize          scores_allocated;
  float        **scratch;      /* (threads) of (2 * E) floats */
  gint32       **residual_scratch;  /* (threads) of (d) */
  guint64      **hits;         /* (threads) of (2 * n_hits) */
  guint          n_hits;

  MoeActivations input;        /* of the present linear layer */
  MoeActivations hidden;       /* of down_proj, rows grouped by expert */
  float         *logit_rows;   /* (logit_rows_allocated, vocabulary) */
  gsize          logit_rows_allocated;
  const float   *logits;       /* (vocabulary) after the last token run, inside logit_rows;
                                   NULL = not computed */
} MoeForward;

void     moe_forward_init   (MoeForward            *self,
                             const MoeModel        *model,
                             MoeKernelChoice        choice,
                             guint                  threads,
                             GArray                *probes);
void     moe_forward_clear  (MoeForward            *self);
gboolean moe_forward_wants  (const MoeForward      *self,
                             gsize                  callback_offset);

/* Runs one micro-batch of at most MOE_MICRO_BATCH tokens whose ids are valid and that fit the cache. Leaves
 * the logits after the last token in self->logits when @want_logits, or when a probe wants all. */
void     moe_forward_run    (MoeForward            *self,
                             MoeCache              *cache,
                             const MoeProbeBatch   *batch,
                             MoeMaskPlan           *plan,
                             gboolean               want_logits);

/* The parts, each of one layer for the micro-batch in @self. */

/* delta = attention block of normed; appends to the cache. */
void     moe_attention_run  (MoeForward            *self,
                             MoeCache              *cache,
                             const MoeProbeBatch   *batch,
                             guint                  layer);
/* Cosines and sines of the micro-batch's positions into self->angles. */
void     moe_rope_prepare   (MoeForward            *self,
                             const MoeProbeBatch   *batch);
/* delta = MoE block of normed; self->x is the residual it will be added to. */
void     moe_experts_run    (MoeForward            *self,
                             const MoeProbeBatch   *batch,
                             MoeMaskPlan           *plan,
                             guint                  layer);
/* y = x / rms (x) * w; x, y, w: (n). */
void     moe_rms_norm       (const MoeForward      *self,
                             const float           *x,
                             const float           *w,
                             gsize                  n,
                             float                 *y);

G_END_DECLS
