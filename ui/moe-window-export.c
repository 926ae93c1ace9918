/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-export"

#include "ui/moe-window-private.h"

#include <string.h>

/* One file that is being written: what was chosen when it was asked for. */
typedef struct
{
  MoeWindow        *window;
  MoeExport        *export;
  char             *recording;
  char             *path;
  MoeExhibitFormat  format;
  const char       *page;
} Writing;

static void
writing_free (Writing *writing)
{
  g_clear_pointer (&writing->export, moe_export_free);
  g_clear_object (&writing->window);
  g_free (writing->recording);
  g_free (writing->path);
  g_free (writing);
}

static void
end (Writing *writing)
{
  writing->window->n_exports--;
  writing_free (writing);
}

static void
export_thread (GTask        *task,
               gpointer      source,
               gpointer      task_data,
               GCancellable *cancellable)
{
  Writing *writing = task_data;
  g_autoptr(MoeExhibit) exhibit = NULL;
  GError *error = NULL;

  exhibit = writing->export->make (writing->recording, writing->export->data, &error);
  if (exhibit != NULL && moe_exhibit_write (exhibit, writing->format, TRUE, writing->path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_exported (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  MoeWindow *self = MOE_WINDOW (source);
  Writing *writing = user_data;
  g_autoptr(GError) error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    moe_window_show_error (self, error->message);
  else
    {
      g_autofree char *name = g_path_get_basename (writing->path);
      g_autofree char *note = g_strdup_printf ("Wrote %s.", name);

      self->last_format = writing->format;
      g_free (self->last_export);
      self->last_export = g_strdup (writing->path);
      self->last_page = writing->page;
      moe_window_show_note (self, note);
    }
  end (writing);
}

/* The task holds the window until the file is written. */
static void
start_writing (Writing *writing)
{
  g_autoptr(GTask) task = g_task_new (writing->window, NULL, on_exported, writing);

  g_task_set_source_tag (task, start_writing);
  g_task_set_task_data (task, writing, NULL);
  g_task_run_in_thread (task, export_thread);
}

static void
on_flushed (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Writing *writing = user_data;
  g_autoptr(GError) error = NULL;

  writing->recording = moe_document_flush_finish (MOE_DOCUMENT (source), result, &error);
  if (writing->recording == NULL)
    {
      moe_window_show_error (writing->window,
                             error != NULL ? error->message : "the recording is not shown any more");
      end (writing);
      return;
    }
  start_writing (writing);
}

MoeExport *
moe_window_get_export (MoeWindow *self)
{
  MoePage *page = moe_window_get_visible_page (self);

  MoeExport *export = page != NULL ? moe_page_get_export (page) : NULL;

  /* What is not made from the recording needs none. */
  if (export != NULL && export->source == NULL &&
      (moe_document_get_path (self->document) == NULL || moe_document_get_n_tokens (self->document) == 0))
    g_clear_pointer (&export, moe_export_free);
  return export;
}

void
moe_window_export (MoeWindow        *self,
                   MoeExhibitFormat  format,
                   const char       *path)
{
  MoeExport *export = moe_window_get_export (self);
  Writing *writing;

  if (export == NULL)
    {
      moe_window_show_error (self, "there is nothing to export on this page yet");
      return;
    }

  writing = g_new0 (Writing, 1);
  writing->window = g_object_ref (self);
  writing->export = export;
  writing->path = g_strdup (path);
  writing->format = format;
  writing->page = moe_page_get_name (moe_window_get_visible_page (self));
  self->n_exports++;
  if (export->source == NULL)
    moe_document_flush_async (self->document, on_flushed, writing);
  else
    start_writing (writing);
}

void
moe_window_copy_command (MoeWindow *self)
{
  g_autoptr(MoeExport) export = moe_window_get_export (self);
  gboolean again = self->last_export != NULL
                   && g_str_equal (self->last_page, moe_page_get_name (moe_window_get_visible_page (self)));
  MoeExhibitFormat format = again ? self->last_format : MOE_EXHIBIT_CSV;
  g_autofree char *name = NULL;
  g_autofree char *line = NULL;

  if (export == NULL)
    {
      moe_window_show_error (self, "there is nothing to export on this page yet");
      return;
    }
  if (export->source == NULL && !moe_document_is_saved (self->document))
    {
      /* The command reads the recording, which must have a place to stay. */
      self->copy_after_save = TRUE;
      gtk_widget_activate_action (GTK_WIDGET (self), "win.save-recording", "s", "");
      return;
    }

  if ((export->formats & MOE_EXHIBIT_BIT (format)) == 0)
    {
      again = FALSE;
      format = MOE_EXHIBIT_CSV;
    }
  name = g_strdup_printf ("%s.%s", export->name, moe_exhibit_format_get_extension (format));
  line = moe_export_get_command (export, moe_document_get_path (self->document), format,
                                 again ? self->last_export : name);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), line);
  moe_window_show_note (self, strstr (line, " --mask ") != NULL
                        ? "Copied the command that writes this file; its mask is in a file of the cache."
                        : "Copied the command that writes this file.");
}
