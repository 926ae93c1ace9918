/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-page"

#include "ui/moe-recording-page-private.h"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-recording-layout.h"
#include "ui/moe-file-dialog.h"
#include "ui/moe-text.h"

G_DEFINE_FINAL_TYPE (MoeRecordingPage, moe_recording_page, MOE_TYPE_PAGE)

static const char example[] = "SELECT layer, expert, count(*) AS tokens, avg(weight) AS weight\n"
                              "FROM routing WHERE expert >= 0 GROUP BY layer, expert\n"
                              "ORDER BY tokens DESC, layer, expert LIMIT 20";
static const char ask_text[] = "Ask in SQL, and press Run (Ctrl+Enter). Tables: run, prompt, token, "
                               "mask_event, mask_intervention, note, routing, shared, residual, attention";

static MoeDocument *
get_document (MoeRecordingPage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

static gboolean
has_recording (MoeRecordingPage *self)
{
  return moe_document_get_path (get_document (self)) != NULL
         && moe_document_get_n_tokens (get_document (self)) > 0;
}

static void
update (MoeRecordingPage *self)
{
  gboolean free = has_recording (self) && !moe_page_is_running (MOE_PAGE (self), MOE_PAGE_WORK);

  gtk_widget_set_sensitive (GTK_WIDGET (self->run), free);
  gtk_widget_set_sensitive (GTK_WIDGET (self->all), free);
  gtk_widget_set_sensitive (GTK_WIDGET (self->new_note), has_recording (self));
}

/* --- what is in the file ------------------------------------------------------------------------------ */

static GtkWidget *
make_label (const char *text)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  return label;
}

static void
show_facts (MoeRecordingPage *self)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->facts))) != NULL)
    gtk_grid_remove (self->facts, child);
  if (self->contents == NULL)
    {
      child = make_label (has_recording (self) ? "Reading the recording"
                                               : "Open a recording, or generate on the Live page");
      gtk_widget_add_css_class (child, "dim-label");
      gtk_grid_attach (self->facts, child, 0, 0, 1, 1);
      return;
    }
  for (guint i = 0; self->contents->names[i] != NULL; i++)
    {
      GtkWidget *name = make_label (self->contents->names[i]);
      GtkWidget *value = make_label (self->contents->values[i]);

      gtk_widget_add_css_class (name, "dim-label");
      gtk_label_set_selectable (GTK_LABEL (value), TRUE);
      gtk_label_set_ellipsize (GTK_LABEL (value), PANGO_ELLIPSIZE_END);
      gtk_widget_set_hexpand (value, TRUE);
      gtk_widget_set_tooltip_text (value, self->contents->values[i]);
      gtk_grid_attach (self->facts, name, 0, (int) i, 1, 1);
      gtk_grid_attach (self->facts, value, 1, (int) i, 1, 1);
    }
}

static gpointer
scan (gpointer            data,
      const MoeProgress  *progress,
      GError            **error)
{
  return moe_recording_contents_read (data, progress, error);
}

static void
on_scanned (MoePage  *page,
            gpointer  result)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (page);
  g_autoptr(MoeRecordingContents) before = g_steal_pointer (&self->contents);

  self->contents = result;
  show_facts (self);
  /* Rows that stay the same keep the focus, and what is being typed. */
  if (!moe_recording_notes_equal (before, self->contents))
    {
      moe_recording_page_keep_notes (self);
      moe_recording_page_show_notes (self);
    }
}

static void
rescan (MoePage    *page,
        const char *path)
{
  moe_page_run (page, MOE_PAGE_SCAN, "Reading the recording", scan, g_strdup (path), g_free,
                (GDestroyNotify) moe_recording_contents_free, on_scanned);
}

/* --- questions ---------------------------------------------------------------------------------------- */

typedef struct
{
  char *path, *text; /* a query, or a folder */
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  g_free (work->path);
  g_free (work->text);
  g_free (work);
}

static Work *
work_new (const char *path,
          char       *text)
{
  Work *work = g_new (Work, 1);

  *work = (Work) { g_strdup (path), text };
  return work;
}

static gpointer
ask (gpointer            data,
     const MoeProgress  *progress,
     GError            **error)
{
  const Work *work = data;

  return moe_recording_answer_read (work->path, work->text, progress, error);
}

