/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-evaluate.h"
#include "analysis/moe-evaluation-log.h"

G_BEGIN_DECLS

/* Names under which what is no prompt set is logged. */
#define MOE_EVALUATION_TEXT  "*text"
#define MOE_EVALUATION_TASKS "*tasks"

typedef struct
{
  MoeModel                   *model;
  const MoeEvaluationOptions *options;
  GPtrArray                  *conditions;     /* of MoeCondition */
  MoeEvaluationLog           *log;
  MoeSession                 *session;        /* runs the condition */
  MoeSession                 *plain;          /* never has a mask or a control vector */
  MoeControlVector           *control;        /* of all conditions but the first, or NULL */
  GArray                     *refusal_tokens; /* of gint32 */
  GArray                     *text_tokens;    /* of gint32 */
  guint                       window;         /* tokens of text read at a time */
  GCancellable               *cancellable;
} MoeEvaluator;

/* Each does one thing under the mask that @self->session has and returns what is logged of it (transfer
 * full):
 *
 * an answer: "prompt", "answer", "tokens", "refused", "p_refusal", "kl" and "nll" (sums over the tokens;
 * nll under
 * the plain model), "repetition", "loop"; */
JsonObject *moe_evaluate_prompt (MoeEvaluator    *self,
                                 const MoePrompt *prompt,
                                 gboolean         is_plain,
                                 GError         **error);
/* a window of the text: "nll" (sum), "n"; */
JsonObject *moe_evaluate_window (MoeEvaluator    *self,
                                 guint            index,
                                 GError         **error);
guint       moe_evaluate_count_windows (const MoeEvaluator *self);
/* a task: "prompt", "answer", "right" of multiple choice, or "is" and "contains". */
JsonObject *moe_evaluate_task   (MoeEvaluator    *self,
                                 const MoeTask   *task,
                                 GError         **error);

/* The log as a table; everything has been done. */
MoeTable   *moe_evaluate_make_table (MoeEvaluator *self);

G_END_DECLS
