/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-recording.h"

G_BEGIN_DECLS

/* What the page Recording reads of a file. Functions are for any thread. No GTK. */
typedef struct
{
  gint64  id, token;
  char   *text; /* UTF-8 */
} MoeRecordingNote;

typedef struct
{
  char      **names, **values; /* of the same length, NULL at the end */
  GPtrArray  *notes;           /* MoeRecordingNote, by token */
} MoeRecordingContents;

MoeRecordingContents *moe_recording_contents_read (const char                  *path,
                                                   const MoeProgress           *progress,
                                                   GError                     **error);
void                  moe_recording_contents_free (MoeRecordingContents        *self);
gboolean              moe_recording_notes_equal   (const MoeRecordingContents  *a,
                                                   const MoeRecordingContents  *b);

/* The result of a query as it is shown: of a large one its beginning. */
typedef struct
{
  char     *sql;
  MoeTable *shown;
  guint     n_rows, n_columns; /* of the whole result */
} MoeRecordingAnswer;

MoeRecordingAnswer   *moe_recording_answer_read   (const char                  *path,
                                                   const char                  *sql,
                                                   const MoeProgress           *progress,
                                                   GError                     **error);
void                  moe_recording_answer_free   (MoeRecordingAnswer          *self);

/* Writes every layout as a file RECORDING-LAYOUT.csv into @folder, as `moescope-cli export` does. Files that
 * are there stay: MOE_ERROR_IO before anything is written. */
gboolean              moe_recording_write_layouts (const char                  *path,
                                                   const char                  *folder,
                                                   const MoeProgress           *progress,
                                                   GError                     **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRecordingContents, moe_recording_contents_free)

G_END_DECLS
