/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-experts-page"

#include "ui/moe-experts-page-private.h"

#include "ui/moe-text.h"

/* Direct logit attribution on the Experts page: what is run, its table, and the mask that is made of it. */

static const char *const empty_text =
    "Choose a token and press Attribute to see what each expert writes into its logit after the prompt";

static MoeDocument *
get_document (MoeExpertsPage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

/* --- running ------------------------------------------------------------------------------------------ */

static void
settings_free (gpointer data)
{
  moe_attribution_settings_clear (data);
  g_free (data);
}

static gpointer
do_work (gpointer            data,
         const MoeProgress  *progress,
         GError            **error)
{
  return moe_attribution_study_new (data, progress, error);
}

static void
on_done (MoePage  *page,
         gpointer  result)
{
  MoeExpertsPage *self = MOE_EXPERTS_PAGE (page);

  g_clear_pointer (&self->study, moe_attribution_study_unref);
  self->study = result;
  moe_experts_page_show_attribution (self);
}

/* The turns before the conversation's last prompt, since it began, when @prompt is that one. NULL for none.
 * Transfer full. */
static char **
find_history (MoeExpertsPage *self,
              const char     *prompt)
{
  MoeDocument *document = get_document (self);
  g_autoptr(GPtrArray) turns = g_ptr_array_new_with_free_func (g_free);
  int last = (int) moe_document_get_n_turns (document) - 1, first;

  while (last >= 0 && moe_document_get_turn (document, (guint) last)->from_model)
    last--;
  if (last < 0 || !moe_document_is_live (document)
      || !g_str_equal (moe_document_get_turn (document, (guint) last)->text->str, prompt))
    return NULL;
  /* A prompt with a note starts a new conversation. */
  for (first = last; first > 0 && (moe_document_get_turn (document, (guint) first)->from_model
                                   || moe_document_get_turn (document, (guint) first)->note == NULL);)
    first--;
  for (int i = first; i < last; i++)
    {
      const MoeTurn *turn = moe_document_get_turn (document, (guint) i);

      if (!turn->superseded)
        g_ptr_array_add (turns, g_strdup (turn->text->str));
    }
  if (turns->len == 0 || turns->len % 2 != 0)
    return NULL;
  g_ptr_array_add (turns, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&turns), FALSE);
}

void
moe_experts_page_attribute (MoeExpertsPage *self)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  MoeMask *mask = moe_document_get_mask (get_document (self));
  const char *prompt = gtk_editable_get_text (GTK_EDITABLE (self->prompt));
  const char *token = gtk_editable_get_text (GTK_EDITABLE (self->token));
  const char *against = gtk_editable_get_text (GTK_EDITABLE (self->against));
  const char *system = gtk_editable_get_text (GTK_EDITABLE (self->system));
  const char *answer = gtk_editable_get_text (GTK_EDITABLE (self->answer));
  gboolean raw = gtk_check_button_get_active (self->raw);
  MoeAttributionSettings *settings;

  if (model == NULL || *prompt == '\0' || *token == '\0')
    {
      moe_page_show_error (MOE_PAGE (self), model == NULL ? "no model is open"
                           : *prompt == '\0' ? "the prompt is empty" : "no token is chosen");
      return;
    }
  settings = g_new (MoeAttributionSettings, 1);
  *settings = (MoeAttributionSettings) {
    .model = g_strdup (model->path), .prompt = g_strdup (prompt), .token = g_strdup (token),
    .system = *system != '\0' && !raw ? g_strdup (system) : NULL,
    .answer = *answer != '\0' ? g_strdup (answer) : NULL,
    .raw = raw,
    .history = !raw && gtk_check_button_get_active (self->history) ? find_history (self, prompt) : NULL,
    .against = *against != '\0' ? g_strdup (against) : NULL,
    .n_causal = (guint) gtk_spin_button_get_value_as_int (self->causal),
    .mask = mask != NULL ? moe_mask_ref (mask) : NULL,
  };
  moe_page_run (MOE_PAGE (self), MOE_PAGE_WORK, "Attributing", do_work, settings, settings_free,
                (GDestroyNotify) moe_attribution_study_unref, on_done);
}

/* --- showing ------------------------------------------------------------------------------------------ */

