/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-page"

#include "ui/moe-recording-page-private.h"

#include "data/moe-recording-notes.h"

/* One note to be added, changed or removed, in one file or two. */
typedef struct
{
  char            **files;
  gint64            id;    /* -1: a new one */
  gint64            token; /* of a new one */
  char             *text;  /* NULL: removed */
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_strfreev (change->files);
  g_free (change->text);
  g_free (change);
}

static gboolean
write_change (const Change  *change,
              const char    *path,
              GError       **error)
{
  if (change->id < 0)
    return moe_recording_note_add (path, change->token, change->text, error);
  return change->text != NULL ? moe_recording_note_change (path, change->id, change->text, error)
                              : moe_recording_note_remove (path, change->id, error);
}

static void
write_thread (GTask        *task,
              gpointer      source,
              gpointer      task_data,
              GCancellable *cancellable)
{
  const Change *change = task_data;
  GError *error = NULL;

  for (guint i = 0; change->files[i] != NULL && error == NULL; i++)
    write_change (change, change->files[i], &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void write_next (MoeRecordingPage *self);

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (source);
  g_autoptr(GError) error = NULL;
  gboolean open = moe_page_get_document (MOE_PAGE (self)) != NULL;

  self->writing = FALSE;
  if (!g_task_propagate_boolean (G_TASK (result), &error) && open)
    moe_page_show_error (MOE_PAGE (self), error->message);
  write_next (self);
  if (!self->writing && open)
    {
      /* What could not be written is not shown either. */
      if (error != NULL)
        g_clear_pointer (&self->contents, moe_recording_contents_free);
      moe_page_restart_scan (MOE_PAGE (self));
    }
  g_application_release (g_application_get_default ());
}

/* The program stays until it is written. */
static void
write_next (MoeRecordingPage *self)
{
  g_autoptr(GTask) task = NULL;
  Change *change;

  if (self->writing || (change = g_queue_pop_head (&self->changes)) == NULL)
    return;
  self->writing = TRUE;
  g_application_hold (g_application_get_default ());
  task = g_task_new (self, NULL, on_written, NULL);
  g_task_set_source_tag (task, write_next);
  g_task_set_task_data (task, change, change_free);
  g_task_run_in_thread (task, write_thread);
}

static void
push (MoeRecordingPage *self,
      gint64            id,
      gint64            token,
      const char       *text)
{
  MoeDocument *document = moe_page_get_document (MOE_PAGE (self));
  char **files = document != NULL ? moe_document_dup_files (document) : NULL;
  Change *change;

  if (files == NULL)
    return;
  change = g_new0 (Change, 1);
  change->files = files;
  change->id = id;
  change->token = token;
  change->text = g_strdup (text);
  g_queue_push_tail (&self->changes, change);
  write_next (self);
}

/* --- the list ----------------------------------------------------------------------------------------- */

static gint64
get_number (gpointer    widget,
            const char *key)
{
  const gint64 *number = g_object_get_data (widget, key);

  return *number;
}

static void
set_number (gpointer    widget,
            const char *key,
            gint64      number)
{
  g_object_set_data_full (widget, key, g_memdup2 (&number, sizeof number), g_free);
}

static void
keep (MoeRecordingPage *self,
      GtkWidget        *entry)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (entry));

  if (self->other || g_strcmp0 (g_object_get_data (G_OBJECT (entry), "moe-kept"), text) == 0)
    return;
  g_object_set_data_full (G_OBJECT (entry), "moe-kept", g_strdup (text), g_free);
  push (self, get_number (entry, "moe-note"), 0, text);
}

static void
on_entry_activate (GtkEntry         *entry,
                   MoeRecordingPage *self)
{
  keep (self, GTK_WIDGET (entry));
}

static void
on_entry_left (GtkEventController *controller,
               MoeRecordingPage   *self)
{
  keep (self, gtk_event_controller_get_widget (controller));
}

