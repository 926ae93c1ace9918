/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* The window: pages over one document, driven by one engine. Everything it does is one of its actions. */
#define MOE_TYPE_WINDOW (moe_window_get_type ())
G_DECLARE_FINAL_TYPE (MoeWindow, moe_window, MOE, WINDOW, GtkApplicationWindow)

MoeWindow   *moe_window_new          (GtkApplication *application);
/* A model or a recording, told apart by content. */
void         moe_window_open         (MoeWindow      *self,
                                      const char     *path);
/* Opens a model and asks it @question, so that every page has something to show. */
void         moe_window_open_and_ask  (MoeWindow      *self,
                                      const char     *path,
                                      const char     *question);
MoeDocument *moe_window_get_document (MoeWindow      *self);
/* A model is being opened or an answer generated. */
gboolean     moe_window_is_busy      (MoeWindow      *self);

G_END_DECLS
