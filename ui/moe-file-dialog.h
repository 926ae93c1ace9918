/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Asks for a file; @func is called only when one was chosen. @pattern: "*.moescope", or NULL for any file. */
typedef void (*MoeFileFunc) (const char *path, gpointer user_data);

void moe_file_dialog_open (GtkWindow   *parent,
                           const char  *title,
                           const char  *pattern,
                           MoeFileFunc  func,
                           gpointer     user_data);
/* The chooser asks before a file is replaced. */
void moe_file_dialog_save (GtkWindow   *parent,
                           const char  *title,
                           const char  *name,
                           MoeFileFunc  func,
                           gpointer     user_data);

/* A folder, to put files in. */
void moe_file_dialog_folder (GtkWindow   *parent,
                             const char  *title,
                             MoeFileFunc  func,
                             gpointer     user_data);

G_END_DECLS
