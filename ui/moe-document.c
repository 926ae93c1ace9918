/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-document"

#include "ui/moe-document-private.h"

#include <math.h>
#include <string.h>

G_DEFINE_FINAL_TYPE (MoeDocument, moe_document, G_TYPE_OBJECT)

static guint signals[MOE_DOCUMENT_N_SIGNALS];

static void
token_free (MoeDocumentToken *token)
{
  moe_token_record_unref (token->record);
  for (guint i = 0; i < token->n_candidates; i++)
    g_free (token->candidates[i].text);
  g_free (token->candidates);
  g_free (token->text);
  g_free (token);
}

static void
turn_free (MoeTurn *turn)
{
  g_string_free (turn->text, TRUE);
  g_free (turn->note);
  g_free (turn);
}

MoeTurn *
moe_turn_new (gboolean    from_model,
              const char *text)
{
  MoeTurn *turn = g_new0 (MoeTurn, 1);

  turn->from_model = from_model;
  turn->text = g_string_new (text);
  return turn;
}

MoeDocumentToken *
moe_document_token_new (MoeTokenRecord *record,
                        const char     *bytes,
                        gsize           length)
{
  MoeDocumentToken *token = g_new0 (MoeDocumentToken, 1);

  token->record = moe_token_record_ref (record);
  token->text = g_utf8_make_valid (bytes, (gssize) length);
  token->entropy = NAN;
  token->kl = NAN;
  return token;
}

MoeShown *
moe_shown_new (const MoeModelInfo *info,
               const char         *path)
{
  MoeShown *shown = g_new0 (MoeShown, 1);

  shown->info = moe_model_info_ref ((MoeModelInfo *) info);
  shown->stats = moe_routing_stats_new (info);
  shown->tokens = g_ptr_array_new_with_free_func ((GDestroyNotify) token_free);
  shown->turns = g_ptr_array_new_with_free_func ((GDestroyNotify) turn_free);
  shown->path = g_strdup (path);
  return shown;
}

void
moe_shown_free (MoeShown *shown)
{
  if (shown == NULL)
    return;

  g_clear_pointer (&shown->info, moe_model_info_unref);
  g_clear_pointer (&shown->stats, moe_routing_stats_free);
  g_clear_pointer (&shown->tokens, g_ptr_array_unref);
  g_clear_pointer (&shown->turns, g_ptr_array_unref);
  g_free (shown->path);
  g_free (shown->session);
  g_free (shown);
}

gboolean
moe_shown_add (MoeShown         *shown,
               MoeDocumentToken *token)
{
  gboolean dropped = shown->tokens->len >= MOE_DOCUMENT_MAX_TOKENS + MOE_DOCUMENT_MAX_TOKENS / 4;

  /* In blocks, so that dropping costs little a token. */
  if (dropped)
    g_ptr_array_remove_range (shown->tokens, 0, MOE_DOCUMENT_MAX_TOKENS / 4);

  moe_routing_stats_add (shown->stats, token->record);
  g_ptr_array_add (shown->tokens, token);
  shown->n_tokens++;
  return dropped;
}

void
moe_document_emit (MoeDocument       *self,
                   MoeDocumentSignal  signal)
{
  g_signal_emit (self, signals[signal], 0);
}

static void
moe_document_dispose (GObject *object)
{
  MoeDocument *self = MOE_DOCUMENT (object);

  g_clear_pointer (&self->model, moe_model_info_unref);
  g_clear_pointer (&self->loaded, moe_model_unref);
  g_clear_pointer (&self->shown, moe_shown_free);
  g_clear_pointer (&self->saved_path, g_free);
  g_clear_pointer (&self->reason, g_free);
  g_clear_pointer (&self->history, g_ptr_array_unref);
  g_clear_pointer (&self->hits_mask, moe_mask_unref);
  g_clear_pointer (&self->hits, g_free);
  g_clear_pointer (&self->contrast, moe_contrast_study_unref);

  G_OBJECT_CLASS (moe_document_parent_class)->dispose (object);
}

