/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* What is shown of a recording; built whole by a worker when it comes from a file. */
typedef struct
{
  MoeModelInfo    *info;
  MoeRoutingStats *stats;
  GPtrArray       *tokens; /* MoeDocumentToken, the latest MOE_DOCUMENT_MAX_TOKENS at least */
  gint64           n_tokens;
  GPtrArray       *turns;  /* MoeTurn */
  char            *path;
  char            *session; /* moe_recording_session_load(), or NULL */
} MoeShown;

MoeShown         *moe_shown_new       (const MoeModelInfo  *info,
                                       const char          *path);
void              moe_shown_free      (MoeShown            *shown);
/* Returns TRUE when the earliest tokens were dropped. Takes @token. */
gboolean          moe_shown_add       (MoeShown            *shown,
                                       MoeDocumentToken    *token);
MoeTurn          *moe_turn_new        (gboolean             from_model,
                                       const char          *text);
MoeDocumentToken *moe_document_token_new (MoeTokenRecord   *record,
                                          const char       *bytes,
                                          gsize             length);

struct _MoeDocument
{
  GObject        parent_instance;

  MoeModelInfo  *model;
  MoeModel      *loaded;     /* what @model describes, or NULL */
  MoeShown      *shown;      /* or NULL */
  gboolean       live;
  char          *saved_path;
  gint64         saved_tokens;
  char          *reason;     /* why nothing can be done */

  MoeSelection   selection;
  guint          phases;

  GPtrArray     *history;    /* MoeMask, NULL for the empty one; at least one */
  guint          present;    /* index of the mask in force */
  MoeMask       *hits_mask;
  MoeEngineHits *hits;
  guint          n_hits;

  MoeContrastStudy *contrast; /* or NULL */

  MoeDocumentFlushFunc flush;
  gpointer       flush_data;
  GQueue         flushes;    /* GTask that wait for an answer */
};

typedef enum
{
  MOE_DOCUMENT_MODEL_CHANGED,
  MOE_DOCUMENT_RECORDING_CHANGED,
  MOE_DOCUMENT_TOKENS_ADDED,
  MOE_DOCUMENT_CONVERSATION_CHANGED,
  MOE_DOCUMENT_TEXT_ADDED,
  MOE_DOCUMENT_SELECTION_CHANGED,
  MOE_DOCUMENT_MASK_CHANGED,
  MOE_DOCUMENT_HITS_CHANGED,
  MOE_DOCUMENT_PHASES_CHANGED,
  MOE_DOCUMENT_CONTRAST_CHANGED,
  MOE_DOCUMENT_N_SIGNALS
} MoeDocumentSignal;

void moe_document_emit          (MoeDocument       *self,
                                 MoeDocumentSignal  signal);
/* Takes @shown; NULL shows nothing. */
void moe_document_show          (MoeDocument       *self,
                                 MoeShown          *shown,
                                 gboolean           live);
/* "no interventions", "L3E17 disable refill", "5 interventions". Transfer full. */
char *moe_document_describe_mask (MoeDocument      *self);
void moe_document_reset_history (MoeDocument       *self);

G_END_DECLS
