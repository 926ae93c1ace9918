/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-condition.h"
#include "analysis/moe-progress.h"
#include "analysis/moe-refusal.h"
#include "data/moe-prompt-set.h"
#include "data/moe-table.h"
#include "data/moe-task-set.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* What a mask does, beside its controls: every condition answers every prompt, reads the text and does the
 * tasks, and each figure comes with an interval. */
typedef struct
{
  MoePromptSet *set;
  const char   *name;
  gboolean      harmless; /* refusals are over-refusals */
} MoeEvaluationSet;

typedef struct
{
  const MoeEvaluationSet *sets;        /* (n_sets) */
  guint                   n_sets;
  const char             *text;        /* for the perplexity, or NULL */
  gsize                   text_length;
  const char             *text_name;
  MoeTaskSet             *tasks;       /* or NULL */
  const MoeRefusalList   *refusals;
  guint                   max_tokens;  /* of an answer; 64 */
  float                   temperature; /* 0 = greedy */
  guint64                 seed;        /* of the sampler, started anew for each answer; and of the intervals
                                          */
  gboolean                raw;
  const char             *system;
  guint                   window;      /* tokens of text read at a time; 512, at most the context */
  guint                   n_bootstrap; /* 1000 */
  double                  confidence;  /* 0.95 */
} MoeEvaluationOptions;

/* The defaults; sets, text and refusals are for the caller to fill in. */
void      moe_evaluation_options_init (MoeEvaluationOptions        *options);

/* How often the experts are chosen in a plain run over the prompts of all sets, template included: (M, E)
 * hits,
 * for moe_mask_draw_random(). Transfer full. */
guint64  *moe_evaluate_count_loads    (MoeModel                    *model,
                                       const MoeSessionOptions     *session,
                                       const MoeEvaluationOptions  *options,
                                       const MoeProgress           *progress,
                                       GError                     **error);

/* Runs @conditions (of MoeCondition, the first one plain; in the others the control vector of @session acts
 * too) and returns
 * condition,set,metric,value,low,high,n, a
 * row a figure:
 *
 *   refusal, over_refusal  share of answers that match an opener (Wilson interval); n answers
 *   refusal_score          mean of log ((P_R + 1e-8) / (1 - P_R + 1e-8)) at the first token of the answer,
 *                        after
 *                          any thinking block; nothing needs to be generated for it
 *   refusal_probability    mean of P_R
 *   kl                     KL (steered || plain) per token of the steered answers, nats; n tokens
 *   answer_perplexity      of the steered answers under the plain model; n tokens
 *   repetition             mean share of 4-grams of an answer's tokens that were there before
 *   longest_loop           mean of the tokens in the longest stretch that repeats itself at least once
 *   answer_tokens          mean length of an answer
 *   diverged               share of answers that differ from the plain ones (Wilson)
 *   first_divergence       mean number of the token at which those that differ do so first, from 0
 *   perplexity             of the text, read in windows that know nothing of each other; n tokens
 *   accuracy               multiple choice, by log-likelihood per byte of the choice (Wilson)
 *   exact_match, contains  of the tasks with one right answer: the answer is it, letter case, spaces around
 *                        it
 *                          and a full stop aside; or has it as whole words in it (Wilson)
 *
 * Intervals are Wilson's where named, else percentile bootstrap over prompts (windows for perplexity). Where
 * random controls of a mask exist there is also a condition "random" (or "NAME/random") whose value is
 * their mean,
 * low and high their smallest and largest, n their number.
 *
 * @path, when not NULL, is a file of JSON lines that gets every answer as soon as it is there, with its
 * prompt and
 * figures. When it exists already it must come from the same model, settings and conditions, and what it
 * holds
 * is not run again. It can be read to judge the answers.
 *
 * Errors: MOE_ERROR_MISMATCH (@path is of another evaluation), _LIMIT, what running a model can give;
 * G_IO_ERROR_CANCELLED, upon which @path can be gone on with. Transfer full. */
MoeTable *moe_evaluate                (MoeModel                    *model,
                                       const MoeSessionOptions     *session,
                                       GPtrArray                   *conditions,
                                       const MoeEvaluationOptions  *options,
                                       const char                  *path,
                                       const MoeProgress           *progress,
                                       GError                     **error);

G_END_DECLS
