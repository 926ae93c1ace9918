/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"
#include "ui/moe-exhibit.h"
#include "ui/moe-job.h"

G_BEGIN_DECLS

/* A page of the window: a bar of choices above, what it shows, the progress of its work, and a status line
 * below. In a template, <child type="bar"> goes into the bar and any other child is what it shows. The bar
 * ends with "show all" and "Export" when the class has what they need.
 *
 * Signals:
 *   export-changed   other things can be exported now */
#define MOE_TYPE_PAGE (moe_page_get_type ())
G_DECLARE_DERIVABLE_TYPE (MoePage, moe_page, MOE, PAGE, GtkWidget)

struct _MoePageClass
{
  GtkWidgetClass parent_class;

  const char  *name;  /* as in actions: "super-experts" */
  const char  *title; /* "Super Experts" */

  /* The document is known now: connect to it. */
  void        (*connect)    (MoePage *self);
  /* Shows what the document holds now. At most once a frame, and only while the page is visible. Called by
   * itself when the recording or the model is another one, when tokens came, and when the selection, the mask
   * or the phases changed. */
  void        (*refresh)    (MoePage *self);
  /* NULL for a page that needs only what the document holds. Starts reading the recording at @path, which is
   * on disk with all its tokens, with moe_page_run(). Called by itself when the recording is another one or
   * tokens came; only while the page is visible, never while it still reads, and at most once a second. */
  void        (*rescan)     (MoePage    *self,
                             const char *path);
  /* NULL for a page that exports nothing. What it shows now, transfer full; NULL when that is nothing. */
  MoeExport  *(*get_export) (MoePage *self);
  /* NULL for a page without zoom. */
  void        (*reset_zoom) (MoePage *self);
  /* NULL for a page without choices. Names and values are those of the command line where it has them.
   * Errors: MOE_ERROR_INVALID. */
  gboolean    (*set_option) (MoePage     *self,
                             const char  *name,
                             const char  *value,
                             GError     **error);
};

const char  *moe_page_get_name       (MoePage     *self);
const char  *moe_page_get_title      (MoePage     *self);
/* Once. */
void         moe_page_set_document   (MoePage     *self,
                                      MoeDocument *document);
MoeDocument *moe_page_get_document   (MoePage     *self);

void         moe_page_queue_refresh  (MoePage     *self);
void         moe_page_queue_rescan   (MoePage     *self);
/* The same at once, and what is being read is not waited for: something else is asked for now. */
void         moe_page_restart_scan   (MoePage     *self);

/* NULL or "" for none. */
void         moe_page_set_status     (MoePage     *self,
                                      const char  *text);
/* Shows an error in the window. */
void         moe_page_show_error     (MoePage     *self,
                                      const char  *message);

/* Work of the page on a thread, with its progress and a Cancel button in the page. One of each kind runs at a
 * time; a new one takes the place of the one before. @done is called on the main thread when it ended well,
 * with the result (transfer full); an error is shown in the window, unless it was cancelled. */
typedef enum
{
  MOE_PAGE_SCAN, /* reading the recording, as asked for by rescan() */
  MOE_PAGE_WORK, /* what the person started */
  MOE_N_PAGE_JOBS
} MoePageJob;

typedef void (*MoePageDoneFunc) (MoePage *self, gpointer result);

void         moe_page_run            (MoePage         *self,
                                      MoePageJob       kind,
                                      const char      *title,
                                      MoeJobFunc       func,
                                      gpointer         data,
                                      GDestroyNotify   free_data,
                                      GDestroyNotify   free_result,
                                      MoePageDoneFunc  done);
gboolean     moe_page_is_running     (MoePage         *self,
                                      MoePageJob       kind);
void         moe_page_cancel         (MoePage         *self,
                                      MoePageJob       kind);

/* Calls @func once the recording is on disk with all its tokens, or never when there is none (any more);
 * takes @data. For work that the person starts. */
typedef void (*MoePagePathFunc) (MoePage *page, const char *path, gpointer data);

void         moe_page_with_recording (MoePage         *self,
                                      MoePagePathFunc  func,
                                      gpointer         data,
                                      GDestroyNotify   free_data);

/* TRUE while it works or is about to. */
gboolean     moe_page_is_busy        (MoePage         *self);
/* Transfer full; NULL when there is nothing to export. */
MoeExport   *moe_page_get_export     (MoePage         *self);
/* The page exports something else now. */
void         moe_page_export_changed (MoePage         *self);
void         moe_page_reset_zoom     (MoePage         *self);
/* Errors: MOE_ERROR_INVALID for an option or value that there is not. */
gboolean     moe_page_set_option     (MoePage         *self,
                                      const char      *name,
                                      const char      *value,
                                      GError         **error);

G_END_DECLS