static void
on_remove (GtkButton        *button,
           MoeRecordingPage *self)
{
  push (self, get_number (button, "moe-note"), 0, NULL);
}

static void
on_token (GtkButton        *button,
          MoeRecordingPage *self)
{
  moe_document_select_token (moe_page_get_document (MOE_PAGE (self)), get_number (button, "moe-token"));
}

static GtkWidget *
make_row (MoeRecordingPage       *self,
          const MoeRecordingNote *note)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  g_autofree char *title = g_strdup_printf ("token %" G_GINT64_FORMAT, note->token);
  g_autofree char *name = g_strdup_printf ("Note on Token %" G_GINT64_FORMAT, note->token);
  GtkWidget *token = gtk_button_new_with_label (title);
  GtkWidget *entry = gtk_entry_new ();
  GtkWidget *remove = gtk_button_new_from_icon_name ("user-trash-symbolic");
  GtkEventController *focus = gtk_event_controller_focus_new ();

  gtk_widget_set_tooltip_text (token, "Select This Token");
  gtk_widget_add_css_class (token, "flat");
  set_number (token, "moe-token", note->token);
  g_signal_connect (token, "clicked", G_CALLBACK (on_token), self);

  gtk_editable_set_text (GTK_EDITABLE (entry), note->text);
  gtk_widget_set_hexpand (entry, TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  g_object_set_data_full (G_OBJECT (entry), "moe-kept", g_strdup (note->text), g_free);
  set_number (entry, "moe-note", note->id);
  g_signal_connect (entry, "activate", G_CALLBACK (on_entry_activate), self);
  g_signal_connect (focus, "leave", G_CALLBACK (on_entry_left), self);
  gtk_widget_add_controller (entry, focus);

  gtk_widget_set_tooltip_text (remove, "Remove This Note");
  gtk_accessible_update_property (GTK_ACCESSIBLE (remove), GTK_ACCESSIBLE_PROPERTY_LABEL, "Remove This Note",
                                  -1);
  gtk_widget_add_css_class (remove, "flat");
  set_number (remove, "moe-note", note->id);
  g_signal_connect (remove, "clicked", G_CALLBACK (on_remove), self);

  gtk_box_append (GTK_BOX (row), token);
  gtk_box_append (GTK_BOX (row), entry);
  gtk_box_append (GTK_BOX (row), remove);
  return row;
}

void
moe_recording_page_show_notes (MoeRecordingPage *self)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->notes))) != NULL)
    gtk_box_remove (self->notes, child);
  for (guint i = 0; self->contents != NULL && i < self->contents->notes->len; i++)
    gtk_box_append (self->notes, make_row (self, self->contents->notes->pdata[i]));
}

void
moe_recording_page_keep_notes (MoeRecordingPage *self)
{
  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->notes)); row != NULL;
       row = gtk_widget_get_next_sibling (row))
    keep (self, gtk_widget_get_next_sibling (gtk_widget_get_first_child (row)));
}

void
moe_recording_page_add_note (MoeRecordingPage *self,
                             const char       *text)
{
  MoeDocument *document = moe_page_get_document (MOE_PAGE (self));
  gint64 token = moe_document_get_selection (document)->token;

  if (*text == '\0')
    return;
  push (self, -1, MAX (token >= 0 ? token : moe_document_get_n_tokens (document) - 1, 0), text);
}

static void
on_new_note (GtkEntry         *entry,
             MoeRecordingPage *self)
{
  moe_recording_page_add_note (self, gtk_editable_get_text (GTK_EDITABLE (entry)));
  gtk_editable_set_text (GTK_EDITABLE (entry), "");
}

void
moe_recording_page_init_notes (MoeRecordingPage *self)
{
  g_queue_init (&self->changes);
  g_signal_connect (self->new_note, "activate", G_CALLBACK (on_new_note), self);
}

void
moe_recording_page_clear_notes (MoeRecordingPage *self)
{
  g_queue_clear_full (&self->changes, change_free);
}
