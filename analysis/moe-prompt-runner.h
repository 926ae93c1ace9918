/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "analysis/moe-prompt-tokens.h"
#include "probes/moe-generator.h"
#include "probes/moe-recorder.h"

G_BEGIN_DECLS

/* Running the prompts of a set through a model, one after the other, each from an empty context: the prompt
 * with its teacher-forced answer, then, when asked for, a generated answer. On any one thread; the session's
 * mask acts as it is. */
typedef struct
{
  gboolean    raw;        /* without the chat template */
  const char *system;     /* message before each prompt, or NULL */
  guint       n_generate; /* tokens of answer at most; 0 = none */
  guint64     seed;       /* of the sampler, started anew for each prompt */
  float       temperature; /* 0 = greedy */
  gboolean    all_logits; /* logits of every token; else those after the last token of the prompt (with its
                             answer) and of each generated token */
} MoePromptRunOptions;

/* One prompt, for the callbacks; valid during the call. */
typedef struct
{
  guint                  index;   /* in the set */
  const MoePrompt       *prompt;
  const MoePromptTokens *tokens;
  /* In `end` only: */
  const char            *answer;  /* what was generated, without control tokens; "" for nothing */
  guint                  n_generated; /* tokens, with the one that ends the turn */
  MoeStopReason          reason;  /* MOE_STOP_LENGTH when nothing was to be generated */
} MoePromptRun;

/* All may be NULL. */
typedef struct
{
  /* Before its first token. FALSE with @error set ends the run. */
  gboolean (*begin)  (const MoePromptRun *run, gpointer user_data, GError **error);
  /* Each token, as MoeRecorderFunc. */
  void     (*record) (const MoePromptRun *run, MoeTokenRecord *record, const float *logits,
                      gpointer user_data);
  /* After its last token. FALSE with @error set ends the run. */
  gboolean (*end)    (const MoePromptRun *run, gpointer user_data, GError **error);
} MoePromptRunFuncs;

/* Runs the prompts from number @first on. @writer: gets every record, with prompts begun and ended and the
 * session's mask, and is flushed after each prompt; NULL for none. @funcs: or NULL. The session is rewound
 * and ends with the last prompt in it.
 *
 * Errors: G_IO_ERROR_CANCELLED; "FILE:LINE: what is wrong" for a prompt that cannot be run (too long for the
 * context, say); those of the callbacks and of moe_recording_writer_flush(). What was done until then is with
 * the writer and the callbacks. */
gboolean moe_prompt_runner_run (MoeSession                 *session,
                                MoePromptSet               *set,
                                guint                       first,
                                const MoePromptRunOptions  *options,
                                MoeRecordingWriter         *writer,
                                const MoePromptRunFuncs    *funcs,
                                gpointer                    user_data,
                                const MoeProgress          *progress,
                                GError                    **error);

G_END_DECLS
