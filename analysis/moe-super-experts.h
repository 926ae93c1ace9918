/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-massive-activations.h"

G_BEGIN_DECLS

/* Super experts (Su et al., arXiv 2507.23279, section 3). With o the down_proj output before the gate weight,
 *
 *   a(l,e) = max over tokens and channels of |o|
 *   super  iff  a > P99.5 of all a  and  a > a_max / 10  and  l is a layer that forms massive activations
 *
 * both strictly. P99.5 and a_max are over the layers kept by the rule for forming layers, as in the authors'
 * code; P99.5 is interpolated linearly between order statistics at (N - 1) * 0.995. N counts every routed
 * expert of the kept layers, one that was never routed with a = 0, and the shared expert (-1); dense layers
 * count for nothing.
 *
 * The thresholds name something in every model. So nothing is called super unless there is a massive
 * activation (moe-massive-activations.h) after a kept layer; the verdict says so. */

typedef enum
{
  MOE_FORMING_PAPER,  /* layers below round (0.75 * n_layers), half to even, as in the authors' code */
  MOE_FORMING_GROWTH, /* layers after which there is a massive activation, and where the largest |h| is more
                         than 3 times that after the layer before (layer 0: no condition on growth) */
  MOE_FORMING_ALL,
  MOE_FORMING_LIST,   /* picked by hand */
} MoeFormingRule;

typedef struct
{
  MoeFormingRule  rule;
  GArray         *list;      /* of guint, with MOE_FORMING_LIST */
  gboolean        first_row; /* only the first token of each prompt that an expert gets, as the authors' hook
                                does for a batch; else all, as the paper says */
  guint           phases;
  double          ratio;     /* MOE_MASSIVE_RATIO, or another factor over the median */
} MoeSuperOptions;

void      moe_super_options_init         (MoeSuperOptions  *self);
void      moe_super_options_clear        (MoeSuperOptions  *self);
/* "paper", "growth", "all", or layers as in "0-5,7". Errors: MOE_ERROR_INVALID. */
gboolean  moe_super_options_parse_layers (MoeSuperOptions  *self,
                                          const char       *text,
                                          GError          **error);

typedef struct
{
  guint     layer;  /* model layer */
  int       expert;
  gboolean  seen;   /* routed at least once; else a = 0 and what follows is void */
  float     max;    /* a */
  guint     channel;
  gint64    token_id; /* of the peak token, the first of equal ones, in the recording */
  guint     prompt;
  gint64    position;
  char     *token;
  int       input_channel; /* -1 when not known */
  float     weight;        /* NaN when not known */
  gboolean  above_percentile, above_tenth, in_layers, is_super;
} MoeSuperExpert;

typedef struct _MoeSuperExperts MoeSuperExperts;

/* Errors: those of moe_recording_foreach(); MOE_ERROR_INVALID for a listed layer that does not exist, and
 * for outputs that are no numbers. */
MoeSuperExperts      *moe_super_experts_new         (MoeRecording           *recording,
                                                     const MoeSuperOptions  *options,
                                                     GError                **error);
void                  moe_super_experts_free        (MoeSuperExperts        *self);
const MoeModelInfo   *moe_super_experts_get_info    (const MoeSuperExperts  *self);
/* All experts of all MoE layers by falling a, then layer and number. */
guint                 moe_super_experts_get_n       (const MoeSuperExperts  *self);
MoeSuperExpert       *moe_super_experts_get         (MoeSuperExperts        *self,
                                                     guint                   rank);
/* P99.5 and a_max over the kept layers; NaN when there are none. */
double                moe_super_experts_get_percentile (const MoeSuperExperts *self);
double                moe_super_experts_get_largest (const MoeSuperExperts  *self);
/* One sentence. */
const char           *moe_super_experts_get_verdict (const MoeSuperExperts  *self);
/* layer,expert,max_down_proj,channel,position,token,input_channel,super_weight,above_percentile,above_tenth,
 * in_layers,is_super in the order of the ranks, with provenance. Missing: what is known of no token, and the
 * two thresholds when no layer is kept. Transfer full. */
MoeTable             *moe_super_experts_to_table    (MoeSuperExperts        *self,
                                                     MoeRecording           *recording,
                                                     GError                **error);
/* Where a table of @self comes from, as in the one above. */
gboolean              moe_super_experts_add_provenance (const MoeSuperExperts *self,
                                                        MoeTable              *table,
                                                        MoeRecording          *recording,
                                                        GError               **error);

/* The layers that the paper's rule keeps: round (0.75 * n), half to even (94 gives 70). */
guint                 moe_super_count_paper_layers  (guint                   n_layers);
/* P99.5 of @values (n), interpolated linearly; sorts them. NaN for none. */
double                moe_super_percentile          (double                 *values,
                                                     gsize                   n);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeSuperOptions, moe_super_options_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSuperExperts, moe_super_experts_free)

G_END_DECLS
