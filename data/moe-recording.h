/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-mask.h"
#include "data/moe-model-info.h"
#include "data/moe-table.h"
#include "data/moe-token-record.h"

G_BEGIN_DECLS

/* A recording opened for reading. May be read while another process or thread writes it: the counts, the hash
 * and what foreach gives are those at the time of opening. One thread. */
typedef struct _MoeRecording MoeRecording;

/* Errors: MOE_ERROR_IO, _FORMAT (not a recording, damaged), _UNSUPPORTED (a newer version). */
MoeRecording       *moe_recording_open           (const char      *path,
                                                  GError         **error);
void                moe_recording_free           (MoeRecording    *self);
const char         *moe_recording_get_path       (MoeRecording    *self);
const MoeModelInfo *moe_recording_get_info       (MoeRecording    *self);
gboolean            moe_recording_is_finished    (MoeRecording    *self);
guint               moe_recording_get_n_prompts  (MoeRecording    *self);
gint64              moe_recording_get_n_tokens   (MoeRecording    *self);
/* SHA-256 over the run row and the number of tokens: names this recording in provenance lines. */
const char         *moe_recording_get_hash       (MoeRecording    *self);
/* The run settings as they were given, a JSON object. */
const char         *moe_recording_get_settings   (MoeRecording    *self);
guint64             moe_recording_get_seed       (MoeRecording    *self);

/* Calls @func for every token with id in [@first, @end) (@end -1 = to the last) in order; @text is the
 * token's bytes. Every blob's size is checked against the run's shape. FALSE with @error set on damage, or
 * without when @func returned FALSE to stop. */
typedef gboolean (*MoeRecordFunc) (MoeTokenRecord *record,
                                   const char     *text,
                                   gsize           text_length,
                                   gpointer        user_data);
gboolean            moe_recording_foreach        (MoeRecording    *self,
                                                  gint64           first,
                                                  gint64           end,
                                                  MoeRecordFunc    func,
                                                  gpointer         user_data,
                                                  GError         **error);

/* What the person wrote. Transfer full; NULL when there is no such prompt. */
char               *moe_recording_dup_prompt     (MoeRecording    *self,
                                                  guint            prompt);
/* The masks in force, in order. Calls back with the token from which each acts. */
typedef void     (*MoeMaskEventFunc) (gint64         token_id,
                                      const MoeMask *mask,
                                      gpointer       user_data);
gboolean            moe_recording_foreach_mask   (MoeRecording    *self,
                                                  MoeMaskEventFunc func,
                                                  gpointer         user_data,
                                                  GError         **error);

/* Runs one read-only statement; the virtual tables `routing`, `residual` and `attention` give the blobs as
 * rows (columns in DESIGN.md, "Recordings"). Writing and attaching are refused (MOE_ERROR_INVALID), and so
 * are results too large for memory (MOE_ERROR_LIMIT); see data/moe-recording-query.h. */
MoeTable           *moe_recording_query          (MoeRecording    *self,
                                                  const char      *sql,
                                                  GError         **error);

/* The same, ended early with G_IO_ERROR_CANCELLED; @cancellable may be NULL. */
MoeTable           *moe_recording_query_cancellable (MoeRecording  *self,
                                                     const char    *sql,
                                                     GCancellable  *cancellable,
                                                     GError       **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRecording, moe_recording_free)

G_END_DECLS
