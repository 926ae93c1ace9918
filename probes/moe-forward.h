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

/* A DeltaNet's state is kept after every so many tokens; so many at most are run again to go back. */
#define MOE_STATE_INTERVAL 256

/* Tokens of a run that goes back. */
#define MOE_REPLAY_TOKENS 64

/* Query rows that attend to the same keys in one work item. */
#define MOE_ATTENTION_ROWS 16

/* The keys and values of one layer: for each head a plane of (context, key_dim) and one of (context,
 * value_dim). */
typedef struct
{
  guint n_heads;
  gsize key_dim, value_dim;
  gsize first_key, first_value; /* values of the planes before, of all layers */
} MoePlaneShape;

/* What layers remember of all tokens so far. Layers with attention: keys and values, one plane per layer and
 * head of the cache so that a head reads one stretch of memory. Layers with a short convolution: its inputs,
 * (layers, context, conv_dim).
 *
 * Layers with a gated DeltaNet: the inputs of the convolution (layers, context, net_dim) and the decays and
 * betas (layers, context, 2 * net_heads) of every token, the present state (layers, state_size), and those
 * after each MOE_STATE_INTERVAL tokens (layers, context / MOE_STATE_INTERVAL, state_size). */
typedef struct
{
  MoeCacheType  type;
  guint         context;
  guint         n_layers;
  guint        *places;  /* (n_layers) of a layer among those of its kind */
  guint8       *kinds;   /* (n_layers) MoeLayerFlags */
  MoePlaneShape *planes; /* (n_layers) of those with attention */
  gsize         conv_dim;
  gsize         key_bytes, value_bytes, conv_bytes; /* of all */
  guint8       *k, *v;   /* F16 or F32 */
  guint8       *conv;    /* F32; NULL when no layer has it */
  guint         net_heads, n_states; /* value heads; states kept of a layer, the present one included */
  gsize         net_dim, state_size;
  gsize         net_bytes, gate_bytes, state_bytes; /* of all */
  guint8       *net;     /* F16 or F32 */
  guint8       *gates;   /* F32 */
  guint8       *states;  /* F32 */
  guint        *state_lengths; /* (n_layers) tokens that the present state has seen */
} MoeCache;

gboolean moe_cache_init  (MoeCache           *self,
                          const MoeModel     *model,
                          MoeCacheType        type,
                          guint               context,
                          GError            **error);
void     moe_cache_clear (MoeCache           *self);
/* Copies the first @length positions of @source, which has the same shape. */
void     moe_cache_copy  (MoeCache           *self,
                          const MoeCache     *source,
                          guint               length);
/* The key and the value of (@layer, @head, @position), followed by those of the next positions. */
guint8  *moe_cache_key   (const MoeCache     *self,
                          guint               layer,
                          guint               head,
                          guint               position);
guint8  *moe_cache_value (const MoeCache     *self,
                          guint               layer,
                          guint               head,
                          guint               position);
/* The convolution's input of (@layer, @position), followed by those of the next positions. */
float   *moe_cache_conv  (const MoeCache     *self,
                          guint               layer,
                          guint               position);
/* Of a gated DeltaNet, at (@layer, @position): the convolution's input; exp (g) of each head, then betas. */
guint8  *moe_cache_net   (const MoeCache     *self,
                          guint               layer,
                          guint               position);
float   *moe_cache_gates (const MoeCache     *self,
                          guint               layer,
                          guint               position);
/* The state of @layer: 0 is the present one, i that after i * MOE_STATE_INTERVAL tokens. */
float   *moe_cache_state (const MoeCache     *self,
                          guint               layer,
                          guint               index);
