/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-view"

#include "ui/moe-prompt-view.h"

#include "data/moe-table-export.h"
#include "ui/moe-table-view.h"
#include "ui/moe-text.h"

#define EMPTY "No prompt was sent yet."

struct _MoePromptView
{
  GtkWidget     parent_instance;

  MoeDocument  *document;
  gint64        n_shown;   /* tokens of the document, and */
  gint64        current;   /* the current token when the table was made; -1 for none */

  GtkWidget    *box;
  GtkLabel     *title;
  GtkWidget    *copy_text, *copy_tokens;
  GtkTextView  *text;
  MoeTableView *table;
};

G_DEFINE_FINAL_TYPE (MoePromptView, moe_prompt_view, GTK_TYPE_WIDGET)

static gboolean
is_answer (MoePhase phase)
{
  return phase == MOE_PHASE_ANSWER || phase == MOE_PHASE_THINKING;
}

/* What the model held when it began to answer: for each position the last token that was put there, up to the
 * prompt of the current token. Ids of tokens (gint64). */
static GArray *
collect (MoeDocument *document)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  const MoeDocumentToken *current = moe_document_get_current (document);
  guint n = 0;

  if (current == NULL)
    return ids;
  for (gint64 id = moe_document_get_first_token (document); id < moe_document_get_n_tokens (document); id++)
    {
      const MoeDocumentToken *token = moe_document_get_token (document, id);

      if (token == NULL || token->record->prompt > current->record->prompt)
        continue;
      /* A prompt goes on from the tokens that it shares with what came before it. */
      if (token->record->position < ids->len)
        g_array_set_size (ids, token->record->position);
      if (token->record->position > ids->len)
        g_array_set_size (ids, 0);
      g_array_append_val (ids, id);
    }

  for (guint i = 0; i < ids->len; i++)
    if (!is_answer (moe_document_get_token (document, g_array_index (ids, gint64, i))->record->phase))
      n = i + 1;
  g_array_set_size (ids, n);
  return ids;
}

MoeTable *
moe_prompt_view_make_table (MoeDocument  *document,
                            char        **text)
{
  g_autoptr(GArray) ids = collect (document);
  g_autoptr(GString) rendered = g_string_new (NULL);
  MoeModel *model = ids->len > 0 ? moe_document_get_loaded (document, NULL) : NULL;
  MoeTable *table = moe_table_new ("Prompt");
  g_autofree gint32 *tokens = g_new (gint32, MAX (ids->len, 1));

  moe_table_add_column (table, "index", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "token_id", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "piece", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "phase", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "turn", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < ids->len; i++)
    {
      const MoeDocumentToken *token = moe_document_get_token (document, g_array_index (ids, gint64, i));
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, token->record->position);
      moe_table_set_int (table, row, 1, token->record->token_id);
      moe_table_set_text (table, row, 2, token->text);
      moe_table_set_text (table, row, 3, moe_phase_get_name (token->record->phase));
      moe_table_set_int (table, row, 4, (gint64) token->record->prompt + 1);
      tokens[i] = token->record->token_id;
      g_string_append (rendered, token->text);
    }

  /* A character may be spread over several tokens. */
  if (model != NULL)
    {
      gsize length;
      g_autofree char *bytes = moe_tokenizer_decode (moe_model_get_tokenizer (model), tokens, ids->len, TRUE,
                                                     &length);

      *text = g_utf8_make_valid (bytes, (gssize) length);
    }
  else
    {
      *text = g_strdup (rendered->str);
    }
  return table;
}

/* What the open model's template writes; NULL when it writes none. */
static const char *
get_date (MoeDocument *document)
{
  MoeModel *model = moe_document_get_loaded (document, NULL);
  const MoeChat *chat = NULL;

  if (model != NULL && moe_document_is_live (document))
    chat = moe_model_get_chat (model, NULL);
  return chat != NULL ? moe_chat_get_date (chat) : NULL;
}

void
moe_prompt_view_refresh (MoePromptView *self)
{
  const MoeDocumentToken *current = moe_document_get_current (self->document);
  gint64 id = current != NULL ? current->record->id : -1;
  gint64 n = moe_document_get_n_tokens (self->document);
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *text = NULL;
  g_autofree char *title = NULL;
  guint n_rows;

  if (!gtk_widget_get_mapped (GTK_WIDGET (self)) || (n == self->n_shown && id == self->current))
    return;

  self->n_shown = n;
  self->current = id;
  table = moe_prompt_view_make_table (self->document, &text);
  n_rows = moe_table_get_n_rows (table);
  if (n_rows > 0)
    {
      g_autofree char *count = moe_text_count (n_rows);

      const char *date = get_date (self->document);

      title = date != NULL ? g_strdup_printf ("Prompt as sent: %s tokens, date %s", count, date)
                           : g_strdup_printf ("Prompt as sent: %s tokens", count);
    }
  gtk_label_set_text (self->title, title != NULL ? title : "Prompt as sent");
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->text), text, -1);
  moe_table_view_set_table (self->table, table, EMPTY);
  gtk_widget_set_sensitive (self->copy_text, n_rows > 0);
  gtk_widget_set_sensitive (self->copy_tokens, n_rows > 0);
}

static void
on_copy_text (MoePromptView *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->text);
  GtkTextIter start, end;
  g_autofree char *text = NULL;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  text = gtk_text_buffer_get_text (buffer, &start, &end, TRUE);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), text);
}

static void
on_copy_tokens (MoePromptView *self)
{
  MoeTable *table = moe_table_view_get_table (self->table);
  g_autofree char *text = NULL;

  if (table == NULL)
    return;
  text = moe_table_to_string (table, MOE_TABLE_CSV, FALSE);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), text);
}

static void
moe_prompt_view_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (moe_prompt_view_parent_class)->map (widget);

  moe_prompt_view_refresh (MOE_PROMPT_VIEW (widget));
}

static void
moe_prompt_view_dispose (GObject *object)
{
  MoePromptView *self = MOE_PROMPT_VIEW (object);

  g_clear_object (&self->document);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_PROMPT_VIEW);

  G_OBJECT_CLASS (moe_prompt_view_parent_class)->dispose (object);
}

static void
moe_prompt_view_class_init (MoePromptViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_prompt_view_dispose;
  widget_class->map = moe_prompt_view_map;

  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-prompt-view.ui");
  gtk_widget_class_bind_template_child (widget_class, MoePromptView, box);
  gtk_widget_class_bind_template_child (widget_class, MoePromptView, title);
  gtk_widget_class_bind_template_child (widget_class, MoePromptView, copy_text);
  gtk_widget_class_bind_template_child (widget_class, MoePromptView, copy_tokens);
  gtk_widget_class_bind_template_child (widget_class, MoePromptView, text);
  gtk_widget_class_bind_template_child (widget_class, MoePromptView, table);
  gtk_widget_class_set_css_name (widget_class, "prompt-view");
}

static void
moe_prompt_view_init (MoePromptView *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->n_shown = -1;
  self->current = -1;
  g_signal_connect_swapped (self->copy_text, "clicked", G_CALLBACK (on_copy_text), self);
  g_signal_connect_swapped (self->copy_tokens, "clicked", G_CALLBACK (on_copy_tokens), self);
}

void
moe_prompt_view_set_document (MoePromptView *self,
                              MoeDocument   *document)
{
  g_return_if_fail (MOE_IS_PROMPT_VIEW (self));
  g_return_if_fail (self->document == NULL);

  self->document = g_object_ref (document);
}