static void
moe_document_class_init (MoeDocumentClass *klass)
{
  static const char *const names[MOE_DOCUMENT_N_SIGNALS] = {
    [MOE_DOCUMENT_MODEL_CHANGED] = "model-changed",
    [MOE_DOCUMENT_RECORDING_CHANGED] = "recording-changed",
    [MOE_DOCUMENT_TOKENS_ADDED] = "tokens-added",
    [MOE_DOCUMENT_CONVERSATION_CHANGED] = "conversation-changed",
    [MOE_DOCUMENT_TEXT_ADDED] = "text-added",
    [MOE_DOCUMENT_SELECTION_CHANGED] = "selection-changed",
    [MOE_DOCUMENT_MASK_CHANGED] = "mask-changed",
    [MOE_DOCUMENT_HITS_CHANGED] = "hits-changed",
    [MOE_DOCUMENT_PHASES_CHANGED] = "phases-changed",
    [MOE_DOCUMENT_CONTRAST_CHANGED] = "contrast-changed",
  };

  G_OBJECT_CLASS (klass)->dispose = moe_document_dispose;

  for (guint i = 0; i < MOE_DOCUMENT_N_SIGNALS; i++)
    signals[i] = g_signal_new (names[i], MOE_TYPE_DOCUMENT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, i == MOE_DOCUMENT_TEXT_ADDED ? 1 : 0, G_TYPE_STRING);
}

static void
moe_document_init (MoeDocument *self)
{
  self->selection.token = -1;
  self->phases = MOE_PHASES_ALL;
  g_queue_init (&self->flushes);
  moe_document_reset_history (self);
}

MoeDocument *
moe_document_new (void)
{
  return g_object_new (MOE_TYPE_DOCUMENT, NULL);
}

/* --- model and recording ------------------------------------------------------------------------------ */

static gboolean
same_shape (const MoeModelInfo *a,
            const MoeModelInfo *b)
{
  return a->n_layers == b->n_layers && a->n_moe_layers == b->n_moe_layers && a->n_experts == b->n_experts &&
         a->n_used == b->n_used &&
         memcmp (a->moe_layers, b->moe_layers, a->n_moe_layers * sizeof (guint)) == 0;
}

void
moe_document_show (MoeDocument *self,
                   MoeShown    *shown,
                   gboolean     live)
{
  moe_shown_free (self->shown);
  self->shown = shown;
  self->live = live;
  g_clear_pointer (&self->saved_path, g_free);
  self->selection = (MoeSelection) { .token = -1 };

  moe_document_emit (self, MOE_DOCUMENT_RECORDING_CHANGED);
  moe_document_emit (self, MOE_DOCUMENT_CONVERSATION_CHANGED);
  moe_document_emit (self, MOE_DOCUMENT_SELECTION_CHANGED);
}

const MoeModelInfo *
moe_document_get_model (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  return self->model;
}

void
moe_document_set_model (MoeDocument  *self,
                        MoeModelInfo *info)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (info != NULL);

  moe_model_info_ref (info);
  g_clear_pointer (&self->model, moe_model_info_unref);
  g_clear_pointer (&self->loaded, moe_model_unref);
  self->model = info;

  /* A file that is being looked at stays; what the old model was writing is closed. */
  if (self->live || self->shown == NULL)
    moe_document_show (self, NULL, FALSE);
  moe_document_reset_history (self);
  moe_document_emit (self, MOE_DOCUMENT_MODEL_CHANGED);
  moe_document_emit (self, MOE_DOCUMENT_MASK_CHANGED);
}

void
moe_document_set_loaded (MoeDocument *self,
                         MoeModel    *model)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (model != NULL);

  moe_model_ref (model);
  g_clear_pointer (&self->loaded, moe_model_unref);
  self->loaded = model;
}

MoeModel *
moe_document_get_loaded (MoeDocument  *self,
                         const char  **reason)
{
  const MoeModelInfo *info;

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  info = moe_document_get_info (self);
  g_clear_pointer (&self->reason, g_free);
  if (self->loaded == NULL)
    self->reason = g_strdup ("Open the model to run it.");
  else if (!g_str_equal (info->fingerprint, moe_model_get_info (self->loaded)->fingerprint))
    self->reason = g_strdup_printf ("This recording is of %s, which is not the open model.", info->name);

  if (reason != NULL)
    *reason = self->reason;
  return self->reason == NULL ? self->loaded : NULL;
}

const MoeModelInfo *
moe_document_get_info (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  return self->shown != NULL ? self->shown->info : self->model;
}

gboolean
moe_document_can_intervene (MoeDocument  *self,
                            const char  **reason)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  g_clear_pointer (&self->reason, g_free);
  if (self->model == NULL)
    self->reason = g_strdup ("Open a model to intervene.");
  else if (self->shown != NULL && !same_shape (self->shown->info, self->model))
    self->reason = g_strdup_printf ("This recording is of %s, which is not the open model.",
                                    self->shown->info->name);

  if (reason != NULL)
    *reason = self->reason;
  return self->reason == NULL;
}

