/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-file-dialog"

#include "ui/moe-file-dialog.h"

typedef struct
{
  MoeFileFunc func;
  gpointer    user_data;
} Closure;

static void
on_response (GtkNativeDialog *dialog,
             int              response,
             gpointer         user_data)
{
  Closure *closure = user_data;

  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr(GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

      if (path != NULL)
        closure->func (path, closure->user_data);
    }
  g_free (closure);
  gtk_native_dialog_destroy (dialog);
  g_object_unref (dialog);
}

static void
run (GtkFileChooserNative *dialog,
     MoeFileFunc           func,
     gpointer              user_data)
{
  Closure *closure = g_new (Closure, 1);

  closure->func = func;
  closure->user_data = user_data;
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), closure);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

void
moe_file_dialog_open (GtkWindow   *parent,
                      const char  *title,
                      const char  *pattern,
                      MoeFileFunc  func,
                      gpointer     user_data)
{
  GtkFileChooserNative *dialog;

  dialog = gtk_file_chooser_native_new (title, parent, GTK_FILE_CHOOSER_ACTION_OPEN, "_Open", "_Cancel");
  if (pattern != NULL)
    {
      g_autoptr(GtkFileFilter) filter = gtk_file_filter_new ();
      g_autoptr(GtkFileFilter) all = gtk_file_filter_new ();

      gtk_file_filter_set_name (filter, pattern);
      gtk_file_filter_add_pattern (filter, pattern);
      gtk_file_filter_set_name (all, "All Files");
      gtk_file_filter_add_pattern (all, "*");
      gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), filter);
      gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), all);
    }
  run (dialog, func, user_data);
}

void
moe_file_dialog_save (GtkWindow   *parent,
                      const char  *title,
                      const char  *name,
                      MoeFileFunc  func,
                      gpointer     user_data)
{
  GtkFileChooserNative *dialog;

  dialog = gtk_file_chooser_native_new (title, parent, GTK_FILE_CHOOSER_ACTION_SAVE, "_Save", "_Cancel");
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  run (dialog, func, user_data);
}

void
moe_file_dialog_folder (GtkWindow   *parent,
                        const char  *title,
                        MoeFileFunc  func,
                        gpointer     user_data)
{
  GtkFileChooserNative *dialog;

  dialog = gtk_file_chooser_native_new (title, parent, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, "_Select",
                                        "_Cancel");
  run (dialog, func, user_data);
}
