/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-model-info.h"
#include "data/moe-token-record.h"

G_BEGIN_DECLS

typedef struct
{
  double   epsilon; /* MOE_SINK_EPSILON */
  guint    length;  /* T, MOE_SINK_LENGTH; at least 2 */
  gboolean by_head; /* a row a head, else a row a layer */
} MoeSinkOptions;

#define MOE_SINK_EPSILON 0.3
#define MOE_SINK_LENGTH  64

/* Sums of the attention to the first token. With A(t,k) the attention of query t to key k after softmax,
 *
 *   share       mean of A(t,0) over all queries t >= 1 of all prompts
 *   rate        Gu et al., arXiv 2410.10781, section 3, for k = 0: alpha(l,h) = mean over t = 0 ... T-1 of
 *               A(t,0), where A(0,0) = 1, in one prompt; the share of (prompt, head) with alpha > epsilon
 *   last query  mean over prompts of A(t,0) with t >= 1 their last token (StreamingLLM, arXiv 2309.17453)
 *
 * The rate falls with T, so only prompts of at least T tokens count, with their first T. */
typedef struct
{
  guint    n_layers, n_heads;
  double   epsilon;
  guint    length;
  gint64   prompt;      /* being read, -1 before the first */
  guint    n_sampled;   /* of its tokens 0, 1, ... seen in order, at most length */
  gboolean has_current; /* it has a query t >= 1 */
  gboolean *missing;    /* (L) layers without attention, whose records hold no numbers */
  guint    n_present;   /* the other layers */
  double  *alpha;       /* (L, H) sums over the sampled tokens */
  double  *current;     /* (L, H) of its last query */
  double  *last;        /* (L, H) sums of the last queries of the prompts before */
  double  *share;       /* (L, H) sums over all queries t >= 1 */
  double  *learned;     /* (L, H) sums over all queries of the attention to the learned sink; NULL = none */
  gint64   n_learned;   /* queries in it */
  gint64  *hits;        /* (L, H) prompts with alpha > epsilon */
  gint64   n_queries;
  gint64   n_samples;   /* prompts of at least length tokens */
  gint64   n_prompts;
  gint64   n_last;      /* in last */
} MoeSinkStats;

MoeSinkStats *moe_sink_stats_new       (const MoeModelInfo    *info,
                                        const MoeSinkOptions  *options);
void          moe_sink_stats_free      (MoeSinkStats          *self);
/* Tokens come in the order of the recording; the first says which layers have attention. Errors:
 * MOE_ERROR_INVALID for attention that is no number in one of these, or is one in another. */
gboolean      moe_sink_stats_add       (MoeSinkStats          *self,
                                        const MoeTokenRecord  *record,
                                        GError               **error);
/* Of one head, or the mean over the heads of @layer when @head is -1, or over all layers that
 * have attention when @layer is -1 too. NaN when there is no query t >= 1, or no attention in @layer. */
double        moe_sink_stats_get_share (const MoeSinkStats    *self,
                                        int                    layer,
                                        int                    head);
double        moe_sink_stats_get_last  (const MoeSinkStats    *self,
                                        int                    layer,
                                        int                    head);
/* Mean over all queries of the attention to the head's learned sink (gpt-oss), by which the others sum to
 * less than 1; NaN for models without. */
double        moe_sink_stats_get_learned (const MoeSinkStats  *self,
                                          int                  layer,
                                          int                  head);
/* Standard deviation over the heads of @layer (divided by their number) of the last query's attention. */
double        moe_sink_stats_get_last_deviation (const MoeSinkStats *self,
                                                 guint               layer);

/* How much of the sink is gone (arXiv 2507.23279, Eq. 7, with S the first token): D = 1 - mean over heads of
 * (share of the head in @after / its share in @before); of a layer, or the mean over layers when @layer is
 * -1. 0: as before; 1: no sink left; below 0: more attention than before. A head whose share was 0 says
 * nothing and is left out; NaN when all are. The paper leaves open how samples are averaged: here before the
 * ratio. Both are of the same model. */
double        moe_sink_stats_get_decay (const MoeSinkStats    *before,
                                        const MoeSinkStats    *after,
                                        int                    layer,
                                        int                    head);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSinkStats, moe_sink_stats_free)

G_END_DECLS
