/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "analysis/moe-prompt-runner.h"
#include "analysis/moe-refusal.h"
#include "analysis/moe-span.h"
#include "data/moe-recording.h"

G_BEGIN_DECLS

/* What two sets of prompts did to the experts, prompt by prompt: all that the scores of moe-contrast.h are
 * made from. Getting it takes a run of the model; scoring it again in another way takes none. */
typedef enum
{
  MOE_CONTRAST_A,
  MOE_CONTRAST_B,
} MoeContrastSide;

/* Below M = n_moe_layers, E = n_experts. Counts are over the tokens of the span. */
typedef struct
{
  char            *key;      /* SHA-256 of all that the prompt says: names it, whatever its place in the
                                file */
  MoeContrastSide  side;
  char            *label;    /* or NULL */
  char            *pair;     /* prompts of both sides with equal pair are matched; or NULL */
  guint            n_tokens;
  guint            n_marked; /* tokens equal to the marker token */
  guint32         *hits;     /* (M, E) tokens that chose the expert */
  double          *weights;  /* (M, E) sums of their gate weights */
  guint32         *marked_hits; /* (M, E) of these, marker tokens; NULL without a marker */
  double          *projections; /* (M, E) sums of o . r, see moe_contrast_counts_project(); or NULL */
  char            *mark;     /* moe_prompt_get_mark(), or NULL */
} MoeContrastPrompt;

typedef struct
{
  MoeModelInfo *info;
  MoeSpan       span;
  gint32        marker;    /* token id, -1 = none */
  GPtrArray    *prompts;   /* of MoeContrastPrompt */
  guint         n_skipped; /* prompts of which no token is in the span */
  gboolean      projected; /* projections are there, for the prompts that did not make r */
  gboolean      has_span_b; /* B's span is another one: */
  MoeSpan       span_b;
  char         *prompts_as; /* moe_prompt_tokens_describe(), or NULL when a recording was read */
} MoeContrastCounts;

/* @marker: a token id, or -1. */
MoeContrastCounts *moe_contrast_counts_new  (const MoeModelInfo *info,
                                             const MoeSpan      *span,
                                             gint32              marker);
void               moe_contrast_counts_free (MoeContrastCounts  *self);

/* Adds one prompt with its records (all of it, in order); [@target_first, @target_end) are the tokens of its
 * target. Strings are copied. */
void               moe_contrast_counts_add  (MoeContrastCounts  *self,
                                             const MoePrompt    *prompt,
                                             MoeContrastSide     side,
                                             GPtrArray          *records,
                                             gsize               target_first,
                                             gsize               target_end);

/* Runs both sets. @options: as for moe_prompt_runner_run(). Errors: its; MOE_ERROR_INVALID when the span
 * holds no token in all prompts of a set. Transfer full. */
MoeContrastCounts *moe_contrast_counts_run  (MoeSession                *session,
                                             MoePromptSet              *a,
                                             MoePromptSet              *b,
                                             const MoeSpan             *span,
                                             gint32                     marker,
                                             const MoePromptRunOptions *options,
                                             const MoeProgress         *progress,
                                             GError                   **error);

/* Runs one set and makes the sides of how the answers turned out: A refused, by @refusals, B did not; @a and
 * @b (transfer full) are the set's prompts of each. This compares prompts of one topic. @options generates
 * enough tokens to tell. Errors: those of moe_contrast_counts_run(); MOE_ERROR_INVALID when all or none
 * refused. Transfer full. */
MoeContrastCounts *moe_contrast_counts_run_by_answer (MoeSession                *session,
                                                      MoePromptSet              *set,
                                                      const MoeRefusalList      *refusals,
                                                      const MoeSpan             *span,
                                                      gint32                     marker,
                                                      const MoePromptRunOptions *options,
                                                      MoePromptSet             **a,
                                                      MoePromptSet             **b,
                                                      const MoeProgress         *progress,
                                                      GError                   **error);

/* The same of a recording whose prompts are those of the sets, matched by their text; others are left out. A
 * target span is not recorded (MOE_ERROR_INVALID). Transfer full. */
MoeContrastCounts *moe_contrast_counts_from_recording (MoeRecording      *recording,
                                                       MoePromptSet      *a,
                                                       MoePromptSet      *b,
                                                       const MoeSpan     *span,
                                                       gint32             marker,
                                                       const MoeProgress *progress,
                                                       GError           **error);

/* Two spans of every prompt of a recording, A and B, which are a pair: what the same conversations chose in
 * the one and in the other. Errors: MOE_ERROR_INVALID when a span holds no token, or is a target span.
 * Transfer full. */
MoeContrastCounts *moe_contrast_counts_from_spans     (MoeRecording       *recording,
                                                       const MoeSpan      *span_a,
                                                       const MoeSpan      *span_b,
                                                       const MoeProgress  *progress,
                                                       GError            **error);
/* All prompts of a recording: A refused, by @refusals and the recorded answer, B did not. Errors:
 * MOE_ERROR_INVALID when all or none refused, and for a target span. Transfer full. */
MoeContrastCounts *moe_contrast_counts_from_answers   (MoeRecording          *recording,
                                                       const MoeRefusalList  *refusals,
                                                       const MoeSpan         *span,
                                                       const MoeProgress     *progress,
                                                       GError               **error);

/* The same of the prompts that are in @set, matched by their text; others are left out. */
MoeContrastCounts *moe_contrast_counts_from_answers_to (MoeRecording         *recording,
                                                        MoePromptSet         *set,
                                                        const MoeRefusalList *refusals,
                                                        const MoeSpan        *span,
                                                        const MoeProgress    *progress,
                                                        GError              **error);

/* Two more runs for MOE_SCORE_PROJECTION. Half of the prompts of each side (by the hash of their text) make
 * r, for each layer the difference between A and B of the mean residual stream after the layer over the span,
 * scaled to length 1; on the other half, the sums of o . r over the span are taken, o being the down_proj
 * output before the gate weight. Sums and r come from different prompts, so that a permutation of these
 * prompts' labels is a valid null. Same arguments as the run that made @self. */
gboolean           moe_contrast_counts_project (MoeContrastCounts         *self,
                                                MoeSession                *session,
                                                MoePromptSet              *a,
                                                MoePromptSet              *b,
                                                const MoePromptRunOptions *options,
                                                const MoeProgress         *progress,
                                                GError                   **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrastCounts, moe_contrast_counts_free)

G_END_DECLS