/* @k: (key_dim), @v: (value_dim) */
void     moe_cache_store (MoeCache           *self,
                          const MoeVectorOps *ops,
                          guint               layer,
                          guint               head,
                          guint               position,
                          const float        *k,
                          const float        *v);

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
  const MoeControlVector *control; /* or NULL */

  gsize          n_allocated; /* tokens the buffers below hold */
  float         *x;           /* (n, d) residual stream */
  float         *normed;      /* (n, d) */
  float         *q;           /* (n, H * D) */
  float         *k;           /* (n, G * D) */
  float         *v;           /* (n, G * V) */
  float         *attended;    /* (n, H, value_dim of the cache) */
  /* MLA, R = rope_dims: */
  float         *q_low;       /* (n, q_rank) */
  float         *compressed;  /* (n, kv_rank + R) */
  float         *latent;      /* (n, kv_rank) of it, normed */
  float         *q_latent;    /* (n, H, kv_rank) */
  float         *head_values; /* (n, H, V) */
  float         *conv;        /* (n, 3, d) of a short convolution: b, c and x */
  float         *conv_out;    /* (n, d) */
  float         *q_gate;      /* (n, H, 2 * D) queries, and gates of the output */
  /* Gated DeltaNets; K and V are the widths of all keys and values, N = MAX (n, MOE_REPLAY_TOKENS). */
  float         *gdn_input;   /* (n, 2 * K + V) before the convolution */
  float         *gdn_mixed;   /* (n, 2 * K + 2 * V) of files where they are mixed */
  float         *gdn_z;       /* (n, V) */
  float         *gdn_ba;      /* (n, 2 * H) */
  float         *gdn_qkv;     /* (N, 2 * K + V) after it */
  float         *gdn_out;     /* (N, V) */
  float         *delta;       /* (n, d) what a block adds to the residual */
  float         *angles;      /* (n, rope_dims / 2, 2) cosine and sine */
  float         *window_angles; /* (n, window_rope_dims / 2, 2) of layers with a RoPE of their own, or NULL */
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
  float         *dense_gate;  /* (n, widest of shared_width and dense_width), then the hidden values */
  float         *dense_up;    /* of the same size */
  float         *shared_down; /* (n, d) */
  float         *shared_weight; /* (n) 0 = not computed */
  float         *shared_max;  /* (n) */
  guint16       *shared_channel; /* (n) */
  float         *shared_norm; /* (n) */
  float         *attention_first, *attention_entropy, *attention_top; /* (n, H) */
  guint         *attention_top_key; /* (n, H) */
  float         *attention_sink;    /* (n, H) */

  float         *residual_top;      /* (n, 3) */
  guint16       *residual_channel;  /* (n, 3) */
  float         *residual_median;   /* (n) */

  double        *frequencies;  /* (rope_dims / 2), see moe_rope_get_frequencies() */
  double        *window_frequencies; /* (window_rope_dims / 2), or NULL */

  float        **scores;       /* (threads) of (MOE_ATTENTION_ROWS + 1, scores_allocated) */
  gsize          scores_allocated;
  float        **scratch;      /* (threads) of (4 * E) floats */
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
                             guint                  context,
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

/* What one layer's heads ask. Row (t, head) scores key j with scale * (q . key j + latent . value j). */
typedef struct
{
  const float *q;        /* (n, H, q_stride), of which the first key_dim of the cache count */
  gsize        q_stride;
  const float *latent;   /* (n, H, value_dim of the cache), or NULL */
  float        scale;
  guint        window;   /* keys that a query sees, itself included; 0 = all */
  const float *sinks;    /* (H) a learned score for each head that no value belongs to, or NULL */
} MoeQueries;

/* attended = softmax (scores) times the values in the cache, for every head; tells the probes. */
void     moe_attention_attend (MoeForward          *self,
                               MoeCache            *cache,
                               const MoeProbeBatch *batch,
                               guint                layer,
                               const MoeQueries    *queries);
/* delta = attention block of normed; appends to the cache. */
void     moe_attention_run  (MoeForward            *self,
                             MoeCache              *cache,
                             const MoeProbeBatch   *batch,
                             guint                  layer);
/* The heads' outputs (n, H, V) of latent attention, of self->input; appends to the cache. See moe-mla.c. */
const float *moe_mla_run    (MoeForward            *self,
                             MoeCache              *cache,
                             const MoeProbeBatch   *batch,
                             guint                  layer);
/* delta = short convolution of normed; appends to the cache. */
void     moe_short_conv_run (MoeForward            *self,
                             MoeCache              *cache,
                             const MoeProbeBatch   *batch,
                             guint                  layer);
/* delta = gated DeltaNet of normed; appends to the cache. See moe-delta-net.c. */
void     moe_delta_net_run  (MoeForward            *self,
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
