/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-recording.h"
#include "data/moe-table.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* What every token of a text attends to in one head, as the rows after softmax. They are in no recording, so
 * the text is run again. (n, n) floats are kept: at most MOE_ATTENTION_MAX_TOKENS tokens, 4 MB. */
#define MOE_ATTENTION_MAX_TOKENS 1024

/* A text as it is run. */
typedef struct
{
  guint     n;
  gint32   *tokens;   /* (n) */
  MoePhase *phases;   /* (n) */
  char    **texts;    /* (n) UTF-8, as moe_text_from_bytes(), then NULL */
  guint     n_cut;    /* tokens that were left out at the end, over the limit */
  gint64   *ids;      /* (n) in the recording; -1 when it is of none */
} MoeAttentionText;

/* The tokens of @recording that were in the context of token @token (-1 = the last), to the end of its
 * prompt. Errors: those of moe_recording_foreach(); MOE_ERROR_INVALID when there is no such token, or the
 * beginning of its context was not recorded. Transfer full. */
MoeAttentionText *moe_attention_text_new_from_recording (MoeRecording     *recording,
                                                         gint64            token,
                                                         GError          **error);
/* @tokens, @phases (NULL = MOE_PHASE_PROMPT): (@n). Transfer full. */
MoeAttentionText *moe_attention_text_new  (const MoeModel     *model,
                                           const gint32       *tokens,
                                           const MoePhase     *phases,
                                           gsize               n);
void              moe_attention_text_free (MoeAttentionText   *self);

typedef struct
{
  MoeAttentionText *text;    /* owned */
  guint             layer, head;
  float            *rows;    /* (n, n) row = query, column = key; NaN above the diagonal, 0 for keys outside
                                of a sliding window */
  float            *learned; /* (n) attention to the learned sink, 0 where the model has none */
  gboolean          has_learned;
} MoeAttentionPattern;

/* Runs @text (transfer full) on @session, which is rewound, under its present mask. Errors:
 * MOE_ERROR_INVALID for a layer or head that does not exist; those of moe_session_feed(). Transfer full. */
MoeAttentionPattern *moe_attention_pattern_new  (MoeSession           *session,
                                                 MoeAttentionText     *text,
                                                 guint                 layer,
                                                 guint                 head,
                                                 const MoeProgress    *progress,
                                                 GError              **error);
void                 moe_attention_pattern_free (MoeAttentionPattern  *self);

/* query,key,query_token,key_token,attention, a row a pair key <= query; of a learned sink, key is missing and
 * key_token "(learned sink)". Wide: query,token,k0,k1,..., and learned_sink where there is one. Provenance:
 * model, layer, head, tokens; the caller adds where the text is from, and the mask. Transfer full. */
MoeTable            *moe_attention_pattern_to_table (const MoeAttentionPattern *self,
                                                     const MoeModelInfo        *info,
                                                     gboolean                   wide);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeAttentionText, moe_attention_text_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeAttentionPattern, moe_attention_pattern_free)

G_END_DECLS
