/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-recording-contents.h"
#include "ui/moe-recording-page.h"
#include "ui/moe-table-view.h"

G_BEGIN_DECLS

struct _MoeRecordingPage
{
  MoePage               parent_instance;

  MoeRecordingContents *contents; /* or NULL */
  MoeRecordingAnswer   *answer;   /* or NULL */
  char                 *asked;    /* what the answer that is waited for is to, or NULL */
  GQueue                changes;  /* of notes that are to be written, in order */
  gboolean              writing;  /* one of them */
  gboolean              other;    /* the rows are of a recording that is not shown any more */

  GtkGrid              *facts;
  GtkBox               *notes;
  GtkEntry             *new_note;
  GtkTextView          *query;
  GtkButton            *run;
  GtkButton            *all;
  MoeTableView         *results;
};

/* moe-recording-page-notes.c */
void moe_recording_page_show_notes  (MoeRecordingPage *self);
/* Writes what was typed and not yet kept. */
void moe_recording_page_keep_notes  (MoeRecordingPage *self);
/* A note on the selected token, else the latest. */
void moe_recording_page_add_note    (MoeRecordingPage *self,
                                     const char       *text);
void moe_recording_page_init_notes  (MoeRecordingPage *self);
void moe_recording_page_clear_notes (MoeRecordingPage *self);

G_END_DECLS