void
moe_document_clear (MoeDocument *self)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  moe_document_show (self, NULL, FALSE);
}

void
moe_document_begin_live (MoeDocument *self,
                         const char  *path)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (self->model != NULL);

  if (self->live && g_strcmp0 (self->shown->path, path) == 0)
    return;

  /* The turns that led here are shown before the first token comes. */
  if (self->live && self->shown->path == NULL)
    self->shown->path = g_strdup (path);
  else
    moe_document_show (self, moe_shown_new (self->model, path), TRUE);
}

gboolean
moe_document_is_live (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  return self->live;
}

const char *
moe_document_get_path (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  if (self->shown == NULL)
    return NULL;
  return self->live && moe_document_is_saved (self) ? self->saved_path : self->shown->path;
}

char **
moe_document_dup_files (MoeDocument *self)
{
  const char *files[3] = { NULL };

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  files[0] = moe_document_get_path (self);
  if (files[0] == NULL)
    return NULL;
  if (self->live && self->shown->path != NULL && !g_str_equal (files[0], self->shown->path))
    files[1] = self->shown->path;
  return g_strdupv ((char **) files);
}

gboolean
moe_document_is_saved (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  if (!self->live)
    return TRUE;
  return self->shown->n_tokens == 0 ||
         (self->saved_path != NULL && self->saved_tokens == self->shown->n_tokens);
}

void
moe_document_set_saved (MoeDocument *self,
                        const char  *path,
                        gint64       n_tokens)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  g_free (self->saved_path);
  self->saved_path = g_strdup (path);
  self->saved_tokens = n_tokens;
}

void
moe_document_add_token (MoeDocument    *self,
                        MoeEngineEvent *event)
{
  MoeDocumentToken *token;
  const char *bytes;
  gsize length;

  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (event->type == MOE_ENGINE_TOKEN);

  if (!self->live)
    return;

  bytes = g_bytes_get_data (event->bytes, &length);
  token = moe_document_token_new (event->record, bytes, length);
  token->entropy = event->entropy;
  token->kl = event->kl;
  token->n_candidates = event->n_candidates;
  token->candidates = g_memdup2 (event->candidates, event->n_candidates * sizeof *token->candidates);
  event->n_candidates = 0;

  if (moe_shown_add (self->shown, token))
    moe_document_emit (self, MOE_DOCUMENT_RECORDING_CHANGED);
  else
    moe_document_emit (self, MOE_DOCUMENT_TOKENS_ADDED);

  if (event->text != NULL && *event->text != '\0' && self->shown->turns->len > 0)
    {
      MoeTurn *turn = g_ptr_array_index (self->shown->turns, self->shown->turns->len - 1);

      g_string_append (turn->text, event->text);
      g_signal_emit (self, signals[MOE_DOCUMENT_TEXT_ADDED], 0, event->text);
    }
}

const MoeRoutingStats *
moe_document_get_stats (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  return self->shown != NULL ? self->shown->stats : NULL;
}

gint64
moe_document_get_n_tokens (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), 0);

  return self->shown != NULL ? self->shown->n_tokens : 0;
}

gint64
moe_document_get_first_token (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), 0);

  return self->shown != NULL ? self->shown->n_tokens - self->shown->tokens->len : 0;
}

const MoeDocumentToken *
moe_document_get_token (MoeDocument *self,
                        gint64       id)
{
  gint64 first = moe_document_get_first_token (self);

  if (self->shown == NULL || id < first || id >= self->shown->n_tokens)
    return NULL;
  return self->shown->tokens->pdata[id - first];
}

const MoeDocumentToken *
moe_document_get_current (MoeDocument *self)
{
  const MoeDocumentToken *token;

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  token = self->selection.token >= 0 ? moe_document_get_token (self, self->selection.token) : NULL;
  return token != NULL ? token : moe_document_get_token (self, moe_document_get_n_tokens (self) - 1);
}

/* --- conversation ------------------------------------------------------------------------------------- */

guint
moe_document_get_n_turns (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), 0);

  return self->shown != NULL ? self->shown->turns->len : 0;
}

const MoeTurn *
moe_document_get_turn (MoeDocument *self,
                       guint        index)
{
  g_return_val_if_fail (index < moe_document_get_n_turns (self), NULL);

  return self->shown->turns->pdata[index];
}

