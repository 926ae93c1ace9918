/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording-writer.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* The probe that turns what a session computes into token records, hands them to a recording writer (may be
 * none) and to a listener (the window; may be none). Attaches itself to the session as a probe. */
typedef struct _MoeRecorder MoeRecorder;

/* Called on the feeding thread with each finished record, in order; take a reference to keep it. @logits:
 * (vocabulary) after that token, or NULL when they were not computed. */
typedef void (*MoeRecorderFunc) (MoeTokenRecord *record,
                                 const float    *logits,
                                 gpointer        user_data);

/* @writer is not owned; prompt and id go on from what it holds. Computes the logits of every token when
 * @all_logits (perplexity of prompts); else a prompt token's log-probability and entropy are missing, except
 * where the logits were computed anyway: after the last token of a feed.
 *
 * No record is held back: those of a micro-batch are handed out, in order, before moe_session_feed() goes on
 * to the next. A token's log-probability comes from the logits after the token before it, also across feeds;
 * after moe_session_rewind() they are gone and it is missing. */
MoeRecorder *moe_recorder_new          (MoeSession         *session,
                                        MoeRecordingWriter *writer,
                                        gboolean            all_logits,
                                        MoeRecorderFunc     func,
                                        gpointer            user_data);
void         moe_recorder_free         (MoeRecorder        *self);

/* Number of the prompt that the next tokens belong to, and id of the next record. The caller begins and ends
 * the prompt of the writer. */
void         moe_recorder_begin_prompt (MoeRecorder        *self,
                                        guint               prompt);
gint64       moe_recorder_get_next_id  (MoeRecorder        *self);
void         moe_recorder_set_next_id  (MoeRecorder        *self,
                                        gint64              id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRecorder, moe_recorder_free)

G_END_DECLS