void
moe_experts_page_show_attribution (MoeExpertsPage *self)
{
  self->showing = TRUE;
  moe_table_view_set_table (self->parts, self->study != NULL ? self->study->table : NULL, empty_text);
  self->showing = FALSE;
  self->stats = NULL; /* the table of experts has other columns now */
  moe_page_export_changed (MOE_PAGE (self));
  moe_page_queue_refresh (MOE_PAGE (self));
}

/* The prompt is the last one of the conversation until the person writes another. */
static void
follow_prompt (MoeExpertsPage *self)
{
  const char *written = gtk_editable_get_text (GTK_EDITABLE (self->prompt));

  if (*written != '\0' && g_strcmp0 (written, self->followed) != 0)
    return;
  for (guint i = moe_document_get_n_turns (get_document (self)); i > 0; i--)
    {
      const MoeTurn *turn = moe_document_get_turn (get_document (self), i - 1);

      if (turn->from_model)
        continue;
      if (g_strcmp0 (self->followed, turn->text->str) != 0 || *written == '\0')
        {
          g_free (self->followed);
          self->followed = g_strdup (turn->text->str);
          gtk_editable_set_text (GTK_EDITABLE (self->prompt), self->followed);
        }
      return;
    }
}

static void
update_sum (MoeExpertsPage *self)
{
  g_autofree char *logit = NULL, *sum = NULL, *rest = NULL, *text = NULL;

  if (self->study == NULL)
    {
      gtk_label_set_text (self->sum, "");
      return;
    }
  logit = moe_text_number (moe_attribution_get_logit (self->study->attribution));
  sum = moe_text_number (moe_attribution_get_sum (self->study->attribution));
  rest = moe_text_number (moe_attribution_get_sum (self->study->attribution)
                          - moe_attribution_get_logit (self->study->attribution));
  text = g_strdup_printf ("%s %s; the parts add up to %s (off by %s)", self->study->settings.against != NULL
                          ? "Difference of the logits" : "Logit", logit, sum, rest);
  gtk_label_set_text (self->sum, text);
}

void
moe_experts_page_refresh_attribution (MoeExpertsPage *self)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  const MoeSelection *selection = moe_document_get_selection (get_document (self));
  int row = -1;

  follow_prompt (self);
  if (self->study != NULL && (model == NULL || g_strcmp0 (model->path, self->study->settings.model) != 0))
    {
      g_clear_pointer (&self->study, moe_attribution_study_unref);
      moe_experts_page_show_attribution (self);
    }
  gtk_widget_set_sensitive (GTK_WIDGET (self->attribute), model != NULL);
  gtk_widget_set_sensitive (GTK_WIDGET (self->system), !gtk_check_button_get_active (self->raw));
  gtk_widget_set_sensitive (GTK_WIDGET (self->history), !gtk_check_button_get_active (self->raw));
  gtk_widget_set_sensitive (GTK_WIDGET (self->disable), self->study != NULL &&
                            moe_document_can_intervene (get_document (self), NULL));
  update_sum (self);
  self->showing = TRUE;
  if (self->study != NULL && selection->has_expert)
    row = moe_table_view_find_expert (self->parts, selection->layer, selection->expert);
  moe_table_view_select (self->parts, row);
  self->showing = FALSE;
}

void
moe_experts_page_on_part (MoeTableView   *view,
                          int             row,
                          MoeExpertsPage *self)
{
  const MoeAttributionPart *part;

  if (self->showing || row < 0 || self->study == NULL || get_document (self) == NULL)
    return;
  part = moe_attribution_get (self->study->attribution, (guint) row);
  if (part->part == MOE_PART_EXPERT)
    moe_document_select_expert (get_document (self), part->layer, part->expert);
}

/* --- the mask ----------------------------------------------------------------------------------------- */

void
moe_experts_page_disable_top (MoeExpertsPage *self)
{
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(GError) error = NULL;

  if (self->study == NULL)
    {
      moe_page_show_error (MOE_PAGE (self), "nothing has been attributed yet");
      return;
    }
  mask = moe_attribution_make_mask (self->study->attribution,
                                    (guint) gtk_spin_button_get_value_as_int (self->top), MOE_MODE_REFILL,
                                    MOE_SCOPE_BOTH);
  if (!moe_document_set_mask (get_document (self), mask, FALSE, &error))
    moe_page_show_error (MOE_PAGE (self), error->message);
}
