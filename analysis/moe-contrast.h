/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast-counts.h"
#include "analysis/moe-progress.h"
#include "data/moe-mask.h"
#include "data/moe-table.h"

G_BEGIN_DECLS

/* Which experts tell prompt set A from prompt set B. A positive score means: more in A.
 *
 * For expert e of layer l let a_p be the tokens of prompt p's span that choose it, n_p the tokens of the
 * span, r_p = a_p / n_p. Sums over A or B go over their prompts. */
typedef enum
{
  MOE_SCORE_RD,          /* risk difference, pooled over tokens: sum_A a / sum_A n - sum_B a / sum_B n
                            (SteerMoE, arXiv 2509.09660) */
  MOE_SCORE_PROMPT_RD,   /* mean_A r - mean_B r: prompts, not tokens, are the samples */
  MOE_SCORE_PAIRED_RD,   /* mean over pairs of (mean r of its A prompts - mean r of its B prompts): topic
                            cancels */
  MOE_SCORE_FTRI,        /* mean of the hit maps a_p over A minus the mean over the other classes of theirs;
                            classes are the labels within B (MoTE, arXiv 2502.11096) */
  MOE_SCORE_STABILITY,   /* the stability (below) of the per-prompt risk difference; 1 = in SAFEx' stable set
                            (SAFEx, arXiv 2506.17368) */
  MOE_SCORE_UTILITY,     /* mean_A r of the 3 k experts of each layer that have the largest, else missing
                            (GateBreaker, arXiv 2512.21008) */
  MOE_SCORE_NPMI,        /* log2 (p(y|x) / p(y)) / -log2 p(x,y) over tokens, y = the expert is chosen, x = the
                            marker token, or without one: the token is of A; missing when it rests on less
                            than 5 tokens (RICE, arXiv 2505.14681) */
  MOE_SCORE_PROJECTION,  /* |(mean_A o - mean_B o) . r| min (hits_A / hits_B, 3), see
                            moe_contrast_counts_project() */
  MOE_SCORE_WEIGHT,      /* gate weight per token (0 where it is not chosen), pooled: A minus B */
  MOE_N_SCORES
} MoeScore;

const char *moe_score_get_name  (MoeScore    score); /* "rd", "prompt-rd", "paired-rd", "ftri", "stability",
                                                        "utility", "npmi", "projection", "weight" */
const char *moe_score_get_title (MoeScore    score);
gboolean    moe_score_parse     (const char *name,
                                 MoeScore   *score);

/* The order of the ranking, and of what counts as the top. */
typedef enum
{
  MOE_CONTRAST_ORDER_A,    /* largest score first: experts of A */
  MOE_CONTRAST_ORDER_B,    /* smallest first */
  MOE_CONTRAST_ORDER_BOTH, /* largest |score| first */
} MoeContrastOrder;

/* "a", "b" or "both" */
gboolean    moe_contrast_order_parse (const char       *name,
                                      MoeContrastOrder *order);

typedef struct
{
  MoeScore          score;
  MoeContrastOrder  order;
  guint             n_permutations; /* 0 = no p and q */
  guint             n_bootstrap;    /* 0 = no interval */
  double            confidence;     /* 0.95 */
  guint             n_resamples;    /* for the stability; 0 = none */
  guint             n_top;          /* N of the stability */
  guint64           seed;
} MoeContrastOptions;

/* prompt-rd, A, 1000 permutations, 1000 bootstrap samples, 95 %, 100 resamples, top 20, seed 0. */
void moe_contrast_options_init (MoeContrastOptions *options);

/* One expert. What is missing is NaN. */
typedef struct
{
  guint  layer;     /* model layer */
  guint  expert;
  double score;
  double rate_a, rate_b; /* pooled over tokens */
  double low, high; /* percentile bootstrap interval of the score, prompts drawn within A and within B (pairs
                       for paired-rd) */
  double p;         /* (1 + permutations with |score| at least this large) / (1 + permutations); the null
                       shuffles the labels of prompts, for paired-rd it flips the sign of pairs. Missing for
                       utility, and for npmi of a marker token, which do not compare A with B; for stability
                       it is that of prompt-rd */
  double q;         /* Benjamini-Hochberg over all cells that have a p */
  double stability; /* share of the resamples (80 % of the prompts of each set, or of the pairs) in which it
                       is among the top n_top */
  double rd, paired_rd; /* for the topic guard; paired_rd is missing without pairs */
  gboolean topic;   /* guard: there is a pooled difference (p of the score < 0.05) but the paired one has the
                       other sign or less than half its size */
} MoeContrastCell;

/* A contrast that has been computed. */
typedef struct _MoeContrast MoeContrast;

/* Pure: the same counts, in whatever order their prompts are, and options give the same numbers, bit for bit.
 * Errors: MOE_ERROR_INVALID (a set without prompts, paired-rd without pairs, projection without projections);
 * G_IO_ERROR_CANCELLED. Transfer full. */
MoeContrast           *moe_contrast_new         (const MoeContrastCounts   *counts,
                                                 const MoeContrastOptions  *options,
                                                 const MoeProgress         *progress,
                                                 GError                   **error);
void                   moe_contrast_free        (MoeContrast               *self);
guint                  moe_contrast_get_n       (const MoeContrast         *self); /* M x E */
const MoeModelInfo       *moe_contrast_get_info    (const MoeContrast      *self);
const MoeContrastOptions *moe_contrast_get_options (const MoeContrast      *self);
/* By rank; cells without a score come last. */
const MoeContrastCell *moe_contrast_get         (const MoeContrast         *self,
                                                 guint                      rank);
guint                  moe_contrast_get_n_pairs (const MoeContrast         *self);
/* How many of the @n first ranks the topic guard names. */
guint                  moe_contrast_count_topic (const MoeContrast         *self,
                                                 guint                      n);
/* The smallest q of all experts; 1 without permutations. */
double                 moe_contrast_get_least_q (const MoeContrast        *self);
/* TRUE when so few permutations allow no smaller p than the best that was found, and yet no expert
 * has a q of at most @q. FALSE without permutations. */
gboolean               moe_contrast_is_too_coarse (const MoeContrast      *self,
                                                double                     q);
/* (M, E) scores, NaN where missing, for a map. Transfer full. */
double                *moe_contrast_get_map     (const MoeContrast         *self);

/* rank,layer,expert,score,rate_a,rate_b,low,high,p,q,stability,rd,paired_rd,topic: the first @top ranks (0 =
 * all). rank starts at 1. Provenance: model, score, span, sets' sizes, permutations, seed, version; who
 * made the counts adds where the prompts come from. Transfer full. */
MoeTable              *moe_contrast_to_table    (const MoeContrast         *self,
                                                 guint                      top);

/* Disables the first @n ranks that have a score of the right sign (positive for A and both, negative for B)
 * in @mode; fewer when there are fewer. Transfer full. */
MoeMask               *moe_contrast_make_mask   (const MoeContrast         *self,
                                                 guint                      n,
                                                 MoeMode                    mode,
                                                 MoeScope                   scope);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrast, moe_contrast_free)

G_END_DECLS