void
moe_document_add_turn (MoeDocument *self,
                       gboolean     from_model,
                       const char  *text)
{
  MoeTurn *turn;

  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (self->model != NULL);

  if (!self->live)
    moe_document_show (self, moe_shown_new (self->model, NULL), TRUE);
  turn = moe_turn_new (from_model, text);
  if (from_model)
    {
      turn->note = moe_document_describe_mask (self);
      turn->plain = moe_mask_get_n (moe_document_get_mask (self)) == 0;
    }
  g_ptr_array_add (self->shown->turns, turn);
  moe_document_emit (self, MOE_DOCUMENT_CONVERSATION_CHANGED);
}

void
moe_document_note_start (MoeDocument *self)
{
  guint n = moe_document_get_n_turns (self);
  MoeTurn *turn = n > 0 ? self->shown->turns->pdata[n - 1] : NULL;

  g_return_if_fail (turn != NULL && !turn->from_model);

  g_free (turn->note);
  turn->note = g_strdup ("a new conversation");
  moe_document_emit (self, MOE_DOCUMENT_CONVERSATION_CHANGED);
}

void
moe_document_supersede (MoeDocument *self,
                        guint        first,
                        gboolean     superseded)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  for (guint i = first; i < moe_document_get_n_turns (self); i++)
    {
      MoeTurn *turn = self->shown->turns->pdata[i];

      if (turn->from_model)
        turn->superseded = superseded;
    }
  moe_document_emit (self, MOE_DOCUMENT_CONVERSATION_CHANGED);
}

void
moe_document_truncate_turns (MoeDocument *self,
                             guint        n_turns)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (n_turns <= moe_document_get_n_turns (self));

  if (self->shown == NULL)
    return;
  g_ptr_array_set_size (self->shown->turns, (gint) n_turns);
  moe_document_emit (self, MOE_DOCUMENT_CONVERSATION_CHANGED);
}

/* --- selection ---------------------------------------------------------------------------------------- */

const MoeSelection *
moe_document_get_selection (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  return &self->selection;
}

void
moe_document_select_expert (MoeDocument *self,
                            int          layer,
                            int          expert)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (self->selection.has_expert && self->selection.layer == layer && self->selection.expert == expert)
    return;
  self->selection.has_expert = TRUE;
  self->selection.layer = layer;
  self->selection.expert = expert;
  moe_document_emit (self, MOE_DOCUMENT_SELECTION_CHANGED);
}

void
moe_document_unselect_expert (MoeDocument *self)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (!self->selection.has_expert)
    return;
  self->selection.has_expert = FALSE;
  moe_document_emit (self, MOE_DOCUMENT_SELECTION_CHANGED);
}

void
moe_document_select_token (MoeDocument *self,
                           gint64       id)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (self->selection.token == id)
    return;
  self->selection.token = id;
  moe_document_emit (self, MOE_DOCUMENT_SELECTION_CHANGED);
}

void
moe_document_select_head (MoeDocument *self,
                          int          layer,
                          int          head)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (self->selection.has_head && self->selection.head_layer == layer && self->selection.head == head)
    return;
  self->selection.has_head = TRUE;
  self->selection.head_layer = layer;
  self->selection.head = head;
  moe_document_emit (self, MOE_DOCUMENT_SELECTION_CHANGED);
}

void
moe_document_unselect_head (MoeDocument *self)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (!self->selection.has_head)
    return;
  self->selection.has_head = FALSE;
  moe_document_emit (self, MOE_DOCUMENT_SELECTION_CHANGED);
}

guint
moe_document_get_phases (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), 0);

  return self->phases;
}

void
moe_document_set_phases (MoeDocument *self,
                         guint        phases)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (self->phases == phases)
    return;
  self->phases = phases;
  moe_document_emit (self, MOE_DOCUMENT_PHASES_CHANGED);
}

/* --- the last contrast -------------------------------------------------------------------------------- */

MoeContrastStudy *
moe_document_get_contrast (MoeDocument        *self,
                           const MoeModelInfo *info)
{
  const MoeModelInfo *made;

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  if (self->contrast == NULL || info == NULL)
    return NULL;
  made = moe_contrast_run_get_info (moe_contrast_study_get_run (self->contrast));
  return g_strcmp0 (made->fingerprint, info->fingerprint) == 0 ? self->contrast : NULL;
}

void
moe_document_set_contrast (MoeDocument      *self,
                           MoeContrastStudy *study)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));
  g_return_if_fail (study != NULL);

  moe_contrast_study_ref (study);
  g_clear_pointer (&self->contrast, moe_contrast_study_unref);
  self->contrast = study;
  moe_document_emit (self, MOE_DOCUMENT_CONTRAST_CHANGED);
}
