/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "analysis/moe-routing-stats.h"
#include "data/moe-mask.h"
#include "probes/moe-model.h"
#include "ui/moe-contrast-study.h"
#include "ui/moe-engine.h"

G_BEGIN_DECLS

/* What all pages of a window share: the model that runs, the recording that is shown (the one being written,
 * or a file), its conversation, the mask with its history, and one selection. Main thread only; no GTK.
 *
 * Signals:
 *   model-changed         another model runs
 *   recording-changed     another recording is shown, or its earliest tokens were dropped: read everything
 *   anew
 *   tokens-added          tokens were added at the end
 *   conversation-changed  turns were added or removed: read everything anew
 *   text-added (text)     to the last turn
 *   selection-changed
 *   mask-changed
 *   hits-changed
 *   contrast-changed      another contrast was made
 *   phases-changed        another part of the conversation is looked at */
#define MOE_TYPE_DOCUMENT (moe_document_get_type ())
G_DECLARE_FINAL_TYPE (MoeDocument, moe_document, MOE, DOCUMENT, GObject)

/* Tokens whose records are kept for looking at one by one; the sums go over all. */
#define MOE_DOCUMENT_MAX_TOKENS 16384

typedef struct
{
  MoeTokenRecord     *record;
  char               *text; /* UTF-8; damaged or partial bytes are U+FFFD */
  guint               n_candidates;
  MoeEngineCandidate *candidates; /* (n_candidates) of the distribution it was drawn from */
  float               entropy;    /* of that distribution, nats; NaN when not known */
  float               kl;         /* between it and that of the plain run, nats; NaN when not compared */
} MoeDocumentToken;

typedef struct
{
  gboolean  from_model;
  gboolean  superseded; /* an answer that was asked for again: shown, but not part of the conversation */
  gboolean  plain;      /* an answer without interventions */
  char     *note;       /* of an answer: what acted on it; of a prompt: that it starts anew; or NULL */
  GString  *text;       /* UTF-8 */
} MoeTurn;

typedef struct
{
  gboolean has_expert;
  int      layer, expert; /* model layer; routed expert */
  gint64   token;         /* id of a token, -1 = the latest */
  gboolean has_head;
  int      head_layer, head; /* model layer; attention head */
} MoeSelection;

MoeDocument           *moe_document_new              (void);

/* The model that runs, or NULL. A new one clears the mask and its history, and the recording of another. */
const MoeModelInfo    *moe_document_get_model        (MoeDocument            *self);
void                   moe_document_set_model        (MoeDocument            *self,
                                                      MoeModelInfo           *info);
/* That model itself, for work with a session of its own; set with the description above. */
void                   moe_document_set_loaded       (MoeDocument            *self,
                                                      MoeModel               *model);
/* The model that made the recording that is shown, when it is the one that is open. NULL with the reason (a
 * sentence, owned by the document) when it is not. */
MoeModel              *moe_document_get_loaded       (MoeDocument            *self,
                                                      const char            **reason);
/* The model of what is shown: the recording's, else the one that runs; NULL when there is neither. */
const MoeModelInfo    *moe_document_get_info         (MoeDocument            *self);
/* FALSE with the reason (a sentence, owned by the document) when an intervention could not act. */
gboolean               moe_document_can_intervene    (MoeDocument            *self,
                                                      const char            **reason);

/* The recording that is shown. */
void                   moe_document_clear            (MoeDocument            *self);
/* From now on tokens are those being written to @path. */
void                   moe_document_begin_live       (MoeDocument            *self,
                                                      const char             *path);
gboolean               moe_document_is_live          (MoeDocument            *self);
/* Where it is on disk: a saved file while that holds all that is shown, else the unsaved one. NULL for
 * none. */
const char            *moe_document_get_path         (MoeDocument            *self);
/* How it was left, as data/moe-recording-session.h gives it; NULL when it is no file or has none. */
const char            *moe_document_get_session      (MoeDocument            *self);
/* The files that hold all that is shown: where it is on disk, and, when that is a copy, also the one that is
 * still written to. Transfer full; NULL for none. */
char                 **moe_document_dup_files        (MoeDocument            *self);
gboolean               moe_document_is_saved         (MoeDocument            *self);
/* @n_tokens: how many were shown when saving was asked for. */
void                   moe_document_set_saved        (MoeDocument            *self,
                                                      const char             *path,
                                                      gint64                  n_tokens);
/* Makes sure that all that is shown is on disk; finishes with the path (transfer full), or NULL without an
 * error when there is no recording (any more). */
void                   moe_document_flush_async      (MoeDocument            *self,
                                                      GAsyncReadyCallback     callback,
                                                      gpointer                user_data);
char                  *moe_document_flush_finish     (MoeDocument            *self,
                                                      GAsyncResult           *result,
                                                      GError                **error);
gboolean               moe_document_is_flushing      (MoeDocument            *self);
/* How the engine is asked for that; its answer comes to moe_document_flushed() with the number that @func
 * returned. */
typedef guint        (*MoeDocumentFlushFunc)         (gpointer                user_data);
void                   moe_document_set_flush_func   (MoeDocument            *self,
                                                      MoeDocumentFlushFunc    func,
                                                      gpointer                user_data);