static void
show_answer (MoeRecordingPage *self)
{
  g_autofree char *rows = NULL, *shown = NULL, *text = NULL;

  moe_table_view_set_table (self->results, self->answer != NULL ? self->answer->shown : NULL,
                            self->answer != NULL ? "No rows" : ask_text);
  if (self->answer != NULL)
    {
      guint n_rows = moe_table_get_n_rows (self->answer->shown);
      guint n_columns = moe_table_get_n_columns (self->answer->shown);

      rows = moe_text_count (self->answer->n_rows);
      shown = moe_text_count (n_rows);
      if (n_rows < self->answer->n_rows || n_columns < self->answer->n_columns)
        text = g_strdup_printf ("The first %s of %s rows and %u of %u columns are shown; Export writes all.",
                                shown, rows, n_columns, self->answer->n_columns);
      else
        text = g_strdup_printf ("%s %s", rows, self->answer->n_rows == 1 ? "row" : "rows");
    }
  moe_page_set_status (MOE_PAGE (self), text);
  moe_page_export_changed (MOE_PAGE (self));
}

static void
on_answered (MoePage  *page,
             gpointer  result)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (page);

  g_clear_pointer (&self->answer, moe_recording_answer_free);
  self->answer = result;
  show_answer (self);
}

static void
start_asking (MoePage    *page,
              const char *path,
              gpointer    data)
{
  moe_page_run (page, MOE_PAGE_WORK, "Asking the recording", ask, work_new (path, data), work_free,
                (GDestroyNotify) moe_recording_answer_free, on_answered);
  update (MOE_RECORDING_PAGE (page));
}

static void
on_run (MoeRecordingPage *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->query);
  GtkTextIter start, end;
  g_autofree char *text = NULL;

  if (!gtk_widget_is_sensitive (GTK_WIDGET (self->run)))
    return;
  gtk_text_buffer_get_bounds (buffer, &start, &end);
  text = g_strstrip (gtk_text_buffer_get_text (buffer, &start, &end, FALSE));
  /* What was answered before is not the answer to this. */
  g_clear_pointer (&self->answer, moe_recording_answer_free);
  show_answer (self);
  /* The command line would take it for an option, or for the name of a file. */
  moe_page_with_recording (MOE_PAGE (self), start_asking,
                           g_strconcat (*text == '-' || *text == '@' ? " " : "", text, NULL), g_free);
}

static MoeExhibit *
make_exhibit (const char  *path,
              gpointer     data,
              GError     **error)
{
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);
  MoeTable *table = recording != NULL ? moe_recording_query_report (recording, data, NULL, error) : NULL;

  return table != NULL ? moe_exhibit_new (table, NULL) : NULL;
}

static MoeExport *
get_export (MoePage *page)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (page);
  MoeExport *export;

  if (self->answer == NULL)
    return NULL;
  export = g_new0 (MoeExport, 1);
  export->name = g_strdup ("query");
  export->formats = MOE_EXHIBIT_TABLES;
  export->command = g_strdup ("sql");
  export->options = g_shell_quote (self->answer->sql);
  export->make = make_exhibit;
  export->data = g_strdup (self->answer->sql);
  export->free_data = g_free;
  return export;
}

/* --- everything --------------------------------------------------------------------------------------- */

static gpointer
write_all (gpointer            data,
           const MoeProgress  *progress,
           GError            **error)
{
  const Work *work = data;

  return moe_recording_write_layouts (work->path, work->text, progress, error) ? g_strdup (work->text) : NULL;
}

static void
on_all_written (MoePage  *page,
                gpointer  result)
{
  g_autofree char *folder = result;
  g_autofree char *text = g_strdup_printf ("Wrote %d files to %s.", MOE_N_RECORDING_LAYOUTS, folder);

  moe_page_set_status (page, text);
}

static void
start_writing (MoePage    *page,
               const char *path,
               gpointer    data)
{
  moe_page_run (page, MOE_PAGE_WORK, "Writing", write_all, work_new (path, data), work_free, g_free,
                on_all_written);
  update (MOE_RECORDING_PAGE (page));
}

