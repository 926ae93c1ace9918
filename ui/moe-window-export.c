/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-export"

#include "ui/moe-window-private.h"

/* One export: what was chosen when it was asked for. */
typedef struct
{
  guint                  serial; /* of the flush it waits for */
  char                  *recording;
  char                  *path;
  MoeHeatmapFormat       format;
  MoeRoutingPlotOptions  options;
} MoeExport;

static void
export_free (MoeExport *export)
{
  g_free (export->recording);
  g_free (export->path);
  g_free (export);
}

void
moe_window_clear_exports (MoeWindow *self)
{
  g_queue_clear_full (&self->exports, (GDestroyNotify) export_free);
  g_clear_pointer (&self->last_export, g_free);
}

static void
export_thread (GTask        *task,
               gpointer      source,
               gpointer      task_data,
               GCancellable *cancellable)
{
  MoeExport *export = task_data;
  GError *error = NULL;

  if (moe_heatmap_export (export->recording, &export->options, export->format, export->path, &error))
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
  MoeExport *export = g_task_get_task_data (G_TASK (result));
  g_autoptr(GError) error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    moe_window_show_error (self, error->message);
  else
    {
      g_autofree char *name = g_path_get_basename (export->path);
      g_autofree char *note = g_strdup_printf ("Wrote %s.", name);

      self->last_format = export->format;
      g_free (self->last_export);
      self->last_export = g_strdup (export->path);
      moe_window_show_note (self, note);
    }
}

/* Takes @export. The task holds the window until the file is written. */
static void
run (MoeWindow *self,
     MoeExport *export)
{
  g_autoptr(GTask) task = g_task_new (self, NULL, on_exported, NULL);

  g_task_set_source_tag (task, run);
  g_task_set_task_data (task, export, (GDestroyNotify) export_free);
  g_task_run_in_thread (task, export_thread);
}

void
moe_window_export (MoeWindow        *self,
                   MoeHeatmapFormat  format,
                   const char       *path)
{
  MoeExport *export;

  if (moe_document_get_path (self->document) == NULL)
    {
      moe_window_show_error (self, "nothing has been recorded yet");
      return;
    }

  export = g_new0 (MoeExport, 1);
  export->recording = g_strdup (moe_document_get_path (self->document));
  export->path = g_strdup (path);
  export->format = format;
  moe_routing_page_get_options (self->routing_page, &export->options);

  if (moe_document_is_live (self->document) && !moe_document_is_saved (self->document))
    {
      export->serial = moe_engine_flush (self->engine);
      g_queue_push_tail (&self->exports, export);
    }
  else
    run (self, export);
}

void
moe_window_export_flushed (MoeWindow      *self,
                           MoeEngineEvent *event)
{
  MoeExport *export = g_queue_peek_head (&self->exports);

  /* Flushes are answered in order. */
  if (export == NULL || export->serial != event->serial)
    return;
  g_queue_pop_head (&self->exports);

  if (event->error != NULL)
    {
      moe_window_show_error (self, event->error->message);
      export_free (export);
    }
  else
    run (self, export);
}

void
moe_window_copy_command (MoeWindow *self)
{
  MoeRoutingPlotOptions options;
  g_autofree char *name = NULL;
  g_autofree char *line = NULL;

  if (moe_document_get_path (self->document) == NULL)
    {
      moe_window_show_error (self, "nothing has been recorded yet");
      return;
    }
  if (!moe_document_is_saved (self->document))
    {
      /* The command reads the recording, which must have a place to stay. */
      self->copy_after_save = TRUE;
      gtk_widget_activate_action (GTK_WIDGET (self), "win.save-recording", "s", "");
      return;
    }

  moe_routing_page_get_options (self->routing_page, &options);
  name = g_strdup_printf ("%s.%s", moe_metric_get_name (options.metric),
                          moe_heatmap_format_get_extension (self->last_format));
  line = moe_heatmap_command (moe_document_get_path (self->document), &options, self->last_format,
                              self->last_export != NULL ? self->last_export : name);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), line);
  moe_window_show_note (self, "Copied the command that writes this file.");
}
