/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"
#include "data/moe-model-info.h"
#include "data/moe-token-record.h"

G_BEGIN_DECLS

/* Writes a recording (*.moescope, an SQLite file; schema in DESIGN.md, "Recordings") from a thread of its
 * own. The functions below may be called from one other thread; they queue and return at once, and block only
 * when the queue is full (the disk is slower than the model), so that nothing is dropped. Rows are committed
 * at least every 64 tokens or 250 ms: a process killed at any moment leaves a recording that opens and
 * holds all but the last quarter second. */
typedef struct _MoeRecordingWriter MoeRecordingWriter;

typedef struct
{
  guint       context;   /* tokens */
  const char *cache;     /* "f16" or "f32" */
  const char *kernels;   /* "auto" or "plain" */
  guint64     seed;
  const char *settings;  /* the rest of what made the run, as one JSON object, or NULL */
} MoeRunSettings;

/* Creates @path; fails (MOE_ERROR_IO) when it exists, unless @resume and it is an unfinished recording of
 * a model with the same fingerprint and with the same settings (else MOE_ERROR_MISMATCH) that nobody else is
 * writing (MOE_ERROR_IO). While it is written there is a file PATH-lock beside it. */
MoeRecordingWriter *moe_recording_writer_new         (const char            *path,
                                                      const MoeModelInfo    *info,
                                                      const MoeRunSettings  *settings,
                                                      gboolean               resume,
                                                      GError               **error);

/* Prompts and tokens that are already there (0 for a new file). A prompt that was not finished is taken out
 * on resuming, so the next prompt number is the number of finished prompts. */
guint               moe_recording_writer_get_n_prompts (MoeRecordingWriter  *self);
gint64              moe_recording_writer_get_n_tokens  (MoeRecordingWriter  *self);

/* Starts prompt number moe_recording_writer_get_n_prompts(); @text is what the person wrote. */
void                moe_recording_writer_begin_prompt (MoeRecordingWriter   *self,
                                                       const char           *text);
/* Takes a reference. Token records come in order of id. @token_text is its bytes (may be partial UTF-8). */
void                moe_recording_writer_add_token   (MoeRecordingWriter    *self,
                                                      MoeTokenRecord        *record,
                                                      const char            *token_text,
                                                      gsize                  token_text_length);
void                moe_recording_writer_end_prompt  (MoeRecordingWriter    *self);
/* From token @token_id (the id of the next record) on, @mask acts. On resuming, masks that acted on no token
 * kept are gone: who resumes sets the mask again. */
void                moe_recording_writer_add_mask    (MoeRecordingWriter    *self,
                                                      gint64                 token_id,
                                                      const MoeMask         *mask);
void                moe_recording_writer_add_note    (MoeRecordingWriter    *self,
                                                      gint64                 token_id,
                                                      const char            *note);

/* Waits until all that was queued is on disk. Reports the first error the writing thread met (out of disk,
 * say); after one, further calls are ignored. */
gboolean            moe_recording_writer_flush       (MoeRecordingWriter    *self,
                                                      GError               **error);
/* Flushes, marks the run finished (or not, so that it can be resumed), folds the WAL into the file, and
 * frees @self whatever happens. */
gboolean            moe_recording_writer_close       (MoeRecordingWriter    *self,
                                                      gboolean               finished,
                                                      GError               **error);

G_END_DECLS
