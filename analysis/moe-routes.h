/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-recording.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* Statistics of which experts are chosen together, one layer after the other, and over time, and what that
 * would mean for caches and for experts on several devices. Each is a function from the routing of a
 * recording to a table; only routed experts count. */
typedef enum
{
  MOE_ROUTES_SIMILARITY,   /* of router rows; see moe-router-similarity.h: of a model, not of a recording */
  MOE_ROUTES_COACTIVATION,
  MOE_ROUTES_AFFINITY,
  MOE_ROUTES_RECALL,
  MOE_ROUTES_SRP,
  MOE_ROUTES_SRP_EXPERTS,
  MOE_ROUTES_CACHE,
  MOE_ROUTES_BALANCE,
  MOE_ROUTES_PARALLEL,
  MOE_ROUTES_TILES,
  MOE_ROUTES_DROPS,
  MOE_N_ROUTES_METRICS
} MoeRoutesMetric;

/* "coactivation", "srp-experts" ... */
const char *moe_routes_metric_get_name    (MoeRoutesMetric  metric);
/* "Co-activation", for menus */
const char *moe_routes_metric_get_title   (MoeRoutesMetric  metric);
gboolean    moe_routes_metric_parse       (const char      *name,
                                           MoeRoutesMetric *metric);
/* Whether it is of one MoE layer (the first when none is said), or can be. */
gboolean    moe_routes_metric_needs_layer (MoeRoutesMetric  metric);
gboolean    moe_routes_metric_takes_layer (MoeRoutesMetric  metric);
gboolean    moe_routes_metric_takes_window (MoeRoutesMetric metric);
/* Whether it goes on to the next MoE layer, which the last one does not have. */
gboolean    moe_routes_metric_goes_on     (MoeRoutesMetric  metric);

#define MOE_ROUTES_WINDOW     16
#define MOE_ROUTES_MAX_WINDOW 4096

typedef struct
{
  MoeRoutesMetric metric;
  guint           phases; /* MOE_PHASE_BIT() set */
  int             layer;  /* model layer, -1 = not said */
  guint           window; /* tokens: of srp-experts, and how far ahead the cache policy "sch" looks */
  gboolean        top1;   /* affinity: only the strongest expert of each token */
} MoeRoutesOptions;

/* similarity, all phases, no layer. */
void        moe_routes_options_init       (MoeRoutesOptions *self);

/* Columns by metric. Tokens are those of the phases, in order. A token's strongest expert is that of its
 * first slot that is not empty: masks can leave slots empty.
 *
 * coactivation: layer,expert,other,tokens,share,lift for each ordered pair of different experts of a layer.
 *   tokens = N_ij that chose both, share = N_ij / N_i, lift = N_ij N / (N_i N_j) (OLMoE, arXiv 2409.02060,
 *   section 5.2). Missing where an expert was never chosen.
 * affinity: layer,expert,next_layer,next_expert,tokens,share,lift: of the tokens that chose expert, the share
 *   that choose next_expert in the next MoE layer, and that over next_expert's own share (ExFlow, arXiv
 *   2401.08383). Over all pairs of the k chosen, or over the strongest only.
 * recall: layer,next_layer,candidates,recall,recall_by_load: the share of the experts chosen in the next MoE
 *   layer that are among the first C when experts are ranked by the sum of affinities to those chosen in this
 *   one, or by their load. The counts leave out the token that is predicted.
 * srp: layer,window,n_windows,srp: segment routing best performance (arXiv 2505.16056, section 2.2): for
 *   windows of m tokens, f = hits of an expert in a window, the maximum over one alpha for all experts of
 *   2 sum_(f >= alpha) f / sum (m [f >= alpha] + f): the F1 of keeping an expert for whole windows. Windows
 *   slide: one begins at every token, as there, so that the result does not hang on where the first one
 *   begins. They hold consecutive tokens: none goes over the end of a prompt or over tokens of other phases.
 *   m = 4, 16, 64, 256.
 * srp-experts: layer,expert,window,hits,srp: the same with an alpha for each expert; hits = tokens that chose
 *   it, in a window or not.
 * cache: layer,policy,experts,rho,hit_rate,hits,accesses,cold,fetched_per_token: of a cache of so many
 *   experts a layer (rho times k), from k on, since one token's experts must be there at once. A token asks
 *   for all of its experts; those that are missing are brought in, in place of some that it does not ask
 *   for. Policies: lru, lfu (fewest uses so far), belady (latest next use), sch (fewest uses in the next
 *   window of tokens; arXiv 2505.16056, section 2.3); ties go to the least recently used, and of one token to
 *   its strongest. A cache is filled once for the whole recording: it starts empty and goes on from prompt to
 *   prompt, as that of a program does, and so does looking ahead. It sees the tokens of all phases, but only
 *   what those of the chosen phases ask for is counted. The first use of an expert in the recording (cold) is
 *   a miss in every cache. fetched_per_token is a layer's mean. Without a layer all are added up and the
 *   first column is missing.
 * balance: layer,tokens,hits,cv_squared,max_violation,gini,entropy,effective_experts,k80,k90,unused,
 *   router_entropy,margin. Of the hits c_e: var(c) / mean(c)^2, max(c) / mean(c) - 1, Gini coefficient,
 *   entropy over ln E, exp(entropy), the fewest experts with 80 % and 90 % of the hits, experts without any.
 *   Then means over the tokens for which they were recorded: the entropy of the router's whole distribution
 *   over ln E, and the largest gate weight minus the second (of tokens with two experts or more).
 * parallel: layer,devices,imbalance,devices_per_token,moved: with equal blocks of experts on G devices
 *   (2, 4, 8, 16, as far as there are as many experts): busiest over mean device in hits, on how many
 *   devices a token's experts are, and the share of tokens whose strongest expert in the next MoE layer is
 *   on another device (missing for the last).
 * tiles: tile,batch,padding: when a batch of tokens is grouped by expert and each group is filled up to
 *   a multiple of the tile, the share of rows that are filling, over all layers (what SonicMoE avoids).
 *   Batches are cut from the tokens in order, whatever their prompts.
 * drops: layer,top_p,experts_per_token,saved: how many experts hold top_p of a token's gate weights (each
 *   token's sum to 1 here), and the share of the k that this leaves out.
 *
 * Provenance as in moe_heatmap_report_new(), and the options. Errors: those of reading; MOE_ERROR_INVALID for
 * a layer without experts or without a next one, and for similarity; MOE_ERROR_FORMAT for a token that has an
 * expert twice in a layer; MOE_ERROR_LIMIT when the routing is larger than 1 GiB; G_IO_ERROR_CANCELLED.
 * Transfer full. */
MoeTable   *moe_routes_report             (MoeRecording            *recording,
                                           const MoeRoutesOptions  *options,
                                           const MoeProgress       *progress,
                                           GError                 **error);

G_END_DECLS
