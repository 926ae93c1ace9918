/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-recording-writer.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* A long text cut into windows of as many tokens each, as super experts are calibrated (arXiv 2507.23279:
 * 256 windows of 2,048 tokens): they begin wherever they fall, mid-document and without a token that says so,
 * and each is run from an empty context. What is left over at the end of the text is not used. */
typedef struct _MoeTextWindows MoeTextWindows;

#define MOE_TEXT_WINDOW 2048

/* @length: tokens of a window, at least 2. @n: windows, evenly spread over those there are; 0 = all of them.
 * Errors: MOE_ERROR_IO, _LIMIT (more than 64 MB), _FORMAT (not UTF-8), _INVALID when the text has not as
 * many; all begin with @path. */
MoeTextWindows *moe_text_windows_new        (const MoeTokenizer  *tokenizer,
                                             const char          *path,
                                             guint                length,
                                             guint                n,
                                             GError             **error);
void            moe_text_windows_free       (MoeTextWindows      *self);
guint           moe_text_windows_get_n      (const MoeTextWindows *self);
/* (length) token ids. */
const gint32   *moe_text_windows_get        (const MoeTextWindows *self,
                                             guint                 index);
const char     *moe_text_windows_get_path   (const MoeTextWindows *self);
/* SHA-256 of the file, 64 hex digits. */
const char     *moe_text_windows_get_hash   (const MoeTextWindows *self);

/* Runs the windows from number @first on under the session's mask and records them, each as a prompt of phase
 * MOE_PHASE_PROMPT with the logits of every token. Memory does not grow with what was run: each window is
 * handed to @writer and forgotten. The session is rewound. Errors: G_IO_ERROR_CANCELLED, those of
 * moe_session_feed() and of moe_recording_writer_flush(). What was done until then is with the writer. */
gboolean        moe_text_windows_run        (const MoeTextWindows *self,
                                             MoeSession           *session,
                                             guint                 first,
                                             MoeRecordingWriter   *writer,
                                             const MoeProgress    *progress,
                                             GError              **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeTextWindows, moe_text_windows_free)

G_END_DECLS