static void
on_folder (const char *path,
           gpointer    user_data)
{
  MoeRecordingPage *self = user_data;

  if (gtk_widget_is_sensitive (GTK_WIDGET (self->all)))
    moe_page_with_recording (MOE_PAGE (self), start_writing, g_strdup (path), g_free);
}

static void
on_all (MoeRecordingPage *self)
{
  moe_file_dialog_folder (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), "Export Everything",
                          on_folder, self);
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
refresh (MoePage *page)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (page);

  if (self->contents == NULL)
    show_facts (self);
  update (self);
}

/* Another recording is shown. */
static void
forget (MoeRecordingPage *self)
{
  self->other = TRUE;
  g_clear_pointer (&self->contents, moe_recording_contents_free);
  g_clear_pointer (&self->answer, moe_recording_answer_free);
  moe_page_cancel (MOE_PAGE (self), MOE_PAGE_WORK);
  moe_recording_page_show_notes (self);
  self->other = FALSE;
  show_facts (self);
  show_answer (self);
}

static void
connect_document (MoePage *page)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (page);

  g_signal_connect_object (get_document (self), "recording-changed", G_CALLBACK (forget), self,
                           G_CONNECT_SWAPPED);
  /* Also when a job ended. */
  g_signal_connect (self, "export-changed", G_CALLBACK (update), NULL);
  show_facts (self);
  show_answer (self);
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (page);

  if (g_str_equal (name, "query"))
    gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->query), value, -1);
  else if (g_str_equal (name, "run"))
    on_run (self);
  else if (g_str_equal (name, "note"))
    moe_recording_page_add_note (self, value);
  else if (g_str_equal (name, "export-all"))
    on_folder (value, self);
  else
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
      return FALSE;
    }
  return TRUE;
}

static gboolean
on_shortcut (GtkWidget *widget,
             GVariant  *arguments,
             gpointer   user_data)
{
  on_run (user_data);
  return TRUE;
}

static void
moe_recording_page_unmap (GtkWidget *widget)
{
  moe_recording_page_keep_notes (MOE_RECORDING_PAGE (widget));
  GTK_WIDGET_CLASS (moe_recording_page_parent_class)->unmap (widget);
}

static void
moe_recording_page_dispose (GObject *object)
{
  MoeRecordingPage *self = MOE_RECORDING_PAGE (object);

  self->other = TRUE;
  g_clear_pointer (&self->contents, moe_recording_contents_free);
  g_clear_pointer (&self->answer, moe_recording_answer_free);
  moe_recording_page_clear_notes (self);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_RECORDING_PAGE);

  G_OBJECT_CLASS (moe_recording_page_parent_class)->dispose (object);
}

static void
moe_recording_page_class_init (MoeRecordingPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_recording_page_dispose;
  widget_class->unmap = moe_recording_page_unmap;
  page_class->name = "recording";
  page_class->title = "Recording";
  page_class->connect = connect_document;
  page_class->refresh = refresh;
  page_class->rescan = rescan;
  page_class->get_export = get_export;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-recording-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, facts);
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, notes);
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, new_note);
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, query);
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, run);
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, all);
  gtk_widget_class_bind_template_child (widget_class, MoeRecordingPage, results);
  gtk_widget_class_set_css_name (widget_class, "recording-page");
}

static void
moe_recording_page_init (MoeRecordingPage *self)
{
  GtkEventController *shortcuts;

  gtk_widget_init_template (GTK_WIDGET (self));
  moe_recording_page_init_notes (self);
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->query), example, -1);
  shortcuts = gtk_shortcut_controller_new ();
  gtk_shortcut_controller_add_shortcut (
    GTK_SHORTCUT_CONTROLLER (shortcuts),
    gtk_shortcut_new (gtk_shortcut_trigger_parse_string ("<Control>Return|<Control>KP_Enter"),
                      gtk_callback_action_new (on_shortcut, self, NULL)));
  gtk_widget_add_controller (GTK_WIDGET (self->query), shortcuts);
  g_signal_connect_swapped (self->run, "clicked", G_CALLBACK (on_run), self);
  g_signal_connect_swapped (self->all, "clicked", G_CALLBACK (on_all), self);
}