void                   moe_document_flushed          (MoeDocument            *self,
                                                      guint                   serial,
                                                      const char             *path,
                                                      const GError           *error);
/* There is no engine any more: nothing that waits will be answered. */
void                   moe_document_drop_flushes     (MoeDocument            *self);
/* Takes what a MOE_ENGINE_TOKEN event holds. */
void                   moe_document_add_token        (MoeDocument            *self,
                                                      MoeEngineEvent         *event);
void                   moe_document_open_async       (MoeDocument            *self,
                                                      const char             *path,
                                                      GCancellable           *cancellable,
                                                      GAsyncReadyCallback     callback,
                                                      gpointer                user_data);
gboolean               moe_document_open_finish      (MoeDocument            *self,
                                                      GAsyncResult           *result,
                                                      GError                **error);

/* NULL when there is nothing to show. */
const MoeRoutingStats *moe_document_get_stats        (MoeDocument            *self);
/* Tokens are numbered by id; those below _get_first_token are no longer kept. */
gint64                 moe_document_get_n_tokens     (MoeDocument            *self);
gint64                 moe_document_get_first_token  (MoeDocument            *self);
const MoeDocumentToken *moe_document_get_token       (MoeDocument            *self,
                                                      gint64                  id);
/* The selected token, else the latest; NULL when there is none. */
const MoeDocumentToken *moe_document_get_current     (MoeDocument            *self);

guint                  moe_document_get_n_turns      (MoeDocument            *self);
const MoeTurn         *moe_document_get_turn         (MoeDocument            *self,
                                                      guint                   index);
/* An answer's note tells the mask that acts now, and later that it was changed on the way. */
void                   moe_document_add_turn         (MoeDocument            *self,
                                                      gboolean                from_model,
                                                      const char             *text);
/* The last turn, a prompt, knows nothing of those before it. */
void                   moe_document_note_start       (MoeDocument            *self);
void                   moe_document_note_change      (MoeDocument            *self);
/* Marks, or no longer marks, the answers from turn @first on. */
void                   moe_document_supersede        (MoeDocument            *self,
                                                      guint                   first,
                                                      gboolean                superseded);
/* Leaves the first @n_turns. */
void                   moe_document_truncate_turns   (MoeDocument            *self,
                                                      guint                   n_turns);

const MoeSelection    *moe_document_get_selection    (MoeDocument            *self);
void                   moe_document_select_expert    (MoeDocument            *self,
                                                      int                     layer,
                                                      int                     expert);
void                   moe_document_unselect_expert  (MoeDocument            *self);
void                   moe_document_select_token     (MoeDocument            *self,
                                                      gint64                  id);
void                   moe_document_select_head      (MoeDocument            *self,
                                                      int                     layer,
                                                      int                     head);
void                   moe_document_unselect_head    (MoeDocument            *self);

/* MOE_PHASE_BIT() set that the maps and figures go over. */
guint                  moe_document_get_phases       (MoeDocument            *self);
void                   moe_document_set_phases       (MoeDocument            *self,
                                                      guint                   phases);

/* The mask. NULL and empty mean the same. Refuses what moe_mask_validate() refuses. With @merge the change
 * becomes part of the step before it in the history (a dial being turned). */
MoeMask               *moe_document_get_mask         (MoeDocument            *self);
gboolean               moe_document_set_mask         (MoeDocument            *self,
                                                      MoeMask                *mask,
                                                      gboolean                merge,
                                                      GError                **error);
/* Adds or replaces; a disabled expert that is to be forced is no longer disabled, and the other way round. */
gboolean               moe_document_intervene        (MoeDocument            *self,
                                                      const MoeIntervention  *intervention,
                                                      gboolean                merge,
                                                      GError                **error);
/* Takes the intervention of that kind away when it is there, FALSE when not. */
gboolean               moe_document_release          (MoeDocument            *self,
                                                      int                     layer,
                                                      int                     expert,
                                                      MoeAction               action);
gboolean               moe_document_can_undo         (MoeDocument            *self);
gboolean               moe_document_can_redo         (MoeDocument            *self);
void                   moe_document_undo             (MoeDocument            *self);
void                   moe_document_redo             (MoeDocument            *self);

/* Hits of the present mask; FALSE when none are known for @index yet. */
gboolean               moe_document_get_hits         (MoeDocument            *self,
                                                      guint                   index,
                                                      MoeEngineHits          *hits);
void                   moe_document_set_hits         (MoeDocument            *self,
                                                      MoeMask                *mask,
                                                      const MoeEngineHits    *hits,
                                                      guint                   n_hits);

/* The last contrast of the model @info, or NULL when there is none; it is the Contrast page that sets it. */
MoeContrastStudy      *moe_document_get_contrast     (MoeDocument            *self,
                                                      const MoeModelInfo     *info);
void                   moe_document_set_contrast     (MoeDocument            *self,
                                                      MoeContrastStudy       *study);

/* What is done to each cell of the map, (n_moe_layers, n_experts) bytes as in MoeHeatmapPlot.marked, or NULL
 * when nothing is or the recording is of a model of another shape. Transfer full. */
guint8                *moe_document_get_marks        (MoeDocument            *self);

G_END_DECLS
