/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-strip"

#include "ui/moe-window-private.h"

#include <math.h>
#include <string.h>

/* How unexpected a token was to the model, nats; NaN where its logits were not computed. */
static double
get_surprise (const MoeDocumentToken *token)
{
  return -(double) token->record->logprob;
}

static void
append_new_tokens (MoeWindow *self)
{
  gint64 n = moe_document_get_n_tokens (self->document);

  for (; self->strip_end < n; self->strip_end++)
    {
      const MoeDocumentToken *token = moe_document_get_token (self->document, self->strip_end);

      moe_token_strip_append (self->strip, token->text, token->record->phase, get_surprise (token));
    }
}

static void
rebuild_strip (MoeWindow *self)
{
  moe_token_strip_clear (self->strip);
  moe_token_strip_set_values (self->strip, NULL, 0, "Surprise", "nats");
  self->strip_first = moe_document_get_first_token (self->document);
  self->strip_end = self->strip_first;
  append_new_tokens (self);
  gtk_widget_set_visible (self->strip_frame, self->strip_end > self->strip_first);
}

static void
on_tokens_added (MoeWindow *self)
{
  append_new_tokens (self);
  gtk_widget_set_visible (self->strip_frame, TRUE);
}

static void
on_token_selected (MoeTokenStrip *strip,
                   int            index,
                   MoeWindow     *self)
{
  moe_document_select_token (self->document, index < 0 ? -1 : self->strip_first + index);
}

static void
on_selection_changed (MoeWindow *self)
{
  gint64 token = moe_document_get_selection (self->document)->token;

  moe_token_strip_select (self->strip, token < self->strip_first ? -1 : (int) (token - self->strip_first));
}

void
moe_window_init_strip (MoeWindow *self)
{
  g_signal_connect (self->strip, "token-selected", G_CALLBACK (on_token_selected), self);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (rebuild_strip), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->document, "tokens-added", G_CALLBACK (on_tokens_added), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->document, "selection-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  rebuild_strip (self);
}

void
moe_window_step_token (MoeWindow *self,
                       int        by)
{
  gint64 n = moe_document_get_n_tokens (self->document);
  gint64 token = moe_document_get_selection (self->document)->token;

  if (n == 0)
    return;
  if (token < 0)
    token = by < 0 ? n : n - 1;
  moe_document_select_token (self->document,
                             CLAMP (token + by, moe_document_get_first_token (self->document), n - 1));
}

/* An expert ("L3E17"), or the next token that has @text in it, from the selected one on and around. */
gboolean
moe_window_find (MoeWindow  *self,
                 const char *text)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  gint64 first = moe_document_get_first_token (self->document);
  gint64 n = moe_document_get_n_tokens (self->document) - first;
  gint64 from = moe_document_get_selection (self->document)->token;
  g_autofree char *wanted = g_utf8_casefold (text, -1);
  int layer, expert;

  if (info == NULL || *text == '\0')
    return FALSE;
  if (moe_expert_parse (text, &layer, &expert) && expert >= 0)
    {
      if (layer < 0 || moe_model_info_find_moe_layer (info, (guint) layer) < 0 ||
          expert >= (int) info->n_experts)
        return FALSE;
      moe_document_select_expert (self->document, layer, expert);
      return TRUE;
    }

  from = from < first ? 0 : from - first + 1;
  for (gint64 i = 0; i < n; i++)
    {
      gint64 id = first + (from + i) % n;
      g_autofree char *token = g_utf8_casefold (moe_document_get_token (self->document, id)->text, -1);

      if (strstr (token, wanted) != NULL)
        {
          moe_document_select_token (self->document, id);
          return TRUE;
        }
    }
  return FALSE;
}
